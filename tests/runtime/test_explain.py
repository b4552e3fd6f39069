"""`explain` has an answer wherever a process may stand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from corago import Explanation, Retry, State, parallel, sleep, step, wait_for
from corago.runtime.engine import EngineCore
from tests.runtime.stage import Stage, listing, reaches, until

Setting = Callable[[Stage, EngineCore], Awaitable[None]]


@step("Break")
async def breaks() -> None:
    raise OSError("no such port")


@step("Break softly", retry=Retry(attempts=9, delay=3000, cap=4000, jitter=0))
async def softly() -> None:
    raise ConnectionError("away")


@step("Long")
async def long() -> State:
    await asyncio.sleep(1000)
    return {}


@step("Pay", at_most_once=True)
async def pay() -> None:
    await asyncio.sleep(1000)


def starts(*steps: Any, status: str = "", **options: Any) -> Setting:
    async def setting(stage: Stage, engine: EngineCore) -> None:
        await engine.start(listing(*steps), id="p", **options)
        if status:
            await reaches(engine, "p", status)
        else:
            await asyncio.sleep(1)

    return setting


async def is_paused(stage: Stage, engine: EngineCore) -> None:
    await engine.pause()
    await engine.start(listing(long), id="p")


async def is_paused_while_it_runs(stage: Stage, engine: EngineCore) -> None:
    await engine.start(listing(long), id="p")
    await asyncio.sleep(1)
    await engine.pause()


async def waits_for_a_slot(stage: Stage, engine: EngineCore) -> None:
    await engine.start_many(listing(long), [{} for _ in range(2)])
    await engine.start(listing(long), id="p")
    await asyncio.sleep(1)


async def has_no_code_here(stage: Stage, engine: EngineCore) -> None:
    async with stage.client() as client:
        await client.start(listing(long), id="p")
    await asyncio.sleep(1)


async def has_no_code_but_others_may(stage: Stage, engine: EngineCore) -> None:
    other = stage.node("other")
    other.spawn(stage.worker(other))
    await has_no_code_here(stage, engine)


async def was_lost(stage: Stage, engine: EngineCore) -> None:
    body = listing(pay)
    stage.workflows = (body,)
    other = stage.node("other")
    other.spawn(stage.worker(other))
    async with stage.client() as client:
        await client.start(body, id="p")
        await reaches(client, "p", "running")
        await asyncio.sleep(1)
    other.die()
    await engine._register(body)
    await reaches(engine, "p", "suspended", 60)


async def is_damaged(stage: Stage, engine: EngineCore) -> None:
    await engine.start(listing(wait_for("go")), id="p")
    stage.store._processes["p"].events[0] = b"{}"


async def failed_then_waits(stage: Stage, engine: EngineCore) -> None:
    await engine.start(listing(parallel("Both", breaks, wait_for("go"))), id="p")
    await reaches(engine, "p", "waiting")


async def retries_now(stage: Stage, engine: EngineCore) -> None:
    calls: list[int] = []

    @step("Second time lucky", retry=Retry(attempts=2, delay=5, jitter=0))
    async def lucky() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError
        await asyncio.sleep(100)

    await engine.start(listing(lucky), id="p")
    await until(lambda: len(calls) == 2)
    await asyncio.sleep(1)


ended: dict[str, Setting] = {
    "completed": starts(status="completed"),
    "failed": starts(breaks, status="failed"),
    "timed_out": starts(long, status="timed_out", timeout=2),
}

CASES: list[tuple[str, Setting, str, list[str]]] = [
    ("a signal", starts(wait_for("go"), status="waiting"), "waiting", ["the signal 'go'"]),
    (
        "a signal for a time",
        starts(wait_for("go", timeout=60), status="waiting"),
        "waiting",
        ["the signal 'go' until 2019-12-20 00:01:00 UTC"],
    ),
    ("a sleep", starts(sleep(60), status="waiting"), "waiting", ["'Sleep' sleeps until 2019-"]),
    (
        "a retry",
        starts(softly, status="waiting"),
        "waiting",
        ["'Break softly' failed (ConnectionError: away) and is tried again", "until 2019-"],
    ),
    (
        "a branch failed, another waits",
        failed_then_waits,
        "waiting",
        ["'Both/Break' needs a person", "'go'"],
    ),
    ("a running step", starts(long), "running", ["worker-", "'Long'"]),
    (
        "a failed branch, another runs",
        starts(parallel("Both", breaks, long)),
        "running",
        ["'Both/Long'"],
    ),
    ("a retried step that runs", retries_now, "running", ["worker-", "at 'Second time lucky'"]),
    ("no slot", waits_for_a_slot, "queued", ["waits for a free slot"]),
    ("pause", is_paused, "paused", ["the store is paused", "unpause"]),
    (
        "pause while it runs",
        is_paused_while_it_runs,
        "running",
        ["'Long'", "paused, so nothing further starts"],
    ),
    ("no code", has_no_code_here, "missing_code", ["has not the code of listed", "version 1"]),
    (
        "no code here",
        has_no_code_but_others_may,
        "queued",
        ["2 worker(s)", "must have the code of listed"],
    ),
    ("a lost lease", was_lost, "suspended", ["at most once", "retry, skip or set its result"]),
    ("failed", ended["failed"], "failed", ["at 'Break': OSError: no such port", "`retry`"]),
    ("completed", ended["completed"], "completed", ["is completed"]),
    ("timed out", ended["timed_out"], "timed_out", ["is timed_out"]),
    ("damage", is_damaged, "damaged", ["can't be understood"]),
]


@pytest.mark.parametrize(
    ("setting", "reason", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_explain_says_why_a_process_stands_where_it_stands(
    setting: Setting, reason: str, said: list[str]
) -> None:
    stage = Stage(lease=15)

    async def story() -> Explanation:
        async with stage.engine(concurrency=2) as engine:
            await setting(stage, engine)
            return await engine.explain("p")

    explanation = stage.run(story())
    assert explanation.reason == reason, str(explanation)
    for text in said:
        assert text in str(explanation)
    assert str(explanation).startswith("process 'p'")


def test_without_any_worker_explain_says_how_to_start_one() -> None:
    stage = Stage()

    async def story() -> Explanation:
        async with stage.client() as client:
            await client.start(listing(long), id="p")
            return await client.explain("p")

    explanation = stage.run(story())
    assert (explanation.reason, explanation.missing) == ("queued", "worker")
    assert "no worker is running" in str(explanation)
    assert "corago worker" in str(explanation)


def test_explain_names_the_holder_and_the_waits() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(parallel("All", long, wait_for("go"), sleep(50)))
            await engine.start(body, id="p", timeout=500)
            await asyncio.sleep(1)
            explanation = await engine.explain("p")
            assert explanation.holder == "worker-00000001"
            assert {(wait.kind, wait.path) for wait in explanation.waits} == {
                ("step", "All/Long"),
                ("signal", "All/Wait for go"),
                ("sleep", "All/Sleep"),
                ("deadline", "p"),
            }
            assert (await engine.info("p")).waits == explanation.waits

    stage.run(story())


def test_the_handle_explains_too() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(wait_for("go")), id="p")
            await reaches(engine, "p", "waiting")
            assert await handle.explain() == await engine.explain("p")

    stage.run(story())
