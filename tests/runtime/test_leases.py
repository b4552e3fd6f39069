"""Take-over: when a worker vanishes, others go on; when it only seemed to, it is fenced."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest

from corago import Retry, State, current, parallel, sleep, step, wait_for
from corago.core import events as e
from tests.runtime.stage import AFTER, BEFORE, HANGS, Stage, ends, kinds, listing, reaches, until


def counted(stage: Stage, log: list[str], seconds: float = 10.0, **options: Any) -> Any:
    """A step that writes down when it begins, ends and is stopped."""

    @step("Work", **options)
    async def work() -> State:
        log.append(f"begins {stage.seconds:g}")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            log.append(f"stops {stage.seconds:g}")
            raise
        log.append(f"ends {stage.seconds:g}")
        return {"done": True}

    return work


def test_a_dead_workers_process_is_taken_over_after_its_lease() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log))
    stage.workflows = (body,)

    async def story() -> None:
        first, second = stage.node("first"), stage.node("second")
        first.spawn(stage.worker(first))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(log))
            second.spawn(stage.worker(second))
            await asyncio.sleep(3)
            first.die()
            assert await client.wait("p", 60) == {"done": True}
            assert 15 < stage.seconds < 45
            assert await kinds(client, "p") == [
                "ProcessStarted",
                "LeaseLost",
                "ActivityStarted",
                "ActivityClosed",
                "ProcessCompleted",
            ]
            lost = (await client.history("p")).of(e.LeaseLost)[0]
            assert (lost.losses, lost.owner) == (1, "worker-00000001")

    stage.run(story())
    assert len([line for line in log if line.startswith("begins")]) == 2


def test_what_was_recorded_is_not_done_again_by_the_next_worker() -> None:
    stage = Stage(lease=15)
    done: list[str] = []

    @step("Quick")
    async def quick(n: int = 0) -> State:
        done.append(f"quick {n}")
        return {"n": n + 1}

    log: list[str] = []
    body = listing(quick, quick, quick, counted(stage, log), quick)
    stage.workflows = (body,)

    async def story() -> None:
        first, second = stage.node("first"), stage.node("second")
        first.spawn(stage.worker(first))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(log))
            first.die()
            second.spawn(stage.worker(second))
            assert await client.wait("p", 60) == {"n": 4, "done": True}

    stage.run(story())
    assert done == ["quick 0", "quick 1", "quick 2", "quick 3"]


def test_a_worker_that_beats_is_never_buried() -> None:
    stage = Stage(lease=6)
    log: list[str] = []
    body = listing(counted(stage, log, 600))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as one, stage.engine(workflows=[body]):
            handle = await one.start(body, id="p")
            await handle.result(timeout=700)
            assert "LeaseLost" not in await kinds(one, "p")

    stage.run(story())
    assert log == ["begins 0", "ends 600"]


def test_a_worker_that_cannot_renew_stops_everything_and_begins_again() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log, 30))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            store = stage.stores[-1]
            handle = await engine.start(body, id="p")
            await asyncio.sleep(1)
            before = engine._worker.id if engine._worker else 0
            store.fail("beat", "append", "claim", "bury", "messages", "find", "load")
            await asyncio.sleep(14)
            assert log == ["begins 0", "stops 10"]
            await asyncio.sleep(30)
            assert log == ["begins 0", "stops 10"]
            store.heal()
            assert await handle.result(timeout=60) == {"done": True}
            assert engine._worker is not None
            assert engine._worker.id != before
            assert (await kinds(engine, "p"))[1] == "LeaseLost"

    stage.run(story())


def test_a_worker_whose_beat_hangs_stops_everything_too() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log, 40))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            store = stage.stores[-1]
            handle = await engine.start(body, id="p")
            await asyncio.sleep(1)
            store.fail("beat", when=HANGS)
            await asyncio.sleep(14)
            assert [line.split()[0] for line in log] == ["begins", "stops"]
            assert 10 <= float(log[1].split()[1]) < 15
            store.heal()
            assert await handle.result(timeout=100) == {"done": True}

    stage.run(story())


def test_one_beat_that_fails_is_no_loss() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log, 60))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            for _ in range(5):
                stage.stores[-1].fail("beat", times=1)
                await asyncio.sleep(10.1)
            await handle.result(timeout=60)

    stage.run(story())
    assert log == ["begins 0", "ends 60"]


def test_a_worker_that_was_struck_off_by_mistake_is_fenced_and_begins_again() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log, 8))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as one, stage.engine(workflows=[body]) as two:
            handle = await one.start(body, id="p")
            await asyncio.sleep(6)
            assert one._worker is not None
            await stage.store.bury(one._worker.id)
            assert await handle.result(timeout=60) == {"done": True}
            assert (await kinds(two, "p")).count("ActivityClosed") == 1
            await asyncio.sleep(20)
            again = await one.start(body, id="q")
            assert (await one.info("q")).status == "running"
            await again.result(timeout=60)

    stage.run(story())


def test_a_worker_alone_that_was_struck_off_does_not_spin() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log, 8))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as one:
            store = stage.stores[-1]
            handle = await one.start(body, id="p")
            await asyncio.sleep(0.5)
            assert one._worker is not None
            await stage.store.bury(one._worker.id)
            before = store.calls.count("claim")
            async with stage.client() as client:
                await client.start(body, id="q")  # which is due, and which it can't claim
            await asyncio.sleep(4)
            assert store.calls.count("claim") - before < 100
            assert await handle.result(timeout=60) == {"done": True}

    stage.run(story())


def test_a_start_that_meets_the_loss_of_the_lease_is_not_run_twice() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log, 1))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as one:
            assert one._worker is not None
            await stage.store.bury(one._worker.id)
            handle = await one.start(body, id="p")
            assert await handle.result(timeout=60) == {"done": True}

    stage.run(story())
    assert len([line for line in log if line.startswith("begins")]) == 1


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_claim_whose_answer_was_lost_is_taken_back(when: str) -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log, 1))

    async def story() -> None:
        async with stage.client() as client:
            for number in range(150):
                await client.start(body, id=f"p{number}")
            engine = stage.engine(workflows=[body], concurrency=200)
            stage.stores[-1].fail("claim", when=when, times=1)
            async with engine:
                for number in range(150):
                    await client.wait(f"p{number}", 10)
                assert stage.seconds < 5
                assert "LeaseLost" not in await kinds(client, "p0")

    stage.run(story())
    assert len([line for line in log if line.startswith("begins")]) == 150


@pytest.mark.parametrize("call", ["find", "load"])
def test_what_is_to_be_taken_back_is_not_forgotten_when_that_fails_too(call: str) -> None:
    stage = Stage(lease=60)
    log: list[str] = []
    body = listing(counted(stage, log, 1))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            store = stage.stores[-1]
            store.fail("start", when=AFTER, times=1)
            with pytest.raises(Exception, match="lost"):
                await engine.start(body, id="p")
            store.fail(call, times=3)
            await asyncio.sleep(5)
            assert (await engine.info("p")).status == "completed"

    stage.run(story())


def test_a_lost_worker_is_told_to_the_next_holder_even_if_the_answer_of_its_claim_is_lost() -> None:
    stage = Stage(lease=15)
    log: list[str] = []
    body = listing(counted(stage, log, at_most_once=True))
    stage.workflows = (body,)

    async def story() -> None:
        first = stage.node("first")
        first.spawn(stage.worker(first))
        async with stage.client() as client:
            await client.start(body, id="p")
            await until(lambda: bool(log))
            first.die()
            await stage.store.bury(1)
            engine = stage.engine(workflows=[body])
            stage.stores[-1].fail("claim", when=AFTER, times=1)
            async with engine:
                await reaches(engine, "p", "suspended", 10)
                assert (await kinds(engine, "p"))[-2:] == ["LeaseLost", "ProcessSuspended"]

    stage.run(story())
    assert len(log) == 1


def test_a_peer_is_judged_by_what_was_seen_and_not_by_how_long_the_look_took() -> None:
    stage = Stage()
    delays = itertools.cycle((0, 12))

    async def story() -> None:
        async with stage.engine(lease=timedelta(seconds=30)) as one:
            two = stage.engine(lease=timedelta(seconds=15))
            inner = stage.store.peers

            async def peers() -> Any:
                await asyncio.sleep(next(delays))
                return await inner()

            stage.stores[-1].__dict__["peers"] = peers
            async with two:
                assert one._worker is not None
                before = one._worker.id
                await asyncio.sleep(300)
                assert one._worker.id == before

    stage.run(story())


def test_workers_that_are_gone_are_forgotten() -> None:
    stage = Stage(lease=6)
    body = listing(wait_for("go"))
    stage.workflows = (body,)

    async def story() -> None:
        async with stage.engine() as keeper:
            for number in range(10):
                node = stage.node(f"n{number}")
                node.spawn(stage.worker(node))
                await asyncio.sleep(2)
                node.die()
            await asyncio.sleep(30)
            assert keeper._worker is not None
            assert keeper._worker.lease._seen_beats == {}
            assert len(await stage.store.peers()) == 1

    stage.run(story())


# -- an outage of the store ---------------------------------------------------------------------


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_outcomes_are_held_through_an_outage_and_nothing_new_starts(when: str) -> None:
    stage = Stage(lease=15)
    began: list[tuple[str, float]] = []

    @step("One")
    async def one() -> State:
        began.append(("One", stage.seconds))
        await asyncio.sleep(3)
        return {"one": 1}

    @step("Two")
    async def two() -> State:
        began.append(("Two", stage.seconds))
        return {"two": 2}

    @step("Flaky", retry=Retry(attempts=2, delay=3.5, jitter=0))
    async def flaky() -> None:
        began.append(("Flaky", stage.seconds))
        if current().attempt == 1:
            raise OSError

    async def story() -> None:
        async with stage.engine() as engine:
            store = stage.stores[-1]
            handle = await engine.start(listing(one, two), id="p")
            other = await engine.start(
                listing(parallel("Both", flaky, counted(stage, [], 20).named("Long"))), id="q"
            )
            await asyncio.sleep(1)
            began.clear()
            store.fail("append", when=when)
            await asyncio.sleep(7)
            assert began == []
            assert (await handle.history()).of(e.ActivityClosed) == () or when == AFTER
            store.heal()
            assert await handle.result(timeout=5) == {"one": 1, "two": 2}
            await other.result(timeout=60)
            assert [name for name, _ in began] == ["Two", "Flaky"] or [
                name for name, _ in began
            ] == ["Flaky", "Two"]
            assert await ends(engine, "p") == [
                ("One", "ActivityCompleted"),
                ("Two", "ActivityCompleted"),
            ]

    stage.run(story())


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("call", ["append", "claim", "messages", "beat", "find", "peers"])
def test_nothing_is_lost_in_a_short_outage(call: str, when: str) -> None:
    stage = Stage(lease=30)
    runs: list[str] = []

    @step("Quick")
    async def quick(n: int = 0) -> State:
        runs.append(current().process_id)
        await asyncio.sleep(0.5)
        return {"n": n + 1}

    body = listing(quick, quick, wait_for("go"), quick, sleep(2), quick)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine, stage.client() as client:
            store = stage.stores[0]
            names = [f"p{number}" for number in range(5)]
            for name in names:
                await client.start(body, id=name)
            for _ in range(6):
                store.fail(call, when=when, times=3)
                await asyncio.sleep(1)
                for name in names:
                    await client.signal(name, "go", key="k")
            store.heal()
            for name in names:
                assert (await client.wait(name, 30))["n"] == 4
                assert len(await ends(engine, name)) == 4

    stage.run(story())
    assert len(runs) == 20


def test_an_outage_longer_than_the_lease_loses_no_process() -> None:
    stage = Stage(lease=6)
    runs: list[str] = []

    @step("Quick")
    async def quick(n: int = 0) -> State:
        runs.append(current().process_id)
        await asyncio.sleep(2)
        return {"n": n + 1}

    body = listing(quick, quick, quick)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine, stage.client() as client:
            for number in range(5):
                await engine.start(body, id=f"p{number}")
            await asyncio.sleep(1)
            stage.stores[0].fail("append", "claim", "beat", "bury", "messages", "load", "find")
            await asyncio.sleep(30)
            stage.stores[0].heal()
            for number in range(5):
                assert (await client.wait(f"p{number}", 60))["n"] == 3

    stage.run(story())


def test_a_lease_lost_while_outcomes_wait_leaves_no_process_behind() -> None:
    """The turns of the lost lease still wait for the store when its processes are taken up."""
    stage = Stage(lease=6)
    log: list[str] = []
    body = listing(counted(stage, log, 1), sleep(1))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            store = stage.stores[0]
            for number in range(20):
                await engine.start(body, id=f"p{number}")
            store.fail("append")
            await asyncio.sleep(2)
            assert engine._worker is not None
            await stage.store.bury(engine._worker.id)
            await asyncio.sleep(0.5)
            store.heal()
            for number in range(20):
                await engine.wait(f"p{number}", 20)

    stage.run(story())
