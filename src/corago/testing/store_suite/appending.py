"""Checks of appending by the holder: fence, positions, consumed messages, snapshots, batches."""

from __future__ import annotations

import asyncio
from typing import Any

from corago.ports.store import Append, Fence, Instance, Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, fence, said, writes


class AppendChecks(StoreChecks):
    """`append` without letting go."""

    async def _assert_fenced(self, bench: Bench, row: Instance, **wrong: Any) -> None:
        before = await bench.load(row.process_id)
        more: dict[str, Any]
        for more in ({}, {"external": b'"late"'}):  # a store may have a shorter way for the usual
            refusal = await bench.append(row, b'"late"', fence=fence(row, **wrong), **more)
            assert refusal is Refusal.FENCED
            assert await bench.load(row.process_id) == before

    @check
    async def test_another_owner_is_fenced(self, bench: Bench) -> None:
        """[C10]."""
        await self._assert_fenced(bench, await bench.held(), owner=await bench.worker())

    @check
    async def test_another_epoch_is_fenced(self, bench: Bench) -> None:
        """[C10] Below and above."""
        row = await bench.held()
        await self._assert_fenced(bench, row, epoch=row.epoch - 1)
        await self._assert_fenced(bench, row, epoch=row.epoch + 1)

    @check
    async def test_another_position_is_fenced(self, bench: Bench) -> None:
        """[C10] Below and above."""
        row = await bench.held()
        await self._assert_fenced(bench, row, position=row.position - 1)
        await self._assert_fenced(bench, row, position=row.position + 1)

    @check
    async def test_another_run_is_fenced(self, bench: Bench) -> None:
        """[C10]."""
        row = await bench.held()
        await self._assert_fenced(bench, row, run=row.run + 1)

    @check
    async def test_a_process_that_is_not_there_is_fenced(self, bench: Bench) -> None:
        """[C10]."""
        row = await bench.held()
        for instance in (0, row.instance + 1000):
            nobody = Fence(instance, row.run, row.owner or 0, row.epoch, row.position)
            assert await bench.append(row, fence=nobody) is Refusal.FENCED

    @check
    async def test_a_process_that_nobody_holds_is_fenced(self, bench: Bench) -> None:
        """[C10] [C13] Its last holder may no longer write."""
        row = await bench.held()
        parked = await bench.written(row, parks=True, status="waiting")
        await self._assert_fenced(bench, row)
        await self._assert_fenced(bench, parked, owner=row.owner)

    @check
    async def test_a_holder_that_claims_again_is_not_its_former_self(self, bench: Bench) -> None:
        """[C10] The same worker, a later lease."""
        worker = await bench.worker()
        row = await bench.held(owner=worker)
        await bench.written(row, parks=True, due_us=bench.now_us)
        again = await bench.claimed(worker=worker)
        await self._assert_fenced(bench, again.row, epoch=row.epoch)
        assert (await bench.written(again.row, b"{}")).position == 2

    @check
    async def test_of_two_commits_for_one_position_one_is_written(self, bench: Bench) -> None:
        """[C10] [C17] Also when they travel together."""
        row = await bench.held()
        refusals = await asyncio.gather(*(bench.append(row, b'"%d"' % n) for n in range(8)))
        assert [each for each in refusals if each is not None] == [Refusal.FENCED] * 7
        winner = refusals.index(None)
        assert (await bench.store.events("p"))[1:] == [b'"%d"' % winner]

    @check
    async def test_events_take_the_following_positions(self, bench: Bench) -> None:
        """[C11] Without gaps, over several commits."""
        row = await bench.held(event=b"1")
        row = await bench.written(row, b"2", b"3")
        assert row.position == 3
        row = await bench.written(row, b"4")
        assert row.position == 4
        assert await bench.store.events("p") == [b"1", b"2", b"3", b"4"]
        assert (await bench.load()).events == (b"1", b"2", b"3", b"4")

    @check
    async def test_many_events_of_one_commit_keep_their_order(self, bench: Bench) -> None:
        """[C11]."""
        events = [b"%d" % number for number in range(2, 502)]
        row = await bench.written(await bench.held(event=b"1"), *events)
        assert row.position == 501
        assert await bench.store.events("p") == [b"1", *events]

    @check
    async def test_a_commit_without_events_keeps_the_position(self, bench: Bench) -> None:
        """[C11] Parking, for instance, is no fact."""
        row = await bench.written(await bench.held(), status="suspended")
        assert (row.position, row.status) == (1, "suspended")

    @check
    async def test_a_commit_that_neither_parks_nor_closes_keeps_the_lease(
        self, bench: Bench
    ) -> None:
        """[C10] [C20] It sets status and instant, and nobody else may claim."""
        row = await bench.held()
        bench.clock.advance(5)
        after = await bench.written(row, b"{}", status="suspended")
        assert (after.owner, after.epoch) == (row.owner, row.epoch)
        assert (after.status, after.updated_us) == ("suspended", bench.now_us)
        assert after.created_us == row.created_us
        assert (await bench.claim(await bench.worker())).taken == ()

    @check
    async def test_the_external_store_is_replaced_or_left(self, bench: Bench) -> None:
        """[C10] None leaves it, text replaces it."""
        row = await bench.held(external=b'{"a":1}')
        row = await bench.written(row, b"{}")
        assert (await bench.load()).external == b'{"a":1}'
        await bench.written(row, b"{}", external=b'{"b":2}')
        assert (await bench.load()).external == b'{"b":2}'

    @check
    async def test_consumed_messages_leave_the_inbox(self, bench: Bench) -> None:
        """[C14] Those behind them stay."""
        row = await bench.held()
        sent = [await bench.send(data=b'"%d"' % number) for number in range(4)]
        row = await bench.written(row, b"{}", consumed=sent[1].seq, seen=sent[1].seq)
        assert (row.consumed, row.inbox_head) == (sent[1].seq, sent[3].seq)
        assert await bench.inbox() == [b'"2"', b'"3"']
        assert said(await bench.store.messages(row.instance, 0)) == [b'"2"', b'"3"']

    @check
    async def test_consuming_takes_from_no_other_inbox(self, bench: Bench) -> None:
        """[C14] Though numbers of all inboxes stand in one row."""
        row = await bench.held("p")
        await bench.held("q")
        await bench.send("q", b'"theirs"')
        mine = await bench.send("p")
        await bench.written(row, b"{}", consumed=mine.seq, seen=mine.seq)
        assert await bench.inbox("q") == [b'"theirs"']

    @check
    async def test_a_refused_commit_consumes_nothing(self, bench: Bench) -> None:
        """[C14] [C10]."""
        row = await bench.held()
        sent = await bench.send()
        wrong = fence(row, epoch=9)
        refusal = await bench.append(row, consumed=sent.seq, seen=sent.seq, fence=wrong)
        assert refusal is Refusal.FENCED
        assert len(await bench.inbox()) == 1
        assert (await bench.row()).consumed == 0

    @check
    async def test_loading_gives_the_events_after_the_snapshot(self, bench: Bench) -> None:
        """[C15] It stands after the events of its own commit."""
        row = await bench.held(event=b"1")
        row = await bench.written(row, b"2", b"3", snapshot=b'{"at":3}', snapshot_tag="one")
        loaded = await bench.load()
        assert (loaded.snapshot, loaded.snapshot_tag) == (b'{"at":3}', "one")
        assert loaded.events == ()
        await bench.written(row, b"4", b"5")
        assert (await bench.load()).events == (b"4", b"5")
        assert len(await bench.store.events("p")) == 5

    @check
    async def test_a_snapshot_replaces_the_older_one(self, bench: Bench) -> None:
        """[C15] And none leaves it."""
        row = await bench.held()
        row = await bench.written(row, b"2", snapshot=b'"old"', snapshot_tag="one")
        row = await bench.written(row, b"3")
        assert (await bench.load()).snapshot == b'"old"'
        await bench.written(row, b"4", snapshot=b'"new"', snapshot_tag="two")
        loaded = await bench.load()
        assert (loaded.snapshot, loaded.snapshot_tag) == (b'"new"', "two")
        assert loaded.events == ()

    @check
    async def test_a_claim_brings_snapshot_and_later_events(self, bench: Bench) -> None:
        """[C15] [C19] All that a turn needs."""
        row = await bench.held(external=b'"x"')
        row = await bench.written(row, b"2", snapshot=b'"s"', snapshot_tag="one")
        await bench.written(row, b"3", parks=True, due_us=bench.now_us)
        loaded = await bench.claimed()
        assert (loaded.snapshot, loaded.snapshot_tag) == (b'"s"', "one")
        assert (loaded.events, loaded.external) == ((b"3",), b'"x"')

    @check
    async def test_a_refused_commit_leaves_the_snapshot(self, bench: Bench) -> None:
        """[C15] [C10]."""
        row = await bench.written(await bench.held(), b"2", snapshot=b'"old"', snapshot_tag="one")
        wrong = fence(row, position=1)
        refusal = await bench.append(row, b"3", snapshot=b'"new"', snapshot_tag="two", fence=wrong)
        assert refusal is Refusal.FENCED
        assert (await bench.load()).snapshot == b'"old"'

    @check
    async def test_in_a_batch_each_item_stands_for_itself(self, bench: Bench) -> None:
        """[C17] Accepted and refused ones, of three kinds, mixed; refused ones leave no trace."""
        items: list[Append] = []
        expected: list[Refusal | None] = []
        for number in range(60):
            row = await bench.held(f"p{number}")
            item, refusal = await _item_of_a_batch(bench, row, number)
            items.append(item)
            expected.append(refusal)
        assert await asyncio.gather(*(bench.store.append(item) for item in items)) == expected
        for number, refusal in enumerate(expected):
            written = [b'"written"'] if refusal is None else []
            assert (await bench.store.events(f"p{number}"))[1:] == written
            versions = await bench.store.document("doc", f"p{number}")
            assert len(versions) == len(written)

    @check
    async def test_many_commits_at_once_are_written_however_large_a_batch_is(
        self, bench: Bench
    ) -> None:
        """[C17] More than one transaction would take; every hundredth is fenced."""
        worker = await bench.worker()
        news = [await bench.new(f"p{number}", owner=worker) for number in range(500)]
        await asyncio.gather(*(bench.store.start(new) for new in news))
        rows = [await bench.row(new.process_id) for new in news]
        items = [
            bench.commit(row, b"2", fence=fence(row, epoch=1 + (number % 100 == 0)))
            for number, row in enumerate(rows)
        ]
        refusals = await asyncio.gather(*(bench.store.append(item) for item in items))
        fenced = [number for number, each in enumerate(refusals) if each is Refusal.FENCED]
        assert fenced == [0, 100, 200, 300, 400]
        positions = [(await bench.row(row.process_id)).position for row in rows]
        assert [number for number, each in enumerate(positions) if each == 1] == fenced

    @check
    async def test_a_caller_that_goes_away_leaves_the_store_usable(self, bench: Bench) -> None:
        """Its commit is written or not, whole; the next caller finds out which."""
        row = await bench.held()
        for _ in range(5):
            writing = asyncio.ensure_future(bench.append(row, b"1", b"2"))
            await bench.step()
            writing.cancel()
            await asyncio.wait([writing])
            after = await bench.row()
            assert after.position - row.position in {0, 2}
            row = await bench.written(after, b"3")


async def _item_of_a_batch(
    bench: Bench, row: Instance, number: int
) -> tuple[Append, Refusal | None]:
    name = row.process_id
    document = writes("doc", name, 0)
    event = b'"written"'
    match number % 5:
        case 0:
            stale = fence(row, epoch=row.epoch + 1)
            return bench.commit(row, event, fence=stale, documents=(document,)), Refusal.FENCED
        case 1:
            await bench.send(name)
            item = bench.commit(row, event, seen=0, parks=True, documents=(document,))
            return item, Refusal.MORE_MESSAGES
        case 2:
            conflict = (document, writes("doc", "shared", 7))
            return bench.commit(row, event, documents=conflict), Refusal.DOCUMENT_CONFLICT
        case 3:
            return bench.commit(row, event, documents=(document,), parks=True), None
        case _:
            return bench.commit(row, event, documents=(document,)), None
