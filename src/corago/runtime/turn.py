"""The turn: a worker's small actor that drives one claimed process.

advance, append, reconcile, wait; never for a second activity. It decides nothing: what should
be open comes from the kernel, and this makes it so.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from corago.clock import NEVER
from corago.core import decisions as d
from corago.core import events as e
from corago.core import kernel
from corago.core import messages as m
from corago.core.arriving import arrivals
from corago.core.calls import LiveCalls
from corago.core.commit import Commit
from corago.core.process import Activity, Process
from corago.core.program import NOTHING, Agenda
from corago.core.tasks import KEEP, DecisionTask, Hold, Mail
from corago.ports.store import Refusal
from corago.runtime.attempt import Attempt
from corago.runtime.following import follow

if TYPE_CHECKING:
    from corago.runtime.worker import Worker

Item = tuple[int, m.Message]
"""A message with its place in the inbox; 0 for one that did not come through the inbox."""

LET_GO = Hold(keeps=False)

STAY_SECONDS = 1.0
"""A wait shorter than this is waited out in the turn; a longer one parks the process."""

SHARE_COMMITS = 200
"""After so many commits a turn makes room, if others wait."""

SHARE_SECONDS = 1.0
"""After so long it makes room too, at its next commit."""

GLANCE_SECONDS = 5.0
"""How long a turn that has a due time before it trusts the calendar."""


class Turn:
    """One claimed process in one worker."""

    def __init__(self, worker: Worker, task: DecisionTask) -> None:
        """Take the task; `run` drives it."""
        self.worker = worker
        self.task = task
        self.attempts: dict[str, Attempt] = {}
        self.is_over = False
        self.is_closing = False
        self.is_queued = False
        self.state_bound = sys.maxsize
        self.results: dict[tuple[str, int], int] = {}
        self._functions = worker.functions(task.sha)
        self._outcomes: list[Item] = []
        self._later: list[Item] = []
        self.has_mail = False
        self._mail: tuple[Mail, ...] = task.mail
        self._taken: tuple[Mail, ...] = ()
        self._read_at = task.read_at
        self._must_look = False
        self._waiter: asyncio.Future[None] | None = None
        self._commits = 0
        self._began = 0.0

    # -- what attempts ask -------------------------------------------------------------------

    @property
    def process(self) -> Process:
        """The process as it is."""
        return self.task.snapshot.process

    def held(self) -> Iterable[Any]:
        """All that its State holds."""
        return self.task.program.held(self.task.snapshot.state)

    def unrecorded(self) -> set[tuple[str, int]]:
        """Which of its attempts are still open in what was written last."""
        agenda = self.task.snapshot.agenda or NOTHING
        return {(wish.path, wish.occurrence) for wish in agenda.activities}

    # -- being told --------------------------------------------------------------------------

    def wake(self) -> None:
        """Look again at everything: the worker is draining, paused or going on."""
        self._must_look = True
        self._stir()

    def deliver(self) -> None:
        """New messages have come, or may have."""
        self.has_mail = True
        self._stir()

    def ended(self, outcome: m.Outcome) -> None:
        """An attempt has ended."""
        self._outcomes.append((0, outcome))
        self._stir()

    def deferred(self) -> None:
        """Never: what runs here has no token."""

    def lose(self) -> None:
        """The process is somebody else's now: stop what runs, write nothing."""
        self.is_over = True
        self._drop_all()
        self._stir()

    def interrupt(self) -> None:
        """Stop what runs and let the process go.

        What runs at most once keeps the lease, so that its loss is noticed.
        """
        if any(attempt.wish.at_most_once for attempt in self.attempts.values()):
            return self.lose()
        self._drop_all()
        return self.wake()

    @property
    def is_waiting(self) -> bool:
        """Whether it rests: nothing of it is on its way to the store or back."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def wakes_at(self) -> datetime:
        """The instant that it waits for: one that has come while something runs, or NEVER."""
        if self.attempts or not self.is_waiting:
            return self.worker.clock.now()
        return self._next_instant() or NEVER

    def _stir(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _drop_all(self) -> None:
        for attempt in self.attempts.values():
            attempt.drop()
        self.attempts.clear()

    # -- driving -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Drive the process until it is closed, parked or lost."""
        self._began = self.worker.clock.monotonic()
        items: list[Item] = []
        if self._functions is None and not await self._follows(items):
            self.is_over = True
            return
        if self.task.lost_owner is not None:
            items.append((0, m.Lost(self.task.lost_owner)))
        await self._look_for_mail()
        items += self._collect()
        while not self.is_over:
            now = self.worker.clock.now()
            commit = self._advance(items, now)
            if commit is None:
                items = await self._prepare(items, now)
                continue
            hold = self._hold(commit, now, items)
            self.is_closing = commit.snapshot.process.is_closed
            if commit.events or not hold.keeps:
                written = await self._write(commit, hold, items)
                if written is Refusal.MORE_MESSAGES:
                    await self._fetch()
                    items = self._once_more(items)
                    continue
                if written is Refusal.DOCUMENT_CONFLICT:
                    items = self._without_conflict(items)
                    continue
                if isinstance(written, m.ChildRefused):
                    items = [*items, (0, written)]
                    continue
                if self.is_over or not isinstance(written, DecisionTask):
                    break
                self.task = written
                self._commits += 1
            else:
                self.task = msgspec.structs.replace(self.task, snapshot=commit.snapshot)
            if self.is_closing:
                self.worker.closed(commit.snapshot.process)
            if not hold.keeps:
                self.worker.parked(hold.due)
                break
            self._reconcile(commit.snapshot.agenda or NOTHING, now)
            await self._wait()
            await self._look_for_mail()
            items = self._collect()
        self.is_over = True
        self._drop_all()

    async def _follows(self, items: list[Item]) -> bool:
        """Whether the process, of an older definition, goes on by the code that is here."""
        found = await follow(self.worker, self.task)
        if isinstance(found, m.Adopt):
            self._functions = self.worker.functions(found.sha)
            items.append((0, found))
        else:
            self._functions = found
        return found is not None

    def _advance(self, items: list[Item], now: datetime) -> Commit | None:
        """What follows; None where that can't be said before something is done."""
        task = self.task
        calls = LiveCalls(self._functions or {})
        return kernel.advance(
            task.program, task.snapshot, [message for _, message in items], now, calls
        )

    async def _prepare(self, items: list[Item], now: datetime) -> list[Item]:  # noqa: ARG002 - see BatchTurn
        """Do that; gives what to take then."""
        return items

    def _collect(self) -> list[Item]:
        """What to take next.

        Messages and due timers in their order, then the outcomes of this turn's own work.
        """
        outcomes, self._outcomes = self._outcomes, []
        for _, outcome in outcomes:
            if isinstance(outcome, m.Outcome):
                self.attempts.pop(outcome.path, None)
        outcomes, self._later = [*self._later, *outcomes], []
        process = self.task.snapshot.process
        self._taken, self._mail = self._mail, ()
        if not self._taken and not process.timers and process.deadline is None:
            return outcomes
        if self._taken:
            self.state_bound = sys.maxsize  # a signal's data may enter the State
        places = {id(each.message): each.seq for each in self._taken}
        arrived = [(each.at, each.message) for each in self._taken]
        due = arrivals(process, arrived, self._read_at)
        return [*((places.get(id(message), 0), message) for message in due), *outcomes]

    def _once_more(self, items: list[Item]) -> list[Item]:
        """The same items again, with what has come meanwhile in its place among them."""
        first = [item for item in items if isinstance(item[1], (m.Adopt, m.Lost))]
        outcomes = [item for item in items if isinstance(item[1], m.Outcome) and not item[0]]
        self._later = [*outcomes, *self._later]
        self._mail = (*self._taken, *self._mail)
        return [*first, *self._collect()]

    def _without_conflict(self, items: list[Item]) -> list[Item]:
        """Try the first outcome with documents alone; if it was alone, it has failed by them."""
        writers = [
            place
            for place, (_, message) in enumerate(items)
            if isinstance(message, m.Outcome) and message.documents
        ]
        first = writers[0]
        if len(writers) > 1:
            kept = items[: first + 1]
            places = {place for place, _ in kept}
            waits = [each for each in self._taken if each.seq not in places]
            self._taken = tuple(each for each in self._taken if each.seq in places)
            self._mail = (*waits, *self._mail)
            self._later = [
                item
                for item in items[first + 1 :]
                if isinstance(item[1], m.Outcome) and not item[0]
            ]
            return kept
        outcome = items[first][1]
        assert isinstance(outcome, m.Outcome)  # noqa: S101 - for the type checker: see above
        return [*items[:first], (items[first][0], conflicted(outcome)), *items[first + 1 :]]

    async def _look_for_mail(self) -> None:
        if not self.is_over and (self.has_mail or self._is_due()):
            await self._fetch()

    async def _fetch(self) -> None:
        self.has_mail = False
        nothing: tuple[Mail, ...] | None = None
        asked, mail = self.worker.clock.now(), self.worker.backend.mail
        fresh = await self.worker.patience.read(lambda: mail(self.task), nothing)
        if fresh is None:
            if self._is_due():
                self.lose()  # what may have come before a timer can't be known
            return
        self._read_at = asked
        if fresh:
            self._mail += fresh
            self.task = msgspec.structs.replace(self.task, seen=fresh[-1].seq)

    async def _write(
        self, commit: Commit, hold: Hold, items: list[Item]
    ) -> DecisionTask | Refusal | m.ChildRefused | None:
        """Append the commit; None when the lease ended before the store would take it."""
        task = self.task
        consumed = task.consumed
        if self._taken:
            consumed = max([consumed, *(place for place, _ in items[: commit.consumed])])
        return await self.worker.append(task, commit, hold, consumed=consumed, seen=task.seen)

    def _hold(self, commit: Commit, now: datetime, items: list[Item]) -> Hold:
        """Whether to go on holding the process after this commit, which was made of these items."""
        process = commit.snapshot.process
        if process.is_closed:
            return LET_GO
        if process.poison is not None and commit.consumed < len(items):
            # they wait in the inbox, for a person too
            return Hold(keeps=False, due=process.deadline)
        if self._outcomes or self._later or self._mail or self.has_mail:
            return KEEP
        agenda = commit.snapshot.agenda or NOTHING
        startable, due = False, process.deadline
        for wish in agenda.activities:
            running = self.attempts.get(wish.path)
            if running is None and wish.queue is not None:
                continue
            known = process.activity(wish.path, wish.occurrence)
            if running is not None and running.answers(wish, known.attempt):
                return KEEP
            if wish.queue is not None:
                continue
            later = known.due
            if wish.cancel or later is None or later <= now:
                startable = True
            elif due is None or later < due:
                due = later
        may_start = self.worker.may_start
        if startable:
            if self.worker.is_in_trouble or (may_start and not self._is_crowding()):
                return KEEP
            return Hold(keeps=False, due=now)
        for at in process.timers.values():
            due = at if due is None or at < due else due
        if due is not None and may_start and (due - now).total_seconds() < STAY_SECONDS:
            return KEEP
        return Hold(keeps=False, due=due)

    def _is_crowding(self) -> bool:
        """Whether it has had its share while others wait."""
        if not self.worker.is_crowded:
            return False
        seconds = self.worker.clock.monotonic() - self._began
        return self._commits >= SHARE_COMMITS or seconds >= SHARE_SECONDS

    # -- making it so ------------------------------------------------------------------------

    def _reconcile(self, agenda: Agenda, now: datetime) -> None:
        """Start what should be open, stop what should not."""
        process = self.task.snapshot.process
        if self.attempts:
            wishes = {wish.path: wish for wish in agenda.activities}
            for path, attempt in list(self.attempts.items()):
                wish = wishes.get(path)
                known = None if wish is None else process.activity(path, wish.occurrence)
                if wish is None or known is None or not attempt.answers(wish, known.attempt):
                    self.attempts.pop(path).drop()
        may_start = self.worker.may_start
        over: Collection[str] = ()
        if self._later:
            over = {item.path for _, item in self._later if isinstance(item, m.Outcome)}
        for wish in agenda.activities:
            if wish.queue is not None or wish.path in over:
                continue
            running = self.attempts.get(wish.path)
            known = process.activity(wish.path, wish.occurrence)
            if wish.cancel:
                self._cancel(wish, running, known.attempt)
            elif running is None and may_start and (known.due is None or known.due <= now):
                self._start(wish, known)

    def _cancel(self, wish: d.ScheduleActivity, running: Attempt | None, number: int) -> None:
        if running is not None:
            running.cancel()
        else:
            never = e.ActivityCanceled()
            self.ended(m.Outcome(wish.path, wish.occurrence, number, never))

    def _start(self, wish: d.ScheduleActivity, known: Activity) -> None:
        function = (self._functions or {}).get(wish.function or wish.path)
        if function is None:
            function = self.worker.activities.get(wish.activity)
        if function is None:
            missing = e.Failure(
                "MissingFunctionError", f"this worker has no code for {wish.path!r}"
            )
            failed = e.ActivityFailed(missing)
            self.ended(m.Outcome(wish.path, wish.occurrence, known.attempt, failed))
            return
        attempt = self.attempts[wish.path] = Attempt(self, wish, known.attempt, function)
        if wish.limits is not None or known.details is not None:
            attempt.watch(known.details)
        attempt.start()

    # -- waiting -----------------------------------------------------------------------------

    async def _wait(self) -> None:
        """Until an outcome, a message, a due time or the worker's word."""
        has_come = self._outcomes or self._later or self._mail or self.has_mail
        if not (has_come or self._must_look or self.is_over):
            loop = self.worker.loop
            self._waiter = loop.create_future()
            process = self.task.snapshot.process
            waits = process.timers or process.activities or process.deadline is not None
            seconds = self._seconds_to_due() if waits else None
            alarm = None if seconds is None else loop.call_later(seconds, self._stir)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if alarm is not None:
                    alarm.cancel()
        self._must_look = False

    def _seconds_to_due(self) -> float | None:
        """How long it may rest; never for very long, since the calendar may jump."""
        due = self._next_instant()
        if due is None:
            return None
        seconds = (due - self.worker.clock.now()).total_seconds()
        return min(max(0.0, seconds), GLANCE_SECONDS)

    def _next_instant(self) -> datetime | None:
        """When something in it falls due."""
        snapshot = self.task.snapshot
        process, agenda = snapshot.process, snapshot.agenda or NOTHING
        instants = [*process.timers.values()]
        if process.deadline is not None:
            instants.append(process.deadline)
        if self.worker.may_start:
            for wish in agenda.activities:
                due = process.activity(wish.path, wish.occurrence).due
                if due is not None and wish.queue is None and wish.path not in self.attempts:
                    instants.append(due)
        return min(instants, default=None)

    def _is_due(self) -> bool:
        """Whether a timer is due that was not when mail was read: what came before goes first."""
        process = self.task.snapshot.process
        if not process.timers and process.deadline is None:
            return False
        instants = [*process.timers.values()]
        if process.deadline is not None:
            instants.append(process.deadline)
        now = self.worker.clock.now()
        self._read_at = min(self._read_at, now)  # the calendar may have been put back
        return any(self._read_at < at <= now for at in instants)


def conflicted(outcome: m.Outcome) -> m.Outcome:
    """An outcome whose documents are not the newest any more: it has failed by that."""
    names = ", ".join(f"{each.kind} {each.id!r}" for each in outcome.documents)
    conflict = e.Failure(
        "DocumentConflictError",
        f"{outcome.path!r} read a version of {names} that is no longer the newest; nothing of "
        "what it wrote was kept",
    )
    return msgspec.structs.replace(outcome, result=e.ActivityFailed(conflict), documents=())
