"""What is wrong in a machine's document, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_LISTED = 12

_LONGEST = 120
"""A pointer of more characters is cut where it is shown."""


class Fault(msgspec.Struct, frozen=True):
    """One fault: a JSON pointer (RFC 6901) into the given document, what is wrong, what to do."""

    pointer: str
    text: str
    fix: str = ""

    def __str__(self) -> str:
        place = ends_of(self.pointer) or "the document"
        return f"{place}: {self.text}; {self.fix}" if self.fix else f"{place}: {self.text}"


def ends_of(place: str) -> str:
    """A long pointer without its middle: where it begins and where it ends tell most."""
    half = _LONGEST // 2
    return place if len(place) <= _LONGEST else f"{place[:half]}…{place[-half:]}"


def pointer(*parts: str | int) -> str:
    """The JSON pointer of a path of keys and indices."""
    return "".join(f"/{escaped(str(part))}" for part in parts)


def escaped(part: str) -> str:
    """One part of a JSON pointer."""
    return part.replace("~", "~0").replace("/", "~1")


def split(text: str) -> list[str]:
    """The parts of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def meant(name: str, known: Iterable[str]) -> str:
    """A question after the nearest known name, or an empty text."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else ""


def listed(known: Iterable[str]) -> str:
    """The known names in a line."""
    names = list(known)
    shown = ", ".join(names[:_LISTED]) or "none"
    more = len(names) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def choice(name: str, known: Iterable[str], what: str) -> str:
    """What to write instead of an unknown name: the nearest one, and all there are."""
    names = list(known)
    question = meant(name, names)
    return f"{question} {what}: {listed(names)}" if question else f"{what}: {listed(names)}"


def given_pointer(given: Any, normal: str) -> tuple[str, tuple[int, ...]]:
    """A place of the normal form as a pointer into the given form, and its rank for sorting.

    A short form has fewer levels: what is not there is named by what it was unfolded from.
    """
    here, place, rank = given, "", []
    for part in split(normal):
        if isinstance(here, Mapping) and part in here:
            rank.append(list(here).index(part))
            here = here[part]
        elif isinstance(here, (list, tuple)) and part.isdecimal() and int(part) < len(here):
            rank.append(int(part))
            here = here[int(part)]
        elif part == "0" and isinstance(here, Mapping):
            continue
        else:
            break
        place += f"/{escaped(part)}"
    return place, tuple(rank)
