"""An OS process that stood still begins nothing that others may have done meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from corago import AsyncEngine, parallel, step
from corago.activity import Context
from corago.runtime.lease import Lease
from corago.runtime.listening import Listener, Subject
from tests.runtime.stage import listing


class Standstill(Listener):
    """Once an attempt of this path is on its way to its first line, its OS process stands still.

    It does until the lease has run out, and then for as long as `lasts`.
    """

    def __init__(self, path: str, lasts: Callable[[], bool]) -> None:
        self.path = path
        self.lasts = lasts
        self.leases: list[Lease] = []
        self.executors: list[Any] = []
        self.began: list[bool] = []

    def attempt_began(self, process: Subject, attempt: Context) -> None:
        if attempt.path == self.path:
            asyncio.get_running_loop().call_soon(self._stand)

    def _stand(self) -> None:
        while self.leases[0].is_fresh or self.lasts():
            threading.Event().wait(0.01)

    def look(self) -> None:
        """Begin to run."""
        self.began.append(self.leases[0].is_fresh)

    def see(self, body: Any) -> None:
        """Run a process of this list in a worker with one thread."""

        async def story() -> None:
            lease = timedelta(seconds=0.3)
            engine = AsyncEngine(workflows=[body], listeners=[self], threads=1, lease=lease)
            async with engine:
                assert engine._worker is not None
                self.leases.append(engine._worker.lease)
                self.executors.append(engine._executor)
                await (await engine.start(body, id="p")).result(timeout=60)

        asyncio.run(story())


def test_no_async_step_begins_when_the_lease_has_run_out() -> None:
    """Else a worker that was stopped would do again what others have done meanwhile."""
    standstill = Standstill("Soft", lambda: False)

    @step("Soft")
    async def soft() -> None:
        standstill.look()

    standstill.see(listing(soft))
    assert standstill.began == [True]


def test_no_step_that_waits_for_a_thread_begins_when_the_lease_has_run_out() -> None:
    gate = threading.Event()

    def lasts() -> bool:
        """Until the thread has told of the end of one, and of begin and end of the other."""
        gate.set()
        (executor,) = standstill.executors
        return len(executor._answers) < 3

    standstill = Standstill("Both/Hard", lasts)

    @step("Busy")
    def busy() -> None:
        gate.wait()

    @step("Hard", timeout=30)
    def hard() -> None:
        standstill.look()

    standstill.see(listing(parallel("Both", busy, hard)))
    assert standstill.began == [True]
