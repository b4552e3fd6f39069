"""Tasks of queues through the backend port: polled, completed, and heard of in between."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path

from benchmarks import floor
from benchmarks.deciders import QUEUE, count_queued
from benchmarks.figures import Figure, Size, only
from benchmarks.flows import INPUT
from benchmarks.throughput import Run
from corago import AsyncEngine
from corago.backends.local import LocalBackend
from corago.clock import SystemClock
from corago.core import codec
from corago.core import events as e
from corago.core import messages as m
from corago.core.tasks import ActivityTask
from corago.decider import Answer, Process, ScheduleActivity, Workflow
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.opening import prepare
from corago.stores.sqlite.queries import QUERIES
from corago.stores.sqlite.rows import numbers
from corago.wiring import KINDS

EACH = 10
"""So many tasks each process puts into the queue at once."""

END = e.ActivityCompleted(INPUT | {"count": 1})


class Putting(Workflow):
    """Puts ten activities into the queue."""

    activities = (count_queued,)

    def decide(self, process: Process) -> Answer:
        """All at once, from the input."""
        return [ScheduleActivity(count_queued, process.input) for _ in range(EACH)]


async def _put(path: Path, processes: int) -> None:
    """Let so many processes put their tasks; nobody serves the queue."""
    async with AsyncEngine(f"sqlite:///{path}", workflows=[Putting]) as engine:
        await engine.start_many(Putting, [INPUT] * processes)
        while (await engine.count(status="waiting")).get("waiting", 0) < processes:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def _at_hand(path: Path) -> AsyncIterator[tuple[LocalBackend, int]]:
    """The backend on a file, and a worker that is registered there."""
    clock = SystemClock()
    backend = LocalBackend(SqliteStore(path, clock), clock, KINDS)
    await backend.open()
    try:
        yield backend, await backend.heartbeat("by hand")
    finally:
        await backend.close()


async def _take(backend: LocalBackend, worker: int, count: int) -> Sequence[ActivityTask]:
    polled = await backend.poll_activity_tasks(worker, [QUEUE], [], count, activities=None)
    return polled.tasks


async def _complete(backend: LocalBackend, task: ActivityTask) -> None:
    attempt = task.attempt
    outcome = m.Outcome(attempt.path, attempt.occurrence, attempt.attempt, END)
    assert await backend.complete_activity_task(task, outcome)


async def _completed(path: Path, at_once: int, count: int) -> Run:
    """Take tasks and bring them back, so many at a time, until there are none."""
    with ExitStack() as after:
        async with _at_hand(path) as (backend, worker):
            commits = after.enter_context(floor.counted(path))
            gc.collect()
            before, begun, used = commits(), time.perf_counter(), time.process_time()
            found = 0
            while tasks := await _take(backend, worker, at_once):
                found += len(tasks)
                await asyncio.gather(*(_complete(backend, task) for task in tasks))
            took, used = time.perf_counter() - begun, time.process_time() - used
            assert found == count
            return Run(count / took, used / count * 1e6, count / (commits() - before))


def _bare_completions(path: Path, at_once: int, group: int) -> float:
    """Tasks per second: the same rows taken, and removed for messages, a group at a time."""
    with closing(prepare(path, 1, floor.PATIENCE)) as connection:
        execute = connection.cursor().execute
        owner = execute(QUERIES["register"], ("floor", 1)).lastrowid
        rows = execute("select id, instance_id, path from tasks order by id").fetchall()
        data = [(task, instance, _message(path)) for task, instance, path in rows]
        begun = time.perf_counter()
        for start in range(0, len(data), at_once):
            taken = data[start : start + at_once]
            execute("BEGIN IMMEDIATE")
            values = {"worker": owner, "now_us": 1, "tasks": numbers(task for task, _, _ in taken)}
            assert execute(QUERIES["take_tasks"], values).rowcount == len(taken)
            execute("COMMIT")
            for first in range(0, len(taken), group):
                execute("BEGIN IMMEDIATE")
                for task, instance, text in taken[first : first + group]:
                    asked = (task, owner, 1, 1)
                    assert execute(QUERIES["addressee_of_task"], asked).fetchone() is not None
                    execute(QUERIES["take_out_task"], (task,))
                    seq = execute(QUERIES["put_message"], (instance, 1, text)).lastrowid
                    execute(QUERIES["raise_inbox_head_and_wake"], (seq, 1, instance))
                execute("COMMIT")
        return len(data) / (time.perf_counter() - begun)


def _message(path: str) -> str:
    return codec.encode_message(m.Outcome(path, 1, 1, END)).decode()


async def _beaten(path: Path, at_once: int, rounds: int, *, says: bool) -> Run:
    """Let so many tasks be heard of, all at once, again and again."""
    with ExitStack() as after:
        async with _at_hand(path) as (backend, worker):
            tasks = await _take(backend, worker, at_once)
            assert len(tasks) == at_once
            commits = after.enter_context(floor.counted(path))
            gc.collect()
            before, begun, used = commits(), time.perf_counter(), time.process_time()
            beat = backend.heartbeat_activity_task
            for done in range(rounds):
                told = INPUT | {"count": done}
                heard = await asyncio.gather(*(beat(task, told, says=says) for task in tasks))
                assert not any(heard)
            took, used = time.perf_counter() - begun, time.process_time() - used
            count = at_once * rounds
            return Run(count / took, used / count * 1e6, count / (commits() - before))


def _bare_beats(path: Path, rounds: int, group: int, *, says: bool) -> float:
    """Heartbeats per second: the same rows, a group at a time."""
    with closing(prepare(path, 1, floor.PATIENCE)) as connection:
        execute = connection.cursor().execute
        execute(f"PRAGMA synchronous = {'FULL' if says else 'NORMAL'}")
        rows = execute("select id, owner, epoch from tasks where owner is not null").fetchall()
        same = {"now_us": 1, "details": codec.to_json(INPUT).decode() if says else None}
        beats = [
            same | {"task": task, "worker": owner, "epoch": epoch} for task, owner, epoch in rows
        ] * rounds
        begun = time.perf_counter()
        for start in range(0, len(beats), group):
            execute("BEGIN IMMEDIATE")
            for values in beats[start : start + group]:
                assert execute(QUERIES["beat_task"], values).fetchone() == (0,)
            execute("COMMIT")
        return len(beats) / (time.perf_counter() - begun)


def _copy(path: Path, name: str) -> Path:
    """The same file again."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(path, path.with_name(name)))


def tasks_by_hand(folder: Path, size: Size) -> list[Figure]:
    """500 tasks of a queue at a time: taken and completed, and heard of, with details or not."""
    at_once, path = size.of(500, 20), folder / "put.db"
    asyncio.run(_put(path, at_once))
    count = at_once * EACH
    ours = asyncio.run(_completed(_copy(path, "c.db"), at_once, count))
    bare = _bare_completions(_copy(path, "cf.db"), at_once, max(1, round(ours.group)))
    note = f"{ours.cpu:.0f} µs CPU, {ours.group:.0f} to a commit"
    figures = [only(f"poll, complete, {at_once} at once", ours.speed, bare, "tasks/s", note)]
    for says, name in ((True, "heartbeats with details"), (False, "heartbeats without")):
        mine = _copy(path, f"b{says}.db")
        ours = asyncio.run(_beaten(mine, at_once, EACH, says=says))
        group = max(1, round(ours.group))
        bare = _bare_beats(_copy(mine, f"bf{says}.db"), EACH, group, says=says)
        note = f"{ours.cpu:.0f} µs CPU, {ours.group:.0f} to a commit"
        figures.append(only(name, ours.speed, bare, "beats/s", note))
    return figures
