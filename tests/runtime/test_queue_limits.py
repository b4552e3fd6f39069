"""Limits of what stands in queues or was taken from one: kept by its row, whoever looks at it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from corago import Retry, current
from corago.core import events as e
from corago.decider import activity
from corago.testing.simulator import Node
from tests.runtime.deciders import running
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, engines
from tests.runtime.stage import Stage, until


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


def late(kind: str, **told: Any) -> dict[str, Any]:
    return {"end": "ActivityTimedOut", "kind": kind, **told}


def test_a_silent_one_is_stopped_and_tells_what_it_said_last() -> None:
    stage = Stage()
    log: list[str] = []

    @activity(queue="gpu", heartbeat_timeout=10)
    async def render() -> None:
        current().heartbeat("begun")
        await asyncio.sleep(8)
        current().heartbeat("half of it")
        try:
            await asyncio.sleep(3600)
        finally:
            log.append(f"stopped at {stage.seconds:.0f}")

    body = running(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            found = await (await engine.start(body)).result(timeout=60)
            assert found == late("heartbeat", seconds=10, details="half of it")

    stage.run(story())
    assert log == ["stopped at 18"]


def test_heartbeats_that_cost_few_writes_keep_it_alive() -> None:
    stage = Stage()

    @activity(queue="gpu", heartbeat_timeout=1)
    async def render() -> str:
        for _ in range(3000):
            current().heartbeat()
            await asyncio.sleep(0.01)
        return "done"

    body = running(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            assert (await (await engine.start(body)).result(timeout=60))["result"] == "done"
            assert stage.stores[-1].calls.count("heartbeat_task") <= 301

    stage.run(story())


@pytest.mark.parametrize("limit", [0.2, 1.0, 6.0, 60.0])
def test_a_heartbeat_is_on_its_row_within_a_third_of_the_limit(limit: float) -> None:
    stage = Stage()
    lags: list[float] = []

    @activity(queue="gpu", heartbeat_timeout=limit)
    async def render() -> None:
        for number in range(200):
            current().heartbeat(number)
            said = stage.seconds
            (task,) = stage.store._tasks.all.values()
            while task.details != str(number).encode():
                await asyncio.sleep(limit / 100)
            lags.append(stage.seconds - said)
            if number == 5:
                return

    body = running(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            await (await engine.start(body)).result(timeout=600)

    stage.run(story())
    assert len(lags) == 6
    assert max(lags) <= limit / 3


def test_a_silent_thread_is_abandoned_and_its_place_given_to_others(engine_of: MakeEngine) -> None:
    over = threading.Event()

    @activity(queue="gpu", heartbeat_timeout=0.3, retry=Retry(attempts=2, delay=0.0))
    def render() -> str:
        if current().attempt == 1:
            over.wait(DEADLINE)
        return f"attempt {current().attempt}"

    body = running(render)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU, threads=1) as engine:
            handle = await engine.start(body)
            assert (await handle.result(timeout=DEADLINE))["result"] == "attempt 2"
            over.set()

    asyncio.run(story())


def test_a_worker_with_its_hands_full_notices_what_has_run_out_of_time() -> None:
    stage = Stage()

    @activity(queue="gpu", heartbeat_timeout=10)
    async def render() -> None:
        await asyncio.sleep(3600)

    body = running(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU, concurrency=1) as engine:
            handles = [await engine.start(body) for _ in range(3)]
            for each in handles:
                assert (await each.result(timeout=60))["kind"] == "heartbeat"
            assert stage.seconds == pytest.approx(30, abs=2)

    stage.run(story())


def test_a_worker_with_its_hands_full_does_not_ask_for_more_all_the_time() -> None:
    stage = Stage()

    @activity(queue="gpu")
    async def render() -> None:
        await asyncio.sleep(100)

    body = running(render)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            async with stage.engine(workflows=[body], queues=GPU, concurrency=1):
                store = stage.stores[-1]
                for _ in range(50):
                    await driver.start(body)
                    await asyncio.sleep(0.1)
                assert store.calls.count("claim_tasks") < 15

    stage.run(story())


def test_the_time_of_a_worker_that_vanished_runs_out_all_the_same() -> None:
    stage = Stage(lease=3600)
    begun: list[int] = []

    @activity(queue="gpu", start_to_close=20, retry=Retry(attempts=2, delay=0.0))
    async def render() -> str:
        begun.append(current().attempt)
        if current().attempt == 1:
            current().heartbeat("half way")
            await asyncio.sleep(3600)
        return f"done from {current().last_details}"

    body = running(render)

    async def serve(node: Node) -> None:
        async with stage.engine(node, workflows=[body], queues=GPU):
            await asyncio.get_running_loop().create_future()

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body)
            first, second = stage.node("first"), stage.node("second")
            first.spawn(serve(first))
            await until(lambda: bool(begun))
            first.die()  # nobody knows, for its lease is an hour long
            second.spawn(serve(second))
            assert (await handle.result(timeout=60))["result"] == "done from half way"
            (retried,) = (await handle.history()).of(e.ActivityRetried)
            assert retried.error.type == "ActivityTimedOut"
            assert stage.seconds == pytest.approx(20, abs=6)

    stage.run(story())
    assert begun == [1, 2]


@pytest.mark.parametrize("limits", [{"start_to_close": 5}, {"heartbeat_timeout": 5}])
def test_an_attempt_whose_limit_ran_out_before_its_worker_heard_of_it_does_not_begin(
    limits: dict[str, Any],
) -> None:
    stage = Stage(lease=60)
    begun: list[int] = []

    @activity(queue="gpu", retry=Retry(attempts=2, delay=0.0), **limits)
    async def render() -> str:
        begun.append(current().attempt)
        return "done"

    body = running(render)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body)
            async with stage.engine(workflows=[body], queues=GPU):
                claimed = hears_late(stage.stores[-1], 12)
                await claimed.wait()
                async with stage.engine(workflows=[body], queues=GPU):
                    assert (await handle.result(timeout=60))["result"] == "done"
                    await asyncio.sleep(20)

    stage.run(story())
    assert begun == [2]


def hears_late(store: Any, seconds: float) -> asyncio.Event:
    """Let a connection tell of the next tasks that it is given after so long."""
    claim, claimed = store.claim_tasks, asyncio.Event()

    async def late(*arguments: Any) -> Any:
        answer = await claim(*arguments)
        if answer.taken and not claimed.is_set():
            claimed.set()
            await asyncio.sleep(seconds)
        return answer

    store.claim_tasks = late
    return claimed


def test_one_that_ends_well_while_it_is_being_stopped_is_late_and_ends_once() -> None:
    stage = Stage()

    @activity(queue="gpu", start_to_close=10)
    async def render() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return "just about"

    body = running(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body)
            assert (await handle.result(timeout=60)) == late("start_to_close", seconds=10)
            assert len((await handle.history()).of(e.ActivityClosed)) == 1

    stage.run(story())


def test_what_waits_too_long_for_a_worker_is_not_run_when_one_comes() -> None:
    stage = Stage()
    ran: list[int] = []

    @activity(queue="gpu", schedule_to_start=10)
    async def render() -> None:
        ran.append(1)

    body = running(render)

    async def story() -> None:
        async with stage.client() as client:
            await client.register(body)
            handle = await client.start(body)
            async with stage.engine(workflows=[body]):
                await asyncio.sleep(5)
            await asyncio.sleep(60)  # nobody is there to notice
            async with stage.engine(workflows=[body], queues=GPU):
                found = await handle.result(timeout=60)
            assert found == late("schedule_to_start", seconds=10)

    stage.run(story())
    assert ran == []


def test_an_attempt_has_its_time_to_start_after_its_back_off() -> None:
    stage = Stage()

    @activity(queue="gpu", schedule_to_start=5, retry=Retry(attempts=3, delay=60.0, jitter=0.0))
    async def render() -> str:
        if current().attempt < 3:
            raise OSError("no power")
        return "done"

    body = running(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            assert (await (await engine.start(body)).result(timeout=600))["result"] == "done"

    stage.run(story())
