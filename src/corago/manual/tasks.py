"""Tasks as those see them who work by hand: what is asked for. A Manager brings the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from typing import Any

import msgspec

from corago.activity import Context
from corago.arguments.raised import failure
from corago.core import events as e
from corago.core import messages as m
from corago.core import tasks as core
from corago.core.calls import ToldError
from corago.decider.asking import Hearing
from corago.decider.handed import Attempted
from corago.decider.process import Process
from corago.decider.results import Reason, failure_of
from corago.decider.specs import Spec
from corago.runtime.sitting import Sitting

Beat = Callable[[core.ActivityTask, Any], bool]
"""Brings a heartbeat with its details (None: none); gives whether the task is to stop."""


class _Pulse:
    """Heartbeats of one task, each brought at once."""

    __slots__ = ("_beat", "_context", "_task", "before", "token")

    def __init__(self, task: core.ActivityTask, context: Context, beat: Beat) -> None:
        self.token = task.token
        self.before = task.details
        self._context = context
        self._task = task
        self._beat = beat

    def beat(self, details: Any) -> None:
        """Bring it. Raises UnknownTaskError."""
        if self._beat(self._task, details):
            self._context.request_cancel()


class ActivityTask(Attempted):
    """An activity in your hands: do it, say now and then that you are at it, and complete it.

    Attributes:
        activity: the name of what is to be done, with its version if it has one (`Foo@2`).
        input: what it was scheduled with, as JSON holds it.
        queue: the queue that it came from.
        is_detached: whether it waits, in nobody's hands, for a completion by its token.
    """

    def __init__(self, task: core.ActivityTask, given: Any, beat: Beat) -> None:
        """Made by a Manager."""
        attempt, process = task.attempt, task.process
        self.activity = attempt.activity
        self.input = given
        self.queue = attempt.queue
        self.is_detached = False
        self.raw = task
        self.context = self._context = Context(
            process_id=process.id,
            run=process.run,
            workflow=process.workflow,
            path=attempt.path,
            occurrence=attempt.occurrence,
            attempt=attempt.attempt,
        )
        self.context.connect(_Pulse(task, self.context, beat))

    @property
    def id(self) -> str:
        """The task's own id, by which a Manager knows it too: its token."""
        return self.raw.token

    @property
    def path(self) -> str:
        """The id under which the process knows this activity."""
        return self.context.path

    def ended(self, outcome: m.Outcome) -> m.Outcome:
        """The outcome of this task, with the documents and the last word of whoever did it."""
        context = self.context
        details = outcome.details if context.details is None else context.details
        documents = tuple(context.documents)
        return msgspec.structs.replace(outcome, documents=documents, details=details)

    def __repr__(self) -> str:
        return f"<attempt {self.attempt} of {self.path!r} in process {self.process_id!r}>"


class OwnAnswers(list[Any]):
    """What a workflow has decided itself, as data."""


class DecisionTask:
    """A decision in your hands: look at `process`, and complete the task with what follows.

    Attributes:
        process: the process as a workflow's `decide` is shown it.
        failures: how often in a row this decision has failed before.
    """

    process: Process

    def __init__(
        self,
        sitting: Sitting,
        specs: Mapping[str, Spec],
        functions: MutableMapping[str, Any],
        own: Callable[[Mapping[str, Any]], list[Any]],
    ) -> None:
        """Made by a Manager."""
        self.failures = sitting.task.failures
        self.sitting = sitting
        self._specs = specs
        self._functions = functions
        self._own = own
        self.look(sitting.values)

    @property
    def id(self) -> str:
        """What the task is called."""
        return self.sitting.token

    @property
    def process_id(self) -> str:
        """The process about which it is to be decided."""
        return self.sitting.process.id

    @property
    def workflow(self) -> str:
        """The name of its workflow."""
        return self.sitting.process.workflow

    @property
    def expires_at(self) -> datetime:
        """The instant from which on it is anybody's again, in UTC."""
        return self.sitting.until

    def decide(self) -> OwnAnswers:
        """What the workflow itself decides, to complete the task with. Raises what it raises."""
        return OwnAnswers(self._own(self._values))

    def __repr__(self) -> str:
        return f"<decision about process {self.process_id!r} at {self.process.now:%H:%M:%S}>"

    # -- for the house -----------------------------------------------------------------------

    def look(self, values: Mapping[str, Any]) -> None:
        """Show what is asked with these values."""
        self._values = values
        self.process = Hearing(values).process

    def answers(self, decided: Any) -> list[Any]:
        """What was decided, as data. Raises InvalidDecisionError."""
        if isinstance(decided, OwnAnswers):
            return decided
        hearing = Hearing(self._values, self._specs, self._functions)
        hearing.take(decided)
        return hearing.told()

    def failure(self, error: Reason) -> e.Failure:
        """Why nobody could decide, without the secrets that were shown."""
        if isinstance(error, ToldError):
            return error.failure
        if isinstance(error, BaseException):
            return failure(error, Hearing(self._values).hide())
        return failure_of(error, "DecisionFailed")
