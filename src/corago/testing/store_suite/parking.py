"""Checks of letting go: nothing acknowledged is overlooked, and what waits wakes in time."""

from __future__ import annotations

import asyncio

from corago.ports.store import Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, ids, said

YEAR = 366 * 24 * 3600


class ParkingChecks(StoreChecks):
    """`append` with `parks` or `closes`."""

    @check
    async def test_parking_with_an_unseen_message_is_refused(self, bench: Bench) -> None:
        """[C12] Nothing of it is written, and the lease stays."""
        row = await bench.held()
        await bench.send()
        before = await bench.load()
        refusal = await bench.append(row, b'"late"', parks=True, seen=0, external=b'"late"')
        assert refusal is Refusal.MORE_MESSAGES
        assert await bench.load() == before
        assert before.row.owner == row.owner

    @check
    async def test_closing_with_an_unseen_message_is_refused(self, bench: Bench) -> None:
        """[C12] Nothing of it is written, and the lease stays."""
        row = await bench.held()
        await bench.send()
        before = await bench.load()
        refusal = await bench.append(row, b'"late"', closes=True, status="completed", seen=0)
        assert refusal is Refusal.MORE_MESSAGES
        assert await bench.load() == before
        assert before.row.owner == row.owner

    @check
    async def test_only_the_latest_message_counts_as_all_seen(self, bench: Bench) -> None:
        """[C12]."""
        row = await bench.held()
        first, last = await bench.send(), await bench.send()
        assert await bench.append(row, parks=True, seen=first.seq) is Refusal.MORE_MESSAGES
        assert await bench.append(row, parks=True, seen=last.seq) is None

    @check
    async def test_a_consumed_message_was_seen_even_if_it_has_left(self, bench: Bench) -> None:
        """[C12] [C14] What counts is the head, not what is in the inbox now."""
        row = await bench.held()
        sent = await bench.send()
        row = await bench.written(row, b"{}", consumed=sent.seq, seen=sent.seq)
        assert await bench.append(row, parks=True, seen=0) is Refusal.MORE_MESSAGES
        assert await bench.append(row, parks=True, seen=sent.seq) is None

    @check
    async def test_a_holder_may_go_on_with_unseen_messages(self, bench: Bench) -> None:
        """[C12] Only who lets go must have seen them."""
        row = await bench.held()
        await bench.send()
        assert (await bench.written(row, b"{}", seen=0)).position == 2
        assert len(await bench.inbox()) == 1

    @check
    async def test_a_refused_writer_looks_again_and_then_parks(self, bench: Bench) -> None:
        """[C12] [C14] The way a turn goes on."""
        row = await bench.held()
        await bench.send(data=b'"a"')
        assert await bench.append(row, parks=True, seen=0) is Refusal.MORE_MESSAGES
        news = await bench.store.messages(row.instance, 0)
        assert said(news) == [b'"a"']
        head = news[-1].seq
        row = await bench.written(row, b"{}", parks=True, consumed=head, seen=head)
        assert (row.owner, row.position) == (None, 2)

    @check
    async def test_many_messages_against_one_parking_lose_none(self, bench: Bench) -> None:
        """[C12] [C06] Whoever comes first: the writer is refused, or the process is awake again."""
        for turn in range(4):
            name = f"p{turn}"
            row = await bench.held(name)
            parking = asyncio.ensure_future(bench.append(row, parks=True, seen=0))
            sent = await asyncio.gather(*(bench.send(name) for _ in range(12)))
            assert {each.outcome for each in sent} == {"sent"}
            refusal = await parking
            await self._assert_taken_up(bench, name, refusal, messages=12)

    @check
    async def test_many_messages_from_elsewhere_against_one_parking_lose_none(
        self, bench: Bench
    ) -> None:
        """[C12] [C06] The same over two objects, the parking in the middle."""
        other = await bench.second()
        for turn in range(4):
            name = f"p{turn}"
            row = await bench.held(name)
            early = [asyncio.ensure_future(other.send(bench.outgoing(name))) for _ in range(6)]
            parking = asyncio.ensure_future(bench.append(row, parks=True, seen=0))
            late = [asyncio.ensure_future(other.send(bench.outgoing(name))) for _ in range(6)]
            sent = await asyncio.gather(*early, *late)
            assert {each.outcome for each in sent} == {"sent"}
            refusal = await parking
            await self._assert_taken_up(bench, name, refusal, messages=12)

    async def _assert_taken_up(
        self, bench: Bench, name: str, refusal: Refusal | None, messages: int
    ) -> None:
        assert len(await bench.inbox(name)) == messages
        if refusal is None:
            await bench.claimed(name)
        else:
            assert refusal is Refusal.MORE_MESSAGES
            assert (await bench.row(name)).owner is not None

    @check
    async def test_a_message_against_a_closing_is_refused_or_stops_it(self, bench: Bench) -> None:
        """[C12] [C07] Never both acknowledged and buried."""
        for turn in range(8):
            name = f"p{turn}"
            row = await bench.held(name)
            close = bench.append(row, closes=True, seen=0, status="completed")
            if turn % 2:
                refusal, sent = await asyncio.gather(close, bench.send(name))
            else:
                sent, refusal = await asyncio.gather(bench.send(name), close)
            assert (refusal, sent.outcome) in {
                (None, "closed"),
                (Refusal.MORE_MESSAGES, "sent"),
            }
            assert len(await bench.inbox(name)) == (sent.outcome == "sent")

    @check
    async def test_parking_releases_the_lease(self, bench: Bench) -> None:
        """[C13]."""
        due_us = bench.later(60)
        row = await bench.written(await bench.held(), parks=True, due_us=due_us, status="waiting")
        assert (row.owner, row.owner_name, row.status) == (None, None, "waiting")
        assert row.due_us == due_us

    @check
    async def test_a_parked_process_is_claimed_when_it_is_due(self, bench: Bench) -> None:
        """[C13] [C19] At that very instant, and not a microsecond before."""
        worker = await bench.worker()
        await bench.parked(due_us=bench.later(60))
        bench.clock.advance(59.999999)
        assert ids(await bench.claim(worker)) == []
        bench.clock.advance(0.000001)
        assert ids(await bench.claim(worker)) == ["p"]

    @check
    async def test_a_process_parked_without_an_instant_waits_for_ever(self, bench: Bench) -> None:
        """[C13]."""
        row = await bench.parked()
        assert row.due_us is None
        bench.clock.advance(YEAR)
        claims = await bench.claim(await bench.worker())
        assert (ids(claims), claims.next_due_us) == ([], None)

    @check
    async def test_a_process_may_park_to_be_taken_up_at_once(self, bench: Bench) -> None:
        """[C13] A turn that yields its slot to others."""
        await bench.parked(due_us=bench.now_us)
        assert (await bench.claimed()).row.epoch == 2

    @check
    async def test_parking_again_replaces_the_instant(self, bench: Bench) -> None:
        """[C13] A canceled timer wakes nobody."""
        await bench.parked(due_us=bench.now_us)
        loaded = await bench.claimed()
        await bench.written(loaded.row, parks=True, due_us=None)
        bench.clock.advance(YEAR)
        assert ids(await bench.claim(await bench.worker())) == []

    @check
    async def test_a_closed_process_is_never_due(self, bench: Bench) -> None:
        """[C13] Whatever instant its commit names; and it has no owner."""
        worker = await bench.worker()
        for status in ("completed", "failed", "canceled", "aborted", "timed_out"):
            row = await bench.held(status)
            row = await bench.written(row, closes=True, status=status, due_us=bench.later(1))
            assert (row.status, row.owner, row.due_us) == (status, None, None)
        bench.clock.advance(YEAR)
        claims = await bench.claim(worker)
        assert (ids(claims), claims.next_due_us) == ([], None)

    @check
    async def test_messages_that_were_seen_but_not_taken_stay(self, bench: Bench) -> None:
        """[C14] [C12] After a closing fact the rest stays unconsumed."""
        row = await bench.held()
        first, last = await bench.send(data=b'"a"'), await bench.send(data=b'"b"')
        closing = {"closes": True, "status": "completed"}
        row = await bench.written(row, b"{}", consumed=first.seq, seen=last.seq, **closing)
        assert await bench.inbox() == [b'"b"']
        assert (row.consumed, row.inbox_head) == (first.seq, last.seq)

    @check
    async def test_a_closed_process_can_still_be_read(self, bench: Bench) -> None:
        """[C13] Events, documents and inbox are its account."""
        row = await bench.held(event=b"1")
        await bench.written(row, b"2", closes=True, status="failed", external=b'{"x":1}')
        loaded = await bench.load()
        assert (loaded.events, loaded.external) == ((b"1", b"2"), b'{"x":1}')
