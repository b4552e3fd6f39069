"""A listener that writes down what it is told, and two steps to be told of."""

from __future__ import annotations

import asyncio

from corago import (
    Context,
    Listener,
    State,
    Subject,
    step,
)
from corago.core import events as e


class Diary(Listener):
    """Writes down all that it is told, in short."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.subjects: list[Subject] = []
        self.seconds: list[float] = []
        self.events: list[tuple[e.Event, ...]] = []

    def of(self, *hooks: str) -> list[str]:
        return [line for line in self.lines if line.split()[0] in hooks]

    def worker_began(self, worker: str, slots: int) -> None:
        self.lines.append(f"worker_began {slots}")

    def worker_ended(self, worker: str) -> None:
        self.lines.append("worker_ended")

    def lease_lost(self, worker: str) -> None:
        self.lines.append("lease_lost")

    def process_started(self, process: Subject) -> None:
        self.lines.append(f"process_started {process.id} {process.status}")

    def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None:
        self.subjects.append(process)
        self.events.append(events)
        names = " ".join(type(event).__name__ for event in events)
        self.lines.append(f"recorded {process.id} {names}")

    def process_closed(self, process: Subject, event: e.Event) -> None:
        self.lines.append(f"process_closed {process.id} {process.status} {type(event).__name__}")

    def turn_began(self, process: Subject) -> None:
        self.lines.append(f"turn_began {process.id}")

    def turn_ended(self, process: Subject, seconds: float) -> None:
        self.lines.append(f"turn_ended {process.id} {process.status}")

    def attempt_began(self, process: Subject, attempt: Context) -> None:
        self.lines.append(f"attempt_began {attempt.path} {attempt.attempt}")

    def attempt_ended(
        self, process: Subject, attempt: Context, result: e.ActivityResult | None, seconds: float
    ) -> None:
        self.lines.append(f"attempt_ended {attempt.path} {attempt.attempt} {type(result).__name__}")
        self.seconds.append(seconds)


@step("First")
async def first() -> State:
    await asyncio.sleep(2)
    return {"first": True}


@step("Second")
def second() -> State:
    return {"second": True}
