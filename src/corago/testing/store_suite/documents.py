"""Checks of documents: a chain of versions, written with the facts or not at all."""

from __future__ import annotations

import asyncio

from corago.core.commit import DocumentWrite
from corago.ports.store import DocumentVersion, Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, fence, writes


class DocumentChecks(StoreChecks):
    """`append` with documents, and `document`."""

    @check
    async def test_a_document_that_was_never_written_has_no_versions(self, bench: Bench) -> None:
        """[C16]."""
        assert await bench.store.document("order", "7") == []

    @check
    async def test_every_version_is_kept_with_its_origin(self, bench: Bench) -> None:
        """[C16] Who, when, which process and which event."""
        row = await bench.held("p")
        first_us = bench.now_us
        first = DocumentWrite("order", "7", 0, b'{"v":1}', actor="ann")
        row = await bench.written(row, b"2", documents=(first,))
        bench.clock.advance(60)
        other = await bench.written(await bench.held("q"), b"2")
        second = DocumentWrite("order", "7", 1, b'{"v":2}')
        await bench.written(other, b"3", documents=(second,))
        assert await bench.store.document("order", "7") == [
            DocumentVersion("order", "7", 1, b'{"v":1}', first_us, "ann", "p", 2),
            DocumentVersion("order", "7", 2, b'{"v":2}', bench.now_us, None, "q", 3),
        ]

    @check
    async def test_a_write_needs_the_version_that_it_replaces(self, bench: Bench) -> None:
        """[C16] Neither an older nor a newer one, nor none."""
        row = await bench.held()
        for version in range(2):
            row = await bench.written(row, b"{}", documents=(writes("order", "7", version),))
        for wrong in (0, 1, 3):
            refusal = await bench.append(row, b"{}", documents=(writes("order", "7", wrong),))
            assert refusal is Refusal.DOCUMENT_CONFLICT
        assert len(await bench.store.document("order", "7")) == 2
        assert await bench.append(row, b"{}", documents=(writes("order", "7", 2),)) is None

    @check
    async def test_a_first_write_expects_no_version(self, bench: Bench) -> None:
        """[C16]."""
        row = await bench.held()
        refusal = await bench.append(row, b"{}", documents=(writes("order", "7", 1),))
        assert refusal is Refusal.DOCUMENT_CONFLICT
        assert await bench.store.document("order", "7") == []

    @check
    async def test_one_conflict_refuses_the_whole_item(self, bench: Bench) -> None:
        """[C16] Events, messages, snapshot, lease and the documents before and after it."""
        row = await bench.held()
        sent = await bench.send()
        before = await bench.load()
        refusal = await bench.append(
            row,
            b'"late"',
            status="waiting",
            consumed=sent.seq,
            seen=sent.seq,
            parks=True,
            snapshot=b'"late"',
            external=b'"late"',
            documents=(writes("a", "1", 0), writes("b", "1", 5), writes("c", "1", 0)),
        )
        assert refusal is Refusal.DOCUMENT_CONFLICT
        assert await bench.load() == before
        assert [await bench.store.document(kind, "1") for kind in "abc"] == [[], [], []]

    @check
    async def test_after_a_conflict_the_holder_may_go_on(self, bench: Bench) -> None:
        """[C16] A conflict is no fence: the retry policy decides."""
        row = await bench.held()
        refusal = await bench.append(row, b"{}", documents=(writes("order", "7", 3),))
        assert refusal is Refusal.DOCUMENT_CONFLICT
        row = await bench.written(row, b'"recorded"', documents=(writes("order", "7", 0),))
        assert row.position == 2

    @check
    async def test_a_fenced_item_writes_no_document(self, bench: Bench) -> None:
        """[C16] [C10]."""
        row = await bench.held()
        stale = fence(row, epoch=9)
        document = (writes("order", "7", 0),)
        assert await bench.append(row, b"{}", fence=stale, documents=document) is Refusal.FENCED
        assert await bench.store.document("order", "7") == []

    @check
    async def test_one_commit_may_write_many_documents(self, bench: Bench) -> None:
        """[C16]."""
        names = [f"{number}" for number in range(30)]
        row = await bench.held()
        await bench.written(row, b"{}", documents=tuple(writes("order", name, 0) for name in names))
        versions = [await bench.store.document("order", name) for name in names]
        assert [[each.version for each in chain] for chain in versions] == [[1]] * 30

    @check
    async def test_one_commit_may_write_a_document_twice(self, bench: Bench) -> None:
        """[C16] The second write expects what the first one made."""
        row = await bench.held()
        chain = (writes("order", "7", 0, b"1"), writes("order", "7", 1, b"2"))
        await bench.written(row, b"{}", documents=chain)
        versions = await bench.store.document("order", "7")
        assert [(each.version, each.data) for each in versions] == [(1, b"1"), (2, b"2")]

    @check
    async def test_kind_and_id_together_name_a_document(self, bench: Bench) -> None:
        """[C16]."""
        row = await bench.held()
        names = [("a", "b"), ("b", "a"), ("A", "b"), ("a", "é"), ("a", "e\u0301"), ("ab", "")]
        await bench.written(
            row, b"{}", documents=tuple(writes(kind, name, 0) for kind, name in names)
        )
        for kind, name in names:
            found = await bench.store.document(kind, name)
            assert [(each.kind, each.id, each.version) for each in found] == [(kind, name, 1)]

    @check
    async def test_of_many_writers_of_one_version_one_wins(self, bench: Bench) -> None:
        """[C16] [C17] The others' commits leave no trace."""
        rows = [await bench.held(f"p{number}") for number in range(10)]
        document = (writes("order", "7", 0),)
        refusals = await asyncio.gather(
            *(bench.append(row, b"{}", documents=document) for row in rows)
        )
        assert refusals.count(None) == 1
        assert refusals.count(Refusal.DOCUMENT_CONFLICT) == 9
        winner = rows[refusals.index(None)].process_id
        versions = await bench.store.document("order", "7")
        assert [(each.version, each.process_id) for each in versions] == [(1, winner)]
        positions = {row.process_id: (await bench.row(row.process_id)).position for row in rows}
        assert positions == {row.process_id: 1 + (row.process_id == winner) for row in rows}
