"""What a decider's process has open because of what it decided: an immutable value.

Each open thing keeps the wish that it comes to, so that nothing is made anew for every event.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from corago.core import decisions as d
from corago.core import events as e
from corago.core.limits import WishLimits
from corago.core.process import later
from corago.core.retry import Retry

DECIDE = "decide"
"""The function of a decider that is asked; it is called with `state`, `told` and `past`."""

DECISION = "decision"
"""The path of the incident that a decider leaves which decided to fail."""

RESERVED = frozenset({DECIDE, DECISION})
"""What no activity may be called."""

VERSION_MARK = "@"
"""What divides an activity's name from its version."""


class Stuck(msgspec.Struct, frozen=True):
    """What went wrong, by the event at `position`, and waits for a person."""

    position: int
    error: e.Failure


class Open(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """An open activity as it was scheduled `at` an instant.

    `activity` names its code, with its version; `timeout` is in seconds per attempt, `retry` holds
    the arguments of a `Retry`. `canceled` tells that it was asked to stop.
    """

    id: str
    activity: str
    occurrence: int
    at: datetime
    input: Any = None
    queue: str = ""
    timeout: float | None = None
    limits: e.Limits | None = None
    retry: dict[str, Any] | None = None
    at_most_once: bool = False
    canceled: bool = False
    stuck: Stuck | None = None

    @property
    def name(self) -> str:
        """The activity's name, without its version."""
        return self.activity.partition(VERSION_MARK)[0]

    @cached_property
    def wish(self) -> d.ScheduleActivity | d.Incident:
        """What should be open because of it."""
        if self.stuck is not None:
            return d.Incident(
                self.id, self.stuck.position, self.stuck.error, self.occurrence, suspended=True
            )
        return self.attempted

    @cached_property
    def attempted(self) -> d.ScheduleActivity:
        """The activity itself, as it is run."""
        return d.ScheduleActivity(
            self.id,
            {"input": self.input},
            self.occurrence,
            None if self.retry is None else _retry(msgspec.json.encode(self.retry)),
            self.timeout,
            self.at_most_once,
            self.canceled,
            self.activity,
            self.queue or None,
            self.activity,
            self._limits(),
        )

    def _limits(self) -> WishLimits | None:
        given = self.limits
        if given is None:
            return None
        spans = given.schedule_to_close
        close_by = None if spans is None else later(self.at, spans)
        return WishLimits(given.schedule_to_start, close_by, given.heartbeat)


@lru_cache(maxsize=256)
def _retry(told: bytes) -> Retry:
    return Retry(**msgspec.json.decode(told))


class OpenTimer(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """A timer that will fire at `due`, and say `data` then."""

    id: str
    due: datetime
    data: Any = None

    @cached_property
    def wish(self) -> d.StartTimer:
        """What should be open because of it."""
        return d.StartTimer(self.id, due=self.due, data=self.data)


class OpenChild(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """A process of `workflow` that was started at the path `id`; `child` is its own id."""

    id: str
    child: str
    workflow: str
    occurrence: int = 1
    policy: str = "request_cancel"

    @cached_property
    def wish(self) -> d.StartChild:
        """What should be open because of it."""
        return d.StartChild(self.id, self.workflow, occurrence=self.occurrence, child=self.child)


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """What closed `at` the instant of the last closing: `decide` is about to hear of it."""

    at: datetime
    activities: dict[str, Open] = {}
    children: dict[str, OpenChild] = {}


class Counts(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often what was wanted in this run: by the names of activities and of workflows.

    `paths` are those of children that were named by hand, or that were used more than once.
    """

    scheduled: int = 0
    activities: dict[str, int] = {}
    timers: int = 0
    children: dict[str, int] = {}
    paths: dict[str, int] = {}


class DeciderState(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """A decider's process: how it began, what is open by id, and what waits for a person.

    `failure` is there while it has failed by its own decision; `cancels` tells that it was asked
    to stop.
    """

    started: e.ProcessStarted
    activities: dict[str, Open] = {}
    timers: dict[str, OpenTimer] = {}
    children: dict[str, OpenChild] = {}
    counts: Counts = Counts()
    ended: Ended | None = None
    failure: Stuck | None = None
    cancels: bool = False

    @cached_property
    def wishes(self) -> tuple[d.Decision, ...]:
        """Everything that should be open now."""
        if not (self.timers or self.children):
            return self.work
        timers = [each.wish for each in self.timers.values()]
        return (*self.work, *timers, *(each.wish for each in self.children.values()))

    @cached_property
    def work(self) -> tuple[d.Decision, ...]:
        """The activities that should be open now."""
        return tuple([each.wish for each in self.activities.values()])

    def changed(self, **fields: Any) -> DeciderState:
        """The same with other values in these fields."""
        after = msgspec.structs.replace(self, **fields)
        if "activities" not in fields and "work" in self.__dict__:
            after.__dict__["work"] = self.work
        return after
