"""Engines that are not open, can't open, open again, or are asked for what makes no sense."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corago import (
    AsyncEngine,
    Engine,
    EngineClosedError,
    InvalidUrlError,
    ProcessNotFoundError,
    RequestError,
    State,
    StoreUnavailableError,
    done,
    init,
    step,
    wait_for,
    workflow,
)
from tests.runtime.stage import HANGS, Stage


@step("Greet")
def greet(name: str = "you") -> State:
    return {"greeting": f"hello {name}"}


@workflow("A greeting")
def greeting() -> Any:
    return init >> greet >> done


@workflow("A wait")
def waiting() -> Any:
    return init >> wait_for("go") >> done


def test_an_engine_that_is_not_open_says_so() -> None:
    engine = Engine(workflows=[greeting])
    with pytest.raises(EngineClosedError, match="with Engine"):
        engine.start(greeting)
    with engine:
        handle = engine.start(greeting)
    with pytest.raises(EngineClosedError, match="with Engine"):
        engine.start(greeting)
    with pytest.raises(EngineClosedError):
        handle.result(timeout=1)
    engine.close()


def test_an_async_engine_that_is_not_open_says_so() -> None:
    async def story() -> None:
        engine = AsyncEngine(workflows=[greeting])
        for call in (
            lambda: engine.start(greeting),
            lambda: engine.start_many(greeting, [{}]),
            lambda: engine.signal("p", "go"),
            lambda: engine.info("p"),
            lambda: engine.wait("p"),
            engine.pause,
            lambda: engine.abort("p"),
        ):
            with pytest.raises(EngineClosedError):
                await call()

    asyncio.run(story())


def test_who_waits_for_a_result_is_told_when_the_engine_closes() -> None:
    stage = Stage(waiting)

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(waiting)
            waiter = asyncio.create_task(handle.result())
            await asyncio.sleep(1)
        with pytest.raises(EngineClosedError):
            await waiter
        assert not engine._waiters

    stage.run(story())


def test_an_engine_may_be_opened_again() -> None:
    stage = Stage(greeting)

    async def story() -> None:
        engine = stage.engine()
        for number in range(3):
            async with engine:
                handle = await engine.start(greeting, id=f"p{number}")
                await handle.result(timeout=10)

    stage.run(story())


def test_an_engine_that_is_opened_again_believes_the_file_that_it_finds(tmp_path: Path) -> None:
    """A backup was brought back, and another engine went on with it."""
    path, backup, life = tmp_path / "work.db", tmp_path / "backup.db", ["first"]

    @step("Live")
    def live() -> State:
        return {"lived": life[0]}

    @step("Tell")
    def tell(lived: str) -> State:
        return {"told": lived}

    @workflow("Lives")
    def lives() -> Any:
        return init >> wait_for("go") >> live >> wait_for("end") >> tell >> done

    def goes_on(engine: Engine, signal: str) -> None:
        engine.signal("p", signal)
        end = time.monotonic() + 20
        while "lived" not in engine.get("p").info().state or engine.count(status="running"):
            assert time.monotonic() < end

    engine = Engine(f"sqlite:///{path}", workflows=[lives])
    with engine:
        engine.start(lives, id="p")
    shutil.copy(path, backup)
    with engine:
        goes_on(engine, "go")
    shutil.copy(backup, path)
    life[0] = "second"
    with Engine(f"sqlite:///{path}", workflows=[lives]) as other:
        goes_on(other, "go")
    with engine:
        engine.signal("p", "end")
        assert engine.get("p").result(timeout=20)["told"] == "second"


def test_opening_an_open_engine_changes_nothing() -> None:
    stage = Stage(greeting)

    async def story() -> None:
        async with await stage.engine().open() as engine:
            assert len(await engine._backend.peers()) == 1
            await (await engine.start(greeting)).result(timeout=10)
        assert stage.store._opens == 0

    stage.run(story())


@pytest.mark.parametrize("call", ["define", "beat", "peers", "pause"])
def test_an_engine_that_cannot_open_leaves_nothing_behind(call: str) -> None:
    stage = Stage(greeting)

    async def story() -> None:
        engine = stage.engine()
        stage.stores[-1].fail(call)
        before = asyncio.all_tasks()
        with pytest.raises(StoreUnavailableError):
            await engine.open()
        assert asyncio.all_tasks() == before
        assert stage.store._opens == 0
        assert stage.store._listeners == []
        assert not stage.store._workers
        with pytest.raises(EngineClosedError):
            await engine.start(greeting)
        stage.stores[-1].heal()
        async with engine:
            await (await engine.start(greeting)).result(timeout=10)

    stage.run(story())


def test_a_cancelled_opening_leaves_nothing_behind() -> None:
    stage = Stage(greeting)

    async def story() -> None:
        engine = stage.engine()
        stage.stores[-1].fail("peers", when=HANGS)
        before = asyncio.all_tasks()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await engine.open()
        assert asyncio.all_tasks() == before
        assert (stage.store._opens, stage.store._listeners) == (0, [])
        assert not stage.store._workers

    stage.run(story())


@pytest.mark.parametrize("url", ["sqlite", "sqlite:x.db", "postgresql://h/d", "nonsense://", "", 7])
def test_a_bad_url_lists_the_good_forms(url: Any) -> None:
    with pytest.raises(InvalidUrlError, match="sqlite:///"):
        Engine(url)


@pytest.mark.parametrize(
    "bad", [{"concurrency": 0}, {"threads": 0}, {"lease": timedelta(0)}, {"lease": 15}]
)
def test_bad_settings_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        Engine(**bad)


def test_asking_for_a_process_that_is_not_there_says_so() -> None:
    with Engine(workflows=[greeting]) as engine:
        for call in (engine.get, engine.info, engine.history, engine.explain, engine.pending):
            with pytest.raises(ProcessNotFoundError, match="'nobody'"):
                call("nobody")
        with pytest.raises(ProcessNotFoundError, match="'nobody'"):
            engine.signal("nobody", "go")
