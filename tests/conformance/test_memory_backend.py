"""The local backend over the store in memory keeps the contract of the Backend port."""

from __future__ import annotations

from pathlib import Path

from corago.backends.local import LocalBackend
from corago.ports.backend import Backend
from corago.stores.memory import MemoryStore
from corago.testing.backend_suite import BackendSuite
from corago.testing.clock import VirtualClock
from corago.wiring import KINDS


class TestMemoryBackend(BackendSuite):
    def make_backend(self, clock: VirtualClock, tmp_path: Path) -> Backend:
        self.store, self.clock = MemoryStore(clock), clock
        return self.reopen()

    def reopen(self) -> Backend:
        return LocalBackend(self.store, self.clock, KINDS)
