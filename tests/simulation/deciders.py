"""A decider that does what its input says: stages of things that go on side by side, and runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from corago.activity import current
from corago.core import events as e
from corago.decider import (
    ActivityAborted,
    Answer,
    CancelActivity,
    CancelProcess,
    CompleteProcess,
    ContinueAsNew,
    Process,
    RecordMarker,
    Retry,
    ScheduleActivity,
    SignalProcess,
    StartChildProcess,
    StartTimer,
    Workflow,
    activity,
)
from tests.simulation.ledgers import Ledger
from tests.simulation.lists import QUEUE

Json = dict[str, Any]

NAMES = ("a", "b", "c")
ATTEMPTS = 4


def planned(
    ledger: Ledger,
    name: str = "planned",
    bears: Sequence[Any] = (),
    *,
    is_careful: bool = False,
    activities_by_kind: Mapping[str, Any] | None = None,
) -> type[Workflow]:
    """The workflow of plans; a careful one lets its activities end when it is cancelled.

    What its activities do, those say that are given, by the kind of an item.
    """
    works = works_of(ledger) if activities_by_kind is None else activities_by_kind
    named = name

    class Planned(Workflow):
        name = named
        activities = tuple(works.values())
        children = tuple(bears)
        handles_cancel = is_careful

        def decide(self, process: Process) -> Iterator[Answer]:
            if process.is_cancel_requested and is_careful:
                unfinished = process.unfinished_activities()
                yield [CancelActivity(each.id) for each in unfinished]
                yield None if unfinished else CancelProcess()
                return
            stages, begun = process.input["stages"], _begun(process)
            while not process.is_ending and (not begun or _is_over(process, stages[begun - 1])):
                if begun == len(stages):
                    yield CompleteProcess([*process.input["told"], _told(process)])
                elif begun and {"kind": "run"} in stages[begun]:
                    yield ContinueAsNew(_next(process, stages[begun + 1 :]))
                else:
                    yield RecordMarker("stage", begun)
                    for item in stages[begun]:
                        yield _decision(process, works, item)
                    begun += 1

    return Planned


def works_of(ledger: Ledger, far_name: str = "Far") -> dict[str, Any]:
    """What can be done, by the kind of an item; what a queue is for has this name."""

    async def attempt(item: Json, *, at_most_once: bool = False, is_queued: bool = False) -> Any:
        here = current()
        ledger.begin(at_most_once=at_most_once, is_queued=is_queued)
        for number in range(item["beats"]):
            here.heartbeat(number)
            await asyncio.sleep(item["seconds"])
        if here.attempt <= item["fails"]:
            raise OSError("no power")
        if item["end"] == "abort":
            return ActivityAborted("enough")
        if item["writes"]:
            ledger.write("note", here.idempotency_key)
        return item["id"]

    again = Retry(attempts=ATTEMPTS, delay=0.5, jitter=0.0)

    @activity(name="Near", retry=again)
    async def near(item: Json) -> Any:
        return await attempt(item)

    @activity(name=far_name, retry=again, queue=QUEUE, heartbeat_timeout=600)
    async def far(item: Json) -> Any:
        return await attempt(item, is_queued=True)

    @activity(name="Once", retry=again, at_most_once=True)
    async def once(item: Json) -> Any:
        return await attempt(item, at_most_once=True)

    return {"near": near, "far": far, "once": once}


def _begun(process: Process) -> int:
    return len(process.history.of(e.MarkerRecorded))


def _signals(process: Process) -> set[str]:
    came = {each.name for each in process.history.of(e.SignalReceived)}
    return came.union(process.input["signals"])


def _is_over(process: Process, stage: Sequence[Json]) -> bool:
    waits = {item["name"] for item in stage if item["kind"] == "await"}
    is_open = process.unfinished_activities() or process.untriggered_timers() or process.children()
    return not is_open and waits <= _signals(process)


def _decision(process: Process, works: Mapping[str, Any], item: Json) -> Answer:
    match item["kind"]:
        case "timer":
            return StartTimer(item["seconds"], item["id"], id=item["id"])
        case "child":
            policy = item["policy"]
            return StartChildProcess(item["workflow"], item["input"], id=item["id"], policy=policy)
        case "tell":
            return SignalProcess(process.id, item["name"], item["id"])
        case "await":
            return None
        case kind:
            return ScheduleActivity(works[kind], item, id=item["id"], **item.get("limits", {}))


def _told(process: Process) -> list[Any]:
    """What has happened in this run, in an order that no chance decides."""
    found: list[tuple[str, Any]] = []
    for event in process.history:
        match event:
            case e.ActivityClosed(result=e.ActivityCompleted(result=result)):
                found.append((event.path, result))
            case e.ActivityClosed(result=result):
                found.append((event.path, type(result).__name__))
            case e.ChildClosed(path=path, status=status, result=result):
                found.append((path, [status, result]))
            case e.TimerFired(data=data):
                found.append((event.timer, data))
    return sorted(found, key=lambda each: each[0])


def _next(process: Process, left: Sequence[list[Json]]) -> Json:
    told = [*process.input["told"], _told(process)]
    return {"stages": left, "told": told, "signals": sorted(_signals(process))}


# -- plans -----------------------------------------------------------------------------------------


class Planner:
    """Writes random plans; what they start is called by numbers, so that no name comes twice."""

    def __init__(self, chance: random.Random, children: Sequence[tuple[str, Any]] = ()) -> None:
        self._chance = chance
        self._children = children
        self._number = 0

    def plan(self, longest: int = 3, *, has_runs: bool = True) -> Json:
        """An input."""
        chance = self._chance
        stages = [self._stage() for _ in range(chance.randint(1, longest))]
        if has_runs and chance.random() < 0.5:
            stages.insert(chance.randint(1, len(stages)), [{"kind": "run"}])
        return {"stages": stages, "told": [], "signals": []}

    def _stage(self) -> list[Json]:
        return [self._item() for _ in range(self._chance.randint(1, 4))]

    def _item(self) -> Json:
        chance = self._chance
        self._number += 1
        kinds = ["near", "near", "far", "far", "once", "timer", "await", "tell"]
        kind = chance.choice(kinds + ["child", "child"] * bool(self._children))
        item = {"kind": kind, "id": f"{kind}{self._number}"}
        match kind:
            case "timer":
                return item | {"seconds": chance.choice((0.0, 1.0, 5.0, 12.0))}
            case "await" | "tell":
                return item | {"name": chance.choice(NAMES) if kind == "await" else "own"}
            case "child":
                name, given = chance.choice(self._children)
                policy = chance.choice(("request_cancel", "terminate", "abandon"))
                return item | {"workflow": name, "input": given, "policy": policy}
        return item | {
            "beats": chance.choice((0, 1, 1, 3)),
            "seconds": chance.choice((0.0, 0.3, 2.0)),
            # what may begin once only ends in its first attempt as in any other
            "fails": 0 if kind == "once" else chance.choice((0, 0, 0, 1, 2, ATTEMPTS)),
            "end": chance.choice(("ok", "ok", "ok", "abort")),
            "writes": chance.random() < 0.3,
        }


def awaited(given: Json) -> list[str]:
    """The signals that a plan waits for."""
    items: Iterable[Json] = (item for stage in given["stages"] for item in stage)
    return sorted({item["name"] for item in items if item["kind"] == "await"})
