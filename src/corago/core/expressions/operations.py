"""What operators and functions do with JSON values; every misfit is an EvaluationError."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from corago.core.expressions.faults import kind_of
from corago.core.expressions.parsing import LARGEST
from corago.core.expressions.sites import BUDGET, DEEPEST_VALUE, Site, Values

NUMBERS = frozenset({int, float})
PLAIN = frozenset({str, int, float, bool, type(None)})

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""Comparisons of numbers with numbers and texts with texts."""

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
"""Operators of numbers; + joins texts and arrays too."""


def held(at: Site, value: float) -> int | float:
    """The number, if JSON can hold it."""
    if -LARGEST <= value <= LARGEST if type(value) is int else isfinite(value):
        return value
    raise at.error(
        "the result is too large; integers lie between -(2**63 - 1) and 2**63 - 1", "overflow"
    )


def calculated(at: Site, sign: str, one: Any, other: Any) -> int | float:
    """The result for two numbers."""
    try:
        return held(at, ARITHMETIC[sign](one, other))
    except ZeroDivisionError:
        raise at.error(
            "the divisor is 0; ask for != 0 first: a / b if b != 0 else …", "zero"
        ) from None
    except OverflowError:
        raise at.error("the result is too large", "overflow") from None


def joined(at: Site, values: Values, one: Any, other: Any) -> Any:
    """Two texts or two arrays as one."""
    at.produced(values, len(one) + len(other))
    return one + other if isinstance(one, str) else [*one, *other]


def equal(at: Site, one: Any, other: Any, values: Values, depth: int = 0) -> bool:
    """Whether two JSON values are the same; 1 is 1.0, and true is no 1."""
    kind, kind_too = type(one), type(other)
    if kind is kind_too and kind in PLAIN:
        return bool(one == other)
    if kind in NUMBERS and kind_too in NUMBERS:
        return bool(one == other)
    if depth > DEEPEST_VALUE:
        raise at.error(f"values nest deeper than {DEEPEST_VALUE} here", "limit")
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        at.charge(values, len(one))
        return len(one) == len(other) and all(
            equal(at, first, second, values, depth + 1)
            for first, second in zip(one, other, strict=True)
        )
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        at.charge(values, len(one))
        return len(one) == len(other) and all(
            key in other and equal(at, value, other[key], values, depth + 1)
            for key, value in one.items()
        )
    return False


def holds(at: tuple[Site, Site], values: Values, container: Any, part: Any) -> bool:
    """Whether a text, array or object has the part, item or key; sites of container and part."""
    whole, piece = at
    if isinstance(container, str):
        if not isinstance(part, str):
            raise piece.wrong(part, "a text, for it is looked for in a text")
        if BUDGET in values:
            whole.charge(values, len(container))
        return part in container
    if isinstance(container, list | tuple):
        if BUDGET in values:
            whole.charge(values, len(container))
        return any(equal(whole, each, part, values) for each in container)
    if isinstance(container, Mapping):
        if not isinstance(part, str):
            raise piece.wrong(part, "a text, for it is looked for among an object's keys")
        return part in container
    raise whole.wrong(container, "a text, an array or an object")


# ------------------------------------------------------------------------------------- functions
Sites = Sequence[Site]
Function = Callable[[Values, Site, Sites, Sequence[Any]], Any]
"""From the roots, the call's site, the arguments' sites and the arguments to a result."""


def _len(_: Values, __: Site, at: Sites, given: Sequence[Any]) -> int:
    value = given[0]
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise at[0].wrong(value, "a text, an array or an object")


def _text(at: Site, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise at.wrong(value, "a text")


def _number(at: Site, value: Any) -> int | float:
    if type(value) in NUMBERS:
        number: int | float = value
        return number
    raise at.wrong(value, "a number")


def _cased(change: Callable[[str], str]) -> Function:
    def cased(values: Values, at: Site, sites: Sites, given: Sequence[Any]) -> str:
        changed = change(_text(sites[0], given[0]))
        at.produced(values, len(changed))
        return changed

    return cased


def _ends(method: Callable[[str, str], bool]) -> Function:
    def ends(_: Values, __: Site, at: Sites, given: Sequence[Any]) -> bool:
        return method(_text(at[0], given[0]), _text(at[1], given[1]))

    return ends


def _extreme(choose: Callable[[Sequence[Any]], Any], noun: str) -> Function:
    def extreme(values: Values, at: Site, sites: Sites, given: Sequence[Any]) -> Any:
        several = len(given) > 1
        among = given if several else _items(sites[0], given[0])
        if not among:
            raise sites[0].error(f"it is empty, so it has no {noun} item; ask len(…) > 0", "range")
        at.charge(values, len(among))
        wanted = "a text" if isinstance(among[0], str) else "a number"
        for index, value in enumerate(among):
            if type(value) is not str if wanted == "a text" else type(value) not in NUMBERS:
                if several:
                    raise sites[index].wrong(value, wanted)
                raise _misfit(sites[0], index, value, wanted)
        return choose(among)

    return extreme


def _misfit(at: Site, index: int, value: Any, wanted: str) -> Exception:
    reason = "null" if value is None else "type"
    return at.error(f"item {index} is {kind_of(value)}, but must be {wanted}", reason)


def _items(at: Site, value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise at.wrong(value, "an array")


def _sum(values: Values, at: Site, sites: Sites, given: Sequence[Any]) -> int | float:
    among = _items(sites[0], given[0])
    at.charge(values, len(among))
    total: int | float = 0
    for index, value in enumerate(among):
        if type(value) not in NUMBERS:
            raise _misfit(sites[0], index, value, "a number")
        total = calculated(at, "+", total, value)
    return total


def _abs(_: Values, at: Site, sites: Sites, given: Sequence[Any]) -> int | float:
    return held(at, abs(_number(sites[0], given[0])))


def _round(_: Values, at: Site, sites: Sites, given: Sequence[Any]) -> int | float:
    value = _number(sites[0], given[0])
    try:
        return held(at, round(value) if len(given) == 1 else round(value, given[1]))
    except OverflowError:
        raise at.error("the result is too large", "overflow") from None


def _contains(values: Values, _: Site, at: Sites, given: Sequence[Any]) -> bool:
    return holds((at[0], at[1]), values, given[0], given[1])


def _quantified(decisive: bool) -> Function:  # noqa: FBT001 - it is the answer that ends the search
    def quantified(values: Values, at: Site, sites: Sites, given: Sequence[Any]) -> bool:
        among = _items(sites[0], given[0])
        at.charge(values, len(among))
        for index, value in enumerate(among):
            if not isinstance(value, bool):
                raise _misfit(sites[0], index, value, "a boolean")
            if value is decisive:
                return decisive
        return not decisive

    return quantified


WORKED: dict[str, Function] = {
    "len": _len,
    "min": _extreme(min, "least"),
    "max": _extreme(max, "greatest"),
    "abs": _abs,
    "round": _round,
    "sum": _sum,
    "lower": _cased(str.lower),
    "upper": _cased(str.upper),
    "starts_with": _ends(str.startswith),
    "ends_with": _ends(str.endswith),
    "contains": _contains,
    "any": _quantified(decisive=True),
    "all": _quantified(decisive=False),
}
"""What the functions do; `has` and `default` look at their path themselves."""
