"""Steps per second with many processes in flight: in a file, and in memory."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import floor
from benchmarks.figures import Figure, Size, at_least, only
from benchmarks.flows import INPUT, line
from corago import AsyncEngine, Listener
from corago.activity import ActivityFunction
from corago.core import codec, kernel
from corago.core import events as e
from corago.core import history as fold
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.runtime.settings import Workflow

STEPS = 10
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Run:
    """What a run gave: steps per second, CPU time per step (µs), writes in one commit."""

    speed: float
    cpu: float
    group: float


async def all_of(engine: AsyncEngine, flow: Workflow, count: int) -> None:
    """Start so many processes at once, and wait for all."""
    handles = await engine.start_many(flow, [INPUT] * count, window=count)
    for handle in handles:
        await handle.result()


def _nothing() -> int:
    return 0


async def in_flight(
    path: Path | None, flow: Workflow, processes: int, listeners: Sequence[Listener] = ()
) -> Run:
    """Drive so many processes at once; without a path, in memory."""
    url = None if path is None else f"sqlite:///{path}"
    with ExitStack() as after:
        async with AsyncEngine(
            url, workflows=[flow], concurrency=processes, listeners=listeners
        ) as engine:
            await all_of(engine, flow, max(1, processes // 10))
            commits = after.enter_context(floor.counted(path)) if path else _nothing
            gc.collect()
            before, begun, used = commits(), time.perf_counter(), time.process_time()
            await all_of(engine, flow, processes)
            took, used = time.perf_counter() - begun, time.process_time() - used
            written = commits() - before
    steps = processes * STEPS
    group = processes * (STEPS + 1) / written if written else 0.0
    return Run(steps / took, used / steps * 1e6, group)


def _grouped(name: str, path: Path, size: Size, *, is_async: bool, goal: float) -> Figure:
    processes = size.of(500, 20)
    ours = asyncio.run(in_flight(path, line(STEPS, is_async=is_async), processes))
    writes = floor.recorded(path, processes)
    bare = floor.replay(path.with_name("floor.db"), writes, max(1, round(ours.group)))
    note = f"{ours.cpu:.0f} µs CPU/step, {ours.group:.0f} writes/commit"
    speed = processes * STEPS / bare.seconds
    return at_least(name, ours.speed, speed, least=goal, unit="steps/s", note=note)


def async_throughput(folder: Path, size: Size) -> list[Figure]:
    """500 processes x 10 async steps in flight."""
    return [_grouped("async, 500 in flight", folder / "a.db", size, is_async=True, goal=0.2)]


def sync_throughput(folder: Path, size: Size) -> list[Figure]:
    """500 processes x 10 sync steps in flight, 16 threads."""
    return [_grouped("sync, 500 in flight", folder / "s.db", size, is_async=False, goal=0.07)]


# -- in memory -------------------------------------------------------------------------------------


async def _perform(function: ActivityFunction, values: Mapping[str, Any]) -> e.ActivityCompleted:
    return e.ActivityCompleted(
        function.result(await function.function(**function.arguments(values)))
    )


async def _bare_process(functions: list[ActivityFunction], kept: list[bytes]) -> None:
    state: dict[str, Any] = dict(INPUT)
    for position, function in enumerate(functions, start=2):
        result = await asyncio.create_task(_perform(function, state))
        state = {**state, **result.result}
        event = e.ActivityClosed(position=position, at=NOW, path=function.path, result=result)
        kept.append(codec.encode_event(event))


async def _bare(flow: Workflow, processes: int) -> float:
    """The same steps, each in a task of its own and its event encoded, without an engine."""
    functions = [each for each in flow.functions.values() if isinstance(each, ActivityFunction)]
    kept: list[bytes] = []
    gc.collect()
    begun = time.perf_counter()
    await asyncio.gather(*(_bare_process(functions, kept) for _ in range(processes)))
    assert len(kept) == processes * STEPS
    return len(kept) / (time.perf_counter() - begun)


def _advance(flow: Workflow, rounds: int) -> float:
    """What one plain step costs in the kernel alone, in µs."""
    started = e.ProcessStarted(
        position=1, at=NOW, process_id="p", workflow=flow.name, sha=flow.sha, input=INPUT
    )
    calls = LiveCalls(flow.functions)
    first = kernel.advance(flow.program, fold.begin(flow.program, started), (), NOW, calls)
    assert first.snapshot.agenda is not None
    path = first.snapshot.agenda.activities[0].path
    outcome = (m.Outcome(path, 1, 1, e.ActivityCompleted(dict(INPUT))),)
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(500):
            kernel.advance(flow.program, first.snapshot, outcome, NOW, LiveCalls(flow.functions))
        took.append((time.perf_counter() - begun) / 500 * 1e6)
    return statistics.median(took)


def memory_throughput(_: Path, size: Size) -> list[Figure]:
    """What the engine itself costs: the store in memory, and the kernel alone."""
    flow, processes = line(STEPS), size.of(500, 20)
    ours = asyncio.run(in_flight(None, flow, processes))
    bare = asyncio.run(_bare(flow, processes))
    note = f"{ours.cpu:.0f} µs CPU/step; floor: bare asyncio tasks"
    return [
        only("in memory, 500 in flight", ours.speed, bare, "steps/s", note),
        only("kernel.advance", _advance(flow, size.of(20, 2)), 0.0, "µs"),
    ]
