"""Every measurement by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.crowd import parked_processes
from benchmarks.deciders import decider_activities, decider_decisions, decider_fan_out
from benchmarks.figures import Figure, Size
from benchmarks.hands import tasks_by_hand
from benchmarks.latency import lone_process, long_process, signal_round_trip, start_latency
from benchmarks.lint import lint_speed
from benchmarks.machines import machine_durable, machine_pure
from benchmarks.observing import observing
from benchmarks.queued import queued_throughput
from benchmarks.recovery import recovery
from benchmarks.throughput import async_throughput, memory_throughput, sync_throughput
from benchmarks.timers import pending_timers

CASES: dict[str, Callable[[Path, Size], list[Figure]]] = {
    "async": async_throughput,
    "sync": sync_throughput,
    "queued": queued_throughput,
    "one": lone_process,
    "long": long_process,
    "start": start_latency,
    "signal": signal_round_trip,
    "parked": parked_processes,
    "recovery": recovery,
    "memory": memory_throughput,
    "observing": observing,
    "machine-pure": machine_pure,
    "machine-durable": machine_durable,
    "lint": lint_speed,
    "activities": decider_activities,
    "tasks": tasks_by_hand,
    "decisions": decider_decisions,
    "fan-out": decider_fan_out,
    "timers": pending_timers,
}

__all__ = ["CASES", "Figure", "Size"]
