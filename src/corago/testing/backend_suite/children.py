"""Checks of children and of messages between processes: in the commit, or not at all."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from corago.core import events as e
from corago.core.messages import ChildEnded, ChildRefused, Command
from corago.core.tasks import DecisionTask
from corago.decider.answers import Policy
from corago.ports.capability import Capability as Can
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids


class ChildChecks(BackendChecks):
    """`complete_decision_task` with children."""

    @check(Can.CHILD_ABANDON)
    async def test_a_child_is_born_with_the_commit(self, bench: Bench) -> None:
        """[B40] A process as any other, which knows its parent; due at once."""
        await bench.begin(say.child("c", given={"n": 7}))
        (event,) = await bench.backend.history("p/c")
        assert isinstance(event, e.ProcessStarted)
        assert (event.input, event.workflow) == ({"n": 7}, "suite")
        assert (event.parent, event.parent_path) == ("p", "c")
        assert (await bench.row("p/c")).parent == "p"
        assert (await bench.taken("p/c")).snapshot.process.parent == "p"
        (started,) = await bench.events(e.ChildStarted)
        assert (started.child, started.path) == ("p/c", "c")

    @check(Can.CHILD_ABANDON)
    async def test_a_child_follows_the_newest_definition_of_its_workflow(
        self, bench: Bench
    ) -> None:
        """[B40] [B03] As its parent's engine knows it."""
        await bench.define("sub", 1)
        newest = await bench.define("sub", 2)
        await bench.begin(say.child("c", "sub"))
        row = await bench.row("p/c")
        assert (row.workflow, row.version, row.sha) == ("sub", 2, newest.sha)

    @check(Can.CHILD_ABANDON)
    async def test_several_children_are_born_with_one_commit(self, bench: Bench) -> None:
        """[B40]."""
        await bench.begin(*(say.child(f"c{number}", given=number) for number in range(5)))
        born = ids(await bench.poll())
        assert sorted(born) == [f"p/c{number}" for number in range(5)]
        for number in range(5):
            (event,) = await bench.backend.history(f"p/c{number}")
            assert isinstance(event, e.ProcessStarted)
            assert event.input == number

    @check(Can.TAGS, Can.CHILD_ABANDON)
    async def test_a_child_has_the_tags_it_was_given(self, bench: Bench) -> None:
        """[B40] [B25]."""
        await bench.begin(say.child("c", tags=("small", "blue")), tags=("big",))
        assert (await bench.row("p/c")).tags == ("small", "blue")
        assert (await bench.row("p")).tags == ("big",)

    @check(Can.CHILD_ABANDON)
    async def test_a_childs_end_comes_to_its_parent(self, bench: Bench) -> None:
        """[B42] With status and result, or with what went wrong; it wakes the parent."""
        ends = {"done": say.complete({"n": 1}), "bad": say.fail("no luck"), "off": say.cancel()}
        await bench.begin(*(say.child(path) for path in ends))
        tasks = {each.process_id: each for each in (await bench.poll()).tasks}
        for path, decision in ends.items():
            await bench.decided(tasks[f"p/{path}"], decision)
        await bench.turn()
        closed = {each.path: each for each in await bench.events(e.ChildClosed)}
        assert [closed[path].status for path in ends] == ["completed", "failed", "canceled"]
        assert closed["done"].result == {"n": 1}
        assert closed["bad"].error is not None
        assert "no luck" in str(closed["bad"].error)
        assert closed["done"].child == "p/done"

    @check(Can.CHILD_ABANDON)
    async def test_the_end_of_a_child_is_seen_before_the_parents(self, bench: Bench) -> None:
        """[B36] [B42] A closing decision that has not seen it is refused."""
        await bench.begin(say.child("c"), say.timer("t", 1))
        bench.clock.advance(1)
        tasks = {each.process_id: each for each in (await bench.poll()).tasks}
        await bench.decided(tasks["p/c"], say.complete("child's"))
        parent = tasks["p"]
        turn = bench.deciding(parent, say.complete())
        assert not isinstance(await bench.complete(parent, turn), DecisionTask)
        fresh = await bench.backend.mail(parent)
        assert isinstance(fresh[0].message, ChildEnded)
        await bench.decided(parent, say.complete(), fresh=fresh)
        kinds = await bench.kinds()
        assert kinds.index("ChildClosed") < kinds.index("ProcessCompleted")

    @check(Can.CHILD_ABANDON)
    async def test_a_child_of_an_unknown_workflow_is_refused(self, bench: Bench) -> None:
        """[B41] By its path and with the reason; nothing of the commit is written."""
        await bench.start()
        task = await bench.taken()
        decisions = (say.activity("a"), say.child("c", "unheard of"))
        async with bench.unchanged():
            answer = await bench.answer(task, *decisions)
            assert isinstance(answer, ChildRefused)
            assert (answer.path, answer.error.type) == ("c", "WorkflowNotFoundError")
            assert "unheard of" in answer.error.message
            assert (await bench.poll_activities()).tasks == ()
        await bench.decided(task, *decisions, more=[answer])
        (failed,) = await bench.events(e.ChildStartFailed)
        assert (failed.path, failed.error) == ("c", answer.error)

    @check(Can.CHILD_ABANDON)
    async def test_a_child_whose_input_its_workflow_does_not_take_is_refused(
        self, bench: Bench
    ) -> None:
        """[B41] Nothing is born, not even its sister."""
        await bench.define(say.PICKY)
        await bench.start()
        task = await bench.taken()
        async with bench.unchanged():
            answer = await bench.answer(task, say.child("b"), say.child("c", say.PICKY, 7))
            assert isinstance(answer, ChildRefused)
            assert (answer.path, answer.error.type) == ("c", "InvalidInputError")
            assert ids(await bench.poll()) == []

    @check(Can.CHILD_ABANDON, Can.PROCESS_TIMEOUT)
    async def test_a_child_has_the_time_that_it_was_given(self, bench: Bench) -> None:
        """[B40] [B74] Or that its workflow has."""
        await bench.define("brief", timeout=60.0)
        await bench.begin(say.child("c", timeout=30.0), say.child("d", "brief"), say.child("e"))
        timeouts = {}
        for path in "cde":
            (event,) = await bench.backend.history(f"p/{path}")
            assert isinstance(event, e.ProcessStarted)
            timeouts[path] = event.timeout
        assert timeouts == {"c": 30.0, "d": 60.0, "e": None}

    @check(Can.CHILD_ABANDON)
    async def test_a_child_whose_id_is_taken_is_refused(self, bench: Bench) -> None:
        """[B41] The one that is there stays as it is."""
        await bench.start("p/c", given="somebody else's")
        await bench.turn(process_id="p/c")
        await bench.start()
        task = await bench.taken()
        decisions = (say.child("b"), say.child("c", given="mine"))
        async with bench.unchanged("p", "p/c"):
            answer = await bench.answer(task, *decisions)
            assert isinstance(answer, ChildRefused)
            assert (answer.path, answer.error.type) == ("c", "ProcessAlreadyExistsError")
            assert ids(await bench.poll()) == []
        await bench.decided(task, *decisions, more=[answer])
        assert sorted(ids(await bench.poll())) == ["p/b"]

    @check(Can.CHILD_REQUEST_CANCEL)
    async def test_a_child_may_be_asked_to_stop_when_its_parent_ends(self, bench: Bench) -> None:
        """[B42] It decides itself what to do then."""
        await self._orphaned(bench, "request_cancel", say.complete())
        (mail,) = (await bench.backend.describe("p/c")).mail
        assert isinstance(mail.message, Command)
        assert mail.message.verb == "cancel"
        await bench.turn(process_id="p/c")
        assert "CancelRequested" in await bench.kinds("p/c")

    @check(Can.CHILD_TERMINATE)
    async def test_a_child_may_be_ended_by_force_with_its_parent(self, bench: Bench) -> None:
        """[B42] It is not asked."""
        await self._orphaned(bench, "terminate", say.complete())
        if (await bench.row("p/c")).status != "aborted":
            await bench.turn(process_id="p/c")
        assert (await bench.row("p/c")).status == "aborted"

    @check(Can.CHILD_ABANDON)
    async def test_a_child_may_go_on_when_its_parent_has_ended(self, bench: Bench) -> None:
        """[B42] It hears nothing, and its end concerns nobody."""
        await self._orphaned(bench, "abandon", say.complete())
        assert await bench.inbox("p/c") == []
        async with bench.unchanged("p"):
            await bench.signal(process_id="p/c")
            await bench.turn(say.complete(), process_id="p/c")
        assert (await bench.row("p/c")).status == "completed"

    @check(Can.CHILD_REQUEST_CANCEL, Can.CHILD_TERMINATE, Can.CHILD_ABANDON)
    async def test_each_child_goes_by_its_own_policy(self, bench: Bench) -> None:
        """[B42] However its parent ends."""
        for name, decision in (("c", say.complete()), ("f", say.fail("no")), ("x", say.cancel())):
            await bench.start(name)
            await bench.turn(
                *(say.child(each, policy=each) for each in say.POLICIES), process_id=name
            )
            await bench.settle()
            await bench.signal(process_id=name)
            await bench.turn(decision, process_id=name)
            verbs = {each: await self._told(bench, f"{name}/{each}") for each in say.POLICIES}
            assert verbs == {"request_cancel": ["cancel"], "terminate": ["abort"], "abandon": []}
            await bench.settle()

    @check(Can.ABORT, Can.CHILD_REQUEST_CANCEL, Can.CHILD_TERMINATE, Can.CHILD_ABANDON)
    async def test_children_of_an_aborted_process_go_by_their_policies(self, bench: Bench) -> None:
        """[B17] Though nobody decided."""
        await bench.begin(*(say.child(each, policy=each) for each in say.POLICIES))
        await bench.settle()
        await bench.backend.abort("p", "eve", None)
        verbs = {each: await self._told(bench, f"p/{each}") for each in say.POLICIES}
        assert verbs == {"request_cancel": ["cancel"], "terminate": ["abort"], "abandon": []}

    @check(Can.ABORT, Can.CHILD_ABANDON)
    async def test_the_parent_of_an_aborted_process_is_told(self, bench: Bench) -> None:
        """[B17]."""
        await bench.begin(say.child("c"))
        await bench.backend.abort("p/c", "eve", "enough")
        await bench.turn()
        (closed,) = await bench.events(e.ChildClosed)
        assert (closed.path, closed.child, closed.status) == ("c", "p/c", "aborted")

    async def _orphaned(self, bench: Bench, policy: Policy, decision: Any) -> None:
        """A child of this policy, which waits, and whose parent has ended."""
        await bench.begin(say.child("c", policy=policy))
        await bench.turn(process_id="p/c")
        await bench.signal()
        await bench.turn(decision)

    async def _told(self, bench: Bench, name: str) -> list[str]:
        """The commands that wait for a process; of one that was ended at once, that."""
        description = await bench.backend.describe(name)
        if description.row.status == "aborted":
            return ["abort"]
        return [each.message.verb for each in description.mail if isinstance(each.message, Command)]


class BetweenChecks(BackendChecks):
    """`complete_decision_task` with messages for other processes."""

    @check(Can.SIGNALS_BETWEEN)
    async def test_a_process_signals_another(self, bench: Bench) -> None:
        """[B42] In the commit; it wakes the other one, which sees it as any signal."""
        await bench.begin(process_id="q")
        await bench.begin(say.signal("q", "hello", {"from": "p"}))
        task = await bench.taken("q")
        (mail,) = task.mail
        assert say.heard([mail.message]) == [("hello", {"from": "p"})]
        (sent,) = await bench.events(e.MessageSent)
        assert (sent.to, sent.name, sent.data) == ("q", "hello", {"from": "p"})

    @check(Can.SIGNALS_BETWEEN)
    async def test_a_signal_for_nobody_or_an_ended_process_is_dropped(self, bench: Bench) -> None:
        """[B42] Without a word; the commit is written."""
        await bench.begin(say.complete(), process_id="q")
        async with bench.unchanged("q"):
            await bench.begin(say.signal("q", "hello"), say.signal("nobody", "hello"))
        assert len(await bench.events(e.MessageSent)) == 2

    @check(Can.SIGNALS_BETWEEN)
    async def test_a_process_may_signal_itself(self, bench: Bench) -> None:
        """[B42] It sees that with its next decision."""
        await bench.begin(say.signal("p", "again"))
        task = await bench.taken()
        assert say.heard(each.message for each in task.mail) == [("again", None)]
        await bench.decided(task, say.complete())

    @check(Can.SIGNALS_BETWEEN, Can.CHILD_ABANDON)
    async def test_a_child_hears_what_its_parent_sends_with_its_birth(self, bench: Bench) -> None:
        """[B42] [B40]."""
        await bench.begin(say.child("c"), say.signal("p/c", "welcome"))
        assert say.heard(await bench.inbox("p/c")) == [("welcome", None)]

    @check(Can.SIGNALS_BETWEEN)
    async def test_messages_of_one_commit_keep_their_order(self, bench: Bench) -> None:
        """[B42] [B11]."""
        await bench.begin(process_id="q")
        await bench.begin(*(say.signal("q", f"s{5 - number}") for number in range(5)))
        said = say.heard(await bench.inbox("q"))
        assert said == [(f"s{5 - number}", None) for number in range(5)]


class RenewalChecks(BackendChecks):
    """`complete_decision_task` of a process that continues as new."""

    @check(Can.CONTINUE_AS_NEW)
    async def test_a_process_goes_on_as_a_new_run(self, bench: Bench) -> None:
        """[B43] With its own history from position 1, due at once, and nobody's."""
        await bench.begin(say.renew({"n": 2}), given={"n": 1})
        row = await bench.row()
        assert (row.run, row.position, row.owner) == (2, 1, None)
        (event,) = await bench.backend.history("p")
        assert isinstance(event, e.ProcessStarted)
        assert (event.run, event.input, event.process_id) == (2, {"n": 2}, "p")
        task = await bench.taken()
        assert (task.snapshot.process.run, task.snapshot.process.status) == (2, "created")
        await bench.decided(task, say.complete("at last"))
        assert await bench.kinds() == ["ProcessStarted", "ProcessCompleted"]

    @check(Can.CONTINUE_AS_NEW)
    async def test_the_former_run_can_be_read(self, bench: Bench) -> None:
        """[B43] [B21] It ends with the word of the next."""
        await bench.begin(say.marker("m"), say.renew(2))
        await bench.turn(say.renew(3))
        first = await bench.backend.events("p", run=1)
        assert [type(each).__name__ for each in first] == [
            "ProcessStarted",
            "MarkerRecorded",
            "ContinuedAsNew",
        ]
        last = first[-1]
        assert isinstance(last, e.ContinuedAsNew)
        assert (last.following, last.input) == (2, 2)
        assert [each.position for each in await bench.backend.events("p", after=1, run=1)] == [2, 3]
        assert len(await bench.backend.events("p", run=2)) == 2
        assert await bench.backend.events("p") == list(await bench.backend.history("p"))
        assert await bench.backend.events("p", run=9) == []

    @check(Can.CONTINUE_AS_NEW, Can.TAGS)
    async def test_a_new_run_has_the_tags_it_was_given(self, bench: Bench) -> None:
        """[B43] [B25] They take the place of the old ones."""
        await bench.begin(say.renew(tags=("later",)), tags=("early",))
        assert (await bench.row()).tags == ("later",)
        if bench.has(Can.LISTING):
            assert await bench.found(tag="early") == []
            assert await bench.found(tag="later") == ["p"]

    @check(Can.CONTINUE_AS_NEW)
    async def test_what_was_open_does_not_go_along(self, bench: Bench) -> None:
        """[B43] Timers and tasks are gone; who works at one is refused."""
        await bench.begin(say.activity("a"), say.activity("b"), say.timer("t", 5))
        first, _ = (await bench.poll_activities(limit=2)).tasks
        await bench.signal()
        await bench.turn(say.renew())
        async with bench.unchanged():
            assert not await bench.done(first)
        task = await bench.taken()
        assert task.snapshot.process.timers == {}
        await bench.decided(task)
        bench.clock.advance(60)
        assert ids(await bench.poll()) == []

    @check(Can.CONTINUE_AS_NEW)
    async def test_what_comes_later_is_the_new_runs(self, bench: Bench) -> None:
        """[B43] [B11] The id is the same."""
        await bench.begin(say.renew())
        await bench.signal("hello")
        await bench.turn(say.complete())
        assert await bench.kinds() == ["ProcessStarted", "SignalReceived", "ProcessCompleted"]

    @check(Can.CONTINUE_AS_NEW)
    async def test_what_was_seen_and_not_taken_in_is_the_new_runs(self, bench: Bench) -> None:
        """[B43] [B38] Nothing is lost between two runs."""
        await bench.start()
        await bench.signal("hello")
        task = await bench.taken()
        turn = bench.deciding(replace(task, mail=()), say.renew())
        assert isinstance(await bench.complete(task, turn), DecisionTask)
        task = await bench.taken()
        assert [each.message for each in task.mail] == [say.message("hello")]
        await bench.decided(task, say.complete())
        assert await bench.kinds() == ["ProcessStarted", "SignalReceived", "ProcessCompleted"]

    @check(Can.CONTINUE_AS_NEW)
    async def test_who_held_the_former_run_writes_no_more(self, bench: Bench) -> None:
        """[B43] [B35]."""
        await bench.start()
        task = await bench.taken()
        turn = bench.deciding(task, say.complete())
        await bench.decided(task, say.renew())
        async with bench.unchanged():
            assert not isinstance(await bench.complete(task, turn), DecisionTask)

    @check(Can.CONTINUE_AS_NEW, Can.CHILD_ABANDON)
    async def test_a_process_that_goes_on_has_not_ended(self, bench: Bench) -> None:
        """[B43] [B20] And its parent waits on."""
        await bench.begin(say.child("c"))
        await bench.turn(say.renew(2), process_id="p/c")
        assert await bench.backend.ended("p/c") is None
        assert await bench.inbox() == []
        await bench.turn(say.complete("child's"), process_id="p/c")
        await bench.turn()
        (closed,) = await bench.events(e.ChildClosed)
        assert (closed.status, closed.result) == ("completed", "child's")
