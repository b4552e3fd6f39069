"""What callers hand in, checked once at the edge: ids, tags, durations, conditions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from corago.clock import to_us
from corago.core import events as e
from corago.core.codec import canonical
from corago.errors import InvalidInputError
from corago.ports.store import Query

ID_CHARACTERS = 500


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
    if status is not None and status not in e.STATUSES:
        raise InvalidInputError(
            f"no status is called {status!r}; there are: {', '.join(e.STATUSES)}"
        )
    if limit < 1:
        raise InvalidInputError(f"limit must be 1 or more, not {limit}")
    instants = [None if at is None else to_us(aware(at)) for at in (since, until)]
    return Query(workflow, status, tag, instants[0], instants[1], limit, after)


def aware(at: datetime) -> datetime:
    """An instant with a time zone."""
    if at.tzinfo is None:
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
    if (
        not isinstance(value, str)
        or not value
        or len(value) > ID_CHARACTERS
        or not value.isprintable()
    ):
        raise InvalidInputError(
            f"a process id is a printable text of 1 to {ID_CHARACTERS} characters, not {value!r}"
        )
    return value


def good_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they may be."""
    if isinstance(tags, str):
        raise InvalidInputError(f"tags are several texts: write tags=[{tags!r}]")
    found = tuple(tags)
    for tag in found:
        if not isinstance(tag, str) or not tag or not tag.isprintable():
            raise InvalidInputError(f"a tag is a printable text that is not empty, not {tag!r}")
    return tuple(dict.fromkeys(found))


def good_text(value: str | None, what: str) -> str | None:
    """A text for people or for comparing (actor, reason, key), or None."""
    if value is None:
        return None
    if not isinstance(value, str) or any("\ud800" <= each <= "\udfff" for each in value):
        raise InvalidInputError(f"{what} is a text, not {value!r}")
    return value


def good_name(value: str, what: str) -> str:
    """A name of a signal."""
    if not good_text(value, what):
        raise InvalidInputError(f"{what} is a text that is not empty, not {value!r}")
    return value


def seconds(value: float | timedelta, what: str) -> float:
    """A duration that is more than nothing, in seconds."""
    found = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(found, (int, float)) or not 0 < found < float("inf"):
        raise InvalidInputError(
            f"{what} must be more than 0 seconds, a number or a timedelta, not {value!r}"
        )
    return float(found)


def named(item: Any) -> tuple[str | None, Any]:
    """An item of `start_many` as id and input."""
    if not isinstance(item, tuple):
        return None, item
    if len(item) != 2:  # noqa: PLR2004 - a pair
        raise InvalidInputError(f"an item is an input, or a pair of id and input, not {item!r}")
    return item[0], item[1]
