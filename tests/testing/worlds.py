"""Workflows and stories for simulated worlds.

As a script it prints the traces of some: what another OS process prints must be the same.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from corago import (
    State,
    child,
    conditional,
    done,
    init,
    sleep,
    step,
    wait_for,
    workflow,
)
from corago.testing import Weather
from corago.testing.simulator import Client, Simulation


@step("Add")
def add(number: int) -> State:
    return {"number": number + 1}


@step("Wait", queue="slow lane")
async def wait(number: int) -> State:
    await asyncio.sleep(number)
    return {"waited": number}


@step("Once", at_most_once=True)
async def once(waited: int) -> State:
    await asyncio.sleep(0.2)
    return {"once": waited}


@workflow("A walk")
def walk() -> Any:
    return init >> add >> wait_for("go") >> wait >> once >> done


@step("Greet")
def greet(name: dict[str, str]) -> State:
    return {"greeted": name["first"]}


@workflow("A greeting")
def greeting() -> Any:
    return init >> wait_for("name") >> greet >> done


@step("Part")
def part() -> State:
    return {}


@workflow("A part")
def parting() -> Any:
    return init >> part >> done


def is_wanted(number: int) -> bool:
    return number > 0


@workflow("All kinds")
def all_kinds() -> Any:
    return (
        init >> sleep(1) >> conditional(is_wanted)(add) >> wait_for("go") >> child(parting) >> done
    )


async def goes_all_ways(client: Client) -> None:
    await client.start(all_kinds, {"number": 1}, id="p")
    await client.signal("p", "go", "now", key="k")
    assert (await client.wait("p"))["number"] == 2


async def greets(client: Client) -> None:
    await client.start(greeting, {}, id="p1")
    await client.signal("p1", "name", {"first": "ann"})
    assert await client.wait("p1") == {"name": {"first": "ann"}, "greeted": "ann"}
    await asyncio.sleep(60)


async def walks(client: Client) -> None:
    """Three of them, with an operator."""
    ids = [f"p{number}" for number in range(3)]
    for number, id in enumerate(ids):
        await client.start(walk, {"number": number}, id=id)
        await client.signal(id, "go", {"by": "ann"})
    open_ = set(ids)
    while open_:
        await asyncio.sleep(0.7)
        for info in await client.processes():
            if info.status == "suspended":
                await client.retry(info.id)
            elif info.status == "completed":
                open_.discard(info.id)


def trace(seed: int) -> tuple[str, ...]:
    """The trace of a rough world of this seed."""
    return Simulation(seed, [walk], faults=Weather().faults(seed)).play(walks).trace


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    sys.stdout.write("\n".join(line for seed in (1, 3) for line in trace(seed)))
