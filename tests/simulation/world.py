"""What every world has: its workflows, its client, its ledger, and what is asked of its end."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

from corago.core import events as e
from corago.core.history import History
from corago.runtime.engine import EngineCore
from corago.testing import ReplayError, replay
from corago.testing.simulator import Fault, Simulation
from tests.simulation.clients import Client, Plan, tend_decider, tend_list, tend_machine
from tests.simulation.ledgers import Ledger
from tests.simulation.lists import QUEUE

TENDERS = {"steps": tend_list, "machine": tend_machine, "decider": tend_decider}

LEASE = timedelta(seconds=6)


class World:
    """One world of one seed, made to be played once.

    A world that `is_confluent` must come to the same end whatever goes wrong; `workers` is how many
    live at a time, and all of them serve the `queues`.
    """

    workers: ClassVar[int] = 2
    is_confluent: ClassVar[bool] = True
    queues: ClassVar[tuple[str, ...]] = (QUEUE,)

    def __init__(self, seed: int) -> None:
        """Draw what lives here."""
        self.seed = seed
        self.chance = random.Random(f"{type(self).__name__} {seed}")
        self.ledger = Ledger()
        self.workflows = tuple(self.draw())
        self.plan = self.draw_plan()
        tenders = {each.name: _tender(each) for each in self.family()}
        self.client = Client(seed, self.plan, tenders, self.ledger)

    def draw(self) -> Iterator[Any]:
        """Its workflows; children come with their parents."""
        raise NotImplementedError

    def draw_plan(self) -> Plan:
        """What its client does."""
        raise NotImplementedError

    def family(self) -> Iterator[Any]:
        """Every workflow, children included."""
        left = list(self.workflows)
        while left:
            each = left.pop()
            yield each
            left += each.children

    def simulation(self, faults: tuple[Fault, ...], **ground: Any) -> Simulation:
        """Where it is played; `ground` says on which store."""
        return Simulation(
            self.seed,
            self.workflows,
            faults=faults,
            workers=self.workers,
            queues=self.queues,
            lease=LEASE,
            **ground,
        )

    def enter(self, simulation: Simulation) -> None:
        """It is about to be played."""
        self.ledger.store = simulation.store
        self.client.simulation = simulation

    async def story(self, engine: EngineCore) -> None:
        """What its client lives through."""
        await self.client.run(engine)

    # -- when all is over --------------------------------------------------------------------

    def told(self) -> Any:
        """What must be the same whatever goes wrong."""
        found = {}
        for row in self.ledger.processes():
            ends = [each for each in self.ledger.history(row.process_id) if type(each) in e.CLOSING]
            result = getattr(ends[-1], "result", None) if ends else None
            found[row.process_id] = (row.status, row.run, result)
        return found

    def findings(self, *, is_calm: bool) -> Iterator[str]:
        """What is wrong with the end of this world."""
        for row in self.ledger.processes():
            if row.status not in e.CLOSED_STATUSES:
                yield f"{row.process_id} is {row.status} at {row.position} when all is over"
        yield from self.ledger.check(is_calm=is_calm)
        code = {each.name: each for each in self.family()}
        for process_id, run, history in self.ledger.histories():
            started = history[0]
            assert isinstance(started, e.ProcessStarted)
            try:
                replay(history, code[started.workflow], before=self.forms())
            except ReplayError as error:
                yield f"{process_id}, run {run}: {error}"
            if not self.ledger.was_set_aside(process_id):
                yield from (f"{process_id}, run {run}: {each}" for each in self.judge(history))

    def forms(self) -> Iterable[Any]:
        """Every form that a workflow has here, if it has more than one."""
        return ()

    def judge(self, history: History) -> Iterator[str]:
        """What is wrong with one history, by the rules of this world."""
        yield from ()


def _tender(workflow: Any) -> Any:
    return TENDERS[workflow.document["kind"]]
