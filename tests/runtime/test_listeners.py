"""Listeners: told what has happened, in order, once it is durable."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import (
    Retry,
    begin,
    current,
    done,
    init,
    parallel,
    sleep,
    step,
    wait_for,
    workflow,
)
from corago.testing.simulator import BEGINNING
from tests.runtime.diary import Diary, first, second
from tests.runtime.stage import AFTER, BEFORE, HANGS, Stage, listing, reaches, until


def test_the_life_of_a_process_is_told_in_order() -> None:
    stage, diary = Stage(), Diary()

    async def story() -> None:
        async with stage.engine(listeners=(diary,), concurrency=3) as engine:
            handle = await engine.start(listing(first, second), id="p")
            await handle.result(timeout=10)
            assert "process_closed p completed ProcessCompleted" in diary.lines

    stage.run(story())
    assert diary.lines == [
        "worker_began 3",
        "recorded p ProcessStarted",
        "process_started p created",
        "turn_began p",
        "attempt_began First 1",
        "attempt_ended First 1 ActivityCompleted",
        "recorded p ActivityClosed",
        "attempt_began Second 1",
        "attempt_ended Second 1 ActivityCompleted",
        "recorded p ActivityClosed ProcessCompleted",
        "process_closed p completed ProcessCompleted",
        "turn_ended p completed",
        "worker_ended",
    ]
    assert diary.seconds == [2, 0]


def test_a_listener_learns_which_process_it_is() -> None:
    stage, diary = Stage(), Diary()

    @workflow("Twice", version=7)
    def twice() -> Any:
        return init >> sleep(3600) >> first >> done

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine:
            handle = await engine.start(twice, id="p")
            await handle.result(timeout=4000)

    stage.run(story())
    last = diary.subjects[-1]
    assert (last.id, last.run, last.workflow, last.version) == ("p", 1, "twice", 7)
    assert last.status == "completed"
    assert last.parent is None
    assert {each.started_at for each in diary.subjects} == {BEGINNING}
    assert last.fields == {"process_id": "p", "run": 1, "workflow": "twice"}


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_fact_is_told_once_and_only_when_it_is_durable(when: str) -> None:
    stage, diary = Stage(), Diary()

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine:
            handle = await engine.start(listing(first, second), id="p")
            stage.stores[0].fail("append", when=when, times=1)
            await until(lambda: "attempt_ended First 1 ActivityCompleted" in diary.lines)
            assert diary.of("recorded") == ["recorded p ProcessStarted"]
            await handle.result(timeout=10)

    stage.run(story())
    assert diary.of("recorded") == [
        "recorded p ProcessStarted",
        "recorded p ActivityClosed",
        "recorded p ActivityClosed ProcessCompleted",
    ]


def test_a_commit_that_the_store_refuses_is_not_told() -> None:
    stage, diary = Stage(), Diary()

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine, stage.client() as client:
            stage.stores[0].fail("append", when=HANGS, times=1)
            await engine.start(listing(first, wait_for("go")), id="p")
            await until(lambda: bool(diary.of("attempt_ended")))
            await client.signal("p", "go")  # the commit that parks has not seen this
            stage.stores[0].heal()
            await engine.wait("p", 10)
            told = [event for events in diary.events for event in events]
            assert told == list(await engine.history("p"))

    stage.run(story())
    assert len(diary.events) == 2


def test_a_start_that_finds_its_process_there_tells_nothing() -> None:
    stage, diary = Stage(), Diary()

    async def story() -> None:
        async with stage.engine(listeners=(diary,), has_worker=False) as engine:
            body = listing(first)
            await engine.start(body, id="p")
            await engine.start(body, id="p")

    stage.run(story())
    assert diary.lines == ["recorded p ProcessStarted", "process_started p created"]


def test_an_abort_is_told_by_the_engine_that_did_it() -> None:
    stage, diary, other = Stage(), Diary(), Diary()
    body = listing(first)
    stage.workflows = (body,)

    async def story() -> None:
        async with (
            stage.engine(listeners=(other,)) as engine,
            stage.engine(listeners=(diary,), has_worker=False) as client,
        ):
            await engine.start(body, id="p")
            await until(lambda: bool(other.of("attempt_began")))
            await client.abort("p")
            await until(lambda: bool(other.of("turn_ended")))

    stage.run(story())
    assert diary.lines == [
        "recorded p ProcessAborted",
        "process_closed p aborted ProcessAborted",
    ]
    (subject,) = diary.subjects
    assert (subject.workflow, subject.version) == (body.name, 1)
    assert subject.started_at == other.subjects[0].started_at
    assert other.of("process_closed") == []
    assert "attempt_ended First 1 NoneType" in other.lines


def test_a_migration_is_told_by_the_engine_that_did_it() -> None:
    stage, diary = Stage(), Diary()

    def offer(version: int) -> Any:
        def offered() -> Any:
            return init >> wait_for("go") >> done

        return workflow("An offer", version=version)(offered)

    async def story() -> None:
        async with stage.engine(workflows=(offer(1),)) as engine:
            await engine.start("offered", id="p")
            await reaches(engine, "p", "waiting")
        client = stage.engine(workflows=(offer(2),), listeners=(diary,), has_worker=False)
        async with client:
            await client.migrate("p", dry_run=True)
            assert diary.lines == []
            await client.migrate("p")

    stage.run(story())
    assert diary.lines == ["recorded p DefinitionChanged"]
    assert diary.subjects[0].version == 2


def test_every_attempt_that_is_tried_again_is_told_with_its_end() -> None:
    stage, diary = Stage(), Diary()

    @step("Flaky", retry=Retry(attempts=3, delay=100, jitter=0), timeout=5)
    async def flaky() -> None:
        if current().attempt == 1:
            raise ConnectionError("away")
        await asyncio.sleep(100 if current().attempt == 2 else 1)

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine:
            handle = await engine.start(listing(flaky), id="p")
            await handle.result(timeout=1000)

    stage.run(story())
    assert diary.of("attempt_ended") == [
        "attempt_ended Flaky 1 ActivityFailed",
        "attempt_ended Flaky 2 ActivityTimedOut",
        "attempt_ended Flaky 3 ActivityCompleted",
    ]
    assert diary.seconds == [0, 5, 1]
    assert len(diary.of("turn_began")) == 3  # a turn is over while its process waits
    assert diary.of("turn_ended")[0] == "turn_ended p running"


def test_a_failed_process_may_be_told_to_close_more_than_once() -> None:
    stage, diary = Stage(), Diary()

    @step("Broken")
    def broken() -> None:
        raise ValueError("no")

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine:
            await engine.start(listing(broken), id="p")
            await reaches(engine, "p", "failed")
            await engine.retry("p")
            await until(lambda: len(diary.of("process_closed")) == 2)

    stage.run(story())
    assert diary.of("process_closed") == ["process_closed p failed ProcessFailed"] * 2
    assert "recorded p ProcessReopened" in diary.lines


def test_an_attempt_that_counts_no_longer_is_told_as_dropped() -> None:
    stage, diary = Stage(), Diary()

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine:
            await engine.start(listing(first), id="p", timeout=1)
            await reaches(engine, "p", "timed_out")

    stage.run(story())
    assert diary.of("attempt_began", "attempt_ended") == [
        "attempt_began First 1",
        "attempt_ended First 1 NoneType",
    ]


def test_an_attempt_that_ended_is_told_once_even_if_its_end_comes_too_late() -> None:
    stage, diary = Stage(), Diary()
    late = parallel("both", first, begin >> sleep(0.5) >> first)

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine, stage.client() as client:
            await engine.start(listing(late), id="p")
            await until(lambda: len(diary.of("attempt_began")) == 2)
            stage.stores[0].fail("append", when=HANGS, times=1)
            await until(lambda: len(diary.of("attempt_ended")) == 2)
            await client.abort("p")
            stage.stores[0].heal()
            await until(lambda: "turn_ended" in diary.lines[-1])

    stage.run(story())
    assert sorted(diary.of("attempt_ended")) == [
        "attempt_ended both/First 1 ActivityCompleted",
        "attempt_ended both/First#2 1 ActivityCompleted",
    ]


def test_a_close_that_interrupts_ends_what_began() -> None:
    stage, diary = Stage(), Diary()

    async def story() -> None:
        async with stage.engine(listeners=(diary,), grace=1.0) as engine:
            await engine.start(listing(first, first, first), id="p")
            await until(lambda: len(diary.of("attempt_began")) == 2)

    stage.run(story())
    assert len(diary.of("attempt_began")) == len(diary.of("attempt_ended")) == 2
    assert diary.lines[-2:] == ["turn_ended p running", "worker_ended"]


def test_a_lost_lease_is_told_by_the_worker_and_by_its_processes() -> None:
    stage, diary = Stage(lease=15), Diary()

    @step("Long")
    async def long() -> None:
        await asyncio.sleep(60)

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine:
            await engine.start(listing(long), id="p")
            await until(lambda: bool(diary.of("attempt_began")))
            stage.stores[0].fail("beat", "append", "claim", "bury", "messages", "find", "load")
            await asyncio.sleep(20)
            stage.stores[0].heal()
            await engine.wait("p", 200)

    stage.run(story())
    assert diary.of("lease_lost") == ["lease_lost"]
    assert [line for line in diary.of("recorded") if "LeaseLost" in line]
    assert diary.of("attempt_ended") == [
        "attempt_ended Long 1 NoneType",
        "attempt_ended Long 1 ActivityCompleted",
    ]
    assert len(diary.of("turn_began")) == len(diary.of("turn_ended"))


def test_a_turn_that_breaks_is_told_with_the_suspension() -> None:
    stage, diary = Stage(), Diary()
    flow: Any = listing(first)

    def broken(*_: object) -> Any:
        raise RuntimeError("a bug in a door")

    flow.program.decide = broken

    async def story() -> None:
        async with stage.engine(listeners=(diary,)) as engine:
            await engine.start(flow, id="p")
            await until(lambda: bool(diary.of("turn_ended")))

    stage.run(story())
    assert diary.of("turn_began", "recorded", "turn_ended")[1:] == [
        "turn_began p",
        "recorded p ProcessSuspended",
        "turn_ended p created",
    ]
    assert diary.subjects[-1].status == "suspended"
