"""The synchronous face: generated, and safe to use from any thread."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import corago.blocking
from corago import (
    AsyncEngine,
    AsyncHandle,
    Engine,
    EngineClosedError,
    Handle,
    RequestError,
    State,
    StoreError,
    current,
    step,
    wait_for,
)
from tests.runtime.stage import listing, until

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 10.0


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_blocking", ROOT / "scripts" / "generate_blocking.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_the_generator_writes() -> None:
    folder = Path(corago.blocking.__file__).parent
    for name, rendered in generator().render().items():
        assert (folder / name).read_text("utf-8") == rendered, "run scripts/generate_blocking.py"


def test_both_faces_have_the_same_methods_with_the_same_parameters() -> None:
    pairs: list[tuple[type, type]] = [(AsyncEngine, Engine), (AsyncHandle, Handle)]
    for asynchronous, blocking in pairs:
        for name, method in inspect.getmembers(asynchronous, inspect.iscoroutinefunction):
            if name.startswith("_") or name in {"open", "close", "wait"}:
                continue
            ours = inspect.signature(getattr(blocking, name)).parameters
            theirs = inspect.signature(method).parameters
            assert list(ours) == list(theirs), name
            assert [each.default for each in ours.values()] == [
                each.default for each in theirs.values()
            ], name


def test_many_threads_may_use_one_engine() -> None:
    @step("Double")
    def double(n: int) -> State:
        return {"n": 2 * n}

    body = listing(double)
    with Engine(workflows=[body]) as engine, ThreadPoolExecutor(8) as pool:

        def one(number: int) -> int:
            return int(engine.start(body, {"n": number}).result(timeout=DEADLINE)["n"])

        assert list(pool.map(one, range(100))) == [2 * number for number in range(100)]


def test_a_sync_step_may_use_its_engine() -> None:
    inner = listing(wait_for("go"))
    with Engine(workflows=[inner]) as engine:

        @step("Start and wait")
        def outer() -> State:
            handle = engine.start(inner, id=f"{current().process_id}/inner")
            engine.signal(handle.id, "go", 7)
            return {"inner": handle.result(timeout=DEADLINE)}

        assert engine.start(listing(outer)).result(timeout=DEADLINE) == {"inner": {"go": 7}}


def test_an_async_step_that_would_wait_for_itself_is_told_so() -> None:
    with Engine() as engine:

        @step("Deadlock")
        async def deadlock() -> State:
            try:
                engine.info("p")
            except RequestError as error:
                return {"said": str(error)}
            return {}

        result = engine.start(listing(deadlock)).result(timeout=DEADLINE)
    assert "wait for itself" in result["said"]


def test_who_waits_in_another_thread_is_told_when_the_engine_closes() -> None:
    ended: list[BaseException] = []
    engine = Engine().open()
    handle = engine.start(listing(wait_for("go")))

    def wait() -> None:
        try:
            handle.result()
        except EngineClosedError as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()

    async def waiting() -> None:
        await until(lambda: bool(engine._engine._waiters))

    asyncio.run(waiting())
    engine.close()
    thread.join(DEADLINE)
    assert len(ended) == 1


def test_an_engine_that_cannot_open_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with pytest.raises(StoreError), Engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}"):
        pass
    assert {each for each in threading.enumerate() if each.name == "corago"} <= before


def test_results_and_lists_are_of_the_blocking_kind() -> None:
    with Engine() as engine:
        body = listing(wait_for("go"))
        handle = engine.start(body, id="p")
        assert isinstance(handle, Handle)
        assert isinstance(engine.get("p"), Handle)
        assert all(isinstance(each, Handle) for each in engine.start_many(body, [{}, {}]))
        assert repr(handle) == "Handle('p')"
        assert handle.explain() == engine.explain("p")
        assert next(type(each).__name__ for each in handle.history()) == "ProcessStarted"
        engine.signal("p", "go")
        handle.result(timeout=DEADLINE)


def test_an_error_of_the_engine_reaches_the_caller_as_it_is() -> None:
    with Engine() as engine:
        calls: tuple[tuple[Callable[[], object], str], ...] = (
            (lambda: engine.start("nobody"), "WorkflowNotFoundError"),
            (lambda: engine.get("nobody"), "ProcessNotFoundError"),
        )
        for call, wanted in calls:
            with pytest.raises(RequestError) as caught:
                call()
            assert type(caught.value).__name__ == wanted


def test_an_open_engine_may_be_entered() -> None:
    before: set[Any] = set(threading.enumerate())
    with Engine().open() as engine:
        engine.count()
    assert {each for each in threading.enumerate() if each.name == "corago"} <= before
