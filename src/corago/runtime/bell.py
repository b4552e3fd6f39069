"""A bell: rung for a reason, or by an alarm. Decides nothing."""

from __future__ import annotations

import asyncio

BLOCKED_SECONDS = 0.1
"""How soon a worker looks again when it may not take what is due, or did not get it."""

IDLE_SECONDS = 5.0
"""The safety net: how long a worker waits for work without looking again."""


class Bell(asyncio.Event):
    """An event that an alarm may set; whoever clears it hears the old alarm no more."""

    def __init__(self) -> None:
        """Silent, and without an alarm."""
        super().__init__()
        self._timer: asyncio.TimerHandle | None = None

    def within(self, seconds: float) -> None:
        """Ring in so many seconds by the loop's time, unless an alarm is set that comes first."""
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, seconds)
        if self._timer is None or when < self._timer.when():
            self._silence()
            self._timer = loop.call_at(when, self.set)

    def clear(self) -> None:
        """Begin anew: it has not rung, and no alarm is set."""
        self._silence()
        super().clear()

    def _silence(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
