"""Checks of the limits of activities: what runs out comes to any worker, and is not run."""

from __future__ import annotations

from typing import Any

from corago.core import events as e
from corago.core.retry import Retry
from corago.core.tasks import ActivityTask
from corago.ports.capability import Capability as Can
from corago.testing.backend_suite import deciding as say
from corago.testing.backend_suite.harness import BackendChecks, Bench, check, ids, paths


async def expired(bench: Bench, name: str = "bob") -> ActivityTask:
    """The only task that has run out, in the hands of a worker that serves nothing."""
    worker = await bench.worker(name)
    polled = await bench.backend.poll_activity_tasks(worker, [], [], 10)
    assert len(polled.tasks) == 1
    return polled.tasks[0]


async def timed_out(bench: Bench, task: ActivityTask, seconds: float | None = None) -> None:
    """Bring the outcome of a task that has run out."""
    assert await bench.ended(task, e.ActivityTimedOut(task.expired, seconds, task.details))


async def nothing_is_due(bench: Bench) -> bool:
    """Whether nobody is handed an activity task now."""
    worker = await bench.worker("eve")
    polled = await bench.poll_activities(worker, ["mail", ""], activities=None)
    return paths(polled) == []


class LimitChecks(BackendChecks):
    """The limits of activity tasks."""

    @check(Can.SCHEDULE_TO_START)
    async def test_an_activity_that_nobody_takes_runs_out(self, bench: Bench) -> None:
        """[B56] [B60] To the instant; the decider learns why."""
        await bench.begin(say.activity("a", schedule_to_start=10.0))
        bench.clock.advance(9.9)
        worker = await bench.worker("bob")
        assert (await bench.backend.poll_activity_tasks(worker, [], [], 9)).tasks == ()
        bench.clock.advance(0.1)
        task = await expired(bench)
        assert (task.attempt.path, task.expired) == ("a", "schedule_to_start")
        await timed_out(bench, task, 10.0)
        await bench.turn()
        (closed,) = await bench.events(e.ActivityClosed)
        assert closed.result == e.ActivityTimedOut("schedule_to_start", 10.0)

    @check(Can.SCHEDULE_TO_START)
    async def test_what_was_taken_in_time_may_take_its_time(self, bench: Bench) -> None:
        """[B56]."""
        await bench.begin(say.activity("a", schedule_to_start=10.0))
        bench.clock.advance(9)
        task = await bench.attempt("a")
        bench.clock.advance(3600)
        assert await nothing_is_due(bench)
        assert await bench.done(task)

    @check(Can.SCHEDULE_TO_START, Can.RETURNED_ACTIVITIES)
    async def test_what_was_given_back_unbegun_must_be_taken_in_time(self, bench: Bench) -> None:
        """[B64] [B56] If who gives it back says by when; the others may wait for ever."""
        await bench.begin(say.activity("a"), say.activity("b"))
        worker = await bench.worker()
        numbers = {each.attempt.path: each.number for each in await self._given(bench, worker)}
        start_by = {numbers["a"]: bench.later(10)}
        await bench.backend.return_activity_tasks(
            worker, [*numbers.values()], bench.clock.now(), start_by
        )
        bench.clock.advance(9.9)
        bob = await bench.worker("bob")
        assert (await bench.backend.poll_activity_tasks(bob, [], [], 9)).tasks == ()
        bench.clock.advance(3600)
        task = await expired(bench)
        assert (task.attempt.path, task.expired) == ("a", "schedule_to_start")
        assert (await bench.attempt("b")).expired == ""

    async def _given(self, bench: Bench, worker: int) -> tuple[ActivityTask, ...]:
        return (await bench.poll_activities(worker)).tasks

    @check(Can.START_TO_CLOSE)
    async def test_an_activity_that_takes_too_long_runs_out(self, bench: Bench) -> None:
        """[B57] [B60] From the instant at which it was taken."""
        await bench.begin(say.activity("a", timeout=10.0))
        bench.clock.advance(60)
        late = await bench.attempt("a")
        bench.clock.advance(9.9)
        assert await nothing_is_due(bench)
        bench.clock.advance(0.1)
        task = await expired(bench)
        assert task.expired == "start_to_close"
        async with bench.unchanged():
            assert not await bench.done(late, "late")
        await timed_out(bench, task, 10.0)
        await bench.turn()
        (closed,) = await bench.events(e.ActivityClosed)
        assert closed.result == e.ActivityTimedOut("start_to_close", 10.0)

    @check(Can.START_TO_CLOSE, Can.DELAYED_ACTIVITIES)
    async def test_each_attempt_has_its_own_time(self, bench: Bench) -> None:
        """[B57] A retry after a time-out begins anew."""
        retry = Retry(attempts=2, delay=1, jitter=0)
        await bench.begin(say.activity("a", timeout=10.0, retry=retry))
        await bench.attempt("a")
        bench.clock.advance(10)
        await timed_out(bench, await expired(bench), 10.0)
        await bench.turn()
        assert len(await bench.events(e.ActivityRetried)) == 1
        bench.clock.advance(100)
        again = await bench.attempt("a")
        bench.clock.advance(9)
        assert await nothing_is_due(bench)
        assert await bench.done(again)

    @check(Can.SCHEDULE_TO_CLOSE)
    async def test_an_activity_that_waits_too_long_in_all_runs_out(self, bench: Bench) -> None:
        """[B58] Whether it waits for a worker, or is in one's hands."""
        await bench.begin(say.activity("a", schedule_to_close=10.0))
        await bench.begin(say.activity("b", schedule_to_close=10.0, queue="print"), process_id="q")
        held = await bench.attempt("a")
        bench.clock.advance(9.9)
        assert await nothing_is_due(bench)
        bench.clock.advance(0.1)
        worker = await bench.worker("bob")
        tasks = (await bench.backend.poll_activity_tasks(worker, [], [], 9)).tasks
        assert sorted((each.attempt.path, each.expired) for each in tasks) == [
            ("a", "schedule_to_close"),
            ("b", "schedule_to_close"),
        ]
        assert not await bench.done(held)

    @check(Can.SCHEDULE_TO_CLOSE, Can.DELAYED_ACTIVITIES)
    async def test_all_attempts_share_the_time_to_close(self, bench: Bench) -> None:
        """[B58] With the waits between them."""
        retry = Retry(attempts=5, delay=4, factor=1, jitter=0)
        await bench.begin(say.activity("a", schedule_to_close=10.0, retry=retry))
        bench.clock.advance(3)
        await bench.failed(await bench.attempt("a"))
        await bench.turn()
        bench.clock.advance(4)
        again = await bench.attempt("a")
        bench.clock.advance(2.9)
        assert await nothing_is_due(bench)
        bench.clock.advance(0.1)
        task = await expired(bench)
        assert (task.attempt.attempt, task.expired) == (2, "schedule_to_close")
        assert not await bench.done(again)
        await timed_out(bench, task)
        await bench.turn()
        assert len(await bench.events(e.ActivityRetried)) == 1
        assert len(await bench.events(e.ActivityClosed)) == 1

    @check(Can.HEARTBEAT_TIMEOUT)
    async def test_a_silent_worker_loses_its_activity(self, bench: Bench) -> None:
        """[B59] [B60] Measured from being taken, and then from heartbeat to heartbeat."""
        await bench.begin(say.activity("a", heartbeat=10.0))
        bench.clock.advance(3600)
        task = await bench.attempt("a")
        for _ in range(3):
            bench.clock.advance(9)
            assert await bench.backend.heartbeat_activity_task(task, None, says=False) is False
        bench.clock.advance(9.9)
        assert await nothing_is_due(bench)
        bench.clock.advance(0.1)
        gone = await expired(bench)
        assert gone.expired == "heartbeat"
        async with bench.unchanged():
            assert not await bench.done(task, "late")
            assert await bench.backend.heartbeat_activity_task(task, "late", says=False) is None

    @check(Can.HEARTBEAT_TIMEOUT, Can.HEARTBEAT_DETAILS)
    async def test_what_a_lost_worker_said_last_is_told(self, bench: Bench) -> None:
        """[B55] [B59] To who brings its time-out, and in the history."""
        task = await bench.scheduled(say.activity("a", heartbeat=10.0))
        await bench.backend.heartbeat_activity_task(task, {"row": 7}, says=True)
        bench.clock.advance(10)
        gone = await expired(bench)
        assert gone.details == {"row": 7}
        await timed_out(bench, gone)
        await bench.turn()
        (closed,) = await bench.events(e.ActivityClosed)
        assert closed.result == e.ActivityTimedOut("heartbeat", None, {"row": 7})

    @check(Can.START_TO_CLOSE, Can.HEARTBEAT_TIMEOUT)
    async def test_a_heartbeat_moves_only_its_own_limit(self, bench: Bench) -> None:
        """[B57] [B59]."""
        await bench.begin(say.activity("a", timeout=10.0, heartbeat=8.0))
        task = await bench.attempt("a")
        bench.clock.advance(6)
        await bench.backend.heartbeat_activity_task(task, None, says=False)
        bench.clock.advance(4)
        assert (await expired(bench)).expired == "start_to_close"

    @check(Can.START_TO_CLOSE, Can.HEARTBEAT_TIMEOUT, Can.SCHEDULE_TO_CLOSE, Can.SCHEDULE_TO_START)
    async def test_the_first_limit_to_run_out_names_it(self, bench: Bench) -> None:
        """[B60] Though others have run out when somebody looks."""
        limits: dict[str, float] = {
            "timeout": 40.0,
            "heartbeat": 30.0,
            "schedule_to_close": 20.0,
            "schedule_to_start": 10.0,
        }
        kinds = {"timeout": "start_to_close"}
        for first in limits:
            chosen: dict[str, Any] = limits | {first: 5.0}
            await bench.begin(say.activity("a", **chosen), process_id=first)
            if first != "schedule_to_start":
                await bench.attempt("a")
            bench.clock.advance(100)
            task = await expired(bench)
            assert task.expired == kinds.get(first, first)
            await timed_out(bench, task)
            await bench.turn(say.complete(), process_id=first)

    @check(Can.START_TO_CLOSE)
    async def test_a_worker_hears_when_a_limit_runs_out(self, bench: Bench) -> None:
        """[B51]."""
        await bench.begin(say.activity("a", timeout=10.0))
        await bench.attempt("a")
        polled = await bench.poll_activities(await bench.worker("bob"))
        assert (paths(polled), polled.next_due) == ([], bench.later(10))

    @check(Can.START_TO_CLOSE)
    async def test_who_dies_over_an_expired_task_leaves_it_expired(self, bench: Bench) -> None:
        """[B60] For the next; one of them brings its outcome."""
        await bench.begin(say.activity("a", timeout=10.0))
        await bench.attempt("a")
        bench.clock.advance(10)
        first = await expired(bench, "bob")
        assert await nothing_is_due(bench)
        await bench.backend.bury(await bench.worker("bob"))
        second = await expired(bench, "cat")
        assert second.expired == "start_to_close"
        async with bench.unchanged():
            assert not await bench.done(first)
        await timed_out(bench, second)
        assert len(await bench.inbox()) == 1

    @check(Can.START_TO_CLOSE, Can.COMPLETION_TOKENS)
    async def test_what_has_run_out_is_late_though_nobody_has_it_yet(self, bench: Bench) -> None:
        """[B60] [B53] [B54] [B61] From that very instant on."""
        await bench.begin(say.activity("a", timeout=10.0))
        task = await bench.attempt("a")
        bench.clock.advance(10)
        async with bench.unchanged():
            assert not await bench.done(task, "late")
            assert await bench.backend.heartbeat_activity_task(task, "late", says=False) is None
            assert not await bench.backend.detach_activity_task(task)
        await timed_out(bench, await expired(bench))

    @check(Can.START_TO_CLOSE, Can.PAUSE)
    async def test_while_it_is_paused_nothing_is_taken_from_anybody(self, bench: Bench) -> None:
        """[B49] [B60] What runs out meanwhile is found out afterwards."""
        await bench.begin(say.activity("a", timeout=10.0))
        await bench.attempt("a")
        await bench.backend.pause(True)
        bench.clock.advance(60)
        assert await nothing_is_due(bench)
        await bench.backend.pause(False)
        assert (await expired(bench)).expired == "start_to_close"

    @check(Can.START_TO_CLOSE)
    async def test_an_outcome_in_time_leaves_nothing_to_run_out(self, bench: Bench) -> None:
        """[B53] [B57]."""
        await bench.begin(
            say.activity("a", timeout=10.0, heartbeat=5.0, schedule_to_close=20.0)
            if bench.has(Can.HEARTBEAT_TIMEOUT) and bench.has(Can.SCHEDULE_TO_CLOSE)
            else say.activity("a", timeout=10.0)
        )
        assert await bench.done(await bench.attempt("a"))
        await bench.turn()
        bench.clock.advance(100)
        polled = await bench.poll_activities(await bench.worker("bob"))
        assert (paths(polled), polled.next_due) == ([], None)
        assert ids(await bench.poll()) == []

    @check()
    async def test_an_activity_without_limits_never_runs_out(self, bench: Bench) -> None:
        """[B56] [B57] [B58] [B59] Waiting or held."""
        await bench.begin(say.activity("a"), say.activity("b", queue="print"))
        task = await bench.attempt("a")
        bench.clock.advance(3650 * 86400)
        assert await nothing_is_due(bench)
        assert await bench.done(task)
        await bench.attempt("b", queue="print")
