"""Checks of activity tasks: put with a commit, taken by one worker, and brought back."""

from __future__ import annotations

import asyncio

from corago.core import events as e
from corago.core.messages import Outcome
from corago.core.retry import Retry
from corago.ports.capability import Capability as Can
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids, paths


class QueueChecks(BackendChecks):
    """`poll_activity_tasks`, and what a commit does with queues."""

    @check(Can.START_TO_CLOSE)
    async def test_an_activity_is_due_for_its_queue(self, bench: Bench) -> None:
        """[B46] [B50] With all that its worker needs."""
        await bench.begin(say.activity("a", given={"n": 7}, timeout=30.0))
        worker = await bench.worker()
        task = await bench.attempt("a", worker)
        attempt = task.attempt
        assert (attempt.path, attempt.occurrence, attempt.attempt) == ("a", 1, 1)
        assert (attempt.queue, attempt.timeout) == ("mail", 30.0)
        assert attempt.input["input"] == {"n": 7}
        assert (task.process.id, task.process.workflow, task.process.run) == ("p", "suite", 1)
        assert (task.sha, task.owner, task.losses) == ((await bench.define()).sha, worker, 0)
        assert (task.stops, task.expired, task.details) == (False, "", None)

    @check()
    async def test_a_worker_gets_only_what_is_in_its_queues(self, bench: Bench) -> None:
        """[B48] They are told apart to the letter."""
        queues = ["mail", "Mail", "mail ", "печать", "m/1"]
        await bench.begin(*(say.activity(f"a{n}", queue=name) for n, name in enumerate(queues)))
        assert paths(await bench.poll_activities(queues=[])) == []
        assert paths(await bench.poll_activities(queues=["other"])) == []
        for number, queue in reversed(list(enumerate(queues))):
            assert paths(await bench.poll_activities(queues=[queue])) == [f"a{number}"]

    @check()
    async def test_a_worker_serves_several_queues(self, bench: Bench) -> None:
        """[B48]."""
        await bench.begin(*(say.activity(name, queue=name) for name in ("a", "b", "c")))
        assert sorted(paths(await bench.poll_activities(queues=["a", "c"]))) == ["a", "c"]

    @check()
    async def test_a_worker_gets_only_activities_of_its_definitions(self, bench: Bench) -> None:
        """[B48]."""
        one, two = await bench.define("one"), await bench.define("two")
        await bench.begin(say.activity("a"), definition=one)
        await bench.begin(say.activity("b"), process_id="q", definition=two)
        assert paths(await bench.poll_activities(shas=[])) == []
        assert paths(await bench.poll_activities(shas=[two.sha])) == ["b"]
        assert paths(await bench.poll_activities(shas=[one.sha, two.sha])) == ["a"]

    @check()
    async def test_a_worker_without_definitions_gets_activities_by_name(self, bench: Bench) -> None:
        """[B48] Those that it names, or any."""
        await bench.begin(say.activity("a", name="Pay"), say.activity("b", name="Ship"))
        assert paths(await bench.poll_activities(shas=[], activities=())) == []
        named = await bench.poll_activities(shas=[], activities=["Ship", "Other"])
        assert [(each.attempt.path, each.attempt.activity) for each in named.tasks] == [
            ("b", "Ship")
        ]
        assert paths(await bench.poll_activities(shas=[], activities=None)) == ["a"]

    @check()
    async def test_a_worker_leaves_the_followed_definitions_that_it_names(
        self, bench: Bench
    ) -> None:
        """[B48] Work of older definitions comes to those who follow them, if they want it."""
        old = await bench.define("suite", 1)
        await bench.begin(say.activity("a"), definition=old)
        new = await bench.define("suite", 1, note="changed")
        left = await bench.poll_activities(shas=[new.sha], leaving=[old.sha])
        assert paths(left) == []
        polled = await bench.poll_activities(shas=[new.sha])
        assert [(each.attempt.path, each.sha) for each in polled.tasks] == [("a", old.sha)]

    @check()
    async def test_a_worker_takes_no_more_activities_than_it_asked_for(self, bench: Bench) -> None:
        """[B48] [B51]."""
        await bench.begin(*(say.activity(f"a{number}") for number in range(5)))
        assert (await bench.poll_activities(limit=0)).next_due == bench.clock.now()
        polled = await bench.poll_activities(limit=2)
        assert (len(polled.tasks), polled.next_due) == (2, bench.clock.now())
        assert len((await bench.poll_activities()).tasks) == 3

    @check()
    async def test_the_activity_that_is_due_longest_is_taken_first(self, bench: Bench) -> None:
        """[B48]."""
        for name in ("c", "a", "b"):
            await bench.begin(say.activity(name), process_id=name)
            bench.clock.advance(1)
        assert paths(await bench.poll_activities(limit=2)) == ["c", "a"]

    @check()
    async def test_an_activity_is_taken_once(self, bench: Bench) -> None:
        """[B49] However late, and whoever asks."""
        await bench.begin(say.activity("a"))
        await bench.attempt("a")
        bench.clock.advance(30 * 86400)
        for name in ("ann", "bob"):
            polled = await bench.poll_activities(await bench.worker(name))
            assert (paths(polled), polled.next_due) == ([], None)

    @check()
    async def test_workers_that_poll_at_once_share_the_activities(self, bench: Bench) -> None:
        """[B49] Over two objects; nothing is taken twice, nothing is left."""
        other = await bench.second()
        await bench.begin(*(say.activity(f"a{number}") for number in range(24)))
        sha = (await bench.define()).sha
        workers = [await bench.worker(f"w{number}") for number in range(6)]
        answers = await asyncio.gather(
            *(
                backend.poll_activity_tasks(worker, ["mail"], [sha], 5)
                for backend, worker in zip([bench.backend, other] * 3, workers, strict=True)
            )
        )
        taken = [path for polled in answers for path in paths(polled)]
        assert len(taken) == len(set(taken)) == 24
        for polled, worker in zip(answers, workers, strict=True):
            assert {each.owner for each in polled.tasks} <= {worker}

    @check(Can.PAUSE)
    async def test_while_it_is_paused_no_activity_is_handed_out(self, bench: Bench) -> None:
        """[B49] [B30]."""
        await bench.begin(say.activity("a"))
        await bench.backend.pause(True)
        assert paths(await bench.poll_activities()) == []
        await bench.backend.pause(False)
        await bench.attempt("a")

    @check(Can.DELAYED_ACTIVITIES)
    async def test_another_attempt_is_due_after_its_back_off(self, bench: Bench) -> None:
        """[B46] [B51] Not before; with its number."""
        task = await bench.scheduled(say.activity("a", retry=Retry(delay=10, jitter=0)))
        assert await bench.failed(task)
        await bench.turn()
        polled = await bench.poll_activities()
        assert (paths(polled), polled.next_due) == ([], bench.later(10))
        bench.clock.advance(9.9)
        assert paths(await bench.poll_activities()) == []
        bench.clock.advance(0.1)
        assert (await bench.attempt("a")).attempt.attempt == 2

    @check()
    async def test_a_canceled_activity_that_waits_is_handed_out_to_be_stopped(
        self, bench: Bench
    ) -> None:
        """[B52] To whoever looks into the queue without a name, at once."""
        await bench.begin(say.activity("a"), say.activity("b"))
        await bench.signal()
        await bench.turn(say.cancel_activity("a"))
        assert paths(await bench.poll_activities()) == ["b"]
        task = await bench.attempt("a", queue="")
        assert task.stops
        assert await bench.ended(task, e.ActivityCanceled())
        await bench.turn(say.complete())
        (closed,) = await bench.events(e.ActivityClosed)
        assert (closed.path, closed.result) == ("a", e.ActivityCanceled())

    @check()
    async def test_the_holder_of_a_canceled_activity_is_told(self, bench: Bench) -> None:
        """[B52] [B63] [B54] It alone; it may still bring a result."""
        await bench.begin(say.activity("a"), say.activity("b"))
        worker = await bench.worker()
        tasks = {each.attempt.path: each for each in (await bench.poll_activities(worker)).tasks}
        await bench.signal()
        await bench.turn(say.cancel_activity("a"))
        held = await bench.backend.held_activity_tasks(worker)
        assert held == {tasks["a"].number: True, tasks["b"].number: False}
        for path, stops in (("a", True), ("b", False)):
            beat = bench.backend.heartbeat_activity_task(tasks[path], None, says=False)
            assert await beat is stops
        assert paths(await bench.poll_activities(queues=["", "mail"])) == []
        assert await bench.done(tasks["a"])
        await bench.turn()
        (closed,) = await bench.events(e.ActivityClosed)
        assert closed.result == e.ActivityCompleted("done")

    @check()
    async def test_an_activity_may_be_scheduled_again_when_it_has_ended(self, bench: Bench) -> None:
        """[B46] As another one, of the next occurrence."""
        first = await bench.scheduled(say.activity("a"))
        assert await bench.done(first, 1)
        await bench.turn(say.activity("a"))
        second = await bench.attempt("a")
        assert second.attempt.occurrence > first.attempt.occurrence
        async with bench.unchanged():
            assert not await bench.done(first, "late")
        assert await bench.done(second, 2)

    @check()
    async def test_activities_of_several_processes_do_not_mix(self, bench: Bench) -> None:
        """[B46] [B53] Though they have one path."""
        for name in ("p", "q"):
            await bench.begin(say.activity("a", given=name), process_id=name)
        tasks = {each.process.id: each for each in (await bench.poll_activities()).tasks}
        assert tasks["q"].attempt.input["input"] == "q"
        async with bench.unchanged("p"):
            assert await bench.done(tasks["q"], "for q")
        await bench.turn(say.complete(), process_id="q")
        assert await bench.done(tasks["p"], "for p")


class OutcomeChecks(BackendChecks):
    """`complete_activity_task`, `heartbeat_activity_task` and `return_activity_tasks`."""

    @check()
    async def test_an_outcome_wakes_the_process(self, bench: Bench) -> None:
        """[B53] At once, and the decider sees it."""
        task = await bench.scheduled(say.activity("a"))
        assert ids(await bench.poll()) == []
        assert await bench.done(task, {"n": 7})
        decision = await bench.taken()
        (mail,) = decision.mail
        assert mail.message == Outcome("a", 1, 1, e.ActivityCompleted({"n": 7}))
        await bench.decided(decision, say.complete())
        (closed,) = await bench.events(e.ActivityClosed)
        assert closed.result == e.ActivityCompleted({"n": 7})
        assert await bench.backend.held_activity_tasks(await bench.worker()) == {}

    @check()
    async def test_every_kind_of_outcome_is_recorded_as_it_was_brought(self, bench: Bench) -> None:
        """[B53] [B72]."""
        results: dict[str, e.ActivityResult] = {
            "completed": e.ActivityCompleted([1, None, "é"]),
            "failed": e.ActivityFailed(e.Failure("Oops", "no luck", "Traceback")),
            "aborted": e.ActivityAborted("out of bounds"),
            "canceled": e.ActivityCanceled({"so": "far"}),
            "timed out": e.ActivityTimedOut("start_to_close", 3.0),
        }
        await bench.begin(*map(say.activity, results))
        for task in (await bench.poll_activities()).tasks:
            assert await bench.ended(task, results[task.attempt.path])
        await bench.turn()
        closed = {each.path: each.result for each in await bench.events(e.ActivityClosed)}
        assert closed == results

    @check()
    async def test_outcomes_are_handed_over_in_the_order_of_their_coming(
        self, bench: Bench
    ) -> None:
        """[B53] [B11] Among signals too."""
        await bench.begin(*(say.activity(name) for name in "abc"))
        tasks = {each.attempt.path: each for each in (await bench.poll_activities()).tasks}
        await bench.done(tasks["b"])
        await bench.signal("between")
        await bench.done(tasks["c"])
        await bench.done(tasks["a"])
        mail = [each.message for each in (await bench.taken()).mail]
        said = [each.path if isinstance(each, Outcome) else type(each).__name__ for each in mail]
        assert said == ["b", "Signal", "c", "a"]

    @check()
    async def test_an_outcome_is_brought_once(self, bench: Bench) -> None:
        """[B53] A second one is late, whether the first was seen or not."""
        task = await bench.scheduled(say.activity("a"))
        assert await bench.done(task, "first")
        async with bench.unchanged():
            assert not await bench.done(task, "second")
            assert not await bench.failed(task)
        await bench.turn(say.timer("t", 60))
        async with bench.unchanged():
            assert not await bench.done(task, "third")

    @check()
    async def test_of_two_outcomes_at_once_one_is_taken(self, bench: Bench) -> None:
        """[B53]."""
        task = await bench.scheduled(say.activity("a"))
        answers = await asyncio.gather(*(bench.done(task, number) for number in range(4)))
        assert sorted(answers) == [False, False, False, True]
        assert len(await bench.inbox()) == 1

    @check()
    async def test_the_outcome_of_somebody_who_was_struck_off_is_late(self, bench: Bench) -> None:
        """[B53] [B67] Before anybody has the task again, and after."""
        worker = await bench.worker()
        late = await bench.scheduled(say.activity("a"), worker=worker)
        await bench.backend.bury(worker)
        async with bench.unchanged():
            assert not await bench.done(late, "late")
        task = await bench.attempt("a", await bench.worker("bob"))
        async with bench.unchanged():
            assert not await bench.done(late, "late")
            assert await bench.backend.heartbeat_activity_task(late, 1, says=False) is None
        assert await bench.done(task, "in time")

    @check()
    async def test_an_outcome_for_an_ended_process_is_late(self, bench: Bench) -> None:
        """[B53] [B39] However it ended."""
        ends = {"c": say.complete(), "f": say.fail("no"), "x": say.cancel()}
        for name, decision in ends.items():
            await bench.begin(say.activity("a"), process_id=name)
            task = await bench.attempt("a")
            await bench.signal(process_id=name)
            await bench.turn(decision, process_id=name)
            async with bench.unchanged(name):
                assert not await bench.done(task)
            assert await bench.backend.heartbeat_activity_task(task, 1, says=False) is None

    @check()
    async def test_a_heartbeat_tells_whether_to_go_on(self, bench: Bench) -> None:
        """[B54] Of one's own task; of any other nothing."""
        task = await bench.scheduled(say.activity("a"))
        assert await bench.backend.heartbeat_activity_task(task, 1, says=False) is False
        await bench.signal()
        await bench.turn(say.cancel_activity("a"))
        assert await bench.backend.heartbeat_activity_task(task, 2, says=False) is True
        assert await bench.done(task)
        async with bench.unchanged():
            assert await bench.backend.heartbeat_activity_task(task, 3, says=False) is None

    @check(Can.HEARTBEAT_DETAILS)
    async def test_the_next_holder_reads_what_the_last_heartbeat_said(self, bench: Bench) -> None:
        """[B55] The last one that said something; also that it was nothing."""
        await bench.begin(say.activity("a"))
        one, two = {"row": 1}, [2, "é"]
        beats = [(one, True, one), ("", False, one), (two, True, two)]
        for number, (details, says, read) in enumerate(beats):
            worker = await bench.worker(f"w{number}")
            task = await bench.attempt("a", worker)
            assert await bench.backend.heartbeat_activity_task(task, details, says=says) is False
            await bench.backend.bury(worker)
            reader = await bench.worker(f"r{number}")
            assert (await bench.attempt("a", reader)).details == read
            await bench.backend.bury(reader)

    @check(Can.HEARTBEAT_DETAILS, Can.DELAYED_ACTIVITIES)
    async def test_the_next_attempt_reads_what_the_one_before_said(self, bench: Bench) -> None:
        """[B55] After a failure and its back-off."""
        task = await bench.scheduled(say.activity("a", retry=Retry(delay=1, jitter=0)))
        await bench.backend.heartbeat_activity_task(task, {"row": 7}, says=True)
        assert await bench.failed(task, details={"row": 7})
        await bench.turn()
        bench.clock.advance(1)
        again = await bench.attempt("a")
        assert (again.attempt.attempt, again.details) == (2, {"row": 7})

    @check(Can.RETURNED_ACTIVITIES)
    async def test_a_worker_gives_back_what_it_did_not_harm(self, bench: Bench) -> None:
        """[B64] Others get it from then on; it is no loss."""
        worker = await bench.worker()
        await bench.begin(say.activity("a"), say.activity("b"))
        a, b = (await bench.poll_activities(worker)).tasks
        await bench.backend.return_activity_tasks(worker, [a.number], bench.later(5))
        assert await bench.backend.held_activity_tasks(worker) == {b.number: False}
        bob = await bench.worker("bob")
        polled = await bench.poll_activities(bob)
        assert (paths(polled), polled.next_due) == ([], bench.later(5))
        bench.clock.advance(5)
        again = await bench.attempt(a.attempt.path, bob)
        assert again.losses == 0
        assert not await bench.done(a)
        assert await bench.done(again)

    @check(Can.RETURNED_ACTIVITIES)
    async def test_nobody_gives_back_what_is_anothers(self, bench: Bench) -> None:
        """[B64]."""
        task = await bench.scheduled(say.activity("a"))
        bob = await bench.worker("bob")
        await bench.backend.return_activity_tasks(bob, [task.number], bench.clock.now())
        assert paths(await bench.poll_activities(bob)) == []
        assert await bench.done(task)

    @check()
    async def test_a_worker_is_told_what_it_holds(self, bench: Bench) -> None:
        """[B63] All of it, and nothing of others."""
        ann, bob = await bench.worker("ann"), await bench.worker("bob")
        await bench.begin(say.activity("a"), say.activity("b"), say.activity("c"))
        mine = (await bench.poll_activities(ann, limit=2)).tasks
        (other,) = (await bench.poll_activities(bob)).tasks
        assert await bench.backend.held_activity_tasks(ann) == dict.fromkeys(
            [each.number for each in mine], False
        )
        assert await bench.backend.held_activity_tasks(bob) == {other.number: False}
        await bench.done(other)
        assert await bench.backend.held_activity_tasks(bob) == {}
