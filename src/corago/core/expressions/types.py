"""What a value may be, as far as can be known without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from corago.core.expressions.faults import in_words, shown


@dataclass(frozen=True, slots=True)
class Simple:
    """A type without parts; use the constants of this module."""

    name: str

    def __str__(self) -> str:
        """As in a sentence, with its article."""
        return _ARTICLES[self.name]


@dataclass(frozen=True, slots=True)
class Array:
    """An array whose items are all of one type."""

    items: Type

    def __str__(self) -> str:
        """As in a sentence."""
        return "an array"


@dataclass(frozen=True, slots=True)
class Record:
    """An object with these fields; those in `optional` may be missing.

    An open one may have others too, of any type.
    """

    fields: Mapping[str, Type] = field(default_factory=dict, hash=False)
    is_open: bool = False
    optional: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """As in a sentence."""
        return "an object"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these JSON values, and no other."""

    values: tuple[Any, ...] = field(hash=False)  # may hold arrays

    def __str__(self) -> str:
        """As in a sentence."""
        return in_words((shown(value) for value in self.values), "or")


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types; made by `union`, which keeps it flat and without repetition."""

    members: tuple[Type, ...]

    def __str__(self) -> str:
        """As in a sentence."""
        return in_words((str(each) for each in self.members), "or")


Type = Simple | Array | Record | Choice | Union
"""What a value may be."""

BOOLEAN = Simple("boolean")
INTEGER = Simple("integer")
NUMBER = Simple("number")
TEXT = Simple("text")
NULL = Simple("null")
ANYTHING = Simple("anything")

_ARTICLES = {
    "boolean": "a boolean",
    "integer": "an integer",
    "number": "a number",
    "text": "a text",
    "null": "null",
    "anything": "anything",
}


def alternatives(of: Type) -> tuple[Type, ...]:
    """The members of a union; any other type alone."""
    return of.members if isinstance(of, Union) else (of,)


def union(*types: Type) -> Type:
    """The type of a value that is of one of these. At least one."""
    found: list[Type] = []
    chosen: list[Any] = []
    for member in (each for one in types for each in alternatives(one)):
        if member == ANYTHING:
            return ANYTHING
        if isinstance(member, Choice):
            chosen += (value for value in member.values if not _holds(chosen, value))
        elif member not in found:
            found.append(member)
    if INTEGER in found and NUMBER in found:
        found.remove(INTEGER)
    rest = tuple(
        value for value in chosen if not any(is_part(value_type(value), each) for each in found)
    )
    if rest:
        found.insert(0, Choice(rest))
    return found[0] if len(found) == 1 else Union(tuple(found))


def nullable(of: Type) -> Type:
    """The type, or null."""
    return union(of, NULL)


def is_nullable(of: Type) -> bool:
    """Whether null is known to be possible (anything may be null, but that is not known)."""
    return any(
        each == NULL or (isinstance(each, Choice) and None in each.values)
        for each in alternatives(of)
    )


def without_null(of: Type) -> Type:
    """The type of the same value, once it is known not to be null."""
    kept = tuple(_members_but_null(of))
    return union(*kept) if kept else NULL


def _members_but_null(of: Type) -> Iterator[Type]:
    for each in alternatives(of):
        if isinstance(each, Choice):
            values = tuple(value for value in each.values if value is not None)
            if values:
                yield Choice(values)
        elif each != NULL:
            yield each


def value_type(value: Any) -> Type:
    """The plain type of a JSON value."""
    match value:
        case None:
            return NULL
        case bool():
            return BOOLEAN
        case int():
            return INTEGER
        case float():
            return NUMBER
        case str():
            return TEXT
        case list() | tuple():
            return Array(union(*map(value_type, value)) if value else ANYTHING)
        case Mapping():
            return Record({str(key): value_type(each) for key, each in value.items()})
        case _:
            return ANYTHING


def widened(of: Type) -> Type:
    """The type with each choice replaced by the plain types of its values."""
    plain = [
        wide
        for each in alternatives(of)
        for wide in (map(value_type, each.values) if isinstance(each, Choice) else (each,))
    ]
    return union(*plain)


def is_part(of: Type, whole: Type) -> bool:
    """Whether every value of the one is a value of the other. ANYTHING fits, both ways."""
    if ANYTHING in (of, whole):
        return True
    members = alternatives(whole)
    return all(
        any(_fits(each, member) for member in members)
        or (isinstance(each, Choice) and _all_values_fit(each, members))
        for each in alternatives(of)
    )


def _all_values_fit(choice: Choice, members: tuple[Type, ...]) -> bool:
    return all(
        any(_fits(Choice((value,)), member) for member in members) for value in choice.values
    )


def _fits(one: Type, other: Type) -> bool:
    match one, other:
        case _ if one == other or ANYTHING in (one, other):
            return True
        case Choice(), Choice():
            return all(_holds(other.values, value) for value in one.values)
        case Choice(), _:
            return all(is_part(value_type(value), other) for value in one.values)
        case Simple(name="integer"), Simple(name="number"):
            return True
        case Array(), Array():
            return is_part(one.items, other.items)
        case Record(), Record():
            return _fits_record(one, other)
        case _:
            return False


def _fits_record(one: Record, other: Record) -> bool:
    if not other.is_open and (one.is_open or one.fields.keys() - other.fields.keys()):
        return False
    for name, wanted in other.fields.items():
        if name in one.fields:
            if not is_part(one.fields[name], wanted):
                return False
            if name in one.optional and name not in other.optional:
                return False
        elif name not in other.optional and not one.is_open:
            return False
    return True


def can_equal(one: Type, other: Type) -> bool:
    """Whether some value of the one equals some value of the other, as far as kinds tell."""
    return any(
        _may_meet(first, second) for first in alternatives(one) for second in alternatives(other)
    )


def _may_meet(first: Type, second: Type) -> bool:
    match first, second:
        case _ if ANYTHING in (first, second):
            return True
        case Choice(), Choice():
            return any(_holds(second.values, value) for value in first.values)
        case Choice(), _:
            return any(_may_meet(value_type(value), second) for value in first.values)
        case _, Choice():
            return _may_meet(second, first)
        case Simple(), Simple():
            return first == second or {first.name, second.name} == {"integer", "number"}
        case _:
            return type(first) is type(second)


def _holds(values: tuple[Any, ...] | list[Any], value: Any) -> bool:
    """Whether the value is among them; true is no 1."""
    return any(
        value == each and isinstance(value, bool) == isinstance(each, bool) for each in values
    )
