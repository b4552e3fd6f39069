"""What an activity's code is handed: itself as it runs, and in the seed's form a task and a worker.

None of them can end anything: what the code returns or raises does.
"""

from __future__ import annotations

import logging
from typing import Any

from corago.activity import Context, current
from corago.errors import RequestError


class Attempted:
    """What running code may know of itself; outside an engine, as in a test, it stands alone."""

    _context: Context

    @property
    def id(self) -> str:
        """The id under which the process knows this activity."""
        return self._context.path

    @property
    def process_id(self) -> str:
        """The process that wanted it; empty outside an engine."""
        return self._context.process_id

    @property
    def run(self) -> int:
        """The run of that process, from 1."""
        return self._context.run

    @property
    def workflow(self) -> str:
        """The name of that process's workflow; empty outside an engine."""
        return self._context.workflow

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return self._context.attempt

    @property
    def idempotency_key(self) -> str:
        """The same text in every attempt, for services that forget repeated requests."""
        return self._context.idempotency_key

    @property
    def token(self) -> str:
        """By this, somebody outside completes it. Raises RequestError for work without a queue."""
        return self._context.token

    @property
    def is_cancel_requested(self) -> bool:
        """Whether it is asked to stop."""
        return self._context.is_cancel_requested

    @property
    def last_details(self) -> Any:
        """What the attempt before this one said last; None if it said nothing."""
        return self._context.last_details

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry process, run, workflow, activity and attempt."""
        return self._context.logger

    def heartbeat(self, details: Any = None) -> bool:
        """Say that it is alive, and how far it is; gives whether it is asked to stop.

        `details` are any JSON value, for the next attempt to read as `last_details`. Raises
        InvalidInputError for what JSON can't hold.
        """
        return self._context.heartbeat(details)

    def put_document(
        self, kind: str, id: str, value: Any, *, expected: int, actor: str | None = None
    ) -> None:
        """Write a new version of a business object, in one transaction with this one's result.

        `expected` is the version that it replaces, 0 for a first one. Raises InvalidInputError.
        """
        self._context.put_document(kind, id, value, expected=expected, actor=actor)


class ActivityTask(Attempted):
    """What is to be done, for `execute(cls, task, worker)` (seed: pyworkflow).

    Attributes:
        input: what the activity was scheduled with, as the class's annotation of `input` says.
        activity: the activity's name.
    """

    def __init__(self, activity: str, given: Any, context: Context) -> None:
        """Take what it shows."""
        self.activity = activity
        self.input = given
        self._context = context

    def __repr__(self) -> str:
        return f"<attempt {self.attempt} of {self.id!r} in process {self.process_id!r}>"


class Invoker(Attempted):
    """Who runs it, for `execute(cls, task, worker)` (seed: pyworkflow)."""

    def __init__(self, context: Context) -> None:
        """Take the attempt that runs."""
        self._context = context

    def heartbeat(self, details: Any = None) -> bool:
        """As the activity's own; in place of details, the task will do as well (scenario 2)."""
        return super().heartbeat(None if isinstance(details, Attempted) else details)


def standing(name: str) -> Context:
    """The attempt that runs here; outside an engine, one that nobody hears."""
    try:
        return current()
    except RequestError:
        return Context(process_id="", run=1, path=name, workflow="")
