"""Those who wait for an end hear of it, however close it comes to their look."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from corago.clock import SystemClock
from corago.core.process import Process
from corago.runtime.waiting import Waiters

END = Process("p", "w", "0", 3, datetime(2030, 1, 1, tzinfo=UTC), status="completed")


def test_an_end_that_comes_while_somebody_looks_is_told() -> None:
    waiters = Waiters(SystemClock())

    async def look() -> Process | None:
        waiters.tell("p", END)  # after what the look has seen, and before it is back
        return None

    assert asyncio.run(waiters.wait("p", look, 0.05)) == END
    assert not len(waiters)
