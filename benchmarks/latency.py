"""Milliseconds that somebody waits: for a step, a start, a signal."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from benchmarks import floor
from benchmarks.figures import Figure, Size, at_most, only
from benchmarks.flows import INPUT, line, parked
from corago import AsyncEngine
from corago.steps import Workflow


async def one_by_one(path: Path, flow: Workflow, count: int) -> list[tuple[float, float]]:
    """Processes one after the other: ms until `start` returned, and until the result was there."""
    took = []
    async with AsyncEngine(f"sqlite:///{path}", workflows=[flow]) as engine:
        await (await engine.start(flow, INPUT)).result()
        for _ in range(count):
            begun = time.perf_counter()
            handle = await engine.start(flow, INPUT)
            started = time.perf_counter()
            await handle.result()
            took.append(((started - begun) * 1000, (time.perf_counter() - begun) * 1000))
    return took


def bare_commits(path: Path, count: int) -> tuple[float, float]:
    """Replay one write per commit: ms of a process's birth, and of one of its moves."""
    writes = floor.recorded(path, count)
    took = floor.replay(path.with_name(f"floor-{path.name}"), writes, 1).groups
    pairs = list(zip(writes, took, strict=True))
    births = [each for write, each in pairs if write.birth is not None]
    moves = [each for write, each in pairs if write.birth is None]
    return statistics.median(births) * 1000, statistics.median(moves) * 1000


def lone_process(folder: Path, size: Size) -> list[Figure]:
    """One process of ten steps at a time."""
    path, count = folder / "one.db", size.of(50, 3)
    took = asyncio.run(one_by_one(path, line(10), count))
    ours = statistics.median(total for _, total in took) / 10
    birth, move = bare_commits(path, count)
    bare = (birth + 10 * move) / 10
    return [at_most("one process", ours, bare, most=2, unit="ms/step", goal="≤ 2 x a commit")]


def long_process(folder: Path, size: Size) -> list[Figure]:
    """One process of 100, 1,000 and 10,000 steps: the cost of a step must not grow."""

    def per_step(label: str, length: int, count: int) -> float:
        took = asyncio.run(one_by_one(folder / f"{label}.db", line(length), count))
        return statistics.median(total for _, total in took) / length

    short, figures = size.of(100, 4), []
    for full in (1000, 10_000):
        length = size.of(full, full // 100)
        # The short ones stand before and after, so that a slow minute meets both.
        base = per_step(f"before-{full}", short, size.of(10, 1))
        ours = per_step(f"long-{full}", length, max(1, size.of(2000, 1) // length))
        base = (base + per_step(f"after-{full}", short, size.of(10, 1))) / 2
        name, goal = f"{full:,} steps", "≤ 1.2 x of 100"
        figures.append(at_most(name, ours, base, most=1.2, unit="ms/step", goal=goal))
    return figures


def start_latency(folder: Path, size: Size) -> list[Figure]:
    """Until `start` returns, and until the result of a workflow of one step."""
    path, count = folder / "start.db", size.of(200, 3)
    took = asyncio.run(one_by_one(path, line(1), count))
    birth, move = bare_commits(path, count)
    started = statistics.median(each for each, _ in took)
    ended = statistics.median(total for _, total in took)
    return [
        only("start returns", started, birth, "ms"),
        only("start to result", ended, birth + move, "ms"),
    ]


async def _signals(path: Path, count: int) -> float:
    took = []
    async with AsyncEngine(f"sqlite:///{path}", workflows=[parked]) as engine:
        handles = await engine.start_many(parked, [{} for _ in range(count)])
        while (await engine.count(status="waiting")).get("waiting", 0) < count:
            await asyncio.sleep(0.005)
        for handle in handles:
            waiting = asyncio.create_task(handle.result())
            await asyncio.sleep(0.002)  # until it waits, and everything else is at rest
            begun = time.perf_counter()
            await engine.signal(handle.id, "go")
            await waiting
            took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


def signal_round_trip(folder: Path, size: Size) -> list[Figure]:
    """From `signal` to the result of a process that was parked, in one OS process."""
    path, count = folder / "signal.db", size.of(200, 3)
    ours = asyncio.run(_signals(path, count))
    _, move = bare_commits(path, count)
    return [at_most("signal round trip", ours, move, most=4, unit="ms", goal="≤ 4 x a commit")]
