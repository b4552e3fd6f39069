"""Slots and turns: never more than there is room for, and everybody gets a turn."""

from __future__ import annotations

import asyncio
from typing import Any

from corago import Engine, State, sleep, step, wait_for
from corago.runtime.turn import SHARE_COMMITS
from tests.runtime.stage import Stage, kinds, listing, reaches, until


class Slots:
    """How many processes are driven at a time, as seen from inside their steps."""

    def __init__(self) -> None:
        self.now: set[str] = set()
        self.most = 0

    def step(self, seconds: float) -> Any:
        @step("Work")
        async def work(name: str) -> None:
            self.now.add(name)
            self.most = max(self.most, len(self.now))
            await asyncio.sleep(seconds)
            self.now.discard(name)

        return work


def names(count: int) -> list[State]:
    return [{"name": f"n{number}"} for number in range(count)]


def test_never_more_processes_than_the_engine_has_slots() -> None:
    stage = Stage()
    slots = Slots()
    body = listing(slots.step(1), slots.step(1).named("Again"))

    async def story() -> None:
        async with stage.engine(workflows=[body], concurrency=5) as engine:
            most = 0

            async def watch() -> None:
                nonlocal most
                while True:
                    assert engine._worker is not None
                    most = max(most, len(engine._worker.turns))
                    await asyncio.sleep(0)
                    await asyncio.sleep(0.01)

            watching = asyncio.create_task(watch())
            await asyncio.gather(*(engine.start(body, each) for each in names(20)))
            handles = await engine.start_many(body, names(40), window=100)
            for handle in handles:
                await handle.result(timeout=100)
            watching.cancel()
            assert most == 5

    stage.run(story())
    assert slots.most == 5


def test_starting_many_goes_no_faster_than_the_slots_are_freed() -> None:
    stage = Stage()
    slots = Slots()
    body = listing(slots.step(10))
    taken: list[float] = []

    def items() -> Any:
        for each in names(20):
            taken.append(stage.seconds)
            yield each

    async def story() -> None:
        async with stage.engine(workflows=[body], concurrency=4) as engine:
            await engine.start_many(body, items())
            assert [round(at) for at in taken][:4] == [0, 0, 0, 0]
            assert max(taken) >= 30, "an item is taken when there is room for its process"

    stage.run(story())


def test_a_client_starts_many_without_any_slot() -> None:
    stage = Stage()
    body = listing(wait_for("go"))

    async def story() -> None:
        async with stage.client() as client:
            handles = await client.start_many(body, [{} for _ in range(500)], window=16)
            assert len(handles) == 500
            assert await client.count() == {"created": 500}

    stage.run(story())


def test_a_long_process_makes_room_after_its_share_when_others_wait() -> None:
    stage = Stage()

    @step("Quick")
    async def quick(n: int = 0) -> State:
        await asyncio.sleep(0.001)
        return {"n": n + 1}

    long, short = listing(*[quick] * (3 * SHARE_COMMITS)), listing(quick)
    stage.workflows = (long, short)

    async def story() -> None:
        async with stage.engine(concurrency=1) as engine:
            first = await engine.start(long, id="long")
            second = await engine.start(short, id="short")
            await second.result(timeout=5)
            assert (await first.info()).status != "completed"
            done = (await first.info()).state["n"]
            assert SHARE_COMMITS <= done < 2 * SHARE_COMMITS
            await first.result(timeout=20)
            assert "LeaseLost" not in await kinds(engine, "long")

    stage.run(story())


def test_a_slow_process_makes_room_between_its_steps() -> None:
    stage = Stage()

    @step("Slow")
    async def slow() -> None:
        await asyncio.sleep(5)

    long, short = listing(*[slow] * 20), listing(slow)
    stage.workflows = (long, short)

    async def story() -> None:
        async with stage.engine(concurrency=1) as engine:
            await engine.start(long, id="long")
            second = await engine.start(short, id="short")
            await second.result(timeout=15)
            await engine.abort("long")

    stage.run(story())


def test_a_process_alone_keeps_its_turn() -> None:
    stage = Stage()

    @step("Quick")
    async def quick(n: int = 0) -> State:
        return {"n": n + 1}

    body = listing(*[quick] * (2 * SHARE_COMMITS))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await handle.result(timeout=20)
            assert engine._worker is not None
            appends = stage.stores[-1].calls.count("append")
            assert appends == 2 * SHARE_COMMITS

    stage.run(story())


def test_the_longest_due_is_taken_first() -> None:
    stage = Stage()
    order: list[str] = []

    @step("Note")
    async def note(name: str) -> None:
        order.append(name)
        await asyncio.sleep(2)

    body = listing(note)

    async def story() -> None:
        async with stage.client() as client:
            for each in names(10):
                await client.start(body, each)
                await asyncio.sleep(0.1)
            async with stage.engine(workflows=[body], concurrency=1):
                await until(lambda: len(order) == 10, 60)

    stage.run(story())
    assert order == [each["name"] for each in names(10)]


def test_waiting_processes_hold_no_slot() -> None:
    stage = Stage()
    body = listing(wait_for("go"), sleep(50))

    async def story() -> None:
        async with stage.engine(workflows=[body], concurrency=2) as engine:
            handles = await engine.start_many(body, [{} for _ in range(50)])
            for handle in handles:
                await reaches(engine, handle.id, "waiting")
            for handle in handles:
                await engine.signal(handle.id, "go")
            for handle in handles:
                await handle.result(timeout=60)

    stage.run(story())


def test_two_engines_share_the_work() -> None:
    stage = Stage()
    slots = Slots()
    body = listing(slots.step(10))

    async def story() -> None:
        async with stage.client() as client:
            await client.start_many(body, names(8))
            async with (
                stage.engine(workflows=[body], concurrency=4),
                stage.engine(workflows=[body], concurrency=4),
            ):
                await until(lambda: len(slots.now) == 8, 1)
                await until(lambda: not slots.now, 20)

    stage.run(story())


def test_an_idle_engine_asks_its_store_only_now_and_then() -> None:
    stage = Stage()
    body = listing(wait_for("go"), sleep(1000))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handles = await engine.start_many(body, [{} for _ in range(20)])
            for handle in handles[:10]:
                await engine.signal(handle.id, "go")
            await asyncio.sleep(5)
            before = len(stage.stores[-1].calls)
            await asyncio.sleep(100)
            calls = stage.stores[-1].calls[before:]
            assert len(calls) < 150, calls

    stage.run(story())


def test_a_full_engine_asks_its_store_only_now_and_then() -> None:
    stage = Stage()
    slots = Slots()
    body = listing(slots.step(200))

    async def story() -> None:
        async with stage.client() as client:
            await client.start_many(body, names(10))
            async with stage.engine(workflows=[body], concurrency=2):
                await asyncio.sleep(5)
                before = len(stage.stores[-1].calls)
                await asyncio.sleep(100)
                assert len(stage.stores[-1].calls) - before < 150
                await client.abort((await client.processes(status="running"))[0].id)

    stage.run(story())


def test_threads_and_slots_of_a_real_engine() -> None:
    @step("Quick")
    def quick(n: int = 0) -> State:
        return {"n": n + 1}

    with Engine(concurrency=3, threads=2) as engine:
        handles = engine.start_many(listing(quick, quick), [{} for _ in range(60)])
        assert {handle.result(timeout=10)["n"] for handle in handles} == {2}
