"""Stored histories against today's code: would what was recorded still happen?

A history fits if each of its events is one that today's workflow wants at that point. How often a
step is tried, for how long, and at most once or not, is left open: that may change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corago.core import events as e
from corago.core import history as fold
from corago.core import kernel
from corago.core.calls import UNREAD, Answer
from corago.core.commands import incidents
from corago.core.history import History
from corago.core.program import NOTHING, Agenda, Program, Snapshot
from corago.errors import StepArgumentError
from corago.runtime.pasts import unasking
from corago.runtime.settings import Workflow
from corago.testing.histories import load_history
from corago.testing.rehearsing import Rehearsal
from corago.testing.telling import line, told


class ReplayError(AssertionError):
    """A history does not fit today's code: `position` is the first event that does not."""

    def __init__(self, position: int, text: str) -> None:
        """Say where, and what today's code wants there."""
        super().__init__(text)
        self.position = position


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a history ends under today's code: its status, its State, and what is wanted next."""

    status: str
    state: Any
    wants: tuple[str, ...]


def replay(
    history: History | Path | str,
    workflow: Workflow,
    *,
    before: Iterable[Workflow] = (),
    asks: bool = True,
) -> Replayed:
    """Check that a history, or one kept in a file, is one that today's workflow could have.

    Steps are not run. A process that went over to another definition while it lived is judged by
    today's workflow from its first event on, unless `before` holds the one that it began with.

    Args:
        history: the recorded events, or the path of a file that `save_history` or
            `corago history ID --json` has written.
        workflow: the workflow as it is today.
        before: earlier forms of it, for what was recorded under them.
        asks: ask today's predicates again, and fill the arguments of today's steps.

    Raises:
        ReplayError: (an AssertionError) at the first event that does not fit.
    """
    events = history if isinstance(history, History) else load_history(history)
    forms = {each.sha: each for each in before}
    started = events[0]
    assert isinstance(started, e.ProcessStarted), "a history begins with ProcessStarted"
    today = forms.get(started.sha, workflow)
    player = _Player(events, today, fold.begin(today.program, started), asks=asks)
    for event in events[1:]:
        if isinstance(event, e.DefinitionChanged):
            player.change(event, forms.get(event.sha, workflow))
        else:
            player.play(event)
    return player.end()


class _Player:
    """One replay: where it stands, and what today's code wants there."""

    def __init__(
        self, events: History, workflow: Workflow, snapshot: Snapshot, *, asks: bool
    ) -> None:
        self.events = events
        self.workflow = workflow
        self.snapshot = snapshot
        self.asks = asks
        self.rehearsal: Rehearsal | None = None
        started = events[0]
        if workflow.program.batch and asks and isinstance(started, e.ProcessStarted):
            self.rehearsal = Rehearsal(started, workflow.functions)

    @property
    def program(self) -> Program[Any]:
        return self.workflow.program

    def play(self, event: e.Event) -> None:
        """Check one event, and apply it."""
        judge = _JUDGES.get(type(event))
        if self.program.batch:
            if self.rehearsal is not None:
                complaint = self.rehearsal.judge(self.program, self.snapshot, event)
                if complaint is not None:
                    self._fail(event, complaint)
            judge = None if judge is _decided else judge
        if judge is not None:
            point = self._point(event)
            complaint = judge(point, event)
            if complaint is not None:
                self._fail(event, complaint)
        self.snapshot = fold.evolve(self.program, self.snapshot, event)

    def change(self, event: e.DefinitionChanged, after: Workflow) -> None:
        """Go over to another form of the workflow, as the process did."""
        if after is not self.workflow:
            try:
                self.snapshot = fold.change(self.program, after.program, self.snapshot, event)
            except ValueError as error:
                self._fail(event, f"today's code can't take it over: {error}")
            self.workflow = after
        else:
            self.snapshot = fold.evolve(self.program, self.snapshot, event)

    def end(self) -> Replayed:
        """Where the history ends."""
        snapshot, last = self.snapshot, self.events[-1]
        if self.rehearsal is not None:
            complaint = self.rehearsal.end(self.program, snapshot)
            if complaint is not None:
                self._fail(last, complaint)
        point = self._point(last)
        wants = () if snapshot.process.is_closed else tuple(point.wants())
        return Replayed(snapshot.process.standing, self.program.view(snapshot.state), wants)

    def _point(self, event: e.Event) -> _Point:
        functions = self.workflow.functions
        recorded = _Recorded(self.events[event.position - 1 :], functions)
        calls = unasking(self.program, {}) if self.program.batch else recorded
        commit = kernel.advance(self.program, self.snapshot, (), event.at, calls)
        facts = tuple(each for each in commit.events if type(each) in _IDENTITY)
        agenda = commit.snapshot.agenda or NOTHING
        return _Point(self.snapshot, facts, agenda, functions if self.asks else {}, recorded.asked)

    def _fail(self, event: e.Event, complaint: str) -> None:
        position = event.position
        around = self.events[max(0, position - 8) : position]
        raise ReplayError(
            position,
            f"the history does not fit {self.workflow.name!r} as it is today.\n"
            f"At position {position} was recorded: {line(event)}\n"
            f"There, {complaint}\n{told(around, mark=position)}",
        )


class _Recorded:
    """Gives the recorded answers again, in their order; past them, an error that says so."""

    def __init__(self, following: Sequence[e.Event], functions: Mapping[str, Any]) -> None:
        self._functions = functions
        self.answers: list[Answer] = []
        self.past = UNREAD
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self._left = [each for each in following if isinstance(each, e.PredicateAnswered)]

    def ask(self, name: str, values: Mapping[str, Any]) -> Answer:
        """The next answer, whatever it was asked by; inputs of children are recorded elsewhere."""
        answer = Answer(name)
        if name.endswith("="):
            # what it set is in the transition that was recorded
            answer = self._again(name, values)
        elif not name.endswith("?input"):
            self.asked.append((name, values))
            left = self._left.pop(0) if self._left else None
            unknown = e.Failure("NotRecorded", "the history holds no answer")
            answer = (
                Answer(name, error=unknown)
                if left is None
                else Answer(name, left.answer, left.error)
            )
        self.answers.append(answer)
        return answer

    def _again(self, name: str, values: Mapping[str, Any]) -> Answer:
        function = self._functions.get(name)
        try:
            return Answer(name, None if function is None else function(values))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: its error is an answer
            return Answer(name, error=e.Failure(type(error).__name__, str(error)))


@dataclass(frozen=True, slots=True)
class _Point:
    """What today's code wants at one point: facts to record, then what should be open."""

    snapshot: Snapshot
    facts: tuple[e.Event, ...]
    agenda: Agenda
    functions: Mapping[str, Any]
    asked: list[tuple[str, Mapping[str, Any]]]

    def wants(self) -> Iterator[str]:
        """In words."""
        if self.facts:
            yield f"to record {line(self.facts[0])}"
            return
        agenda = self.agenda
        yield from (f"{each.path!r} to run" for each in agenda.activities)
        yield from (
            f"{each.path!r} to wait for the signal {each.name!r}" for each in agenda.signals
        )
        yield from (f"{each.path!r} to wait for a child" for each in agenda.children)
        yield from (f"the timer {each.timer!r}" for each in agenda.timers)
        yield from (f"a person at {each.path!r}" for each in agenda.incidents)

    def instead(self) -> str:
        """What it wants, as a complaint."""
        return f"today's code wants {', '.join(self.wants()) or 'nothing'}"

    @property
    def incidents(self) -> Mapping[str, object]:
        """What a person may act on, by path."""
        return incidents(self.snapshot.process, self.agenda)


# -- judges: what is wrong with an event at a point, or None -----------------------------------


def _decided(point: _Point, event: e.Event) -> str | None:
    """What the workflow decides: today's decides it too."""
    fits = any(_is_same(fact, event) for fact in point.facts)
    return None if fits else point.instead()


def _answered(point: _Point, event: e.PredicateAnswered) -> str | None:
    """A predicate's answer: today's asks it next, and it says the same."""
    if not (point.facts and _is_same(point.facts[0], event)):
        return point.instead()
    name, values = point.asked[0] if point.asked else ("", {})
    predicate = point.functions.get(name)
    if predicate is None:
        return None
    try:
        says = "yes" if predicate(values) else "no"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: its error is an answer
        says = type(error).__name__
    recorded = ("yes" if event.answer else "no") if event.error is None else event.error.type
    return None if says == recorded else f"today's predicate {name!r} says {says}"


def _ended(point: _Point, event: e.ActivityClosed | e.ActivityRetried) -> str | None:
    """The end of an attempt: today's wants that step to run, and can fill its arguments."""
    if event.path in point.incidents:
        return None  # an operator has set the result
    for wish in point.agenda.activities:
        if (wish.path, wish.occurrence) == (event.path, event.occurrence) and not point.facts:
            return _unfit(point.functions.get(wish.function or wish.path), wish.input, event)
    return point.instead()


def _unfit(function: Any, view: Mapping[str, Any], event: e.Event) -> str | None:
    result = event.result if isinstance(event, e.ActivityClosed) else None
    if function is None or not isinstance(result, e.ActivityCompleted):
        return None
    try:
        function.arguments(view)
    except StepArgumentError as error:
        return f"today's step can't take the State that it took then: {error}"
    return None


def _fired(point: _Point, event: e.TimerFired) -> str | None:
    """A timer's time: today's waits for it."""
    is_wanted = any(each.timer == event.timer for each in point.agenda.timers)
    return None if is_wanted and not point.facts else point.instead()


def _acted(point: _Point, event: Any) -> str | None:
    """A person's command: today's has something there to act on."""
    if any(type(fact) is type(event) and _is_same(fact, event) for fact in point.facts):
        return None
    standing = {*point.incidents, *(each.path for each in point.agenda.activities), ""}
    paths = event.paths if hasattr(event, "paths") else (event.path,)
    return None if standing.issuperset(paths) else point.instead()


_JUDGES: Mapping[type[e.Event], Callable[[_Point, Any], str | None]] = {
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

_IDENTITY: Mapping[type[e.Event], tuple[str, ...]] = {
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


def _is_same(fact: e.Event, event: e.Event) -> bool:
    names = _IDENTITY[type(fact)]
    is_kind = type(fact) is type(event)
    return is_kind and all(getattr(fact, name) == getattr(event, name) for name in names)
