"""Processes that start processes: both stores, several engines, and what operators do to both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from corago import (
    CommandRefusedError,
    ProcessAbortedError,
    ProcessFailedError,
    State,
    abort,
    child,
    foreach,
    parallel,
    step,
    step_group,
)
from corago.core import events as e
from tests.runtime.families import (
    BROKEN,
    FAR,
    PART,
    RAN,
    WAITING,
    after,
    double,
    mend,
    named,
    until_failed_again,
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


# -- from beginning to end -------------------------------------------------------------------------


def test_a_parent_goes_on_with_what_its_child_has_come_to(engine_of: MakeEngine) -> None:
    body = listing(double, PART, after)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            assert await handle.result(timeout=DEADLINE) == {"n": 4, "mended": 4, "after": True}
            inner = await (await engine.get("p/part")).info()
            assert (inner.status, inner.workflow, inner.parent) == ("completed", "part", "p")
            assert inner.result == {"n": 4, "mended": 4}
            (started,) = (await engine.history("p/part")).of(e.ProcessStarted)
            assert (started.input, started.parent_path) == ({"n": 2}, "part")
            assert await kinds(engine, "p") == [
                "ProcessStarted",
                "ActivityClosed",
                "ChildStarted",
                "ChildClosed",
                "ActivityClosed",
                "ProcessCompleted",
            ]

    asyncio.run(story())
    assert RAN == ["Double", "Double", "Mend", "After"]


def test_the_result_goes_where_it_is_wanted_and_the_input_comes_from_a_function(
    engine_of: MakeEngine,
) -> None:
    def order(n: int) -> State:
        return {"n": n + 100}

    body = listing(child(PART, input=order, into="got"), after)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1})
            inner = {"n": 202, "mended": 202}
            assert await handle.result(timeout=DEADLINE) == {"n": 1, "got": inner, "after": True}

    asyncio.run(story())


def test_an_input_that_can_not_be_made_fails_the_parent_and_nothing_is_born(
    engine_of: MakeEngine,
) -> None:
    def order(n: int) -> State:
        if "order" in BROKEN:
            raise ValueError("no order")
        return {"n": n}

    body = listing(child(PART, input=order))
    BROKEN.add("order")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError, match="ValueError: no order"):
                await handle.result(timeout=DEADLINE)
            assert [each.id for each in await engine.processes()] == ["p"]
            BROKEN.clear()
            await engine.retry("p")
            assert await handle.result(timeout=DEADLINE) == {"n": 2, "mended": 2}

    asyncio.run(story())


def test_children_have_children(engine_of: MakeEngine) -> None:
    middle = named("middle", child(PART, into="inner"))
    body = listing(step_group("G", child(middle, into="outer")))

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 3}, id="p")
            inner = {"n": 6, "mended": 6}
            outer = {"n": 3, "inner": inner}
            assert await handle.result(timeout=DEADLINE) == {"n": 3, "outer": outer}
            ids = {each.id for each in await engine.processes()}
            assert ids == {"p", "p/G/middle", "p/G/middle/part"}

    asyncio.run(story())


def test_a_loop_of_a_hundred_children_keeps_its_order_and_its_limit(engine_of: MakeEngine) -> None:
    def order(item: int) -> State:
        return {"n": item}

    body = listing(foreach("Each", "xs", child(PART, input=order, into="got"), limit=30))

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            items = list(range(100))
            handle = await engine.start(body, {"xs": items}, id="p")
            result = await handle.result(timeout=3 * DEADLINE)
            assert [each["got"]["n"] for each in result["Each"]] == [2 * item for item in items]
            assert await engine.count() == {"completed": 101}
            history = await engine.history("p")
            open_, most = 0, 0
            for event in history:
                open_ += isinstance(event, e.ChildStarted) - isinstance(event, e.ChildClosed)
                most = max(most, open_)
            assert most == 30

    asyncio.run(story())


def test_a_child_is_named_by_text_where_its_workflow_is_known(engine_of: MakeEngine) -> None:
    body = listing(child("part"), after)

    async def story() -> None:
        async with engine_of(workflows=[body, PART]) as engine:
            handle = await engine.start(body, {"n": 1})
            assert await handle.result(timeout=DEADLINE) == {"n": 2, "mended": 2, "after": True}

    asyncio.run(story())


def test_a_workflow_that_nobody_knows_fails_the_parent_until_somebody_does(
    engine_of: MakeEngine,
) -> None:
    body = listing(child("part"))

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError, match="no workflow is named 'part'"):
                await handle.result(timeout=DEADLINE)
            assert await kinds(engine, "p") == [
                "ProcessStarted",
                "ChildStarted",
                "ChildStartFailed",
                "ProcessFailed",
            ]
        async with engine_of(workflows=[body, PART]) as engine:
            await engine.retry("p")
            assert await engine.wait("p", timeout=DEADLINE) == {"n": 2, "mended": 2}

    asyncio.run(story())


def test_an_id_that_is_taken_fails_the_parent_and_leaves_the_stranger_alone(
    engine_of: MakeEngine,
) -> None:
    body = listing(double, parallel("Both", child("waiting"), child(PART, into="got")))

    async def story() -> None:
        async with engine_of(workflows=[body, WAITING]) as engine:
            await engine.start(WAITING, id="p/Both/waiting")
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError, match="'p/Both/waiting' is there already"):
                await handle.result(timeout=DEADLINE)
            assert (await engine.info("p/Both/waiting")).parent is None
            assert (await engine.info("p/Both/part")).status == "completed"
            await engine.retry("p")
            await until_failed_again(engine, "p", 2)
            with pytest.raises(ProcessFailedError, match="is there already"):
                await handle.result(timeout=DEADLINE)
            await engine.skip("p")
            assert (await handle.result(timeout=DEADLINE))["got"] == {"n": 4, "mended": 4}
            await engine.signal("p/Both/waiting", "go", 1)
            assert await engine.wait("p/Both/waiting", timeout=DEADLINE) == {"go": 1}

    asyncio.run(story())
    assert RAN.count("Double") == 2


def test_a_birth_that_is_refused_with_the_end_of_its_parent_holds_nothing_up() -> None:
    stage = Stage()

    @step("Slow")
    async def slow() -> None:
        await asyncio.sleep(5)

    both = parallel("Both", slow.named("A") >> child("waiting"), slow.named("B") >> abort)
    body = listing(both)

    async def story() -> None:
        async with stage.engine(workflows=[body, WAITING]) as engine:
            await engine.start(WAITING, id="p/Both/waiting")
            handle = await engine.start(body, id="p")
            with pytest.raises(ProcessAbortedError):
                await handle.result(timeout=FAR)
            assert (await engine.info("p/Both/waiting")).status == "waiting"

    stage.run(story())


# -- failure and retry -----------------------------------------------------------------------------


def test_a_retry_of_the_parent_goes_on_where_the_child_had_failed(engine_of: MakeEngine) -> None:
    body = listing(PART, after)
    BROKEN.add("Mend")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError, match="child process 'p/part' is failed"):
                await handle.result(timeout=DEADLINE)
            assert (await engine.info("p/part")).status == "failed"
            BROKEN.clear()
            await engine.retry("p", actor="ann")
            result = await handle.result(timeout=DEADLINE)
            assert result == {"n": 2, "mended": 2, "after": True}
            (sent,) = (await engine.history("p")).of(e.MessageSent)
            assert (sent.to, sent.command) == ("p/part", "retry")
            (again,) = (await engine.history("p/part")).of(e.ProcessReopened)
            assert again.paths == ("Mend",)
            assert "asked by its parent 'p'" in again.reason

    asyncio.run(story())
    assert RAN == ["Double", "Mend", "Mend", "After"]


def test_a_retry_reaches_through_generations(engine_of: MakeEngine) -> None:
    body = listing(named("middle", child(PART, into="inner")))
    BROKEN.add("Mend")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError, match=r"'p/middle' is failed.*'p/middle/part'"):
                await handle.result(timeout=DEADLINE)
            BROKEN.clear()
            await engine.retry("p")
            assert (await handle.result(timeout=DEADLINE))["inner"] == {"n": 2, "mended": 2}

    asyncio.run(story())
    assert RAN == ["Double", "Mend", "Mend"]


def test_a_failed_child_is_retried_through_its_parent_and_the_refusal_says_so(
    engine_of: MakeEngine,
) -> None:
    body = listing(PART)
    BROKEN.add("Mend")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=DEADLINE)
            with pytest.raises(CommandRefusedError, match="retry that one at 'part'"):
                await engine.retry("p/part")

    asyncio.run(story())


def test_a_child_that_was_aborted_while_its_parent_had_failed_is_started_anew(
    engine_of: MakeEngine,
) -> None:
    body = listing(PART)
    BROKEN.add("Mend")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=DEADLINE)
            await engine.abort("p/part")
            BROKEN.clear()
            await engine.retry("p")
            await until_failed_again(engine, "p", 2)
            with pytest.raises(ProcessFailedError, match="'p/part' is aborted"):
                await handle.result(timeout=DEADLINE)
            await engine.retry("p")
            assert await handle.result(timeout=DEADLINE) == {"n": 2, "mended": 2}
            assert (await engine.info("p/part@2")).status == "completed"

    asyncio.run(story())


def test_a_child_whose_time_is_up_is_started_anew_by_the_second_retry() -> None:
    stage = Stage()
    body = listing(named("timed", mend, timeout=60))
    BROKEN.add("Mend")

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=FAR)
            await asyncio.sleep(100)
            BROKEN.clear()
            await engine.retry("p")
            await until_failed_again(engine, "p", 2)
            with pytest.raises(ProcessFailedError, match="its time was up.*a retry starts another"):
                await handle.result(timeout=FAR)
            await engine.retry("p")
            assert (await handle.result(timeout=FAR))["mended"] == 1
            assert (await engine.info("p/timed")).status == "failed"

    stage.run(story())


def test_what_a_child_took_back_is_done_anew_by_another_child(engine_of: MakeEngine) -> None:
    @step("Undo")
    async def undo() -> None:
        RAN.append("Undo")

    @step("Do", undo=undo)
    async def do() -> None:
        RAN.append("Do")

    body = listing(named("careful", do, mend, undo_on_failure=True))
    BROKEN.add("Mend")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=DEADLINE)
            assert RAN == ["Do", "Mend", "Undo"]
            BROKEN.clear()
            await engine.retry("p")
            await until_failed_again(engine, "p", 2)
            with pytest.raises(ProcessFailedError, match="was taken back"):
                await handle.result(timeout=DEADLINE)
            await engine.retry("p")
            assert await handle.result(timeout=DEADLINE) == {"mended": 0}
            assert RAN == ["Do", "Mend", "Undo", "Do", "Mend"]

    asyncio.run(story())


def test_one_failed_child_of_a_loop_is_retried_and_the_others_are_not(
    engine_of: MakeEngine,
) -> None:
    @step("Pick")
    async def pick(item: int) -> State:
        RAN.append(f"Pick {item}")
        if item == 1 and "Pick" in BROKEN:
            raise RuntimeError("not this one")
        return {"picked": item}

    body = listing(foreach("Each", "xs", child(named("picks", pick), into="got"), limit=2))
    BROKEN.add("Pick")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"xs": [0, 1, 2, 3]}, id="p")
            with pytest.raises(ProcessFailedError, match=r"'p/Each\[1\]/picks' is failed"):
                await handle.result(timeout=DEADLINE)
            BROKEN.clear()
            await engine.retry("p")
            result = await handle.result(timeout=DEADLINE)
            assert [each["got"]["picked"] for each in result["Each"]] == [0, 1, 2, 3]

    asyncio.run(story())
    assert sorted(RAN) == ["Pick 0", "Pick 1", "Pick 1", "Pick 2", "Pick 3"]


def test_a_failed_child_can_be_skipped_or_answered_in_its_parent(engine_of: MakeEngine) -> None:
    body = listing(child(PART, into="got"), after)
    BROKEN.add("Mend")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            for id, act in (("p", engine.skip), ("q", engine.set_result)):
                handle = await engine.start(body, {"n": 1}, id=id)
                with pytest.raises(ProcessFailedError):
                    await handle.result(timeout=DEADLINE)
                given = () if id == "p" else ({"got": "by hand"},)
                await act(id, *given, step="part")
                got = {} if id == "p" else {"got": "by hand"}
                assert await handle.result(timeout=DEADLINE) == {"n": 1, **got, "after": True}
                assert (await engine.info(f"{id}/part")).status == "failed"

    asyncio.run(story())


def test_a_failed_child_that_its_parent_does_without_is_retried_by_itself(
    engine_of: MakeEngine,
) -> None:
    body = listing(PART, WAITING.steps[1])
    BROKEN.add("Mend")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, {"n": 1}, id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=DEADLINE)
            await engine.skip("p")
            await reaches(engine, "p", "waiting", DEADLINE)
            BROKEN.clear()
            await engine.retry("p/part")
            assert await engine.wait("p/part", timeout=DEADLINE) == {"n": 2, "mended": 2}
            await engine.signal("p", "go")
            assert await handle.result(timeout=DEADLINE) == {"n": 1, "go": None}

    asyncio.run(story())
