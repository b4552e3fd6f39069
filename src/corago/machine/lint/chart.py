"""A machine as a graph: its states, and every edge with the state it may be taken from.

What comes in is a document in normal form; nothing of it is checked again here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corago.machine.lint.findings import Step, Witness

PREVIOUS = "previous()"

FAILING = "an error"
"""The kind of the way to the error state, for which no edge is written."""

Document = Mapping[str, Any]

OWN_KINDS = ("on", "when", "after", "done", "failed")
GLOBAL_KINDS = ("idle", "lifetime")


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge as seen from one state; a group's edge is seen from each member."""

    kind: str
    source: str
    place: str
    told: Document
    group: str | None = None

    @property
    def to(self) -> str | None:
        """The target as written: a state, `previous()`, or None for an edge that stays."""
        return self.told.get("to")

    @property
    def guard(self) -> Any:
        """The guard as written, whichever way round, or None."""
        return self.told.get("if", self.told.get("unless"))

    @property
    def condition(self) -> str:
        """The guard with its word; empty for an edge without one."""
        word = "unless" if "unless" in self.told else "if"
        name = self.guard if isinstance(self.guard, str) else f"{(self.guard or {}).get('call')}()"
        return "" if self.guard is None else f"{word} {name}"

    @property
    def trigger(self) -> str:
        """What sets it off, in words."""
        match self.kind:
            case "on":
                return f"event {self.told['event']}"
            case "failed":
                return f"failed {self.told['error']}" if "error" in self.told else "failed"
            case "after" | "idle" | "lifetime":
                return f"{self.kind} {self.told['delay']}"
            case "when":
                return self.condition or "at once"
            case _:
                return self.kind


@dataclass(frozen=True, slots=True)
class Arc:
    """One way from a state to another: `previous()` gives as many as there are states to go to."""

    edge: Edge
    target: str

    @property
    def step(self) -> Step:
        """It as a part of a witness."""
        edge = self.edge
        return Step(edge.source, edge.trigger, self.target, edge.place)


class Chart:
    """The graph of a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.states: Mapping[str, Document] = document["states"]
        self.initial: str = document["initial"]
        self.error: str | None = document.get("error")
        self.groups: Mapping[str, Document] = document.get("groups", {})
        self.group_of = {
            state: name for name, body in self.groups.items() for state in body["members"]
        }
        self._edges = {state: tuple(self._edges_of(state)) for state in self.states}

    # -- states ------------------------------------------------------------------------------------

    def edges(self, state: str, *kinds: str) -> tuple[Edge, ...]:
        """Edges that may be taken from a state: its own, then its group's."""
        found = self._edges[state]
        return tuple(edge for edge in found if edge.kind in kinds) if kinds else found

    def has_work(self, state: str) -> bool:
        """Whether entering the state begins an activity or children."""
        body = self.states[state]
        return "run" in body or "children" in body

    def is_terminal(self, state: str) -> bool:
        """Whether the machine ends here: it says so, or nothing leads out."""
        is_marked = bool(self.states[state].get("terminal", False))
        return is_marked or self.is_bare(state)

    def is_bare(self, state: str) -> bool:
        """Whether nothing at all leads out, and it isn't the error state."""
        return state != self.error and not self._edges[state] and not self.has_work(state)

    def may_rest(self, state: str) -> bool:
        """Whether it says that a machine may stay there for good."""
        return bool(self.states[state].get("forever", False))

    def _edges_of(self, state: str) -> Iterator[Edge]:
        for kind in OWN_KINDS:
            for number, told in enumerate(self.states[state].get(kind, ())):
                yield Edge(kind, state, f"states/{state}/{kind}/{number}", told)
        group = self.group_of.get(state)
        if group is not None:
            for kind in OWN_KINDS:
                for number, told in enumerate(self.groups[group].get(kind, ())):
                    yield Edge(kind, state, f"groups/{group}/{kind}/{number}", told, group)

    # -- the whole ---------------------------------------------------------------------------------

    @property
    def timers(self) -> tuple[str, ...]:
        """Which of idle and lifetime the machine has."""
        return tuple(kind for kind in GLOBAL_KINDS if kind in self.document)

    def all_edges(self) -> Iterator[Edge]:
        """Every edge of the document once; a group's is seen from its first member."""
        seen: set[str] = set()
        for state in self.states:
            for edge in self._edges[state]:
                if edge.place not in seen:
                    seen.add(edge.place)
                    yield edge
        for kind in self.timers:
            yield Edge(kind, self.initial, kind, self.document[kind])

    def hooks(self) -> Iterator[tuple[str, Document]]:
        """Every hook with its place."""
        for kind in ("on_enter", "on_exit", "on_transition"):
            yield from _numbered(kind, self.document)
        for state, body in self.states.items():
            for kind in ("enter", "exit"):
                for place, hook in _numbered(kind, body):
                    yield f"states/{state}/{place}", hook

    # -- ways --------------------------------------------------------------------------------------

    @cached_property
    def witnesses(self) -> dict[str, Witness]:
        """Every state that can be reached, with a shortest path to it, without errors if it can be.

        `previous()` leads to no new state: a machine has been there.
        """
        nowhere: dict[str, set[str]] = {state: set() for state in self.states}
        arcs = {state: tuple(self._arcs(state, nowhere)) for state in self.states}
        found: dict[str, Witness] = {self.initial: ()}
        for is_all in (False, True):
            waiting = deque(found)
            while waiting:
                state = waiting.popleft()
                for arc in arcs[state]:
                    if arc.target not in found and (is_all or arc.edge.kind != FAILING):
                        found[arc.target] = (*found[state], arc.step)
                        waiting.append(arc.target)
        return found

    @cached_property
    def _ways(self) -> tuple[dict[str, tuple[Arc, ...]], dict[str, set[str]]]:
        """Arcs and predecessors: `previous()` leads to where a machine has come from."""
        before: dict[str, set[str]] = {state: set() for state in self.states}
        while True:
            arcs = {state: tuple(self._arcs(state, before)) for state in self.states}
            after: dict[str, set[str]] = {state: set() for state in self.states}
            for state in self.witnesses:
                for arc in arcs[state]:
                    if arc.target != state:
                        after[arc.target].add(state)
            if after == before:
                return arcs, before
            before = after

    @property
    def arcs(self) -> dict[str, tuple[Arc, ...]]:
        """The ways out of each state, errors and the machine's own timers included."""
        return self._ways[0]

    @property
    def predecessors(self) -> dict[str, set[str]]:
        """The other states that each state can be entered from."""
        return self._ways[1]

    def _arcs(self, state: str, before: Mapping[str, Iterable[str]]) -> Iterator[Arc]:
        if self.is_terminal(state):
            return
        own = self._edges[state]
        for edge in (*own, *(Edge(kind, state, kind, self.document[kind]) for kind in self.timers)):
            if edge.to == PREVIOUS:
                # In the order of the document, so that equal documents give equal witnesses.
                for target in (each for each in self.states if each in before[state]):
                    yield Arc(edge, target)
            elif edge.to is not None:
                yield Arc(edge, edge.to)
            elif edge.kind in GLOBAL_KINDS and self.error is not None:
                yield Arc(edge, self.error)
        if self.error is not None and state != self.error:
            yield Arc(Edge(FAILING, state, "error", {}), self.error)


def components(nodes: Iterable[str], ways: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The strongly connected components, each after those it leads to (Tarjan, without recursion).

    A component lists its nodes in the order they were met.
    """
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in nodes:
        if root in order:
            continue
        order[root] = lowest[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        trail: list[tuple[str, Iterator[str]]] = [(root, iter(ways.get(root, ())))]
        while trail:
            node, rest = trail[-1]
            for other in rest:
                if other not in order:
                    order[other] = lowest[other] = len(order)
                    stack.append(other)
                    on_stack.add(other)
                    trail.append((other, iter(ways.get(other, ()))))
                    break
                if other in on_stack:
                    lowest[node] = min(lowest[node], order[other])
            else:
                trail.pop()
                if trail:
                    above = trail[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                if lowest[node] == order[node]:
                    start = stack.index(node)
                    found.append(stack[start:])
                    on_stack.difference_update(stack[start:])
                    del stack[start:]
    return found


def _numbered(kind: str, holder: Document) -> Iterator[tuple[str, Document]]:
    for number, hook in enumerate(holder.get(kind, ())):
        yield f"{kind}/{number}", hook
