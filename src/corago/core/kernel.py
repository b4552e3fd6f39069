"""The only state transition function of the system: snapshot and messages in, one Commit out.

Pure given its arguments. Committing, previewing, replaying and simulating are this one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec

from corago.core import children, commands, history, queueing
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core import process as process_fold
from corago.core.calls import Calls
from corago.core.commit import Birth, Commit, Deed, DocumentWrite, Send
from corago.core.process import Process
from corago.core.program import NOTHING, Agenda, Program, Snapshot

HOPELESS = frozenset({"StepArgumentError", "StepResultError", "StateTooLargeError"})
"""Failures that the same code and the same State would meet again: not worth another attempt."""


_AFTER_THE_END = (m.Command, m.Adopt, m.ChildRefused)
"""What a closed process takes all the same; a birth may be refused with the very end."""


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
        if run.process.is_closed and not isinstance(message, _AFTER_THE_END):
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
        "adopts",
        "agenda",
        "asked",
        "calls",
        "deeds",
        "documents",
        "events",
        "facts",
        "now",
        "process",
        "program",
        "received",
        "standing",
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
        self.deeds: tuple[Deed, ...] = ()
        self.standing = queueing.standing(self.process) if self.process.activities else frozenset()
        self.adopts = False

    def commit(self, consumed: int) -> Commit:
        commit = Commit(
            Snapshot(self.process, self.state, self.agenda),
            tuple(self.events),
            tuple(self.received),
            tuple(self.facts),
            consumed,
            tuple(self.calls.answers[self.asked :]),
            self.documents,
        )
        if not (self.deeds or self.standing or self.adopts):
            return commit
        return msgspec.structs.replace(
            commit,
            births=tuple(deed for deed in self.deeds if isinstance(deed, Birth)),
            sends=tuple(deed for deed in self.deeds if isinstance(deed, Send)),
            queued=queueing.put(self.deeds, self.process, self.agenda or NOTHING),
            cancels=tuple(deed for deed in self.deeds if isinstance(deed, str)),
            drops=queueing.dropped(self.standing, self.process, self.agenda or NOTHING),
            adopts=self.adopts,
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
        if kind in e.CLOSING:
            self.deeds += children.farewell(self.process)

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
            case m.TimerDue(timer=timer, due=due):
                at = self.process.timers.get(timer)
                if not timer and self.process.deadline is not None:
                    self._record(e.ProcessTimedOut)
                elif at is not None and at <= max(due, self.now):
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
                    if kind is e.CommandRefused and self.process.is_closed:
                        self.deeds += children.refused(self.process, message, fields["why"])
            case m.Lost():
                self._lost(message)
            case m.ChildEnded():
                self._receive(
                    e.ChildClosed,
                    path=children.place(self.process, message),
                    child=message.child,
                    status=message.status,
                    result=message.result,
                    error=message.error,
                    is_final=message.is_final,
                )
            case m.ChildRefused():
                self._child_refused(message)
            case m.Adopt():
                self._adopt(message)
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
                    if isinstance(each, m.Inbound) and not isinstance(each, m.Outcome):
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
        is_in_doubt = message.is_lost and (wanted.at_most_once or not wanted.cancel)
        if is_in_doubt and isinstance(result, e.ActivityFailed):
            self._record(
                e.ProcessSuspended, path=path, occurrence=message.occurrence, error=result.error
            )
            return
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

    def _child_refused(self, message: m.ChildRefused) -> None:
        self.settle()
        known = self.process.children.get(message.path)
        if known is None:
            return
        self.deeds = children.unborn(self.deeds, known.id)
        if not self.process.is_closed:
            error = message.error
            self._receive(e.ChildStartFailed, path=message.path, child=known.id, error=error)

    def _adopt(self, message: m.Adopt) -> None:
        """Go on by another definition; its program carries the state over."""
        snapshot = Snapshot(self.process, self.state)
        commit = adopt(self.program, snapshot, message, self.now)
        self.received += commit.received
        self.events += commit.events
        self.process, self.state = commit.snapshot.process, commit.snapshot.state
        self.program = message.program
        self.agenda, self.adopts = None, True

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
            unknown = queueing.in_doubt(wish.path)
            self._record(
                e.ProcessSuspended, path=wish.path, occurrence=wish.occurrence, error=unknown
            )
        if losses >= queueing.LOSS_LIMIT:
            poison = queueing.poison(losses)
            self._record(e.ProcessSuspended, error=poison)

    # -- deciding ----------------------------------------------------------------------------

    def settle(self) -> None:
        """Decide until nothing new follows, then record the starts that must be known before."""
        left = self.program.decide_limit
        while (agenda := self._with_starts(self._quiet())) is None:
            left -= 1
            if not left:
                self._give_up()
        self.agenda = agenda

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
                self._give_up()
        return self.agenda

    def _give_up(self) -> None:
        limit = e.Failure(
            "DecideLimit",
            f"one message caused {self.program.decide_limit} decisions without coming to rest; the "
            "workflow goes round in a circle",
        )
        self._record(e.ProcessSuspended, error=limit)
        self.agenda = NOTHING

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
            and not (closed or self.process.timers or self.process.children)
        ):
            # by far the commonest case: one step after the other
            self.agenda = Agenda(decisions)  # type: ignore[arg-type]
            return
        agenda: tuple[list[Any], ...] = ([], [], [], [], [])
        for decision in decisions:
            place = _PLACE.get(type(decision))
            if place is not None:
                agenda[place].append(decision)
            elif not closed:
                self._decided(decision)
                return
        if closed:
            self.agenda = Agenda(incidents=tuple(agenda[4]))
        elif not (self._timers_changed(agenda[1]) or self._children_changed(agenda[3])):
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
        open_, wishes = self.process.timers, {wish.timer: wish for wish in wanted}
        gone = [name for name in open_ if name not in wishes]
        new = [
            wish
            for name, wish in wishes.items()
            if name not in open_ or wish.due not in (None, open_[name])
        ]
        for name in gone:
            self._record(e.TimerCanceled, timer=name)
        for wish in new:
            due = wish.due or process_fold.later(self.now, wish.delay)
            self._record(e.TimerStarted, timer=wish.timer, due=due)
        return bool(gone or new)

    def _children_changed(self, wanted: list[d.StartChild]) -> bool:
        if not wanted and not self.process.children:
            return False
        steps = tuple(children.reconcile(self.process, wanted))
        for kind, fields, deed in steps:
            self._record(kind, **fields)
            self.deeds += () if deed is None else (deed,)
        return bool(steps)

    def _enqueue(self, wish: d.ScheduleActivity) -> bool:
        """Bring a wish and its queue together; gives whether the activity is closed by it."""
        closes = False
        for kind, fields, deed in tuple(queueing.reconcile(self.process, wish, self.now)):
            self._record(kind, **fields)
            closes = closes or kind is e.ActivityClosed
            self.deeds += () if deed is None else (deed,)
        return closes

    def _with_starts(self, agenda: Agenda) -> Agenda | None:
        """Record the starts that must be known before they happen; they change no wishes.

        None if it must be asked anew what is wanted.
        """
        losses = self.process.losses
        for wish in agenda.activities:
            if wish.queue is not None:
                if self._enqueue(wish):
                    return None
                continue
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


_PLACE: dict[type, int] = {
    d.ScheduleActivity: 0,
    d.StartTimer: 1,
    d.AwaitSignal: 2,
    d.StartChild: 3,
    d.Incident: 4,
}
"""Where a wish stands in an agenda: in the order of its fields."""


def adopt(before: Program[Any], snapshot: Snapshot, message: m.Adopt, now: datetime) -> Commit:
    """Let a process follow another definition, without deciding what comes then.

    Raises ValueError where its program finds no way.
    """
    event = e.DefinitionChanged(
        position=snapshot.process.position + 1,
        at=max(now, snapshot.process.at),
        actor=message.actor,
        reason=message.reason,
        sha=message.sha,
        version=message.version,
        renames=message.renames,
    )
    after = history.change(before, message.program, snapshot, event)
    gone = queueing.standing(snapshot.process) - queueing.standing(after.process)
    drops = tuple(sorted(gone))
    return Commit(after, (event,), (event,), drops=drops, adopts=True)


def suspend(snapshot: Snapshot, error: e.Failure, now: datetime) -> Commit:
    """Set a whole process aside for a person, without asking its program: for errors of our own."""
    at = max(now, snapshot.process.at)
    event = e.ProcessSuspended(position=snapshot.process.position + 1, at=at, error=error)
    process = process_fold.evolve(snapshot.process, event)
    return Commit(Snapshot(process, snapshot.state, NOTHING), (event,), (), (event,))
