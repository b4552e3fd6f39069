"""A thousand orders at a time on one worker: every history is what a model says it must be."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from corago import (
    AsyncEngine,
    CommandRefusedError,
    Listener,
    ProcessCanceledError,
    ProcessClosedError,
)
from corago.activity import current
from corago.core import events as e
from corago.runtime.listening import Subject
from tests.simulation.orders import BANK, ROAD, Order, orders, shop, wrong

ORDERS = 1000
CLOSED = ("completed", "canceled")
EVERYTHING = (
    "ActivityCancelRequested",
    "ActivityRetried",
    "CancelRequested",
    "ProcessCanceled",
    "ProcessCompleted",
    "SignalReceived",
)
DEADLINE_SECONDS = 120.0


class Town(Listener):
    """The company that does the work, and the customers: both act when something has happened.

    Nobody pays before all have ordered. Each customer has a number of events by chance after which
    the next extra parcel is sent, or the order canceled, or neither if it never comes to that.
    """

    def __init__(self, wanted: Sequence[Order], chance: random.Random) -> None:
        self.ledger: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
        self.twice: list[str] = []
        self.accepted: defaultdict[str, list[str]] = defaultdict(list)
        self.open_for_business = asyncio.Event()
        self.most = 0
        self.engine: AsyncEngine
        self._seen: Counter[str] = Counter()
        self._orders = {order.id: order for order in wanted}
        self._moments: dict[str, list[tuple[int, str]]] = {}
        self._sending: set[asyncio.Task[None]] = set()
        for order in wanted:
            names = [extra["name"] for extra in order.extras] + ["cancel"] * order.cancels
            self._moments[order.id] = sorted((chance.randint(1, 9), name) for name in names)

    # -- the company -------------------------------------------------------------------------

    def begin(self) -> None:
        """An attempt begins; no worker dies here, so none of them begins again."""
        here = current()
        counts = self.ledger[here.process_id]
        counts[here.path, here.attempt] += 1
        if counts[here.path, here.attempt] > 1:
            self.twice.append(f"{here.process_id}: attempt {here.attempt} of {here.path}")

    async def work(self, seconds: float) -> None:
        """Let it take its time, in turns of the loop."""
        await self.open_for_business.wait()
        for _ in range(int(seconds)):
            await asyncio.sleep(0)

    # -- the customers -----------------------------------------------------------------------

    def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None:
        """See `Listener`."""
        self._seen[process.id] += len(events)
        moments = self._moments[process.id]
        while moments and moments[0][0] <= self._seen[process.id]:
            _, name = moments.pop(0)
            task = asyncio.get_running_loop().create_task(self._act(process.id, name))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _act(self, process_id: str, name: str) -> None:
        try:
            if name == "cancel":
                await self.engine.cancel(process_id)
                return
            extras = {extra["name"]: extra for extra in self._orders[process_id].extras}
            await self.engine.signal(process_id, "extra", extras[name])
        except (ProcessClosedError, CommandRefusedError):
            return
        self.accepted[process_id].append(name)

    async def quiet(self) -> None:
        """Wait until no customer is about to act."""
        while self._sending:
            await asyncio.gather(*self._sending)


async def live(path: Path, wanted: Sequence[Order], town: Town) -> dict[str, list[e.Event]]:
    """Let all of it happen; gives the histories."""
    workflow = shop(town)
    async with AsyncEngine(
        f"sqlite:///{path}",
        workflows=[workflow],
        queues=[BANK, ROAD],
        concurrency=ORDERS,
        listeners=[town],
    ) as engine:
        town.engine = engine
        handles = await engine.start_many(workflow, [(order.id, order.input) for order in wanted])
        known = await engine.count()
        town.most = sum(known[status] for status in known if status not in CLOSED)
        town.open_for_business.set()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                for handle in handles:
                    with contextlib.suppress(ProcessCanceledError):
                        await handle.result()
                await town.quiet()
        except TimeoutError:
            left = [info.id for info in await engine.processes() if info.status not in CLOSED]
            told = [str(await engine.explain(process_id)) for process_id in left[:3]]
            raise AssertionError(f"{len(left)} or more have not ended, such as {told}") from None
        return {order.id: [*await engine.history(order.id)] for order in wanted}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_a_thousand_orders_at_a_time_come_to_what_they_must(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    wanted = orders(chance, ORDERS, longest=40)
    town = Town(wanted, chance)
    histories = asyncio.run(live(tmp_path / "orders.db", wanted, town))
    faults = [
        f"seed {seed}: {fault}"
        for order in wanted
        for fault in wrong(
            order,
            histories[order.id],
            town.accepted[order.id],
            {path for path, _ in town.ledger[order.id]},
        )
    ]
    assert faults == []
    assert town.twice == [], f"seed {seed}"
    assert town.most > ORDERS * 0.9
    kinds = Counter(type(event).__name__ for each in histories.values() for event in each)
    rare = {name: kinds[name] for name in EVERYTHING if kinds[name] < ORDERS * 0.02}
    assert rare == {}, f"seed {seed}: chance was to bring about all of it"
