"""Activities of queues: which attempts to put there, which to ask to stop.

And what is said where workers vanished. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from corago.core import decisions as d
from corago.core import events as e
from corago.core.commit import Deed, Queued
from corago.core.limits import WishLimits
from corago.core.process import Process
from corago.core.program import Agenda
from corago.core.tasks import ActivityTask

LOSS_LIMIT = 5
"""So many workers vanish with a process, or with an attempt, until it is set aside as poison."""

Step = tuple[type[e.Event], dict[str, Any], Queued | str | None]
"""A fact, and what goes with it: an attempt for a queue, or the path of one that is to stop."""


def reconcile(process: Process, wish: d.ScheduleActivity, now: datetime) -> Iterator[Step]:
    """Bring one wish for a queue and the queue together."""
    known = process.activity(wish.path, wish.occurrence)
    fields: dict[str, Any] = {"path": wish.path, "occurrence": wish.occurrence}
    is_queued = known.queued == known.attempt
    is_there = is_queued and (known.queue == wish.queue or wish.at_most_once)
    if not wish.cancel and not is_there:
        fields |= {"attempt": known.attempt, "queue": wish.queue}
        delay = 0.0 if known.due is None else max(0.0, (known.due - now).total_seconds())
        yield e.ActivityScheduled, fields, queued(wish, known.attempt, delay, known.details)
    elif wish.cancel and not is_queued:
        fields |= {"attempt": known.attempt, "result": e.ActivityCanceled()}
        yield e.ActivityClosed, fields, None
    elif wish.cancel and not known.canceled:
        yield e.ActivityCancelRequested, fields, wish.path


def kept(process: Process, wish: d.ScheduleActivity) -> d.ScheduleActivity:
    """A wish that runs at most once and has no queue; in the one where its attempt stands already.

    Somebody may have begun it there, although another definition knows no queue for it.
    """
    known = process.activity(wish.path, wish.occurrence)
    stands_ = known.queued == known.attempt
    return msgspec.structs.replace(wish, queue=known.queue) if stands_ else wish


def stands(process: Process, wish: d.ScheduleActivity) -> bool:
    """Whether a wish for a queue and the queue are together already."""
    known = process.activity(wish.path, wish.occurrence)
    return known.queued == known.attempt and known.queue == wish.queue and not wish.cancel


def standing(process: Process) -> frozenset[str]:
    """The paths whose attempts stand in queues."""
    queued = (path for path, each in process.activities.items() if each.queued == each.attempt)
    return frozenset(queued)


def put(deeds: Iterable[Deed], process: Process, agenda: Agenda) -> tuple[Queued, ...]:
    """What is put into queues: nothing that was wanted for a moment only."""
    queued = {deed.path: deed for deed in deeds if isinstance(deed, Queued)}
    if not queued:
        return ()
    wanted = {wish.path for wish in agenda.activities if wish.queue is not None}
    wanted &= standing(process)
    return tuple(each for path, each in queued.items() if path in wanted)


def dropped(before: frozenset[str], process: Process, agenda: Agenda) -> tuple[str, ...]:
    """What stood in a queue before and is wanted there no longer.

    What a poisoned process wants is not known before a person lets it go on.
    """
    if not before or process.poison is not None:
        return ()
    wanted = {wish.path for wish in agenda.activities if wish.queue is not None}
    return tuple(sorted(before - (standing(process) & wanted)))


def lost(attempt: Queued, losses: int) -> e.Failure | None:
    """Why an attempt that so many workers vanished with is not run again; None if it may be."""
    if attempt.at_most_once and losses:
        return in_doubt(attempt.path)
    if losses < LOSS_LIMIT:
        return None
    text = (
        f"{losses} workers vanished in a row while {attempt.path!r} ran; it seems to kill them: "
        "look at what it does, then retry, skip or set its result"
    )
    return e.Failure("PoisonStep", text)


def timed_out(task: ActivityTask) -> e.ActivityTimedOut:
    """What a task has come to that has run into one of its limits."""
    limits = task.attempt.limits or WishLimits()
    seconds = {
        "start_to_close": task.attempt.timeout,
        "schedule_to_start": limits.schedule_to_start,
        "heartbeat": limits.heartbeat,
    }
    return e.ActivityTimedOut(task.expired, seconds.get(task.expired), task.details)


def poison(losses: int) -> e.Failure:
    """What is said of a process that so many workers vanished with."""
    text = (
        f"{losses} workers vanished in a row while this process ran; it seems to kill them: look "
        "at what its open steps do, then retry"
    )
    return e.Failure("PoisonProcess", text)


def in_doubt(path: str) -> e.Failure:
    """What is said of an attempt that may have run, and must not run twice."""
    text = (
        f"the worker vanished while {path!r} ran; it runs at most once, so whether it took effect "
        "must be found out by a person: retry, skip or set its result"
    )
    return e.Failure("LeaseLost", text)


def queued(
    wish: d.ScheduleActivity, attempt: int = 1, delay: float = 0.0, details: Any = None
) -> Queued:
    """An attempt of what is wished for, as it is put into its queue."""
    return Queued(
        wish.path,
        wish.occurrence,
        attempt,
        wish.queue or "",
        wish.function or wish.path,
        dict(wish.input),
        wish.timeout,
        delay,
        wish.at_most_once,
        wish.activity,
        wish.limits,
        details,
    )
