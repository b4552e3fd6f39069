"""Step lists that change while processes of them live: who goes on by which, and who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from corago import (
    CommandRefusedError,
    Engine,
    ProcessFailedError,
    State,
    WorkflowNotFoundError,
    current,
    done,
    foreach,
    init,
    parallel,
    step,
    wait_for,
    workflow,
)
from corago.core import events as e
from corago.runtime.migrating import SAME
from tests.runtime.stage import Stage

DEADLINE = 10.0


def noting(name: str, **options: Any) -> Any:
    """A step that notes in the State that it ran."""

    def note(ran: list[str] | None = None) -> State:
        return {"ran": [*(ran or ()), name]}

    return step(name, **options)(note)


STEPS = {name: noting(name) for name in ("A", "B", "C", "D", "N")}
GO = wait_for("go")


def flow(*elements: Any, version: int = 1) -> Any:
    """A workflow `flow` of these steps, by their letters, with a wait for a signal at `?`."""

    def flow() -> Any:
        found: Any = init
        for each in elements:
            found = found >> {**STEPS, "?": GO}.get(each, each)
        return found >> done

    return workflow("Some steps", version=version)(flow)


def comes_to_wait(engine: Engine, id: str) -> None:
    end = time.monotonic() + DEADLINE
    while engine.get(id).info().status != "waiting":
        assert time.monotonic() < end, str(engine.explain(id))


def started(url: str, made: Any, *ids: str) -> None:
    """Processes of a workflow that have come to the wait."""
    with Engine(url, workflows=[made]) as engine:
        for id in ids:
            engine.start(made, id=id)
        for id in ids:
            comes_to_wait(engine, id)


@contextmanager
def going_on(url: str, made: Any, *ids: str) -> Iterator[Engine]:
    with Engine(url, workflows=[made]) as engine:
        for id in ids:
            engine.signal(id, "go")
        yield engine


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'work.db'}"


def kinds(history: Any) -> list[str]:
    return [type(event).__name__ for event in history]


@pytest.mark.parametrize(
    ("new", "ran"),
    [
        ("A?BCD", "ABCD"),
        ("A?BNC", "ABNC"),
        ("A?C", "AC"),
        ("?BC", "ABC"),
        ("A?CB", "ACB"),
        ("A?", "A"),
    ],
    ids=["appended", "inserted", "removed ahead", "removed behind", "reordered", "cut short"],
)
def test_a_changed_list_is_taken_over_by_one_event(url: str, new: str, ran: str) -> None:
    old = flow(*"A?BC")
    started(url, old, "p")
    changed = flow(*new)
    with going_on(url, changed, "p") as engine:
        assert engine.get("p").result(timeout=DEADLINE)["ran"] == list(ran)
        (change,) = engine.get("p").history().of(e.DefinitionChanged)
        assert (change.sha, change.version, change.renames) == (changed.sha, 1, {})
        info = engine.get("p").info()
        assert (info.sha, info.version) == (changed.sha, 1)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ("AN?BC", "'N' stands before where the process is"),
        ("?ABC", "'A' was passed already and would come again"),
        ("ABC", "the process stands at 'Wait for go', which is not there"),
    ],
    ids=["inserted before", "moved behind", "gone"],
)
def test_a_list_that_would_skip_or_repeat_a_step_is_not_taken_over(
    url: str, new: str, says: str
) -> None:
    old = flow(*"A?BC")
    started(url, old, "p")
    with going_on(url, flow(*new), "p") as engine:
        with pytest.raises(TimeoutError) as caught:
            engine.get("p").result(timeout=1)
        said = str(engine.explain("p"))
        assert says in said
        assert "corago migrate p" in said
        assert "worker" in said
        assert says in str(caught.value)
        assert engine.get("p").info().sha == old.sha
        assert "DefinitionChanged" not in kinds(engine.get("p").history())
    with Engine(url, workflows=[old]) as engine:
        assert engine.get("p").result(timeout=DEADLINE)["ran"] == ["A", "B", "C"]


def test_another_version_lives_beside_the_first_and_takes_nothing_over(url: str) -> None:
    old = flow(*"A?B")
    started(url, old, "p")
    with going_on(url, flow(*"A?BC", version=2), "p") as engine:
        with pytest.raises(TimeoutError):
            engine.get("p").result(timeout=1)
        assert engine.get("p").info().version == 1


def test_two_lists_in_a_rolling_deployment_do_not_bounce_a_process() -> None:
    old, new = flow(*"A??B"), flow(*"A??BC")
    stage = Stage(old)

    async def life() -> None:
        few = stage.engine(concurrency=2)  # so that the newer worker gets its share
        async with few as before, stage.engine(workflows=[new]) as after:
            for number in range(40):
                await before.start(old, id=f"p{number}")
            for _ in range(2):
                for number in range(40):
                    await after.signal(f"p{number}", "go")
                await asyncio.sleep(5)
            shas = []
            for number in range(40):
                result = await before.wait(f"p{number}", timeout=60)
                changes = (await before.history(f"p{number}")).of(e.DefinitionChanged)
                assert len(changes) <= 1
                assert result["ran"] == ["A", "B", *(["C"] if changes else [])]
                shas += [each.sha for each in changes]
            assert set(shas) == {new.sha}

    stage.run(life())


def test_a_new_list_is_never_left_for_an_older_one(url: str) -> None:
    old, new = flow(*"A?B"), flow(*"A?BC")
    started(url, old, "p")
    with Engine(url, workflows=[new]) as engine:
        engine.start(new, id="q")
        comes_to_wait(engine, "q")
    with going_on(url, old, "q") as engine:
        with pytest.raises(TimeoutError):
            engine.get("q").result(timeout=1)
        assert engine.get("q").info().sha == new.sha


def test_a_failed_process_is_retried_by_a_changed_list(url: str) -> None:
    def breaks() -> State:
        raise OSError("broken")

    old = flow("A", step("B")(breaks), "C")
    with Engine(url, workflows=[old]) as engine, pytest.raises(ProcessFailedError):
        engine.start(old, id="p").result(timeout=DEADLINE)
    new = flow("A", "B", "D", "C")
    with Engine(url, workflows=[new]) as engine:
        engine.retry("p")
        assert engine.get("p").result(timeout=DEADLINE)["ran"] == ["A", "B", "D", "C"]


def test_steps_within_branches_and_loops_are_taken_over_too(url: str) -> None:
    def listing(*inner: str) -> Any:
        steps = [STEPS[each] for each in inner]
        tail = steps[0]
        for each in steps[1:]:
            tail = tail >> each
        return flow(
            parallel("P", GO >> step("B")(lambda: {"b": 1}), step("C")(lambda: {"c": 1})),
            foreach("Each", "items", tail),
        )

    old, new = listing("A"), listing("A", "D")
    with Engine(url, workflows=[old]) as engine:
        engine.start(old, {"items": [1, 2]}, id="p")
        comes_to_wait(engine, "p")
    with going_on(url, new, "p") as engine:
        state = engine.get("p").result(timeout=DEADLINE)
        assert state["Each"] == [{"ran": ["A", "D"]}] * 2


def test_what_began_at_most_once_is_not_begun_again_by_the_new_list() -> None:
    began: list[str] = []

    async def once() -> State:
        began.append(current().idempotency_key)
        await asyncio.sleep(1e9)
        return {}

    old = flow("A", step("B", at_most_once=True)(once), "C")
    new = flow("A", step("B", at_most_once=True)(once), "C", "D")
    unfit = flow("A", "N", step("B", at_most_once=True)(once), "C")
    stage = Stage(old)

    async def life() -> None:
        node = stage.node("first")
        node.spawn(serve(stage.engine(node)))
        async with stage.client() as client:
            await client.start(old, id="p")
            while not began:
                await asyncio.sleep(0.1)
            node.die()
            async with stage.engine(workflows=[unfit]):
                await asyncio.sleep(120)
                assert "DefinitionChanged" not in kinds(await client.history("p"))
            async with stage.engine(workflows=[new]):
                await asyncio.sleep(120)
                assert (await client.info("p")).status == "suspended"
                found = kinds(await client.history("p"))
                assert found[-3:] == ["DefinitionChanged", "LeaseLost", "ProcessSuspended"]
            assert len(began) == 1

    stage.run(life())


async def serve(engine: Any) -> None:
    async with engine:
        await asyncio.get_running_loop().create_future()


# -- by hand ---------------------------------------------------------------------------------------


def test_a_process_is_migrated_with_new_names_and_passes_over_what_it_must(url: str) -> None:
    started(url, flow(*"A?BC"), "p", "q")
    new = flow("A", "N", GO.named("Go on"), "B", "D")
    renames = {"Wait for go": "Go on"}
    with Engine(url, workflows=[new], worker=False) as client:
        foreseen = client.migrate("p", renames=renames, dry_run=True)
        assert foreseen.is_possible
        assert not foreseen.is_applied
        assert [each.path for each in foreseen.differences] == ["N"]
        assert "DefinitionChanged" not in kinds(client.history("p"))
        done_ = client.migrate_all("flow", renames=renames, actor="ann", reason="moved house")
        assert [(each.id, each.is_applied) for each in done_] == [("q", True), ("p", True)]
        assert client.migrate_all("flow", renames=renames) == []
        assert client.migrate("p", dry_run=True).why == SAME
        (change,) = client.history("p").of(e.DefinitionChanged)
        assert (change.actor, change.reason, change.renames) == ("ann", "moved house", renames)
    with going_on(url, new, "p", "q") as engine:
        assert engine.get("p").result(timeout=DEADLINE)["ran"] == ["A", "B", "D"]
        assert engine.get("q").result(timeout=DEADLINE)["ran"] == ["A", "B", "D"]


def test_a_snapshot_of_the_list_before_is_not_read_by_the_new_one(url: str) -> None:
    @step("Large")
    def large() -> State:
        return {"text": "x" * 10_000}  # enough for a snapshot, and not too large for a row

    started(url, flow("A", large, *"?B"), "p")
    new, renames = flow("A", large, GO.named("Go on"), "B"), {"Wait for go": "Go on"}
    with Engine(url, workflows=[new], worker=False) as client:
        assert client.migrate("p", renames=renames).is_applied
    with going_on(url, new, "p") as engine:
        assert engine.get("p").result(timeout=DEADLINE)["ran"] == ["A", "B"]


def test_a_migration_that_would_repeat_a_step_is_refused_and_says_which(url: str) -> None:
    started(url, flow(*"AB?C"), "p")
    new = flow(*"A?BC")
    with Engine(url, workflows=[new], worker=False) as client:
        with pytest.raises(CommandRefusedError, match="'B' was passed already"):
            client.migrate("p")
        (refused,) = client.migrate_all("flow")
        assert "'B' was passed already" in (refused.why or "")
        assert kinds(client.history("p"))[-1] == "ActivityClosed"


@pytest.mark.parametrize(
    ("renames", "says"),
    [
        ({"X": "B"}, "'X' is not in the list that the process follows"),
        ({"C": "X"}, "'X' is not in the new list"),
    ],
)
def test_names_that_are_not_there_are_named(url: str, renames: dict[str, str], says: str) -> None:
    started(url, flow(*"A?C"), "p")
    with Engine(url, workflows=[flow(*"A?B")], worker=False) as client:
        with pytest.raises(CommandRefusedError, match=says):
            client.migrate("p", renames=renames)


def test_a_process_is_migrated_to_another_version_and_back(url: str) -> None:
    first, second = flow(*"A?B"), flow(*"A?BC", version=2)
    started(url, first, "p")
    with Engine(url, workflows=[first, second], worker=False) as client:
        assert client.migrate("p").version == 2
        assert client.get("p").info().version == 2
        assert client.migrate("p", version=1).is_applied
        with pytest.raises(WorkflowNotFoundError, match="version 9"):
            client.migrate("p", version=9)
    with going_on(url, first, "p") as engine:
        assert engine.get("p").result(timeout=DEADLINE)["ran"] == ["A", "B"]


def test_a_process_that_a_worker_holds_is_left_alone() -> None:
    async def long() -> State:
        await asyncio.sleep(60)
        return {}

    old, new = flow("A", step("Long")(long)), flow("A", step("Long")(long), "B")
    stage = Stage(old)

    async def life() -> None:
        client = stage.engine(has_worker=False, workflows=[new])
        async with stage.engine() as engine, client:
            await engine.start(old, id="p")
            await asyncio.sleep(1)
            with pytest.raises(CommandRefusedError, match="under way in worker"):
                await client.migrate("p")
            await asyncio.sleep(100)
            with pytest.raises(CommandRefusedError, match="it is completed already"):
                await client.migrate("p")

    stage.run(life())
