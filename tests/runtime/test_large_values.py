"""Large values: kept beside the rows, once each, and nobody notices."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from corago import Engine, ProcessFailedError, State, StoreCorruptError, step, wait_for, workflow
from corago.backends.local.packing import LARGE_TEXT, LARGE_VALUE
from corago.clock import SystemClock
from corago.steps import done, init
from corago.stores.memory import MemoryStore
from tests.runtime.stage import listing, reaches, sharing

DEADLINE = 20.0
LARGE = "large value " * 3000
LINES = [f"line {n}" for n in range(5000)]


@step("Grow")
def grow() -> State:
    return {"lines": LINES, "own": {"$blob": "mine", "bytes": 1}}


@step("Note")
def note() -> State:
    return {"note": "n" * (LARGE_VALUE - 2)}


@step("Count")
def count(text: str, lines: list[str], go: dict[str, Any]) -> State:
    return {"count": [len(text), len(lines), len(go["data"])]}


@step("Grow far", queue="far")
def grow_far(text: str) -> State:
    return {"twice": text + text}


@workflow("Grows")
def growing() -> Any:
    return init >> grow >> note >> note.named("Again") >> wait_for("go") >> count >> done


EXPECTED = {
    "text": LARGE,
    "lines": LINES,
    "own": {"$blob": "mine", "bytes": 1},
    "note": "n" * (LARGE_VALUE - 2),
    "go": {"data": LARGE},
    "count": [len(LARGE), len(LINES), len(LARGE)],
}

KNOWN = ("text", "lines", "own", "note")


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute(query)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work.db"


def test_a_process_of_large_values_is_taken_up_by_another_engine(path: Path) -> None:
    url = f"sqlite:///{path}"
    with Engine(url, workflows=[growing]) as engine:
        engine.start(growing, {"text": LARGE}, id="p")
        asyncio.run(_waiting(url))
        assert engine.info("p").state == {key: EXPECTED[key] for key in KNOWN}
    with Engine(url, workflows=[growing]) as engine:
        engine.signal("p", "go", {"data": LARGE}, key="k")
        engine.signal("p", "go", {"data": LARGE}, key="k")
        assert engine.get("p").result(timeout=DEADLINE) == EXPECTED
    with Engine(url, worker=False) as client:
        assert client.get("p").result() == client.info("p").result == EXPECTED
        history: Any = client.history("p")
        first, closed = history[0], history[-1]
        assert first.input == {"text": LARGE}
        assert closed.result == EXPECTED
    assert max(rows(path, "select length(data) from events")) < LARGE_TEXT
    (size,) = rows(path, "select length(internal_state) from workflow_instances")
    assert 0 < size < LARGE_TEXT
    kept = rows(path, "select data from blobs")
    values = (LARGE, LINES, {"data": LARGE})
    assert sorted(kept) == sorted(map(msgspec.json.encode, values)), "each value once"


async def _waiting(url: str) -> None:
    from corago import AsyncEngine  # noqa: PLC0415 - beside the blocking one

    async with AsyncEngine(url, worker=False) as client:
        await reaches(client, "p", "waiting")


def test_memory_keeps_them_beside_its_rows_too() -> None:
    async def story() -> None:
        store = MemoryStore(SystemClock())
        async with sharing(store, workflows=[growing]) as engine:
            await engine.start(growing, {"text": LARGE}, id="p")
            await reaches(engine, "p", "waiting")
        async with sharing(store, workflows=[growing]) as engine:
            await engine.signal("p", "go", {"data": LARGE})
            assert await engine.wait("p", DEADLINE) == EXPECTED
            assert max(map(len, await store.events("p"))) < LARGE_TEXT

    asyncio.run(story())


def test_they_go_to_queues_and_come_back(path: Path) -> None:
    body = listing(grow_far, wait_for("go"))
    with Engine(f"sqlite:///{path}", workflows=[body], queues=["far"]) as engine:
        engine.start(body, {"text": LARGE}, id="p")
        engine.signal("p", "go")
        found = engine.get("p").result(timeout=DEADLINE)
        assert found == {"text": LARGE, "twice": LARGE + LARGE, "go": None}
    assert max(rows(path, "select length(data) from events")) < LARGE_TEXT


def test_updates_and_results_that_a_person_sets_may_be_large() -> None:
    @step("Fails")
    def fails() -> None:
        raise ValueError(LARGE[:8000])

    with Engine() as engine:
        handle = engine.start(listing(fails), id="p")
        with pytest.raises(ProcessFailedError):
            handle.result(timeout=DEADLINE)
        engine.set_result("p", {"text": LARGE, "lines": LINES}, reason=LARGE)
        assert handle.result(timeout=DEADLINE) == {"text": LARGE, "lines": LINES}

    with Engine() as engine:
        engine.start(listing(wait_for("go")), id="p")
        engine.update("p", {"text": LARGE})
        engine.update("p", {"lines": LINES})
        engine.signal("p", "go", LINES)
        assert engine.get("p").result(timeout=DEADLINE) == {"go": LINES}
        assert engine.info("p").external == {"text": LARGE, "lines": LINES}


def test_a_value_that_is_lost_is_told_as_damage(path: Path) -> None:
    url = f"sqlite:///{path}"
    with Engine(url, worker=False, workflows=[growing]) as engine:
        engine.start(growing, {"text": LARGE}, id="p")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("delete from blobs")
    with Engine(url, worker=False) as engine:
        with pytest.raises(StoreCorruptError, match="kept beside its row is missing"):
            engine.history("p")
        assert engine.explain("p").reason == "damaged"
