"""Those who wait here for the end of a process. Knows no store: the look is handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext

from corago.clock import Clock, MovedClock
from corago.core.process import Process

Ending = asyncio.Future[Process | None]


class Waiters:
    """Waiters by process; `are_there` is set while somebody may wait."""

    def __init__(self, clock: Clock) -> None:
        """Nobody waits yet; a clock that is moved by hand is told when somebody does."""
        self._patience: Callable[[], AbstractContextManager[None]] = (
            clock.patience if isinstance(clock, MovedClock) else nullcontext
        )
        self.are_there = asyncio.Event()
        self._waiters: dict[str, list[Ending]] = {}

    def __len__(self) -> int:
        """For how many processes somebody waits."""
        return len(self._waiters)

    def tell(self, process_id: str, process: Process | None) -> None:
        """A process has ended, or (None) something may have happened to it: look again."""
        for waiter in self._waiters.pop(process_id, ()):
            if not waiter.done():
                waiter.set_result(process)

    def tell_all(self) -> None:
        """Something may have happened to any of them."""
        for process_id in list(self._waiters):
            self.tell(process_id, None)
        if not self._waiters:
            self.are_there.clear()

    async def wait(
        self, process_id: str, look: Callable[[], Awaitable[Process | None]], seconds: float
    ) -> Process | None:
        """What `look` finds now, else what is told within `seconds`; None: look again.

        The waiter stands ready before the look, so that no end falls between the two.
        """
        loop = asyncio.get_running_loop()
        waiter: Ending = loop.create_future()
        self._waiters.setdefault(process_id, []).append(waiter)
        self.are_there.set()
        try:
            process = await look()
            if process is None:
                alarm = loop.call_later(max(0.0, seconds), _release, waiter)
                with self._patience():
                    process = await waiter
                alarm.cancel()
            return process
        finally:
            self._forget(process_id, waiter)

    def _forget(self, process_id: str, waiter: Ending) -> None:
        left = [each for each in self._waiters.get(process_id, ()) if each is not waiter]
        if left:
            self._waiters[process_id] = left
        else:
            self._waiters.pop(process_id, None)


def _release(waiter: Ending) -> None:
    if not waiter.done():
        waiter.set_result(None)
