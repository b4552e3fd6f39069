"""The store in SQLite keeps the contract of the Store port, and leaves a file without a fault."""

from __future__ import annotations

from pathlib import Path

from corago.ports.store import Store
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.inspect import check
from corago.testing.clock import VirtualClock
from corago.testing.store_suite import StoreSuite
from corago.testing.store_suite.harness import Body, StoreChecks


class OnSqlite(StoreChecks):
    """Stores for checks, all on one file; whatever a check does, the file must stand up to one."""

    def make_store(self, clock: VirtualClock, tmp_path: Path) -> Store:
        self.path, self.clock = tmp_path / "work.db", clock
        return self.reopen()

    def reopen(self) -> Store:
        return SqliteStore(self.path, self.clock)

    async def perform(self, body: Body, tmp_path: Path) -> None:
        await super().perform(body, tmp_path)
        assert check(self.path, contents=False) == []


class TestSqliteStore(OnSqlite, StoreSuite):
    pass
