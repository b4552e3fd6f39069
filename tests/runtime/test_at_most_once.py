"""Steps that run at most once: what cannot be known is left to a person."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import (
    CommandRefusedError,
    ProcessFailedError,
    Retry,
    State,
    current,
    parallel,
    step,
    wait_for,
)
from corago.core import events as e
from corago.decider import Process, ScheduleActivity, activity
from corago.ports.store import Append
from tests.runtime.deciders import complete, decider
from tests.runtime.stage import BEFORE, Stage, ends, kinds, listing, reaches, until


def paying(log: list[str], seconds: float = 10.0, failures: int = 0) -> Any:
    @step("Pay", at_most_once=True)
    async def pay() -> State:
        log.append(f"{current().process_id} {current().attempt}")
        await asyncio.sleep(seconds)
        if len(log) <= failures:
            raise OSError("no")
        return {"paid": True}

    return pay


def test_the_start_is_durable_before_the_step_runs() -> None:
    stage = Stage()
    seen: list[list[str]] = []

    @step("Look", at_most_once=True)
    async def look() -> None:
        seen.append([type(row).__name__ for row in await handles[0].history()])

    handles: list[Any] = []

    async def story() -> None:
        async with stage.engine() as engine, stage.client() as client:
            body = listing(wait_for("go"), look)
            handles.append(await engine.start(body, id="p"))
            await client.signal("p", "go")
            await engine.wait("p", 5)

    stage.run(story())
    assert seen == [["ProcessStarted", "SignalReceived", "ActivityStarted"]]


def test_a_step_that_could_not_be_recorded_as_begun_does_not_begin() -> None:
    stage = Stage(lease=15)
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            stage.stores[-1].fail("append", when=BEFORE)
            await engine.start(listing(paying(log, 0)), id="p")
            await asyncio.sleep(5)
            assert log == []
            stage.stores[-1].heal()
            await engine.wait("p", 5)

    stage.run(story())
    assert log == ["p 1"]


@pytest.mark.parametrize("way", ["retry", "skip", "set_result"])
def test_a_step_whose_worker_vanished_waits_for_a_person(way: str) -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(paying(log))
    stage.workflows = (body,)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(stage.worker(node))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(log))
            node.die()
            async with stage.engine() as engine:
                await reaches(engine, "p", "suspended", 60)
                assert log == ["p 1"]
                explanation = await engine.explain("p")
                assert explanation.reason == "suspended"
                assert "at most once" in str(explanation)
                with pytest.raises(TimeoutError, match="suspended"):
                    await engine.wait("p", 1)
                expected: dict[str, Any]
                match way:
                    case "retry":
                        await engine.retry("p", actor="ann")
                        expected = {"paid": True}
                    case "skip":
                        await engine.skip("p", actor="ann")
                        expected = {}
                    case _:
                        await engine.set_result("p", {"paid": "by hand"}, actor="ann")
                        expected = {"paid": "by hand"}
                assert await engine.wait("p", 30) == expected

    stage.run(story())
    assert log == (["p 1", "p 2"] if way == "retry" else ["p 1"])


def test_branches_beside_it_go_on_after_a_loss() -> None:
    stage = Stage(lease=15)
    log: list[str] = []

    @step("Other")
    async def other() -> State:
        log.append("other")
        await asyncio.sleep(5)
        return {"other": True}

    body = listing(parallel("Both", paying(log), other))
    stage.workflows = (body,)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(stage.worker(node))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: len(log) == 2)
            node.die()
            async with stage.engine() as engine:
                await reaches(engine, "p", "suspended", 60)
                await asyncio.sleep(6)
                assert await ends(engine, "p") == [("Both/Other", "ActivityCompleted")]
                await engine.set_result("p", {"paid": True})
                assert await engine.wait("p", 5) == {"other": True, "paid": True}

    stage.run(story())
    assert sorted(log) == ["other", "other", "p 1"]


def test_it_is_no_loss_when_nothing_had_begun() -> None:
    stage = Stage(lease=15)
    log: list[str] = []

    @step("Before")
    async def before() -> None:
        log.append("before")
        await asyncio.sleep(10)

    body = listing(before, paying(log))
    stage.workflows = (body,)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(stage.worker(node))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(log))
            node.die()
            async with stage.engine() as engine:
                assert await engine.wait("p", 90) == {"paid": True}

    stage.run(story())
    assert log == ["before", "before", "p 1"]


def test_an_error_is_a_known_end_and_may_be_retried() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(paying(log, failures=1)), id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=20)
            await engine.retry("p")
            await handle.result(timeout=20)
            started = (await handle.history()).of(e.ActivityStarted)
            assert [each.attempt for each in started] == [1, 2]

    stage.run(story())
    assert log == ["p 1", "p 2"]


def test_a_close_that_will_wait_no_longer_leaves_it_to_a_person() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(paying(log, 1000))

    async def story() -> None:
        async with stage.engine(workflows=[body], grace=5) as engine:
            await engine.start(body, id="p")
            await until(lambda: bool(log))
        assert stage.seconds == pytest.approx(5, abs=0.1)
        async with stage.engine(workflows=[body]) as engine:
            await reaches(engine, "p", "suspended", 5)
            assert "LeaseLost" in await kinds(engine, "p")

    stage.run(story())
    assert log == ["p 1"]


def test_one_that_was_to_begin_when_the_engine_closed_begins_in_the_next() -> None:
    stage = Stage()
    log: list[str] = []

    @step("Before")
    async def before() -> None:
        await asyncio.sleep(10)

    body = listing(before, paying(log))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await asyncio.sleep(1)
        assert stage.seconds == pytest.approx(10, abs=0.1)
        assert log == []
        async with stage.engine(workflows=[body]) as engine:
            assert await engine.wait("p", 20) == {"paid": True}
            assert "LeaseLost" not in await kinds(engine, "p")

    stage.run(story())
    assert log == ["p 1"]


def test_a_suspended_process_can_be_canceled() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(paying(log))
    stage.workflows = (body,)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(stage.worker(node))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(log))
            node.die()
            async with stage.engine() as engine:
                await reaches(engine, "p", "suspended", 60)
                with pytest.raises(CommandRefusedError, match="has not failed"):
                    await engine.retry("p", step="Nobody")
                await engine.cancel("p")
                await reaches(engine, "p", "canceled", 5)

    stage.run(story())


def breaks_at_the_first_signal(stage: Stage) -> None:
    """Let the turn of the last engine's worker break by an error that is nobody's code."""
    inner, broken = stage.store.append, list[Append]()

    async def append(wish: Append) -> Any:
        if any(b"SignalReceived" in each for each in wish.events) and not broken:
            broken.append(wish)
            raise RuntimeError("something is wrong with the machine")
        return await inner(wish)

    stage.stores[-1].__dict__["append"] = append


def test_what_ran_when_its_process_was_set_aside_is_not_begun_again_by_letting_that_go_on() -> None:
    """The turn broke by an error of another branch: the retry is of that, not of the payment."""
    stage = Stage(lease=60)
    runs: list[float] = []

    @step("Pay", at_most_once=True)
    async def pay() -> None:
        runs.append(stage.seconds)
        await asyncio.sleep(30)

    body = listing(parallel("Both", pay, wait_for("go")))

    async def story() -> None:
        async with stage.engine() as engine:
            breaks_at_the_first_signal(stage)
            handle = await engine.start(body, id="p")
            await asyncio.sleep(2)
            await engine.signal("p", "go")
            await reaches(engine, "p", "suspended")
            await engine.retry("p")
            await asyncio.sleep(2)
            asides = (await handle.history()).of(e.ProcessSuspended)
            assert [each.path for each in asides] == ["", "Both/Pay"]
            assert len(runs) == 1
            await engine.retry("p", step="Both/Pay")
            await handle.result(timeout=60)
            assert len(runs) == 2

    stage.run(story())


@pytest.mark.parametrize("way", ["retry", "signal"])
def test_what_a_decider_had_begun_when_it_was_set_aside_is_not_begun_again(way: str) -> None:
    stage = Stage(lease=60)
    runs: list[float] = []

    @activity(at_most_once=True)
    async def pay() -> None:
        runs.append(stage.seconds)
        await asyncio.sleep(30)

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    yield ScheduleActivity(pay)
                case e.ActivityClosed(result=result):
                    yield complete(result)

    body = decider(decide, pay)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            breaks_at_the_first_signal(stage)
            handle = await engine.start(body, id="p")
            await asyncio.sleep(2)
            await engine.signal("p", "go")
            await reaches(engine, "p", "suspended")
            if way == "retry":
                await engine.retry("p", step="")
            else:
                await engine.signal("p", "go on")
            await asyncio.sleep(60)
            asides = (await handle.history()).of(e.ProcessSuspended)
            assert [each.path for each in asides] == ["", "pay"]
            assert len(runs) == 1
            await engine.retry("p")
            await handle.result(timeout=60)
            assert len(runs) == 2

    stage.run(story())


@pytest.mark.parametrize("heeds", [True, False])
def test_a_decider_that_is_asked_to_stop_while_something_is_in_doubt_still_needs_a_person(
    *, heeds: bool
) -> None:
    stage = Stage(lease=15)
    runs: list[float] = []

    @activity(at_most_once=True)
    async def pay() -> None:
        runs.append(stage.seconds)
        await asyncio.sleep(3600)

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    yield ScheduleActivity(pay)
                case e.ActivityClosed(result=result):
                    yield complete(result)

    body = decider(decide, pay, handles_cancel=heeds)
    stage.workflows = (body,)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(stage.worker(node))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(runs))
            node.die()
            async with stage.engine() as engine:
                await reaches(engine, "p", "suspended", 60)
                await engine.cancel("p")
                await asyncio.sleep(5)
                if not heeds:
                    assert (await engine.info("p")).status == "canceled"
                    return
                assert (await engine.info("p")).status == "suspended"
                assert (await engine.explain("p")).reason == "suspended"
                assert await engine.count(status="suspended") == {"suspended": 1}
                await engine.set_result("p", "paid")
                assert (await engine.wait("p", 10))["result"] == "paid"

    stage.run(story())


@pytest.mark.parametrize("queue", [None, "gpu"])
@pytest.mark.parametrize("stubborn", [True, False])
def test_one_whose_time_was_up_is_not_begun_again_by_itself(
    queue: str | None, *, stubborn: bool
) -> None:
    """It may have taken effect, or do so yet: who can't be stopped runs on beside the next one."""
    stage = Stage()
    runs: list[int] = []
    policy = Retry(attempts=3, delay=1)

    @step("Pay", at_most_once=True, queue=queue, timeout=5, retry=policy)
    async def pay() -> State:
        runs.append(current().attempt)
        while stage.seconds < 60:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if not stubborn:
                    raise
        return {}

    body = listing(pay)

    async def story() -> None:
        async with stage.engine(queues=("gpu",)) as engine:
            handle = await engine.start(body, id="p")
            with pytest.raises(ProcessFailedError, match="ActivityTimedOut"):
                await handle.result(timeout=40)
            assert runs == [1]
            await engine.retry("p")
            await until(lambda: runs == [1, 2], 20)

    stage.run(story())


def test_one_whose_worker_vanished_and_whose_time_was_up_is_not_begun_again_by_itself() -> None:
    stage = Stage(lease=3600)
    runs: list[int] = []

    @step("Pay", at_most_once=True, queue="gpu", timeout=10, retry=Retry(attempts=3))
    async def pay() -> None:
        runs.append(current().attempt)
        await asyncio.sleep(3600)

    body = listing(pay)

    async def story() -> None:
        async def serve() -> None:
            async with stage.engine(node, workflows=[body], queues=("gpu",)):
                await asyncio.sleep(3600)

        node = stage.node("first")
        node.spawn(serve())
        async with stage.client() as client:
            handle = await client.start(body, id="p")
            await until(lambda: bool(runs))
            node.die()
            async with stage.engine(workflows=[body], queues=("gpu",)):
                with pytest.raises(ProcessFailedError, match="ActivityTimedOut"):
                    await handle.result(timeout=60)

    stage.run(story())
    assert runs == [1]
