"""Pause: nothing further starts in the whole store; what runs ends and is recorded."""

from __future__ import annotations

import asyncio
from typing import Any

from corago import Engine, Retry, State, step, wait_for
from corago.core import events as e
from tests.runtime.stage import Stage, ends, kinds, listing, reaches


def logging_step(name: str, seconds: float, log: list[str], stage: Stage) -> Any:
    @step(name)
    async def body() -> State:
        log.append(f"{name} {stage.seconds:g}")
        await asyncio.sleep(seconds)
        return {name: True}

    return body


def test_what_runs_is_recorded_and_nothing_further_starts() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            steps = [logging_step(name, 10, log, stage) for name in ("One", "Two")]
            handle = await engine.start(listing(*steps), id="p")
            await asyncio.sleep(5)
            await engine.pause()
            await asyncio.sleep(100)
            assert log == ["One 0"]
            assert await ends(engine, "p") == [("One", "ActivityCompleted")]
            assert (await engine.explain("p")).reason == "paused"
            await engine.unpause()
            assert await handle.result(timeout=11) == {"One": True, "Two": True}

    stage.run(story())


def test_what_is_started_and_signalled_meanwhile_is_kept() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(wait_for("go"), logging_step("Work", 1, log, stage))
            early = await engine.start(body, id="early")
            await reaches(engine, "early", "waiting")
            await engine.pause()
            late = await engine.start(body, id="late")
            for name in ("early", "late"):
                await engine.signal(name, "go")
            await asyncio.sleep(30)
            assert log == []
            assert len(await late.pending()) == 1
            await engine.unpause()
            await asyncio.gather(early.result(timeout=5), late.result(timeout=5))

    stage.run(story())


def test_a_pause_reaches_all_engines_and_survives_restarts() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    steps = [logging_step(f"S{number}", 1, log, stage) for number in range(60)]
    body = listing(*steps)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as one, stage.client() as client:
            await one.start(body, id="p")
            await asyncio.sleep(3.5)
            await client.pause()
            await asyncio.sleep(10)
            count = len(log)
            assert count <= 4 + 6, "another OS process learns of it at its next look"
            await asyncio.sleep(60)
            assert len(log) == count
        async with stage.engine(workflows=[body]) as two:
            await asyncio.sleep(60)
            assert len(log) == count
            await two.start(body, id="q")
            await asyncio.sleep(10)
            assert len(log) == count
            await two.unpause()
            await two.wait("p", 100)
            await two.wait("q", 100)
            assert "LeaseLost" not in await kinds(two, "p")

    stage.run(story())


def test_a_back_off_that_falls_due_waits_for_the_end_of_the_pause() -> None:
    stage = Stage()
    began: list[float] = []

    @step("Flaky", retry=Retry(attempts=3, delay=10, jitter=0))
    async def flaky() -> None:
        began.append(stage.seconds)
        if len(began) < 2:
            raise OSError

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(flaky), id="p")
            await asyncio.sleep(5)
            await engine.pause()
            await asyncio.sleep(95)
            assert began == [0.0]
            await engine.unpause()
            await handle.result(timeout=2)
            assert len((await handle.history()).of(e.ActivityRetried)) == 1

    stage.run(story())


def test_an_abort_and_a_preview_work_while_paused() -> None:
    with Engine() as engine:
        engine.start(listing(wait_for("go")), id="p")
        engine.pause()
        assert engine.preview("p", signal="go").status == "completed"
        engine.abort("p")
        assert engine.info("p").status == "aborted"
        engine.unpause()


def test_an_idle_pause_asks_the_store_only_now_and_then() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.pause()
            for number in range(5):
                await engine.start(listing(wait_for("go")), id=f"p{number}")
            before = len(stage.stores[-1].calls)
            await asyncio.sleep(100)
            assert len(stage.stores[-1].calls) - before < 250

    stage.run(story())
