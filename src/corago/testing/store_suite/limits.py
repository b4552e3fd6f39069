"""Checks of the limits of tasks: when they expire, who gets them then, and who comes too late."""

from __future__ import annotations

from itertools import permutations

from corago.ports.store import Instance, Task
from corago.testing.store_suite.harness import (
    SECOND,
    Bench,
    StoreChecks,
    check,
    limits,
    only,
    paths,
)
from corago.testing.store_suite.tasks import queued

A_MOMENT = 0.000001
"""The least that a clock knows, in seconds."""

YEAR = 365 * 24 * 3600

START, CLOSE, RUN, BEAT = "schedule_to_start", "schedule_to_close", "start_to_close", "heartbeat"


def within(bench: Bench, **seconds: float) -> dict[str, int]:
    """Limits of a new task, in seconds from now: `start`, `close`, `run` and `beat`."""
    fields = {"start": "start_by_us", "close": "close_by_us", "run": "run_us", "beat": "beat_us"}
    return {
        fields[name]: bench.later(value) if name in ("start", "close") else round(value * SECOND)
        for name, value in seconds.items()
    }


async def limited(bench: Bench, path: str = "a", due: float = 0, **seconds: float) -> Instance:
    """A process `p` that is held, with a task more, due in so many seconds, with these limits."""
    loaded = await bench.store.load("p")
    row = await bench.held() if loaded is None else loaded.row
    task = bench.task(path, due_us=bench.later(due), **within(bench, **seconds))
    return await bench.written(row, b"{}", tasks=(task,))


async def assert_expires(bench: Bench, seconds: float, limit: str) -> Task:
    """The one task expires in so many seconds, not a moment before; taken by a new worker."""
    at_us = bench.later(seconds)
    worker = await bench.worker()
    bench.clock.advance(seconds - A_MOMENT)
    claims = await bench.expired(worker)
    assert (claims.taken, claims.next_due_us) == ((), at_us)
    bench.clock.advance(A_MOMENT)
    claims = await bench.expired(worker)
    assert (limits(claims), claims.next_due_us) == ([limit], None)
    return only(claims.taken)


class LimitChecks(StoreChecks):
    """When a task expires."""

    @check
    async def test_a_task_that_is_not_taken_in_time_expires(self, bench: Bench) -> None:
        """[C41] [C42] At that very instant, and comes with all that is known of it."""
        row = await limited(bench, start=10)
        task = await assert_expires(bench, 10, START)
        assert (task.process_id, task.sha, task.path) == ("p", row.sha, "a")
        assert (task.queue, task.data, task.epoch, task.losses) == ("mail", b"{}", 1, 0)

    @check
    async def test_a_task_expires_before_it_is_due(self, bench: Bench) -> None:
        """[C41] [C42] If a limit is earlier."""
        await limited(bench, due=60, close=10)
        await assert_expires(bench, 10, CLOSE)

    @check
    async def test_what_was_taken_in_time_may_wait_again(self, bench: Bench) -> None:
        """[C41] Whether it was returned or its worker is gone."""
        await limited(bench, start=10)
        bench.clock.advance(5)
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        bench.clock.advance(6)
        assert await bench.store.heartbeat_task(task, worker) is False
        await bench.store.return_tasks(worker, [task.task], bench.now_us)
        assert paths(await bench.expired()) == []
        assert (await bench.taken("a", worker)).expired == ""
        await bench.store.bury(worker)
        claims = await bench.expired()
        assert (paths(claims), claims.next_due_us) == ([], None)
        assert (await bench.taken("a")).expired == ""

    @check
    async def test_what_was_returned_unbegun_must_be_taken_in_time_again(
        self, bench: Bench
    ) -> None:
        """[C35] [C41] By the instant that is said, once more."""
        await limited(bench, start=10)
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        start_by_us = {task.task: bench.later(10)}
        await bench.store.return_tasks(worker, [task.task], bench.now_us, start_by_us)
        await assert_expires(bench, 10, START)

    @check
    async def test_a_task_must_be_done_in_time_wherever_it_is(self, bench: Bench) -> None:
        """[C41] [C45] Waiting, held, detached, and waiting again."""
        worker = await bench.worker()
        await limited(bench, close=10)
        await assert_expires(bench, 10, CLOSE)
        for path in ("held", "detached", "returned", "buried"):
            await limited(bench, path, close=10)
            holder = await bench.worker()
            task = await bench.taken(path, worker if path == "returned" else holder)
            if path == "detached":
                assert await bench.store.detach_task(task, holder)
            elif path == "returned":
                await bench.store.return_tasks(worker, [task.task], bench.now_us)
            elif path == "buried":
                await bench.store.bury(holder)
            await assert_expires(bench, 10, CLOSE)

    @check
    async def test_the_time_of_a_run_begins_when_it_is_taken(self, bench: Bench) -> None:
        """[C41] However long it waited."""
        await limited(bench, run=10)
        bench.clock.advance(YEAR)
        assert paths(await bench.expired()) == []
        await bench.taken("a")
        bench.clock.advance(4)
        await assert_expires(bench, 6, RUN)

    @check
    async def test_the_times_of_run_and_heartbeat_begin_anew(self, bench: Bench) -> None:
        """[C41] [C25] [C35] When it is taken again; while it waits, there are none."""
        for name, limit in (("run", RUN), ("beat", BEAT)):
            await limited(bench, name, **{name: 10})
            worker, other = await bench.worker(), await bench.worker()
            task = await bench.taken(name, worker)
            bench.clock.advance(8)
            await bench.store.return_tasks(worker, [task.task], bench.now_us)
            bench.clock.advance(YEAR)
            assert (await bench.taken(name, other)).expired == ""
            bench.clock.advance(8)
            await bench.store.bury(other)
            bench.clock.advance(YEAR)
            claims = await bench.expired(worker)
            assert (paths(claims), claims.next_due_us) == ([], None)
            assert (await bench.taken(name, worker)).epoch == 3
            await assert_expires(bench, 10, limit)

    @check
    async def test_a_task_without_heartbeats_expires(self, bench: Bench) -> None:
        """[C41] [C44] Counted from being taken, then from the last one."""
        await limited(bench, beat=10)
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        for _ in range(3):
            bench.clock.advance(10 - A_MOMENT)
            assert await bench.store.heartbeat_task(task, worker) is False
        await assert_expires(bench, 10, BEAT)

    @check
    async def test_heartbeats_lengthen_no_other_limit(self, bench: Bench) -> None:
        """[C41] [C44]."""
        for name, limit in (("close", CLOSE), ("run", RUN)):
            await limited(bench, name, **{"beat": 10, name: 15})
            worker = await bench.worker()
            task = await bench.taken(name, worker)
            bench.clock.advance(9)
            assert await bench.store.heartbeat_task(task, worker) is False
            await assert_expires(bench, 6, limit)

    @check
    async def test_the_limit_that_ran_out_first_is_named(self, bench: Bench) -> None:
        """[C41] Of any two, and of equal instants in a fixed order; however late it is noticed."""
        names = {"close": CLOSE, "run": RUN, "beat": BEAT}
        for first, second in permutations(names, 2):
            await limited(bench, "a", **{first: 5, second: 7})
            await bench.taken("a")
            bench.clock.advance(60)
            assert limits(await bench.expired()) == [names[first]]
        for start, close, limit in ((5, 7, START), (7, 5, CLOSE), (5, 5, START)):
            await limited(bench, start=start, close=close)
            bench.clock.advance(60)
            assert limits(await bench.expired()) == [limit]
        for equal in (("close", "run", "beat"), ("run", "beat")):
            await limited(bench, "a", **dict.fromkeys(equal, 5.0))
            await bench.taken("a")
            bench.clock.advance(5)
            assert limits(await bench.expired()) == [names[equal[0]]]

    @check
    async def test_a_task_without_limits_never_expires(self, bench: Bench) -> None:
        """[C41] [C42] Neither waiting nor held nor detached."""
        await queued(bench, "a", "b", "c")
        worker = await bench.worker()
        assert await bench.store.detach_task(await bench.one_taken(worker), worker)
        task = await bench.one_taken(worker)
        assert await bench.store.heartbeat_task(task, worker) is False
        bench.clock.advance(YEAR)
        claims = await bench.expired()
        assert (paths(claims), claims.next_due_us) == ([], None)

    @check
    async def test_limits_survive_a_restart(self, bench: Bench) -> None:
        """[C41] [C01] Of what waits and of what is held, and the name of what has run out."""
        await limited(bench, "waits", due=YEAR, close=20)
        await limited(bench, "runs", run=15)
        await limited(bench, "beats", beat=17)
        worker = await bench.worker()
        _, beats = await bench.all_taken(worker, "runs", "beats")
        bench.clock.advance(2)
        assert await bench.store.heartbeat_task(beats, worker) is False
        await bench.restart()
        bench.clock.advance(13)
        heir = await bench.worker()
        assert limits(await bench.expired(heir)) == [RUN]
        await bench.restart()
        assert await bench.store.bury(heir) == 0
        bench.clock.advance(5)
        assert limits(await bench.expired()) == [RUN, BEAT, CLOSE]

    @check
    async def test_a_new_task_has_its_own_limits(self, bench: Bench) -> None:
        """[C41] [C31] Those of the one before are gone with it."""
        await limited(bench, close=5, beat=1)
        await bench.taken("a")
        await limited(bench, run=10)
        bench.clock.advance(60)
        assert (await bench.taken("a")).expired == ""
        await assert_expires(bench, 10, RUN)

    @check
    async def test_a_closed_process_has_no_task_that_expires(self, bench: Bench) -> None:
        """[C31] [C42]."""
        row = await limited(bench, close=5)
        await bench.written(row, b"{}", closes=True, status="completed")
        bench.clock.advance(5)
        claims = await bench.expired()
        assert (paths(claims), claims.next_due_us) == ([], None)
