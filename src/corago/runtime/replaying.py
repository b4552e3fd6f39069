"""A history against the definition that it was recorded under: would each event happen again?

User code is not asked: what it once answered is in the history. Nothing is read, nothing written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from corago.core import events as e
from corago.core import history, kernel
from corago.core.calls import UNREAD, Answer, Calls
from corago.core.commands import incidents
from corago.core.program import NOTHING, Agenda, Program, Snapshot

_UNKNOWN = e.Failure("NotRecorded", "the history holds no answer")


class Recorded:
    """Gives the answers of a history again, in their order; past them, an error that says so.

    `guesses` tells that something was asked which no history holds: what a function of a machine
    set, or made the input of a child.
    """

    def __init__(self, events: Iterable[e.Event]) -> None:
        """Take all events of one run."""
        self.answers: list[Answer] = []
        self.past = UNREAD
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.guesses = False
        self._answered = [each for each in events if isinstance(each, e.PredicateAnswered)]
        self._first = self._next = 0

    def at(self, position: int) -> None:
        """Go on with the answers from this position on; positions only rise."""
        answered = self._answered
        while self._first < len(answered) and answered[self._first].position < position:
            self._first += 1
        self._next = self._first
        self.answers, self.asked, self.guesses = [], [], False

    def ask(self, name: str, values: Mapping[str, Any]) -> Answer:
        """The next answer, whatever it was asked by."""
        answer = self._answer(name, values)
        self.answers.append(answer)
        return answer

    def _answer(self, name: str, values: Mapping[str, Any]) -> Answer:
        if name.endswith(("=", "?input")):
            self.guesses = True
            return self.guess(name, values)
        self.asked.append((name, values))
        if self._next >= len(self._answered):
            return Answer(name, error=_UNKNOWN)
        known = self._answered[self._next]
        self._next += 1
        return Answer(name, known.answer, known.error)

    def guess(self, name: str, values: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - for those with code
        """What is said where the history says nothing; what followed is recorded elsewhere."""
        return Answer(name)


@dataclass(frozen=True, slots=True)
class Point:
    """What a definition wants at one point: facts to record, then what should be open.

    `closing` is work that ends of itself there: it was asked to stop before it began.
    """

    snapshot: Snapshot
    facts: tuple[e.Event, ...]
    agenda: Agenda
    closing: frozenset[tuple[str, int]] = frozenset()

    def wants(self, say: Callable[[e.Event], str]) -> Iterator[str]:
        """In words; `say` puts an event into words."""
        if self.facts:
            yield f"to record {say(self.facts[0])}"
            return
        agenda = self.agenda
        yield from (f"{each.path!r} to run" for each in agenda.activities)
        yield from (
            f"{each.path!r} to wait for the signal {each.name!r}" for each in agenda.signals
        )
        yield from (f"{each.path!r} to wait for a child" for each in agenda.children)
        yield from (f"the timer {each.timer!r}" for each in agenda.timers)
        yield from (f"a person at {each.path!r}" for each in agenda.incidents)

    def instead(self, say: Callable[[e.Event], str]) -> str:
        """All of it in a phrase."""
        return ", ".join(self.wants(say)) or "nothing"

    @property
    def incidents(self) -> Mapping[str, object]:
        """What a person may act on, by path; nobody could act on an answer that was never given."""
        found = incidents(self.snapshot.process, self.agenda)
        return {path: each for path, each in found.items() if each.error != _UNKNOWN}


def stand(program: Program[Any], snapshot: Snapshot, now: datetime, calls: Calls) -> Point:
    """What a program wants of a process that stands so."""
    commit = kernel.advance(program, snapshot, (), now, calls)
    closed = (each for each in commit.events if isinstance(each, e.ActivityClosed))
    closing = frozenset((each.path, each.occurrence) for each in closed)
    return Point(snapshot, deciding(commit.events), commit.snapshot.agenda or NOTHING, closing)


def deciding(events: Iterable[e.Event]) -> tuple[e.Event, ...]:
    """Those events that a workflow decides."""
    return tuple(each for each in events if type(each) in IDENTITY)


def is_judged(event: e.Event) -> bool:
    """Whether this event can be out of place; others may come at any time."""
    return type(event) in _JUDGES


def fits(point: Point, event: e.Event) -> bool:
    """Whether an event is one that is wanted at this point."""
    judge = _JUDGES.get(type(event))
    return judge is None or judge(point, event)


def is_decided(event: e.Event) -> bool:
    """Whether nothing but a workflow's own will brings it about."""
    return _JUDGES.get(type(event)) is _decided


# -- judges ----------------------------------------------------------------------------------------


def _decided(point: Point, event: e.Event) -> bool:
    """What the workflow decides."""
    return any(is_same(fact, event) for fact in point.facts)


def _answered(point: Point, event: e.PredicateAnswered) -> bool:
    """A predicate's answer: it is asked next."""
    return bool(point.facts) and is_same(point.facts[0], event)


def _ended(point: Point, event: e.ActivityClosed | e.ActivityRetried) -> bool:
    """The end of an attempt: it is wanted, or an operator has set the result."""
    work = event.path, event.occurrence
    if event.path in point.incidents or work in point.closing:
        return True
    is_open = any((wish.path, wish.occurrence) == work for wish in point.agenda.activities)
    return is_open and not point.facts


def _fired(point: Point, event: e.TimerFired) -> bool:
    """A timer's time: it is waited for."""
    return not point.facts and any(each.timer == event.timer for each in point.agenda.timers)


def _acted(point: Point, event: Any) -> bool:
    """A person's command: there is something to act on."""
    if any(type(fact) is type(event) and is_same(fact, event) for fact in point.facts):
        return True
    standing = {*point.incidents, *(each.path for each in point.agenda.activities), ""}
    return standing.issuperset(event.paths if hasattr(event, "paths") else (event.path,))


_JUDGES: Mapping[type[e.Event], Callable[[Point, Any], bool]] = {
    e.PredicateAnswered: _answered,
    e.ItemsChosen: _decided,
    e.Transitioned: _decided,
    e.TimerStarted: _decided,
    e.TimerCanceled: _decided,
    e.ChildStarted: _decided,
    e.ProcessCompleted: _decided,
    e.ProcessFailed: _decided,
    e.ProcessCanceled: _decided,
    e.ActivityClosed: _ended,
    e.ActivityRetried: _ended,
    e.TimerFired: _fired,
    e.StepSkipped: _acted,
    e.ProcessSuspended: _acted,
    e.ProcessResumed: _acted,
    e.ProcessReopened: _acted,
}
"""Who judges what; events that are not here may come at any time."""

IDENTITY: Mapping[type[e.Event], tuple[str, ...]] = {
    e.PredicateAnswered: ("path", "question"),
    e.ItemsChosen: ("path", "count"),
    e.Transitioned: ("source", "target", "stays"),
    e.TimerStarted: ("timer",),
    e.TimerCanceled: ("timer",),
    e.ChildStarted: ("path", "workflow"),
    e.ProcessCompleted: ("result",),
    e.ProcessFailed: ("path",),
    e.ProcessCanceled: (),
    e.ProcessSuspended: ("path",),
}
"""The facts that a workflow decides, and what makes two of them the same."""


def is_same(fact: e.Event, event: e.Event) -> bool:
    """Whether a workflow that wants to record a fact has recorded it as this event."""
    names = IDENTITY[type(fact)]
    is_kind = type(fact) is type(event)
    return is_kind and all(getattr(fact, name) == getattr(event, name) for name in names)


# -- a whole run -----------------------------------------------------------------------------------


class Replay:
    """One run of a process by its own definitions, event by event; `snapshot` is its fold.

    What deciders decide can't be found out without their code; theirs is folded only.
    """

    def __init__(self, events: list[e.Event], programs: Mapping[str, Program[Any]]) -> None:
        """Take all its events, and the definitions that it has followed, by sha."""
        started = events[0]
        assert isinstance(started, e.ProcessStarted)  # noqa: S101 - for the type checker
        self._programs = programs
        self._program = programs[started.sha]
        self._calls = Recorded(events)
        self._coming: list[e.Event] = []
        self._passed: list[e.Event] = []
        self._after: Snapshot | None = None
        self._is_moved = False
        self.snapshot = history.begin(self._program, started)

    def play(self, event: e.Event) -> Iterator[str]:
        """Take the next event; says so if the definition did not want it there."""
        if isinstance(event, e.DefinitionChanged):
            self._settle()
            following = self._programs[event.sha]
            self.snapshot = history.change(self._program, following, self.snapshot, event)
            self._program, self._is_moved = following, True
            return
        if self._program.batch:
            self.snapshot = history.evolve(self._program, self.snapshot, event)
            return
        if self._is_expected(event):
            return
        if is_judged(event):
            point = self._point()
            if not (fits(point, event) or self._calls.guesses):
                wants = point.instead(named)
                yield f"position {event.position}: {named(event)}, but it wants {wants}"
        self._settle()
        self.snapshot = history.evolve(self._program, self.snapshot, event)
        self._is_moved = False

    def end(self) -> Iterator[str]:
        """Says so if a fact is missing at the end, which the last commit must have held."""
        self._settle()
        process = self.snapshot.process
        is_asked = not (self._program.batch or process.is_closed or process.poison is not None)
        if is_asked and not self._is_moved and process.status != "created":
            self._look(process.at, process.position + 1)
            missing = deciding(self._coming)
            if missing and not self._calls.guesses:
                lacks = named(missing[0])
                yield f"its history ends at position {process.position}, and lacks {lacks}"

    def _is_expected(self, event: e.Event) -> bool:
        """Whether it is what was to come next, to the letter; then nobody is asked anew."""
        if self.snapshot.agenda is None and self._after is None:
            if not (is_judged(event) or type(event) in _STARTS):
                return False
            self._look(event.at, event.position)
        if not self._coming or self._coming[0] != event:
            return False
        self._passed.append(self._coming.pop(0))
        if not self._coming and self._after is not None:
            self.snapshot, self._after, self._passed = self._after, None, []
        return True

    def _look(self, now: datetime, position: int) -> None:
        """Find out what comes next, and where that leads."""
        self._calls.at(position)
        commit = kernel.advance(self._program, self.snapshot, (), now, self._calls)
        self._coming = list(commit.events)
        if self._coming:
            self._after = commit.snapshot
        else:
            self.snapshot = commit.snapshot

    def _point(self) -> Point:
        if self._passed:  # some of what was to come has come, and then something else
            ahead = self._coming
            self._settle()
            return Point(self.snapshot, deciding(ahead), NOTHING)
        agenda = (self._after or self.snapshot).agenda
        return Point(self.snapshot, deciding(self._coming), agenda or NOTHING)

    def _settle(self) -> None:
        for event in self._passed:
            self.snapshot = history.evolve(self._program, self.snapshot, event)
        self._coming, self._passed, self._after = [], [], None


_STARTS = (e.ActivityStarted, e.ActivityScheduled, e.ActivityCancelRequested, e.MessageSent)
"""What the kernel records of its own accord, once it is known what is wanted."""


def named(event: e.Event) -> str:
    """An event by its kind and its place."""
    place = getattr(event, "path", "") or getattr(event, "timer", "")
    return f"{type(event).__name__} {place!r}" if place else type(event).__name__
