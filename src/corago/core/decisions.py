"""What a program asks for: a closed union of frozen wishes, imperative. No behaviour.

Level, not edge: `ScheduleActivity`, `StartTimer`, `AwaitSignal` and `Incident` name what should be
open *now*, every time anew; the kernel compares them with what is open. `RecordFact` and the
closing decisions happen once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from corago.core.events import Failure, PredicateAnswered
from corago.core.retry import Retry


class ScheduleActivity(msgspec.Struct, frozen=True):
    """This activity should be running; `input` is what its arguments are filled from.

    `timeout` is in seconds per attempt; `cancel` asks a running one to stop.
    """

    path: str
    input: Mapping[str, Any]
    occurrence: int = 1
    retry: Retry | None = None
    timeout: float | None = None
    at_most_once: bool = False
    cancel: bool = False


class StartTimer(msgspec.Struct, frozen=True):
    """A timer should be open, `delay` seconds after it was first asked for."""

    timer: str
    delay: float


class AwaitSignal(msgspec.Struct, frozen=True):
    """A signal of this name would be taken at `path`."""

    path: str
    name: str


class Incident(msgspec.Struct, frozen=True):
    """Something at `path` failed (event `position`) and stays so until a person acts.

    `suspended` incidents keep the process open.
    """

    path: str
    position: int
    error: Failure
    occurrence: int = 1
    suspended: bool = False


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


class RecordFact(msgspec.Struct, frozen=True):
    """Write down what a user function answered, so that it is never asked again."""

    fact: Answered


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


Decision = (
    ScheduleActivity
    | StartTimer
    | AwaitSignal
    | Incident
    | RecordFact
    | CompleteProcess
    | FailProcess
    | CancelProcess
    | AbortProcess
)
