"""Checks of commits: whole or not at all, by the holder alone, and seeing all that has come."""

from __future__ import annotations

import asyncio
from typing import Any

from corago.core import events as e
from corago.core.commit import DocumentWrite
from corago.core.messages import Outcome
from corago.core.tasks import DecisionTask
from corago.ports.capability import Capability as Can
from corago.ports.rows import Refusal
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids, paths


def finished(path: str, *documents: DocumentWrite, occurrence: int = 1) -> Outcome:
    """The outcome of an activity that ran where it was decided."""
    return Outcome(path, occurrence, 1, e.ActivityCompleted("done"), documents)


class CommitChecks(BackendChecks):
    """`complete_decision_task`."""

    @check()
    async def test_events_follow_each_other_without_gaps(self, bench: Bench) -> None:
        """[B34] [B21] In the order of the decisions, with the instant of the commit."""
        await bench.start()
        bench.clock.advance(3)
        await bench.turn(say.timer("t", 5), say.marker("m"), say.timer("u", 6))
        bench.clock.advance(5)
        await bench.turn(say.marker("n"))
        history = await bench.backend.history("p")
        assert [each.position for each in history] == list(range(1, len(history) + 1))
        assert [type(each).__name__ for each in history] == [
            "ProcessStarted",
            "TimerStarted",
            "MarkerRecorded",
            "TimerStarted",
            "TimerFired",
            "MarkerRecorded",
        ]
        assert history[1].at == history[3].at
        assert (history[4].at - history[1].at).total_seconds() == 5

    @check(Can.CHILD_ABANDON, Can.SIGNALS_BETWEEN)
    async def test_a_commit_is_written_whole(self, bench: Bench) -> None:
        """[B34] Events, tasks, children and messages; all of it is there on return."""
        await bench.begin(process_id="q")
        await bench.begin(
            say.activity("a"), say.child("c"), say.signal("q", "hello"), say.timer("t", 5)
        )
        assert (await bench.row("p/c")).status == "created"
        assert say.heard(await bench.inbox("q")) == [("hello", None)]
        await bench.attempt("a")
        assert set((await bench.kinds())[1:]) == {
            "ActivityScheduled",
            "ChildStarted",
            "MessageSent",
            "TimerStarted",
        }

    @check(Can.CHILD_ABANDON, Can.SIGNALS_BETWEEN)
    async def test_a_refused_commit_leaves_nothing_behind(self, bench: Bench) -> None:
        """[B34] [B36] Neither events, nor tasks, nor children, nor messages."""
        await bench.begin(process_id="q")
        await bench.start()
        task = await bench.taken()
        await bench.signal()
        everything = (say.activity("a"), say.child("c"), say.signal("q", "hello"))
        async with bench.unchanged("p", "q"):
            assert await bench.answer(task, *everything) is Refusal.MORE_MESSAGES
            assert ids(await bench.poll()) == []
            assert paths(await bench.poll_activities()) == []

    @check()
    async def test_the_same_commit_twice_is_written_once(self, bench: Bench) -> None:
        """[B35] A repeated answer is refused."""
        await bench.start()
        task = await bench.taken()
        turn = bench.deciding(task, say.activity("a"), keeps=True)
        assert isinstance(await bench.complete(task, turn), DecisionTask)
        async with bench.unchanged():
            assert await bench.complete(task, turn) is Refusal.FENCED

    @check()
    async def test_of_two_answers_at_once_one_is_written(self, bench: Bench) -> None:
        """[B35] [B34]."""
        await bench.start()
        task = await bench.taken()
        answers = await asyncio.gather(
            *(bench.answer(task, say.complete(number)) for number in range(4))
        )
        assert answers.count(Refusal.FENCED) == 3
        assert await bench.kinds() == ["ProcessStarted", "ProcessCompleted"]

    @check()
    async def test_who_has_let_go_writes_no_more(self, bench: Bench) -> None:
        """[B35] [B37] Whether somebody else has the process now or nobody."""
        await bench.start()
        task = await bench.taken()
        await bench.decided(task, say.timer("t", 5))
        async with bench.unchanged():
            assert await bench.answer(task, say.complete()) is Refusal.FENCED
        bench.clock.advance(5)
        await bench.taken(worker=await bench.worker("bob"))
        async with bench.unchanged():
            assert await bench.answer(task, say.complete()) is Refusal.FENCED

    @check()
    async def test_a_late_task_is_refused_even_by_the_same_worker(self, bench: Bench) -> None:
        """[B35] Another taking is another task, though nothing was written in between."""
        await bench.start()
        worker = await bench.worker()
        late = await bench.taken(worker=worker)
        await bench.backend.bury(worker)
        again = await bench.backend.heartbeat("ann")
        task = await bench.taken(worker=again)
        async with bench.unchanged():
            assert await bench.answer(late, say.complete("late")) is Refusal.FENCED
        await bench.decided(task, say.complete("in time"))

    @check()
    async def test_nobody_writes_to_an_ended_process(self, bench: Bench) -> None:
        """[B35] [B39]."""
        await bench.start()
        task = await bench.taken()
        turn = bench.deciding(task, say.timer("t", 5))
        await bench.decided(task, say.complete())
        async with bench.unchanged():
            assert await bench.complete(task, turn) is Refusal.FENCED

    @check()
    async def test_a_holder_goes_on_from_commit_to_commit(self, bench: Bench) -> None:
        """[B37] With the task that it was given back; nobody else gets the process."""
        await bench.start()
        task = await bench.taken()
        task = await bench.decided(task, say.timer("t", 5), keeps=True)
        assert ids(await bench.poll(await bench.worker("bob"))) == []
        for number in range(3):
            await bench.signal(f"s{number}")
            fresh = await bench.backend.mail(task)
            task = await bench.decided(task, say.marker(f"m{number}"), keeps=True, fresh=fresh)
        await bench.signal("last")
        fresh = await bench.backend.mail(task)
        await bench.decided(task, say.complete(), fresh=fresh)
        markers = await bench.events(e.MarkerRecorded)
        assert [each.name for each in markers] == ["m0", "m1", "m2"]
        assert (await bench.backend.describe("p")).snapshot.process.status == "completed"

    @check()
    async def test_a_holder_may_write_though_messages_have_come(self, bench: Bench) -> None:
        """[B36] Only who lets go must have seen them all."""
        await bench.start()
        task = await bench.taken()
        await bench.signal()
        task = await bench.decided(task, say.timer("t", 5), keeps=True)
        assert len(await bench.inbox()) == 1
        assert await bench.answer(task, due=bench.clock.now()) is Refusal.MORE_MESSAGES

    @check()
    async def test_who_lets_go_must_have_seen_all(self, bench: Bench) -> None:
        """[B36] Parking, closing and going on as another run; then it is tried again."""
        endings: dict[str, Any] = {"parks": say.timer("t", 5), "closes": say.complete()}
        if bench.has(Can.CONTINUE_AS_NEW):
            endings["renews"] = say.renew()
        for name, decision in endings.items():
            await bench.start(name)
            task = await bench.taken(name)
            await bench.signal("first", name)
            async with bench.unchanged(name):
                assert await bench.answer(task, decision) is Refusal.MORE_MESSAGES
            fresh = await bench.backend.mail(task)
            await bench.decided(task, decision, fresh=fresh)
            assert await bench.inbox(name) == []

    @check()
    async def test_what_a_commit_took_in_is_gone(self, bench: Bench) -> None:
        """[B38] And comes no second time; the history has it."""
        await bench.begin()
        await bench.signal("one")
        await bench.signal("two")
        await bench.turn(say.timer("t", 5))
        assert await bench.inbox() == []
        bench.clock.advance(5)
        assert (await bench.taken()).mail == ()
        signals = await bench.events(e.SignalReceived)
        assert [each.name for each in signals] == ["one", "two"]

    @check()
    async def test_what_a_commit_did_not_take_in_stays(self, bench: Bench) -> None:
        """[B38] [B36] Seen is not taken in."""
        await bench.begin()
        for name in ("one", "two"):
            await bench.signal(name)
        task = await bench.taken()
        turn = bench.deciding(task)
        one = task.mail[0].seq
        written = await bench.backend.complete_decision_task(
            task, turn.commit, turn.hold, consumed=one, seen=task.seen
        )
        assert isinstance(written, DecisionTask)
        assert await bench.inbox() == [say.message("two")]

    @check()
    async def test_a_parked_process_is_due_when_it_was_said(self, bench: Bench) -> None:
        """[B37] At an instant, or at once, or only when something comes."""
        await bench.start()
        await bench.turn(due=bench.later(7))
        bench.clock.advance(6.9)
        assert ids(await bench.poll()) == []
        bench.clock.advance(0.1)
        await bench.turn(due=bench.clock.now())
        await bench.turn()
        bench.clock.advance(365 * 86400)
        assert ids(await bench.poll()) == []
        await bench.signal()
        await bench.taken()

    @check()
    async def test_the_status_tells_whether_a_process_rests(self, bench: Bench) -> None:
        """[B37] [B19] Created, waiting, running, waiting, completed."""
        await bench.start()
        assert (await bench.row()).status == "created"
        await bench.turn()
        assert (await bench.row()).status == "waiting"
        await bench.signal()
        task = await bench.taken()
        assert (await bench.row()).status == "running"
        await bench.decided(task)
        assert (await bench.row()).status == "waiting"
        await bench.signal()
        await bench.turn(say.complete())
        assert (await bench.row()).status == "completed"

    @check()
    async def test_an_ended_process_is_never_due(self, bench: Bench) -> None:
        """[B39] And what it waited for is gone: timers, tasks and messages' senders know."""
        await bench.begin(say.activity("a"), say.timer("t", 5))
        held = await bench.attempt("a")
        await bench.signal()
        await bench.turn(say.activity("b"), say.complete("all"))
        async with bench.unchanged():
            bench.clock.advance(365 * 86400)
            polled = await bench.poll()
            assert (ids(polled), polled.next_due) == ([], None)
            activities = await bench.poll_activities()
            assert (paths(activities), activities.next_due) == ([], None)
            assert not await bench.done(held)

    @check()
    async def test_every_end_has_its_status(self, bench: Bench) -> None:
        """[B39] [B20] With its result, or what went wrong."""
        ends = {
            "completed": say.complete({"n": 1}),
            "failed": say.fail("no luck"),
            "canceled": say.cancel(),
        }
        for status, decision in ends.items():
            await bench.begin(decision, process_id=status)
            end = await bench.backend.ended(status)
            assert end is not None
            assert (end.id, end.status, end.is_closed) == (status, status, True)
            assert end.result == ({"n": 1} if status == "completed" else None)
            assert (end.error is not None) == (status == "failed")
            row = await bench.row(status)
            assert (row.status, row.owner) == (status, None)

    @check(Can.INLINE)
    async def test_an_activity_without_a_queue_is_its_holders_to_run(self, bench: Bench) -> None:
        """[B37] No worker of a queue gets it, and its outcome goes with the holder's commit."""
        await bench.start()
        task = await bench.taken()
        task = await bench.decided(task, say.activity("a", queue=""), keeps=True)
        assert say.wanted(task.snapshot) == ["a"]
        assert (await bench.poll_activities(queues=["", "mail"])).tasks == ()
        await bench.decided(task, say.complete(), more=[finished("a")])
        kinds = await bench.kinds()
        assert kinds[1:] == ["ActivityScheduled", "ActivityClosed", "ProcessCompleted"]

    @check(Can.DOCUMENTS, Can.INLINE)
    async def test_documents_are_written_with_the_commit(self, bench: Bench) -> None:
        """[B44] Their next version follows this one, and nobody may skip one."""
        await bench.start()
        task = await bench.taken()
        task = await bench.decided(task, say.activity("a", queue=""), keeps=True)
        write = DocumentWrite("order", "1", 0, b'{"n":1}')
        more = [finished("a", write)]
        task = await bench.decided(task, say.activity("b", queue=""), keeps=True, more=more)
        skipping = finished("b", DocumentWrite("order", "1", 7, b'{"n":8}'), occurrence=2)
        async with bench.unchanged():
            answer = await bench.answer(task, say.complete(), more=[skipping])
            assert answer is Refusal.DOCUMENT_CONFLICT
        following = finished("b", DocumentWrite("order", "1", 1, b'{"n":2}'), occurrence=2)
        await bench.decided(task, say.complete(), more=[following])

    @check(Can.DOCUMENTS, Can.INLINE)
    async def test_of_two_writers_of_one_document_one_is_refused(self, bench: Bench) -> None:
        """[B44] [B34] And nothing of its commit is written."""
        tasks = []
        for name in ("p", "q"):
            await bench.start(name)
            task = await bench.taken(name)
            tasks.append(await bench.decided(task, say.activity("a", queue=""), keeps=True))
        more = [finished("a", DocumentWrite("order", "1", 0, b"{}"))]
        await bench.decided(tasks[0], say.complete(), more=more)
        async with bench.unchanged("q"):
            answer = await bench.answer(tasks[1], say.complete(), more=more)
            assert answer is Refusal.DOCUMENT_CONFLICT

    @check()
    async def test_history_grows_and_the_decider_keeps_its_place(self, bench: Bench) -> None:
        """[B28] [B34] Over many commits and large ones, the task is what the history tells."""
        await bench.begin(say.activity("a"))
        text = "x" * 3000
        for number in range(12):
            await bench.signal()
            await bench.turn(say.marker(f"m{number}", {"text": text}))
        await bench.signal()
        task = await bench.taken()
        assert task.snapshot.process.position == len(await bench.backend.history("p"))
        turn = bench.deciding(task)
        assert say.wanted(turn.commit.snapshot) == ["a"]
