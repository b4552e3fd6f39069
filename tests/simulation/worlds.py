"""Random step lists, a ledger of what they did.

And a client that drives them through a world where workers die.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from corago.core import codec
from corago.core import events as e
from corago.core.history import History, fold
from corago.errors import CommandRefusedError, ProcessClosedError
from corago.ports.store import Query
from corago.runtime.engine import EngineCore
from corago.steps.program import StepsProgram
from corago.testing.simulator import Simulation, VirtualLoop
from tests.simulation.lists import ITEMS, QUEUE, RandomWorkflow, predecessors, random_workflow

KINDS = {"steps": StepsProgram}


@dataclass
class Ledger:
    """What the steps did, kept outside the store, with the rules that every start must keep."""

    simulation: Simulation
    workflow: RandomWorkflow
    starts: list[tuple[str, str, int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def begin(self, process_id: str, path: str, attempt: int) -> None:
        self.starts.append((process_id, path, attempt))
        history = self.history(process_id)
        workflow = self.of(history)
        done = {
            event.path
            for event in history
            if isinstance(event, e.ActivityClosed) and isinstance(event.result, e.ActivityCompleted)
        }
        if path in done:
            self.faults.append(f"{path} ran again after it was recorded")
        node, _ = workflow.program.nodes.find(path) or (None, ())
        assert node is not None
        if node.element.get("at_most_once"):
            if self.starts.count((process_id, path, attempt)) > 1:
                self.faults.append(f"{path} ran more than once in attempt {attempt}")
            kind = e.ActivityScheduled if "queue" in node.element else e.ActivityStarted
            if not any(
                isinstance(event, kind) and (event.path, event.attempt) == (path, attempt)
                for event in history
            ):
                self.faults.append(f"{path} started before its start was recorded")
        for before in predecessors(workflow, path):
            if before not in done:
                self.faults.append(f"{path} started before {before} was recorded")

    def of(self, history: History) -> RandomWorkflow:
        """The workflow that a process of this history follows."""
        started = history[0]
        assert isinstance(started, e.ProcessStarted)
        flows: tuple[RandomWorkflow, ...] = (self.workflow, *self.workflow.children)
        return next(each for each in flows if each.name == started.workflow)

    def processes(self) -> list[str]:
        """Every process of the world, children included."""
        rows = asyncio_free(self.simulation.store.find(Query(limit=1000)))
        return [row.process_id for row in rows]

    def history(self, process_id: str) -> History:
        rows = asyncio_free(self.simulation.store.events(process_id))
        return History(map(codec.decode_event, rows))


def asyncio_free(coroutine: Any) -> Any:
    """The answer of a coroutine that never waits (the memory store's)."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the memory store waited")


@dataclass(frozen=True)
class Plan:
    """How a world treats its workers; with `queued`, all but one serve the queue.

    Lists that `nests` have lists of every kind in them, and children; if it `cancels`, every
    process is asked to stop at some time.
    """

    deaths: int = 0
    failure_rate: float = 0.0
    workers: int = 2
    processes: int = 3
    queued: float = 0.0
    nests: bool = False
    cancels: bool = False


def play(seed: int, plan: Plan) -> tuple[dict[str, Any], Ledger]:
    """The final States of all processes of a world, and the ledger."""
    chance = random.Random(seed)
    ledgers: list[Ledger] = []
    workflow = random_workflow(chance, ledgers, plan.queued, nests=plan.nests)
    simulation = Simulation(
        seed * 7919 + plan.deaths,
        [workflow, *workflow.children],
        KINDS,
        failure_rate=plan.failure_rate,
        lease=timedelta(seconds=6),
    )
    ledgers.append(Ledger(simulation, workflow))
    states = simulation.run(_story(simulation, workflow, plan), limit=timedelta(hours=2))
    return states, ledgers[0]


async def _story(simulation: Simulation, workflow: RandomWorkflow, plan: Plan) -> dict[str, Any]:
    client = simulation.node("client")
    keeper = asyncio.get_running_loop().create_task(_keep_workers(simulation, plan))
    told = client.spawn(_client(simulation, client, workflow, plan))
    states = await told
    keeper.cancel()
    return states


async def _keep_workers(simulation: Simulation, plan: Plan) -> None:
    """Let workers be born; the first ones die, later ones live."""
    chance, left = simulation.random, plan.deaths
    alive: list[Any] = []
    number = 0
    while True:
        alive = [node for node in alive if not node.is_dead]
        while len(alive) < plan.workers:
            number += 1
            is_driver = plan.queued and all(each.queues for each in alive) and plan.workers > 1
            node = simulation.node(f"worker{number}", () if is_driver else (QUEUE,))
            if left:
                left -= 1
                if chance.random() < 0.5:
                    node.dies_at_await = chance.randint(1, 400)
                else:
                    node.dies_at_call = chance.randint(1, 60)
            node.spawn(simulation.worker(node))
            alive.append(node)
        await asyncio.sleep(chance.choice((0.05, 1.0, 5.0)))


async def _client(
    simulation: Simulation, client: Any, workflow: RandomWorkflow, plan: Plan
) -> dict[str, Any]:
    chance = simulation.random
    async with simulation.engine(client, has_worker=False) as engine:
        ids = [f"p{number}" for number in range(plan.processes)]
        for process_id in ids:
            await engine.start(workflow, {"given": process_id, "items": ITEMS}, id=process_id)
        if plan.cancels:
            return {process_id: await _stop(engine, process_id) for process_id in ids}
        for process_id in ids:
            for number, name in enumerate(workflow.signals):
                await asyncio.sleep(chance.choice((0.0, 0.5, 20.0)))
                for _ in range(chance.randint(1, 2)):
                    with contextlib.suppress(ProcessClosedError):
                        await engine.signal(process_id, name, name, key=f"{process_id}{number}")
        return {process_id: await _finish(engine, process_id) for process_id in ids}


async def _stop(engine: EngineCore, process_id: str) -> Any:
    """Let a process run for a while, then ask it to stop."""
    end = simulation_seconds() + simulation_seconds() % 1.7 * 10
    while simulation_seconds() < end:
        await _look_after(engine, process_id)
        await asyncio.sleep(0.3)
    with contextlib.suppress(CommandRefusedError):
        await engine.cancel(process_id)
    return await _finish(engine, process_id)


async def _look_after(engine: EngineCore, process_id: str) -> str:
    """Give a process and its children what they need; gives its status."""
    info = await engine.info(process_id)
    for wait in info.waits:
        if wait.kind == "child":
            await _look_after(engine, wait.detail)
        elif wait.kind == "signal":
            key = f"{wait.detail} at position {info.position}"
            with contextlib.suppress(ProcessClosedError):
                await engine.signal(process_id, wait.detail, wait.detail, key=key)
    if info.status in ("suspended", "failed"):
        with contextlib.suppress(CommandRefusedError, ProcessClosedError):
            await engine.retry(process_id, actor="operator")
    return info.status


async def _finish(engine: EngineCore, process_id: str) -> Any:
    """Wait for a process, and be its operator where one is needed."""
    while True:
        status = await _look_after(engine, process_id)
        if status in ("completed", "canceled"):
            return (await engine.info(process_id)).result
        if status in e.CLOSED_STATUSES and status != "failed":
            raise AssertionError(f"{process_id} is {status}")
        await asyncio.sleep(0.7)
        if simulation_seconds() > 3600:
            info = await engine.info(process_id)
            raise AssertionError(f"stuck: {await engine.explain(process_id)}; {info}")


def simulation_seconds() -> float:
    return asyncio.get_running_loop().time()


def check(ledger: Ledger, states: dict[str, Any]) -> list[str]:
    """What is wrong with a finished world."""
    faults = list(ledger.faults)
    for process_id in ledger.processes():
        history = ledger.history(process_id)
        faults += [f"{process_id}: {fault}" for fault in _check(ledger, history)]
        result = fold(ledger.of(history).program, history).process.result
        if process_id in states and result != states[process_id]:
            faults.append(f"{process_id}: the fold of the history has another result")
    return faults


def _check(ledger: Ledger, history: History) -> Iterator[str]:
    ends = [event for event in history if isinstance(event, e.ActivityClosed)]
    keys = [(event.path, event.attempt) for event in ends]
    if len(keys) != len(set(keys)):
        yield f"an outcome was recorded twice: {keys}"
    due = {event.timer: event.due for event in history if isinstance(event, e.TimerStarted)}
    fired = [event for event in history if isinstance(event, e.TimerFired)]
    if len({event.timer for event in fired}) != len(fired):
        yield "a timer fired twice"
    for event in fired:
        if event.at < due[event.timer]:
            yield f"{event.timer} fired early"
    if any(after.at < before.at for before, after in itertools.pairwise(history)):
        yield "time went back"
    received = [event.key for event in history if isinstance(event, e.SignalReceived)]
    if len(received) != len(set(received)):
        yield "a signal was received twice"
    yield from _check_family(ledger, history)
    if isinstance(_end(history), e.ProcessCanceled):
        nodes = ledger.of(history).program.nodes
        done = [each.path for each in ends if isinstance(each.result, e.ActivityCompleted)]
        steps = [path for path in done if (found := nodes.find(path)) and found[0].undo]
        undone = [path for path in done if (found := nodes.find(path)) and found[0].kind == "undo"]
        if undone != [f"{path}/undo" for path in reversed(steps)]:
            yield f"of {steps} was taken back {undone}"


def _end(history: History) -> e.Event | None:
    """The closing event of a closed process, which may have refused a command since."""
    events = [event for event in history if not isinstance(event, e.CommandRefused)]
    return events[-1] if type(events[-1]) in e.CLOSING else None


def _check_family(ledger: Ledger, history: History) -> Iterator[str]:
    """Whether every child was born once, and ended before its parent did."""
    end = _end(history)
    if end is None:
        yield f"it ends with {history[-1]}"
        return
    born = history.of(e.ChildStarted)
    if len({event.child for event in born}) != len(born):
        yield "a child was started twice"
    for event in born:
        own = ledger.history(event.child)
        started, ended = own[0], _end(own)
        if not isinstance(started, e.ProcessStarted) or started.parent_path != event.path:
            yield f"{event.child} has another parent"
        if ended is None or ended.at > end.at:
            yield f"{event.child} ended after its parent"


__all__ = ["KINDS", "Plan", "VirtualLoop", "check", "play"]
