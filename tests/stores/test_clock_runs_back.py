"""Stores of a machine whose calendar is put back: what has an order keeps it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from corago.ports.store import Store
from corago.stores.memory import MemoryStore
from corago.testing.clock import VirtualClock
from corago.testing.store_suite.harness import Bench, StoreChecks, check, said
from tests.conformance.test_sqlite_store import OnSqlite

WORDS = [b'"first"', b'"second"', b'"third"']


class Backward(StoreChecks):
    @check
    async def test_messages_keep_the_order_in_which_they_came(self, bench: Bench) -> None:
        """The inbox's own order is law, whatever the instants say."""
        rows = [await bench.parked("p"), await bench.parked("q")]
        for word in WORDS:
            for row in rows:
                await bench.send(row.process_id, word)
            bench.clock._now -= timedelta(hours=1)
        for row in rows:
            assert said(await bench.store.messages(row.instance, 0)) == WORDS
            assert said((await bench.load(row.process_id)).messages) == WORDS
        bench.clock.advance(timedelta(hours=9))
        taken = (await bench.claim(await bench.worker())).taken
        assert [said(each.messages) for each in taken] == [WORDS, WORDS]


class TestInMemory(Backward):
    def make_store(self, clock: VirtualClock, tmp_path: Path) -> Store:
        return MemoryStore(clock)


class TestInSqlite(OnSqlite, Backward):
    pass
