"""What reaches a process from outside before it is a fact: a closed union.

`Inbound` ones wait in its inbox as JSON.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from corago.core.commit import DocumentWrite
from corago.core.events import ActivityResult, Failure
from corago.core.program import Program


class Signal(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """A signal by name, with data."""

    name: str
    data: Any = None
    key: str | None = None
    actor: str | None = None
    reason: str | None = None


class Update(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """A change of the external store."""

    changes: dict[str, Any]
    key: str | None = None
    actor: str | None = None
    reason: str | None = None


class Command(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """An operator's command: retry, skip, set_result or cancel; or a parent's to abort.

    `targets` maps each path that it is meant for to the position of the event that made it an
    incident when the command was given; a command whose target has moved on is stale. A parent's
    command to its child is meant for whatever stands there: `ANY`.
    """

    verb: str
    targets: dict[str, int] = {}
    value: Any = None
    actor: str | None = None
    reason: str | None = None


ANY = {"*": 0}
"""The targets of a command for whatever has failed when it comes."""


class ChildEnded(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The child that was started at `path` has ended; `is_final`: it can't be opened again."""

    path: str
    child: str
    status: str
    result: Any = None
    error: Failure | None = None
    is_final: bool = False


class Outcome(msgspec.Struct, frozen=True, tag=True, gc=False):
    """How one attempt of an activity ended, and the documents that are to change with it.

    `is_lost` tells that nobody knows: its workers vanished, and a person has to decide. `details`
    are what its last heartbeat said.
    """

    path: str
    occurrence: int
    attempt: int
    result: ActivityResult
    documents: tuple[DocumentWrite, ...] = ()
    is_lost: bool = False
    details: Any = None


Inbound = Signal | Update | Command | ChildEnded | Outcome


class ChildRefused(msgspec.Struct, frozen=True):
    """The child that was to be born at `path` could not be."""

    path: str
    error: Failure


class Adopt(msgspec.Struct, frozen=True):
    """Go on by another definition: `program`, with its `sha` and `version`."""

    program: Program[Any]
    sha: str
    version: int
    renames: dict[str, str] = {}
    actor: str | None = None
    reason: str | None = None


class TimerDue(msgspec.Struct, frozen=True):
    """A timer's time has come; the empty name is the deadline of the process."""

    timer: str
    due: datetime


class Lost(msgspec.Struct, frozen=True):
    """The lease was taken over from a worker that had not let go."""

    owner: str | None = None


Message = Inbound | ChildRefused | Adopt | TimerDue | Lost
