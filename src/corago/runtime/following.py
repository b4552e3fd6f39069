"""A process meets a changed definition: it goes on by it, or waits for somebody who has its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from corago.clock import Clock
from corago.core import messages as m
from corago.core.calls import bare
from corago.core.commit import Commit
from corago.core.tasks import DecisionTask, Hold
from corago.ports.backend import Backend
from corago.ports.store import ALL_SEEN, Refusal
from corago.runtime.listening import fields

_log = logging.getLogger("corago.worker")


Functions = Mapping[str, Any]


class Driver(Protocol):
    """What is asked of whoever drives the process, a worker or the desk."""

    @property
    def backend(self) -> Backend:
        """Where the definitions are."""

    @property
    def clock(self) -> Clock:
        """Its clock."""

    def functions(self, sha: str) -> Functions | None:
        """The code of a definition; None if it is not here."""

    async def append(
        self, task: DecisionTask, commit: Commit, hold: Hold, *, consumed: int, seen: int
    ) -> DecisionTask | Refusal | m.ChildRefused | None:
        """Write a commit."""


async def follow(worker: Driver, task: DecisionTask) -> m.Adopt | Functions | None:
    """How a process of an older definition goes on here; None, and it is let go, if it can't.

    By the newer definition, or by its own with the functions of today. A worker that has no code
    for it leaves it to those who have.
    """
    definition = worker.backend.follower(task.sha)
    if definition is None:
        await _leave(worker, task, None)
        return None
    needs, functions = task.program.needs, worker.functions(definition.sha) or {}
    if needs is not None:
        missing = sorted(needs - functions.keys())
        if not missing:
            return functions
        _log.warning(
            "process %s waits: its definition names functions that are not here: %s",
            task.process_id,
            ", ".join(bare(missing)),
            extra=fields(task.snapshot.process),
        )
        await _leave(worker, task, definition.id)
        return None
    program = worker.backend.program(definition)
    found = program.differences(task.snapshot.state, task.program, {})
    if not found:
        return m.Adopt(program, definition.sha, definition.version)
    _log.info(
        "process %s waits: it can't go on by the definition that is here (%s): %s",
        task.process_id,
        definition.sha[:12],
        "; ".join(each.text for each in found),
        extra=fields(task.snapshot.process),
    )
    await _leave(worker, task, definition.id)
    return None


async def _leave(worker: Driver, task: DecisionTask, unfit: int | None) -> None:
    """Let go of a process as it was found: due at once, and for the others."""
    hold = Hold(keeps=False, due=worker.clock.now(), unfit=unfit, lost_owner=task.lost_owner)
    untouched = Commit(msgspec.structs.replace(task.snapshot, agenda=None))
    await worker.append(task, untouched, hold, consumed=task.consumed, seen=ALL_SEEN)
