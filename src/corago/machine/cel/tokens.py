"""The words of a text of CEL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from corago.core.expressions import ExpressionError, Fault
from corago.core.expressions.faults import shortened

LONGEST = 10_000
"""Characters of a text."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word: its kind (name, integer, double, text, sign, end), its text, and where it stands."""

    kind: str
    text: str
    start: int
    end: int
    value: str | int | float | None = None


_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*)
    |(?P<triple>[rRbB]{0,2}(?:\"{3}|'{3}))
    |(?P<bytes>(?:[bB][rR]?|[rR][bB])["'])
    |(?P<raw>[rR](?:"[^"\n]*"|'[^'\n]*'))
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<double>(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    |(?P<unsigned>(?:0[xX][0-9a-fA-F]+|\d+)[uU])
    |(?P<integer>0[xX][0-9a-fA-F]+|\d+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<quoted>`[A-Za-z0-9_./ -]+`)
    |(?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:.,(){}\[\]])""",
    re.VERBOSE,
)
_UNHEARD = {
    "triple": "texts in three quotes are not carried over; write one with \\n in it",
    "bytes": "there are no bytes here; write a text",
    "unsigned": "there are no unsigned integers here; leave the u out",
}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)")
_PLAIN = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))


def refusal(text: str, start: int, end: int, why: str) -> ExpressionError:
    """The error for a part of a text of CEL."""
    fault = Fault(text[start:end], start, end, why)
    where = f"(at character {start + 1} of {shortened(text)!r})"
    return ExpressionError(f"{fault} {where}", (fault,))


def tokens(text: str) -> Iterator[Token]:
    """The words, then an end. Raises ExpressionError."""
    if len(text) > LONGEST:
        raise refusal(text, 0, len(text), f"a text has at most {LONGEST:,} characters")
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise refusal(text, place, len(text), "this can't be read as CEL")
        kind, word, start = found.lastgroup or "", found[0], place
        place = found.end()
        if kind in _UNHEARD:
            raise refusal(text, start, place, _UNHEARD[kind])
        if kind != "blank":
            yield _token(text, kind, word, start)
    yield Token("end", "", len(text), len(text))


def _token(text: str, kind: str, word: str, start: int) -> Token:
    end = start + len(word)
    value: str | int | float | None = None
    match kind:
        case "raw":
            kind, value = "text", word[2:-1]
        case "text":
            value = _unescaped(text, word, start)
        case "quoted":
            kind, value = "quoted", word[1:-1]
        case "integer":
            is_hexadecimal = word[:2] in {"0x", "0X"}
            if len(word) > _MOST_DIGITS:
                raise refusal(text, start, end, "this integer is too large")
            value = int(word, 16 if is_hexadecimal else 10)
        case "double":
            value = float(word)
    return Token(kind, word, start, end, value)


_MOST_DIGITS = 40
"""Digits of an integer that are worth reading."""


def _unescaped(text: str, word: str, start: int) -> str:
    def meant(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] in "xuU" and len(code) > 1:
            number = int(code[1:], 16)
        elif code.isdigit():
            number = int(code, 8) if len(code) > 1 else -1
        elif code in _PLAIN:
            return _PLAIN[code]
        else:
            number = -1
        if number < 0 or number > _LAST or number in _SURROGATES:
            raise refusal(text, start, start + len(word), f"{found[0]} is no character")
        return chr(number)

    return _ESCAPE.sub(meant, word[1:-1])


_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
