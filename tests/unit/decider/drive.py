"""Drives one process of a decider in memory, with the kernel alone: no store, no engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

from corago.activity import ActivityFunction, Context, enter
from corago.arguments.raised import failure
from corago.core import codec, commands, history, kernel
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import Answer, LiveCalls, NotReadError, Past, RecordedCalls
from corago.core.commit import Birth, Commit, Queued, Send
from corago.core.preview import Preview, Question, foresee
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda, Snapshot
from corago.decider import Workflow
from corago.decider.program import DeciderProgram
from corago.decider.state import DeciderState

BIRTH = datetime(2030, 1, 1, tzinfo=UTC)


class Drive:
    """One process. After every commit its rows folded again give the state that it has.

    So does its snapshot, read again; a program made of the document as the database has it gives
    the same commit to the same answers; and the preview of what was sent said exactly that (unless
    it never `asks`, for a decide that does not say the same twice). A history is read only when
    somebody looks: `reads` counts that.
    """

    def __init__(
        self,
        workflow: type[Workflow],
        given: Any = None,
        *,
        tags: tuple[str, ...] = (),
        parent: tuple[str | None, str] = (None, ""),
        first: Sequence[m.Message] = (),
        asks: bool = True,
    ) -> None:
        self.workflow = workflow
        self.asks = asks
        self.now = BIRTH
        self.reads = 0
        self.births: list[Birth] = []
        self.sends: list[Send] = []
        self.queued: list[Queued] = []
        self.cancels: list[str] = []
        self.past_runs: list[list[e.Event]] = []
        self.last = Commit(Snapshot(None, None))  # type: ignore[arg-type]  # replaced at once
        started = e.ProcessStarted(
            position=1,
            at=self.now,
            process_id="p",
            workflow=workflow.name,
            sha=workflow.sha,
            input=codec.plain(given),
            tags=tags,
            timeout=workflow.timeout,
            parent=parent[0],
            parent_path=parent[1],
        )
        self.events: list[e.Event] = [started]
        self.snapshot = history.begin(workflow.program, started)
        self.advance(*first)

    # -- looking -----------------------------------------------------------------------------

    @property
    def process(self) -> Process:
        return self.snapshot.process

    @property
    def agenda(self) -> Agenda:
        return self.snapshot.agenda or NOTHING

    @property
    def state(self) -> DeciderState:
        state: DeciderState = self.snapshot.state
        return state

    @property
    def status(self) -> str:
        return self.process.standing

    @property
    def open(self) -> list[str]:
        return [wish.path for wish in self.agenda.activities if not wish.cancel]

    @property
    def stopping(self) -> list[str]:
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
    def error(self) -> e.Failure:
        """Why the last decision could not be made."""
        assert self.last.failure is not None
        return self.last.failure

    @property
    def answers(self) -> tuple[Answer, ...]:
        return self.last.answers

    def of(self, *kinds: type[e.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    def kinds(self, start: int = 1) -> list[str]:
        return [type(event).__name__ for event in self.events[start:]]

    def wish(self, path: str) -> d.ScheduleActivity:
        return next(wish for wish in self.agenda.activities if wish.path == path)

    # -- moving ------------------------------------------------------------------------------

    def advance(self, *messages: m.Message) -> Commit:
        """One commit; one that has failed is kept in `last` and changes nothing, as in a turn."""
        before, now = self.snapshot, self.now
        commit: Commit = self._asked(lambda past: self._advanced(before, messages, past))
        self.last = commit
        self._prove(before, messages, commit)
        if commit.failure is None:
            self._take(commit)
        assert now == self.now
        return commit

    def give_up(self) -> None:
        """The last failure is written, as after the fifth in a row."""
        assert self.last.failure is not None
        self._take(self.last)

    def _take(self, commit: Commit) -> None:
        self.events += commit.events
        self.births += commit.births
        self.sends += commit.sends
        self.queued += commit.queued
        self.cancels += commit.cancels
        self.snapshot = commit.snapshot
        if commit.renews is not None:
            self.past_runs.append(self.events)
            self.events = [commit.renews]
            self.snapshot = history.begin(self.workflow.program, commit.renews)
            self.advance()

    def _asked(self, ask: Any) -> Any:
        past = Past()
        try:
            return ask(past)
        except NotReadError:
            self.reads += 1
            past.fill(self.events)
            return ask(past)

    def _advanced(self, before: Snapshot, messages: Sequence[m.Message], past: Past) -> Commit:
        calls = LiveCalls(self.workflow.functions, past)
        return kernel.advance(self.workflow.program, before, messages, self.now, calls)

    def _prove(self, before: Snapshot, messages: Sequence[m.Message], commit: Commit) -> None:
        program, snapshot = self.workflow.program, commit.snapshot
        rows = [codec.encode_event(event) for event in (*self.events, *commit.events)]
        folded = history.fold(program, map(codec.decode_event, rows))
        assert (folded.process, folded.state) == (snapshot.process, snapshot.state)
        kept = codec.decode_snapshot(program, codec.encode_snapshot(snapshot))
        assert kept is not None
        assert (kept.process, kept.state) == (snapshot.process, snapshot.state)
        again = DeciderProgram(json.loads(self.workflow.canonical))
        old = codec.decode_snapshot(again, codec.encode_snapshot(before))
        assert old is not None
        recorded = RecordedCalls(commit.answers, Past(self.events))
        assert kernel.advance(again, old, messages, self.now, recorded) == commit
        agenda = snapshot.agenda or NOTHING
        names = [each.path for each in agenda.activities]
        assert len(names) == len(set(names))

    def foresee(self, **question: Any) -> Preview:
        """What a preview tells of a question."""
        asked = Question(**question)
        preview: Preview = self._asked(lambda past: self._foreseen(asked, past))
        return preview

    def _foreseen(self, asked: Question, past: Past) -> Preview:
        calls = LiveCalls(self.workflow.functions, past)
        return foresee(self.workflow.program, self.snapshot, (), asked, self.now, calls)

    def ask_and_send(self, question: dict[str, Any], *messages: m.Message) -> Drive:
        """Ask for a preview, then commit: both must come to the same."""
        reads = self.reads
        told = self.foresee(**question) if self.asks else None
        self.reads = reads
        commit = self.advance(*messages)
        if told is not None:
            assert told.decisions == commit.events
            assert told.answers == commit.answers
            assert dict(told.timers) == commit.snapshot.process.timers
        return self

    def signal(self, name: str, data: Any = None) -> Drive:
        return self.ask_and_send({"signal": (name, data)}, m.Signal(name, codec.plain(data)))

    def update(self, **changes: Any) -> Drive:
        return self.ask_and_send({"update": changes}, m.Update(changes))

    def outcome(self, path: str, result: e.ActivityResult) -> m.Outcome:
        """What an attempt of the activity at `path`, which is open now, would send."""
        wish = self.wish(path)
        attempt = self.process.activity(path, wish.occurrence).attempt
        return m.Outcome(path, wish.occurrence, attempt, result)

    def end(self, path: str, result: e.ActivityResult) -> Drive:
        return self.ask_and_send({"outcome": (path, result)}, self.outcome(path, result))

    def done(self, path: str, result: Any = None) -> Drive:
        """The open activity at `path` returns."""
        return self.end(path, e.ActivityCompleted(result))

    def fails(self, path: str, kind: str = "ValueError", message: str = "no") -> Drive:
        return self.end(path, e.ActivityFailed(e.Failure(kind, message)))

    def perform(self, path: str) -> Drive:
        """Run the code of the open activity at `path`, and hand in its end."""
        wish = self.wish(path)
        function = self.workflow.functions[wish.function]
        assert isinstance(function, ActivityFunction)
        context = Context(process_id="p", run=1, path=path, workflow=self.workflow.name)

        def called() -> Any:
            enter(context)
            value = function(wish.input)
            return asyncio.run(value) if function.is_async else value

        try:
            value = copy_context().run(called)
            end = value if isinstance(value, e.ActivityResult) else e.ActivityCompleted(value)
        except Exception as error:  # noqa: BLE001 - as the runtime does
            end = e.ActivityFailed(failure(error))
        self.advance(self.outcome(path, end))
        return self

    def run(self) -> Drive:
        """Perform what is open, in order, until nothing more is."""
        while self.open:
            self.perform(self.open[0])
        return self

    def wait(self, seconds: float) -> Drive:
        """Let time pass; what falls due meanwhile happens at its own instant."""
        until = self.now + timedelta(seconds=seconds)
        while due := min((at for at in self._instants() if at <= until), default=None):
            self.now = max(self.now, due)
            self.advance(*arrivals(self.process, (), self.now))
        self.now = until
        return self

    def _instants(self) -> list[datetime]:
        ends = [self.process.deadline] if self.process.deadline else []
        return [] if self.process.is_closed else [*self.process.timers.values(), *ends]

    def command(self, verb: str, step: str | None = None, value: Any = None) -> Drive:
        targets = commands.target(self.process, self.agenda, verb, step, self.now)
        assert isinstance(targets, dict), targets
        self.advance(m.Command(verb, targets, value))
        return self

    def child(self, path: str, status: str = "completed", **end: Any) -> Drive:
        """The child that was last started at `path` ends so."""
        started = [each for each in self.of(e.ChildStarted) if each.path == path]
        self.advance(m.ChildEnded(path, started[-1].child, status, **end))
        return self
