"""One call of the kernel at work: facts are applied, the program is asked, and a Commit comes out.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec

from corago.core import attempts, children, commands, queueing
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core import process as process_fold
from corago.core.calls import Calls
from corago.core.commit import Birth, Commit, Deed, DocumentWrite, Send
from corago.core.program import NOTHING, Agenda, Program, Snapshot
from corago.core.unasked import adopt

_AFTER_THE_END = (m.Command, m.Adopt, m.ChildRefused)
"""What a closed process takes all the same; a birth may be refused with the very end."""


class Advance:
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
        """What it all comes to."""
        if not consumed:
            self.settle()
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
        self._part(kind)

    def _record(self, kind: type[e.Event], **fields: Any) -> None:
        event = kind(position=self.process.position + 1, at=self.now, **fields)
        self.facts.append(event)
        self._apply(event)
        self._part(kind)

    def _part(self, kind: type[e.Event]) -> None:
        """At the end, tell those who are concerned."""
        if kind in e.CLOSING:
            self.deeds += children.farewell(self.process)

    # -- messages ----------------------------------------------------------------------------

    def receive(self, message: m.Message) -> None:
        """Make facts of what has come."""
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
                    data = self.process.timer_data.get(timer)
                    self._receive(e.TimerFired, timer=timer, data=data)
            case m.Update():
                self._receive(
                    e.ExternalUpdated,
                    changes=message.changes,
                    key=message.key,
                    actor=message.actor,
                    reason=message.reason,
                )
            case m.Command():
                self._command(message)
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

    def _command(self, message: m.Command) -> None:
        was_halted = self.process.is_closed or self.is_halted
        for kind, fields in self._answer(message):
            self._receive(kind, actor=message.actor, reason=message.reason, **fields)
            if kind is e.CommandRefused and self.process.is_closed:
                self.deeds += children.refused(self.process, message, fields["why"])
        goes_on = was_halted and not (self.process.is_closed or self.is_halted)
        has_begun = any(known.started for known in self.process.activities.values())
        if goes_on and has_begun and message.verb != "cancel":
            self._doubt(self._begun())

    @property
    def is_halted(self) -> bool:
        """Whether it was set aside, so that nothing of it goes on here."""
        return self.process.poison is not None

    def cannot_take(self, message: m.Message) -> bool:
        """Whether it must wait until a command opens the process, or lets it go on."""
        if self.process.is_closed:
            return not isinstance(message, _AFTER_THE_END)
        return isinstance(message, m.Outcome)  # of one that was set aside, it may be wanted later

    def free(self, messages: Sequence[m.Message]) -> int:
        """Take all messages up to the first command that frees the process; 0 if none does.

        The command goes first: what came before it was left over when the process stopped. A
        closed one has forgotten whose outcomes it was waiting for.
        """
        is_closed = self.process.is_closed
        for count, message in enumerate(messages, start=1):
            if isinstance(message, m.Command) and commands.frees(self._answer(message)):
                taken = messages[:count]
                for each in sorted(taken, key=lambda each: not isinstance(each, m.Command)):
                    if isinstance(each, m.Inbound) and not (
                        is_closed and isinstance(each, m.Outcome)
                    ):
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
        path, result = wanted.path, message.result
        is_in_doubt = message.is_lost and (wanted.at_most_once or not wanted.cancel)
        if is_in_doubt and isinstance(result, e.ActivityFailed):
            self._record(
                e.ProcessSuspended, path=path, occurrence=message.occurrence, error=result.error
            )
            return
        if type(result) is not e.ActivityCompleted:
            again = attempts.retried(self.process, wanted, message, self.now)
            if again is not None:
                self._receive(e.ActivityRetried, **again)
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
        wish = self._wish(message.path, message.occurrence)
        if wish is None:
            wish = self._wish(self._renamed(message.path), message.occurrence)
        if wish is None:
            return None
        attempt = self.process.activity(wish.path, wish.occurrence).attempt
        return wish if attempt == message.attempt else None

    def _wish(self, path: str, occurrence: int) -> d.ScheduleActivity | None:
        for wish in self._quiet().activities:
            if wish.path == path and wish.occurrence == occurrence:
                return wish
        return None

    def _renamed(self, path: str) -> str:
        """What is called now what stood in a queue under this path."""
        activities = self.process.activities
        return next((now for now, known in activities.items() if known.was == path), path)

    def _child_refused(self, message: m.ChildRefused) -> None:
        self.settle()
        known = self.process.children.get(message.path)
        if known is None:
            return
        self.deeds = children.unborn(self.deeds, known.id)
        if not self.is_over:
            error = message.error
            self._receive(e.ChildStartFailed, path=message.path, child=known.id, error=error)

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens in this run, so that nothing is recorded."""
        return self.process.is_closed

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
        started = self._begun()
        if self.process.is_closed:
            return
        losses = self.process.losses + 1
        self._receive(e.LeaseLost, owner=message.owner, losses=losses)
        self._doubt(started)
        if losses >= queueing.LOSS_LIMIT:
            self._poison(queueing.poison(losses))

    def _begun(self) -> list[d.ScheduleActivity]:
        """What must run at most once, and was begun."""
        return [
            wish
            for wish in self._quiet().activities
            if wish.at_most_once and self.process.activity(wish.path, wish.occurrence).started
        ]

    def _doubt(self, begun: Sequence[d.ScheduleActivity]) -> None:
        """Leave to a person what nobody can know the end of."""
        for wish in begun:
            unknown = queueing.in_doubt(wish.path)
            self._record(
                e.ProcessSuspended, path=wish.path, occurrence=wish.occurrence, error=unknown
            )

    # -- deciding ----------------------------------------------------------------------------

    def settle(self) -> None:
        """Decide until nothing new follows, then record the starts that must be known before."""
        left = self.program.decide_limit
        while (agenda := self._with_starts(self._quiet())) is None:
            left -= 1
            if not left:
                self._give_up()
        self.agenda = agenda

    taken = settle
    """What follows when a message was taken."""

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
        self._poison(limit)
        self.agenda = NOTHING

    def _poison(self, error: e.Failure) -> None:
        """Set the whole process aside."""
        self._record(e.ProcessSuspended, error=error)

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
            place = PLACE.get(type(decision))
            if place is not None:
                agenda[place].append(decision)
            elif not closed:
                self._decided(decision)
                return
        if closed:
            self.agenda = Agenda(incidents=tuple(agenda[4]))
        else:
            self._settled(agenda)

    def _settled(self, agenda: Sequence[list[Any]]) -> None:
        """Bring timers and children together with what is wanted; nothing changed: it stands."""
        if not (self._timers_changed(agenda[1]) or self._children_changed(agenda[3])):
            self.agenda = Agenda(*map(tuple, agenda))

    def _decided(self, decision: d.Decision) -> None:
        match decision:
            case d.RecordFact(fact=fact, deed=deed):
                event = fact.event(self.process.position + 1, self.now)
                self.facts.append(event)
                self._apply(event)
                if deed is not None:
                    self.deeds += (deed,)
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
            self._record(e.TimerStarted, timer=wish.timer, due=due, data=wish.data)
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
        for wanted in agenda.activities:
            wish = wanted
            if wish.at_most_once and wish.queue is None:
                wish = queueing.kept(self.process, wish)
                agenda = agenda if wish is wanted else agenda.exchanged(wanted, wish)
            if wish.queue is not None:
                if not queueing.stands(self.process, wish) and self._enqueue(wish):
                    return None
            elif wish.at_most_once or losses:
                start = attempts.start(self.process, wish, self.now)
                if start is not None:
                    self._record(e.ActivityStarted, **start)
        return agenda


PLACE: dict[type, int] = {
    d.ScheduleActivity: 0,
    d.StartTimer: 1,
    d.AwaitSignal: 2,
    d.StartChild: 3,
    d.Incident: 4,
}
"""Where a wish stands in an agenda: in the order of its fields."""
