"""Branches side by side: nobody waits for a second activity."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import ProcessFailedError, Retry, State, begin, parallel, step, wait_for
from corago.core import events as e
from tests.runtime.stage import Stage, ends, listing, reaches


def takes(name: str, seconds: float, log: list[str], stage: Stage, *, failures: int = 0) -> Any:
    @step(name)
    async def body() -> State:
        log.append(f"{name} begins {stage.seconds:g}")
        await asyncio.sleep(seconds)
        if sum(line.startswith(f"{name} begins") for line in log) <= failures:
            raise ConnectionError(name)
        log.append(f"{name} ends {stage.seconds:g}")
        return {name: stage.seconds}

    return body


def test_branches_run_side_by_side_and_none_waits_for_another() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            long = takes("Long", 3600, log, stage)
            short = begin >> takes("A", 1, log, stage) >> takes("B", 1, log, stage)
            handle = await engine.start(listing(parallel("Both", long, short)), id="p")
            await asyncio.sleep(10)
            assert log == [
                "Long begins 0",
                "A begins 0",
                "A ends 1",
                "B begins 1",
                "B ends 2",
            ]
            assert [path for path, _ in await ends(engine, "p")] == ["Both/A", "Both/B"]
            result = await handle.result(timeout=3600)
            assert result == {"Long": 3600.0, "A": 1.0, "B": 2.0}

    stage.run(story())


def test_a_signal_is_taken_while_another_branch_runs_for_long() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            after = begin >> wait_for("go") >> takes("After", 1, log, stage)
            body = listing(parallel("Both", takes("Long", 500, log, stage), after))
            await engine.start(body, id="p")
            await asyncio.sleep(10)
            await engine.signal("p", "go", 7)
            await asyncio.sleep(2)
            assert log == ["Long begins 0", "After begins 10", "After ends 11"]

    stage.run(story())


def test_a_signal_from_another_engine_is_taken_while_a_branch_runs() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine, stage.client() as client:
            body = listing(parallel("Both", takes("Long", 500, log, stage), wait_for("go")))
            await engine.start(body, id="p")
            await asyncio.sleep(10)
            await client.signal("p", "go", 7)
            await asyncio.sleep(0.1)
            assert len((await client.history("p")).of(e.SignalReceived)) == 1

    stage.run(story())


def test_siblings_of_a_failed_branch_finish_first_and_a_retry_runs_the_failed_ones() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            one = takes("One", 1, log, stage, failures=1)
            two = begin >> takes("Two", 2, log, stage) >> takes("Three", 2, log, stage)
            four = takes("Four", 3, log, stage, failures=1)
            handle = await engine.start(listing(parallel("All", one, two, four)), id="p")
            with pytest.raises(ProcessFailedError, match="One"):
                await handle.result(timeout=20)
            assert await ends(engine, "p") == [
                ("All/One", "ActivityFailed"),
                ("All/Two", "ActivityCompleted"),
                ("All/Four", "ActivityFailed"),
                ("All/Three", "ActivityCompleted"),
            ]
            before = len(log)
            await engine.retry("p")
            result = await handle.result(timeout=20)
            assert sorted(result) == ["Four", "One", "Three", "Two"]
            again = [line.split()[0] for line in log[before:] if "begins" in line]
            assert again == ["One", "Four"]

    stage.run(story())


def test_one_failed_branch_can_be_retried_while_the_others_run() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            bad = takes("Bad", 1, log, stage, failures=1)
            body = listing(parallel("Both", bad, takes("Long", 100, log, stage)))
            handle = await engine.start(body, id="p")
            await asyncio.sleep(5)
            await engine.retry("p", step="Both/Bad")
            await asyncio.sleep(5)
            assert (await ends(engine, "p"))[-1] == ("Both/Bad", "ActivityCompleted")
            assert await handle.result(timeout=200) == {"Bad": 6.0, "Long": 100.0}

    stage.run(story())


def test_a_back_off_in_one_branch_is_kept_while_another_runs() -> None:
    stage = Stage()
    log: list[str] = []

    @step("Flaky", retry=Retry(attempts=2, delay=5, jitter=0))
    async def flaky() -> None:
        log.append(f"Flaky {stage.seconds:g}")
        if len(log) == 1:
            raise OSError

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(parallel("Both", flaky, takes("Long", 100, [], stage)))
            await (await engine.start(body)).result(timeout=200)

    stage.run(story())
    assert log == ["Flaky 0", "Flaky 5"]


def test_outcomes_that_come_together_are_written_together() -> None:
    stage = Stage()

    @step("Quick")
    async def quick() -> None:
        await asyncio.sleep(1)

    async def story() -> None:
        async with stage.engine() as engine:
            branches = [quick.named(f"Q{number}") for number in range(30)]
            handle = await engine.start(listing(parallel("All", *branches)), id="p")
            await handle.result(timeout=20)
            assert len(await ends(engine, "p")) == 30
            assert stage.stores[-1].calls.count("append") < 10

    stage.run(story())


def test_a_process_with_an_open_branch_is_parked_when_nothing_runs() -> None:
    stage = Stage()
    log: list[str] = []

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(parallel("Both", takes("Short", 1, log, stage), wait_for("go")))
            handle = await engine.start(body, id="p")
            await reaches(engine, "p", "waiting")
            assert engine._worker is not None
            assert not engine._worker.turns
            await engine.signal("p", "go", 1)
            assert await handle.result(timeout=1) == {"Short": 1.0, "go": 1}

    stage.run(story())
