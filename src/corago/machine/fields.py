"""Annotated classes as fields of a document: what a store or an event holds, from Python's types.

Only what a document can say is taken; every other type is a fault that names the nearest one.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import (
    Callable,
    Hashable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    Sequence,
)
from enum import Enum
from functools import partial
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from corago.arguments.signatures import type_text
from corago.core.codec import plain
from corago.core.sealing import is_marked
from corago.errors import InvalidInputError

Place = tuple[str, ...]
"""Keys of a document: a field, then `properties` and a field of it, or `items`."""

Say = Callable[[Place, str], None]
"""Takes a fault: the place within a class, and what is wrong there."""

_NAMES: Mapping[Any, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    Sequence: "array",
    MutableSequence: "array",
    dict: "object",
    Mapping: "object",
    MutableMapping: "object",
    Any: "any",
    object: "any",
    SecretStr: "any",
    SecretBytes: "any",
}
"""The document's type of each of Python's; a sealed secret is no text, so it may be anything."""

_BOUNDS: Mapping[str, str] = {"ge": "minimum", "le": "maximum"}
_TOO_MUCH = ("gt", "lt", "multiple_of", "min_length", "max_length", "pattern")
_MISSING: Any = object()


class UnfitTypeError(Exception):
    """A document can't say this; the message says why and what to write."""


def is_record(given: Any) -> bool:
    """Whether this is a class whose annotations are fields."""
    return (
        typing.is_typeddict(given)
        or (isinstance(given, type) and issubclass(given, BaseModel))
        or (isinstance(given, type) and dataclasses.is_dataclass(given))
        or _is_plain(given)
    )


def _is_plain(given: Any) -> bool:
    """Whether this is a class, written in Python, that says nothing of how one is made."""
    return type(given) is type and all(
        "__dict__" in vars(each) and vars(each).keys().isdisjoint(("__init__", "__new__"))
        for each in given.__mro__[:-1]
        if not dataclasses.is_dataclass(each)
    )


def as_dataclass(given: type) -> None:
    """Make a plain class a dataclass, where it is, so that functions can be handed one.

    A default that can change is copied for each.
    """
    for name in inspect.get_annotations(given):
        default = vars(given).get(name)
        if isinstance(default, (list, dict, set)):
            setattr(given, name, dataclasses.field(default_factory=partial(copy.deepcopy, default)))
    dataclasses.dataclass(kw_only=True)(given)


def fields_of(given: type, names: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """The fields of a class, each with its type; `names` are those that annotations may use.

    A plain class becomes a dataclass on the way. Faults go to `say`, and their fields are left out.
    """
    return _Reader(names, say).fields(given, ())


def type_of(annotation: Any, names: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """The document's type of one annotation; faults go to `say`."""
    reader = _Reader(names, say)
    try:
        return reader.type(annotation, ())
    except UnfitTypeError as error:
        say((), str(error))
        return {"type": "any"}


class _Reader:
    """Reads classes, those within others too."""

    def __init__(self, names: Mapping[str, Any], say: Say) -> None:
        self._names = names
        self._say = say
        self._open: list[type] = []

    def fields(self, given: type, where: Place) -> dict[str, Any]:
        if _is_plain(given):
            for each in reversed(given.__mro__[:-1]):
                if not dataclasses.is_dataclass(each):
                    as_dataclass(each)
        hints = self._hints(given, where)
        self._open.append(given)
        found = {}
        for name, annotation in hints.items():
            if typing.get_origin(annotation) is typing.ClassVar or annotation is typing.ClassVar:
                continue
            place = (*where, name)
            try:
                found[name] = self.type(annotation, place) | self._default(given, name)
            except UnfitTypeError as error:
                self._say(place, str(error))
        self._open.pop()
        for name in _bare(given, hints):
            self._say((*where, name), "it has no type: write `name: type`")
        return found

    def _hints(self, given: type, where: Place) -> dict[str, Any]:
        try:
            return typing.get_type_hints(given, localns=dict(self._names), include_extras=True)
        except NameError as error:
            why = str(error).partition("\n")[0]
            text = f"{why}; import or define it where {given.__name__} can see it at run time"
        except Exception as error:  # noqa: BLE001 - an annotation may be any expression
            text = f"an annotation is no type: {error}"
        self._say(where, text)
        return {}

    def _default(self, given: type, name: str) -> dict[str, Any]:
        value = _default(given, name)
        if value is _MISSING:
            return {}
        try:
            return {"default": plain(value, "its default")}
        except InvalidInputError as error:
            raise UnfitTypeError(str(error)) from error

    def type(self, annotation: Any, where: Place) -> dict[str, Any]:
        origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            return self._annotated(annotation, where)
        if origin in (typing.Required, typing.NotRequired, typing.Final):
            return self.type(inner[0], where)
        if origin in (typing.Union, types.UnionType):
            return self._union(inner, where)
        if origin is typing.Literal:
            return _choice(inner)
        if hasattr(annotation, "__supertype__"):
            return self.type(annotation.__supertype__, where)
        if sys.version_info >= (3, 12) and isinstance(annotation, typing.TypeAliasType):
            return self.type(annotation.__value__, where)
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return _choice([each.value for each in annotation])
        base = origin or annotation
        name = _NAMES.get(base) if isinstance(base, Hashable) else None
        if name is not None:
            items = inner[0] if name == "array" and inner else Any
            told = {} if items is Any else {"items": self._item(items, (*where, "items"))}
            return {"type": name, **told}
        if annotation in self._open:
            raise UnfitTypeError(f"{annotation.__name__} holds itself, which has no end: write Any")
        if is_record(annotation):
            return {"type": "object", "properties": self.fields(annotation, (*where, "properties"))}
        raise UnfitTypeError(
            f"a document has no type for {type_text(annotation)}: write bool, int, float, str, "
            "list[…], dict[str, Any], Literal[…], an Enum, a class of such fields, `… | None` or "
            "Any (a date or a decimal is a text there)"
        )

    def _item(self, annotation: Any, where: Place) -> dict[str, Any]:
        try:
            return self.type(annotation, where)
        except UnfitTypeError as error:
            self._say(where, str(error))
            return {"type": "any"}

    def _annotated(self, annotation: Any, where: Place) -> dict[str, Any]:
        if is_marked(annotation):
            return {"type": "any"}
        found = self.type(typing.get_args(annotation)[0], where)
        for note in annotation.__metadata__:
            if isinstance(note, str):
                found["description"] = note
                continue
            for each in (note, *(getattr(note, "metadata", None) or ())):
                found |= _bounds(each)
        return found

    def _union(self, members: Sequence[Any], where: Place) -> dict[str, Any]:
        some = [each for each in members if each not in (None, type(None))]
        if set(some) == {int, float}:
            some = [float]
            members = [each for each in members if each is not int]
        if len(some) != 1:
            told = " | ".join(map(type_text, some))
            raise UnfitTypeError(f"a document can't say {told}: write Any, or one type `| None`")
        found = self.type(some[0], where)
        return found | {"nullable": True} if len(some) < len(members) else found


def _bounds(note: Any) -> dict[str, Any]:
    for name in _TOO_MUCH:
        if getattr(note, name, None) is not None:
            raise UnfitTypeError(
                f"a document has no word for {name}: Ge(…) and Le(…) it has; say more in `validate`"
            )
    found = {told: getattr(note, name, None) for name, told in _BOUNDS.items()}
    return {told: value for told, value in found.items() if value is not None}


def _choice(values: Sequence[Any]) -> dict[str, Any]:
    """The type of a value out of these."""
    some = [each.value if isinstance(each, Enum) else each for each in values if each is not None]
    kinds = {type(each) for each in some}
    strange = next((each for each in some if not isinstance(each, (str, int, float, bool))), None)
    if strange is not None:
        raise UnfitTypeError(f"a choice is among texts, numbers and booleans, not {strange!r}")
    base = next(kind for kind in (bool, int, float, str) if issubclass(next(iter(kinds)), kind))
    is_one = all(issubclass(kind, base) and (base is bool) == (kind is bool) for kind in kinds)
    found = {"type": _NAMES[base] if is_one else "any", "enum": [plain(each, "") for each in some]}
    return found | {"nullable": True} if len(some) < len(values) else found


def _default(given: type, name: str) -> Any:
    """What a field holds where nothing is given."""
    if issubclass(given, BaseModel):
        field = given.model_fields.get(name)
        is_there = field is not None and not field.is_required()
        return field.get_default(call_default_factory=True) if field and is_there else _MISSING
    if dataclasses.is_dataclass(given):
        told = next((each for each in dataclasses.fields(given) if each.name == name), None)
        if told is None:
            return _MISSING
        if told.default_factory is not dataclasses.MISSING:
            return told.default_factory()
        return _MISSING if told.default is dataclasses.MISSING else told.default
    return getattr(given, name, _MISSING)


def _bare(given: type, hints: Mapping[str, Any]) -> Iterator[str]:
    """Names that a plain class gives a value and no type."""
    if not dataclasses.is_dataclass(given):
        return
    for name, value in vars(given).items():
        is_ours = name.startswith("__") or hasattr(value, "__get__") or isinstance(value, type)
        if name not in hints and not is_ours and not name.startswith("_abc"):
            yield name
