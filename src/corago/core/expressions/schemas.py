"""The types that a document declares: as types of the language, and as a test of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from corago.core.expressions.faults import did_you_mean, in_words, kind_of, shown
from corago.core.expressions.parsing import LARGEST
from corago.core.expressions.types import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    Array,
    Choice,
    Record,
    Type,
    nullable,
)

Declared = Mapping[str, Any] | str
"""A type as a document has it: an object, or only the name of its kind."""

_SIMPLE = {"boolean": BOOLEAN, "integer": INTEGER, "number": NUMBER, "string": TEXT}


def schema_type(declared: Declared) -> Type:
    """The language's type for a document's TYPE (in normal or given form)."""
    if isinstance(declared, str):
        return _plain(declared, {})
    kind = declared.get("type", "any")
    values = declared.get("enum")
    found = Choice(tuple(values)) if values is not None else _plain(kind, declared)
    return nullable(found) if declared.get("nullable") else found


def _plain(kind: str, declared: Mapping[str, Any]) -> Type:
    if kind == "array":
        return Array(schema_type(declared["items"]) if "items" in declared else ANYTHING)
    if kind == "object":
        fields = declared.get("properties")
        if fields is None:
            return Record(is_open=True)
        return Record(
            {name: schema_type(each) for name, each in fields.items()},
            optional=frozenset(name for name, each in fields.items() if _has_default(each)),
        )
    return _SIMPLE.get(kind, ANYTHING)


def _has_default(declared: Declared) -> bool:
    return isinstance(declared, Mapping) and "default" in declared


def unfit(value: Any, declared: Declared) -> str | None:
    """Why a JSON value does not fit a document's TYPE, with the path inside it; None if it does.

    A boolean is no integer; an integer is a number. A property without a default must be there.
    """
    if isinstance(declared, str):
        declared = {"type": declared}
    if value is None:
        return _unfit_null(declared)
    kind = declared.get("type", "any")
    wanted = _WANTED.get(kind)
    if wanted is not None:
        noun, is_one = wanted
        if not is_one(value):
            if kind in {"integer", "number"} and type(value) is int:
                return f"must be {noun} below 2**63, not {shown(value)}"
            return f"must be {noun}, not {kind_of(value)} ({shown(value)}){_hint(kind, value)}"
    return _unfit_limits(value, declared) or _unfit_parts(value, declared)


def _unfit_null(declared: Mapping[str, Any]) -> str | None:
    kind = declared.get("type", "any")
    if declared.get("nullable") or (kind == "any" and "enum" not in declared):
        return None
    if None in declared.get("enum", ()):
        return None
    noun = _WANTED[kind][0] if kind in _WANTED else "one of the values of its enum"
    return f'must be {noun}, not null; declare it "nullable": true if it may be null'


def _unfit_limits(value: Any, declared: Mapping[str, Any]) -> str | None:
    values = declared.get("enum")
    if values is not None and not any(_same(value, each) for each in values):
        close = did_you_mean(value, filter(_is_text, values)) if isinstance(value, str) else ""
        choices = in_words(map(shown, values), "or")
        return f"must be {choices}, not {shown(value)}{close if 'did you' in close else ''}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if "minimum" in declared and value < declared["minimum"]:
        return f"must be at least {shown(declared['minimum'])}, not {shown(value)}"
    if "maximum" in declared and value > declared["maximum"]:
        return f"must be at most {shown(declared['maximum'])}, not {shown(value)}"
    return None


def _unfit_parts(value: Any, declared: Mapping[str, Any]) -> str | None:
    if isinstance(value, list | tuple) and "items" in declared:
        for index, item in enumerate(value):
            why = unfit(item, declared["items"])
            if why is not None:
                return _inside(f"[{index}]", why)
    fields = declared.get("properties")
    if not isinstance(value, Mapping) or fields is None:
        return None
    for name in value:
        if name not in fields:
            return f"has a field {name!r} that is not declared{did_you_mean(str(name), fields)}"
    for name, field in fields.items():
        if name in value:
            why = unfit(value[name], field)
            if why is not None:
                return _inside(f".{name}", why)
        elif not _has_default(field):
            return f"has no field {name!r}, which has no default"
    return None


def _inside(step: str, why: str) -> str:
    return f"{step}{why}" if why.startswith(("[", ".")) else f"{step} {why}"


def _hint(kind: str, value: Any) -> str:
    if isinstance(value, str) and kind in {"integer", "number"}:
        return "; leave out the quotes if it is a number"
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return f"; write {value:.0f}"
    return ""


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_number(value: Any) -> bool:
    return _is_integer(value) or (isinstance(value, float) and isfinite(value))


_WANTED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("an integer", _is_integer),
    "number": ("a number", _is_number),
    "string": ("a text", _is_text),
    "array": ("an array", lambda value: isinstance(value, list | tuple)),
    "object": ("an object", lambda value: isinstance(value, Mapping)),
}
