"""What one call of the kernel amounts to: one value, one transaction."""

from __future__ import annotations

import msgspec

from corago.core.calls import Answer
from corago.core.events import Event
from corago.core.program import Snapshot


class DocumentWrite(msgspec.Struct, frozen=True):
    """A new version of a business object; `expected` is the version it replaces (0: none yet)."""

    kind: str
    id: str
    expected: int
    data: bytes
    actor: str | None = None


class Commit(msgspec.Struct, frozen=True):
    """The result of `advance`.

    `events` are in order of their positions; `received` were made from messages, `facts` were
    decided. `consumed` counts the messages that were taken (after a closing fact the rest stays).
    `answers` are those of the user functions that were asked. `documents` are written in the same
    transaction.
    """

    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    received: tuple[Event, ...] = ()
    facts: tuple[Event, ...] = ()
    consumed: int = 0
    answers: tuple[Answer, ...] = ()
    documents: tuple[DocumentWrite, ...] = ()
