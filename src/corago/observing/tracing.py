"""OpenTelemetry spans of processes. The only module that knows opentelemetry.

Every process (each run of it) is one trace. Its trace id follows from the process itself, so that
turns in different workers, days apart, meet in it without anything having been stored for that.
"""

from __future__ import annotations

import hashlib
import threading
from contextvars import ContextVar

from corago.activity import Context
from corago.core import events as e
from corago.errors import RequestError
from corago.observing.labels import attempt_label, outcome_label
from corago.runtime.listening import Listener, Subject

try:
    from opentelemetry import context as otel
    from opentelemetry import trace
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "corago.observing.tracing needs opentelemetry-api: install corago[otel]", name=error.name
    ) from error

REMEMBERED = 10_000
"""Of so many processes the latest span is remembered, for the next one's link."""

Key = tuple[str, int]
"""A process's id and run."""


class _Turn:
    """The span of a turn that goes on, and how its process stands."""

    __slots__ = ("key", "span", "status")

    def __init__(self, process: Subject, span: trace.Span) -> None:
        self.key = _key(process)
        self.span = span
        self.status = process.status


class Tracing(Listener):
    """Makes OpenTelemetry spans: one for a start, for each turn, and for each attempt of a step.

    A turn's span ends when the process is parked, so that nothing is open while it waits. Spans of
    one process share a trace; a turn is linked to what came before it in this OS process, its
    attempts are its children, and inside a step the current span is that of its attempt. A start
    is linked to the caller's span, and the caller's to it. The parent of them all is a span that
    nobody exports; viewers may call it missing.

    `tracer_provider` is the global one by default. `share` (0 to 1) of all processes are traced:
    the choice follows from the trace id, so that all workers make the same. Set it here, since a
    sampler that honours parents does not choose anew. Values of the State never enter a span;
    messages of errors do.
    """

    def __init__(
        self, tracer_provider: trace.TracerProvider | None = None, *, share: float = 1.0
    ) -> None:
        """Nothing is exported by this: the provider does that. Raises RequestError."""
        if not 0 <= share <= 1:
            raise RequestError(f"share is a number from 0 to 1, not {share!r}")
        self._tracer = trace.get_tracer("corago", tracer_provider=tracer_provider)
        self._bound = round(share * 2**64)
        self._turn: ContextVar[_Turn | None] = ContextVar("corago_turn", default=None)
        self._attempts: dict[Context, trace.Span] = {}
        self._latest: dict[Key, trace.SpanContext] = {}
        self._lock = threading.Lock()

    # -- what is told ------------------------------------------------------------------------

    def process_started(self, process: Subject) -> None:
        """A span of a moment, linked with the caller's in both directions."""
        caller = trace.get_current_span()
        cause = caller.get_span_context()
        span = self._tracer.start_span(
            f"start {process.workflow}",
            self._root(process),
            trace.SpanKind.PRODUCER,
            _attributes(process),
            [trace.Link(cause)] if cause.is_valid else [],
        )
        span.end()
        if cause.is_valid:
            caller.add_link(span.get_span_context())
        self._remember(process, span)

    def turn_began(self, process: Subject) -> None:
        """Open its span, and make it the current one for all that the turn calls."""
        before = self._latest.get(_key(process))
        span = self._tracer.start_span(
            f"turn {process.workflow}",
            self._root(process),
            trace.SpanKind.CONSUMER,
            _attributes(process),
            [] if before is None else [trace.Link(before)],
        )
        self._turn.set(_Turn(process, span))
        otel.attach(trace.set_span_in_context(span))

    def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None:
        """Keep for the turn's span what went wrong."""
        turn = self._own_turn(process)
        if turn is None:
            return
        turn.status = process.status
        for event in events:
            if isinstance(event, e.ProcessFailed | e.ProcessSuspended):
                _failed(turn.span, event.error)
            elif isinstance(event, e.ProcessTimedOut):
                turn.span.set_status(trace.StatusCode.ERROR, "the process ran into its timeout")

    def turn_ended(self, process: Subject, seconds: float) -> None:
        """Close its span."""
        turn = self._own_turn(process)
        if turn is not None:
            turn.span.set_attribute("corago.status", turn.status)
            turn.span.end()
            self._remember(process, turn.span)

    def attempt_began(self, process: Subject, attempt: Context) -> None:
        """Open its span, and make it the current one for the step."""
        turn = self._own_turn(process)
        parent = self._root(process) if turn is None else trace.set_span_in_context(turn.span)
        span = self._tracer.start_span(
            f"step {attempt_label(attempt)}",
            parent,
            attributes={
                **_attributes(process),
                "corago.step": attempt.path,
                "corago.occurrence": attempt.occurrence,
                "corago.attempt": attempt.attempt,
            },
        )
        self._attempts[attempt] = span
        otel.attach(trace.set_span_in_context(span))

    def attempt_ended(
        self, process: Subject, attempt: Context, result: e.ActivityResult | None, seconds: float
    ) -> None:
        """Close its span, with what went wrong."""
        span = self._attempts.pop(attempt, None)
        if span is None:
            return
        span.set_attribute("corago.outcome", outcome_label(result))
        failure = None if result is None else e.failure_of(result, attempt.path)
        if failure is not None and not isinstance(result, e.ActivityCanceled):
            _failed(span, failure)
        span.end()

    # -- traces ------------------------------------------------------------------------------

    def _root(self, process: Subject) -> otel.Context:
        """A context whose current span is the one that all spans of this process stand under."""
        name = f"{process.id}\n{process.run}\n{process.started_at.isoformat()}"
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
        is_sampled = int.from_bytes(digest[8:16]) < self._bound
        flags = trace.TraceFlags.SAMPLED if is_sampled else trace.TraceFlags.DEFAULT
        root = trace.SpanContext(
            trace_id=int.from_bytes(digest[:16]),
            span_id=int.from_bytes(digest[16:24]),
            is_remote=True,
            trace_flags=trace.TraceFlags(flags),
        )
        return trace.set_span_in_context(trace.NonRecordingSpan(root), otel.Context())

    def _own_turn(self, process: Subject) -> _Turn | None:
        """The turn that is going on here, if it is one of this process."""
        turn = self._turn.get()
        return turn if turn is not None and turn.key == _key(process) else None

    def _remember(self, process: Subject, span: trace.Span) -> None:
        key = _key(process)
        with self._lock:
            self._latest.pop(key, None)
            self._latest[key] = span.get_span_context()
            if len(self._latest) > REMEMBERED:
                del self._latest[next(iter(self._latest))]


def _key(process: Subject) -> Key:
    return process.id, process.run


def _attributes(process: Subject) -> dict[str, str | int]:
    return {
        "corago.process_id": process.id,
        "corago.run": process.run,
        "corago.workflow": process.workflow,
        "corago.version": process.version,
    }


def _failed(span: trace.Span, failure: e.Failure) -> None:
    """What went wrong, by the semantic conventions for exceptions."""
    span.set_status(trace.StatusCode.ERROR, str(failure))
    told = {"exception.type": failure.type, "exception.message": failure.message}
    if failure.traceback is not None:
        told["exception.stacktrace"] = failure.traceback
    span.add_event("exception", told)
