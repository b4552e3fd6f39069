"""The functions that an expression may call, and what to write for those it may not."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 1_000
"""More arguments than a text can hold: no bound of its own."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function is called: its usage as users write it, the least and most arguments."""

    usage: str
    least: int = 1
    most: int = 1


FUNCTIONS = {
    "len": Signature("len(x)"),
    "has": Signature("has(path)"),
    "default": Signature("default(path, value)", 2, 2),
    "min": Signature("min(array) or min(a, b)", 1, MOST),
    "max": Signature("max(array) or max(a, b)", 1, MOST),
    "abs": Signature("abs(x)"),
    "round": Signature("round(x) or round(x, digits)", 1, 2),
    "sum": Signature("sum(array)"),
    "lower": Signature("lower(text)"),
    "upper": Signature("upper(text)"),
    "starts_with": Signature("starts_with(text, start)", 2, 2),
    "ends_with": Signature("ends_with(text, end)", 2, 2),
    "contains": Signature("contains(text_or_array, part)", 2, 2),
    "any": Signature("any(condition for x in array)"),
    "all": Signature("all(condition for x in array)"),
}

INSTEAD = {
    "startswith": "write starts_with(text, start)",
    "endswith": "write ends_with(text, end)",
    "casefold": "write lower(text)",
    "get": "write default(path, value)",
    "exists": "write has(path)",
    "hasattr": "write has(path)",
    "getattr": "write default(path, value)",
    "includes": "write contains(text, part) or part in text",
    "size": "write len(x)",
    "length": "write len(x)",
    "count": "write len([x for x in array if condition])",
    "filter": "write [x for x in array if condition]",
    "map": "write [x.field for x in array]",
    "int": "round(x) gives the nearest integer",
    "float": "numbers need no conversion",
    "bool": "write the comparison that is meant, such as x != 0",
    "str": "texts are not made from other values here; use a Python function",
    "now": "there is no clock in expressions: use `after`, or put the instant into the store",
    "today": "there is no clock in expressions: use `after`, or put the day into the store",
}
"""What to do instead of calling these."""

OVER_ARRAYS = frozenset({"any", "all", "sum", "min", "max", "len"})
"""Functions that may be given a loop without brackets."""
