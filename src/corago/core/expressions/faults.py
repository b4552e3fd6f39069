"""What is wrong with an expression, and what it reads like in a message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_LONGEST_SHOWN = 60
"""Characters of a value or a part in a message."""

_MOST_SHOWN = 50
"""Items of an array or object that are looked at to show it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in an expression: where, and what to write instead.

    `part` is the sub-expression, from `start` to before `end` in the expression's text; `text` is
    the sentence about it.
    """

    part: str
    start: int
    end: int
    text: str

    def __str__(self) -> str:
        """The part and what is said of it."""
        return f"{shortened(self.part)}: {self.text}"


def shortened(text: str) -> str:
    """A text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_SHOWN else line[: _LONGEST_SHOWN - 1] + "…"


def shown(value: Any) -> str:
    """A JSON value for a message, cut where it is long."""
    if isinstance(value, list | tuple | Mapping) and len(value) > _MOST_SHOWN:
        noun = "entries" if isinstance(value, Mapping) else "items"
        return f"{kind_of(value)} of {len(value):,} {noun}"
    if isinstance(value, str):
        value = value[: _LONGEST_SHOWN + 1]
    try:
        written = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return kind_of(value)
    return shortened(written)


def kind_of(value: Any) -> str:
    """The kind of a JSON value, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "an array"
        case Mapping():
            return "an object"
        case _:
            return f"a {type(value).__name__}, which JSON can't hold"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The likeliest of the names, or all of them where they are few; empty where there are none."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    if names and len(names) <= _FEW:
        return "; there is " + in_words(names)
    return ""


_FEW = 12
"""How many names are still worth listing."""


def in_words(names: Iterable[str], last: str = "and") -> str:
    """Names in a sentence: a, b and c."""
    words = list(names)
    return f" {last} ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
