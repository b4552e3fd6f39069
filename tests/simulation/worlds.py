"""One table of worlds, for all doors: what lives in each, what its client does, what must come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from corago.core import events as e
from corago.core.history import History
from tests.simulation.births import Births
from tests.simulation.bulking import Bulk
from tests.simulation.clients import (
    Letter,
    Plan,
    Start,
)
from tests.simulation.deciders import Planner, awaited, planned
from tests.simulation.detaching import Detached
from tests.simulation.limiting import Limited
from tests.simulation.lists import ITEMS, RandomWorkflow, Shape, random_list
from tests.simulation.machines import UPDATES, random_machine
from tests.simulation.managing import Managed
from tests.simulation.orders import BANK, ROAD, Order, orders, shop, wrong
from tests.simulation.sealing import Sealed
from tests.simulation.undoing import Undone
from tests.simulation.versions import Versions
from tests.simulation.world import World

# -- step lists ------------------------------------------------------------------------------------


class Lists(World):
    """Two processes of a plain list, with signals that come when they like, and documents."""

    shape: ClassVar[Shape] = Shape(writes=0.25, breaks=True)
    processes: ClassVar[int] = 2

    def draw(self) -> Iterator[Any]:
        """One list."""
        yield random_list(self.chance, self.ledger, self.shape)

    def draw_plan(self) -> Plan:
        """Early signals, some of them twice; external changes; a pause now and then."""
        (workflow,) = self.workflows
        starts = tuple(self._start(workflow, number) for number in range(self.processes))
        return Plan(starts, pauses=self.chance.choice((0, 0, 0, 1)))

    def _start(self, workflow: RandomWorkflow, number: int) -> Start:
        chance, name = self.chance, f"p{number}"
        letters = [
            Letter(chance.choice((0.0, 0.5, 9.0)), each, each, is_twice=chance.random() < 0.5)
            for each in workflow.signals
        ]
        if chance.random() < 0.3:
            letters.append(Letter(0.5, "", {"seen": number}, is_update=True))
        return Start(name, workflow, {"given": name, "items": ITEMS}, tuple(letters))


class Queues(Lists):
    """Lists whose steps mostly wait in a queue."""

    workers = 3
    shape = Shape(longest=5, queued=0.6, writes=0.2)


class Families(Lists):
    """Lists of every kind within each other, with children that run a list of their own."""

    processes = 1
    shape = Shape(longest=4, nests=True, queued=0.2, children=(("inner", {"items": ITEMS[:2]}),))

    def draw(self) -> Iterator[Any]:
        """A list and its child's."""
        inner = random_list(self.chance, self.ledger, Shape(longest=2, nests=True), "inner")
        yield random_list(self.chance, self.ledger, self.shape, bears=(inner,))


class Canceled(Families):
    """As families, but every process is asked to stop at some time."""

    is_confluent = False

    def draw_plan(self) -> Plan:
        """No letters: they come when they are needed."""
        (workflow,) = self.workflows
        after = self.chance.random() * 12
        return Plan((Start("p0", workflow, {"items": ITEMS}, cancel_after=after),))

    def judge(self, history: History) -> Iterator[str]:
        """What was done is taken back, the last first."""
        if not history.of(e.ProcessCanceled):
            return
        started = history[0]
        assert isinstance(started, e.ProcessStarted)
        code = {each.name: each for each in self.family()}
        nodes = code[started.workflow].program.nodes
        ended = history.of(e.ActivityClosed)
        done = [each.path for each in ended if isinstance(each.result, e.ActivityCompleted)]
        steps = [path for path in done if (found := nodes.find(path)) and found[0].undo]
        undone = [path for path in done if (found := nodes.find(path)) and found[0].kind == "undo"]
        if undone != [f"{path}/undo" for path in reversed(steps)]:
            yield f"of {steps} was taken back {undone}"


class Operated(Families):
    """As families, in the hands of an operator who does anything at any time."""

    is_confluent = False
    shape = Shape(
        nests=True,
        queued=0.3,
        writes=0.2,
        breaks=True,
        children=(("inner", {"items": ITEMS[:2]}),),
    )

    def draw_plan(self) -> Plan:
        """No letters: they come when they are needed."""
        (workflow,) = self.workflows
        starts = tuple(Start(f"p{n}", workflow, {"items": ITEMS}) for n in range(2))
        return Plan(starts, acts=self.chance.randint(2, 9), pauses=self.chance.randint(0, 1))


# -- machines --------------------------------------------------------------------------------------


class Machines(World):
    """Two processes of a machine; whatever comes, comes when nothing moves."""

    def draw(self) -> Iterator[Any]:
        """One machine."""
        yield random_machine(self.chance, self.ledger, queued=0.3)

    def draw_plan(self) -> Plan:
        """Their input differs, and so does what comes to them."""
        (machine,) = self.workflows
        starts = (Start("m0", machine, {}), Start("m1", machine, {"amount": 5, "flag": True}))
        return Plan(starts, pauses=self.chance.choice((0, 0, 0, 1)))


class Storms(Machines):
    """Machines to whom everything comes at any time."""

    is_confluent = False

    def draw_plan(self) -> Plan:
        """Many letters, and an operator."""
        (machine,) = self.workflows
        letters = tuple(self._letter() for _ in range(8))
        starts = (Start("m0", machine, {}, letters), Start("m1", machine, {"flag": True}))
        return Plan(starts, acts=self.chance.randint(0, 5))

    def _letter(self) -> Letter:
        chance = self.chance
        after, is_twice = chance.choice((0.0, 0.01, 1.0, 8.0)), chance.random() < 0.3
        if chance.random() < 0.3:
            return Letter(after, "", chance.choice(UPDATES), is_update=True, is_twice=is_twice)
        name = chance.choice(("go", "pay", "stop"))
        return Letter(after, name, {"amount": chance.randint(0, 5)}, is_twice=is_twice)


# -- deciders --------------------------------------------------------------------------------------


class Deciders(World):
    """A decider that does what its input says, with children of its own kind."""

    workers = 3

    def draw(self) -> Iterator[Any]:
        """The parent and its children's."""
        leaf = planned(self.ledger, "leaf")
        yield planned(self.ledger, "planned", (leaf,))

    def draw_plan(self) -> Plan:
        """A plan for each, and what it waits for."""
        (workflow,) = self.workflows
        starts = tuple(self._start(workflow, f"d{number}") for number in range(2))
        return Plan(starts, pauses=self.chance.choice((0, 0, 0, 1)))

    def _start(self, workflow: Any, name: str) -> Start:
        chance = self.chance
        leaf = Planner(chance).plan(1, has_runs=False)
        for stage in leaf["stages"]:
            # nobody sends a child anything
            stage[:] = [item for item in stage if item["kind"] != "await"]
        given = Planner(chance, [("leaf", leaf)]).plan()
        return Start(name, workflow, given, self._letters(given))

    def _letters(self, given: Any) -> tuple[Letter, ...]:
        chance = self.chance
        letters = [
            Letter(chance.choice((0.0, 0.5, 4.0)), each, is_twice=chance.random() < 0.5)
            for each in awaited(given)
        ]
        chance.shuffle(letters)
        return tuple(letters)


class Stopped(Deciders):
    """Deciders that somebody cancels, one of them careful with what it has begun."""

    is_confluent = False

    def draw(self) -> Iterator[Any]:
        """A careful parent, and a child that is not."""
        leaf = planned(self.ledger, "leaf")
        yield planned(self.ledger, "planned", (leaf,), is_careful=self.chance.random() < 0.7)

    def draw_plan(self) -> Plan:
        """They are asked to stop, and somebody does this and that."""
        plan, chance = super().draw_plan(), self.chance
        starts = tuple(replace(each, cancel_after=chance.random() * 12) for each in plan.starts)
        return Plan(starts, acts=chance.choice((0, 0, 4)))


class Orders(World):
    """Orders as a set of rules, and a model that follows each history."""

    workers = 3
    is_confluent = False
    queues = (BANK, ROAD)

    def draw(self) -> Iterator[Any]:
        """The shop."""
        yield shop(self.ledger)

    def draw_plan(self) -> Plan:
        """Orders of all fates."""
        (workflow,) = self.workflows
        self.orders = {each.id: each for each in orders(self.chance, 4, longest=3.0)}
        return Plan(tuple(self._start(workflow, each) for each in self.orders.values()))

    def _start(self, workflow: Any, order: Order) -> Start:
        moment = self.chance.random
        letters = tuple(Letter(moment() * 8, "extra", parcel) for parcel in order.extras)
        after = moment() * 20 if order.cancels else None
        return Start(order.id, workflow, order.input, letters, after)

    def judge(self, history: History) -> Iterator[str]:
        """What the model says."""
        started = history[0]
        assert isinstance(started, e.ProcessStarted)
        order = self.orders[started.process_id]
        accepted = [
            parcel["name"]
            for number, parcel in enumerate(order.extras)
            if (order.id, number) in self.client.accepted
        ]
        begun = {use[2] for use, _ in self.ledger.starts if use[0] == order.id}
        yield from wrong(order, history, accepted, begun)


# -- all doors -------------------------------------------------------------------------------------


class Mixed(World):
    """All doors beside each other and as each other's children, with common queues and workers."""

    workers = 3

    def draw(self) -> Iterator[Any]:
        """A parent of each door, with children of the two others."""
        chance, ledger = self.chance, self.ledger
        # a parent of another door goes on without a child that has failed
        shape = Shape(longest=2, queued=0.3, writes=0.3, shares=False)
        step = random_list(chance, ledger, shape, "step")
        move = random_machine(chance, ledger, "move", queued=0.3)
        plan = planned(ledger, "plan")
        leaf = Planner(chance).plan(1, has_runs=False)
        for stage in leaf["stages"]:
            stage[:] = [item for item in stage if item["kind"] != "await"]
        given = {"step": {"items": ITEMS}, "move": {"amount": 4}, "plan": leaf}
        self.given = [*given.items()]
        kind = self.seed % 3
        if kind == 0:
            shape = Shape(longest=4, nests=True, queued=0.3, children=tuple(self.given))
            yield random_list(chance, ledger, shape, "whole", (step, move, plan))
        elif kind == 1:
            # an expression can't say a whole plan
            yield random_machine(
                chance,
                ledger,
                "whole",
                queued=0.3,
                children=self.given[:2],
                bears=(step, move, plan),
            )
        else:
            yield planned(ledger, "whole", (step, move, plan))

    def draw_plan(self) -> Plan:
        """One parent, and one child by itself."""
        (whole,) = self.workflows
        step, move, _ = whole.children
        other = chosen = self.chance.choice((step, move))
        given: Any = {"items": ITEMS} if whole.document["kind"] == "steps" else {}
        letters: tuple[Letter, ...] = ()
        if whole.document["kind"] == "decider":
            given = Planner(self.chance, self.given).plan(2)
            letters = tuple(Letter(1.0, name) for name in awaited(given))
        alone = {} if chosen is move else {"items": ITEMS}
        return Plan((Start("w", whole, given, letters), Start("o", other, alone)))


WORLDS: Mapping[str, type[World]] = {
    "lists": Lists,
    "queues": Queues,
    "families": Families,
    "canceled": Canceled,
    "operated": Operated,
    "machines": Machines,
    "storms": Storms,
    "deciders": Deciders,
    "stopped": Stopped,
    "orders": Orders,
    "mixed": Mixed,
    "managed": Managed,
    "detached": Detached,
    "limited": Limited,
    "versions": Versions,
    "births": Births,
    "undone": Undone,
    "bulk": Bulk,
    "sealed": Sealed,
}
"""By name; the place in the table decides which seeds a world gets."""


def world_of(seed: int) -> str:
    """Which world a seed is of, where none is named."""
    names = [*WORLDS]
    return names[seed % len(names)]
