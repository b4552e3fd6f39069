"""Deciders: activities one after the other and many at once, decisions by the history's length."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import floor, rounds
from benchmarks.figures import Figure, Size, at_least, only
from benchmarks.flows import INPUT
from benchmarks.throughput import Run, all_of
from corago import AsyncEngine, Listener
from corago.core import events as e
from corago.decider import (
    ActivityEnded,
    Answer,
    CompleteProcess,
    Process,
    RecordMarker,
    ScheduleActivity,
    Workflow,
    activity,
)
from corago.runtime.listening import Subject

QUEUE = "bench"
ROUNDS = 10
AT_ONCE = 64
"""How many activities of a fan-out run at a time: an engine's default."""


@activity(queue=QUEUE)
async def count_queued(count: int, payload: dict[str, Any]) -> dict[str, Any]:
    """A no-op for a queue."""
    return {"count": count + 1, "payload": payload}


@activity
async def count_inline(count: int, payload: dict[str, Any]) -> dict[str, Any]:
    """The same no-op where it was decided."""
    return {"count": count + 1, "payload": payload}


class Queued(Workflow):
    """Ten activities of a queue, one after the other."""

    activities = (count_queued,)

    def decide(self, process: Process) -> Answer:
        """The next one, or the end."""
        return _next(process, count_queued)


class Inline(Workflow):
    """Ten activities without a queue, one after the other."""

    activities = (count_inline,)

    def decide(self, process: Process) -> Answer:
        """The next one, or the end."""
        return _next(process, count_inline)


def _next(process: Process, which: Any) -> Answer:
    (news,) = process.unseen_events()
    given = news.value if isinstance(news, ActivityEnded) else process.input
    return CompleteProcess(given) if given["count"] == ROUNDS else ScheduleActivity(which, given)


# -- many processes in flight ----------------------------------------------------------------------


async def in_flight(path: Path, flow: type[Workflow], processes: int) -> Run:
    """Drive so many processes at once; a group is what one commit holds of births and rounds."""
    with ExitStack() as after:
        async with AsyncEngine(
            f"sqlite:///{path}", workflows=[flow], queues=[QUEUE], concurrency=processes
        ) as engine:
            await all_of(engine, flow, max(1, processes // 10))
            commits = after.enter_context(floor.counted(path))
            gc.collect()
            before, begun, used = commits(), time.perf_counter(), time.process_time()
            await all_of(engine, flow, processes)
            took, used = time.perf_counter() - begun, time.process_time() - used
            written = commits() - before
    done = processes * ROUNDS
    writes = processes + done * (2 if flow is Queued else 1)
    return Run(done / took, used / done * 1e6, writes / written)


def decider_activities(folder: Path, size: Size) -> list[Figure]:
    """500 deciders x 10 activities in flight: of a queue that the engine serves, and inline."""
    processes, figures = size.of(500, 20), []
    for flow, replay in ((Queued, rounds.replay), (Inline, floor.replay)):
        path = folder / f"{flow.name}.db"
        ours = asyncio.run(in_flight(path, flow, processes))
        writes = floor.recorded(path, processes)
        bare = replay(folder / f"floor-{flow.name}.db", writes, max(1, round(ours.group)))
        speed = processes * ROUNDS / bare.seconds
        name = f"decider, {flow.name.lower()}, 500"
        note = f"{ours.cpu:.0f} µs CPU/activity, {ours.group:.0f} writes/commit"
        figures.append(only(name, ours.speed, speed, "act./s", note))
    return figures


# -- many activities of one process ----------------------------------------------------------------


def _fan(number: int, which: Any, name: str) -> type[Workflow]:
    def decide(process: Process) -> Answer:
        if isinstance(process.unseen_events()[0], e.ProcessStarted):
            return [ScheduleActivity(which) for _ in range(number)]
        return None if process.unfinished_activities() else CompleteProcess(number)

    body = {"activities": (which,), "decide": staticmethod(decide)}
    return type(name, (Workflow,), body)


async def _fanned(path: Path, flow: type[Workflow]) -> tuple[float, float]:
    """Seconds until the start and the end of one process, and CPU seconds."""
    async with AsyncEngine(
        f"sqlite:///{path}", workflows=[flow], queues=[QUEUE], concurrency=AT_ONCE
    ) as engine:
        await all_of(engine, flow, 1)
        gc.collect()
        begun, used = time.perf_counter(), time.process_time()
        await all_of(engine, flow, 1)
        return time.perf_counter() - begun, time.process_time() - used


def decider_fan_out(folder: Path, size: Size) -> list[Figure]:
    """One process with 1,000 activities at once, and the join; 64 of a queue run at a time."""
    number, figures = size.of(1000, 20), []
    for kind, which in (("queued", count_queued), ("inline", count_inline)):
        path, flow = folder / f"fan-{kind}.db", _fan(number, which, f"fan_{kind}")
        ours, used = asyncio.run(_fanned(path, flow))
        replay = rounds.replay if kind == "queued" else floor.replay
        bare = replay(folder / f"floor-{kind}.db", floor.recorded(path, 1), 1)
        note = f"{used / number * 1e6:.0f} µs CPU/activity"
        figures.append(only(f"fan-out of {number:,}, {kind}", ours, bare.seconds, "s", note))
    return figures


# -- decisions by the length of the history --------------------------------------------------------


class Flat(Workflow):
    """Answers each signal by a marker, and looks at nothing but what has come."""

    def decide(self, process: Process) -> Answer:
        """As many markers as there are signals."""
        return _heard(process, len(process.unfinished_activities()))


class Looking(Workflow):
    """Answers each signal by a marker, and looks back on the whole history before."""

    def decide(self, process: Process) -> Answer:
        """As many markers as there are signals."""
        return _heard(process, len(process.history))


def _heard(process: Process, seen: int) -> Answer:
    signals = [each for each in process.unseen_events() if isinstance(each, e.SignalReceived)]
    return [RecordMarker("heard", seen) for _ in signals]


class Ear(Listener):
    """Counts the markers that are durable, and tells when there are enough."""

    def __init__(self) -> None:
        self._left = 0
        self._enough = asyncio.Event()

    def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None:  # noqa: ARG002 - the listener's signature
        """See `Listener`."""
        self._left -= sum(
            isinstance(event, e.MarkerRecorded) and event.name == "heard" for event in events
        )
        if self._left <= 0:
            self._enough.set()

    async def answered(self, engine: AsyncEngine, ids: Sequence[str]) -> float:
        """Send a signal to each of these at once; the seconds until all have been answered."""
        self._left = len(ids)
        self._enough.clear()
        begun = time.perf_counter()
        await asyncio.gather(*(engine.signal(id, "go", INPUT) for id in ids))
        await self._enough.wait()
        return time.perf_counter() - begun


async def _decided(
    path: Path, flows: Sequence[tuple[type[Workflow], int]], herd: int, count: int
) -> list[list[float]]:
    """Seconds of each of `count` rounds of decisions of a herd, for each flow and length.

    All take their rounds in turn, so that a slow minute meets all of them.
    """
    ear = Ear()
    async with AsyncEngine(
        f"sqlite:///{path}", workflows=[Flat, Looking], listeners=[ear]
    ) as engine:
        herds = []
        for flow, length in flows:
            ids = [handle.id for handle in await engine.start_many(flow, [None] * herd)]
            left = max(0, length - 2) // 2  # each signal is two events, the beginning as well
            for part in range(0, left, 100):
                await ear.answered(engine, ids * min(100, left - part))
            herds.append(ids)
        gc.collect()
        took: list[list[float]] = [[] for _ in flows]
        for _ in range(count):
            for times, ids in zip(took, herds, strict=True):
                times.append(await ear.answered(engine, ids))
    return took


def decider_decisions(folder: Path, size: Size) -> list[Figure]:
    """Decisions of processes with 10, 1,000 and 10,000 events; and of some that look back."""
    path, herd, count = folder / "decisions.db", size.of(8, 2), size.of(40, 3)
    lengths = [10, size.of(1000, 20), size.of(10_000, 40)]
    flows = [(Flat, length) for length in lengths] + [(Looking, length) for length in lengths]
    took = asyncio.run(_decided(path, flows, herd, count))
    speeds = [herd / statistics.median(times) for times in took]
    writes = floor.recorded(path, herd * len(flows))
    first = sorted({write.instance for write in writes})[:herd]
    mine = [write for write in writes if write.instance in first]
    bare = rounds.replay(folder / "floor-decisions.db", mine, herd)
    fastest = herd / statistics.median(bare.groups[-count:])
    figures = [only("decisions, 10 events", speeds[0], fastest, "dec./s", f"{herd} at a time")]
    for length, speed in zip(lengths[1:], speeds[1:3], strict=True):
        name, note = f"decisions, {length:,} events", "floor: those of 10 events"
        figures.append(at_least(name, speed, speeds[0], least=0.8, unit="dec./s", note=note))
    for length, speed in zip(lengths, speeds[3:], strict=True):
        name, note = f"looking back, {length:,} events", "floor: those that do not look"
        figures.append(only(name, speed, speeds[lengths.index(length)], "dec./s", note))
    return figures
