"""Checks of workers: their beats, and what becomes of the work of one that vanished."""

from __future__ import annotations

import asyncio

from corago.ports.store import Peer, Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, ids, said


async def peer(bench: Bench, worker: int) -> Peer:
    """A worker's row, which must be there."""
    found = [each for each in await bench.store.peers() if each.id == worker]
    assert len(found) == 1
    return found[0]


class WorkerChecks(StoreChecks):
    """`beat`, `peers` and `bury`."""

    @check
    async def test_a_worker_that_registers_gets_an_id_of_its_own(self, bench: Bench) -> None:
        """[C24] Names may be the same."""
        workers = [await bench.worker(name) for name in ("ann", "ann", "ben", "größe 🎭")]
        assert len(set(workers)) == 4
        assert all(each > 0 for each in workers)
        found = {each.id: each.name for each in await bench.store.peers()}
        assert found == dict(zip(workers, ("ann", "ann", "ben", "größe 🎭"), strict=True))

    @check
    async def test_every_beat_raises_the_counter(self, bench: Bench) -> None:
        """[C24] Of this worker alone; it keeps its id and its name."""
        worker, other = await bench.worker("ann"), await bench.worker("ben")
        counters = [(await peer(bench, worker)).beat]
        still = (await peer(bench, other)).beat
        for _ in range(3):
            assert await bench.store.beat("ann", worker) == worker
            counters.append((await peer(bench, worker)).beat)
        assert counters == sorted(set(counters))
        assert (await peer(bench, other)).beat == still
        assert len(await bench.store.peers()) == 2

    @check
    async def test_no_living_worker_is_called_dead(self, bench: Bench) -> None:
        """[C24] At best its life is proven."""
        worker = await bench.worker()
        assert (await peer(bench, worker)).is_dead is not True

    @check
    async def test_a_buried_worker_is_told_to_stop(self, bench: Bench) -> None:
        """[C24] Also over a restart, and its id is not given to the next one."""
        worker = await bench.worker("ann")
        await bench.store.bury(worker)
        assert await bench.store.beat("ann", worker) == 0
        assert await bench.store.peers() == []
        assert await bench.worker("ann") != worker
        await bench.restart()
        assert await bench.store.beat("ann", worker) == 0

    @check
    async def test_a_worker_that_never_registered_is_told_to_stop(self, bench: Bench) -> None:
        """[C24]."""
        assert await bench.store.beat("ann", 77) == 0
        assert await bench.store.peers() == []

    @check
    async def test_a_buried_workers_processes_are_due_at_once(self, bench: Bench) -> None:
        """[C25] All of them, and nobody else's."""
        dead, alive = await bench.worker("dead"), await bench.worker("alive")
        await bench.held("a", owner=dead)
        await bench.held("b", owner=alive)
        await bench.held("c", owner=dead)
        assert await bench.store.bury(dead) == 2
        for name in ("a", "c"):
            row = await bench.row(name)
            assert (row.owner, row.due_us) == (None, bench.now_us)
        assert (await bench.row("b")).owner == alive
        assert sorted(ids(await bench.claim(alive))) == ["a", "c"]

    @check
    async def test_a_buried_worker_that_still_writes_is_fenced(self, bench: Bench) -> None:
        """[C25] [C10] Before and after somebody else took its process."""
        worker = await bench.worker()
        row = await bench.held(owner=worker)
        await bench.store.bury(worker)
        assert await bench.append(row, b'"late"') is Refusal.FENCED
        await bench.claimed()
        assert await bench.append(row, b'"late"') is Refusal.FENCED
        assert (await bench.row()).position == 1

    @check
    async def test_a_buried_worker_claims_nothing(self, bench: Bench) -> None:
        """[C25] Nobody could ever take it from it."""
        worker = await bench.worker()
        await bench.store.bury(worker)
        await bench.start()
        assert ids(await bench.claim(worker)) == []
        await bench.claimed()

    @check
    async def test_a_worker_that_beat_meanwhile_is_not_buried(self, bench: Bench) -> None:
        """[C25] Whoever judged it, judged too early."""
        worker = await bench.worker()
        row = await bench.held(owner=worker)
        seen = (await peer(bench, worker)).beat
        await bench.store.beat("worker", worker)
        assert await bench.store.bury(worker, seen) == 0
        assert await bench.store.beat("worker", worker) == worker
        assert (await bench.written(row, b"{}")).owner == worker

    @check
    async def test_a_worker_that_did_not_beat_is_buried(self, bench: Bench) -> None:
        """[C25]."""
        worker = await bench.worker()
        await bench.held(owner=worker)
        seen = (await peer(bench, worker)).beat
        assert await bench.store.bury(worker, seen) == 1
        assert await bench.store.peers() == []
        await bench.claimed()

    @check
    async def test_a_worker_is_buried_once(self, bench: Bench) -> None:
        """[C25] By many at the same time, from two objects; none of them harms the next holder."""
        stores = [bench.store, await bench.second()]
        worker = await bench.worker()
        await bench.held(owner=worker)
        seen = (await peer(bench, worker)).beat
        buried = await asyncio.gather(*(stores[n % 2].bury(worker, seen) for n in range(6)))
        assert sorted(buried) == [0, 0, 0, 0, 0, 1]
        loaded = await bench.claimed()
        assert await bench.store.bury(worker) == 0
        assert (await bench.row()).owner == loaded.row.owner

    @check
    async def test_burying_lets_parked_and_closed_processes_be(self, bench: Bench) -> None:
        """[C25] It once held them, and let them go."""
        worker = await bench.worker()
        parked = await bench.parked("parked", owner=worker)
        row = await bench.held("closed", owner=worker)
        closed = await bench.written(row, closes=True, status="completed")
        assert await bench.store.bury(worker) == 0
        assert [await bench.row("parked"), await bench.row("closed")] == [parked, closed]

    @check
    async def test_a_lost_owner_is_remembered_by_its_name(self, bench: Bench) -> None:
        """[C25] [C01] For readers, until somebody claims the process."""
        worker = await bench.worker("ann")
        await bench.held(owner=worker)
        assert (await bench.load()).lost_owner is None
        await bench.store.bury(worker)
        assert (await bench.load()).lost_owner == "ann"
        await bench.restart()
        assert (await bench.load()).lost_owner == "ann"

    @check
    async def test_a_lost_owner_is_told_to_one_claimant_once(self, bench: Bench) -> None:
        """[C21]."""
        worker = await bench.worker("ann")
        await bench.held(owner=worker)
        await bench.store.bury(worker)
        loaded = await bench.claimed()
        assert loaded.lost_owner == "ann"
        assert (await bench.load()).lost_owner is None
        await bench.written(loaded.row, b"{}", parks=True, due_us=bench.now_us)
        assert (await bench.claimed()).lost_owner is None

    @check
    async def test_a_claim_of_what_nobody_lost_names_nobody(self, bench: Bench) -> None:
        """[C21]."""
        await bench.start()
        loaded = await bench.claimed()
        assert loaded.lost_owner is None
        await bench.written(loaded.row, parks=True, due_us=bench.now_us)
        assert (await bench.claimed()).lost_owner is None

    @check
    async def test_the_last_of_several_lost_owners_is_told(self, bench: Bench) -> None:
        """[C21] [C25] A process that kills its workers, one after the other."""
        await bench.start()
        told = []
        for name in ("ann", "ben", "cid"):
            worker = await bench.worker(name)
            told.append((await bench.claimed(worker=worker)).lost_owner)
            await bench.store.bury(worker)
        assert told == [None, "ann", "ben"]
        assert (await bench.claimed()).lost_owner == "cid"

    @check
    async def test_burying_loses_no_message(self, bench: Bench) -> None:
        """[C25] [C06]."""
        worker = await bench.worker()
        await bench.held(owner=worker)
        await bench.send(data=b'"a"')
        await bench.store.bury(worker)
        assert said((await bench.claimed()).messages) == [b'"a"']

    @check
    async def test_a_failed_process_lost_while_it_was_reopened_is_due(self, bench: Bench) -> None:
        """[C25] [C19] The message that reopens it was acknowledged."""
        await bench.closed(status="failed")
        await bench.send(data=b'"retry"', reopens=True)
        worker = await bench.worker("ann")
        await bench.claimed(worker=worker)
        assert await bench.store.bury(worker) == 1
        loaded = await bench.claimed()
        assert (loaded.row.status, loaded.lost_owner) == ("failed", "ann")
        assert said(loaded.messages) == [b'"retry"']
