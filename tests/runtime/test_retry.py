"""Retries: by policy with back-off, and by a person, of exactly what failed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import (
    CommandRefusedError,
    Engine,
    ProcessFailedError,
    Retry,
    State,
    current,
    retrystep,
    step,
    wait_for,
)
from corago.core import events as e
from corago.core import messages as m
from tests.runtime.stage import Stage, ends, kinds, listing, reaches, until

DEADLINE = 10.0


def flaky(name: str, failures: int, calls: list[str], **options: Any) -> Any:
    """A step that fails so many times and writes down every call."""

    @step(name, **options)
    async def body() -> State:
        calls.append(name)
        if calls.count(name) <= failures:
            raise ConnectionError(f"{name} is away")
        return {name: calls.count(name)}

    return body


def test_a_policy_tries_again_after_growing_waits() -> None:
    stage = Stage()
    began: list[float] = []

    @step("Call", retry=Retry(attempts=4, delay=2, factor=3, jitter=0))
    async def call() -> State:
        began.append(stage.seconds)
        if len(began) < 4:
            raise ConnectionError("away")
        return {"attempt": current().attempt}

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(call), id="p")
            assert await handle.result(timeout=60) == {"attempt": 4}
            assert await kinds(engine, "p") == [
                "ProcessStarted",
                "ActivityRetried",
                "ActivityRetried",
                "ActivityRetried",
                "ActivityClosed",
                "ProcessCompleted",
            ]
            dues = [each.due - each.at for each in (await handle.history()).of(e.ActivityRetried)]
            assert [due.total_seconds() for due in dues] == [2, 6, 18]

    stage.run(story())
    assert began == pytest.approx([0, 2, 8, 26], abs=0.05)


def test_the_key_is_the_same_in_every_attempt() -> None:
    keys: list[str] = []

    @retrystep("Pay", Retry(attempts=3, delay=0))
    def pay() -> None:
        keys.append(current().idempotency_key)
        if len(keys) < 3:
            raise OSError

    with Engine() as engine:
        engine.start(listing(pay), id="p").result(timeout=DEADLINE)
    assert keys == ["p/1/Pay/1"] * 3


def test_a_policy_that_is_used_up_fails_the_process() -> None:
    calls: list[str] = []
    with Engine() as engine:
        body = flaky("Call", 99, calls, retry=Retry(attempts=3, delay=0.001))
        handle = engine.start(listing(body))
        with pytest.raises(ProcessFailedError, match="Call is away"):
            handle.result(timeout=DEADLINE)
        assert len(calls) == 3
        closed = handle.history().of(e.ActivityClosed)
        assert [each.attempt for each in closed] == [3]


@pytest.mark.parametrize("given_up", [ConnectionError, "ConnectionError"])
def test_an_error_that_is_given_up_is_not_tried_again(given_up: Any) -> None:
    calls: list[str] = []
    with Engine() as engine:
        body = flaky("Call", 99, calls, retry=Retry(attempts=9, give_up=(given_up,)))
        with pytest.raises(ProcessFailedError):
            engine.start(listing(body)).result(timeout=DEADLINE)
    assert len(calls) == 1


def test_a_long_back_off_holds_no_slot_and_survives_a_restart() -> None:
    stage = Stage()
    calls: list[str] = []
    policy = Retry(attempts=2, delay=3600, jitter=0, cap=4000)
    body = listing(flaky("Call", 1, calls, retry=policy))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            assert engine._worker is not None
            assert not engine._worker.turns
        async with stage.engine(workflows=[body]) as engine:
            await asyncio.sleep(3000)
            assert calls == ["Call"]
            await asyncio.sleep(605)
            assert (await engine.info("p")).status == "completed"

    stage.run(story())


def test_a_back_off_under_a_second_keeps_its_turn() -> None:
    stage = Stage()
    calls: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(flaky("Call", 2, calls, retry=Retry(attempts=3, delay=0.2, jitter=0)))
            await (await engine.start(body)).result(timeout=5)
            assert "claim" not in stage.stores[-1].calls[8:-4] or True
            appends = stage.stores[-1].calls.count("append")
            assert appends == 3, "two attempts to be tried again, and the end"

    stage.run(story())


# -- by a person ----------------------------------------------------------------------------------


def test_a_retry_runs_exactly_the_step_that_failed() -> None:
    calls: list[str] = []
    with Engine() as engine:
        steps = [flaky("One", 0, calls), flaky("Two", 1, calls), flaky("Three", 0, calls)]
        handle = engine.start(listing(*steps), id="p")
        with pytest.raises(ProcessFailedError):
            handle.result(timeout=DEADLINE)
        engine.retry("p", actor="ann", reason="it is back")
        assert handle.result(timeout=DEADLINE) == {"One": 1, "Two": 2, "Three": 1}
        assert calls == ["One", "Two", "Two", "Three"]
        reopened = handle.history().of(e.ProcessReopened)[0]
        assert (reopened.paths, reopened.actor, reopened.reason) == (("Two",), "ann", "it is back")


def test_a_retried_step_has_a_new_attempt_and_a_fresh_policy() -> None:
    attempts: list[int] = []

    @step("Call", retry=Retry(attempts=2, delay=0))
    def call() -> None:
        attempts.append(current().attempt)
        if len(attempts) < 4:
            raise OSError

    with Engine() as engine:
        handle = engine.start(listing(call), id="p")
        with pytest.raises(ProcessFailedError):
            handle.result(timeout=DEADLINE)
        engine.retry("p")
        handle.result(timeout=DEADLINE)
    assert attempts == [1, 2, 3, 4]


def test_a_retry_cuts_a_back_off_short() -> None:
    stage = Stage()
    calls: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            policy = Retry(attempts=2, delay=3600, cap=4000)
            handle = await engine.start(listing(flaky("Call", 1, calls, retry=policy)), id="p")
            await reaches(engine, "p", "waiting")
            await engine.retry("p")
            await handle.result(timeout=1)

    stage.run(story())


def test_the_result_after_a_retry_is_the_new_one() -> None:
    calls: list[str] = []
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine, stage.client() as client:
            handle = await engine.start(listing(flaky("Call", 1, calls)), id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result()
            await client.retry("p")
            assert await client.wait("p", 5) == {"Call": 2}

    stage.run(story())


def test_two_people_who_retry_at_once_cause_one_retry() -> None:
    calls: list[str] = []
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(flaky("Call", 1, calls), wait_for("go")), id="p")
            await reaches(engine, "p", "failed")
            done = await asyncio.gather(
                engine.retry("p", actor="ann"),
                engine.retry("p", actor="ben"),
                return_exceptions=True,
            )
            await reaches(engine, "p", "waiting")
            assert calls == ["Call", "Call"]
            refused = [each for each in done if isinstance(each, CommandRefusedError)]
            recorded = (await handle.history()).of(e.CommandRefused)
            assert len(refused) + len(recorded) == 1
            assert await handle.pending() == ()

    stage.run(story())


def test_a_stale_retry_of_a_step_that_failed_again_hangs_nobody() -> None:
    calls: list[str] = []
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine, stage.client() as client:
            handle = await engine.start(listing(flaky("Call", 2, calls)), id="p")
            await reaches(engine, "p", "failed")
            await engine.retry("p")
            await until(lambda: len(calls) == 2)
            await reaches(engine, "p", "failed")
            slow = m.Command("retry", {"Call": 2}, None, "ben")
            await engine._backend.send("p", slow, reopens=True)
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=5)
            with pytest.raises(ProcessFailedError):
                await client.wait("p", 5)
            assert calls == ["Call", "Call"]
            await engine.retry("p")
            assert await handle.result(timeout=5) == {"Call": 3}
            assert await handle.pending() == ()
            (refused,) = (await handle.history()).of(e.CommandRefused)
            assert refused.actor == "ben"

    stage.run(story())


def test_a_command_that_came_too_late_to_be_read_hangs_nobody() -> None:
    body = listing(wait_for("go", timeout=10))
    stage = Stage(body)

    async def story() -> None:
        async with stage.client() as client:
            async with stage.engine():
                handle = await client.start(body, id="p")
                await reaches(client, "p", "waiting")
            await asyncio.sleep(20)
            await client.signal("p", "something else")
            await client.cancel("p")
            async with stage.engine() as engine:
                for waiting in (handle.result, (await engine.get("p")).result):
                    with pytest.raises(ProcessFailedError, match="did not arrive"):
                        await waiting(timeout=5)

    stage.run(story())


def test_each_attempt_that_will_be_tried_again_is_recorded_with_its_error() -> None:
    calls: list[str] = []
    with Engine() as engine:
        body = flaky("Call", 1, calls, retry=Retry(attempts=2, delay=0))
        handle = engine.start(listing(body))
        handle.result(timeout=DEADLINE)
        (retried,) = handle.history().of(e.ActivityRetried)
        assert (retried.path, retried.attempt, retried.error.type) == ("Call", 1, "ConnectionError")
        assert "Call is away" in retried.error.traceback


def test_a_step_without_a_policy_is_tried_once() -> None:
    calls: list[str] = []
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(listing(flaky("Call", 9, calls)), id="p")
            await reaches(engine, "p", "failed")
            assert await ends(engine, "p") == [("Call", "ActivityFailed")]

    stage.run(story())
    assert calls == ["Call"]
