"""One task of a queue in this worker's hands: its attempt, and its outcome on its way."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from corago.activity import ActivityFunction
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core import queueing
from corago.core.limits import WishLimits
from corago.core.process import Process
from corago.core.tasks import ActivityTask
from corago.errors import EngineClosedError, StoreUnavailableError
from corago.runtime.attempt import HELD_BACK_SECONDS, Attempt, failed
from corago.runtime.heartbeats import Heartbeats
from corago.runtime.listening import fields

if TYPE_CHECKING:
    from corago.runtime.worker import Worker

_log = logging.getLogger("corago.worker")

AGAIN_SECONDS = 5.0
"""How soon it is tried again to keep what must not be run again."""


class Errand:
    """A task is run, or said not to be, and its outcome brought.

    `is_suspect` tells that it may be the one that kills workers.
    """

    def __init__(
        self, worker: Worker, task: ActivityTask, function: ActivityFunction | None, asked: float
    ) -> None:
        """Take the task, its code, and when it was asked for; `run` sees to it."""
        self.worker = worker
        self._begin_by = begin_by(task, asked, worker.loop.time(), worker.clock.now())
        self.task = task
        self.state_bound = sys.maxsize
        self.results: dict[tuple[str, int], int] = {}
        self.is_suspect = False
        self._function = function
        self._attempt: Attempt | None = None
        self._is_deferred = False
        self._beats = Heartbeats(worker, task, stops=self.cancel, gone=self.drop)
        self._outcome: asyncio.Future[m.Outcome | None] = worker.loop.create_future()

    @property
    def process(self) -> Process:
        """The process as it was when the attempt was queued."""
        return self.task.process

    def held(self) -> tuple[Mapping[str, Any]]:
        """The State as it was when the attempt was queued."""
        return (self.task.attempt.input,)

    def unrecorded(self) -> set[tuple[str, int]]:
        """Nothing else is attempted here."""
        return set()

    @property
    def is_running(self) -> bool:
        """Whether its outcome is not known yet."""
        return not self._outcome.done()

    def ended(self, outcome: m.Outcome) -> None:
        """The attempt has ended."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def deferred(self) -> None:
        """The function has returned: somebody outside will say how it ended."""
        self._is_deferred = True
        if not self._outcome.done():
            self._outcome.set_result(None)

    def expire(self, task: ActivityTask) -> None:
        """A limit of it has run out, and this worker has taken it again, in another epoch."""
        self.task = task
        self._beats.close()
        if self._attempt is not None:
            self._attempt.run_out(timed_out(task))

    def cancel(self) -> None:
        """Ask the attempt to stop; its outcome is still waited for."""
        if self._attempt is not None and self.is_running:
            self._attempt.cancel()

    def drop(self) -> None:
        """Nobody waits for it any more: stop what runs, bring nothing."""
        if self._attempt is not None and self.is_running:
            self._attempt.drop()
        if not self._outcome.done():
            self._outcome.set_result(None)

    async def run(self) -> None:
        """See to the task until its outcome is brought, or wanted no longer."""
        self._begin()
        outcome = await self._outcome
        self._beats.close()
        while True:
            try:
                await self._tell(outcome)
                return
            except EngineClosedError:
                return
            except Exception:
                if not (self._may_have_run and self._is_mine):
                    raise
                text = "what %r came to could not be kept, and it runs at most once: tried again"
                _log.exception(text, self.task.attempt.path, extra=fields(self.process))
            await asyncio.sleep(AGAIN_SECONDS)

    @property
    def _may_have_run(self) -> bool:
        """Whether it was begun and must not begin twice."""
        return self._attempt is not None and self.task.attempt.at_most_once

    @property
    def _is_mine(self) -> bool:
        """Whether the lease stands under which the task was taken."""
        worker = self.worker
        return worker.id == self.task.owner and not worker.lease.is_lost

    async def _tell(self, outcome: m.Outcome | None) -> None:
        """Say what it came to."""
        if self._is_deferred:
            await self._detach()
        if outcome is None:
            return
        if self.task.expired:
            outcome = self._timed_out(outcome)
        try:
            await self._bring(outcome)
        except EngineClosedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever broke, it is told as the outcome
            text = "the outcome of %r could not be kept"
            _log.exception(text, outcome.path, extra=fields(self.process))
            end = ending(self.task, failed(error), is_lost=self._may_have_run)
            await self._bring(end)

    def _timed_out(self, outcome: m.Outcome) -> m.Outcome:
        """What the row says of its end, which somebody with the token may have kept up to date."""
        said = outcome.details if self._beats.is_behind else self.task.details
        task = msgspec.structs.replace(self.task, details=said)
        return ending(task, timed_out(task))

    def _begin(self) -> None:
        attempt = self.task.attempt
        wish = d.ScheduleActivity(
            attempt.path,
            attempt.input,
            attempt.occurrence,
            timeout=attempt.timeout,
            at_most_once=attempt.at_most_once,
            queue=attempt.queue,
            activity=attempt.activity,
        )
        refused = unrun(self.task)
        if refused is not None or self._function is None:
            self.ended(refused or ending(self.task, _missing(attempt.path)))
            return
        self._attempt = Attempt(self, wish, attempt.attempt, self._function)
        self._attempt.context.connect(self._beats)
        self._attempt.begin_by = self._begin_by
        self._attempt.start()

    async def _detach(self) -> None:
        """Let go of the task, with what was said last: it waits for whoever has its token."""
        backend, task, said = self.worker.backend, self.task, await self._beats.left()

        async def detach() -> bool:
            if said is not None:
                await backend.heartbeat_activity_task(task, said, says=True)
            return await backend.detach_activity_task(task)

        try:
            await detach()
        except StoreUnavailableError as error:
            await self._surely(detach, error)

    async def _surely(
        self, write: Callable[[], Awaitable[bool]], error: StoreUnavailableError
    ) -> None:
        """Write it, and try again until the lease is lost: until then nobody else sees to it."""
        while await self.worker.patience.write(write, self.process, error) is None:
            if not self._is_mine:
                return
            await asyncio.sleep(HELD_BACK_SECONDS)

    async def _bring(self, outcome: m.Outcome) -> None:
        """Put the outcome into the process's inbox, as soon as the store takes it."""
        complete = self.worker.backend.complete_activity_task
        try:
            is_wanted = await complete(self.task, outcome)
        except StoreUnavailableError as error:
            is_wanted = True  # or it was taken before, and the answer lost
            write = partial(complete, self.task, outcome)
            await self._surely(write, error)
        if not is_wanted:
            _log.debug(
                "the outcome of %r is wanted no longer", outcome.path, extra=fields(self.process)
            )


def unrun(task: ActivityTask) -> m.Outcome | None:
    """The outcome of a task that is not to run; None if it is."""
    if task.expired:
        return ending(task, timed_out(task))
    lost = queueing.lost(task.attempt, task.losses)
    if task.stops and not (task.attempt.at_most_once and lost):
        return ending(task, e.ActivityCanceled())
    if lost is not None:
        return ending(task, e.ActivityFailed(lost), is_lost=True)
    return None


def begin_by(task: ActivityTask, asked: float, time: float, now: datetime) -> float | None:
    """By when a task must be begun that was asked for at `asked`, by the loop's time.

    That is `time` at the instant `now`. Its limits count from the claim, which came later.
    """
    attempt, limits = task.attempt, task.attempt.limits or WishLimits()
    ends = [asked + each for each in (attempt.timeout, limits.heartbeat) if each is not None]
    if limits.close_by is not None:
        ends.append(time + (limits.close_by - now).total_seconds())
    return min(ends, default=None)


def ending(task: ActivityTask, result: e.ActivityResult, *, is_lost: bool = False) -> m.Outcome:
    """The outcome of a task that ended so, with what its heartbeats said last."""
    attempt = task.attempt
    return m.Outcome(
        attempt.path,
        attempt.occurrence,
        attempt.attempt,
        result,
        is_lost=is_lost,
        details=task.details,
    )


def timed_out(task: ActivityTask) -> e.ActivityTimedOut:
    """How a task has ended one of whose limits ran out."""
    attempt, limits = task.attempt, task.attempt.limits or WishLimits()
    seconds = {
        "start_to_close": attempt.timeout,
        "schedule_to_start": limits.schedule_to_start,
        "heartbeat": limits.heartbeat,
    }
    return e.ActivityTimedOut(task.expired, seconds.get(task.expired), task.details)


def _missing(path: str) -> e.ActivityFailed:
    text = f"this worker has no code for {path!r}"
    return e.ActivityFailed(e.Failure("MissingFunctionError", text))
