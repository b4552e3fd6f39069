"""The state that every process has, whatever its door: a fold over its events.

Calls no user code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from corago.core import events as e

_replace = msgspec.structs.replace


class Activity(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is known of an activity that did not simply succeed at once.

    `attempt` is the one that runs or comes next, `first` the first of the present retry budget,
    `due` the instant before which it must not start, `error` what the attempt before it met.
    `queued` is the attempt that stands in `queue`, `canceled` tells that it was asked to stop,
    `position` is that of the event that set `due`, `details` what the attempt before said last. All
    of it is true of one `occurrence` only. `activity` names its code where a decider wants it;
    `was` is the path under which it stood in a queue when that was renamed.
    """

    attempt: int = 1
    first: int = 1
    due: datetime | None = None
    error: e.Failure | None = None
    started: bool = False
    occurrence: int = 1
    queued: int = 0
    canceled: bool = False
    position: int = 0
    queue: str = ""
    details: Any = None
    activity: str = ""
    was: str = ""


class Child(msgspec.Struct, frozen=True, omit_defaults=True):
    """A child that is open, or was when this was last heard of it.

    `canceled` tells that it was asked to stop; `policy` says what becomes of it when its parent
    ends before.
    """

    id: str
    canceled: bool = False
    policy: str = "request_cancel"


FRESH = Activity()


class Process(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A process as its history tells it. `status` knows no `waiting`: that is the worker's word.

    `timer_data` is what open timers will say; from position `undecided` on (0: nothing), events
    wait for a decider's answer. `is_decided` tells that a decider has wanted something: then an
    activity that has closed is forgotten, since nobody tries it again.
    """

    id: str
    workflow: str
    sha: str
    position: int
    at: datetime
    run: int = 1
    status: str = "created"
    deadline: datetime | None = None
    activities: dict[str, Activity] = {}
    timers: dict[str, datetime] = {}
    external: dict[str, Any] = {}
    losses: int = 0
    poison: e.Failure | None = None
    poison_position: int = 0
    suspended: tuple[str, ...] = ()
    cancel_requested: bool = False
    error: e.Failure | None = None
    error_path: str = ""
    result: Any = None
    parent: str | None = None
    parent_path: str = ""
    children: dict[str, Child] = {}
    version: int = 1
    started_at: datetime | None = None
    timer_data: dict[str, Any] = {}
    undecided: int = 0
    is_decided: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether its last event was a closing one."""
        return self.status in e.CLOSED_STATUSES

    @property
    def standing(self) -> str:
        """The status to show: `suspended` wins over `running` while a person is needed."""
        if self.status == "running" and (self.suspended or self.poison):
            return "suspended"
        return self.status

    def activity(self, path: str, occurrence: int | None = None) -> Activity:
        """What is known of the activity at `path` (in this occurrence, if one is given)."""
        known = self.activities.get(path, FRESH)
        return FRESH if occurrence is not None and known.occurrence != occurrence else known


def later(now: datetime, seconds: float) -> datetime:
    """An instant `seconds` after `now`, held within what a datetime can say."""
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=now.tzinfo)


_INDEX = re.compile(r"\[\d+\]$")


def renamed(path: str, renames: Mapping[str, str]) -> str:
    """What a path, or a timer's name at one, is called after a change of definition.

    `renames` knows no indexes: those of a path within a loop stay where they are.
    """
    if not renames:
        return path
    place, at, tries = path.rpartition("@") if path.rpartition("@")[2].isdigit() else (path, "", "")
    segments = place.split("/")
    bare = [*(_INDEX.sub("", each) for each in segments[:-1]), segments[-1]]
    for length in range(len(segments), 0, -1):
        new = renames.get("/".join(bare[:length]))
        if new is None:
            continue
        ends = [each[len(name) :] for each, name in zip(segments, bare, strict=True)]
        parts = new.split("/")
        if len(parts) == length:
            parts = [part + end for part, end in zip(parts, ends, strict=False)]
        return "/".join([*parts, *segments[length:]]) + at + tries
    return path


def start(event: e.ProcessStarted) -> Process:
    """The process that a first event makes."""
    return Process(
        id=event.process_id,
        workflow=event.workflow,
        sha=event.sha,
        position=event.position,
        at=event.at,
        run=event.run,
        deadline=None if event.timeout is None else later(event.at, event.timeout),
        external=event.external,
        parent=event.parent,
        parent_path=event.parent_path,
        version=event.version,
        started_at=event.at,
    )


def evolve(process: Process, event: e.Event) -> Process:
    """Apply one recorded fact."""
    apply = _APPLY.get(type(event))
    if apply is None:
        if process.status == "created":
            return _replace(process, position=event.position, at=event.at, status="running")
        return _replace(process, position=event.position, at=event.at)
    return apply(process, event)


def _without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    left = mapping.copy()
    left.pop(key, None)
    return left


def _step(process: Process, event: e.Event, **changes: Any) -> Process:
    changes.setdefault("status", "running")
    return _replace(process, position=event.position, at=event.at, **changes)


def _closed(process: Process, event: e.ActivityClosed) -> Process:
    path = event.path
    if type(event.result) is e.ActivityCompleted or process.is_decided:
        if not (process.activities or process.suspended):
            return _replace(
                process, position=event.position, at=event.at, status="running", losses=0
            )
        activities = _without(process.activities, path)
    else:
        following = event.attempt + 1
        error = e.failure_of(event.result, path)
        known = Activity(following, following, None, error, occurrence=event.occurrence)
        activities = process.activities | {path: known}
    resolved = _resolved(process, (path,))
    return _step(process, event, activities=activities, losses=0, suspended=resolved)


def _resolved(process: Process, paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path for path in process.suspended if path not in paths)


def _retried(process: Process, event: e.ActivityRetried) -> Process:
    known = process.activity(event.path, event.occurrence)
    following = Activity(
        event.attempt + 1,
        known.first,
        event.due,
        event.error,
        occurrence=event.occurrence,
        position=event.position,
        details=event.details,
        activity=known.activity,
    )
    return _step(process, event, activities=process.activities | {event.path: following}, losses=0)


def _started(process: Process, event: e.ActivityStarted) -> Process:
    known = _replace(
        process.activity(event.path, event.occurrence),
        attempt=event.attempt,
        due=None,
        position=0,
        started=True,
        occurrence=event.occurrence,
    )
    return _step(process, event, activities=process.activities | {event.path: known})


def _changed(process: Process, event: e.DefinitionChanged) -> Process:
    def moved(mapping: dict[str, Any]) -> dict[str, Any]:
        return {renamed(path, event.renames): value for path, value in mapping.items()}

    return _step(
        process,
        event,
        status=process.status,
        sha=event.sha,
        version=event.version,
        activities=_moved_on(process.activities, event.renames),
        timers=moved(process.timers),
        children=moved(process.children),
        suspended=tuple(renamed(path, event.renames) for path in process.suspended),
    )


def _moved_on(activities: dict[str, Activity], renames: Mapping[str, str]) -> dict[str, Activity]:
    """What stands in a queue under a path that is gone stands in none, but may have been done."""
    found = {}
    for path, known in activities.items():
        new, activity = renamed(path, renames), renames.get(known.activity, known.activity)
        if (new, activity) != (path, known.activity):
            was = path if known.queued == known.attempt else known.was
            known = _replace(known, queued=0, activity=activity, was=was)  # noqa: PLW2901 - renamed
        found[new] = known
    return found


def _scheduled(process: Process, event: e.ActivityScheduled) -> Process:
    is_decided = process.is_decided or bool(event.activity)
    if not event.queue:  # a decider wants it, where it was decided
        return _step(process, event, is_decided=is_decided)
    known = process.activity(event.path, event.occurrence)
    known = _replace(
        known,
        queued=event.attempt,
        queue=event.queue,
        attempt=event.attempt,
        occurrence=event.occurrence,
        activity=event.activity or known.activity,
        was="",
    )
    activities = process.activities | {event.path: known}
    return _step(process, event, activities=activities, is_decided=is_decided)


def _cancel_asked(process: Process, event: e.ActivityCancelRequested) -> Process:
    known = _replace(process.activity(event.path, event.occurrence), canceled=True)
    return _step(process, event, activities=process.activities | {event.path: known})


def _sent(process: Process, event: e.MessageSent) -> Process:
    if not event.path:
        return _step(process, event)
    known = process.children.get(event.path)
    policy = "request_cancel" if known is None else known.policy
    child = Child(event.to, event.command == "cancel", policy)
    return _step(process, event, children=process.children | {event.path: child})


def _child_gone(process: Process, event: e.ChildClosed | e.ChildStartFailed) -> Process:
    known = process.children.get(event.path)
    if known is None or known.id != event.child:
        return _step(process, event)
    return _step(process, event, children=_without(process.children, event.path))


def _lost(process: Process, event: e.LeaseLost) -> Process:
    return _step(process, event, losses=event.losses)


def _suspended(process: Process, event: e.ProcessSuspended) -> Process:
    if not event.path:
        return _step(
            process,
            event,
            poison=event.error,
            poison_position=event.position,
            undecided=process.undecided or event.undecided,
        )
    known = process.activity(event.path, event.occurrence)
    has_just_closed = known.error is not None and known.first == known.attempt
    has_just_closed = has_just_closed and not (known.started or known.queued == known.attempt)
    attempt = known.attempt + (not has_just_closed)
    following = Activity(
        attempt,
        attempt,
        None,
        event.error,
        occurrence=event.occurrence,
        activity=known.activity,
    )
    return _step(
        process,
        event,
        activities=process.activities | {event.path: following},
        suspended=(*process.suspended, event.path),
    )


def _resumed(process: Process, event: e.ProcessResumed) -> Process:
    activities = {
        path: _replace(known, due=None, position=0, first=known.attempt, queued=0)
        if path in event.paths
        else known
        for path, known in process.activities.items()
    }
    poisoned = "" in event.paths
    return _step(
        process,
        event,
        activities=activities,
        suspended=_resolved(process, event.paths),
        poison=None if poisoned else process.poison,
        losses=0 if poisoned else process.losses,
        undecided=0 if poisoned else process.undecided,
    )


def _timed(process: Process, event: e.TimerStarted) -> Process:
    timers = process.timers | {event.timer: event.due}
    data = process.timer_data
    if event.data is not None or event.timer in data:
        data = data | {event.timer: event.data}
    return _step(process, event, timers=timers, timer_data=data)


def _timer_gone(process: Process, event: e.TimerFired | e.TimerCanceled) -> Process:
    data = process.timer_data
    return _step(
        process,
        event,
        timers=_without(process.timers, event.timer),
        timer_data=_without(data, event.timer) if event.timer in data else data,
    )


def _born(process: Process, event: e.ChildStarted) -> Process:
    child = Child(event.child, policy=event.policy)
    return _step(process, event, children=process.children | {event.path: child})


def _reopened(process: Process, event: e.ProcessReopened) -> Process:
    return _step(
        process,
        event,
        suspended=_resolved(process, event.paths),
        losses=0,
        error=None,
        error_path="",
        result=None,
    )


def _transitioned(process: Process, event: e.Transitioned) -> Process:
    if not (event.external or event.resolved):
        return _replace(process, position=event.position, at=event.at, status="running")
    return _step(
        process,
        event,
        external=process.external | event.external,
        suspended=_resolved(process, event.resolved),
    )


def _ended(process: Process, event: e.Event) -> Process:
    activities = process.activities
    if activities:
        activities = {path: _replace(known, queued=0) for path, known in activities.items()}
    status = e.CLOSING.get(type(event), process.status)
    return _step(process, event, status=status, timers={}, timer_data={}, activities=activities)


_APPLY: dict[type, Callable[[Process, Any], Process]] = {
    e.ActivityClosed: _closed,
    e.ActivityRetried: _retried,
    e.ActivityStarted: _started,
    e.ActivityScheduled: _scheduled,
    e.ActivityCancelRequested: _cancel_asked,
    e.ChildStarted: _born,
    e.ChildStartFailed: _child_gone,
    e.ChildClosed: _child_gone,
    e.MessageSent: _sent,
    e.DefinitionChanged: _changed,
    e.LeaseLost: _lost,
    e.TimerStarted: _timed,
    e.TimerFired: _timer_gone,
    e.TimerCanceled: _timer_gone,
    e.ContinuedAsNew: lambda p, v: _replace(_ended(p, v), status="running"),
    e.Transitioned: _transitioned,
    e.ExternalUpdated: lambda p, v: _step(p, v, external=p.external | v.changes),
    e.StepSkipped: lambda p, v: _step(
        p, v, activities=_without(p.activities, v.path), suspended=_resolved(p, (v.path,))
    ),
    e.ProcessSuspended: _suspended,
    e.ProcessResumed: _resumed,
    e.ProcessReopened: _reopened,
    # a request to stop is itself what a person wants done about a poisoned process
    e.CancelRequested: lambda p, v: _step(
        p,
        v,
        cancel_requested=True,
        poison=None,
        losses=0,
        suspended=p.suspended if p.is_decided else (),  # a decider stops nothing by being asked
        undecided=0,
    ),
    e.ProcessCompleted: lambda p, v: _replace(_ended(p, v), result=v.result),
    e.ProcessFailed: lambda p, v: _replace(_ended(p, v), error=v.error, error_path=v.path),
    e.ProcessCanceled: _ended,
    e.ProcessAborted: _ended,
    e.ProcessTimedOut: _ended,
}
