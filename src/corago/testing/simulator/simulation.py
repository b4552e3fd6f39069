"""A simulated world with a story: a client, and workers that are born again when they die."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from corago.backends.local.definitions import ProgramOf
from corago.clock import Clock
from corago.runtime.settings import Workflow
from corago.stores.memory import MemoryStore
from corago.testing.simulator.clients import Client
from corago.testing.simulator.clock import SimulatedClock
from corago.testing.simulator.disk import SimulatedStore
from corago.testing.simulator.faults import CLIENT, COUNTED, EVERYBODY, Fault
from corago.testing.simulator.hearing import hearing_logs
from corago.testing.simulator.loop import StandstillError
from corago.testing.simulator.nodes import Node
from corago.testing.simulator.resting import next_instant
from corago.testing.simulator.serving import queues_of
from corago.testing.simulator.shrinking import Played
from corago.testing.simulator.watching import Watch
from corago.testing.simulator.world import DoorOf, StoreOf, World
from corago.wiring import KINDS

T = TypeVar("T")

_BIRTHS = (0.05, 1.0, 5.0)
"""How many seconds pass between a worker's death and the next one's birth."""

_TICK_SECONDS = 1.0

_PATIENCE_SECONDS = 60.0
"""How long a story goes on, in virtual time, once something is wrong."""

_LIMIT = timedelta(hours=2)

Story = Callable[[Client], Coroutine[Any, Any, T]]
"""What the client does."""


class _LeftError(AssertionError):
    """A story was left before its end, since something is wrong."""


class Simulation(World):
    """One seeded world: the same seed and faults give the same run, byte for byte.

    `play` tells a story in it; `run` is for worlds whose nodes are made by hand.

    Attributes:
        life: what a node that is born lives through; a worker's main program, if nobody says
            otherwise.
    """

    def __init__(
        self,
        seed: int,
        workflows: Iterable[Workflow],
        kinds: Mapping[str, ProgramOf] = KINDS,
        *,
        faults: Iterable[Fault] = (),
        workers: int = 2,
        queues: Iterable[str] | None = None,
        lease: timedelta = timedelta(seconds=15),
        concurrency: int = 16,
        clock: Clock | None = None,
        store: StoreOf = MemoryStore,
        door: DoorOf = SimulatedStore,
    ) -> None:
        """Nothing has begun.

        Args:
            seed: of every choice.
            workflows: whose code every node has.
            kinds: the doors by name.
            faults: what goes wrong.
            workers: how many workers a story has at a time.
            queues: the queues that they serve (default: all that the workflows use).
            lease: how long a worker is believed alive.
            concurrency: how many processes a worker holds at a time.
            clock: the calendar (default: it goes by the loop's time). One that is given does not
                jump by faults, and is not moved by `leap`.
            store: makes the common store, from the calendar. The watch looks at it in the middle
                of everything, so its calls must be done at once, and wait for nothing.
            door: makes a node's own way to the common store, such as a connection of its own.
        """
        super().__init__(
            seed,
            workflows,
            kinds,
            faults=faults,
            lease=lease,
            concurrency=concurrency,
            clock=clock,
            store=store,
            door=door,
        )
        self._queues = queues_of(self.workflows) if queues is None else tuple(queues)
        self._wanted = workers
        self._born = 0
        self._is_kept = False
        self.life: Callable[[Node], Coroutine[Any, Any, None]] = self.worker

    # -- workers -----------------------------------------------------------------------------

    def lost(self, node: Node) -> None:
        """Let another worker be born for one that has died."""
        if self._is_kept and not self._is_over and node.number != CLIENT:
            delay = node.order.choice(_BIRTHS)
            self.loop.call_later(delay, self._bear, context=contextvars.Context())

    def _bear(self) -> None:
        self._born += 1
        node = self.node(f"worker {self._born}", self._queues, self._born)
        self.note(f"{node.name} is born")
        node.spawn(self.life(node))

    # -- a story -----------------------------------------------------------------------------

    def play(self, story: Story[Any], *, limit: timedelta = _LIMIT) -> Played:
        """Tell a story, and whatever goes wrong with it; the world is over then.

        An exception of the story is a finding, and so is one that is not over after `limit` of
        virtual time, and any that an engine logs.
        """
        try:
            self.tell(story, limit=limit)
        except _LeftError:
            pass  # what is wrong is found already
        except Exception as error:  # noqa: BLE001 - all that a story can end with is told
            self.find(f"{type(error).__name__}: {error}")
        return Played(
            tuple(self.findings),
            tuple(self.trace),
            tuple(self.happened),
            dict(self.words),
            tuple(self.doings.repeated()),
        )

    def tell(self, story: Story[T], *, limit: timedelta = _LIMIT) -> T:
        """Tell a story, and give what it came to; the world is over then.

        Raises what the story raises; AssertionError a minute of virtual time after something
        went wrong; StandstillError; or TimeoutError after `limit` of virtual time.
        """
        watch = self.watch = Watch(self.store, self.clock.now, self.codecs)
        with hearing_logs(self):
            try:
                return self.go_on(self._told(story), limit=limit)
            except TimeoutError as error:
                if str(error):
                    raise
                raise TimeoutError(f"the story is not over after {limit} of virtual time") from None
            except StandstillError:
                self.stop_all()  # whoever is busy for ever would keep the watch from its end
                raise
            finally:
                try:
                    self.go_on(watch.ended())
                finally:
                    self.end()

    async def _told(self, story: Story[T]) -> T:
        self._is_kept = True
        for fault in self.faults:
            if fault.kind not in COUNTED:
                self.loop.call_at(fault.at, self._befall, fault)
        client = self.node("client", number=CLIENT)
        for _ in range(self._wanted):
            self._bear()
        living = client.spawn(self._live(client, story))
        self._tick(living, None)
        try:
            return await living
        except asyncio.CancelledError:
            if not self.findings:
                raise
            raise _LeftError(f"the world went wrong: {self.findings[0]}") from None

    async def _live(self, client: Node, story: Story[T]) -> T:
        async with Client(client, *self.parts(client, has_worker=False)) as engine:
            return await story(engine)

    def _tick(self, living: asyncio.Task[Any], since: float | None) -> None:
        """Let the watch look about; leave a story some time after something went wrong in it."""
        if self.watch is not None:
            self.watch.ticked()
        if since is None and self.findings:
            since = self.loop.time()
        if since is not None and self.loop.time() - since >= _PATIENCE_SECONDS:
            living.cancel()
        else:
            self.loop.call_later(_TICK_SECONDS, self._tick, living, since)

    def _befall(self, fault: Fault) -> None:
        """Let a fault come that has its instant."""
        meant = [each for each in self.nodes if not each.is_dead and fault.is_of(each.number)]
        if fault.kind == "jump" and fault.node == EVERYBODY and meant:
            self.happen(fault, meant[0])
            self._move(timedelta(seconds=fault.seconds))
            return
        for node in meant:
            self.happen(fault, node)
            match fault.kind:
                case "full":
                    node.fill(fault.seconds)
                case "pause":
                    node.pause(fault.seconds)
                case "deaf":
                    node.deafen(fault.seconds)
                case _:
                    node.jump(fault.seconds)

    async def rest(self) -> datetime | None:
        """The next instant that a process waits for; NEVER if none does, None while one works."""
        return await next_instant(self.store, self.clock.now())

    def leap(self, to: datetime) -> None:
        """Move everybody's calendar on to an instant, so that nobody need live through the days.

        A clock that was given to the world is not moved.
        """
        by = to - self.clock.now()
        if by > timedelta(0):
            self.note(f"all rest; it is {to:%Y-%m-%d %H:%M:%S}")
            self._move(by)

    def _move(self, by: timedelta) -> None:
        if isinstance(self.clock, SimulatedClock):
            self.clock.skew += by
