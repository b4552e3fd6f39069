"""The disk of a simulated world: one common store, and each node's way to it.

Every call is one step on the disk, and takes time before and after it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from corago.errors import StoreFullError, StoreUnavailableError
from corago.ports.store import Change, Store
from corago.testing.simulator.nodes import CURRENT, Node

ROOMY = frozenset({"append", "complete_task", "define", "heartbeat_task", "send", "start"})
"""The calls that put something down, and find no room on a full disk."""

_LOOKS = frozenset(
    {"blobs", "count", "definitions", "document", "events", "find", "held_tasks", "load"}
    | {"messages", "pause", "peers", "read_task", "tasks_of"}
)
"""The calls that only look."""

_BEFORE, _WITHIN = 0.4, 0.6
"""Up to which shares a node that dies at a call does so before the disk has it, or just then."""

_AIMED_BEFORE, _AIMED_WITHIN = 0.7, 0.8
"""The same where it was aimed at: users' code is tried most by what is never recorded."""

WAYS = (
    "and the store never hears of it",
    "and the store hears of it a moment later",
    "right after the store has heard of it",
)


class SimulatedStore:
    """One node's connection to the common store.

    Slow by chance, sometimes failing, and a place to die. `roomy` are the calls that find no room
    where the node's disk is full, `ways` say how it dies before, within and after a call.
    """

    roomy: ClassVar[frozenset[str]] = ROOMY
    ways: ClassVar[tuple[str, str, str]] = WAYS

    def __init__(self, node: Node, store: Store) -> None:
        """Wrap the store: each of its calls is done at once, and waits for nothing."""
        self._node = node
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Every call of the port, with latency, faults and death around it."""
        method = getattr(self._store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            node, world = self._node, self._node.world
            node.calls += 1
            number = node.calls
            aimed = world.aim.meets(node, name, arguments, world.watch)
            dies = number == node.dies_at_call or aimed is not None
            way = node.random.random() if dies else 1.0
            before, within = (_BEFORE, _WITHIN) if aimed is None else (_AIMED_BEFORE, _AIMED_WITHIN)
            if dies:
                how = self.ways[(way >= before) + (way >= within)]
                met = node.ahead.get(("crash at call", number))
                world.strike(node, *(aimed or (met, f"as it calls {name}")), how)
            if way < before:
                await self._die()
            slow = node.meet("slow", number)
            half = 0.0 if slow is None else slow.seconds / 2
            await asyncio.sleep(world.latency() + half)
            if node.meet("refused", number):
                raise StoreUnavailableError("the simulated store did not answer")
            if name in self.roomy and node.is_full:
                raise StoreFullError("the simulated disk is full")
            reach = partial(self._reach, name, method, arguments, named)
            if way < within:
                await self._die_within(reach)
            answer = await reach()
            if dies:
                await self._die()
            is_idle = _is_idle(name, arguments, answer)
            if node.misses(number, is_idle=is_idle):
                raise StoreUnavailableError("the simulated store's answer was lost")
            await asyncio.sleep(world.latency() + half)
            return answer

        return call

    async def _reach(
        self,
        name: str,
        method: Callable[..., Awaitable[Any]],
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
    ) -> Any:
        """Do a call, and let the world know before anything else is done."""
        answer = await method(*arguments, **named)
        self._node.world.reached(self._node, name, (*arguments, *named.values()), answer)
        return answer

    async def _die_within(self, reach: Callable[[], Awaitable[Any]]) -> None:
        """Die while a call is on its way to the disk, where it arrives all the same."""
        self._node.world.later(reach)
        await self._die()

    async def _die(self) -> None:
        self._node.die()
        await asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Join those who use the common store."""
        await self._store.open()

    async def close(self) -> None:
        """The common store stays open for the others."""

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Be told of this node's own commits; others only stir, as between OS processes."""
        node, context = self._node, contextvars.copy_context()

        def hear(change: Change) -> None:
            if node.is_dead:
                return
            if CURRENT.get() is node:
                node.world.loop.call_soon(listener, change, context=context)
            else:
                node.stir()

        return self._store.subscribe(hear)

    def stirred(self) -> bool:
        """Whether another node has written."""
        return self._node.has_heard()


def _is_idle(name: str, arguments: tuple[Any, ...], answer: Any) -> bool:
    """Whether nobody would miss this answer: nothing was done, or a lease was renewed."""
    is_renewal = name == "beat" and arguments[1:2] == (answer,)
    return name in _LOOKS or is_renewal or not getattr(answer, "taken", True)
