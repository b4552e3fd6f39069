"""What was decided in a run, as a value: two runs of a workflow can be compared by it. Pure.

It leaves out what a crash may change and no promise speaks of: instants and positions, who worked,
how often an attempt ran, and in which order things that do not wait for each other came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from corago.core import events as e
from corago.core.history import History
from corago.core.queueing import in_doubt, poison


class Subject(NamedTuple):
    """What a decision is about.

    `kind` is process, activity (steps too), predicate, loop, child, timer, transition, stay (a
    transition that stays), signal, update, message, marker, refusal or incident; `name` its path,
    id or name. `occurrence` tells the uses of one path apart, and is 0 for whatever has none.
    """

    process: str
    run: int
    kind: str
    name: str = ""
    occurrence: int = 0

    def __str__(self) -> str:
        """Name it."""
        run = f", run {self.run}" if self.run > 1 else ""
        of = f"process {self.process!r}{run}"
        if self.kind == "process":
            return of
        name = f" {self.name!r}" if self.name else ""
        use = f" (use {self.occurrence})" if self.occurrence > 1 else ""
        return f"{self.kind}{name}{use} of {of}"


Decisions: TypeAlias = Mapping[Subject, tuple[str, ...]]
"""Of each subject what was recorded: in its order, or sorted where the order is chance."""

Histories: TypeAlias = Mapping[tuple[str, int], History]
"""By process and run."""

SORTED = frozenset({"stay", "signal", "update", "message", "marker", "refusal", "incident"})
"""Kinds of subjects whose facts do not wait for each other."""

_FACTS: Mapping[type[e.Event], tuple[str, str, tuple[str, ...]]] = {
    e.ProcessStarted: ("process", "", ("workflow", "input", "parent")),
    e.DefinitionChanged: ("process", "", ("version", "renames")),
    e.CancelRequested: ("process", "", ()),
    e.ContinuedAsNew: ("process", "", ("following", "input", "tags")),
    e.ProcessCompleted: ("process", "", ()),
    e.ProcessFailed: ("process", "", ("path", "error")),
    e.ProcessCanceled: ("process", "", ()),
    e.ProcessAborted: ("process", "", ()),
    e.ProcessTimedOut: ("process", "", ()),
    e.ActivityScheduled: ("activity", "path", ("activity", "input", "queue")),
    e.ActivityCancelRequested: ("activity", "path", ()),
    e.ActivityClosed: ("activity", "path", ("result",)),
    e.StepSkipped: ("activity", "path", ()),
    e.PredicateAnswered: ("predicate", "path", ("question", "answer", "error")),
    e.ItemsChosen: ("loop", "path", ("count", "error")),
    e.ChildStarted: ("child", "path", ("child", "workflow", "input", "policy")),
    e.ChildStartFailed: ("child", "path", ("child", "error")),
    e.ChildClosed: ("child", "path", ("child", "status")),
    e.TimerStarted: ("timer", "timer", ("due", "data")),
    e.TimerFired: ("timer", "timer", ()),
    e.TimerCanceled: ("timer", "timer", ()),
    e.SignalReceived: ("signal", "name", ("data",)),
    e.ExternalUpdated: ("update", "", ("changes",)),
    e.MessageSent: ("message", "to", ("path", "command", "name", "data")),
    e.MarkerRecorded: ("marker", "name", ("details",)),
    e.Transitioned: ("transition", "", ("source", "target", "edge", "trigger", "effects", "error")),
    e.CommandRefused: ("refusal", "command", ()),
    e.ProcessSuspended: ("incident", "path", ("error",)),
}
"""The facts that are compared: what each is about, and what of it. Others are left out."""

_ENDS = (e.ActivityClosed, e.ChildClosed, *e.CLOSING)
"""Of ends that follow each other, as where somebody tried again, the last one counts."""

SCHEDULED, DONE = "ActivityScheduled", "ActivityClosed result=completed"
ENDS = (DONE, "ActivityClosed result=failed", "ActivityClosed result=aborted")
"""How texts begin that tell of an activity: that it was decided, that it ended by itself."""

_LOSSES = frozenset({in_doubt("").type, poison(0).type, "PoisonStep"})
"""What a process may be suspended for because its worker died."""


def decisions_of(histories: Histories, is_batch: Callable[[str], bool]) -> Decisions:
    """What was decided in these histories; `is_batch` tells of a workflow's name.

    A batch program (a decider) counts its activities as they come, whatever their path, and the
    uses of a path are in their order here.
    """
    found: dict[Subject, list[tuple[e.Event, str]]] = {}
    for (process, run), history in histories.items():
        counts_uses = not is_batch(_workflow(history))
        for event in filter(_is_compared, history):
            kind, name, fields = _FACTS[type(event)]
            if isinstance(event, e.Transitioned) and event.stays:
                kind = "stay"
            subject = Subject(process, run, kind, getattr(event, name) if name else "")
            if kind == "activity" and counts_uses:
                subject = subject._replace(occurrence=getattr(event, "occurrence", 1))
            known = found.setdefault(subject, [])
            if known and isinstance(event, _ENDS) and isinstance(known[-1][0], _ENDS):
                known.pop()
            known.append((event, _told(event, fields)))
    return {
        subject: tuple(sorted(said) if subject.kind in SORTED else said)
        for subject, facts in found.items()
        if (said := [text for _, text in facts])
    }


def _workflow(history: History) -> str:
    return next((each.workflow for each in history if isinstance(each, e.ProcessStarted)), "")


def _is_compared(event: e.Event) -> bool:
    match event:
        case e.ActivityScheduled():
            return bool(event.activity)  # else an attempt came into a queue, maybe once more
        case e.ProcessSuspended():
            return event.error.type not in _LOSSES
        case e.MessageSent():
            return event.command != "retry"
        case _:
            return type(event) in _FACTS


def _told(event: e.Event, fields: tuple[str, ...]) -> str:
    says = [f"{name}={told}" for name in fields if (told := _value(event, name)) is not None]
    return " ".join((type(event).__name__, *says))


def _value(event: e.Event, name: str) -> str | None:
    """A field as text; None for one that says nothing."""
    value = getattr(event, name)
    match name:
        case "due":
            return f"{(value - event.at).total_seconds():g} s"
        case "error" if value is not None:
            return str(value.type)
        case "result":
            return _outcome(value)
        case _:
            return None if value in (None, "", (), {}) else repr(msgspec.to_builtins(value))


def _outcome(result: e.ActivityResult) -> str:
    """How an activity ended. What it returned is an answer, and no decision."""
    kind = type(result).__name__.removeprefix("Activity").lower()
    return f"{kind} {result.error.type}" if isinstance(result, e.ActivityFailed) else kind
