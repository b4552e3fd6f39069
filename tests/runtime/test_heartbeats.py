"""Heartbeats of what runs from a queue: kept on its row, coalesced, and answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corago import InvalidInputError, Retry, State, StoreUnavailableError, current, step
from corago.core import events as e
from corago.runtime.heartbeats import UNHURRIED_SECONDS
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, engines
from tests.runtime.stage import BEFORE, HANGS, Stage, listing, until


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


def saying(work: Callable[[], Any], **options: Any) -> Any:
    """A list with one step of the queue, which does this."""

    @step("Render", queue="gpu", **options)
    async def render() -> State:
        return {"rendered": await work()}

    return listing(render)


def written(stage: Stage) -> int:
    return stage.stores[-1].calls.count("heartbeat_task")


# -- how often ------------------------------------------------------------------------------------


def test_a_thousand_heartbeats_in_a_moment_are_two_writes() -> None:
    stage = Stage()

    async def work() -> Any:
        for number in range(1000):
            current().heartbeat(number)
        await asyncio.sleep(5)

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            handle = await engine.start(saying(work), id="p")
            await handle.result(timeout=20)
            assert written(stage) <= 2

    stage.run(story())


def test_one_that_never_stops_is_written_ten_times_a_second() -> None:
    stage = Stage()

    async def work() -> Any:
        for number in range(2000):
            current().heartbeat(number)
            await asyncio.sleep(0.005)

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            handle = await engine.start(saying(work), id="p")
            await handle.result(timeout=60)
            assert written(stage) == pytest.approx(10 / UNHURRIED_SECONDS, abs=5)

    stage.run(story())


def test_there_is_one_write_under_way_at_a_time() -> None:
    stage = Stage()

    async def work() -> Any:
        for number in range(100):
            current().heartbeat(number)
            (errand,) = crews[0].errands.values()
            errand._beats._hear()  # as a thread's word does that crosses with the end of a write
            await asyncio.sleep(0.05)

    crews: list[Any] = []

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            assert engine._worker is not None
            crews.append(engine._worker.crew)
            stage.stores[-1].fail("heartbeat_task", when=HANGS)
            handle = await engine.start(saying(work), id="p")
            await handle.result(timeout=60)
            assert written(stage) == 1
            stage.stores[-1].heal()

    stage.run(story())


def test_without_heartbeats_nothing_is_written() -> None:
    stage = Stage()

    async def work() -> Any:
        await asyncio.sleep(5)

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            await (await engine.start(saying(work), id="p")).result(timeout=20)
            assert written(stage) == 0

    stage.run(story())


def test_a_store_that_was_away_hears_the_newest_word() -> None:
    stage = Stage()
    heard: list[Any] = []

    async def work() -> Any:
        here = current()
        for number in range(1, 6):
            here.heartbeat(number)
            await asyncio.sleep(0.3)
        stage.stores[-1].heal()
        await asyncio.sleep(1)
        (task,) = stage.store._tasks.all.values()
        heard.append(task.details)

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            stage.stores[-1].fail("heartbeat_task", when=BEFORE)
            await (await engine.start(saying(work), id="p")).result(timeout=20)

    stage.run(story())
    assert heard == [b"5"]


def test_a_word_that_came_while_an_older_one_failed_is_the_one_that_is_heard() -> None:
    stage = Stage()
    heard: list[Any] = []
    inner = stage.store.heartbeat_task

    async def slow(*arguments: Any) -> Any:
        if not heard:
            heard.append(None)
            await asyncio.sleep(1)
            raise StoreUnavailableError("away")
        return await inner(*arguments)

    async def work() -> Any:
        here = current()
        here.heartbeat("old")
        await asyncio.sleep(0.5)
        here.heartbeat("new")
        await asyncio.sleep(5)
        (task,) = stage.store._tasks.all.values()
        heard.append(task.details)

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            stage.stores[-1].__dict__["heartbeat_task"] = slow
            await (await engine.start(saying(work), id="p")).result(timeout=20)

    stage.run(story())
    assert heard == [None, b'"new"']


# -- what is said ---------------------------------------------------------------------------------


def test_the_next_attempt_reads_what_the_one_before_said(engine_of: MakeEngine) -> None:
    read: list[Any] = []

    @step("Render", queue="gpu", retry=Retry(attempts=3, delay=0.0))
    def render() -> State:
        here = current()
        read.append(here.last_details)
        if here.attempt == 1:
            here.heartbeat({"frame": 7})
        if here.attempt < 3:
            raise OSError("no power")
        return {"rendered": here.last_details["frame"]}

    body = listing(render)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            assert await handle.result(timeout=DEADLINE) == {"rendered": 7}
            retried = (await handle.history()).of(e.ActivityRetried)
            assert [each.details for each in retried] == [{"frame": 7}, {"frame": 7}]

    asyncio.run(story())
    assert read == [None, {"frame": 7}, {"frame": 7}]


@pytest.mark.parametrize(
    "said",
    ["half of it", {"$blobs": 7}, {"type": "Encoded", "codec": "zlib", "data": ""}],
    ids=["a word", "as large values are kept", "as codecs leave it"],
)
def test_what_was_said_survives_the_death_of_the_worker(said: Any) -> None:
    stage = Stage(lease=6)
    read: list[Any] = []

    async def work() -> Any:
        here = current()
        read.append((here.attempt, here.last_details))
        here.heartbeat(said)
        await asyncio.sleep(3600 if len(read) == 1 else 1)

    body = saying(work)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            first = stage.node("first", GPU)
            first.spawn(opened(stage, first, body))
            await until(lambda: bool(read))
            await asyncio.sleep(1)
            first.die()
            async with stage.engine(workflows=[body], queues=GPU):
                await handle.result(timeout=60)

    stage.run(story())
    assert read == [(1, None), (1, said)]


async def opened(stage: Stage, node: Any, body: Any) -> None:
    async with stage.engine(node, workflows=[body], queues=GPU):
        await asyncio.get_running_loop().create_future()


def test_details_are_as_json_keeps_them_and_can_be_changed_afterwards() -> None:
    stage = Stage()
    read: list[Any] = []

    async def work() -> Any:
        here = current()
        if here.attempt == 1:
            frames = [1, 2]
            here.heartbeat({"frames": frames})
            frames.append(3)
            raise OSError
        read.append(here.last_details)
        here.last_details["frames"].append(4)
        read.append(here.last_details)

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            body = saying(work, retry=Retry(attempts=2, delay=0.0))
            await (await engine.start(body, id="p")).result(timeout=20)

    stage.run(story())
    assert read == [{"frames": [1, 2]}, {"frames": [1, 2]}]


def test_details_that_json_cannot_hold_are_refused() -> None:
    stage = Stage()

    async def work() -> Any:
        with pytest.raises(InvalidInputError, match="details"):
            current().heartbeat(float("nan"))
        return current().details

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            handle = await engine.start(saying(work), id="p")
            assert await handle.result(timeout=20) == {"rendered": None}

    stage.run(story())


def test_a_heartbeat_without_details_leaves_what_was_said() -> None:
    stage = Stage()
    read: list[Any] = []

    async def work() -> Any:
        here = current()
        if here.attempt == 1:
            here.heartbeat("half of it")
            await asyncio.sleep(1)
            here.heartbeat()
            await asyncio.sleep(1)
            raise OSError
        read.append(here.last_details)

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            body = saying(work, retry=Retry(attempts=2, delay=0.0))
            await (await engine.start(body, id="p")).result(timeout=20)
            assert written(stage) == 2

    stage.run(story())
    assert read == ["half of it"]


# -- what is answered -----------------------------------------------------------------------------


def test_a_sync_one_learns_by_its_heartbeat_that_it_is_to_stop(engine_of: MakeEngine) -> None:
    begun = threading.Event()
    answers: list[bool] = []

    @step("Render", queue="gpu")
    def render() -> State:
        here = current()
        answers.append(here.heartbeat())
        begun.set()
        end = threading.Event()
        for _ in range(500):
            if here.heartbeat():
                answers.append(True)
                break
            end.wait(0.02)
        return {}

    body = listing(render)

    async def story() -> None:
        async with engine_of(workflows=[body]) as driver, engine_of(queues=GPU, workflows=[body]):
            handle = await driver.start(body, id="p")
            await until(begun.is_set)
            await handle._engine.cancel("p")
            with pytest.raises(Exception, match="was canceled"):
                await handle.result(timeout=DEADLINE)

    asyncio.run(story())
    assert answers == [False, True]


def test_threads_may_all_say_something_at_once(engine_of: MakeEngine) -> None:
    @step("Render", queue="gpu", retry=Retry(attempts=2, delay=0.0))
    def render() -> State:
        here = current()
        if here.attempt == 2:
            return {"last": here.last_details}

        def say() -> None:
            for number in range(200):
                here.heartbeat(number)

        threads = [threading.Thread(target=say) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        raise OSError

    body = listing(render)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            assert await handle.result(timeout=DEADLINE) == {"last": 199}

    asyncio.run(story())


def test_one_that_is_wanted_no_longer_is_dropped_at_its_heartbeat() -> None:
    stage = Stage()
    seen: list[str] = []

    async def work() -> Any:
        here = current()
        try:
            while True:
                here.heartbeat()
                await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            seen.append("dropped")
            raise

    body = saying(work)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            await engine.start(body, id="p")
            await until(lambda: written(stage) > 0)
            (task,) = stage.store._tasks.all.values()
            task.epoch += 1  # as if another worker had taken it over
            await until(lambda: bool(seen))

    stage.run(story())
    assert seen == ["dropped"]


def test_an_abandoned_thread_is_told_to_stop_and_says_nothing_more(engine_of: MakeEngine) -> None:
    late: list[bool] = []
    over = threading.Event()

    @step("Render", queue="gpu", timeout=0.2)
    def render() -> State:
        here = current()
        over.wait(10)
        late.append(here.heartbeat("too late"))
        return {}

    body = listing(render)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, id="p")
            with pytest.raises(Exception, match="start_to_close"):
                await handle.result(timeout=DEADLINE)
            over.set()
            await until(lambda: bool(late))

    asyncio.run(story())
    assert late == [True]
