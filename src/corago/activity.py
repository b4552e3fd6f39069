"""Activities as the runtime runs them, and the context that user code sees while it runs.

No door, no store and no clock is known here; nothing here decides anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, Protocol

from corago.core.codec import plain, shown, to_json
from corago.core.commit import DocumentWrite
from corago.errors import InvalidInputError, RequestError
from corago.secrecy import copied, seal

_logger = logging.getLogger("corago.activity")
_current: ContextVar[Context] = ContextVar("corago_activity")


@dataclass(frozen=True, slots=True)
class ActivityFunction:
    """A user's function, ready to run for the activity at `path`.

    `arguments` makes fresh keyword arguments from JSON values and raises StepArgumentError;
    `result` turns what the function returned into strict JSON and raises StepResultError, or into
    an `ActivityResult` of the core, which then is the end. `is_async` tells whether `function`
    must be awaited. What `defers` is not over when it returns nothing: it is completed from
    outside, by its token.
    """

    path: str
    function: Callable[..., Any]
    is_async: bool
    arguments: Callable[[Mapping[str, Any]], dict[str, Any]]
    result: Callable[[Any], Any]
    defers: bool = False

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """All three in a row: the result for `values`, or an awaitable of it where `is_async`."""
        if self.is_async:
            return self._awaited(values)
        return self.result(self.function(**self.arguments(values)))

    async def _awaited(self, values: Mapping[str, Any]) -> Any:
        return self.result(await self.function(**self.arguments(values)))


class Pulse(Protocol):
    """Where the heartbeats of one attempt go.

    `before` is what was said last before it (JSON), `token` the task's, empty where nobody outside
    may end it.
    """

    @property
    def before(self) -> Any:
        """See above."""

    @property
    def token(self) -> str:
        """See above."""

    def beat(self, details: Any) -> None:
        """It is alive, and has come so far (None: no word of that). From any thread."""


class Context:
    """What a running step or activity may know of itself; `current()` gives it.

    `path` is the step's name path or the activity's id, `activity` the name under which deciders
    know its code (empty for others), `occurrence` counts its uses in this run, `attempt` the tries
    of this use (both from 1). `details` is what the last heartbeat said, of this attempt or those
    before.
    """

    __slots__ = (
        "_canceled",
        "_pulse",
        "activity",
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
        activity: str = "",
    ) -> None:
        """Take the names; made for every attempt, so it does nothing else."""
        self.process_id = process_id
        self.run = run
        self.path = path
        self.workflow = workflow
        self.activity = activity
        self.occurrence = occurrence
        self.attempt = attempt
        self.details: Any = None
        self.documents: list[DocumentWrite] = []
        self._canceled = False
        self._pulse: Pulse | None = None

    def connect(self, pulse: Pulse) -> None:
        """Say where heartbeats go, and what was said before. For the runtime."""
        self._pulse = pulse
        self.details = pulse.before

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

    def heartbeat(self, details: Any = None) -> bool:
        """Say that it is alive, and how far it is; gives whether it is asked to stop.

        `details` are any JSON value, for the next attempt to read as `last_details`; without them,
        those said before stay. Of work in a queue they are kept in the store, at once or a moment
        later with what was said since, so that they survive the worker; call it as often as you
        like, and from any thread. Raises InvalidInputError for details that JSON can't hold.
        """
        if details is not None:
            details = self.details = plain(details, "details", seal)
        if self._pulse is not None:
            self._pulse.beat(details)
        return self._canceled

    @property
    def last_details(self) -> Any:
        """What the attempt before this one said last, as a copy; None if it said nothing.

        Of work in a queue, that may also be this very attempt, in the hands of a worker that
        vanished. Raises SecretKeyError for a secret without its key.
        """
        return None if self._pulse is None else copied(self._pulse.before)

    @property
    def token(self) -> str:
        """The task's token, by which somebody outside completes it (`complete_activity`).

        Raises RequestError where there is none: only work of a queue has one.
        """
        if self._pulse is None or not self._pulse.token:
            raise RequestError(
                f"{self.path!r} has no token: it runs in the worker that drives its process, and "
                "only work of a queue can be completed from outside; give it a queue"
            )
        return self._pulse.token

    def put_document(
        self, kind: str, id: str, value: Any, *, expected: int, actor: str | None = None
    ) -> None:
        """Write a new version of a business object, with this step's result.

        Both are one transaction. `expected` is the version that this one replaces, 0 for a first
        one. If another has come between, the step fails with a DocumentConflictError and nothing
        is written. Raises InvalidInputError for a value that JSON can't hold, a name that is no
        printable text, and a version that there can't be.
        """
        kind, id = _name(kind, "a document's kind"), _name(id, "a document's id")
        version = int.__int__(expected) if isinstance(expected, int) else -1
        if isinstance(expected, bool) or not 0 <= version < _VERSIONS:
            raise InvalidInputError(
                f"expected is the version that is replaced, from 0, not {shown(expected)}"
            )
        who = None if actor is None else _name(actor, "an actor")
        data = to_json(value, f"{kind} {id!r}", seal)
        self.documents.append(DocumentWrite(kind, id, version, data, who))

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


_VERSIONS = 2**63 - 1


def _name(value: str, what: str) -> str:
    """A text that stores can look for."""
    found = str.__str__(value) if isinstance(value, str) else ""
    if not found or not found.isprintable():
        raise InvalidInputError(f"{what} is a printable text that is not empty, not {shown(value)}")
    return found


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
