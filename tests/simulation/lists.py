"""Random step lists, with functions that write down what they did."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from corago.activity import ActivityFunction, current
from corago.core import codec
from corago.steps.nodes import Node
from corago.steps.program import StepsProgram

QUEUE = "gpu"
ITEMS = [5, 6, 7]


class Book(Protocol):
    """Where a step writes down that it begins."""

    def begin(self, process_id: str, path: str, attempt: int) -> None:
        """Attempt `attempt` of the step at `path` begins."""


@dataclass(frozen=True)
class RandomWorkflow:
    """A workflow made by chance; its functions write into the book that is set for a run."""

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


def random_workflow(
    chance: random.Random, books: list[Any], queued: float = 0.0, *, nests: bool = False
) -> RandomWorkflow:
    """A list of up to a dozen elements, lists within lists at most two deep.

    Of its steps, the share `queued` is for the queue. If it `nests`, every kind of list is among
    them, steps may have undos, and children run a list of their own.
    """
    writer = Writer(chance, "random", nests=nests)
    elements = writer.elements(chance.randint(2, 6), 0)
    if queued:
        _queue_up(chance, elements, queued)
    children: tuple[RandomWorkflow, ...] = ()
    if nests:
        inner = Writer(chance, "inner", nests=True, bears=False)
        children = (_workflow(chance, "inner", inner.elements(2, 1), books),)
    return _workflow(chance, "random", elements, books, children)


def _workflow(
    chance: random.Random,
    name: str,
    elements: list[dict[str, Any]],
    books: list[Any],
    children: tuple[RandomWorkflow, ...] = (),
) -> RandomWorkflow:
    steps = [{"kind": "init", "name": "Start"}, *elements, {"kind": "done", "name": "Done"}]
    document = {"kind": "steps", "name": name, "version": 1, "steps": steps}
    functions: dict[str, Any] = {}
    for node in StepsProgram(document).nodes.values():
        for question in range(node.guards if node.place == node.path else 0):
            functions[f"{node.path}?{question}"] = _predicate(answer=chance.random() < 0.7)
        if node.kind in ("step", "undo", "get", "set"):
            functions[node.path] = _step(chance, node, books)
    return RandomWorkflow(name, document, functions, children=children)


class Writer:
    """Writes random elements down; every key that they write is one of its own."""

    def __init__(
        self, chance: random.Random, name: str, *, nests: bool = False, bears: bool = True
    ) -> None:
        self._chance = chance
        self._name = name
        self._nests = nests
        self._kinds = ["step"] * 6 + ["sleep", "wait_for"]
        self._lists = ["parallel"] * 2
        if nests:
            self._lists += ["group", "foreach", "foreach", "focus", "lens"] + ["child"] * bears

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
                element["seconds"] = chance.choice((0.0, 0.3, 2.0, 40.0))
            case "wait_for":
                element |= {"signal": f"signal{chance.randint(0, 2)}", "into": key}
            case "parallel":
                element["branches"] = [
                    self.elements(chance.randint(1, 3), depth + 1, has_items=has_items)
                    for _ in range(chance.randint(1, 3))
                ]
            case "child":
                given = {"input": {"items": ITEMS[:2]}} if chance.random() < 0.5 else {}
                element |= {"workflow": "inner", "into": key, **given}
            case "step":
                element |= self._policies()
            case _:
                inner = has_items if kind in ("group", "foreach") else kind == "lens"
                element |= {"key": key} if kind == "focus" else {"put": key}
                if kind == "foreach":
                    limit = chance.choice((1, 2, 16))
                    element |= {"key": "items", "into": key, "limit": limit}
                count = chance.randint(1, 2)
                element["steps"] = self.elements(count, depth + 1, has_items=inner)
        return element

    def _policies(self) -> dict[str, Any]:
        chance, told = self._chance, dict[str, Any]()
        if chance.random() < 0.3:
            told["retry"] = {"attempts": 4, "delay": chance.choice((0.1, 1.0, 3.0))}
        elif chance.random() < 0.3:
            told["at_most_once"] = True
        if self._nests and chance.random() < 0.4:
            told["undo"] = {"name": "back", "parameters": [{"name": "state"}]}
        return told


def _queue_up(chance: random.Random, elements: list[dict[str, Any]], share: float) -> None:
    """Give so many of the steps to the queue."""
    for element in elements:
        for branch in element.get("branches", [element.get("steps", [])]):
            _queue_up(chance, branch, share)
        if element["kind"] == "step" and chance.random() < share:
            element["queue"] = QUEUE


def _predicate(*, answer: bool) -> Any:
    return lambda values: answer


def _step(chance: random.Random, node: Node, books: list[Any]) -> ActivityFunction:
    fails_until = chance.randint(1, 3) if node.retry is not None else 1
    seconds = chance.choice((0.0, 0.0, 0.01, 1.0, 12.0))
    written = _written(node)

    def begin() -> None:
        here = current()
        book: Book = books[0]
        book.begin(here.process_id, here.path, here.attempt)
        if here.attempt < fails_until:
            raise ConnectionError("not yet")

    async def slow(substate: Any = None) -> dict[str, Any]:
        begin()
        await asyncio.sleep(seconds)
        return written if substate is None else {node.element["put"]: substate}

    def quick(substate: Any = None) -> dict[str, Any]:
        begin()
        return written if substate is None else {node.element["put"]: substate}

    is_async = chance.random() < 0.7
    takes = ("substate",) if node.kind == "set" else ()
    return ActivityFunction(
        node.path,
        slow if is_async else quick,
        is_async,
        lambda view: {name: view[name] for name in takes},
        lambda result: result,
    )


def _written(node: Node) -> dict[str, Any]:
    match node.kind:
        case "get":
            return {"items": ITEMS[1:]}
        case "undo":
            return {}
        case _:
            return {node.path: "done"}


def predecessors(workflow: RandomWorkflow, path: str) -> Iterator[str]:
    """The unguarded steps that stand before `path` in its own list."""
    nodes = workflow.program.nodes
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
