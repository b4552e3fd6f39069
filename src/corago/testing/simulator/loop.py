"""The event loop of a simulated world: all nodes on it, in virtual time, in an order by chance."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from operator import itemgetter
from typing import Any

from corago.testing.simulator.nodes import CURRENT, Node

_Turn = tuple[float, Node | None, asyncio.Handle]

SPIN_ROUNDS = 200_000
"""A world that turns so often within a virtual second will never come to the next."""


class StandstillError(Exception):
    """Nothing is left to happen, or the same for ever, but the simulation is not over."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time passes only when nobody has anything to do."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _stopping: bool

    def __init__(self) -> None:
        """Begin at nought."""
        super().__init__()
        self.tasks: list[asyncio.Task[Any]] = []
        self._seconds = 0.0
        self._rounds, self._counted_from = 0, 0.0
        self._clock_resolution = 1e-9

    def create_task(self, coro: Any, **named: Any) -> asyncio.Task[Any]:
        """Keep every task: a collected one would run its `finally` blocks, as no dead one does."""
        task: asyncio.Task[Any] = super().create_task(coro, **named)
        self.tasks.append(task)
        return task

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._seconds

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self._seconds += seconds

    def _write_to_self(self) -> None:
        """Nobody else runs, so nobody must be woken."""

    def _run_once(self) -> None:
        """Run what is ready; without any such thing, let time pass up to the next alarm."""
        scheduled = self._scheduled
        while scheduled and scheduled[0].cancelled():
            self._next_alarm()
        if not (self._ready or self._stopping):
            if not scheduled:
                raise StandstillError("every task waits for something that will not come")
            self._seconds = max(self._seconds, scheduled[0].when())
        self._count()
        end = self._seconds + self._clock_resolution
        while scheduled and scheduled[0].when() < end:
            handle = self._next_alarm()
            if not handle.cancelled():
                self._ready.append(handle)
        for _, node, ready in self._interleaved():
            if not ready.cancelled() and (node is None or node.takes(ready)):
                ready._run()  # noqa: SLF001 - as every loop does

    def _count(self) -> None:
        self._rounds += 1
        if self._seconds - self._counted_from >= 1:
            self._rounds, self._counted_from = 0, self._seconds
        elif self._rounds > SPIN_ROUNDS:
            self._rounds = 0
            raise StandstillError(
                f"{SPIN_ROUNDS:,} rounds of the loop within a virtual second: somebody is busy for "
                "ever, and time can't pass"
            )

    def _next_alarm(self) -> asyncio.TimerHandle:
        handle = heapq.heappop(self._scheduled)
        handle._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001 - it counts them
        return handle

    def _interleaved(self) -> list[_Turn]:
        """What is ready, and whose it is: in order within a node, between nodes by chance.

        What is nobody's comes first.
        """
        ready, self._ready = self._ready, deque()
        places: dict[Node, float] = {}
        turns: list[_Turn] = []
        for handle in ready:
            node = handle._context.get(CURRENT)  # type: ignore[attr-defined]  # noqa: SLF001
            place = 0.0
            if node is not None:
                # a gap that is short as a rule, and now and then long enough for all others
                place = places[node] = places.get(node, 0.0) + 1 / (1 - node.order.random())
            turns.append((place, node, handle))
        if len(places) > 1:
            turns.sort(key=itemgetter(0))
        return turns

    def go_on(self, handles: deque[asyncio.Handle]) -> None:
        """Let run what was held back, in its order."""
        self._ready.extend(handles)
        handles.clear()
