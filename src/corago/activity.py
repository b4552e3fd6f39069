"""Activities as the runtime runs them, and the context that user code sees while it runs.

No door, no store and no clock is known here; nothing here decides anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

from corago.core.codec import to_json
from corago.core.commit import DocumentWrite
from corago.errors import RequestError
from corago.secrecy import seal

_logger = logging.getLogger("corago.activity")
_current: ContextVar[Context] = ContextVar("corago_activity")


@dataclass(frozen=True, slots=True)
class ActivityFunction:
    """A user's function, ready to run for the activity at `path`.

    `arguments` makes fresh keyword arguments from JSON values and raises StepArgumentError;
    `result` turns what the function returned into strict JSON and raises StepResultError.
    `is_async` tells whether `function` must be awaited.
    """

    path: str
    function: Callable[..., Any]
    is_async: bool
    arguments: Callable[[Mapping[str, Any]], dict[str, Any]]
    result: Callable[[Any], Any]

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """All three in a row: the result for `values`, or an awaitable of it where `is_async`."""
        if self.is_async:
            return self._awaited(values)
        return self.result(self.function(**self.arguments(values)))

    async def _awaited(self, values: Mapping[str, Any]) -> Any:
        return self.result(await self.function(**self.arguments(values)))


class Context:
    """What a running step may know of itself; `current()` gives it.

    `path` is the step's name path, `occurrence` counts its uses in this run, `attempt` the tries
    of this use (both from 1). `details` is what the last heartbeat said.
    """

    __slots__ = (
        "_canceled",
        "attempt",
        "details",
        "documents",
        "occurrence",
        "path",
        "process_id",
        "run",
        "workflow",
    )

    def __init__(
        self,
        *,
        process_id: str,
        run: int,
        path: str,
        workflow: str,
        occurrence: int = 1,
        attempt: int = 1,
    ) -> None:
        """Take the names; made for every attempt, so it does nothing else."""
        self.process_id = process_id
        self.run = run
        self.path = path
        self.workflow = workflow
        self.occurrence = occurrence
        self.attempt = attempt
        self.details: Any = None
        self.documents: list[DocumentWrite] = []
        self._canceled = False

    @property
    def idempotency_key(self) -> str:
        """`process/run/path/occurrence`: the same in every attempt, also after a crash.

        Hand it to a service that forgets repeated requests. A slash in the process id is written
        `%2F` (and a percent sign `%25`), so that two keys are never equal by chance.
        """
        process = self.process_id
        if "/" in process or "%" in process:
            process = process.replace("%", "%25").replace("/", "%2F")
        return f"{process}/{self.run}/{self.path}/{self.occurrence}"

    @property
    def is_cancel_requested(self) -> bool:
        """Whether somebody wants this step to stop; a long sync step should look now and then."""
        return self._canceled

    def request_cancel(self) -> None:
        """Ask the step to stop. For the runtime; harmless from any thread and more than once."""
        self._canceled = True

    def heartbeat(self, details: Any = None) -> None:
        """Say that the step is alive, and how far it is; `details` are kept on this context."""
        self.details = details

    def put_document(
        self, kind: str, id: str, value: Any, *, expected: int, actor: str | None = None
    ) -> None:
        """Write a new version of a business object, with this step's result.

        Both are one transaction. `expected` is the version that this one replaces, 0 for a first
        one. If another has come between, the step fails with a DocumentConflictError and nothing
        is written. Raises InvalidInputError for a value that JSON can't hold.
        """
        data = to_json(value, f"{kind} {id!r}", seal)
        self.documents.append(DocumentWrite(kind, id, expected, data, actor))

    @property
    def fields(self) -> dict[str, str | int]:
        """What log records about this attempt carry, by their names."""
        return {
            "process_id": self.process_id,
            "run": self.run,
            "workflow": self.workflow,
            "step": self.path,
            "attempt": self.attempt,
        }

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry `process_id`, `run`, `workflow`, `step` and `attempt`."""
        return _StepLogger(_logger, self.fields)

    def __repr__(self) -> str:
        return f"<attempt {self.attempt} of {self.path!r} in process {self.process_id!r}>"


class _StepLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the step's fields to those of the call, where the plain adapter would replace them."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs


enter: Callable[[Context], Token[Context]] = _current.set
"""From here on, `current()` is this context; for an attempt, which has contextvars of its own."""


def current() -> Context:
    """The context of the step that is running here. Raises RequestError outside of one."""
    try:
        return _current.get()
    except LookupError:
        raise RequestError(
            "no step is running here: current() works inside a step's function, in whatever it "
            "calls, and in threads that were started with a copy of its contextvars; predicates "
            "and plain code have no context"
        ) from None
