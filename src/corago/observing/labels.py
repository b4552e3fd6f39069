"""What observers call things, in words of few values. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from types import NoneType

from corago.activity import Context
from corago.core import events as e

_INDEX = re.compile(r"\[\d+\](?=/|$)")

_OUTCOMES: dict[type, str] = {
    e.ActivityCompleted: "completed",
    e.ActivityFailed: "failed",
    e.ActivityAborted: "aborted",
    e.ActivityTimedOut: "timed_out",
    e.ActivityCanceled: "canceled",
    NoneType: "dropped",
}


def outcome_label(result: e.ActivityResult | None) -> str:
    """How an attempt ended, as one word."""
    return _OUTCOMES[type(result)]


def attempt_label(attempt: Context) -> str:
    """What an attempt is one of: a step of a definition, or an activity by its name."""
    return attempt.activity or step_label(attempt.path)


@lru_cache(maxsize=4096)
def step_label(path: str) -> str:
    """A step's path without the indexes of loops: one name for what is done to every item."""
    return _INDEX.sub("", path)
