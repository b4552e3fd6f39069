"""How a connection to the file is made, and what its errors mean to an operator. Knows no table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from corago.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)

PATIENCE = 5.0
"""Seconds that a connection waits for others who write."""

CHECKPOINT_PAGES = 4000
"""A commit that leaves so many pages in the log moves them into the file, 16 MB of them."""

LOG_BYTES = 64 << 20
"""A log that grew beyond this is cut back to it."""

CACHE_KIBIBYTES = 32_768
STATEMENTS = 256

_PRIMARY = 0xFF
_OF_ONE_ITEM = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_TOOBIG,
    }
)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})


def connect(path: Path, mode: str, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection to an absolute path: `ro`, `rw`, or `rwc` to create the file.

    It begins no transaction by itself, and may be handed from thread to thread.
    """
    return sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS,
    )


def connect_writer(path: Path, patience: float) -> sqlite3.Connection:
    """The connection that writes: the only one whose commits reach the disk before they return."""
    connection = connect(path, "rw", patience)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    return connection


def connect_reader(path: Path, patience: float) -> sqlite3.Connection:
    """A connection that only reads."""
    connection = connect(path, "rw", patience)
    connection.execute("PRAGMA query_only = ON")
    return connection


def connect_onlooker(path: Path) -> sqlite3.Connection:
    """A connection that looks at a file and leaves nothing behind."""
    logs = (path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-journal"))
    # Without a log nobody is at work; SQLite would make one, and as a reader not remove it.
    is_at_rest = not any(log.exists() for log in logs)
    return connect(path, "ro&immutable=1" if is_at_rest else "ro")


def is_of_one_item(error: Exception) -> bool:
    """Whether an error lies in what was to be written, not in the file, the disk or the lock."""
    if not isinstance(error, sqlite3.Error):
        return not isinstance(error, StoreError)
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & _PRIMARY in _OF_ONE_ITEM


def forgives(connection: sqlite3.Connection, error: Exception) -> bool:
    """Whether an error came of a text that is no UTF-8, and is not met again on this connection.

    It reads such texts with marks in their place from then on, more slowly: one spoilt text must
    not hold up whatever is read along with it.
    """
    is_spoilt = isinstance(error, sqlite3.OperationalError) and "decode to UTF-8" in str(error)
    if not is_spoilt or connection.text_factory is not str:
        return False
    connection.text_factory = read_with_marks
    return True


def read_with_marks(text: bytes) -> str:
    """A text, with a mark for each byte that is none."""
    return text.decode(errors="replace")


def meaning(error: sqlite3.Error, path: Path) -> StoreError:
    """The same error in words that say what is wrong, where, and what to do."""
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code, said = extended & _PRIMARY, str(error)
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StoreFullError(
            f"no space is left for the database {path} ({said}); nothing was written: "
            "make room on its disk, and the work goes on"
        )
    if code in _DAMAGED:
        return StoreCorruptError(
            f"the database {path} is damaged, or is no SQLite database ({said}); "
            "run `corago db check`, and restore a copy if it finds damage"
        )
    if code in _LOCKED:
        return StoreUnavailableError(
            f"the database {path} was locked by another program for too long ({said}); "
            "close what holds it (a database browser, a copy that is being made) and try again"
        )
    if code == sqlite3.SQLITE_READONLY:
        return StoreUnavailableError(
            f"the database {path} cannot be written ({said}); give this user the right to write "
            "the file and its folder, or move it to where that is possible"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnavailableError(_unopened(path, said))
    if code in _OF_ONE_ITEM:
        return StoreError(f"the database {path} refused a row ({said}); run `corago db check`")
    return StoreUnavailableError(
        f"the database {path} could not be read or written ({said}); look at its disk and try again"
    )


def _unopened(path: Path, said: str) -> str:
    if path.is_dir():
        return f"the database {path} is a folder; name a file in it"
    if not path.parent.is_dir():
        return f"the database {path} has no folder: create {path.parent}, or name another place"
    return (
        f"the database {path} cannot be opened ({said}); give this user the right to read and "
        "write the file and its folder"
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into those of the port."""
    try:
        yield
    except sqlite3.Error as error:
        raise meaning(error, path) from error
