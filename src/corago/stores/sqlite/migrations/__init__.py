"""The numbered steps from an empty file to today's tables: forward only, and never edited again.

Each is a file `NNNN_name.sql`; its digest is recorded when it is applied, so that an edited step
is noticed. Which file may be touched at all is decided here, too: only an empty one or our own.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from corago.errors import ForeignStoreError, StoreCorruptError, StoreVersionError
from corago.stores.sqlite.queries import QUERIES

APPLICATION_ID = 0x636F7261
"""The mark in the header of a file that is corago's: `cora`."""

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z_]+)\.sql")


class Migration(NamedTuple):
    """One step."""

    number: int
    name: str
    sha256: str
    script: str


def _load() -> Iterator[Migration]:
    for file in sorted(resources.files(__name__).iterdir(), key=lambda each: each.name):
        found = _FILE.fullmatch(file.name)
        if found is not None:
            script = file.read_text("utf-8")
            digest = hashlib.sha256(script.encode()).hexdigest()
            yield Migration(int(found["number"]), found["name"], digest, script)


MIGRATIONS = tuple(_load())
"""All steps that this corago knows, in order."""


def applied(connection: sqlite3.Connection, path: Path) -> tuple[Migration, ...]:
    """The steps that a file has behind it; none in an empty file. Changes nothing.

    Raises ForeignStoreError, StoreVersionError or StoreCorruptError for a file that must not be
    touched.
    """
    # the tables first: another corago may make them and the mark, in one commit, just now
    (has_tables,) = connection.execute(QUERIES["has_tables"]).fetchone()
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID:
        if mark or has_tables:
            raise ForeignStoreError(
                f"the database {path} belongs to another program; nothing in it was changed: "
                "name another file"
            )
        return ()
    rows = connection.execute(QUERIES["migrations"]).fetchall()
    for (number, name, sha256), known in zip(rows, MIGRATIONS, strict=False):
        if (number, sha256) != (known.number, known.sha256):
            raise StoreCorruptError(
                f"the database {path} was made with another form of migration {number:04} ({name}) "
                "than this corago has; use the corago that made it, or restore a copy"
            )
    if len(rows) > len(MIGRATIONS):
        raise StoreVersionError(
            f"the database {path} was written by a newer corago (migration {rows[-1][0]:04}, "
            f"this one knows {MIGRATIONS[-1].number:04}); upgrade corago"
        )
    return MIGRATIONS[: len(rows)]


def migrate(connection: sqlite3.Connection, path: Path, at_us: int) -> None:
    """Apply what is missing, all of it or nothing, within the caller's transaction."""
    done = applied(connection, path)
    if not done:
        connection.execute(QUERIES["create_migrations"])
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for migration in MIGRATIONS[len(done) :]:
        for statement in _statements(migration.script):
            connection.execute(statement)
        record = (migration.number, migration.name, migration.sha256, at_us)
        connection.execute(QUERIES["record_migration"], record)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script: one by one, because a script as a whole would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
