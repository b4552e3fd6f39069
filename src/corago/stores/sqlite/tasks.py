"""Writes of tasks: put and dropped with a commit, taken and brought back by workers."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from corago.core.events import CLOSED_STATUSES
from corago.ports.store import Blob, Change, NewTask, Task, TaskClaims
from corago.stores.sqlite import processes, rows
from corago.stores.sqlite.pen import Operation, Pen
from corago.stores.sqlite.queries import QUERIES
from corago.stores.sqlite.workers import is_paused, is_registered

_PUT_TASK = QUERIES["put_task"]
_STOP_TASK = QUERIES["stop_task"]
_BEGUN_TASK = QUERIES["begun_task"]
_DROP_TASK = QUERIES["drop_task"]
_DROP_TASKS = QUERIES["drop_tasks"]
_DUE_TASKS = QUERIES["due_tasks"]
_NEXT_DUE_TASK = QUERIES["next_due_task"]
_EXPIRED_TASKS = QUERIES["expired_tasks"]
_TAKE_TASKS = QUERIES["take_tasks"]
_LOAD_TASKS = QUERIES["load_tasks"]
_ADDRESSEE_OF_TASK = QUERIES["addressee_of_task"]
_TAKE_OUT_TASK = QUERIES["take_out_task"]
_BEAT_TASK = QUERIES["beat_task"]
_DETACH_TASK = QUERIES["detach_task"]
_RETURN_TASKS = QUERIES["return_tasks"]


class AskedTasks(NamedTuple):
    """What a worker would like to take; queues, definitions and activities as lists in JSON."""

    worker: int
    queues: str
    definitions: str
    limit: int
    activities: str | None


class Done(NamedTuple):
    """What a worker brings back, or somebody outside."""

    task: Task
    worker: int | None
    outcome: bytes
    blobs: Sequence[Blob]


class Beaten(NamedTuple):
    """A sign that a task goes on."""

    task: Task
    worker: int | None
    details: bytes | None


class Detached(NamedTuple):
    """What a worker leaves to somebody outside."""

    task: Task
    worker: int


class Returned(NamedTuple):
    """What a worker lets go of, the ids as a list in JSON; by when some must be taken, by id."""

    worker: int
    tasks: str
    due_us: int
    starts: str


# -------------------------------------------------------------------------------- of a commit


def change(
    pen: Pen,
    instance: int,
    *,
    puts: Sequence[NewTask],
    cancels: Sequence[str],
    drops: Sequence[str],
) -> None:
    """Drop and mark what is there, then put what is new."""
    execute = pen.cursor.execute
    for path in drops:
        execute(_DROP_TASK, (instance, path))
    for path in cancels:
        execute(_STOP_TASK, (instance, path))
    for new in puts:
        # fmt: off
        execute(_PUT_TASK, (
            instance, new.path, new.queue, new.due_us, new.data.decode(),
            new.activity, new.start_by_us, new.close_by_us, new.run_us, new.beat_us,
            new.details.decode(),
        ))
        # fmt: on


def have_begun(pen: Pen, instance: int, paths: Sequence[str]) -> bool:
    """Whether somebody has a task of one of these paths, or vanished with it."""
    return any(pen.row(_BEGUN_TASK, (instance, path)) for path in paths)


def drop_all(pen: Pen, instance: int) -> None:
    """Forget all tasks of a process."""
    pen.cursor.execute(_DROP_TASKS, (instance,))


# --------------------------------------------------------------------------------- of a worker


def _peek_claim(pen: Pen, asked: AskedTasks) -> TaskClaims | None:
    """As with processes: that nothing is due needs no transaction."""
    now_us = pen.now_us()
    if not is_paused(pen) and _due(pen, asked, now_us):
        return None
    return TaskClaims((), _next_due_us(pen, asked), now_us)


def _claim(pen: Pen, asked: AskedTasks) -> TaskClaims:
    taken: tuple[Task, ...] = ()
    now_us = pen.now_us()
    if not is_paused(pen) and is_registered(pen, asked.worker):
        taken = _take(pen, asked, now_us)
    return TaskClaims(taken, _next_due_us(pen, asked), now_us)


def _take(pen: Pen, asked: AskedTasks, now_us: int) -> tuple[Task, ...]:
    due = _due(pen, asked, now_us)
    if not due:
        return ()
    values = {"worker": asked.worker, "now_us": now_us, "tasks": rows.numbers(due)}
    pen.cursor.execute(_TAKE_TASKS, values)
    taken = {row[0]: Task(*row) for row in pen.cursor.execute(_LOAD_TASKS, values)}
    return tuple(taken[number] for number in due)


def _due(pen: Pen, asked: AskedTasks, now_us: int) -> list[int]:
    """What may be taken, by its queue or because it has expired; longest due first."""
    if asked.limit <= 0:
        return []
    values = asked._asdict() | {"now_us": now_us}
    due = pen.cursor.execute(_DUE_TASKS, values).fetchall()
    expired = pen.cursor.execute(_EXPIRED_TASKS, (now_us, asked.limit)).fetchall()
    if expired:
        first = dict(sorted(due + expired, key=itemgetter(1), reverse=True))
        due = sorted(first.items(), key=itemgetter(1, 0))[: asked.limit]
    return [number for number, _ in due]


def _next_due_us(pen: Pen, asked: AskedTasks) -> int | None:
    next_due_us: int | None = pen.row(_NEXT_DUE_TASK, asked._asdict())[0]
    return next_due_us


def _complete(pen: Pen, done: Done) -> bool:
    task = done.task
    asked = (task.task, done.worker, task.epoch, pen.now_us())
    found = pen.row(_ADDRESSEE_OF_TASK, asked)
    if found is None:
        return False
    process_id, *addressee = found
    pen.cursor.execute(_TAKE_OUT_TASK, (task.task,))
    instance, status, owner, due_us = addressee
    if status not in CLOSED_STATUSES:
        processes.keep_blobs(pen, done.blobs)
        processes.deliver(pen, process_id, (instance, status, owner, due_us), done.outcome)
    return True


def _beat(pen: Pen, beat: Beaten) -> bool | None:
    values = {
        "task": beat.task.task,
        "epoch": beat.task.epoch,
        "worker": beat.worker,
        "details": None if beat.details is None else beat.details.decode(),
        "now_us": pen.now_us(),
    }
    found = pen.row(_BEAT_TASK, values)
    return None if found is None else bool(found[0])


def _detach(pen: Pen, detached: Detached) -> bool:
    task = detached.task
    asked = (task.task, detached.worker, task.epoch, pen.now_us())
    return bool(pen.cursor.execute(_DETACH_TASK, asked).rowcount)


def _return(pen: Pen, back: Returned) -> None:
    values = back._asdict() | {"now_us": pen.now_us()}
    freed = pen.cursor.execute(_RETURN_TASKS, values).fetchall()
    pen.changes.extend(Change("task", process_id) for (process_id,) in freed)


# What is taken may run at most once, so that it must stay taken after a power cut.
CLAIM_TASKS = Operation(_claim, peek=_peek_claim)
COMPLETE_TASK = Operation(_complete)
DETACH_TASK = Operation(_detach)
REPORT_TASK = Operation(_beat)
BEAT_TASK = Operation(_beat, must_last=False)
RETURN_TASKS = Operation(_return, must_last=False)
