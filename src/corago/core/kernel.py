"""The only state transition function of the system: snapshot and messages in, one Commit out.

Pure given its arguments. Committing, previewing, replaying and simulating are this one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, assert_never

from corago.core import commands
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core import process as process_fold
from corago.core.calls import Calls
from corago.core.commit import Commit, DocumentWrite
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda, Program, Snapshot

HOPELESS = frozenset({"StepArgumentError", "StepResultError", "StateTooLargeError"})
"""Failures that the same code and the same State would meet again: not worth another attempt."""

LOSS_LIMIT = 5
"""So many lost leases without progress make a process poison: it is suspended."""


def advance(
    program: Program[Any],
    snapshot: Snapshot,
    messages: Sequence[m.Message],
    now: datetime,
    calls: Calls,
) -> Commit:
    """Take the messages in order, deciding until quiet after each; without messages, just decide.

    A fold: advance(a + b) equals advance(a) and then advance(b). After a closing fact the rest
    stays unconsumed, until a command opens the process again. Raises MissingFunctionError when a
    user function is needed that is not here.
    """
    run = _Advance(program, snapshot, now, calls)
    consumed = 0
    while consumed < len(messages):
        message = messages[consumed]
        if run.process.is_closed and not isinstance(message, m.Command):
            reopening = run.reopen(messages[consumed:])
            if not reopening:
                break
            consumed += reopening
        else:
            run.receive(message)
            consumed += 1
        run.settle()
    if not consumed:
        run.settle()
    return run.commit(consumed)


def arrivals(
    process: Process, arrived: Iterable[tuple[datetime, m.Message]], now: datetime
) -> list[m.Message]:
    """Inbox messages with the timers that are due among them.

    A timer stands at its due time; ties go to the message.
    """
    due = [(at, 1, m.TimerDue(name, at)) for name, at in process.timers.items() if at <= now]
    if process.deadline is not None and process.deadline <= now and not process.is_closed:
        due.append((process.deadline, 2, m.TimerDue("", process.deadline)))
    if not due:
        return [message for _, message in arrived]
    merged: list[tuple[datetime, int, m.Message]] = sorted(due, key=lambda each: (each[0], each[1]))
    for at, message in arrived:
        # the search stops at another message: the inbox's own order is law, even if a clock jumped
        index = len(merged)
        while index and merged[index - 1][1] != 0 and merged[index - 1][0] >= at:
            index -= 1
        merged.insert(index, (at, 0, message))
    return [message for _, _, message in merged]


class _Advance:
    """One call's working copy; the values it replaces are immutable, only the names move."""

    __slots__ = (
        "agenda",
        "asked",
        "calls",
        "documents",
        "events",
        "facts",
        "now",
        "process",
        "program",
        "received",
        "state",
    )

    def __init__(
        self, program: Program[Any], snapshot: Snapshot, now: datetime, calls: Calls
    ) -> None:
        self.program = program
        self.process = snapshot.process
        self.state = snapshot.state
        self.agenda = snapshot.agenda
        self.now = max(now, self.process.at)
        self.calls = calls
        self.asked = len(calls.answers)
        self.events: list[e.Event] = []
        self.received: list[e.Event] = []
        self.facts: list[e.Event] = []
        self.documents: tuple[DocumentWrite, ...] = ()

    def commit(self, consumed: int) -> Commit:
        return Commit(
            Snapshot(self.process, self.state, self.agenda),
            tuple(self.events),
            tuple(self.received),
            tuple(self.facts),
            consumed,
            tuple(self.calls.answers[self.asked :]),
            self.documents,
        )

    # -- recording ---------------------------------------------------------------------------

    def _apply(self, event: e.Event) -> None:
        self.events.append(event)
        self.process = process_fold.evolve(self.process, event)
        self.state = self.program.evolve(self.state, event)
        self.agenda = None

    def _receive(self, kind: type[e.Event], **fields: Any) -> None:
        event = kind(position=self.process.position + 1, at=self.now, **fields)
        self.received.append(event)
        self._apply(event)

    def _record(self, kind: type[e.Event], **fields: Any) -> None:
        event = kind(position=self.process.position + 1, at=self.now, **fields)
        self.facts.append(event)
        self._apply(event)

    # -- messages ----------------------------------------------------------------------------

    def receive(self, message: m.Message) -> None:
        match message:
            case m.Outcome():
                self._outcome(message)
            case m.Signal():
                self._receive(
                    e.SignalReceived,
                    name=message.name,
                    data=message.data,
                    key=message.key,
                    actor=message.actor,
                    reason=message.reason,
                )
            case m.TimerDue(timer=timer):
                if not timer and self.process.deadline is not None:
                    self._record(e.ProcessTimedOut)
                elif timer in self.process.timers:
                    self._receive(e.TimerFired, timer=timer)
            case m.Update():
                self._receive(
                    e.ExternalUpdated,
                    changes=message.changes,
                    key=message.key,
                    actor=message.actor,
                    reason=message.reason,
                )
            case m.Command():
                for kind, fields in self._answer(message):
                    self._receive(kind, actor=message.actor, reason=message.reason, **fields)
            case m.Lost():
                self._lost(message)
            case _:
                assert_never(message)

    def reopen(self, messages: Sequence[m.Message]) -> int:
        """Take all messages up to the first command that opens the process; 0 if none does.

        The command goes first: what came before it was left over when the process failed.
        """
        for count, message in enumerate(messages, start=1):
            if not isinstance(message, m.Command):
                continue
            if self._answer(message)[0][0] is e.ProcessReopened:
                taken = messages[:count]
                for each in sorted(taken, key=lambda each: not isinstance(each, m.Command)):
                    if isinstance(each, m.Inbound):
                        self.receive(each)
                return count
        return 0

    def _answer(self, message: m.Command) -> commands.Answer:
        agenda = self._quiet()  # this may move the process, so it goes first
        return commands.answer(self.process, agenda, message, self.now)

    def _outcome(self, message: m.Outcome) -> None:
        wanted = self._wanted(message)
        if wanted is None:
            return
        path, result = message.path, message.result
        if type(result) is not e.ActivityCompleted and not wanted.cancel:
            failure = e.failure_of(result, path)
            spent = message.attempt - self.process.activity(path, message.occurrence).first + 1
            retriable = isinstance(result, (e.ActivityFailed, e.ActivityTimedOut))
            retriable = retriable and failure is not None and failure.type not in HOPELESS
            if failure and retriable and wanted.retry and wanted.retry.allows(spent, failure.type):
                wait = wanted.retry.wait(spent, f"{self.process.id}/{self.process.run}/{path}")
                self._receive(
                    e.ActivityRetried,
                    path=path,
                    occurrence=message.occurrence,
                    attempt=message.attempt,
                    error=failure,
                    due=process_fold.later(self.now, wait.total_seconds()),
                )
                return
        event = e.ActivityClosed(
            position=self.process.position + 1,
            at=self.now,
            path=path,
            occurrence=message.occurrence,
            attempt=message.attempt,
            result=result,
        )
        self.received.append(event)
        self._apply(event)
        if message.documents and type(result) is e.ActivityCompleted:
            self.documents += message.documents

    def _wanted(self, message: m.Outcome) -> d.ScheduleActivity | None:
        """The wish that this outcome answers; None for one that is not open (any more)."""
        for wish in self._quiet().activities:
            if wish.path == message.path and wish.occurrence == message.occurrence:
                attempt = self.process.activity(message.path, message.occurrence).attempt
                return wish if attempt == message.attempt else None
        return None

    def _lost(self, message: m.Lost) -> None:
        started = [
            wish
            for wish in self._quiet().activities
            if wish.at_most_once and self.process.activity(wish.path, wish.occurrence).started
        ]
        if self.process.is_closed:
            return
        losses = self.process.losses + 1
        self._receive(e.LeaseLost, owner=message.owner, losses=losses)
        for wish in started:
            unknown = e.Failure(
                "LeaseLost",
                f"the worker vanished while {wish.path!r} ran; it runs at most once, so whether it "
                "took effect must be found out by a person: retry, skip or set its result",
            )
            self._record(
                e.ProcessSuspended, path=wish.path, occurrence=wish.occurrence, error=unknown
            )
        if losses >= LOSS_LIMIT:
            poison = e.Failure(
                "PoisonProcess",
                f"{losses} workers vanished in a row while this process ran; it seems to kill "
                "them: look at what its open steps do, then retry",
            )
            self._record(e.ProcessSuspended, error=poison)

    # -- deciding ----------------------------------------------------------------------------

    def settle(self) -> None:
        """Decide until nothing new follows, then record the starts that must be known before."""
        self.agenda = self._with_starts(self._quiet())

    def _quiet(self) -> Agenda:
        """What is wanted once nothing new follows; nothing is started by asking."""
        if self.agenda is not None:
            return self.agenda
        left = self.program.decide_limit
        while self.agenda is None:
            if left or self.process.is_closed:
                left -= 1
                self._decide()
            else:
                limit = e.Failure(
                    "DecideLimit",
                    f"one message caused {self.program.decide_limit} decisions without coming to "
                    "rest; the workflow goes round in a circle",
                )
                self._record(e.ProcessSuspended, error=limit)
                self.agenda = NOTHING
        return self.agenda

    def _decide(self) -> None:
        """Ask the program once: either facts follow, or its agenda stands."""
        closed = self.process.is_closed
        if self.process.poison is not None or (closed and self.process.status != "failed"):
            self.agenda = NOTHING
            return
        decisions = self.program.decide(self.state, self.calls)
        if (
            len(decisions) == 1
            and type(decisions[0]) is d.ScheduleActivity
            and not (closed or self.process.timers)
        ):
            # by far the commonest case: one step after the other
            self.agenda = Agenda(decisions)  # type: ignore[arg-type]
            return
        agenda: tuple[list[Any], list[Any], list[Any], list[Any]] = ([], [], [], [])
        for decision in decisions:
            place = _PLACE.get(type(decision))
            if place is not None:
                agenda[place].append(decision)
            elif not closed:
                self._decided(decision)
                return
        if closed:
            self.agenda = Agenda(incidents=tuple(agenda[3]))
        elif not self._timers_changed(agenda[1]):
            self.agenda = Agenda(*map(tuple, agenda))

    def _decided(self, decision: d.Decision) -> None:
        match decision:
            case d.RecordFact(fact=fact):
                event = fact.event(self.process.position + 1, self.now)
                self.facts.append(event)
                self._apply(event)
            case d.CompleteProcess(result=result):
                self._record(e.ProcessCompleted, result=result)
            case d.FailProcess(path=path, error=error):
                self._record(e.ProcessFailed, path=path, error=error)
            case d.CancelProcess():
                self._record(e.ProcessCanceled)
            case d.AbortProcess(reason=reason):
                self._record(e.ProcessAborted, reason=reason)
            case _:
                raise TypeError(f"a program decided {decision!r}, which the kernel does not know")

    def _timers_changed(self, wanted: list[d.StartTimer]) -> bool:
        """Start what is named and not open, cancel what is open and not named."""
        if not wanted and not self.process.timers:
            return False
        delays = {timer.timer: timer.delay for timer in wanted}
        gone = [name for name in self.process.timers if name not in delays]
        new = [name for name in delays if name not in self.process.timers]
        for name in gone:
            self._record(e.TimerCanceled, timer=name)
        for name in new:
            due = process_fold.later(self.now, delays[name])
            self._record(e.TimerStarted, timer=name, due=due)
        return bool(gone or new)

    def _with_starts(self, agenda: Agenda) -> Agenda:
        """Record the starts that must be known before they happen; they change no wishes."""
        losses = self.process.losses
        for wish in agenda.activities:
            if wish.cancel or not (wish.at_most_once or losses):
                continue
            known = self.process.activity(wish.path, wish.occurrence)
            if known.started or (known.due is not None and known.due > self.now):
                continue
            self._record(
                e.ActivityStarted,
                path=wish.path,
                occurrence=wish.occurrence,
                attempt=known.attempt,
            )
        return agenda


_PLACE: dict[type, int] = {d.ScheduleActivity: 0, d.StartTimer: 1, d.AwaitSignal: 2, d.Incident: 3}


def suspend(snapshot: Snapshot, error: e.Failure, now: datetime) -> Commit:
    """Set a whole process aside for a person, without asking its program: for errors of our own."""
    at = max(now, snapshot.process.at)
    event = e.ProcessSuspended(position=snapshot.process.position + 1, at=at, error=error)
    process = process_fold.evolve(snapshot.process, event)
    return Commit(Snapshot(process, snapshot.state, NOTHING), (event,), (), (event,))
