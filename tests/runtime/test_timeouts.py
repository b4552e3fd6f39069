"""Time-outs of steps and processes: seen in time, recorded, and survived."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from corago import (
    Engine,
    ProcessFailedError,
    ProcessTimedOutError,
    Retry,
    State,
    WaitTimeoutError,
    current,
    done,
    init,
    parallel,
    sleep,
    step,
    wait_for,
    workflow,
)
from corago.core import events as e
from corago.runtime.attempt import GRACE_SECONDS
from corago.runtime.executor import InlineExecutor, Job
from corago.testing.simulator import SimulatedClock
from tests.runtime.stage import Stage, ends, kinds, listing, reaches, until

DEADLINE = 10.0


def test_an_async_step_is_stopped_when_its_time_is_over() -> None:
    stage = Stage()
    cleaned: list[float] = []

    @step("Slow", timeout=3)
    async def slow() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            cleaned.append(stage.seconds)

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(slow), id="p")
            with pytest.raises(ProcessFailedError, match=r"start_to_close timeout of 3 s"):
                await handle.result(timeout=20)
            closed = (await handle.history()).of(e.ActivityClosed)[0]
            assert closed.result == e.ActivityTimedOut("start_to_close", 3.0)

    stage.run(story())
    assert cleaned == [3.0]


def test_an_async_step_that_will_not_stop_is_waited_for_no_longer_than_its_grace() -> None:
    stage = Stage()

    @step("Stubborn", timeout=3)
    async def stubborn() -> None:
        while stage.seconds < 60:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(stubborn), id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=20)
            assert stage.seconds == pytest.approx(3 + GRACE_SECONDS, abs=0.01)

    stage.run(story())


def test_an_async_step_that_ends_well_while_it_is_stopped_has_ended_well() -> None:
    stage = Stage()

    @step("Tidy", timeout=3)
    async def tidy() -> State:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return {"saved": True}

    async def story() -> Any:
        async with stage.engine() as engine:
            return await (await engine.start(listing(tidy))).result(timeout=20)

    assert stage.run(story()) == {"saved": True}


def test_a_sync_step_that_ignores_its_timeout_is_abandoned_and_its_thread_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    released, all_done = threading.Event(), threading.Barrier(5)
    asked_to_stop: list[bool] = []

    @step("Stuck", timeout=0.1)
    def stuck() -> State:
        here = current()
        assert released.wait(DEADLINE)
        asked_to_stop.append(here.is_cancel_requested)
        all_done.wait(DEADLINE)
        return {"too": "late"}

    @step("Quick")
    def quick() -> State:
        return {"quick": True}

    with Engine(threads=2) as engine:
        handles = engine.start_many(listing(stuck), [{} for _ in range(4)])
        for handle in handles:
            with pytest.raises(ProcessFailedError, match="ActivityTimedOut"):
                handle.result(timeout=DEADLINE)
        assert engine.start(listing(quick)).result(timeout=DEADLINE) == {"quick": True}
        released.set()
        all_done.wait(DEADLINE)
        for handle in handles:
            assert handle.info().state == {}
            assert len(handle.history().of(e.ActivityClosed)) == 1
    assert asked_to_stop == [True] * 4
    assert any("'Stuck'" in record.message for record in caplog.records)


def test_a_sync_steps_time_begins_when_its_thread_does() -> None:
    @step("Work", timeout=5)
    def work() -> State:
        return {"ok": True}

    gate = threading.Event()

    @step("Hold the only thread")
    def hold() -> None:
        assert gate.wait(DEADLINE)

    with Engine(threads=1) as engine:
        holder = engine.start(listing(hold))
        handle = engine.start(listing(work))
        gate.set()
        holder.result(timeout=DEADLINE)
        assert handle.result(timeout=DEADLINE) == {"ok": True}


def test_the_wait_for_a_thread_is_no_part_of_a_sync_steps_time() -> None:
    stage = Stage(lease=600)

    class Late(InlineExecutor):
        def submit(self, job: Job) -> None:
            asyncio.get_running_loop().call_later(10, super().submit, job)

    @step("Work", timeout=5)
    def work() -> State:
        return {"ok": True}

    async def story() -> None:
        async with stage.engine() as engine:
            assert engine._worker is not None
            engine._worker.executor = Late()
            handle = await engine.start(listing(work), id="p")
            assert await handle.result(timeout=60) == {"ok": True}
            assert stage.seconds >= 10

    stage.run(story())


def test_a_timed_out_attempt_is_tried_again_where_the_policy_says_so() -> None:
    stage = Stage()

    @step("Slow at first", timeout=2, retry=Retry(attempts=3, delay=10, jitter=0))
    async def slow() -> State:
        if current().attempt < 2:
            await asyncio.sleep(100)
        return {"attempt": current().attempt}

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(slow), id="p")
            assert await handle.result(timeout=60) == {"attempt": 2}
            assert stage.seconds == pytest.approx(12, abs=0.1)
            retried = (await handle.history()).of(e.ActivityRetried)
            assert [each.error.type for each in retried] == ["ActivityTimedOut"]

    stage.run(story())


def test_a_process_ends_when_its_own_time_is_over_whatever_it_does() -> None:
    stage = Stage()
    stopped: list[float] = []

    @step("Work")
    async def work() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            stopped.append(stage.seconds)

    async def story() -> None:
        async with stage.engine() as engine:
            for name, body in (
                ("works", listing(work)),
                ("sleeps", listing(sleep(1000))),
                ("waits", listing(wait_for("go"))),
            ):
                handle = await engine.start(body, id=name, timeout=timedelta(seconds=30))
                with pytest.raises(ProcessTimedOutError, match="longer than its timeout"):
                    await handle.result(timeout=31)
                assert (await kinds(engine, name))[-1] == "ProcessTimedOut"

    stage.run(story())
    assert stopped == [30.0]


def test_a_workflow_may_bring_its_own_timeout() -> None:
    stage = Stage()

    def short() -> Any:
        return init >> wait_for("go") >> done

    async def story() -> None:
        async with stage.engine() as engine:
            body = workflow("Short", timeout=5)(short)
            with pytest.raises(ProcessTimedOutError):
                await (await engine.start(body)).result(timeout=6)
            longer = await engine.start(body, timeout=50)
            await asyncio.sleep(10)
            await engine.signal(longer.id, "go")
            await longer.result(timeout=1)

    stage.run(story())


def test_a_wait_for_a_signal_times_out_beside_a_step_that_runs_on() -> None:
    stage = Stage()

    @step("Long")
    async def long() -> State:
        await asyncio.sleep(20)
        return {"long": True}

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(parallel("Both", long, wait_for("go", timeout=5)))
            handle = await engine.start(body, id="p")
            with pytest.raises(ProcessFailedError, match="'go' did not arrive within 5 s"):
                await handle.result(timeout=30)
            history = await handle.history()
            assert history.of(e.TimerFired)[0].at < history.of(e.ActivityClosed)[0].at
            assert await ends(engine, "p") == [("Both/Long", "ActivityCompleted")]

    stage.run(story())


def test_a_sleep_of_days_holds_nothing_and_survives_restarts() -> None:
    body = listing(sleep(timedelta(days=3)))
    stage = Stage(body)

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            assert engine._worker is not None
            assert not engine._worker.turns
        await asyncio.sleep(timedelta(days=2).total_seconds())
        async with stage.engine() as engine:
            await asyncio.sleep(10)
            assert (await engine.info("p")).status == "waiting"
        await asyncio.sleep(timedelta(days=5).total_seconds())
        async with stage.engine() as engine:
            await engine.wait("p", 1)
            assert await kinds(engine, "p") == [
                "ProcessStarted",
                "TimerStarted",
                "TimerFired",
                "ProcessCompleted",
            ]

    stage.run(story())


@pytest.mark.parametrize("days", [3, -3])
def test_a_calendar_that_jumps_wakes_what_is_due_and_breaks_nothing(days: int) -> None:
    stage = Stage()

    @step("Hold")
    async def hold() -> None:
        await asyncio.sleep(60)

    async def story() -> None:
        async with stage.engine() as engine:
            parked = await engine.start(listing(sleep(timedelta(days=2))), id="parked")
            held = await engine.start(
                listing(parallel("Both", hold, sleep(timedelta(days=2)))), id="held"
            )
            await asyncio.sleep(1)
            assert isinstance(stage.clock, SimulatedClock)
            stage.clock.skew = timedelta(days=days)
            await asyncio.sleep(20)
            expected = "completed" if days > 0 else "waiting"
            assert (await parked.info()).status == expected
            fired = (await held.history()).of(e.TimerFired)
            assert len(fired) == (days > 0)
            later = await engine.start(listing(sleep(5)), id="later")
            await later.result(timeout=7)
            for handle in (parked, held, later):
                history = await handle.history()
                instants = [event.at for event in history]
                assert instants == sorted(instants)

    stage.run(story())


# -- how long a caller waits ------------------------------------------------------------------


def test_a_caller_that_waited_long_enough_is_told_what_the_process_waits_for() -> None:
    with Engine() as engine:
        handle = engine.start(listing(wait_for("approval")), id="p")
        with pytest.raises(TimeoutError, match="approval") as caught:
            handle.result(timeout=0.2)
        assert isinstance(caught.value, WaitTimeoutError)
        assert caught.value.explanation.reason == "waiting"
        assert caught.value.process_id == "p"
        with pytest.raises(TimeoutError):
            handle.result(timeout=0)


def test_who_waits_is_told_as_soon_as_the_process_ends() -> None:
    stage = Stage()

    @step("Work")
    async def work() -> None:
        await asyncio.sleep(3.3)

    async def story() -> None:
        async with stage.engine() as engine, stage.client() as client:
            handle = await engine.start(listing(work), id="p")
            both = asyncio.gather(handle.result(), client.wait("p"), client.wait("p", 60))
            assert list(await both) == [{}, {}, {}]
            assert stage.seconds == pytest.approx(3.3, abs=0.01)
            assert not engine._waiters
            assert not client._waiters

    stage.run(story())


def test_a_caller_that_gives_up_waiting_leaves_nothing_behind() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(wait_for("go")), id="p")
            await reaches(engine, "p", "waiting")
            before = asyncio.all_tasks()
            for _ in range(20):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await handle.result()
            assert not engine._waiters
            assert asyncio.all_tasks() == before
            await engine.signal("p", "go")
            await handle.result(timeout=1)
            await until(lambda: not engine._waiters)

    stage.run(story())
