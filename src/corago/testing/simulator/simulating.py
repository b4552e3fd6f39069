"""Your workflow in simulated worlds: whatever goes wrong there, it ends as in a calm one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from corago.clock import NEVER
from corago.core.events import CLOSED_STATUSES
from corago.errors import CommandRefusedError, ProcessClosedError
from corago.runtime.engine import EngineCore
from corago.runtime.settings import Workflow
from corago.runtime.views import ProcessInfo
from corago.testing.operating import Operator, Signals
from corago.testing.simulator.clients import Client
from corago.testing.simulator.faults import AIMED, ROUGH, Fault, Kind, Weather
from corago.testing.simulator.shrinking import Played, judge
from corago.testing.simulator.simulation import Simulation

LEAST_SECONDS, MOST_SECONDS = 0.05, 5.0
"""How long the client waits between two looks, of virtual time."""

LATE_LOOKS = 24
"""So often it looks again whether anything still runs when all processes have ended."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """How a wild world went, in which nothing was wrong.

    Attributes:
        seed: of the world.
        ends: each process by its id, as it was at the end.
        happened: the faults that did happen, in their order.
        trace: lines, each with its virtual seconds: what reached the disk, and all that happened.
    """

    seed: int
    ends: Mapping[str, ProcessInfo]
    happened: tuple[Fault, ...]
    trace: tuple[str, ...]

    def __str__(self) -> str:
        """Tell it in a line."""
        ends = ", ".join(f"{id} {info.status}" for id, info in self.ends.items())
        return f"seed {self.seed}: {ends}; {len(self.happened)} faults happened"


def simulate(
    workflow: Workflow,
    input: Any = None,
    *,
    signals: Signals | None = None,
    also: Iterable[Workflow] = (),
    retries: int = 0,
    processes: int = 2,
    workers: int = 2,
    weather: Weather = ROUGH,
    faults: Iterable[Fault] | None = None,
    seeds: Iterable[int] = range(20),
    prepare: Callable[[], object] = lambda: None,
    forget: Callable[[], object] | None = None,
    compare: Callable[[Any], Any] = lambda state: state,
    patience: float = 20.0,
) -> list[Simulated]:
    """Run processes in a calm world and in a wild one per seed, and hold the two to one end.

    Every process must end in the same status with the same State (of a decider: result) in both,
    and what the engine promises must hold all along. The engine's code is the production code, in
    virtual time. Steps run on the simulated loop: they may sleep, but not wait for a thread or a
    socket, so give them fakes. Timeouts that are shorter than what goes wrong, which may be some
    minutes, do run out; then calm and wild worlds may well differ.

    Args:
        workflow: the workflow.
        input: its input, the same for each process.
        signals: data by name: sent each time a process waits for a signal of that name; to a
            decider each once, in order, when the world rests. Or pairs of name and data: each
            sent once, in their order.
        also: other workflows that the workers have the code of, such as children.
        retries: how often an operator tries again what has failed or is suspended, for each
            process; steps that run at most once are suspended when nobody knows whether they ran.
        processes: how many processes there are: "p1", "p2", ….
        workers: how many workers live at a time.
        weather: how much goes wrong in the wild world. `ROUGH`, as it is by default, comes with odd
            seeds as nothing but the deaths and pauses that are aimed at what steps do.
        faults: what goes wrong, instead of what the weather draws from each seed.
        seeds: a calm and a wild world is made of each.
        prepare: called before every world, to reset what steps have changed outside.
        forget: called after a worker's death, before the next step begins (but not while another
            one runs), to reset what steps keep in their OS process: all workers have one here.
        compare: what of the final State (or result) must be equal; asked right after each world,
            so it may look at what steps have changed outside.
        patience: how many seconds of real time may be spent on finding out which few of the
            faults it takes, once something is wrong.

    Returns:
        How each wild world went.

    Raises:
        SimulationError: (an AssertionError) for the first seed with which something is wrong.
        AssertionError: if a process does not end in the calm world, or waited there for another
            signal than was there.
        ValueError: without a seed, a process or a worker.
    """
    found: list[Simulated] = []
    given = None if faults is None else tuple(faults)
    numbers = tuple(seeds)
    if not numbers or processes < 1 or workers < 1:
        raise ValueError("it takes at least one seed, one process and one worker to prove anything")
    for seed in numbers:
        case = _Case(
            seed,
            workflow,
            input,
            signals or {},
            tuple(also),
            retries,
            processes,
            workers,
            prepare,
            forget,
            compare,
        )
        judge(seed, case.play, (), again=_again)
        calm = case.settled()
        if case.misheard:
            raise AssertionError(case.misheard)
        drawn = _drawn(weather, seed, case.moments)
        played = judge(
            seed,
            partial(case.held_to, calm, dict(case.came_to)),
            drawn if given is None else given,
            patience=patience,
            again=_again,
        )
        found.append(Simulated(seed, case.ends, played.happened, played.trace))
    return found


def _drawn(weather: Weather, seed: int, moments: Mapping[Kind, int]) -> tuple[Fault, ...]:
    """What goes wrong: in rough weather, with every second seed only what is aimed at steps."""
    drawn = weather.faults(seed, moments)
    is_aimed = seed % 2 == 1 and weather == ROUGH
    return tuple(each for each in drawn if each.kind in AIMED) if is_aimed else drawn


def _again(seed: int, faults: tuple[Fault, ...]) -> str:
    listed = ", ".join(map(repr, faults))
    return f"simulate(..., seeds=[{seed}], faults=[{listed}])  # ...: as it was called before"


class _Attendant(Operator):
    """The operator of one process among several."""

    async def family(self, engine: EngineCore) -> list[ProcessInfo]:
        """The process and its children."""
        infos = await super().family(engine)
        parents = {info.id: info.parent for info in infos}
        return [info for info in infos if self.process in _line(info.id, parents)]


def _line(id: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    """A process and those that it descends from."""
    each: str | None = id
    while each is not None:
        yield each
        each = parents.get(each)


@dataclass(slots=True)
class _Case:
    """The worlds of one seed."""

    seed: int
    workflow: Workflow
    input: Any
    signals: Signals
    also: tuple[Workflow, ...]
    retries: int
    processes: int
    workers: int
    prepare: Callable[[], object]
    forget: Callable[[], object] | None
    compare: Callable[[Any], Any]
    moments: Mapping[Kind, int] = field(default_factory=dict)
    misheard: str = ""
    ends: Mapping[str, ProcessInfo] = field(default_factory=dict)
    came_to: Mapping[str, Any] = field(default_factory=dict)

    def play(self, faults: tuple[Fault, ...]) -> Played:
        """Make a world with these faults and let the processes come to their ends."""
        self.prepare()
        self.ends = {}
        world = Simulation(
            self.seed, (self.workflow, *self.also), faults=faults, workers=self.workers
        )
        world.aim.is_counting |= not faults
        if self.forget is not None:
            world.doings.before = _Memory(world, self.forget).look
        played = world.play(partial(self._story, world))
        if not faults:
            self.moments = world.aim.counts
        self.came_to = {id: self.compare(self._came_to(end)) for id, end in self.ends.items()}
        return played

    def settled(self) -> Mapping[str, ProcessInfo]:
        """The ends in the calm world. Raises AssertionError for what is none."""
        for id, info in self.ends.items():
            if info.status not in CLOSED_STATUSES:
                waits = ", ".join(f"{wait.kind} {wait.detail}" for wait in info.waits)
                raise AssertionError(
                    f"{id} does not even end in a calm world: it is {info.status}"
                    f"{waits and f', and waits for {waits}'}; give it `signals`, or `retries`"
                )
        return self.ends

    def held_to(
        self,
        calm: Mapping[str, ProcessInfo],
        came_to: Mapping[str, Any],
        faults: tuple[Fault, ...],
    ) -> Played:
        """Play, and find where the ends differ from those of the calm world."""
        played = self.play(faults)
        return replace(played, findings=(*played.findings, *self._differences(calm, came_to)))

    def _differences(
        self, calm: Mapping[str, ProcessInfo], came_to: Mapping[str, Any]
    ) -> Iterator[str]:
        for id, end in self.ends.items():
            wanted = calm[id]
            if any(wait.detail.startswith("Poison") for wait in end.waits):
                continue  # too many workers died with it: that it waits for a person is right
            if end.status != wanted.status:
                why = f" ({end.error.message})" if end.error is not None else ""
                hint = "; `retries` lets an operator try again" * (end.status == "suspended")
                yield f"{id} is {end.status}{why}, and {wanted.status} in the calm world{hint}"
                continue
            one, other = self.came_to[id], came_to[id]
            if one != other:
                yield f"{id} came to {_difference(one, other)} in the calm world"

    def _came_to(self, end: ProcessInfo) -> Any:
        return end.result if self.workflow.program.batch else end.state

    async def _story(self, world: Simulation, client: Client) -> None:
        """Start all of them, and give them what they need until nothing more will happen."""
        ids = [f"p{number}" for number in range(1, self.processes + 1)]
        for id in ids:
            await client.start(self.workflow, self.input, id=id)
        is_unasked = self.workflow.program.batch
        is_eager = isinstance(self.signals, Mapping) and not is_unasked
        operators = [
            _Attendant(self.signals, self.retries, is_unasked, process=each) for each in ids
        ]
        seconds = LEAST_SECONDS
        while not world.findings:
            await asyncio.sleep(seconds)
            seconds = min(seconds * 2, MOST_SECONDS)
            rest = await world.rest()
            if (is_eager or rest is not None) and await _acts(operators, client):
                seconds = seconds if rest is None else LEAST_SECONDS
            elif rest is not None:
                ends = {id: await client.info(id) for id in ids}
                if rest == NEVER or all(each.status in CLOSED_STATUSES for each in ends.values()):
                    self.ends = ends
                    self.misheard = next(filter(None, (each.misheard() for each in operators)), "")
                    await _outlived(world)
                    return
                world.leap(rest)


async def _outlived(world: Simulation) -> None:
    """Until no code runs any more: that of a worker which stood still may yet do something."""
    for _ in range(LATE_LOOKS):
        if world.doings.is_idle:
            return
        await asyncio.sleep(MOST_SECONDS)


@dataclass(slots=True)
class _Memory:
    """What steps keep in their OS process: it is gone once a worker has died."""

    world: Simulation
    forget: Callable[[], object]
    dead: int = 0

    def look(self) -> None:
        """A step begins."""
        dead = sum(node.is_dead for node in self.world.nodes)
        if dead > self.dead and self.world.doings.is_idle:
            self.dead = dead
            self.forget()


async def _acts(operators: Iterable[Operator], client: Client) -> bool:
    """Whether one of them had anything to do."""
    acted = False
    for each in operators:
        try:
            acted |= await each.act(client)
        except (CommandRefusedError, ProcessClosedError):
            acted = True  # it has moved on since it was looked at
    return acted


def _difference(one: Any, other: Any) -> str:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return f"{one!r}, and to {other!r}"
    return "; ".join(
        f"{key!r}: {one.get(key)!r}, and to {key!r}: {other.get(key)!r}"
        for key in sorted({*one, *other}, key=str)
        if one.get(key) != other.get(key)
    )
