"""What one call of the kernel amounts to: one value, one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from corago.core.calls import Answer
from corago.core.events import Event, Failure, ProcessStarted
from corago.core.limits import WishLimits

if TYPE_CHECKING:
    from corago.core.messages import Inbound
    from corago.core.program import Snapshot


class DocumentWrite(msgspec.Struct, frozen=True):
    """A new version of a business object; `expected` is the version it replaces (0: none yet)."""

    kind: str
    id: str
    expected: int
    data: bytes
    actor: str | None = None


class Birth(msgspec.Struct, frozen=True):
    """A child that is born with a commit: at `path`, of the newest definition of a workflow.

    `timeout`, in seconds, is its workflow's own where none is given.
    """

    path: str
    child: str
    workflow: str
    input: Any = None
    tags: tuple[str, ...] = ()
    timeout: float | None = None


class Send(msgspec.Struct, frozen=True):
    """A message for another process, sent with a commit; `reopens` lets it into a failed one."""

    process_id: str
    message: Inbound
    reopens: bool = False


class Queued(msgspec.Struct, frozen=True):
    """An attempt for the workers of a queue; `function` names its code.

    `timeout` and `delay`, which it waits before it is due, are in seconds. Workers without the
    definition know it as `activity`; `details` are what the attempt before it said last.
    """

    path: str
    occurrence: int
    attempt: int
    queue: str
    function: str
    input: Mapping[str, Any]
    timeout: float | None = None
    delay: float = 0.0
    at_most_once: bool = False
    activity: str = ""
    limits: WishLimits | None = None
    details: Any = None


Deed = Birth | Send | Queued | str
"""What a commit does beside its process; a text is the path of a queued attempt that is to stop."""


class Commit(msgspec.Struct, frozen=True, gc=False):
    """The result of `advance`.

    `events` are in order of their positions; `received` were made from messages, `facts` were
    decided. `consumed` counts the messages that were taken (after a closing fact the rest stays).
    `answers` are those of the user functions that were asked.

    In the same transaction, `documents` are written, children born, messages sent, attempts
    `queued`; `cancels` and `drops` are the paths of queued ones that are to stop, or are wanted no
    longer. `adopts` tells that the process follows another definition from here on, `renews` is
    how its next run begins. `failure` is why a decider could not be asked: whoever is patient
    writes nothing of it and asks again later.
    """

    snapshot: Snapshot
    events: tuple[Event, ...] = ()
    received: tuple[Event, ...] = ()
    facts: tuple[Event, ...] = ()
    consumed: int = 0
    answers: tuple[Answer, ...] = ()
    documents: tuple[DocumentWrite, ...] = ()
    births: tuple[Birth, ...] = ()
    sends: tuple[Send, ...] = ()
    queued: tuple[Queued, ...] = ()
    cancels: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    adopts: bool = False
    renews: ProcessStarted | None = None
    failure: Failure | None = None

    @property
    def says_more(self) -> bool:
        """Whether it concerns more than its own process's history and documents."""
        return bool(
            self.births
            or self.sends
            or self.queued
            or self.cancels
            or self.drops
            or self.adopts
            or self.renews is not None
        )
