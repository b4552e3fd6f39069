"""The measurements, one function each: our figure, the floor's, and the ratio."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import floor, flows
from benchmarks.flows import INPUT, line, parked
from corago import AsyncEngine
from corago.steps import Workflow

GROUP = 200
"""The floor's steps to a commit: what the writer gathers at most."""


@dataclass(frozen=True)
class Figure:
    """One measurement: `ratio` is what the goal speaks of."""

    name: str
    ours: float
    floor: float
    ratio: float
    unit: str
    goal: str
    is_met: bool


@dataclass(frozen=True)
class Size:
    """How much is measured; `quick` only shows that everything runs."""

    is_quick: bool = False

    def of(self, full: int, quick: int) -> int:
        return quick if self.is_quick else full


def _url(path: Path) -> str:
    return f"sqlite:///{path}"


async def _all(engine: AsyncEngine, flow: Workflow, count: int) -> float:
    begun = time.perf_counter()
    handles = await engine.start_many(flow, [INPUT] * count, window=count)
    for handle in handles:
        await handle.result()
    return time.perf_counter() - begun


async def _throughput(path: Path, *, is_async: bool, processes: int) -> float:
    flow = line(10, is_async=is_async)
    async with AsyncEngine(_url(path), workflows=[flow], concurrency=processes) as engine:
        await _all(engine, flow, processes // 10)
        return processes * 10 / await _all(engine, flow, processes)


def _grouped(name: str, path: Path, size: Size, *, is_async: bool, goal: float) -> Figure:
    processes = size.of(500, 20)
    ours = asyncio.run(_throughput(path, is_async=is_async, processes=processes))
    bare = floor.steps_per_second(path, processes=processes, steps=10, group=GROUP)
    ratio = ours / bare
    return Figure(name, ours, bare, ratio, "steps/s", f"≥ {goal:.0%} of floor", ratio >= goal)


def async_throughput(folder: Path, size: Size) -> list[Figure]:
    """500 processes x 10 async steps in flight."""
    return [_grouped("async, 500 in flight", folder / "a.db", size, is_async=True, goal=0.2)]


def sync_throughput(folder: Path, size: Size) -> list[Figure]:
    """500 processes x 10 sync steps in flight, 16 threads."""
    return [_grouped("sync, 500 in flight", folder / "s.db", size, is_async=False, goal=0.07)]


async def _one_by_one(path: Path, flow: Workflow, count: int) -> float:
    async with AsyncEngine(_url(path), workflows=[flow]) as engine:
        await _all(engine, flow, 1)
        begun = time.perf_counter()
        for _ in range(count):
            handle = await engine.start(flow, INPUT)
            await handle.result()
        return (time.perf_counter() - begun) / count * 1000


def lone_process(folder: Path, size: Size) -> list[Figure]:
    """One process of ten steps at a time."""
    path, count = folder / "one.db", size.of(50, 3)
    ours = asyncio.run(_one_by_one(path, line(10), count)) / 10
    bare = 1000 / floor.steps_per_second(path, processes=count, steps=10, group=1)
    ratio = ours / bare
    return [Figure("one process", ours, bare, ratio, "ms/step", "≤ 2 x a commit", ratio <= 2)]


def long_process(folder: Path, size: Size) -> list[Figure]:
    """One process of 100, 1,000 and 10,000 steps: the cost of a step must not grow."""
    took = {}
    for steps in (100, 1000, 10_000):
        length = size.of(steps, steps // 50)
        rounds = max(1, size.of(1000, 20) // length)
        total = asyncio.run(_one_by_one(folder / f"long{steps}.db", line(length), rounds))
        took[steps] = total / length
    base = took[100]
    return [
        Figure(
            f"{steps:,} steps", ms, base, ms / base, "ms/step", "≤ 1.2 x of 100", ms / base <= 1.2
        )
        for steps, ms in took.items()
    ]


def start_latency(folder: Path, size: Size) -> list[Figure]:
    """From start to the result of a workflow of one step."""
    path, count = folder / "start.db", size.of(100, 3)
    ours = asyncio.run(_one_by_one(path, line(1), count))
    bare = 1000 / floor.steps_per_second(path, processes=count, steps=1, group=1)
    return [Figure("start to result", ours, bare, ours / bare, "ms", "-", True)]


async def _signals(path: Path, count: int) -> float:
    async with AsyncEngine(_url(path), workflows=[parked]) as engine:
        total = 0.0
        for number in range(count):
            handle = await engine.start(parked, {}, id=f"{number}")
            while (await handle.info()).status != "waiting":
                await asyncio.sleep(0.001)
            begun = time.perf_counter()
            await engine.signal(handle.id, "go")
            await handle.result()
            total += time.perf_counter() - begun
        return total / count * 1000


def signal_round_trip(folder: Path, size: Size) -> list[Figure]:
    """From `signal` to the result of a process that was parked, in one OS process."""
    path, count = folder / "signal.db", size.of(100, 3)
    asyncio.run(_one_by_one(path, line(1), count))
    bare = 1000 / floor.steps_per_second(path, processes=count, steps=1, group=1)
    ours = asyncio.run(_signals(path, count))
    ratio = ours / bare
    return [Figure("signal round trip", ours, bare, ratio, "ms", "≤ 4 x a commit", ratio <= 4)]


async def _idle(path: Path, seconds: float) -> float:
    async with AsyncEngine(_url(path), workflows=[parked, line(10)]):
        await asyncio.sleep(1)
        before = time.process_time()
        await asyncio.sleep(seconds)
        return (time.process_time() - before) / seconds * 60


def _apart(call: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """The answer of a call in an OS process of its own, and its resident memory in MiB."""
    read, write = os.pipe()
    answer: Any
    child = os.fork()
    if not child:
        answer = asyncio.run(call(*arguments))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.write(write, f"{answer} {peak}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    found, peak = os.read(read, 1000).split()
    os.close(read)
    os.close(write)
    return float(found), float(peak)


async def _park(path: Path, count: int) -> None:
    async with AsyncEngine(_url(path), workflows=[parked], concurrency=500) as engine:
        await engine.start_many(parked, ({} for _ in range(count)), window=500)
        while (await engine.count(status="waiting")).get("waiting", 0) < count:
            await asyncio.sleep(0.1)


def parked_processes(folder: Path, size: Size) -> list[Figure]:
    """100,000 processes that wait for a signal: what they cost the others, and an idle worker."""
    count, processes, seconds = size.of(100_000, 100), size.of(500, 20), size.of(20, 1)
    full, empty = folder / "full.db", folder / "empty.db"
    asyncio.run(_park(full, count))
    asyncio.run(_park(empty, 1))
    busy = asyncio.run(_throughput(full, is_async=True, processes=processes))
    free = asyncio.run(_throughput(empty, is_async=True, processes=processes))
    cpu_full, mb_full = _apart(_idle, full, seconds)
    cpu_empty, mb_empty = _apart(_idle, empty, seconds)
    more, cpu = mb_full - mb_empty, cpu_full - cpu_empty
    name = f"{count:,} parked"
    return [
        Figure(
            f"{name}: throughput", busy, free, busy / free, "steps/s", "≥ 0.9", busy / free >= 0.9
        ),
        Figure(f"{name}: idle CPU", cpu_full, cpu_empty, cpu, "s/min (diff)", "≤ 0.1", cpu <= 0.1),
        Figure(f"{name}: memory", mb_full, mb_empty, more, "MiB (diff)", "< 20", more < 20),
    ]


def recovery(folder: Path, size: Size) -> list[Figure]:
    """1,000 processes, their OS process killed half-way: until a new one has completed them all."""
    path, count = folder / "recover.db", size.of(1000, 10)
    command = [sys.executable, "-m", "benchmarks.victim", str(path), str(count)]
    victim = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert victim.stdout is not None
    victim.stdout.readline()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()

    async def finish() -> float:
        begun = time.perf_counter()
        flow = line(10)
        async with AsyncEngine(_url(path), workflows=[flow], concurrency=500) as engine:
            while (await engine.count()).get("completed", 0) < count:
                await asyncio.sleep(0.02)
        return time.perf_counter() - begun

    took = asyncio.run(finish())
    return [Figure(f"recovery of {count:,}", took, 0.0, took, "s", "-", True)]


CASES: dict[str, Callable[[Path, Size], list[Figure]]] = {
    "async": async_throughput,
    "sync": sync_throughput,
    "one": lone_process,
    "long": long_process,
    "start": start_latency,
    "signal": signal_round_trip,
    "parked": parked_processes,
    "recovery": recovery,
}

__all__ = ["CASES", "Figure", "Size", "flows"]
