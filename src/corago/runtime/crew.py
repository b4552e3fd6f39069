"""The activity half of a worker: it takes tasks of its queues, and gives each its errand.

Loops by the worker's word; decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from corago.core.tasks import ActivityTask
from corago.errors import StoreError
from corago.ports.backend import PolledActivities
from corago.ports.store import Change
from corago.runtime.bell import Bell
from corago.runtime.errand import Errand
from corago.runtime.listening import fields

if TYPE_CHECKING:
    from corago.runtime.worker import Worker

_log = logging.getLogger("corago.worker")

STOPPED = ""
"""The queue of what is to stop and in nobody's hands: every worker serves it."""

IDLE_SECONDS = 5.0
"""The safety net: how long it waits for tasks without looking again."""

BLOCKED_SECONDS = 0.1
"""How long it waits when it got nothing of what is due."""

SUSPECT_LOSSES = 2
"""From so many lost workers on, a task is run while no other such task is."""

APART = timedelta(seconds=1)
"""How long such a task waits for another turn."""

FOREIGN = timedelta(seconds=60)
"""How long a task is left to those who may have its code."""


class Crew:
    """Runs tasks of some queues, up to so many at a time."""

    def __init__(self, worker: Worker, queues: Sequence[str], concurrency: int) -> None:
        """Nothing is taken yet; `take` is one round of its loop."""
        self.errands: dict[int, Errand] = {}
        self._worker = worker
        self._queues = (STOPPED, *queues)
        self._concurrency = concurrency
        self._work = Bell()
        self._must_compare = False
        self._is_waiting = False
        self._due: datetime | None = None

    @property
    def serves(self) -> bool:
        """Whether it has queues of its own."""
        return len(self._queues) > 1

    @property
    def is_idle(self) -> bool:
        """Whether it runs nothing and has no reason to look for work."""
        return self._is_waiting and not (self.errands or self._work.is_set())

    @property
    def due(self) -> datetime | None:
        """When the first task falls due that nobody holds."""
        return self._due

    @property
    def _free(self) -> int:
        return self._concurrency - len(self.errands)

    # -- being told --------------------------------------------------------------------------

    def look(self) -> None:
        """There may be tasks, or what held them back is gone."""
        self._work.set()

    def notice(self, change: Change) -> None:
        """Something was committed through this engine's own store."""
        if change.kind == "task":
            self._work.set()
        if change.kind in ("task", "closed") and any(
            errand.process.id == change.process_id for errand in self.errands.values()
        ):
            self.compare()

    def stir(self) -> None:
        """Somebody else has written: there may be tasks, or some are to stop."""
        self.compare()
        if self.serves:
            self._work.set()

    def compare(self) -> None:
        """Look whether what runs here is still wanted."""
        if self.errands:
            self._must_compare = True
            self._work.set()

    def lose(self) -> None:
        """The lease is lost: others run it all."""
        self._must_compare = False
        for errand in list(self.errands.values()):
            errand.drop()

    async def interrupt(self) -> None:
        """Stop what runs and let others have it, but for what runs at most once."""
        running = {n: errand for n, errand in self.errands.items() if errand.is_running}
        for errand in running.values():
            errand.drop()
        numbers = [n for n, errand in running.items() if not errand.task.attempt.at_most_once]
        try:
            await self._give_back(numbers)
        except StoreError as error:
            _log.warning("%s leaves with tasks in its hands: %s", self._worker.name, error)

    # -- the loop ----------------------------------------------------------------------------

    async def take(self) -> None:
        """One round: compare, take what is due, then wait for a reason to look again."""
        self._work.clear()
        await self._compared()
        seconds, self._due = IDLE_SECONDS, None
        if self._worker.may_start and self._free > 0:
            polled = await self._poll()
            now, self._due = self._worker.clock.now(), polled.next_due
            if polled.next_due is not None:
                seconds = min(seconds, (polled.next_due - now).total_seconds())
            if seconds <= 0:
                if polled.tasks:
                    return
                seconds = BLOCKED_SECONDS
        self._work.within(seconds)
        self._is_waiting = True
        try:
            await self._work.wait()
        finally:
            self._is_waiting = False

    async def _poll(self) -> PolledActivities:
        worker = self._worker
        try:
            polled = await worker.backend.poll_activity_tasks(
                worker.id, self._queues, worker.shas, self._free
            )
        except BaseException:
            self._must_compare = True  # what was taken for the lost answer is let go of again
            raise
        for task in polled.tasks:
            await self._begin(task)
        return polled
