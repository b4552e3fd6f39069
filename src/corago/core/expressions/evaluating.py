"""From parts to closures: compiled once, then called with the roots' values.

The closures hold no state; only loops write into a copy of the roots, made for one evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from corago.core.expressions import nodes as n
from corago.core.expressions.comparing import calculate, compare
from corago.core.expressions.operations import NUMBERS, WORKED, held
from corago.core.expressions.reading import (
    MISSING,
    Run,
    find,
    read_field,
    read_item,
    read_name,
)
from corago.core.expressions.sites import BUDGET, MOST_WORK, Site, Values, site

_BOOLEAN_CALLS = frozenset({"has", "starts_with", "ends_with", "contains", "any", "all"})


def compiled(text: str, root: n.Node) -> Run:
    """A function from the roots' values to the expression's value. It raises EvaluationError."""
    run = Compiler(text).run(root)
    if not works_hard(root):
        return run
    whole = site(text, root)

    def bounded(values: Values) -> Any:
        result = run(with_budget(values))
        if isinstance(result, list | dict):
            _measure(whole, result)
        return result

    return bounded


def works_hard(root: n.Node) -> bool:
    """Whether it may make or look through more than its values hold."""
    return any(
        isinstance(part, n.Loop | n.ArrayOf | n.ObjectOf)
        or (isinstance(part, n.Arithmetic) and part.operator == "+" and not _adds_numbers(part))
        or (isinstance(part, n.Call) and part.function in {"lower", "upper"})
        for part in n.walk(root)
    )


def _adds_numbers(part: n.Arithmetic) -> bool:
    """Whether nothing but numbers can be added here, as one of them is written out."""
    sides = (part.left, part.right)
    return any(isinstance(each, n.Literal) and type(each.value) in {int, float} for each in sides)


def with_budget(values: Values) -> dict[str, Any]:
    """The roots for one evaluation that is watched."""
    return {**values, BUDGET: [MOST_WORK]}


def _measure(whole: Site, result: Any) -> None:
    """Raises EvaluationError for a result that is large when written, as one text many times."""
    budget: Values = {BUDGET: [MOST_WORK]}
    waiting = [result]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str | list | tuple | Mapping):
            whole.charge(budget, len(value) + 1)
            if isinstance(value, Mapping):
                waiting += value.values()
            elif not isinstance(value, str):
                waiting += value


@dataclass(frozen=True, slots=True)
class Compiler:
    """Makes a closure of each part of one text."""

    text: str

    def run(self, node: n.Node) -> Run:
        """The closure of a part."""
        match node:
            case n.Literal(value=value):
                return lambda _: value
            case n.Name():
                return read_name(self.text, node)
            case n.Field():
                return read_field(self.text, node, self.run)
            case n.Item():
                return read_item(self.text, node, self.run)
            case n.Not(operand=operand):
                return self._not(operand)
            case n.Negative(operand=operand):
                return self._negative(node, operand)
            case n.Logic(operator=operator, operands=operands):
                return self._logic(operator, operands)
            case n.Comparison():
                return compare(self.text, node, self.run)
            case n.Arithmetic():
                return calculate(self.text, node, self.run)
            case n.Conditional(test=test, then=then, otherwise=otherwise):
                asked, yes, no = self.truth(test), self.run(then), self.run(otherwise)
                return lambda values: yes(values) if asked(values) else no(values)
            case n.ArrayOf(items=items):
                runs = tuple(map(self.run, items))
                return lambda values: [run(values) for run in runs]
            case n.ObjectOf(keys=keys, values=parts):
                entries = tuple(zip(keys, map(self.run, parts), strict=True))
                return lambda values: {key: run(values) for key, run in entries}
            case n.Call():
                return self._call(node)
            case n.Loop():
                turns, at = self._turns(node), site(self.text, node)

                def collected(values: Values) -> list[Any]:
                    items = list(turns(values))
                    at.produced(values, len(items))
                    return items

                return collected

    def truth(self, node: n.Node) -> Run:
        """The closure of a part that must be true or false."""
        run, at = self.run(node), site(self.text, node)
        if is_surely_boolean(node):
            return run

        def truth(values: Values) -> bool:
            value = run(values)
            if value is True or value is False:
                return value
            raise at.wrong(value, "true or false")

        return truth

    def _not(self, operand: n.Node) -> Run:
        run, at = self.run(operand), site(self.text, operand)

        def negated(values: Values) -> bool:
            value = run(values)
            if value is True:
                return False
            if value is False:
                return True
            raise at.wrong(value, "true or false")

        return negated

    def _negative(self, node: n.Node, operand: n.Node) -> Run:
        run, at, inner = self.run(operand), site(self.text, node), site(self.text, operand)

        def negative(values: Values) -> int | float:
            value = run(values)
            if type(value) not in NUMBERS:
                raise inner.wrong(value, "a number")
            return held(at, -value)

        return negative

    def _logic(self, operator: str, operands: tuple[n.Node, ...]) -> Run:
        runs = tuple(map(self.truth, operands))
        if len(runs) == 2:  # noqa: PLR2004 - by far the most, and twice as fast without a loop
            one, other = runs
            if operator == "and":
                return lambda values: one(values) and other(values)
            return lambda values: one(values) or other(values)
        if operator == "and":
            return lambda values: all(run(values) for run in runs)
        return lambda values: any(run(values) for run in runs)

    def _call(self, node: n.Call) -> Run:
        name, arguments = node.function, node.arguments
        if name == "has":
            found = find(arguments[0], self.run)
            return lambda values: not ((value := found(values)) is MISSING or value is None)
        if name == "default":
            found, fallback = find(arguments[0], self.run), self.run(arguments[1])

            def given(values: Values) -> Any:
                value = found(values)
                return fallback(values) if value is MISSING or value is None else value

            return given
        if name in {"any", "all"} and isinstance(arguments[0], n.Loop):
            return self._quantified(arguments[0], decisive=name == "any")
        function, at = WORKED[name], site(self.text, node)
        sites = tuple(site(self.text, each) for each in arguments)
        runs = tuple(map(self.run, arguments))
        if len(runs) == 1:
            only = runs[0]
            return lambda values: function(values, at, sites, (only(values),))
        return lambda values: function(values, at, sites, [run(values) for run in runs])

    def _quantified(self, loop: n.Loop, *, decisive: bool) -> Run:
        turns, element = self._turns(loop), site(self.text, loop.element)

        def quantified(values: Values) -> bool:
            for value in turns(values):
                if not isinstance(value, bool):
                    raise element.wrong(value, "true or false")
                if value is decisive:
                    return decisive
            return not decisive

        return quantified

    def _turns(self, node: n.Loop) -> Callable[[Any], Iterator[Any]]:
        source, element = self.run(node.source), self.run(node.element)
        conditions = tuple(map(self.truth, node.conditions))
        weight = sum(1 for part in (node.element, *node.conditions) for _ in n.walk(part))
        variable, at, among = node.variable, site(self.text, node), site(self.text, node.source)

        def turns(values: dict[str, Any]) -> Iterator[Any]:
            items = source(values)
            if not isinstance(items, list | tuple):
                raise among.wrong(items, "an array")
            for item in items:
                at.charge(values, weight)
                values[variable] = item
                if all(condition(values) for condition in conditions):
                    yield element(values)

        return turns


def is_surely_boolean(node: n.Node) -> bool:
    """Whether its value can be nothing but true or false."""
    match node:
        case n.Comparison() | n.Logic() | n.Not():
            return True
        case n.Literal(value=value):
            return isinstance(value, bool)
        case n.Call(function=function):
            return function in _BOOLEAN_CALLS
        case n.Conditional(then=then, otherwise=otherwise):
            return is_surely_boolean(then) and is_surely_boolean(otherwise)
        case _:
            return False
