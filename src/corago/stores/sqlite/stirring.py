"""Whether somebody else has written: a look at the file that does not mistake us for others."""

from __future__ import annotations

import sqlite3
import threading
from types import TracebackType


class Stirring:
    """Guards the writing connection, so that the loop may ask it for news between transactions.

    SQLite tells a connection of the commits of all others, and only of those: asked of any other
    connection, every commit of this store would look like news. While the writer's transaction is
    open nobody else can commit, so the look that it takes at its beginning is good until its end.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Count news from now on."""
        self._cursor = connection.cursor()
        self._mutex = threading.Lock()
        self._is_watched = False
        self._has_looked = False
        self._news = 0
        self._told = 0
        self._version = self._read_version()

    def _read_version(self) -> int:
        (version,) = self._cursor.execute("PRAGMA data_version").fetchone()
        return int(version)

    def asked(self) -> bool:
        """Whether there may be news since this was last asked. On the loop; never waits."""
        self._is_watched = True
        if self._mutex.acquire(blocking=False):
            try:
                self.look()
            finally:
                self._mutex.release()
        elif not self._has_looked:
            # The writer waits for somebody else to end, who may well have written.
            return True
        news = self._news
        told, self._told = self._told, news
        return news != told

    def look(self) -> None:
        """Take note of what others have committed. By whoever has the connection now."""
        if self._is_watched:
            version = self._read_version()
            if version != self._version:
                self._version = version
                self._news += 1
        self._has_looked = True

    def __enter__(self) -> None:
        """The writer needs its connection."""
        self._mutex.acquire()
        self._has_looked = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The writer is done."""
        self._mutex.release()
