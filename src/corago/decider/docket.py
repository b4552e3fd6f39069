"""Answers become facts: each is judged by what is open when its turn comes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core import queueing
from corago.core.children import child_id
from corago.core.commit import Birth, Deed, Send
from corago.core.process import Process, later
from corago.decider import answers as a
from corago.decider import naming
from corago.decider.evolving import evolve
from corago.decider.state import DECISION, RESERVED, DeciderState, Open

_replace = msgspec.structs.replace


class NonsenseError(Exception):
    """An answer that makes no sense as things stand; the message says why, and what to do."""


class Docket:
    """What was answered so far, one by one; `state` is how things stand after that.

    `before` is how they stood. `facts` are what the kernel is to do about it, `answered` are the
    answers with all ids. `end` names the answer that ends the run.
    """

    __slots__ = ("answered", "before", "end", "facts", "now", "process", "state")

    def __init__(self, state: DeciderState, process: Process, now: datetime) -> None:
        """Nothing was answered yet."""
        self.before = self.state = state
        self.process = process
        self.now = now
        self.facts: list[d.Decision] = []
        self.answered: list[a.Answered] = []
        self.end = ""

    def enter(self, answer: a.Answered) -> None:
        """One more answer. Raises NonsenseError."""
        if self.end:
            raise NonsenseError(
                f"it comes after {self.end}, which ends the run: let that be the last decision, "
                "and the only one of its kind"
            )
        enter = _ENTER[type(answer)]
        self.answered.append(enter(self, answer))
        if type(answer) in a.CLOSING:
            self.end = type(answer).__name__

    def record(self, kind: type[e.Event], deed: Deed | None = None, **fields: Any) -> None:
        """A fact, and what goes out with it."""
        fact = d.Fact(kind, fields)
        self.facts.append(d.RecordFact(fact, deed))
        self.state = evolve(self.state, fact.event(0, self.now))


def _schedule(docket: Docket, answer: a.ScheduleActivity) -> a.Answered:
    state, counts = docket.state, docket.state.counts
    number = counts.scheduled + 1
    probe = Open("", answer.activity, number, docket.now)
    if not answer.id:
        made = naming.free(probe.name, counts.activities.get(probe.name, 0), state.activities)
        answer = _replace(answer, id=made)
    for what, said in (("name", answer.activity), ("id", answer.id)):
        if said in RESERVED:
            raise NonsenseError(f"the {what} {said!r} stands for the decider itself: take another")
    if answer.id in state.activities:
        raise NonsenseError(
            f"an activity with the id {answer.id!r} is open already: give this one another id, or "
            "none, and it gets one of its own"
        )
    fields = {
        "path": answer.id,
        "occurrence": number,
        "queue": answer.queue,
        "activity": answer.activity,
        "input": answer.input,
        "timeout": answer.timeout,
        "limits": answer.limits,
        "retry": answer.retry,
        "at_most_once": answer.at_most_once,
    }
    docket.record(e.ActivityScheduled, **fields)
    if answer.queue:
        wish = docket.state.activities[answer.id].attempted
        docket.facts[-1] = _replace(docket.facts[-1], deed=queueing.queued(wish))
    return answer


def _cancel(docket: Docket, answer: a.CancelActivity) -> a.Answered:
    known = docket.state.activities.get(answer.id)
    if known is not None and not known.canceled:
        deed = known.id if known.queue else None
        docket.record(e.ActivityCancelRequested, deed, path=known.id, occurrence=known.occurrence)
    return answer


def _start_timer(docket: Docket, answer: a.StartTimer) -> a.Answered:
    timers = docket.state.timers
    if not answer.id:
        made = naming.free(naming.TIMER, docket.state.counts.timers, timers)
        answer = _replace(answer, id=made)
    if answer.id in timers:
        raise NonsenseError(
            f"a timer with the id {answer.id!r} is open already: cancel that one before, or give "
            "this one another id"
        )
    due = later(docket.now, answer.delay)
    docket.record(e.TimerStarted, timer=answer.id, due=due, data=answer.data)
    return answer


def _cancel_timer(docket: Docket, answer: a.CancelTimer) -> a.Answered:
    if answer.id in docket.state.timers:
        docket.record(e.TimerCanceled, timer=answer.id)
    return answer


def _start_child(docket: Docket, answer: a.StartChildProcess) -> a.Answered:
    state = docket.state
    if not answer.id:
        answer = _replace(answer, id=naming.child_path(state.counts, answer.workflow))
    if answer.id in state.children:
        raise NonsenseError(
            f"a child with the id {answer.id!r} is open already: give this one another id, or "
            "none, and it gets one of its own"
        )
    occurrence = naming.uses(state.counts, answer.id) + 1
    child = child_id(docket.process, answer.id, occurrence)
    birth = Birth(answer.id, child, answer.workflow, answer.input, answer.tags, answer.timeout)
    docket.record(
        e.ChildStarted,
        birth,
        path=answer.id,
        occurrence=occurrence,
        child=child,
        workflow=answer.workflow,
        input=answer.input,
        policy=answer.policy,
    )
    return answer


def _signal(docket: Docket, answer: a.SignalProcess) -> a.Answered:
    reason = f"sent by the process {docket.process.id!r}"
    send = Send(answer.process_id, m.Signal(answer.name, answer.data, reason=reason))
    docket.record(
        e.MessageSent,
        send,
        path="",
        to=answer.process_id,
        command="signal",
        name=answer.name,
        data=answer.data,
    )
    return answer


def _mark(docket: Docket, answer: a.RecordMarker) -> a.Answered:
    docket.record(e.MarkerRecorded, name=answer.name, details=answer.details)
    return answer


def _closing(make: Callable[[Any, Docket], d.Decision]) -> Callable[[Docket, Any], a.Answered]:
    def close(docket: Docket, answer: a.Answered) -> a.Answered:
        docket.facts.append(make(answer, docket))
        return answer

    return close


def _tags(docket: Docket, given: tuple[str, ...] | None) -> tuple[str, ...]:
    return docket.state.started.tags if given is None else given


_ENTER: Mapping[type, Callable[[Docket, Any], a.Answered]] = {
    a.ScheduleActivity: _schedule,
    a.CancelActivity: _cancel,
    a.StartTimer: _start_timer,
    a.CancelTimer: _cancel_timer,
    a.StartChildProcess: _start_child,
    a.SignalProcess: _signal,
    a.RecordMarker: _mark,
    a.CompleteProcess: _closing(lambda told, _: d.CompleteProcess(told.result)),
    a.FailProcess: _closing(lambda told, _: d.FailProcess(DECISION, told.error)),
    a.CancelProcess: _closing(lambda *_: d.CancelProcess()),
    a.ContinueAsNew: _closing(
        lambda told, docket: d.ContinueAsNew(told.input, _tags(docket, told.tags))
    ),
}
"""What each answer comes to."""
