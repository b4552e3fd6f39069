"""How writers of several OS processes queue: a turnstile of two file locks beside the database.

SQLite's own way of waiting is to try again after a while, so a writer that comes back at once
always wins and another may wait for seconds. Here a writer takes the gate, waits for its turn, and
leaves the gate to the next: who has just written must queue behind who waits. It is about fairness
alone; where there are no such locks, SQLite's own keep the file whole.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from corago.errors import StoreUnavailableError
from corago.stores.sqlite.locks import Locks, lock, unlock

_TURN_PAUSES = (0.0001,)
_GATE_PAUSES = (0.0002, 0.0005, 0.001)


class Turnstile:
    """A context in which no other corago writes to the same file."""

    def __init__(self, path: Path, locks: Locks, patience: float) -> None:
        """Open (and if need be create) the two lock files, which belong to `locks`."""
        self._path = path
        self._patience = patience
        self._gate = locks.open("gate")
        self._turn = locks.open("turn")
        self._pause = threading.Event()

    def __enter__(self) -> None:
        """Wait for the turn. Raises StoreUnavailableError when others do not end."""
        if self._gate is None or self._turn is None:
            return
        self._wait(self._gate, _GATE_PAUSES)
        try:
            self._wait(self._turn, _TURN_PAUSES)
        finally:
            unlock(self._gate)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the turn to the next."""
        if self._gate is not None and self._turn is not None:
            unlock(self._turn)

    def _wait(self, file: int, pauses: tuple[float, ...]) -> None:
        # A wait that blocks would be woken sooner, but could not end if the other stands still.
        waited, tries = 0.0, 0
        while not lock(file):
            if waited >= self._patience:
                raise StoreUnavailableError(
                    f"another corago has been writing to {self._path} for more than "
                    f"{self._patience:g} s; see whether it stands still"
                )
            pause = pauses[min(tries, len(pauses) - 1)]
            self._pause.wait(pause)
            waited += pause
            tries += 1
