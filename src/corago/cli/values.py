"""Texts of the command line made values: JSON, durations, instants. Knows no command."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from corago.errors import InvalidInputError

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d|w)")


def json_value(text: str | None, what: str) -> Any:
    """The value of JSON text, or of the file named behind an `@`; None for None.

    Raises InvalidInputError, which says what is wrong and where.
    """
    if text is None:
        return None
    where = what
    if text.startswith("@"):
        where = text[1:]
        try:
            text = Path(where).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"{what}: {where} can't be read: {_why(error)}") from error
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        hint = "" if where != what else "; a text needs its double quotes, a file an @ before it"
        raise InvalidInputError(f"{where} is no JSON: {error}{hint}") from error


def json_object(text: str | None, what: str) -> dict[str, Any]:
    """The same where only an object will do."""
    value = json_value(text, what)
    if not isinstance(value, dict):
        raise InvalidInputError(f"{what} must be a JSON object such as {{}}, not {text}")
    return value


def raised(text: str) -> Exception:
    """An error as people write it: `ValueError: no money`, or just what it says."""
    kind, colon, said = text.partition(": ")
    if not (colon and kind.isidentifier()):
        return Exception(text)
    error: Exception = type(kind, (Exception,), {})(said)
    return error


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def duration(text: str, what: str) -> timedelta:
    """A duration such as `90`, `90s`, `10m`, `1h30m`, `2d`; a bare number counts seconds.

    Raises InvalidInputError.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        text += "s"
    found, end = timedelta(), 0
    try:
        while part := _PART.match(text, end):
            found += float(part[1]) * _UNITS[part[2]]
            end = part.end()
    except OverflowError:
        end = 0
    if not end or end != len(text):
        raise InvalidInputError(
            f"{what}: {text!r} is no duration; write 90s, 10m, 1h30m or 2d (90 is 90s)"
        )
    return found


def instant(
    text: str | None, what: str, now: datetime, *, is_ahead: bool = False
) -> datetime | None:
    """An instant as ISO 8601 (UTC unless it has a zone), or a duration before `now`, or ahead.

    Raises InvalidInputError.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            by = duration(text, what)
            return now + by if is_ahead else now - by
        except (InvalidInputError, OverflowError):
            where = "from now" if is_ahead else "before now"
            raise InvalidInputError(
                f"{what}: {text!r} is neither an instant such as 2026-01-31T08:00 (UTC) nor a "
                f"duration {where} such as 2h"
            ) from None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise InvalidInputError(f"{what}: {text!r} is beyond what a calendar holds") from None
