"""Closures that read: names, fields and items, and what to say where they are not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from corago.core.expressions import nodes as n
from corago.core.expressions.sites import Values, absent, site

Run = Callable[[Any], Any]
"""From the roots by name to a JSON value."""

Compile = Callable[[n.Node], Run]
"""From a part to its closure."""

MISSING = object()
"""In place of a value that is not there."""


def read_name(text: str, node: n.Name) -> Run:
    """The closure of a root or variable."""
    name, at = node.name, site(text, node)

    def root(values: Values) -> Any:
        try:
            return values[name]
        except KeyError:
            raise at.error("it is not known here", "missing") from None

    return root


def read_field(text: str, node: n.Field, run: Compile) -> Run:
    """The closure of a field; `run` makes those of its parts."""
    name, at, owner = node.name, site(text, node), site(text, node.base)
    base = run(node.base)
    if isinstance(node.base, n.Name):
        first = node.base.name

        def of_root(values: Values) -> Any:
            try:
                return values[first][name]
            except (KeyError, TypeError, IndexError):
                pass
            raise absent(at, owner, base(values), name)

        return of_root

    def of_value(values: Values) -> Any:
        value = base(values)
        try:
            return value[name]
        except (KeyError, TypeError, IndexError):
            pass
        raise absent(at, owner, value, name)

    return of_value


def read_item(text: str, node: n.Item, run: Compile) -> Run:
    """The closure of an item by an index that is worked out."""
    base, index = run(node.base), run(node.index)
    at, whole, place = (site(text, each) for each in (node, node.base, node.index))

    def item(values: Values) -> Any:
        value, where = base(values), index(values)
        if isinstance(value, list | tuple):
            if type(where) is not int:
                raise place.wrong(where, "an integer, for it picks an item of an array")
            if -len(value) <= where < len(value):
                return value[where]
            raise at.error(
                f"there is no item {where}: {whole.part} has {len(value)}, counted from 0",
                "range",
            )
        if isinstance(value, Mapping):
            if not isinstance(where, str):
                raise place.wrong(where, "a text, for it picks a field of an object")
            if where in value:
                return value[where]
            raise absent(at, whole, value, where)
        raise whole.wrong(value, "an array or an object")

    return item


def find(node: n.Node, run: Compile) -> Run:
    """The closure of the value at a path, or of MISSING where something on the way is not there."""
    match node:
        case n.Name(name=name):
            return lambda values: values.get(name, MISSING)
        case n.Field(base=base, name=name):
            owner = find(base, run)

            def field(values: Values) -> Any:
                value = owner(values)
                return value.get(name, MISSING) if isinstance(value, Mapping) else MISSING

            return field
        case n.Item(base=base, index=index):
            owner, place = find(base, run), run(index)
            return lambda values: _picked(owner(values), place(values))
        case _:
            return run(node)


def _picked(value: Any, index: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(index, str):
        return value.get(index, MISSING)
    if isinstance(value, list | tuple) and type(index) is int and -len(value) <= index < len(value):
        return value[index]
    return MISSING
