"""From a path to a database that is ready: its folder, its mark, its migrations, its mode."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from corago.errors import StoreCorruptError, StoreUnavailableError
from corago.stores.sqlite import forks, migrations
from corago.stores.sqlite.connecting import connect, connect_onlooker, connect_writer, explained
from corago.stores.sqlite.locks import Locks
from corago.stores.sqlite.turnstile import Turnstile

OLDEST_SQLITE = (3, 38, 0)
"""The first with `->>`, by which the views read JSON."""

SMALLEST_PAGE = 512
"""No SQLite database has fewer bytes, but for one that is empty."""


def real(path: Path | str) -> Path:
    """Where the file really is: what lies beside it must lie beside the same file for all."""
    return Path(os.path.realpath(path))


def prepare(path: Path, at_us: int, patience: float) -> sqlite3.Connection:
    """The writing connection to a database that is ours, up to date and writable."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreUnavailableError(
            f"this Python has SQLite {sqlite3.sqlite_version}; corago needs 3.38 or newer to use "
            f"{path}: use another Python"
        )
    forks.check(path)
    with explained(path):
        try:
            _refuse_what_is_not_ours(path)
        except OSError as error:
            raise StoreUnavailableError(
                f"the database {path} cannot be read ({error.strerror}); give this user the right "
                "to read and write the file and its folder"
            ) from error
        with closing(connect(path, "rwc", patience)) as creating:
            creating.execute("PRAGMA schema_version")
        connection = connect_writer(path, patience)
        try:
            _make_ready(connection, path, at_us, patience)
        except BaseException:
            connection.close()
            raise
    return connection


def _refuse_what_is_not_ours(path: Path) -> None:
    """Look before writing anything, since even a change of mode would be a change.

    Only SQLite may open the file: whatever else closes it lets go of all locks that this OS process
    has on it, those of other engines here too; others would then delete the log that these write.
    """
    size = path.stat().st_size if path.is_file() else 0
    if not size:
        return
    if size < SMALLEST_PAGE:  # SQLite takes a very short text for an empty database
        raise StoreCorruptError(
            f"{path} is no SQLite database, or cut off; name another file, or run `corago db "
            "check` and restore a copy"
        )
    with closing(connect_onlooker(path)) as looking:
        migrations.applied(looking, path)


def _make_ready(connection: sqlite3.Connection, path: Path, at_us: int, patience: float) -> None:
    locks = Locks(path)
    try:
        with Turnstile(path, locks, patience):
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise StoreUnavailableError(
                    f"the folder of {path} does not let programs share memory, as network folders "
                    "do not; put the database on a disk of this machine"
                )
            connection.execute("BEGIN IMMEDIATE")
            try:
                migrations.migrate(connection, path, at_us)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
    finally:
        locks.close()
