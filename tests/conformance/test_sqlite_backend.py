"""The local backend over SQLite keeps the contract of the Backend port."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from corago.backends.local import LocalBackend
from corago.ports.backend import Backend
from corago.ports.capability import Capability
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.inspect import check
from corago.testing.backend_suite import BackendSuite
from corago.testing.backend_suite.harness import Body
from corago.testing.clock import VirtualClock
from corago.wiring import KINDS


class TestSqliteBackend(BackendSuite):
    def make_backend(self, clock: VirtualClock, tmp_path: Path) -> Backend:
        self.path, self.clock = tmp_path / "work.db", clock
        return self.reopen()

    def reopen(self) -> Backend:
        return LocalBackend(SqliteStore(self.path, self.clock), self.clock, KINDS)

    async def perform(self, body: Body, tmp_path: Path, needs: Sequence[Capability] = ()) -> None:
        await super().perform(body, tmp_path, needs)
        assert check(self.path) == []
