"""Machines in a whole engine: events, stores, timers, work, incidents, restarts, edits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from corago import Engine, InvalidInputError, ProcessTimedOutError, WorkflowNotFoundError
from corago.core import events as e
from corago.machine import define
from corago.runtime.engine import EngineCore
from tests.runtime.stage import Stage, kinds, reaches, until

DOOR: dict[str, Any] = {
    "name": "door",
    "version": 1,
    "initial": "closed",
    "external": {"badge_ok": {"type": "boolean", "default": False}},
    "states": {
        "closed": {"on": [{"event": "open", "to": "opened"}, {"event": "lock", "to": "locked"}]},
        "opened": {"on": [{"event": "close", "to": "closed"}]},
        "locked": {"on": [{"event": "unlock", "if": "external.badge_ok", "to": "closed"}]},
    },
}
door = define(DOOR)

JOB: dict[str, Any] = {
    "name": "job",
    "initial": "working",
    "external": {"size": "integer"},
    "internal": {"made": "integer"},
    "states": {
        "working": {
            "run": {"activity": "work", "args": {"size": "external.size"}},
            "done": [{"set": {"internal.made": "result"}, "to": "resting"}],
            "on": [{"event": "stop", "to": "stopped"}],
        },
        "resting": {
            "after": [{"delay": "PT1H", "to": "stopped"}],
            "on": [{"event": "go", "to": "working"}],
        },
        "stopped": {"terminal": True, "enter": {"effect": {"activity": "tell"}}},
    },
}


class Crew:
    """The functions of a job: they do as they are told."""

    def __init__(self) -> None:
        self.fails = False
        self.gate: asyncio.Event | None = None
        self.told = 0

    async def work(self, size: int) -> int:
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise OSError("no power")
        return size * 2

    def tell(self) -> None:
        self.told += 1

    def job(self, document: dict[str, Any] = JOB) -> Any:
        return define(document, functions={"work": self.work, "tell": self.tell})


def played(stage: Stage, story: Callable[[EngineCore], Awaitable[Any]]) -> Any:
    async def play() -> Any:
        async with stage.engine() as engine:
            return await story(engine)

    return stage.run(play())


async def stands(engine: EngineCore, id: str, state: str) -> None:
    async with asyncio.timeout(1e7):
        while (await engine.info(id)).state != state:
            await asyncio.sleep(600)


def test_a_door_stays_as_it_is_until_an_event_says_otherwise() -> None:
    async def story(engine: EngineCore) -> None:
        await engine.start(door, id="d")
        for event, state in [
            ("lock", "locked"),
            ("open", "locked"),
            ("unlock", "locked"),
            ("lock", "locked"),
        ]:
            await engine.signal("d", event)
            await reaches(engine, "d", "waiting")
            await asyncio.sleep(1000)
            assert (await engine.info("d")).state == state
        await engine.update("d", {"badge_ok": True})
        await asyncio.sleep(1000)
        assert (await engine.info("d")).state == "locked"  # a badge is no key that turns itself
        await engine.signal("d", "unlock")
        await stands(engine, "d", "closed")

    played(Stage(door), story)


def test_an_event_that_no_edge_takes_is_refused_with_the_reason_and_the_process_lives_on() -> None:
    async def story(engine: EngineCore) -> None:
        await engine.start(door, id="d")
        await engine.signal("d", "lock", actor="ann")
        await engine.signal("d", "unlock", actor="bob")
        await stands(engine, "d", "locked")
        await reaches(engine, "d", "waiting")
        refused = (await engine.history("d")).of(e.CommandRefused)
        assert [each.command for each in refused] == ["event unlock"]
        (why,) = refused[0].edges.values()
        assert "external.badge_ok is false" in why
        told = await engine.preview("d", signal="unlock")
        assert [(each.path, each.why) for each in told.refused] == [("states/locked/on/0", why)]
        assert told.state == "locked"

    played(Stage(door), story)


def test_an_event_that_no_state_takes_is_refused_at_the_door() -> None:
    with Engine(workflows=[door]) as engine:
        engine.start(door, id="d")
        with pytest.raises(InvalidInputError, match="did you mean 'open'"):
            engine.signal("d", "opne")
        with pytest.raises(InvalidInputError, match="badge_okay"):
            engine.update("d", {"badge_okay": True})
        with pytest.raises(InvalidInputError, match="badge_ok"):
            engine.start(door, {"badge_ok": "yes"})


def test_work_timers_and_effects_make_one_story() -> None:
    crew = Crew()
    job = crew.job()
    stage = Stage(job)

    async def story(engine: EngineCore) -> None:
        handle = await engine.start(job, {"size": 4}, id="j")
        result = await engine.wait(handle.id)
        assert result == {"state": "stopped", "internal": {"made": 8}, "external": {"size": 4}}
        assert crew.told == 1
        assert stage.seconds >= 3600
        assert await kinds(engine, "j") == [
            "ProcessStarted",
            "Transitioned",
            "ActivityClosed",
            "Transitioned",
            "TimerStarted",
            "TimerFired",
            "Transitioned",
            "ActivityClosed",
            "ProcessCompleted",
        ]

    played(stage, story)


def test_work_of_a_state_that_is_left_is_stopped_and_its_end_is_recorded() -> None:
    crew = Crew()
    job = crew.job()

    async def story(engine: EngineCore) -> None:
        crew.gate = asyncio.Event()
        await engine.start(job, {"size": 4}, id="j")
        await stands(engine, "j", "working")
        await engine.signal("j", "stop")
        assert (await engine.wait("j"))["state"] == "stopped"
        assert (await engine.info("j")).internal == {"made": 0}

    played(Stage(job), story)


def test_without_an_error_state_a_failure_waits_for_a_person() -> None:
    crew = Crew()
    job = crew.job()

    async def story(engine: EngineCore) -> None:
        crew.fails = True
        await engine.start(job, {"size": 4}, id="j")
        await reaches(engine, "j", "suspended")
        told = await engine.explain("j")
        assert told.reason == "suspended"
        assert "no power" in str(told)
        crew.fails = False
        await engine.retry("j", actor="ann")
        await stands(engine, "j", "resting")
        closed = (await engine.history("j")).of(e.ActivityClosed)
        assert len({(each.path, each.occurrence) for each in closed}) == 1

    played(Stage(job), story)


def test_a_lifetime_without_a_target_times_the_process_out() -> None:
    brief = define({**DOOR, "name": "brief", "lifetime": "PT1H"})

    async def story(engine: EngineCore) -> None:
        await engine.start(brief, id="b")
        with pytest.raises(ProcessTimedOutError):
            await engine.wait("b")

    played(Stage(brief), story)


def test_what_it_waits_for_is_told(tmp_path: Path) -> None:
    crew = Crew()
    job = crew.job()
    with Engine(f"sqlite:///{tmp_path}/j.db", workflows=[job]) as engine:
        engine.start(job, {"size": 1}, id="j")

        async def rests() -> None:
            await until(lambda: engine.get("j").info().state == "resting")

        asyncio.run(rests())
        sentence = str(engine.explain("j"))
        assert "in state 'resting'" in sentence
        assert "the signal 'go'" in sentence
        assert "after PT1H → stopped is due at" in sentence


def test_processes_keep_their_document_and_run_by_the_functions_of_today(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/j.db"
    old, new = Crew(), Crew()
    old.fails = True
    states = {**JOB["states"], "resting": {"on": [{"event": "go", "to": "stopped"}]}}
    first, second = old.job(), new.job({**JOB, "states": states})
    with Engine(url, workflows=[first]) as engine:
        engine.start(first, {"size": 4}, id="j")

        async def fails() -> None:
            await until(lambda: engine.get("j").info().status == "suspended")

        asyncio.run(fails())
    with Engine(url, workflows=[second]) as engine:
        engine.retry("j")

        async def rests() -> None:
            await until(lambda: engine.get("j").info().state == "resting")

        asyncio.run(rests())
        info = engine.get("j").info()
        assert info.sha == first.sha
        assert any(wait.kind == "timer" for wait in info.waits)


def test_a_client_needs_no_code_and_a_worker_all_of_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/j.db"
    crew = Crew()
    job = crew.job()
    with Engine(url, workflows=[job]) as engine:
        engine.start(job, {"size": 4}, id="j")

        async def rests() -> None:
            await until(lambda: engine.get("j").info().state == "resting")

        asyncio.run(rests())
    with Engine(url, worker=False) as client:
        assert client.preview("j", signal="go").state == "working"
        assert client.get("j").info().internal == {"made": 8}
        with pytest.raises(WorkflowNotFoundError):
            client.start("jobs")


def test_what_a_machine_does_to_its_external_store_stands_in_its_column(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    counter = define(
        {
            "name": "counter",
            "initial": "a",
            "external": {"n": {"type": "integer", "default": 0}},
            "states": {
                "a": {"on": [{"event": "up", "set": {"external.n": "external.n + 1"}}]},
            },
        },
        code=False,
    )
    with Engine(f"sqlite:///{path}", workflows=[counter]) as engine:
        engine.start(counter, id="c")
        engine.signal("c", "up")

        async def counted() -> None:
            await until(lambda: engine.get("c").info().external == {"n": 1})

        asyncio.run(counted())
    with sqlite3.connect(path) as database:
        (kept,) = database.execute("select external_state from workflow_instances").fetchone()
    database.close()
    assert kept == '{"n":1}'
