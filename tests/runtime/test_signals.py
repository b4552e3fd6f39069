"""Signals and updates: durable, in order, once for each key, never lost."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any

import pytest

from corago import (
    Engine,
    InvalidInputError,
    ProcessClosedError,
    SignalKeyError,
    State,
    StoreUnavailableError,
    parallel,
    step,
    wait_for,
)
from corago.core import events as e
from tests.runtime.stage import AFTER, BEFORE, Stage, kinds, listing, reaches

DEADLINE = 10.0


def test_a_signal_wakes_who_waits_for_it() -> None:
    with Engine() as engine:
        handle = engine.start(listing(wait_for("go", into="answer")), id="p")
        engine.signal("p", "go", {"yes": [1, None]}, actor="ann", reason="I may")
        assert handle.result(timeout=DEADLINE) == {"answer": {"yes": [1, None]}}
        received = handle.history().of(e.SignalReceived)[0]
        assert (received.actor, received.reason, received.name) == ("ann", "I may", "go")


def test_a_signal_that_came_early_is_kept_until_it_is_wanted() -> None:
    with Engine() as engine:
        handle = engine.start(listing(wait_for("first"), wait_for("second")), id="p")
        engine.signal("p", "second", 2)
        engine.signal("p", "first", 1)
        assert handle.result(timeout=DEADLINE) == {"first": 1, "second": 2}


def test_signals_are_taken_in_the_order_in_which_they_came() -> None:
    stage = Stage()
    body = listing(*[wait_for("n", into=f"k{number}") for number in range(20)])

    async def story() -> Any:
        async with stage.client() as client:
            await client.start(body, id="p")
            for number in range(10):
                await client.signal("p", "n", number)
            assert len(await client.pending("p")) == 10
            async with stage.engine(workflows=[body]) as engine:
                for number in range(10, 20):
                    await engine.signal("p", "n", number)
                return await engine.wait("p", 5)

    assert stage.run(story()) == {f"k{number}": number for number in range(20)}


def test_the_same_key_and_data_count_once() -> None:
    with Engine() as engine:
        handle = engine.start(listing(wait_for("a"), wait_for("b")), id="p")
        for _ in range(3):
            engine.signal("p", "a", 1, key="k1", actor="ann")
        engine.signal("p", "a", 1, key="k1", actor="somebody else")
        engine.signal("p", "b", 2, key="k2")
        handle.result(timeout=DEADLINE)
        assert len(handle.history().of(e.SignalReceived)) == 2
        engine.signal("p", "a", 1, key="k1")


def test_the_same_key_with_other_data_is_refused() -> None:
    with Engine() as engine:
        engine.start(listing(wait_for("a"), wait_for("b")), id="p")
        engine.signal("p", "a", 1, key="k")
        for name, data in (("a", 2), ("b", 1)):
            with pytest.raises(SignalKeyError, match="'k'"):
                engine.signal("p", name, data, key="k")
        with pytest.raises(SignalKeyError, match="'k'"):
            engine.update("p", {"a": 1}, key="k")


def test_a_closed_process_takes_no_signals() -> None:
    with Engine() as engine:
        handle = engine.start(listing(wait_for("go")), id="p")
        engine.signal("p", "go")
        handle.result(timeout=DEADLINE)
        with pytest.raises(ProcessClosedError, match="completed"):
            engine.signal("p", "go")


@pytest.mark.parametrize(
    ("named", "match"),
    [
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
        ({"name": "\udc80"}, "name"),
        ({"data": math.nan}, "nan"),
        ({"data": object()}, "object"),
        ({"key": 7}, "key"),
        ({"key": "\udc80"}, "key"),
        ({"actor": 7}, "actor"),
        ({"reason": b"no"}, "reason"),
        ({"data": "x" * 5000}, "limit"),
    ],
)
def test_a_bad_signal_is_refused_and_harms_nothing(named: dict[str, Any], match: str) -> None:
    with Engine(state_limit=1000) as engine:
        handle = engine.start(listing(wait_for("go")), id="p")
        with pytest.raises(InvalidInputError, match=match):
            engine.signal("p", **{"name": "go", **named})
        engine.signal("p", "go")
        assert handle.result(timeout=DEADLINE) == {"go": None}


@pytest.mark.parametrize("bad", [7, {"x": math.inf}, [1], None])
def test_bad_changes_are_refused(bad: Any) -> None:
    with Engine() as engine:
        engine.start(listing(wait_for("go")), id="p")
        with pytest.raises(InvalidInputError):
            engine.update("p", bad)


def test_an_update_changes_the_external_store_and_is_recorded() -> None:
    with Engine() as engine:
        handle = engine.start(listing(wait_for("go")), id="p")
        engine.update("p", {"badge": True}, actor="ann")
        engine.update("p", {"floor": 3})
        engine.signal("p", "go")
        handle.result(timeout=DEADLINE)
        assert handle.info().external == {"badge": True, "floor": 3}
        assert len(handle.history().of(e.ExternalUpdated)) == 2


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_signal_whose_answer_was_lost_can_be_repeated_with_its_key(when: str) -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(wait_for("go"), wait_for("more"))
            handle = await engine.start(body, id="p")
            stage.stores[-1].fail("send", when=when, times=1)
            with pytest.raises(StoreUnavailableError):
                await engine.signal("p", "go", key="k")
            await engine.signal("p", "go", key="k")
            await engine.signal("p", "more")
            await handle.result(timeout=5)
            assert len((await handle.history()).of(e.SignalReceived)) == 2

    stage.run(story())


def test_no_acknowledged_signal_is_lost_however_it_meets_the_end_of_a_turn() -> None:
    """Signals from two engines at random moments of many short turns; all are taken, in order."""

    @step("Work")
    async def work(n: int = 0) -> State:
        await asyncio.sleep(0.01)
        return {"n": n + 1}

    for seed in range(20):
        stage = Stage(seed=seed)
        chance = random.Random(seed)
        signals = [wait_for("s", into=f"k{number}") for number in range(8)]
        body = listing(*[each for wait in signals for each in (wait, work)])

        async def story(
            stage: Stage = stage, chance: random.Random = chance, body: Any = body
        ) -> None:
            async with stage.engine(workflows=[body]) as one, stage.engine(workflows=[body]) as two:
                await one.start(body, id="p")
                for number in range(8):
                    await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01, 0.02)))
                    await chance.choice((one, two)).signal("p", "s", number)
                started = stage.seconds
                result = await two.wait("p", 60)
                assert [result[f"k{number}"] for number in range(8)] == list(range(8))
                assert stage.seconds - started < 1, "nothing had to wait for the safety net"

        stage.run(story())


def test_a_signal_that_came_before_a_timeout_wins_even_if_it_is_read_later() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.client() as client:
            body = listing(wait_for("go", timeout=10))
            await client.start(body, id="p")
            async with stage.engine(workflows=[body]) as engine:
                await reaches(engine, "p", "waiting")
            await asyncio.sleep(5)
            await client.signal("p", "go", "in time")
            await asyncio.sleep(60)
            async with stage.engine(workflows=[body]) as engine:
                assert await engine.wait("p", 5) == {"go": "in time"}
                assert "TimerFired" not in await kinds(engine, "p")

    stage.run(story())


def test_a_signal_that_came_before_a_timeout_wins_in_a_turn_that_had_not_heard_of_it() -> None:
    stage = Stage()

    @step("Long")
    async def long() -> None:
        await asyncio.sleep(30)

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(parallel("Both", long, wait_for("go", timeout=10)))
            handle = await engine.start(body, id="p")
            await asyncio.sleep(5)
            worker = engine._worker
            assert worker is not None
            engine._unsubscribe()  # as if another OS process had sent it
            await engine.signal("p", "go", "in time")
            await asyncio.sleep(20)
            assert len((await handle.history()).of(e.SignalReceived)) == 1
            assert (await handle.result(timeout=60))["go"] == "in time"

    stage.run(story())


def test_a_signal_that_came_before_a_timeout_wins_though_the_inbox_is_read_for_long() -> None:
    """The timer falls due while an answer is under way that does not hold the signal yet."""
    stage = Stage(lease=600)
    inner = stage.store.messages

    async def messages(instance: int, after: int) -> Any:
        found = await inner(instance, after)
        await asyncio.sleep(1.5)
        return found

    @step("Long")
    async def long() -> State:
        await asyncio.sleep(60)
        return {}

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(parallel("Both", long, wait_for("go", timeout=10)))
            handle = await engine.start(body, id="p")
            await asyncio.sleep(9)
            stage.stores[-1].__dict__["messages"] = messages
            await engine.signal("p", "something else")
            await asyncio.sleep(0.5)
            await engine.signal("p", "go", "in time")
            assert (await handle.result(timeout=100))["go"] == "in time"

    stage.run(story())
