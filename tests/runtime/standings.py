"""Where a process may stand: steps that do this and that, and how to bring a process there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from corago import Retry, State, conditional, parallel, step, wait_for
from corago.core.queueing import LOSS_LIMIT
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


@step("Deaf")
async def deaf() -> State:
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        await asyncio.sleep(1000)
    return {}


@step("Pay", at_most_once=True)
async def pay() -> None:
    await asyncio.sleep(1000)


@step("Ask for more")
async def asks(amount: int) -> None:
    pass


@step("Shout")
async def shouts() -> None:
    raise ValueError("A" * 1_000_000)


def is_even(number: int) -> bool:
    return number % 2 == 0


def starts(*steps: Any, status: str = "", **options: Any) -> Setting:
    async def setting(stage: Stage, engine: EngineCore) -> None:
        await engine.start(listing(*steps), id="p", **options)
        if status:
            await reaches(engine, "p", status)
        else:
            await asyncio.sleep(1)

    return setting


# -- settings --------------------------------------------------------------------------------------


async def is_paused(stage: Stage, engine: EngineCore) -> None:
    await engine.pause()
    await engine.start(listing(long), id="p")


async def is_paused_while_it_runs(stage: Stage, engine: EngineCore) -> None:
    await engine.start(listing(long), id="p")
    await asyncio.sleep(1)
    await engine.pause()


async def is_paused_while_it_waits(stage: Stage, engine: EngineCore) -> None:
    await starts(wait_for("go"), status="waiting")(stage, engine)
    await engine.pause()


async def waits_for_a_slot(stage: Stage, engine: EngineCore) -> None:
    await engine.start_many(listing(long), [{} for _ in range(2)])
    await engine.start(listing(long), id="p")
    await asyncio.sleep(1)


async def has_no_code_here(stage: Stage, engine: EngineCore) -> None:
    async with stage.client() as client:
        await client.start(listing(long), id="p")
    await asyncio.sleep(1)


async def has_a_predicate_without_code(stage: Stage, engine: EngineCore) -> None:
    async with stage.client() as client:
        await client.start(listing(conditional(is_even)(long)), {"number": 2}, id="p")
    await asyncio.sleep(1)


async def has_no_code_but_others_may(stage: Stage, engine: EngineCore) -> None:
    other = stage.node("other")
    other.spawn(stage.worker(other))
    await has_no_code_here(stage, engine)


async def was_lost(stage: Stage, engine: EngineCore, *beside: Any) -> None:
    body = listing(parallel("All", pay, *beside) if beside else pay)
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


async def was_lost_beside_a_step_that_runs(stage: Stage, engine: EngineCore) -> None:
    await was_lost(stage, engine, long)
    await asyncio.sleep(1)


async def is_poisoned(stage: Stage, engine: EngineCore) -> None:
    body = listing(long)
    stage.workflows = (body,)
    async with stage.client() as client:
        await client.start(body, id="p")
        for number in range(LOSS_LIMIT):
            node = stage.node(f"w{number}")
            node.spawn(stage.worker(node))
            await until(lambda: bool(_row(stage).owner), 60)
            node.die()
            await until(lambda: not _row(stage).owner, 60)
    await engine._register(body)
    await reaches(engine, "p", "suspended", 60)


def _row(stage: Stage) -> Any:
    return stage.store._processes["p"]


async def is_damaged(stage: Stage, engine: EngineCore) -> None:
    await engine.start(listing(wait_for("go")), id="p")
    stage.store._processes["p"].events[0] = b"{}"


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


async def failed_and_its_time_is_up(stage: Stage, engine: EngineCore) -> None:
    await starts(breaks, status="failed", timeout=30)(stage, engine)
    await asyncio.sleep(60)


async def is_stopping(stage: Stage, engine: EngineCore) -> None:
    await starts(deaf)(stage, engine)
    await engine.cancel("p", actor="ann")
    await asyncio.sleep(1)


async def was_aborted(stage: Stage, engine: EngineCore) -> None:
    await starts(wait_for("go"), status="waiting")(stage, engine)
    await engine.abort("p")


async def was_canceled(stage: Stage, engine: EngineCore) -> None:
    await starts(wait_for("go"), status="waiting")(stage, engine)
    await engine.cancel("p")
    await reaches(engine, "p", "canceled")


def without_its_worker(setting: Setting, *commands: str) -> Setting:
    """The same, and commands that come when no worker of this code runs any more."""

    async def later(stage: Stage, engine: EngineCore) -> None:
        async with stage.engine() as other:
            await setting(stage, other)
        for command in commands:
            await getattr(engine, command)("p", actor="ann")

    return later
