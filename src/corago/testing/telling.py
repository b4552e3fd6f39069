"""A process in a few lines of text, for the messages of failed tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from corago.core.events import Event

WIDTH = 96
"""How many characters a line may have."""

_TOLD_ELSEWHERE = frozenset(
    {"type", "position", "at", "path", "timer", "name", "process_id", "sha"}
)
_PLAIN = {"occurrence": 1, "attempt": 1, "run": 1, "version": 1}


def told(events: Iterable[Event], *, mark: int | None = None) -> str:
    """The events, a line each; the one at position `mark` has an arrow in front."""
    return "\n".join(
        f"{'->' if event.position == mark else '  '} {event.position:>3}  {line(event)}"
        for event in events
    )


def line(event: Event) -> str:
    """An event in one line: kind, path, and what else it says."""
    fields = msgspec.to_builtins(event)
    path = fields.get("path") or fields.get("timer") or fields.get("name") or ""
    says = [
        f"{name}={short(value)}"
        for name, value in fields.items()
        if name not in _TOLD_ELSEWHERE
        and value not in (None, "", (), [], {})
        and value != _PLAIN.get(name)
    ]
    words = " ".join(filter(None, (type(event).__name__, repr(path) if path else "", *says)))
    return words if len(words) <= WIDTH else f"{words[: WIDTH - 1]}…"


def short(value: Any) -> str:
    """A value of an event: errors and results by what counts in them."""
    if not isinstance(value, dict):
        return repr(value)
    kind = str(value.get("type", ""))
    if "message" in value and kind:
        return f"{kind}: {value['message']}"
    if kind.startswith("Activity"):
        inner = [short(each) for name, each in value.items() if name != "type"]
        return " ".join([kind.removeprefix("Activity").lower(), *inner])
    return repr(value)
