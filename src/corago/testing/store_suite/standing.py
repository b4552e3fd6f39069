"""Checks of tasks as people look at them."""

from __future__ import annotations

from msgspec.structs import replace

from corago.ports.store import StandingTask, Task
from corago.testing.store_suite.harness import Bench, StoreChecks, check, only
from corago.testing.store_suite.limits import limited
from corago.testing.store_suite.tasks import queued


async def standing(bench: Bench) -> StandingTask:
    """The one task of process `p`."""
    return only(await bench.store.tasks_of("p"))


class StandingChecks(StoreChecks):
    """`tasks_of`."""

    @check
    async def test_a_waiting_task_is_seen(self, bench: Bench) -> None:
        """[C48] With its queue, its instant and what it brought along."""
        row = await bench.held()
        due_us = bench.later(9)
        task = bench.task("a", due_us=due_us, activity="Pay", details=b'{ "x":1 }')
        await bench.written(row, b"{}", tasks=(task,))
        seen = await standing(bench)
        wanted = StandingTask(seen.task, 0, "a", "mail", "Pay", due_us=due_us)
        assert seen == replace(wanted, details=b'{ "x":1 }')

    @check
    async def test_a_held_task_is_seen_with_its_holder(self, bench: Bench) -> None:
        """[C48] Since when, when it was last heard of, and whether it is to stop."""
        row = await queued(bench, "a")
        worker = await bench.worker("ann")
        bench.clock.advance(3)
        task, taken_us = await bench.taken("a", worker), bench.now_us
        held = StandingTask(task.task, 1, "a", "mail", owner=worker, owner_name="ann")
        held = replace(held, taken_us=taken_us, heard_us=taken_us)
        assert await standing(bench) == held
        bench.clock.advance(3)
        assert await bench.store.heartbeat_task(task, worker, b"1") is False
        held = replace(held, heard_us=bench.now_us, details=b"1")
        assert await standing(bench) == held
        await bench.written(row, b"{}", cancels=("a",))
        assert await standing(bench) == replace(held, stops=True)

    @check
    async def test_a_task_that_was_let_go_of_is_seen(self, bench: Bench) -> None:
        """[C48] With its losses, and when it was last taken; detached, it is due to nobody."""
        await queued(bench, "a")
        worker, other = await bench.worker("ann"), await bench.worker("ben")
        await bench.taken("a", worker)
        taken_us = bench.now_us
        bench.clock.advance(3)
        await bench.store.bury(worker)
        seen = await standing(bench)
        assert (seen.owner, seen.owner_name, seen.due_us) == (None, None, bench.now_us)
        assert (seen.losses, seen.epoch, seen.taken_us) == (1, 1, taken_us)
        task = await bench.taken("a", other)
        assert await bench.store.detach_task(task, other)
        seen = await standing(bench)
        assert (seen.owner, seen.owner_name, seen.due_us) == (None, None, None)
        assert (seen.losses, seen.epoch, seen.taken_us) == (1, 2, bench.now_us)

    @check
    async def test_what_may_run_out_first_is_seen(self, bench: Bench) -> None:
        """[C48] [C41] With its instant, before and after it; once it was taken, with its name."""
        await limited(bench, start=5, close=9, run=3)

        async def first() -> tuple[int | None, str]:
            seen = await standing(bench)
            return seen.expires_us, seen.limit

        assert await first() == (bench.later(5), "schedule_to_start")
        task: Task = await bench.taken("a")
        assert await first() == (bench.later(3), "start_to_close")
        bench.clock.advance(4)
        assert await first() == (bench.later(-1), "start_to_close")
        worker = await bench.worker()
        assert only((await bench.expired(worker)).taken).task == task.task
        assert await first() == (None, "start_to_close")
        await bench.store.bury(worker)
        assert await first() == (bench.now_us, "start_to_close")

    @check
    async def test_tasks_are_seen_by_process(self, bench: Bench) -> None:
        """[C48] The oldest first; none of an unknown process, none that is gone."""
        await queued(bench, "other", process_id="q")
        row = await queued(bench, "c", "a", "b")
        await bench.written(row, b"{}", drops=("a",))
        assert [each.path for each in await bench.store.tasks_of("p")] == ["c", "b"]
        assert [each.path for each in await bench.store.tasks_of("q")] == ["other"]
        assert await bench.store.tasks_of("unknown") == []
