"""Families that are stopped, that lose their worker, and that are looked at."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from corago import (
    Engine,
    ProcessAbortedError,
    ProcessCanceledError,
    ProcessFailedError,
    ProcessTimedOutError,
    State,
    begin,
    child,
    foreach,
    parallel,
    step,
    step_group,
    wait_for,
)
from corago.core import events as e
from tests.runtime.families import (
    BROKEN,
    PART,
    RAN,
    SLOW,
    WAITING,
    after,
    given_item,
    named,
    reaches_after_birth,
    until_told,
)
from tests.runtime.rendering import DEADLINE, MakeEngine, engines
from tests.runtime.stage import Stage, kinds, listing, reaches


@pytest.fixture(autouse=True)
def _nothing_has_happened() -> None:
    BROKEN.clear()
    RAN.clear()


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


# -- stopping --------------------------------------------------------------------------------------


def test_a_cancel_of_the_parent_cancels_the_child_first(engine_of: MakeEngine) -> None:
    body = listing(WAITING)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches_after_birth(engine, "p/waiting")
            await engine.cancel("p", actor="ann")
            with pytest.raises(ProcessCanceledError):
                await handle.result(timeout=DEADLINE)
            assert (await engine.info("p/waiting")).status == "canceled"
            (asked,) = (await engine.history("p/waiting")).of(e.CancelRequested)
            assert "asked by its parent 'p', at 'waiting'" in asked.reason
            assert await kinds(engine, "p") == [
                "ProcessStarted",
                "ChildStarted",
                "CancelRequested",
                "MessageSent",
                "ChildClosed",
                "ProcessCanceled",
            ]

    asyncio.run(story())


def test_a_child_that_is_canceled_alone_fails_its_parent(engine_of: MakeEngine) -> None:
    body = listing(WAITING, after)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches_after_birth(engine, "p/waiting")
            await engine.cancel("p/waiting")
            with pytest.raises(ProcessFailedError, match="child process 'p/waiting' is canceled"):
                await handle.result(timeout=DEADLINE)
            await engine.retry("p")
            await reaches_after_birth(engine, "p/waiting@2")
            await engine.signal("p/waiting@2", "go", 1)
            assert await handle.result(timeout=DEADLINE) == {"go": 1, "after": True}

    asyncio.run(story())


def test_an_abort_of_the_parent_cancels_its_children_and_one_of_the_child_is_told_the_parent(
    engine_of: MakeEngine,
) -> None:
    body = listing(parallel("Both", WAITING, child(SLOW, into="slow")))

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches_after_birth(engine, "p/Both/waiting")
            await reaches_after_birth(engine, "p/Both/slow")
            await engine.abort("p/Both/waiting")
            await until_told(engine, "p")
            await engine.abort("p", reason="enough")
            with pytest.raises(ProcessAbortedError):
                await handle.result(timeout=DEADLINE)
            await reaches(engine, "p/Both/slow", "canceled", DEADLINE)
            (closed,) = (await engine.history("p")).of(e.ChildClosed)
            assert (closed.path, closed.status) == ("Both/waiting", "aborted")
            (asked,) = (await engine.history("p/Both/slow")).of(e.CancelRequested)
            assert asked.reason == "its parent 'p' is aborted"

    asyncio.run(story())


def test_a_client_without_code_can_abort_a_family(engine_of: MakeEngine, tmp_path: Path) -> None:
    body = listing(WAITING, after)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine, engine_of(worker=False) as client:
            await engine.start(body, id="p")
            await reaches_after_birth(engine, "p/waiting")
            await client.abort("p")
            await reaches(engine, "p/waiting", "canceled", DEADLINE)
            await engine.start(body, id="q")
            await reaches_after_birth(engine, "q/waiting")
            await client.abort("q/waiting")
            await reaches(engine, "q", "failed", DEADLINE)

    asyncio.run(story())


def test_time_that_is_up_for_one_is_told_the_other() -> None:
    stage = Stage()
    short = named("short", wait_for("go"), timeout=60)
    body = listing(child(short), after)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            with pytest.raises(ProcessFailedError, match="'p/short' is timed_out"):
                await handle.result(timeout=200)
            timed = await engine.start(body, id="q", timeout=30)
            with pytest.raises(ProcessTimedOutError):
                await timed.result(timeout=200)
            await reaches(engine, "q/short", "canceled")

    stage.run(story())


# -- several engines, crashes ----------------------------------------------------------------------


def test_two_engines_on_one_file_share_a_family(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    body = listing(foreach("Each", "xs", child(PART, input=given_item, into="got"), limit=8))
    with (
        Engine(url, workflows=[body], concurrency=3) as one,
        Engine(url, workflows=[PART], concurrency=3) as other,
    ):
        handle = one.start(body, {"xs": list(range(20))}, id="p")
        result = handle.result(timeout=3 * DEADLINE)
        assert [each["got"]["n"] for each in result["Each"]] == [2 * n for n in range(20)]
        assert other.count() == {"completed": 21}


def test_a_child_waits_for_a_worker_that_has_its_code(engine_of: MakeEngine) -> None:
    body = listing(child("part"), after)

    async def story() -> None:
        async with engine_of(workflows=[PART]):
            pass
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            await reaches(engine, "p", "waiting", DEADLINE)
            assert "p/part" in str(await engine.explain("p"))
            async with engine_of(workflows=[PART]):
                assert (await handle.result(timeout=DEADLINE))["mended"] == 2

    asyncio.run(story())


def test_a_family_outlives_the_worker_that_bore_it() -> None:
    stage = Stage()

    @step("Long")
    async def long() -> State:
        RAN.append(f"Long {stage.seconds // 100:g}")
        await asyncio.sleep(100)
        return {"long": True}

    body = listing(parallel("Both", named("longs", long), WAITING), after)

    async def story() -> None:
        client = stage.client()
        async with client:
            node = stage.node("first")
            node.spawn(life(stage, node, body))
            await asyncio.sleep(1)
            handle = await client.start(body, id="p")
            await reaches_after_birth(client, "p/Both/waiting")
            await asyncio.sleep(30)
            node.die()
            await client.signal("p/Both/waiting", "go", 7)
            async with stage.engine(workflows=[body]):
                result = await handle.result(timeout=1000)
            assert result == {"long": True, "go": 7, "after": True}
            assert len((await client.history("p")).of(e.ChildStarted)) == 2
            assert len((await client.history("p")).of(e.ChildClosed)) == 2

    async def life(stage: Stage, node: Any, body: Any) -> None:
        async with stage.engine(node, workflows=[body]):
            await asyncio.get_running_loop().create_future()

    stage.workflows = (body, *body.children)
    stage.run(story())
    assert RAN.count("After") == 1
    assert len([each for each in RAN if each.startswith("Long")]) == 2


# -- looking ---------------------------------------------------------------------------------------


def test_a_parent_tells_of_its_children(engine_of: MakeEngine) -> None:
    body = listing(step_group("G", WAITING), after)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            await reaches_after_birth(engine, "p/G/waiting")
            await reaches(engine, "p", "waiting", DEADLINE)
            info = await handle.info()
            assert info.children == ("p/G/waiting",)
            (wait,) = info.waits
            assert (wait.kind, wait.path, wait.detail) == ("child", "G/waiting", "p/G/waiting")
            assert "'G/waiting' waits for the process 'p/G/waiting'" in str(
                await engine.explain("p")
            )
            await engine.signal("p/G/waiting", "go", 1)
            await handle.result(timeout=DEADLINE)
            assert (await handle.info()).children == ()

    asyncio.run(story())


def test_a_preview_shows_the_child_that_would_be_born_and_bears_none(
    engine_of: MakeEngine,
) -> None:
    body = listing(wait_for("begin"), child(PART, input=given_item), after)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            await engine.start(body, {"item": 5}, id="p")
            await reaches(engine, "p", "waiting", DEADLINE)
            preview = await engine.preview("p", signal=("begin", 1))
            assert (preview.status, preview.path[-1]) == ("waiting", "part")
            (born,) = [each for each in preview.decisions if isinstance(each, e.ChildStarted)]
            assert (born.child, born.input) == ("p/part", {"n": 5})
            assert [each.id for each in await engine.processes()] == ["p"]
            shown = body.preview({"item": 5}, signal="begin")
            assert shown.path[-1] == "part"

    asyncio.run(story())


def test_a_preview_of_a_retry_shows_that_the_child_would_be_asked(engine_of: MakeEngine) -> None:
    body = listing(PART, after)
    BROKEN.add("Mend")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=DEADLINE)
            preview = await engine.preview("p", retry=True)
            assert preview.status == "waiting"
            assert [type(each).__name__ for each in preview.decisions] == [
                "ProcessReopened",
                "MessageSent",
            ]
            skipped = await engine.preview("p", skip=True)
            assert skipped.effects == ("After",)

    asyncio.run(story())


def test_a_child_registers_itself_with_its_parent() -> None:
    body = listing(begin >> parallel("Both", PART, named("middle", WAITING)))
    with Engine(workflows=[body]) as engine:
        engine.start("part", {"n": 1}, id="a").result(timeout=DEADLINE)
        handle = engine.start("waiting", id="b")
        engine.signal("b", "go")
        assert handle.result(timeout=DEADLINE) == {"go": None}
