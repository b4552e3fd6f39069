"""Steps with a queue: run by any worker that serves it, recorded where their process is driven."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from corago import (
    Engine,
    InvalidOptionError,
    ProcessFailedError,
    RequestError,
    Retry,
    State,
    current,
    done,
    foreach,
    init,
    step,
    workflow,
)
from corago.core import events as e
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, Noting, engines, rendering
from tests.runtime.stage import Stage, kinds, listing, reaches, until


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


# -- who runs it -----------------------------------------------------------------------------------


def test_it_runs_in_an_engine_that_serves_its_queue_and_in_no_other(engine_of: MakeEngine) -> None:
    threads: list[str] = []

    @step("Before")
    def before(n: int) -> State:
        return {"n": n + 1}

    @step("Render", queue="gpu")
    def render(n: int) -> State:
        threads.append(current().idempotency_key)
        return {"m": n * 2}

    @step("After")
    async def after(m: int) -> State:
        return {"done": m}

    body = listing(before, render, after)

    async def story() -> None:
        async with engine_of(workflows=[body]) as driver:
            handle = await driver.start(body, {"n": 1}, id="p")
            await reaches(driver, "p", "waiting")
            async with engine_of(workflows=[body], queues=["cpu"]):
                with pytest.raises(TimeoutError, match="waits for a worker of queue 'gpu'"):
                    await handle.result(timeout=0.2)
            (wait,) = (await handle.info()).waits
            assert (wait.kind, wait.path, wait.detail) == ("queue", "Render", "gpu")
            assert threads == []
            async with engine_of(workflows=[body], queues=["cpu", "gpu"]):
                assert await handle.result(timeout=DEADLINE) == {"n": 2, "m": 4, "done": 4}
            assert await kinds(driver, "p") == [
                "ProcessStarted",
                "ActivityClosed",
                "ActivityScheduled",
                "ActivityClosed",
                "ActivityClosed",
                "ProcessCompleted",
            ]
            scheduled = (await handle.history()).of(e.ActivityScheduled)[0]
            assert (scheduled.path, scheduled.queue, scheduled.attempt) == ("Render", "gpu", 1)

    asyncio.run(story())
    assert threads == ["p/1/Render/1"]


def test_one_engine_may_drive_and_serve() -> None:
    log: list[str] = []
    stage = Stage()

    async def story() -> None:
        async with stage.engine(queues=GPU) as engine:
            handle = await engine.start(listing(rendering(log, stage, 3)), id="p")
            assert await handle.result(timeout=10) == {"rendered": 1}
            assert stage.seconds == pytest.approx(3, abs=0.1)

    stage.run(story())


def test_the_process_is_in_nobodys_hands_while_its_step_runs_elsewhere() -> None:
    log: list[str] = []
    stage = Stage()
    body = listing(rendering(log, stage, 100))

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            await engine.start(body, id="p")
            await until(lambda: bool(log))
            found = await engine.explain("p")
            assert (found.reason, found.holder) == ("waiting", None)
            assert (await engine.info("p")).status == "waiting"
            assert engine._worker is not None
            assert engine._worker.turns == {}

    stage.run(story())


def test_a_process_survives_a_restart_between_queue_and_worker(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"

    @step("Render", queue="gpu")
    def render() -> State:
        return {"rendered": True}

    body = listing(render)
    with Engine(url, workflows=[body]) as engine:
        engine.start(body, id="p")
        engine.start(body, id="q")
    with Engine(url, workflows=[body], queues=GPU) as engine:
        for id in ("p", "q"):
            assert engine.get(id).result(timeout=DEADLINE) == {"rendered": True}


def test_an_engine_runs_no_more_than_its_share_at_a_time() -> None:
    stage = Stage()
    running: list[int] = []
    most: list[int] = []

    @step("Render", queue="gpu")
    async def render() -> None:
        running.append(1)
        most.append(len(running))
        await asyncio.sleep(7)
        running.pop()

    body = listing(render)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU, concurrency=3) as engine:
            handles = await engine.start_many(body, [{}] * 9)
            for handle in handles:
                await handle.result(timeout=60)
            assert stage.seconds == pytest.approx(21, abs=1)

    stage.run(story())
    assert max(most) == 3


def test_items_of_a_loop_go_to_the_queue_as_many_as_its_limit_allows() -> None:
    stage = Stage()
    seen: list[tuple[int, str]] = []
    waiting: list[int] = []

    @step("Render", queue="gpu")
    async def render(item: str, index: int) -> State:
        waiting.append(len(stage.store._tasks.all))
        await asyncio.sleep(1)
        seen.append((index, item))
        return {"frame": item.upper()}

    body = listing(foreach("Frames", "names", render, into="frames", limit=2))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, {"names": list("abcde")}, id="p")
            async with stage.engine(workflows=[body], queues=GPU):
                result = await handle.result(timeout=60)
        assert result["frames"] == [{"frame": each} for each in "ABCDE"]

    stage.run(story())
    assert sorted(seen) == list(enumerate("abcde"))
    assert max(waiting) == 2


def test_a_large_state_reaches_the_step_and_comes_back(engine_of: MakeEngine) -> None:
    @step("Render", queue="gpu")
    def render(scene: str, lights: list[int]) -> State:
        return {"image": scene[::-1], "lights": lights[::-1]}

    body = listing(render)
    given = {"scene": "ab" * 50_000, "lights": list(range(20_000))}

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            result = await (await engine.start(body, given, id="p")).result(timeout=DEADLINE)
        assert result["image"] == "ba" * 50_000
        assert result["lights"] == given["lights"][::-1]

    asyncio.run(story())


def test_a_result_that_makes_the_state_too_large_fails_the_step() -> None:
    @step("Render", queue="gpu", retry=Retry(attempts=3, delay=0))
    def render() -> State:
        return {"image": "x" * 900}

    with Engine(queues=GPU, state_limit=1000) as engine:
        handle = engine.start(listing(render), {"scene": "y" * 500})
        with pytest.raises(ProcessFailedError, match="largest key is 'image'"):
            handle.result(timeout=DEADLINE)
        assert len(handle.history().of(e.ActivityScheduled)) == 1


def test_documents_are_written_with_the_steps_outcome(engine_of: MakeEngine) -> None:
    @step("Render", queue="gpu")
    def render() -> None:
        current().put_document("image", "7", {"size": 3}, expected=0)

    body = listing(render)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as engine:
            await (await engine.start(body, id="p")).result(timeout=DEADLINE)
            (version,) = await engine._backend._store.document("image", "7")  # type: ignore[attr-defined]
            assert (version.data, version.process_id) == (b'{"size":3}', "p")

    asyncio.run(story())


def growing_of(*more: Any) -> Any:
    """A list whose later form has more steps."""

    @step("Render", queue="gpu")
    def render() -> State:
        return {"rendered": True}

    def growing() -> Any:
        found: Any = init >> render
        for each in more:
            found = found >> each
        return found >> done

    return workflow("Grows")(growing)


def test_workers_of_a_grown_list_run_what_was_queued_before_it_grew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"

    @step("Publish")
    def publish() -> State:
        return {"published": True}

    old, new = growing_of(), growing_of(publish)
    with Engine(url, workflows=[old]) as engine:
        engine.start(old, id="p")
    with Engine(url, workflows=[new], queues=GPU) as engine:
        result = engine.get("p").result(timeout=DEADLINE)
    assert result == {"rendered": True, "published": True}


def test_a_step_whose_code_is_not_here_is_left_to_who_has_it() -> None:
    stage, log = Stage(), list[str]()
    old, new = shrinking_to(rendering(log, stage)), shrinking_to(step("Other")(lambda: None))

    async def story() -> None:
        async with stage.engine(workflows=[old]) as driver:
            handle = await driver.start(old, id="p")
            await reaches(driver, "p", "waiting")
            async with stage.engine(workflows=[new], queues=GPU):
                await asyncio.sleep(130)
                assert log == []
                async with stage.engine(workflows=[old], queues=GPU):
                    assert await handle.result(timeout=10) == {"rendered": 1}

    stage.run(story())


def shrinking_to(only: Any) -> Any:
    """A list of one step, whatever it is called."""

    def shrinking() -> Any:
        return init >> only >> done

    return workflow("Shrinks")(shrinking)


# -- what an engine is told ------------------------------------------------------------------------


def test_what_can_be_no_queues_is_refused() -> None:
    with pytest.raises(RequestError, match=r"write queues=\['gpu'\]"):
        Engine(queues="gpu")
    with pytest.raises(InvalidOptionError, match="a name that is not empty"):
        Engine(queues=[" "])
    with pytest.raises(InvalidOptionError, match="line break"):
        Engine(queues=["g\npu"])
    with pytest.raises(RequestError, match="served by a worker"):
        Engine(queues=GPU, worker=False)


def test_listeners_hear_of_attempts_where_they_run() -> None:
    stage, log = Stage(), list[str]()
    here, there = Noting(), Noting()
    body = listing(rendering(log, stage, 2))

    async def story() -> None:
        async with stage.engine(workflows=[body], listeners=(here,)) as driver:
            handle = await driver.start(body, id="p")
            async with stage.engine(workflows=[body], queues=GPU, listeners=(there,)):
                await handle.result(timeout=10)

    stage.run(story())
    assert here.heard == []
    assert there.heard == [
        ("began", "p", body.name, "Render"),
        ("ended", "p", "ActivityCompleted", "1"),
    ]
