"""A SQLite file with something of everything in it, as engines leave it behind; and its world.

What stands in it was made by a whole engine of all doors, whose worker then died with processes
and tasks in its hands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from itertools import count as numbers
from pathlib import Path
from typing import Any, TypeVar

from corago import State, child, current, done, init, sleep, step, wait_for, workflow
from corago.backends.local import LocalBackend
from corago.core import events as e
from corago.decider import (
    CompleteProcess,
    ContinueAsNew,
    Process,
    ScheduleActivity,
    StartTimer,
    Workflow,
    activity,
)
from corago.errors import ProcessNotFoundError
from corago.machine import define
from corago.runtime.engine import EngineCore
from corago.runtime.executor import InlineExecutor
from corago.runtime.settings import Settings, Surround
from corago.wiring import KINDS
from tests.fuzz.inline import InlineStore, LoopClock, QuietLoop

T = TypeVar("T")

TEXT = "a text " * 1300
LARGE = "a large value " * 1500
QUEUES = ("gpu", "outside")
LEASE = timedelta(seconds=15)


class Veil:
    """A codec for some texts only, so that one file holds both kinds."""

    name = "veil"

    def encode(self, data: bytes) -> bytes:
        """Reverse what is private."""
        return data[::-1] if b"a private word" in data else data

    def decode(self, data: bytes) -> bytes:
        """Reverse it again."""
        return data[::-1]


class Hands:
    """Whether what runs in a worker's hands comes to an end."""

    hang = False


async def _held() -> None:
    while Hands.hang:
        await asyncio.sleep(3600)


@step("Count")
def count(n: int = 0) -> State:
    return {"n": n + 1}


@step("Grow")
def grow() -> State:
    return {"large": LARGE}


@step("Fail")
def fail() -> State:
    raise OSError("no power")


@step("File")
def file(number: int) -> State:
    current().put_document("port", "a", {"by": number}, expected=number, actor="ann")
    return {}


@step("Hang")
async def hang() -> State:
    await _held()
    return {"hung": True}


@step("Render", queue="gpu")
async def render() -> State:
    await _held()
    return {"rendered": True}


@step("Once", at_most_once=True)
async def run_once() -> State:
    await _held()
    return {"once": True}


@step("Far", queue="far")
def far_away() -> State:
    return {"far": True}


@activity(queue="outside", auto_complete=False, heartbeat_timeout=1e6)
async def ask(n: int) -> None:
    current().heartbeat({"asked": n})


@activity(
    queue="gpu",
    heartbeat_timeout=1e6,
    schedule_to_start=1e6,
    start_to_close=1e6,
    schedule_to_close=1e7,
)
async def draw(n: int) -> int:
    current().heartbeat({"drawn": n})
    await _held()
    return n


@activity(queue="far", schedule_to_start=1e6)
def never(n: int) -> int:
    return n


def _listing(name: str, *steps: Any) -> Any:
    def listed() -> Any:
        whole: Any = init
        for each in steps:
            whole = whole >> each
        return whole >> done

    listed.__name__ = name
    return workflow("Some steps")(listed)


part = _listing("part", count, wait_for("go"))
simple = _listing("simple", count, wait_for("go"), count.named("Again"))
family = _listing("family", count, child(part, into="got"))
sleeping = _listing("sleeping", count, sleep(120))
growing = _listing("growing", grow, wait_for("go"), count)
failing = _listing("failing", count, fail)
filing = _listing("filing", file)
hanging = _listing("hanging", count, hang)
rendering = _listing("rendering", count, render)
once = _listing("once", run_once)
far = _listing("far", far_away)

door = define(
    {
        "name": "door",
        "version": 1,
        "initial": "closed",
        "external": {"badge_ok": {"type": "boolean", "default": False}},
        "states": {
            "closed": {"on": [{"event": "go", "to": "opened"}, {"event": "lock", "to": "locked"}]},
            "opened": {"after": [{"delay": "PT50S", "to": "ended"}]},
            "locked": {"on": [{"event": "unlock", "if": "external.badge_ok", "to": "closed"}]},
            "ended": {"terminal": True},
        },
    }
)


class Rounds(Workflow):
    """Goes through three runs, then waits."""

    def decide(self, process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.ProcessStarted):
                if process.input < 3:
                    yield StartTimer(5)
            elif isinstance(event, e.TimerFired):
                yield ContinueAsNew(process.input + 1, tags=("red", f"run {process.input + 1}"))
            elif isinstance(event, e.SignalReceived):
                yield CompleteProcess(process.input)


class Asking(Workflow):
    """Has activities in queues: one held, one left to somebody outside, one that nobody takes."""

    activities = [ask, draw, never]

    def decide(self, process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.ProcessStarted):
                yield ScheduleActivity(ask, 1)
                yield ScheduleActivity(draw, 2)
                yield ScheduleActivity(never, 3)
                yield StartTimer(100, "wake")
            elif isinstance(event, e.SignalReceived):
                yield CompleteProcess("enough")


WORKFLOWS = (
    *(part, simple, family, sleeping, growing, failing, filing, hanging, rendering, once, far),
    *(door, Rounds, Asking),
)


class Unglancing(EngineCore):
    """An engine that is alone with its file, and looks for nobody else's writes."""

    async def _glance(self) -> None:
        await asyncio.get_running_loop().create_future()


class World:
    """One file, and the virtual time of whoever works on it; `from_second` on."""

    def __init__(self, path: Path, from_second: float = 0.0) -> None:
        self.path = path
        self.loop = QuietLoop(from_second)
        self.clock = LoopClock(self.loop)
        self.stores: list[InlineStore] = []
        self._ids = numbers(int(from_second) + 1)

    def new_id(self) -> str:
        return f"{next(self._ids):08d}"

    def engine(self, *, has_worker: bool = True, queues: tuple[str, ...] = QUEUES) -> EngineCore:
        store = InlineStore(self.path, self.clock, patience=0.0)
        self.stores.append(store)
        return Unglancing(
            LocalBackend(store, self.clock, KINDS, (Veil(),)),
            Surround(self.clock, self.new_id, asyncio.sleep, lambda _: InlineExecutor()),
            Settings(has_worker=has_worker, lease=LEASE, queues=queues if has_worker else ()),
            WORKFLOWS,
        )

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """The answer of a story; what still stands then is dead, and has written its last."""
        asyncio.set_event_loop(self.loop)
        try:
            return self.loop.run_until_complete(asyncio.wait_for(story, 10_000))
        finally:
            self._end()
            asyncio.set_event_loop(None)
            self.loop.close()

    def _end(self) -> None:
        for task in self.loop.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with contextlib.suppress(BaseException):
                    task.get_coro().close()
        for store in self.stores:
            opened = store._opened
            if opened is not None:
                with contextlib.suppress(Exception):
                    opened.writer._connection.close()
                    opened.writer._pen.locks.close()
                    opened.readers._let_go()


ENDS_AT = 1000.0
"""The virtual second at which the furnished file is left alone."""


def furnish(path: Path) -> None:
    """Make the file."""
    Hands.hang = True
    try:
        world = World(path)
        world.run(_furnish(world))
        world = World(path, ENDS_AT)
        world.run(_visit(world))
    finally:
        Hands.hang = False


async def _furnish(world: World) -> None:
    """What a worker does before it dies."""
    engine = await world.engine().open()
    for id, workflow_, given in _early():
        await engine.start(workflow_, given, id=id, tags=("blue", id), timeout=1e7)
    await asyncio.sleep(60)
    await engine.signal("simple:done", "go", key="k1")
    await engine.signal("door:opened", "lock", {"a": 1}, key="k2", actor="ann")
    await engine.update("door:opened", {"badge_ok": True}, key="k3")
    await engine.signal("door:opened", "unlock")
    await engine.abort("simple:aborted", actor="ann", reason="why not")
    await asyncio.sleep(ENDS_AT - 70 - world.loop.time())
    for id, workflow_, given in _late():
        await engine.start(workflow_, given, id=id, tags=("late",))
    await engine.signal("door:timed", "go")
    await engine.cancel("stopping", reason="too late")
    await asyncio.sleep(ENDS_AT - world.loop.time())


async def _visit(world: World) -> None:
    """What a client does afterwards, while nobody works."""
    engine = await world.engine(has_worker=False).open()
    for id in ("simple:poked", "door:poked", "hanging", "once", "family/part"):
        with contextlib.suppress(ProcessNotFoundError):
            await engine.signal(id, "go", {"from": id}, key=f"of {id}", reason="poked")
            await engine.signal(id, "lock" if "door" in id else "more")
    await engine.update("door:poked", {"badge_ok": True})
    await engine.retry("failing")
    for number in range(3):
        given = {"n": number, "text": TEXT}
        await engine.start(simple, given, id=f"simple:new{number}", tags=("new",))
    await engine.pause()
    await engine.unpause()


def _early() -> Iterator[tuple[str, Any, Any]]:
    yield from ((f"simple:{name}", simple, {}) for name in ("done", "aborted", "open", "poked"))
    yield from ((f"simple:{name}", simple, {"text": TEXT}) for name in ("saved", "kept"))
    yield "simple:private", simple, {"said": "a private word"}
    yield "family", family, {}
    yield from ((f"growing:{number}", growing, {"n": number}) for number in range(2))
    yield "failing", failing, {}
    yield "far", far, {}
    yield from ((f"filing:{number}", filing, {"number": number}) for number in range(3))
    yield from ((f"door:{name}", door, {}) for name in ("closed", "opened", "poked"))
    yield "rounds", Rounds, 1
    yield "asking:early", Asking, TEXT


def _late() -> Iterator[tuple[str, Any, Any]]:
    yield "sleeping", sleeping, {}
    yield "rounds:late", Rounds, 1
    yield "door:timed", door, {}
    yield from ((each.name, each, {}) for each in (hanging, rendering, once))
    yield "stopping", rendering, {}
    yield "asking", Asking, 7
