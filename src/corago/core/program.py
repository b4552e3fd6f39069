"""The contract between the kernel and the doors: three functions over an immutable state."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import msgspec

from corago.core import decisions as d
from corago.core.calls import Calls
from corago.core.events import Event, ProcessStarted
from corago.core.process import Process

S = TypeVar("S")


class Program(Protocol[S]):
    """A workflow as the kernel sees it; every door compiles to one.

    `state_type` is the msgspec-encodable type of `S`. `decide_limit` bounds how many facts one
    message may cause before the process is suspended.
    """

    state_type: Any
    decide_limit: int

    def initial(self, started: ProcessStarted) -> S:
        """The state right after the first event."""
        ...

    def evolve(self, state: S, event: Event) -> S:
        """Apply a recorded fact; calls no user code, ever.

        Facts it does not know leave the state as it is.
        """
        ...

    def decide(self, state: S, calls: Calls) -> tuple[d.Decision, ...]:
        """What the workflow wants next. Raises MissingFunctionError where the code is not here."""
        ...

    def check_input(self, given: Any) -> Any:
        """The input of a new process as the door takes it. Raises InvalidInputError."""
        ...

    def view(self, state: S) -> Any:
        """What users are shown as the process's state."""
        ...


class Agenda(msgspec.Struct, frozen=True):
    """What a quiet process wants open: the part of its decisions that is a level."""

    activities: tuple[d.ScheduleActivity, ...] = ()
    timers: tuple[d.StartTimer, ...] = ()
    signals: tuple[d.AwaitSignal, ...] = ()
    incidents: tuple[d.Incident, ...] = ()


NOTHING = Agenda()


class Snapshot(msgspec.Struct, frozen=True):
    """A process and its door's state at one position.

    `agenda` is a cache: None means it must be asked for.
    """

    process: Process
    state: Any
    agenda: Agenda | None = None
