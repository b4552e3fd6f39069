"""Steps of queues whose worker vanishes, stops, or can't reach the store."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import Retry, State, current, foreach, step
from corago.core import events as e
from corago.core.queueing import LOSS_LIMIT
from corago.testing.crashing import crash_everywhere
from corago.testing.simulator import Node
from tests.runtime.rendering import GPU, Noting, rendering
from tests.runtime.stage import (
    AFTER,
    BEFORE,
    HANGS,
    Stage,
    ends,
    kinds,
    listing,
    reaches,
    until,
)


def begins(log: list[str]) -> int:
    return sum(line.startswith("begins") for line in log)


async def serve(stage: Stage, node: Node) -> None:
    """The main program of a worker that serves the queue."""
    async with stage.engine(node, queues=GPU):
        await asyncio.get_running_loop().create_future()


# -- workers that vanish ---------------------------------------------------------------------------


def test_what_a_vanished_worker_ran_is_run_again_by_another() -> None:
    stage, log = Stage(lease=15), list[str]()
    body = listing(rendering(log, stage, 20))
    stage.workflows = (body,)

    async def story() -> None:
        first, second = stage.node("first"), stage.node("second")
        first.spawn(serve(stage, first))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(log))
            second.spawn(serve(stage, second))
            await asyncio.sleep(3)
            first.die()
            assert await client.wait("p", 90) == {"rendered": 1}
            assert 30 < stage.seconds < 60
            assert await kinds(client, "p") == [
                "ProcessStarted",
                "ActivityScheduled",
                "ActivityClosed",
                "ProcessCompleted",
            ]

    stage.run(story())
    assert begins(log) == 2


def test_nobody_runs_it_again_while_only_the_driver_vanishes() -> None:
    stage, log = Stage(lease=15), list[str]()
    body = listing(rendering(log, stage, 60))
    stage.workflows = (body,)

    async def story() -> None:
        driver = stage.node("driver")
        driver.spawn(stage.worker(driver))
        async with stage.client() as client:
            await client.start(body, id="p")
            await reaches(client, "p", "waiting")
            async with stage.engine(queues=GPU):
                await until(lambda: bool(log))
                driver.die()
                assert await client.wait("p", 90) == {"rendered": 1}
                assert "LeaseLost" not in await kinds(client, "p")

    stage.run(story())
    assert begins(log) == 1


@pytest.mark.parametrize("way", ["retry", "skip", "set_result", "cancel"])
def test_what_runs_at_most_once_waits_for_a_person_when_its_worker_vanished(way: str) -> None:
    stage, log = Stage(lease=15), list[str]()
    body = listing(rendering(log, stage, 20, at_most_once=True))
    stage.workflows = (body,)

    async def story() -> None:
        first = stage.node("first")
        first.spawn(serve(stage, first))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(log))
            first.die()
            async with stage.engine(queues=GPU) as engine:
                await reaches(client, "p", "suspended", 60)
                await asyncio.sleep(60)
                assert begins(log) == 1
                assert "it runs at most once" in str(await client.explain("p"))
                assert stage.store._tasks.all == {}
                expected: dict[str, Any] | None = None
                match way:
                    case "retry":
                        await engine.retry("p", actor="ann")
                        expected = {"rendered": 2}
                    case "skip":
                        await engine.skip("p", actor="ann")
                        expected = {}
                    case "set_result":
                        await engine.set_result("p", {"rendered": "by hand"}, actor="ann")
                        expected = {"rendered": "by hand"}
                    case _:
                        await engine.cancel("p")
                        await reaches(client, "p", "canceled", 5)
                if expected is not None:
                    assert await engine.wait("p", 60) == expected

    stage.run(story())
    assert begins(log) == (2 if way == "retry" else 1)


def test_what_was_to_stop_when_its_worker_vanished_is_stopped_by_anybody() -> None:
    stage, log = Stage(lease=15), list[str]()

    @step("Render", queue="gpu")
    async def render() -> None:
        log.append("begins")
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.get_running_loop().create_future()  # it does not stop

    body = listing(render)
    stage.workflows = (body,)

    async def story() -> None:
        first = stage.node("first")
        first.spawn(serve(stage, first))
        async with stage.engine() as driver:
            await driver.start(body, id="p")
            await until(lambda: bool(log))
            await driver.cancel("p")
            await until(lambda: any(task.stops for task in stage.store._tasks.all.values()))
            first.die()
            await reaches(driver, "p", "canceled", 60)
            assert await ends(driver, "p") == [("Render", "ActivityCanceled")]

    stage.run(story())
    assert log == ["begins"]


def test_what_may_have_run_once_waits_for_a_person_though_it_was_to_stop() -> None:
    stage, log = Stage(lease=15), list[str]()

    @step("Render", queue="gpu", at_most_once=True)
    async def render() -> None:
        log.append("begins")
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.get_running_loop().create_future()  # it does not stop

    body = listing(render)
    stage.workflows = (body,)

    async def story() -> None:
        first = stage.node("first")
        first.spawn(serve(stage, first))
        async with stage.engine() as driver:
            await driver.start(body, id="p")
            await until(lambda: bool(log))
            await driver.cancel("p")
            await until(lambda: any(task.stops for task in stage.store._tasks.all.values()))
            first.die()
            await until(lambda: "ProcessSuspended" in told(stage), 60)
            await reaches(driver, "p", "canceled", 5)

    stage.run(story())
    assert log == ["begins"]


def told(stage: Stage) -> str:
    """All that is recorded of the process, as text."""
    return b"".join(stage.store._processes["p"].events).decode()


def test_a_step_that_kills_its_workers_is_suspended_and_its_neighbours_are_not() -> None:
    stage, log = Stage(lease=6), list[str]()
    nodes: list[Node] = []

    @step("Kill", queue="gpu")
    async def kill() -> State:
        log.append("kills")
        if len(log) <= LOSS_LIMIT:
            nodes[-1].die()
            await asyncio.get_running_loop().create_future()
        return {"survived": True}

    @step("Calm", queue="gpu")
    async def calm() -> State:
        await asyncio.sleep(2)
        return {"calm": True}

    deadly, quiet = listing(kill), listing(calm)
    stage.workflows = (deadly, quiet)

    async def keep() -> None:
        while True:
            if not nodes or nodes[-1].is_dead:
                nodes.append(stage.node(f"w{len(nodes)}"))
                nodes[-1].spawn(serve(stage, nodes[-1]))
            await asyncio.sleep(1)

    async def story() -> None:
        async with stage.client() as client:
            await client.start(deadly, id="bad")
            for number in range(3):
                await client.start(quiet, id=f"good{number}")
            keeper = asyncio.create_task(keep())
            await reaches(client, "bad", "suspended", 600)
            found = str(await client.explain("bad"))
            assert f"{LOSS_LIMIT} workers vanished in a row" in found
            for number in range(3):
                assert await client.wait(f"good{number}", 60) == {"calm": True}
            await client.retry("bad")
            assert await client.wait("bad", 60) == {"survived": True}
            keeper.cancel()

    stage.run(story())
    assert len(log) == LOSS_LIMIT + 1


def test_a_task_whose_row_is_damaged_is_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            for id in ("bad", "good"):
                await driver.start(body, id=id)
                await reaches(driver, id, "waiting")
            (bad, _) = stage.store._tasks.all.values()
            data, bad.data = bad.data, b'{"attempt":7}'
            async with stage.engine(workflows=[body], queues=GPU):
                assert await driver.wait("good", 5) == {"rendered": 1}
                bad.data = data
                assert await driver.wait("bad", 70) == {"rendered": 1}

    stage.run(story())
    assert "'Render' of process bad is left alone" in caplog.text


def test_wherever_a_worker_dies_the_end_is_the_same() -> None:
    @step("Render", queue="gpu", retry=Retry(attempts=3, delay=60))
    async def render(n: int) -> State:
        if current().attempt == 1:
            raise ConnectionError("not yet")
        return {"m": n * 2}

    @step("Frame", queue="cpu")
    def frame(item: int) -> State:
        return {"frame": item}

    body = listing(render, foreach("Frames", "frames", frame, into="drawn", limit=2))
    runs = crash_everywhere(body, {"n": 3, "frames": [1, 2, 3]})
    assert len(runs) > 40
    assert {run.status for run in runs} == {"completed"}
    assert {str(run.state) for run in runs} == {str(runs[0].state)}


# -- a store that is away --------------------------------------------------------------------------


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_an_outcome_is_kept_until_the_store_takes_it(when: str) -> None:
    stage, log = Stage(lease=15), list[str]()
    body = listing(rendering(log, stage, 1))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            async with stage.engine(workflows=[body], queues=GPU):
                stage.stores[-1].fail("complete_task", when=when, times=4)
                assert await handle.result(timeout=30) == {"rendered": 1}
            assert len(await ends(driver, "p")) == 1

    stage.run(story())
    assert begins(log) == 1


@pytest.mark.parametrize("options", [{}, {"at_most_once": True}])
def test_a_task_whose_claim_was_not_answered_is_run_once(options: dict[str, Any]) -> None:
    stage, log = Stage(lease=15), list[str]()
    body = listing(rendering(log, stage, 1, **options))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            await reaches(driver, "p", "waiting")
            engine = stage.engine(workflows=[body], queues=GPU)
            stage.stores[-1].fail("claim_tasks", when=AFTER, times=1)
            async with engine:
                assert await handle.result(timeout=10) == {"rendered": 1}

    stage.run(story())
    assert begins(log) == 1


def test_a_worker_that_cannot_renew_stops_its_steps_and_others_run_them() -> None:
    stage, log = Stage(lease=15), list[str]()
    body = listing(rendering(log, stage, 30))

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            store = stage.stores[-1]
            handle = await engine.start(body, id="p")
            await until(lambda: bool(log))
            store.fail("beat", "append", "claim", "bury", "find", "claim_tasks", "complete_task")
            await asyncio.sleep(14)
            assert [line.split()[0] for line in log] == ["begins", "stops"]
            async with stage.engine(workflows=[body], queues=GPU):
                assert await handle.result(timeout=90) == {"rendered": 1}
            store.heal()

    stage.run(story())
    assert begins(log) == 2


def test_a_worker_that_was_struck_off_brings_nothing() -> None:
    stage, log = Stage(lease=15), list[str]()
    body = listing(rendering(log, stage, 30))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            async with stage.engine(workflows=[body], queues=GPU) as first:
                await until(lambda: bool(log))
                stage.stores[-1].fail("complete_task", when=HANGS)
                store = stage.stores[-1]
                await asyncio.sleep(29)
                assert first._worker is not None
                await stage.store.bury(first._worker.id)
                async with stage.engine(workflows=[body], queues=GPU):
                    await until(lambda: begins(log) == 2)
                    store.heal()
                    await asyncio.sleep(10)
                    assert (await handle.info()).status == "waiting"
                    await handle.result(timeout=60)
            assert len(await ends(driver, "p")) == 1

    stage.run(story())


# -- workers that stop -----------------------------------------------------------------------------


def test_a_close_waits_for_running_steps_and_takes_no_more() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, 10), rendering(log, stage, 10).named("Again"))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            await driver.start(body, id="p")
            async with stage.engine(workflows=[body], queues=GPU):
                await until(lambda: bool(log))
            assert stage.seconds == pytest.approx(10, abs=0.5)
            assert await ends(driver, "p") == [("Render", "ActivityCompleted")]
            await asyncio.sleep(30)
            assert begins(log) == 1

    stage.run(story())


def test_a_close_that_takes_too_long_leaves_its_steps_to_others_at_once() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, 100))
    heard = Noting()

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            await asyncio.sleep(1)
            before = asyncio.all_tasks()
            async with stage.engine(workflows=[body], queues=GPU, grace=5, listeners=(heard,)):
                await until(lambda: bool(log))
            assert asyncio.all_tasks() == before
            (task,) = stage.store._tasks.all.values()
            assert (task.owner, task.losses) == (None, 0)
            async with stage.engine(workflows=[body], queues=GPU):
                assert await handle.result(timeout=101) == {"rendered": 1}

    stage.run(story())
    assert [line.split()[0] for line in log] == ["begins", "stops", "begins", "ends"]
    assert heard.heard[-1] == ("ended", "p", "NoneType", "1")


def test_a_close_that_will_wait_no_longer_leaves_at_most_once_to_a_person() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, 100, at_most_once=True))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            await driver.start(body, id="p")
            async with stage.engine(workflows=[body], queues=GPU, grace=5):
                await until(lambda: bool(log))
            async with stage.engine(workflows=[body], queues=GPU):
                await reaches(driver, "p", "suspended", 10)
            suspended = (await driver.history("p")).of(e.ProcessSuspended)[0]
            assert (suspended.path, suspended.error.type) == ("Render", "LeaseLost")

    stage.run(story())
    assert begins(log) == 1


def test_a_close_ends_though_the_store_is_away() -> None:
    stage, log = Stage(lease=15), list[str]()
    body = listing(rendering(log, stage, 2))

    async def story() -> None:
        before = asyncio.all_tasks()
        engine = await stage.engine(workflows=[body], queues=GPU, grace=5).open()
        await engine.start(body, id="p")
        await until(lambda: bool(log))
        names = ("append", "claim", "beat", "bury", "find", "claim_tasks", "complete_task")
        stage.stores[-1].fail(*names, "return_tasks", "held_tasks")
        await engine.close()
        assert stage.seconds < 60
        assert asyncio.all_tasks() == before

    stage.run(story())


def test_a_claim_that_is_under_way_when_the_engine_closes_is_no_loss() -> None:
    stage, log = Stage(), list[str]()
    body = listing(rendering(log, stage, at_most_once=True))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as driver:
            handle = await driver.start(body, id="p")
            await reaches(driver, "p", "waiting")
            engine = stage.engine(workflows=[body], queues=GPU)
            inner, claiming = stage.store.claim_tasks, asyncio.Event()

            async def claim(*arguments: Any) -> Any:
                claims = await inner(*arguments)
                claiming.set()
                await asyncio.sleep(0.5)
                return claims

            stage.stores[-1].__dict__["claim_tasks"] = claim
            await engine.open()
            await claiming.wait()
            await engine.close()
            assert log == []
            async with stage.engine(workflows=[body], queues=GPU):
                assert await handle.result(timeout=5) == {"rendered": 1}

    stage.run(story())


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_what_it_came_to_is_held_if_it_may_not_begin_twice_and_can_not_be_kept(calls: int) -> None:
    """As where the key service of a codec is away: so many writes of an outcome fail by it."""
    stage, runs = Stage(), list[int]()

    @step("Pay", queue="gpu", at_most_once=True, retry=Retry(attempts=3, delay=1))
    async def pay() -> State:
        runs.append(current().attempt)
        return {"paid": True}

    body = listing(pay)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            inner, left = stage.store.complete_task, [None] * calls

            async def complete_task(*given: Any) -> bool:
                if left:
                    left.pop()
                    raise ConnectionError("the key service is away")
                return await inner(*given)

            stage.stores[-1].__dict__["complete_task"] = complete_task
            await engine.start(body, id="p")
            if calls % 2:  # that it has ended can be told, but not what it came to
                await reaches(engine, "p", "suspended", 100)
                await engine.set_result("p", {"paid": True})
            assert (await engine.wait("p", 100), runs) == ({"paid": True}, [1])

    stage.run(story())
