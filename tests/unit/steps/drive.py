"""Drives one process of a step list in memory, with the kernel alone: no store, no engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from corago.activity import ActivityFunction, Context, entered
from corago.core import codec, commands, history
from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.core.commit import Commit
from corago.core.kernel import advance, arrivals
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda
from corago.steps import Step, StepList, Workflow, begin, done, init, step, workflow

BIRTH = datetime(2030, 1, 1, tzinfo=UTC)


class Drive:
    """One process. After every commit, its rows folded again must give the state that it has."""

    def __init__(self, workflow: Workflow, given: Mapping[str, Any] | None = None) -> None:
        self.workflow = workflow
        self.now = BIRTH
        self.ran: list[str] = []
        started = e.ProcessStarted(
            position=1,
            at=self.now,
            process_id="p",
            workflow=workflow.name,
            sha=workflow.sha,
            input=codec.plain(dict(given or {})),
            timeout=workflow.timeout,
        )
        self.events: list[e.Event] = [started]
        self.snapshot = history.begin(workflow.program, started)
        self.advance()

    # -- looking -----------------------------------------------------------------------------

    @property
    def process(self) -> Process:
        return self.snapshot.process

    @property
    def agenda(self) -> Agenda:
        return self.snapshot.agenda or NOTHING

    @property
    def status(self) -> str:
        return self.process.standing

    @property
    def state(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.workflow.program.view(self.snapshot.state)
        return shown

    @property
    def open(self) -> list[str]:
        return [wish.path for wish in self.agenda.activities]

    @property
    def awaited(self) -> list[str]:
        return [wish.path for wish in self.agenda.signals]

    @property
    def failed(self) -> list[str]:
        return [incident.path for incident in self.agenda.incidents]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def of(self, kind: type[e.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    # -- moving ------------------------------------------------------------------------------

    def advance(self, *messages: m.Message) -> Commit:
        calls = LiveCalls(self.workflow.functions)
        commit = advance(self.workflow.program, self.snapshot, messages, self.now, calls)
        self.events += commit.events
        self.snapshot = commit.snapshot
        self._prove()
        return commit

    def _prove(self) -> None:
        rows = [codec.encode_event(event) for event in self.events]
        folded = history.fold(self.workflow.program, map(codec.decode_event, rows))
        assert (folded.process, folded.state) == (self.snapshot.process, self.snapshot.state)
        kept = codec.decode_snapshot(self.workflow.program, codec.encode_snapshot(self.snapshot))
        assert kept is not None
        assert (kept.process, kept.state) == (self.snapshot.process, self.snapshot.state)

    def end(self, path: str, result: e.ActivityResult) -> Commit:
        """End the open activity at `path` so."""
        wish = next(wish for wish in self.agenda.activities if wish.path == path)
        attempt = self.process.activity(path, wish.occurrence).attempt
        return self.advance(m.Outcome(path, wish.occurrence, attempt, result))

    def perform(self, path: str) -> None:
        """Run the function of the open step at `path`, and hand in its outcome."""
        wish = next(wish for wish in self.agenda.activities if wish.path == path)
        function = self.workflow.functions[path]
        assert isinstance(function, ActivityFunction)
        context = Context(process_id="p", run=1, path=path, workflow=self.workflow.name)
        self.ran.append(path)
        result: e.ActivityResult
        try:
            with entered(context):
                value = function(wish.input)
                value = asyncio.run(value) if function.is_async else value
            result = e.ActivityCompleted(value)
        except Exception as error:  # noqa: BLE001 - as the runtime does
            result = e.ActivityFailed(e.Failure(type(error).__name__, str(error)))
        self.end(path, result)

    def run(self) -> Drive:
        """Perform what is open and due, in order, until nothing more is."""
        while ready := self._ready():
            self.perform(ready[0])
        return self

    def _ready(self) -> list[str]:
        waiting = commands.backing_off(self.process, self.agenda, self.now)
        return [wish.path for wish in self.agenda.activities if wish.path not in waiting]

    def signal(self, name: str, data: Any = None) -> Drive:
        self.advance(m.Signal(name, data))
        return self

    def wait(self, seconds: float) -> Drive:
        """Let time pass; what falls due meanwhile happens at its own instant."""
        until = self.now + timedelta(seconds=seconds)
        while due := min((at for at in self._instants() if at <= until), default=None):
            self.now = max(self.now, due)
            self.advance(*arrivals(self.process, (), self.now))
            self.run()
        self.now = until
        return self

    def _instants(self) -> list[datetime]:
        backing_off = commands.backing_off(self.process, self.agenda, self.now)
        ends = [self.process.deadline] if self.process.deadline else []
        return (
            []
            if self.process.is_closed
            else [*self.process.timers.values(), *backing_off.values(), *ends]
        )

    def command(self, verb: str, step: str | None = None, value: Any = None) -> Drive:
        targets = commands.target(self.process, self.agenda, verb, step, self.now)
        assert isinstance(targets, dict), targets
        self.advance(m.Command(verb, targets, value))
        return self


# -- lists to drive --------------------------------------------------------------------------------


def listed(*steps: Any, **options: Any) -> Workflow:
    """A workflow of these steps between `init` and `done`."""

    @workflow("For a test", **options)
    def tried() -> StepList:
        inner = begin
        for each in steps:
            inner = inner >> each
        return init >> inner >> done

    return tried


def writes(name: str, **values: Any) -> Step[[], dict[str, Any]]:
    @step(name)
    def write() -> dict[str, Any]:
        return values

    return write


def fails(name: str, until: dict[str, int], **options: Any) -> Step[[], dict[str, Any]]:
    """A step that fails as often as `until["fails"]` says, then writes {name: "well"}."""

    @step(name, **options)
    def fail() -> dict[str, Any]:
        if until["fails"] > 0:
            until["fails"] -= 1
            raise RuntimeError("not yet")
        return {name: "well"}

    return fail


def is_on(on: bool = False) -> bool:  # noqa: FBT001, FBT002 - a predicate takes what the State has
    return on
