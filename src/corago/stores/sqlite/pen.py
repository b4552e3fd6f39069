"""What an operation writes with: the cursor of the open transaction, and what follows its end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from corago.clock import Clock, to_us
from corago.ports.store import Change
from corago.stores.sqlite.locks import Locks


class Pen:
    """The writer's cursor. Belongs to the writer thread."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, locks: Locks) -> None:
        """Make a cursor; nothing is written yet."""
        self.cursor = connection.cursor()
        self.locks = locks
        self.changes: list[Change] = []
        """What listeners are told after the commit."""
        self.after: list[Callable[[], None]] = []
        """What is to be done after the commit."""
        self.undo: list[Callable[[], None]] = []
        """What is to be taken back, last first, if there is no commit."""
        self._clock = clock

    def now_us(self) -> int:
        """The store's instant."""
        return to_us(self._clock.now())

    def row(self, statement: str, values: Any = ()) -> Any:
        """The first row of an answer, or None."""
        return self.cursor.execute(statement, values).fetchone()

    def mark(self) -> tuple[int, int, int]:
        """A place to go back to."""
        return len(self.changes), len(self.after), len(self.undo)

    def go_back(self, mark: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Forget, and take back, what was meant since a place."""
        changes, after, undo = mark
        del self.changes[changes:], self.after[after:]
        while len(self.undo) > undo:
            self.undo.pop()()

    def finish(self) -> tuple[Change, ...]:
        """After the commit: do what was to be done, and give what is to be told."""
        changes = tuple(self.changes)
        for each in self.after:
            each()
        self.changes.clear()
        self.after.clear()
        self.undo.clear()
        return changes


class Operation(NamedTuple):
    """A kind of write: `run` does it within a transaction, and leaves nothing of what it refuses.

    `must_last`: whether it has to survive a power cut once it is answered. `peek` may answer
    without a transaction, where nothing is to be written; it gives None if a transaction is needed.
    """

    run: Callable[[Pen, Any], Any]
    must_last: bool = True
    peek: Callable[[Pen, Any], Any] | None = None
