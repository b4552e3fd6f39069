"""Whether somebody else has written: a look at the file that does not mistake us for others."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from corago.stores.sqlite.connecting import connect_reader


class Stirring:
    """A connection that only watches, asked by the loop and, around its commits, by the writer.

    While the writer's transaction is open nobody else can commit, so what it changes from beginning
    to end is its own. Without this every commit of a busy store would look like news.
    """

    def __init__(self, path: Path, patience: float) -> None:
        """Open the connection; news are counted from now on."""
        self._connection = connect_reader(path, patience)
        self._cursor = self._connection.cursor()
        self._mutex = threading.Lock()
        self._is_writing = False
        self._is_watched = False
        self._has_news = False
        self._known = self._version()

    def _version(self) -> int:
        (version,) = self._cursor.execute("PRAGMA data_version").fetchone()
        return int(version)

    def asked(self) -> bool:
        """Whether there are news since this was last asked."""
        with self._mutex:
            self._is_watched = True
            if not self._is_writing:
                self._look()
            has_news, self._has_news = self._has_news, False
            return has_news

    def _look(self) -> None:
        version = self._version()
        if version != self._known:
            self._known = version
            self._has_news = True

    def __enter__(self) -> None:
        """The writer's transaction is open: whatever changed until now was somebody else."""
        with self._mutex:
            if self._is_watched:
                self._look()
            self._is_writing = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The transaction has ended: what changed since was our own."""
        with self._mutex:
            if self._is_watched:
                self._known = self._version()
            self._is_writing = False

    def close(self) -> None:
        """Let the connection go."""
        with self._mutex:
            self._connection.close()
