"""The limits of activities without a queue, which their worker keeps; and what they said last."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corago import Retry, current
from corago.core import events as e
from corago.decider import (
    Process,
    activity,
)
from tests.runtime.deciders import complete, decider, running
from tests.runtime.rendering import DEADLINE, MakeEngine, engines
from tests.runtime.stage import Stage, reaches


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


def test_a_silent_one_runs_into_its_heartbeat_timeout() -> None:
    stage = Stage()
    stopped: list[float] = []

    @activity(heartbeat_timeout=10)
    async def working() -> None:
        try:
            for number in range(3):
                current().heartbeat(number)
                await asyncio.sleep(8)
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            stopped.append(stage.seconds)
            raise

    body = running(working)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            found = await (await engine.start(body, id="p")).result(timeout=100)
            expected = {"kind": "heartbeat", "seconds": 10, "details": 2}
            assert found == {"end": "ActivityTimedOut", **expected}

    stage.run(story())
    assert stopped == [pytest.approx(26, abs=0.2)]


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        ({"start_to_close": 5}, "start_to_close"),
        ({"heartbeat_timeout": 5}, "heartbeat"),
        ({"schedule_to_close": 5}, "schedule_to_close"),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
def test_a_result_that_comes_before_the_alarm_and_after_the_limit_is_not_taken(
    limits: dict[str, Any], kind: str, *, is_async: bool
) -> None:
    """It held up the whole loop, or its OS process was stopped: nothing else could be heard."""
    stage = Stage(lease=60)

    async def soft() -> int:
        stage.loop.pass_time(6)
        return 1

    def hard() -> int:
        stage.loop.pass_time(6)
        return 1

    body = running(activity(**limits)(soft if is_async else hard))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            found = await (await engine.start(body, id="p")).result(timeout=100)
            assert (found["end"], found["kind"]) == ("ActivityTimedOut", kind)

    stage.run(story())


def test_a_silent_thread_is_abandoned(engine_of: MakeEngine) -> None:
    over = threading.Event()

    @activity(heartbeat_timeout=0.2)
    def working() -> None:
        over.wait(DEADLINE)

    body = running(working)

    async def story() -> None:
        async with engine_of(workflows=[body], threads=1) as engine:
            found = await (await engine.start(body)).result(timeout=DEADLINE)
            assert (found["end"], found["kind"]) == ("ActivityTimedOut", "heartbeat")
            over.set()

    asyncio.run(story())


def test_heartbeats_keep_it_alive_from_any_thread(engine_of: MakeEngine) -> None:
    @activity(heartbeat_timeout=0.5)
    def working() -> str:
        here, pause = current(), threading.Event()
        for number in range(20):
            threading.Thread(target=here.heartbeat, args=(number,)).start()
            pause.wait(0.05)
        return "done"

    body = running(working)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            found = await (await engine.start(body)).result(timeout=DEADLINE)
            assert found == {"end": "ActivityCompleted", "result": "done"}

    asyncio.run(story())


def test_all_attempts_together_must_be_done_in_time() -> None:
    stage = Stage()
    begun: list[float] = []

    @activity(schedule_to_close=25, retry=Retry(attempts=100, delay=5.0, factor=1.0, jitter=0.0))
    async def working() -> None:
        begun.append(stage.seconds)
        if len(begun) == 3:
            await asyncio.sleep(3600)
        await asyncio.sleep(3)
        raise OSError("no power")

    body = running(working)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            found = await (await engine.start(body, id="p")).result(timeout=100)
            assert found == {"end": "ActivityTimedOut", "kind": "schedule_to_close"}
            assert stage.seconds == pytest.approx(25, abs=0.2)

    stage.run(story())
    assert begun == [pytest.approx(at, abs=0.2) for at in (0, 8, 16)]


def test_a_sync_one_that_still_waits_for_a_thread_runs_out_of_time_too(
    engine_of: MakeEngine,
) -> None:
    over = threading.Event()

    @activity
    def holding() -> None:
        over.wait(DEADLINE)

    @activity(schedule_to_close=0.2)
    def working() -> None:
        raise AssertionError("there is no thread for it")

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.ProcessStarted):
                return [holding, working]
            if isinstance(event, e.ActivityClosed) and event.path == "working":
                return complete(event.result)
        return None

    body = decider(decide, holding, working)

    async def story() -> None:
        async with engine_of(workflows=[body], threads=1) as engine:
            found = await (await engine.start(body)).result(timeout=DEADLINE)
            assert found == {"end": "ActivityTimedOut", "kind": "schedule_to_close"}
            over.set()

    asyncio.run(story())


def test_no_attempt_is_made_that_would_come_too_late() -> None:
    stage = Stage()
    begun: list[float] = []

    @activity(schedule_to_close=10, retry=Retry(attempts=5, delay=60.0))
    async def working() -> None:
        begun.append(stage.seconds)
        raise OSError("no power")

    body = running(working)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            found = await (await engine.start(body, id="p")).result(timeout=100)
            assert found == {"end": "ActivityFailed", "error": "OSError: no power"}

    stage.run(story())
    assert begun == [pytest.approx(0, abs=0.2)]


def test_the_next_attempt_reads_what_was_said_without_a_queue_too() -> None:
    stage = Stage()
    read: list[Any] = []

    @activity(retry=Retry(attempts=2, delay=timedelta(days=1).total_seconds()))
    async def working() -> None:
        read.append(current().last_details)
        if current().attempt == 1:
            current().heartbeat({"frame": 7})
            raise OSError("no power")

    body = running(working)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
        async with stage.engine(workflows=[body]) as engine:
            await (await engine.get("p")).result(timeout=100_000)

    stage.run(story())
    assert read == [None, {"frame": 7}]


@pytest.mark.parametrize("queue", [None, "gpu"])
@pytest.mark.parametrize("limits", [{"start_to_close": 3}, {"heartbeat_timeout": 3}])
@pytest.mark.parametrize("ends", ["returns", "raises", "aborts"])
def test_what_an_activity_brings_that_was_stopped_by_a_limit_is_late(
    queue: str | None, limits: dict[str, Any], ends: str
) -> None:
    stage = Stage()

    @activity(queue=queue, **limits)
    async def working() -> Any:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        if ends == "raises":
            raise ConnectionError("away")
        return e.ActivityAborted("no") if ends == "aborts" else "done"

    body = running(working)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=("gpu",)) as engine:
            found = await (await engine.start(body, id="p")).result(timeout=100)
            assert found["end"] == "ActivityTimedOut"
            assert stage.seconds >= 4

    stage.run(story())
