"""The contract between the kernel and the doors: three functions over an immutable state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from corago.core import decisions as d
from corago.core.calls import Calls
from corago.core.events import DefinitionChanged, Event, ProcessStarted
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

    def discreet(self, values: Any) -> Any:
        """An input or a result, with those values held as secrets that the workflow takes as such.

        Pure.
        """
        ...

    def view(self, state: S) -> Any:
        """What users are shown as the process's state."""
        ...

    def held(self, state: S) -> Iterable[Any]:
        """The users' values that this state holds, those of unfinished parts too, each once."""
        ...

    def differences(
        self, state: S, before: Program[Any], renames: Mapping[str, str]
    ) -> tuple[Difference, ...]:
        """Why a process in this state of the program `before` can't simply go on by this one."""
        ...

    def adopt(self, state: S, before: Program[Any], event: DefinitionChanged) -> S:
        """The state in which a process of the program `before` goes on by this one.

        Pure, like `evolve`. Raises ValueError where no way leads over.
        """
        ...


class Difference(msgspec.Struct, frozen=True):
    """What stands between a process and another definition, at `path`, in words.

    `stops` tells whether even a person can't wave it through.
    """

    path: str
    text: str
    stops: bool = True


class Agenda(msgspec.Struct, frozen=True):
    """What a quiet process wants open: the part of its decisions that is a level."""

    activities: tuple[d.ScheduleActivity, ...] = ()
    timers: tuple[d.StartTimer, ...] = ()
    signals: tuple[d.AwaitSignal, ...] = ()
    children: tuple[d.StartChild, ...] = ()
    incidents: tuple[d.Incident, ...] = ()


NOTHING = Agenda()


class Snapshot(msgspec.Struct, frozen=True):
    """A process and its door's state at one position.

    `agenda` is a cache: None means it must be asked for.
    """

    process: Process
    state: Any
    agenda: Agenda | None = None
