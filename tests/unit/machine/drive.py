"""Drives one process of a machine in memory, with the kernel alone: no store, no engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from corago.core import codec, commands, history, kernel
from corago.core import events as e
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import LiveCalls, RecordedCalls
from corago.core.commit import Birth, Commit, Send
from corago.core.preview import Preview, Question, foresee
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda, Snapshot
from corago.machine.checking import faults
from corago.machine.durations import seconds_of
from corago.machine.normal import normal
from corago.machine.program import MachineProgram
from corago.machine.state import MachineState

BIRTH = datetime(2030, 1, 1, tzinfo=UTC)

Function = Callable[..., Any]


class Drive:
    """One process of a machine, given in any form; a document with faults is refused.

    After every commit its rows folded again give the state that it has, the same program made of
    the same document gives the same commit, and the preview of what was sent said exactly that.
    `functions` are called by name with what their parameters name.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        functions: Mapping[str, Function] | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        given_document = {"name": "tried", **document}
        assert not faults(given_document), faults(given_document)
        self.document = normal(given_document)
        self.functions = {
            f"{name}{mark}": _filled(function)
            for name, function in (functions or {}).items()
            for mark in "?="
        }
        self.program = MachineProgram(self.document)
        self.now = BIRTH
        self.births: list[Birth] = []
        self.sends: list[Send] = []
        values = self.program.check_input(codec.plain(dict(given or {})))
        lifetime = self.document.get("lifetime", {"to": None})
        started = e.ProcessStarted(
            position=1,
            at=self.now,
            process_id="p",
            workflow="tried",
            sha="",
            input=values,
            external=self.program.opening(values),
            timeout=None if "to" in lifetime else seconds_of(lifetime["delay"]),
        )
        self.events: list[e.Event] = [started]
        self.snapshot = history.begin(self.program, started)
        self.advance()

    # -- looking -----------------------------------------------------------------------------

    @property
    def process(self) -> Process:
        return self.snapshot.process

    @property
    def agenda(self) -> Agenda:
        return self.snapshot.agenda or NOTHING

    @property
    def machine(self) -> MachineState:
        state: MachineState = self.snapshot.state
        return state

    @property
    def at(self) -> str:
        return self.machine.at

    @property
    def status(self) -> str:
        return self.process.standing

    @property
    def internal(self) -> dict[str, Any]:
        return self.machine.internal

    @property
    def external(self) -> dict[str, Any]:
        assert self.process.external == self.machine.external
        return self.machine.external

    @property
    def open(self) -> list[str]:
        return [wish.path for wish in self.agenda.activities if not wish.cancel]

    @property
    def leaving(self) -> list[str]:
        return [wish.path for wish in self.agenda.activities if wish.cancel]

    @property
    def children(self) -> list[str]:
        return [wish.path for wish in self.agenda.children]

    @property
    def failed(self) -> list[str]:
        return [incident.path for incident in self.agenda.incidents]

    @property
    def timers(self) -> dict[str, float]:
        """The open timers, with the seconds from the birth to their instants."""
        found = self.process.timers.items()
        return {name: (at - BIRTH).total_seconds() for name, at in found}

    @property
    def path(self) -> list[str]:
        """The states that were entered, in order."""
        return [each.target for each in self.of(e.Transitioned) if not each.stays]

    @property
    def last(self) -> e.Transitioned:
        return self.of(e.Transitioned)[-1]  # type: ignore[no-any-return]

    @property
    def refused(self) -> list[tuple[str, str]]:
        """The events and timers that nothing took, each with the reason."""
        return [(each.command, each.why) for each in self.of(e.CommandRefused)]

    def of(self, *kinds: type[e.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    # -- moving ------------------------------------------------------------------------------

    def advance(self, *messages: m.Message) -> Commit:
        before = self.snapshot
        commit = kernel.advance(self.program, before, messages, self.now, self._calls())
        self.events += commit.events
        self.births += commit.births
        self.sends += commit.sends
        self.snapshot = commit.snapshot
        self._prove(before, messages, commit)
        return commit

    def _calls(self) -> LiveCalls:
        return LiveCalls(self.functions)

    def _prove(self, before: Snapshot, messages: Sequence[m.Message], commit: Commit) -> None:
        rows = [codec.encode_event(event) for event in self.events]
        folded = history.fold(self.program, map(codec.decode_event, rows))
        state, process = self.snapshot.state, self.snapshot.process
        assert (folded.process, folded.state) == (process, state)
        again = MachineProgram(self.document)
        old = codec.decode_snapshot(again, codec.encode_snapshot(before))
        assert old is not None
        recorded = RecordedCalls(commit.answers)
        assert kernel.advance(again, old, messages, self.now, recorded) == commit
        positions = [event.position for event in self.events]
        assert positions == list(range(1, len(positions) + 1))
        names = [*self.open, *self.leaving, *self.children]
        assert len(names) == len(set(names))

    def foresee(self, **question: Any) -> Preview:
        """What a preview tells of a question."""
        asked = Question(**question)
        return foresee(self.program, self.snapshot, (), asked, self.now, self._calls())

    def _ask_and_send(self, question: dict[str, Any], *messages: m.Message) -> Drive:
        """Ask for a preview, then commit: both must come to the same."""
        told, before = self.foresee(**question), self.at
        commit = self.advance(*messages)
        assert told.decisions == commit.events
        assert (told.state, told.internal, told.external) == (self.at, self.internal, self.external)
        assert dict(told.timers) == self.process.timers
        moves = [each for each in commit.events if isinstance(each, e.Transitioned)]
        stood = [before] if before else []
        assert told.path == (*stood, *(each.target for each in moves if not each.stays))
        return self

    def event(self, name: str, **data: Any) -> Drive:
        """An event comes, with data where some is given; as at the engine, its edge looks first."""
        value = self.program.check_signal(name, codec.plain(data) if data else None)
        return self._ask_and_send({"signal": (name, value)}, m.Signal(name, value))

    def update(self, **changes: Any) -> Drive:
        """Outside code changes the external store."""
        self.program.check_changes(changes)
        return self._ask_and_send({"update": changes}, m.Update(changes))

    def wait(self, seconds: float) -> Drive:
        """Let time pass; what falls due meanwhile happens at its own instant."""
        until = self.now + timedelta(seconds=seconds)
        while due := min((at for at in self._instants() if at <= until), default=None):
            self.now = max(self.now, due)
            self._ask_and_send({}, *arrivals(self.process, (), self.now))
        self.now = until
        return self

    def _instants(self) -> list[datetime]:
        ends = [self.process.deadline] if self.process.deadline else []
        return [] if self.process.is_closed else [*self.process.timers.values(), *ends]

    def done(self, path: str, result: Any = None) -> Drive:
        """The open activity at `path` returns."""
        return self._ended(path, e.ActivityCompleted(result), result)

    def fails(self, path: str, kind: str = "ValueError", message: str = "no") -> Drive:
        """The open activity at `path` raises an error of this name, as often as it is tried."""
        while path in [*self.open, *self.leaving]:
            error = type(kind, (Exception,), {})(message)
            self._ended(path, e.ActivityFailed(e.Failure(kind, message)), error)
            if waiting := commands.backing_off(self.process, self.agenda, self.now):
                self.now = max(each.due or self.now for each in waiting.values())
        return self

    def _ended(self, path: str, result: e.ActivityResult, told: Any) -> Drive:
        return self._ask_and_send({"outcome": (path, told)}, self.outcome(path, result))

    def outcome(self, path: str, result: e.ActivityResult) -> m.Outcome:
        """What an attempt of the activity at `path`, which is open now, would send."""
        wish = next(wish for wish in self.agenda.activities if wish.path == path)
        attempt = self.process.activity(path, wish.occurrence).attempt
        return m.Outcome(path, wish.occurrence, attempt, result)

    def command(self, verb: str, step: str | None = None, value: Any = None) -> Drive:
        targets = commands.target(self.process, self.agenda, verb, step, self.now)
        assert isinstance(targets, dict), targets
        question: Any = True if step is None else step
        if verb == "set_result":
            question = value if step is None else (step, value)
        return self._ask_and_send({verb: question}, m.Command(verb, targets, value))

    def child(self, path: str, status: str = "completed", **end: Any) -> Drive:
        """The child that was last started at `path` ends so."""
        started = [each for each in self.of(e.ChildStarted) if each.path == path]
        self.advance(m.ChildEnded(path, started[-1].child, status, **end))
        return self


def _filled(function: Function) -> Callable[[Mapping[str, Any]], Any]:
    names = () if isinstance(function, partial) else inspect.signature(function).parameters
    return lambda values: function(**{name: values[name] for name in names})


# -- machines to drive -----------------------------------------------------------------------------


def machine(states: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    """A document of these states; the first one is the initial one."""
    return {"initial": next(iter(states)), "states": dict(states), **rest}


def effects(drive: Drive) -> list[str]:
    """The paths of all effects that were asked for, in order."""
    asked = [each for event in drive.of(e.Transitioned) for each in event.effects]
    return [each.path for each in asked if each.kind == "effect"]
