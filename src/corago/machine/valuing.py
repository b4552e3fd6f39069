"""Do a document's types make sense, and do the values in them fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from corago.arguments.signatures import shortened
from corago.core.expressions import unfit
from corago.machine.faults import Fault, pointer
from corago.machine.model import ZEROS
from corago.machine.places import mapping

Document = Mapping[str, Any]

STORES = ("external", "internal")
_OWNED = {
    "items": ("array",),
    "properties": ("object",),
    "minimum": ("integer", "number"),
    "maximum": ("integer", "number"),
}


def fields_of(document: Document) -> Iterator[tuple[str, Any]]:
    """Every declared field's type with its pointer: of stores, events and results."""
    for store in STORES:
        for name, kind in mapping(document.get(store)).items():
            yield pointer(store, name), kind
    for event, fields in mapping(document.get("events")).items():
        for name, kind in mapping(fields).items():
            yield pointer("events", event, name), kind
    for state, body in mapping(document.get("states")).items():
        run = mapping(mapping(body).get("run"))
        if "result" in run:
            yield pointer("states", state, "run", "result"), run["result"]


def is_sound(kind: Any) -> bool:
    """Whether a type is all there, with nothing broken in it."""
    if not isinstance(kind, Mapping) or "type" not in kind:
        return False
    if any(value is None for key, value in kind.items() if key != "default"):
        return False
    return all(map(is_sound, [*mapping(kind.get("properties")).values()])) and (
        "items" not in kind or is_sound(kind["items"])
    )


def check_types(document: Document) -> Iterator[Fault]:
    """Every type, with its parts."""
    for at, kind in fields_of(document):
        yield from _check_type(at, kind)


def _check_type(at: str, kind: Any) -> Iterator[Fault]:
    if not isinstance(kind, Mapping):
        return
    named = kind.get("type")
    for key, owners in _OWNED.items():
        if key in kind and named is not None and named not in owners:
            fix = f'take it away, or write "type": {" or ".join(map(repr, owners))}'
            yield Fault(f"{at}/{key}", f"a type {named!r} has no {key!r}", fix)
            return
    least, most = kind.get("minimum"), kind.get("maximum")
    if least is not None and most is not None and least > most:
        fix = "swap them, or take one away"
        yield Fault(f"{at}/minimum", f"the minimum {least} is above the maximum {most}", fix)
        return
    if "items" in kind:
        yield from _check_type(f"{at}/items", kind["items"])
    for name, each in mapping(kind.get("properties")).items():
        yield from _check_type(f"{at}{pointer('properties', name)}", each)
    if is_sound(kind):
        yield from _check_values(at, kind)


def _check_values(at: str, kind: Mapping[str, Any]) -> Iterator[Fault]:
    choices = kind.get("enum", [])
    plain = {key: value for key, value in kind.items() if key not in ("enum", "default")}
    for index, value in enumerate(choices):
        if (why := unfit(value, plain)) is not None:
            yield Fault(f"{at}/enum/{index}", why, "list only values that fit the type")
        elif any(_is_equal(value, other) for other in choices[:index]):
            yield Fault(f"{at}/enum/{index}", f"{shortened(value)} is listed twice", "list it once")
    if "default" in kind and (why := unfit(kind["default"], kind)) is not None:
        fix = "give a default that fits"
        if kind["default"] is None:
            fix = 'write "nullable": true, or give another default'
        yield Fault(f"{at}/default", f"the default does not fit: {why}", fix)


def _is_equal(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def check_beginnings(document: Document) -> Iterator[Fault]:
    """What an internal field begins with, where it has no default, fits it."""
    for name, kind in mapping(document.get("internal")).items():
        if not is_sound(kind) or "default" in kind or kind.get("nullable"):
            continue
        zero = ZEROS[kind["type"]]
        if kind["type"] != "any" and (why := unfit(zero, kind)) is not None:
            yield Fault(
                pointer("internal", name),
                f"{name!r} has no default, and the {zero!r} that it would begin with does not "
                f"fit: {why}",
                'add a "default", or "nullable": true',
            )


CHECKS = (check_types, check_beginnings)
