"""Decisions in other hands: taken, and written once somebody has answered. Runs no user code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from corago.core import messages as m
from corago.core import unasked
from corago.core.calls import Answer, NotReadError
from corago.core.commit import Commit
from corago.core.events import Event
from corago.core.program import NOTHING
from corago.core.tasks import DecisionTask, Hold
from corago.errors import InvalidDecisionError, StoreError, UnknownTaskError
from corago.ports.backend import Backend
from corago.ports.store import ALL_SEEN, Refusal
from corago.runtime.appending import Pen
from corago.runtime.attempt import failed
from corago.runtime.following import follow
from corago.runtime.listening import fields
from corago.runtime.pasts import history_of
from corago.runtime.sitting import AskedError, Given, Sitting

_log = logging.getLogger("corago.worker")


class Sittings:
    """The decisions that are in the hands of others, each for a lease of its own, `term` long.

    `functions` gives the code of a definition by its sha.
    """

    def __init__(
        self,
        backend: Backend,
        pen: Pen,
        term: timedelta,
        functions: Callable[[str], Mapping[str, Any] | None],
    ) -> None:
        """None is taken yet."""
        self.backend = backend
        self.clock = backend.clock
        self.append = pen.append
        self.functions = functions
        self._term = term
        self._open: dict[str, Sitting] = {}
        self._contested: dict[int, bool] = {}
        self._told: set[str] = set()

    @property
    def are_open(self) -> bool:
        """Whether somebody is deciding."""
        now = self.clock.now()
        return any(sitting.until > now for sitting in self._open.values())

    def forget(self) -> None:
        """All of them are somebody else's."""
        self._open.clear()

    # -- taking ------------------------------------------------------------------------------

    async def take(
        self, worker: int, shas: Sequence[str]
    ) -> tuple[Sitting | None, datetime | None]:
        """One that somebody must make, or when to look again.

        What follows without anybody's being asked is written.
        """
        while True:
            now = self.clock.now()
            until = now + self._term
            self._open = {id: each for id, each in self._open.items() if each.until > now}
            polled = await self.backend.poll_decision_tasks(worker, shas, 1, lease=self._term)
            for task in polled.tasks:
                sitting = await self._begun(task, until)
                if sitting is not None:
                    self._open[task.process_id] = sitting
                    return sitting, None
            if not polled.tasks:
                return None, polled.next_due

    async def _begun(self, task: DecisionTask, until: datetime) -> Sitting | None:
        try:
            sitting = Sitting(task, until, self._contested)
            if self.functions(task.sha) is None:
                found = await follow(self, task)
                if found is None:
                    return None
                if isinstance(found, m.Adopt):
                    sitting.follow(found)
            commit = await self._asked(sitting)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one process must not hold up the others
            await self._set_aside(task, error)
            return None
        if commit is None:
            return sitting
        self._tell(commit)
        await self._write(sitting, commit, sitting.rest(commit, self.clock.now()))
        return None

    def _tell(self, commit: Commit) -> None:
        """Say of a process, once, that it waits for somebody who is not here."""
        process, agenda = commit.snapshot.process, commit.snapshot.agenda or NOTHING
        left = [wish.path for wish in agenda.activities if wish.queue is None]
        if left and process.id not in self._told:
            self._told.add(process.id)
            _log.warning(
                "process %s waits for a worker of an engine: %s was begun without a queue",
                process.id,
                ", ".join(map(repr, left)),
                extra=fields(process),
            )

    async def _asked(self, sitting: Sitting) -> Commit | None:
        """What follows without anybody's being asked; None if somebody must be."""
        try:
            return await self._advanced(sitting, ())
        except AskedError as question:
            sitting.values = question.values
            return None

    async def _set_aside(self, task: DecisionTask, error: Exception) -> None:
        """Suspend a process whose program broke."""
        process = task.snapshot.process
        _log.exception("the decision of process %s broke", process.id, extra=fields(process))
        why, now = failed(error).error, self.clock.now()
        commit = unasked.suspend(task.snapshot, why, now, batch=task.program.batch)
        hold = Hold(keeps=False, lost_owner=task.lost_owner)
        await self.append(task, commit, hold, consumed=task.consumed, seen=ALL_SEEN)

    async def past(self, sitting: Sitting) -> list[Event]:
        """All that was stored of a process's run when its decision was taken. Raises StoreError."""
        return await history_of(self.backend, sitting.process)

    async def _advanced(self, sitting: Sitting, answers: Sequence[Answer]) -> Commit:
        while True:
            try:
                return sitting.advance(Given(answers, sitting.past), self.clock.now())
            except NotReadError:
                sitting.past.fill(await self.past(sitting))

    # -- answering ---------------------------------------------------------------------------

    async def answer(self, sitting: Sitting, answers: Sequence[Answer]) -> Mapping[str, Any] | None:
        """Write what was decided, and let the process go.

        Where a child can't be started, nothing is written, and what a decider is asked with then
        comes back: its answer belongs behind the others. Raises InvalidDecisionError for what makes
        no sense, and may be put right; UnknownTaskError for what is late. Nothing is written then.
        """
        self._check(sitting)
        if len(answers) == 1:
            sitting.refused.clear()
        while True:
            try:
                commit = await self._advanced(sitting, answers)
            except AskedError as question:
                return question.values
            if commit.failure is not None and answers[-1].error is None:
                raise InvalidDecisionError(commit.failure.message)
            written = await self._write(sitting, commit, sitting.rest(commit, self.clock.now()))
            if written is None:
                return None
            if isinstance(written, Refusal):
                raise _late(sitting, written)
            sitting.refused.append(written)

    async def put_off(self, sitting: Sitting, failures: int, wait: timedelta) -> None:
        """Nobody could decide, so many times in a row: it is to be asked again after some time.

        Raises UnknownTaskError.
        """
        self._check(sitting)
        task, due = sitting.task, self.clock.now() + wait
        hold = Hold(keeps=False, due=due, lost_owner=task.lost_owner, failures=failures)
        if not await self._untouched(sitting, hold):
            raise _late(sitting)

    async def let_go(self) -> None:
        """Let others decide what is open here, at once. Raises StoreError."""
        for sitting in tuple(self._open.values()):
            await self._released(sitting)

    async def _released(self, sitting: Sitting) -> None:
        task = sitting.task
        hold = Hold(
            keeps=False,
            due=self.clock.now(),
            lost_owner=task.lost_owner,
            failures=task.failures,
        )
        await self._untouched(sitting, hold)

    def _check(self, sitting: Sitting) -> None:
        is_open = self._open.get(sitting.task.process_id) is sitting
        if not is_open or sitting.until <= self.clock.now():
            self._close(sitting)
            raise _late(sitting)

    def _close(self, sitting: Sitting) -> None:
        if self._open.get(sitting.task.process_id) is sitting:
            del self._open[sitting.task.process_id]

    # -- writing -----------------------------------------------------------------------------

    async def _write(
        self, sitting: Sitting, commit: Commit, hold: Hold
    ) -> Refusal | m.ChildRefused | None:
        """Write a commit and let the process go; None, or why nothing was written.

        What has come meanwhile is left to the next decision, but no process ends without having
        seen it.
        """
        task, consumed = sitting.task, sitting.consumed(commit)
        append = partial(self.append, task, commit, consumed=consumed)
        written = await append(hold, seen=task.seen) or Refusal.FENCED
        if written is Refusal.MORE_MESSAGES:
            is_ending = commit.snapshot.process.is_closed or commit.renews is not None
            if not is_ending:
                soon = msgspec.structs.replace(hold, due=self.clock.now())
                written = await append(soon, seen=ALL_SEEN) or Refusal.FENCED
        if written is Refusal.DOCUMENT_CONFLICT:
            seq, is_lone = sitting.clash()
            self._contested[seq] = is_lone
        if isinstance(written, m.ChildRefused):
            return written
        self._close(sitting)
        if written is Refusal.MORE_MESSAGES or written is Refusal.DOCUMENT_CONFLICT:
            await self._released(sitting)
        return written if isinstance(written, Refusal) else None

    async def _untouched(self, sitting: Sitting, hold: Hold) -> bool:
        """Let the process go as it was found; False if it was somebody else's."""
        task = sitting.task
        self._close(sitting)
        commit = Commit(msgspec.structs.replace(task.snapshot, agenda=None))
        written = await self.append(task, commit, hold, consumed=task.consumed, seen=ALL_SEEN)
        return isinstance(written, DecisionTask)


def _late(sitting: Sitting, written: Refusal = Refusal.FENCED) -> UnknownTaskError:
    error = UnknownTaskError(sitting.token)
    if written in _NEWS:
        error.add_note(f"{_NEWS[written]}; the process is let go, to be decided about anew")
    return error


_NEWS = {
    Refusal.MORE_MESSAGES: "something has come that an end of the process must have seen first",
    Refusal.DOCUMENT_CONFLICT: "a document that has come with it has a newer version by now",
}
"""Why a decision in time was refused all the same."""
