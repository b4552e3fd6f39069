"""Asking a process to stop, and ending it by force."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from corago import (
    CommandRefusedError,
    Engine,
    ProcessAbortedError,
    ProcessCanceledError,
    ProcessClosedError,
    Retry,
    State,
    abort,
    conditional,
    current,
    parallel,
    sleep,
    step,
    wait_for,
)
from corago.core import events as e
from tests.runtime.stage import Stage, ends, kinds, listing, reaches, until

DEADLINE = 10.0


def test_a_waiting_process_is_canceled_at_once() -> None:
    with Engine() as engine:
        for name, body in (("a", listing(wait_for("go"))), ("b", listing(sleep(1000)))):
            handle = engine.start(body, id=name)
            engine.cancel(name, actor="ann", reason="no more")
            with pytest.raises(ProcessCanceledError, match="was canceled"):
                handle.result(timeout=DEADLINE)
            requested = handle.history().of(e.CancelRequested)[0]
            assert (requested.actor, requested.reason) == ("ann", "no more")


def test_a_running_async_step_is_stopped_and_recorded_as_canceled() -> None:
    stage = Stage()
    cleaned: list[float] = []

    @step("Long")
    async def long() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(2)
            cleaned.append(stage.seconds)

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(long), id="p")
            await asyncio.sleep(5)
            await engine.cancel("p")
            with pytest.raises(ProcessCanceledError):
                await handle.result(timeout=10)
            assert await ends(engine, "p") == [("Long", "ActivityCanceled")]

    stage.run(story())
    assert cleaned == [7.0]


def test_a_cancel_that_meets_a_step_at_its_very_start_is_quick(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()

    @step("Long")
    async def long() -> None:
        await asyncio.sleep(1000)

    async def story() -> None:
        body = listing(wait_for("go"), long)
        async with stage.client() as client:
            await client.start(body, id="p")
            async with stage.engine(workflows=[body]) as engine:
                await reaches(engine, "p", "waiting")
            await client.signal("p", "go")
            async with stage.engine(workflows=[body]) as engine:
                worker = engine._worker
                assert worker is not None
                while "p" not in worker.turns or not worker.turns["p"].attempts:
                    await asyncio.sleep(0)
                turn = worker.turns["p"]
                turn.attempts["Long"].cancel()
                await until(lambda: turn.is_over, 2)
                assert await ends(engine, "p") == [("Long", "ActivityCanceled")]

    stage.run(story())
    assert "did not stop" not in caplog.text


def test_a_running_sync_step_is_asked_and_waited_for() -> None:
    began, seen = threading.Event(), threading.Event()

    @step("Long")
    def long() -> State:
        began.set()
        here = current()
        while not here.is_cancel_requested:
            seen.wait(0.01)
        return {"stopped": True}

    with Engine() as engine:
        handle = engine.start(listing(long, wait_for("never")), id="p")
        assert began.wait(DEADLINE)
        engine.cancel("p")
        with pytest.raises(ProcessCanceledError):
            handle.result(timeout=DEADLINE)
        assert len(handle.history().of(e.ActivityClosed)) == 1


def test_a_cancel_ends_a_back_off() -> None:
    stage = Stage()

    @step("Flaky", retry=Retry(attempts=9, delay=1000))
    async def flaky() -> None:
        raise OSError

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(flaky), id="p")
            await reaches(engine, "p", "waiting")
            await engine.cancel("p")
            with pytest.raises(ProcessCanceledError):
                await handle.result(timeout=1)

    stage.run(story())


def test_a_cancel_stops_every_branch() -> None:
    stage = Stage()

    @step("Long")
    async def long() -> None:
        await asyncio.sleep(1000)

    async def story() -> None:
        async with stage.engine() as engine:
            branches = [long.named("A"), long.named("B"), wait_for("go"), sleep(500)]
            handle = await engine.start(listing(parallel("All", *branches)), id="p")
            await asyncio.sleep(5)
            await engine.cancel("p")
            with pytest.raises(ProcessCanceledError):
                await handle.result(timeout=1)
            assert sorted(await ends(engine, "p")) == [
                ("All/A", "ActivityCanceled"),
                ("All/B", "ActivityCanceled"),
            ]

    stage.run(story())


def test_a_second_cancel_is_refused() -> None:
    stage = Stage()

    @step("Slow to stop")
    async def slow() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(2)

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(listing(slow), id="p")
            await asyncio.sleep(1)
            await engine.cancel("p")
            await asyncio.sleep(1)
            with pytest.raises(CommandRefusedError, match="already"):
                await engine.cancel("p")

    stage.run(story())


# -- abort ----------------------------------------------------------------------------------------


def test_an_abort_ends_a_running_process_now_and_drops_its_outcome() -> None:
    stage = Stage()
    stopped: list[float] = []

    @step("Long")
    async def long() -> State:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            stopped.append(stage.seconds)
        return {"too": "late"}

    async def story() -> None:
        async with stage.engine() as engine, stage.client() as client:
            handle = await engine.start(listing(long), id="p")
            waiter = asyncio.create_task(handle.result())
            await asyncio.sleep(5)
            await client.abort("p", actor="ann", reason="enough")
            with pytest.raises(ProcessAbortedError, match="was aborted"):
                await asyncio.wait_for(waiter, 0.1)
            assert engine._worker is not None
            await until(lambda: engine._worker is not None and not engine._worker.turns, 0.1)
            assert await kinds(engine, "p") == ["ProcessStarted", "ProcessAborted"]
            aborted = (await handle.history())[-1]
            assert (aborted.actor, aborted.reason) == ("ann", "enough")
            with pytest.raises(ProcessClosedError, match="aborted"):
                await engine.signal("p", "go")

    stage.run(story())
    assert stopped == [5.0]


def test_an_abort_from_another_os_process_stops_the_step_soon() -> None:
    stage = Stage(lease=15)
    stopped: list[float] = []

    @step("Long")
    async def long() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            stopped.append(stage.seconds)

    async def story() -> None:
        async with stage.engine() as engine, stage.client() as client:
            await engine.start(listing(long), id="p")
            await asyncio.sleep(5)
            engine._unsubscribe()  # another OS process is not heard at once
            await client.abort("p")
            await until(lambda: bool(stopped), 20)
            assert engine._worker is not None
            assert not engine._worker.turns
            assert await kinds(client, "p") == ["ProcessStarted", "ProcessAborted"]

    stage.run(story())


def test_an_abort_needs_no_code_and_no_worker() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.client() as client:
            await client.start(listing(wait_for("go")), id="p")
        async with stage.engine(has_worker=False, workflows=[]) as operator:
            await operator.abort("p")
            assert (await operator.info("p")).status == "aborted"

    stage.run(story())


def test_a_failed_process_can_be_aborted_and_then_not_retried() -> None:
    @step("Break")
    def breaks() -> None:
        raise OSError

    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(listing(breaks), id="p")
            await reaches(engine, "p", "failed")
            await engine.abort("p")
            with pytest.raises(CommandRefusedError, match="aborted already"):
                await engine.retry("p")
            with pytest.raises(CommandRefusedError, match="aborted already"):
                await engine.abort("p")

    stage.run(story())


def test_an_abort_wins_against_a_process_that_never_rests() -> None:
    stage = Stage()

    @step("Quick")
    async def quick() -> None: ...

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(*[quick] * 500)
            handle = await engine.start(body, id="p")
            await asyncio.sleep(0)
            await engine.abort("p")
            with pytest.raises(ProcessAbortedError):
                await handle.result(timeout=5)
            history = await handle.history()
            assert isinstance(history[-1], e.ProcessAborted)

    stage.run(story())


def test_a_workflow_may_abort_itself() -> None:
    def bad(given: bool) -> bool:  # noqa: FBT001 - filled from the State
        return given

    def body() -> Any:
        return listing(conditional(bad)(abort), wait_for("go"))

    with Engine() as engine:
        handle = engine.start(body(), {"given": True})
        with pytest.raises(ProcessAbortedError):
            handle.result(timeout=DEADLINE)
