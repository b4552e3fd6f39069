"""What a user's function raised, as data that survives a restart."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from corago.core.events import Failure

MESSAGE_CHARACTERS = 8000
TRACEBACK_CHARACTERS = 8000

Hide = Callable[[str], str]
"""Cuts secrets out of a text."""


def failure(error: BaseException, hide: Hide | None = None) -> Failure:
    """An exception as data, without what `hide` cuts out; never raises.

    It is cut to a length only then, lest half a secret stays.
    """
    message = said(lambda: str(error))
    trace = said(lambda: "".join(traceback.format_exception(error)))
    if hide is not None:
        message, trace = hide(message), hide(trace)
    short, end = message[:MESSAGE_CHARACTERS], trace[-TRACEBACK_CHARACTERS:]
    return Failure(type(error).__name__, short, end)


def said(tell: Callable[[], str]) -> str:
    """A text as rows can hold it: half pairs, as in undecodable file names, become `?`.

    An error's own `__str__` is user code, and Python's traceback breaks at times.
    """
    try:
        return tell().encode("utf-8", "replace").decode("utf-8")
    except Exception as broken:  # noqa: BLE001 - see above
        return f"(its text can't be told: {type(broken).__name__})"
