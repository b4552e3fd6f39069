"""What users are shown of a process: pure functions from stored values to frozen views. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from corago.clock import from_us
from corago.core import commands
from corago.core import events as e
from corago.core.codec import masked_message
from corago.core.messages import Inbound
from corago.core.program import Agenda
from corago.core.sealing import masked
from corago.ports.backend import Description, OpenActivity
from corago.ports.store import Instance
from corago.runtime.waits import Wait, waits_of


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process at one moment.

    `state` is the State of a step list, a machine's state, or what a decider has open; `result`
    what it completed with; `error` the recorded failure; `children` are the ids of those that are
    open; `pending` counts messages not yet consumed; `waits` says what it waits for.
    """

    id: str
    run: int
    workflow: str
    version: int
    sha: str
    status: str
    result: Any
    error: e.Failure | None
    state: Any
    internal: Any
    external: Any
    tags: tuple[str, ...]
    parent: str | None
    children: tuple[str, ...]
    pending: int
    created_at: datetime
    updated_at: datetime
    position: int
    waits: tuple[Wait, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """Something that would get a process going: a command line, and what it does."""

    command: str
    does: str

    def __str__(self) -> str:
        return f"`{self.command}` {self.does}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a process stands where it stands.

    `reason` is one word: running, queued, waiting, suspended, failed, paused, missing_code,
    definition_changed, damaged, or the status of a closed one. `since` is the instant of the last
    thing recorded, `holder` names the worker that has it, `missing` what nobody has, and `ways`
    are the commands that fit now. As text, it is the sentence with the ways behind it.
    """

    reason: str
    since: datetime
    sentence: str
    waits: tuple[Wait, ...] = ()
    holder: str | None = None
    missing: str | None = None
    ways: tuple[Way, ...] = ()

    def __str__(self) -> str:
        ways = ", ".join(map(str, self.ways))
        return f"{self.sentence}; {ways}" if ways else self.sentence


def info_of(
    description: Description, agenda: Agenda, now: datetime, tasks: Iterable[OpenActivity] = ()
) -> ProcessInfo:
    """A process as users see it; `tasks` are its open ones, if they are known."""
    row, snapshot = description.row, description.snapshot
    process = snapshot.process
    return ProcessInfo(
        id=row.process_id,
        run=row.run,
        workflow=row.workflow,
        version=row.version,
        sha=row.sha,
        status=process.status if process.is_closed else row.status,
        result=masked(process.result),
        error=process.error or _first_error(process, agenda),
        state=masked(description.program.view(snapshot.state)),
        internal=masked(description.program.internal(snapshot.state)),
        external=masked(process.external),
        tags=row.tags,
        parent=row.parent,
        children=tuple(child.id for child in process.children.values()),
        pending=len(description.mail),
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        position=row.position,
        waits=waits_of(description, agenda, now, tasks),
    )


def damaged_info(row: Instance, error: Exception) -> ProcessInfo:
    """What can be said of a process whose rows can't be understood."""
    return ProcessInfo(
        id=row.process_id,
        run=row.run,
        workflow=row.workflow,
        version=row.version,
        sha=row.sha,
        status=row.status,
        result=None,
        error=e.Failure(type(error).__name__, str(error)),
        state=None,
        internal=None,
        external=None,
        tags=row.tags,
        parent=row.parent,
        children=(),
        pending=0,
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        position=row.position,
        waits=(),
    )


def _first_error(process: Any, agenda: Agenda) -> e.Failure | None:
    for incident in commands.incidents(process, agenda).values():
        return incident.error
    return None


def mail_of(description: Description) -> tuple[Inbound, ...]:
    """The messages not consumed yet."""
    return tuple(masked_message(each.message) for each in description.mail)


def as_json(view: Any) -> Any:
    """A view as plain JSON values."""
    return msgspec.to_builtins(view)
