"""The shapes that parts of a machine's document may have.

Reading a value gives its normal form and appends a fault for everything that is out of shape; what
can't be understood is read as None, in its place, so that all the rest can still be looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from corago.arguments.signatures import shortened
from corago.errors import InvalidOptionError
from corago.machine import durations
from corago.machine.faults import Fault, choice, escaped, listed

Found = list[Fault]
DEEPEST = 100
"""So many levels may be nested."""

LONGEST = 200
"""So many characters may a name have."""

_INTEGERS = 2**63
_KINDS: tuple[tuple[Any, str], ...] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (str, "a text"),
    ((int, float), "a number"),
    (Mapping, "an object"),
    ((list, tuple), "a list"),
)


class Shape(Protocol):
    """One kind of value."""

    def read(self, value: Any, at: str, found: Found) -> Any:
        """The normal form of what stands at the pointer `at`; None if it has none."""
        ...


def described(value: Any) -> str:
    """A value's kind in the words of JSON, and the value."""
    for kind, words in _KINDS:
        if isinstance(value, kind):
            return "null" if value is None else f"{words}, {shortened(value)}"
    return f"no JSON: {shortened(value)}"


@dataclass(frozen=True)
class Text:
    """A text of which `fits` holds; `what` names it, `form` says how it is written."""

    what: str
    fits: Callable[[str], bool] = bool
    form: str = "a text that is not empty"
    longest: int = LONGEST

    def read(self, value: Any, at: str, found: Found) -> str | None:
        if not isinstance(value, str):
            found.append(Fault(at, f"{self.what} is {described(value)}", f"write {self.form}"))
            return None
        if not (self.fits(value) and value.isprintable()):
            text = f"{shortened(value)} is no good {self.what}"
            found.append(Fault(at, text, f"write {self.form}"))
            return None
        if len(value) > self.longest:
            text = f"this {self.what} has {len(value):,} characters"
            found.append(Fault(at, text, f"write at most {self.longest}"))
            return None
        return str(value)


@dataclass(frozen=True)
class Prose:
    """A text for people; line breaks are welcome."""

    def read(self, value: Any, at: str, found: Found) -> str | None:
        if isinstance(value, str):
            return _plain_text(value, at, found)
        found.append(Fault(at, f"a description is {described(value)}", "write a text"))
        return None


@dataclass(frozen=True)
class Word:
    """One of a few texts."""

    words: tuple[str, ...]

    def read(self, value: Any, at: str, found: Found) -> str | None:
        if isinstance(value, str) and value in self.words:
            return str(value)
        fix = choice(value, self.words, "one of") if isinstance(value, str) else ""
        found.append(
            Fault(at, f"{shortened(value)} is none of them", fix or f"one of: {listed(self.words)}")
        )
        return None


@dataclass(frozen=True)
class Number:
    """A finite number within bounds, whole if `is_whole`."""

    what: str
    least: float = -math.inf
    most: float = math.inf
    is_whole: bool = False

    def read(self, value: Any, at: str, found: Found) -> float | int | None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and math.isfinite(value) and self.least <= value <= self.most:
            if not self.is_whole and abs(value) < _INTEGERS:
                return value  # type: ignore[no-any-return]
            if value == int(value) and abs(value) < _INTEGERS:
                return int(value)
        kind = "a whole number" if self.is_whole else "a finite number"
        bounds = "" if self.least == -math.inf else f" from {self.least:g}"
        bounds += "" if self.most == math.inf else f" to {self.most:g}"
        found.append(Fault(at, f"{self.what} is {described(value)}", f"write {kind}{bounds}"))
        return None


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def read(self, value: Any, at: str, found: Found) -> bool | None:
        if isinstance(value, bool):
            return value
        found.append(Fault(at, f"{described(value)} is no boolean", "write true or false"))
        return None


@dataclass(frozen=True)
class Json:
    """Any strict JSON value; it is copied."""

    def read(self, value: Any, at: str, found: Found) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return _plain_number(value, at, found)
        if isinstance(value, str):
            return _plain_text(value, at, found)
        if at.count("/") > DEEPEST:
            found.append(Fault(at, "this is nested too deeply", f"at most {DEEPEST} levels"))
        elif isinstance(value, (list, tuple)):
            return [self.read(each, f"{at}/{n}", found) for n, each in enumerate(value)]
        elif isinstance(value, Mapping):
            return {
                key: self.read(each, f"{at}/{escaped(key)}", found)
                for key, each in value.items()
                if is_key(key, at, found)
            }
        else:
            found.append(Fault(at, f"the value is {described(value)}", "write a JSON value"))
        return None


def _plain_number(value: float, at: str, found: Found) -> float | None:
    is_safe = abs(value) < _INTEGERS if isinstance(value, int) else math.isfinite(value)
    if is_safe and type(value) in (int, float):
        return value
    fix = "JSON has finite numbers, and whole ones below 2**63"
    found.append(Fault(at, f"the number {shortened(value)} can't be kept", fix))
    return None


def _plain_text(value: str, at: str, found: Found) -> str | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        found.append(Fault(at, f"the text {shortened(value)} has half a character", "mend it"))
        return None
    return str(value)


def is_key(key: Any, at: str, found: Found) -> bool:
    """Whether it may be a key of an object."""
    if isinstance(key, str) and _plain_text(key, at, found) is not None:
        return True
    if not isinstance(key, str):
        found.append(Fault(at, f"the key {shortened(key)} is no text", "keys are texts"))
    return False


@dataclass(frozen=True)
class Duration:
    """How long; also a number of seconds, a timedelta, or a short text such as "48h"."""

    def read(self, value: Any, at: str, found: Found) -> str | None:
        try:
            return durations.duration_text(value)
        except InvalidOptionError as error:
            text, _, fix = str(error).rpartition("; ")
            found.append(Fault(at, text, fix))
            return None


def is_duration(value: Any) -> bool:
    """Whether a value is meant as a duration."""
    return isinstance(value, (str, int, float, timedelta))


@dataclass(frozen=True)
class Expr:
    """An expression's text, or (with `call`) the call of a named function."""

    call: Shape | None
    what: str
    example: str

    def read(self, value: Any, at: str, found: Found) -> Any:
        if self.call and isinstance(value, Mapping) and "call" in value:
            return self.call.read(value, at, found)
        if isinstance(value, str) and value.strip():
            return _plain_text(value.strip(), at, found)
        fix = f'write an expression as text, such as "{self.example}"'
        fix += ', or {"call": "function"}' if self.call else "; only guards and `set` may call"
        if isinstance(value, (bool, int, float)):
            fix = f"write it as text: {json.dumps(json.dumps(value))}"
        kind = "empty" if isinstance(value, str) else described(value)
        found.append(Fault(at, f"{self.what} is {kind}", fix))
        return None
