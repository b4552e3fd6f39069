"""Checks of sending: an acknowledged message is there, in its order, once."""

from __future__ import annotations

import asyncio

from corago.testing.store_suite.harness import Bench, StoreChecks, check, ids, said

CLOSED = ("completed", "failed", "canceled", "aborted", "timed_out")


class InboxChecks(StoreChecks):
    """`send`, `messages` and keys."""

    @check
    async def test_messages_wait_in_the_order_of_arrival(self, bench: Bench) -> None:
        """[C06]."""
        await bench.held()
        sent = [await bench.send(data=b'"%d"' % number) for number in range(5)]
        loaded = await bench.load()
        assert [each.outcome for each in sent] == ["sent"] * 5
        assert [each.seq for each in loaded.messages] == [each.seq for each in sent]
        assert [each.seq for each in sent] == sorted({each.seq for each in sent})
        assert said(loaded.messages) == [b'"%d"' % number for number in range(5)]

    @check
    async def test_a_message_raises_the_inbox_head(self, bench: Bench) -> None:
        """[C06] To its own number."""
        await bench.held()
        for _ in range(3):
            sent = await bench.send()
            assert sent.seq > 0
            assert (await bench.row()).inbox_head == sent.seq

    @check
    async def test_sequence_numbers_rise_over_the_whole_store(self, bench: Bench) -> None:
        """[C06] So that messages of several processes have one order."""
        await bench.held("p")
        await bench.held("q")
        seqs = [(await bench.send(each)).seq for each in ("p", "q", "q", "p")]
        assert seqs == sorted(set(seqs))
        assert (await bench.row("p")).inbox_head == seqs[3]
        assert (await bench.row("q")).inbox_head == seqs[2]

    @check
    async def test_a_message_wakes_a_process_that_waits_for_ever(self, bench: Bench) -> None:
        """[C06]."""
        await bench.parked()
        await bench.send(data=b'"a"')
        row = await bench.row()
        assert row.due_us is not None
        assert row.due_us <= bench.now_us
        assert said((await bench.claimed()).messages) == [b'"a"']

    @check
    async def test_a_message_wakes_a_process_before_its_timer(self, bench: Bench) -> None:
        """[C06]."""
        await bench.parked(due_us=bench.later(3600))
        await bench.send()
        await bench.claimed()

    @check
    async def test_a_message_puts_no_due_process_further_back(self, bench: Bench) -> None:
        """[C06] [C19] It was due at once; its place among the longest due is its own."""
        await bench.start("old")
        bench.clock.advance(1)
        await bench.start("new")
        bench.clock.advance(1)
        await bench.send("old")
        assert ids(await bench.claim(await bench.worker())) == ["old", "new"]

    @check
    async def test_a_message_leaves_a_held_process_with_its_holder(self, bench: Bench) -> None:
        """[C06] [C20]."""
        row = await bench.held()
        await bench.send()
        assert ids(await bench.claim(await bench.worker())) == []
        assert (await bench.row()).owner == row.owner
        assert (await bench.written(row, b"{}")).position == 2

    @check
    async def test_a_message_survives_a_restart(self, bench: Bench) -> None:
        """[C06] And so does the wake-up."""
        await bench.parked()
        sent = await bench.send(data=b'"a"')
        await bench.restart()
        assert (await bench.row()).inbox_head == sent.seq
        assert said((await bench.claimed()).messages) == [b'"a"']

    @check
    async def test_many_messages_at_once_all_arrive_in_one_order(self, bench: Bench) -> None:
        """[C06] From two objects."""
        stores = [bench.store, await bench.second()]
        await bench.parked()
        outgoing = [bench.outgoing(data=b'"%d"' % number) for number in range(50)]
        sent = await asyncio.gather(*(stores[n % 2].send(each) for n, each in enumerate(outgoing)))
        loaded = await bench.load()
        assert len({each.seq for each in sent}) == 50
        order = sorted(zip((each.seq for each in sent), outgoing, strict=True))
        assert said(loaded.messages) == [each.data for _, each in order]
        assert loaded.row.inbox_head == order[-1][0]

    @check
    async def test_a_reader_may_ask_for_later_messages_only(self, bench: Bench) -> None:
        """[C06] Also where the numbers between belong to others."""
        row = await bench.held("p")
        await bench.held("q")
        first = await bench.send("p", b'"a"')
        await bench.send("q", b'"x"')
        await bench.send("p", b'"b"')
        assert said(await bench.store.messages(row.instance, 0)) == [b'"a"', b'"b"']
        later = await bench.store.messages(row.instance, first.seq)
        assert said(later) == [b'"b"']
        assert await bench.store.messages(row.instance, later[0].seq) == []

    @check
    async def test_a_message_to_nobody_is_absent(self, bench: Bench) -> None:
        """[C06] And leaves nothing for whoever gets that id later."""
        assert (await bench.send(key="k", digest="d")).outcome == "absent"
        await bench.held()
        assert await bench.inbox() == []
        assert (await bench.send(key="k", digest="other")).outcome == "sent"

    @check
    async def test_closed_processes_take_no_messages(self, bench: Bench) -> None:
        """[C07] In none of the five ways to end; the answer names the way."""
        for status in CLOSED:
            await bench.closed(status, status=status)
            sent = await bench.send(status)
            assert (sent.outcome, sent.status) == ("closed", status)
            row = await bench.row(status)
            assert (row.inbox_head, row.due_us, await bench.inbox(status)) == (0, None, [])

    @check
    async def test_a_message_that_reopens_gets_into_a_failed_process(self, bench: Bench) -> None:
        """[C07] [C06] And makes it due."""
        await bench.closed(status="failed")
        sent = await bench.send(data=b'"retry"', reopens=True)
        assert sent.outcome == "sent"
        assert said((await bench.claimed()).messages) == [b'"retry"']

    @check
    async def test_a_message_that_reopens_gets_into_no_other_closed_one(self, bench: Bench) -> None:
        """[C07]."""
        for status in set(CLOSED) - {"failed"}:
            await bench.closed(status, status=status)
            assert (await bench.send(status, reopens=True)).outcome == "closed"
            assert await bench.inbox(status) == []

    @check
    async def test_a_message_that_may_reopen_reaches_open_processes_too(self, bench: Bench) -> None:
        """[C07] A retry that meets a suspended process."""
        await bench.parked()
        assert (await bench.send(reopens=True)).outcome == "sent"

    @check
    async def test_a_reopened_process_takes_messages_again(self, bench: Bench) -> None:
        """[C07]."""
        await bench.closed(status="failed")
        sent = await bench.send(reopens=True)
        loaded = await bench.claimed()
        await bench.written(loaded.row, b"{}", consumed=sent.seq, status="running")
        assert (await bench.send(data=b'"b"')).outcome == "sent"
        assert await bench.inbox() == [b'"b"']

    @check
    async def test_a_refused_message_does_not_use_up_its_key(self, bench: Bench) -> None:
        """[C07] [C08]."""
        await bench.closed(status="failed")
        assert (await bench.send(key="k", digest="d")).outcome == "closed"
        assert (await bench.send(key="k", digest="other", reopens=True)).outcome == "sent"

    @check
    async def test_a_repeated_key_stores_nothing(self, bench: Bench) -> None:
        """[C08] Nor does it wake anybody."""
        await bench.held()
        first = await bench.send(data=b'"a"', key="k", digest="d")
        again = await bench.send(data=b'"a"', key="k", digest="d")
        assert (first.outcome, again.outcome) == ("sent", "repeated")
        loaded = await bench.load()
        assert (said(loaded.messages), loaded.row.inbox_head) == ([b'"a"'], first.seq)

    @check
    async def test_a_key_with_another_digest_is_a_conflict(self, bench: Bench) -> None:
        """[C08]."""
        await bench.held()
        await bench.send(data=b'"a"', key="k", digest="d")
        assert (await bench.send(data=b'"b"', key="k", digest="e")).outcome == "conflict"
        assert await bench.inbox() == [b'"a"']
        assert (await bench.send(data=b'"a"', key="k", digest="d")).outcome == "repeated"

    @check
    async def test_messages_without_a_key_are_never_repeats(self, bench: Bench) -> None:
        """[C08]."""
        await bench.held()
        outcomes = [(await bench.send(digest="d")).outcome for _ in range(2)]
        assert (outcomes, len(await bench.inbox())) == (["sent", "sent"], 2)

    @check
    async def test_a_key_belongs_to_its_process(self, bench: Bench) -> None:
        """[C08]."""
        await bench.held("p")
        await bench.held("q")
        await bench.send("p", key="k", digest="d")
        assert (await bench.send("q", key="k", digest="e")).outcome == "sent"

    @check
    async def test_keys_that_look_alike_are_different_keys(self, bench: Bench) -> None:
        """[C08] The empty key is a key, too."""
        await bench.held()
        for key in ("", "k", "K", "k ", "é", "e\u0301", "🎭"):
            assert (await bench.send(key=key, digest="d")).outcome == "sent"
        assert (await bench.send(key="", digest="d")).outcome == "repeated"

    @check
    async def test_a_key_outlives_its_message(self, bench: Bench) -> None:
        """[C08] A client repeats a call whose answer was lost; the message is long consumed."""
        row = await bench.held()
        sent = await bench.send(key="k", digest="d")
        await bench.written(row, b"{}", consumed=sent.seq, seen=sent.seq)
        assert (await bench.send(key="k", digest="d")).outcome == "repeated"
        assert (await bench.send(key="k", digest="e")).outcome == "conflict"
        assert await bench.inbox() == []

    @check
    async def test_a_key_outlives_its_process(self, bench: Bench) -> None:
        """[C08] [C07] The signal that ended it may be repeated: it was taken, not refused."""
        row = await bench.held()
        sent = await bench.send(key="k", digest="d")
        await bench.written(row, consumed=sent.seq, seen=sent.seq, closes=True, status="completed")
        assert (await bench.send(key="k", digest="d")).outcome == "repeated"
        assert (await bench.send(key="k2", digest="d")).outcome == "closed"

    @check
    async def test_one_key_sent_many_times_at_once_is_one_message(self, bench: Bench) -> None:
        """[C08] From two objects."""
        stores = [bench.store, await bench.second()]
        await bench.parked()
        outgoing = bench.outgoing(key="k", digest="d")
        sent = await asyncio.gather(*(stores[n % 2].send(outgoing) for n in range(20)))
        assert sorted(each.outcome for each in sent) == ["repeated"] * 19 + ["sent"]
        assert len(await bench.inbox()) == 1

    @check
    async def test_the_stores_clock_stamps_arrivals(self, bench: Bench) -> None:
        """[C09]."""
        await bench.held()
        first = bench.now_us
        await bench.send()
        bench.clock.advance(2.5)
        await bench.send()
        stamps = [each.at_us for each in (await bench.load()).messages]
        assert stamps == [first, first + 2_500_000]
