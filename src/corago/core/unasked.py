"""What happens to a process without its program being asked what it wants. Pure.

It is set aside, follows another definition, or begins its next run.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from corago.core import events as e
from corago.core import history, queueing
from corago.core import messages as m
from corago.core import process as process_fold
from corago.core.commit import Commit
from corago.core.process import Process
from corago.core.program import NOTHING, Program, Snapshot


def undecided(process: Process) -> int:
    """The position from which on a decider has not answered, or will not have; 1: not even once."""
    return process.undecided or (1 if process.status == "created" else process.position + 1)


def following(
    process: Process, given: Any, tags: tuple[str, ...], now: datetime
) -> e.ProcessStarted:
    """The beginning of a process's next run."""
    timeout = None
    if process.deadline is not None and process.started_at is not None:
        timeout = (process.deadline - process.started_at).total_seconds()
    return e.ProcessStarted(
        position=1,
        at=now,
        process_id=process.id,
        run=process.run + 1,
        workflow=process.workflow,
        version=process.version,
        sha=process.sha,
        input=given,
        external=process.external,
        tags=tags,
        parent=process.parent,
        parent_path=process.parent_path,
        timeout=timeout,
    )


def adopt(before: Program[Any], snapshot: Snapshot, message: m.Adopt, now: datetime) -> Commit:
    """Let a process follow another definition, without deciding what comes then.

    Raises ValueError where its program finds no way.
    """
    event = e.DefinitionChanged(
        position=snapshot.process.position + 1,
        at=max(now, snapshot.process.at),
        actor=message.actor,
        reason=message.reason,
        sha=message.sha,
        version=message.version,
        renames=message.renames,
    )
    after = history.change(before, message.program, snapshot, event)
    gone = queueing.standing(snapshot.process) - queueing.standing(after.process)
    drops = tuple(sorted(gone))
    return Commit(after, (event,), (event,), drops=drops, adopts=True)


def suspend(snapshot: Snapshot, error: e.Failure, now: datetime, *, batch: bool = False) -> Commit:
    """Set a whole process aside for a person, without asking its program: for errors of our own.

    One of a `batch` program keeps in mind what it has not answered, and what it wants stays open.
    """
    at = max(now, snapshot.process.at)
    position = snapshot.process.position + 1
    since = undecided(snapshot.process) if batch else 0
    event = e.ProcessSuspended(position=position, at=at, error=error, undecided=since)
    process = process_fold.evolve(snapshot.process, event)
    agenda = None if batch else NOTHING
    return Commit(Snapshot(process, snapshot.state, agenda), (event,), (), (event,))
