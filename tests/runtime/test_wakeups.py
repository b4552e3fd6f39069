"""The gaps between two events: nothing is lost in them, run twice, or kept waiting for the net."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import (
    EngineClosedError,
    Retry,
    State,
    StoreUnavailableError,
    parallel,
    sleep,
    step,
    wait_for,
)
from corago.core import codec
from corago.core import events as e
from corago.core import messages as m
from corago.ports.store import Append, Outgoing
from corago.runtime.bell import IDLE_SECONDS
from tests.runtime.stage import AFTER, BEFORE, Stage, ends, kinds, listing, reaches, until


def signal_row(process_id: str, name: str, data: Any = None) -> Outgoing:
    return Outgoing(process_id, codec.encode_message(m.Signal(name, data)))


def intercept(stage: Stage, act: Any) -> None:
    """After the store has taken an append and before the turn hears of it, something happens."""
    inner = stage.store.append

    async def append(wish: Append) -> Any:
        refusal = await inner(wish)
        await act(wish, refusal)
        await asyncio.sleep(0)
        return refusal

    stage.stores[-1].__dict__["append"] = append


def test_a_signal_between_a_parks_write_and_its_answer_wakes_the_process_at_once() -> None:
    stage = Stage()
    sent: list[float] = []

    async def act(wish: Append, refusal: Any) -> None:
        if wish.parks and refusal is None and not sent:
            sent.append(stage.seconds)
            await stage.store.send(signal_row("p", "go"))

    async def story() -> None:
        async with stage.engine() as engine:
            intercept(stage, act)
            handle = await engine.start(listing(wait_for("go")), id="p")
            await handle.result(timeout=10)
            assert stage.seconds - sent[0] < 0.1 < IDLE_SECONDS

    stage.run(story())


def resting(name: str, seconds: float) -> Any:
    """A step that takes so long, and notes that it ran."""

    @step(name)
    async def rest() -> State:
        await asyncio.sleep(seconds)
        return {name: True}

    return rest


def test_a_signal_that_comes_while_a_turn_writes_is_taken_though_a_branch_runs_for_long() -> None:
    stage = Stage(lease=600)

    async def act(wish: Append, refusal: Any) -> None:
        if any(b'"ActivityClosed"' in each for each in wish.events) and not stage.store._sequence:
            await stage.store.send(signal_row("p", "go"))

    body = listing(
        parallel("Both", resting("Long", 100), resting("Short", 1) >> wait_for("go") >> sleep(5))
    )

    async def story() -> None:
        async with stage.engine() as engine:
            intercept(stage, act)
            await (await engine.start(body, id="p")).result(timeout=200)
            assert stage.seconds < 101

    stage.run(story())


def test_an_outcome_that_comes_while_another_one_is_written_is_taken_at_once() -> None:
    stage = Stage(lease=600)

    async def act(wish: Append, refusal: Any) -> None:
        if any(b'"ActivityClosed"' in each for each in wish.events):
            await asyncio.sleep(2)

    async def story() -> None:
        async with stage.engine() as engine:
            intercept(stage, act)
            body = listing(parallel("Both", resting("Short", 1), resting("Longer", 2)))
            await (await engine.start(body, id="p")).result(timeout=100)
            assert stage.seconds < 6

    stage.run(story())


def test_a_signal_between_the_look_at_the_inbox_and_the_parks_write_is_taken() -> None:
    stage = Stage()
    inner = stage.store.append
    sent: list[int] = []

    async def append(wish: Append) -> Any:
        if wish.parks and len(sent) < 5:
            sent.append(len(sent))
            await stage.store.send(signal_row("p", f"s{sent[-1]}", sent[-1]))
        return await inner(wish)

    async def story() -> None:
        async with stage.engine() as engine:
            engine._unsubscribe()  # nobody tells the turn
            stage.stores[-1].__dict__["append"] = append
            waits = [wait_for(f"s{number}") for number in range(5)]
            handle = await engine.start(listing(*waits), id="p")
            await handle.result(timeout=20)
            received = (await handle.history()).of(e.SignalReceived)
            assert [each.data for each in received] == [0, 1, 2, 3, 4]
            assert stage.seconds < 1

    stage.run(story())


def test_an_outcome_whose_write_was_held_up_by_a_signal_is_kept() -> None:
    stage = Stage()
    inner = stage.store.append
    ran: list[int] = []

    @step("Work")
    async def work() -> State:
        ran.append(len(ran))
        return {"n": len(ran)}

    async def append(wish: Append) -> Any:
        if wish.parks and wish.events and len(ran) == 1 and stage.store._sequence == 0:
            await stage.store.send(signal_row("p", "go"))
        return await inner(wish)

    async def story() -> None:
        async with stage.engine() as engine:
            stage.stores[-1].__dict__["append"] = append
            handle = await engine.start(listing(work, wait_for("go")), id="p")
            assert (await handle.result(timeout=20))["n"] == 1
            assert stage.store._sequence == 1

    stage.run(story())
    assert ran == [0]


def test_a_signal_that_meets_the_end_of_its_process_is_refused_or_recorded() -> None:
    """It was acknowledged before the end was written, so it stands in the history or the inbox."""
    stage = Stage()
    inner = stage.store.append
    sent: list[int] = []

    async def append(wish: Append) -> Any:
        if wish.closes and not sent:
            sent.append(1)
            await stage.store.send(signal_row("p", "late"))
        return await inner(wish)

    async def story() -> None:
        async with stage.engine() as engine:
            stage.stores[-1].__dict__["append"] = append
            handle = await engine.start(listing(wait_for("go")), id="p")
            await engine.signal("p", "go")
            await handle.result(timeout=5)
            received = (await handle.history()).of(e.SignalReceived)
            left = await handle.pending()
            assert len(received) + len(left) == 2

    stage.run(story())


def test_a_message_that_makes_a_park_wait_stands_before_the_timer_that_was_due_after_it() -> None:
    """The signal came first but was read late: the write that met it is done over in order."""
    stage = Stage()
    inner = stage.store.append
    sent: list[float] = []

    async def append(wish: Append) -> Any:
        fires = any(b'"TimerFired"' in each for each in wish.events)
        if fires and not sent:
            sent.append(stage.seconds)
            process = stage.store._processes["p"]
            await stage.store.send(signal_row("p", "go", "in time"))
            early = process.inbox[-1].at_us - 2_000_000
            process.inbox[-1] = type(process.inbox[-1])(
                process.inbox[-1].seq, early, process.inbox[-1].data
            )
        return await inner(wish)

    async def story() -> None:
        async with stage.engine() as engine:
            engine._unsubscribe()
            stage.stores[-1].__dict__["append"] = append
            handle = await engine.start(listing(wait_for("go", timeout=5)), id="p")
            assert await handle.result(timeout=20) == {"go": "in time"}
            assert "TimerFired" not in await kinds(engine, "p")

    stage.run(story())


def test_a_start_whose_answer_is_slow_is_run_once_even_if_others_are_taken_back() -> None:
    stage = Stage()
    runs: list[str] = []

    @step("Quick")
    async def quick(name: str) -> None:
        runs.append(name)

    body = listing(quick, wait_for("go"), quick.named("Again"))
    inner = stage.store.start

    async def start(new: Any) -> Any:
        born = await inner(new)
        await asyncio.sleep(3 if new.process_id == "slow" else 0)
        return born

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await asyncio.sleep(0.1)  # it has looked for work, and has room for a birth
            stage.stores[-1].__dict__["start"] = start
            slow = asyncio.create_task(engine.start(body, {"name": "slow"}, id="slow"))
            await asyncio.sleep(0.1)
            assert engine._worker is not None
            for _ in range(3):
                engine._worker.take_back()
                await asyncio.sleep(0.5)
            async with stage.client() as client:
                await client.signal("slow", "go")
            handle = await slow
            await handle.result(timeout=10)
            await asyncio.sleep(1)  # whatever the late answer might begin

    stage.run(story())
    assert runs == ["slow", "slow"]


def test_a_step_that_is_due_while_nothing_may_start_begins_as_soon_as_it_may() -> None:
    """The lease was renewed late: meanwhile the second branch fell due."""
    stage = Stage(lease=15)
    began: list[float] = []

    @step("Flaky", retry=Retry(attempts=2, delay=10.2, jitter=0))
    async def flaky() -> None:
        began.append(stage.seconds)
        if len(began) == 1:
            raise OSError

    @step("Long")
    async def long() -> None:
        await asyncio.sleep(100)

    inner = stage.store.beat

    async def beat(*arguments: Any) -> Any:
        if 9 < stage.seconds < 11:
            await asyncio.sleep(0.9)
        elif 4 < stage.seconds < 6:
            raise StoreUnavailableError("once")
        return await inner(*arguments)

    async def story() -> None:
        engine = stage.engine()
        engine._backend.heartbeat = beat  # type: ignore[method-assign,assignment]
        async with engine:
            handle = await engine.start(listing(parallel("Both", flaky, long)), id="p")
            await asyncio.sleep(13)
            assert len(began) == 2
            assert 10.2 < began[1] < 11.5
            assert "LeaseLost" not in [type(each).__name__ for each in await handle.history()]

    stage.run(story())


def test_a_start_that_is_answered_after_the_lease_was_lost_runs_nothing_twice() -> None:
    stage = Stage(lease=15)
    inner = stage.store.start
    ran: list[float] = []

    @step("Work")
    async def work() -> None:
        ran.append(stage.seconds)

    async def story() -> None:
        async with stage.engine() as engine:

            async def start(wish: Any) -> Any:
                born = await inner(wish)
                await stage.store.bury(wish.owner)
                await asyncio.sleep(60)  # its next self has taken it up, and is through with it
                return born

            await asyncio.sleep(0.1)  # it has looked for work, and has room for a birth
            stage.stores[-1].__dict__["start"] = start
            handle = await engine.start(listing(work), id="p")
            await handle.result(timeout=10)
            await asyncio.sleep(1)

    stage.run(story())
    assert len(ran) == 1


def test_a_pause_is_not_undone_by_an_older_answer() -> None:
    stage = Stage()
    began: list[float] = []

    @step("Quick")
    async def quick() -> None:
        began.append(stage.seconds)
        await asyncio.sleep(1)

    inner = stage.store.claim

    async def claim(*arguments: Any) -> Any:
        claims = await inner(*arguments)
        await asyncio.sleep(0.5)
        return claims

    async def story() -> None:
        async with stage.engine() as engine, stage.client() as client:
            await asyncio.sleep(0.1)
            await engine.start(listing(*[quick] * 9), id="p")
            await asyncio.sleep(0.1)
            stage.stores[0].__dict__["claim"] = claim
            await client.start(listing(wait_for("go")), id="q")  # makes the worker ask for work
            await asyncio.sleep(0.3)
            await engine.pause()
            await asyncio.sleep(20)  # the answer of then comes while the first step runs
            assert len(began) == 1
            await engine.unpause()
            await engine.wait("p", 60)

    stage.run(story())


def test_a_step_that_closes_its_own_engine_does_not_hang_it_for_ever() -> None:
    stage = Stage()

    async def story() -> None:
        engine = await stage.engine(grace=5).open()

        @step("Close")
        async def close() -> None:
            await engine.close()

        await engine.start(listing(close), id="p")
        await until(lambda: stage.store._opens == 0, 60)
        with pytest.raises(EngineClosedError):
            await engine.info("p")

    stage.run(story())


def test_an_outcome_in_flight_when_the_process_is_aborted_is_dropped() -> None:
    stage = Stage()

    @step("Work")
    async def work() -> State:
        await asyncio.sleep(1)
        return {"too": "late"}

    async def story() -> None:
        async with stage.engine() as engine:
            inner = stage.store.append

            async def append(wish: Append) -> Any:
                if not wish.seize:
                    await asyncio.sleep(3)
                return await inner(wish)

            stage.stores[-1].__dict__["append"] = append
            await engine.start(listing(work, work), id="p")
            await asyncio.sleep(2)
            await engine.abort("p")
            await asyncio.sleep(10)
            assert await kinds(engine, "p") == ["ProcessStarted", "ProcessAborted"]
            assert engine._worker is not None
            assert not engine._worker.turns

    stage.run(story())


def test_a_turn_that_was_fenced_ends_and_its_work_is_dropped() -> None:
    stage = Stage(lease=60)
    stopped: list[float] = []

    @step("Longer")
    async def longer() -> State:
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            stopped.append(stage.seconds)
            raise
        return {}

    body = listing(parallel("Both", resting("Work", 5), longer))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as one, stage.engine(workflows=[body]) as two:
            await one.start(body, id="p")
            await asyncio.sleep(1)
            assert one._worker is not None
            await stage.store.bury(one._worker.id)  # and `two` takes it over at once
            await reaches(two, "p", "completed", 40)
            assert not one._worker.turns
            assert stopped == [pytest.approx(5, abs=0.5)]  # when `one` would have written
            assert len(await ends(two, "p")) == 2

    stage.run(story())


def test_every_way_to_lose_an_answer_ends_with_each_step_recorded_once() -> None:
    """Store failures at each single call of a short life, before and after it took effect."""
    for when in (BEFORE, AFTER):
        for place in range(14):
            stage = Stage(lease=15)
            runs: list[str] = []

            body = listing(once_of(runs), sleep(0.5), once_of(runs), wait_for("go"), once_of(runs))

            async def story(
                stage: Stage = stage, body: Any = body, when: str = when, place: int = place
            ) -> None:
                async with stage.client() as client:
                    await client.start(body, id="p")
                    engine = stage.engine(workflows=[body])
                    store = stage.stores[-1]
                    async with engine:
                        fail_nth(store, place, when)
                        await client.signal("p", "go")
                        assert (await client.wait("p", 60))["n"] == 3
                        how = [kind for _, kind in await ends(client, "p")]
                        assert how == ["ActivityCompleted"] * 3

            stage.run(story())
            assert len(runs) == 3, (when, place)


def once_of(runs: list[str]) -> Any:
    @step("Once", at_most_once=True)
    async def once(n: int = 0) -> State:
        runs.append("x")
        return {"n": n + 1}

    return once


def fail_nth(store: Any, place: int, when: str) -> None:
    """The `place`-th call from now on fails, if it is one that the worker makes for its turns."""
    left = [place]
    fault = store._fault

    def counting(name: str) -> str:
        if name in {"append", "claim", "messages", "find", "load"}:
            left[0] -= 1
            if left[0] == -1:
                return when
        return str(fault(name))

    store.__dict__["_fault"] = counting
