"""The contract between the kernel and the doors: three functions over an immutable state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from corago.core import decisions as d
from corago.core.calls import Calls
from corago.core.events import DefinitionChanged, Event, Failure, ProcessStarted
from corago.core.process import Process

S = TypeVar("S")


class Program(Protocol[S]):
    """A workflow as the kernel sees it; every door compiles to one.

    `state_type` is the msgspec-encodable type of `S`. `decide_limit` bounds how many facts one
    message may cause before the process is suspended. `takes_any_signal` tells that `check_signal`
    has nothing to look at. `needs` names the functions without which it can't run, where any
    others of the same names would do: then a process keeps its document when the code changes.
    `batch` tells that it is a BatchProgram.
    """

    state_type: Any
    decide_limit: int
    takes_any_signal: bool
    needs: frozenset[str] | None
    batch: bool

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

    def opening(self, given: Any) -> dict[str, Any]:
        """The external store of a new process with this input, which `check_input` has let in."""
        ...

    def check_signal(self, name: str, data: Any) -> Any:
        """The data of a signal as the door takes it. Raises InvalidInputError."""
        ...

    def check_changes(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Changes of the external store as the door takes them. Raises InvalidInputError."""
        ...

    def discreet(self, values: Any) -> Any:
        """An input or a result, with those values held as secrets that the workflow takes as such.

        Pure.
        """
        ...

    def view(self, state: S) -> Any:
        """What users are shown as the process's state."""
        ...

    def internal(self, state: S) -> Any:
        """What users are shown as the internal store; None where the door has none."""
        ...

    def foretold(self, state: S, events: Sequence[Event], agenda: Agenda) -> Foretold:
        """What a preview tells of these events, which come after this state, and what is open."""
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


class Told(msgspec.Struct, frozen=True):
    """What a decider is to answer: the `events` that it has not seen, oldest first.

    They lie in this commit, or wait for an answer since it could not be given. `fresh` are all
    events of this commit so far. `begins` tells that the run has only just started.
    """

    process: Process
    events: tuple[Event, ...]
    fresh: tuple[Event, ...]
    now: datetime
    begins: bool


class BatchProgram(Program[S], Protocol[S]):
    """A program that answers once to all that has come, by what it decides then and never again.

    `hears` are the kinds of events that it answers to. Its `decide` only names what is open; an
    activity that ends leaves what it says of the others as it is.
    """

    hears: frozenset[type[Event]]

    def respond(self, state: S, told: Told, calls: Calls) -> tuple[d.Decision, ...] | Failure:
        """The facts that follow; a Failure where the user's code could not say.

        Raises MissingFunctionError where the code is not here, NotReadError where the history is
        not.
        """
        ...


class Difference(msgspec.Struct, frozen=True):
    """What stands between a process and another definition, at `path`, in words.

    `stops` tells whether even a person can't wave it through.
    """

    path: str
    text: str
    stops: bool = True


class Foretold(msgspec.Struct, frozen=True):
    """Where a process would pass or stand, in order; and what it would not do, and why.

    `waiting` are the signals that it has taken in and looks at only once a person has acted.
    """

    path: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()
    waiting: tuple[str, ...] = ()


class Agenda(msgspec.Struct, frozen=True, gc=False):
    """What a quiet process wants open: the part of its decisions that is a level."""

    activities: tuple[d.ScheduleActivity, ...] = ()
    timers: tuple[d.StartTimer, ...] = ()
    signals: tuple[d.AwaitSignal, ...] = ()
    children: tuple[d.StartChild, ...] = ()
    incidents: tuple[d.Incident, ...] = ()

    def exchanged(self, old: d.ScheduleActivity, new: d.ScheduleActivity) -> Agenda:
        """The same with one activity in the place of another."""
        activities = tuple(new if each is old else each for each in self.activities)
        return msgspec.structs.replace(self, activities=activities)


NOTHING = Agenda()


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A process and its door's state at one position.

    `agenda` is a cache: None means it must be asked for.
    """

    process: Process
    state: Any
    agenda: Agenda | None = None
