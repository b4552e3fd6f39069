"""Processes of deciders in an engine: what has come, what was decided, and what looks back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from corago import AsyncEngine, Engine, Listener, ProcessCanceledError, ProcessFailedError, current
from corago.backends.local import LocalBackend
from corago.core import events as e
from corago.core import messages as m
from corago.decider import (
    CancelTimer,
    CompleteProcess,
    ContinueAsNew,
    FailProcess,
    Process,
    RecordMarker,
    ScheduleActivity,
    SignalProcess,
    StartChildProcess,
    StartTimer,
    activity,
)
from corago.runtime.bell import IDLE_SECONDS
from corago.testing import VirtualClock
from corago.wiring import KINDS
from tests.runtime.deciders import by_signal, decider, running
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, engines
from tests.runtime.stage import AFTER, BEFORE, Stage, kinds, reaches, until

DAY = 86_400


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


@activity
def double(n: int) -> int:
    return 2 * n


# -- what it decides ------------------------------------------------------------------------------


def test_activities_timers_signals_and_children_make_a_process(engine_of: MakeEngine) -> None:
    child = running(double)

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    yield from (ScheduleActivity(double, 1), StartTimer(0.05, data="rang"))
                case e.TimerFired(data=data):
                    yield RecordMarker("timer", data)
                    yield StartChildProcess(child, 10)
                case e.ChildClosed():
                    yield SignalProcess(process.id, "finish", 7)
                case e.SignalReceived(data=data):
                    sums = [each.value for each in process.completed_activities()]
                    yield CompleteProcess([*sums, data])

    body = decider(decide, double, children=[child])

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            assert await handle.result(timeout=DEADLINE) == [2, 7]
            history = await handle.history()
            (started,) = history.of(e.ChildStarted)
            assert (await engine.get(started.child)).id.startswith("p/")
            assert history.of(e.MarkerRecorded)[0].details == "rang"

    asyncio.run(story())


def test_what_came_while_nobody_looked_is_answered_at_once() -> None:
    stage = Stage()
    asked: list[list[str]] = []

    def decide(process: Process) -> Any:
        names = [v.name for v in process.unseen_events() if isinstance(v, e.SignalReceived)]
        asked.append(names)
        return CompleteProcess(names) if names else None

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
        async with stage.client() as client:
            for name in "abc":
                await client.signal("p", name)
        async with stage.engine(workflows=[body]) as engine:
            assert await (await engine.get("p")).result(timeout=10) == ["a", "b", "c"]

    stage.run(story())
    assert asked == [[], ["a", "b", "c"]]


def sending(stage: Stage, id: str, name: str) -> None:
    """A signal that is there before whoever holds the process has written what it decides."""
    sent = LocalBackend(stage.store, stage.clock, KINDS).send(id, m.Signal(name))
    with pytest.raises(StopIteration):  # the store in memory never waits
        sent.send(None)


def test_a_signal_that_meets_the_end_is_decided_about_with_it() -> None:
    stage = Stage()
    asked: list[list[str]] = []

    def decide(process: Process) -> Any:
        names = [v.name for v in process.unseen_events() if isinstance(v, e.SignalReceived)]
        asked.append(names)
        if names == ["finish"]:
            sending(stage, "p", "late")
        return CompleteProcess(names) if names else None

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            await engine.signal("p", "finish")
            assert await handle.result(timeout=10) == ["finish", "late"]

    stage.run(story())
    assert asked == [[], ["finish"], ["finish", "late"]]


def test_a_timer_of_thirty_days_takes_a_moment(tmp_path: Path) -> None:
    def decide(process: Process) -> Any:
        fired = [v for v in process.unseen_events() if isinstance(v, e.TimerFired)]
        if fired and fired[0].timer == "month":
            return CompleteProcess(fired[0].data)
        return [StartTimer(40 * DAY, id="later"), StartTimer(30 * DAY, "it is time", id="month")]

    body = decider(decide)
    for url in (None, f"sqlite:///{tmp_path / 'work.db'}"):
        clock = VirtualClock()
        with Engine(url, workflows=[body], clock=clock) as engine:
            assert engine.start(body).result(timeout=DEADLINE) == "it is time"
        assert clock.monotonic() == pytest.approx(30 * DAY)


def test_a_timer_may_be_canceled_and_started_again() -> None:
    stage = Stage()

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    yield StartTimer(60, id="reminder")
                case e.SignalReceived():
                    yield [CancelTimer("reminder"), StartTimer(120, id="reminder")]
                case e.TimerFired():
                    yield CompleteProcess()

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await asyncio.sleep(30)
            await engine.signal("p", "wait")
            await handle.result(timeout=600)
            assert stage.seconds == pytest.approx(150, abs=1)

    stage.run(story())


def test_work_that_nobody_takes_in_time_is_told_even_where_nobody_serves_its_queue() -> None:
    @activity(queue="gpu", schedule_to_start=3600)
    def render() -> None: ...

    body, clock = running(render), VirtualClock()
    with Engine(workflows=[body], clock=clock) as engine:
        found = engine.start(body).result(timeout=IDLE_SECONDS - 1)
    assert found == {"end": "ActivityTimedOut", "kind": "schedule_to_start", "seconds": 3600}
    assert clock.monotonic() == pytest.approx(3600)


def test_a_running_one_is_late_when_the_clock_is_moved(tmp_path: Path) -> None:
    begun: list[str] = []

    @activity(queue="gpu", heartbeat_timeout=60)
    async def render() -> None:
        begun.append(current().token)
        await asyncio.sleep(3600)

    body, clock = running(render), VirtualClock()

    async def story() -> None:
        url = f"sqlite:///{tmp_path / 'work.db'}"
        async with AsyncEngine(url, workflows=[body], queues=GPU, clock=clock) as engine:
            handle = await engine.start(body)
            await until(lambda: bool(begun))
            clock.advance(59)
            with pytest.raises(TimeoutError):
                await handle.result(timeout=0.1)
            clock.advance(2)
            found = await handle.result(timeout=DEADLINE)
            assert found == {"end": "ActivityTimedOut", "kind": "heartbeat", "seconds": 60}

    asyncio.run(story())


def test_a_request_to_stop_ends_it_unless_it_answers_to_that(engine_of: MakeEngine) -> None:
    def decide(process: Process) -> Any:
        asked = [v for v in process.unseen_events() if isinstance(v, e.CancelRequested)]
        return CompleteProcess("I decide that") if asked else None

    stubborn, plain = decider(decide, handles_cancel=True), by_signal({})

    async def story() -> None:
        async with engine_of(workflows=[stubborn, plain]) as engine:
            first, second = await engine.start(stubborn), await engine.start(plain)
            await engine.cancel(first.id)
            await engine.cancel(second.id)
            assert await first.result(timeout=DEADLINE) == "I decide that"
            with pytest.raises(ProcessCanceledError):
                await second.result(timeout=DEADLINE)

    asyncio.run(story())


# -- runs -----------------------------------------------------------------------------------------


def counting(last: int) -> Any:
    """A workflow that counts its runs: each one runs an activity and goes on in the next."""

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            match event:
                case e.ProcessStarted():
                    yield ScheduleActivity(double, process.input)
                case e.ActivityClosed() if process.input < last:
                    yield ContinueAsNew(process.input + 1)
                case e.ActivityClosed():
                    told = [each.value for each in process.completed_activities()]
                    yield CompleteProcess({"run": process.run, "told": told})

    return decider(decide, double)


def test_it_goes_on_in_another_run_and_whoever_waits_gets_the_last_end(
    engine_of: MakeEngine,
) -> None:
    body = counting(5)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, 1, id="p")
            assert await handle.result(timeout=DEADLINE) == {"run": 5, "told": [10]}
            assert (await handle.info()).run == 5
            kinds_ = ["ProcessStarted", "ActivityScheduled", "ActivityClosed", "ProcessCompleted"]
            assert await kinds(engine, "p") == kinds_

    asyncio.run(story())


class Hearing(Listener):
    """Writes down the kinds of recorded events."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def recorded(self, process: Any, events: tuple[e.Event, ...]) -> None:
        self.heard += [type(event).__name__ for event in events]


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_next_run_whose_answer_was_lost_begins_once_and_is_told_of(when: str) -> None:
    stage = Stage()
    hearing = Hearing()

    def decide(process: Process) -> Any:
        if process.run == 3:
            return CompleteProcess(process.run)
        stage.stores[-1].fail("append", when=when, times=2)
        return ContinueAsNew()

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body], listeners=(hearing,)) as engine:
            assert await (await engine.start(body)).result(timeout=60) == 3

    stage.run(story())
    assert hearing.heard == ["ProcessStarted", *["ContinuedAsNew"] * 2, "ProcessCompleted"]


def test_a_child_that_cannot_be_born_with_the_end_of_a_run_keeps_nobody_from_the_next_one() -> None:
    def decide(process: Process) -> Any:
        if process.run == 3:
            return CompleteProcess(process.run)
        return [StartChildProcess("Nowhere", id="child"), ContinueAsNew()]

    stage, body = Stage(), decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            assert await handle.result(timeout=60) == 3
            first = await engine.history("p", run=1)
        assert isinstance(first[-1], e.ContinuedAsNew), "it was asked once, and said once"
        assert len(first.of(e.ChildStarted)) == 1

    stage.run(story())


def test_whoever_is_called_while_a_run_ends_lets_go_of_it_all_the_same() -> None:
    stage = Stage()
    turns: list[Any] = []

    def decide(process: Process) -> Any:
        if process.run == 2:
            return CompleteProcess()
        turns[0]["p"].deliver()  # as when somebody else has written
        return ContinueAsNew()

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            assert engine._worker is not None
            turns.append(engine._worker.turns)
            await (await engine.start(body, id="p")).result(timeout=60)
            assert stage.seconds < 1, "nobody held on to the run that was over"

    stage.run(story())


def test_a_signal_before_the_next_run_is_seen_by_the_run_that_it_came_to() -> None:
    stage = Stage()
    asked: list[tuple[int, list[str]]] = []

    def decide(process: Process) -> Any:
        names = [v.name for v in process.unseen_events() if isinstance(v, e.SignalReceived)]
        asked.append((process.run, names))
        if process.run == 2:
            return CompleteProcess() if names else None
        if names == ["go"]:
            sending(stage, "p", "late")
        return ContinueAsNew() if names else None

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            await engine.signal("p", "go")
            await until(lambda: (2, []) in asked)
            await engine.signal("p", "end")
            await handle.result(timeout=10)

    stage.run(story())
    assert asked == [(1, []), (1, ["go"]), (1, ["go", "late"]), (2, []), (2, ["end"])]


# -- asking about it ------------------------------------------------------------------------------


def test_a_look_at_a_process_asks_its_decider_nothing() -> None:
    stage = Stage()
    asked: list[int] = []

    def decide(process: Process) -> Any:
        asked.append(process.run)

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(has_worker=False, workflows=[body]) as engine:
            await engine.start(body, id="p")
            await engine.info("p")
            await engine.explain("p")
            await engine.processes()

    stage.run(story())
    assert asked == []


def test_a_preview_asks_it_and_reads_what_it_looks_back_on() -> None:
    stage = Stage()
    body = by_signal({"look": lambda process: CompleteProcess(len(process.history))})

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            found = await engine.preview("p", signal="look")
            assert found.status == "completed"
            assert [type(each).__name__ for each in found.decisions] == [
                "SignalReceived",
                "ProcessCompleted",
            ]
            assert len(await handle.history()) == 2, "nothing was written"
            await engine.signal("p", "look")
            assert await handle.result(timeout=10) == 3

    stage.run(story())


def test_one_that_fails_of_its_own_will_goes_on_when_it_is_told_to() -> None:
    stage = Stage()

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.ProcessStarted):
                return FailProcess("not yet")
            if isinstance(event, e.ProcessReopened):
                return CompleteProcess("now")
        return None

    body = decider(decide)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            with pytest.raises(ProcessFailedError, match="not yet"):
                await handle.result(timeout=10)
            await engine.retry("p")
            assert await handle.result(timeout=10) == "now"

    stage.run(story())
