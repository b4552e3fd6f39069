"""A store with one process that is worked at by hand, and the watch that hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from corago import State, child, step, wait_for
from corago.activity import Context
from corago.backends.local import LocalBackend
from corago.core import codec, kernel
from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import LiveCalls
from corago.core.tasks import DecisionTask, Hold
from corago.ports.backend import Start
from corago.ports.rows import Append, Definition, NewProcess
from corago.runtime.settings import Workflow
from corago.stores.memory import MemoryStore
from corago.testing import VirtualClock
from corago.testing.simulator.sights import at_once
from corago.testing.simulator.watching import Watch
from corago.wiring import KINDS
from tests.runtime.families import named

replace = msgspec.structs.replace

Told = tuple[tuple[Any, ...], Any]
"""The arguments of a call, and its answer."""


@step("First")
def first() -> State:
    return {}


@step("Once", at_most_once=True)
def once() -> State:
    return {}


@step("Queued", queue="gpu")
def queued() -> State:
    return {}


PART = named("Part", wait_for("done"))
FORM = named("Form", first, wait_for("go"), once, queued, child(PART))


@dataclass(eq=False)
class Body:
    """What the watch sees of a node."""

    name: str
    is_dead: bool = False
    is_paused: bool = False
    is_deaf: bool = False
    clock: Any = None


@dataclass
class Stand:
    """A store with one process, worked at by hand, and the watch that hears of it.

    `twists` change what it hears of a call; `heard` is what it heard last of each.
    """

    clock: VirtualClock = field(default_factory=VirtualClock)
    twists: dict[str, Callable[[tuple[Any, ...], Any], Told]] = field(default_factory=dict)
    heard: dict[str, Told] = field(default_factory=dict)
    written: list[Append] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock)
        at_once(self.store.open())
        self.watch = Watch(self.store, self.clock.now)
        self.node, self.other = Body("one", clock=self.clock), Body("two", clock=self.clock)
        self.backend = LocalBackend(Spy(self, self.node), self.clock, KINDS)  # type: ignore[arg-type]
        self.worker = at_once(self.backend.heartbeat("worker"))
        for each in (PART, FORM):
            self.begins(each)

    def begins(self, workflow: Workflow) -> None:
        """Let processes be of this workflow from now on."""
        self.definition = at_once(self.backend.define(defined(workflow), workflow.program))

    def tell(self, call: str, told: Told, node: Body | None = None) -> None:
        arguments, answer = told
        self.watch.done(node or self.node, call, arguments, answer)  # type: ignore[arg-type]

    # -- work by hand ------------------------------------------------------------------------

    def start(self, *, owned: bool = False) -> None:
        owner = self.worker if owned else None
        at_once(self.backend.start(Start("p", self.definition, {}, owner=owner)))

    def signal(self, name: str, id: str = "p") -> None:
        at_once(self.backend.send(id, m.Signal(name, {"n": 1}, key=f"{name} of {id}")))

    def take(self, limit: int = 1) -> DecisionTask:
        shas = [self.definition.sha, PART.sha]
        (task,) = at_once(self.backend.poll_decision_tasks(self.worker, shas, limit)).tasks
        return task

    def turn(
        self, task: DecisionTask, *outcomes: m.Message, keeps: bool = True, **more: Any
    ) -> DecisionTask:
        """Take in what has come, and write what follows."""
        messages = (*(each.message for each in task.mail), *outcomes)
        now = self.clock.now()
        commit = kernel.advance(task.program, task.snapshot, messages, now, LiveCalls({}))
        seen = max([task.seen, *(each.seq for each in task.mail)])
        consumed = task.mail[-1].seq if task.mail else task.consumed
        commit = replace(commit, **more)
        hold = Hold(keeps=keeps)
        after = at_once(
            self.backend.complete_decision_task(task, commit, hold, consumed=consumed, seen=seen)
        )
        assert isinstance(after, DecisionTask)
        return after

    def begin(self, path: str, attempt: int = 1, node: Body | None = None) -> None:
        start = Context(process_id="p", run=1, path=path, workflow="Form", attempt=attempt)
        self.watch.began(node or self.node, start)  # type: ignore[arg-type]

    def until_once(self) -> DecisionTask:
        """Up to the step that may run only once, which has not run yet."""
        self.start()
        self.turn(self.turn(self.take()), done("First"), keeps=False)
        self.signal("go")
        return self.turn(self.take())

    def until_queued(self) -> None:
        """Up to the step in the queue."""
        self.turn(self.until_once(), done("Once"), keeps=False)

    def births(self) -> tuple[NewProcess, ...]:
        """Up to the commit that bears the child; how that is born in another world."""
        other = Stand()
        other.until_child()
        self.until_performed()
        return tuple(new for append in other.written for new in append.births)

    def until_child(self) -> None:
        """Up to the child, which waits for its signal."""
        self.until_performed()
        self.turn(self.take(), keeps=False)
        self.turn(self.take(), keeps=False)

    def until_performed(self) -> None:
        """Up to the outcome of the step in the queue, which is not taken in yet."""
        self.until_queued()
        (task,) = at_once(
            self.backend.poll_activity_tasks(self.worker, ["gpu"], [self.definition.sha], 1)
        ).tasks
        assert at_once(self.backend.heartbeat_activity_task(task, None, says=False)) is False
        assert at_once(self.backend.complete_activity_task(task, done("Queued")))

    def until_the_end(self) -> None:
        """All of it."""
        self.until_child()
        self.signal("done", "p/Part")
        self.turn(self.take())
        self.turn(self.take())

    def tick(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(timedelta(seconds=1))
            self.watch.ticked()

    def ended(self) -> list[str]:
        return at_once(self.watch.ended())


class Spy:
    """A way to the store that tells the watch of every call, as the simulated disk does."""

    def __init__(self, stand: Stand, node: Body) -> None:
        self._stand = stand
        self._node = node

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._stand.store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            answer = await method(*arguments, **named)
            told = (*arguments, *named.values()), answer
            twist = self._stand.twists.get(name)
            told = told if twist is None else twist(*told)
            self._stand.heard[name] = told
            if name == "append":
                self._stand.written.append(arguments[0])
            self._stand.tell(name, told, self._node)
            return answer

        return call

    def subscribe(self, listener: Any) -> Callable[[], None]:
        return self._stand.store.subscribe(listener)

    def stirred(self) -> bool:
        return False


def defined(workflow: Workflow) -> Definition:
    document = codec.canonical(workflow.document)
    return Definition(workflow.name, workflow.version, workflow.sha, document)


def done(path: str) -> m.Outcome:
    return m.Outcome(path, 1, 1, e.ActivityCompleted({}))


def first_of(change: Callable[[Any], Any]) -> Callable[[tuple[Any, ...], Any], Told]:
    """Another first argument."""
    return lambda arguments, answer: ((change(arguments[0]), *arguments[1:]), answer)
