"""Circles of eventless edges: followed round once in thought, with what is set on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from corago.core.expressions import EvaluationError, Expression, ExpressionError, parse
from corago.core.expressions import nodes as n
from corago.machine.lint.chart import PREVIOUS, Chart, Document, Edge, components
from corago.machine.lint.findings import Finding, Step, Witness, shown
from corago.machine.lint.guards import is_first
from corago.machine.lint.judge import Judge, condition
from corago.machine.lint.ranges import field_path, zero
from corago.machine.lint.solver import Condition, Example, holds
from corago.machine.lint.updates import read
from corago.machine.model import LIMIT

Path = tuple[str, ...]

_CIRCLES = 200
_TRAILS = 5_000
_LONGEST = 4_000
"""Characters of an expression into which others were put."""

_UP = frozenset({"<", "<="})
_DOWN = frozenset({">", ">="})
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Leg:
    """One edge of a circle, and the state it leads to."""

    edge: Edge
    target: str


def eventless_cycles(judge: Judge) -> Iterator[Finding]:
    """Circles of eventless edges that are always gone round, or for some values."""
    chart = judge.chart
    legs = {state: tuple(_legs(chart, state)) for state in chart.witnesses}
    ways = {state: {leg.target for leg in out} for state, out in legs.items()}
    for part in components(chart.witnesses, ways):
        inside = set(part)
        here = {s: [leg for leg in legs[s] if leg.target in inside] for s in part}
        for circle in _circles(part, here):
            yield from _judged(judge, circle)


def _legs(chart: Chart, state: str) -> Iterator[Leg]:
    if chart.is_terminal(state):
        return
    for edge in chart.edges(state, "when"):
        if edge.to is None:
            yield Leg(edge, state)
        elif edge.to != PREVIOUS:
            yield Leg(edge, edge.to)
        else:
            for target in sorted(chart.predecessors[state]):
                yield Leg(edge, target)


def _circles(states: Sequence[str], legs: Mapping[str, list[Leg]]) -> Iterator[tuple[Leg, ...]]:
    """Simple circles, each once, beginning at the state that comes first; so many and no more."""
    order = {state: number for number, state in enumerate(states)}
    found = tried = 0
    for start in states:
        trails: list[tuple[Leg, ...]] = [(leg,) for leg in legs[start]]
        while trails:
            trail = trails.pop()
            tried += 1
            last = trail[-1].target
            if last == start and _returns(trail):
                found += 1
                yield trail
            elif order[last] > order[start] and last not in {leg.target for leg in trail[:-1]}:
                trails += ((*trail, leg) for leg in legs[last])
            if found >= _CIRCLES or tried >= _TRAILS:
                return


def _returns(circle: tuple[Leg, ...]) -> bool:
    """Whether each `previous()` leads to where the machine has come from."""
    return all(
        leg.edge.to != PREVIOUS or before.edge.source == leg.target
        for before, leg in zip((circle[-1], *circle), circle, strict=False)
    )


def _judged(judge: Judge, circle: tuple[Leg, ...]) -> Iterator[Finding]:
    first = circle[0].edge
    path = tuple(
        Step(leg.edge.source, leg.edge.trigger, leg.target, leg.edge.place) for leg in circle
    )
    tour = " → ".join([first.source, *(leg.target for leg in circle)])
    if all(_is_sure(judge, leg.edge) for leg in circle):
        yield _finding("error", path, f"{tour} goes round for ever: no guard ever stops it", path)
        return
    journey = _Journey(judge)
    if not all(journey.goes(leg) for leg in circle):
        return
    values, asked = dict(journey.values), list(journey.conditions)
    if not journey.goes(circle[0]) or _is_bounded(journey):
        return
    answer = judge.ask(journey.conditions, judge.stores(first.source), valid=True)
    limit = _limit(judge.chart) // len(circle) + 1
    if isinstance(answer, dict) and _goes_on(judge, answer, asked, values, limit):
        text = f"{tour} goes round without an event if {shown(answer)}"
        yield _finding("warning", path, text, answer)


def _finding(
    level: str, path: Witness, text: str, example: Mapping[str, object] | Witness
) -> Finding:
    return Finding(
        "eventless-cycle",
        "error" if level == "error" else "warning",
        path[0].place,
        text,
        "let one of its edges wait for an event, or guard it by what changes on the way "
        f'("visits.{path[-1].target} < 10")',
        example,
    )


def _is_sure(judge: Judge, edge: Edge) -> bool:
    """Whether an edge is taken whatever the stores hold."""
    rivals = _rivals(judge.chart, edge)
    if any(judge.may((rival,), valid=False) is not None for rival in rivals):
        return False
    return edge.guard is None or judge.may((), (edge,), valid=False) is None


def _rivals(chart: Chart, edge: Edge) -> list[Edge]:
    """Edges that keep this one from being taken when they hold."""
    edges = chart.edges(edge.source, "when")
    own = [each for each in edges if each.group == edge.group]
    inner = [each for each in edges if each.group is None and edge.group is not None]
    before = own[: own.index(edge)] if is_first(chart) else []
    return inner + before


@dataclass(slots=True)
class _Journey:
    """The way round: what the stores hold by then, told by what they held at first."""

    judge: Judge
    conditions: list[Condition] = field(default_factory=list)
    values: dict[Path, str | None] = field(default_factory=dict)
    """By field, its value as an expression over the stores at first; None where it isn't known."""
    bounds: list[tuple[Path, str, n.Node]] = field(default_factory=list)

    def goes(self, leg: Leg) -> bool:
        """Take one edge; False if what it depends on can't be told."""
        edge, chart = leg.edge, self.judge.chart
        if edge.guard is not None:
            asked = condition(edge)
            if asked is None or not self._ask(asked):
                return False
            self.bounds += _bounds(asked[0].root, wanted=asked[1])
        for rival in _rivals(chart, edge):
            asked = condition(rival, is_held=False)
            if asked is None or not self._ask(asked):
                return False
        if edge.to is None:
            self._set(edge.told)
            return True
        document = chart.document
        before = (
            *document.get("on_exit", ()),
            *chart.states[edge.source].get("exit", ()),
            *document.get("on_transition", ()),
            edge.told,
        )
        for told in before:
            self._set(told)
        visits = ("visits", leg.target)
        self.values[visits] = f"{self._value(visits)} + 1"
        for told in (*document.get("on_enter", ()), *chart.states[leg.target].get("enter", ())):
            self._set(told)
        return True

    def _value(self, path: Path) -> str | None:
        store, name = path
        return self.values.get(path, f'{store}["{name}"]')

    def _ask(self, asked: Condition) -> bool:
        text = self._put(asked[0])
        if text is None:
            return False
        try:
            self.conditions.append((parse(text), asked[1]))
        except ExpressionError:
            return False
        return True

    def _set(self, told: Document) -> None:
        given = told.get("set", {})
        if "call" in given:
            for store in ("internal", "external"):
                for name in self.judge.chart.document.get(store, {}):
                    self.values[store, name] = None
            return
        found: dict[Path, str | None] = {}
        for target, text in given.items():
            expression = read(text)
            path = tuple(target.split(".", 1))
            found[path] = None if expression is None else self._put(expression)
        self.values |= found

    def _put(self, expression: Expression) -> str | None:
        """The expression over the stores at first; None if it reads what isn't known."""
        text, places = expression.text, []
        for node in n.walk(expression.root):
            path = field_path(node)
            if path is not None and path in self.values:
                places.append((node.start, node.end, self.values[path]))
        for start, end, value in sorted(places, reverse=True):
            if value is None:
                return None
            text = f"{text[:start]}({value}){text[end:]}"
        return text if len(text) <= _LONGEST else None


def _limit(chart: Chart) -> int:
    """So many transitions may follow each other."""
    limit: int = chart.document.get("max_transitions", LIMIT)
    return limit


def _goes_on(
    judge: Judge,
    example: Example,
    asked: Sequence[Condition],
    values: Mapping[Path, str | None],
    rounds: int,
) -> bool:
    """Whether an example really leads round and round: gone with these very values."""
    stores = {
        store: {
            **{name: zero(kind) for name, kind in scope["properties"].items()},
            **example.get(store, {}),
        }
        for store, scope in judge.stores(judge.chart.initial).items()
    }
    for _ in range(rounds):
        if not holds(asked, stores):
            return False
        before = dict(stores)
        for (store, name), text in values.items():
            if text is not None:
                try:
                    value = parse(text).evaluate(before)
                except (EvaluationError, ExpressionError):
                    return False
                stores[store] = {**stores[store], name: value}
    return True


def _is_bounded(journey: _Journey) -> bool:
    """Whether a guard compares a counter with a bound, and the way round brings it nearer."""
    for path, operator, bound in journey.bounds:
        value = journey.values.get(path)
        is_kept = all(other[:2] not in journey.values for other in n.read_paths(bound))
        if value is None or not is_kept:
            continue
        step = _step(value, path)
        if (operator in _UP and step > 0) or (operator in _DOWN and step < 0):
            return True
    return False


def _step(text: str, path: Path) -> float:
    """By how much a field changes on the way round; 0 if that is more than a sum."""
    try:
        expression = parse(text)
        if not set(expression.paths) <= {path}:
            return 0
        samples = [
            expression.evaluate({path[0]: {path[1]: value}}) - value for value in (3, 1000, -77)
        ]
    except (EvaluationError, ExpressionError, TypeError):
        return 0
    first = samples[0]
    is_steady = all(type(each) in (int, float) and each == first for each in samples)
    return first if is_steady else 0


def _bounds(node: n.Node, *, wanted: bool) -> Iterator[tuple[Path, str, n.Node]]:
    """Comparisons that must hold for a guard to: a field, an operator, and what it is beside."""
    match node:
        case n.Not(operand=operand):
            yield from _bounds(operand, wanted=not wanted)
        case n.Logic(operator=operator, operands=operands):
            if (operator == "and") is wanted:
                for each in operands:
                    yield from _bounds(each, wanted=wanted)
        case n.Comparison(operators=operators, operands=operands):
            if len(operators) > 1 and not wanted:
                return
            for operator, left, right in zip(operators, operands, operands[1:], strict=False):
                if operator not in _OPPOSITES:
                    continue
                holds = operator if wanted else _OPPOSITES[operator]
                for side, sign, other in ((left, holds, right), (right, _MIRRORED[holds], left)):
                    path = field_path(side)
                    if path is not None:
                        yield path, sign, other
        case _:
            return
