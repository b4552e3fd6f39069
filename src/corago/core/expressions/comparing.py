"""Closures of comparisons and arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corago.core.expressions import nodes as n
from corago.core.expressions.operations import NUMBERS, ORDERS, calculated, equal, holds, joined
from corago.core.expressions.reading import Compile, Run
from corago.core.expressions.sites import Values, site


def compare(text: str, node: n.Comparison, run: Compile) -> Run:
    """The closure of a comparison; each operand is worked out once, and only if it matters."""
    operands = node.operands
    steps = [
        _compared(text, sign, one, other)
        for sign, one, other in zip(node.operators, operands, operands[1:], strict=False)
    ]
    runs = [run(each) for each in operands]
    if len(steps) == 1:
        left, right, step = runs[0], runs[1], steps[0]
        if isinstance(operands[1], n.Literal):
            value = operands[1].value
            return lambda values: step(values, left(values), value)
        return lambda values: step(values, left(values), right(values))
    rest = tuple(zip(steps, runs[1:], strict=True))
    first = runs[0]

    def chain(values: Values) -> bool:
        one = first(values)
        for step, operand in rest:
            other = operand(values)
            if not step(values, one, other):
                return False
            one = other
        return True

    return chain


def _compared(text: str, sign: str, one: n.Node, other: n.Node) -> Callable[..., bool]:
    left, right = site(text, one), site(text, other)
    match sign:
        case "==":
            return lambda values, a, b: equal(left, a, b, values)
        case "!=":
            return lambda values, a, b: not equal(left, a, b, values)
        case "in":
            return lambda values, a, b: holds((right, left), values, b, a)
        case "not in":
            return lambda values, a, b: not holds((right, left), values, b, a)
    order = ORDERS[sign]

    def ordered(_: Values, a: Any, b: Any) -> bool:
        if type(a) in NUMBERS:
            if type(b) in NUMBERS:
                return order(a, b)
            raise right.wrong(b, f"a number, as {left.part} is")
        if type(a) is str:
            if type(b) is str:
                return order(a, b)
            raise right.wrong(b, f"a text, as {left.part} is")
        raise left.wrong(a, f"a number or a text to be compared by {sign}")

    return ordered


def calculate(text: str, node: n.Arithmetic, run: Compile) -> Run:
    """The closure of an operator between two numbers, texts or arrays."""
    sign, left, right = node.operator, run(node.left), run(node.right)
    at, one, other = (site(text, each) for each in (node, node.left, node.right))

    def worked_out(values: Values) -> Any:
        a, b = left(values), right(values)
        if type(a) in NUMBERS:
            if type(b) in NUMBERS:
                return calculated(at, sign, a, b)
            raise other.wrong(b, "a number")
        if sign == "+":
            for kind, noun in (((str,), "a text"), ((list, tuple), "an array")):
                if isinstance(a, kind):
                    if isinstance(b, kind):
                        return joined(at, values, a, b)
                    raise other.wrong(b, noun)
        raise one.wrong(a, "a number" if sign != "+" else "a number, a text or an array")

    return worked_out
