"""Worlds with books: whatever is done at their store is written down, and held against the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

from corago.clock import to_us
from corago.testing.simulator import Fault, Simulation
from corago.testing.simulator.nodes import Node
from tests.simulation.books import Books
from tests.simulation.world import LEASE, World


class Booked(Simulation):
    """A world in whose books all is written that is done at its store.

    `troubles` counts what the store did to each node.
    """

    def __init__(self, world: Kept, faults: tuple[Fault, ...], **given: Any) -> None:
        """Take the world that is played."""
        self.troubles: Counter[Node] = Counter()
        self.books = world.books
        super().__init__(
            world.seed,
            world.workflows,
            faults=faults,
            workers=world.workers,
            queues=world.queues,
            lease=LEASE,
            concurrency=world.room,
            **given,
        )
        self.books.now = lambda: to_us(self.clock.now())

    def reached(self, node: Node, call: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """Something was done at the store."""
        super().reached(node, call, arguments, answer)
        if not self._is_over:
            self.books.hear(call, arguments, answer, may_repeat=bool(self.troubles[node]))

    def happen(self, fault: Fault, node: Node) -> None:
        """A fault has come to a node."""
        self.troubles[node] += 1
        self.books.is_set_back |= fault.kind == "jump" and fault.seconds < 0
        super().happen(fault, node)


class Kept(World):
    """A world with books; each of its workers has `room` for so much at a time."""

    is_confluent = False
    room: ClassVar[int] = 16

    def __init__(self, seed: int) -> None:
        """Draw what lives here."""
        self.books = Books(lambda: 0, self.room)
        super().__init__(seed)

    def simulation(self, faults: tuple[Fault, ...], **given: Any) -> Simulation:
        """Where it is played."""
        return Booked(self, faults, **given)

    def findings(self, *, is_calm: bool) -> Iterator[str]:
        """What is wrong with the end of this world."""
        yield from super().findings(is_calm=False)
        yield from self.books.faults
        for process_id, run, history in self.ledger.histories():
            for text in self.books.check(process_id, run, history):
                yield f"{process_id}, run {run}: {text}"
