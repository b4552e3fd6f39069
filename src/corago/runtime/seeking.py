"""Those who wait for a task: each looks, and again when there is a reason. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import TypeVar

from corago.clock import NEVER, Clock, MovedClock
from corago.errors import EngineClosedError
from corago.runtime.bell import BLOCKED_SECONDS, IDLE_SECONDS, Bell

T = TypeVar("T")

Found = tuple[T | None, datetime | None]
"""What was found; or when it is worth looking again, if that is known."""


class Seekers:
    """Whoever seeks here; `may_look` says whether there is any point in looking now.

    A clock that is `moved` by hand hears that they wait for whatever time will bring.
    """

    def __init__(
        self, clock: Clock, may_look: Callable[[], bool], moved: MovedClock | None = None
    ) -> None:
        """Nobody seeks yet."""
        self._clock = clock
        self._may_look = may_look
        self._patience: Callable[[], AbstractContextManager[None]] = nullcontext
        if moved is not None:
            self._patience = moved.patience
        self._dues: dict[Bell, datetime] = {}
        self._are_gone = asyncio.Event()
        self._is_over = False

    def __len__(self) -> int:
        """How many they are."""
        return len(self._dues)

    async def end(self) -> None:
        """Let nobody look again, and wait until all have left."""
        self._is_over = True
        self.stir()
        if self._dues:
            self._are_gone.clear()
            await self._are_gone.wait()

    def stir(self) -> None:
        """There may be something new."""
        for bell in self._dues:
            bell.set()

    @property
    def wakes_at(self) -> datetime:
        """When the first of them looks again: an instant that has come if one does so now."""
        now = self._clock.now()
        return min(
            (now if bell.is_set() else due for bell, due in self._dues.items()), default=NEVER
        )

    async def seek(
        self,
        take: Callable[[], Awaitable[Found[T]]],
        seconds: float | None = None,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> T | None:
        """What `take` finds, now or later; None after so many seconds (None: it never gives up).

        `goes_on` is asked before each look. Raises EngineClosedError at the end.
        """
        loop, bell = asyncio.get_running_loop(), Bell()
        end = None if seconds is None else loop.time() + seconds
        try:
            while goes_on():
                if self._is_over:
                    raise EngineClosedError("this manager was closed meanwhile")
                bell.clear()
                self._dues[bell] = self._clock.now()
                found, due = await take() if self._may_look() else (None, None)
                left = IDLE_SECONDS if end is None else end - loop.time()
                if found is not None or left <= 0:
                    return found
                bell.within(min(left, self._wait(due)))
                self._dues[bell] = due or NEVER
                with self._patience():
                    await bell.wait()
            return None
        finally:
            bell.clear()
            self._dues.pop(bell, None)
            if not self._dues:
                self._are_gone.set()

    def _wait(self, due: datetime | None) -> float:
        """After how many seconds to look again, at the latest."""
        if due is None:
            return IDLE_SECONDS
        seconds = (due - self._clock.now()).total_seconds()
        return BLOCKED_SECONDS if seconds <= 0 else min(seconds, IDLE_SECONDS)
