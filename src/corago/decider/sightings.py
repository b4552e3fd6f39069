"""What a history of a decider's process tells of, in order, and what followed upon what. Pure.

`decide` answers whatever has come. So a history is a row of rounds: some news, then decisions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from corago.core import events as e
from corago.core.durations import in_words
from corago.decider.program import NOTED
from corago.decider.state import DECISION
from corago.drawing.graph import Mark

Kind = Literal[
    "start",
    "activity",
    "timer",
    "child",
    "signal",
    "update",
    "message",
    "marker",
    "request",
    "stop",
    "end",
]

_NUMBER = re.compile(r"#\d+$")
_LENGTH = 60


@dataclass(slots=True, eq=False)
class Sighting:
    """One thing that a history tells of; `family` is what it shares with others of its kind.

    `notes` are details by topic. It `is_open` while the process waits for it.
    """

    kind: Kind
    name: str
    family: str
    mark: Mark = "done"
    is_open: bool = False
    notes: dict[str, str] = field(default_factory=dict)

    def end(self, mark: Mark, note: str = "") -> None:
        """Nothing more is expected of it."""
        self.mark, self.is_open = mark, False
        self.notes.pop("due", None)
        if note:
            self.notes["end"] = brief(note)


@dataclass(frozen=True, slots=True)
class Link:
    """A sighting in a round, at an instant; `verb` says what was done, if it did not begin here.

    `at` is None for a start: it is older than the commit that answers it.
    """

    sighting: Sighting
    at: datetime | None
    verb: str = ""


@dataclass(slots=True)
class Round:
    """Some news, and the decisions that came next."""

    news: list[Link] = field(default_factory=list)
    decisions: list[Link] = field(default_factory=list)


class Sightings:
    """All that a history tells of, as of `now`."""

    def __init__(self, events: Iterable[e.Event], now: datetime) -> None:
        """Look at every event once."""
        self.now = now
        self.all: list[Sighting] = []
        self.rounds: list[Round] = [Round()]
        self.run = 1
        self.is_closed = False
        self._known: dict[tuple[Kind, str], Sighting] = {}
        for event in events:
            see = _SEES.get(type(event))
            if see is not None:
                see(self, event)

    @property
    def standing(self) -> list[Sighting]:
        """Where the process stands: at what is open, else at what was met last."""
        found = [each for each in self.all if each.is_open]
        if found:
            return found
        last = self.rounds[-1]
        return [each.sighting for each in last.decisions or last.news]

    # -- noting ------------------------------------------------------------------------------

    def meet(self, kind: Kind, name: str, family: str = "", **notes: str) -> Sighting:
        """Something new."""
        told = {topic: brief(note) for topic, note in notes.items() if note}
        found = Sighting(kind, brief(name), family or brief(name), notes=told)
        self.all.append(found)
        self._known[kind, name] = found
        return found

    def known(self, kind: Kind, name: str) -> Sighting:
        """The latest of this kind and name; a history may begin in the middle."""
        return self.latest(kind, name) or self.meet(kind, name)

    def latest(self, kind: Kind, name: str) -> Sighting | None:
        """The latest of this kind and name, if there is one."""
        return self._known.get((kind, name))

    def hear(self, sighting: Sighting, event: e.Event, verb: str = "") -> None:
        """It is news."""
        if self.rounds[-1].decisions:
            self.rounds.append(Round())
        self.rounds[-1].news.append(Link(sighting, event.at, verb))

    def decide(self, sighting: Sighting, event: e.Event, verb: str = "") -> None:
        """It was decided."""
        self.rounds[-1].decisions.append(Link(sighting, event.at, verb))

    def close(self) -> None:
        """The process has ended: what was open is nobody's business any more."""
        self.is_closed = True
        for each in self.all:
            if each.is_open:
                each.end("failed" if each.mark == "failed" else "skipped")


def brief(text: str) -> str:
    """A text on one line, of bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= _LENGTH else f"{line[: _LENGTH - 1]}…"


def _json(value: Any) -> str:
    """A value in few words."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


# -- activities ------------------------------------------------------------------------------------


def _scheduled(seen: Sightings, event: e.ActivityScheduled) -> None:
    if not event.activity:  # the next attempt in a queue
        found = seen.known("activity", event.path)
        _run(found, event.attempt)
        return
    family = event.activity
    is_named = event.path == family or _NUMBER.sub("", event.path) == family
    found = seen.meet(
        "activity",
        event.path,
        family,
        what="" if is_named else family,
        queue=f"queue {event.queue}" if event.queue else "",
    )
    _run(found, event.attempt)
    seen.decide(found, event)


def _run(found: Sighting, attempt: int) -> None:
    found.mark, found.is_open = "running", True
    found.notes.pop("due", None)
    if attempt > 1:
        found.notes["tries"] = f"attempt {attempt}"


def _retried(seen: Sightings, event: e.ActivityRetried) -> None:
    found = seen.known("activity", event.path)
    _run(found, event.attempt + 1)
    found.notes["end"] = brief(str(event.error))
    if event.due > seen.now:
        found.mark = "waiting"
        found.notes["due"] = _until(event.due)


def _closed(seen: Sightings, event: e.ActivityClosed) -> None:
    found = seen.known("activity", event.path)
    found.notes.pop("end", None)
    error = e.failure_of(event.result, event.path)
    if event.attempt > 1:
        found.notes["tries"] = f"{event.attempt} attempts"
    if isinstance(event.result, e.ActivityCanceled):
        found.end("skipped", "canceled")
    else:
        found.end("done" if error is None else "failed", "" if error is None else str(error))
    seen.hear(found, event)


def _skipped(seen: Sightings, event: e.StepSkipped) -> None:
    if event.path == DECISION:
        return  # what had failed was opened again, and that was told
    found = seen.known("activity", event.path)
    found.end("skipped", "skipped")
    seen.hear(found, event)


# -- timers, children, messages --------------------------------------------------------------------


def _timer(seen: Sightings, event: e.TimerStarted) -> None:
    family = _NUMBER.sub("", event.timer)
    span = max(0.0, (event.due - event.at).total_seconds())
    found = seen.meet(
        "timer", event.timer, family, span=in_words(round(span, 1)), due=_until(event.due)
    )
    found.mark, found.is_open = "waiting", True
    seen.decide(found, event)


def _fired(seen: Sightings, event: e.TimerFired) -> None:
    found = seen.known("timer", event.timer)
    found.end("done")
    seen.hear(found, event)


def _timer_gone(seen: Sightings, event: e.TimerCanceled) -> None:
    found = seen.known("timer", event.timer)
    found.end("skipped", "canceled")
    seen.decide(found, event, "cancels")


def _child(seen: Sightings, event: e.ChildStarted) -> None:
    found = seen.meet("child", event.path, event.workflow, id=f"process {event.child}")
    found.mark, found.is_open = "waiting", True
    seen.decide(found, event)


def _child_ended(seen: Sightings, event: e.ChildClosed) -> None:
    found = seen.known("child", event.path)
    is_well = event.status == "completed"
    said = event.status if event.error is None else str(event.error)
    found.end("done" if is_well else "failed", "" if is_well else said)
    seen.hear(found, event)


def _child_unborn(seen: Sightings, event: e.ChildStartFailed) -> None:
    found = seen.known("child", event.path)
    found.end("failed", str(event.error))
    seen.hear(found, event)


def _sent(seen: Sightings, event: e.MessageSent) -> None:
    if event.path:
        seen.decide(seen.known("child", event.path), event, f"{event.command}s")
    else:
        found = seen.meet("message", event.name or event.command, what=f"signal to {event.to}")
        seen.decide(found, event)


def _marked(seen: Sightings, event: e.MarkerRecorded) -> None:
    if event.name == NOTED:
        news = seen.rounds[-1].news
        news[:] = [Link(each.sighting, each.at or event.at, each.verb) for each in news]
    else:
        found = seen.meet("marker", event.name, what="marker", details=_json(event.details))
        seen.decide(found, event)


# -- from outside ----------------------------------------------------------------------------------


def _started(seen: Sightings, event: e.ProcessStarted) -> None:
    seen.run = event.run
    run = f"run {event.run}" if event.run > 1 else ""
    seen.rounds[-1].news.append(Link(seen.meet("start", "Start", run=run), None))


def _came(kind: Kind, name: Callable[[Any], str], what: str) -> Callable[[Sightings, Any], None]:
    def sees(seen: Sightings, event: Any) -> None:
        by = f"by {event.actor}" if event.actor else ""
        seen.hear(seen.meet(kind, name(event), what=what, by=by), event)

    return sees


def _suspended(seen: Sightings, event: e.ProcessSuspended) -> None:
    if event.path:
        found = seen.known("activity", event.path)
        found.mark, found.is_open = "failed", True
        found.notes["end"] = brief(str(event.error))
        return
    found = seen.meet("stop", "needs a person", error=str(event.error))
    found.mark, found.is_open = "failed", True
    seen.decide(found, event)


def _resumed(seen: Sightings, event: e.ProcessResumed | e.ProcessReopened) -> None:
    """What had stopped, or ended, goes on from there."""
    seen.is_closed = False
    for path in event.paths:
        found = seen.latest("activity", path)
        if found is not None and found.is_open:
            found.mark = "running"
    stops = [each for each in seen.all if each.kind in ("stop", "end")]
    if not stops:
        return
    stops[-1].is_open = False
    seen.hear(stops[-1], event, "goes on")


# -- the end ---------------------------------------------------------------------------------------


def _ended(name: str, mark: Mark, said: Callable[[Any], str]) -> Callable[[Sightings, Any], None]:
    def sees(seen: Sightings, event: Any) -> None:
        found = seen.meet("end", name, said=said(event))
        found.mark = mark
        seen.close()
        seen.decide(found, event)

    return sees


def _cut(name: str) -> Callable[[Sightings, Any], None]:
    """An end by force or by the clock: what was open then led there."""

    def sees(seen: Sightings, event: Any) -> None:
        last = [Link(each, event.at) for each in seen.standing]
        by = f"by {event.actor}" if event.actor else ""
        found = seen.meet("end", name, by=by, why=event.reason or "")
        found.mark = "failed"
        seen.close()
        seen.rounds.append(Round(last, [Link(found, event.at)]))

    return sees


def _until(due: datetime) -> str:
    return f"until {due:%Y-%m-%d %H:%M:%S} UTC"


_SEES: Mapping[type[e.Event], Callable[[Sightings, Any], None]] = {
    e.ProcessStarted: _started,
    e.ActivityScheduled: _scheduled,
    e.ActivityStarted: lambda seen, v: _run(seen.known("activity", v.path), v.attempt),
    e.ActivityRetried: _retried,
    e.ActivityClosed: _closed,
    e.ActivityCancelRequested: lambda seen, v: seen.decide(
        seen.known("activity", v.path), v, "cancels"
    ),
    e.StepSkipped: _skipped,
    e.TimerStarted: _timer,
    e.TimerFired: _fired,
    e.TimerCanceled: _timer_gone,
    e.ChildStarted: _child,
    e.ChildStartFailed: _child_unborn,
    e.ChildClosed: _child_ended,
    e.MessageSent: _sent,
    e.MarkerRecorded: _marked,
    e.SignalReceived: _came("signal", lambda v: v.name, "signal"),
    e.ExternalUpdated: _came("update", lambda v: ", ".join(v.changes) or "update", "update"),
    e.CancelRequested: _came("request", lambda _: "asked to stop", ""),
    e.ProcessSuspended: _suspended,
    e.ProcessResumed: _resumed,
    e.ProcessReopened: _resumed,
    e.ContinuedAsNew: _ended("continued", "done", lambda v: f"as run {v.following}"),
    e.ProcessCompleted: _ended("completed", "done", lambda v: _json(v.result)),
    e.ProcessFailed: _ended("failed", "failed", lambda v: str(v.error)),
    e.ProcessCanceled: _ended("canceled", "skipped", lambda _: ""),
    e.ProcessAborted: _cut("aborted"),
    e.ProcessTimedOut: _cut("timed out"),
}
"""What each event tells; those that are not here tell nothing that is drawn."""
