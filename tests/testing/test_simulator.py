"""The simulator: every fault does what it says, a seed says it all, few faults are left of many."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from corago.clock import NEVER
from corago.errors import StoreFullError, StoreUnavailableError
from corago.ports.store import Outgoing, Query
from corago.stores.memory import MemoryStore
from corago.testing import Fault, Weather
from corago.testing.simulator import (
    CALM,
    CLIENT,
    EVERYBODY,
    Client,
    Kind,
    Node,
    SimulatedStore,
    Simulation,
)
from tests.testing import worlds

ROOT = Path(__file__).resolve().parents[2]
NOBODY = Outgoing("nobody", b"{}")

Act = Callable[[SimulatedStore, Simulation], Coroutine[Any, Any, Any]]


def at_the_disk(*faults: Fault, act: Act) -> Simulation:
    """A world in which nothing but this happens: the client does something with the disk."""
    world = Simulation(1, [], faults=faults, workers=0)

    async def story(_: Client) -> None:
        await act(SimulatedStore(world.nodes[0], world.store), world)

    world.tell(story)
    return world


# -- each kind of fault --------------------------------------------------------------------------


def test_a_call_that_is_refused_does_nothing() -> None:
    async def act(store: Any, world: Simulation) -> None:
        with pytest.raises(StoreUnavailableError, match="did not answer"):
            await store.beat("somebody")
        assert await world.store.peers() == []
        assert await store.beat("somebody") == 1

    at_the_disk(Fault("refused", CLIENT, 1), act=act)


def test_a_call_whose_answer_is_lost_is_done() -> None:
    async def act(store: Any, world: Simulation) -> None:
        with pytest.raises(StoreUnavailableError, match="was lost"):
            await store.beat("somebody")
        assert len(await world.store.peers()) == 1

    world = at_the_disk(Fault("lost", CLIENT, 1), act=act)
    assert [line.split(maxsplit=1)[1] for line in world.trace] == [
        "client beat: worker 1",
        "client meets Fault('lost', 0, 1)",
    ]


def test_an_answer_that_nobody_would_miss_is_not_the_one_that_is_lost() -> None:
    async def act(store: Any, world: Simulation) -> None:
        worker = await store.beat("somebody")
        assert len(await store.peers()) == 1
        assert await store.beat("somebody", worker) == worker
        assert (await store.claim(worker, [], 1)).taken == ()
        with pytest.raises(StoreUnavailableError, match="was lost"):
            await store.send(NOBODY)

    at_the_disk(Fault("lost", CLIENT, 2), act=act)


def test_a_slow_call_is_done_half_way() -> None:
    async def act(store: Any, world: Simulation) -> None:
        call = asyncio.ensure_future(store.beat("somebody"))
        await asyncio.sleep(4.9)
        assert await world.store.peers() == []
        await asyncio.sleep(0.2)
        assert len(await world.store.peers()) == 1
        assert not call.done()
        await call
        assert 10 <= world.loop.time() < 10.1

    at_the_disk(Fault("slow", CLIENT, 1, 10.0), act=act)


def test_a_full_disk_takes_nothing_and_can_be_read() -> None:
    async def act(store: Any, world: Simulation) -> None:
        await asyncio.sleep(2)
        with pytest.raises(StoreFullError):
            await store.send(NOBODY)
        assert await store.peers() == []
        await asyncio.sleep(4)
        assert (await store.send(NOBODY)).outcome == "absent"

    world = at_the_disk(Fault("full", EVERYBODY, 1.0, 4.0), act=act)
    assert world.happened == [Fault("full", EVERYBODY, 1.0, 4.0)]


def test_a_worker_dies_before_within_and_after_a_call() -> None:
    ways = set()
    for seed in range(12):
        world = Simulation(seed, [], faults=[Fault("crash at call", 1, 1)])
        node, ran = world.node("worker", number=1), list[str]()

        async def work(node: Node, ran: list[str]) -> None:
            try:
                await SimulatedStore(node, node.world.store).beat("somebody")
            finally:
                ran.append("a dead one's code")

        async def main(world: Simulation, node: Node, ran: list[str]) -> str:
            await world.store.open()
            node.spawn(work(node, ran))
            while not node.is_dead:
                await asyncio.sleep(0.001)
            before = len(await world.store.peers())
            await asyncio.sleep(1)
            assert not ran
            return f"{before} then {len(await world.store.peers())}"

        ways.add(world.go_on(main(world, node, ran)))
        assert world.happened == [Fault("crash at call", 1, 1)]
        world.end()
    assert ways == {"0 then 0", "0 then 1", "1 then 1"}


AIMED: dict[Kind, str] = {
    "crash at effect": "when the code of attempt 1 of activity 'Add' of process 'p' has ",
    "crash at signal": "as SignalReceived 'go' data='now' key='k' of 'p' is ",
    "crash at timer": "as TimerStarted ",
    "crash at child": "as ChildStarted ",
    "crash at move": "as PredicateAnswered ",
}


@pytest.mark.parametrize("kind", AIMED)
def test_a_worker_dies_as_what_is_aimed_at_is_to_be_recorded(kind: Kind) -> None:
    ways = set()
    for seed in range(6):
        fault = Fault(kind, EVERYBODY, 1)
        world = Simulation(seed, [worlds.all_kinds, worlds.parting], faults=[fault])
        world.tell(worlds.goes_all_ways)
        assert world.happened == [fault]
        died, how = world.words[fault].rsplit(", ", 1)
        assert re.match(rf"worker [12] dies {re.escape(AIMED[kind])}", died)
        ways.add(how)
        assert sum("is born" in line for line in world.trace) <= 3
    assert len(ways) > 1


def test_a_worker_stands_still_in_the_midst_of_what_it_does() -> None:
    fault = Fault("pause at effect", EVERYBODY, 2, 3.0)
    world = Simulation(2, [worlds.walk], faults=[fault], workers=2)
    world.tell(worlds.walks)
    assert world.happened == [fault]
    assert re.match(r"worker [12] stands still for 3 s in attempt 1 of ", world.words[fault])
    assert any(" goes on" in line for line in world.trace)


def ticking(*faults: Fault, count: int = 6) -> tuple[list[float], list[float]]:
    """When two nodes came to each of their seconds."""
    world = Simulation(3, [], faults=faults, workers=0)
    seconds: tuple[list[float], list[float]] = ([], [])

    async def tick(into: list[float]) -> None:
        for _ in range(count):
            await asyncio.sleep(1)
            into.append(world.loop.time())

    async def story(_: Client) -> None:
        for number, into in enumerate(seconds, start=1):
            world.node(f"worker {number}", number=number).spawn(tick(into))
        await asyncio.sleep(60)

    world.tell(story)
    return seconds


def test_a_worker_dies_at_an_await() -> None:
    assert ticking(Fault("crash at await", 1, 6)) == ([1.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def test_a_worker_that_is_paused_goes_on_where_it_was() -> None:
    slow, other = ticking(Fault("pause", 1, 2.5, 10.0))
    assert slow == [1.0, 2.0, 12.5, 13.5, 14.5, 15.5]
    assert other == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_what_came_in_a_pause_runs_in_its_order() -> None:
    world, ran = Simulation(1, [], faults=[Fault("pause", 1, 0.5, 5.0)], workers=0), list[int]()

    async def work() -> None:
        for number in (3, 1, 2):
            world.loop.call_later(number, ran.append, number)
        await asyncio.sleep(0.6)
        ran.append(0)

    async def story(_: Client) -> None:
        world.node("worker", number=1).spawn(work())
        await asyncio.sleep(5.4)
        assert ran == []
        await asyncio.sleep(1)
        assert ran == [1, 2, 3, 0]

    world.tell(story)


def test_a_calendar_jumps_alone_or_with_all_others() -> None:
    faults = [Fault("jump", 1, 1.0, 60.0), Fault("jump", EVERYBODY, 2.0, -5.0)]
    world = Simulation(1, [], faults=faults, workers=0)

    async def story(_: Client) -> None:
        node = world.node("worker", number=1)
        begun, steady = node.clock.now(), node.clock.monotonic()
        await asyncio.sleep(1.5)
        assert (node.clock.now() - begun).total_seconds() == 61.5
        assert world.nodes[0].clock.now() == world.clock.now()
        await asyncio.sleep(1)
        assert (node.clock.now() - begun).total_seconds() == 57.5
        assert (node.clock.now() - world.clock.now()).total_seconds() == 60
        assert node.clock.monotonic() - steady == 2.5

    world.tell(story)


def test_a_deaf_node_hears_of_others_later() -> None:
    async def act(store: Any, world: Simulation) -> None:
        store.subscribe(print)
        node = world.nodes[0]
        await asyncio.sleep(1.5)
        node.stir()
        assert not store.stirred()
        await asyncio.wait_for(node.stirring.wait(), 10)
        assert world.loop.time() == 6.0
        assert store.stirred()
        assert not store.stirred()

    at_the_disk(Fault("deaf", CLIENT, 1.0, 5.0), act=act)


def test_a_client_calls_twice_and_nothing_happens_twice() -> None:
    repeats = [Fault("repeated", CLIENT, n, 20.0) for n in (1, 2)]
    played = Simulation(1, [worlds.greeting], faults=repeats).play(worlds.greets)
    assert played.findings == ()
    calls = [line.split(maxsplit=1)[1] for line in played.trace if " p1" in line]
    assert "client start p1: born" in calls
    assert "client start p1: there already" in calls
    assert [line.rpartition(": ")[2] for line in calls if "Signal name" in line] == [
        "sent",
        "repeated",
    ]


def test_a_repeat_that_is_refused_is_found() -> None:
    class Forgetful(MemoryStore):
        """A planted bug: it takes what comes again for something else."""

        async def send(self, message: Outgoing) -> Any:
            again = any(message.key in each.keys for each in self._instances)
            digest = "another" if again else message.digest
            return await super().send(msgspec.structs.replace(message, digest=digest))

    world = Simulation(1, [worlds.greeting], faults=[Fault("repeated", CLIENT, 2, 20.0)])
    world.store = Forgetful(world.clock)
    (finding,) = world.play(worlds.greets).findings
    assert finding.startswith("a call that was made again, with its id and key, is refused")


def test_a_client_calls_again_until_it_is_answered() -> None:
    lost = [Fault("lost", CLIENT, number) for number in range(1, 12)]
    played = Simulation(1, [worlds.greeting], faults=lost).play(worlds.greets)
    assert played.findings == ()
    assert len(played.happened) == 11
    assert sum("born" in line and "start" in line for line in played.trace) == 1
    assert sum("SignalReceived" in line for line in played.trace) == 1


# -- a world -------------------------------------------------------------------------------------


def test_workers_are_born_again_while_the_story_goes_on() -> None:
    faults = [Fault("crash at call", number, 3) for number in (1, 2, 3, 4)]
    world = Simulation(1, [worlds.greeting], faults=faults, workers=2)
    played = world.play(worlds.greets)
    assert played.findings == ()
    births = [line.split()[2] for line in played.trace if line.endswith("is born")]
    assert births == ["1", "2", "3", "4", "5", "6"]
    assert set(played.happened) == set(faults)


def test_what_a_story_raises_is_a_finding_and_so_is_one_without_an_end() -> None:
    async def wrong(client: Client) -> None:
        await client.start(worlds.greeting, {}, id="p1")
        raise ValueError("the story broke")

    async def endless(client: Client) -> None:
        await client.start(worlds.greeting, {}, id="p1")
        await client.wait("p1")

    assert "ValueError: the story broke" in Simulation(1, [worlds.greeting]).play(wrong).findings
    short = timedelta(seconds=30)
    findings = Simulation(1, [worlds.greeting]).play(endless, limit=short).findings
    assert "TimeoutError: the story is not over after 0:00:30 of virtual time" in findings


def test_a_world_that_went_wrong_is_left_before_long() -> None:
    def wrong() -> tuple[Simulation, Callable[[Client], Coroutine[Any, Any, None]]]:
        world = Simulation(1, [worlds.greeting])

        async def endless(client: Client) -> None:
            await client.start(worlds.greeting, {}, id="p1")
            world.find("something is wrong")
            await client.wait("p1")

        return world, endless

    world, story = wrong()
    assert world.play(story).findings == ("something is wrong",)
    assert world.loop.time() < 100
    world, story = wrong()
    with pytest.raises(AssertionError, match="the world went wrong: something is wrong"):
        world.tell(story)


def test_what_an_engine_did_not_expect_is_a_finding_and_what_it_logs_is_in_the_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(MemoryStore):
        """A planted bug."""

        async def find(self, query: Query) -> Any:
            if query.owner is not None:
                raise KeyError("planted")
            return await super().find(query)

    world = Simulation(1, [worlds.greeting], faults=[Fault("full", 1, 0.0, 3.0)], workers=1)
    world.store = Broken(world.clock)
    played = world.play(worlds.greets)
    assert any(
        "unexpected error in its own loop: KeyError: 'planted'" in f for f in played.findings
    )
    assert any(" logs ERROR: " in line for line in played.trace)
    assert caplog.records == []
    assert logging.getLogger("corago").propagate


def test_a_world_rests_while_nobody_works_and_nothing_is_due() -> None:
    world = Simulation(1, [worlds.greeting])

    async def story(client: Client) -> None:
        assert await world.rest() == NEVER
        await client.start(worlds.greeting, {}, id="p1")
        assert await world.rest() is None
        await asyncio.sleep(5)
        assert await world.rest() == NEVER

    world.tell(story)


def test_what_has_not_begun_does_not_rest_though_the_calendar_went_back() -> None:
    world = Simulation(
        1, [worlds.greeting], faults=[Fault("jump", EVERYBODY, 1.0, -60.0)], workers=0
    )

    async def story(client: Client) -> None:
        await client.start(worlds.greeting, {}, id="p1")
        await asyncio.sleep(2)
        assert await world.rest() is None

    world.tell(story)


# -- a seed says it all --------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_trace_in_two_os_processes() -> None:
    def printed(hash_seed: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", "tests.testing.worlds"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
        ).stdout

    one = printed("1")
    assert one.count(b"\n") > 200
    assert one == printed("77")


def test_what_differs_from_run_to_run_is_not_in_the_trace() -> None:
    world = Simulation(1, [])
    world.note(f"two lines\nof {object()!r}")
    world.end()
    assert world.trace == ["0.000000 two lines ⏎ of <object object at 0x…>"]


def test_another_seed_gives_another_world() -> None:
    assert worlds.trace(1) != worlds.trace(2)


def test_faults_that_never_come_change_nothing() -> None:
    late = (Fault("lost", 1, 10_000), Fault("crash at await", 2, 1e6), Fault("pause", 1, 1e6, 1.0))
    calm = Simulation(5, [worlds.walk]).play(worlds.walks)
    assert Simulation(5, [worlds.walk], faults=late).play(worlds.walks) == calm


def test_what_happens_to_one_worker_leaves_the_chance_of_others() -> None:
    def begins(*faults: Fault) -> list[str]:
        lines = Simulation(5, [worlds.walk], faults=faults).play(worlds.walks).trace
        return [line.rpartition(": ")[0] for line in lines if " worker 2 " in line][:6]

    assert begins() == begins(Fault("refused", 1, 2), Fault("slow", 1, 1, 3.0))


def test_weather_draws_each_fault_by_itself() -> None:
    for seed in range(20):
        rough = Weather().faults(seed)
        assert set(Weather(crashes=0, lost=2).faults(seed)) < set(rough)
        assert rough == Weather().faults(seed)
        assert len(rough) == 28
    assert CALM.faults(1) == ()


def test_what_is_aimed_comes_where_it_could_in_calm() -> None:
    moments: dict[Kind, int] = {"crash at effect": 3, "crash at timer": 2}
    drawn = [each for seed in range(40) for each in Weather().faults(seed, moments)]
    for kind, places in (("crash at effect", {1, 2, 3}), ("crash at timer", {1, 2})):
        assert {each.at for each in drawn if each.kind == kind} == places
    assert not any(each.kind == "crash at child" for each in drawn)
    assert all(f"{each}" for each in drawn)


def test_a_fault_is_shown_as_the_python_that_makes_it() -> None:
    for fault in Weather().faults(4):
        assert eval(repr(fault), {"Fault": Fault}) == fault  # noqa: S307 - its own text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("meteor", 1, 1), "no fault is of the kind 'meteor'"),
        (("crash at call", CLIENT, 1), "the client can't crash"),
        (("pause", 1, 1, -2.0), "only a jump goes back"),
    ],
)
def test_a_fault_that_can_never_happen_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault(*given)


def test_a_world_that_spins_in_one_moment_is_a_finding_and_does_not_hang() -> None:
    world = Simulation(1, [], workers=0)

    async def spins(_: Client) -> None:
        while True:
            await asyncio.sleep(0)

    (finding,) = world.play(spins).findings
    assert "busy for ever" in finding
