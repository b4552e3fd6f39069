"""Checks of activity tasks as they stand, and of those that are completed from outside."""

from __future__ import annotations

from corago.core import events as e
from corago.ports.capability import Capability as Can
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check
from corago.testing.backend_suite.limits import expired, nothing_is_due


class StandingChecks(BackendChecks):
    """`open_activities`."""

    @check()
    async def test_open_activities_are_told_as_they_stand(self, bench: Bench) -> None:
        """[B73] Waiting or held, of this process only, oldest first; what has ended is not."""
        assert await bench.backend.open_activities("nobody") == []
        await bench.begin(say.activity("x"), process_id="q")
        await bench.begin(*(say.activity(name, queue=name) for name in ("b", "a", "c")))
        worker = await bench.worker("bob")
        held = await bench.attempt("a", worker, queue="a")
        await bench.done(await bench.attempt("c", queue="c"))
        b, a = await bench.backend.open_activities("p")
        assert (b.path, b.queue, b.activity) == ("b", "b", "Work")
        assert (b.owner, b.due, b.taken, b.losses) == (None, bench.clock.now(), None, 0)
        assert (a.path, a.owner, a.due, a.taken) == ("a", "bob", None, bench.clock.now())
        assert (a.token, a.expires, a.limit, a.stops) == (held.token, None, "", False)

    @check(Can.HEARTBEAT_TIMEOUT, Can.HEARTBEAT_DETAILS, Can.COMPLETION_TOKENS)
    async def test_open_activities_tell_what_was_heard_and_what_runs_out(
        self, bench: Bench
    ) -> None:
        """[B73] [B61] In somebody's hands, and in nobody's."""
        task = await bench.scheduled(say.activity("a", heartbeat=10.0))
        bench.clock.advance(4)
        await bench.backend.heartbeat_activity_task(task, {"row": 7}, says=True)
        at = bench.clock.now()
        await bench.backend.detach_activity_task(task)
        bench.clock.advance(1)
        await bench.signal()
        await bench.turn(say.cancel_activity("a"))
        (a,) = await bench.backend.open_activities("p")
        assert (a.owner, a.due, a.heard, a.details) == (None, None, at, {"row": 7})
        assert (a.expires, a.limit, a.stops) == (bench.later(9), "heartbeat", True)
        assert a.token == task.token

    @check()
    async def test_an_ended_process_has_no_open_activities(self, bench: Bench) -> None:
        """[B73] [B39]."""
        await bench.begin(say.activity("a"), say.activity("b", queue="print"))
        await bench.attempt("a")
        await bench.signal()
        await bench.turn(say.complete())
        assert await bench.backend.open_activities("p") == []


class TokenChecks(BackendChecks):
    """`detach_activity_task` and `find_activity_task`."""

    @check(Can.COMPLETION_TOKENS)
    async def test_a_detached_activity_waits_for_whoever_has_its_token(self, bench: Bench) -> None:
        """[B61] [B62] In nobody's hands, and due for nobody, even if who had it is struck off."""
        worker = await bench.worker("bob")
        task = await bench.scheduled(say.activity("a"), worker=worker)
        assert await bench.backend.detach_activity_task(task)
        assert await bench.backend.held_activity_tasks(worker) == {}
        bench.clock.advance(86400)
        assert await nothing_is_due(bench)
        await bench.backend.bury(worker)
        assert await nothing_is_due(bench)
        found = await bench.backend.find_activity_task(task.token)
        assert found is not None
        assert (found.attempt, found.process.id, found.owner) == (task.attempt, "p", None)
        assert await bench.done(found, {"n": 7})
        await bench.turn()
        (closed,) = await bench.events(e.ActivityClosed)
        assert closed.result == e.ActivityCompleted({"n": 7})

    @check(Can.COMPLETION_TOKENS)
    async def test_a_token_is_found_through_every_object(self, bench: Bench) -> None:
        """[B62] [B01] By a client without code too."""
        task = await bench.scheduled(say.activity("a", given={"n": 7}))
        await bench.backend.detach_activity_task(task)
        await bench.restart()
        bench.backend = await bench.second(knows=False)
        found = await bench.backend.find_activity_task(task.token)
        assert found is not None
        assert found.attempt.input["input"] == {"n": 7}
        assert await bench.done(found)

    @check(Can.COMPLETION_TOKENS)
    async def test_a_held_activity_is_found_by_its_token(self, bench: Bench) -> None:
        """[B62] And its end may come from outside."""
        worker = await bench.worker()
        task = await bench.scheduled(say.activity("a"), worker=worker)
        found = await bench.backend.find_activity_task(task.token)
        assert found is not None
        assert (found.number, found.owner) == (task.number, worker)
        assert await bench.done(found)
        async with bench.unchanged():
            assert not await bench.done(task)

    @check(Can.COMPLETION_TOKENS)
    async def test_a_token_whose_activity_is_over_finds_nothing(self, bench: Bench) -> None:
        """[B62] Ended, taken over, or never there."""
        worker = await bench.worker()
        over = await bench.scheduled(say.activity("a"), worker=worker)
        await bench.done(over)
        await bench.turn(say.activity("b"))
        lost = await bench.attempt("b", worker)
        await bench.backend.bury(worker)
        await bench.attempt("b", await bench.worker("bob"))
        for token in (over.token, lost.token, "", "nonsense", "999.1", "é"):
            assert await bench.backend.find_activity_task(token) is None

    @check(Can.COMPLETION_TOKENS)
    async def test_only_the_holder_detaches(self, bench: Bench) -> None:
        """[B61] Once."""
        worker = await bench.worker()
        late = await bench.scheduled(say.activity("a"), worker=worker)
        await bench.backend.bury(worker)
        task = await bench.attempt("a", await bench.worker("bob"))
        assert not await bench.backend.detach_activity_task(late)
        assert await bench.backend.held_activity_tasks(await bench.worker("bob"))
        assert await bench.backend.detach_activity_task(task)
        assert not await bench.backend.detach_activity_task(task)

    @check(Can.COMPLETION_TOKENS)
    async def test_who_has_detached_is_nobody_special(self, bench: Bench) -> None:
        """[B61] [B53] Its own task is late; the one that is found by the token is not."""
        task = await bench.scheduled(say.activity("a"))
        await bench.backend.detach_activity_task(task)
        async with bench.unchanged():
            assert not await bench.done(task)
        found = await bench.backend.find_activity_task(task.token)
        assert found is not None
        assert await bench.done(found)
        async with bench.unchanged():
            assert not await bench.done(found)
        assert await bench.backend.find_activity_task(task.token) is None

    @check(Can.COMPLETION_TOKENS, Can.HEARTBEAT_TIMEOUT, Can.HEARTBEAT_DETAILS)
    async def test_a_detached_activity_keeps_its_limits(self, bench: Bench) -> None:
        """[B61] [B59] Heartbeats come by the token too, and what they said is kept."""
        task = await bench.scheduled(say.activity("a", heartbeat=10.0))
        await bench.backend.detach_activity_task(task)
        bench.clock.advance(9)
        found = await bench.backend.find_activity_task(task.token)
        assert found is not None
        assert await bench.backend.heartbeat_activity_task(found, "half", says=True) is False
        bench.clock.advance(9)
        assert await nothing_is_due(bench)
        bench.clock.advance(1)
        gone = await expired(bench)
        assert (gone.expired, gone.details) == ("heartbeat", "half")
        assert await bench.backend.find_activity_task(task.token) is None
        async with bench.unchanged():
            assert not await bench.done(found)

    @check(Can.COMPLETION_TOKENS)
    async def test_a_canceled_activity_that_is_detached_waits_on(self, bench: Bench) -> None:
        """[B61] [B52] Its next heartbeat is told so."""
        task = await bench.scheduled(say.activity("a"))
        await bench.backend.detach_activity_task(task)
        await bench.signal()
        await bench.turn(say.cancel_activity("a"))
        assert await nothing_is_due(bench)
        found = await bench.backend.find_activity_task(task.token)
        assert found is not None
        assert await bench.backend.heartbeat_activity_task(found, None, says=False) is True
        assert await bench.ended(found, e.ActivityCanceled())

    @check(Can.COMPLETION_TOKENS)
    async def test_the_end_of_a_process_ends_what_was_detached(self, bench: Bench) -> None:
        """[B39] [B61]."""
        task = await bench.scheduled(say.activity("a"))
        await bench.backend.detach_activity_task(task)
        found = await bench.backend.find_activity_task(task.token)
        assert found is not None
        await bench.signal()
        await bench.turn(say.complete())
        assert await bench.backend.find_activity_task(task.token) is None
        async with bench.unchanged():
            assert not await bench.done(found)
