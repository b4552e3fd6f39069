"""Drives one process of a step list in memory, with the kernel alone: no store, no engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

from corago.activity import ActivityFunction, Context, enter
from corago.core import codec, commands, history
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import LiveCalls, RecordedCalls
from corago.core.commit import Birth, Commit, Send
from corago.core.kernel import advance
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda, Snapshot
from corago.steps import Step, StepList, Workflow, begin, done, init, step, workflow
from corago.steps.positions import counts, positions
from corago.steps.program import StepsProgram

BIRTH = datetime(2030, 1, 1, tzinfo=UTC)


class Drive:
    """One process. After every commit, its rows folded again must give the state that it has.

    So must a program that was made from the document as the database has it.
    """

    def __init__(
        self,
        workflow: Workflow,
        given: Mapping[str, Any] | None = None,
        *,
        parent: tuple[str | None, str] = (None, ""),
        proves: bool = True,
    ) -> None:
        self.workflow = workflow
        self.proves = proves
        self.reread = StepsProgram(json.loads(json.dumps(workflow.document)))
        self.now = BIRTH
        self.ran: list[str] = []
        self.births: list[Birth] = []
        self.sends: list[Send] = []
        started = e.ProcessStarted(
            position=1,
            at=self.now,
            process_id="p",
            workflow=workflow.name,
            sha=workflow.sha,
            input=codec.plain(dict(given or {})),
            timeout=workflow.timeout,
            parent=parent[0],
            parent_path=parent[1],
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

    @property
    def children(self) -> list[str]:
        return [wish.path for wish in self.agenda.children]

    @property
    def error(self) -> e.Failure:
        assert self.process.error is not None
        return self.process.error

    @property
    def positions(self) -> dict[str, str]:
        found = positions(self.workflow.program, self.snapshot, self.events, now=self.now)
        return dict(found)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def of(self, kind: type[e.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    # -- moving ------------------------------------------------------------------------------

    def advance(self, *messages: m.Message) -> Commit:
        calls = LiveCalls(self.workflow.functions)
        before, program = self.snapshot, self.workflow.program
        commit = advance(program, before, messages, self.now, calls)
        self.events += commit.events
        self.births += commit.births
        self.sends += commit.sends
        self.snapshot = commit.snapshot
        if self.proves:
            self._prove(before, messages, commit)
        return commit

    def _prove(self, before: Snapshot, messages: Sequence[m.Message], commit: Commit) -> None:
        program, snapshot = self.workflow.program, self.snapshot
        rows = [codec.encode_event(event) for event in self.events]
        folded = history.fold(program, map(codec.decode_event, rows))
        assert (folded.process, folded.state) == (snapshot.process, snapshot.state)
        kept = codec.decode_snapshot(program, codec.encode_snapshot(snapshot))
        assert kept is not None
        assert (kept.process, kept.state) == (snapshot.process, snapshot.state)
        old = codec.decode_snapshot(self.reread, codec.encode_snapshot(before))
        assert old is not None
        recorded = RecordedCalls(commit.answers)
        assert advance(self.reread, old, messages, self.now, recorded) == commit
        assert self.positions.keys() == set(_shown(program))
        counts(program, snapshot)
        names = [*self.open, *self.children, *self.awaited, *self.failed]
        assert len(names) == len(set(names))

    def wish(self, path: str) -> d.ScheduleActivity:
        """The open activity at `path`."""
        return next(wish for wish in self.agenda.activities if wish.path == path)

    def end(self, path: str, result: e.ActivityResult) -> Commit:
        """End the open activity at `path` so."""
        wish = self.wish(path)
        attempt = self.process.activity(path, wish.occurrence).attempt
        return self.advance(m.Outcome(path, wish.occurrence, attempt, result))

    def perform(self, path: str) -> None:
        """Run the function of the open step at `path`, and hand in its outcome."""
        wish = self.wish(path)
        function = self.workflow.functions[wish.function or path]
        assert isinstance(function, ActivityFunction)
        context = Context(process_id="p", run=1, path=path, workflow=self.workflow.name)
        self.ran.append(path)

        def called() -> Any:
            enter(context)
            value = function(wish.input)
            return asyncio.run(value) if function.is_async else value

        result: e.ActivityResult
        try:
            result = e.ActivityCompleted(copy_context().run(called))
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
        if self.process.is_closed:
            return []
        backing_off = commands.backing_off(self.process, self.agenda, self.now).values()
        ends = [self.process.deadline] if self.process.deadline else []
        dues = [known.due for known in backing_off if known.due is not None]
        return [*self.process.timers.values(), *dues, *ends]

    def command(self, verb: str, step: str | None = None, value: Any = None) -> Drive:
        targets = commands.target(self.process, self.agenda, verb, step, self.now)
        assert isinstance(targets, dict), targets
        self.advance(m.Command(verb, targets, value))
        return self

    def refused(self, verb: str, step: str | None = None) -> str:
        """Why a command given now does not fit."""
        why = commands.target(self.process, self.agenda, verb, step, self.now)
        assert isinstance(why, str), why
        return why

    def child(self, path: str, status: str = "completed", **end: Any) -> Commit:
        """The child that was last started at `path` ends so."""
        started = [each for each in self.of(e.ChildStarted) if each.path == path]
        return self.advance(m.ChildEnded(path, started[-1].child, status, **end))

    def told(self) -> list[tuple[str, str]]:
        """The commands that went to children: to whom, and which."""
        return [(each.to, each.command) for each in self.of(e.MessageSent)]


def _shown(program: StepsProgram) -> list[str]:
    """The paths that drawings know: no functions of a lens, no undos."""
    hidden = ("get", "set", "undo")
    return [path for path, node in program.nodes.items() if node.kind not in hidden]


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


def looks(name: str, seen: list[Any], *keys: str) -> Step[..., Any]:
    """A step that notes what it sees of these keys (or all of it), and writes nothing."""

    @step(name)
    def look(state: dict[str, Any]) -> None:
        seen.append({key: state.get(key) for key in keys} if keys else state)

    return look


def marks(name: str, make: Callable[[Any, int], dict[str, Any]]) -> Step[..., dict[str, Any]]:
    """A step of a loop that writes what is made of item and index."""

    @step(name)
    def mark(item: Any, index: int) -> dict[str, Any]:
        return make(item, index)

    return mark


def is_on(on: bool = False) -> bool:  # noqa: FBT001, FBT002 - a predicate takes what the State has
    return on
