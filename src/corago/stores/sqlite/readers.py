"""The threads that read, each with a connection of its own. What they read is not known here."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from corago.stores.sqlite.connecting import connect_reader, forgives, meaning

THREADS = 2
"""So that a long list holds up no turn that only wants its inbox."""

T = TypeVar("T")


class Errand(NamedTuple):
    """What to do with a cursor, and who waits for the answer."""

    read: Callable[[sqlite3.Cursor], Any]
    future: asyncio.Future[Any]


class Readers:
    """A queue of errands, and the threads behind it."""

    def __init__(self, path: Path, patience: float, loop: asyncio.AbstractEventLoop) -> None:
        """Open the connections and begin."""
        self._path = path
        self._loop = loop
        self._queue: SimpleQueue[Errand | None] = SimpleQueue()
        self._connections: list[sqlite3.Connection] = []
        try:
            for _ in range(THREADS):
                self._connections.append(connect_reader(path, patience))
        except sqlite3.Error:
            self._let_go()
            raise
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name="corago-reader", daemon=True)
            for each in self._connections
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, read: Callable[[sqlite3.Cursor], T]) -> asyncio.Future[T]:
        """Queue an errand. On the loop; the future is resolved there, too."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(Errand(read, future))
        return future

    async def close(self) -> None:
        """Read what was asked for, then end."""
        ends = [self.submit(_nothing) for _ in self._threads]
        for _ in self._threads:
            self._queue.put(None)
        await asyncio.gather(*ends)
        for thread in self._threads:
            thread.join()
        self._let_go()

    def _let_go(self) -> None:
        for connection in self._connections:
            connection.close()

    def _run(self, connection: sqlite3.Connection) -> None:
        cursor = connection.cursor()
        while (errand := self._queue.get()) is not None:
            read, future = errand
            answer: Callable[[], None]
            try:
                answer = partial(_resolve, future, _read(read, cursor))
            except sqlite3.Error as error:
                answer = partial(_fail, future, meaning(error, self._path))
            except Exception as error:  # noqa: BLE001 - it belongs to who waits, not to this thread
                answer = partial(_fail, future, error)
            try:
                self._loop.call_soon_threadsafe(answer)
            except RuntimeError:
                return  # the loop was closed before the store: nobody is left who waits


def _read(read: Callable[[sqlite3.Cursor], T], cursor: sqlite3.Cursor) -> T:
    try:
        return read(cursor)
    except sqlite3.OperationalError as error:
        if not forgives(cursor.connection, error):
            raise
        return read(cursor)


def _nothing(cursor: sqlite3.Cursor) -> None:
    """An errand that only says that those before it are done."""


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if not future.done():
        future.set_result(answer)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
