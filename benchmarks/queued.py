"""Steps of a queue: put, taken, brought back and recorded, beside the same steps inline."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks.figures import Figure, Size, only
from benchmarks.flows import line
from benchmarks.throughput import STEPS, all_of
from corago import AsyncEngine
from corago.steps import Workflow

QUEUE = "bench"


async def _speed(path: Path, flow: Workflow, processes: int) -> tuple[float, float]:
    """Steps per second, and CPU time per step in µs, of one engine that drives and serves."""
    engine = AsyncEngine(
        f"sqlite:///{path}", workflows=[flow], queues=[QUEUE], concurrency=processes
    )
    async with engine:
        await all_of(engine, flow, max(1, processes // 10))
        begun, used = time.perf_counter(), time.process_time()
        await all_of(engine, flow, processes)
        took, used = time.perf_counter() - begun, time.process_time() - used
    steps = processes * STEPS
    return steps / took, used / steps * 1e6


def queued_throughput(folder: Path, size: Size) -> list[Figure]:
    """500 processes x 10 async steps of a queue in flight."""
    processes = size.of(500, 20)
    ours, cpu = asyncio.run(_speed(folder / "q.db", line(STEPS, queue=QUEUE), processes))
    inline, _ = asyncio.run(_speed(folder / "i.db", line(STEPS), processes))
    note = f"{cpu:.0f} µs CPU/step; floor: the same steps inline"
    return [only("queued, 500 in flight", ours, inline, "steps/s", note)]
