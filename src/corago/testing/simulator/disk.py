"""The disk of a simulated world: one store in memory, and each node's way to it.

Every call is one step on the disk, and takes time before and after it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

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


class SimulatedStore:
    """One node's connection to the common store.

    Slow by chance, sometimes failing, and a place to die.
    """

    def __init__(self, node: Node, store: Store) -> None:
        """Wrap the store."""
        self._node = node
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Every call of the port, with latency, faults and death around it."""
        method = getattr(self._store, name)

        async def reach(*arguments: Any, **named: Any) -> Any:
            answer = await method(*arguments, **named)
            self._node.world.reached(self._node, name, (*arguments, *named.values()), answer)
            return answer

        async def call(*arguments: Any, **named: Any) -> Any:
            node, world = self._node, self._node.world
            node.calls += 1
            number = node.calls
            dies = number == node.dies_at_call
            way = node.random.random() if dies else 1.0
            if dies:
                node.meet("crash at call", number)
            if way < _BEFORE:
                await self._die()
            slow = node.meet("slow", number)
            half = 0.0 if slow is None else slow.seconds / 2
            await asyncio.sleep(world.latency() + half)
            if node.meet("refused", number):
                raise StoreUnavailableError("the simulated store did not answer")
            if name in ROOMY and node.is_full:
                raise StoreFullError("the simulated disk is full")
            if way < _WITHIN:
                world.later(partial(reach, *arguments, **named))
                await self._die()
            answer = await reach(*arguments, **named)
            if dies:
                await self._die()
            is_idle = _is_idle(name, arguments, answer)
            if node.misses(number, is_idle=is_idle):
                raise StoreUnavailableError("the simulated store's answer was lost")
            await asyncio.sleep(world.latency() + half)
            return answer

        return call

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
