"""A world of step lists that take back what they have done: they fail anywhere, undos too."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from corago.activity import ActivityFunction, current
from corago.core import events as e
from corago.core.history import History
from corago.runtime.views import ProcessInfo
from corago.steps.nodes import Node, Nodes
from corago.steps.program import StepsProgram
from tests.simulation.clients import Client, Letter, Plan, Start
from tests.simulation.ledgers import Ledger
from tests.simulation.lists import ITEMS, RandomWorkflow, Shape, Writer
from tests.simulation.world import World


class _Writer(Writer):
    """Writes steps that mostly have an undo with policies of its own.

    Most waits for a signal end in a failure when it does not come in time.

    All steps of one list overwrite one mark, so that an undo sees whether it is asked about its
    own step.
    """

    _mark = ""

    def elements(self, count: int, depth: int, *, has_items: bool = True) -> list[dict[str, Any]]:
        before, self._mark = self._mark, f"mark {self._chance.random():.9f}"
        try:
            return super().elements(count, depth, has_items=has_items)
        finally:
            self._mark = before

    def _element(self, index: int, depth: int, *, has_items: bool) -> dict[str, Any]:
        element = super()._element(index, depth, has_items=has_items)
        if element["kind"] == "wait_for" and self._chance.random() < 0.7:
            element["timeout"] = self._chance.choice((3.0, 8.0))
        return element

    def _policies(self) -> dict[str, Any]:
        chance, told = self._chance, super()._policies()
        told.pop("undo", None)
        told["mark"] = self._mark
        if chance.random() < 0.9:
            undo: dict[str, Any] = {"name": "back", "parameters": [{"name": self._mark}]}
            if chance.random() < 0.3:
                undo["retry"] = {"attempts": 3, "delay": 0.5}
            elif chance.random() < 0.3:
                undo["at_most_once"] = True
            told["undo"] = undo
        return told


def undoing_list(chance: random.Random, account: Account, shape: Shape) -> RandomWorkflow:
    """A list of some elements, which takes back on a failure."""
    written = _Writer(chance, shape).elements(chance.randint(3, shape.longest), 0)
    steps = [{"kind": "init", "name": "Start"}, *written, {"kind": "done", "name": "Done"}]
    head = {"kind": "steps", "name": "undoing", "version": 1, "undo_on_failure": True}
    document = {**head, "steps": steps}
    program, functions = StepsProgram(document), dict[str, Any]()
    account.nodes = program.nodes
    for node in program.nodes.values():
        for question in range(node.guards if node.place == node.path else 0):
            answer = chance.random() < 0.7
            functions[f"{node.path}?{question}"] = lambda _, answer=answer: answer
        if node.kind in {"step", "undo", "get", "set"}:
            functions[node.path] = _Work(chance, node, account).function()
    return RandomWorkflow("undoing", document, functions)


class _Work:
    """What a step or an undo does: it fails so often, and then tells the account."""

    def __init__(self, chance: random.Random, node: Node, account: Account) -> None:
        self._node, self._account = node, account
        may_fail = node.retry is not None or chance.random() < 0.3
        most = (1, 2, 3) if node.kind == "undo" else (1, 2, 3, 9)
        self._fails_until = chance.choice(most) if may_fail else 1
        self._seconds = chance.choice((0.0, 0.0, 0.01, 1.0, 4.0))

    def function(self) -> ActivityFunction:
        node = self._node
        asks = [each["name"] for each in node.element.get("parameters", ())]
        takes = {"set": ["substate"], "undo": asks}.get(node.kind, [])
        return ActivityFunction(
            node.path,
            self._run,
            True,
            lambda view: {"given": [view.get(name) for name in takes]},
            lambda result: result,
        )

    async def _run(self, given: list[Any]) -> dict[str, Any]:
        element, kind = self._node.element, self._node.kind
        self._account.ledger.begin(
            at_most_once=element.get("at_most_once", False), is_queued="queue" in element
        )
        if kind == "undo":
            self._account.take_back(given[0])
        else:
            self._account.begin()
        await asyncio.sleep(self._seconds)
        if current().attempt < self._fails_until:
            raise ConnectionError("not yet")
        match kind:
            case "set":
                return {element["put"]: given[0]}
            case "get":
                return {"items": ITEMS[1:]}
            case "undo":
                return {}
            case _:
                return {element["mark"]: current().path}


@dataclass
class Account:
    """What was wrong when something began: the undos that have begun tell that all goes back."""

    ledger: Ledger
    begun: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    faults: list[str] = field(default_factory=list)
    nodes: Nodes = field(init=False)

    def begin(self) -> None:
        """A step begins: nothing may be on its way back."""
        here = current()
        if begun := self.begun[here.process_id]:
            self.faults.append(f"{here.idempotency_key} began, and {begun} was begun to be undone")

    def take_back(self, mark: Any) -> None:
        """An undo begins: it is that of the last step that is not taken back, and sees it."""
        here = current()
        key = here.idempotency_key
        self.begun[here.process_id].add(here.path)
        history = self.ledger.history(here.process_id, here.run)
        left = self.left(history)
        if not left or f"{left[-1]}/undo" != here.path:
            self.faults.append(f"{key} began, and {left} are to be taken back, the last first")
        step = here.path.removesuffix("/undo")
        by_hand = {each.path for each in history.of(e.ActivityClosed) if each.actor is not None}
        if mark != step and step not in by_hand:
            self.faults.append(f"{key} is not asked about its own step, but about {mark}")

    def left(self, history: History) -> list[str]:
        """What is done, has an undo, and is not taken back nor left so by a person."""
        done: list[str] = []
        for event in history:
            match event:
                case e.ActivityClosed(path=path, result=e.ActivityCompleted()):
                    if path.endswith("/undo"):
                        done.remove(path.removesuffix("/undo"))
                    elif (found := self.nodes.find(path)) and found[0].undo:
                        done.append(path)
                case e.StepSkipped(path=path) if path.endswith("/undo"):
                    done.remove(path.removesuffix("/undo"))
        return done


@dataclass
class Undoer(Client):
    """A client that leaves alone what has failed and can't be retried."""

    settled: dict[str, tuple[int, int]] = field(default_factory=dict)

    def _open(self) -> list[Any]:
        return [
            row
            for row in super()._open()
            if self.settled.get(row.process_id) != (row.position, row.inbox_head)
        ]

    async def tend(self, _: Client, info: ProcessInfo) -> None:
        """Retry what waits for a person, or pass over an undo that failed."""
        for wait in info.waits:
            if wait.kind == "signal":
                letter = Letter(0.0, wait.detail, wait.detail)
                await self.send(info.id, letter, f"{wait.detail} at position {info.position}")
        stuck = [wait for wait in info.waits if wait.kind == "incident"]
        if not stuck and info.status != "failed":
            return
        chance = self.chance("mend", info.id, info.position)
        lacking = [wait for wait in stuck if wait.detail.startswith("StepArgumentError")]
        leaves = stuck and stuck[0].path.endswith("/undo") and chance.random() < 0.3
        act = self.engine.skip if lacking or leaves else self.engine.retry
        path = (lacking or stuck)[0].path if len(stuck) == 1 or lacking else None
        if not await self.insist(lambda: act(info.id, step=path, actor="operator")):
            for row in super()._open():
                if row.process_id == info.id and row.status == "failed":
                    self.settled[info.id] = row.position, row.inbox_head


class Undone(World):
    """Lists that take back whatever they have done when they fail, or when they are canceled.

    Its laws: the last one first, one after the other, each as it was; nothing goes forward any
    more; and nothing is left when it is over.
    """

    is_confluent = False
    shape: ClassVar[Shape] = Shape(longest=4, nests=True, queued=0.2)

    def draw(self) -> Iterator[Any]:
        """One list."""
        self.account = Account(self.ledger)
        yield undoing_list(self.chance, self.account, self.shape)

    def draw_plan(self) -> Plan:
        """Some are canceled at some time, and somebody does this and that."""
        chance, (workflow,) = self.chance, self.workflows
        starts = tuple(
            Start(
                f"u{number}",
                workflow,
                {"items": ITEMS},
                cancel_after=chance.random() * 15 if chance.random() < 0.3 else None,
            )
            for number in range(2)
        )
        return Plan(starts, acts=chance.choice((0, 0, 3)))

    def __init__(self, seed: int) -> None:
        """As any world, with a client of its own."""
        super().__init__(seed)
        client = self.client = Undoer(seed, self.plan, {}, self.ledger)
        client.tenders = {each.name: client.tend for each in self.workflows}

    def findings(self, *, is_calm: bool) -> Iterator[str]:
        """As any world's, and what the account says."""
        yield from super().findings(is_calm=is_calm)
        yield from self.account.faults

    def judge(self, history: History) -> Iterator[str]:
        """What is left, and what came after something was taken back."""
        is_back = False
        for event in history.of(e.ActivityClosed):
            is_back |= event.path.endswith("/undo")
            if is_back and not event.path.endswith("/undo"):
                yield f"{event.path} ended at {event.position}, when something was taken back"
        ended = [type(each) for each in history if type(each) in e.CLOSING][-1:]
        left = self.account.left(history)
        if left and ended and ended[0] in {e.ProcessFailed, e.ProcessCanceled}:
            yield f"it is over by {ended[0].__name__}, and {left} are not taken back"
