"""Checks of tasks that come back: returned by who held them, lost with it, or canceled before."""

from __future__ import annotations

from corago.testing.store_suite.harness import Bench, StoreChecks, check, paths
from corago.testing.store_suite.tasks import is_done, queued


class ReturnChecks(StoreChecks):
    """`return_tasks`, and what `bury` and cancels make of tasks."""

    @check
    async def test_a_canceled_task_that_nobody_holds_is_for_any_worker(self, bench: Bench) -> None:
        """[C31] At once, whatever it waits for; what is held stays where it is."""
        row = await queued(bench, "a")
        worker = await bench.worker()
        held = await bench.taken("a", worker)
        tasks = (bench.task("b", due_us=bench.later(60)), bench.task("c"))
        row = await bench.written(row, b"{}", tasks=tasks)
        await bench.written(row, b"{}", cancels=("a", "b"))
        assert paths(await bench.claim_tasks(worker, queues=[""])) == ["b"]
        assert paths(await bench.claim_tasks(worker)) == ["c"]
        assert await is_done(bench, held, worker)

    @check
    async def test_what_is_to_stop_is_for_any_worker_when_its_own_is_gone(
        self, bench: Bench
    ) -> None:
        """[C25] [C35] Or has returned it; the others go back to their queue."""
        row = await queued(bench, "a", "b")
        first, second, third = [await bench.worker() for _ in range(3)]
        await bench.claim_tasks(first)
        await bench.written(row, b"{}", cancels=("a",))
        await bench.store.bury(first)
        task = await bench.taken("a", second, queue="")
        other = await bench.taken("b", second)
        numbers = [task.task, other.task]
        await bench.store.return_tasks(second, numbers, bench.later(60))
        again = await bench.taken("a", third, queue="")
        assert (again.task, again.losses) == (task.task, 1)
        assert (await bench.claim_tasks(third)).next_due_us == bench.later(60)

    @check
    async def test_losses_of_a_task_add_up(self, bench: Bench) -> None:
        """[C25] [C31] Until another comes in its place."""
        row = await queued(bench, "a")
        for losses in range(3):
            worker = await bench.worker()
            assert (await bench.taken("a", worker)).losses == losses
            await bench.store.bury(worker)
        await bench.written(row, b"{}", tasks=(bench.task("a"),))
        assert (await bench.taken("a")).losses == 0

    @check
    async def test_what_is_returned_is_due_when_it_is_said_to_be(self, bench: Bench) -> None:
        """[C35] [C33] [C34] For any worker of its queue, without a loss; its holder is fenced."""
        await queued(bench, "a", "b")
        worker, heir = await bench.worker(), await bench.worker()
        claims = await bench.claim_tasks(worker)
        first, second = claims.taken
        due_us = bench.later(5)
        await bench.store.return_tasks(worker, [first.task], due_us)
        assert await bench.store.held_tasks(worker) == {second.task: False}
        assert not await is_done(bench, first, worker)
        assert (await bench.claim_tasks(heir)).next_due_us == due_us
        bench.clock.advance(5)
        again = await bench.taken("a", worker)
        assert (again.task, again.losses) == (first.task, 0)
        assert not await is_done(bench, first, worker)
        assert await is_done(bench, again, worker)
        assert await is_done(bench, second, worker)

    @check
    async def test_only_who_holds_a_task_returns_it(self, bench: Bench) -> None:
        """[C35] Numbers of others, and unknown ones, are passed over."""
        await queued(bench, "a", "b")
        worker, other = await bench.worker(), await bench.worker()
        mine, theirs = await bench.one_taken(worker), await bench.one_taken(other)
        await bench.store.return_tasks(worker, [theirs.task, 999], bench.now_us)
        await bench.store.return_tasks(worker, [], bench.now_us)
        assert await bench.store.held_tasks(worker) == {mine.task: False}
        assert await bench.store.held_tasks(other) == {theirs.task: False}

    @check
    async def test_losses_and_returns_survive_a_restart(self, bench: Bench) -> None:
        """[C25] [C35] [C01]."""
        await queued(bench, "a")
        worker = await bench.worker()
        await bench.taken("a", worker)
        await bench.store.bury(worker)
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        await bench.store.return_tasks(worker, [task.task], bench.now_us)
        await bench.restart()
        assert (await bench.taken("a")).losses == 1
