"""Writes of tasks: put and dropped with a commit, taken and brought back by workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from corago.core.events import CLOSED_STATUSES
from corago.ports.store import Blob, Change, NewTask, Task, TaskClaims
from corago.stores.sqlite import processes, rows
from corago.stores.sqlite.pen import Operation, Pen
from corago.stores.sqlite.queries import QUERIES
from corago.stores.sqlite.workers import is_paused, is_registered

_PUT_TASK = QUERIES["put_task"]
_STOP_TASK = QUERIES["stop_task"]
_DROP_TASK = QUERIES["drop_task"]
_DROP_TASKS = QUERIES["drop_tasks"]
_DUE_TASKS = QUERIES["due_tasks"]
_NEXT_DUE_TASK = QUERIES["next_due_task"]
_TAKE_TASKS = QUERIES["take_tasks"]
_LOAD_TASKS = QUERIES["load_tasks"]
_ADDRESSEE_OF_TASK = QUERIES["addressee_of_task"]
_TAKE_OUT_TASK = QUERIES["take_out_task"]
_RETURN_TASKS = QUERIES["return_tasks"]


class AskedTasks(NamedTuple):
    """What a worker would like to take; queues and definitions as lists in JSON."""

    worker: int
    queues: str
    definitions: str
    limit: int


class Done(NamedTuple):
    """What a worker brings back."""

    task: Task
    worker: int
    outcome: bytes
    blobs: Sequence[Blob]


class Returned(NamedTuple):
    """What a worker lets go of, the ids as a list in JSON."""

    worker: int
    tasks: str
    due_us: int


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
        execute(_PUT_TASK, (instance, new.path, new.queue, new.due_us, new.data.decode()))


def drop_all(pen: Pen, instance: int) -> None:
    """Forget all tasks of a process."""
    pen.cursor.execute(_DROP_TASKS, (instance,))


# --------------------------------------------------------------------------------- of a worker


def _peek_claim(pen: Pen, asked: AskedTasks) -> TaskClaims | None:
    """As with processes: that nothing is due needs no transaction."""
    if not is_paused(pen) and _due(pen, asked):
        return None
    return TaskClaims((), _next_due_us(pen, asked))


def _claim(pen: Pen, asked: AskedTasks) -> TaskClaims:
    taken: tuple[Task, ...] = ()
    if not is_paused(pen) and is_registered(pen, asked.worker):
        taken = _take(pen, asked)
    return TaskClaims(taken, _next_due_us(pen, asked))


def _take(pen: Pen, asked: AskedTasks) -> tuple[Task, ...]:
    due = _due(pen, asked)
    if not due:
        return ()
    numbers = rows.numbers(due)
    pen.cursor.execute(_TAKE_TASKS, (asked.worker, numbers))
    taken = {row[0]: Task(*row) for row in pen.cursor.execute(_LOAD_TASKS, (numbers,))}
    return tuple(taken[number] for number in due)


def _due(pen: Pen, asked: AskedTasks) -> list[int]:
    if asked.limit <= 0:
        return []
    values = {
        "queues": asked.queues,
        "definitions": asked.definitions,
        "limit": asked.limit,
        "now_us": pen.now_us(),
    }
    return [number for (number,) in pen.cursor.execute(_DUE_TASKS, values)]


def _next_due_us(pen: Pen, asked: AskedTasks) -> int | None:
    values = {"queues": asked.queues, "definitions": asked.definitions}
    next_due_us: int | None = pen.row(_NEXT_DUE_TASK, values)[0]
    return next_due_us


def _complete(pen: Pen, done: Done) -> bool:
    task = done.task
    found = pen.row(_ADDRESSEE_OF_TASK, (task.task, done.worker, task.epoch))
    if found is None:
        return False
    process_id, *addressee = found
    pen.cursor.execute(_TAKE_OUT_TASK, (task.task,))
    instance, status, owner, due_us = addressee
    if status not in CLOSED_STATUSES:
        processes.keep_blobs(pen, done.blobs)
        processes.deliver(pen, process_id, (instance, status, owner, due_us), done.outcome)
    return True


def _return(pen: Pen, back: Returned) -> None:
    asked = (back.due_us, back.worker, back.tasks)
    freed = pen.cursor.execute(_RETURN_TASKS, asked).fetchall()
    pen.changes.extend(Change("task", process_id) for (process_id,) in freed)


# What is taken may run at most once, so that it must stay taken after a power cut.
CLAIM_TASKS = Operation(_claim, peek=_peek_claim)
COMPLETE_TASK = Operation(_complete)
RETURN_TASKS = Operation(_return, must_last=False)
