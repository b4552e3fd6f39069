"""Whether what lies at the path is still what was opened there. Knows no table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from corago.errors import StoreUnavailableError
from corago.stores.sqlite.forks import Number, number

LOOK_SECONDS = 0.1
"""How often the files are looked at, at most."""


class Identity:
    """The database and its log, as they were opened; `time` reads a steady clock in seconds.

    SQLite goes on in files that were moved or deleted, while everybody else finds nothing there or
    makes new ones: what is written then is lost, or two halves.
    """

    def __init__(self, path: Path, time: Callable[[], float]) -> None:
        """Take note of the files of a database that is open."""
        self._path = path
        self._files = (str(path), f"{path}-wal")
        self._time = time
        self._opened = self._found()
        self._next = 0.0

    def check(self) -> None:
        """Raise StoreUnavailableError if one of them is another one now, or none."""
        now = self._time()
        if now < self._next:
            return
        found = self._found()
        if None in self._opened:
            self._opened = found  # not there yet when it was opened
        if found != self._opened:
            raise StoreUnavailableError(
                f"the database {self._path}, or the -wal beside it, was moved, replaced or deleted "
                "while it was in use; nothing was written: bring back what was there, or restart "
                "every program that uses it"
            )
        self._next = now + LOOK_SECONDS

    def _found(self) -> tuple[Number | None, ...]:
        return tuple(map(number, self._files))
