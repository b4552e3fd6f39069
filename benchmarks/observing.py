"""What it costs to be watched: throughput with a listener beside throughput without, in one breath.

Nobody exports anything: spans are made and dropped, log records go to a handler that does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import timeit
from pathlib import Path

from benchmarks.figures import Figure, Size, at_least, at_most, only
from benchmarks.flows import line
from benchmarks.throughput import STEPS, Run, in_flight
from corago import Context, Listener, LogListener, Subject
from corago.core import events as e

TESTS_PER_STEP = 4
"""How often one step asks whether anybody listens: begun, running, ended, recorded."""


class Silent(Listener):
    """Is told everything and does nothing."""

    def process_started(self, process: Subject) -> None: ...

    def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None: ...

    def process_closed(self, process: Subject, event: e.Event) -> None: ...

    def turn_began(self, process: Subject) -> None: ...

    def turn_ended(self, process: Subject, seconds: float) -> None: ...

    def attempt_began(self, process: Subject, attempt: Context) -> None: ...

    def attempt_ended(
        self, process: Subject, attempt: Context, result: e.ActivityResult | None, seconds: float
    ) -> None: ...


class _Deaf:
    """Stands where an attempt stands that nobody listens to."""

    __slots__ = ("_ears",)

    def __init__(self) -> None:
        self._ears: object | None = None

    def ask(self) -> bool:
        return self._ears is not None


def _test_cost(rounds: int) -> float:
    """What it takes to ask once whether anybody listens, in µs; the call around it counts too."""
    ask = _Deaf().ask
    return min(timeit.repeat(ask, number=10_000, repeat=rounds)) / 10_000 * 1e6


def _logging() -> Listener:
    logger = logging.getLogger("benchmarks.null")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.INFO)
    return LogListener(logger)


def _vendors() -> dict[str, Listener]:
    """Those whose libraries are installed."""
    try:
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
        from prometheus_client import CollectorRegistry  # noqa: PLC0415 - an extra

        from corago.observing.metrics import Metrics  # noqa: PLC0415 - needs its extra
        from corago.observing.tracing import Tracing  # noqa: PLC0415 - needs its extra
    except ModuleNotFoundError:
        return {}
    return {"Metrics": Metrics(CollectorRegistry()), "Tracing": Tracing(TracerProvider())}


def _beside(listener: Listener, size: Size) -> tuple[Run, Run, str]:
    """The median of some runs with it, that of as many without, and what it costs in CPU time."""
    flow, processes = line(STEPS), size.of(500, 20)
    pairs = [
        [asyncio.run(in_flight(None, flow, processes, told)) for told in ((), (listener,))]
        for _ in range(size.of(3, 1))
    ]
    bare, watched = (
        Run(
            statistics.median(run.speed for run in runs),
            statistics.median(run.cpu for run in runs),
            0.0,
        )
        for runs in zip(*pairs, strict=True)
    )
    return watched, bare, f"{watched.cpu - bare.cpu:+.0f} µs CPU/step"


def observing(_: Path, size: Size) -> list[Figure]:
    """Steps per second in memory with each listener; the floor is the same without one."""
    silent, bare, note = _beside(Silent(), size)
    tests = TESTS_PER_STEP * _test_cost(size.of(50, 3))
    figures = [
        at_most(
            "nobody listens: the tests",
            tests,
            bare.cpu,
            most=0.01,
            unit="µs/step",
            goal="≤ 1 % of CPU",
        ),
        at_least(
            "a listener that is silent",
            silent.speed,
            bare.speed,
            least=0.9,
            unit="steps/s",
            note=note,
        ),
    ]
    for name, listener in {"LogListener": _logging(), **_vendors()}.items():
        watched, bare, note = _beside(listener, size)
        figures.append(only(name, watched.speed, bare.speed, "steps/s", note))
    return figures
