"""Checks of opening and closing: what is there survives, and nothing works after the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from corago.errors import EngineClosedError
from corago.ports.store import Outgoing, Query, Store
from corago.testing.store_suite.harness import Bench, StoreChecks, check, definition, said, writes

Call = Callable[[Store], Coroutine[Any, Any, object]]

READING: tuple[Call, ...] = (
    lambda store: store.definitions(),
    lambda store: store.load("p"),
    lambda store: store.messages(1, 0),
    lambda store: store.events("p"),
    lambda store: store.find(Query()),
    lambda store: store.count(Query()),
    lambda store: store.peers(),
    lambda store: store.pause(),
    lambda store: store.document("order", "7"),
)

WRITING: tuple[Call, ...] = (
    lambda store: store.define(definition()),
    lambda store: store.send(Outgoing("p", b"{}")),
    lambda store: store.claim(1, [1], 1),
    lambda store: store.beat("worker"),
    lambda store: store.bury(1),
    lambda store: store.pause(True),
)


class OpeningChecks(StoreChecks):
    """`open`, `close` and what a restart keeps."""

    @check
    async def test_a_restart_keeps_processes_and_their_events(self, bench: Bench) -> None:
        """[C01] [C03]."""
        row = await bench.written(await bench.held(event=b'{"n":1}'), b'{"n":2}', parks=True)
        await bench.restart()
        assert await bench.row() == row
        assert await bench.store.events("p") == [b'{"n":1}', b'{"n":2}']

    @check
    async def test_a_restart_keeps_definitions_and_their_ids(self, bench: Bench) -> None:
        """[C01] [C02]."""
        first, second = await bench.define("a"), await bench.define("b")
        kept = await bench.store.definitions()
        await bench.restart()
        assert await bench.store.definitions() == kept
        assert [await bench.define("b"), await bench.define("a")] == [second, first]

    @check
    async def test_a_restart_keeps_snapshot_and_external_store(self, bench: Bench) -> None:
        """[C01] [C15]."""
        row = await bench.held()
        await bench.written(row, b"{}", snapshot=b'{"s":1}', snapshot_tag="1", external=b'{"x":2}')
        kept = await bench.load()
        await bench.restart()
        assert await bench.load() == kept

    @check
    async def test_a_restart_keeps_documents(self, bench: Bench) -> None:
        """[C01] [C16]."""
        await bench.written(await bench.held(), b"{}", documents=(writes("order", "7", 0),))
        kept = await bench.store.document("order", "7")
        await bench.restart()
        assert len(kept) == 1
        assert await bench.store.document("order", "7") == kept

    @check
    async def test_a_restart_keeps_keys(self, bench: Bench) -> None:
        """[C01] [C08]."""
        await bench.parked()
        await bench.send(key="k", digest="d")
        await bench.restart()
        assert (await bench.send(key="k", digest="d")).outcome == "repeated"

    @check
    async def test_a_restart_keeps_workers_and_what_they_hold(self, bench: Bench) -> None:
        """[C01] A worker that died is still there for others to judge."""
        row = await bench.held()
        peers = [(each.id, each.name, each.beat) for each in await bench.store.peers()]
        await bench.restart()
        found = [(each.id, each.name, each.beat) for each in await bench.store.peers()]
        assert found == peers
        assert await bench.row() == row

    @check
    async def test_sequence_numbers_rise_over_restarts(self, bench: Bench) -> None:
        """[C01] [C06] Even when the inbox is empty again."""
        row = await bench.parked()
        before = await bench.send()
        loaded = await bench.claimed()
        row = await bench.written(loaded.row, consumed=before.seq, seen=before.seq, parks=True)
        await bench.restart()
        after = await bench.send()
        assert after.seq > before.seq
        assert (await bench.row()).inbox_head == after.seq > row.inbox_head

    @check
    async def test_a_second_object_sees_what_the_first_wrote(self, bench: Bench) -> None:
        """[C03] [C06] At once, and not only after a farewell."""
        other = await bench.second()
        await bench.parked()
        await bench.send(data=b'"a"')
        loaded = await other.load("p")
        assert loaded is not None
        assert said(loaded.messages) == [b'"a"']
        assert await other.definitions() == await bench.store.definitions()

    @check
    async def test_opening_a_second_object_harms_nothing(self, bench: Bench) -> None:
        """[C01] A worker that starts disturbs none that runs."""
        row = await bench.held()
        await bench.second()
        assert (await bench.written(row, b"{}")).position == 2

    @check
    async def test_many_may_open_at_once(self, bench: Bench) -> None:
        """[C01] All of them make ready what is missing, and only one can be first."""
        await bench.parked()
        others = await asyncio.gather(*(bench.second() for _ in range(4)))
        loads = await asyncio.gather(*(other.load("p") for other in others))
        assert [each and each.row.status for each in loads] == ["waiting"] * 4

    @check
    async def test_after_closing_every_call_says_that_it_is_closed(self, bench: Bench) -> None:
        """EngineClosedError, and no hanging call."""
        row = await bench.held()
        store = bench.store
        new = await bench.new("q")
        await bench.close()
        starting: Call = lambda store: store.start(new)  # noqa: E731 - as in the tables
        writing: Call = lambda store: store.append(bench.commit(row))  # noqa: E731
        for number, call in enumerate((*READING, *WRITING, starting, writing)):
            assert await _is_refused(call(store)), f"call {number} of a closed store was answered"

    @check
    async def test_closing_twice_is_harmless(self, bench: Bench) -> None:
        """A second farewell may come from a `finally`."""
        store = bench.store
        await bench.close()
        await store.close()


async def _is_refused(call: Coroutine[Any, Any, object]) -> bool:
    try:
        await call
    except EngineClosedError:
        return True
    return False
