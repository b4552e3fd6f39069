"""Deciders in a world where workers die at any await, and where the store fails by chance."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from corago import Retry
from corago.core import events as e
from corago.core.history import fold
from corago.decider import (
    Activity,
    ActivityEnded,
    CompleteProcess,
    ContinueAsNew,
    Process,
    ScheduleActivity,
    SignalProcess,
    StartChildProcess,
    StartTimer,
    Workflow,
)
from corago.errors import CommandRefusedError, ProcessClosedError
from corago.runtime.engine import EngineCore
from corago.testing import replay
from corago.testing.simulator import Node, Simulation
from corago.wiring import KINDS

QUEUE = "stock"
NAMES = ("a", "b", "c")


class Work(Activity):
    retry = Retry(attempts=4, delay=0.5, jitter=0.0)
    start_to_close = 60

    async def execute(self) -> Any:
        for number in range(3):
            self.heartbeat(number)
            await asyncio.sleep(0.4)
        if self.attempt < self.input["fails"]:
            raise OSError("no power")
        return self.input["name"]


class Far(Work):
    queue = QUEUE
    heartbeat_timeout = 20


class Leaf(Workflow):
    activities = [Work]

    def decide(self, process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    yield ScheduleActivity(Work, {"name": process.input, "fails": 2})
                case ActivityEnded():
                    yield CompleteProcess(event.value)


class Tree(Workflow):
    """Waits for two activities, a child, a timer and its signals; and again in another run."""

    activities = [Work, Far]
    children = [Leaf]

    def decide(self, process: Process) -> Iterator[Any]:
        for event in process.unseen_events():
            yield from self.begin(process) if isinstance(event, e.ProcessStarted) else ()
        yield from self.end(process)

    def begin(self, process: Process) -> Iterator[Any]:
        yield ScheduleActivity(Work, {"name": "near", "fails": 1})
        yield ScheduleActivity(Far, {"name": "far", "fails": 3})
        yield StartChildProcess(Leaf, "leaf", id="leaf")
        yield StartTimer(5, "tick")
        yield SignalProcess(process.id, "own", process.run)

    def end(self, process: Process) -> Iterator[Any]:
        is_open = process.unfinished_activities() or process.untriggered_timers()
        if is_open or process.children() or process.is_ending:
            return
        told = self.told(process)
        if process.run == 1 and "own" in told["signals"]:
            yield ContinueAsNew([told])
        elif process.run > 1 and {"own", *NAMES} <= set(self.all_signals(process, told)):
            yield CompleteProcess([*process.input, told])

    def told(self, process: Process) -> dict[str, Any]:
        signals = [each.name for each in process.history if isinstance(each, e.SignalReceived)]
        return {
            "activities": sorted(each.value for each in process.completed_activities()),
            "children": [each.result for each in process.completed_children()],
            "timers": [v.data for v in process.history if isinstance(v, e.TimerFired)],
            "signals": signals,
        }

    def all_signals(self, process: Process, told: dict[str, Any]) -> list[str]:
        return [name for each in [*process.input, told] for name in each["signals"]]


def summary(result: Any) -> Any:
    """What is the same however the signals fell upon the runs."""
    signals = Counter(name for run in result for name in run.pop("signals"))
    return result, signals


def play(seed: int, deaths: int, failure_rate: float) -> tuple[Any, list[str]]:
    """The results of all processes of a world, and what is wrong with their histories."""
    simulation = Simulation(
        seed, [Tree, Leaf], KINDS, failure_rate=failure_rate, lease=timedelta(seconds=6)
    )
    return simulation.run(_story(simulation, deaths), limit=timedelta(hours=2))


async def _story(simulation: Simulation, deaths: int) -> tuple[Any, list[str]]:
    client = simulation.node("client")
    keeper = asyncio.get_running_loop().create_task(_keep_workers(simulation, deaths))
    told = await client.spawn(_client(simulation, client))
    keeper.cancel()
    return told


async def _keep_workers(simulation: Simulation, deaths: int) -> None:
    chance, left, number = simulation.random, deaths, 0
    alive: list[Node] = []
    while True:
        alive = [node for node in alive if not node.is_dead]
        while len(alive) < 3:
            number += 1
            is_driver = all(each.queues for each in alive)
            node = simulation.node(f"worker{number}", () if is_driver else (QUEUE,))
            if left:
                left -= 1
                if chance.random() < 0.5:
                    node.dies_at_await = chance.randint(1, 600)
                else:
                    node.dies_at_call = chance.randint(1, 90)
            node.spawn(simulation.worker(node))
            alive.append(node)
        await asyncio.sleep(chance.choice((0.05, 1.0, 5.0)))


async def _client(simulation: Simulation, client: Node) -> tuple[Any, list[str]]:
    chance, ids, faults = simulation.random, ("p0", "p1"), list[str]()
    async with simulation.engine(client, has_worker=False) as engine:
        for id in ids:
            await engine.start(Tree, [], id=id)
        for name in NAMES:
            for id in ids:
                await asyncio.sleep(chance.choice((0.0, 0.5, 4.0)))
                for _ in range(chance.randint(1, 2)):
                    await engine.signal(id, name, key=f"{name} for {id}")
        results = [summary(await _finished(engine, id)) for id in ids]
        for id in ids:
            faults += await _faults(engine, id)
        return results, faults


async def _finished(engine: EngineCore, id: str) -> Any:
    """Wait for a process, and be the operator of it and of its children."""
    while True:
        info = await engine.info(id)
        for each in (info, *[await engine.info(w.detail) for w in info.waits if w.kind == "child"]):
            if each.status == "suspended":
                with contextlib.suppress(CommandRefusedError, ProcessClosedError):
                    await engine.retry(each.id)
        if info.status == "completed":
            return info.result
        assert asyncio.get_running_loop().time() < 3600, f"stuck: {await engine.explain(id)}"
        await asyncio.sleep(0.7)


async def _faults(engine: EngineCore, id: str) -> list[str]:
    history, faults = await engine.history(id), list[str]()
    ends = [(each.path, each.occurrence) for each in history.of(e.ActivityClosed)]
    if len(ends) != len(set(ends)):
        faults.append(f"{id}: an activity was closed twice")
    scheduled = [(v.path, v.occurrence) for v in history.of(e.ActivityScheduled) if v.activity]
    if sorted(scheduled) != sorted(ends):
        faults.append(f"{id}: {scheduled} were scheduled, {ends} ended")
    keys = [each.key for each in history.of(e.SignalReceived) if each.key]
    if len(keys) != len(set(keys)):
        faults.append(f"{id}: a signal was received twice")
    if fold(Tree.program, history).process.result != (await engine.info(id)).result:
        faults.append(f"{id}: the fold of the history has another result")
    replay(history, Tree)
    return faults


@pytest.mark.parametrize("seed", range(40))
def test_a_world_of_dying_workers_ends_as_a_world_where_nobody_dies(seed: int) -> None:
    calm, calm_faults = play(seed, 0, 0.0)
    wild, wild_faults = play(seed, 5, 0.05)
    assert calm_faults == wild_faults == []
    assert wild == calm
