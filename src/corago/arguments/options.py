"""What names, durations and policies may be: checked where the author writes them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from corago.arguments.signatures import name_of, shortened
from corago.core.codec import plain
from corago.core.retry import Retry
from corago.errors import InvalidInputError, InvalidOptionError

_UNSEEN = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, half pairs and line breaks."""


def name(given: Any, what: str) -> str:
    """A name as it stands in paths, histories and drawings. Raises InvalidOptionError.

    Any text of one line will do; what paths make of `/` and `#` is checked for whole lists.
    """
    if callable(given):
        raise InvalidOptionError(
            f'{what} needs a name: write @{what}("…") above {name_of(given)}, with parentheses'
        )
    if not isinstance(given, str):
        raise InvalidOptionError(f"{what} needs a name, a text, not {shortened(given)}")
    if not given.strip():
        raise InvalidOptionError(f"{what} needs a name that is not empty")
    if any(unicodedata.category(each) in _UNSEEN for each in given):
        raise InvalidOptionError(
            f"{what}: the name {given!r} holds a line break or a control character; use plain text"
        )
    return str(given)


def seconds(given: Any, what: str, *, least: str = "more than 0") -> float:
    """A duration in seconds. Raises InvalidOptionError unless it is finite and positive.

    `least` may be "0 or more" instead.
    """
    value = given.total_seconds() if isinstance(given, timedelta) else given
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            duration = float(value)
        except OverflowError:
            duration = math.inf
        if math.isfinite(duration) and (duration > 0 or (duration == 0 and least == "0 or more")):
            return duration
    raise InvalidOptionError(
        f"{what} must be {least} seconds, a number or a timedelta, not {shortened(given)}"
    )


def retry(given: Any, what: str) -> Retry | None:
    """A retry policy or None. Raises InvalidOptionError."""
    if given is None or isinstance(given, Retry):
        return given
    raise InvalidOptionError(
        f"{what}: retry takes a policy such as Retry(attempts=5), not {shortened(given)}"
    )


def count(given: Any, what: str) -> int:
    """A whole number from 1. Raises InvalidOptionError."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return given
    raise InvalidOptionError(f"{what} must be 1, 2, …, not {shortened(given)}")


def values(given: Any, what: str) -> dict[str, Any]:
    """A dict that JSON can hold, with texts as keys. Raises InvalidOptionError."""
    if isinstance(given, Mapping) and all(isinstance(key, str) for key in given):
        try:
            kept: dict[str, Any] = plain(dict(given), what)
        except InvalidInputError as error:
            raise InvalidOptionError(str(error)) from error
        return kept
    raise InvalidOptionError(f"{what} must be a dict with texts as keys, not {shortened(given)}")


def undo(given: Any, what: str) -> Any:
    """A step that takes another one back, or None. Raises InvalidOptionError."""
    if given is None:
        return None
    if getattr(given, "kind", "") != "step":
        raise InvalidOptionError(f"{what}: undo takes a step, not {shortened(given)}")
    faults = {
        "a condition": given.guards,
        "an undo of its own": given.undo is not None,
        "a queue": given.queue is not None,
    }
    for fault, is_there in faults.items():
        if is_there:
            raise InvalidOptionError(f"{what}: its undo {given.name!r} has {fault}; leave that out")
    return given


def flag(given: Any, what: str) -> bool:
    """True or False. Raises InvalidOptionError for a merely truthy value."""
    if isinstance(given, bool):
        return given
    raise InvalidOptionError(f"{what} must be True or False, not {shortened(given)}")
