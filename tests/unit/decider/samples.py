"""Activities, and deciders that answer what they are told to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from corago.decider import (
    Activity,
    ActivityAborted,
    Answer,
    CompleteProcess,
    Process,
    Retry,
    Workflow,
)
from tests.unit.decider.drive import Drive


class Foo(Activity):
    """The sample of the face."""

    def execute(self) -> Any:
        self.heartbeat()
        if self.input is None:
            raise Exception("no input")
        if self.input < 10:
            return self.input * 2
        return ActivityAborted("input out of bounds")


class Bar(Workflow):
    activities = [Foo]

    def decide(self, process: Process) -> Answer:
        return CompleteProcess() if process.completed_activities() else Foo


class Ship(Activity):
    queue = "dock"
    schedule_to_start = 60
    start_to_close = timedelta(minutes=5)
    schedule_to_close = 3600
    heartbeat_timeout = 30
    retry = Retry(attempts=2, delay=0)

    def execute(self) -> None: ...


def deciding(*rounds: Answer, then: Answer = None, **attributes: Any) -> type[Workflow]:
    """A workflow that gives these answers, one after the other, and then always the last one."""
    left = list(rounds)

    def decide(self: Workflow, process: Process) -> Answer:
        seen.append(process)
        return left.pop(0) if left else then

    seen: list[Process] = []
    made = type("Tried", (Workflow,), {"decide": decide, "seen": seen, **attributes})
    assert issubclass(made, Workflow)
    return made


def driven(*rounds: Answer, then: Answer = None, **attributes: Any) -> Drive:
    """One process of it; it does not say the same twice."""
    made = deciding(*rounds, then=then, **attributes)
    return Drive(made, {"n": 1}, tags=("a", "b"), asks=False)
