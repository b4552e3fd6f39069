"""The parts that an expression is made of. Values only: who gives them meaning is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What all parts have: where they stand in the text, which is no matter of equality."""

    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Part):
    """A number, text, true, false or null."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Name(Part):
    """A root, or the variable of a loop."""

    name: str


@dataclass(frozen=True, slots=True)
class Field(Part):
    """A field of an object: `base.name` or `base["name"]`."""

    base: Node
    name: str


@dataclass(frozen=True, slots=True)
class Item(Part):
    """An item of an array or object by a worked out index: `base[index]`."""

    base: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Not(Part):
    """`not operand`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Negative(Part):
    """`-operand`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Logic(Part):
    """Two or more operands joined by one of `and`, `or`."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Part):
    """A chain: `operands[0] operators[0] operands[1] operators[1] …`."""

    operators: tuple[str, ...]
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic(Part):
    """`left operator right` with one of + - * / // %."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional(Part):
    """`then if test else otherwise`."""

    test: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class ArrayOf(Part):
    """`[item, …]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ObjectOf(Part):
    """`{"key": value, …}`."""

    keys: tuple[str, ...]
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call(Part):
    """A call of one of the language's own functions."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop(Part):
    """`[element for variable in source if condition …]`, with or without the brackets."""

    element: Node
    variable: str
    source: Node
    conditions: tuple[Node, ...]


Node = (
    Literal
    | Name
    | Field
    | Item
    | Not
    | Negative
    | Logic
    | Comparison
    | Arithmetic
    | Conditional
    | ArrayOf
    | ObjectOf
    | Call
    | Loop
)
"""Any part of an expression."""

Path = tuple[str | int, ...]
"""A root, then fields and indexes that stand in the text."""


def children(node: Node) -> tuple[Node, ...]:
    """The parts right below, in the order of the text (a loop's source and conditions first)."""
    match node:
        case Literal() | Name():
            return ()
        case Field(base=base):
            return (base,)
        case Item(base=base, index=index):
            return (base, index)
        case Not(operand=operand) | Negative(operand=operand):
            return (operand,)
        case Logic(operands=operands) | Comparison(operands=operands):
            return operands
        case Arithmetic(left=left, right=right):
            return (left, right)
        case Conditional(test=test, then=then, otherwise=otherwise):
            return (test, then, otherwise)
        case ArrayOf(items=parts) | ObjectOf(values=parts) | Call(arguments=parts):
            return parts
        case Loop(element=element, source=source, conditions=conditions):
            return (source, *conditions, element)


def walk(node: Node) -> Iterator[Node]:
    """The node and all parts below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def path_of(node: Node) -> Path | None:
    """The path that a part reads, or None where it is no path or has an index worked out."""
    match node:
        case Name(name=name):
            return (name,)
        case Field(base=base, name=name):
            front = path_of(base)
            return None if front is None else (*front, name)
        case Item(base=base, index=Literal(value=int() as index)) if index is not True:
            front = path_of(base)
            return None if front is None else (*front, index)
        case _:
            return None


def is_path(node: Node) -> bool:
    """Whether it reads something below a root or variable: what `has` and `default` ask about."""
    match node:
        case Field(base=base) | Item(base=base):
            return isinstance(base, Name) or is_path(base)
        case _:
            return False


def read_paths(node: Node, variables: frozenset[str] = frozenset()) -> Iterator[tuple[str, ...]]:
    """The longest path of fields that each part reads; loop variables are none."""
    path = _field_path(node)
    if path is not None:
        if path[0] not in variables:
            yield path
        return
    if isinstance(node, Loop):
        yield from read_paths(node.source, variables)
        variables |= {node.variable}
        for part in (*node.conditions, node.element):
            yield from read_paths(part, variables)
        return
    for child in children(node):
        yield from read_paths(child, variables)


def _field_path(node: Node) -> tuple[str, ...] | None:
    match node:
        case Name(name=name):
            return (name,)
        case Field(base=base, name=name):
            front = _field_path(base)
            return None if front is None else (*front, name)
        case _:
            return None
