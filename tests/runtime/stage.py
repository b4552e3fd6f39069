"""A stage for engines: virtual time, one store in memory, and stores that fail on demand."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, Final

from corago import done, init, workflow
from corago.backends.local import LocalBackend
from corago.clock import Clock, SystemClock
from corago.core import events as e
from corago.errors import StoreUnavailableError
from corago.ports.store import Change
from corago.runtime.engine import GLANCE_SECONDS, EngineCore
from corago.runtime.executor import InlineExecutor
from corago.runtime.settings import Settings, Surround, Workflow
from corago.stores.memory import MemoryStore
from corago.testing.simulator import Node, Simulation
from corago.wiring import KINDS, AsyncEngine

BEFORE: Final = "before"
AFTER: Final = "after"
HANGS: Final = "hangs"
FAR: Final = 1e6


class FlakyStore:
    """A connection to a store that fails as it is told: before a call takes effect, or after it."""

    def __init__(self, store: MemoryStore, node: Node | None = None) -> None:
        self.store = store
        self.calls: list[str] = []
        self._node = node
        self._faults: dict[str, tuple[str, int]] = {}
        self._healed = asyncio.Event()

    def fail(self, *names: str, when: str = BEFORE, times: int = 1_000_000) -> None:
        """From now on, the next `times` calls of these names fail (or hang until `heal`)."""
        self._healed.clear()
        for name in names:
            self._faults[name] = (when, times)

    def heal(self) -> None:
        self._faults.clear()
        self._healed.set()

    def _fault(self, name: str) -> str:
        when, left = self._faults.get(name, ("", 0))
        if not left:
            return ""
        self._faults[name] = (when, left - 1)
        return when

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            await asyncio.sleep(0)
            when = self._fault(name)
            if when == HANGS:
                await self._healed.wait()
            if when == BEFORE:
                raise StoreUnavailableError(f"{name} failed, as it was told to")
            answer = await method(*arguments, **named)
            if when == AFTER:
                raise StoreUnavailableError(f"the answer of {name} was lost, as it was told to")
            return answer

        return call

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        node = self._node

        def hear(change: Change) -> None:
            if node is None or not node.is_dead:
                listener(change)

        return self.store.subscribe(hear)

    def stirred(self) -> bool:
        return self.store.stirred()


class Stage(Simulation):
    """A virtual world with one store in memory; engines on it hear of each other at once."""

    store: MemoryStore

    def __init__(
        self, *workflows: Workflow, lease: float = 15.0, seed: int = 11, **settings: Any
    ) -> None:
        super().__init__(seed, workflows, KINDS, lease=timedelta(seconds=lease))
        self._given = {"lease": timedelta(seconds=lease), **settings}
        self.stores: list[FlakyStore] = []

    def engine(
        self,
        node: Node | None = None,
        *,
        has_worker: bool = True,
        workflows: Iterable[Workflow] | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> EngineCore:
        """An engine with a connection of its own, `stores[-1]`; in a node, it can die with it."""
        time = clock or self.clock
        store: Any = FlakyStore(self.store, node)
        self.stores.append(store)
        surround = Surround(time, self.new_id, _patient, lambda _: InlineExecutor())
        return EngineCore(
            LocalBackend(store, time, KINDS),
            surround,
            Settings(has_worker=has_worker, **{**self._given, **settings}),
            self.workflows if workflows is None else workflows,
        )

    def client(self) -> EngineCore:
        return self.engine(has_worker=False)

    @property
    def seconds(self) -> float:
        """Virtual seconds since the curtain rose."""
        return self.loop.time()


async def _patient(seconds: float) -> None:
    """Sleep; nobody looks for other writers here, since all of them are heard at once."""
    await asyncio.sleep(FAR if seconds == GLANCE_SECONDS else seconds)


_numbers = itertools.count(1)


def listing(*steps: Any) -> Any:
    """A workflow of these steps, under a name of its own."""

    def listed() -> Any:
        found: Any = init
        for each in steps:
            found = found >> each
        return found >> done

    listed.__name__ = f"listed{next(_numbers)}"
    return workflow("Some steps")(listed)


def sharing(store: MemoryStore, **settings: Any) -> AsyncEngine:
    """An engine of the public kind on a given store in memory."""
    engine = AsyncEngine(**settings)
    engine._backend = LocalBackend(store, SystemClock(), KINDS)
    return engine


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Come back when the condition holds; fails after so many seconds of the loop's time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def reaches(engine: EngineCore, id: str, status: str, seconds: float = 10.0) -> None:
    """Come back when the process has this status."""
    async with asyncio.timeout(seconds):
        while (await engine.info(id)).status != status:
            await asyncio.sleep(0.005)


async def kinds(engine: EngineCore, id: str) -> list[str]:
    """The names of a process's events, in order."""
    return [type(event).__name__ for event in await engine.history(id)]


async def ends(engine: EngineCore, id: str) -> list[tuple[str, str]]:
    """How each activity of a process ended for good, in order."""
    closed = (await engine.history(id)).of(e.ActivityClosed)
    return [(event.path, type(event.result).__name__) for event in closed]


__all__ = ["AFTER", "BEFORE", "HANGS", "Clock", "FlakyStore", "Stage"]
