"""Stored histories against today's code: would what was recorded still happen?

A history fits if each of its events is one that today's workflow wants at that point. How often a
step is tried, for how long, and at most once or not, is left open: that may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from corago.core import events as e
from corago.core import history as fold
from corago.core.calls import Answer
from corago.core.history import History
from corago.core.program import Program, Snapshot
from corago.errors import StepArgumentError
from corago.runtime.pasts import unasking
from corago.runtime.replaying import Point, Recorded, fits, is_decided, is_judged, stand
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
        self.recorded = _Rehearsed(events, workflow.functions)
        started = events[0]
        if workflow.program.batch and asks and isinstance(started, e.ProcessStarted):
            self.rehearsal = Rehearsal(started, workflow.functions)

    @property
    def program(self) -> Program[Any]:
        return self.workflow.program

    def play(self, event: e.Event) -> None:
        """Check one event, and apply it."""
        if self.rehearsal is not None and self.program.batch:
            complaint = self.rehearsal.judge(self.program, self.snapshot, event)
            if complaint is not None:
                self._fail(event, complaint)
        if is_judged(event) and not (self.program.batch and self._is_free(event)):
            point = self._point(event)
            if not fits(point, event):
                self._fail(event, f"today's code wants {point.instead(line)}")
            complaint = self._code_says(point, event)
            if complaint is not None:
                self._fail(event, complaint)
        self.snapshot = fold.evolve(self.program, self.snapshot, event)

    def change(self, event: e.DefinitionChanged, after: Workflow) -> None:
        """Go over to another form of the workflow, as the process did."""
        if self.rehearsal is not None and self.program.batch:
            functions = after.functions
            complaint = self.rehearsal.change(self.program, self.snapshot, event, functions)
            if complaint is not None:
                self._fail(event, complaint)
        if after is not self.workflow:
            try:
                self.snapshot = fold.change(self.program, after.program, self.snapshot, event)
            except ValueError as error:
                self._fail(event, f"today's code can't take it over: {error}")
            self.workflow, self.recorded.functions = after, after.functions
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
        wants = () if snapshot.process.is_closed else tuple(point.wants(line))
        return Replayed(snapshot.process.standing, self.program.view(snapshot.state), wants)

    def _point(self, event: e.Event) -> Point:
        if self.program.batch:
            # what has come together is all recorded before anything is decided about it
            point = stand(self.program, self.snapshot, event.at, unasking(self.program, {}))
            return replace(point, facts=())
        self.recorded.at(event.position)
        return stand(self.program, self.snapshot, event.at, self.recorded)

    def _is_free(self, event: e.Event) -> bool:
        """Whether only a decider could say if it fits: its own will, what came of a cancel."""
        return is_decided(event) or self.snapshot.process.cancel_requested

    def _code_says(self, point: Point, event: e.Event) -> str | None:
        """What today's functions say against an event that fits, if they are asked."""
        functions = self.workflow.functions if self.asks else {}
        match event:
            case e.PredicateAnswered():
                return _contradicted(functions, self.recorded.asked, event)
            case e.ActivityClosed(path=path, occurrence=occurrence, result=result) if (
                isinstance(result, e.ActivityCompleted) and path not in point.incidents
            ):
                for wish in point.agenda.activities:
                    if (wish.path, wish.occurrence) == (path, occurrence):
                        return _unfit(functions.get(wish.function or wish.path), wish.input)
        return None

    def _fail(self, event: e.Event, complaint: str) -> None:
        position = event.position
        around = self.events[max(0, position - 8) : position]
        raise ReplayError(
            position,
            f"the history does not fit {self.workflow.name!r} as it is today.\n"
            f"At position {position} was recorded: {line(event)}\n"
            f"There, {complaint}\n{told(around, mark=position)}",
        )


class _Rehearsed(Recorded):
    """What a history does not hold, today's functions say."""

    def __init__(self, events: Iterable[e.Event], functions: Mapping[str, Any]) -> None:
        super().__init__(events)
        self.functions = functions

    def guess(self, name: str, values: Mapping[str, Any]) -> Answer:
        """What it sets today; inputs of children are recorded elsewhere."""
        function = self.functions.get(name) if name.endswith("=") else None
        try:
            return Answer(name, None if function is None else function(values))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: its error is an answer
            return Answer(name, error=e.Failure(type(error).__name__, str(error)))


def _contradicted(
    functions: Mapping[str, Any],
    asked: Sequence[tuple[str, Mapping[str, Any]]],
    event: e.PredicateAnswered,
) -> str | None:
    """Today's predicate, where it says something else than what was recorded."""
    name, values = asked[0] if asked else ("", {})
    predicate = functions.get(name)
    if predicate is None:
        return None
    try:
        says = "yes" if predicate(values) else "no"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: its error is an answer
        says = type(error).__name__
    recorded = ("yes" if event.answer else "no") if event.error is None else event.error.type
    return None if says == recorded else f"today's predicate {name!r} says {says}"


def _unfit(function: Any, view: Mapping[str, Any]) -> str | None:
    """Why today's step can't take what it took then."""
    if function is None:
        return None
    try:
        function.arguments(view)
    except StepArgumentError as error:
        return f"today's step can't take the State that it took then: {error}"
    return None
