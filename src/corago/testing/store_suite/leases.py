"""Checks of leases that end by themselves, as those of who decides by hand."""

from __future__ import annotations

from typing import Any

from corago.ports.store import Instance, Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, fence, ids, only


async def lent(bench: Bench, process_id: str = "p", seconds: float = 10) -> Instance:
    """A process that worker `ann` holds for so many seconds."""
    await bench.start(process_id)
    worker = await bench.worker("ann")
    until_us = bench.later(seconds)
    return (await bench.claimed(process_id, worker, until_us=until_us)).row


class LeaseChecks(StoreChecks):
    """`claim` with `until_us`."""

    @check
    async def test_a_lease_ends_by_itself(self, bench: Bench) -> None:
        """[C39] [C20] [C21] At that very instant; the next holder learns whose it was, once."""
        row = await lent(bench)
        worker = await bench.worker("ben")
        bench.clock.advance(9.999999)
        claims = await bench.claim(worker)
        assert (ids(claims), claims.next_due_us) == ([], bench.later(0.000001))
        bench.clock.advance(0.000001)
        claims = await bench.claim(worker)
        loaded = only(claims.taken)
        assert (loaded.lost_owner, loaded.row.owner, loaded.row.epoch) == (
            "ann",
            worker,
            row.epoch + 1,
        )
        assert (await bench.load()).lost_owner is None
        bench.clock.advance(60)
        claims = await bench.claim(worker)
        assert (ids(claims), claims.next_due_us) == ([], None)

    @check
    async def test_who_holds_a_lease_too_long_is_fenced(self, bench: Bench) -> None:
        """[C39] [C10] By the next claim, not before."""
        row = await lent(bench)
        bench.clock.advance(60)
        row = await bench.written(row, b'"slow"')
        row = await bench.written(row, b'"slow"', tasks=(bench.task("a"),))
        await bench.claimed()
        assert await bench.append(row, b'"late"') is Refusal.FENCED
        assert await bench.append(row, parks=True) is Refusal.FENCED
        assert (await bench.row()).position == 3

    @check
    async def test_any_claim_ends_what_is_over(self, bench: Bench) -> None:
        """[C39] Of other definitions, or of none, or by who holds it itself."""
        row = await lent(bench)
        until_us = bench.later(10)
        bench.clock.advance(60)
        assert ids(await bench.claim(await bench.worker(), limit=0, definitions=[])) == []
        loaded = await bench.load()
        assert (loaded.row.owner, loaded.row.due_us) == (None, until_us)
        assert (loaded.row.epoch, loaded.lost_owner) == (row.epoch, "ann")
        assert await bench.append(row, b'"late"') is Refusal.FENCED
        assert row.owner is not None
        loaded = await bench.claimed(worker=row.owner, until_us=bench.later(10))
        bench.clock.advance(10)
        again = await bench.claimed(worker=row.owner)
        assert (again.row.epoch, again.lost_owner) == (loaded.row.epoch + 1, "ann")

    @check
    async def test_while_paused_no_lease_ends_by_itself(self, bench: Bench) -> None:
        """[C39] [C22] And whoever is no worker ends none."""
        row = await lent(bench)
        bench.clock.advance(60)
        worker = await bench.worker()
        await bench.store.pause(True)
        assert ids(await bench.claim(worker)) == []
        await bench.store.pause(False)
        assert ids(await bench.claim(77)) == []
        await bench.written(row, b'"slow"')
        await bench.claimed(worker=worker)

    @check
    async def test_a_commit_that_goes_on_keeps_the_end_of_a_lease(self, bench: Bench) -> None:
        """[C39] However much it says."""
        row = await lent(bench)
        row = await bench.written(row, b"2")
        row = await bench.written(row, b"3", tasks=(bench.task("a"),), snapshot=b'"s"')
        await bench.send()
        assert (await bench.claim(await bench.worker())).next_due_us == bench.later(10)
        bench.clock.advance(10)
        assert (await bench.claimed()).lost_owner == "ann"

    @check
    async def test_what_is_let_go_of_is_not_lost_later(self, bench: Bench) -> None:
        """[C39] [C13] [C18] Whether it waits, has ended, or has another holder."""
        ways: dict[str, dict[str, Any]] = {
            "parked": {"parks": True},
            "seized and parked": {"seize": True, "parks": True},
            "taken": {"seize": True},
            "closed": {"closes": True, "status": "completed"},
        }
        worker = await bench.worker()
        for name, how in ways.items():
            row = await lent(bench, name)
            belief = fence(row, owner=worker) if name == "taken" else fence(row)
            await bench.written(row, b"{}", fence=belief, **how)
            assert (await bench.claim(worker)).next_due_us is None
            bench.clock.advance(60)
            claims = await bench.claim(worker)
            assert (ids(claims), claims.next_due_us) == ([], None)
        await bench.send("parked")
        assert (await bench.claimed("parked")).lost_owner is None

    @check
    async def test_a_lease_ends_with_its_worker(self, bench: Bench) -> None:
        """[C39] [C25] Once; what is taken then is held without an end."""
        row = await lent(bench)
        assert row.owner is not None
        await bench.store.bury(row.owner)
        bench.clock.advance(60)
        assert (await bench.claimed()).lost_owner == "ann"
        bench.clock.advance(60)
        claims = await bench.claim(await bench.worker())
        assert (ids(claims), claims.next_due_us) == ([], None)

    @check
    async def test_a_claim_sets_the_end_of_all_that_it_takes(self, bench: Bench) -> None:
        """[C39] And of nothing else; the next end is told."""
        for name in ("a", "b"):
            await bench.start(name)
        worker = await bench.worker("ann")
        claims = await bench.claim(worker, until_us=bench.later(10))
        assert (ids(claims), claims.next_due_us) == (["a", "b"], bench.later(10))
        await bench.start("c")
        assert (await bench.claim(worker, until_us=bench.later(5))).next_due_us == bench.later(5)
        await bench.start("d")
        await bench.claimed("d", worker)
        other = await bench.worker()
        bench.clock.advance(5)
        claims = await bench.claim(other)
        assert (ids(claims), claims.next_due_us) == (["c"], bench.later(5))
        bench.clock.advance(5)
        assert ids(await bench.claim(other)) == ["a", "b"]

    @check
    async def test_the_end_of_a_lease_survives_a_restart(self, bench: Bench) -> None:
        """[C39] [C01]."""
        await lent(bench)
        await bench.restart()
        bench.clock.advance(10)
        assert (await bench.claimed()).lost_owner == "ann"

    @check
    async def test_a_listener_hears_of_the_end_of_a_lease(self, bench: Bench) -> None:
        """[C39] From the claim that ends it."""
        await lent(bench)
        ears = bench.listen()
        bench.clock.advance(10)
        await bench.claim(await bench.worker(), limit=0)
        await ears.wait("runnable")
