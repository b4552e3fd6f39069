"""A decider that raises: nothing is written, it is asked again later, and at last a person is."""

from __future__ import annotations

import asyncio
import itertools
import logging
from pathlib import Path
from typing import Any

import pytest

from corago import ProcessTimedOutError
from corago.core import events as e
from corago.decider import CompleteProcess, Process, ScheduleActivity, StartTimer, activity
from corago.ports.store import Append
from corago.testing import VirtualClock
from corago.testing.simulator import Node
from tests.runtime.deciders import complete, decider
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, engines
from tests.runtime.stage import AFTER, BEFORE, Stage, kinds, reaches, until

ALL = 15.0
"""Seconds that pass until a person is asked: 1, 2, 4 and 8."""


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


class Trouble:
    """A decider that raises so often, then completes with what it has not seen."""

    def __init__(self, stage: Stage, times: int) -> None:
        self.stage = stage
        self.left = times
        self.asked: list[float] = []
        self.body = decider(self.decide, timeout=None)

    def decide(self, process: Process) -> Any:
        self.asked.append(round(self.stage.seconds, 1))
        names = [v.name for v in process.unseen_events() if isinstance(v, e.SignalReceived)]
        if not names:
            return None
        if self.left:
            self.left -= 1
            raise ValueError("no idea")
        return CompleteProcess(names)


def test_it_is_asked_again_after_one_two_four_and_eight_seconds() -> None:
    stage = Stage()
    trouble = Trouble(stage, 4)

    async def story() -> None:
        async with stage.engine(workflows=[trouble.body]) as engine:
            handle = await engine.start(trouble.body, id="p")
            await reaches(engine, "p", "waiting")
            await engine.signal("p", "a")
            assert await handle.result(timeout=60) == ["a"]
            assert await kinds(engine, "p") == [
                "ProcessStarted",
                "MarkerRecorded",
                "SignalReceived",
                "ProcessCompleted",
            ]

    stage.run(story())
    assert [b - a for a, b in zip(trouble.asked[1:], trouble.asked[2:], strict=False)] == [
        pytest.approx(each, abs=0.2) for each in (1, 2, 4, 8)
    ]


def test_failures_count_though_something_new_meets_each_of_them() -> None:
    stage = Stage()
    trouble = Trouble(stage, 100)

    async def story() -> None:
        async with stage.engine(workflows=[trouble.body]) as engine:
            inner, sent = stage.store.append, itertools.count(1)

            async def append(wish: Append) -> Any:
                if wish.failures:
                    await engine.signal("p", f"s{next(sent)}")
                return await inner(wish)

            await engine.start(trouble.body, id="p")
            await reaches(engine, "p", "waiting")
            stage.stores[-1].__dict__["append"] = append
            await engine.signal("p", "a")
            await reaches(engine, "p", "suspended", 60)
            assert next(sent) == 5

    stage.run(story())


def test_then_it_is_suspended_with_the_traceback_and_told_again_when_it_goes_on() -> None:
    stage = Stage()
    trouble = Trouble(stage, 5)

    async def story() -> None:
        async with stage.engine(workflows=[trouble.body]) as engine:
            handle = await engine.start(trouble.body, id="p")
            await reaches(engine, "p", "waiting")
            await engine.signal("p", "a")
            await reaches(engine, "p", "suspended", 60)
            assert stage.seconds == pytest.approx(ALL, abs=0.5)
            (suspended,) = (await handle.history()).of(e.ProcessSuspended)
            assert suspended.error.type == "ValueError"
            assert "no idea" in (suspended.error.traceback or "")
            await engine.signal("p", "b")
            await reaches(engine, "p", "suspended")
            await engine.retry("p")
            assert await handle.result(timeout=60) == ["a", "b"]

    stage.run(story())


def test_a_fresh_message_is_a_reason_to_ask_at_once() -> None:
    stage = Stage()
    trouble = Trouble(stage, 3)

    async def story() -> None:
        async with stage.engine(workflows=[trouble.body]) as engine:
            handle = await engine.start(trouble.body, id="p")
            await reaches(engine, "p", "waiting")
            for name in "abcd":
                await engine.signal("p", name)
                await asyncio.sleep(0.5)
            assert await handle.result(timeout=10) == ["a", "b", "c", "d"]
            assert stage.seconds < 2.5

    stage.run(story())


def test_one_answer_forgives_all_failures_before_it() -> None:
    stage = Stage()
    asked: list[int] = []

    def decide(process: Process) -> Any:
        asked.append(len(process.unseen_events()))
        if len(asked) % 4:
            raise ValueError("no idea")
        return StartTimer(1, id=f"timer {len(asked)}") if len(asked) < 16 else CompleteProcess()

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await handle.result(timeout=100)
            assert not (await handle.history()).of(e.ProcessSuspended)

    stage.run(story())
    assert len(asked) == 16


def test_the_count_survives_the_worker() -> None:
    stage = Stage(lease=3)
    trouble = Trouble(stage, 5)

    async def worker(node: Node) -> None:
        async with stage.engine(node, workflows=[trouble.body]):
            await asyncio.get_running_loop().create_future()

    async def story() -> None:
        async with stage.client() as client:
            first, second = stage.node("first"), stage.node("second")
            first.spawn(worker(first))
            await client.start(trouble.body, id="p")
            await reaches(client, "p", "waiting")
            await client.signal("p", "a")
            await until(lambda: len(trouble.asked) == 4)  # twice: one or two failures are written
            await asyncio.sleep(0.1)
            first.die()
            second.spawn(worker(second))
            await reaches(client, "p", "suspended", 60)
            assert trouble.left == 0, "it was asked five times in all"

    stage.run(story())


def test_a_lost_worker_is_told_of_again_until_the_decider_can_answer() -> None:
    stage = Stage(lease=3)
    failures: list[float] = []

    @activity(at_most_once=True)
    async def work() -> None:
        await asyncio.sleep(1000)

    def decide(process: Process) -> Any:
        unseen = process.unseen_events()
        if any(isinstance(each, e.SignalReceived) for each in unseen) and len(failures) < 2:
            failures.append(stage.seconds)
            raise ValueError("no idea")
        return ScheduleActivity(work) if isinstance(unseen[0], e.ProcessStarted) else None

    body = decider(decide, work)

    async def worker(node: Node) -> None:
        async with stage.engine(node, workflows=[body]):
            await asyncio.get_running_loop().create_future()

    async def story() -> None:
        async with stage.client() as client:
            first, second = stage.node("first"), stage.node("second")
            first.spawn(worker(first))
            await client.start(body, id="p")
            await reaches(client, "p", "running")
            await asyncio.sleep(1)
            first.die()
            await client.signal("p", "a")
            second.spawn(worker(second))
            await reaches(client, "p", "suspended", 60)  # what may have run once is in doubt
            assert "LeaseLost" in await kinds(client, "p")

    stage.run(story())
    assert len(failures) == 2


def test_thirty_failing_processes_do_not_keep_others_from_their_turn() -> None:
    stage = Stage()
    trouble = Trouble(stage, 1000)
    calm = decider(lambda _: CompleteProcess("calm"))

    async def story() -> None:
        async with stage.engine(workflows=[trouble.body, calm], concurrency=2) as engine:
            for number in range(30):
                await engine.start(trouble.body, id=f"t{number}")
                await engine.signal(f"t{number}", "a")
            for number in range(5):
                handle = await engine.start(calm, id=f"c{number}")
                assert await handle.result(timeout=2) == "calm"

    stage.run(story())


# -- with work in its hands -----------------------------------------------------------------------


@pytest.mark.parametrize("queue", [None, "gpu"])
def test_what_an_activity_came_to_is_not_lost_while_it_fails(queue: str | None) -> None:
    stage = Stage()
    ran: list[float] = []
    asked: list[str] = []

    @activity(queue=queue)
    async def work() -> str:
        ran.append(stage.seconds)
        return "the only one"

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.ActivityClosed):
                asked.append("end")
                if len(asked) < 5:
                    raise ValueError("no idea")
                return complete(event.result)
        return ScheduleActivity(work)

    body = decider(decide, work)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            found = await handle.result(timeout=60)
            assert found["result"] == "the only one"
            assert stage.seconds == pytest.approx(ALL, abs=0.5)

    stage.run(story())
    assert len(ran) == 1


def test_other_activities_run_on_while_it_fails_and_their_ends_are_asked_about_at_once() -> None:
    stage = Stage()

    @activity
    async def work(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    def decide(process: Process) -> Any:
        ended = [v for v in process.unseen_events() if isinstance(v, e.ActivityClosed)]
        if len(ended) == 1:
            raise ValueError("I want both at once")
        if ended:
            return CompleteProcess(sorted(each.path for each in ended))
        return [ScheduleActivity(work, 1), ScheduleActivity(work, 6.5)]

    body = decider(decide, work)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            assert await handle.result(timeout=60) == ["work", "work#2"]
            assert stage.seconds == pytest.approx(6.5, abs=0.2)

    stage.run(story())


def test_an_engine_that_closes_meanwhile_does_not_wait_for_it() -> None:
    stage = Stage()
    ran: list[float] = []
    helps: list[bool] = []

    @activity(at_most_once=True)
    async def work() -> str:
        ran.append(stage.seconds)
        return "the only one"

    def decide(process: Process) -> Any:
        if process.unfinished_activities():
            return None
        for event in process.unseen_events():
            if isinstance(event, e.ActivityClosed):
                if not helps:
                    raise ValueError("no idea")
                return complete(event.result)
        return ScheduleActivity(work)

    body = decider(decide, work)

    async def story() -> None:
        async with stage.engine(workflows=[body], grace=2.0) as engine:
            await engine.start(body, id="p")
            await asyncio.sleep(1.5)
        assert stage.seconds < 6
        helps.append(True)
        async with stage.engine(workflows=[body]) as engine:
            await reaches(engine, "p", "suspended")
            assert "whether it took effect must be found out" in str(await engine.explain("p"))

    stage.run(story())
    assert len(ran) == 1, "it runs at most once, and what it came to was lost with its worker"


def test_a_process_runs_out_of_time_while_it_fails() -> None:
    stage = Stage()
    trouble = Trouble(stage, 1000)

    async def story() -> None:
        async with stage.engine(workflows=[trouble.body]) as engine:
            handle = await engine.start(trouble.body, id="p", timeout=5)
            await reaches(engine, "p", "waiting")
            await engine.signal("p", "a")
            with pytest.raises(ProcessTimedOutError):
                await handle.result(timeout=60)
            assert stage.seconds == pytest.approx(5, abs=0.2)

    stage.run(story())


# -- while a person is waited for -----------------------------------------------------------------


def test_timers_of_a_suspended_one_fire_and_wait_for_their_answer_without_haste() -> None:
    stage = Stage()
    helps: list[bool] = []

    def decide(process: Process) -> Any:
        fired = [v.timer for v in process.unseen_events() if isinstance(v, e.TimerFired)]
        if fired and not helps:
            raise ValueError("no idea")
        if fired:
            return CompleteProcess(fired)
        return [StartTimer(each, id=f"after {each}") for each in (1, 30, 60)]

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches(engine, "p", "suspended", 60)
            store = stage.stores[-1]
            before = len(store.calls)
            await asyncio.sleep(100)
            assert len(store.calls) - before < 200, "it spins"
            fired = (await handle.history()).of(e.TimerFired)
            assert [each.timer for each in fired] == ["after 1", "after 30", "after 60"]
            helps.append(True)
            await engine.retry("p")
            assert await handle.result(timeout=10) == ["after 1", "after 30", "after 60"]

    stage.run(story())


def test_its_activities_run_on_and_their_ends_are_told_when_it_goes_on() -> None:
    stage = Stage()
    helps: list[bool] = []

    @activity
    async def work() -> str:
        await asyncio.sleep(40)
        return "done"

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    return ScheduleActivity(work)
                case e.SignalReceived() if not helps:
                    raise ValueError("no idea")
                case e.ActivityClosed(result=result):
                    return complete(result)
        return None

    body = decider(decide, work)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await asyncio.sleep(1)
            await engine.signal("p", "a")
            await reaches(engine, "p", "suspended", 60)
            await asyncio.sleep(60)
            assert (await handle.history()).of(e.ActivityClosed)
            helps.append(True)
            await engine.retry("p")
            assert (await handle.result(timeout=10))["result"] == "done"

    stage.run(story())


# -- whoever looks on -----------------------------------------------------------------------------


def test_every_failure_is_in_the_log(
    engine_of: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def decide(process: Process) -> Any:
        asked.append(1)
        if len(asked) < 3:
            raise ValueError("no idea")
        return CompleteProcess()

    body, clock = decider(decide), VirtualClock()

    async def story() -> None:
        async with engine_of(workflows=[body], clock=clock) as engine:
            handle = await engine.start(body, id="p")
            await handle.result(timeout=DEADLINE)

    with caplog.at_level(logging.WARNING, "corago.worker"):
        asyncio.run(story())
    said = [each for each in caplog.records if "decide failed" in each.message]
    assert [each.process_id for each in said] == ["p", "p"]  # type: ignore[attr-defined]
    assert "ValueError: no idea" in said[0].message


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_store_that_is_away_meanwhile_changes_nothing(when: str) -> None:
    stage = Stage()
    trouble = Trouble(stage, 3)

    async def story() -> None:
        async with stage.engine(workflows=[trouble.body]) as engine:
            handle = await engine.start(trouble.body, id="p")
            await reaches(engine, "p", "waiting")
            stage.stores[-1].fail("append", when=when, times=2)
            await engine.signal("p", "a")
            assert await handle.result(timeout=60) == ["a"]

    stage.run(story())
    assert trouble.left == 0
