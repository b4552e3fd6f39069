"""Leased units of work, as values: what a worker holds while it drives a process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from corago.core.messages import Inbound
from corago.core.program import Program, Snapshot


class Mail(msgspec.Struct, frozen=True):
    """An inbox message with its place (`seq`) and arrival."""

    seq: int
    at: datetime
    message: Inbound


class DecisionTask(msgspec.Struct, frozen=True):
    """A process in a worker's hands.

    `instance`, `owner` and `epoch` are the backend's fence; `consumed` and `seen` are places in
    the inbox; `unsaved` counts the bytes of events since the kept snapshot of `saved` bytes.
    `lost_owner` names the worker that vanished with it.
    """

    process_id: str
    sha: str
    program: Program[Any]
    snapshot: Snapshot
    instance: int
    owner: int
    epoch: int
    consumed: int = 0
    seen: int = 0
    mail: tuple[Mail, ...] = ()
    lost_owner: str | None = None
    unsaved: int = 0
    saved: int = 0


class Hold(msgspec.Struct, frozen=True):
    """What to do with the lease in the same write: keep it, or park until `due`.

    Without `due` only a message ends the parking.
    """

    keeps: bool = True
    due: datetime | None = None


KEEP = Hold()
