"""A world of applications that start processes into the hands of a worker of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from corago.core import events as e
from corago.errors import (
    EngineClosedError,
    ProcessAlreadyExistsError,
    ProcessFailedError,
    StoreFullError,
    StoreUnavailableError,
)
from corago.ports.rows import Born, NewProcess
from corago.runtime.engine import EngineCore
from corago.testing.simulator import Fault, Node, Simulation
from corago.testing.simulator.clients import Client
from corago.testing.simulator.disk import SimulatedStore
from tests.simulation.clients import Plan
from tests.simulation.deciders import Planner, planned
from tests.simulation.lists import ITEMS, QUEUE, Shape, random_list
from tests.simulation.machines import random_machine
from tests.simulation.world import LEASE, World

UNANSWERED = (StoreUnavailableError, StoreFullError, TimeoutError)
"""What a start may meet that must be made again: nobody knows whether it was taken."""

WAYS = ("start", "start", "twice", "wait", "many", "hasty", "hasty")
"""How a process is started: twice at once, with its end in one go, as of many, or given up soon."""


@dataclass
class Wish:
    """A start that an application makes until it is answered."""

    at: int
    id: str
    workflow: Any
    input: Any
    after: float
    way: str
    is_done: bool = False
    is_refused: bool = False
    results: list[Any] = field(default_factory=list)


class SlowStarts:
    """A way to the common store on which the answer to a start may take a while."""

    def __init__(self, node: Node, store: Any) -> None:
        self._node = node
        self._store = store

    def __getattr__(self, name: str) -> Any:
        """All else is as it was."""
        return getattr(self._store, name)

    async def start(self, new: NewProcess) -> Born:
        """Start a process, and say so at once, or when others have long got on with it."""
        born: Born = await self._store.start(new)
        await asyncio.sleep(self._node.random.choice((0.0, 0.0, 0.0, 1.0, 4.0)))
        return born


class Births(World):
    """Engines with workers of their own; they start the same processes, some with another input.

    What is said of a start is true, and nothing begins twice.
    """

    workers: ClassVar[int] = 2
    queues: ClassVar[tuple[str, ...]] = (QUEUE,)

    def draw(self) -> Iterator[Any]:
        """A list with children, and a process of another door."""
        chance, ledger = self.chance, self.ledger
        inner = random_list(chance, ledger, Shape(longest=2, queued=0.2), "inner")
        shape = Shape(longest=3, queued=0.2, children=(("inner", {"items": ITEMS[:1]}),))
        yield random_list(chance, ledger, shape, "list", (inner,))
        if chance.random() < 0.5:
            yield random_machine(chance, ledger, "machine", queued=0.2)
        else:
            yield planned(ledger, "plan")

    def draw_plan(self) -> Plan:
        """Some starts for each application, of few processes."""
        chance = self.chance
        first, other = self.workflows
        inputs = [("b0", first, {"items": ITEMS}), ("b1", first, {"items": ITEMS[:1]})]
        given: Any = {} if other.document["kind"] == "machine" else self._plan()
        inputs.append(("b2", other, given))
        self.wishes: list[Wish] = []
        for number in range(chance.randint(3, 7)):
            id, workflow, given = chance.choice(inputs)
            if chance.random() < 0.15 and workflow is first:
                given = {"items": ITEMS[:2], "other": True}
            way, after = chance.choice(WAYS), chance.choice((0.0, 0.0, 0.3, 2.0))
            self.wishes.append(Wish(number % self.workers, id, workflow, given, after, way))
        self.slots: dict[int, int] = {}
        return Plan(())

    def _plan(self) -> Any:
        given = Planner(self.chance).plan(2)
        for stage in given["stages"]:
            # nobody sends it anything
            stage[:] = [item for item in stage if item["kind"] != "await"]
        return given

    def simulation(self, faults: tuple[Fault, ...], **ground: Any) -> Simulation:
        """Where it is played: its workers have little room, and starts are answered late."""
        door = ground.get("door", SimulatedStore)
        return Simulation(
            self.seed,
            self.workflows,
            faults=faults,
            workers=self.workers,
            queues=self.queues,
            lease=LEASE,
            concurrency=1 + self.seed % 4,
            **{**ground, "door": lambda node, store: SlowStarts(node, door(node, store))},
        )

    def enter(self, simulation: Simulation) -> None:
        """It is about to be played."""
        super().enter(simulation)
        simulation.life = self._life

    async def story(self, engine: EngineCore) -> None:
        """Whatever is started is tended; some applications are started anew meanwhile."""
        ends = asyncio.get_running_loop().create_task(self._restart())
        client = self.client
        while not all(wish.is_done for wish in self.wishes):
            await client.run(engine)
            await asyncio.sleep(0.5)
        await ends
        await client.run(engine)

    async def _restart(self) -> None:
        chance = self.client.chance("restarts")
        for _ in range(chance.choice((0, 0, 1, 2))):
            await asyncio.sleep(chance.choice((0.05, 0.5, 3.0)))
            living = [each for each in self.client.simulation.nodes if not each.is_dead]
            if living[1:]:
                chance.choice(living[1:]).leaving.set()

    # -- an application ----------------------------------------------------------------------

    async def _life(self, node: Node) -> None:
        """Make what starts are left, until it is told to leave."""
        simulation = self.client.simulation
        taken = {self.slots[each.number] for each in simulation.nodes if self._has_slot(each)}
        self.slots[node.number] = min(set(range(self.workers)) - taken)
        try:
            async with Client(node, *simulation.parts(node, has_worker=True)) as engine:
                mine = [each for each in self.wishes if each.at == self.slots[node.number]]
                jobs = [self._make(engine, wish) for wish in mine if not wish.is_done]
                await asyncio.gather(*jobs, node.leaving.wait())
            node.die()
        except (*UNANSWERED, EngineClosedError):
            node.die()
        except Exception as error:
            if node.is_dead:
                raise
            simulation.find(f"{node.name} broke: {type(error).__name__}: {error}")
            node.die()

    def _has_slot(self, node: Node) -> bool:
        return not node.is_dead and node.number in self.slots

    async def _make(self, engine: Client, wish: Wish) -> None:
        await asyncio.sleep(wish.after)
        way = wish.way
        while not wish.is_done:
            try:
                await self._ask(engine, wish, way)
            except UNANSWERED:
                way = "start" if way == "hasty" else way
                await asyncio.sleep(0.5)
            except ProcessAlreadyExistsError:
                wish.is_refused = wish.is_done = True
            except ProcessFailedError:
                wish.is_done = True
            except EngineClosedError:
                return
            else:
                wish.is_done = True

    async def _ask(self, engine: Client, wish: Wish, way: str) -> None:
        # the engine's own start: what is not answered is made again here
        once = partial(super(Client, engine).start, wish.workflow, wish.input, id=wish.id)
        match way:
            case "twice":
                for found in await asyncio.gather(_tried(once), _tried(once)):
                    _given(found)
            case "wait":
                handle = await once()
                wish.results.append(await handle.result())
            case "many":
                await engine.start_many(wish.workflow, [(wish.id, wish.input)] * 2)
            case "hasty":
                call = asyncio.ensure_future(_tried(once))
                seconds = self.client.chance("haste", wish.id).choice((0.0, 0.0005, 0.01))
                await asyncio.wait([call], timeout=seconds)
                call.cancel()
                await asyncio.wait([call])
                _given(TimeoutError() if call.cancelled() else call.result())
            case _:
                await once()

    # -- what is asked of it -----------------------------------------------------------------

    def told(self) -> Any:
        """What must be the same whatever goes wrong: all but who of two was the first."""
        inputs: dict[str, list[Any]] = {}
        for wish in self.wishes:
            inputs.setdefault(wish.id, []).append(wish.input)
        contested = {id for id, all_ in inputs.items() if any(each != all_[0] for each in all_)}
        found = super().told()
        return {id: end for id, end in found.items() if id.split("/")[0] not in contested}

    def findings(self, *, is_calm: bool) -> Iterator[str]:
        """What is wrong with the end of this world."""
        yield from super().findings(is_calm=is_calm)
        rows = {row.process_id: row for row in self.ledger.processes()}
        for wish in self.wishes:
            if wish.id not in rows:
                yield f"{wish.id} was started, and is not there"
                continue
            (started,) = self.ledger.history(wish.id, 1).of(e.ProcessStarted)
            is_same = started.input == wish.input
            if wish.is_done and wish.is_refused is is_same:
                yield f"the start of {wish.id} was {'refused' if is_same else 'taken'}: {wish}"
            ends = self.ledger.history(wish.id).of(e.ProcessCompleted)
            for result in wish.results:
                if [result] != [each.result for each in ends]:
                    yield f"{wish.id} came to {ends}, and somebody was told {result}"


async def _tried(call: Callable[[], Awaitable[Any]]) -> Any:
    """What a call comes to, or its error: nobody may be there to hear of it."""
    try:
        return await call()
    except Exception as error:  # noqa: BLE001 - whoever asks raises it
        return error


def _given(found: Any) -> None:
    if isinstance(found, Exception):
        raise found
