"""What an operator may ask of a file: its status, a check, an upgrade; no store need have it open.

Knows tables, and no event: whether a history makes sense is for those who can fold it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from corago.clock import SystemClock, from_us, to_us
from corago.core.events import CLOSED_STATUSES
from corago.errors import StoreCorruptError, StoreUnavailableError
from corago.stores.sqlite import migrations
from corago.stores.sqlite.connecting import (
    PATIENCE,
    connect_onlooker,
    explained,
    read_with_marks,
)
from corago.stores.sqlite.locks import Locks
from corago.stores.sqlite.opening import prepare, real
from corago.stores.sqlite.queries import QUERIES
from corago.stores.sqlite.reading import is_paused, one_moment
from corago.stores.sqlite.rows import encode_list
from corago.stores.sqlite.workers import lock_name

ENDED_FOR_GOOD = tuple(sorted(CLOSED_STATUSES - {"failed"}))
"""A failed process may be reopened, and so be due and held."""


OPEN_STATUSES = ("created", "running", "suspended", "waiting")
"""What the row of an open process may say."""

DAMAGED = "the file is damaged"
"""How a finding begins after which nothing else in a file can be believed, or even read."""


def status(path: Path | str) -> dict[str, Any]:
    """What a file holds, without changing it.

    Keys: `path`, `exists`, `size` (bytes, log included), `version` (the last migration, 0: none),
    `pending` (names of migrations to come), `paused`, `processes` (counts by status) and `workers`
    (each with `id`, `name`, `beat`, `seen` and `is_dead`). Raises ForeignStoreError,
    StoreVersionError, StoreCorruptError or StoreUnavailableError.
    """
    path = real(path)
    found: dict[str, Any] = {
        "path": str(path),
        "exists": path.exists(),
        "size": sum(each.stat().st_size for each in _files(path) if each.exists()),
        "version": 0,
        "pending": [_title(each) for each in migrations.MIGRATIONS],
        "paused": False,
        "processes": {},
        "workers": [],
    }
    if not found["exists"]:
        return found
    with explained(path), closing(connect_onlooker(path)) as connection:
        done = migrations.applied(connection, path)
        found["pending"] = [_title(each) for each in migrations.MIGRATIONS[len(done) :]]
        if done:
            found["version"] = done[-1].number
            cursor = connection.cursor()
            with one_moment(cursor):
                found["paused"] = is_paused(cursor)
                found["processes"] = dict(cursor.execute(QUERIES["count_by_status"]).fetchall())
                found["workers"] = _workers(cursor, path)
    return found


def _files(path: Path) -> tuple[Path, ...]:
    return path, path.with_name(f"{path.name}-wal")


def _title(migration: migrations.Migration) -> str:
    return f"{migration.number:04}_{migration.name}"


def _workers(cursor: sqlite3.Cursor, path: Path) -> list[dict[str, Any]]:
    locks = Locks(path)
    return [
        {
            "id": worker,
            "name": name,
            "beat": beat,
            "seen": from_us(beat_us),
            "is_dead": locks.is_free(lock_name(worker)) if has_lock else None,
        }
        for worker, name, beat, beat_us, has_lock in cursor.execute(QUERIES["list_workers"])
    ]


def upgrade(path: Path | str) -> list[str]:
    """Bring a file up to date; gives the names of the migrations that were applied."""
    path = real(path)
    pending: list[str] = status(path)["pending"]
    if not path.exists():
        raise StoreUnavailableError(f"there is no database {path}; starting an engine makes one")
    prepare(path, to_us(SystemClock().now()), PATIENCE).close()
    return pending


def check(path: Path | str, *, contents: bool = True) -> list[str]:
    """What is wrong in a file, a sentence for each finding; nothing is changed.

    `contents`: whether to look at what engines mean by the rows, too, and not at the tables alone.
    Raises StoreUnavailableError, ForeignStoreError or StoreVersionError where there is nothing
    that could be checked.
    """
    path = real(path)
    with explained(path), closing(connect_onlooker(path)) as connection:
        connection.text_factory = read_with_marks
        cursor = connection.cursor()
        try:
            done = len(migrations.applied(connection, path))
            if not done:
                return [f"{path} is empty"]
            if done < len(migrations.MIGRATIONS):
                lacks = _title(migrations.MIGRATIONS[done])
                return [f"{path} lacks {lacks}; run `corago db upgrade`, then check again"]
            with one_moment(cursor):
                return list(_findings(cursor, contents=contents))
        except StoreCorruptError as error:
            return [str(error)]
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            return [f"{DAMAGED}: {error}"]


def _findings(cursor: sqlite3.Cursor, *, contents: bool) -> Iterator[str]:
    damages = [said for (said,) in cursor.execute("PRAGMA integrity_check").fetchall()]
    if damages != ["ok"]:
        yield from (f"{DAMAGED}: {said}" for said in damages)
        return  # rows of a damaged file prove nothing
    for table, row, *_ in cursor.execute("PRAGMA foreign_key_check").fetchall():
        yield f"row {row} of {table} names a definition that is missing"
    yield from _process_findings(cursor)
    yield from _inbox_findings(cursor)
    yield from _task_findings(cursor)
    yield from _word_findings(cursor)
    if contents:
        yield from _content_findings(cursor)
    for table, instance, count in cursor.execute(QUERIES["check_strays"]).fetchall():
        yield f"{count} rows of {table} belong to process row {instance}, which is missing"
    for table, row in cursor.execute(QUERIES["check_json"]).fetchall():
        yield f"{table}: the row {row} is no JSON"
    for kind, name, count, first, last in cursor.execute(QUERIES["check_documents"]).fetchall():
        yield f"document {kind} {name} has {count} versions, from {first} to {last}"
    for name, version, sha, document in cursor.execute(QUERIES["check_definitions"]).fetchall():
        if hashlib.sha256(document).hexdigest() != sha:
            yield f"definition {name} {version} does not have the digest {sha}"
    for sha, data in cursor.execute(QUERIES["check_blobs"]):
        if hashlib.sha256(data).hexdigest() != sha:
            yield f"the blob {sha} has another digest"


def _process_findings(cursor: sqlite3.Cursor) -> Iterator[str]:
    found = cursor.execute(QUERIES["check_positions"]).fetchall()
    for process_id, position, count, first, last in found:
        yield (
            f"process {process_id} stands at position {position}, but has {count} events, from "
            f"{first} to {last}"
        )
    for process_id, run, latest, count, first, last in cursor.execute(QUERIES["check_runs"]):
        yield (
            f"process {process_id} is at run {latest}, and of its run {run} has {count} events, "
            f"from {first} to {last}"
        )
    for process_id, latest, count in cursor.execute(QUERIES["check_missing_runs"]):
        yield f"process {process_id} is at run {latest}, but has events of {count} runs before"
    found = cursor.execute(QUERIES["check_snapshots"]).fetchall()
    for process_id, snapshot_position, position in found:
        yield f"process {process_id} at {position} has a snapshot of position {snapshot_position}"
    ended = encode_list(ENDED_FOR_GOOD).decode()
    found = cursor.execute(QUERIES["check_closed"], (ended,)).fetchall()
    for process_id, status_, due_us, owner in found:
        how = "held" if due_us is None else "due" if owner is None else "due and held"
        yield f"process {process_id} is {status_}, and yet {how}"
    for process_id, owner, due_us in cursor.execute(QUERIES["check_owners"]).fetchall():
        whom = f"worker {owner}, who is not registered" if due_us is None else f"worker {owner}"
        yield f"process {process_id} is held by {whom}{'' if due_us is None else ', and yet due'}"
    for (process_id,) in cursor.execute(QUERIES["check_leases"]).fetchall():
        yield f"process {process_id} has a lease that is to end, and yet is held by nobody"
    for process_id, unfit in cursor.execute(QUERIES["check_misfits"]).fetchall():
        yield f"process {process_id} is said not to fit definition {unfit}, which is missing"


def _content_findings(cursor: sqlite3.Cursor) -> Iterator[str]:
    """What engines have put into the rows, as far as it can be told without understanding it."""
    known = (encode_list(sorted({*CLOSED_STATUSES, *OPEN_STATUSES})).decode(),)
    for process_id, status_, how in cursor.execute(QUERIES["check_statuses"], known).fetchall():
        yield f"process {process_id} is {status_!r}, {how}"
    for process_id, parent in cursor.execute(QUERIES["check_parents"]).fetchall():
        yield f"process {process_id} has the parent {parent}, which is missing"
    found = cursor.execute(QUERIES["check_beginnings"]).fetchall()
    for process_id, run, kind, begun, workflow in found:
        yield (
            f"process {process_id} begins its run {run} with another event than its own: a {kind} "
            f"of process {begun}, workflow {workflow}"
        )
    yield from (said for (said,) in cursor.execute(QUERIES["check_contents"]).fetchall())


def _word_findings(cursor: sqlite3.Cursor) -> Iterator[str]:
    """What rows say of themselves, and of each other."""
    for process_id, run, position, said in cursor.execute(QUERIES["check_places"]).fetchall():
        yield f"process {process_id} has at position {position} of run {run} an event of {said}"
    for process_id, tag, how, yet in cursor.execute(QUERIES["check_tags"]).fetchall():
        yield f"process {process_id} {how} {tag!r}, {yet}"
    found = cursor.execute(QUERIES["check_writers"]).fetchall()
    for kind, name, version, process_id, position in found:
        yield (
            f"document {kind} {name} {version} was written at position {position} of process "
            f"{process_id}, which has none such"
        )
    for name, value in cursor.execute(QUERIES["check_settings"]).fetchall():
        yield f"the setting {name!r} is {value!r}"
    for place, name, value in cursor.execute(QUERIES["check_numbers"]).fetchall():
        yield f"{place} cannot have {name} {value!r}"


def _inbox_findings(cursor: sqlite3.Cursor) -> Iterator[str]:
    found = cursor.execute(QUERIES["check_inbox_heads"]).fetchall()
    for process_id, head, consumed, first, last in found:
        yield (
            f"process {process_id} has consumed messages up to {consumed} of {head}, but its inbox "
            f"goes from {first} to {last}"
        )


def _task_findings(cursor: sqlite3.Cursor) -> Iterator[str]:
    ended = encode_list(ENDED_FOR_GOOD).decode()
    for process_id, status_, path in cursor.execute(QUERIES["check_tasks"], (ended,)).fetchall():
        yield f"process {process_id} is {status_}, and yet has a task {path!r}"
    for process_id, path, owner, due_us in cursor.execute(QUERIES["check_task_owners"]).fetchall():
        task = f"the task {path!r} of process {process_id} is"
        if owner is None:
            yield f"{task} neither held nor due"
        elif due_us is not None:
            yield f"{task} held by worker {owner}, and yet due"
        else:
            yield f"{task} held by worker {owner}, who is not registered"
