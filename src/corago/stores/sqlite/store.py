"""The Store port over one SQLite file: what stands on the event loop. Holds no SQL and no thread.

Every write goes to the writer's queue and every read to the readers'; the loop never waits for the
disk. A store belongs to the loop that opened it, and does not survive a fork.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from corago.clock import Clock, to_us
from corago.errors import EngineClosedError
from corago.ports.store import (
    Append,
    Arrived,
    Born,
    Change,
    Claims,
    Definition,
    DocumentVersion,
    Instance,
    Loaded,
    NewProcess,
    Outgoing,
    Peer,
    Query,
    Refusal,
    Sent,
)
from corago.stores.sqlite import appending, processes, reading, rows, workers
from corago.stores.sqlite.connecting import PATIENCE, explained
from corago.stores.sqlite.locks import Locks
from corago.stores.sqlite.opening import prepare, real
from corago.stores.sqlite.pen import Operation
from corago.stores.sqlite.readers import Readers
from corago.stores.sqlite.stirring import Stirring
from corago.stores.sqlite.writer import Broken, Writer

_log = logging.getLogger("corago.store")

T = TypeVar("T")


class SqliteStore:
    """A Store in one SQLite file, shared by any number of OS processes on one machine.

    Args:
        path: the file; made if it is missing, in a folder that is there.
        clock: where instants come from.
        patience: seconds to wait for others who write, before StoreUnavailableError.
        max_page_count: how many pages of 4 KiB the file may have; None leaves it to the disk.
    """

    def __init__(
        self,
        path: Path | str,
        clock: Clock,
        *,
        patience: float = PATIENCE,
        max_page_count: int | None = None,
    ) -> None:
        self.path = real(path)
        self._clock = clock
        self._patience = patience
        self._max_page_count = max_page_count
        self._pid = 0
        self._opened: _Opened | None = None
        self._listeners: list[Callable[[Change], None]] = []

    @property
    def url(self) -> str:
        """The store's URL."""
        return f"sqlite:///{self.path}"
