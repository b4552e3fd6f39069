"""Questions about guards, put to a solver: may these hold while those don't?"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from corago.machine.lint.chart import Chart, Edge
from corago.machine.lint.solver import ANY, UNKNOWN, Answer, Condition, Scope, Solver, holds
from corago.machine.lint.updates import Updates, read

_TEXT: Mapping[str, Any] = {"type": "string"}
_SOME: Mapping[str, Any] = {"type": "integer", "minimum": 1}
_ANY_NUMBER: Mapping[str, Any] = {"type": "integer", "minimum": 0}
_TROUBLE = dict.fromkeys(("kind", "type", "message", "where", "from"), _TEXT)


def record(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The TYPE of a record."""
    return {"type": "object", "properties": fields}


class Judge:
    """Knows what a document's expressions may read, and asks the solver."""

    def __init__(self, chart: Chart, solver: Solver) -> None:
        self.chart = chart
        self.updates = Updates(chart)
        self.solver = solver
        self._stores: Scope = {
            "external": record(chart.document.get("external", {})),
            "internal": record(self.updates.internal()),
        }
        self._counts: dict[str, Any] = dict.fromkeys(chart.states, _ANY_NUMBER)
        self._known: dict[tuple[Any, ...], Answer] = {}
        rule = chart.document.get("validate")
        valid = None if rule is None else read(rule)
        self.valid: tuple[Condition, ...] = () if valid is None else ((valid, True),)
        """What holds after every change; outside code may break it for a while."""

    # -- what expressions read ---------------------------------------------------------------------

    def scope(self, edge: Edge) -> Scope:
        """What the expressions of an edge may read, with its TYPEs."""
        scope = dict(self.stores(self.chart.initial if edge.group else edge.source))
        state = self.chart.states[edge.source]
        if edge.kind == "on":
            fields = self.chart.document.get("events", {}).get(edge.told["event"])
            scope["event"] = ANY if fields is None else record(fields)
        if edge.kind == "done":
            scope["result"] = result_type(state)
        if edge.kind == "failed" or edge.source == self.chart.error:
            scope["error"] = record(_TROUBLE)
        return scope

    def stores(self, state: str) -> Scope:
        """The stores and the counts of visits, as they may be in a state."""
        here: dict[str, Any] = {state: _SOME, self.chart.initial: _SOME}
        return {**self._stores, "visits": record(ChainMap(here, self._counts))}

    # -- questions ---------------------------------------------------------------------------------

    def may(self, edges: Iterable[Edge], others: Iterable[Edge] = (), *, valid: bool) -> Answer:
        """Whether all the edges may hold while none of the others does.

        `valid` takes for granted that the stores are valid, which outside code may change.
        """
        wanted = [(edge, True) for edge in edges]
        wanted += [(edge, False) for edge in others]
        key = (*((edge.source, edge.place, is_held) for edge, is_held in wanted), valid)
        if key not in self._known:
            self._known[key] = self._may(wanted, valid=valid)
        return self._known[key]

    def _may(self, wanted: Sequence[tuple[Edge, bool]], *, valid: bool) -> Answer:
        conditions: list[Condition] = []
        is_open = False
        for edge, is_held in wanted:
            if edge.guard is None:
                if not is_held:
                    return None
                continue
            found = condition(edge, is_held=is_held)
            if found is None:
                is_open = True
            else:
                conditions.append(found)
        answer = self.ask(conditions, self.scope(wanted[0][0]), valid=valid)
        return answer if answer is None or not is_open else UNKNOWN

    def ask(self, conditions: Iterable[Condition], scope: Scope, *, valid: bool) -> Answer:
        """Put a question to the solver."""
        rules = [
            (rule, wanted)
            for rule, wanted in self.valid
            if valid or all(path[0] == "internal" for path in rule.paths)
        ]
        asked = list(conditions)
        if not asked:
            return {}
        answer = self.solver.possible([*asked, *rules], scope)
        if isinstance(answer, dict) and not holds(asked, answer):
            return UNKNOWN
        return answer


def condition(edge: Edge, *, is_held: bool = True) -> Condition | None:
    """The guard of an edge as an expression and what it shall be; None for a function."""
    expression = read(edge.guard)
    if expression is None:
        return None
    return expression, is_held is ("unless" not in edge.told)


def result_type(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The TYPE of what awaited work gives."""
    if "children" in state:
        child = record({"status": _TEXT, "result": ANY})
        return record(dict.fromkeys(state["children"], child))
    found: Mapping[str, Any] = state.get("run", {}).get("result", ANY)
    return found


def reads_external(edges: Iterable[Edge]) -> bool:
    """Whether a guard may change its answer when the external store does; a function may."""
    for edge in edges:
        if edge.guard is None:
            continue
        found = read(edge.guard)
        if found is None or any(path[0] == "external" for path in found.paths):
            return True
    return False
