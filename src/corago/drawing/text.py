"""How much room a text takes. No font is at hand, so the widths are those of the wider common ones.

A text then fits in any of them, and in the narrower ones it has a little air around it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_HUNDREDTHS = {
    29: "'Iijl",
    34: " ,.:;|/\\·",
    37: "-ft",
    40: "!()[]r`",
    50: '"*_?^sz',
    56: "cLvxyFk",
    61: "aeogbdhnpqu0123456789TPYE$",
    65: "{}J",
    68: "ABCKRSVXZ",
    75: "DGHNUw&",
    80: "OQ~+=<>#",
    90: "mM%",
    99: "W@…—",
}
_WIDTH = {each: size / 100 for size, letters in _HUNDREDTHS.items() for each in letters}
_TRIES = 12
_OTHER = {"upper": 0.78, "wide": 1.05, "plain": 0.68}


def width(text: str, size: float) -> float:
    """The width of one line, with letters of this size."""
    return size * sum(_letter(each) for each in text)


def _letter(letter: str) -> float:
    known = _WIDTH.get(letter)
    if known is not None:
        return known
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF" or unicodedata.category(letter) == "So":
        return _OTHER["wide"]
    return _OTHER["upper" if letter.isupper() else "plain"]


def wrapped(text: str, size: float, limit: float) -> Iterator[str]:
    """A line as lines no wider than `limit`, broken at blanks, and inside words that are wider."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if width(longer, size) <= limit:
            line = longer
            continue
        if line:
            yield line
        *full, line = _cut(word, size, limit)
        yield from full
    if line:
        yield line


def balanced(text: str, size: float, limit: float) -> list[str]:
    """A line as `wrapped` has it, with as many lines, but each about as wide as the others."""
    best = list(wrapped(text, size, limit))
    least = min(limit, max((width(word, size) for word in text.split()), default=limit))
    step = (limit - least) / _TRIES
    for number in range(_TRIES if len(best) > 1 else 0):
        narrow = list(wrapped(text, size, least + number * step))
        if len(narrow) == len(best):
            return narrow
    return best


def _cut(word: str, size: float, limit: float) -> Iterator[str]:
    part, used = "", 0.0
    for letter in word:
        needed = size * _letter(letter)
        if part and used + needed > limit:
            at = max(part.rfind(each) for each in "._/-") + 1
            at = at if at > len(part) // 2 else len(part)
            yield part[:at]
            part = part[at:]
            used = width(part, size)
        part += letter
        used += needed
    yield part
