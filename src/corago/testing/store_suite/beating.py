"""Checks of tasks in other hands: by their activities, with heartbeats, and detached."""

from __future__ import annotations

from msgspec.structs import replace

from corago.ports.store import Task
from corago.testing.store_suite.harness import Bench, StoreChecks, check, only, paths, said
from corago.testing.store_suite.limits import limited
from corago.testing.store_suite.tasks import is_done, queued


class ActivityChecks(StoreChecks):
    """`claim_tasks` by the names of activities."""

    @check
    async def test_a_task_is_taken_by_its_activity(self, bench: Bench) -> None:
        """[C40] Without its definition, of asked queues only; and never one without a name."""
        row = await bench.held()
        due_us = bench.later(5)
        tasks = (
            *(bench.task(name, activity=name) for name in ("Pay", "Ship", "pay")),
            bench.task("printed", activity="Pay", queue="print"),
            bench.task("later", activity="Pay", due_us=due_us),
            bench.task("nameless"),
        )
        await bench.written(row, b"{}", tasks=tasks)
        worker = await bench.worker()

        async def named(activities: list[str] | None) -> tuple[list[str], int | None]:
            claims = await bench.claim_tasks(worker, definitions=[], activities=activities)
            return paths(claims), claims.next_due_us

        assert await named([]) == ([], None)
        assert await named(["", "Bill"]) == ([], None)
        assert await named(["Bill", "Pay"]) == (["Pay"], due_us)
        assert await named(None) == (["Ship", "pay"], due_us)
        bench.clock.advance(5)
        assert await named(["Ship"]) == ([], None)
        assert await named(None) == (["later"], None)
        await bench.taken("nameless", worker)

    @check
    async def test_activities_are_asked_for_beside_definitions(self, bench: Bench) -> None:
        """[C40] What is of either comes, once."""
        one, two = await bench.define("greet", 1), await bench.define("greet", 2)
        for name, of, activity in [("a", one, ""), ("b", one, "Pay"), ("c", two, "Pay")]:
            row = await bench.held(name, definition_id=of)
            await bench.written(row, b"{}", tasks=(bench.task(name, activity=activity),))
        await bench.written(
            await bench.held("d", definition_id=two), b"{}", tasks=(bench.task("d"),)
        )
        worker = await bench.worker()
        claims = await bench.claim_tasks(worker, definitions=[one], activities=["Pay"])
        assert paths(claims) == ["a", "b", "c"]


async def detached(bench: Bench, path: str = "a", worker: int | None = None) -> Task:
    """Take exactly the task of this path, and detach it."""
    worker = await bench.worker() if worker is None else worker
    task = await bench.taken(path, worker)
    assert await bench.store.detach_task(task, worker)
    return task


class HeartbeatChecks(StoreChecks):
    """`heartbeat_task` and `read_task`."""

    @check
    async def test_a_heartbeat_learns_whether_to_stop(self, bench: Bench) -> None:
        """[C44] [C31] While paused, too."""
        row = await queued(bench, "a", "b")
        worker = await bench.worker()
        first, second = await bench.all_taken(worker, "a", "b")
        await bench.store.pause(True)
        for task in (first, second):
            assert await bench.store.heartbeat_task(task, worker) is False
        await bench.written(row, b"{}", cancels=("a",))
        assert await bench.store.heartbeat_task(first, worker, b"1") is True
        assert await bench.store.heartbeat_task(second, worker, b"1") is False

    @check
    async def test_a_heartbeat_changes_nothing_else(self, bench: Bench) -> None:
        """[C44] [C46] Neither the process nor who holds the task."""
        await queued(bench, "a")
        before = await bench.load()
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        assert await bench.store.heartbeat_task(task, worker, b"1") is False
        assert await bench.load() == before
        assert await bench.task_of(task) == replace(task, details=b"1")
        assert (await bench.claim_tasks(await bench.worker())).next_due_us is None
        assert await is_done(bench, task, worker)

    @check
    async def test_details_go_to_the_next_attempt(self, bench: Bench) -> None:
        """[C44] [C25] [C35] [C42] The last ones said, byte for byte, however it came free."""
        row = await bench.held()
        task = bench.task("a", details=b'"first"', run_us=5)
        await bench.written(row, b"{}", tasks=(task, bench.task("b")))
        first, second, third = [await bench.worker() for _ in range(3)]
        held, other = await bench.all_taken(first, "a", "b")
        assert (held.details, other.details) == (b'"first"', b"")
        for details in (b'"lost"', b'{ "at":1 }', None):
            assert await bench.store.heartbeat_task(held, first, details) is False
        await bench.store.return_tasks(first, [held.task], bench.now_us)
        held = await bench.taken("a", second)
        assert held.details == b'{ "at":1 }'
        assert await bench.store.heartbeat_task(held, second, b"2") is False
        await bench.store.bury(second)
        held = await bench.taken("a", third)
        assert held.details == b"2"
        assert await bench.store.heartbeat_task(held, third, b"3") is False
        bench.clock.advance(5)
        for _ in range(2):
            fourth = await bench.worker()
            assert only((await bench.expired(fourth)).taken).details == b"3"
            await bench.store.bury(fourth)
        assert (await bench.task_of(other)).details == b""

    @check
    async def test_details_survive_a_restart(self, bench: Bench) -> None:
        """[C44] [C01]."""
        await queued(bench, "a")
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        assert await bench.store.heartbeat_task(task, worker, b"1") is False
        await bench.restart()
        assert (await bench.task_of(task)).details == b"1"

    @check
    async def test_a_heartbeat_needs_worker_and_epoch(self, bench: Bench) -> None:
        """[C44] Or nothing is written; nobody may send one for what is held, waits or is gone."""
        await limited(bench, beat=5)
        worker, other = await bench.worker(), await bench.worker()
        task = await bench.taken("a", worker)
        bench.clock.advance(4)
        beat = bench.store.heartbeat_task
        for epoch in (task.epoch + 1, task.epoch - 1):
            assert await beat(replace(task, epoch=epoch), worker, b"1") is None
        assert await beat(task, other, b"1") is None
        assert await beat(task, None, b"1") is None
        assert await bench.task_of(task) == task
        assert (await bench.expired()).next_due_us == bench.later(1)
        await bench.store.return_tasks(worker, [task.task], bench.now_us)
        for each in (worker, None):
            assert await beat(task, each, b"1") is None
        task = await bench.taken("a", worker)
        assert task.details == b""
        assert await is_done(bench, task, worker)
        assert await beat(task, worker, b"1") is None

    @check
    async def test_a_task_is_read_as_it_stands(self, bench: Bench) -> None:
        """[C46] Waiting, held, returned, detached and gone."""
        row = await limited(bench, beat=5)
        worker = await bench.worker()
        held = await bench.taken("a", worker)
        assert (held.owner, held.expired) == (worker, "")
        assert await bench.task_of(held) == held
        await bench.store.return_tasks(worker, [held.task], bench.now_us)
        assert await bench.task_of(held) == replace(held, owner=None)
        again = await detached(bench, worker=worker)
        assert await bench.task_of(held) == replace(again, owner=None)
        assert again.epoch == held.epoch + 1
        await bench.written(row, b"{}", drops=("a",))
        assert await bench.store.read_task(held.task) is None
        assert await bench.store.read_task(77) is None

    @check
    async def test_what_has_expired_is_read_so_before_it_is_taken(self, bench: Bench) -> None:
        """[C46] [C41] And as long as it is there."""
        await limited(bench, run=5, beat=6)
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        bench.clock.advance(4.999999)
        assert await bench.task_of(task) == task
        bench.clock.advance(0.000001)
        assert await bench.task_of(task) == replace(task, expired="start_to_close")
        taken = only((await bench.expired(worker)).taken)
        assert await bench.task_of(task) == taken
        assert (taken.expired, taken.epoch) == ("start_to_close", 2)


class DetachChecks(StoreChecks):
    """`detach_task`."""

    @check
    async def test_a_detached_task_is_nobodys_and_not_due(self, bench: Bench) -> None:
        """[C45] Its worker can't bring its outcome any more."""
        await queued(bench, "a")
        worker = await bench.worker()
        task = await detached(bench, worker=worker)
        assert await bench.store.held_tasks(worker) == {}
        bench.clock.advance(24 * 3600)
        for queues in (("mail",), ("",)):
            claims = await bench.claim_tasks(worker, queues=queues)
            assert (paths(claims), claims.next_due_us) == ([], None)
        assert not await is_done(bench, task, worker)
        assert await bench.store.heartbeat_task(task, worker, b"1") is None
        await bench.store.return_tasks(worker, [task.task], bench.now_us)
        assert await bench.task_of(task) == replace(task, owner=None)

    @check
    async def test_a_detached_task_is_completed_from_outside(self, bench: Bench) -> None:
        """[C45] [C34] Once, in its epoch; its process is woken."""
        await bench.written(await queued(bench, "a"), parks=True)
        task = await detached(bench)
        done = bench.store.complete_task
        for epoch in (task.epoch + 1, task.epoch - 1):
            assert not await done(replace(task, epoch=epoch), None, b'"wrong"')
        assert await bench.inbox() == []
        assert await done(task, None, b'"done"')
        assert not await done(task, None, b'"again"')
        assert await bench.store.read_task(task.task) is None
        assert said((await bench.claimed()).messages) == [b'"done"']

    @check
    async def test_only_what_is_detached_is_completed_from_outside(self, bench: Bench) -> None:
        """[C45] [C34] Neither what waits, nor what is held, nor what was returned."""
        await queued(bench, "a", "b")
        worker = await bench.worker()
        held = await bench.one_taken(worker)
        waiting = replace(held, task=held.task + 1, path="b", epoch=0)
        for task in (held, waiting):
            assert not await bench.store.complete_task(task, None, b'"early"')
        await bench.store.return_tasks(worker, [held.task], bench.now_us)
        assert not await bench.store.complete_task(held, None, b'"early"')
        assert await bench.inbox() == []
        assert paths(await bench.claim_tasks(worker)) == ["a", "b"]

    @check
    async def test_a_detached_task_survives_its_worker(self, bench: Bench) -> None:
        """[C45] [C25] In its epoch and without a loss; what that worker holds is due."""
        await queued(bench, "a", "b")
        worker = await bench.worker()
        task, _ = await bench.all_taken(worker, "a", "b")
        assert await bench.store.detach_task(task, worker)
        await bench.store.bury(worker)
        assert paths(await bench.claim_tasks(await bench.worker())) == ["b"]
        assert await bench.task_of(task) == replace(task, owner=None)
        assert await bench.store.complete_task(task, None, b'"done"')

    @check
    async def test_a_detached_task_survives_a_restart(self, bench: Bench) -> None:
        """[C45] [C01]."""
        await queued(bench, "a")
        task = await detached(bench)
        await bench.restart()
        assert paths(await bench.claim_tasks(await bench.worker())) == []
        assert await bench.store.complete_task(task, None, b'"done"')

    @check
    async def test_a_detached_task_keeps_its_limits(self, bench: Bench) -> None:
        """[C45] [C41] [C44] Counted as before; its heartbeats come from outside."""
        await limited(bench, run=20, beat=8)
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        bench.clock.advance(5)
        assert await bench.store.detach_task(task, worker)
        assert (await bench.expired()).next_due_us == bench.later(3)
        bench.clock.advance(2)
        assert await bench.store.heartbeat_task(task, None, b'"outside"') is False
        assert (await bench.expired()).next_due_us == bench.later(8)
        bench.clock.advance(7)
        assert await bench.store.heartbeat_task(task, None) is False
        assert (await bench.expired()).next_due_us == bench.later(6)
        bench.clock.advance(6)
        claims = await bench.expired(worker)
        assert [(each.expired, each.details) for each in claims.taken] == [
            ("start_to_close", b'"outside"')
        ]
        assert await bench.store.held_tasks(worker) == {task.task: False}

    @check
    async def test_a_cancel_leaves_a_detached_task_where_it_is(self, bench: Bench) -> None:
        """[C45] [C31] [C44] It is marked, which its next heartbeat learns."""
        row = await queued(bench, "a", "b")
        worker = await bench.worker()
        first, second = await bench.all_taken(worker, "a", "b")
        assert await bench.store.detach_task(first, worker)
        await bench.written(row, b"{}", cancels=("a", "b"))
        assert await bench.store.detach_task(second, worker)
        claims = await bench.claim_tasks(worker, queues=["", "mail"])
        assert (paths(claims), claims.next_due_us) == ([], None)
        for task in (first, second):
            assert await bench.store.heartbeat_task(task, None) is True
            assert (await bench.task_of(task)).queue == "mail"
            assert await bench.store.complete_task(task, None, b'"canceled"')

    @check
    async def test_a_detached_task_goes_with_its_path_and_its_process(self, bench: Bench) -> None:
        """[C45] [C31] Dropped, replaced or ended."""
        row = await queued(bench, "a", "b", "c")
        worker = await bench.worker()
        tasks = await bench.all_taken(worker, "a", "b", "c")
        for task in tasks:
            assert await bench.store.detach_task(task, worker)
        row = await bench.written(row, b"{}", drops=("a",), tasks=(bench.task("b"),))
        assert paths(await bench.claim_tasks(worker)) == ["b"]
        for task in tasks[:2]:
            assert not await bench.store.complete_task(task, None, b'"late"')
            assert await bench.store.heartbeat_task(task, None) is None
        await bench.written(row, b"{}", closes=True, status="completed")
        assert not await bench.store.complete_task(tasks[2], None, b'"late"')
        assert await bench.store.heartbeat_task(tasks[2], None) is None
        assert await bench.inbox() == []

    @check
    async def test_only_its_holder_detaches_a_task(self, bench: Bench) -> None:
        """[C45] In its epoch, and once; or it stays where it is."""
        await queued(bench, "a")
        worker, other = await bench.worker(), await bench.worker()
        task = await bench.taken("a", worker)
        detach = bench.store.detach_task
        assert not await detach(task, other)
        for epoch in (task.epoch + 1, task.epoch - 1):
            assert not await detach(replace(task, epoch=epoch), worker)
        assert await bench.store.held_tasks(worker) == {task.task: False}
        await bench.store.return_tasks(worker, [task.task], bench.now_us)
        assert not await detach(task, worker)
        task = await detached(bench, worker=other)
        assert not await detach(task, other)
        assert await bench.store.complete_task(task, None, b'"done"')
        assert not await detach(task, other)
