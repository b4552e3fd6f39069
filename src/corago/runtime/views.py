"""What users are shown of a process: pure functions from stored values to frozen views. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from corago.clock import EPOCH, from_us
from corago.core import commands
from corago.core import events as e
from corago.core.messages import Inbound
from corago.core.program import NOTHING, Agenda, Snapshot
from corago.ports.backend import Description
from corago.ports.store import Instance


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that a process waits for.

    `kind` is step, retry, sleep, signal, incident or deadline.
    """

    kind: str
    path: str
    detail: str = ""
    until: datetime | None = None

    def __str__(self) -> str:
        until = "" if self.until is None else f" until {self.until:%Y-%m-%d %H:%M:%S} UTC"
        return _WORDS[self.kind].format(path=self.path, detail=self.detail) + until


_WORDS = {
    "step": "step {path!r} is to run",
    "retry": "step {path!r} failed ({detail}) and is tried again; it waits",
    "sleep": "{path!r} sleeps",
    "signal": "{path!r} waits for the signal {detail!r}",
    "incident": "{path!r} needs a person: {detail}",
    "deadline": "the process may run",
}


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process at one moment.

    `state` is the State of a step list; `result` what it completed with; `error` the recorded
    failure; `pending` counts messages not yet consumed; `waits` says what it waits for.
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
class Explanation:
    """Why a process stands where it stands.

    `reason` is one word: running, queued, waiting, suspended, failed, paused, missing_code,
    damaged, or the status of a closed one. `holder` names the worker that has it, `missing` what
    nobody has. As text, it is a sentence.
    """

    reason: str
    since: datetime
    sentence: str
    waits: tuple[Wait, ...] = ()
    holder: str | None = None
    missing: str | None = None

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an explanation needs to know besides the process.

    Is the store paused, who lives (`own` is the asking engine's worker), who has which code.
    """

    is_paused: bool
    workers: Sequence[str] = field(default=())
    own: str | None = None
    has_code: bool = False
    now: datetime = field(default=EPOCH)


def waits_of(snapshot: Snapshot, agenda: Agenda, now: datetime) -> tuple[Wait, ...]:
    """What a process waits for, the urgent first."""
    process = snapshot.process
    found: list[Wait] = [
        Wait("incident", each.path or process.id, str(each.error))
        for each in commands.incidents(process, agenda).values()
    ]
    if process.is_closed:
        return tuple(found)
    for wish in agenda.activities:
        known = process.activity(wish.path, wish.occurrence)
        if known.due is not None and known.due > now:
            found.append(Wait("retry", wish.path, str(known.error), known.due))
        else:
            found.append(Wait("step", wish.path))
    until = {
        timer.timer.rpartition("@")[0]: process.timers.get(timer.timer) for timer in agenda.timers
    }
    found += [
        Wait("signal", each.path, each.name, until.pop(each.path, None)) for each in agenda.signals
    ]
    found += [Wait("sleep", path, "", at) for path, at in until.items()]
    if process.deadline is not None:
        found.append(Wait("deadline", process.id, "", process.deadline))
    return tuple(found)


def info_of(description: Description, agenda: Agenda, now: datetime) -> ProcessInfo:
    """A process as users see it."""
    row, snapshot = description.row, description.snapshot
    process = snapshot.process
    return ProcessInfo(
        id=row.process_id,
        run=row.run,
        workflow=row.workflow,
        version=row.version,
        sha=row.sha,
        status=process.status if process.is_closed else row.status,
        result=process.result,
        error=process.error or _first_error(process, agenda),
        state=description.program.view(snapshot.state),
        internal=None,
        external=process.external,
        tags=row.tags,
        parent=row.parent,
        children=(),
        pending=len(description.mail),
        created_at=from_us(row.created_us),
        updated_at=from_us(row.updated_us),
        position=row.position,
        waits=waits_of(snapshot, agenda, now),
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


def explain(description: Description, agenda: Agenda | None, around: Surroundings) -> Explanation:
    """Say why a process stands where it stands.

    `agenda` is None where deciding needs code that is not here.
    """
    row, snapshot = description.row, description.snapshot
    process = snapshot.process
    since = from_us(row.updated_us)
    name = f"process {row.process_id!r} ({row.workflow})"
    waits = waits_of(snapshot, agenda or NOTHING, around.now)
    if process.is_closed:
        error = "" if process.error is None else f" at {process.error_path!r}: {process.error}"
        hint = "; `retry` resumes exactly there" if process.status == "failed" else ""
        return Explanation(process.status, since, f"{name} is {process.status}{error}{hint}", waits)
    incidents = [wait for wait in waits if wait.kind == "incident"]
    if process.standing == "suspended":
        said = "; ".join(map(str, incidents))
        ways = "retry, skip or set its result" if process.poison is None else "retry it"
        return Explanation(
            "suspended", since, f"{name} is suspended: {said} ({ways})", waits, row.owner_name
        )
    if around.is_paused and row.owner is None:
        text = f"{name} stands still because the store is paused; `corago unpause` lets it go on"
        return Explanation("paused", since, text, waits, row.owner_name)
    open_waits = [wait for wait in waits if wait.kind not in ("deadline", "step")]
    if row.owner is not None and row.owner_name not in around.workers:
        text = (
            f"{name} was held by worker {row.owner_name}, which is gone; any worker takes it over"
        )
        return Explanation("queued", since, text, waits, row.owner_name, missing="worker")
    if row.owner is not None:
        steps = [repr(wait.path) for wait in waits if wait.kind == "step"]
        doing = f", at {', '.join(steps)}" if steps else ""
        rest = "; the store is paused, so nothing further starts" if around.is_paused else ""
        text = f"{name} is held by worker {row.owner_name}{doing}{rest}"
        return Explanation("running", since, text, waits, row.owner_name)
    is_due = row.due_us is not None and from_us(row.due_us) <= around.now
    if not is_due and agenda is not None and open_waits:
        return Explanation(
            "waiting", since, f"{name}: " + "; ".join(map(str, open_waits)), tuple(waits)
        )
    return _unheld(name, row, since, waits, around)


def _unheld(
    name: str, row: Instance, since: datetime, waits: tuple[Wait, ...], around: Surroundings
) -> Explanation:
    code = f"{row.workflow} version {row.version} ({row.sha[:12]})"
    if around.has_code:
        return Explanation(
            "queued", since, f"{name} is due and waits for a free slot of a worker", waits
        )
    if not around.workers:
        text = f"{name} is due, but no worker is running; start one with `corago worker FILE`"
        return Explanation("queued", since, text, waits, missing="worker")
    if list(around.workers) == [around.own]:
        text = (
            f"{name} is due, but the only worker that is running ({around.own}) has not the code "
            f"of {code}; hand it the workflow as it was when the process started"
        )
        return Explanation("missing_code", since, text, waits, missing=code)
    text = (
        f"{name} is due, but not yet taken: {len(around.workers)} worker(s) are running "
        f"({', '.join(around.workers)}); one of them must have the code of {code}, and a slot "
        "free. If the step list was changed, run a worker with the code that started it"
    )
    return Explanation("queued", since, text, waits, missing=code)


def damaged(process_id: str, error: Exception, now: datetime) -> Explanation:
    """What can be said of a process whose rows can't be understood."""
    text = f"process {process_id!r} is left alone, because its rows can't be understood: {error}"
    return Explanation("damaged", now, text)


def mail_of(description: Description) -> tuple[Inbound, ...]:
    """The messages not consumed yet."""
    return tuple(each.message for each in description.mail)


def as_json(view: Any) -> Any:
    """A view as plain JSON values."""
    return msgspec.to_builtins(view)
