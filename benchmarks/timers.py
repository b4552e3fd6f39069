"""Timers that fire while a hundred thousand others are pending: how late they do."""

from __future__ import annotations

import asyncio
import gc
import statistics
from datetime import datetime
from pathlib import Path

from benchmarks.crowd import copied
from benchmarks.figures import Figure, Size, only
from corago import AsyncEngine, Listener
from corago.clock import SystemClock
from corago.core import events as e
from corago.decider import Answer, CompleteProcess, Process, StartTimer, Workflow
from corago.runtime.listening import Subject

MODEL = "far--0000000"
"""A process whose timer is really pending; the rest copies it."""

MONTH = 30 * 86_400.0
EARLIEST, LATEST = 2.0, 6.0
"""When the timers fall due, in seconds: late enough for their processes to be let go of."""


class Alarm(Workflow):
    """One timer of as many seconds as its input says, and then the end."""

    def decide(self, process: Process) -> Answer:
        """The timer, or the end."""
        if process.untriggered_timers():
            return None
        (news,) = process.unseen_events()
        is_over = isinstance(news, e.TimerFired)
        return CompleteProcess() if is_over else StartTimer(process.input, id="alarm")


class Lags(Listener):
    """How late each timer's end was durable, in seconds."""

    def __init__(self, wanted: int) -> None:
        self.seconds: list[float] = []
        self.all_fired = asyncio.Event()
        self._wanted = wanted
        self._now = SystemClock().now
        self._due: dict[str, datetime] = {}

    def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None:
        """See `Listener`."""
        for event in events:
            if isinstance(event, e.TimerStarted):
                self._due[process.id] = event.due
            elif isinstance(event, e.TimerFired):
                self.seconds.append((self._now() - self._due[process.id]).total_seconds())
                if len(self.seconds) == self._wanted:
                    self.all_fired.set()


async def _park(path: Path) -> None:
    async with AsyncEngine(f"sqlite:///{path}", workflows=[Alarm]) as engine:
        await engine.start(Alarm, MONTH, id=MODEL)
        while not await engine.count(status="waiting"):
            await asyncio.sleep(0.005)


async def _fire(path: Path, count: int, pending: int) -> list[float]:
    """Let so many timers fall due, one after the other; gives their lags in seconds.

    The others stay pending.
    """
    lags, step = Lags(count), (LATEST - EARLIEST) / count
    async with AsyncEngine(f"sqlite:///{path}", workflows=[Alarm], listeners=[lags]) as engine:
        gc.collect()
        await engine.start_many(Alarm, [EARLIEST + number * step for number in range(count)])
        await lags.all_fired.wait()
        assert (await engine.count(status="waiting"))["waiting"] == pending + 1
    return lags.seconds


def pending_timers(folder: Path, size: Size) -> list[Figure]:
    """100,000 timers pending and 1,000 that fire: their lag, and without the pending ones."""
    pending, firing = size.of(100_000, 100), size.of(1000, 10)
    full, empty = folder / "full.db", folder / "empty.db"
    lags = []
    for path, count in ((full, pending), (empty, 0)):
        asyncio.run(_park(path))
        if count:
            copied(path, [MODEL], count)
        lags.append(asyncio.run(_fire(path, firing, count)))
    figures = []
    for name, percent in (("p50", 50), ("p99", 99)):
        ours, bare = (statistics.quantiles(each, n=100)[percent - 1] * 1000 for each in lags)
        note = "floor: without those that are pending"
        figures.append(only(f"{pending:,} timers, lag {name}", ours, bare, "ms", note))
    return figures
