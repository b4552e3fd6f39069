"""Leased units of work, as values: what a worker holds while it drives a process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from corago.core.commit import Queued
from corago.core.messages import Inbound
from corago.core.process import Process, later
from corago.core.program import Program, Snapshot


class Mail(msgspec.Struct, frozen=True):
    """An inbox message with its place (`seq`) and arrival."""

    seq: int
    at: datetime
    message: Inbound


class DecisionTask(msgspec.Struct, frozen=True, gc=False):
    """A process in a worker's hands.

    `instance`, `owner` and `epoch` are the backend's fence; `consumed` and `seen` are places in
    the inbox; `unsaved` counts the bytes of events since the kept snapshot of `saved` bytes.
    `lost_owner` names the worker that vanished with it; `failures` counts how often in a row its
    decider could not answer. What had come by the instant `read_at` is in the `mail`.
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
    failures: int = 0
    read_at: datetime = datetime.min.replace(tzinfo=UTC)


class ActivityTask(msgspec.Struct, frozen=True):
    """A queued attempt in a worker's hands.

    `process` is its process as it was when the attempt was queued; `sha` is the definition that
    it follows now. `number`, `epoch` and `owner` (None: nobody, it is completed from outside) are
    the backend's fence; `losses` counts the workers that vanished with it; `stops` tells that it
    is not to run any more, `expired` which of its limits ran out. `details` are what the last
    heartbeat said, of this attempt or the one before.
    """

    process: Process
    sha: str
    attempt: Queued
    number: int
    epoch: int
    owner: int | None
    losses: int = 0
    stops: bool = False
    expired: str = ""
    details: Any = None

    @property
    def start_by(self) -> datetime | None:
        """By when it had to be taken; None where no limit says so, or a worker was lost with it."""
        limits, attempt = self.attempt.limits, self.attempt
        if self.losses or limits is None or limits.schedule_to_start is None:
            return None
        return later(later(self.process.at, attempt.delay), limits.schedule_to_start)

    @property
    def token(self) -> str:
        """What somebody outside names it by (SWF's task token)."""
        return f"{self.number}.{self.epoch}"


class Hold(msgspec.Struct, frozen=True, gc=False):
    """What to do with the lease in the same write: keep it, or park until `due`.

    Without `due` only a message ends the parking. `unfit` is the number of a definition by which
    the process can't go on: its workers leave it alone until somebody has moved it on.
    `lost_owner` is told again to whoever takes it up. `failures` counts how often in a row its
    decider could not answer.
    """

    keeps: bool = True
    due: datetime | None = None
    unfit: int | None = None
    lost_owner: str | None = None
    failures: int = 0


KEEP = Hold()
