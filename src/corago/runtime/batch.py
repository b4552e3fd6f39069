"""The turn of a decider, which may look back on the history, and may fail to decide.

Decides nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from corago.core import events as e
from corago.core import kernel
from corago.core import messages as m
from corago.core.calls import LiveCalls, NotReadError
from corago.core.commit import Commit
from corago.core.tasks import DecisionTask, Hold
from corago.ports.store import Refusal
from corago.runtime.listening import fields
from corago.runtime.turn import Item, Turn

if TYPE_CHECKING:
    from corago.runtime.worker import Worker

_log = logging.getLogger("corago.worker")

BACK_OFFS = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8))
"""How long to wait after each failed decision; after one more, a person is asked."""


class BatchTurn(Turn):
    """One claimed process whose program answers to all that has come at once."""

    def __init__(self, worker: Worker, task: DecisionTask) -> None:
        """Take the task, and the history if it is known here."""
        super().__init__(worker, task)
        self._past = worker.pasts.of(self.process)
        self._failure: e.Failure | None = None
        self._resumes_at: datetime | None = None
        self._is_interrupted = False

    async def run(self) -> None:
        """Drive the process until it is closed, parked or lost."""
        if self.worker.pasts.looks_back(self.task.sha):
            await self._read()
        await super().run()
        self.worker.pasts.keep(self.process, self._past)

    def interrupt(self) -> None:
        """Stop what runs and let the process go."""
        self._is_interrupted = True
        super().interrupt()

    def _advance(self, items: list[Item], now: datetime) -> Commit | None:
        task, messages = self.task, [message for _, message in items]
        calls = LiveCalls(self._functions or {}, self._past)
        self._failure = None
        try:
            commit = kernel.advance(task.program, task.snapshot, messages, now, calls)
        except NotReadError:
            return None
        if commit.failure is None or task.failures >= len(BACK_OFFS):
            return commit
        self._failure = commit.failure
        return None

    async def _prepare(self, items: list[Item], now: datetime) -> list[Item]:
        if self._failure is None:
            await self._read()
            return items
        return await self._wait_out(self._failure, items, now)

    async def _write(
        self, commit: Commit, hold: Hold, items: list[Item]
    ) -> DecisionTask | Refusal | m.ChildRefused | None:
        written = await super()._write(commit, hold, items)
        if isinstance(written, DecisionTask):
            self._past.extend(commit.events)
        return written

    def _hold(self, commit: Commit, now: datetime, items: list[Item]) -> Hold:
        if commit.renews is not None:
            return Hold(keeps=False, due=now)
        return super()._hold(commit, now, items)

    # -- looking back ------------------------------------------------------------------------

    async def _read(self) -> None:
        past, worker = self._past, self.worker
        if past.is_read:
            return

        async def read() -> bool:
            return await worker.pasts.read(self.process, past)

        if not await worker.patience.read(read, otherwise=False):
            self.is_over = True

    # -- failing -----------------------------------------------------------------------------

    async def _wait_out(self, failure: e.Failure, items: list[Item], now: datetime) -> list[Item]:
        """Let some time pass before its decider is asked again, about the same and what comes.

        Of all this nothing is written but how often it has failed. The process is parked, unless
        it has outcomes that nobody else knows of. Gives what to take then.
        """
        task, count = self.task, self.task.failures + 1
        due, deadline = now + BACK_OFFS[task.failures], self.process.deadline
        _log.warning(
            "decide failed for process %s (%d in a row; it is asked again): %s",
            task.process_id,
            count,
            failure.traceback or failure,
            extra=fields(self.process),
        )
        if deadline is not None and now < deadline < due:
            due = deadline
        if self.attempts or any(_is_own(item) for item in items):
            self.task = msgspec.structs.replace(task, failures=count)
            await self._rest_until(due)
        elif await self._parks(items, due, count):
            self.is_over = True
            return items
        else:
            self.task = msgspec.structs.replace(task, failures=count)
        await self._fetch()
        return self._once_more(items)

    async def _parks(self, items: list[Item], due: datetime, failures: int) -> bool:
        """Let the process go until then; False if something new has come meanwhile."""
        owners = [each.owner for _, each in items if isinstance(each, m.Lost)]
        lost_owner = owners[0] if owners else None
        hold = Hold(keeps=False, due=due, lost_owner=lost_owner, failures=failures)
        task, worker = self.task, self.worker
        untouched = Commit(msgspec.structs.replace(task.snapshot, agenda=None))
        written = await worker.append(task, untouched, hold, consumed=task.consumed, seen=task.seen)
        if written is Refusal.MORE_MESSAGES:
            return False
        worker.parked(due)
        return True

    async def _rest_until(self, due: datetime) -> None:
        """Wait until then, or until something new has come."""
        self._resumes_at = due
        while not (self.is_over or self._outcomes or self._later or self._mail):
            if self._is_interrupted and not self.attempts:
                self.lose()  # what its outcomes say is lost; what ran at most once, noticed
                break
            if self.worker.clock.now() >= due:
                break
            seconds = (due - self.worker.clock.now()).total_seconds()
            alarm = self.worker.loop.call_later(seconds, self.wake)
            try:
                await self._wait()
            finally:
                alarm.cancel()
            if self.has_mail and not self.is_over:
                await self._fetch()
        self._resumes_at = None

    def _next_instant(self) -> datetime | None:
        return super()._next_instant() if self._resumes_at is None else self._resumes_at


def _is_own(item: Item) -> bool:
    """Whether only this worker knows of it: it is in no inbox, and nothing brings it again."""
    place, message = item
    return not place and isinstance(message, m.Outcome)
