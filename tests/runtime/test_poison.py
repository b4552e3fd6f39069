"""Processes that kill their workers, and rows that nobody can read: set aside, not run for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import State, parallel, step, wait_for
from corago.core import events as e
from corago.core import messages as m
from corago.core.queueing import LOSS_LIMIT
from corago.errors import StoreUnavailableError
from corago.ports.store import Outgoing
from corago.testing.simulator import Node
from tests.runtime.stage import Stage, kinds, listing, reaches


def killing(stage: Stage, nodes: dict[int, Node], log: list[str], mercy: int = 99) -> Any:
    """A step that takes its worker with it."""

    @step("Kill")
    async def kill() -> State:
        log.append("begins")
        if len(log) <= mercy:
            for node in nodes.values():
                node.die()
            await asyncio.get_running_loop().create_future()
        return {"survived": True}

    return kill


async def keep_workers(stage: Stage, nodes: dict[int, Node]) -> None:
    """There is always one worker, as with a supervisor."""
    number = 0
    while True:
        if all(node.is_dead for node in nodes.values()):
            number += 1
            nodes.clear()
            nodes[number] = node = stage.node(f"w{number}")
            node.spawn(stage.worker(node))
        await asyncio.sleep(1)


def test_a_process_that_kills_its_workers_is_suspended_at_the_limit() -> None:
    stage = Stage(lease=6)
    nodes: dict[int, Node] = {}
    log: list[str] = []
    body, calm = listing(killing(stage, nodes, log, LOSS_LIMIT)), listing(wait_for("go"))
    stage.workflows = (body, calm)

    async def story() -> None:
        keeper = asyncio.create_task(keep_workers(stage, nodes))
        async with stage.client() as client:
            await client.start(body, id="p")
            await client.start(calm, id="q")
            await reaches(client, "p", "suspended", 600)
            assert len(log) == LOSS_LIMIT
            explanation = await client.explain("p")
            assert "workers vanished in a row" in str(explanation)
            await asyncio.sleep(60)
            assert len(log) == LOSS_LIMIT
            await client.signal("q", "go")
            await client.wait("q", 60)
            await client.retry("p", actor="ann", reason="it is mended")
            assert await client.wait("p", 60) == {"survived": True}
            losses = [each.losses for each in (await client.history("p")).of(e.LeaseLost)]
            assert losses == list(range(1, LOSS_LIMIT + 1))
        keeper.cancel()

    stage.run(story())


def test_what_a_queue_s_step_came_to_is_kept_until_a_person_has_acted() -> None:
    stage = Stage(lease=6)
    nodes: dict[int, Node] = {}
    log: list[str] = []

    @step("Render", queue="gpu")
    async def render() -> State:
        return {"rendered": 1}

    body = listing(parallel("both", killing(stage, nodes, log, LOSS_LIMIT), render))
    stage.workflows = (body,)

    async def serve(node: Node) -> None:
        async with stage.engine(node, queues=["gpu"]):
            await asyncio.get_running_loop().create_future()

    async def story() -> None:
        keeper = asyncio.create_task(keep_workers(stage, nodes))
        async with stage.client() as client:
            await client.start(body, id="p")
            await reaches(client, "p", "suspended", 600)
            server = stage.node("server")
            server.spawn(serve(server))
            await asyncio.sleep(60)
            (outcome,) = await client.pending("p")
            assert isinstance(outcome, m.Outcome)
            await client.retry("p")
            assert await client.wait("p", 60) == {"survived": True, "rendered": 1}
        keeper.cancel()

    stage.run(story())


def test_losses_are_counted_from_the_last_progress() -> None:
    stage = Stage(lease=6)
    nodes: dict[int, Node] = {}
    log: list[str] = []
    kill = killing(stage, nodes, log, LOSS_LIMIT - 1)
    body = listing(kill, kill)
    stage.workflows = (body,)

    async def story() -> None:
        keeper = asyncio.create_task(keep_workers(stage, nodes))
        async with stage.client() as client:
            await client.start(body, id="p")
            assert await client.wait("p", 600) == {"survived": True}
        keeper.cancel()

    stage.run(story())


def test_after_losses_a_process_runs_alone_with_others_of_its_kind() -> None:
    stage = Stage(lease=6)
    now: list[str] = []
    most: list[int] = []

    @step("Suspect")
    async def suspect() -> None:
        now.append("x")
        most.append(len(now))
        try:
            await asyncio.sleep(2)
        finally:
            now.pop()

    body = listing(suspect)
    stage.workflows = (body,)

    async def story() -> None:
        async with stage.client() as client:
            for number in range(4):
                await client.start(body, id=f"p{number}")
            for name in ("a", "b"):
                node = stage.node(name)
                node.spawn(stage.worker(node))
                await asyncio.sleep(8 if name == "b" else 1)
                node.die()
                now.clear()
            most.clear()
            async with stage.engine() as engine:
                for number in range(4):
                    await engine.wait(f"p{number}", 60)

    stage.run(story())
    assert most == [1, 1, 1, 1]


# -- what can't be read ---------------------------------------------------------------------------


def test_a_process_whose_rows_are_damaged_is_left_alone_and_the_others_go_on() -> None:
    stage = Stage()

    @step("Quick")
    async def quick() -> State:
        return {"ok": True}

    body = listing(quick)
    stage.workflows = (body,)

    async def story() -> None:
        async with stage.client() as client:
            for number in range(5):
                await client.start(body, id=f"p{number}")
            stage.store._processes["p2"].events[0] = b'{"type":"Nonsense","position":1}'
            async with stage.engine():
                for number in (0, 1, 3, 4):
                    await client.wait(f"p{number}", 5)
                explanation = await client.explain("p2")
                assert explanation.reason == "damaged"
                assert "'Nonsense' is unknown" in str(explanation)
                infos = await client.processes()
                damaged = next(info for info in infos if info.id == "p2")
                assert damaged.error is not None
                claims = stage.stores[-1].calls.count("claim")
                await asyncio.sleep(50)
                assert stage.stores[-1].calls.count("claim") - claims < 30

    stage.run(story())


def test_a_store_that_does_not_answer_makes_no_process_look_damaged() -> None:
    stage = Stage()
    stage.workflows = (body := listing(wait_for("go")),)

    async def story() -> None:
        async with stage.client() as client:
            await client.start(body, id="p")
            stage.stores[-1].fail("load", times=1)
            with pytest.raises(StoreUnavailableError):
                await client.processes()
            (info,) = await client.processes()
            assert info.error is None
            assert [wait.detail for wait in info.waits] == ["go"]

    stage.run(story())


@pytest.mark.parametrize("row", [b"\xff", b'{"type":"Signal"}', b'{"type":"Signal","name":7}'])
def test_a_message_that_cannot_be_read_sets_its_process_aside_alone(row: bytes) -> None:
    stage = Stage()
    body = listing(wait_for("go"))
    stage.workflows = (body,)

    async def story() -> None:
        async with stage.engine() as engine:
            for number in range(2):
                await engine.start(body, id=f"p{number}")
            await reaches(engine, "p0", "waiting")
            await stage.store.send(Outgoing("p0", row))
            await engine.signal("p1", "go")
            await engine.wait("p1", 5)
            await asyncio.sleep(30)
            await engine.abort("p0")
            assert (await kinds(engine, "p0"))[-1] == "ProcessAborted"

    stage.run(story())


def test_a_turn_that_breaks_sets_its_process_aside_and_the_worker_lives() -> None:
    stage = Stage()

    @step("Quick")
    async def quick() -> State:
        return {"ok": True}

    bad, good = listing(wait_for("go")), listing(quick)
    stage.workflows = (bad, good)

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(bad, id="bad")
            await reaches(engine, "bad", "waiting")

            def broken(*_: Any) -> Any:
                raise ZeroDivisionError("a bug of the workflow's door")

            program = engine._backend._definitions._programs[bad.sha]  # type: ignore[attr-defined]
            program.evolve, mended = broken, program.evolve
            await engine.signal("bad", "go")
            await asyncio.sleep(1)
            await (await engine.start(good)).result(timeout=5)
            program.evolve = mended
            await reaches(engine, "bad", "suspended", 80)
            assert "ZeroDivisionError" in str(await engine.explain("bad"))
            await engine.retry("bad")
            await engine.wait("bad", 80)

    stage.run(story())
