"""Writing commits: again and again while the store can't, for as long as the lease lasts."""

from __future__ import annotations

from functools import partial

import msgspec

from corago.core.commit import Commit
from corago.core.messages import ChildRefused
from corago.core.tasks import DecisionTask, Hold
from corago.errors import ProcessNotFoundError, StoreUnavailableError
from corago.ports.backend import Backend
from corago.ports.store import Refusal
from corago.runtime.listening import Ears
from corago.runtime.patience import Patience


class Pen:
    """That of one worker."""

    def __init__(self, backend: Backend, patience: Patience, ears: Ears | None) -> None:
        """Take what it writes to, how patiently, and who is told of it."""
        self._backend = backend
        self._patience = patience
        self._ears = ears

    async def append(
        self, task: DecisionTask, commit: Commit, hold: Hold, *, consumed: int, seen: int
    ) -> DecisionTask | Refusal | ChildRefused | None:
        """Write a commit, again and again while the store can't and the lease lasts.

        Gives None when the lease lasted no longer.
        """
        written: DecisionTask | Refusal | ChildRefused | None
        try:
            written = await self._backend.complete_decision_task(
                task, commit, hold, consumed=consumed, seen=seen
            )
        except StoreUnavailableError as error:
            again = partial(self._append_again, task, commit, hold, consumed, seen)
            written = await self._patience.write(again, task.snapshot.process, error)
        if self._ears is not None and isinstance(written, DecisionTask):
            self._ears.recorded(commit.snapshot.process, commit.events)
        return written

    async def _append_again(
        self, task: DecisionTask, commit: Commit, hold: Hold, consumed: int, seen: int
    ) -> DecisionTask | Refusal | ChildRefused:
        write = self._backend.complete_decision_task
        written = await write(task, commit, hold, consumed=consumed, seen=seen)
        if written is Refusal.FENCED:
            return await self._found(task, commit, hold, consumed)
        return written

    async def _found(
        self, task: DecisionTask, commit: Commit, hold: Hold, consumed: int
    ) -> DecisionTask | Refusal:
        """The task as it goes on, if a commit whose answer was lost is there after all.

        Only we write in this epoch.
        """
        try:
            found = await self._backend.describe(task.process_id)
        except ProcessNotFoundError:
            return Refusal.FENCED
        row, process = found.row, commit.snapshot.process
        position, run = process.position, process.run
        if commit.renews is not None:
            position, run = commit.renews.position, commit.renews.run
        is_there = (row.epoch, row.run, row.position) == (task.epoch, run, position)
        if not is_there or (hold.keeps and row.owner != task.owner):
            return Refusal.FENCED
        return msgspec.structs.replace(
            task,
            sha=row.sha,
            program=found.program,
            snapshot=commit.snapshot,
            consumed=consumed,
            mail=(),
            lost_owner=None,
            failures=0,
        )
