"""Attempts of activities: whether there is another one, and which starts must be known. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.process import Process, later

HOPELESS = frozenset({"StepArgumentError", "StepResultError", "StateTooLargeError"})
"""Failures that the same code and the same State would meet again: not worth another attempt."""

_FINAL = frozenset({"schedule_to_start", "schedule_to_close"})
"""Limits that leave no time for another attempt."""


def retried(
    process: Process, wish: d.ScheduleActivity, message: m.Outcome, now: datetime
) -> dict[str, Any] | None:
    """What an ActivityRetried says of an attempt that ended so; None if it was the last."""
    result = message.result
    if wish.retry is None or wish.cancel:
        return None
    if isinstance(result, e.ActivityTimedOut):
        if result.kind in _FINAL or wish.at_most_once:
            return None  # what ran out of time may have taken effect, or do so yet
    elif not isinstance(result, e.ActivityFailed):
        return None
    failure = e.failure_of(result, wish.path)
    spent = message.attempt - process.activity(wish.path, message.occurrence).first + 1
    if failure is None or failure.type in HOPELESS or not wish.retry.allows(spent, failure.type):
        return None
    wait = wish.retry.wait(spent, f"{process.id}/{process.run}/{wish.path}")
    due = later(now, wait.total_seconds())
    if wish.limits is not None and wish.limits.close_by is not None and due >= wish.limits.close_by:
        return None
    return {
        "path": wish.path,
        "occurrence": message.occurrence,
        "attempt": message.attempt,
        "error": failure,
        "due": due,
        "details": message.details,
    }


def start(process: Process, wish: d.ScheduleActivity, now: datetime) -> dict[str, Any] | None:
    """What an ActivityStarted says of a start here that must be known before; None if not now."""
    known = process.activity(wish.path, wish.occurrence)
    if wish.cancel or known.started or (known.due is not None and known.due > now):
        return None
    return {"path": wish.path, "occurrence": wish.occurrence, "attempt": known.attempt}
