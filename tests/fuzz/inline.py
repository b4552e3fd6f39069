"""A SQLite store without threads: the same writer and readers, on a loop of virtual time.

So a whole engine on a file runs in virtual time, and many of them in a second.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from corago.clock import EPOCH, to_us
from corago.stores.sqlite.connecting import connect_reader
from corago.stores.sqlite.locks import Locks
from corago.stores.sqlite.opening import prepare
from corago.stores.sqlite.pen import Operation
from corago.stores.sqlite.readers import Errand, Readers
from corago.stores.sqlite.stirring import Stirring
from corago.stores.sqlite.store import SqliteStore, _Opened
from corago.stores.sqlite.writer import Answer, Item, Writer

T = TypeVar("T")

BEGINNING = EPOCH + timedelta(days=365 * 50)


ROUNDS = 20_000
"""So many rounds of the loop in one instant are too many."""


class StillError(Exception):
    """Every task waits for something that will not come."""


class SpinningError(BaseException):
    """Something runs in a circle, and time does not pass."""


class QuietLoop(asyncio.BaseEventLoop):
    """An event loop whose time passes only when nobody has anything to do."""

    def __init__(self, from_second: float) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[Any]] = []
        self._seconds = from_second
        self._rounds = 0
        self._selector = self
        self._clock_resolution = 1e-9

    def create_task(self, coro: Any, **named: Any) -> asyncio.Task[Any]:
        """Keep every task: what stands at the end is dead, and runs no `finally` block."""
        task: asyncio.Task[Any] = super().create_task(coro, **named)
        self.tasks.append(task)
        return task

    def time(self) -> float:
        """Virtual seconds."""
        return self._seconds

    def select(self, timeout: float | None = None) -> list[Any]:
        """Where another loop waits for the world: let time pass instead."""
        if timeout is None:
            raise StillError
        self._seconds += timeout
        self._rounds = 0 if timeout else self._rounds + 1
        if self._rounds > ROUNDS:
            raise SpinningError
        return []

    def _process_events(self, event_list: Iterable[Any]) -> None:
        """No file has an event here."""

    def _write_to_self(self) -> None:
        """Nobody else runs, so nobody must be woken."""


class LoopClock:
    """The clock of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        """The calendar."""
        return BEGINNING + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """The steady clock."""
        return self._loop.time()


class InlineWriter(Writer):
    """Writes when it is asked to; counts how often."""

    calls = 0

    def start(self) -> None:
        """There is no thread."""

    def submit(self, operation: Operation, value: Any) -> Answer:
        """Do it now; the answer is given at the loop's next round."""
        future = super().submit(operation, value)
        self.calls += 1
        while self._waiting or self._queue.qsize():
            self._serve(self._gather())
        return future

    def _commit(self, group: list[Item], do: Any) -> Any:
        """Without a sync: no power is cut here."""
        self._must_last = any(operation.must_last for operation, _, _ in group)
        return super()._commit(group, do)

    async def close(self) -> None:
        """Let connection and locks go."""
        self._connection.close()
        self._pen.locks.close()


class InlineReaders(Readers):
    """Reads when it is asked to; counts how often."""

    calls = 0

    def __init__(self, path: Path, patience: float, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._loop = loop
        self._queue = SimpleQueue()
        self._connections = [connect_reader(path, patience)]

    def submit(self, read: Callable[[sqlite3.Cursor], T]) -> asyncio.Future[T]:
        """Read now; the answer is given at the loop's next round."""
        future: asyncio.Future[T] = self._loop.create_future()
        self.calls += 1
        self._queue.put(Errand(read, future))
        self._queue.put(None)
        self._run(self._connections[0])
        return future

    async def close(self) -> None:
        """Let the connections go."""
        self._let_go()


class InlineStore(SqliteStore):
    """The store, its file opened without a thread."""

    writer: InlineWriter
    readers: InlineReaders

    async def open(self) -> None:
        """Open the file as `SqliteStore` does."""
        path, loop = self.path, asyncio.get_running_loop()
        connection = prepare(path, to_us(self._clock.now()), self._patience)
        connection.execute("PRAGMA synchronous = OFF")
        locks, stirring = Locks(path), Stirring(connection)
        self.writer = InlineWriter(
            path=path,
            clock=self._clock,
            loop=loop,
            connection=connection,
            locks=locks,
            stirring=stirring,
            patience=self._patience,
            told=self._told,
        )
        self.readers = InlineReaders(path, self._patience, loop)
        self._opened = _Opened(os.getpid(), None, locks, stirring, self.writer, self.readers)
