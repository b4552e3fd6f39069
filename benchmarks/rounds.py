"""The floor of processes that are parked between their commits, by the store's own statements.

A round is a task that is taken and brought back, or a signal; a process that is taken because of
it; and the commit in which it goes on. Each of these waits for the one before, so each is a
transaction of its own, for a group of processes at a time.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.floor import PATIENCE, Replayed, Write, end_of
from corago.backends.local.packing import Packing
from corago.backends.local.tasks import queued
from corago.core import codec
from corago.core import events as e
from corago.core import messages as m
from corago.core import process as process_fold
from corago.core.commit import Queued
from corago.core.process import Process
from corago.ports.store import Blob, NewTask
from corago.stores.sqlite.opening import prepare
from corago.stores.sqlite.queries import QUERIES
from corago.stores.sqlite.rows import numbers


@dataclass
class Round:
    """One commit, with what was brought to the process before and what it put into queues."""

    write: Write
    mail: list[tuple[str | None, bytes]] = field(default_factory=list)
    """Messages, and the paths of the tasks whose outcomes they are; None for signals."""
    puts: list[NewTask] = field(default_factory=list)


def rounds(writes: Sequence[Write]) -> list[Round]:
    """The same writes with the rows of tasks and messages that were there in between."""
    packing = Packing((), _no_blobs)
    processes: dict[int, Process] = {}
    found = []
    for write in writes:
        each = Round(write)
        for data in write.events:
            event = codec.decode_event(data)
            if isinstance(event, e.ProcessStarted):
                processes[write.instance] = process_fold.start(event)
                continue
            process = processes[write.instance]
            match event:
                case e.ActivityScheduled() if event.queue:
                    each.puts.append(queued(packing, process, _attempt(event), []))
                case e.ActivityClosed():
                    outcome = m.Outcome(event.path, event.occurrence, event.attempt, event.result)
                    each.mail.append((event.path, codec.encode_message(outcome)))
                case e.SignalReceived():
                    signal = m.Signal(event.name, event.data)
                    each.mail.append((None, codec.encode_message(signal)))
            processes[write.instance] = process_fold.evolve(process, event)
        found.append(each)
    return found


def _attempt(event: e.ActivityScheduled) -> Queued:
    given = {"input": event.input}
    names = event.queue, event.activity
    return Queued(
        event.path, event.occurrence, event.attempt, *names, given, activity=event.activity
    )


async def _no_blobs(shas: Sequence[str]) -> list[Blob]:
    raise AssertionError(f"the floor has no large values: {shas}")


def replay(path: Path, writes: Sequence[Write], group: int) -> Replayed:
    """Commit them to a new file, the rounds of `group` processes at a time; nothing is decided."""
    connection = prepare(path, 1, PATIENCE)
    with closing(connection):
        floor = _Floor(connection)
        for part in _grouped(rounds(writes), group):
            begun = time.perf_counter()
            floor.go_on(part)
            floor.replayed.groups.append(time.perf_counter() - begun)
        counted = "select (select count(*) from events), (select count(*) from inbox)"
        found = floor.cursor.execute(counted).fetchone()
        assert found == (sum(len(write.events) for write in writes), 0)
        return floor.replayed


def _grouped(all_: Sequence[Round], group: int) -> Iterator[list[Round]]:
    """Parts of up to so many rounds, none of which has two of one process."""
    part: list[Round] = []
    there: set[int] = set()
    for each in all_:
        if len(part) == group or each.write.instance in there:
            yield part
            part, there = [], set()
        part.append(each)
        there.add(each.write.instance)
    if part:
        yield part


class _Floor:
    """What is known of the rows: the numbers, epochs and inboxes of processes, and their tasks."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.cursor = connection.cursor()
        self.replayed = Replayed()
        self._execute = self.cursor.execute
        self._workflow = self._execute(QUERIES["define"], ("floor", 1, "sha", "{}")).lastrowid
        self._owner = self._execute(QUERIES["register"], ("floor", 1)).lastrowid or 0
        self._instances: dict[int, int] = {}
        self._epochs: dict[int, int] = {}
        self._heads: dict[int, int] = {}
        self._tasks: dict[tuple[int, str], int] = {}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        yield
        self._execute("COMMIT")

    def go_on(self, part: Sequence[Round]) -> None:
        """Whatever a part of the rounds needs, one thing after the other."""
        births = [each.write for each in part if each.write.birth is not None]
        moves = [each for each in part if each.write.birth is None]
        told = [each for each in moves if each.mail]
        tasks = [self._task(each, path) for each in told for path, _ in each.mail if path]
        if births:
            with self._transaction():
                self._bear(births)
        if tasks:
            with self._transaction():
                values = {"worker": self._owner, "now_us": 1, "tasks": numbers(tasks)}
                self._moved("take_tasks", values, len(tasks))
        if told:
            with self._transaction():
                for each in told:
                    self._bring(each)
            with self._transaction():
                taken = numbers(self._instances[each.write.instance] for each in told)
                self._moved("take", (self._owner, None, taken), len(told))
        if moves:
            with self._transaction():
                for each in moves:
                    self._append(each)

    def _moved(self, statement: str, values: Any, count: int) -> None:
        moved = self._execute(QUERIES[statement], values).rowcount
        assert moved == count, f"the floor no longer writes as the store: {statement}"

    def _task(self, each: Round, path: str) -> int:
        return self._tasks[self._instances[each.write.instance], path]

    def _bear(self, births: Sequence[Write]) -> None:
        same = {"workflow_id": self._workflow, "owner": self._owner, "at_us": 1, "parent": None}
        for write in births:
            row = self._execute(QUERIES["start"], same | (write.birth or {})).fetchone()
            self._instances[write.instance] = row[0]
            self._epochs[row[0]], self._heads[row[0]] = 1, 0
            self._execute(QUERIES["append_event"], (row[0], 1, 1, write.events[0]))

    def _bring(self, each: Round) -> None:
        """Outcomes and signals into the inbox."""
        instance = self._instances[each.write.instance]
        self._epochs[instance] += 1
        for path in (path for path, _ in each.mail if path is not None):
            task = self._tasks.pop((instance, path))
            asked = (task, self._owner, 1, 1)
            assert self._execute(QUERIES["addressee_of_task"], asked).fetchone() is not None
            self._execute(QUERIES["take_out_task"], (task,))
        for _, data in each.mail:
            row = (instance, 1, data.decode())
            self._heads[instance] = self._execute(QUERIES["put_message"], row).lastrowid or 0
            wake = (self._heads[instance], 1, instance)
            self._execute(QUERIES["raise_inbox_head_and_wake"], wake)

    def _append(self, each: Round) -> None:
        """A commit that parks or closes, and what it puts into queues."""
        write = each.write
        instance, after = self._instances[write.instance], write.before + len(write.events)
        head = self._heads[instance]
        values = end_of(instance, self._owner, write.before, after)
        status = "completed" if write.closes else "waiting"
        values |= {"epoch": self._epochs[instance], "status": status}
        values |= {"consumed": head, "seen": head}
        self._moved("append", values, 1)
        rows = [
            (instance, 1, place, data) for place, data in enumerate(write.events, write.before + 1)
        ]
        self.cursor.executemany(QUERIES["append_event"], rows)
        if head:
            self._execute(QUERIES["take_messages"], (instance, head))
        for new in each.puts:
            # fmt: off
            row = self._execute(QUERIES["put_task"], (
                instance, new.path, new.queue, 1, new.data.decode(), new.activity,
                None, None, new.run_us, new.beat_us, "",
            ))
            # fmt: on
            self._tasks[instance, new.path] = row.lastrowid or 0
