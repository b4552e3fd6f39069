"""Parents and children for tests, and how to wait for what happens to them."""

from __future__ import annotations

import asyncio
from typing import Any

from corago import State, done, init, step, wait_for, workflow
from corago.core import events as e
from corago.steps import Workflow
from tests.runtime.rendering import DEADLINE
from tests.runtime.stage import reaches

BROKEN: set[str] = set()
RAN: list[str] = []


@step("Double")
async def double(n: int) -> State:
    RAN.append("Double")
    return {"n": 2 * n}


@step("Mend")
async def mend(n: int = 0) -> State:
    RAN.append("Mend")
    if "Mend" in BROKEN:
        raise RuntimeError("not yet")
    return {"mended": n}


@step("After")
async def after() -> State:
    RAN.append("After")
    return {"after": True}


def named(name: str, *steps: Any, **options: Any) -> Workflow:
    def listed() -> Any:
        whole: Any = init
        for each in steps:
            whole = whole >> each
        return whole >> done

    listed.__name__ = name
    return workflow("Some steps", **options)(listed)


PART = named("part", double, mend)
WAITING = named("waiting", wait_for("go"))
SLOW = named("slow", wait_for("go"), timeout=3600)
FAR = 60.0


def given_item(item: int) -> State:
    return {"n": item}


async def until_failed_again(engine: Any, id: str, times: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while len((await engine.history(id)).of(e.ProcessFailed)) < times:
            await asyncio.sleep(0.01)


async def reaches_after_birth(engine: Any, id: str, status: str = "waiting") -> None:
    async with asyncio.timeout(DEADLINE):
        while not any(each.id == id for each in await engine.processes()):
            await asyncio.sleep(0.01)
    await reaches(engine, id, status, DEADLINE)


async def until_told(engine: Any, id: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not (await engine.history(id)).of(e.ChildClosed):
            await asyncio.sleep(0.01)
