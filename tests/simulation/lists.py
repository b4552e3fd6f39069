"""Random step lists, with functions that write down what they did."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corago.activity import ActivityFunction, current
from corago.core import codec
from corago.steps.nodes import Node
from corago.steps.program import StepsProgram
from tests.simulation.ledgers import Ledger

QUEUE = "gpu"
ITEMS = [5, 6, 7]
SHARED = ("tally", "of all")
"""The document that every step of the kind that writes it makes a new version of."""


@dataclass(frozen=True)
class RandomWorkflow:
    """A workflow made by chance."""

    name: str
    document: Mapping[str, Any]
    functions: dict[str, Any]
    version: int = 1
    timeout: float | None = None
    children: tuple[Any, ...] = ()

    @cached_property
    def sha(self) -> str:
        return hashlib.sha256(codec.canonical(self.document)).hexdigest()

    @cached_property
    def program(self) -> StepsProgram:
        return StepsProgram(self.document)

    @property
    def signals(self) -> list[str]:
        nodes = self.program.nodes.values()
        return [node.element["signal"] for node in nodes if node.kind == "wait_for"]


@dataclass(frozen=True)
class Shape:
    """What a random list may hold.

    Of its steps, the share `queued` is for the queue, and the share `writes` writes documents; if
    it `shares`, some write one that all write, and may fail by that. If it `nests`, every kind of
    list is among them, and steps may have undos; `children` are the names of workflows with an
    input for each. With `breaks`, some steps fail without another attempt.
    """

    longest: int = 6
    queued: float = 0.0
    nests: bool = False
    writes: float = 0.0
    shares: bool = True
    breaks: bool = False
    children: tuple[tuple[str, Any], ...] = ()


def random_list(
    chance: random.Random,
    ledger: Ledger,
    shape: Shape,
    name: str = "random",
    bears: tuple[Any, ...] = (),
) -> RandomWorkflow:
    """A list of a few elements, lists within lists at most two deep; it brings its children."""
    written = Writer(chance, shape).elements(chance.randint(2, shape.longest), 0)
    steps = [{"kind": "init", "name": "Start"}, *written, {"kind": "done", "name": "Done"}]
    document = {"kind": "steps", "name": name, "version": 1, "steps": steps}
    return coded(chance, ledger, shape, document, bears)


def coded(
    chance: random.Random,
    ledger: Ledger,
    shape: Shape,
    document: Mapping[str, Any],
    bears: tuple[Any, ...] = (),
) -> RandomWorkflow:
    """A list with functions for all that it names."""
    program, functions = StepsProgram(document), dict[str, Any]()
    for node in program.nodes.values():
        for question in range(node.guards if node.place == node.path else 0):
            functions[f"{node.path}?{question}"] = _predicate(answer=chance.random() < 0.7)
        if node.kind in ("step", "undo", "get", "set"):
            functions[node.path] = _Step(chance, program, node, ledger, shape).function()
    name, version = document["name"], document["version"]
    return RandomWorkflow(name, document, functions, version, children=bears)


class Writer:
    """Writes random elements down; every key that they write is one of its own."""

    def __init__(self, chance: random.Random, shape: Shape) -> None:
        self._chance = chance
        self._shape = shape
        self._kinds = ["step"] * 6 + ["sleep", "wait_for"]
        self._lists = ["parallel"] * 2
        if shape.nests:
            self._lists += ["group", "foreach", "foreach", "focus", "lens"]
        if shape.children:
            self._lists += ["child"] * 2

    def elements(self, count: int, depth: int, *, has_items: bool = True) -> list[dict[str, Any]]:
        return [self._element(index, depth, has_items=has_items) for index in range(count)]

    def _element(self, index: int, depth: int, *, has_items: bool) -> dict[str, Any]:
        chance = self._chance
        kind = chance.choice(self._kinds + (self._lists if depth < 2 else []))
        if kind == "foreach" and not has_items:
            kind = "group"
        element: dict[str, Any] = {"kind": kind, "name": f"{kind}{index}"}
        if chance.random() < 0.25:
            element["guards"] = ["maybe"] * chance.randint(1, 2)
        key = f"{kind} at {depth}.{index}.{chance.random():.9f}"
        match kind:
            case "sleep":
                element["seconds"] = chance.choice((0.0, 0.3, 2.0, 15.0))
            case "wait_for":
                element |= {"signal": f"signal{chance.randint(0, 2)}", "into": key}
            case "parallel":
                element["branches"] = [
                    self.elements(chance.randint(1, 3), depth + 1, has_items=has_items)
                    for _ in range(chance.randint(1, 3))
                ]
            case "child":
                name, given = chance.choice(self._shape.children)
                element |= {"workflow": name, "into": key, "input": given}
            case "step":
                element |= self._policies()
            case _:
                element |= self._list(kind, key, depth, has_items=has_items)
        return element

    def _list(self, kind: str, key: str, depth: int, *, has_items: bool) -> dict[str, Any]:
        chance = self._chance
        element: dict[str, Any] = {"key": key} if kind == "focus" else {"put": key}
        if kind == "foreach":
            limit = chance.choice((1, 2, 16))
            element |= {"key": "items", "into": key, "limit": limit}
        inner = has_items if kind in ("group", "foreach") else kind == "lens"
        count = chance.randint(1, 2)
        return element | {"steps": self.elements(count, depth + 1, has_items=inner)}

    def _policies(self) -> dict[str, Any]:
        chance, told = self._chance, dict[str, Any]()
        if chance.random() < 0.3:
            told["retry"] = {"attempts": 4, "delay": chance.choice((0.1, 1.0, 3.0))}
        elif chance.random() < 0.3:
            told["at_most_once"] = True
        if self._shape.nests and chance.random() < 0.4:
            told["undo"] = {"name": "back", "parameters": [{"name": "state"}]}
        if chance.random() < self._shape.queued:
            told["queue"] = QUEUE
        return told


def _predicate(*, answer: bool) -> Any:
    return lambda values: answer


class _Step:
    """What one step does: it writes down that it begins, fails so often, takes so long."""

    def __init__(
        self,
        chance: random.Random,
        program: StepsProgram,
        node: Node,
        ledger: Ledger,
        shape: Shape,
    ) -> None:
        self._program, self._node, self._ledger = program, node, ledger
        may_fail = node.retry is not None or (shape.breaks and chance.random() < 0.3)
        self._fails_until = chance.randint(1, 3) if may_fail else 1
        self._seconds = chance.choice((0.0, 0.0, 0.01, 1.0, 7.0))
        self._is_async = chance.random() < 0.7
        self._writes = chance.random() < shape.writes and node.kind == "step"
        self._shares = chance.random() < 0.3 and shape.shares

    def function(self) -> ActivityFunction:
        takes = ("substate",) if self._node.kind == "set" else ()
        return ActivityFunction(
            self._node.path,
            self._slow if self._is_async else self._quick,
            self._is_async,
            lambda view: {name: view[name] for name in takes},
            lambda result: result,
        )

    async def _slow(self, substate: Any = None) -> dict[str, Any]:
        self._begin()
        await asyncio.sleep(self._seconds)
        return self._end(substate)

    def _quick(self, substate: Any = None) -> dict[str, Any]:
        self._begin()
        return self._end(substate)

    def _begin(self) -> None:
        element = self._node.element
        self._ledger.begin(
            at_most_once=element.get("at_most_once", False),
            is_queued="queue" in element,
            after=_predecessors(self._program, current().path),
        )
        if current().attempt < self._fails_until:
            raise ConnectionError("not yet")

    def _end(self, substate: Any) -> dict[str, Any]:
        node = self._node
        if self._writes:
            self._ledger.write(*SHARED if self._shares else ("note", current().idempotency_key))
        match node.kind:
            case "set":
                return {node.element["put"]: substate}
            case "get":
                return {"items": ITEMS[1:]}
            case "undo":
                return {}
            case _:
                return {node.path: "done"}


def _predecessors(program: StepsProgram, path: str) -> Iterator[str]:
    """The unguarded steps that stand before `path` in its own list."""
    nodes = program.nodes
    node, route = nodes.find(path) or (None, ())
    if node is None or node.kind == "undo":
        return
    for other in nodes.values():
        if other.following is None or other.route != node.route or other.place != other.path:
            continue
        follower: str | None = other.following
        while follower is not None and follower != node.place:
            follower = nodes[follower].following
        if follower == node.place and other.kind == "step" and not other.guards:
            yield other.text(route)
