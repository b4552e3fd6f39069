"""The floor: a bare loop that commits an engine's own rows again, by the store's own statements."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from corago.core.events import CLOSING
from corago.stores.sqlite.opening import prepare
from corago.stores.sqlite.queries import QUERIES

PATIENCE = 5.0
CLOSED = {kind.__name__ for kind in CLOSING}


@dataclass
class Write:
    """What one commit of one process wrote: its birth, or a move with its events."""

    instance: int
    before: int
    events: list[str]
    birth: dict[str, Any] | None = None
    closes: bool = False


@dataclass
class Replayed:
    """How long each group of writes took, in seconds."""

    groups: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(self.groups)


@contextmanager
def counted(path: Path) -> Iterator[Callable[[], int]]:
    """Reads how many transactions an open database has committed, from its log's index.

    Leave it only after the database is closed: closing any handle to that file lets go of the
    locks that this OS process holds on it.
    """
    index = os.open(f"{path}-shm", os.O_RDONLY)
    try:
        yield lambda: int.from_bytes(os.pread(index, 4, 8), sys.byteorder)
    finally:
        os.close(index)


def recorded(path: Path, newest: int) -> list[Write]:
    """What an engine has written for the newest processes of a file, in its order."""
    born = "select id, process_id, input_sha, tags, external_state from workflow_instances"
    born += " order by id desc limit ?"
    facts = "select instance_id, position, data from events where instance_id >= ? order by id"
    with closing(sqlite3.connect(path)) as connection:
        births = {row[0]: row for row in connection.execute(born, (newest,))}
        events = connection.execute(facts, (min(births),)).fetchall()
    writes: list[Write] = []
    last = ""
    for instance, position, data in events:
        event = msgspec.json.decode(data)
        closes = event["type"] in CLOSED
        # what one commit has written bears one instant, and no two commits of a process the same
        is_same, last = event["at"] == last, event["at"]
        if position == 1:
            _, name, sha, tags, external = births[instance]
            birth = {"process_id": name, "input_sha": sha, "tags": tags, "external_state": external}
            writes.append(Write(instance, 0, [data], birth))
        elif is_same and position > 2 and writes[-1].instance == instance:
            writes[-1].events.append(data)
            writes[-1].closes = closes
        else:
            writes.append(Write(instance, position - 1, [data], None, closes))
    return writes


def replay(path: Path, writes: Sequence[Write], group: int) -> Replayed:
    """Commit them to a new file, `group` at a time; nothing is decided, converted or awaited."""
    connection = prepare(path, 1, PATIENCE)
    with closing(connection):
        cursor = connection.cursor()
        workflow = cursor.execute(QUERIES["define"], ("floor", 1, "sha", "{}")).lastrowid
        owner = cursor.execute(QUERIES["register"], ("floor", 1)).lastrowid or 0
        same = {"workflow_id": workflow, "owner": owner, "at_us": 1, "parent": None}
        instances: dict[int, int] = {}
        replayed = Replayed()
        for start in range(0, len(writes), group):
            part = writes[start : start + group]
            begun = time.perf_counter()
            cursor.execute("BEGIN IMMEDIATE")
            _births(cursor, part, same, instances)
            _moves(cursor, part, owner, instances)
            cursor.execute("COMMIT")
            replayed.groups.append(time.perf_counter() - begun)
        (found,) = cursor.execute("select count(*) from events").fetchone()
        assert found == sum(len(write.events) for write in writes)
    return replayed


def _births(
    cursor: sqlite3.Cursor,
    part: Sequence[Write],
    same: dict[str, Any],
    instances: dict[int, int],
) -> None:
    for write in part:
        if write.birth is not None:
            row = cursor.execute(QUERIES["start"], same | write.birth).fetchone()
            instances[write.instance] = row[0]


def _moves(
    cursor: sqlite3.Cursor, part: Sequence[Write], owner: int, instances: dict[int, int]
) -> None:
    moves, ends, events = [], [], []
    for write in part:
        instance, before, after = instances[write.instance], write.before, write.before
        for data in write.events:
            after += 1
            events.append((instance, 1, after, data))
        if write.closes:
            ends.append(end_of(instance, owner, before, after))
        elif write.birth is None:
            moves.append((after, 1, instance, owner, 1, before, 1, 0, "running"))
    for statement, rows in (("append_and_hold", moves), ("append", ends)):
        if rows:
            moved = cursor.executemany(QUERIES[statement], rows).rowcount
            assert moved == len(rows), f"the floor no longer writes as the store: {statement}"
    cursor.executemany(QUERIES["append_event"], events)


def end_of(instance: int, owner: int, before: int, after: int) -> dict[str, Any]:
    """What the store says of a commit that lets go of its process, by the statement's names."""
    return {
        "instance": instance,
        "run": 1,
        "owner": owner,
        "epoch": 1,
        "before": before,
        "position": after,
        "status": "completed",
        "at_us": 1,
        "consumed": 0,
        "seizes": 0,
        "lets_go": 1,
        "next_owner": None,
        "due_us": None,
        "unfit": None,
        "lost_owner": None,
        "failures": 0,
        "seen": 0,
        "snapshot": None,
        "snapshot_tag": "",
        "external": None,
    }
