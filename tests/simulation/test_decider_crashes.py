"""Deciders whose worker dies at every store call: they end as they do where nobody dies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from corago import Retry, current
from corago.core import events as e
from corago.decider import (
    Activity,
    ActivityEnded,
    CompleteProcess,
    ContinueAsNew,
    Process,
    RecordMarker,
    ScheduleActivity,
    SignalProcess,
    StartChildProcess,
    StartTimer,
    Workflow,
    activity,
)
from corago.testing import crash_everywhere


@dataclass
class Outside:
    """The world outside: what activities have done to it, by their idempotency keys."""

    effects: Counter[str] = field(default_factory=Counter)

    def reset(self) -> None:
        self.effects.clear()


OUTSIDE = Outside()


@activity
def pay(amount: int) -> int:
    OUTSIDE.effects[current().idempotency_key] += 1
    return amount


class Ship(Activity):
    queue = "stock"
    heartbeat_timeout = 60
    retry = Retry(attempts=3, delay=2.0, jitter=0.0)

    async def execute(self) -> Any:
        OUTSIDE.effects[current().idempotency_key] += 1
        self.heartbeat("packed")
        await asyncio.sleep(1)
        if self.attempt == 1 and self.input["fragile"]:
            raise OSError("it fell down")
        return {"item": self.input["item"], "known": self.last_details}


class Bill(Workflow):
    activities = [pay]

    def decide(self, process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    yield ScheduleActivity(pay, process.input)
                case ActivityEnded():
                    yield CompleteProcess({"paid": event.value})


class Order(Workflow):
    activities = [Ship]
    children = [Bill]

    def decide(self, process: Process) -> Iterator[Any]:
        for event in process.unseen_events():
            yield from self.answer(process, event)

    def answer(self, process: Process, event: e.Event) -> Iterator[Any]:
        match event:
            case e.ProcessStarted():
                yield StartChildProcess(Bill, 100, id="bill")
                yield StartTimer(3600, {"after": "an hour"}, id="reminder")
            case e.ChildClosed():
                for number, item in enumerate(process.input["items"]):
                    given = {"item": item, "fragile": number == 0}
                    yield ScheduleActivity(Ship, given, id=f"ship {item}")
            case e.TimerFired(data=data):
                yield RecordMarker("reminded", data)
                yield SignalProcess(process.id, "to myself", "in time")
            case e.SignalReceived(name="extra", data=data):
                yield ScheduleActivity(Ship, {"item": data, "fragile": False}, id=f"ship {data}")
            case e.SignalReceived(name="to myself"):
                shipped = sorted(each.value["item"] for each in process.completed_activities())
                yield CompleteProcess({"shipped": shipped, "markers": self.markers(process)})

    def markers(self, process: Process) -> list[str]:
        return [each.name for each in process.history if isinstance(each, e.MarkerRecorded)]


def test_an_order_ends_alike_wherever_its_worker_dies() -> None:
    OUTSIDE.reset()
    seen: list[set[str]] = []

    def prepare() -> None:
        seen.append(set(OUTSIDE.effects))
        OUTSIDE.reset()

    given = {"items": ["cup", "plate"]}
    runs = crash_everywhere(Order, given, signals={"extra": "spoon"}, prepare=prepare)
    expected = {"shipped": ["cup", "plate", "spoon"], "markers": ["reminded"]}
    assert {run.status for run in runs} == {"completed"}
    assert all(run.info.result == expected for run in runs)
    assert len(runs) > 60
    assert len(seen[1]) == 4
    assert all(each == seen[1] for each in seen[2:]), "what ran again ran under its old key"


def test_every_event_is_told_once_wherever_its_worker_dies() -> None:
    class Counting(Workflow):
        activities = [pay]

        def decide(self, process: Process) -> Any:
            for event in process.unseen_events():
                yield RecordMarker("told", type(event).__name__)
                match event:
                    case e.ProcessStarted():
                        yield [ScheduleActivity(pay, 1), StartTimer(60)]
                    case e.TimerFired():
                        yield CompleteProcess()

    runs = crash_everywhere(Counting, signals={"a": None, "b": None})
    for run in runs:
        markers = [each.details for each in run.history.of(e.MarkerRecorded)]
        wanted = ["ProcessStarted", "ActivityEnded", "SignalReceived", "SignalReceived"]
        assert Counter(markers) == Counter([*wanted, "TimerFired"])


def test_runs_follow_each_other_wherever_the_worker_dies() -> None:
    class Chain(Workflow):
        activities = [pay]

        def decide(self, process: Process) -> Any:
            for event in process.unseen_events():
                if isinstance(event, e.ProcessStarted):
                    yield ScheduleActivity(pay, process.input)
                elif isinstance(event, ActivityEnded) and process.input < 3:
                    yield ContinueAsNew(process.input + 1)
                elif isinstance(event, ActivityEnded):
                    yield CompleteProcess([process.run, event.value])

    runs = crash_everywhere(Chain, 1)
    assert all(run.info.result == [3, 3] for run in runs)
    assert all(run.info.run == 3 for run in runs)


@pytest.mark.parametrize("queue", [None, "stock"])
def test_what_runs_at_most_once_waits_for_a_person_who_lets_it_run_again(
    queue: str | None,
) -> None:
    @activity(queue=queue, at_most_once=True)
    async def charge() -> str:
        OUTSIDE.effects["charge"] += 1
        await asyncio.sleep(1)
        return "charged"

    class Once(Workflow):
        activities = [charge]

        def decide(self, process: Process) -> Any:
            done = process.completed_activities()
            if done:
                return CompleteProcess(done[0].value)
            return None if process.unfinished_activities() else charge

    runs = crash_everywhere(Once, retries=1, prepare=OUTSIDE.reset)
    assert all(run.info.result == "charged" for run in runs)
    assert any(run.history.of(e.ProcessSuspended) for run in runs)
    assert not runs[0].history.of(e.ProcessSuspended)


def test_a_decider_that_fails_fails_as_often_wherever_its_worker_dies() -> None:
    class Failing(Workflow):
        def decide(self, process: Process) -> Any:
            if any(isinstance(each, e.ProcessResumed) for each in process.unseen_events()):
                return CompleteProcess(len(process.unseen_events()))
            raise ValueError("no idea")

    runs = crash_everywhere(Failing, signals={"a": 1}, retries=1)
    assert all(run.status == "completed" for run in runs)
    assert all(len(run.history.of(e.ProcessSuspended)) == 1 for run in runs)
