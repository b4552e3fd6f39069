"""The laws of histories, for processes that random things happen to."""

from __future__ import annotations

from collections.abc import Iterable

from corago.core import events as e
from corago.core.laws import Laws

_INVENTED = ("was received before", "fired before", "its time was not up", "ended a second time")
"""What scenarios make up, and no store does: what comes before its time, and a message twice."""


def unlawful(events: Iterable[e.Event]) -> list[str]:
    """The laws that a process breaks of its own accord."""
    laws = Laws()
    found = [text for event in events for text in laws.take(event)]
    return [text for text in found if not any(each in text for each in _INVENTED)]
