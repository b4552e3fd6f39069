"""Log lines about processes, for the standard library's `logging`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from corago.core import events as e
from corago.runtime.listening import Listener, Subject

Line = tuple[str, tuple[Any, ...]]
"""A message with its arguments; the name of the process is put before them."""


class LogListener(Listener):
    """Logs the life of each process: started, tried again, suspended, taken over, closed.

    A step that goes well has no line. Every record carries `process_id`, `run` and `workflow`, and
    `step` and `attempt` where it speaks of one. `logger` is `corago.process` by default; `level`
    is that of good news, and what needs eyes is a WARNING at least.
    """

    def __init__(self, logger: logging.Logger | None = None, level: int = logging.INFO) -> None:
        """Nothing is configured: without a handler for the logger, nothing is seen."""
        self._logger = logger or logging.getLogger("corago.process")
        self._level = level
        self._alarm = max(level, logging.WARNING)

    def worker_began(self, worker: str, slots: int) -> None:
        """Say so."""
        self._logger.log(self._level, "worker %s takes up to %d processes", worker, slots)

    def worker_ended(self, worker: str) -> None:
        """Say so."""
        self._logger.log(self._level, "worker %s has left", worker)

    def process_started(self, process: Subject) -> None:
        """Say which workflow it runs."""
        self._say(process, ("started: %s version %d", (process.workflow, process.version)))

    def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None:
        """Say what is out of the ordinary; the end comes by `process_closed`."""
        for event in events:
            tell = _TOLD.get(type(event))
            if tell is not None:
                self._say(process, tell(event), event)

    def process_closed(self, process: Subject, event: e.Event) -> None:
        """Say how, and after how long."""
        seconds = (event.at - process.started_at).total_seconds()
        line: Line = ("%s after %.3f s", (e.CLOSING[type(event)], seconds))
        if isinstance(event, e.ProcessFailed):
            line = (f"{line[0]} at %r: %s", (*line[1], event.path, event.error))
        self._say(process, line, event)

    def _say(self, process: Subject, line: Line, event: e.Event | None = None) -> None:
        level = self._alarm if type(event) in _ALARMING else self._level
        if not self._logger.isEnabledFor(level):
            return
        text, values = f"process %s {line[0]}", (process.id, *line[1])
        actor = getattr(event, "actor", None)
        if actor is not None:
            text, values = f"{text} (by %s)", (*values, actor)
        self._logger.log(level, text, *values, extra={**process.fields, **_step(event)})


def _step(event: e.Event | None) -> dict[str, Any]:
    """Which step and attempt an event speaks of, if of any."""
    step = getattr(event, "path", "")
    attempt = getattr(event, "attempt", None)
    return ({"step": step} if step else {}) | ({} if attempt is None else {"attempt": attempt})


_ALARMING = frozenset({e.ProcessSuspended, e.LeaseLost, e.ProcessFailed, e.ProcessTimedOut})

_TOLD: dict[type[e.Event], Callable[[Any], Line]] = {
    e.ActivityRetried: lambda v: (
        "tries %r again at %s after attempt %d: %s",
        (v.path, v.due.isoformat(timespec="milliseconds"), v.attempt, v.error),
    ),
    e.ProcessSuspended: lambda v: (
        ("needs a person at %r: %s", (v.path, v.error))
        if v.path
        else ("needs a person: %s", (v.error,))
    ),
    e.LeaseLost: lambda v: ("was taken over; its worker %s vanished", (v.owner,)),
    e.DefinitionChanged: lambda v: ("goes on by another definition, version %d", (v.version,)),
    e.ContinuedAsNew: lambda v: ("goes on as run %d", (v.following,)),
    e.ChildStarted: lambda v: ("started the child %s: %s", (v.child, v.workflow)),
    e.ProcessReopened: lambda _: ("was opened again", ()),
    e.ProcessResumed: lambda _: ("goes on", ()),
    e.CancelRequested: lambda _: ("was asked to stop", ()),
    e.CommandRefused: lambda v: ("refused %s: %s", (v.command, v.why)),
}
