"""Transitions per second: of one machine in memory, beside two libraries, and of 500 in a file.

Each library gets the same machine, written as its own users would. They move a value and remember
nothing; ours gives facts, which could be written down.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import floor
from benchmarks.figures import Figure, Size, at_least, only
from benchmarks.flows import INPUT
from benchmarks.throughput import NOW, Run
from corago import AsyncEngine
from corago.core import decisions as d
from corago.core import events as e
from corago.core import history as fold
from corago.core import kernel
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.core.program import Snapshot
from corago.machine import Machine, State, define

STATES = 10

Runner = Callable[[int], float]
"""Makes so many rounds of a machine's events, and gives the transitions per second."""


# -- the same two machines, three times ------------------------------------------------------------

DOOR_EVENTS = ("open", "close")
TANK_EVENTS = (*("add",) * 10, "drain")
LEVELS = 9


class Door(Machine):
    closed, opened, locked = State(initial=True), State(), State()
    closed.on("open").to(opened)
    opened.on("close").to(closed)
    closed.on("lock").to(locked)
    locked.on("unlock").to(closed)


class Tank(Machine):
    class Internal:
        level: int = 0

    filling, full = State(initial=True), State()
    filling.on("add").when("internal.level < 9").set({"internal.level": "internal.level + 1"}).to(
        filling
    )
    filling.on("add").unless("internal.level < 9").to(full)
    full.on("drain").when("internal.level > 0").set({"internal.level": 0}).to(filling)


class TankModel:
    """What the libraries' guards look at and their actions change."""

    def __init__(self) -> None:
        self.level = 0

    def has_room(self) -> bool:
        return self.level < LEVELS

    def has_some(self) -> bool:
        return self.level > 0

    def fill(self) -> None:
        self.level += 1

    def empty(self) -> None:
        self.level = 0


def _statemachine(which: str) -> Any:
    library: Any = import_module("statemachine")
    state, base = library.State, library.StateMachine
    if which == "door":
        closed, opened, locked = state(initial=True), state(), state()
        body = {
            "closed": closed,
            "opened": opened,
            "locked": locked,
            "open": closed.to(opened),
            "close": opened.to(closed),
            "lock": closed.to(locked),
            "unlock": locked.to(closed),
        }
        return type(base)("Door", (base,), body)()
    filling, full = state(initial=True), state()
    body = {
        "filling": filling,
        "full": full,
        "add": filling.to(filling, cond="has_room", on="fill")
        | filling.to(full, unless="has_room"),
        "drain": full.to(filling, cond="has_some", on="empty"),
    }
    return type(base)("Tank", (base,), body)(TankModel())


def _transitions(which: str) -> Any:
    library: Any = import_module("transitions")
    model = TankModel()
    if which == "door":
        edges: list[Any] = [
            ["open", "closed", "opened"],
            ["close", "opened", "closed"],
            ["lock", "closed", "locked"],
            ["unlock", "locked", "closed"],
        ]
        states = ["closed", "opened", "locked"]
    else:
        same = {"trigger": "add", "source": "filling"}
        edges = [
            {**same, "dest": "filling", "conditions": "has_room", "after": "fill"},
            {**same, "dest": "full", "unless": "has_room"},
            {
                "trigger": "drain",
                "source": "full",
                "dest": "filling",
                "conditions": "has_some",
                "after": "empty",
            },
        ]
        states = ["filling", "full"]
    library.Machine(
        model, states=states, transitions=edges, initial=states[0], auto_transitions=False
    )
    return model


LIBRARIES = {
    "python-statemachine": ("statemachine", _statemachine, "send"),
    "transitions": ("transitions", _transitions, "trigger"),
}
"""By name on the package index: the module, who makes a machine of it, and how it takes events."""

MOVING, RECORDED = "moving", "recorded"

SLICE = 22
"""Transitions in one turn: less than a system lets a program run before it looks at the others."""


# -- one machine in memory -------------------------------------------------------------------------


def _library(name: str, which: str, events: tuple[str, ...]) -> Runner:
    _, make, word = LIBRARIES[name]
    take = getattr(make(which), word)

    def run(rounds: int) -> float:
        begun = time.perf_counter()
        for _ in range(rounds):
            for event in events:
                take(event)
        return rounds * len(events) / (time.perf_counter() - begun)

    return run


def _moving(machine: type[Machine], events: tuple[str, ...]) -> Runner:
    """The machine alone: an event in, facts and the next state out, until it wants nothing new."""
    program, calls = machine.program, LiveCalls({})
    first = _first(machine).state

    def run(rounds: int) -> float:
        state = first
        begun = time.perf_counter()
        for _ in range(rounds):
            for event in events:
                state = program.evolve(state, e.SignalReceived(position=3, at=NOW, name=event))
                while type(wish := program.decide(state, calls)[0]) is d.RecordFact:
                    state = program.evolve(state, wish.fact.event(4, NOW))
        took = time.perf_counter() - begun
        assert sum(state.visits.values()) == 1 + rounds * len(events)
        return rounds * len(events) / took

    return run


def _recorded(machine: type[Machine], events: tuple[str, ...]) -> Runner:
    """The same with all that a process keeps: positions, status, what it waits for."""
    program, calls, first = machine.program, LiveCalls({}), _first(machine)
    messages = [(m.Signal(event),) for event in events]

    def run(rounds: int) -> float:
        snapshot = first
        begun = time.perf_counter()
        for _ in range(rounds):
            for message in messages:
                snapshot = kernel.advance(program, snapshot, message, NOW, calls).snapshot
        took = time.perf_counter() - begun
        assert snapshot.process.position == first.process.position + 2 * rounds * len(events)
        return rounds * len(events) / took

    return run


def _first(machine: type[Machine]) -> Snapshot:
    started = e.ProcessStarted(
        position=1, at=NOW, process_id="p", workflow=machine.name, sha=machine.sha, input={}
    )
    begun = fold.begin(machine.program, started)
    return kernel.advance(machine.program, begun, (), NOW, LiveCalls({})).snapshot


def machine_pure(_: Path, size: Size) -> list[Figure]:
    """One machine without a store, beside the libraries."""
    return [*_beside("door", Door, DOOR_EVENTS, size), *_beside("tank", Tank, TANK_EVENTS, size)]


def _beside(
    which: str, machine: type[Machine], events: tuple[str, ...], size: Size
) -> list[Figure]:
    runners = {MOVING: _moving(machine, events), RECORDED: _recorded(machine, events)}
    missing = [name for name, (module, *_) in LIBRARIES.items() if find_spec(module) is None]
    for name in LIBRARIES:
        if name not in missing:
            runners[name] = _library(name, which, events)
    found: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(size.of(400, 2)):
        for name, run in runners.items():  # in short turns, so that a busy moment meets all of them
            found[name].append(run(max(1, SLICE // len(events))))
    speeds = {name: statistics.median(each) for name, each in found.items()}
    moving, recorded = speeds.pop(MOVING), speeds.pop(RECORDED)
    note = f"{1e6 / moving:.1f} µs a transition"
    figures = [
        at_least(f"{which}: {name}", moving, speed, least=1, unit="moves/s", note=note)
        for name, speed in speeds.items()
    ]
    for name in missing:
        absent = f"{name} is not here, so nothing is compared: pip install 'corago[bench]'"
        figures.append(only(f"{which}: {name}", moving, 0.0, "moves/s", absent))
    said = f"kernel.advance, {1e6 / recorded:.1f} µs; floor: the machine alone"
    return [*figures, only(f"{which}: as a process", recorded, moving, "moves/s", said)]


# -- many machines in a file -----------------------------------------------------------------------


async def count_on(count: int, payload: dict[str, Any]) -> dict[str, Any]:
    return {"count": count + 1, "payload": payload}


ARGS = {key: f"external.{key}" for key in INPUT}


def _chain(name: str, edge: Callable[[str], Mapping[str, Any]]) -> type[Machine]:
    """A machine of so many states in a row; `edge` says how one leads to the next."""
    names = [*(f"state_{n}" for n in range(STATES)), "done"]
    states = {one: edge(then) for one, then in pairwise(names)}
    external = {"count": "integer", "payload": "object"}
    document = {
        "name": name,
        "initial": names[0],
        "external": external,
        "states": {**states, "done": {"terminal": True}},
    }
    return define(document, {"count_on": count_on})


def working() -> type[Machine]:
    """Every state runs a no-op activity, and its end leads on."""
    run = {"activity": "count_on", "args": ARGS}
    change = {"external.count": "result.count", "external.payload": "result.payload"}
    return _chain("working", lambda to: {"run": run, "done": [{"set": change, "to": to}]})


def told() -> type[Machine]:
    """Every state waits for an event."""
    return _chain("told", lambda to: {"on": [{"event": "go", "to": to}]})


async def _all_of(engine: AsyncEngine, machine: type[Machine], count: int) -> None:
    handles = await engine.start_many(machine, [INPUT] * count, window=count)
    if machine.name == "told":
        for _ in range(STATES):
            await asyncio.gather(*(engine.signal(handle.id, "go") for handle in handles))
    for handle in handles:
        await handle.result()


async def _in_flight(path: Path, machine: type[Machine], processes: int) -> Run:
    with ExitStack() as after:
        async with AsyncEngine(
            f"sqlite:///{path}", workflows=[machine], concurrency=processes
        ) as engine:
            await _all_of(engine, machine, max(1, processes // 10))
            commits = after.enter_context(floor.counted(path))
            gc.collect()
            before, begun, used = commits(), time.perf_counter(), time.process_time()
            await _all_of(engine, machine, processes)
            took, used = time.perf_counter() - begun, time.process_time() - used
            written = commits() - before
    moves = processes * STATES
    return Run(moves / took, used / moves * 1e6, processes * (STATES + 1) / written)


def machine_durable(folder: Path, size: Size) -> list[Figure]:
    """500 machines x 10 transitions in flight: by work that ends, and by signals."""
    processes, figures = size.of(500, 20), []
    for machine in (working(), told()):
        path = folder / f"{machine.name}.db"
        ours = asyncio.run(_in_flight(path, machine, processes))
        writes = floor.recorded(path, processes)
        bare = floor.replay(
            path.with_name(f"floor-{machine.name}.db"), writes, max(1, round(ours.group))
        )
        note = f"{ours.cpu:.0f} µs CPU/move, {ours.group:.0f} writes/commit"
        speed = processes * STATES / bare.seconds
        if machine.name == "working":
            name = "machine, work, 500"
            figures.append(at_least(name, ours.speed, speed, least=0.2, unit="moves/s", note=note))
        else:
            figures.append(only("machine, signals, 500", ours.speed, speed, "moves/s", note))
    return figures
