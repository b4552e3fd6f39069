"""The store in SQLite keeps the contract of the Store port."""

from __future__ import annotations

from pathlib import Path

from corago.ports.store import Store
from corago.stores.sqlite import SqliteStore
from corago.testing.clock import VirtualClock
from corago.testing.store_suite import StoreSuite


class TestSqliteStore(StoreSuite):
    def make_store(self, clock: VirtualClock, tmp_path: Path) -> Store:
        self.path, self.clock = tmp_path / "work.db", clock
        return self.reopen()

    def reopen(self) -> Store:
        return SqliteStore(self.path, self.clock)
