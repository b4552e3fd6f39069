"""Checks of tasks that have expired: who gets them, and who comes too late."""

from __future__ import annotations

from typing import Any

from corago.testing.store_suite.harness import (
    Bench,
    StoreChecks,
    check,
    limits,
    only,
    paths,
    said,
)
from corago.testing.store_suite.limits import A_MOMENT, BEAT, CLOSE, RUN, START, YEAR, limited
from corago.testing.store_suite.tasks import is_done


class ExpiryChecks(StoreChecks):
    """What becomes of a task that has expired."""

    @check
    async def test_an_expired_task_comes_to_any_worker(self, bench: Bench) -> None:
        """[C42] Whoever holds it; also to those who serve its queue, and to its holder."""
        worker = await bench.worker()
        asks: list[dict[str, Any]]
        asks = [{"queues": ("print",)}, {"queues": ("mail",)}, {"definitions": ()}]
        for asked in asks:
            await limited(bench, run=5)
            await bench.taken("a", worker)
            bench.clock.advance(5)
            claims = await bench.claim_tasks(await bench.worker(), **asked)
            assert [(each.path, each.expired) for each in claims.taken] == [("a", RUN)]
            assert await bench.store.held_tasks(worker) == {}
        await limited(bench, run=5)
        await bench.taken("a", worker)
        bench.clock.advance(5)
        task = only((await bench.expired(worker)).taken)
        assert (task.expired, task.epoch) == (RUN, 2)
        assert await bench.store.held_tasks(worker) == {task.task: False}

    @check
    async def test_what_has_expired_is_taken_once(self, bench: Bench) -> None:
        """[C42] [C33] Also by those for whom it is due, and however long it is held then."""
        await limited(bench, start=5, close=6, run=7, beat=8)
        bench.clock.advance(60)
        worker = await bench.worker()
        assert paths(await bench.claim_tasks(worker)) == ["a"]
        bench.clock.advance(YEAR)
        for each in (worker, await bench.worker()):
            claims = await bench.claim_tasks(each)
            assert (paths(claims), claims.next_due_us) == ([], None)

    @check
    async def test_what_is_taken_in_time_is_not_said_to_have_expired(self, bench: Bench) -> None:
        """[C41] [C42] A moment before its end, for instance."""
        await limited(bench, start=5, close=6, run=7, beat=8)
        bench.clock.advance(5 - A_MOMENT)
        task = await bench.taken("a")
        assert task.expired == ""

    @check
    async def test_while_paused_no_expired_task_is_taken(self, bench: Bench) -> None:
        """[C42] [C33] But after the pause."""
        await limited(bench, close=5)
        bench.clock.advance(5)
        await bench.store.pause(True)
        assert paths(await bench.expired()) == []
        await bench.store.pause(False)
        assert limits(await bench.expired()) == [CLOSE]

    @check
    async def test_who_is_no_worker_takes_no_expired_task(self, bench: Bench) -> None:
        """[C42] [C33] [C25]."""
        await limited(bench, close=5)
        bench.clock.advance(5)
        worker = await bench.worker()
        await bench.store.bury(worker)
        for each in (worker, 77):
            assert paths(await bench.expired(each)) == []
        assert limits(await bench.expired()) == [CLOSE]

    @check
    async def test_expired_and_due_tasks_come_in_one_order(self, bench: Bench) -> None:
        """[C42] [C33] As if due since they expired, each once, up to the limit."""
        await limited(bench, "e", due=5)
        await limited(bench, "d", due=YEAR, close=4)
        await limited(bench, "c", due=YEAR, start=3)
        await limited(bench, "b", due=2)
        await limited(bench, "a", due=1, close=6)
        bench.clock.advance(10)
        worker = await bench.worker()
        assert paths(await bench.claim_tasks(worker, limit=0)) == []
        claims = await bench.claim_tasks(worker, limit=3)
        assert (paths(claims), limits(claims)) == (["a", "b", "c"], [CLOSE, "", START])
        assert claims.next_due_us == bench.later(-6)
        claims = await bench.claim_tasks(worker, limit=3)
        assert (paths(claims), limits(claims)) == (["d", "e"], [CLOSE, ""])

    @check
    async def test_the_next_expiry_is_told(self, bench: Bench) -> None:
        """[C42] To whoever asks, of whatever is waiting, held or detached."""
        await limited(bench, "a", due=YEAR, close=40)
        worker = await bench.worker()
        assert (await bench.claim_tasks(worker)).next_due_us == bench.later(40)
        await limited(bench, "b", run=30)
        assert (await bench.claim_tasks(worker)).next_due_us == bench.later(30)
        await limited(bench, "c", beat=20)
        claims = await bench.claim_tasks(worker)
        assert claims.next_due_us == bench.later(20)
        bench.clock.advance(5)
        task = only(claims.taken)
        assert await bench.store.heartbeat_task(task, worker) is False
        assert await bench.store.detach_task(task, worker)
        assert (await bench.expired()).next_due_us == bench.later(20)
        bench.clock.advance(60)
        assert (await bench.expired(worker, limit=0)).next_due_us == bench.later(20 - 60)

    @check
    async def test_who_held_what_another_took_is_fenced(self, bench: Bench) -> None:
        """[C42] [C43] [C44] [C45] [C34] [C35] And changes nothing any more."""
        await limited(bench, run=5)
        worker, other = await bench.worker(), await bench.worker()
        old = await bench.taken("a", worker)
        bench.clock.advance(5)
        new = only((await bench.expired(other)).taken)
        assert (new.task, new.epoch, new.owner) == (old.task, old.epoch + 1, other)
        assert not await is_done(bench, old, worker)
        assert await bench.store.heartbeat_task(old, worker, b'"late"') is None
        assert not await bench.store.detach_task(old, worker)
        await bench.store.return_tasks(worker, [old.task], bench.now_us)
        assert await bench.inbox() == []
        assert await bench.task_of(new) == new

    @check
    async def test_who_is_late_is_refused_before_anybody_noticed(self, bench: Bench) -> None:
        """[C43] [C44] [C45] At that very instant; a moment before, it is not."""
        for name in ("close", "run", "beat"):
            await limited(bench, "late", **{name: 5})
            await limited(bench, "soon", **{name: 5})
            worker = await bench.worker()
            late, soon = await bench.all_taken(worker, "late", "soon")
            bench.clock.advance(5 - A_MOMENT)
            assert await is_done(bench, soon, worker)
            before = await bench.load()
            bench.clock.advance(A_MOMENT)
            assert not await is_done(bench, late, worker)
            assert await bench.store.heartbeat_task(late, worker, b'"late"') is None
            assert not await bench.store.detach_task(late, worker)
            assert await bench.load() == before
            assert only((await bench.expired(worker)).taken).details == b""

    @check
    async def test_who_is_late_is_refused_from_outside_too(self, bench: Bench) -> None:
        """[C43] [C44] [C45]."""
        await limited(bench, close=5)
        worker = await bench.worker()
        task = await bench.taken("a", worker)
        assert await bench.store.detach_task(task, worker)
        bench.clock.advance(5)
        assert not await bench.store.complete_task(task, None, b'"late"')
        assert await bench.store.heartbeat_task(task, None, b'"late"') is None
        assert await bench.inbox() == []
        claims = await bench.expired()
        assert (limits(claims), only(claims.taken).details) == ([CLOSE], b"")
        assert not await bench.store.complete_task(task, None, b'"late"')

    @check
    async def test_who_takes_what_has_expired_tells_of_it(self, bench: Bench) -> None:
        """[C43] [C34] However long that takes; and may not detach it."""
        await limited(bench, start=1, close=2, run=3, beat=4)
        bench.clock.advance(1)
        worker = await bench.worker()
        task = only((await bench.expired(worker)).taken)
        bench.clock.advance(YEAR)
        assert await bench.store.heartbeat_task(task, worker) is False
        assert not await bench.store.detach_task(task, worker)
        assert await bench.store.complete_task(task, worker, b'"expired"')
        assert said((await bench.load()).messages) == [b'"expired"']
        assert await bench.store.read_task(task.task) is None

    @check
    async def test_what_has_expired_stays_expired(self, bench: Bench) -> None:
        """[C41] [C42] [C25] When its taker dies, and whichever limit runs out after it."""
        await limited(bench, start=5, close=6, run=7, beat=8)
        bench.clock.advance(5)
        for losses in range(3):
            worker = await bench.worker()
            claims = await bench.expired(worker)
            task = only(claims.taken)
            assert (task.path, task.expired, task.losses) == ("a", START, losses)
            assert (task.epoch, claims.next_due_us) == (losses + 1, None)
            bench.clock.advance(YEAR)
            await bench.store.bury(worker)
            assert (await bench.expired(limit=0)).next_due_us == bench.now_us

    @check
    async def test_what_has_expired_is_returned_to_any_worker(self, bench: Bench) -> None:
        """[C42] [C35] When it is said to be due; by its queue, too."""
        await limited(bench, close=5)
        bench.clock.advance(5)
        worker = await bench.worker()
        task = only((await bench.expired(worker)).taken)
        await bench.store.return_tasks(worker, [task.task], bench.later(60))
        bench.clock.advance(60 - A_MOMENT)
        claims = await bench.expired(worker)
        assert (paths(claims), claims.next_due_us) == ([], bench.later(A_MOMENT))
        bench.clock.advance(A_MOMENT)
        task = only((await bench.expired(worker)).taken)
        assert (task.expired, task.losses) == (CLOSE, 0)
        await bench.store.return_tasks(worker, [task.task], bench.now_us)
        assert (await bench.taken("a")).expired == CLOSE

    @check
    async def test_what_expired_before_it_was_let_go_of_has_expired(self, bench: Bench) -> None:
        """[C41] [C25] [C35] Though nobody noticed; a run's limit is remembered by its name."""
        for name, limit in (("close", CLOSE), ("run", RUN), ("beat", BEAT)):
            await limited(bench, "lost", **{name: 5})
            await limited(bench, "back", **{name: 5})
            worker, other = await bench.worker(), await bench.worker()
            await bench.one_taken(worker)
            back = await bench.taken("back", other)
            bench.clock.advance(5)
            await bench.store.bury(worker)
            await bench.store.return_tasks(other, [back.task], bench.now_us)
            claims = await bench.expired(other)
            assert sorted(paths(claims)) == ["back", "lost"]
            assert limits(claims) == [limit, limit]

    @check
    async def test_what_is_to_stop_expires(self, bench: Bench) -> None:
        """[C41] [C31] Waiting or held; its mark stays."""
        await limited(bench, "held", run=5)
        worker = await bench.worker()
        await bench.taken("held", worker)
        row = await limited(bench, "waits", due=60, close=5)
        await bench.written(row, b"{}", cancels=("held", "waits"))
        bench.clock.advance(5)
        claims = await bench.claim_tasks(worker, queues=[""])
        found = {each.path: (each.queue, each.expired) for each in claims.taken}
        assert found == {"held": ("mail", RUN), "waits": ("", CLOSE)}
        assert [*(await bench.store.held_tasks(worker)).values()] == [True, True]
