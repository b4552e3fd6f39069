"""Lists and objects of a machine's document, made of the shapes of their parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from corago.arguments.signatures import shortened
from corago.machine.faults import Fault, choice, escaped
from corago.machine.shapes import DEEPEST, Found, Shape, Text, described, is_key

MISSING: Any = object()


@dataclass(frozen=True)
class Many:
    """A list; with `is_bare` its only item may stand without the brackets."""

    item: Shape
    what: str
    is_bare: bool = False
    least: int = 0

    def read(self, value: Any, at: str, found: Found) -> list[Any] | None:
        if self.is_bare and isinstance(value, (Mapping, str)):
            return [self.item.read(value, at, found)]
        if not isinstance(value, (list, tuple)):
            found.append(Fault(at, f"{self.what} is {described(value)}", "write a list, [...]"))
            return None
        if len(value) < self.least:
            found.append(Fault(at, f"{self.what} is empty", "name at least one, or leave it out"))
        return [self.item.read(each, f"{at}/{n}", found) for n, each in enumerate(value)]


@dataclass(frozen=True)
class Named:
    """An object of the author's own keys, in the author's order."""

    key: Text
    item: Shape
    what: str
    least: int = 0

    def read(self, value: Any, at: str, found: Found) -> dict[str, Any] | None:
        if not isinstance(value, Mapping):
            fix = f"write an object by {self.key.what}, {{...}}"
            found.append(Fault(at, f"{self.what} is {described(value)}", fix))
            return None
        if len(value) < self.least:
            found.append(Fault(at, f"{self.what} is empty", "name at least one, or leave it out"))
        read: dict[str, Any] = {}
        for key, each in value.items():
            if is_key(key, at, found):
                place = f"{at}/{escaped(key)}"
                self.key.read(key, place, found)
                read[str(key)] = self.item.read(each, place, found)
        return read


@dataclass(frozen=True)
class Key:
    """One key of a `Node`; `default` is the value that is not worth writing."""

    shape: Shape
    default: Any = MISSING
    is_needed: bool = False
    unfolds: bool = False
    """Whether the normal form spells a default out instead of leaving it away."""


@dataclass(frozen=True)
class Node:
    """An object of known keys, which the normal form has in this order."""

    what: str
    keys: Mapping[str, Key]
    apart: tuple[tuple[str, str], ...] = ()
    together: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    short: Callable[[Any], Mapping[str, Any] | None] | None = None
    form: str = "an object, {...}"

    def read(self, value: Any, at: str, found: Found) -> dict[str, Any] | None:
        given = value if isinstance(value, Mapping) else self.short and self.short(value)
        if not isinstance(given, Mapping):
            found.append(Fault(at, f"{self.what} is {described(value)}", f"write {self.form}"))
            return None
        if at.count("/") > DEEPEST:
            found.append(Fault(at, "this is nested too deeply", f"at most {DEEPEST} levels"))
            return None
        is_short = given is not value
        read: dict[str, Any] = {}
        for name, key in self.keys.items():
            if name in given:
                place = at if is_short else f"{at}/{name}"
                kept = key.shape.read(given[name], place, found)
            elif key.unfolds:
                kept = key.default
            else:
                if key.is_needed:
                    found.append(Fault(at, f"{self.what} lacks {name!r}", f"add {name!r}"))
                continue
            if key.unfolds or not _is_same(kept, key.default):
                read[name] = kept
        self._check(given, at, found)
        return read

    def _check(self, given: Mapping[str, Any], at: str, found: Found) -> None:
        for key in given:
            if key not in self.keys and is_key(key, at, found):
                fix = self.hints.get(key) or choice(key, self.keys, "its keys")
                text = f"{self.what} has no key {shortened(key)}"
                found.append(Fault(f"{at}/{escaped(key)}", text, fix))
        for one, other in self.apart:
            if one in given and other in given:
                fix = f"keep one, or write another {self.what.partition(' ')[2]}"
                found.append(Fault(at, f"{self.what} has both {one!r} and {other!r}", fix))
        for key, others in self.together.items():
            if key in given and not any(other in given for other in others):
                needed = " or ".join(map(repr, others))
                fix = f"add {needed}, or take {key!r} away"
                found.append(Fault(f"{at}/{key}", f"{self.what} has {key!r} but no {needed}", fix))


def _is_same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
