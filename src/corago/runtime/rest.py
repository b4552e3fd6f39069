"""A worker's rest: what a clock that is moved by hand is told of it. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING

from corago.clock import NEVER, Clock, MovedClock

if TYPE_CHECKING:
    from corago.runtime.worker import Worker


class Rest:
    """Whether a worker rests, and until when; costs nothing under the machine's own clock.

    `due` is when the first of the processes that nobody holds falls due.
    """

    def __init__(self, worker: Worker, clock: Clock) -> None:
        """It does not rest yet; `clock` is the one that may be moved."""
        self._clock = clock
        self.due: datetime | None = None
        self._awaited: asyncio.Event | None = None
        self._worker = worker
        self._leave: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """From now on, the clock asks."""
        clock = self._clock
        if isinstance(clock, MovedClock):
            self._leave = clock.join(self)

    def end(self) -> None:
        """The clock asks no more."""
        self._leave()

    async def until_set(self, reason: asyncio.Event) -> None:
        """Rest until there is a reason to look for work."""
        self._awaited = reason
        await reason.wait()
        self._awaited = None

    async def patiently(self, event: asyncio.Event) -> None:
        """Somebody waits for what only time may bring."""
        clock = self._clock
        with clock.patience() if isinstance(clock, MovedClock) else nullcontext():
            await event.wait()

    def until(self, due: datetime | None) -> None:
        """A process that nobody holds is due then."""
        if due is not None:
            self.due = due if self.due is None else min(due, self.due)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where the worker lives."""
        return self._worker.loop

    @property
    def wakes_at(self) -> datetime:
        """The instant that the worker waits for: one that has come while it works, or NEVER."""
        worker, now = self._worker, self._worker.clock.now()
        is_looking = self._awaited is None or self._awaited.is_set()
        if is_looking or not (worker.is_idle and worker.may_start):
            return now
        turns = list(worker.turns.values())
        instants = [turn.wakes_at for turn in turns if not turn.is_queued]
        due = self.due
        if due is not None and not (worker.is_crowded and due <= now):
            instants.append(due)
        if worker.crew.due is not None:
            instants.append(worker.crew.due)
        return min(instants, default=NEVER)

    def time_moved(self) -> None:
        """Look again at whatever waits for an instant."""
        self._worker.stir()
        if self._worker.crew.due is not None:
            self._worker.crew.look()
