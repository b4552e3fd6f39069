"""Checks of what outlives the object that wrote it, and of what other objects see at once."""

from __future__ import annotations

from datetime import timedelta

from corago.core import events as e
from corago.errors import SignalKeyError
from corago.ports.capability import Capability as Can
from corago.ports.rows import Refusal
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import (
    BackendChecks,
    Bench,
    check,
    ids,
    paths,
    raises,
)


class OpeningChecks(BackendChecks):
    """`open`, `close`, and several objects on the same data."""

    @check()
    async def test_a_restart_keeps_what_was_started(self, bench: Bench) -> None:
        """[B01] [B07] With its input, and still due."""
        await bench.start(given={"n": 1}, actor="eve")
        before = await bench.backend.history("p")
        await bench.restart()
        assert tuple(await bench.backend.history("p")) == tuple(before)
        assert (await bench.taken()).snapshot.process.status == "created"

    @check()
    async def test_a_restart_keeps_what_was_sent(self, bench: Bench) -> None:
        """[B01] [B11] In its order."""
        await bench.begin()
        for name in ("one", "two"):
            await bench.signal(name)
        await bench.restart()
        assert say.heard(await bench.inbox()) == [("one", None), ("two", None)]
        mail = [each.message for each in (await bench.taken()).mail]
        assert mail == [say.message("one"), say.message("two")]

    @check()
    async def test_a_restart_keeps_what_was_decided(self, bench: Bench) -> None:
        """[B01] [B34] Events, and where the decider stands."""
        await bench.begin(say.activity("a"), say.timer("t", 60))
        before = await bench.picture()
        await bench.restart()
        assert await bench.picture() == before
        bench.clock.advance(60)
        task = await bench.taken()
        assert set(task.snapshot.process.timers) == {"t"}
        assert say.wanted(bench.deciding(task).commit.snapshot) == ["a"]

    @check()
    async def test_a_restart_keeps_activity_tasks(self, bench: Bench) -> None:
        """[B01] [B46] The waiting one and the one that is held."""
        await bench.begin(say.activity("a"), say.activity("b", queue="print"))
        worker = await bench.worker()
        held = await bench.attempt("a", worker)
        await bench.restart()
        assert await bench.backend.held_activity_tasks(worker) == {held.number: False}
        assert (await bench.attempt("b", queue="print")).attempt.queue == "print"
        assert await bench.done(held)

    @check()
    async def test_a_restart_keeps_the_lease(self, bench: Bench) -> None:
        """[B01] [B27] Who held a process holds it, and may write."""
        await bench.start()
        task = await bench.taken()
        await bench.restart()
        assert ids(await bench.poll(await bench.worker("bob"))) == []
        await bench.decided(task, say.complete())

    @check(Can.SIGNAL_KEYS)
    async def test_a_restart_keeps_keys(self, bench: Bench) -> None:
        """[B01] [B13]."""
        await bench.begin()
        await bench.signal(key="k", data=1)
        await bench.restart()
        await bench.signal(key="k", data=1)
        assert len(await bench.inbox()) == 1
        with raises(SignalKeyError):
            await bench.signal(key="k", data=2)

    @check(Can.HEARTBEAT_DETAILS)
    async def test_a_restart_keeps_what_a_heartbeat_said(self, bench: Bench) -> None:
        """[B01] [B54]."""
        task = await bench.scheduled(say.activity("a"))
        await bench.backend.heartbeat_activity_task(task, {"row": 7}, says=True)
        await bench.restart()
        await bench.backend.bury(await bench.worker())
        assert (await bench.attempt("a", await bench.worker("bob"))).details == {"row": 7}

    @check()
    async def test_a_closed_process_stays_closed_over_a_restart(self, bench: Bench) -> None:
        """[B01] [B39]."""
        await bench.begin(say.complete({"n": 7}))
        await bench.restart()
        end = await bench.backend.ended("p")
        assert end is not None
        assert (end.status, end.result) == ("completed", {"n": 7})
        assert ids(await bench.poll()) == []

    @check()
    async def test_another_object_sees_at_once_what_was_written(self, bench: Bench) -> None:
        """[B01] What one decides, the other reads; what one sends, the other's worker gets."""
        other = await bench.second()
        await bench.start()
        assert len(await other.history("p")) == 1
        assert (await other.describe("p")).row.status == "created"
        await bench.turn(say.activity("a"))
        assert tuple(await other.history("p")) == tuple(await bench.backend.history("p"))
        assert (await other.describe("p")).row == await bench.row()
        await other.send("p", say.message("hello"))
        assert [each.message for each in (await bench.taken()).mail] == [say.message("hello")]

    @check()
    async def test_work_goes_from_one_object_to_another(self, bench: Bench) -> None:
        """[B01] [B35] A task of one is refused once the other's worker has gone on with it."""
        other = await bench.second()
        first = bench.backend
        await bench.begin(say.timer("t", 5))
        bench.clock.advance(5)
        task = await bench.taken(worker=await bench.worker("ann"))
        await first.bury(await bench.worker("ann"))
        bench.backend = other
        await bench.decided(await bench.taken(worker=await bench.worker("bob")), say.complete())
        bench.backend = first
        assert await bench.answer(task, say.complete("late")) is Refusal.FENCED
        assert (await bench.events(e.ProcessCompleted))[0].result is None

    @check()
    async def test_the_clock_is_the_one_that_was_handed_over(self, bench: Bench) -> None:
        """[B07] [B15] Instants are those of the virtual clock, and time stands still."""
        await bench.start()
        bench.clock.advance(3)
        await bench.signal()
        started = (await bench.backend.history("p"))[0]
        mail = (await bench.taken()).mail
        assert mail[0].at - started.at == timedelta(seconds=3)

    @check()
    async def test_two_objects_share_the_activity_tasks(self, bench: Bench) -> None:
        """[B01] [B49]."""
        other = await bench.second()
        await bench.begin(say.activity("a"))
        await bench.attempt("a")
        bench.backend = other
        assert paths(await bench.poll_activities(await bench.worker("bob"))) == []
