"""How long: durations as ISO 8601 texts, and in the short form people write."""

from __future__ import annotations

import re
from datetime import timedelta

from corago.arguments.signatures import shortened
from corago.core.retry import CENTURY
from corago.errors import InvalidOptionError

GOOD_FORMS = (
    "an ISO 8601 text such as 'PT48H', 'P30D' or 'PT0.5S', a short one such as '48h', '90s', '2m' "
    "or '1d12h', a number of seconds, or a timedelta"
)

_NUMBER = r"\d+(?:\.\d+)?"
_ISO = re.compile(
    rf"P(?=\d|T\d)(?:({_NUMBER})W)?(?:({_NUMBER})D)?"
    rf"(?:T(?=\d)(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?",
    re.ASCII | re.IGNORECASE,
)
_SHORT = re.compile(
    rf"(?=\d)(?:({_NUMBER})\s*w)?\s*(?:({_NUMBER})\s*d)?"
    rf"\s*(?:({_NUMBER})\s*h)?\s*(?:({_NUMBER})\s*m)?\s*(?:({_NUMBER})\s*s)?",
    re.ASCII | re.IGNORECASE,
)
_SECONDS = (7 * 86400, 86400, 3600, 60, 1)
_LEAST = 1e-6


def seconds_of(text: str) -> float:
    """The seconds of a duration's text. Raises InvalidOptionError, listing the good forms."""
    return _within(_sum(_parts(text)), text)


def duration_text(given: str | float | timedelta) -> str:
    """A duration as ISO 8601 text.

    A text keeps the units it was written in: "48h" is "PT48H", and "2d" is "P2D". A number of
    seconds or a timedelta gets the largest units that fit. Raises InvalidOptionError.
    """
    if isinstance(given, str):
        parts = _parts(given)
        _within(_sum(parts), given)
        return _iso(parts)
    if isinstance(given, timedelta):
        left = given // timedelta(microseconds=1)
        _within(given.total_seconds(), given)
    elif isinstance(given, (int, float)) and not isinstance(given, bool):
        left = round(_within(given, given) * 1_000_000)
    else:
        raise _unfit(given)
    parts = ["0"]
    for unit in _SECONDS[1:-1]:
        count, left = divmod(left, unit * 1_000_000)
        parts.append(str(count))
    whole, fraction = divmod(left, 1_000_000)
    return _iso([*parts, f"{whole}.{fraction:06}"])


def _parts(text: str) -> list[str]:
    """Weeks, days, hours, minutes and seconds as they were written, "0" for none."""
    match = _ISO.fullmatch(text.strip()) or _SHORT.fullmatch(text.strip())
    if match is None:
        raise _unfit(text)
    given = [each for each in match.groups() if each is not None]
    if any("." in each for each in given[:-1]):
        raise _unfit(text, "only its last part may have a fraction")
    return [each or "0" for each in match.groups()]


def _sum(parts: list[str]) -> float:
    return sum(float(part) * unit for part, unit in zip(parts, _SECONDS, strict=True))


def _iso(parts: list[str]) -> str:
    weeks, days, *times = (_shortest(part) for part in parts)
    if weeks:
        days = _shortest(f"{float(weeks) * 7 + float(days or 0):.6f}")
    time = "".join(f"{part}{unit}" for part, unit in zip(times, "HMS", strict=True) if part)
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "")


def _shortest(number: str) -> str:
    whole, _, fraction = number.partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    return f"{whole or '0'}.{fraction}" if fraction else whole


def _within(seconds: float, given: object) -> float:
    """The same, as a float, if a timer can be set to it."""
    if _LEAST <= seconds <= CENTURY:
        return float(seconds)
    raise _unfit(given, "it must be more than 0 (from a microsecond) and at most 100 years")


def _unfit(given: object, why: str = "") -> InvalidOptionError:
    reason = f": {why}" if why else ""
    return InvalidOptionError(f"{shortened(given)} is no duration{reason}; write {GOOD_FORMS}")
