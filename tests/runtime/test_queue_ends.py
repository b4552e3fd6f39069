"""How steps of queues end: retried, timed out, mended, canceled, aborted, held back."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from corago import (
    CommandRefusedError,
    Engine,
    ProcessAbortedError,
    ProcessCanceledError,
    ProcessFailedError,
    ProcessTimedOutError,
    Retry,
    State,
    current,
    parallel,
    sleep,
    step,
    wait_for,
)
from corago.testing.clock import VirtualClock
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, Noting, engines, rendering
from tests.runtime.stage import Stage, ends, kinds, listing, reaches, until


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


# -- how it ends -----------------------------------------------------------------------------------


def test_an_attempt_that_fails_goes_to_the_queue_again_after_a_while() -> None:
    stage, tries = Stage(), list[float]()

    @step("Render", queue="gpu", retry=Retry(attempts=3, delay=60, jitter=0))
    async def render() -> State:
        tries.append(stage.seconds)
        if len(tries) < 3:
            raise ConnectionError("not yet")
        return {"attempt": current().attempt}

    body = listing(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            assert await handle.result(timeout=600) == {"attempt": 3}
            assert await kinds(engine, "p") == [
                "ProcessStarted",
                "ActivityScheduled",
                "ActivityRetried",
                "ActivityScheduled",
                "ActivityRetried",
                "ActivityScheduled",
                "ActivityClosed",
                "ProcessCompleted",
            ]

    stage.run(story())
    assert tries == pytest.approx([0, 60, 180], abs=0.5)


def test_a_person_may_shorten_the_wait_for_the_next_attempt() -> None:
    stage, tries = Stage(), list[float]()

    @step("Render", queue="gpu", retry=Retry(attempts=3, delay=1000))
    async def render() -> None:
        tries.append(stage.seconds)
        if len(tries) < 2:
            raise ConnectionError("not yet")

    body = listing(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            await until(lambda: bool(tries))
            await asyncio.sleep(5)
            await engine.retry("p", actor="ann")
            await handle.result(timeout=2)

    stage.run(story())
    assert len(tries) == 2


def test_a_virtual_clock_jumps_to_the_next_attempt() -> None:
    clock, tries = VirtualClock(), list[int]()

    @step("Render", queue="gpu", retry=Retry(attempts=3, delay=86_400, cap=1e6))
    def render() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("not yet")

    begun = clock.now()
    with Engine(clock=clock, queues=GPU) as engine:
        engine.start(listing(render)).result(timeout=DEADLINE)
    assert len(tries) == 3
    assert clock.now() - begun > timedelta(days=2)


def test_a_virtual_clock_stands_still_while_a_step_of_a_queue_runs() -> None:
    clock, gate, seen = VirtualClock(), threading.Event(), list[float]()

    @step("Render", queue="gpu")
    def render() -> None:
        gate.wait(0.3)
        seen.append(clock.monotonic())

    with Engine(clock=clock, queues=GPU) as engine:
        engine.start(listing(parallel("Both", render, sleep(86_400)))).result(timeout=DEADLINE)
    assert seen == [0.0]
    assert clock.monotonic() == pytest.approx(86_400, abs=1)


def test_an_attempt_that_takes_too_long_times_out() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, 100, timeout=5))

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            with pytest.raises(ProcessFailedError, match="start_to_close timeout of 5 s"):
                await handle.result(timeout=20)
            assert await ends(engine, "p") == [("Render", "ActivityTimedOut")]

    stage.run(story())
    assert log == ["begins 0", "stops 5"]


def test_a_thread_that_takes_too_long_is_abandoned(engine_of: MakeEngine) -> None:
    gate = threading.Event()

    @step("Render", queue="gpu", timeout=0.05)
    def render() -> None:
        gate.wait(DEADLINE)

    body = listing(render)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            with pytest.raises(ProcessFailedError, match="timeout"):
                await handle.result(timeout=DEADLINE)
            gate.set()

    asyncio.run(story())


@pytest.mark.parametrize("way", ["retry", "skip", "set_result"])
def test_what_has_failed_is_mended_as_ever(way: str) -> None:
    tries: list[int] = []

    @step("Render", queue="gpu")
    def render() -> State:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("broken")
        return {"rendered": True}

    with Engine(queues=GPU) as engine:
        handle = engine.start(listing(render), id="p")
        with pytest.raises(ProcessFailedError, match="broken"):
            handle.result(timeout=DEADLINE)
        match way:
            case "retry":
                engine.retry("p")
            case "skip":
                engine.skip("p")
            case _:
                engine.set_result("p", {"rendered": "by hand"})
        expected = {"retry": {"rendered": True}, "skip": {}}.get(way, {"rendered": "by hand"})
        assert handle.result(timeout=DEADLINE) == expected


def test_what_waits_in_a_queue_has_not_failed_so_that_nothing_is_to_be_mended() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            with pytest.raises(CommandRefusedError, match="nothing in it has failed"):
                await engine.skip("p")

    stage.run(story())


def test_a_signal_is_taken_while_a_step_is_in_the_queue() -> None:
    stage, log = Stage(), list[str]()
    body = listing(parallel("Both", rendering(log, stage), wait_for("go", into="said")))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            await driver.signal("p", "go", 7)
            await until(lambda: len(stage.store._processes["p"].events) == 3)
            async with stage.engine(workflows=[body], queues=GPU):
                assert await handle.result(timeout=10) == {"said": 7, "rendered": 1}

    stage.run(story())
    assert log == ["begins 0", "ends 0"] or len(log) == 2


# -- stopping --------------------------------------------------------------------------------------


def test_a_canceled_process_stops_its_step_wherever_it_runs() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, 100))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            async with stage.engine(workflows=[body], queues=GPU):
                await until(lambda: bool(log))
                await asyncio.sleep(5)
                await driver.cancel("p")
                with pytest.raises(ProcessCanceledError):
                    await handle.result(timeout=1)
            assert (await kinds(driver, "p"))[1:] == [
                "ActivityScheduled",
                "CancelRequested",
                "ActivityCancelRequested",
                "ActivityClosed",
                "ProcessCanceled",
            ]
            assert await ends(driver, "p") == [("Render", "ActivityCanceled")]

    stage.run(story())
    assert [line.split()[0] for line in log] == ["begins", "stops"]


def test_a_cancel_reaches_a_thread_in_another_os_process_s_engine(engine_of: MakeEngine) -> None:
    began, seen = threading.Event(), threading.Event()

    @step("Render", queue="gpu")
    def render() -> State:
        began.set()
        while not current().is_cancel_requested:
            seen.wait(0.01)
        return {"stopped": True}

    body = listing(render, wait_for("never"))

    async def story() -> None:
        async with engine_of(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            async with engine_of(workflows=[body], queues=GPU):
                await until(began.is_set)
                await driver.cancel("p")
                with pytest.raises(ProcessCanceledError):
                    await handle.result(timeout=DEADLINE)
                assert await ends(driver, "p") == [("Render", "ActivityCompleted")]

    asyncio.run(story())


@pytest.mark.parametrize("delay", [0, 1000])
def test_what_nobody_has_taken_is_canceled_at_once_though_nobody_serves_its_queue(
    delay: float,
) -> None:
    stage, log = Stage(), list[str]()

    @step("Render", queue="gpu", retry=Retry(attempts=5, delay=delay))
    async def render() -> None:
        log.append("begins")
        raise OSError("always")

    body = listing(render)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            if delay:
                async with stage.engine(workflows=[body], queues=GPU):
                    await until(lambda: bool(log))
                    await asyncio.sleep(1)
            begun = stage.seconds
            await driver.cancel("p")
            with pytest.raises(ProcessCanceledError):
                await handle.result(timeout=10)
            assert stage.seconds - begun < 1
            assert await ends(driver, "p") == [("Render", "ActivityCanceled")]
            assert stage.store._tasks.all == {}

    stage.run(story())
    assert len(log) == (1 if delay else 0)


def test_a_step_of_a_queue_is_taken_back_by_its_undo() -> None:
    undone: list[str] = []

    @step("Delete")
    def delete(image: str) -> None:
        undone.append(image)

    @step("Render", queue="gpu", undo=delete)
    def render() -> State:
        return {"image": "cat"}

    with Engine(queues=GPU) as engine:
        handle = engine.start(listing(render, wait_for("go")), id="p")
        while "Wait for go" not in [wait.path for wait in handle.info().waits]:
            threading.Event().wait(0.01)
        engine.cancel("p")
        with pytest.raises(ProcessCanceledError):
            handle.result(timeout=DEADLINE)
    assert undone == ["cat"]


@pytest.mark.parametrize("is_running", [False, True])
def test_an_aborted_process_leaves_nothing_behind(*, is_running: bool) -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, 100))
    heard = Noting()

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            await reaches(driver, "p", "waiting")
            queues = GPU if is_running else ()
            async with stage.engine(workflows=[body], queues=queues, listeners=(heard,)):
                await asyncio.sleep(1)
                assert bool(log) is is_running
                await driver.abort("p")
                with pytest.raises(ProcessAbortedError):
                    await handle.result(timeout=1)
                await asyncio.sleep(1)
                assert stage.store._tasks.all == {}
                assert (await kinds(driver, "p"))[-1] == "ProcessAborted"
                assert [line.split()[0] for line in log] == ["begins", "stops"] * is_running

    stage.run(story())
    assert heard.heard[1:] == [("ended", "p", "NoneType", "1")] * is_running


def test_a_process_that_runs_out_of_time_drops_its_step() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, 100))

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p", timeout=5)
            with pytest.raises(ProcessTimedOutError):
                await handle.result(timeout=20)

    stage.run(story())
    assert [line.split()[0] for line in log] == ["begins", "stops"]


def test_nothing_is_taken_while_the_store_is_paused_and_what_runs_is_recorded() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, 10), rendering(log, stage, 10).named("Again"))

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            await until(lambda: bool(log))
            await engine.pause()
            await asyncio.sleep(60)
            assert len(log) == 2
            assert (await engine.explain("p")).reason == "paused"
            await engine.unpause()
            assert await handle.result(timeout=11) == {"rendered": 1}

    stage.run(story())
    assert len(log) == 4
