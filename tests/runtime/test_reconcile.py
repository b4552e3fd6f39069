"""What is wanted now is a level.

What is no longer wanted stops, what is another occurrence begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from corago.activity import ActivityFunction
from corago.core import codec
from corago.core import decisions as d
from corago.core import events as e
from corago.core.calls import Calls
from corago.core.plain import Plain
from corago.core.program import Difference
from tests.runtime.stage import Stage, ends, until


class Place(msgspec.Struct, frozen=True):
    """Where the process stands, and how often it came there."""

    name: str = "a"
    visits: int = 1


class Rooms(Plain):
    """A door of its own: the process works in a room until a signal names the next one."""

    state_type = Place
    decide_limit = 10

    def check_input(self, given: Any) -> dict[str, Any]:
        return given or {}

    def initial(self, started: e.ProcessStarted) -> Place:
        return Place()

    def evolve(self, state: Place, event: e.Event) -> Place:
        if isinstance(event, e.SignalReceived):
            return Place(event.name, state.visits + 1)
        return state

    def decide(self, state: Place, calls: Calls) -> tuple[d.Decision, ...]:
        if state.name == "exit":
            return (d.CompleteProcess({"visits": state.visits}),)
        return (d.ScheduleActivity(state.name, {}, state.visits),)

    def view(self, state: Place) -> Any:
        return state.name

    def differences(self, *_: Any) -> tuple[Difference, ...]:
        return (Difference("", "rooms stay as they are"),)

    def adopt(self, *_: Any) -> Place:
        raise ValueError("rooms stay as they are")

    def held(self, state: Place) -> Iterable[Any]:
        return ()

    def discreet(self, values: Any) -> Any:
        return values


@dataclass
class RoomsWorkflow:
    """The door's only workflow."""

    functions: Mapping[str, Any]
    name: str = "rooms"
    version: int = 1
    timeout: float | None = None
    document: dict[str, Any] = field(default_factory=lambda: {"kind": "rooms"})
    sha: str = "0" * 64
    program: Rooms = field(default_factory=Rooms)
    children: tuple[Any, ...] = ()


def rooms(stage: Stage, log: list[str]) -> RoomsWorkflow:
    def function(path: str) -> ActivityFunction:
        async def work() -> dict[str, Any]:
            log.append(f"{path} begins {stage.seconds:g}")
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                log.append(f"{path} stops {stage.seconds:g}")
                raise
            return {}

        return ActivityFunction(path, work, True, lambda view: {}, codec.plain)

    return RoomsWorkflow({path: function(path) for path in ("a", "b")})


def test_what_is_no_longer_wanted_is_stopped_and_its_end_is_not_recorded() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(rooms(stage, log), id="p")
            await asyncio.sleep(1)
            await engine.signal("p", "b")
            await asyncio.sleep(1)
            await engine.signal("p", "exit")
            assert await handle.result(timeout=1) == {"visits": 3}
            assert await ends(engine, "p") == []
            assert engine._worker is not None
            await until(lambda: engine._worker is not None and not engine._worker.turns)

    stage.run(story())
    assert log == ["a begins 0", "a stops 1", "b begins 1", "b stops 2"]


def test_another_visit_is_another_occurrence_and_begins_anew() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(rooms(stage, log), id="p")
            await asyncio.sleep(1)
            await engine.signal("p", "a")
            await asyncio.sleep(100.5)
            closed = (await engine.history("p")).of(e.ActivityClosed)
            assert [(each.path, each.occurrence) for each in closed] == [("a", 2)]
            await engine.signal("p", "exit")
            await engine.wait("p", 1)

    stage.run(story())
    assert log[:3] == ["a begins 0", "a stops 1", "a begins 1"]


def test_a_signal_in_the_middle_of_a_step_starts_nothing_twice() -> None:
    stage = Stage()
    log: list[str] = []
    body = rooms(stage, log)

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(body, id="p")
            for _ in range(10):
                await asyncio.sleep(1)
                await engine.update("p", {"n": 1})
            assert log == ["a begins 0"]
            await engine.abort("p")

    stage.run(story())
