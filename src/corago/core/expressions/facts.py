"""What is known of paths once a condition is true, or false: the flow of types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from corago.core.expressions import nodes as n
from corago.core.expressions.types import (
    ANYTHING,
    NULL,
    Choice,
    Record,
    Type,
    alternatives,
    can_equal,
    is_nullable,
    union,
    value_type,
    without_null,
)


@dataclass(frozen=True, slots=True)
class Known:
    """The types of the names, and what a condition has told of some paths on top."""

    types: Mapping[str, Type]
    facts: Mapping[n.Path, Type] = field(default_factory=dict)

    def told(self, path: n.Path, of: Type) -> Known:
        """With one fact more."""
        return Known(self.types, {**self.facts, path: of})

    def naming(self, variable: str, of: Type) -> Known:
        """With a loop's variable."""
        return Known({**self.types, variable: of}, self.facts)

    def type_of(self, path: n.Path) -> Type:
        """The type of what is there, if it is; ANYTHING where nothing is known."""
        if path in self.facts:
            return self.facts[path]
        if len(path) == 1:
            return self.types.get(str(path[0]), ANYTHING)
        owner, step = self.type_of(path[:-1]), path[-1]
        parts = (part_type(each, step) for each in alternatives(owner))
        found = [each for each in parts if each is not None]
        return union(*found) if found else ANYTHING


def part_type(of: Type, step: str | int) -> Type | None:
    """The type of a field or item; None where there is no such thing."""
    from_values = of == ANYTHING or isinstance(of, Choice)
    if from_values:
        return ANYTHING
    if isinstance(of, Record) and isinstance(step, str):
        return of.fields.get(step, ANYTHING if of.is_open else None)
    items: Type | None = getattr(of, "items", None)
    return items if isinstance(step, int) else None


def either(branches: Iterable[Known]) -> Known:
    """What holds whichever of the branches was taken. At least one."""
    first, *others = branches
    facts = {
        path: union(fact, *(other.facts[path] for other in others))
        for path, fact in first.facts.items()
        if all(path in other.facts for other in others)
    }
    return Known(first.types, facts)


def split(node: n.Node, known: Known) -> tuple[Known, Known]:
    """What is known when the condition is true, and when it is false."""
    match node:
        case n.Not(operand=operand):
            yes, no = split(operand, known)
            return no, yes
        case n.Logic(operator=operator, operands=operands):
            ends = []
            for each in operands:
                yes, no = split(each, known)
                known, end = (yes, no) if operator == "and" else (no, yes)
                ends.append(end)
            return (known, either(ends)) if operator == "and" else (either(ends), known)
        case n.Conditional(test=test, then=then, otherwise=otherwise):
            asked, unasked = split(test, known)
            first, second = split(then, asked), split(otherwise, unasked)
            return either((first[0], second[0])), either((first[1], second[1]))
        case n.Comparison(operators=("==",), operands=(one, other)):
            return _split_equal(one, other, known)
        case n.Comparison(operators=("!=",), operands=(one, other)):
            same, different = _split_equal(one, other, known)
            return different, same
        case n.Comparison(operators=("in",), operands=(part, container)):
            return _within(part, container, known), known
        case n.Comparison(operators=("not in",), operands=(part, container)):
            return known, _within(part, container, known)
        case n.Call(function="has", arguments=(path,)):
            return _there(path, known), known
        case _:
            return known, known


def _split_equal(one: n.Node, other: n.Node, known: Known) -> tuple[Known, Known]:
    same, different = known, known
    for left, right in ((one, other), (other, one)):
        path = n.path_of(left)
        if path is None:
            continue
        if isinstance(right, n.Literal):
            same = same.told(path, _same_as(right.value, known.type_of(path)))
            different = different.told(path, _other_than(right.value, known.type_of(path)))
        else:
            second = n.path_of(right)
            if second is not None:
                of = known.type_of(second)
                if of != ANYTHING and not is_nullable(of):
                    same = same.told(path, without_null(known.type_of(path)))
    return same, different


def _same_as(value: Any, of: Type) -> Type:
    if value is None:
        return NULL
    if isinstance(value, str | bool) and can_equal(of, value_type(value)):
        return Choice((value,))
    return without_null(of)  # 1 may be 1.0, so an equal number tells nothing of its kind


def _other_than(value: Any, of: Type) -> Type:
    if value is None:
        return without_null(of)
    if not isinstance(value, str):
        return of
    kept: list[Type] = []
    for each in alternatives(of):
        if isinstance(each, Choice):
            values = tuple(choice for choice in each.values if choice != value)
            kept += [Choice(values)] if values else []
        else:
            kept.append(each)
    return union(*kept) if kept else of


def _within(part: n.Node, container: n.Node, known: Known) -> Known:
    """What is known when the part is in the container."""
    path, whole = n.path_of(part), n.path_of(container)
    if isinstance(part, n.Literal) and isinstance(part.value, str) and whole is not None:
        inner = (*whole, part.value)
        if any(isinstance(each, Record) for each in alternatives(known.type_of(whole))):
            return known.told(inner, known.type_of(inner))
        return known
    if path is None:
        return known
    of = known.type_of(path)
    if isinstance(container, n.ArrayOf) and container.items:
        values = [each.value for each in container.items if isinstance(each, n.Literal)]
        if len(values) == len(container.items) and None not in values:
            texts = [value for value in values if isinstance(value, str)]
            all_texts = len(texts) == len(values)
            return known.told(
                path, Choice(tuple(dict.fromkeys(texts))) if all_texts else without_null(of)
            )
    return known


def _there(node: n.Node, known: Known) -> Known:
    """What is known when a path is there and not null: so is all on the way to it."""
    path = n.path_of(node)
    if path is None:
        return known
    for length in range(1, len(path) + 1):
        front = path[:length]
        known = known.told(front, without_null(known.type_of(front)))
    return known
