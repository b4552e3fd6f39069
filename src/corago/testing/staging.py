"""The stage of a crash: one process, one worker at a time, and a clock that waits for both.

Decides nothing about a test; `crashing` says where the worker dies and what is made of the end.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from corago.backends.local import LocalBackend
from corago.clock import NEVER, Sleeper
from corago.core.events import CLOSED_STATUSES
from corago.core.history import History
from corago.ports.store import Append, Change, Peer, Store
from corago.runtime.engine import GLANCE_SECONDS, EngineCore
from corago.runtime.executor import InlineExecutor
from corago.runtime.settings import Settings, Surround, Workflow
from corago.runtime.views import Explanation, ProcessInfo
from corago.testing.clock import VirtualClock
from corago.testing.decisions import Histories
from corago.testing.effects import Account, Ear, Effect
from corago.testing.operating import MANY, PROCESS, Operator
from corago.testing.simulator import Node, SimulatedStore, Simulation
from corago.testing.simulator.serving import queues_of
from corago.wiring import KINDS

LEASE = timedelta(days=1)
"""How long a worker is believed alive, on the virtual loop; a death is seen at once here."""

LEAST_SECONDS, MOST_SECONDS = 0.002, 5.0
"""How long the stage waits between two looks, on the virtual loop."""

PATIENCE_SECONDS = 86_400.0
"""How long a worker may be busy before the stage gives up, on the virtual loop."""

CLAIMS, IDLE = ("claim", "claim_tasks"), " of nothing"
"""The calls that look for work, and what is said of one that found none."""

Strikes = Callable[[int, str, tuple[Any, ...]], bool]
"""Whether the worker dies at this store call: its number from 1, its name, its arguments."""


@dataclass(frozen=True, slots=True)
class End:
    """How the process and its children stand when nothing more will happen."""

    infos: Mapping[str, ProcessInfo]
    histories: Histories
    explanation: Explanation
    effects: tuple[Effect, ...]

    @property
    def info(self) -> ProcessInfo:
        """The process."""
        return self.infos[PROCESS]

    @property
    def history(self) -> History:
        """What was recorded of its last run."""
        return self.histories[PROCESS, self.info.run]


class Stage(Simulation):
    """A world of one process, one client, and one worker at a time; the first one may die."""

    def __init__(
        self,
        workflows: Iterable[Workflow],
        strikes: Strikes,
        *,
        is_before: bool,
        forget: Callable[[], object] = lambda: None,
    ) -> None:
        """The first worker dies at the store call that `strikes` names, before or after it.

        `forget` is called then.
        """
        self.time = StageClock()
        super().__init__(0, workflows, KINDS, lease=LEASE, clock=self.time)
        self.calls: list[str] = []
        self.has_struck = False
        self.first: Node | None = None
        self.strikes = strikes
        self.is_before = is_before
        self.forget = forget
        self.workers: dict[int, Node] = {}
        self.account = Account()
        self.ids: dict[int, str] = {}

    def latency(self) -> float:
        """Messages take no time here."""
        return 0.0

    def engine(self, node: Node, *, has_worker: bool = True) -> EngineCore:
        """An engine that lives and dies with its node."""
        clock = NodeClock(self.time, node)
        store: Any = StagedStore(self, node, self.store)
        surround = Surround(clock, self.new_id, _without_glances, lambda _: InlineExecutor())
        queues = queues_of(self.workflows) if has_worker else ()
        listeners = (Ear(self.account, node.name),) if has_worker else ()
        settings = Settings(has_worker=has_worker, lease=LEASE, queues=queues, listeners=listeners)
        return EngineCore(LocalBackend(store, clock, KINDS), surround, settings, self.workflows)

    def is_batch(self, name: str) -> bool:
        """Whether the workflow of this name, or a child's, is a decider."""
        return any(each.program.batch for each in _called(name, self.workflows))

    def perform(self, workflow: Workflow, input: Any, operator: Operator) -> End:
        """Run the process until nothing more will happen."""
        operator.is_unasked = workflow.program.batch
        return self.run(self._watched(workflow, input, operator), limit=timedelta(days=36500))

    async def _watched(self, workflow: Workflow, input: Any, operator: Operator) -> End:
        client = self.node("client")
        return await client.spawn(self._story(client, workflow, input, operator))

    async def _story(self, client: Node, workflow: Workflow, input: Any, operator: Operator) -> End:
        async with self.engine(client, has_worker=False) as engine:
            await engine.start(workflow, input, id=PROCESS)
            while await self._rests():
                if await operator.act(engine):
                    continue
                is_closed = (await engine.info(PROCESS)).status in CLOSED_STATUSES
                if is_closed or not self.time.jump():
                    break
            infos = {each.id: each for each in await engine.processes(limit=MANY)}
            histories = {
                (id, run): await engine.history(id, run=run)
                for id, info in infos.items()
                for run in range(1, info.run + 1)
            }
            explanation = await engine.explain(PROCESS)
            return End(infos, histories, explanation, tuple(self.account.effects))

    async def _rests(self) -> bool:
        """Wait until a living worker rests; it has buried the dead when it began.

        Gives False for one that is busy for too long.
        """
        seconds, left = LEAST_SECONDS, PATIENCE_SECONDS
        while left > 0:
            await asyncio.sleep(seconds)
            left -= seconds
            # again and again from the least on, so that no beat of a worker keeps step with it
            seconds = seconds * 2 if seconds < MOST_SECONDS else LEAST_SECONDS
            if self._is_still():
                return True
        return False

    def _is_still(self) -> bool:
        node = self.nodes[-1]
        if self.first is None or node.is_dead:
            if self.first is not None:
                self.forget()
            node = self.node(f"worker {len(self.nodes)}")
            node.spawn(self.worker(node))
            self.first = self.first or node
        return self.time.knows(node) and self.time.is_at_rest


def _called(name: str, workflows: Iterable[Workflow]) -> Iterator[Workflow]:
    """Those of this name, among these and their children."""
    left, seen = list(workflows), set[str]()
    while left:
        each = left.pop()
        if each.sha not in seen:
            seen.add(each.sha)
            left += each.children
            if each.name == name:
                yield each


class StagedStore(SimulatedStore):
    """A node's connection to the store: it hears everything at once, and sees who is dead.

    That of the first worker counts its calls, and ends with it.
    """

    def __init__(self, stage: Stage, node: Node, store: Store) -> None:
        """Join a node to the store."""
        super().__init__(node, store)
        self._stage = stage

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Every call of the port, with the crash at the right one."""
        method, stage, node = super().__getattr__(name), self._stage, self._node

        async def call(*arguments: Any, **named: Any) -> Any:
            strikes = False
            if node is stage.first:
                stage.calls.append(name)
                strikes = stage.strikes(len(stage.calls), name, arguments)
                stage.has_struck = stage.has_struck or strikes
            if strikes and stage.is_before:
                await self._die()
            number = len(stage.calls)
            answer = await method(*arguments, **named)
            if name == "beat":
                stage.workers[answer] = node
            if name in CLAIMS and node is stage.first and not answer.taken:
                stage.calls[number - 1] += IDLE
            self._note(name, arguments, answer)
            if strikes:
                await self._die()
            return self._seen(answer) if name == "peers" else answer

        return call

    def _note(self, name: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """Keep in mind what the store has taken in, whether or not anybody hears its answer."""
        stage = self._stage
        if name == "claim":
            stage.ids |= {each.row.instance: each.row.process_id for each in answer.taken}
        elif name == "append" and answer is None:
            append: Append = arguments[0]
            process, run = stage.ids.get(append.fence.instance), append.fence.run
            if process is not None:  # else nothing of it has begun
                stage.account.recorded(process, run, append.events, self._node.name)

    def _seen(self, peers: list[Peer]) -> list[Peer]:
        """The workers, with the dead known as such: by a lock that their OS has let go."""
        workers = self._stage.workers
        return [replace(peer, is_dead=workers[peer.id].is_dead) for peer in peers]

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Be told of every commit, whoever made it."""
        loop, context = self._stage.loop, contextvars.copy_context()

        def hear(change: Change) -> None:
            loop.call_soon(listener, change, context=context)

        return self._store.subscribe(hear)


async def _without_glances(seconds: float) -> None:
    """Sleep; nobody looks for other writers here, since all are heard at once."""
    await asyncio.sleep(LEASE.total_seconds() if seconds == GLANCE_SECONDS else seconds)


class StageClock(VirtualClock):
    """The clock of all nodes; the stage moves it."""

    def __init__(self) -> None:
        """It stands still."""
        super().__init__(jumps=False)

    def add(self, sleeper: Mortal) -> None:
        """Let the worker of a node have a say."""
        self._sleepers.append(sleeper)

    def knows(self, node: Node) -> bool:
        """Whether the worker of this node has begun."""
        return any(isinstance(each, Mortal) and each.node is node for each in self._sleepers)


class NodeClock:
    """The clock as a node sees it."""

    def __init__(self, clock: StageClock, node: Node) -> None:
        """All nodes have the same time."""
        self.now = clock.now
        self.monotonic = clock.monotonic
        self.patience = clock.patience
        self._clock = clock
        self._node = node

    def join(self, sleeper: Sleeper) -> Callable[[], None]:
        """Let the worker of this node have a say while it lives."""
        self._clock.add(Mortal(self._node, sleeper))
        return lambda: None


@dataclass(frozen=True, slots=True)
class Mortal:
    """A worker that waits for nothing once its node is dead."""

    node: Node
    sleeper: Sleeper

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the stage."""
        return self.sleeper.loop

    @property
    def wakes_at(self) -> datetime:
        """The instant that it waits for."""
        return NEVER if self.node.is_dead else self.sleeper.wakes_at

    def time_moved(self) -> None:
        """The calendar shows another instant."""
        if not self.node.is_dead:
            self.sleeper.time_moved()
