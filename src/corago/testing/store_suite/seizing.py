"""Checks of seizing: an end that asks no holder, and after which no holder can write."""

from __future__ import annotations

import asyncio

from corago.ports.store import Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, fence, ids


class SeizingChecks(StoreChecks):
    """`append` with `seize`, as an abort does it."""

    @check
    async def test_seizing_ends_a_process_that_somebody_holds(self, bench: Bench) -> None:
        """[C18] Owner and epoch of its fence may be anything."""
        row = await bench.held()
        belief = fence(row, owner=0, epoch=0)
        after = await bench.written(
            row, b'"end"', seize=True, closes=True, status="aborted", fence=belief
        )
        assert (after.status, after.owner, after.due_us) == ("aborted", None, None)
        assert after.epoch == row.epoch + 1
        assert (await bench.store.events("p"))[1:] == [b'"end"']

    @check
    async def test_who_was_seized_from_is_fenced(self, bench: Bench) -> None:
        """[C18] [C10] Even with the right position."""
        row = await bench.held()
        after = await bench.written(row, seize=True, closes=True, status="aborted")
        assert after.position == row.position
        assert await bench.append(row, b'"late"') is Refusal.FENCED
        assert (await bench.row()).status == "aborted"

    @check
    async def test_who_was_seized_from_in_order_to_park_is_fenced(self, bench: Bench) -> None:
        """[C18] [C10] The process goes on with another holder, at a later epoch."""
        row = await bench.held()
        await bench.written(row, seize=True, parks=True, due_us=bench.now_us)
        assert await bench.append(row, b'"late"') is Refusal.FENCED
        loaded = await bench.claimed()
        assert loaded.row.epoch == row.epoch + 2
        assert await bench.append(row, b'"late"') is Refusal.FENCED
        assert (await bench.written(loaded.row, b"{}")).position == 2

    @check
    async def test_seizing_takes_a_process_that_nobody_holds(self, bench: Bench) -> None:
        """[C18] Whether it waits for ever or was never taken up."""
        await bench.parked("waiting")
        await bench.start("created")
        for name in ("waiting", "created"):
            row = await bench.row(name)
            after = await bench.written(row, b"{}", seize=True, closes=True, status="aborted")
            assert (after.status, after.epoch) == ("aborted", row.epoch + 1)
            assert (await bench.send(name)).outcome == "closed"
        assert ids(await bench.claim(await bench.worker())) == []

    @check
    async def test_seizing_needs_the_position(self, bench: Bench) -> None:
        """[C18] [C10] Who seizes must know what it ends."""
        row = await bench.held()
        stale = fence(row)
        await bench.written(row, b"{}")
        refusal = await bench.append(
            row, b"{}", seize=True, closes=True, status="aborted", fence=stale
        )
        assert refusal is Refusal.FENCED
        assert ((await bench.row()).status, (await bench.row()).epoch) == ("running", row.epoch)

    @check
    async def test_seizing_overlooks_no_message(self, bench: Bench) -> None:
        """[C18] [C12]."""
        row = await bench.held()
        sent = await bench.send()
        ending = {"seize": True, "closes": True, "status": "aborted"}
        assert await bench.append(row, seen=0, **ending) is Refusal.MORE_MESSAGES
        assert await bench.append(row, seen=sent.seq, **ending) is None

    @check
    async def test_of_a_holder_and_a_seizer_one_writes(self, bench: Bench) -> None:
        """[C18] [C10] [C17] Whatever their order; the other one hears that it is late."""
        for turn in range(8):
            row = await bench.held(f"p{turn}")
            step = bench.append(row, b'"step"')
            abort = bench.append(row, b'"end"', seize=True, closes=True, status="aborted")
            if turn % 2:
                step_refusal, abort_refusal = await asyncio.gather(step, abort)
            else:
                abort_refusal, step_refusal = await asyncio.gather(abort, step)
            assert {step_refusal, abort_refusal} == {None, Refusal.FENCED}
            expected = b'"step"' if step_refusal is None else b'"end"'
            assert (await bench.store.events(f"p{turn}"))[1:] == [expected]

    @check
    async def test_many_seizers_at_once_end_a_process_once(self, bench: Bench) -> None:
        """[C18] [C10]."""
        row = await bench.held()
        ending = {"seize": True, "closes": True, "status": "aborted"}
        refusals = await asyncio.gather(*(bench.append(row, b"{}", **ending) for _ in range(6)))
        assert refusals.count(None) == 1
        assert refusals.count(Refusal.FENCED) == 5
        assert (await bench.row()).position == 2
