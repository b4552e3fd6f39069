"""What one call of the kernel amounts to: one value, one transaction."""

from __future__ import annotations

import msgspec

from corago.core.calls import Answer
from corago.core.events import Event
from corago.core.program import Snapshot


class Commit(msgspec.Struct, frozen=True):
    """The result of `advance`.

    `events` are in order of their positions; `received` were made from messages, `facts` were
    decided. `consumed` counts the messages that were taken (after a closing fact the rest stays).
    `answers` are those of the user functions that were asked.
    """

    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    received: tuple[Event, ...] = ()
    facts: tuple[Event, ...] = ()
    consumed: int = 0
    answers: tuple[Answer, ...] = ()
