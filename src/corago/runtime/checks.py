"""What callers hand in, checked once at the edge: ids, tags, durations, conditions. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from corago.arguments.signatures import shortened
from corago.clock import to_us
from corago.core import events as e
from corago.core.codec import canonical
from corago.errors import InvalidInputError, ProcessNotFoundError
from corago.ports.store import Query

ID_CHARACTERS = 500

MOST = 2**63 - 1
"""The largest whole number that stores can look for."""


def query(  # noqa: PLR0917 - the filters of the public face, in its order
    workflow: str | None,
    status: str | None,
    tag: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    after: str | None,
) -> Query:
    """The conditions of a listing, checked."""
    workflow, tag = good_text(workflow, "a workflow's name"), good_text(tag, "a tag")
    status, after = good_text(status, "a status"), good_text(after, "an id")
    if status is not None and status not in e.STATUSES:
        raise InvalidInputError(
            f"no status is called {shortened(status)}; there are: {', '.join(e.STATUSES)}"
        )
    limit = whole(limit, "limit")
    instants = [None if at is None else to_us(aware(at)) for at in (since, until)]
    return Query(workflow, status, tag, instants[0], instants[1], limit, after)


def whole(value: int, what: str) -> int:
    """A whole number from 1."""
    found = int.__int__(value) if isinstance(value, int) and value is not True else 0
    if not 1 <= found <= MOST:
        raise InvalidInputError(f"{what} must be 1 or more, not {shortened(value)}")
    return found


def aware(at: datetime) -> datetime:
    """An instant with a time zone."""
    if not isinstance(at, datetime):
        raise InvalidInputError(f"an instant is an aware datetime, not {shortened(at)}")
    if at.utcoffset() is None:
        raise InvalidInputError(
            f"{at.isoformat()} has no time zone; use an aware datetime, e.g. with UTC"
        )
    return at


def size(value: Any, limit: int, what: str) -> None:
    """Raise InvalidInputError, naming the largest key, if a value is over the limit in bytes."""
    found = len(canonical(value))
    if found <= limit:
        return
    largest = ""
    if isinstance(value, dict) and value:
        key = max(value, key=lambda each: len(canonical(value[each])))
        largest = f"; its largest key is {key!r}"
    raise InvalidInputError(
        f"the {what} is {found:,} bytes, over the limit of {limit:,}{largest}: keep large values "
        "elsewhere and a reference to them here, or raise state_limit"
    )


def step_result(value: Any) -> dict[str, Any]:
    """A step's result as it may be."""
    if not isinstance(value, dict):
        raise InvalidInputError(f"a step's result is a dict, not {type(value).__name__}")
    return value


def good_id(value: str) -> str:
    """A process id as it may be."""
    found = _exact(value)
    if found is None or not 0 < len(found) <= ID_CHARACTERS or not found.isprintable():
        raise InvalidInputError(
            f"a process id is a printable text of 1 to {ID_CHARACTERS} characters, not "
            f"{shortened(value)}"
        )
    return found


def known_id(value: str) -> str:
    """The id of a process that may be there. Raises ProcessNotFoundError, InvalidInputError."""
    found = _exact(value)
    if found is None:
        raise InvalidInputError(f"a process id is a text, not {shortened(value)}")
    if len(found) > ID_CHARACTERS or not found.isprintable():
        raise ProcessNotFoundError(found[:ID_CHARACTERS])
    return found


def good_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they may be."""
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise InvalidInputError(f"tags are several texts: write tags=[{shortened(tags)}]")
    found: dict[str, None] = {}
    for tag in tags:
        text = _exact(tag)
        if not text or not text.isprintable():
            raise InvalidInputError(
                f"a tag is a printable text that is not empty, not {shortened(tag)}"
            )
        found[text] = None
    return tuple(found)


def good_text(value: str | None, what: str) -> str | None:
    """A text for people or for comparing (actor, reason, key), or None."""
    if value is None:
        return None
    found = _exact(value)
    if found is None or any("\ud800" <= each <= "\udfff" for each in found):
        raise InvalidInputError(f"{what} is a text, not {shortened(value)}")
    return found


def _exact(value: object) -> str | None:
    """A text as such, whatever a class of somebody's own makes of it; None for what is none."""
    return str.__str__(value) if isinstance(value, str) else None


def good_name(value: str, what: str) -> str:
    """A name of a signal."""
    found = good_text(value, what)
    if not found:
        raise InvalidInputError(f"{what} is a text that is not empty, not {shortened(value)}")
    return found


def seconds(value: float | timedelta, what: str) -> float:
    """A duration that is more than nothing, in seconds."""
    found = value.total_seconds() if isinstance(value, timedelta) else value
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not is_number or not 0 < found <= sys.float_info.max:
        raise InvalidInputError(
            f"{what} must be more than 0 seconds, a number or a timedelta, not {shortened(value)}"
        )
    return float(found)


def patience(value: float | timedelta | None, what: str) -> float | None:
    """How long to wait, in seconds; None is for ever, and less than nothing is not at all."""
    found = value.total_seconds() if isinstance(value, timedelta) else value
    if found is None:
        return None
    if not isinstance(found, (int, float)) or isinstance(found, bool) or found != found:  # noqa: PLR0124 - NaN
        raise InvalidInputError(f"{what} is a number of seconds, not {shortened(value)}")
    return float(max(0.0, min(found, sys.float_info.max)))


def named(item: Any) -> tuple[str | None, Any]:
    """An item of `start_many` as id and input."""
    if not isinstance(item, tuple):
        return None, item
    if len(item) != 2:  # noqa: PLR2004 - a pair
        raise InvalidInputError(
            f"an item is an input, or a pair of id and input, not {shortened(item)}"
        )
    return item[0], item[1]
