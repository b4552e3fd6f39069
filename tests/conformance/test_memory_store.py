"""The store in memory keeps the contract of the Store port."""

from __future__ import annotations

from pathlib import Path

from corago.ports.store import Store
from corago.stores.memory import MemoryStore
from corago.testing.clock import VirtualClock
from corago.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    def make_store(self, clock: VirtualClock, tmp_path: Path) -> Store:
        self.store = MemoryStore(clock)
        return self.store

    def reopen(self) -> Store | None:
        return self.store
