"""Deciders that look back: when their history is read, and how long it is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from corago.clock import EPOCH
from corago.core import events as e
from corago.core import process as process_fold
from corago.decider import (
    CompleteProcess,
    Process,
    RecordMarker,
)
from corago.runtime import pasts
from tests.runtime.deciders import by_signal
from tests.runtime.stage import Stage, reaches


def looks(stage: Stage) -> int:
    """How often the history was read."""
    return sum(store.calls.count("events") for store in stage.stores)


def test_one_that_never_looks_back_reads_no_history() -> None:
    stage = Stage()
    body = by_signal({"finish": lambda _: CompleteProcess(), "go on": lambda _: None})

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            for number in range(20):
                await engine.signal("p", "go on", number)
                await asyncio.sleep(1)
            await engine.signal("p", "finish")
            await handle.result(timeout=10)
            assert looks(stage) == 0

    stage.run(story())


def test_one_that_looks_back_reads_the_history_once() -> None:
    stage = Stage()
    seen: list[int] = []
    body = by_signal({"look": lambda process: seen.append(len(process.history))})

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            for _ in range(5):
                await engine.signal("p", "look")
                await asyncio.sleep(1)
            assert looks(stage) == 1

    stage.run(story())
    assert seen == [3, 4, 5, 6, 7]


def test_another_worker_reads_it_again_and_all_of_it() -> None:
    stage = Stage()
    seen: list[int] = []
    body = by_signal({"look": lambda process: seen.append(len(process.history))})

    async def look() -> None:
        async with stage.engine(workflows=[body]) as engine:
            for _ in range(2):
                await engine.signal("p", "look")
                await asyncio.sleep(1)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
        await look()
        await look()
        assert looks(stage) == 2

    stage.run(story())
    assert seen == [3, 4, 5, 6]


def test_two_workers_that_take_turns_read_what_the_other_one_wrote() -> None:
    stage = Stage()
    seen: list[int] = []
    body = by_signal({"look": lambda process: seen.append(len(process.history))})

    async def story() -> None:
        async with stage.engine(workflows=[body]) as first, stage.engine() as second:
            await first.start(body, id="p")
            await reaches(first, "p", "waiting")
            await second.register(body)
            engines = [first, second]
            for _ in range(6):
                resting, looking = engines
                assert resting._worker is not None
                assert looking._worker is not None
                resting._worker._concurrency, looking._worker._concurrency = 0, 64
                await looking.signal("p", "look")
                await asyncio.sleep(10)
                engines.reverse()

    stage.run(story())
    assert seen == [3, 4, 5, 6, 7, 8]
    assert looks(stage) == 6


class Reader:
    """A backend that writes down what is read of which history."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int | None]] = []

    async def events(self, id: str, after: int = 0, run: int | None = None) -> list[e.Event]:
        self.asked.append((id, after, run))
        return [e.MarkerRecorded(position=n, at=EPOCH, name="") for n in range(after + 1, 11)]


def standing(position: int, run: int = 1) -> process_fold.Process:
    return process_fold.Process("p", "w", "sha", position, EPOCH, run)


def test_what_is_known_is_not_read_again() -> None:
    reader = Reader()
    kept = pasts.Pasts(reader)  # type: ignore[arg-type]

    async def story() -> None:
        past = kept.of(standing(6))
        assert not past.is_read
        past.fill([e.MarkerRecorded(position=n, at=EPOCH, name="") for n in range(1, 7)])
        kept.keep(standing(6), past)
        later = kept.of(standing(10))
        assert not later.is_read
        assert await kept.read(standing(10), later)
        assert [each.position for each in later.events] == list(range(1, 11))
        assert reader.asked == [("p", 6, 1)]
        assert kept.looks_back("sha")
        next_run = kept.of(standing(10, run=2))
        assert not next_run.is_read
        await kept.read(standing(10, run=2), next_run)
        assert reader.asked[1:] == [("p", 0, 2)]

    asyncio.run(story())


def test_a_store_that_is_away_while_the_history_is_read_is_asked_again() -> None:
    stage = Stage()
    body = by_signal({"look": lambda process: CompleteProcess(len(process.history))})

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            stage.stores[-1].fail("events", times=3)
            await engine.signal("p", "look")
            assert await handle.result(timeout=60) == 3

    stage.run(story())


def test_histories_make_room_for_each_other() -> None:
    stage = Stage()
    body = by_signal({"look": lambda process: RecordMarker("so far", len(process.history))})

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            assert engine._worker is not None
            kept = engine._worker.pasts = pasts.Pasts(engine._backend, room=25)
            for id in "abc":
                await engine.start(body, id=id)
            for _ in range(4):
                for id in "abc":
                    await engine.signal(id, "look")
                    await asyncio.sleep(1)
            assert kept._count == sum(len(past.events) for _, past in kept._kept.values()) <= 25
            assert list(kept._kept) == ["b", "c"]
            for id in "abc":
                markers = (await engine.history(id)).of(e.MarkerRecorded)
                assert [each.details for each in markers] == [None, 3, 5, 7, 9]

    stage.run(story())


def test_what_was_read_is_the_history_as_it_stands_now() -> None:
    stage = Stage()
    found: list[list[int]] = []

    def look(process: Process) -> Any:
        found.append([event.position for event in process.history])
        return [RecordMarker("a"), RecordMarker("b")]

    body = by_signal({"look": look})

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            for _ in range(4):
                await engine.signal("p", "look")
                await asyncio.sleep(1)

    stage.run(story())
    assert all(each == list(range(1, len(each) + 1)) for each in found)
    assert [len(each) for each in found] == [3, 6, 9, 12]
