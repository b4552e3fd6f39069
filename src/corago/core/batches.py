"""One call of the kernel for a program that answers once, to all that has come.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import msgspec

from corago.core import children, queueing
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.advancing import PLACE, Advance
from corago.core.calls import Calls
from corago.core.commit import Commit
from corago.core.program import NOTHING, Agenda, BatchProgram, Snapshot, Told
from corago.core.unasked import following, undecided

_ASIDE = (e.ActivityRetried, e.SignalReceived, e.ExternalUpdated, e.TimerFired)
"""What leaves the activities that are open as they are, and opens none."""


class BatchAdvance(Advance):
    """The working copy for a decider: it is asked when all has been received."""

    __slots__ = ("failure", "open", "renews", "start", "unheard")

    def __init__(
        self, program: BatchProgram[Any], snapshot: Snapshot, now: datetime, calls: Calls
    ) -> None:
        super().__init__(program, snapshot, now, calls)
        self.start = snapshot.process
        self.unheard = undecided(snapshot.process)
        self.renews: e.ProcessStarted | None = None
        self.failure: e.Failure | None = None
        self.open: dict[str, d.ScheduleActivity] | None = None

    def taken(self) -> None:
        """Nothing is decided before all is there."""

    def commit(self, consumed: int) -> Commit:
        """What it all comes to."""
        self.respond()
        self.settle()
        left = self.program.decide_limit
        while self._is_answered():
            left -= 1
            if not left:
                self._give_up()
            self.settle()
        commit = super().commit(consumed)
        if self.renews is None and self.failure is None:
            return commit
        return msgspec.structs.replace(commit, renews=self.renews, failure=self.failure)

    def _is_answered(self) -> bool:
        """Let the decider answer, if what has closed while all settled is news to it."""
        before = self.unheard
        self.respond()
        return self.unheard != before

    def cannot_take(self, message: m.Message) -> bool:
        """Whether it must wait until a command opens the process; what is aside takes all."""
        return self.process.is_closed and super().cannot_take(message)

    def respond(self) -> None:
        """Let the decider answer to all that it has not seen, once."""
        process, since = self.process, self.unheard
        if self.is_over or process.poison is not None:
            return
        events: Sequence[e.Event] = self.events
        if since == self.start.undecided:
            events = [*self.calls.past.events, *events]
        decider = cast("BatchProgram[Any]", self.program)
        unseen = tuple(v for v in events if v.position >= since and type(v) in decider.hears)
        if not unseen and since > 1:
            return
        told = Told(process, unseen, tuple(self.events), self.now, since == 1)
        answer = decider.respond(self.state, told, self.calls)
        if isinstance(answer, e.Failure):
            self.failure = answer
            self._poison(answer)
            return
        for decision in answer:
            self._decided(decision)
            if self.is_over:
                break
        self.unheard = self.process.position + 1

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or goes on in its next run."""
        return super().is_over or self.renews is not None

    @property
    def is_halted(self) -> bool:
        """Never: what it has begun runs on while a person is needed."""
        return False

    def _poison(self, error: e.Failure) -> None:
        self._record(e.ProcessSuspended, error=error, undecided=self.unheard)

    def _apply(self, event: e.Event) -> None:
        super()._apply(event)
        if self.open is not None:
            if type(event) is e.ActivityClosed:
                self.open.pop(event.path, None)
            elif type(event) not in _ASIDE:
                self.open = None

    def _wish(self, path: str, occurrence: int) -> d.ScheduleActivity | None:
        """As ever; of a thousand outcomes at once, each finds its wish without a search."""
        if self.open is None:
            self.open = {wish.path: wish for wish in self._quiet().activities}
        wish = self.open.get(path)
        return None if wish is None or wish.occurrence != occurrence else wish

    def _child_refused(self, message: m.ChildRefused) -> None:
        self.respond()
        super()._child_refused(message)

    def _decide(self) -> None:
        """What is open, or the end: nobody is asked, so it holds while a person is needed, too."""
        process = self.process
        if self.renews is not None or (process.is_closed and process.status != "failed"):
            self.agenda = NOTHING
            return
        agenda: tuple[list[Any], ...] = ([], [], [], [], [])
        for wish in self.program.decide(self.state, self.calls):
            place = PLACE.get(type(wish))
            if place is None:
                self._decided(wish)
                return
            agenda[place].append(wish)
        if process.is_closed:
            self.agenda = Agenda(incidents=tuple(agenda[4]))
            return
        if process.poison is not None and process.losses >= queueing.LOSS_LIMIT:
            # what may kill its workers waits for a person
            agenda[0][:] = [wish for wish in agenda[0] if wish.queue is not None]
        self._settled(agenda)

    def _decided(self, decision: d.Decision) -> None:
        if not isinstance(decision, d.ContinueAsNew):
            super()._decided(decision)
            return
        given, tags = decision.input, decision.tags
        self.renews = following(self.process, given, tags, self.now)
        self.deeds += children.farewell(self.process, tells_parent=False)
        self._record(e.ContinuedAsNew, following=self.renews.run, input=given, tags=tags)
