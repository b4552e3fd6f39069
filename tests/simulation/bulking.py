"""A world in which commands are given to many at once, by somebody who loses answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from corago.activity import ActivityFunction, current
from corago.core import events as e
from corago.core.history import History
from corago.errors import StoreFullError, StoreUnavailableError
from corago.runtime.bulk import Applied, Selection
from corago.runtime.engine import EngineCore
from corago.runtime.views import ProcessInfo
from corago.steps.program import StepsProgram
from tests.simulation.clients import Client, Plan, Start, tend_list
from tests.simulation.ledgers import Ledger
from tests.simulation.lists import QUEUE, RandomWorkflow
from tests.simulation.world import World

T = TypeVar("T")

EFFECTS: dict[str, tuple[type[e.Event], ...]] = {
    "retry": (e.ProcessResumed, e.ProcessReopened),
    "skip": (e.StepSkipped,),
    "set_result": (e.ActivityClosed,),
    "cancel": (e.CancelRequested,),
    "abort": (e.ProcessAborted,),
    "signal": (e.SignalReceived,),
}
"""What a command comes to where it is done."""

GIVEN: dict[str, dict[str, Any]] = {
    "set_result": {"value": {"by": "many"}},
    "signal": {"name": "signal0", "data": {"by": "many"}},
}


MENDS = frozenset({"retry", "skip", "set_result"})
STATUSES = (None, None, "waiting", "failed", "suspended", "running")


def fragile(seed: int, ledger: Ledger) -> RandomWorkflow:
    """A list whose steps fail by chance, without another attempt."""
    steps = [
        {"kind": "init", "name": "Start"},
        {"kind": "step", "name": "First"},
        {"kind": "wait_for", "name": "Wait", "signal": "signal0", "into": "told"},
        {
            "kind": "parallel",
            "name": "Both",
            "branches": [
                [{"kind": "step", "name": "Left", "queue": QUEUE}],
                [{"kind": "step", "name": "Right", "at_most_once": True}],
            ],
        },
        {"kind": "step", "name": "Last"},
        {"kind": "done", "name": "Done"},
    ]
    document = {"kind": "steps", "name": "fragile", "version": 1, "steps": steps}

    async def run() -> dict[str, Any]:
        here = current()
        name = here.path.rpartition("/")[2]
        ledger.begin(at_most_once=name == "Right", is_queued=name == "Left")
        chance = random.Random(f"{seed} {here.process_id} {here.path}")
        await asyncio.sleep(chance.choice((0.0, 0.5, 3.0)))
        if here.attempt < chance.choice((1, 1, 1, 2, 3)):
            raise ConnectionError("not yet")
        return {here.path: "done"}

    functions = {
        path: ActivityFunction(path, run, True, lambda _: {}, lambda result: result)
        for path, node in StepsProgram(document).nodes.items()
        if node.kind == "step"
    }
    return RandomWorkflow("fragile", document, functions)


@dataclass
class Order:
    """A command that was given to many, until it was answered, and perhaps once more then."""

    number: int
    verb: str
    selection: Selection
    is_moving: bool
    answers: list[Applied] = field(default_factory=list)
    interruptions: int = 0

    @property
    def actor(self) -> str:
        """Who its events name."""
        return f"bulk {self.number}"

    def judge(self, process_id: str, history: History) -> Iterator[str]:
        """What is wrong with what came of it in one process."""
        events = [each for each in history if each.actor == self.actor]
        done = [each for each in events if isinstance(each, EFFECTS[self.verb])]
        name = f"{self.verb} of {self.actor} for {process_id}"
        told = [each for one in self.answers for each in one.targets if each.id == process_id]
        if process_id not in {each.id for each in self.selection.targets}:
            if events:
                yield f"{name} was done, and it was not selected: {events}"
            return
        if len(told) != len(self.answers):
            yield f"{name} was answered {len(told)} times of {len(self.answers)}"
        most = 1 if self.verb == "signal" or not self.is_moving else len(self.answers)
        if len(done) > most and not (self.is_moving and self.interruptions):
            yield f"{name} was done {len(done)} times: {done}"
        is_taken = any(each.why is None for each in told)
        if events and not is_taken and not self.interruptions:
            yield f"{name} was done, and refused: {[each.why for each in told]}"
        is_cut_off = bool(history.of(e.ProcessAborted, e.ProcessCanceled))
        if is_taken and not events and not is_cut_off:
            yield f"{name} was taken, and nothing is recorded of it"


class Bulk(World):
    """Lists in the hands of somebody who treats many alike, again and again until it is answered.

    Its laws: what was not selected is left alone, each takes it once, and what was said is so.
    """

    is_confluent = False
    processes: ClassVar[int] = 3

    def draw(self) -> Iterator[Any]:
        """One list."""
        self.orders: list[Order] = []
        self.is_over = False
        yield fragile(self.seed, self.ledger)

    def __init__(self, seed: int) -> None:
        """As any world, with a tender of its own."""
        super().__init__(seed)
        self.client.tenders = {each.name: self._tend for each in self.workflows}

    def draw_plan(self) -> Plan:
        """No letters: they come when they are needed."""
        (workflow,) = self.workflows
        names = [f"p{number}" for number in range(self.processes)]
        return Plan(tuple(Start(name, workflow, {}) for name in names))

    async def story(self, engine: EngineCore) -> None:
        """What its client lives through, and whoever treats many alike."""
        await asyncio.gather(super().story(engine), self._operate())

    async def _operate(self) -> None:
        chance, world = self.client.chance("bulk"), self.client.simulation
        raw = world.engine(world.nodes[0], has_worker=False)
        await _insist(raw.open)
        for number in range(chance.randint(2, 4)):
            await asyncio.sleep(chance.choice((0.0, 0.3, 2.0, 6.0)))
            verb = chance.choice([*EFFECTS, "retry", "set_result"])
            status = chance.choice(STATUSES)
            if verb in MENDS:
                status = await self._broken()
            limit = chance.choice((None, None, 2))
            selection = await _insist(lambda s=status, n=limit: raw.select(status=s, limit=n))  # type: ignore[misc]
            await asyncio.sleep(chance.choice((0.0, 0.0, 1.0)))
            is_moving = chance.random() < 0.2
            order = Order(number, verb, selection, is_moving)
            self.orders.append(order)
            for _ in range(1 + (chance.random() < 0.4)):
                seconds = chance.choice((None, 0.005, 0.03, 0.1))
                await self._give(raw, order, chance.choice((1, 64)), seconds)
        await _insist(raw.close)
        self.is_over = True

    async def _tend(self, client: Client, info: ProcessInfo) -> None:
        """What has failed is left to whoever treats many alike, as long as he is at work."""
        if self.is_over or not {"incident"} & {wait.kind for wait in info.waits}:
            await tend_list(client, info)

    async def _broken(self) -> str | None:
        """A status of those that wait for a person, once there are any."""
        for _ in range(8):
            found = {row.status for row in self.ledger.processes()} & {"failed", "suspended"}
            if found:
                return str(min(found))
            await asyncio.sleep(1)
        return None

    async def _give(
        self, raw: EngineCore, order: Order, window: int, seconds: float | None
    ) -> None:
        """Apply it, and again with the kept selection for as long as the store does not answer.

        At first it is interrupted after so many seconds.
        """
        kept = order.selection.to_json()
        while True:
            applying = raw.apply(
                order.verb,
                Selection.from_json(kept),
                **GIVEN.get(order.verb, {}),
                actor=order.actor,
                even_if_moved=order.is_moving,
                window=window,
            )
            try:
                order.answers.append(await asyncio.wait_for(applying, seconds))
            except (StoreUnavailableError, StoreFullError, TimeoutError):
                order.interruptions += 1
                seconds = None
                await asyncio.sleep(0.5)
            else:
                return

    def findings(self, *, is_calm: bool) -> Iterator[str]:
        """As any world's, and what came of each order."""
        yield from super().findings(is_calm=is_calm)
        for row in self.ledger.processes():
            history = self.ledger.history(row.process_id)
            for order in self.orders:
                yield from order.judge(row.process_id, history)


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await call()
        except StoreUnavailableError:
            await asyncio.sleep(0.5)
