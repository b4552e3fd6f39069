"""Answers that come late or never, where what they would have said has changed something here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import State, done, init, parallel, step, wait_for, workflow
from corago.core import codec
from corago.core import messages as m
from corago.ports.store import Append, Born, NewProcess, Outgoing
from corago.testing import replay
from tests.runtime.stage import AFTER, Stage, kinds, listing, reaches, until


def signal_row(process_id: str, name: str, data: Any = None) -> Outgoing:
    return Outgoing(process_id, codec.encode_message(m.Signal(name, data)))


def noting(name: str, **options: Any) -> Any:
    """A step that notes in the State that it ran."""

    def note(ran: list[str] | None = None) -> State:
        return {"ran": [*(ran or ()), name]}

    return step(name, **options)(note)


def flow(*elements: Any) -> Any:
    """A workflow of the name `flow`, of these elements."""

    def flow() -> Any:
        found: Any = init
        for each in elements:
            found = found >> each
        return found >> done

    return workflow("Some steps")(flow)


def test_a_process_goes_on_by_the_definition_whose_adoption_was_written_and_not_answered() -> None:
    stage = Stage()
    old = flow(noting("A"), wait_for("go"), noting("B"))
    new = flow(noting("A"), wait_for("go"), noting("B"), noting("C"))

    async def story() -> None:
        async with stage.engine(workflows=[old]) as engine:
            await engine.start(old, id="p")
            await reaches(engine, "p", "waiting")
            await engine.signal("p", "go")
            await engine.pause()
        engine = stage.engine(workflows=[new])
        async with engine:
            store = stage.stores[-1]
            inner = store.append
            lost: list[Append] = []

            async def append(wish: Append) -> Any:
                if any(b"DefinitionChanged" in each for each in wish.events) and not lost:
                    lost.append(wish)
                    store.fail("append", when=AFTER, times=1)
                return await inner(wish)

            store.__dict__["append"] = append
            await engine.unpause()
            result = await (await engine.get("p")).result(timeout=20)
            history = await engine.history("p")
            assert lost
            assert result["ran"] == ["A", "B", "C"]
            replay(history, new)

    stage.run(story())


def test_a_signal_that_came_before_a_timeout_wins_though_the_claims_answer_is_older() -> None:
    stage = Stage(lease=60)
    inner = stage.store.claim

    async def claim(*arguments: Any) -> Any:
        claims = await inner(*arguments)
        if claims.taken and stage.seconds > 1:
            await asyncio.sleep(8)
        return claims

    @step("Long")
    async def long() -> None:
        await asyncio.sleep(30)

    body = listing(parallel("Both", wait_for("other") >> long, wait_for("go", timeout=5)))

    async def story() -> None:
        async with stage.engine() as engine:
            stage.stores[-1].__dict__["claim"] = claim
            handle = await engine.start(body, id="p")
            await asyncio.sleep(2)
            await stage.store.send(signal_row("p", "other"))
            await asyncio.sleep(1)
            await stage.store.send(signal_row("p", "go", "in time"))
            assert (await handle.result(timeout=100))["go"] == "in time"
            assert "TimerFired" not in await kinds(engine, "p")

    stage.run(story())


def test_what_is_taken_back_by_an_old_answer_does_not_run_what_was_recorded() -> None:
    stage = Stage()
    runs: list[str] = []

    @step("Quick")
    async def quick() -> None:
        runs.append("quick")
        await asyncio.sleep(0.5)

    body = listing(quick, wait_for("go"))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await asyncio.sleep(0.1)
            store, started = stage.stores[-1], asyncio.Event()
            assert engine._worker is not None
            worker = engine._worker
            find, load = stage.store.find, stage.store.load

            async def slow_find(*arguments: Any) -> Any:
                if started.is_set():
                    return await find(*arguments)
                started.set()
                await until(lambda: "p" in stage.store._processes)
                found = await find(*arguments)
                await until(lambda: "p" in worker.turns)
                return found

            async def slow_load(*arguments: Any) -> Any:
                found = await load(*arguments)
                await asyncio.sleep(1 if stage.seconds < 2 else 0)
                return found

            store.__dict__["find"] = slow_find
            store.__dict__["load"] = slow_load
            worker.take_back()
            await started.wait()
            handle = await engine.start(body, id="p")
            await asyncio.sleep(5)
            await engine.signal("p", "go")
            await handle.result(timeout=10)

    stage.run(story())
    assert runs == ["quick"]


def test_a_start_that_is_answered_after_its_repeat_does_not_run_what_was_recorded() -> None:
    """The same start twice at once: the first is not answered before the process has got on."""
    stage = Stage(lease=15)
    runs: list[str] = []

    @step("Quick")
    async def quick() -> None:
        runs.append("quick")
        await asyncio.sleep(0.5)

    body = listing(quick, wait_for("go"))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            inner = stage.store.start

            async def start(new: NewProcess) -> Born:
                born = await inner(new)
                await asyncio.sleep(12 if born.is_new else 0)
                return born

            stage.stores[-1].__dict__["start"] = start
            first = asyncio.ensure_future(engine.start(body, id="p"))
            await until(lambda: "p" in stage.store._processes)
            handle = await engine.start(body, id="p")
            await first
            await asyncio.sleep(5)
            await engine.signal("p", "go")
            await handle.result(timeout=10)

    stage.run(story())
    assert runs == ["quick"]


@pytest.mark.parametrize("at_most_once", [False, True])
def test_an_outcome_of_a_queue_outlives_a_lease_that_was_late(*, at_most_once: bool) -> None:
    """The store was away till the lease was no longer fresh, and came back before it was lost."""
    stage = Stage(lease=15, queues=("q",))
    runs: list[float] = []

    @step("Work", queue="q", at_most_once=at_most_once)
    async def work() -> State:
        runs.append(stage.seconds)
        await asyncio.sleep(1)
        return {"n": len(runs)}

    body = listing(work)

    async def story() -> None:
        engine = stage.engine(workflows=[body])
        async with engine:
            store = stage.stores[-1]
            inner = engine._backend.heartbeat
            worker = engine._worker
            assert worker is not None

            async def beat(*arguments: Any) -> Any:
                if runs and stage.seconds < 30:
                    # it begins in time, and is answered when the lease is fresh no longer
                    while worker.lease.is_fresh:
                        await asyncio.sleep(0.1)
                    await asyncio.sleep(1.2)
                    store.heal()
                return await inner(*arguments)

            engine._backend.heartbeat = beat  # type: ignore[method-assign,assignment]
            store.fail("complete_task")
            handle = await engine.start(body, id="p")
            await handle.result(timeout=200)
            assert "LeaseLost" not in await kinds(engine, "p")

    stage.run(story())
    assert len(runs) == 1


def test_whoever_reads_a_whole_history_while_it_grows_does_not_take_it_for_damaged() -> None:
    """The kept snapshot is of the list before, so that all is read: later than the row."""
    stage = Stage()

    @step("Large")
    async def large() -> State:
        return {"text": "x" * 10_000}

    old = flow(large, wait_for("go"))
    new = flow(large, wait_for("go"), noting("B"))

    async def story() -> None:
        async with stage.engine(workflows=[old]) as engine:
            await engine.start(old, id="p")
            await reaches(engine, "p", "waiting")
        async with stage.engine(workflows=[new], has_worker=False) as client:
            store = stage.stores[-1]
            inner = store.store.events

            async def events(*arguments: Any) -> Any:
                await client.signal("p", "go", key="once")
                async with stage.engine(workflows=[new]) as engine:
                    await reaches(engine, "p", "completed")
                return await inner(*arguments)

            assert (await client.migrate("p")).is_applied
            position = len(await client.history("p"))
            store.__dict__["events"] = events
            assert (await client.info("p")).position == position

    stage.run(story())
