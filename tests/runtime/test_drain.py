"""Closing an engine: running steps end and are recorded, the rest is let go, the next goes on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from corago import AsyncEngine, Engine, EngineClosedError, State, parallel, sleep, step, wait_for
from tests.runtime.stage import HANGS, Stage, ends, kinds, listing, until

DEADLINE = 10.0


def work(name: str, seconds: float, log: list[str], stage: Stage) -> Any:
    @step(name)
    async def body() -> State:
        log.append(f"{name} begins")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            log.append(f"{name} stops")
            raise
        log.append(f"{name} ends")
        return {name: stage.seconds}

    return body


def test_a_close_waits_for_running_steps_and_the_next_engine_goes_on() -> None:
    stage = Stage()
    log: list[str] = []
    body = listing(*[work(name, 5, log, stage) for name in ("One", "Two", "Three")])

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await asyncio.sleep(1)
        assert stage.seconds == pytest.approx(5, abs=0.1)
        assert log == ["One begins", "One ends"]
        process = stage.store._processes["p"]
        assert (process.owner, process.status) == (None, "running")
        async with stage.engine(workflows=[body]) as engine:
            assert list(await engine.wait("p", 20)) == ["One", "Two", "Three"]
            assert "LeaseLost" not in await kinds(engine, "p")
            assert len(await ends(engine, "p")) == 3

    stage.run(story())
    assert log.count("One begins") == 1


def test_a_close_that_takes_too_long_interrupts_and_the_next_engine_does_it_again() -> None:
    stage = Stage()
    log: list[str] = []
    body = listing(work("Long", 100, log, stage))

    async def story() -> None:
        before = asyncio.all_tasks()
        async with stage.engine(workflows=[body], grace=5) as engine:
            await engine.start(body, id="p")
            await asyncio.sleep(1)
        assert stage.seconds == pytest.approx(6, abs=0.1)
        assert log == ["Long begins", "Long stops"]
        assert asyncio.all_tasks() == before
        async with stage.engine(workflows=[body]) as engine:
            await engine.wait("p", 110)
            assert "LeaseLost" not in await kinds(engine, "p")

    stage.run(story())


def test_an_interrupted_step_may_tidy_up_before_the_engine_is_closed() -> None:
    stage = Stage()
    log: list[str] = []

    @step("Tidy")
    async def tidy() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(2)
            log.append("tidied")

    async def story() -> None:
        before = asyncio.all_tasks()
        async with stage.engine(grace=1) as engine:
            await engine.start(listing(tidy), id="p")
            await asyncio.sleep(1)
        assert log == ["tidied"]
        assert asyncio.all_tasks() == before

    stage.run(story())


def test_a_close_lets_go_of_what_waits_and_loses_no_timer() -> None:
    stage = Stage()
    body = listing(parallel("Both", sleep(0.9), wait_for("go")))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, id="p")
            await asyncio.sleep(0.1)
            assert engine._worker is not None
            assert engine._worker.turns
        assert stage.seconds == pytest.approx(0.1, abs=0.05)
        await asyncio.sleep(10)
        async with stage.engine(workflows=[body]) as engine:
            await engine.signal("p", "go")
            await engine.wait("p", 5)

    stage.run(story())


def test_a_step_may_use_its_engine_while_that_is_being_closed() -> None:
    stage = Stage()

    async def story() -> None:
        engine = stage.engine()
        waits = listing(wait_for("go"))

        @step("Tell")
        async def tell() -> State:
            await asyncio.sleep(5)
            await engine.signal("other", "go")
            return {"status": (await engine.info("other")).status}

        async with engine:
            await engine.start(waits, id="other")
            await engine.start(listing(tell), id="p")
            await asyncio.sleep(1)
        async with stage.client() as client:
            assert await ends(client, "p") == [("Tell", "ActivityCompleted")]
            assert (await client.info("p")).status == "completed"

    stage.run(story())


def test_an_engine_that_is_closed_twice_is_closed() -> None:
    stage = Stage()

    async def story() -> None:
        engine = stage.engine()
        async with engine:
            await asyncio.gather(engine.close(), engine.close())
            with pytest.raises(EngineClosedError):
                await engine.start(listing(wait_for("go")))
        assert stage.store._opens == 0

    stage.run(story())


def test_a_close_that_is_given_up_still_closes() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        before = asyncio.all_tasks()
        engine = stage.engine(grace=1000)
        await engine.open()
        await engine.start(listing(work("Long", 500, log, stage)), id="p")
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await engine.close()
        assert stage.store._opens == 0
        await until(lambda: asyncio.all_tasks() == before, 20)
        with pytest.raises(EngineClosedError):
            await engine.info("p")

    stage.run(story())


def test_a_claim_that_is_under_way_when_the_engine_closes_is_no_loss() -> None:
    stage = Stage()
    log: list[str] = []
    body = listing(work("Work", 1, log, stage))

    async def story() -> None:
        async with stage.client() as client:
            engine = await stage.engine(workflows=[body]).open()
            store = stage.stores[-1]
            await asyncio.sleep(1)
            inner = stage.store.claim
            claiming = asyncio.Event()

            async def claim(*arguments: Any) -> Any:
                claims = await inner(*arguments)
                claiming.set()
                await asyncio.sleep(0.5)
                return claims

            store.__dict__["claim"] = claim
            await client.start(body, id="p")
            await claiming.wait()
            await engine.close()
            assert log == []
            async with stage.engine(workflows=[body]) as engine:
                await engine.wait("p", 5)
                assert "LeaseLost" not in await kinds(engine, "p")

    stage.run(story())


def test_a_close_ends_though_the_store_is_away() -> None:
    stage = Stage(lease=15)
    log: list[str] = []

    async def story() -> None:
        engine = await stage.engine(grace=5).open()
        await engine.start(listing(work("Work", 2, log, stage), sleep(5)), id="p")
        await asyncio.sleep(1)
        stage.stores[-1].fail("append", "claim", "beat", "bury", "find", "load", "messages")
        await engine.close()
        assert stage.seconds < 60

    stage.run(story())


def test_a_close_gives_up_on_a_store_that_hangs() -> None:
    stage = Stage(lease=15)
    log: list[str] = []

    async def story() -> None:
        before = asyncio.all_tasks()
        engine = await stage.engine(grace=5).open()
        await engine.start(listing(work("Work", 2, log, stage), sleep(5)), id="p")
        await asyncio.sleep(1)
        stage.stores[-1].fail("append", "claim", when=HANGS)
        await engine.close()
        assert stage.seconds < 60
        assert asyncio.all_tasks() == before

    stage.run(story())


def test_nothing_of_an_engine_outlives_it() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        before = asyncio.all_tasks()
        for _ in range(3):
            async with stage.engine(grace=1) as engine:
                for number in range(5):
                    await engine.start(listing(work("Long", 100, log, stage)), id=f"l{number}")
                    await engine.start(listing(sleep(9999)), id=f"s{number}")
                    await engine.start(listing(wait_for("go")), id=f"w{number}")
                await asyncio.sleep(0.5)
                for number in range(5):
                    await engine.abort(f"l{number}")
                    await engine.abort(f"s{number}")
                    await engine.abort(f"w{number}")
                    stage.store._processes.pop(f"l{number}")
                    stage.store._processes.pop(f"s{number}")
                    stage.store._processes.pop(f"w{number}")
            assert asyncio.all_tasks() == before
            left = [each for each in stage.loop._scheduled if not each.cancelled()]
            assert len(left) <= 1, "only the limit of the simulation"
            assert stage.store._listeners == []

    stage.run(story())


def test_threads_of_a_closed_engine_end() -> None:
    @step("Quick")
    def quick() -> None: ...

    def threads() -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each.name.startswith("corago")]

    before = len(threads())
    with Engine(threads=4) as engine:
        for handle in engine.start_many(listing(quick), [{} for _ in range(20)]):
            handle.result(timeout=DEADLINE)
        assert len(threads()) > before

    async def story() -> None:
        await until(lambda: len(threads()) <= before)

    asyncio.run(story())


def test_a_closed_async_engine_leaves_the_loop_as_it_was() -> None:
    @step("Quick")
    def quick() -> None: ...

    async def story() -> None:
        before = asyncio.all_tasks()
        async with AsyncEngine() as engine:
            await (await engine.start(listing(quick))).result(timeout=DEADLINE)
        assert asyncio.all_tasks() == before

    asyncio.run(story())
