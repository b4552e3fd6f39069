"""The floor: a bare loop that commits the same rows by the store's own statements."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from corago.stores.sqlite.queries import QUERIES

OWNER = 10**9
"""A worker that does not exist."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection with the durability that the store has."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=100)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def steps_per_second(path: Path, *, processes: int, steps: int, group: int) -> float:
    """Write `steps` events of each of the newest `processes` again, `group` steps to a commit.

    The file is one that an engine has filled; each event is as long as the engine's own.
    """
    connection = connect(path)
    try:
        return _write(connection, processes, steps, group)
    finally:
        connection.close()


def _write(connection: sqlite3.Connection, processes: int, steps: int, group: int) -> float:
    cursor = connection.cursor()
    newest = "select id from workflow_instances order by id desc limit ?"
    instances = [row[0] for row in cursor.execute(newest, (processes,)).fetchall()]
    middle = "select data from events where instance_id = ? and position = 2"
    (event,) = cursor.execute(middle, (instances[0],)).fetchone()
    cursor.execute("BEGIN IMMEDIATE")
    take = "update workflow_instances set owner = ?, epoch = 1, position = 1, status = 'running', "
    take += "run = 2, consumed = 0 where id = ?"
    cursor.executemany(take, [(OWNER, each) for each in instances])
    cursor.execute("COMMIT")
    move, append = QUERIES["append_and_hold"], QUERIES["append_event"]
    begun, written = time.perf_counter(), 0
    cursor.execute("BEGIN IMMEDIATE")
    for position in range(1, steps + 1):
        for instance in instances:
            if written and not written % group:
                cursor.execute("COMMIT")
                cursor.execute("BEGIN IMMEDIATE")
            moved = (position + 1, 1, instance, OWNER, 1, position, 2, 0, "running")
            if cursor.execute(move, moved).rowcount != 1:
                raise AssertionError("the floor no longer writes what the store writes")
            cursor.execute(append, (instance, 2, position + 1, event))
            written += 1
    cursor.execute("COMMIT")
    return written / (time.perf_counter() - begun)
