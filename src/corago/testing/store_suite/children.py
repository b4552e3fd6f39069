"""Checks of what a commit does to others: children are born, messages are sent."""

from __future__ import annotations

import asyncio
from typing import Any

from corago.ports.store import Change, Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, ids, only, said, writes

CLOSED = ("completed", "failed", "canceled", "aborted", "timed_out")


class ChildChecks(StoreChecks):
    """`append` with births."""

    @check
    async def test_a_child_is_born_with_its_parents_commit(self, bench: Bench) -> None:
        """[C27] It is what a start would have made."""
        row = await bench.held()
        definition = await bench.define("part")
        child = await bench.new(
            "child",
            definition_id=definition,
            parent="p",
            tags=("red", "big"),
            external=b'{"x":1}',
            event=b'"born"',
        )
        assert (await bench.written(row, b"{}", births=(child,))).position == 2
        loaded = await bench.load("child")
        born = loaded.row
        assert (born.status, born.epoch, born.owner) == ("created", 0, None)
        assert (born.position, born.due_us) == (1, bench.now_us)
        assert (born.definition_id, born.workflow) == (definition, "part")
        assert (born.parent, born.tags) == ("p", ("red", "big"))
        assert (loaded.external, loaded.events) == (b'{"x":1}', (b'"born"',))
        assert await bench.store.events("child") == [b'"born"']
        assert await bench.found(tag="red") == ["child"]

    @check
    async def test_a_child_is_known_by_its_id(self, bench: Bench) -> None:
        """[C27] [C04] Who starts it again hears that it is there."""
        row = await bench.held()
        await bench.written(row, b"{}", births=(await bench.new("child"),))
        again, other = await bench.start("child"), await bench.start("child", input_sha="other")
        assert (again.is_new, again.is_same) == (False, True)
        assert (other.is_new, other.is_same) == (False, False)

    @check
    async def test_a_child_is_claimed_like_any_other(self, bench: Bench) -> None:
        """[C27] [C19]."""
        row = await bench.held()
        await bench.written(row, b"{}", births=(await bench.new("child"),))
        loaded = await bench.claimed("child")
        assert loaded.row.epoch == 1
        assert (await bench.written(loaded.row, b"{}")).position == 2

    @check
    async def test_a_child_has_no_owner_whoever_is_named(self, bench: Bench) -> None:
        """[C27] Its parent's worker has no more right to it than any other."""
        worker = await bench.worker()
        row = await bench.held(owner=worker)
        await bench.written(row, b"{}", births=(await bench.new("child", owner=worker),))
        born = await bench.row("child")
        assert (born.owner, born.epoch, born.status) == (None, 0, "created")
        await bench.claimed("child")

    @check
    async def test_a_child_born_for_later_is_due_then(self, bench: Bench) -> None:
        """[C27] [C19]."""
        row = await bench.held()
        at_us = bench.later(10)
        await bench.written(row, b"{}", births=(await bench.new("child", at_us=at_us),))
        worker = await bench.worker()
        claims = await bench.claim(worker)
        assert (ids(claims), claims.next_due_us) == ([], at_us)
        bench.clock.advance(10)
        assert ids(await bench.claim(worker)) == ["child"]

    @check
    async def test_one_commit_may_bear_many_children(self, bench: Bench) -> None:
        """[C27] In their order."""
        row = await bench.held()
        names = [f"c{number}" for number in range(30)]
        births = tuple([await bench.new(name, parent="p") for name in names])
        await bench.written(row, b"{}", births=births)
        assert await bench.found() == [*reversed(names), "p"]

    @check
    async def test_children_are_born_however_their_parent_writes(self, bench: Bench) -> None:
        """[C27] [C13] [C18] Who parks, closes or seizes may have children, too."""
        ways: dict[str, dict[str, Any]] = {
            "parks": {"parks": True},
            "closes": {"closes": True, "status": "completed"},
            "seizes": {"seize": True, "closes": True, "status": "aborted"},
        }
        for name, way in ways.items():
            row = await bench.held(name)
            child = await bench.new(f"{name} child", parent=name)
            await bench.written(row, b"{}", births=(child,), **way)
            await bench.claimed(f"{name} child")

    @check
    async def test_listeners_hear_of_children_and_of_messages(self, bench: Bench) -> None:
        """[C27] [C28] As of those that come by themselves; of what was refused, nothing."""
        row = await bench.held()
        await bench.parked("q")
        refused = (await bench.new("refused"), await bench.new("q"))
        ears = bench.listen()
        sends = (bench.outgoing("q"),)
        refusal = await bench.append(row, births=refused, sends=sends)
        assert refusal is Refusal.CHILD_EXISTS
        await bench.start("first")
        await ears.wait("runnable", "first")
        assert ears.heard == [Change("runnable", "first")]
        await bench.written(row, b"{}", births=(await bench.new("child"),), sends=sends)
        await ears.wait("runnable", "child")
        await ears.wait("message", "q")
        await ears.wait("runnable", "q")

    @check
    async def test_children_survive_a_restart(self, bench: Bench) -> None:
        """[C27] [C01]."""
        row = await bench.held()
        await bench.written(row, b"{}", births=(await bench.new("child", event=b'"born"'),))
        await bench.restart()
        assert (await bench.claimed("child")).events == (b'"born"',)

    @check
    async def test_a_known_child_refuses_the_whole_item(self, bench: Bench) -> None:
        """[C27] Be it open or closed, a stranger's or one's own, on the same input or not."""
        row = await bench.held()
        await bench.parked("open")
        await bench.closed("closed")
        row = await bench.written(row, b"{}", births=(await bench.new("own", parent="p"),))
        for known in ("open", "closed", "own", "p"):
            births = (await bench.new("before"), await bench.new(known), await bench.new("after"))
            before = await bench.load(known)
            await bench.assert_refused(
                row,
                b'"late"',
                refusal=Refusal.CHILD_EXISTS,
                births=births,
                parks=True,
                snapshot=b'"late"',
                external=b'"late"',
                documents=(writes("order", "7", 0),),
            )
            assert await bench.load(known) == before
        assert {*await bench.found()} == {"p", "open", "closed", "own"}
        assert await bench.store.document("order", "7") == []

    @check
    async def test_twins_of_one_id_refuse_the_whole_item(self, bench: Bench) -> None:
        """[C27]."""
        row = await bench.held()
        twins = (await bench.new("child"), await bench.new("child"))
        await bench.assert_refused(row, b"{}", births=twins, refusal=Refusal.CHILD_EXISTS)
        assert await bench.found() == ["p"]

    @check
    async def test_after_a_known_child_the_holder_may_go_on(self, bench: Bench) -> None:
        """[C27] It is no fence."""
        row = await bench.held()
        births = (await bench.new("p"),)
        await bench.assert_refused(row, b"{}", births=births, refusal=Refusal.CHILD_EXISTS)
        births = (await bench.new("child"),)
        assert (await bench.written(row, b"{}", births=births)).position == 2
        await bench.claimed("child")

    @check
    async def test_a_refused_commit_bears_no_child(self, bench: Bench) -> None:
        """[C27] [C10] [C12] [C16]."""
        row = await bench.held()
        await bench.assert_refused_in_every_way(row, births=(await bench.new("child"),))
        assert await bench.found() == ["p"]
        assert (await bench.start("child")).is_new

    @check
    async def test_of_many_parents_of_one_child_one_wins(self, bench: Bench) -> None:
        """[C27] [C17] The others' commits leave no trace."""
        rows = [await bench.held(f"p{number}") for number in range(10)]
        births = [(await bench.new("child", parent=row.process_id),) for row in rows]
        refusals = await asyncio.gather(
            *(bench.append(row, b"{}", births=born) for row, born in zip(rows, births, strict=True))
        )
        assert refusals.count(None) == 1
        assert refusals.count(Refusal.CHILD_EXISTS) == 9
        winner = rows[refusals.index(None)].process_id
        assert (await bench.row("child")).parent == winner
        positions = {row.process_id: (await bench.row(row.process_id)).position for row in rows}
        assert positions == {row.process_id: 1 + (row.process_id == winner) for row in rows}


class SendChecks(StoreChecks):
    """`append` with messages."""

    @check
    async def test_a_commit_sends_messages(self, bench: Bench) -> None:
        """[C28] [C06] [C09] In order, numbered and stamped like all others."""
        row = await bench.held()
        await bench.held("q")
        early = await bench.send("q", b'"early"')
        at_us = bench.now_us
        bench.clock.advance(5)
        sends = (bench.outgoing("q", b'"a"'), bench.outgoing("q", b'"b"'))
        await bench.written(row, b"{}", at_us=at_us, sends=sends)
        late = await bench.send("q", b'"late"')
        loaded = await bench.load("q")
        assert said(loaded.messages) == [b'"early"', b'"a"', b'"b"', b'"late"']
        seqs = [each.seq for each in loaded.messages]
        assert seqs == sorted(set(seqs))
        assert (seqs[0], seqs[-1], loaded.row.inbox_head) == (early.seq, late.seq, late.seq)
        assert {each.at_us for each in loaded.messages[1:]} == {bench.now_us}

    @check
    async def test_a_sent_message_raises_the_head_and_wakes(self, bench: Bench) -> None:
        """[C28] [C06] What waits for ever, and what has a timer; who is held stays so."""
        row, held = await bench.held(), await bench.held("held")
        await bench.parked("waiting")
        await bench.parked("timed", due_us=bench.later(3600))
        names = ("waiting", "timed", "held")
        await bench.written(row, b"{}", sends=tuple(map(bench.outgoing, names)))
        for name in names:
            message = only((await bench.load(name)).messages)
            assert (await bench.row(name)).inbox_head == message.seq
        assert (await bench.row("held")).owner == held.owner
        assert {*ids(await bench.claim(await bench.worker()))} == {"waiting", "timed"}

    @check
    async def test_what_cannot_be_delivered_is_dropped(self, bench: Bench) -> None:
        """[C28] [C07] The commit is written all the same, and so is what can be delivered."""
        row = await bench.held()
        await bench.held("q")
        for status in CLOSED:
            await bench.closed(status, status=status)
        sends = [bench.outgoing(name) for name in ("absent", *CLOSED, "q")]
        assert (await bench.written(row, b"{}", sends=tuple(sends))).position == 2
        assert await bench.store.load("absent") is None
        for status in CLOSED:
            after = await bench.row(status)
            assert (after.inbox_head, after.due_us, await bench.inbox(status)) == (0, None, [])
        assert len(await bench.inbox("q")) == 1

    @check
    async def test_a_key_that_was_used_drops_a_sent_message(self, bench: Bench) -> None:
        """[C28] [C08] Whatever the digest; and it is used up by what was sent."""
        row = await bench.held()
        await bench.held("q")
        await bench.send("q", b'"first"', key="k", digest="d")
        keyed = [
            bench.outgoing("q", b'"same"', key="k", digest="d"),
            bench.outgoing("q", b'"other"', key="k", digest="e"),
            bench.outgoing("q", b'"new"', key="l", digest="d"),
            bench.outgoing("q", b'"new"', key="l", digest="d"),
        ]
        await bench.written(row, b"{}", sends=tuple(keyed))
        assert await bench.inbox("q") == [b'"first"', b'"new"']
        assert (await bench.send("q", key="l", digest="d")).outcome == "repeated"
        assert (await bench.send("q", key="l", digest="e")).outcome == "conflict"

    @check
    async def test_a_dropped_message_does_not_use_up_its_key(self, bench: Bench) -> None:
        """[C28] [C07] [C08]."""
        row = await bench.held()
        await bench.closed("q", status="failed")
        await bench.written(row, b"{}", sends=(bench.outgoing("q", key="k", digest="d"),))
        sent = await bench.send("q", key="k", digest="other", reopens=True)
        assert sent.outcome == "sent"

    @check
    async def test_a_sent_message_may_reopen_what_failed(self, bench: Bench) -> None:
        """[C28] [C07] And nothing else."""
        row = await bench.held()
        for status in CLOSED:
            await bench.closed(status, status=status)
        sends = tuple(bench.outgoing(status, reopens=True) for status in CLOSED)
        await bench.written(row, b"{}", sends=sends)
        assert ids(await bench.claim(await bench.worker())) == ["failed"]

    @check
    async def test_a_process_may_write_to_itself(self, bench: Bench) -> None:
        """[C28] [C12] [C14] What it sends was neither seen nor consumed; it wakes who parks."""
        row = await bench.held()
        sent = await bench.send(data=b'"old"')
        itself = (bench.outgoing(data=b'"new"'),)
        row = await bench.written(row, b"{}", sends=itself, consumed=sent.seq, seen=sent.seq)
        assert row.owner is not None
        assert await bench.inbox() == [b'"new"']
        again = (bench.outgoing(data=b'"again"'),)
        await bench.written(row, b"{}", sends=again, parks=True)
        loaded = await bench.claimed()
        assert said(loaded.messages) == [b'"new"', b'"again"']

    @check
    async def test_who_closes_no_longer_hears_itself(self, bench: Bench) -> None:
        """[C28] [C07]."""
        row = await bench.held()
        closing = {"closes": True, "status": "completed"}
        row = await bench.written(row, b"{}", sends=(bench.outgoing(),), **closing)
        assert (row.inbox_head, row.due_us, await bench.inbox()) == (0, None, [])

    @check
    async def test_a_message_reaches_the_child_that_is_born_with_it(self, bench: Bench) -> None:
        """[C28] [C27]."""
        row = await bench.held()
        births = (await bench.new("child"),)
        sends = (bench.outgoing("child", b'"hello"'),)
        await bench.written(row, b"{}", births=births, sends=sends)
        assert said((await bench.claimed("child")).messages) == [b'"hello"']

    @check
    async def test_sent_messages_survive_a_restart(self, bench: Bench) -> None:
        """[C28] [C01] And so does the wake-up."""
        await bench.parked("q")
        await bench.written(await bench.held(), b"{}", sends=(bench.outgoing("q"),))
        await bench.restart()
        assert len((await bench.claimed("q")).messages) == 1

    @check
    async def test_a_refused_commit_sends_nothing(self, bench: Bench) -> None:
        """[C28] [C10] [C12] [C16] [C27] And uses up no key."""
        row = await bench.held()
        parked = await bench.parked("q")
        sends = (bench.outgoing("q", key="k", digest="d"),)
        await bench.assert_refused_in_every_way(row, sends=sends)
        assert await bench.row("q") == parked
        assert (await bench.send("q", key="k", digest="other")).outcome == "sent"

    @check
    async def test_commits_with_children_and_messages_stand_for_themselves(
        self, bench: Bench
    ) -> None:
        """[C17] [C27] [C28] Accepted and refused ones, mixed; refused ones leave no trace."""
        await bench.held("q")
        await bench.held("known")
        rows = [await bench.held(f"p{number}") for number in range(40)]
        items = []
        for number, row in enumerate(rows):
            name = f"child {number}"
            births = [await bench.new(name)] + [await bench.new("known")] * (number % 4 == 1)
            sends = (bench.outgoing("q", b'"%d"' % number), bench.outgoing(name))
            items.append(bench.commit(row, b"{}", births=tuple(births), sends=sends))
        refusals = await asyncio.gather(*(bench.store.append(item) for item in items))
        expected = [Refusal.CHILD_EXISTS if number % 4 == 1 else None for number in range(40)]
        assert refusals == expected
        written = [number for number, refusal in enumerate(expected) if refusal is None]
        assert {*await bench.inbox("q")} == {b'"%d"' % number for number in written}
        born = {f"child {number}" for number in written}
        assert {each for each in await bench.found(limit=100) if "child" in each} == born
