"""Worlds on a SQLite file: what befalls their nodes is what befalls OS processes that share one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from corago.errors import StoreFullError, StoreUnavailableError
from corago.ports.store import Definition
from corago.testing.simulator import Fault, Simulation, Weather
from tests.simulation.on_sqlite import Door, on_a_file
from tests.simulation.playing import play

Act = Callable[[Simulation, Door, Door], Coroutine[Any, Any, Any]]


def on_one_file(act: Act, *faults: Fault, seed: int = 1) -> list[str]:
    """A world in which two nodes have a file open, and nothing happens but this; what is found."""

    async def main(world: Simulation) -> None:
        nodes = [world.node(f"node {number}", number=number) for number in (1, 2)]
        doors = [Door(node, world.store) for node in nodes]
        for door in doors:
            await doing(door, door.open())
        await act(world, *doors)

    with on_a_file() as ground:
        world = Simulation(seed, [], faults=faults, workers=0, **ground.given)
        world.run(main(world))
        return [*world.findings, *ground.findings()]


def doing(door: Door, coroutine: Any) -> asyncio.Task[Any]:
    """Let a node do something."""
    return door.node.spawn(coroutine)


def definition(number: int, size: int = 0) -> Definition:
    """One that is like no other, of so many bytes or more."""
    document = b'{"number":%d,"text":"%s"}' % (number, b"x" * size)
    return Definition("w", number, hashlib.sha256(document).hexdigest(), document)


async def count(world: Simulation) -> int:
    """How many definitions are on the disk."""
    return len(await world.store.definitions())


def test_whoever_dies_within_a_call_leaves_nothing_of_its_transaction() -> None:
    fault, is_there = Fault("crash at call", 1, 3), dict[str, set[bool]]()
    for seed in range(12):

        async def act(world: Simulation, one: Door, _: Door) -> None:
            for number in range(3):  # it dies at the last of them
                doing(one, one.define(definition(number)))
            while not one.node.is_dead:
                await asyncio.sleep(0.001)
            versions = {each.version for each in await world.store.definitions()}
            await asyncio.sleep(1)
            assert await count(world) == len(versions)
            is_there.setdefault(world.words[fault], set()).add(2 in versions)

        assert on_one_file(act, fault, seed=seed) == []
    dies = "node 1 dies as it calls define"
    before, within, after = Door.ways
    assert is_there == {
        f"{dies}, {before}": {False},
        f"{dies}, {within}": {False},
        f"{dies}, {after}": {True},
    }


def test_a_worker_that_died_is_proven_dead_by_its_lock() -> None:
    async def act(_: Simulation, one: Door, other: Door) -> None:
        await doing(one, one.beat("one"))
        await doing(other, other.beat("other"))
        alive = await doing(other, other.peers())
        one.node.die()
        dead = await doing(other, other.peers())
        assert [[peer.is_dead for peer in peers] for peers in (alive, dead)] == [
            [False, False],
            [True, False],
        ]

    assert on_one_file(act) == []


@pytest.mark.parametrize("end", ["goes on", "dies"])
def test_whoever_stands_still_in_a_transaction_holds_up_the_others(end: str) -> None:
    async def act(world: Simulation, one: Door, other: Door) -> None:
        doing(one, one.define(definition(1)))
        while one.store.writer is None or not one.store.writer.is_awake:
            await asyncio.sleep(0.0001)
        one.node.pause(5.0)
        with pytest.raises(StoreUnavailableError, match="another corago has been writing"):
            await doing(other, other.define(definition(2)))
        if end == "dies":
            one.node.die()
        else:
            await asyncio.sleep(6)
        await doing(other, other.define(definition(2)))
        assert await count(world) == (1 if end == "dies" else 2)

    assert on_one_file(act) == []


def test_a_full_disk_takes_what_needs_no_room() -> None:
    async def act(world: Simulation, one: Door, _: Door) -> None:
        one.node.fill(5.0)
        with pytest.raises(StoreFullError, match="no space is left"):
            await doing(one, one.define(definition(1, size=1 << 20)))
        assert await doing(one, one.beat("one")) == 1
        assert await count(world) == 0
        await asyncio.sleep(6)
        await doing(one, one.define(definition(1, size=1 << 20)))

    assert on_one_file(act) == []


def test_a_node_hears_of_the_commits_of_others_alone() -> None:
    async def act(_: Simulation, one: Door, other: Door) -> None:
        heard = [one.stirred()]
        await doing(one, one.define(definition(1)))
        heard.append(one.stirred())
        await doing(other, other.define(definition(2)))
        await doing(one, one.define(definition(3)))
        heard += [one.stirred(), one.stirred()]
        assert heard == [False, False, True, False]

    assert on_one_file(act) == []


@pytest.mark.parametrize("name", ["lists", "managed"])
def test_the_same_seed_gives_the_same_run_on_a_file_too(name: str) -> None:
    faults = Weather().faults(7)
    assert play(name, 7, faults, store="sqlite") == play(name, 7, faults, store="sqlite")
