"""What CEL's functions and macros are in expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from corago.core.expressions import nodes as n

Nodes = Sequence[n.Node]
Made = n.Node | None
"""A part, or None where there are too few or too many arguments, or of the wrong kind."""

UNHEARD = {
    "matches": "there are no patterns here; write startsWith, endsWith or contains",
    "lowerAscii": "it lowers ASCII only, which is not what lower() does; write lower() in ours",
    "upperAscii": "it raises ASCII only, which is not what upper() does; write upper() in ours",
    "timestamp": "there are no instants here; keep them as texts that sort, or as numbers",
    "duration": "there are no durations here; keep them as numbers",
    "int": "it cuts decimals; there is only round() here",
    "uint": "there are no unsigned integers here",
    "string": "texts are not made from other values here",
    "bytes": "there are no bytes here",
    "type": "kinds are not asked for here; they are declared",
}
"""Why functions of CEL are not carried over."""

_NULL = n.Literal(None)


def choice(test: n.Node, then: n.Node, otherwise: n.Node) -> n.Node:
    """`test ? then : otherwise`; a path that falls back is told as such."""
    if test == n.Call("has", (then,)):
        return n.Call("default", (then, otherwise))
    return n.Conditional(test, then, otherwise)


def conjunction(operands: Nodes) -> n.Node:
    """`a && b && …`; being there and not being null together are `has`."""
    found: list[n.Node] = []
    for each in operands:
        path = _not_null(each)
        if path is None or not found or not _asks(found[-1], path):
            found.append(each)
            continue
        found[-1] = n.Call("has", (path,))
        if len(found) > 1 and found[-2] == n.Call("has", n.children(path)[:1]):
            del found[-2]
    return found[0] if len(found) == 1 else n.Logic("and", tuple(found))


def _not_null(node: n.Node) -> n.Node | None:
    match node:
        case n.Comparison(("!=",), (path, other)) if other == _NULL and n.is_path(path):
            return path
        case _:
            return None


def _asks(node: n.Node, path: n.Node) -> bool:
    """Whether it asks if the path is there, null or not."""
    match path:
        case n.Field(base, name):
            return node == n.Comparison(("in",), (n.Literal(name), base))
        case n.Item(base, index):
            return node == n.Comparison((">",), (n.Call("len", (base,)), index))
        case _:
            return False


# ----------------------------------------------------------------------------------------- calls
def _has(given: Nodes) -> Made:
    match given:
        case [n.Field(base, name)]:
            return n.Comparison(("in",), (n.Literal(name), base))
        case _:
            return None


def _same(given: Nodes) -> Made:
    return given[0] if len(given) == 1 else None


def _called(function: str, count: int = 1) -> Callable[[Nodes], Made]:
    return lambda given: n.Call(function, tuple(given)) if len(given) == count else None


CALLS: dict[str, Callable[[Nodes], Made]] = {
    "size": _called("len"),
    "has": _has,
    "dyn": _same,
    "double": _called("double"),
}
"""Functions; `double` is no function of ours, and must be gone in the end."""


# --------------------------------------------------------------------------------------- methods
Method = Callable[[n.Node, Nodes], Made]


def _method(function: str, count: int) -> Method:
    made = _called(function, count + 1)
    return lambda owner, given: made([owner, *given])


def loop(element: n.Node, variable: str, source: n.Node, conditions: Nodes = ()) -> n.Loop:
    """A loop; one over the items that another keeps becomes one."""
    match source:
        case n.Loop(element=n.Name(name), variable=kept) if name == kept == variable:
            return n.Loop(element, variable, source.source, (*source.conditions, *conditions))
        case _:
            return n.Loop(element, variable, source, tuple(conditions))


def _filter(owner: n.Node, given: Nodes) -> Made:
    match given:
        case [n.Name(variable), condition]:
            return loop(n.Name(variable), variable, owner, (condition,))
        case _:
            return None


def _map(owner: n.Node, given: Nodes) -> Made:
    match given:
        case [n.Name(variable), element]:
            return loop(element, variable, owner)
        case [n.Name(variable), condition, element]:
            return loop(element, variable, owner, (condition,))
        case _:
            return None


def _quantified(function: str) -> Method:
    def quantified(owner: n.Node, given: Nodes) -> Made:
        match given:
            case [n.Name(variable), element]:
                return n.Call(function, (loop(element, variable, owner),))
            case _:
                return None

    return quantified


def _one(owner: n.Node, given: Nodes) -> Made:
    kept = _filter(owner, given)
    return kept and n.Comparison(("==",), (n.Call("len", (kept,)), n.Literal(1)))


METHODS: dict[str, Method] = {
    "size": _method("len", 0),
    "contains": _method("contains", 1),
    "startsWith": _method("starts_with", 1),
    "endsWith": _method("ends_with", 1),
    "exists": _quantified("any"),
    "all": _quantified("all"),
    "exists_one": _one,
    "filter": _filter,
    "map": _map,
}
