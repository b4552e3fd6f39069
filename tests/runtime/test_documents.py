"""Documents: written in the transaction that records the step, or not at all."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from corago import (
    InvalidInputError,
    ProcessFailedError,
    Retry,
    State,
    current,
    parallel,
    step,
    wait_for,
)
from corago.core import events as e
from tests.runtime.stage import AFTER, BEFORE, HANGS, Stage, ends, listing, reaches


def writing(name: str, document: str, expected: int, stage: Stage, **options: Any) -> Any:
    @step(name, **options)
    async def write() -> State:
        await asyncio.sleep(1)
        current().put_document("port", document, {"by": name}, expected=expected, actor="ann")
        return {name: True}

    return write


async def versions(stage: Stage, document: str) -> list[tuple[int, str]]:
    found = await stage.store.document("port", document)
    return [(each.version, json.loads(each.data)["by"]) for each in found]


def test_a_document_is_written_with_the_steps_result() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            first = writing("One", "a", 0, stage)
            second = writing("Two", "a", 1, stage)
            handle = await engine.start(listing(first, second), id="p")
            await asyncio.sleep(0.5)
            assert await versions(stage, "a") == []
            await handle.result(timeout=5)
            assert await versions(stage, "a") == [(1, "One"), (2, "Two")]
            written = await stage.store.document("port", "a")
            assert [(each.process_id, each.actor) for each in written] == [("p", "ann")] * 2
            closed = (await handle.history()).of(e.ActivityClosed)
            assert written[0].position == closed[0].position

    stage.run(story())


def test_a_step_that_fails_writes_no_document() -> None:
    stage = Stage()

    @step("Fail")
    async def fail() -> None:
        current().put_document("port", "a", {}, expected=0)
        raise OSError

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(fail))
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=5)
            assert await versions(stage, "a") == []

    stage.run(story())


def test_a_conflict_fails_the_step_and_writes_nothing_of_it() -> None:
    stage = Stage()

    @step("Both")
    async def both() -> State:
        here = current()
        here.put_document("port", "new", {"by": "Both"}, expected=0)
        here.put_document("port", "a", {"by": "Both"}, expected=0)
        return {"lost": True}

    async def story() -> None:
        async with stage.engine() as engine:
            first = writing("One", "a", 0, stage)
            handle = await engine.start(listing(first, both), id="p")
            with pytest.raises(ProcessFailedError, match="no longer the newest") as caught:
                await handle.result(timeout=5)
            assert caught.value.error.type == "DocumentConflictError"
            assert await versions(stage, "new") == []
            assert await versions(stage, "a") == [(1, "One")]
            assert (await handle.info()).state == {"One": True}
            await engine.skip("p")
            assert await handle.result(timeout=5) == {"One": True}

    stage.run(story())


def test_a_conflict_may_be_tried_again_by_policy() -> None:
    stage = Stage()

    @step("Read and write", retry=Retry(attempts=3, delay=0))
    async def careful() -> State:
        found = await versions(stage, "a")
        await asyncio.sleep(5 if current().attempt == 1 else 0)
        current().put_document("port", "a", {"by": "careful"}, expected=len(found))
        return {"attempt": current().attempt}

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(careful))
            await engine.start(listing(writing("Quick", "a", 0, stage)))
            assert await handle.result(timeout=20) == {"attempt": 2}
            assert await versions(stage, "a") == [(1, "Quick"), (2, "careful")]
            (retried,) = (await handle.history()).of(e.ActivityRetried)
            assert retried.error.type == "DocumentConflictError"

    stage.run(story())


def test_branches_that_end_together_conflict_alone() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            branches = [writing(f"B{number}", "same", 0, stage) for number in range(5)]
            others = [writing(f"C{number}", f"own{number}", 0, stage) for number in range(5)]
            mixed = [each for pair in zip(others, branches, strict=True) for each in pair]
            handle = await engine.start(listing(parallel("All", *mixed)), id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=20)
            assert len(await versions(stage, "same")) == 1
            for number in range(5):
                assert await versions(stage, f"own{number}") == [(1, f"C{number}")]
            how = [kind for _, kind in await ends(engine, "p")]
            assert (how.count("ActivityCompleted"), how.count("ActivityFailed")) == (6, 4)
            assert len(how) == 10

    stage.run(story())


def test_what_waits_for_anothers_conflict_does_not_begin_again() -> None:
    stage = Stage()
    began: list[str] = []

    def once(name: str) -> Any:
        @step(name, at_most_once=True)
        async def write() -> None:
            began.append(name)
            await asyncio.sleep(1)
            current().put_document("port", "same", {"by": name}, expected=0)

        return write

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(parallel("All", *map(once, "ABC"))), id="p")
            with pytest.raises(ProcessFailedError):
                await handle.result(timeout=20)
            assert began == ["A", "B", "C"]
            assert len(await versions(stage, "same")) == 1

    stage.run(story())


def test_messages_behind_a_conflict_are_taken_once() -> None:
    stage = Stage()
    writers = [writing(name, "same", 0, stage, queue="q") for name in ("A", "B")]
    body = listing(parallel("All", *writers, step("Own")(_rests), wait_for("go")))

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            driving = stage.stores[-1]
            async with stage.engine(workflows=[body], queues=("q",)):
                await engine.start(body, id="p")
                await asyncio.sleep(0.3)
                driving.fail("append", when=HANGS)
                await asyncio.sleep(1.5)
                await engine.signal("p", "go", "said", key="k")
                driving.heal()
                await reaches(engine, "p", "failed")
            received = (await engine.history("p")).of(e.SignalReceived)
            assert [each.key for each in received] == ["k"]
            assert await engine.pending("p") == ()
            how = [kind for _, kind in await ends(engine, "p")]
            assert sorted(how) == ["ActivityCompleted", "ActivityCompleted", "ActivityFailed"]

    stage.run(story())


async def _rests() -> None:
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_write_whose_answer_was_lost_is_no_conflict(when: str) -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(writing("One", "a", 0, stage)))
            await asyncio.sleep(0.5)
            stage.stores[-1].fail("append", when=when, times=2)
            assert await handle.result(timeout=20) == {"One": True}
            assert await versions(stage, "a") == [(1, "One")]

    stage.run(story())


def test_a_document_that_json_cannot_hold_is_refused_where_it_is_written() -> None:
    stage = Stage()
    seen: list[str] = []

    @step("Bad")
    async def bad() -> None:
        try:
            current().put_document("port", "a", {"x": float("nan")}, expected=0)
        except InvalidInputError as error:
            seen.append(str(error))

    async def story() -> None:
        async with stage.engine() as engine:
            await (await engine.start(listing(bad))).result(timeout=5)

    stage.run(story())
    assert len(seen) == 1
    assert "nan" in seen[0]
