"""A world of haste: tight limits of all kinds, slow work, few places; all reckoned beside it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar

from corago.activity import current
from corago.core import events as e
from corago.core.history import History
from corago.decider import ActivityAborted, Retry, activity
from corago.testing.simulator.nodes import CURRENT, Node
from tests.simulation.clients import Plan, Start
from tests.simulation.deciders import ATTEMPTS, Json, planned
from tests.simulation.keeping import Kept
from tests.simulation.lists import QUEUE

DELAY, FACTOR = 0.5, 2.0
AGAIN = Retry(attempts=ATTEMPTS, delay=DELAY, factor=FACTOR, jitter=0.0)

SPANS = {
    "schedule_to_start": (0.5, 2.0, 5.0),
    "start_to_close": (0.5, 1.5, 4.0),
    "schedule_to_close": (2.0, 6.0, 15.0),
    "heartbeat_timeout": (0.4, 1.0, 3.0),
}

MICRO = timedelta(microseconds=2)
"""What rounding may make of an instant."""

STRANGE = (e.ProcessResumed, e.ProcessReopened, e.StepSkipped, e.ProcessSuspended)
"""After these, a person has had a hand in it."""


@dataclass
class Running:
    """One time that the code of an attempt ran: from when to when, and its longest silence."""

    began: float
    heard: float
    ended: float | None = None
    silence: float = 0.0

    def hear(self, now: float) -> None:
        """It says something, or ends."""
        self.silence = max(self.silence, now - self.heard)
        self.heard = now


@dataclass
class Runs:
    """All that ran, by number, and how much each node runs at a time."""

    all: dict[int, Running] = field(default_factory=dict)
    at_work: Counter[Node] = field(default_factory=Counter)
    most: int = 0


class Limited(Kept):
    """Deciders in haste: what is too slow is told so by the right limit, and tried again or not."""

    room: ClassVar[int] = 2

    def draw(self) -> Iterator[Any]:
        """One decider."""
        self.numbers = count(1)
        self.runs = Runs()
        yield planned(self.ledger, "hasty", activities_by_kind=self._works())

    def draw_plan(self) -> Plan:
        """More than the workers have room for."""
        (workflow,), chance = self.workflows, self.chance
        numbers = count(1)
        return Plan(
            tuple(
                Start(
                    f"h{number}",
                    workflow,
                    {"stages": [self._stage(numbers)], "told": [], "signals": []},
                    cancel_after=chance.random() * 9 if chance.random() < 0.2 else None,
                )
                for number in range(3)
            ),
            pauses=chance.choice((0, 0, 0, 1)),
        )

    def _stage(self, numbers: Iterator[int]) -> list[Json]:
        chance = self.chance
        return [
            self._item(chance.choice(("near", "far", "far")), next(numbers))
            for _ in range(chance.randint(1, 4))
        ]

    def _item(self, kind: str, number: int) -> Json:
        chance = self.chance
        return {
            "kind": kind,
            "id": f"{kind}{number}",
            "limits": {
                name: chance.choice(spans)
                for name, spans in SPANS.items()
                if chance.random() < 0.45
            },
            "beats": chance.choice((0, 1, 3)),
            "seconds": chance.choice((0.1, 0.3, 0.7, 2.0)),
            "fails": chance.choice((0, 0, 0, 1, 2, ATTEMPTS)),
            "end": chance.choice(("ok", "ok", "ok", "abort")),
        }

    def _works(self) -> dict[str, Any]:
        @activity(name="Near", retry=AGAIN)
        async def near(item: Json) -> Any:
            return await self._attempt(item)

        @activity(name="Far", retry=AGAIN, queue=QUEUE)
        async def far(item: Json) -> Any:
            return await self._attempt(item)

        return {"near": near, "far": far}

    async def _attempt(self, item: Json) -> Any:
        node, loop = CURRENT.get(), asyncio.get_running_loop()
        assert node is not None
        is_far, runs, number = item["kind"] == "far", self.runs, next(self.numbers)
        runs.at_work[node] += is_far
        runs.most = max(runs.most, runs.at_work[node])
        ran = runs.all[number] = Running(loop.time(), loop.time())
        try:
            self.ledger.begin(is_queued=is_far)
            return await self._work(item, number, ran)
        finally:
            runs.at_work[node] -= is_far
            ran.hear(loop.time())
            ran.ended = loop.time()

    async def _work(self, item: Json, number: int, ran: Running) -> Any:
        here, loop = current(), asyncio.get_running_loop()
        await asyncio.sleep(item["seconds"])
        for _ in range(item["beats"]):
            here.heartbeat(number)
            ran.hear(loop.time())
            await asyncio.sleep(item["seconds"])
        if here.attempt <= item["fails"]:
            raise OSError(str(number))
        return ActivityAborted(str(number)) if item["end"] == "abort" else number

    # -- what must be so ---------------------------------------------------------------------

    def findings(self, *, is_calm: bool) -> Iterator[str]:
        """What is wrong with the end of this world."""
        yield from super().findings(is_calm=is_calm)
        if self.runs.most > self.room:
            yield f"{self.runs.most} tasks ran on a node at a time that has room for {self.room}"

    def judge(self, history: History) -> Iterator[str]:
        """What is wrong with one history."""
        if any(isinstance(event, STRANGE) for event in history):
            return
        started = history[0]
        assert isinstance(started, e.ProcessStarted)
        items = {item["id"]: item for stage in started.input["stages"] for item in stage}
        wanted = {at.path: at.at for at in reversed(history.of(e.ActivityScheduled))}
        is_canceled = bool(history.of(e.CancelRequested))
        for event in history:
            if isinstance(event, e.ActivityRetried):
                yield from self._again(event, items[event.path]["limits"], wanted[event.path])
            elif isinstance(event, e.ActivityClosed):
                limits = items[event.path]["limits"]
                yield from self._in_time(event, items[event.path])
                if not is_canceled:
                    yield from _enough(event, limits, wanted[event.path])

    def _again(self, event: e.ActivityRetried, limits: Json, since: Any) -> Iterator[str]:
        """It was right to try again, and then."""
        what = f"attempt {event.attempt} of {event.path}"
        if event.attempt >= ATTEMPTS:
            yield f"{what} is followed by another one"
        if abs(event.due - event.at - _wait(event.attempt)) > MICRO:
            yield f"{what} is tried again at {event.due}, {event.due - event.at} after {event.at}"
        close = limits.get("schedule_to_close")
        if close is not None and event.due >= since + timedelta(seconds=close) + MICRO:
            yield f"{what} is tried again at {event.due}, and must close {close} s after {since}"
        if "schedule" in event.error.message:
            yield f"{what} is tried again after {event.error.message}"

    def _in_time(self, event: e.ActivityClosed, item: Json) -> Iterator[str]:
        """What its code came to was in time, and a time-out was none too early."""
        limits, what = item["limits"], f"attempt {event.attempt} of {event.path}"
        match event.result:
            case e.ActivityTimedOut(kind=kind, seconds=seconds):
                name = "heartbeat_timeout" if kind == "heartbeat" else kind
                if name not in limits or seconds not in {None, limits[name]}:
                    yield f"{what} ran into {kind} of {seconds} s, and has {limits}"
                return
            case e.ActivityCompleted(result=number):
                ran = self.runs.all[int(number)]
            case e.ActivityFailed(error=error) if error.type == "OSError":
                ran = self.runs.all[int(error.message)]
            case e.ActivityAborted(reason=reason):
                ran = self.runs.all[int(reason or "0")]
            case _:
                return
        if item["kind"] == "far" and self.books.is_set_back:
            return  # in a queue, limits go by the calendar
        took = 0.0 if ran.ended is None else ran.ended - ran.began
        if took > limits.get("start_to_close", took) + 1e-6:
            yield f"{what} took {took} s, and had {limits['start_to_close']}"
        if ran.silence > limits.get("heartbeat_timeout", ran.silence) + 1e-6:
            yield f"{what} was silent for {ran.silence} s, and had {limits['heartbeat_timeout']}"


def _wait(attempt: int) -> timedelta:
    return timedelta(seconds=DELAY * FACTOR ** (attempt - 1))


def _enough(event: e.ActivityClosed, limits: Json, since: Any) -> Iterator[str]:
    """It was right not to try again."""
    what, close = f"attempt {event.attempt} of {event.path}", limits.get("schedule_to_close")
    match event.result:
        case e.ActivityTimedOut(kind="start_to_close" | "heartbeat") | e.ActivityFailed():
            due = event.at + _wait(event.attempt)
            is_late = close is not None and due >= since + timedelta(seconds=close) - MICRO
            if event.attempt < ATTEMPTS and not is_late:
                yield f"{what} was not tried again after {event.result!r}"
        case _:
            return
