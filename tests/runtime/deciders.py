"""What tests of deciders have in common: deciders made of a function."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from corago.core import events as e
from corago.decider import CompleteProcess, Process, ScheduleActivity, Workflow

_numbers = itertools.count(1)


def decider(decide: Callable[[Process], Any], *activities: Any, **attributes: Any) -> Any:
    """A workflow that decides so, under a name of its own."""

    def asked(_: Workflow, process: Process) -> Any:
        return decide(process)

    body = {"decide": asked, "activities": list(activities), **attributes}
    return type(f"Decider{next(_numbers)}", (Workflow,), body)


def running(activity: Any, **options: Any) -> Any:
    """A workflow that runs one activity, scheduled so, and completes by telling how that ended."""

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.ActivityClosed):
                return complete(event.result)
            if isinstance(event, e.ProcessStarted):
                return ScheduleActivity(activity, **options)
        return None

    return decider(decide, *(() if isinstance(activity, str) else (activity,)))


def complete(result: e.ActivityResult) -> CompleteProcess:
    """The end of a process that tells how its activity ended."""
    told = {
        name: value
        for name in ("result", "reason", "kind", "seconds", "details")
        if (value := getattr(result, name, None)) is not None
    }
    error = getattr(result, "error", None)
    if error is not None:
        told["error"] = f"{error.type}: {error.message}"
    return CompleteProcess({"end": type(result).__name__, **told})


def by_signal(answers: dict[str, Callable[[Process], Any]], *activities: Any, **more: Any) -> Any:
    """A workflow that answers each signal as this says, and else does nothing."""

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.SignalReceived):
                yield answers[event.name](process)

    return decider(decide, *activities, **more)
