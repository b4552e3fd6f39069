"""A process as its decider sees it: what it was given, what has come, what is open.

All values are copies. Only what looks back reads the history: `history`, `completed_activities`,
`completed_children`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from corago.core import events as e
from corago.core.calls import Past
from corago.core.history import History
from corago.core.program import Told
from corago.decider.docket import Docket
from corago.decider.news import (
    ActivityEnded,
    ChildEnded,
    SeenHistory,
    fresh,
    is_end,
    origin_of,
    seen,
)
from corago.decider.state import VERSION_MARK, DeciderState, Open, OpenChild, OpenTimer

_UNSEEN: Any = object()
"""Stands for a value that nobody has looked at yet."""


class Process:
    """What `decide` is handed (seed: pyworkflow).

    While handlers and rules answer one event after the other, what they have decided so far counts
    as open.
    """

    __slots__ = ("_docket", "_history", "_input", "_news", "_past", "_told")

    def __init__(self, docket: Docket, told: Told, past: Past) -> None:
        """Take what there is to see."""
        self._docket = docket
        self._told = told
        self._past = past
        self._input: Any = _UNSEEN
        self._history: SeenHistory | None = None
        self._news: tuple[e.Event, ...] | None = None

    # -- what it is --------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The process's id."""
        return self._told.process.id

    @property
    def run(self) -> int:
        """Which run this is, from 1: one more after each ContinueAsNew."""
        return self._told.process.run

    @property
    def workflow(self) -> str:
        """The workflow's name."""
        return self._told.process.workflow

    @property
    def version(self) -> int:
        """The workflow's version that the process follows."""
        return self._told.process.version

    @property
    def input(self) -> Any:
        """What the process was started with."""
        if self._input is _UNSEEN:
            self._input = fresh(self._state.started.input)
        return self._input

    @property
    def external(self) -> dict[str, Any]:
        """The external store, which `Engine.update` changes."""
        found: dict[str, Any] = fresh(self._told.process.external)
        return found

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of this run."""
        return self._state.started.tags

    @property
    def parent(self) -> str | None:
        """The id of the process that started this one, if one did."""
        return self._told.process.parent

    @property
    def now(self) -> datetime:
        """The instant of this decision, in UTC."""
        return self._told.now

    @property
    def started_at(self) -> datetime:
        """When this run began, in UTC."""
        return self._state.started.at

    @property
    def is_cancel_requested(self) -> bool:
        """Whether somebody asked the process to stop."""
        return self._state.cancels

    # -- what has come -----------------------------------------------------------------------

    @property
    def history(self) -> History:
        """All events of this run, with those that this decision is about. Reads the history."""
        return self._read()

    def unseen_events(self) -> list[e.Event]:
        """What has come since the last decision, oldest first.

        A ProcessStarted at the very start; then ActivityClosed, SignalReceived, TimerFired,
        ChildClosed, ChildStartFailed, ExternalUpdated, CancelRequested, ProcessReopened,
        ProcessResumed.
        """
        if self._news is None:
            self._news = self._read_news()
        return list(self._news)

    def completed_activities(self) -> list[ActivityEnded]:
        """The activities of this run that have ended well, in that order. Reads the history."""
        return [each for each in self._read().of(ActivityEnded) if each.is_completed]

    def completed_children(self) -> list[ChildEnded]:
        """The children of this run that have ended well, in that order. Reads the history."""
        return [each for each in self._read().of(ChildEnded) if each.is_completed]

    # -- what is open ------------------------------------------------------------------------

    def unfinished_activities(self) -> list[UnfinishedActivity]:
        """The activities that have not ended, in the order in which they were scheduled."""
        return list(map(UnfinishedActivity, self._state.activities.values()))

    def untriggered_timers(self) -> list[UntriggeredTimer]:
        """The timers that have not fired, in the order in which they were started."""
        return list(map(UntriggeredTimer, self._state.timers.values()))

    def children(self) -> list[Child]:
        """The children that have not ended, in the order in which they were started."""
        return list(map(Child, self._state.children.values()))

    @property
    def is_ending(self) -> bool:
        """Whether what was decided so far ends the run."""
        return bool(self._docket.end)

    def __repr__(self) -> str:
        return f"<process {self.id!r} of {self.workflow!r} at {self.now:%Y-%m-%d %H:%M:%S} UTC>"

    # -- for the house -----------------------------------------------------------------------

    @property
    def _state(self) -> DeciderState:
        return self._docket.state

    def _stored(self) -> tuple[e.Event, ...]:
        """What was stored before; of one that has only just been started, that is known."""
        fresh_ones = self._told.fresh
        first = fresh_ones[0].position if fresh_ones else self._told.process.position + 1
        if first == 2:  # noqa: PLR2004 - nothing but the start stands before
            return (self._state.started,)
        return tuple(self._past.events)

    def _read(self) -> SeenHistory:
        if self._history is None:
            self._history = SeenHistory((*self._stored(), *self._told.fresh))
        return self._history

    def _read_news(self) -> tuple[e.Event, ...]:
        start = (self._state.started,) if self._told.begins else ()
        told = (*start, *self._told.events)
        ended = self._docket.before.ended
        origins = [origin_of(each, ended) for each in told]
        if any(origin is None and is_end(each) for each, origin in zip(told, origins, strict=True)):
            return self._read().at({each.position for each in told})
        return tuple(map(seen, told, origins))


class UnfinishedActivity(msgspec.Struct, frozen=True, gc=False):
    """An activity that has not ended."""

    _open: Open

    @property
    def id(self) -> str:
        """The id under which it was scheduled."""
        return self._open.id

    @property
    def path(self) -> str:
        """The same, as events call it."""
        return self._open.id

    @property
    def activity(self) -> str:
        """Its name."""
        return self._open.name

    name = activity

    @property
    def version(self) -> str | None:
        """Its version, if it has one."""
        return self._open.activity.partition(VERSION_MARK)[2] or None

    @property
    def input(self) -> Any:
        """What it was scheduled with; a copy each time."""
        return fresh(self._open.input)

    @property
    def queue(self) -> str | None:
        """Whose workers run it."""
        return self._open.queue or None

    @property
    def scheduled_at(self) -> datetime:
        """When it was scheduled, in UTC."""
        return self._open.at

    @property
    def is_cancel_requested(self) -> bool:
        """Whether it was asked to stop."""
        return self._open.canceled

    @property
    def is_stuck(self) -> bool:
        """Whether it waits for a person: nobody knows if it ran."""
        return self._open.stuck is not None

    def __repr__(self) -> str:
        return f"<unfinished {self.activity} {self.id!r}>"


class UntriggeredTimer(msgspec.Struct, frozen=True, gc=False):
    """A timer that has not fired."""

    _open: OpenTimer

    @property
    def id(self) -> str:
        """The timer's id."""
        return self._open.id

    @property
    def due(self) -> datetime:
        """When it will fire, in UTC."""
        return self._open.due

    @property
    def data(self) -> Any:
        """What it will say; a copy each time."""
        return fresh(self._open.data)

    def __repr__(self) -> str:
        return f"<timer {self.id!r} due {self.due:%Y-%m-%d %H:%M:%S} UTC>"


class Child(msgspec.Struct, frozen=True, gc=False):
    """A process that this one has started, and that has not ended."""

    _open: OpenChild

    @property
    def id(self) -> str:
        """What tells it from the others here."""
        return self._open.id

    @property
    def path(self) -> str:
        """The same, as events call it."""
        return self._open.id

    @property
    def process_id(self) -> str:
        """Its own id."""
        return self._open.child

    @property
    def workflow(self) -> str:
        """The name of its workflow."""
        return self._open.workflow

    @property
    def policy(self) -> Literal["request_cancel", "terminate", "abandon"]:
        """What becomes of it when this process ends before."""
        return self._open.policy  # type: ignore[return-value]  # one of these was written

    def __repr__(self) -> str:
        return f"<child {self.id!r}: process {self.process_id!r}>"
