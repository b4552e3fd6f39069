"""Activities that are asked to stop: seen at a heartbeat, or where they wait."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from corago import current
from corago.core import events as e
from corago.decider import (
    ActivityCanceled,
    CancelActivity,
    Process,
    activity,
)
from tests.runtime.deciders import complete, decider, running
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, engines
from tests.runtime.stage import Stage, until


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


def stopping(activity: Any) -> Any:
    """A workflow that asks its activity to stop at the signal, and tells how that ended."""

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    return activity
                case e.SignalReceived():
                    return CancelActivity(activity)
                case e.ActivityClosed(result=result):
                    return complete(result)
        return None

    return decider(decide, activity)


@pytest.mark.parametrize("queue", [None, "gpu"])
def test_a_sync_one_sees_at_its_heartbeat_that_it_should_stop(
    engine_of: MakeEngine, queue: str | None
) -> None:
    begun = threading.Event()

    @activity(queue=queue)
    def working() -> Any:
        here, pause = current(), threading.Event()
        for number in range(1000):
            if here.heartbeat(number):
                return ActivityCanceled({"tidied": True})
            begun.set()
            pause.wait(0.01)
        return "never asked"

    body = stopping(working)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            await until(begun.is_set)
            await engine.signal("p", "stop")
            found = await handle.result(timeout=DEADLINE)
            assert found == {"end": "ActivityCanceled", "details": {"tidied": True}}

    asyncio.run(story())


@pytest.mark.parametrize("queue", [None, "gpu"])
def test_an_async_one_is_cancelled_where_it_waits(queue: str | None) -> None:
    stage = Stage()
    log: list[str] = []

    @activity(queue=queue)
    async def working() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            log.append("tidied")

    body = stopping(working)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            await asyncio.sleep(5)
            await engine.signal("p", "stop")
            assert await handle.result(timeout=10) == {"end": "ActivityCanceled"}

    stage.run(story())
    assert log == ["tidied"]


def test_one_that_is_asked_to_stop_may_end_otherwise() -> None:
    stage = Stage()

    @activity
    async def working() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "done all the same"
        return "never asked"

    body = stopping(working)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await asyncio.sleep(5)
            await engine.signal("p", "stop")
            assert (await handle.result(timeout=10))["result"] == "done all the same"

    stage.run(story())


def test_without_a_queue_there_is_no_token() -> None:
    stage = Stage()

    @activity
    async def working() -> str:
        return current().token

    body = running(working)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            found = await (await engine.start(body)).result(timeout=10)
            assert "only work of a queue can be completed from outside" in found["error"]

    stage.run(story())
