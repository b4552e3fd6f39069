"""Random step lists, a ledger of what they did.

And a client that drives them through a world where workers die.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from corago.activity import ActivityFunction, current
from corago.core import codec
from corago.core import events as e
from corago.core.history import History, fold
from corago.errors import CommandRefusedError, ProcessClosedError
from corago.runtime.engine import EngineCore
from corago.steps.program import StepsProgram
from corago.testing.simulator import Simulation, VirtualLoop

KINDS = {"steps": StepsProgram}


@dataclass(frozen=True)
class RandomWorkflow:
    """A workflow made by chance; its functions write into the ledger that is set for a run."""

    name: str
    document: Mapping[str, Any]
    functions: dict[str, Any]
    version: int = 1
    timeout: float | None = None
    children: tuple[Any, ...] = ()

    @property
    def sha(self) -> str:
        return hashlib.sha256(codec.canonical(self.document)).hexdigest()

    @property
    def program(self) -> StepsProgram:
        return StepsProgram(self.document)

    @property
    def signals(self) -> list[str]:
        nodes = self.program.nodes.values()
        return [node.element["signal"] for node in nodes if node.kind == "wait_for"]


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
        done = {
            event.path
            for event in history
            if isinstance(event, e.ActivityClosed) and isinstance(event.result, e.ActivityCompleted)
        }
        if path in done:
            self.faults.append(f"{path} ran again after it was recorded")
        node = self.workflow.program.nodes[path]
        if node.element.get("at_most_once"):
            if self.starts.count((process_id, path, attempt)) > 1:
                self.faults.append(f"{path} ran more than once in attempt {attempt}")
            if not any(
                isinstance(event, e.ActivityStarted)
                and (event.path, event.attempt) == (path, attempt)
                for event in history
            ):
                self.faults.append(f"{path} started before its start was recorded")
        for before in predecessors(self.workflow, path):
            if before not in done:
                self.faults.append(f"{path} started before {before} was recorded")

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


def predecessors(workflow: RandomWorkflow, path: str) -> list[str]:
    """The unguarded steps that stand before `path` in its own list."""
    program = workflow.program
    node, found = program.nodes[path], []
    for other in program.nodes.values():
        if other.following is None or other.route != node.route:
            continue
        follower: str | None = other.following
        while follower is not None and follower != path:
            follower = program.nodes[follower].following
        if follower == path and other.kind == "step" and not other.guards:
            found.append(other.path)
    return found


def random_workflow(chance: random.Random, ledger_of: list[Ledger]) -> RandomWorkflow:
    """A list of up to a dozen elements, at most two parallels deep."""
    elements = [
        {"kind": "init", "name": "Start"},
        *_elements(chance, chance.randint(2, 6), 0),
        {"kind": "done", "name": "Done"},
    ]
    document = {"kind": "steps", "name": "random", "version": 1, "steps": elements}
    functions: dict[str, Any] = {}
    for node in StepsProgram(document).nodes.values():
        for question in range(node.guards):
            functions[f"{node.path}?{question}"] = _predicate(answer=chance.random() < 0.7)
        if node.kind == "step":
            functions[node.path] = _step(
                chance, node.path, is_flaky=node.retry is not None, ledger_of=ledger_of
            )
    return RandomWorkflow("random", document, functions)


def _elements(chance: random.Random, count: int, depth: int) -> list[dict[str, Any]]:
    return [_element(chance, index, depth) for index in range(count)]


def _element(chance: random.Random, index: int, depth: int) -> dict[str, Any]:
    kinds = ["step"] * 6 + ["sleep", "wait_for"] + (["parallel"] * 2 if depth < 2 else [])
    kind = chance.choice(kinds)
    element: dict[str, Any] = {"kind": kind, "name": f"{kind}{index}"}
    if chance.random() < 0.25:
        element["guards"] = ["maybe"] * chance.randint(1, 2)
    if kind == "sleep":
        element["seconds"] = chance.choice((0.0, 0.3, 2.0, 40.0))
    elif kind == "wait_for":
        element["signal"] = f"signal{chance.randint(0, 2)}"
        element["into"] = f"{element['signal']} at {depth}.{index}.{chance.random():.9f}"
    elif kind == "parallel":
        element["branches"] = [
            _elements(chance, chance.randint(1, 3), depth + 1) for _ in range(chance.randint(1, 3))
        ]
    elif chance.random() < 0.3:
        element["retry"] = {"attempts": 4, "delay": chance.choice((0.1, 1.0, 3.0))}
    elif chance.random() < 0.3:
        element["at_most_once"] = True
    return element


def _predicate(*, answer: bool) -> Any:
    return lambda values: answer


def _step(
    chance: random.Random, path: str, *, is_flaky: bool, ledger_of: list[Ledger]
) -> ActivityFunction:
    fails_until = chance.randint(1, 3) if is_flaky else 1
    seconds = chance.choice((0.0, 0.0, 0.01, 1.0, 12.0))

    def begin() -> None:
        here = current()
        ledger_of[0].begin(here.process_id, path, here.attempt)
        if here.attempt < fails_until:
            raise ConnectionError("not yet")

    async def slow(**_: Any) -> dict[str, Any]:
        begin()
        await asyncio.sleep(seconds)
        return {path: "done"}

    def quick(**_: Any) -> dict[str, Any]:
        begin()
        return {path: "done"}

    is_async = chance.random() < 0.7
    return ActivityFunction(
        path, slow if is_async else quick, is_async, lambda view: {}, lambda r: r
    )


@dataclass(frozen=True)
class Plan:
    """How a world treats its workers."""

    deaths: int = 0
    failure_rate: float = 0.0
    workers: int = 2
    processes: int = 3


def play(seed: int, plan: Plan) -> tuple[dict[str, Any], Ledger]:
    """The final States of all processes of a world, and the ledger."""
    chance = random.Random(seed)
    ledgers: list[Ledger] = []
    workflow = random_workflow(chance, ledgers)
    simulation = Simulation(
        seed * 7919 + plan.deaths,
        [workflow],
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
            node = simulation.node(f"worker{number}")
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
            await engine.start(workflow, {"given": process_id}, id=process_id)
        for process_id in ids:
            for number, name in enumerate(workflow.signals):
                await asyncio.sleep(chance.choice((0.0, 0.5, 20.0)))
                for _ in range(chance.randint(1, 2)):
                    with contextlib.suppress(ProcessClosedError):
                        await engine.signal(process_id, name, name, key=f"{process_id}{number}")
        return {process_id: await _finish(engine, process_id) for process_id in ids}


async def _finish(engine: EngineCore, process_id: str) -> Any:
    """Wait for a process, and be its operator where one is needed."""
    while True:
        info = await engine.info(process_id)
        if info.status == "completed":
            return info.result
        if info.status in e.CLOSED_STATUSES and info.status != "failed":
            raise AssertionError(f"{process_id} is {info.status}")
        if info.status in ("suspended", "failed"):
            with contextlib.suppress(CommandRefusedError, ProcessClosedError):
                await engine.retry(process_id, actor="operator")
        await asyncio.sleep(0.7)
        if simulation_seconds() > 3600:
            raise AssertionError(f"stuck: {await engine.explain(process_id)}; {info}")


def simulation_seconds() -> float:
    return asyncio.get_running_loop().time()


def check(ledger: Ledger, states: dict[str, Any]) -> list[str]:
    """What is wrong with a finished world."""
    faults = list(ledger.faults)
    program = ledger.workflow.program
    for process_id, state in states.items():
        history = ledger.history(process_id)
        ends = [event for event in history if isinstance(event, e.ActivityClosed)]
        keys = [(event.path, event.attempt) for event in ends]
        if len(keys) != len(set(keys)):
            faults.append(f"{process_id}: an outcome was recorded twice: {keys}")
        due = {event.timer: event.due for event in history if isinstance(event, e.TimerStarted)}
        fired = [event for event in history if isinstance(event, e.TimerFired)]
        if len({event.timer for event in fired}) != len(fired):
            faults.append(f"{process_id}: a timer fired twice")
        faults += [
            f"{process_id}: {event.timer} fired early"
            for event in fired
            if event.at < due[event.timer]
        ]
        if any(after.at < before.at for before, after in itertools.pairwise(history)):
            faults.append(f"{process_id}: time went back")
        received = [event.key for event in history if isinstance(event, e.SignalReceived)]
        if len(received) != len(set(received)):
            faults.append(f"{process_id}: a signal was received twice")
        if fold(program, history).process.result != state:
            faults.append(f"{process_id}: the fold of the history has another result")
    return faults


__all__ = ["KINDS", "Plan", "VirtualLoop", "check", "play"]
