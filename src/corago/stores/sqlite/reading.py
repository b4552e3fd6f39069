"""Reads, each on a connection of its own, so that no writer waits for them.

Rows are fetched before they are understood: an open statement would hold back the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from corago.errors import StoreCorruptError
from corago.ports.store import (
    Arrived,
    Blob,
    Definition,
    DocumentVersion,
    Instance,
    Loaded,
    Peer,
    Query,
    StandingTask,
    Task,
)
from corago.stores.sqlite import rows
from corago.stores.sqlite.locks import Locks
from corago.stores.sqlite.processes import PAUSED
from corago.stores.sqlite.queries import QUERIES
from corago.stores.sqlite.workers import lock_name

_BLOBS = QUERIES["blobs"]
_COUNT_BY_STATUS = QUERIES["count_by_status"]
_COUNT_MATCHING = QUERIES["count_matching"]
_DEFINITIONS = QUERIES["definitions"]
_DOCUMENT = QUERIES["document"]
_EVENTS = QUERIES["events"]
_FIND = QUERIES["find"]
_FIND_HELD = QUERIES["find_held"]
_FIND_WITH_STATUS = QUERIES["find_with_status"]
_FIND_TAGGED = QUERIES["find_tagged"]
_HELD_TASKS = QUERIES["held_tasks"]
_INSTANCE_OF = QUERIES["instance_of"]
_LOAD_TASKS = QUERIES["load_tasks"]
_MESSAGES = QUERIES["messages"]
_PEERS = QUERIES["peers"]
_READ_SETTING = QUERIES["read_setting"]
_TASKS_OF_PROCESS = QUERIES["tasks_of_process"]

_ALL = -1
_STOPS = 11
_FILTERS = ("workflow", "status", "owner", "tag", "since_us", "until_us")


@contextmanager
def one_moment(cursor: sqlite3.Cursor) -> Iterator[None]:
    """Let several statements see the same state of the database."""
    cursor.execute("BEGIN")
    try:
        yield
    finally:
        if cursor.connection.in_transaction:
            cursor.execute("COMMIT")


def load(cursor: sqlite3.Cursor, process_id: str) -> Loaded | None:
    """A process as it was at one moment."""
    with one_moment(cursor):
        found = cursor.execute(_INSTANCE_OF, (process_id,)).fetchone()
        if found is None:
            return None
        loaded = rows.load(cursor, found).get(found[0])
    if loaded is None:
        raise StoreCorruptError(
            f"the row of process {process_id!r} names a definition that is missing; run "
            "`corago db check`, and restore the definition under its number"
        )
    return loaded


def messages(cursor: sqlite3.Cursor, instance: int, after: int) -> list[Arrived]:
    """The later part of an inbox."""
    return [rows.arrived(row) for row in cursor.execute(_MESSAGES, (instance, after)).fetchall()]


def events(
    cursor: sqlite3.Cursor, process_id: str, after: int, limit: int | None, run: int | None
) -> list[bytes]:
    """A part of a history."""
    asked = (run, process_id, after, _ALL if limit is None else limit)
    return [data for (data,) in cursor.execute(_EVENTS, asked).fetchall()]


def definitions(cursor: sqlite3.Cursor, name: str | None) -> list[Definition]:
    """Definitions of one name, or all."""
    return [rows.definition(row) for row in cursor.execute(_DEFINITIONS, {"name": name}).fetchall()]


def document(cursor: sqlite3.Cursor, kind: str, id_: str) -> list[DocumentVersion]:
    """The versions of a document."""
    return [rows.version(row) for row in cursor.execute(_DOCUMENT, (kind, id_)).fetchall()]


def blobs(cursor: sqlite3.Cursor, shas: Sequence[str]) -> list[Blob]:
    """The large values of these digests."""
    return [Blob(*row) for row in cursor.execute(_BLOBS, (rows.texts(shas),)).fetchall()]


def task(cursor: sqlite3.Cursor, number: int, now_us: int) -> Task | None:
    """A task as it was at one moment."""
    asked = {"tasks": rows.numbers((number,)), "now_us": now_us}
    row = cursor.execute(_LOAD_TASKS, asked).fetchone()
    return None if row is None else Task(*row)


def tasks_of(cursor: sqlite3.Cursor, process_id: str) -> list[StandingTask]:
    """The tasks of a process."""
    found = cursor.execute(_TASKS_OF_PROCESS, (process_id,)).fetchall()
    return [_standing(row) for row in found]


def _standing(row: Sequence[Any]) -> StandingTask:
    values = list(row)
    values[_STOPS] = bool(values[_STOPS])
    return StandingTask(*values)


def held_tasks(cursor: sqlite3.Cursor, worker: int) -> dict[int, bool]:
    """What a worker works at, and whether it is to stop."""
    found = cursor.execute(_HELD_TASKS, (worker,)).fetchall()
    return {task: bool(stops) for task, stops in found}


def find(cursor: sqlite3.Cursor, query: Query) -> list[Instance]:
    """A page of processes."""
    statement = _FIND
    if query.owner is not None:
        statement = _FIND_HELD
    elif query.tag is not None:
        statement = _FIND_TAGGED
    elif query.status is not None:
        statement = _FIND_WITH_STATUS
    found = cursor.execute(statement, _conditions(query)).fetchall()
    return [rows.instance(row) for row in found]


def count(cursor: sqlite3.Cursor, query: Query) -> dict[str, int]:
    """Processes by status."""
    conditions = _conditions(query)
    if any(conditions[name] is not None for name in _FILTERS):
        return dict(cursor.execute(_COUNT_MATCHING, conditions).fetchall())
    return dict(cursor.execute(_COUNT_BY_STATUS).fetchall())


def _conditions(query: Query) -> dict[str, Any]:
    return {
        "workflow": query.workflow,
        "status": query.status,
        "owner": query.owner,
        "tag": query.tag,
        "since_us": query.since_us,
        "until_us": query.until_us,
        "after": query.after,
        "limit": query.limit,
    }


def is_paused(cursor: sqlite3.Cursor) -> bool:
    """Whether claims are held back."""
    return bool(cursor.execute(_READ_SETTING, (PAUSED,)).fetchone() == ("true",))


def peers(cursor: sqlite3.Cursor, locks: Locks) -> list[Peer]:
    """Workers, with what their locks prove."""
    found = cursor.execute(_PEERS).fetchall()
    return [
        Peer(worker, name, beat, locks.is_free(lock_name(worker)) if has_lock else None)
        for worker, name, beat, has_lock in found
    ]
