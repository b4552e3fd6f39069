"""Listeners: they are told what an engine does, and never asked.

Facts are told once they are durable. Nothing here decides, waits, or knows a vendor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from corago.activity import Context
from corago.clock import Clock
from corago.core.events import CLOSING, ActivityResult, Event, ProcessStarted
from corago.core.process import Process
from corago.errors import RequestError

_log = logging.getLogger("corago.listener")


class Subject(msgspec.Struct, frozen=True):
    """The process that a listener is told of, right after what it is told.

    `started_at` is in UTC. `status` knows no `waiting`: a process that waits is `running` here.
    `parent` is the id of the process that started it.
    """

    id: str
    run: int
    workflow: str
    version: int
    started_at: datetime
    status: str
    parent: str | None = None

    @property
    def fields(self) -> dict[str, str | int]:
        """What log records about this process carry: `process_id`, `run` and `workflow`."""
        return {"process_id": self.id, "run": self.run, "workflow": self.workflow}


class Listener:
    """Is told what an engine does: override what you want to hear of.

    `Engine(..., listeners=[YourListener()])`; several are told in their order. Every method is
    called on the engine's event loop (that of `Engine` has a thread of its own) and must be quick:
    the engine stands still meanwhile. What a method raises is logged and harms nobody.

    Facts are told after they are durable, and at most once: when an OS process dies in between,
    nobody is told. The history is the account, this is the news.
    """

    def worker_began(self, worker: str, slots: int) -> None:
        """The engine's worker of this name takes work: up to `slots` processes at a time."""

    def worker_ended(self, worker: str) -> None:
        """The worker has let go of everything and left."""

    def lease_lost(self, worker: str) -> None:
        """The worker could not renew its lease in time: it stops its turns, and begins anew.

        The processes tell of it too, by the event `LeaseLost`, once they are taken up again.
        """

    def process_started(self, process: Subject) -> None:
        """This engine has started a process that was not there before; called where `start` was.

        A child is told of by the event `ChildStarted` of its parent, a next run by the event
        `ContinuedAsNew` of the one before.
        """

    def recorded(self, process: Subject, events: tuple[Event, ...]) -> None:
        """These events of one transaction are durable, in the order of their positions.

        Told of what this engine's worker writes, and of its own starts, aborts and migrations. A
        worker's are told within the turn, between `turn_began` and `turn_ended`.
        """

    def process_closed(self, process: Subject, event: Event) -> None:
        """The process has ended by this event; told after `recorded`. A retry may open it again."""

    def turn_began(self, process: Subject) -> None:
        """The worker drives this process, until it is parked, closed or lost.

        Context variables that are set here are seen by what the turn calls: its predicates, its
        steps, and `recorded` and `turn_ended`.
        """

    def turn_ended(self, process: Subject, seconds: float) -> None:
        """The turn is over, after so many seconds, waiting for running steps included."""

    def attempt_began(self, process: Subject, attempt: Context) -> None:
        """A step is about to run, or to queue for a thread. `attempt` is its `current()`.

        Context variables that are set here are seen by the step, and by nobody else.
        """

    def attempt_ended(
        self, process: Subject, attempt: Context, result: ActivityResult | None, seconds: float
    ) -> None:
        """The attempt that began has ended; told once for each, before its end is recorded.

        `result` is None when it was dropped: its end counts no longer, as the process was closed
        or lost; or when it will be told from outside. `seconds` leaves out what a sync step waited
        for a thread.
        """


HOOKS = tuple(name for name in vars(Listener) if not name.startswith("_"))


class Ears:
    """All listeners of one engine as one; only those are called that have something to say."""

    __slots__ = ("_calls", "clock")

    def __init__(self, listeners: Iterable[Listener], clock: Clock) -> None:
        """Take the listeners. Raises RequestError for one that is none."""
        given = tuple(listeners)
        for each in given:
            if not isinstance(each, Listener):
                raise RequestError(
                    f"a listener is an instance of a class derived from corago.Listener, not "
                    f"{each!r}"
                )
        self.clock = clock
        self._calls: dict[str, tuple[Callable[..., None], ...]] = {
            hook: tuple(getattr(each, hook) for each in given if _overrides(each, hook))
            for hook in HOOKS
        }

    def _tell(self, hook: str, *said: Any, of: Process | None = None) -> None:
        calls = self._calls[hook]
        if not calls:
            return
        if of is not None:
            said = (_subject(of), *said)
        for call in calls:
            try:
                call(*said)
            except (Exception, SystemExit, asyncio.CancelledError):  # noqa: BLE001 - users' code
                extra = None if of is None else fields(of)
                _log.exception("a listener broke in %r and was passed over", call, extra=extra)

    # -- the worker --------------------------------------------------------------------------

    def worker_began(self, worker: str, slots: int) -> None:
        """See `Listener`."""
        self._tell("worker_began", worker, slots)

    def worker_ended(self, worker: str) -> None:
        """See `Listener`."""
        self._tell("worker_ended", worker)

    def lease_lost(self, worker: str) -> None:
        """See `Listener`."""
        self._tell("lease_lost", worker)

    # -- processes ---------------------------------------------------------------------------

    def recorded(self, process: Process, events: tuple[Event, ...]) -> None:
        """Tell of events that are durable, of a start and of an end among them."""
        if not events:
            return
        self._tell("recorded", events, of=process)
        if type(events[0]) is ProcessStarted:
            self._tell("process_started", of=process)
        for event in events:
            if type(event) in CLOSING:
                self._tell("process_closed", event, of=process)

    # -- turns and attempts ------------------------------------------------------------------

    def turn_began(self, process: Process) -> float:
        """Tell of it; gives the steady clock's reading, for `turn_ended`."""
        self._tell("turn_began", of=process)
        return self.clock.monotonic()

    def turn_ended(self, process: Process, began: float) -> None:
        """See `Listener`."""
        self._tell("turn_ended", self.clock.monotonic() - began, of=process)

    def attempt_began(self, process: Process, attempt: Context) -> None:
        """See `Listener`."""
        self._tell("attempt_began", attempt, of=process)

    def attempt_ended(
        self, process: Process, attempt: Context, result: ActivityResult | None, began: float | None
    ) -> None:
        """`began` is the steady clock's reading when it ran at last; None if it never did."""
        seconds = 0.0 if began is None else self.clock.monotonic() - began
        self._tell("attempt_ended", attempt, result, seconds, of=process)


def _overrides(listener: Listener, hook: str) -> bool:
    return getattr(getattr(listener, hook), "__func__", None) is not vars(Listener)[hook]


def _subject(process: Process) -> Subject:
    return Subject(
        process.id,
        process.run,
        process.workflow,
        process.version,
        process.started_at or process.at,
        process.standing,
        process.parent,
    )


def ears_of(listeners: Iterable[Listener], clock: Clock) -> Ears | None:
    """The ears of an engine; None without listeners, so that nothing is spent on them."""
    given = tuple(listeners)
    return Ears(given, clock) if given else None


def fields(process: Process) -> dict[str, str | int]:
    """What log records about a process carry."""
    return _subject(process).fields
