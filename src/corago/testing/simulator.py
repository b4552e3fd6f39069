"""A small world in one seed.

Several workers, clients, one store and the clock on one virtual event loop.

The engine's code is the production code. Only clock, ids, latency and death are made here: a
node dies at any await, or before, within and after any store call; nothing of it runs any more,
not even its `finally` blocks, just as after a SIGKILL. The same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from corago.backends.local import LocalBackend
from corago.backends.local.definitions import ProgramOf
from corago.clock import EPOCH, Clock
from corago.errors import StoreUnavailableError
from corago.ports.store import Change, Store
from corago.runtime.engine import EngineCore
from corago.runtime.executor import InlineExecutor
from corago.runtime.settings import Settings, Surround, Workflow
from corago.stores.memory import MemoryStore

T = TypeVar("T")

BEGINNING = EPOCH + timedelta(days=365 * 50)

_node: contextvars.ContextVar[Node | None] = contextvars.ContextVar("corago_node", default=None)


class StandstillError(Exception):
    """Nothing is left to happen, but the simulation is not over."""


class _NoSelector:
    """Stands where a real loop waits for the world: it lets virtual time pass instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise StandstillError("every task waits for something that will not come")
        self._loop.pass_time(timeout)
        return []

    def close(self) -> None:
        """Nothing to close."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time passes only when nobody has anything to do."""

    def __init__(self, random_: random.Random) -> None:
        """Take the source of every choice."""
        super().__init__()
        self.tasks: list[asyncio.Task[Any]] = []
        self._seconds = 0.0
        self._random = random_
        self._selector = _NoSelector(self)
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

    def _process_events(self, event_list: Iterable[Any]) -> None:
        """No file descriptor ever has an event here."""

    def _write_to_self(self) -> None:
        """Nobody else runs, so nobody must be woken."""

    def _run_once(self) -> None:
        self._ready: deque[asyncio.Handle] = self._interleaved(self._ready)
        super()._run_once()  # type: ignore[misc]

    def _interleaved(self, ready: deque[asyncio.Handle]) -> deque[asyncio.Handle]:
        """Order within a node is kept, between nodes chance decides.

        What belongs to the dead is dropped.
        """
        lanes: dict[Node | None, deque[asyncio.Handle]] = {}
        for handle in ready:
            node = handle._context.get(_node)  # type: ignore[attr-defined]  # noqa: SLF001
            if node is None or node.lives_on():
                lanes.setdefault(node, deque()).append(handle)
        if len(lanes) < 2:
            return next(iter(lanes.values()), deque())
        order: deque[asyncio.Handle] = deque()
        while lanes:
            node = self._random.choice(list(lanes))
            order.append(lanes[node].popleft())
            if not lanes[node]:
                del lanes[node]
        return order

    def bury(self, node: Node) -> None:
        """Cancel the alarms of a dead node."""
        for handle in self._scheduled:  # type: ignore[attr-defined]
            if handle._context.get(_node) is node:  # noqa: SLF001 - whose is it?
                handle.cancel()


_FAILING = frozenset(
    {"append", "claim", "beat", "messages", "bury"}
    | {"claim_tasks", "complete_task", "held_tasks", "return_tasks"}
    | {"heartbeat_task", "detach_task"}
)
"""The calls that a worker makes; a client's own calls would only test the client."""


class SimulatedClock:
    """The clock of one node: the loop's time, and a calendar that may be off by `skew`."""

    def __init__(self, loop: VirtualLoop, skew: timedelta = timedelta(0)) -> None:
        """Take the loop."""
        self._loop = loop
        self.skew = skew

    def now(self) -> datetime:
        """The calendar."""
        return BEGINNING + timedelta(seconds=self._loop.time()) + self.skew

    def monotonic(self) -> float:
        """The steady clock."""
        return self._loop.time()


class Node:
    """An OS process of the simulated world, whose worker serves `queues`.

    `dies_at_await` and `dies_at_call` count its awaits and its store calls.
    """

    def __init__(self, world: Simulation, name: str, queues: Iterable[str] = ()) -> None:
        """Born alive."""
        self.world = world
        self.name = name
        self.queues = tuple(queues)
        self.is_dead = False
        self.awaits = 0
        self.calls = 0
        self.dies_at_await: int | None = None
        self.dies_at_call: int | None = None
        self.has_stirred = False

    def lives_on(self) -> bool:
        """Count one step of its code; False once it is dead."""
        if not self.is_dead:
            self.awaits += 1
            if self.awaits == self.dies_at_await:
                self.die()
        return not self.is_dead

    def die(self) -> None:
        """At once, and nothing of it runs any more."""
        if not self.is_dead:
            self.is_dead = True
            self.world.loop.bury(self)
            self.world.note(f"{self.name} dies")

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run code as this node."""
        context = contextvars.copy_context()
        context.run(_node.set, self)
        return self.world.loop.create_task(coroutine, context=context)


class SimulatedStore:
    """One node's connection to the common store.

    Slow by chance, sometimes failing, and a place to die.
    """

    def __init__(self, node: Node, store: Store) -> None:
        """Wrap the store."""
        self._node = node
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Every call of the port, with latency and death around it."""
        method = getattr(self._store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            node, world = self._node, self._node.world
            node.calls += 1
            dies = node.calls == node.dies_at_call
            if dies and world.random.random() < 0.5:
                await self._die()
            await asyncio.sleep(world.latency())
            if name in _FAILING and world.fails():
                raise StoreUnavailableError("the simulated store did not answer")
            answer = await method(*arguments, **named)
            if dies:
                await self._die()
            if name in _FAILING and world.fails():
                raise StoreUnavailableError("the simulated store's answer was lost")
            await asyncio.sleep(world.latency())
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
        node = self._node

        def hear(change: Change) -> None:
            if node.is_dead:
                return
            if _node.get() is node:
                node.world.loop.call_soon(listener, change)
            else:
                node.has_stirred = True

        return self._store.subscribe(hear)

    def stirred(self) -> bool:
        """Whether another node has written."""
        stirred, self._node.has_stirred = self._node.has_stirred, False
        return stirred


class Simulation:
    """One seeded world. `run` gives a coroutine's answer after as much virtual time as it takes."""

    def __init__(
        self,
        seed: int,
        workflows: Iterable[Workflow],
        kinds: Mapping[str, ProgramOf],
        *,
        failure_rate: float = 0.0,
        lease: timedelta = timedelta(seconds=15),
        concurrency: int = 16,
        clock: Clock | None = None,
    ) -> None:
        """`kinds` are the doors by name; without a `clock`, the calendar goes by the loop's time.

        `failure_rate` is the share of appends that fail, or whose answer is lost.
        """
        self.random = random.Random(seed)
        self.loop = VirtualLoop(self.random)
        self.clock: Clock = clock or SimulatedClock(self.loop)
        self.store = MemoryStore(self.clock)
        self.workflows = tuple(workflows)
        self.trace: list[str] = []
        self.nodes: list[Node] = []
        self._kinds = kinds
        self._failure_rate = failure_rate
        self._settings = Settings(lease=lease, concurrency=concurrency)
        self._ids = 0

    def note(self, what: str) -> None:
        """Write a line into the trace."""
        self.trace.append(f"{self.loop.time():.6f} {what}")

    def latency(self) -> float:
        """How long a message takes, in seconds."""
        return self.random.choice((0.0, 0.0, 0.0001, 0.001, 0.02))

    def fails(self) -> bool:
        """Whether a call of the store goes wrong."""
        return self.random.random() < self._failure_rate

    def new_id(self) -> str:
        """The next id: a number, so that runs can be compared."""
        self._ids += 1
        return f"{self._ids:08d}"

    def engine(self, node: Node, *, has_worker: bool = True) -> EngineCore:
        """An engine of this node on the common store."""
        settings = Settings(has_worker=False)
        if has_worker:
            settings = dataclasses.replace(self._settings, queues=node.queues)
        surround = Surround(self.clock, self.new_id, asyncio.sleep, lambda _: InlineExecutor())
        store: Any = SimulatedStore(node, self.store)
        return EngineCore(
            LocalBackend(store, self.clock, self._kinds), surround, settings, self.workflows
        )

    def node(self, name: str, queues: Iterable[str] = ()) -> Node:
        """A new OS process, whose worker serves these queues."""
        node = Node(self, name, queues)
        self.nodes.append(node)
        return node

    async def worker(self, node: Node) -> None:
        """A worker's main program: until its node dies, or it can't even begin."""
        try:
            async with self.engine(node):
                await asyncio.get_running_loop().create_future()
        except StoreUnavailableError:
            node.die()

    def run(self, main: Coroutine[Any, Any, T], *, limit: timedelta = timedelta(days=30)) -> T:
        """Run the world until `main` is done.

        Raises StandstillError, or TimeoutError after `limit` of virtual time.
        """
        try:
            return self.go_on(main, limit=limit)
        finally:
            self.end()

    def go_on(self, main: Coroutine[Any, Any, T], *, limit: timedelta = timedelta(days=30)) -> T:
        """Run the world until `main` is done, and keep it as it then is. Raises as `run`."""
        asyncio.set_event_loop(self.loop)
        try:
            return self.loop.run_until_complete(asyncio.wait_for(main, limit.total_seconds()))
        finally:
            asyncio.set_event_loop(None)

    def end(self) -> None:
        """Everybody dies, and nothing more happens."""
        asyncio.set_event_loop(self.loop)
        try:
            for node in self.nodes:
                node.die()
            self._sweep()
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    def _sweep(self) -> None:
        """Close what the dead have left; nothing of it matters any more."""
        for task in self.loop.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
                with contextlib.suppress(BaseException):
                    task.get_coro().close()
        self.loop.tasks.clear()
