"""A simulated world by hand: nodes, their engines, the disk and the clock on one virtual loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from corago.backends.local import LocalBackend
from corago.backends.local.definitions import ProgramOf
from corago.clock import Clock
from corago.codecs import PayloadCodec
from corago.errors import StoreUnavailableError
from corago.ports.store import Store
from corago.runtime.engine import GLANCE_SECONDS, EngineCore
from corago.runtime.executor import InlineExecutor
from corago.runtime.settings import Settings, Surround, Workflow
from corago.secrecy import Vault
from corago.stores.memory import MemoryStore
from corago.testing.simulator.aiming import Aim
from corago.testing.simulator.clock import SimulatedClock
from corago.testing.simulator.disk import SimulatedStore
from corago.testing.simulator.doings import Doings
from corago.testing.simulator.faults import Fault
from corago.testing.simulator.hearing import Ear
from corago.testing.simulator.loop import VirtualLoop
from corago.testing.simulator.nodes import CURRENT, Node
from corago.testing.simulator.tracing import Trace
from corago.testing.simulator.watching import Watch
from corago.wiring import KINDS

T = TypeVar("T")

StoreOf = Callable[[Clock], Store]
"""Makes the common store, whose calls are done at once and wait for nothing."""

DoorOf = Callable[[Node, Store], Any]
"""Makes a node's own way to the common store: a Store."""

_LATENCIES = (0.0, 0.0, 0.0001, 0.001, 0.02)


class World:
    """One seeded world, whose nodes are made by hand.

    Attributes:
        trace: lines: what reached the disk, who was born and died, which faults happened, what
            was logged; each with its virtual seconds.
        happened: the faults that did happen; those whose moment never came did not.
        words: what those of them did that are deaths at a call of the store.
        findings: what is wrong.
        doings: each attempt that began.
        watch: who finds it; None until a story is told.
        code: the workflows that a node has; all of them, if nobody says otherwise.
        codecs: what texts go through on their way to the store.
        vault: the keys for secrets that a node has; none, if nobody says otherwise.
    """

    def __init__(
        self,
        seed: int,
        workflows: Iterable[Workflow],
        kinds: Mapping[str, ProgramOf] = KINDS,
        *,
        faults: Iterable[Fault] = (),
        lease: timedelta = timedelta(seconds=15),
        concurrency: int = 16,
        clock: Clock | None = None,
        store: StoreOf = MemoryStore,
        door: DoorOf = SimulatedStore,
    ) -> None:
        """Nothing has begun; `Simulation` says what each is."""
        self.seed = seed
        self.random = random.Random(seed)
        self.loop = VirtualLoop()
        self.clock: Clock = clock or SimulatedClock(self.loop)
        self.store: Any = store(self.clock)
        self.workflows = tuple(workflows)
        self.code: Callable[[Node], Iterable[Workflow]] = lambda _: self.workflows
        self.codecs: Sequence[PayloadCodec] = ()
        self.vault: Callable[[Node], Vault] = lambda _: Vault()
        self.faults = tuple(faults)
        self.happened: list[Fault] = []
        self.words: dict[Fault, str] = {}
        self.doings = Doings()
        self.aim = Aim(self.faults, self.doings)
        self.nodes: list[Node] = []
        self.watch: Watch | None = None
        self._door = door
        self._trace = Trace()
        self._found: dict[str, None] = {}
        self._kinds = kinds
        self._settings = Settings(lease=lease, concurrency=concurrency)
        self._ids = 0
        self._is_over = False
        self.loop.set_exception_handler(self._broke)

    # -- what is told ------------------------------------------------------------------------

    @property
    def trace(self) -> list[str]:
        """What happened, in lines."""
        return self._trace.lines

    @property
    def findings(self) -> list[str]:
        """What is wrong, each once."""
        return [*self._found, *(() if self.watch is None else self.watch.findings)]

    def note(self, what: str) -> None:
        """Write a line into the trace."""
        if not self._is_over:
            self._trace.note(self.loop.time(), what)

    def find(self, what: str) -> None:
        """Say what is wrong."""
        self._found[what] = None

    def happen(self, fault: Fault, node: Node) -> None:
        """Note that a fault has happened to a node."""
        if fault not in self.happened:
            self.happened.append(fault)
        self.note(f"{node.name} meets {fault!r}")

    def strike(self, node: Node, fault: Fault | None, what: str, how: str) -> None:
        """Note by which fault, if any, a node dies at a call, and how."""
        if fault is not None:
            self.happen(fault, node)
            self.words[fault] = f"{node.name} dies {what}, {how}"

    def reached(self, node: Node, call: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """Note a call that has taken effect on the disk, and nothing since."""
        name = f"{node.name}, dead," if node.is_dead else node.name
        self._trace.call(self.loop.time(), name, call, arguments, answer)
        if self.watch is not None:
            self.watch.done(node, call, arguments, answer)

    def _broke(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Hear of what nobody caught."""
        error = context.get("exception")
        if "handle" in context and error is not None:
            self.find(f"{_whose()} broke: {type(error).__name__}: {error}")
        else:
            loop.default_exception_handler(context)

    # -- chance ------------------------------------------------------------------------------

    def latency(self) -> float:
        """How long a message of the node that runs takes, in seconds."""
        node = CURRENT.get()
        return (self.random if node is None else node.random).choice(_LATENCIES)

    def new_id(self) -> str:
        """The next id: a number, so that runs can be compared."""
        self._ids += 1
        return f"{self._ids:08d}"

    # -- nodes -------------------------------------------------------------------------------

    def node(self, name: str, queues: Iterable[str] = (), number: int | None = None) -> Node:
        """A new OS process, whose worker serves these queues."""
        node = Node(self, name, queues, len(self.nodes) + 1 if number is None else number)
        self.nodes.append(node)
        return node

    def engine(self, node: Node, *, has_worker: bool = True) -> EngineCore:
        """An engine of this node on the common store."""
        return EngineCore(*self.parts(node, has_worker=has_worker))

    def parts(self, node: Node, *, has_worker: bool) -> tuple[Any, ...]:
        """What an engine of this node is made of."""
        vault = self.vault(node)
        settings = Settings(has_worker=False, vault=vault)
        if has_worker:
            settings = dataclasses.replace(self._settings, queues=node.queues, vault=vault)
            if self.watch is not None:
                ear = Ear(node, self.watch)
                settings = dataclasses.replace(settings, listeners=(ear,))

        async def sleep(seconds: float) -> None:
            if seconds == GLANCE_SECONDS:  # it need not look before there is something to see
                await node.stirring.wait()
                seconds *= node.random.random()
            await asyncio.sleep(seconds)

        surround = Surround(node.clock, node.new_id, sleep, lambda _: InlineExecutor())
        door = self._door(node, self.store)
        backend = LocalBackend(door, node.clock, self._kinds, self.codecs)
        return backend, surround, settings, tuple(self.code(node))

    async def worker(self, node: Node) -> None:
        """A worker's main program: until its node dies or is `leaving`, or it can't even begin."""
        try:
            async with self.engine(node):
                await node.leaving.wait()
            node.die()
        except StoreUnavailableError:
            node.die()
        except Exception as error:
            if node.is_dead:
                raise
            self.find(f"{node.name} broke: {type(error).__name__}: {error}")
            node.die()

    def later(self, call: Callable[[], Awaitable[Any]]) -> None:
        """Let something happen that is on its way, whoever dies."""
        seconds = self.latency()

        async def arrive() -> None:
            await asyncio.sleep(seconds)
            await call()

        self.loop.create_task(arrive(), context=contextvars.Context())

    def lost(self, node: Node) -> None:
        """Hear that a node has died."""

    # -- by hand -----------------------------------------------------------------------------

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
            self.stop_all()
            self._sweep()
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    def stop_all(self) -> None:
        """Let everybody die, and nobody be born any more."""
        self._is_over = True
        for node in self.nodes:
            node.die()

    def _sweep(self) -> None:
        """Close what the dead have left; nothing of it matters any more."""
        for task in self.loop.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
                with contextlib.suppress(BaseException):
                    task.get_coro().close()
        self.loop.tasks.clear()


def _whose() -> str:
    node = CURRENT.get()
    return "the world" if node is None else node.name
