"""Activities that are completed from outside, by their tasks' tokens."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from corago import (
    AsyncEngine,
    Engine,
    InvalidInputError,
    Retry,
    State,
    UnknownTaskError,
    current,
    step,
)
from corago.core import events as e
from corago.decider import CancelActivity, Process, ScheduleActivity, activity
from corago.testing import VirtualClock
from tests.runtime.deciders import complete, decider, running
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, engines
from tests.runtime.stage import AFTER, BEFORE, Stage, listing, reaches, until


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


def asking(tokens: list[str], **options: Any) -> Any:
    """A workflow that asks somebody outside, who is told the token; `options` of the activity."""

    @activity(queue="gpu", auto_complete=False, **options)
    async def ask(n: int) -> None:
        tokens.append(current().token)

    return running(ask)


async def token_of(tokens: list[str], number: int = 1) -> str:
    await until(lambda: len(tokens) >= number)
    return tokens[number - 1]


# -- the end from outside -------------------------------------------------------------------------


def test_it_ends_when_a_client_says_so(engine_of: MakeEngine) -> None:
    tokens: list[str] = []
    body = asking(tokens)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            await reaches(engine, "p", "waiting")
            async with engine_of(worker=False) as client:
                await client.complete_activity(token, {"approved": True})
            found = await handle.result(timeout=DEADLINE)
            assert found == {"end": "ActivityCompleted", "result": {"approved": True}}

    asyncio.run(story())


def test_it_may_be_said_to_have_failed_or_stopped(engine_of: MakeEngine) -> None:
    tokens: list[str] = []
    body = asking(tokens)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handles = [await engine.start(body, n) for n in range(3)]
            await until(lambda: len(tokens) == 3)
            await engine.fail_activity(tokens[0], ValueError("too dear"))
            await engine.fail_activity(tokens[1], "nobody answered")
            await engine.cancel_activity(tokens[2], {"why": "closed"})
            ends = [await each.result(timeout=DEADLINE) for each in handles]
            expected = [
                {"end": "ActivityCanceled", "details": {"why": "closed"}},
                {"end": "ActivityFailed", "error": "Exception: nobody answered"},
                {"end": "ActivityFailed", "error": "ValueError: too dear"},
            ]
            assert sorted(ends, key=str) == expected

    asyncio.run(story())


def test_a_failure_from_outside_is_retried_as_any_other(engine_of: MakeEngine) -> None:
    tokens: list[str] = []
    body = asking(tokens, retry=Retry(attempts=2, delay=0.0))

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            await engine.fail_activity(await token_of(tokens), "not yet")
            again = await token_of(tokens, 2)
            assert again != tokens[0]
            with pytest.raises(UnknownTaskError):
                await engine.complete_activity(tokens[0], "too late")
            await engine.complete_activity(again, "now")
            assert (await handle.result(timeout=DEADLINE))["result"] == "now"

    asyncio.run(story())


def test_it_holds_no_place_while_it_waits() -> None:
    stage = Stage()
    tokens: list[str] = []
    body = asking(tokens)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU, concurrency=1) as engine:
            handles = [await engine.start(body, n) for n in range(20)]
            await until(lambda: len(tokens) == 20)
            assert engine._worker is not None
            await until(lambda: not engine._worker or not engine._worker.crew.errands)
            for token in tokens:
                await engine.complete_activity(token, "ok")
            for each in handles:
                await each.result(timeout=60)

    stage.run(story())


def test_it_survives_a_restart(tmp_path: Path) -> None:
    url, tokens = f"sqlite:///{tmp_path / 'work.db'}", list[str]()
    body = asking(tokens)
    with Engine(url, workflows=[body], queues=GPU) as engine:
        engine.start(body, 1, id="p")
        asyncio.run(token_of(tokens))
    with Engine(url, worker=False) as client:
        assert client.heartbeat_activity(tokens[0], "half of it") is False
        client.complete_activity(tokens[0], "by mail")
    with Engine(url, workflows=[body], queues=GPU) as engine:
        assert engine.get("p").result(timeout=DEADLINE)["result"] == "by mail"
    assert len(tokens) == 1


def test_whoever_is_quick_may_end_it_before_its_function_returns(engine_of: MakeEngine) -> None:
    stopped: list[str] = []
    begun: list[str] = []

    @activity(queue="gpu", auto_complete=False)
    async def ask(n: int) -> None:
        begun.append(current().token)
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.append("dropped")

    body = running(ask)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            await engine.complete_activity(await token_of(begun), "quick")
            assert (await handle.result(timeout=DEADLINE))["result"] == "quick"
            await until(lambda: bool(stopped))

    asyncio.run(story())


@pytest.mark.parametrize(
    ("seconds", "limits"), [(2, {"start_to_close": 20}), (3600, {"heartbeat_timeout": 20})]
)
def test_what_was_said_from_outside_is_not_said_over_by_what_its_function_said_before(
    seconds: int, limits: dict[str, Any]
) -> None:
    stage = Stage()
    tokens: list[str] = []

    @activity(queue="gpu", auto_complete=False, **limits)
    async def ask() -> None:
        current().heartbeat("mine")
        tokens.append(current().token)
        await asyncio.sleep(seconds)

    body = running(ask)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body)
            token = await token_of(tokens)
            await asyncio.sleep(1)
            await engine.heartbeat_activity(token, "theirs")
            assert (await handle.result(timeout=60))["details"] == "theirs"

    stage.run(story())


def test_its_function_may_end_it_by_itself_all_the_same(engine_of: MakeEngine) -> None:
    @activity(queue="gpu", auto_complete=False)
    async def ask(n: int) -> str | None:
        if n == 1:
            return "no need to ask"
        raise ValueError("nobody to ask")

    body = running(ask)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            first, second = await engine.start(body, 1), await engine.start(body, 2)
            assert (await first.result(timeout=DEADLINE))["result"] == "no need to ask"
            assert "nobody to ask" in (await second.result(timeout=DEADLINE))["error"]

    asyncio.run(story())


def test_a_step_of_a_queue_has_a_token_too_and_its_result_is_a_dict(engine_of: MakeEngine) -> None:
    tokens: list[str] = []

    @step("Render", queue="gpu")
    async def render() -> State:
        tokens.append(current().token)
        await asyncio.sleep(3600)
        return {}

    body = listing(render)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, {"a": 1}, id="p")
            token = await token_of(tokens)
            with pytest.raises(InvalidInputError, match="a step's result is a dict"):
                await engine.complete_activity(token, 7)
            await engine.complete_activity(token, {"b": 2})
            assert await handle.result(timeout=DEADLINE) == {"a": 1, "b": 2}

    asyncio.run(story())


# -- what is late ---------------------------------------------------------------------------------


def test_what_is_late_is_refused_and_changes_nothing(engine_of: MakeEngine) -> None:
    tokens: list[str] = []
    body = asking(tokens)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            await engine.complete_activity(token, "first")
            await handle.result(timeout=DEADLINE)
            before = len(await handle.history())
            late = [
                engine.complete_activity(token, "second"),
                engine.fail_activity(token, "second"),
                engine.cancel_activity(token),
                engine.heartbeat_activity(token),
                engine.complete_activity("no token at all"),
            ]
            for each in late:
                with pytest.raises(UnknownTaskError, match="nothing was changed"):
                    await each
            assert len(await handle.history()) == before

    asyncio.run(story())


def test_of_two_that_end_it_at_once_one_is_told_that_it_is_late(engine_of: MakeEngine) -> None:
    tokens: list[str] = []
    body = asking(tokens)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            told = await asyncio.gather(
                *(engine.complete_activity(token, n) for n in range(5)), return_exceptions=True
            )
            assert sum(isinstance(each, UnknownTaskError) for each in told) == 4
            (winner,) = (n for n, each in enumerate(told) if each is None)
            assert (await handle.result(timeout=DEADLINE))["result"] == winner

    asyncio.run(story())


def test_a_process_that_was_aborted_wants_no_end_of_it(engine_of: MakeEngine) -> None:
    tokens: list[str] = []
    body = asking(tokens)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            await reaches(engine, "p", "waiting")
            await engine.abort("p")
            with pytest.raises(UnknownTaskError):
                await engine.complete_activity(token, "too late")

    asyncio.run(story())


@pytest.mark.parametrize("value", [float("nan"), object(), {"at": {1, object()}}])
def test_a_result_that_json_cannot_hold_is_refused_and_may_be_said_again(value: Any) -> None:
    stage = Stage()
    tokens: list[str] = []
    body = asking(tokens)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            with pytest.raises(InvalidInputError):
                await engine.complete_activity(token, value)
            await engine.complete_activity(token, "in words")
            assert (await handle.result(timeout=10))["result"] == "in words"

    stage.run(story())


def test_what_is_no_token_or_no_error_is_refused() -> None:
    stage = Stage()
    tokens: list[str] = []
    body = asking(tokens)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            with pytest.raises(InvalidInputError, match="a token is a text"):
                await engine.complete_activity(7)  # type: ignore[arg-type]
            await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            with pytest.raises(InvalidInputError, match="an exception or a text"):
                await engine.fail_activity(token, 7)  # type: ignore[arg-type]

    stage.run(story())


# -- while it waits -------------------------------------------------------------------------------


def test_its_limits_hold_while_it_waits_for_somebody() -> None:
    stage = Stage()
    tokens: list[str] = []
    limits = {"start_to_close": 60, "heartbeat_timeout": 20}
    body = asking(tokens, **limits)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            for number in range(4):
                await asyncio.sleep(10)
                assert await engine.heartbeat_activity(token, number) is False
            found = await handle.result(timeout=100)
            told = {"kind": "start_to_close", "seconds": 60, "details": 3}
            assert found == {"end": "ActivityTimedOut", **told}
            assert stage.seconds == pytest.approx(60, abs=0.2)
            with pytest.raises(UnknownTaskError):
                await engine.heartbeat_activity(token)

    stage.run(story())


def test_a_silent_one_runs_into_its_heartbeat_timeout() -> None:
    stage = Stage()
    tokens: list[str] = []
    body = asking(tokens, heartbeat_timeout=20)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            await handle.result(timeout=100)
            assert stage.seconds == pytest.approx(20, abs=0.2)

    stage.run(story())


def test_it_is_asked_to_stop_by_its_heartbeat() -> None:
    stage = Stage()
    tokens: list[str] = []

    @activity(queue="gpu", auto_complete=False)
    async def ask(n: int) -> None:
        current().heartbeat("asked")
        tokens.append(current().token)

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    return ScheduleActivity(ask)
                case e.SignalReceived():
                    return CancelActivity(ask)
                case e.ActivityClosed(result=result):
                    return complete(result)
        return None

    body = decider(decide, ask)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            assert await engine.heartbeat_activity(token) is False
            await engine.signal("p", "stop")
            await reaches(engine, "p", "waiting")
            await asyncio.sleep(1)
            assert await engine.heartbeat_activity(token) is True
            await engine.cancel_activity(token, "stopped")
            found = await handle.result(timeout=10)
            assert found == {"end": "ActivityCanceled", "details": "stopped"}

    stage.run(story())


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_store_that_is_away_for_a_while_is_told_later_that_it_waits(when: str) -> None:
    stage = Stage()
    tokens: list[str] = []

    @activity(queue="gpu", auto_complete=False, retry=Retry(attempts=2, delay=0.0))
    async def ask(n: int) -> None:
        current().heartbeat("asked")
        tokens.append(current().token)

    body = running(ask)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            stage.stores[-1].fail("detach_task", "heartbeat_task", when=when, times=2)
            await engine.start(body, 1, id="p")
            token = await token_of(tokens)
            await asyncio.sleep(5)
            (task,) = stage.store._tasks.all.values()
            assert (task.owner, task.details) == (None, b'"asked"')
            await engine.complete_activity(token, "ok")
            assert (await (await engine.get("p")).result(timeout=10))["result"] == "ok"

    stage.run(story())
    assert len(tokens) == 1


def test_a_month_of_waiting_passes_in_a_moment(tmp_path: Path) -> None:
    tokens: list[str] = []
    body = asking(tokens, schedule_to_close=30 * 86_400)
    clock = VirtualClock()
    url = f"sqlite:///{tmp_path / 'work.db'}"

    async def story() -> None:
        async with AsyncEngine(url, workflows=[body], queues=GPU, clock=clock) as engine:
            handle = await engine.start(body, 1, id="p")
            found = await handle.result(timeout=DEADLINE)
            assert found == {"end": "ActivityTimedOut", "kind": "schedule_to_close"}

    asyncio.run(story())
    assert clock.monotonic() == pytest.approx(30 * 86_400)
