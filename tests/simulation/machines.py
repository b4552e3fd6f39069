"""Random machines: stores and guards, events, work, effects, deadlines, and an end for each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from corago.activity import current
from corago.machine import Machine, define
from tests.simulation.ledgers import Ledger
from tests.simulation.lists import QUEUE

Json = dict[str, Any]

EVENTS = ("go", "pay", "stop")
MOST = 9
"""After so many transitions a machine ends, wherever it stands."""

DELAYS = ("PT1H", "PT2H10M", "PT5H", "PT11H")
"""Deadlines of a state: longer than whatever may happen to the workers meanwhile."""

IDLE, LIFETIME = "PT50H", "P5000D"
SLOW_DELAYS = ("P60D", "P75D", "P90D", "P100D")
SLOW_IDLE = "P150D"
"""Of a machine with children: longer than whatever time these let pass."""

EXTERNAL: Json = {
    "flag": {"type": "boolean", "default": False},
    "amount": {"type": "integer", "default": 0},
}
INTERNAL: Json = {
    "moves": {"type": "integer"},
    "sum": {"type": "integer"},
    "last": {"type": "string", "nullable": True},
}
PAYLOAD: Json = {"amount": {"type": "integer", "default": 1}}
RESULT: Json = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "number": {"type": "integer"}},
}
UPDATES: tuple[Json, ...] = ({"flag": True}, {"flag": False, "amount": 4}, {"amount": 9})

_GUARDS = (
    "external.flag",
    "not external.flag",
    "external.amount > 3",
    "internal.sum > 6",
    "internal.moves % 2 == 0",
    "internal.last == None",
)
_SETS = (
    {"internal.sum": "internal.sum + 2"},
    {"internal.last": "'set'", "internal.sum": "internal.sum + external.amount"},
    {"external.flag": "not external.flag"},
)


class DeclinedError(Exception):
    """Work fails for good."""


def random_machine(
    chance: random.Random,
    ledger: Ledger,
    name: str = "machine",
    *,
    queued: float = 0.0,
    children: Sequence[tuple[str, Any]] = (),
    bears: tuple[Any, ...] = (),
) -> type[Machine]:
    """A machine of a few states; of its work, the share `queued` is for the queue.

    `children` are names of workflows with an input for each, `bears` the workflows.
    """
    document, functions = written(chance, ledger, name, queued=queued, children=children)
    machine = define(document, functions)
    machine.children = bears
    return machine


def written(
    chance: random.Random,
    ledger: Ledger,
    name: str,
    *,
    queued: float = 0.0,
    children: Sequence[tuple[str, Any]] = (),
) -> tuple[Json, dict[str, Callable[..., Any]]]:
    """The document of such a machine, and the functions that it names."""
    author = _Author(chance, ledger, queued, children)
    return author.document(name), author.functions


class _Author:
    """Writes one document, and the functions that it names."""

    def __init__(
        self,
        chance: random.Random,
        ledger: Ledger,
        queued: float,
        children: Sequence[tuple[str, Any]],
    ) -> None:
        self._chance = chance
        self._ledger = ledger
        self._queued = queued
        self._children = children
        self._delays = SLOW_DELAYS if children else DELAYS
        self._idle = SLOW_IDLE if children else IDLE
        self.functions: dict[str, Callable[..., Any]] = {"is_even": _is_even}

    def document(self, name: str) -> Json:
        chance = self._chance
        names = [f"s{number}" for number in range(chance.randint(1, 3))]
        has_error = chance.random() < 0.4
        states: Json = {each: self._state(names) for each in names}
        states["end"] = {"terminal": True, "enter": [{"effect": self._effects(0.3)}]}
        if has_error:
            back = {"event": "go", "to": "previous()"}
            states["trouble"] = {"on": [back], "after": [{"delay": self._delays[0], "to": "end"}]}
        document: Json = {
            "kind": "machine",
            "name": name,
            "version": 1,
            "initial": "s0",
            "conflict": "first",
            "external": EXTERNAL,
            "internal": INTERNAL,
            "events": dict.fromkeys(EVENTS, PAYLOAD),
            "states": states,
            "idle": {"delay": self._idle, "to": "end"},
            "lifetime": {"delay": LIFETIME, "to": "end"},
            "on_transition": [{"set": {"internal.moves": "internal.moves + 1"}}],
        }
        if has_error:
            document["error"] = "trouble"
        if chance.random() < 0.3:
            edge = self._edge({"event": "stop"}, [*names, "end"])
            document["groups"] = {"all": {"members": names, "on": [edge]}}
        return document

    def _state(self, names: Sequence[str]) -> Json:
        chance, targets = self._chance, [*names, "end"]
        state: Json = {"when": [{"if": f"internal.moves > {MOST}", "to": "end"}]}
        if chance.random() < 0.5:
            state["when"].append(self._edge({}, targets, must_guard=True))
        kind = chance.random()
        if kind < 0.45:
            state["run"] = self._run()
            state["done"] = [
                self._edge({}, targets, ("result.ok", "result.number > 2"), ("result.number",)),
                {"to": chance.choice(targets)},
            ]
            if chance.random() < 0.6:
                state["failed"] = [{"to": chance.choice(targets)}]
        elif kind < 0.75 and self._children:
            state |= self._family(targets)
        for _ in range(chance.randint(1, 3)):
            event = {"event": chance.choice(EVENTS)}
            edge = self._edge(event, targets, ("event.amount > 2",), ("event.amount",))
            state.setdefault("on", []).append(edge)
        if chance.random() < 0.4:
            delays = chance.sample(self._delays, chance.randint(1, 2))
            state["after"] = [self._edge({"delay": each}, targets) for each in delays]
        for hook in ("enter", "exit"):
            if chance.random() < 0.25:
                state[hook] = [{"effect": self._effects(1.0)}]
        return state

    def _family(self, targets: Sequence[str]) -> Json:
        chance = self._chance
        kids = {}
        for number in range(chance.randint(1, 2)):
            name, given = chance.choice(self._children)
            kids[f"kid{number}"] = {"workflow": name, "input": _expressions(given)}
        return {
            "children": kids,
            "done": [{"to": chance.choice(targets)}],
            "failed": [{"to": chance.choice(targets)}],
        }

    def _edge(
        self,
        first: Json,
        targets: Sequence[str],
        guards: Sequence[str] = (),
        sums: Sequence[str] = (),
        *,
        must_guard: bool = False,
    ) -> Json:
        chance, edge = self._chance, dict(first)
        if must_guard or chance.random() < 0.5:
            guard = chance.choice((*_GUARDS, *guards, {"call": "is_even"}))
            edge[chance.choice(("if", "if", "unless"))] = guard
        changes = [*_SETS, *({"internal.sum": f"internal.sum + {each}"} for each in sums)]
        if chance.random() < 0.5:
            edge["set"] = chance.choice(changes)
        if effects := self._effects(0.3):
            edge["effect"] = effects
        if must_guard or chance.random() < 0.85:
            edge["to"] = chance.choice(targets)
        return edge

    # -- work --------------------------------------------------------------------------------

    def _effects(self, share: float) -> list[Json]:
        return [self._activity("tell", may_fail=False)] if self._chance.random() < share else []

    def _run(self) -> Json:
        return self._activity("work", may_fail=True) | {"result": RESULT}

    def _activity(self, kind: str, *, may_fail: bool) -> Json:
        chance, number = self._chance, len(self.functions)
        name = f"{kind}{number}"
        is_once, is_queued = chance.random() < 0.2, chance.random() < self._queued
        declines = may_fail and chance.random() < 0.25
        # what may begin once only ends in its first attempt as in any other
        fails = 0 if is_once or declines else chance.choice((0, 0, 1, 2))
        seconds = chance.choice((0.0, 0.0, 0.01, 1.0, 5.0))

        def begin() -> Json:
            self._ledger.begin(at_most_once=is_once, is_queued=is_queued)
            if declines:
                raise DeclinedError("no")
            if current().attempt <= fails:
                raise ConnectionError("not yet")
            return {"ok": number % 2 == 0, "number": number % 5}

        async def slow(amount: int = 0) -> Json:
            found = begin()
            await asyncio.sleep(seconds)
            return found

        def quick(amount: int = 0) -> Json:
            return begin()

        self.functions[name] = slow if chance.random() < 0.7 else quick
        told: Json = {"activity": name, "args": {"amount": "internal.sum"}}
        told["retry"] = {"attempts": 4, "delay": chance.choice((0.1, 2.0)), "jitter": 0}
        told["retry"]["give_up"] = ["DeclinedError"]
        if is_once:
            told["at_most_once"] = True
        if is_queued:
            told["queue"] = QUEUE
        return told


def _is_even(internal: Mapping[str, Any]) -> bool:
    return int(internal["moves"]) % 2 == 0


def _expressions(given: Any) -> Json:
    return {key: repr(value) for key, value in given.items()}
