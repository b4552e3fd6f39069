"""Applies recorded facts to a decider's state. Pure; calls no user code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from corago.core import events as e
from corago.decider.naming import count_child
from corago.decider.state import DeciderState, Ended, Open, OpenChild, OpenTimer, Stuck

T = TypeVar("T")

_replace = msgspec.structs.replace


def evolve(state: DeciderState, event: e.Event) -> DeciderState:
    """Apply one fact; those that say nothing of what is open leave the state as it is."""
    apply = _APPLY.get(type(event))
    return state if apply is None else apply(state, event)


def opened(event: e.ActivityScheduled) -> Open:
    """The activity that is open because of this."""
    return Open(
        event.path,
        event.activity,
        event.occurrence,
        event.at,
        event.input,
        event.queue,
        event.timeout,
        event.limits,
        event.retry,
        event.at_most_once,
    )


def _without(mapping: Mapping[str, T], key: str) -> dict[str, T]:
    left = dict(mapping)
    del left[key]
    return left


# -- activities ------------------------------------------------------------------------------------


def _scheduled(state: DeciderState, event: e.ActivityScheduled) -> DeciderState:
    if not event.activity:  # the next attempt in a queue
        return state
    found, known = opened(event), state.counts
    many = known.activities.get(found.name, 0) + 1
    counts = _replace(
        known, scheduled=event.occurrence, activities={**known.activities, found.name: many}
    )
    activities = {**state.activities, found.id: found}
    return state.changed(activities=activities, counts=counts, ended=None)


def _cancel_asked(state: DeciderState, event: e.ActivityCancelRequested) -> DeciderState:
    known = state.activities.get(event.path)
    return state if known is None else _with(state, _replace(known, canceled=True))


def _with(state: DeciderState, activity: Open) -> DeciderState:
    return state.changed(activities={**state.activities, activity.id: activity})


def _closed(state: DeciderState, event: e.ActivityClosed | e.StepSkipped) -> DeciderState:
    known = state.activities.get(event.path)
    if known is None or known.occurrence != event.occurrence:
        return state
    ended = _ended(state, event)
    ended = _replace(ended, activities={**ended.activities, known.id: known})
    return state.changed(activities=_without(state.activities, known.id), ended=ended)


def _ended(state: DeciderState, event: e.Event) -> Ended:
    """What closed at this instant so far: older ones have been heard of."""
    known = state.ended
    return known if known is not None and known.at == event.at else Ended(event.at)


def _suspended(state: DeciderState, event: e.ProcessSuspended) -> DeciderState:
    known = state.activities.get(event.path)
    if known is None or known.occurrence != event.occurrence:
        return state
    return _with(state, _replace(known, stuck=Stuck(event.position, event.error)))


def _resumed(state: DeciderState, event: e.ProcessResumed | e.ProcessReopened) -> DeciderState:
    freed = {
        path: _replace(known, stuck=None)
        for path in event.paths
        if (known := state.activities.get(path)) is not None
    }
    if freed:
        state = state.changed(activities={**state.activities, **freed})
    is_reopened = isinstance(event, e.ProcessReopened) and state.failure is not None
    return state.changed(failure=None) if is_reopened else state


def _failed(state: DeciderState, event: e.ProcessFailed) -> DeciderState:
    """What is open goes on once it is opened again; but nobody knows how far it has come."""
    doubted = {
        each.id: _replace(each, stuck=Stuck(event.position, in_doubt(each.id)))
        for each in state.activities.values()
        if each.at_most_once and each.stuck is None
    }
    if doubted:
        state = state.changed(activities={**state.activities, **doubted})
    return state.changed(failure=Stuck(event.position, event.error), ended=None)


def in_doubt(id: str) -> e.Failure:
    """What is said of an activity that may have run, and must not run twice."""
    text = (
        f"the process failed while {id!r} was open; it runs at most once, so whether it took "
        "effect must be found out by a person: retry, skip or set its result"
    )
    return e.Failure("ProcessFailed", text)


# -- timers and children ---------------------------------------------------------------------------


def _timed(state: DeciderState, event: e.TimerStarted) -> DeciderState:
    timers = {**state.timers, event.timer: OpenTimer(event.timer, event.due, event.data)}
    if event.timer in state.timers:
        return state.changed(timers=timers, ended=None)
    counts = _replace(state.counts, timers=state.counts.timers + 1)
    return state.changed(timers=timers, counts=counts, ended=None)


def _timer_gone(state: DeciderState, event: e.TimerFired | e.TimerCanceled) -> DeciderState:
    if event.timer not in state.timers:
        return state
    return state.changed(timers=_without(state.timers, event.timer))


def _born(state: DeciderState, event: e.ChildStarted) -> DeciderState:
    child = OpenChild(event.path, event.child, event.workflow, event.occurrence, event.policy)
    return state.changed(
        children={**state.children, child.id: child},
        counts=count_child(state.counts, event),
        ended=None,
    )


def _child_gone(state: DeciderState, event: e.ChildClosed | e.ChildStartFailed) -> DeciderState:
    known = state.children.get(event.path)
    if known is None or known.child != event.child:
        return state
    ended = _ended(state, event)
    ended = _replace(ended, children={**ended.children, known.id: known})
    return state.changed(children=_without(state.children, known.id), ended=ended)


_APPLY: Mapping[type[e.Event], Callable[[DeciderState, Any], DeciderState]] = {
    e.ActivityScheduled: _scheduled,
    e.ActivityCancelRequested: _cancel_asked,
    e.ActivityClosed: _closed,
    e.StepSkipped: _closed,
    e.ProcessSuspended: _suspended,
    e.ProcessResumed: _resumed,
    e.ProcessReopened: _resumed,
    e.ProcessFailed: _failed,
    e.TimerStarted: _timed,
    e.TimerFired: _timer_gone,
    e.TimerCanceled: _timer_gone,
    e.ChildStarted: _born,
    e.ChildStartFailed: _child_gone,
    e.ChildClosed: _child_gone,
    e.CancelRequested: lambda state, _: state.changed(cancels=True),
}
"""What each fact does to a state."""
