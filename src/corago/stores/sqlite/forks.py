"""Which databases were open when this OS process was forked from another. Knows no table.

SQLite keeps the locks of a file in the memory of its OS process. A fork inherits that memory and
not the locks, so it would believe to have what it has not, and others would delete its log.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from corago.errors import StoreUnavailableError

Number = tuple[int, int]
"""What a file is known by on its machine, whatever it is called."""

_open: Counter[Number] = Counter()
_inherited: set[Number] = set()


def number(file: Path | str) -> Number | None:
    """The file's; None if there is none."""
    try:
        found = os.stat(file)  # noqa: PTH116 - looked at again and again, and so at half the price
    except OSError:
        return None
    return found.st_dev, found.st_ino


def opened(path: Path) -> Number | None:
    """A database has been opened; gives what `closed` is told."""
    found = number(path)
    if found is not None:
        _open[found] += 1
    return found


def closed(file: Number | None) -> None:
    """It has been closed again."""
    if file is not None:
        _open[file] -= 1


def check(path: Path) -> None:
    """Raise StoreUnavailableError if the database was open when this OS process was forked."""
    if number(path) in _inherited:
        raise StoreUnavailableError(
            f"the database {path} was open in the OS process of which this one is a fork, and what "
            "was written here would be lost: open engines after forking only, or "
            "start another program (multiprocessing: the start method spawn)"
        )


def _forked() -> None:
    """In the child: what was open is remembered."""
    _inherited.update(file for file, count in _open.items() if count > 0)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
