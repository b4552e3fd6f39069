"""What a machine knows of itself: an immutable value that is kept as JSON. No behaviour."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from corago.core import events as e


class Cause(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something that asks for a transition: an event with its data, or a timer by name."""

    name: str
    data: Any = None
    is_timer: bool = False


class Open(msgspec.Struct, frozen=True, omit_defaults=True):
    """An activity that has not ended well yet.

    `failure` is what it came to; `stuck` is the position at which it was set aside for a person.
    """

    effect: e.Effect
    failure: e.Failure | None = None
    stuck: int = 0


class Child(msgspec.Struct, frozen=True, omit_defaults=True):
    """A child of the current state; `status` is empty while it is open."""

    effect: e.Effect
    id: str = ""
    status: str = ""
    result: Any = None
    error: e.Failure | None = None
    reopens: bool = False


class Stuck(msgspec.Struct, frozen=True):
    """The machine itself stands still: a guard or an update failed at `path`."""

    path: str
    position: int
    error: e.Failure


class Given(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a function behind a guard answered."""

    answer: bool | None = None
    error: e.Failure | None = None


class MachineState(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where a machine stands.

    `at` is empty before the first transition. `previous` is the state that was left for this one,
    `before` the one before that, while the machine is in its error state. `causes` wait to be
    answered, the first is next. `steps` counts the transitions since the last message, `trail`
    holds digests of those states that they may have to leave at once. `ran` tells how the awaited
    work of this visit ended: done or failed. `fired` are the timers of this visit that have fired.
    `entered`, `stirred` and `began` are the instants of the last entry, the last transition or
    message, and the start.
    """

    at: str = ""
    internal: dict[str, Any] = {}
    external: dict[str, Any] = {}
    visits: dict[str, int] = {}
    previous: str = ""
    before: str = ""
    error: e.Trouble | None = None
    began: datetime | None = None
    entered: datetime | None = None
    stirred: datetime | None = None
    group: str = ""
    group_entered: datetime | None = None
    group_visits: int = 0
    causes: tuple[Cause, ...] = ()
    steps: int = 0
    trail: tuple[str, ...] = ()
    fired: tuple[str, ...] = ()
    open: dict[str, Open] = {}
    leaving: dict[str, e.Effect] = {}
    children: dict[str, Child] = {}
    ran: str = ""
    result: Any = None
    failure: e.Failure | None = None
    ran_stuck: int = 0
    answers: dict[str, Given] = {}
    halted: Stuck | None = None
    effects: int = 0
    stopping: bool = False
