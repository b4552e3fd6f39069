"""The clocks of a simulated world, which all go by its loop's time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from corago.clock import EPOCH

BEGINNING = EPOCH + timedelta(days=365 * 50)


class SimulatedClock:
    """The clock of one node: the loop's time, and a calendar that may be off by `skew`.

    With a `common` clock, it is off by that one's skew too.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        skew: timedelta = timedelta(0),
        common: SimulatedClock | None = None,
    ) -> None:
        """Take the loop."""
        self._loop = loop
        self._common = common
        self.skew = skew

    def now(self) -> datetime:
        """The calendar."""
        skew = self.skew if self._common is None else self.skew + self._common.skew
        return BEGINNING + timedelta(seconds=self._loop.time()) + skew

    def monotonic(self) -> float:
        """The steady clock."""
        return self._loop.time()
