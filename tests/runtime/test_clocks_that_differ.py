"""Workers on machines whose calendars are wrong: all instants go by the calendar of the store."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from corago import ProcessFailedError, Retry, State, parallel, sleep, step, wait_for
from corago.clock import EPOCH, SharedClock
from corago.decider import activity
from corago.runtime.bell import IDLE_SECONDS
from corago.runtime.engine import EngineCore
from corago.testing.simulator.clock import SimulatedClock
from tests.runtime.deciders import running
from tests.runtime.stage import Stage, listing

SKEWS = pytest.mark.parametrize("skew", [-60, -0.5, 0.5, 60, 86_400])
LOOKS = 4
"""So often, at most, a worker looks for work within five seconds in which nothing happens."""


def odd(stage: Stage, skew: float, **settings: Any) -> EngineCore:
    """An engine on a machine whose calendar is so many seconds ahead of the store's."""
    clock = SimulatedClock(stage.loop, timedelta(seconds=skew))
    return stage.engine(clock=clock, **settings)


async def ended(stage: Stage, engine: EngineCore, body: Any, **started: Any) -> tuple[Any, float]:
    """What a process that a right client starts comes to in that engine, and after how long."""
    await asyncio.sleep(IDLE_SECONDS)
    async with stage.client() as client:
        began = stage.seconds
        handle = await client.start(body, id="p", **started)
        result = await handle.result(timeout=500)
        return result, stage.seconds - began


@SKEWS
def test_a_sleep_takes_as_long_as_it_says_and_nobody_is_kept_busy(skew: float) -> None:
    stage, body = Stage(), listing(sleep(100))

    async def story() -> None:
        async with odd(stage, skew, workflows=[body]) as engine:
            _, seconds = await ended(stage, engine, body)
            assert 100 <= seconds < 100 + IDLE_SECONDS
            looks = stage.stores[0].calls.count("claim")
            assert looks < LOOKS * (seconds / IDLE_SECONDS + 2)

    stage.run(story())


@SKEWS
@pytest.mark.parametrize("at", [99.9, 100.1])
def test_a_signal_beats_a_timeout_in_a_worker_s_hands_if_it_comes_before_it(
    skew: float, at: float
) -> None:
    stage = Stage()

    @step("Long")
    async def long() -> State:
        await asyncio.sleep(200)
        return {}

    body = listing(parallel("Both", long, wait_for("go", timeout=100, into="go")))

    async def story() -> None:
        async with odd(stage, skew, workflows=[body]), stage.client() as client:
            await asyncio.sleep(IDLE_SECONDS)
            handle = await client.start(body, id="p")
            await asyncio.sleep(at)
            await client.signal("p", "go", at)
            if at < 100:
                assert await handle.result(timeout=150) == {"go": at}
            else:
                with pytest.raises(ProcessFailedError, match="100"):
                    await handle.result(timeout=150)

    stage.run(story())


@SKEWS
def test_a_retry_waits_as_long_as_it_should(skew: float) -> None:
    stage = Stage()
    began: list[float] = []

    @step("Call", retry=Retry(attempts=3, delay=30, jitter=0))
    async def call() -> State:
        began.append(stage.seconds)
        if len(began) < 2:
            raise ConnectionError("away")
        return {}

    body = listing(call)

    async def story() -> None:
        async with odd(stage, skew, workflows=[body]) as engine:
            await ended(stage, engine, body)

    stage.run(story())
    assert 30 <= began[1] - began[0] < 30 + IDLE_SECONDS


@SKEWS
def test_limits_of_what_stands_in_a_queue_run_out_when_they_should(skew: float) -> None:
    stage = Stage()

    @activity(queue="gpu", schedule_to_start=30, schedule_to_close=40)
    async def render() -> str:
        return "done"

    body = running(render)

    async def story() -> None:
        async with odd(stage, skew, workflows=[body]) as engine:
            found, seconds = await ended(stage, engine, body)
            assert found["kind"] == "schedule_to_start"
            assert 30 <= seconds < 30 + IDLE_SECONDS
        async with odd(stage, skew, workflows=[body], queues=("gpu",)) as engine:
            await asyncio.sleep(IDLE_SECONDS)
            handle = await engine.start(body)
            assert (await handle.result(timeout=20))["result"] == "done"

    stage.run(story())


# -- the clock itself ------------------------------------------------------------------------------


class Hand:
    """A clock that shows what it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Any:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def heard(clock: SharedClock, own: Hand, asked: float, at: float, answered: float) -> float:
    """What the clock shows after an answer, in seconds."""
    own.seconds = answered
    clock.hear(EPOCH + timedelta(seconds=at), EPOCH + timedelta(seconds=asked))
    return (clock.now() - EPOCH).total_seconds()


def test_a_shared_clock_is_its_own_as_long_as_the_two_may_agree() -> None:
    own = Hand()
    clock = SharedClock(own)
    assert heard(clock, own, asked=10, at=11, answered=12) == 12
    assert heard(clock, own, asked=20, at=20, answered=20) == 20
    assert (clock.monotonic(), clock.own) == (20, own)


def test_a_shared_clock_is_never_ahead_of_what_it_heard_nor_behind() -> None:
    own = Hand()
    clock = SharedClock(own)
    assert heard(clock, own, asked=10, at=71, answered=12) == 71
    assert heard(clock, own, asked=20, at=80, answered=22) == 81, "it may be so"
    assert heard(clock, own, asked=30, at=30.5, answered=31) == 30.5
    assert heard(clock, own, asked=40, at=20, answered=41) == 20


def test_a_shared_clock_hears_nothing_while_its_own_goes_back() -> None:
    own = Hand()
    clock = SharedClock(own)
    assert heard(clock, own, asked=100, at=100, answered=40) == 40
    assert heard(clock, own, asked=41, at=101, answered=41) == 101
