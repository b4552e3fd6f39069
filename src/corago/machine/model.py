"""A machine's document as the program reads it: every lookup made once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from corago.core import decisions as d
from corago.core.expressions import Expression, parse
from corago.core.retry import Retry
from corago.machine.durations import seconds_of

PREVIOUS = "previous()"
"""The target of an edge that leads back to the state before."""

LIMIT = 100
"""So many transitions may follow from one message, unless the document says otherwise."""

ZEROS: Mapping[str, Any] = {
    "boolean": False,
    "integer": 0,
    "number": 0.0,
    "string": "",
    "array": [],
    "object": {},
    "any": None,
}
"""What an internal field without a default begins with, by its type."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What must hold (or, `negated`, must not): an expression, or a function by name."""

    text: str
    expression: Expression | None
    call: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One field of a store, and what it becomes."""

    store: str
    name: str
    expression: Expression | None
    call: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """An activity that is asked for, with the expressions of its arguments."""

    activity: str
    args: tuple[tuple[str, Expression], ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What a hook or an edge does: assignments (or one function for all), then effects."""

    place: str
    sets: tuple[Assignment, ...] = ()
    call: str = ""
    effects: tuple[Ask, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A way out of a state, or (without `to`) a change within it. `place` is where it stands."""

    place: str
    guard: Guard | None
    change: Change | None
    to: str | None
    error: str = ""
    said: str = ""
    shape: tuple[Any, ...] = ()

    @property
    def label(self) -> str:
        """The edge for people: what leads to where."""
        return f"{self.said} → {self.to or 'stays'}"


@dataclass(frozen=True, slots=True)
class Timed:
    """An edge with a delay in seconds; `timer` is the first part of its timer's name."""

    timer: str
    seconds: float
    edge: Edge
    group: str = ""


Ways = tuple[tuple[Edge, ...], ...]
"""Edges by rank: those of a state before those of its group."""


@dataclass(frozen=True, slots=True)
class Node:
    """A state."""

    name: str
    on: Mapping[str, Ways]
    when: Ways
    after: tuple[Timed, ...]
    done: Ways
    failed: Ways
    run: Ask | None
    children: Mapping[str, Ask]
    join: int
    enter: tuple[Change, ...]
    exit: tuple[Change, ...]
    is_terminal: bool
    group: str
    moves_on: bool
    signals: tuple[d.AwaitSignal, ...] = ()
    acts_on_entry: bool = False
    acts_on_exit: bool = False


class Model:
    """A whole machine. Takes a document in its normal form, which is taken to be sound."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Compile the document."""
        self.name: str = document["name"]
        self.initial: str = document["initial"]
        self.error: str = document.get("error", "")
        self.conflict_first = document.get("conflict") == "first"
        self.limit: int = document.get("max_transitions", LIMIT)
        self.external: Mapping[str, Any] = document.get("external", {})
        self.internal: Mapping[str, Any] = document.get("internal", {})
        self.types = {"external": self.external, "internal": self.internal}
        self.exact = {
            store: {name: _exact(kind) for name, kind in fields.items()}
            for store, fields in self.types.items()
        }
        self.events: Mapping[str, Any] = document.get("events", {})
        self.on_enter = _hooks(document, "on_enter")
        self.on_exit = _hooks(document, "on_exit")
        self.on_transition = _hooks(document, "on_transition")
        self.validate = None if "validate" not in document else _guard(document["validate"])
        self.idle = _life(document, "idle")
        self.lifetime = _life(document, "lifetime")
        self.has_clocks = self.idle is not None or self.lifetime is not None
        groups = document.get("groups", {})
        self.groups = {
            member: name for name, group in groups.items() for member in group["members"]
        }
        self.states = {
            name: self._node(name, body, groups) for name, body in document["states"].items()
        }
        named = {event for node in self.states.values() for event in node.on}
        self.knows = frozenset(named | set(self.events))
        self.known_events = tuple(sorted(self.knows))
        self.reads_visits = "visits" in repr(document) or "'call'" in repr(document)
        self.reads_previous = PREVIOUS in repr(document)
        self.places = {edge.place: edge for edge in self.edges()}
        self.functions = frozenset(self._named())

    def _node(self, name: str, body: Mapping[str, Any], groups: Mapping[str, Any]) -> Node:
        group = self.groups.get(name, "")
        sources = [(f"states/{name}", body)]
        if group:
            sources.append((f"groups/{group}", groups[group]))

        def ways(key: str) -> Ways:
            return tuple(
                tuple(_edge(f"{at}/{key}/{n}", each) for n, each in enumerate(source.get(key, ())))
                for at, source in sources
            )

        on: dict[str, list[tuple[Edge, ...]]] = {}
        for at, source in sources:
            rank: dict[str, list[Edge]] = {}
            for n, each in enumerate(source.get("on", ())):
                rank.setdefault(each["event"], []).append(_edge(f"{at}/on/{n}", each))
            for event, edges in rank.items():
                on.setdefault(event, []).append(tuple(edges))
        after = tuple(
            Timed(
                f"{at.removeprefix('states/')}/after/{n}",
                seconds_of(each["delay"]),
                _edge(f"{at}/after/{n}", each),
                group if at.startswith("groups/") else "",
            )
            for at, source in sources
            for n, each in enumerate(source.get("after", ()))
        )
        when, done, failed = ways("when"), ways("done"), ways("failed")
        children = {
            child: Ask(each["workflow"], _args(each.get("input", {})))
            for child, each in body.get("children", {}).items()
        }
        join = body.get("join", len(children))
        enter = _hooks(body, "enter", f"states/{name}/")
        leave = _hooks(body, "exit", f"states/{name}/")
        run = _ask(body["run"]) if "run" in body else None
        ways_out = any((on, after, run, children, *when, *done, *failed))
        return Node(
            name,
            {event: tuple(ranks) for event, ranks in on.items()},
            when,
            after,
            done,
            failed,
            run,
            children,
            1 if join == "any" else join,
            enter,
            leave,
            body.get("terminal", False) or not (ways_out or name == self.error),
            group,
            bool(any(when) or any(done)),
            tuple(d.AwaitSignal(name, event) for event in on),
            bool(self.on_enter or enter or run or children),
            bool(self.on_exit or leave or self.on_transition),
        )

    def edges(self) -> Iterator[Edge]:
        """Every edge, each once."""
        seen: set[str] = set()
        for node in self.states.values():
            ways: list[Sequence[Edge]] = [*node.when, *node.done, *node.failed]
            ways += [edges for ranks in node.on.values() for edges in ranks]
            ways.append([timed.edge for timed in node.after])
            for edge in (edge for edges in ways for edge in edges):
                if edge.place not in seen:
                    seen.add(edge.place)
                    yield edge
        yield from (timed.edge for timed in (self.idle, self.lifetime) if timed is not None)

    def _named(self) -> Iterator[str]:
        """The keys of all functions that the document names."""
        changes = [*self.on_enter, *self.on_exit, *self.on_transition]
        guards = [self.validate]
        for node in self.states.values():
            changes += (*node.enter, *node.exit)
            if node.run is not None:
                yield node.run.activity
        for edge in self.edges():
            guards.append(edge.guard)
            changes += [] if edge.change is None else [edge.change]
        yield from (f"{guard.call}?" for guard in guards if guard is not None and guard.call)
        for change in changes:
            yield from (ask.activity for ask in change.effects)
            calls = (change.call, *(each.call for each in change.sets))
            yield from (f"{call}=" for call in calls if call)

    def beginning(self, store: str) -> dict[str, Any]:
        """What a store begins with, where nothing is given."""
        found = {}
        for name, kind in self.types[store].items():
            if "default" in kind:
                found[name] = kind["default"]
            elif store == "internal":
                found[name] = None if kind.get("nullable") else ZEROS[kind["type"]]
        return found


_EXACT: Mapping[str, type] = {"boolean": bool, "integer": int, "string": str}
_LIMITS = ("enum", "minimum", "maximum")


def _exact(kind: Mapping[str, Any]) -> type | None:
    """The type every value of which fits, where there is one."""
    return None if any(each in kind for each in _LIMITS) else _EXACT.get(kind["type"])


def _life(document: Mapping[str, Any], key: str) -> Timed | None:
    if key not in document:
        return None
    edge = _edge(key, document[key])
    return Timed(key, seconds_of(document[key]["delay"]), edge)


def _edge(place: str, told: Mapping[str, Any]) -> Edge:
    guard = None
    if "if" in told:
        guard = _guard(told["if"])
    elif "unless" in told:
        guard = _guard(told["unless"], negated=True)
    change = _change(place, told)
    said = told.get("event") or (f"after {told['delay']}" if "delay" in told else "")
    shape = (told.get("to"), repr(told.get("set")), repr(told.get("effect")))
    return Edge(place, guard, change, told.get("to"), told.get("error", ""), said, shape)


def _guard(told: Any, *, negated: bool = False) -> Guard:
    if isinstance(told, str):
        return Guard(told, parse(told), "", negated)
    return Guard(f"{told['call']}()", None, told["call"], negated)


def _hooks(body: Mapping[str, Any], key: str, at: str = "") -> tuple[Change, ...]:
    found = (_change(f"{at}{key}/{n}", each) for n, each in enumerate(body.get(key, ())))
    return tuple(change for change in found if change is not None)


def _change(place: str, told: Mapping[str, Any]) -> Change | None:
    sets, effects = told.get("set"), told.get("effect", ())
    if not sets and not effects:
        return None
    if sets and "call" in sets:
        return Change(place, (), sets["call"], tuple(map(_ask, effects)))
    assignments = tuple(
        Assignment(
            store=target.partition(".")[0],
            name=target.partition(".")[2],
            expression=parse(value) if isinstance(value, str) else None,
            call="" if isinstance(value, str) else value["call"],
        )
        for target, value in (sets or {}).items()
    )
    return Change(place, assignments, "", tuple(map(_ask, effects)))


_POLICY = ("queue", "at_most_once")


def _ask(told: Mapping[str, Any]) -> Ask:
    policy = {key: told[key] for key in _POLICY if key in told}
    if "retry" in told:
        Retry(**told["retry"])
        policy["retry"] = told["retry"]
    if "timeout" in told:
        policy["timeout"] = seconds_of(told["timeout"])
    return Ask(told["activity"], _args(told.get("args", {})), policy)


def _args(told: Mapping[str, Any]) -> tuple[tuple[str, Expression], ...]:
    return tuple((name, parse(text)) for name, text in told.items())
