"""Checks of tasks: put with a commit, taken by one worker, and brought back into the inbox."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from corago.ports.store import Instance, Refusal, Task
from corago.testing.store_suite.harness import (
    Bench,
    StoreChecks,
    blob,
    check,
    fence,
    only,
    paths,
    said,
)


async def queued(bench: Bench, *names: str, process_id: str = "p") -> Instance:
    """A process that is held, with tasks of these paths that are due."""
    row = await bench.held(process_id)
    return await bench.written(row, b"{}", tasks=tuple(bench.task(name) for name in names))


async def is_done(bench: Bench, task: Task, worker: int) -> bool:
    """Whether a worker's outcome of a task is taken."""
    return await bench.store.complete_task(task, worker, b'"done"')


class QueueChecks(StoreChecks):
    """`append` with tasks, and `held_tasks`."""

    @check
    async def test_a_task_is_due_for_its_queue(self, bench: Bench) -> None:
        """[C31] [C33] With all that its worker needs to know."""
        row = await bench.held()
        task = bench.task("a/b", queue="print", data=b'{ "x":1 }')
        assert (await bench.written(row, b"{}", tasks=(task,))).position == 2
        worker = await bench.worker()
        claims = await bench.claim_tasks(worker, queues=["print"])
        taken = only(claims.taken)
        assert (taken.process_id, taken.sha, taken.path) == ("p", row.sha, "a/b")
        assert (taken.queue, taken.data, taken.epoch) == ("print", b'{ "x":1 }', 1)
        assert claims.next_due_us is None
        assert await bench.store.held_tasks(worker) == {taken.task: False}

    @check
    async def test_tasks_survive_a_restart(self, bench: Bench) -> None:
        """[C31] [C01] With holder and mark."""
        row = await queued(bench, "a", "b")
        worker = await bench.worker()
        held = await bench.one_taken(worker)
        await bench.written(row, cancels=(held.path,))
        await bench.restart()
        assert await bench.store.held_tasks(worker) == {held.task: True}
        assert await is_done(bench, held, worker)
        await bench.taken("b")

    @check
    async def test_tasks_are_put_without_events_and_however_one_writes(self, bench: Bench) -> None:
        """[C31] By who goes on, who parks, and for nobody."""
        row = await bench.written(await bench.held(), tasks=(bench.task("a"),))
        row = await bench.written(row, tasks=(bench.task("b"),), parks=True)
        await bench.written(row, tasks=(bench.task("c"),), fence=fence(row, owner=None))
        assert paths(await bench.claim_tasks(await bench.worker())) == ["a", "b", "c"]

    @check
    async def test_a_new_task_takes_the_place_of_the_waiting_one(self, bench: Bench) -> None:
        """[C31] With its queue, its instant and its data."""
        row = await queued(bench, "a")
        new = bench.task("a", queue="print", due_us=bench.later(5), data=b'"new"')
        await bench.written(row, b"{}", tasks=(new,))
        worker = await bench.worker()
        assert paths(await bench.claim_tasks(worker)) == []
        bench.clock.advance(5)
        claims = await bench.claim_tasks(worker, queues=["mail", "print"])
        assert [(each.path, each.data) for each in claims.taken] == [("a", b'"new"')]

    @check
    async def test_who_works_at_a_replaced_task_is_fenced(self, bench: Bench) -> None:
        """[C31] [C34] Even if it takes the new one as well."""
        row = await queued(bench, "a")
        worker = await bench.worker()
        old = await bench.taken("a", worker)
        await bench.written(row, b"{}", tasks=(bench.task("a", data=b'"new"'),))
        assert await bench.store.held_tasks(worker) == {}
        assert not await is_done(bench, old, worker)
        new = await bench.taken("a", worker)
        assert (new.data, new.task == old.task) == (b'"new"', False)
        assert not await is_done(bench, old, worker)
        assert await bench.inbox() == []
        assert await is_done(bench, new, worker)

    @check
    async def test_of_two_tasks_of_one_path_the_last_is_put(self, bench: Bench) -> None:
        """[C31]."""
        tasks = (bench.task("a", data=b"1"), bench.task("b"), bench.task("a", data=b"2"))
        await bench.written(await bench.held(), b"{}", tasks=tasks)
        claims = await bench.claim_tasks(await bench.worker())
        assert {each.path: each.data for each in claims.taken} == {"a": b"2", "b": b"{}"}
        assert len(claims.taken) == 2

    @check
    async def test_a_path_belongs_to_its_process(self, bench: Bench) -> None:
        """[C31] Also for marks and drops."""
        await queued(bench, "a", process_id="q")
        worker = await bench.worker()
        held = await bench.taken("a", worker)
        row = await queued(bench, "a", "b")
        row = await bench.written(row, b"{}", cancels=("a",), drops=("b",))
        assert await bench.store.held_tasks(worker) == {held.task: False}
        await bench.written(row, b"{}", drops=("a",))
        assert await is_done(bench, held, worker)

    @check
    async def test_a_canceled_task_is_marked(self, bench: Bench) -> None:
        """[C31] It alone; its worker still brings its outcome."""
        row = await queued(bench, "a", "b")
        worker, other = await bench.worker(), await bench.worker()
        claims = await bench.claim_tasks(worker)
        row = await bench.written(row, b"{}", cancels=("a", "unknown"))
        held = await bench.store.held_tasks(worker)
        assert paths(claims) == ["a", "b"]
        assert held == {each.task: each.path == "a" for each in claims.taken}
        assert await bench.store.held_tasks(other) == {}
        for task in claims.taken:
            assert await is_done(bench, task, worker)

    @check
    async def test_a_mark_stays_with_its_task(self, bench: Bench) -> None:
        """[C31] Set before it was taken or after; not with the one that comes in its place."""
        row = await queued(bench, "a")
        row = await bench.written(row, b"{}", cancels=("a",))
        worker, heir = await bench.worker(), await bench.worker()
        task = await bench.taken("a", worker, queue="")
        assert await bench.store.held_tasks(worker) == {task.task: True}
        await bench.store.bury(worker)
        task = await bench.taken("a", heir, queue="")
        assert await bench.store.held_tasks(heir) == {task.task: True}
        await bench.written(row, b"{}", tasks=(bench.task("a"),))
        task = await bench.taken("a", heir)
        assert await bench.store.held_tasks(heir) == {task.task: False}

    @check
    async def test_a_dropped_task_is_forgotten(self, bench: Bench) -> None:
        """[C31] [C34] Whether somebody works at it or not; the others stay."""
        row = await queued(bench, "a")
        worker = await bench.worker()
        held = await bench.taken("a", worker)
        row = await bench.written(row, b"{}", tasks=(bench.task("b"), bench.task("c")))
        await bench.written(row, b"{}", drops=("a", "b", "unknown"))
        assert await bench.store.held_tasks(worker) == {}
        assert not await is_done(bench, held, worker)
        assert await bench.inbox() == []
        await bench.taken("c")

    @check
    async def test_what_was_begun_refuses_a_commit_that_is_for_the_unbegun(
        self, bench: Bench
    ) -> None:
        """[C50] Held, left to somebody outside, or vanished with; nothing of the item is kept."""
        row, worker = await queued(bench, "a", "b"), await bench.worker()
        change: dict[str, Any] = {
            "drops": ("a",),
            "unbegun": ("b", "a"),
            "blobs": (blob(b'"large"'),),
        }

        async def refused() -> None:
            await bench.assert_refused(row, b"{}", refusal=Refusal.FENCED, **change)
            assert [each.path for each in await bench.store.tasks_of("p")] == ["a", "b"]
            assert await bench.store.blobs([change["blobs"][0].sha]) == []

        task = await bench.one_taken(worker)
        await refused()
        assert await bench.store.detach_task(task, worker)
        await refused()
        await bench.store.bury(worker)
        await refused()
        assert await bench.store.complete_task(task, None, b'"done"')

    @check
    async def test_what_one_worker_vanished_with_was_begun(self, bench: Bench) -> None:
        """[C50] Though it waits again; another's task of that path is no matter."""
        await queued(bench, "b", process_id="other")
        await bench.taken("b")
        row, worker = await queued(bench, "a"), await bench.worker()
        await bench.taken("a", worker)
        await bench.store.bury(worker)
        await bench.assert_refused(row, b"{}", refusal=Refusal.FENCED, unbegun=("a", "b"))
        await bench.written(row, b"{}", unbegun=("b",))

    @check
    async def test_what_nobody_has_begun_refuses_nothing(self, bench: Bench) -> None:
        """[C50] What waits, also after it was let go of, and what is not there."""
        row, worker = await queued(bench, "a"), await bench.worker()
        row = await bench.written(row, b"{}", unbegun=("a", "b"))
        task = await bench.taken("a", worker)
        await bench.store.return_tasks(worker, [task.task], bench.now_us)
        await bench.written(row, b"{}", drops=("a",), unbegun=("a",))
        assert await bench.store.tasks_of("p") == []

    @check
    async def test_what_is_dropped_or_canceled_may_be_put_anew_at_once(self, bench: Bench) -> None:
        """[C31] The old one goes before the new one comes."""
        row = await queued(bench, "a", "b")
        tasks = (bench.task("a", data=b'"new"'), bench.task("b", data=b'"new"'))
        await bench.written(row, b"{}", tasks=tasks, drops=("a",), cancels=("b",))
        worker = await bench.worker()
        claims = await bench.claim_tasks(worker)
        assert [each.data for each in claims.taken] == [b'"new"'] * 2
        assert [*(await bench.store.held_tasks(worker)).values()] == [False] * 2

    @check
    async def test_the_end_removes_all_tasks(self, bench: Bench) -> None:
        """[C31] [C34] However it comes; also those of the last commit."""
        worker = await bench.worker()
        ends: dict[str, dict[str, Any]] = {
            "completed": {},
            "failed": {"tasks": (bench.task("c"),)},
            "aborted": {"seize": True},
        }
        for status, how in ends.items():
            row = await queued(bench, "a", "b", process_id=status)
            held = await bench.one_taken(worker)
            await bench.written(row, b"{}", closes=True, status=status, **how)
            assert await bench.store.held_tasks(worker) == {}
            assert not await is_done(bench, held, worker)
            claims = await bench.claim_tasks(worker)
            assert (paths(claims), claims.next_due_us) == ([], None)
        await queued(bench, "a", process_id="last")
        await bench.written(await bench.held("q"), closes=True, status="completed")
        await bench.taken("a")

    @check
    async def test_a_refused_commit_changes_no_task(self, bench: Bench) -> None:
        """[C31] [C10] [C12] [C16] [C27]."""
        row = await queued(bench, "a", "b")
        worker = await bench.worker()
        held = await bench.one_taken(worker)
        changes = {"tasks": (bench.task("c"),), "cancels": ("a",), "drops": ("b",)}
        await bench.assert_refused_in_every_way(row, **changes)
        assert await bench.store.held_tasks(worker) == {held.task: False}
        await bench.taken("b")

    @check
    async def test_a_listener_hears_of_tasks(self, bench: Bench) -> None:
        """[C31] [C25] [C35] When they are put, marked, dropped, returned or lost."""
        ears = bench.listen()
        row = await queued(bench, "a", "b")
        await ears.wait("task")
        worker = await bench.worker()
        claims = await bench.claim_tasks(worker)
        ears.heard.clear()
        await bench.store.return_tasks(worker, [claims.taken[0].task], bench.now_us)
        await ears.wait("task")
        for change in ({"cancels": ("b",)}, {"drops": ("a",)}):
            ears.heard.clear()
            row = await bench.written(row, b"{}", **change)
            await ears.wait("task")
        ears.heard.clear()
        await bench.store.bury(worker)
        await ears.wait("task")


class TaskChecks(StoreChecks):
    """`claim_tasks` and `complete_task`."""

    @check
    async def test_a_task_is_taken_when_it_is_due(self, bench: Bench) -> None:
        """[C33] At that very instant, and not a microsecond before."""
        row = await bench.held()
        due_us = bench.later(60)
        await bench.written(row, b"{}", tasks=(bench.task("a", due_us=due_us),))
        worker = await bench.worker()
        bench.clock.advance(59.999999)
        claims = await bench.claim_tasks(worker)
        assert (paths(claims), claims.next_due_us) == ([], due_us)
        bench.clock.advance(0.000001)
        await bench.taken("a", worker)

    @check
    async def test_only_asked_queues_and_definitions_are_served(self, bench: Bench) -> None:
        """[C33] And only their instants are told."""
        one, two = await bench.define("greet", 1), await bench.define("greet", 2)
        for name, of, queue, seconds in [
            ("a", one, "mail", 0),
            ("b", one, "print", 0),
            ("c", two, "mail", 0),
            ("d", one, "mail", 9),
            ("e", one, "print", 8),
            ("f", two, "mail", 7),
        ]:
            row = await bench.held(name, definition_id=of)
            task = bench.task(name, queue=queue, due_us=bench.later(seconds))
            await bench.written(row, b"{}", tasks=(task,))
        worker = await bench.worker()
        nothing: list[tuple[list[str], list[int]]]
        nothing = [([], [one, two]), (["mail"], []), (["MAIL"], [one])]
        for queues, asked in nothing:
            claims = await bench.claim_tasks(worker, queues=queues, definitions=asked)
            assert (paths(claims), claims.next_due_us) == ([], None)
        claims = await bench.claim_tasks(worker, definitions=[one])
        assert (paths(claims), claims.next_due_us) == (["a"], bench.later(9))
        claims = await bench.claim_tasks(worker, queues=["print", "mail"], definitions=[two, one])
        assert (paths(claims), claims.next_due_us) == (["b", "c"], bench.later(7))

    @check
    async def test_a_task_goes_with_the_definition_of_its_process(self, bench: Bench) -> None:
        """[C33] [C26] As it is when the task is taken."""
        row = await queued(bench, "a")
        new = await bench.define("greet", 2)
        await bench.written(row, b"{}", definition=new)
        worker = await bench.worker()
        assert paths(await bench.claim_tasks(worker, definitions=[row.definition_id])) == []
        claims = await bench.claim_tasks(worker, definitions=[new])
        assert [each.sha for each in claims.taken] == [(await bench.row()).sha]

    @check
    async def test_the_longest_due_task_is_taken_first_up_to_a_limit(self, bench: Bench) -> None:
        """[C33] Over queues and processes; and what is left is told."""
        places = [("b", "mail", 2), ("c", "print", 3), ("a", "print", 1), ("d", "mail", 4)]
        for path, queue, seconds in places:
            task = bench.task(path, queue=queue, due_us=bench.later(seconds))
            await bench.written(await bench.held(path), b"{}", tasks=(task,))
        fourth = bench.later(4)
        bench.clock.advance(10)
        worker = await bench.worker()
        queues = ["mail", "print"]
        assert paths(await bench.claim_tasks(worker, 0, queues)) == []
        claims = await bench.claim_tasks(worker, 3, queues)
        assert (paths(claims), claims.next_due_us) == (["a", "b", "c"], fourth)
        assert paths(await bench.claim_tasks(worker, 3, queues)) == ["d"]

    @check
    async def test_what_is_taken_is_not_taken_again(self, bench: Bench) -> None:
        """[C33] Neither by another worker nor by the same, however late."""
        await queued(bench, "a")
        worker = await bench.worker()
        await bench.taken("a", worker)
        bench.clock.advance(24 * 3600)
        for each in (worker, await bench.worker()):
            claims = await bench.claim_tasks(each)
            assert (paths(claims), claims.next_due_us) == ([], None)

    @check
    async def test_workers_at_once_share_what_is_due(self, bench: Bench) -> None:
        """[C33] Over two objects; nothing is taken twice, nothing is left."""
        stores = [bench.store, await bench.second()] * 4
        definition = await bench.define()
        await queued(bench, *(f"t{number}" for number in range(40)))
        workers = [await bench.worker(f"w{number}") for number in range(8)]
        answers = await asyncio.gather(
            *(
                store.claim_tasks(worker, ["mail"], [definition], 7)
                for store, worker in zip(stores, workers, strict=True)
            )
        )
        taken = [path for claims in answers for path in paths(claims)]
        assert len(taken) == len(set(taken)) == 40
        for claims, worker in zip(answers, workers, strict=True):
            held = await bench.store.held_tasks(worker)
            assert held == {each.task: False for each in claims.taken}

    @check
    async def test_while_paused_no_task_is_taken(self, bench: Bench) -> None:
        """[C33] [C34] But what was taken is brought back."""
        await queued(bench, "a", "b")
        worker = await bench.worker()
        held = await bench.one_taken(worker)
        await bench.store.pause(True)
        assert paths(await bench.claim_tasks(worker)) == []
        assert await is_done(bench, held, worker)
        await bench.store.pause(False)
        assert paths(await bench.claim_tasks(worker)) == ["b"]

    @check
    async def test_who_is_no_worker_takes_no_task(self, bench: Bench) -> None:
        """[C33] [C25] Nobody could ever take it from it."""
        await queued(bench, "a")
        worker = await bench.worker()
        await bench.store.bury(worker)
        for each in (worker, 77):
            assert paths(await bench.claim_tasks(each)) == []
        await bench.taken("a")

    @check
    async def test_a_buried_workers_tasks_are_due_at_once(self, bench: Bench) -> None:
        """[C25] [C33] [C34] They alone, in a later epoch; they do not count as processes."""
        await queued(bench, "a", "b", "c")
        dead, alive = await bench.worker(), await bench.worker()
        first = await bench.one_taken(dead)
        second = await bench.one_taken(alive)
        bench.clock.advance(5)
        await bench.held("q", owner=dead)
        assert await bench.store.bury(dead) == 1
        assert not await is_done(bench, first, dead)
        assert (await bench.one_taken(alive)).path == "c"
        assert (await bench.claim_tasks(alive, limit=0)).next_due_us == bench.now_us
        again = await bench.one_taken(alive)
        assert (again.task, again.epoch, again.data) == (first.task, first.epoch + 1, first.data)
        assert (first.losses, second.losses, again.losses) == (0, 0, 1)
        assert not await is_done(bench, first, alive)
        assert await is_done(bench, again, alive)
        assert await is_done(bench, second, alive)

    @check
    async def test_an_outcome_gets_into_the_inbox(self, bench: Bench) -> None:
        """[C34] [C06] [C09] Numbered and stamped; the task is gone."""
        row = await queued(bench, "a")
        early = await bench.send(data=b'"early"')
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        bench.clock.advance(5)
        assert await bench.store.complete_task(task, worker, b'{ "x":1 }')
        loaded = await bench.load()
        message = loaded.messages[-1]
        assert said(loaded.messages) == [b'"early"', b'{ "x":1 }']
        assert message.seq > early.seq
        assert (message.at_us, loaded.row.inbox_head) == (bench.now_us, message.seq)
        assert (loaded.row.owner, loaded.row.position) == (row.owner, row.position)
        assert await bench.store.held_tasks(worker) == {}
        assert (await bench.claim_tasks(worker)).next_due_us is None

    @check
    async def test_an_outcome_wakes_a_parked_process(self, bench: Bench) -> None:
        """[C34] [C06] [C12] And is overlooked by no one who parks; listeners hear of it."""
        row = await queued(bench, "a", "b")
        worker = await bench.worker()
        first, second = await bench.one_taken(worker), await bench.one_taken(worker)
        assert await is_done(bench, first, worker)
        assert await bench.append(row, parks=True, seen=0) is not None
        await bench.written(await bench.row(), parks=True, due_us=bench.later(60))
        ears = bench.listen()
        assert await is_done(bench, second, worker)
        await ears.wait("message")
        await ears.wait("runnable")
        assert len((await bench.claimed()).messages) == 2

    @check
    async def test_an_outcome_survives_a_restart(self, bench: Bench) -> None:
        """[C34] [C01] And is not asked for again."""
        await queued(bench, "a")
        worker = await bench.worker()
        assert await is_done(bench, await bench.taken("a", worker), worker)
        await bench.restart()
        assert await bench.inbox() == [b'"done"']
        assert paths(await bench.claim_tasks(worker)) == []

    @check
    async def test_an_outcome_is_taken_once(self, bench: Bench) -> None:
        """[C34] Also of many at once, over two objects."""
        await queued(bench, "a")
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        stores = [bench.store, await bench.second()] * 5
        answers = await asyncio.gather(
            *(store.complete_task(task, worker, b'"done"') for store in stores)
        )
        assert answers.count(True) == 1
        assert not await is_done(bench, task, worker)
        assert await bench.inbox() == [b'"done"']

    @check
    async def test_an_outcome_needs_worker_and_epoch(self, bench: Bench) -> None:
        """[C34] Or nothing is written, and the task stays whose it is."""
        await queued(bench, "a")
        worker, other = await bench.worker(), await bench.worker()
        task = await bench.taken("a", worker)
        before = await bench.load()
        for epoch in (task.epoch + 1, task.epoch - 1):
            assert not await is_done(bench, replace(task, epoch=epoch), worker)
        assert not await is_done(bench, task, other)
        assert await bench.load() == before
        assert await bench.store.held_tasks(worker) == {task.task: False}
        assert await is_done(bench, task, worker)

    @check
    async def test_a_closed_process_hears_no_outcome(self, bench: Bench) -> None:
        """[C34] A failed one that is not reopened yet, for instance: the task is only taken out."""
        await bench.closed(status="failed")
        await bench.send(reopens=True)
        row = (await bench.claimed()).row
        await bench.written(row, status="failed", tasks=(bench.task("a"),))
        before = await bench.load()
        worker = await bench.worker()
        assert await is_done(bench, await bench.taken("a", worker), worker)
        assert await bench.load() == before
        assert await bench.store.held_tasks(worker) == {}
        assert (await bench.claim_tasks(worker)).next_due_us is None
