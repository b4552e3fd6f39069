"""Orders in a world where workers die: every history is still what a model says it must be."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest

from corago.core import codec
from corago.core import events as e
from corago.errors import CommandRefusedError, ProcessClosedError
from corago.runtime.engine import EngineCore
from corago.testing.simulator import Node, Simulation
from corago.wiring import KINDS
from tests.simulation.orders import BANK, ROAD, Plan, check, plans, shop
from tests.simulation.worlds import asyncio_free

ORDERS = 40
WORKERS = 3
SECONDS = 20.0
"""How long an attempt takes at most, and all orders, until the last customer has acted."""


class World:
    """The company, the customers, and workers of whom the first ones die."""

    def __init__(self, seed: int, deaths: int, failure_rate: float) -> None:
        self.chance = random.Random(seed)
        self.plans = plans(self.chance, ORDERS, longest=SECONDS / 10)
        self.workflow = shop(self)
        self.ledger: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
        self.accepted: defaultdict[str, list[str]] = defaultdict(list)
        self.deaths = deaths
        self.simulation = Simulation(
            seed, [self.workflow], KINDS, failure_rate=failure_rate, lease=timedelta(seconds=6)
        )

    def begin(self, process_id: str, path: str, occurrence: int, attempt: int) -> None:
        """An attempt begins; again, where a worker died."""
        del occurrence
        self.ledger[process_id][path, attempt] += 1

    async def work(self, seconds: float) -> None:
        """Let it take its time."""
        await asyncio.sleep(seconds)

    def run(self) -> list[str]:
        """Let all of it happen; gives what is wrong."""
        try:
            self.simulation.go_on(self._story(), limit=timedelta(hours=2))
            return [fault for plan in self.plans for fault in self._faults(plan)]
        finally:
            self.simulation.end()

    def _faults(self, plan: Plan) -> list[str]:
        history = self.history(plan.id)
        return [*check(plan, history, self.accepted[plan.id], self.ledger[plan.id])]

    def history(self, process_id: str) -> list[e.Event]:
        """What was recorded of an order."""
        rows = asyncio_free(self.simulation.store.events(process_id))
        return [codec.decode_event(row) for row in rows]

    # -- the story ---------------------------------------------------------------------------

    async def _story(self) -> None:
        client = self.simulation.node("client")
        keeper = asyncio.get_running_loop().create_task(self._keep_workers())
        await client.spawn(self._customers(client))
        keeper.cancel()

    async def _keep_workers(self) -> None:
        alive: list[Node] = []
        number = 0
        while True:
            alive = [node for node in alive if not node.is_dead]
            while len(alive) < WORKERS:
                number += 1
                node = self.simulation.node(f"worker{number}", (BANK, ROAD))
                if number <= self.deaths:
                    self._doom(node)
                node.spawn(self.simulation.worker(node))
                alive.append(node)
            await asyncio.sleep(self.chance.choice((0.05, 1.0, 5.0)))

    def _doom(self, node: Node) -> None:
        if self.chance.random() < 0.5:
            node.dies_at_await = self.chance.randint(1, 4000)
        else:
            node.dies_at_call = self.chance.randint(1, 300)

    async def _customers(self, client: Node) -> None:
        async with self.simulation.engine(client, has_worker=False) as engine:
            tasks = [asyncio.create_task(self._customer(engine, plan)) for plan in self.plans]
            await asyncio.gather(*tasks)

    async def _customer(self, engine: EngineCore, plan: Plan) -> None:
        moments = [(self.chance.random() * SECONDS, each["name"], each) for each in plan.extras]
        if plan.cancels:
            moments.append((self.chance.random() * SECONDS, "cancel", {}))
        await engine.start(self.workflow, plan.input, id=plan.id)
        begun = asyncio.get_running_loop().time()
        for moment, name, parcel in sorted(moments, key=lambda each: each[0]):
            await asyncio.sleep(begun + moment - asyncio.get_running_loop().time())
            await self._act(engine, plan.id, name, parcel)
        while (await engine.info(plan.id)).status not in e.CLOSED_STATUSES:
            await self._look_after(engine, plan.id)
            await asyncio.sleep(0.7)

    async def _act(
        self, engine: EngineCore, process_id: str, name: str, parcel: dict[str, Any]
    ) -> None:
        try:
            if name == "cancel":
                await engine.cancel(process_id)
                return
            await engine.signal(process_id, "extra", parcel)
        except (ProcessClosedError, CommandRefusedError):
            return
        self.accepted[process_id].append(name)

    async def _look_after(self, engine: EngineCore, process_id: str) -> None:
        """Nothing but a bug needs a person here, or keeps an order going for an hour."""
        loop = asyncio.get_running_loop()
        if loop.time() > timedelta(hours=1).total_seconds():
            raise AssertionError(f"stuck: {await engine.explain(process_id)}")


@pytest.mark.parametrize("seed", [4, 7, 8, 21])
def test_orders_come_to_what_they_must_whoever_dies(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    calm = World(seed, deaths=0, failure_rate=0.0)
    assert calm.run() == [], f"seed {seed}"
    again = [key for counts in calm.ledger.values() for key, count in counts.items() if count > 1]
    assert again == [], f"seed {seed}: nobody died, so nothing runs twice"
    assert [each.message for each in caplog.records] == [], f"seed {seed}: nobody died"
    assert World(seed, deaths=8, failure_rate=0.03).run() == [], f"seed {seed}, with deaths"


def test_the_same_seed_gives_the_same_orders_event_for_event() -> None:
    def histories() -> list[list[e.Event]]:
        world = World(11, deaths=5, failure_rate=0.03)
        world.run()
        return [world.history(plan.id) for plan in world.plans]

    assert histories() == histories()
