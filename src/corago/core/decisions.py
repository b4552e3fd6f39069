"""What a program asks for: a closed union of frozen wishes, imperative. No behaviour.

Level, not edge: `ScheduleActivity`, `StartTimer`, `AwaitSignal`, `StartChild` and `Incident` name
what should be open *now*, every time anew; the kernel compares them with what is open.
`RecordFact` and the closing decisions happen once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from corago.core.commit import Deed
from corago.core.events import Event, Failure, ItemsChosen, PredicateAnswered
from corago.core.limits import WishLimits
from corago.core.retry import Retry


class ScheduleActivity(msgspec.Struct, frozen=True, gc=False):
    """This activity should be running; `input` is what its arguments are filled from.

    `function` names its code where that is not its path. `timeout` is in seconds per attempt;
    `queue` says whose workers run it (None: the worker that drives the process); `cancel` asks a
    running one to stop. `activity` is the name by which workers without the definition know it.
    """

    path: str
    input: Mapping[str, Any]
    occurrence: int = 1
    retry: Retry | None = None
    timeout: float | None = None
    at_most_once: bool = False
    cancel: bool = False
    function: str = ""
    queue: str | None = None
    activity: str = ""
    limits: WishLimits | None = None


class StartTimer(msgspec.Struct, frozen=True):
    """A timer should be open, `delay` seconds after it was first asked for, or until `due`.

    Another `due` moves it. `detail` says to people what it is for; `data` is what it will say.
    """

    timer: str
    delay: float = 0.0
    due: datetime | None = None
    detail: str = ""
    data: Any = None


class AwaitSignal(msgspec.Struct, frozen=True):
    """A signal of this name would be taken at `path`."""

    path: str
    name: str


class StartChild(msgspec.Struct, frozen=True):
    """A process of this workflow should be open for `path`; `input` counts when it starts.

    `occurrence` tells the children of one path apart, `child` is the id of one that was started
    already; `reopens` lets it go on where it failed; `cancel` asks it to stop.
    """

    path: str
    workflow: str
    input: Any = None
    occurrence: int = 1
    reopens: bool = False
    cancel: bool = False
    child: str = ""


class Incident(msgspec.Struct, frozen=True):
    """Something at `path` failed (event `position`) and stays so until a person acts.

    `suspended` incidents keep the process open. `takes_result` tells whether a person may put a
    result in its place.
    """

    path: str
    position: int
    error: Failure
    occurrence: int = 1
    suspended: bool = False
    takes_result: bool = True


class Answered(msgspec.Struct, frozen=True):
    """A predicate's answer before it has a position."""

    path: str
    question: int
    answer: bool | None
    error: Failure | None = None

    def event(self, position: int, at: datetime) -> PredicateAnswered:
        """The fact, once its place in the history is known."""
        return PredicateAnswered(
            position=position,
            at=at,
            path=self.path,
            question=self.question,
            answer=self.answer,
            error=self.error,
        )


class Chosen(msgspec.Struct, frozen=True):
    """How many items a loop has, before it has a position."""

    path: str
    count: int
    error: Failure | None = None

    def event(self, position: int, at: datetime) -> ItemsChosen:
        """The fact, once its place in the history is known."""
        return ItemsChosen(
            position=position, at=at, path=self.path, count=self.count, error=self.error
        )


class Fact(msgspec.Struct, frozen=True):
    """An event of any kind before it has a position: its kind and its own fields."""

    kind: type[Event]
    fields: Mapping[str, Any]

    def event(self, position: int, at: datetime) -> Event:
        """The fact, once its place in the history is known."""
        return self.kind(position=position, at=at, **self.fields)


class RecordFact(msgspec.Struct, frozen=True):
    """Write down what follows from what is known, or was answered: it is never asked again.

    `deed` goes out with it.
    """

    fact: Answered | Chosen | Fact
    deed: Deed | None = None


class CompleteProcess(msgspec.Struct, frozen=True):
    """End well, with a result."""

    result: Any = None


class FailProcess(msgspec.Struct, frozen=True):
    """Stop here until somebody retries."""

    path: str
    error: Failure


class CancelProcess(msgspec.Struct, frozen=True):
    """End because of a request to stop."""


class AbortProcess(msgspec.Struct, frozen=True):
    """End by the workflow's own will."""

    reason: str | None = None


class ContinueAsNew(msgspec.Struct, frozen=True):
    """End this run, and go on in another with this input and these tags."""

    input: Any = None
    tags: tuple[str, ...] = ()


Decision = (
    ScheduleActivity
    | StartTimer
    | AwaitSignal
    | StartChild
    | Incident
    | RecordFact
    | CompleteProcess
    | FailProcess
    | CancelProcess
    | AbortProcess
    | ContinueAsNew
)
