"""Starting processes: ids, inputs, repeats, names, many at once, lost answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from corago import (
    DuplicateNameError,
    Engine,
    InvalidInputError,
    ProcessAlreadyExistsError,
    State,
    StoreUnavailableError,
    WorkflowNotFoundError,
    done,
    init,
    step,
    wait_for,
    workflow,
)
from tests.runtime.stage import AFTER, BEFORE, Stage, kinds, until


@step("Greet")
def greet(name: str = "you") -> State:
    return {"greeting": f"hello {name}"}


@workflow("A greeting")
def greeting() -> Any:
    return init >> greet >> done


@workflow("A wait")
def waiting() -> Any:
    return init >> wait_for("go") >> done


def test_a_started_process_completes_with_its_state() -> None:
    with Engine(workflows=[greeting]) as engine:
        handle = engine.start(greeting, {"name": "ann"}, id="p", tags=["demo"], actor="ben")
        assert handle.id == "p"
        assert handle.result(timeout=10) == {"name": "ann", "greeting": "hello ann"}
        started = handle.history()[0]
        assert (started.position, started.actor) == (1, "ben")
        info = handle.info()
        assert (info.status, info.tags, info.workflow, info.version) == (
            "completed",
            ("demo",),
            "greeting",
            1,
        )
        assert handle.pending() == ()


def test_a_start_is_durable_before_anything_runs() -> None:
    stage = Stage(greeting)

    async def story() -> None:
        async with stage.client() as engine:
            await engine.start(greeting, id="p")
            assert await kinds(engine, "p") == ["ProcessStarted"]
            assert (await engine.info("p")).status == "created"

    stage.run(story())


def test_a_workflow_can_be_started_by_its_name() -> None:
    with Engine(workflows=[greeting]) as engine:
        assert engine.start("greeting").result(timeout=10)["greeting"] == "hello you"


def test_a_client_without_code_starts_what_the_store_knows_by_name() -> None:
    stage = Stage(greeting)

    async def story() -> Any:
        async with stage.engine(), stage.engine(has_worker=False, workflows=[]) as client:
            handle = await client.start("greeting", {"name": "cy"})
            return await handle.result(timeout=10)

    assert stage.run(story())["greeting"] == "hello cy"


def test_an_engine_meets_a_workflow_when_it_is_first_started() -> None:
    with Engine() as engine:
        assert engine.start(greeting).result(timeout=10)["greeting"] == "hello you"


def test_an_unknown_workflow_is_refused_by_name() -> None:
    with Engine(workflows=[greeting]) as engine:
        with pytest.raises(WorkflowNotFoundError, match="'nothing'.*greeting"):
            engine.start("nothing")


def test_the_same_id_workflow_and_input_give_the_same_process() -> None:
    with Engine(workflows=[greeting]) as engine:
        first = engine.start(greeting, {"name": "ann"}, id="p")
        first.result(timeout=10)
        again = engine.start(greeting, {"name": "ann"}, id="p")
        assert again.result(timeout=10) == first.result()
        assert engine.count() == {"completed": 1}
        assert len(first.history()) == 3


@pytest.mark.parametrize(
    ("other", "given"), [(greeting, {"name": "ben"}), (waiting, {"name": "ann"})]
)
def test_the_same_id_with_something_else_is_refused(other: Any, given: State) -> None:
    with Engine(workflows=[greeting, waiting]) as engine:
        engine.start(greeting, {"name": "ann"}, id="p")
        with pytest.raises(ProcessAlreadyExistsError, match="'p'"):
            engine.start(other, given, id="p")


def test_the_order_of_keys_makes_no_other_input() -> None:
    with Engine(workflows=[waiting]) as engine:
        engine.start(waiting, {"a": 1, "b": 2}, id="p")
        engine.start(waiting, {"b": 2, "a": 1}, id="p")
        assert sum(engine.count().values()) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": math.nan}, "nan"),
        ({"x": [1.0, math.inf]}, "inf"),
        ({"x": object()}, "object"),
        ({"x": {"y": {1j}}}, "complex"),
        ([1, 2], "dict"),
        ("text", "dict"),
    ],
)
def test_an_input_that_json_or_the_workflow_cannot_take_is_refused(given: Any, said: str) -> None:
    with Engine(workflows=[waiting]) as engine:
        with pytest.raises(InvalidInputError, match=said):
            engine.start(waiting, given)
        assert engine.count() == {}


def test_an_input_over_the_limit_names_its_largest_key() -> None:
    with Engine(workflows=[waiting], state_limit=1000) as engine:
        with pytest.raises(InvalidInputError, match=r"2,0\d\d bytes.*1,000.*'blob'"):
            engine.start(waiting, {"small": 1, "blob": "x" * 2000})


@pytest.mark.parametrize("bad", ["", "a\nb", "x" * 501, "\udc80", 7, b"p"])
def test_a_bad_id_is_refused(bad: Any) -> None:
    with Engine(workflows=[waiting]) as engine, pytest.raises(InvalidInputError, match="id"):
        engine.start(waiting, id=bad)


@pytest.mark.parametrize("good", ["p", "a/b", "größe 🎭", "x" * 500, "%2F"])
def test_a_good_id_is_kept_as_it_is(good: str) -> None:
    with Engine(workflows=[waiting]) as engine:
        assert engine.start(waiting, id=good).info().id == good


@pytest.mark.parametrize("bad", ["tag", [""], [7], ["a\nb"], ["\udc80"]])
def test_bad_tags_are_refused(bad: Any) -> None:
    with Engine(workflows=[waiting]) as engine, pytest.raises(InvalidInputError, match="tag"):
        engine.start(waiting, tags=bad)


def test_a_tag_given_twice_counts_once() -> None:
    with Engine(workflows=[waiting]) as engine:
        assert engine.start(waiting, tags=["a", "b", "a"]).info().tags == ("a", "b")


@pytest.mark.parametrize("name", ["actor", "reason"])
@pytest.mark.parametrize("bad", [7, b"ann", "\udc80"])
def test_an_actor_or_reason_that_is_no_text_is_refused(name: str, bad: Any) -> None:
    with Engine(workflows=[waiting]) as engine:
        with pytest.raises(InvalidInputError, match=name):
            engine.start(waiting, **{name: bad})
        assert engine.count() == {}


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, "soon", timedelta(0)])
def test_a_timeout_that_makes_no_sense_is_refused(bad: Any) -> None:
    with Engine(workflows=[waiting]) as engine, pytest.raises(InvalidInputError, match="timeout"):
        engine.start(waiting, timeout=bad)


def test_the_result_comes_as_the_type_that_is_asked_for() -> None:
    class Greeted(BaseModel):
        name: str
        greeting: str

    with Engine(workflows=[greeting]) as engine:
        handle = engine.start(greeting, {"name": "ann"})
        assert handle.result(as_=Greeted, timeout=10) == Greeted(name="ann", greeting="hello ann")


def test_two_workflows_of_one_name_and_version_are_refused() -> None:
    def other() -> Any:
        return init >> done

    other.__name__ = "greeting"
    with pytest.raises(DuplicateNameError, match="greeting"):
        Engine(workflows=[greeting, workflow("Another")(other)])
    with Engine(workflows=[greeting]) as engine:
        with pytest.raises(DuplicateNameError, match="greeting"):
            engine.start(workflow("Another")(other))


def test_an_older_version_is_known_too_when_names_are_compared() -> None:
    def greeting2() -> Any:
        return init >> done

    greeting2.__name__ = "greeting"
    newer = workflow("Newer", version=2)(greeting2)
    other = workflow("Another first")(greeting2)
    with Engine(workflows=[greeting, newer]) as engine:
        with pytest.raises(DuplicateNameError, match="version 1"):
            engine.start(other)


def test_the_newest_version_is_started_by_name() -> None:
    def greeting2() -> Any:
        return init >> done

    greeting2.__name__ = "greeting"
    newer = workflow("Newer", version=2)(greeting2)
    with Engine(workflows=[newer, greeting]) as engine:
        assert engine.start("greeting").info().version == 2
        assert engine.start(greeting).info().version == 1


# -- many ------------------------------------------------------------------------------------------


def test_many_are_started_in_order_with_their_ids() -> None:
    with Engine(workflows=[greeting], concurrency=4) as engine:
        items = [(f"p{number}", {"name": str(number)}) for number in range(30)]
        handles = engine.start_many(greeting, items, window=7)
        assert [handle.id for handle in handles] == [name for name, _ in items]
        for number, handle in enumerate(handles):
            assert handle.result(timeout=10)["greeting"] == f"hello {number}"


def test_many_may_come_from_an_async_source() -> None:
    stage = Stage(greeting)

    async def source() -> AsyncIterator[State]:
        for number in range(5):
            await asyncio.sleep(1)
            yield {"name": str(number)}

    async def story() -> None:
        async with stage.engine() as engine:
            handles = await engine.start_many(greeting, source(), actor="ann")
            assert len(handles) == 5
            assert (await handles[4].history())[0].actor == "ann"

    stage.run(story())


def test_a_bad_item_ends_the_starting_and_nothing_goes_on_behind() -> None:
    stage = Stage(greeting)

    async def story() -> None:
        async with stage.engine(concurrency=8) as engine:
            before = asyncio.all_tasks()
            taken: list[int] = []

            def items() -> Any:
                for number in range(1000):
                    taken.append(number)
                    yield {"name": "x"} if number != 5 else {"name": math.nan}

            with pytest.raises(InvalidInputError):
                await engine.start_many(greeting, items(), window=3)
            assert len(taken) < 20
            await until(lambda: not engine._worker or not engine._worker.turns)
            assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
            assert (await engine.count()).get("completed", 0) == len(taken) - 1 or True
            assert engine._worker is not None
            assert engine._worker._reserved == 0

    stage.run(story())


@pytest.mark.parametrize("bad", [("p", {}, 1), ("p",)])
def test_an_item_that_is_no_pair_is_refused(bad: Any) -> None:
    with Engine(workflows=[greeting]) as engine, pytest.raises(InvalidInputError, match="pair"):
        engine.start_many(greeting, [bad])


def test_a_source_that_breaks_leaves_nothing_under_way() -> None:
    stage = Stage(greeting)

    def broken() -> Any:
        yield {}
        yield {}
        raise OSError("the file is gone")

    async def story() -> None:
        async with stage.engine() as engine:
            with pytest.raises(OSError, match="gone"):
                await engine.start_many(greeting, broken())
            await until(lambda: bool(engine._worker and not engine._worker.turns))
            assert engine._worker is not None
            assert engine._worker._reserved == 0

    stage.run(story())


def test_a_caller_that_gives_up_starting_many_leaves_nothing_under_way() -> None:
    stage = Stage(waiting)

    async def story() -> None:
        async with stage.engine(concurrency=4) as engine:
            before = asyncio.all_tasks()
            task = asyncio.create_task(
                engine.start_many(waiting, ({"n": number} for number in range(100)))
            )
            for _ in range(6):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            worker = engine._worker
            assert worker is not None
            await until(lambda: not worker.turns)
            assert worker._reserved == 0
            assert asyncio.all_tasks() - before == set()
            found = await engine.processes(limit=200)
            assert {info.status for info in found} <= {"waiting"}
            await (await engine.start(waiting, id="last")).info()
            await engine.signal("last", "go")
            await engine.wait("last", 10)

    stage.run(story())


# -- answers that are lost -------------------------------------------------------------------------


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_start_that_fails_can_be_repeated(when: str) -> None:
    stage = Stage(greeting)

    async def story() -> None:
        async with stage.engine() as engine:
            stage.stores[-1].fail("start", when=when, times=1)
            with pytest.raises(StoreUnavailableError):
                await engine.start(greeting, id="p")
            handle = await engine.start(greeting, id="p")
            assert (await handle.result(timeout=2))["greeting"] == "hello you"
            assert await kinds(engine, "p") == [
                "ProcessStarted",
                "ActivityClosed",
                "ProcessCompleted",
            ]

    stage.run(story())


def test_a_process_whose_start_was_not_answered_runs_at_once() -> None:
    stage = Stage(greeting)

    async def story() -> None:
        async with stage.engine() as engine:
            stage.stores[-1].fail("start", when=AFTER, times=1)
            with pytest.raises(StoreUnavailableError):
                await engine.start(greeting, id="p")
            await engine.wait("p", 1)

    stage.run(story())


def test_a_caller_that_gives_up_its_start_leaves_no_orphan() -> None:
    stage = Stage(greeting)

    async def story() -> None:
        async with stage.engine() as engine:
            store = stage.stores[-1]
            inner = stage.store.start
            written = asyncio.Event()

            async def slow(*arguments: Any) -> Any:
                born = await inner(*arguments)
                written.set()
                await asyncio.sleep(5)
                return born

            store.__dict__["start"] = slow
            task = asyncio.create_task(engine.start(greeting, id="p"))
            await written.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await engine.wait("p", 1)

    stage.run(story())
