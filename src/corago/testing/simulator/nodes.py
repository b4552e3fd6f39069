"""A node: what would be an OS process in the real world, which dies, stands still and goes deaf."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from corago.clock import Clock
from corago.testing.simulator.clock import SimulatedClock
from corago.testing.simulator.faults import COUNTED, Fault, Kind

if TYPE_CHECKING:
    from corago.testing.simulator.world import World

T = TypeVar("T")

CURRENT: contextvars.ContextVar[Node | None] = contextvars.ContextVar("corago_node", default=None)
"""Whose code runs; None is the world's own."""

_RESOLUTION = 1e-6
"""An alarm may come so many seconds early."""


class Node:
    """An OS process of the simulated world, whose worker serves `queues`.

    `dies_at_await` and `dies_at_call` count its awaits and its store calls. `number` is that of its
    faults. `at_death` is what its OS does when it is gone. Its `random` is for what it does, its
    `order` for when, so that neither moves when something happens to another node.
    """

    def __init__(self, world: World, name: str, queues: Iterable[str], number: int) -> None:
        """Born alive."""
        self.world = world
        self.name = name
        self.number = number
        self.queues = tuple(queues)
        self.random = random.Random(f"{world.seed} node {number}")
        self.order = random.Random(f"{world.seed} order {number}")
        self.clock: Clock = world.clock
        if isinstance(world.clock, SimulatedClock):
            self.clock = SimulatedClock(world.loop, common=world.clock)
        self.is_dead = False
        self.awaits = 0
        self.calls = 0
        self.ids = 0
        self.ahead = {
            (each.kind, each.at): each
            for each in world.faults
            if each.kind in COUNTED and each.is_of(number)
        }
        self.dies_at_await = self._first("crash at await")
        self.dies_at_call = self._first("crash at call")
        self.leaving = asyncio.Event()
        self.at_death: list[Callable[[], object]] = []
        self.has_stirred = False
        self.stirring = asyncio.Event()
        self.full_until = 0.0
        self._deaf_until = 0.0
        self._paused_until = 0.0
        self._losing: deque[Fault] = deque()
        self._held: deque[asyncio.Handle] = deque()

    def _first(self, kind: Kind) -> int | None:
        return min((int(at) for each, at in self.ahead if each == kind), default=None)

    def new_id(self) -> str:
        """The next id that this node makes: a number, so that runs can be compared."""
        self.ids += 1
        return f"{self.number:02d}{self.ids:06d}"

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run code as this node."""
        context = contextvars.copy_context()
        context.run(CURRENT.set, self)
        return self.world.loop.create_task(coroutine, context=context)

    # -- running -----------------------------------------------------------------------------

    def takes(self, handle: asyncio.Handle) -> bool:
        """Whether this step of its code may run now; one that is held back is kept for later."""
        if self.is_paused and not self.is_dead:
            self._held.append(handle)
            return False
        return self.lives_on()

    def lives_on(self) -> bool:
        """Count one step of its code; False once it is dead."""
        if not self.is_dead:
            self.awaits += 1
            if self.awaits == self.dies_at_await:
                self.meet("crash at await", self.awaits)
                self.die()
        return not self.is_dead

    def die(self) -> None:
        """At once, and nothing of it runs any more."""
        if not self.is_dead:
            self.is_dead = True
            self._held.clear()
            self.world.note(f"{self.name} dies")
            for each in self.at_death:
                each()
            self.world.lost(self)

    def meet(self, kind: Kind, at: float) -> Fault | None:
        """The fault of this kind that lies ahead there, if any: it happens."""
        fault = self.ahead.get((kind, at)) if self.ahead else None
        if fault is not None:
            self.world.happen(fault, self)
        return fault

    def misses(self, at: int, *, is_idle: bool) -> bool:
        """Whether the answer of this call is lost; an idle one passes, and the next is lost."""
        fault = self.ahead.get(("lost", at)) if self.ahead else None
        if fault is not None:
            self._losing.append(fault)
        if is_idle or not self._losing:
            return False
        self.world.happen(self._losing.popleft(), self)
        return True

    # -- faults that last --------------------------------------------------------------------

    def jump(self, seconds: float) -> None:
        """Move its calendar."""
        if isinstance(self.clock, SimulatedClock):
            self.clock.skew += timedelta(seconds=seconds)

    def fill(self, seconds: float) -> None:
        """Let it find no room for so long."""
        self.full_until = max(self.full_until, self.world.loop.time() + seconds)

    @property
    def is_full(self) -> bool:
        """Whether what it writes finds no room."""
        return not self._is_past(self.full_until)

    def _is_past(self, instant: float) -> bool:
        return self.world.loop.time() > instant - _RESOLUTION

    def pause(self, seconds: float) -> None:
        """Stop it for so long; what comes meanwhile runs afterwards, in its order."""
        loop = self.world.loop
        self._paused_until = max(self._paused_until, loop.time() + seconds)
        loop.call_later(seconds, self._go_on, context=contextvars.Context())

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""
        return self._paused_until > 0.0

    def _go_on(self) -> None:
        if not self.is_dead and self.is_paused and self._is_past(self._paused_until):
            self._paused_until = 0.0
            self.world.note(f"{self.name} goes on")
            self.world.loop.go_on(self._held)

    def deafen(self, seconds: float) -> None:
        """Let it hear of nobody else for so long."""
        loop = self.world.loop
        self._deaf_until = max(self._deaf_until, loop.time() + seconds)
        self.stirring.clear()
        loop.call_later(seconds, self._hear_again, context=contextvars.Context())

    @property
    def is_deaf(self) -> bool:
        """Whether it hears of nobody else."""
        return not self._is_past(self._deaf_until)

    def _hear_again(self) -> None:
        if self.has_stirred and not self.is_deaf:
            self.stirring.set()

    def stir(self) -> None:
        """Another node has written."""
        self.has_stirred = True
        if not self.is_deaf:
            self.stirring.set()

    def has_heard(self) -> bool:
        """Whether another node has written since this was last asked, as far as it hears."""
        if self.is_deaf:
            return False
        heard, self.has_stirred = self.has_stirred, False
        self.stirring.clear()
        return heard
