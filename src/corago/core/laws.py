"""What holds for the events of every process, of any door, whatever has happened to it. Pure.

The laws are told of one event after the other, and keep a small model of their own: they believe
neither the fold nor a row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from corago.core import events as e
from corago.core.process import later, renamed

Work = tuple[str, int]
"""An activity: its path and its occurrence."""

_AFTER_THE_END = (e.CommandRefused,)
_AFTER_A_FAILURE = (
    e.CommandRefused,
    e.ProcessReopened,
    e.ProcessAborted,
    e.DefinitionChanged,
)
"""A failed process may be opened again, be ended for good, or follow another definition."""

_DECIDED = (e.PredicateAnswered, e.ItemsChosen, e.Transitioned, e.MarkerRecorded)
"""What follows from asking a program, which nobody does while the process is set aside."""


class Laws:
    """The events of one process, run after run, from the first one on."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._started: e.ProcessStarted | None = None
        self._renewal: e.ContinuedAsNew | None = None
        self._last: e.Event | None = None
        self._keys: set[str] = set()
        self._external: dict[str, Any] = {}
        self._definition = ("", 1)
        self._found: list[str] = []
        self._begin()

    def _begin(self) -> None:
        """A run begins: only keys of messages and the external store outlive the one before."""
        self._position = 0
        self._end = ""
        self._timers: dict[str, datetime] = {}
        self._children: dict[str, str] = {}
        self._gone: set[str] = set()
        self._done: set[Work] = set()
        self._tried: dict[Work, int] = {}
        self._set_aside: dict[Work, int] = {}
        self._begun: dict[Work, int] = {}
        self._wanted: set[Work] = set()
        self._queued: set[Work] = set()
        self._is_named = False
        self._at = ""
        self._poisoned = False
        self._canceled = False
        self._losses = 0

    def take(self, event: e.Event) -> Iterator[str]:
        """Each law that this event breaks, in words; the next one is judged all the same."""
        self._found = []
        kind = type(event)
        if kind is e.ProcessStarted:
            self._birth(event)  # type: ignore[arg-type]
        elif self._started is None:
            self._say(event, f"a history begins with ProcessStarted, not with {kind.__name__}")
        elif self._renewal is not None:
            self._say(event, f"{kind.__name__} stands behind ContinuedAsNew, where the run is over")
        self._order(event)
        if self._end:
            self._late(event)
        if self._poisoned and kind in _DECIDED:
            self._say(event, f"{kind.__name__} while the process was set aside")
        law = self._LAWS.get(kind)
        if law is not None:
            law(self, event)
        self._last = event
        return iter(self._found)

    def _say(self, event: e.Event, text: str) -> None:
        run = 1 if self._started is None else self._started.run
        place = (
            f"position {event.position}" if run == 1 else f"run {run}, position {event.position}"
        )
        self._found.append(f"{place}: {text}")

    # -- the order of events -----------------------------------------------------------------

    def _order(self, event: e.Event) -> None:
        expected = self._position + 1
        if event.position != expected:
            self._say(event, f"it stands where position {expected} should")
        self._position = event.position
        if self._last is not None and event.at < self._last.at:
            self._say(event, f"it is from {event.at}, and the one before from {self._last.at}")

    def _late(self, event: e.Event) -> None:
        allowed = _AFTER_A_FAILURE if self._end == "failed" else _AFTER_THE_END
        if not isinstance(event, allowed):
            self._say(event, f"{type(event).__name__} after the process was {self._end}")

    def _birth(self, event: e.ProcessStarted) -> None:
        before, renewal = self._started, self._renewal
        self._started, self._renewal = event, None
        self._definition, has_followed = (event.sha, event.version), self._definition
        external, self._external = self._external, event.external
        if before is None:
            return
        if renewal is None:
            self._say(event, "the process has started already")
            return
        self._begin()
        expected = {
            "process_id": before.process_id,
            "run": renewal.following,
            "workflow": before.workflow,
            "input": renewal.input,
            "tags": renewal.tags,
            "parent": before.parent,
            "parent_path": before.parent_path,
            "external": external,
        }
        for name, value in expected.items():
            if getattr(event, name) != value:
                self._say(event, f"the run before says another {name}")
        if (event.sha, event.version) != has_followed:
            self._say(event, "the run before followed another definition")

    def _renewed(self, event: e.ContinuedAsNew) -> None:
        self._renewal = event
        run = 1 if self._started is None else self._started.run
        if event.following != run + 1:
            self._say(event, f"run {event.following} follows, and not {run + 1}")

    def _closed(self, event: e.Event) -> None:
        self._end = e.CLOSING[type(event)]
        self._timers = {}
        started = self._started
        if isinstance(event, e.ProcessTimedOut) and started is not None:
            if started.timeout is None:
                self._say(event, "it had no timeout")
            elif event.at < later(started.at, started.timeout):
                self._say(event, "its time was not up yet")

    def _reopened(self, event: e.ProcessReopened) -> None:
        if self._end != "failed":
            self._say(event, "it was opened again, and had not failed")
        self._end, self._losses = "", 0

    # -- definitions and stores --------------------------------------------------------------

    def _changed(self, event: e.DefinitionChanged) -> None:
        self._definition = (event.sha, event.version)
        if not event.renames:
            return
        taken, renames = set(event.renames.values()), event.renames
        self._timers = {renamed(name, renames): due for name, due in self._timers.items()}
        self._children = {renamed(path, renames): id for path, id in self._children.items()}
        self._at = renames.get(self._at, self._at)
        for works in (self._done, self._wanted, self._queued):
            moved = _moved(works, renames, taken)
            works.clear()
            works.update(moved.values())
        for table in (self._tried, self._set_aside, self._begun):
            numbers = {new: table[old] for old, new in _moved(table, renames, taken).items()}
            table.clear()
            table.update(numbers)

    def _updated(self, event: e.ExternalUpdated) -> None:
        self._key(event)
        self._external = self._external | event.changes

    def _key(self, event: e.SignalReceived | e.ExternalUpdated) -> None:
        if event.key is not None and event.key in self._keys:
            self._say(event, f"the key {event.key!r} was received before")
        if event.key is not None:
            self._keys.add(event.key)

    # -- timers ------------------------------------------------------------------------------

    def _timed(self, event: e.TimerStarted) -> None:
        self._timers[event.timer] = event.due

    def _fired(self, event: e.TimerFired) -> None:
        due = self._timers.pop(event.timer, None)
        if due is None:
            self._say(event, f"timer {event.timer!r} fired, and was not open")
        elif event.at < due:
            self._say(event, f"timer {event.timer!r} fired before {due}")

    def _stopped(self, event: e.TimerCanceled) -> None:
        if self._timers.pop(event.timer, None) is None:
            self._say(event, f"timer {event.timer!r} was canceled, and was not open")

    # -- activities --------------------------------------------------------------------------

    def _fits(self, event: Any, what: str) -> Work:
        """An activity's event: nothing of it may come once it is over."""
        work = event.path, event.occurrence
        if work in self._done:
            self._say(event, f"{what} {_shown(work)}, which was over")
        return work

    def _attempt(self, event: Any, what: str) -> Work:
        """As `_fits`; it is the next attempt, or a later one if a person let it go on."""
        work = self._fits(event, what)
        first = self._tried.get(work, 0) + 1
        last = first + self._set_aside.get(work, 0)
        if not first <= event.attempt <= last:
            self._say(event, f"{what} {_shown(work)}: attempt {event.attempt}, and not {first}")
        return work

    def _scheduled(self, event: e.ActivityScheduled) -> None:
        work = self._attempt(event, "scheduled")
        if event.activity:
            if work in self._wanted:
                self._say(event, f"{_shown(work)} was scheduled before")
            self._is_named = True
            self._wanted.add(work)
        self._queued.add(work)

    def _cancel_asked(self, event: e.ActivityCancelRequested) -> None:
        work = self._fits(event, "asked to stop")
        if work not in self._queued:
            self._say(event, f"{_shown(work)} was asked to stop, and was not scheduled")

    def _began(self, event: e.ActivityStarted) -> None:
        work = self._attempt(event, "started")
        if self._begun.get(work, 0) >= event.attempt:
            self._say(event, f"attempt {event.attempt} of {_shown(work)} started twice")
        self._begun[work] = event.attempt

    def _outcome(self, event: e.ActivityRetried | e.ActivityClosed) -> Work:
        work = self._attempt(event, "an outcome of")
        if self._is_named and not (work in self._wanted or work in self._set_aside):
            self._say(event, f"an outcome of {_shown(work)}, which was not wanted")
        self._tried[work] = event.attempt
        self._set_aside.pop(work, None)
        self._losses = 0
        return work

    def _retried(self, event: e.ActivityRetried) -> None:
        self._outcome(event)
        if event.due < event.at:
            self._say(event, f"the next attempt is due before this one ended, at {event.due}")

    def _ended(self, event: e.ActivityClosed) -> None:
        work = self._outcome(event)
        if isinstance(event.result, e.ActivityCompleted):
            self._over(work)

    def _skipped(self, event: e.StepSkipped) -> None:
        work = self._fits(event, "skipped")
        if not self._is_named or work in self._wanted:  # a place of a machine may fail again
            self._over(work)

    def _over(self, work: Work) -> None:
        self._done.add(work)
        for table in (self._tried, self._set_aside, self._begun):
            table.pop(work, None)
        self._queued.discard(work)

    # -- children ----------------------------------------------------------------------------

    def _born(self, event: e.ChildStarted) -> None:
        if event.path in self._children:
            known = self._children[event.path]
            self._say(event, f"a child began at {event.path!r}, where {known!r} was open")
        if event.child in self._children.values():
            self._say(event, f"child {event.child!r} was open already")
        if event.child in self._gone:
            self._say(event, f"child {event.child!r} was started again after its end")
        self._children[event.path] = event.child

    def _unborn(self, event: e.ChildStartFailed) -> None:
        if self._children.get(event.path) != event.child:
            self._say(event, f"child {event.child!r} could not begin, and was not started")
        self._children.pop(event.path, None)

    def _told(self, event: e.MessageSent) -> None:
        if not event.path:
            return
        known = self._children.get(event.path)
        if event.command == "retry":
            if known is not None:
                self._say(event, f"child {event.to!r} was to go on, and {known!r} was open there")
            self._children[event.path] = event.to
        elif known != event.to:
            self._say(event, f"child {event.to!r} was told to {event.command}, and was not open")

    def _child_ended(self, event: e.ChildClosed) -> None:
        """One that was let go of may end, too; no end comes after one that is for good."""
        if event.child in self._gone:
            self._say(event, f"child {event.child!r} ended a second time")
        if event.status in ("completed", "aborted", "timed_out"):
            self._gone.add(event.child)
        if self._children.get(event.path) == event.child:
            del self._children[event.path]

    # -- doors -------------------------------------------------------------------------------

    def _moved_on(self, event: e.Transitioned) -> None:
        if event.source != self._at:
            self._say(event, f"it left {event.source!r}, and stood in {self._at!r}")
        if event.stays and event.target != event.source:
            self._say(event, f"it stays in {event.source!r}, and yet goes to {event.target!r}")
        self._at = event.target
        self._is_named = True
        for effect in event.effects:
            work = effect.path, effect.occurrence
            if work in self._wanted:
                self._say(event, f"{_shown(work)} was asked for twice")
            self._wanted.add(work)
        if event.external:
            self._external = self._external | event.external

    def _answered(self, event: e.PredicateAnswered) -> None:
        if (event.answer is None) is (event.error is None):
            self._say(event, f"the predicate at {event.path!r} has no answer, or two")

    # -- persons -----------------------------------------------------------------------------

    def _suspended(self, event: e.ProcessSuspended) -> None:
        if not event.path:
            last = self._last
            is_by_loss = isinstance(last, e.LeaseLost)
            is_by_loss = is_by_loss or (isinstance(last, e.ProcessSuspended) and bool(last.path))
            if self._poisoned and not is_by_loss:
                self._say(event, "it was set aside, and had been before")
            self._poisoned = True
            return
        work = self._fits(event, "set aside")
        self._set_aside[work] = self._set_aside.get(work, 0) + 1

    def _resumed(self, event: e.ProcessResumed) -> None:
        if "" not in event.paths:
            return
        if not self._poisoned:
            self._say(event, "it was let go on, and had not been set aside")
        self._poisoned, self._losses = False, 0

    def _cancel_requested(self, event: e.CancelRequested) -> None:
        if self._canceled:
            self._say(event, "it was asked to stop, and had been before")
        self._canceled, self._poisoned, self._losses = True, False, 0

    def _lost(self, event: e.LeaseLost) -> None:
        self._losses += 1
        if event.losses != self._losses:
            self._say(event, f"it counts {event.losses} losses in a row, and not {self._losses}")
        self._losses = event.losses

    _LAWS: ClassVar[Mapping[type, Callable[[Any, Any], object]]] = {
        e.DefinitionChanged: _changed,
        e.ProcessReopened: _reopened,
        e.SignalReceived: _key,
        e.ExternalUpdated: _updated,
        e.TimerStarted: _timed,
        e.TimerFired: _fired,
        e.TimerCanceled: _stopped,
        e.ActivityScheduled: _scheduled,
        e.ActivityCancelRequested: _cancel_asked,
        e.ActivityStarted: _began,
        e.ActivityRetried: _retried,
        e.ActivityClosed: _ended,
        e.ChildStarted: _born,
        e.ChildStartFailed: _unborn,
        e.ChildClosed: _child_ended,
        e.MessageSent: _told,
        e.StepSkipped: _skipped,
        e.PredicateAnswered: _answered,
        e.Transitioned: _moved_on,
        e.LeaseLost: _lost,
        e.ProcessSuspended: _suspended,
        e.ProcessResumed: _resumed,
        e.CancelRequested: _cancel_requested,
        e.ContinuedAsNew: _renewed,
        **dict.fromkeys(e.CLOSING, _closed),
    }
    """Who judges what; markers, numbers of items and refused commands may come at any time."""

    JUDGED: ClassVar[frozenset[type]] = frozenset(_LAWS)
    """The kinds that have a law of their own; of the others, only the order is looked at."""


def _moved(
    works: Collection[Work], renames: Mapping[str, str], taken: set[str]
) -> dict[Work, Work]:
    """What a change of definition calls activities; those whose path another one gets are gone."""
    found = {}
    for work in works:
        path = renamed(work[0], renames)
        if path != work[0] or path not in taken:
            found[work] = (path, work[1])
    return found


def _shown(work: Work) -> str:
    path, occurrence = work
    return repr(path) if occurrence == 1 else f"{path!r} ({occurrence})"
