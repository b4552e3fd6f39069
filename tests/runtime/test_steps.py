"""Running steps: async on the loop, sync in threads, and whatever user code does to its host."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from corago import (
    AsyncEngine,
    Engine,
    ProcessFailedError,
    RequestError,
    State,
    conditional,
    current,
    step,
    wait_for,
)
from corago.clock import SystemClock
from corago.core import events as e
from corago.stores.memory import MemoryStore
from tests.runtime.stage import Stage, ends, kinds, listing, reaches, sharing

DEADLINE = 10.0


def run(*steps: Any, given: State | None = None, **settings: Any) -> Any:
    """The result of a workflow of these steps, in an engine of its own."""
    with Engine(**settings) as engine:
        return engine.start(listing(*steps), given).result(timeout=DEADLINE)


def test_a_sync_step_runs_in_a_daemon_thread_of_its_own() -> None:
    @step("Where")
    def where() -> State:
        thread = threading.current_thread()
        return {"name": thread.name, "daemon": thread.daemon}

    assert run(where) == {"name": "corago-step", "daemon": True}


def test_an_async_step_runs_on_the_loop() -> None:
    @step("Where")
    async def where() -> State:
        return {"loops": len(asyncio.all_tasks()) > 0}

    assert run(where) == {"loops": True}


def test_context_variables_of_whoever_opened_the_engine_are_seen_in_steps() -> None:
    tenant = contextvars.ContextVar("tenant", default="nobody")

    @step("Sync")
    def sync() -> State:
        seen = tenant.get()
        tenant.set("changed by a step")
        return {"sync": seen}

    @step("Async")
    async def asynchronous() -> State:
        return {"async": tenant.get()}

    async def story() -> Any:
        tenant.set("opener")
        async with AsyncEngine() as engine:
            tenant.set("starter")
            handle = await engine.start(listing(sync, asynchronous, sync.named("Again")))
            return await handle.result(timeout=DEADLINE)

    assert asyncio.run(story()) == {"sync": "opener", "async": "opener"}


def test_a_predicate_sees_no_step_even_if_a_step_started_its_process() -> None:
    seen: list[str] = []

    def asked() -> bool:
        try:
            seen.append(current().path)
        except RequestError:
            seen.append("no step")
        return False

    @step("Never")
    def never() -> None: ...

    child = listing(conditional(asked)(never))

    async def story() -> None:
        async with AsyncEngine() as engine:

            @step("Start another")
            async def start_another() -> None:
                await (await engine.start(child, id="child")).result(timeout=DEADLINE)

            await (await engine.start(listing(start_another))).result(timeout=DEADLINE)

    asyncio.run(story())
    assert seen == ["no step"]


def test_a_step_knows_its_process_its_attempt_and_its_key() -> None:
    @step("Look")
    def look() -> State:
        here = current()
        here.heartbeat({"done": 1})
        return {
            "process": here.process_id,
            "attempt": here.attempt,
            "key": here.idempotency_key,
            "canceled": here.is_cancel_requested,
        }

    with Engine() as engine:
        found = engine.start(listing(look), id="a/b").result(timeout=DEADLINE)
    assert found == {
        "process": "a/b",
        "attempt": 1,
        "key": "a%2Fb/1/Look/1",
        "canceled": False,
    }


def test_a_steps_log_lines_carry_its_names(caplog: pytest.LogCaptureFixture) -> None:
    @step("Say")
    def say() -> None:
        current().logger.warning("hello")

    with caplog.at_level(logging.WARNING, "corago.activity"), Engine() as engine:
        engine.start(listing(say), id="p").result(timeout=DEADLINE)
    record = next(each for each in caplog.records if each.message == "hello")
    assert (record.__dict__["process_id"], record.__dict__["step"]) == ("p", "Say")


def test_there_is_no_current_step_outside_of_one() -> None:
    with pytest.raises(RequestError, match="no step is running"):
        current()


def test_each_step_gets_a_copy_of_the_state_of_its_own() -> None:
    @step("Spoil")
    def spoil(state: State, items: list[int]) -> State:
        state["more"] = 1
        items.append(99)
        return {}

    @step("Look")
    def look(state: State, items: list[int]) -> State:
        return {"seen": sorted(state), "items": items}

    assert run(spoil, look, given={"items": [1]}) == {"items": [1], "seen": ["items"]}


# -- what user code may do to its host ---------------------------------------------------------


class Stop(BaseException):
    """Not an Exception."""


class UnspeakableError(Exception):
    """An error whose text is an error."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def _raise(error: BaseException) -> Any:
    raise error


def _yields() -> Iterator[int]:
    yield 1


ENDS: list[tuple[str, Any, str]] = [
    ("sys.exit", lambda: sys.exit(3), "SystemExit"),
    ("a BaseException", lambda: _raise(Stop("so")), "Stop"),
    ("KeyboardInterrupt", lambda: _raise(KeyboardInterrupt()), "KeyboardInterrupt"),
    ("GeneratorExit", lambda: _raise(GeneratorExit()), "GeneratorExit"),
    ("StopIteration", lambda: _raise(StopIteration(1)), "StopIteration"),
    ("CancelledError", lambda: _raise(asyncio.CancelledError()), "CancelledError"),
    ("an error without words", lambda: _raise(UnspeakableError()), "UnspeakableError"),
    ("an undecodable text", lambda: _raise(ValueError("file \udcff")), "ValueError"),
    ("endless recursion", lambda: _recurse(0), "RecursionError"),
    ("an exception group", lambda: _raise(ExceptionGroup("two", [OSError()])), "ExceptionGroup"),
    ("a list", lambda: [1], "StepResultError"),
    ("not a number", lambda: {"x": float("nan")}, "StepResultError"),
    ("an object", lambda: {"x": object()}, "StepResultError"),
    ("a generator", lambda: {"x": _yields()}, "StepResultError"),
]


def _recurse(depth: int) -> int:
    return _recurse(depth + 1)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("end", "kind"), [each[1:] for each in ENDS], ids=[e[0] for e in ENDS])
def test_whatever_a_step_raises_or_returns_fails_the_step_alone(
    end: Any, kind: str, *, is_async: bool
) -> None:
    if is_async:

        @step("Bad")
        async def bad() -> Any:
            return end()

        body: Any = bad
    else:

        @step("Bad")
        def bad_sync() -> Any:
            return end()

        body = bad_sync

    @step("Good")
    async def good() -> State:
        return {"good": True}

    if is_async and kind == "StopIteration":
        kind = "RuntimeError"  # Python's own word for it in a coroutine
    with Engine() as engine:
        failing = engine.start(listing(body))
        with pytest.raises(ProcessFailedError) as caught:
            failing.result(timeout=DEADLINE)
        assert caught.value.error.type == kind
        assert engine.start(listing(good)).result(timeout=DEADLINE) == {"good": True}
        assert failing.info().status == "failed"


def test_a_long_error_is_kept_in_part() -> None:
    @step("Verbose")
    def verbose() -> None:
        raise ValueError("x" * 1_000_000)

    with Engine() as engine:
        handle = engine.start(listing(verbose))
        with pytest.raises(ProcessFailedError):
            handle.result(timeout=DEADLINE)
        failure = handle.info().error
    assert failure is not None
    assert len(failure.message) <= 8000
    assert failure.traceback is not None
    assert len(failure.traceback) <= 8000


@pytest.mark.parametrize("error", [SystemExit(1), ValueError("no")])
def test_a_predicate_that_raises_concerns_its_process_alone(error: BaseException) -> None:
    def asked() -> bool:
        raise error

    @step("Never")
    def never() -> None: ...

    @step("Good")
    async def good() -> State:
        return {"good": True}

    with Engine() as engine:
        handle = engine.start(listing(conditional(asked)(never)))
        assert engine.start(listing(good)).result(timeout=DEADLINE) == {"good": True}
        with pytest.raises((ProcessFailedError, TimeoutError)):
            handle.result(timeout=0.3)
        info = handle.info()
        assert info.status in {"failed", "suspended"}
        assert info.error is not None
        assert info.error.type == type(error).__name__


def test_a_step_without_its_argument_fails_and_says_which() -> None:
    @step("Need")
    def need(port: int) -> None: ...

    with Engine() as engine:
        with pytest.raises(ProcessFailedError, match="port"):
            engine.start(listing(need)).result(timeout=DEADLINE)
        with pytest.raises(ProcessFailedError, match="port"):
            engine.start(listing(need), {"port": "not a number"}).result(timeout=DEADLINE)


def test_a_failed_process_names_its_step_and_keeps_the_traceback() -> None:
    @step("Break")
    def breaks() -> None:
        raise LookupError("nothing there")

    with Engine() as engine:
        handle = engine.start(listing(breaks))
        with pytest.raises(ProcessFailedError, match="'Break': LookupError: nothing there"):
            handle.result(timeout=DEADLINE)
        failure = handle.info().error
        assert failure is not None
        assert failure.traceback is not None
        assert "nothing there" in failure.traceback


def test_a_step_that_blocks_the_loop_harms_nobodys_history() -> None:
    stage = Stage(lease=15)

    @step("Block")
    async def block() -> State:
        stage.loop.pass_time(40)  # as a blocking call would: time passes, nobody else runs
        return {"blocked": True}

    @step("Count")
    async def count(counted: int = 0) -> State:
        await asyncio.sleep(1)
        return {"counted": counted + 1}

    async def story() -> None:
        blocking, counting = listing(block), listing(count)
        async with stage.engine() as engine:
            first = await engine.start(blocking, id="blocks")
            second = await engine.start(counting, id="counts")
            assert await first.result(timeout=120) == {"blocked": True}
            assert await second.result(timeout=120) == {"counted": 1}
            for name in ("blocks", "counts"):
                assert (await kinds(engine, name)).count("ProcessCompleted") == 1

    stage.run(story())


def test_a_state_over_the_limit_fails_the_step_and_names_the_key() -> None:
    @step("Grow")
    def grow() -> State:
        return {"blob": "x" * 900}

    @step("Grow more")
    def grow_more() -> State:
        return {"heap": "y" * 200}

    with Engine(state_limit=1000) as engine:
        handle = engine.start(listing(grow, grow_more), {"small": 1})
        with pytest.raises(ProcessFailedError, match=r"'Grow more'.*'blob'") as caught:
            handle.result(timeout=DEADLINE)
        assert caught.value.error.type == "StateTooLargeError"
        assert handle.info().state == {"small": 1, "blob": "x" * 900}


def test_signals_count_towards_the_limit_of_the_state() -> None:
    @step("Little")
    def little(n: int = 0) -> State:
        return {"n": n + 1}

    with Engine(state_limit=1000) as engine:
        body = listing(
            little,
            wait_for("one"),
            wait_for("two"),
            little.named("Last"),
        )
        handle = engine.start(body)
        engine.signal(handle.id, "one", "x" * 800)
        engine.signal(handle.id, "two", "y" * 800)
        with pytest.raises(ProcessFailedError) as caught:
            handle.result(timeout=DEADLINE)
        assert caught.value.error.type == "StateTooLargeError"


# -- threads --------------------------------------------------------------------------------------


def test_no_more_sync_steps_run_at_a_time_than_there_are_threads() -> None:
    lock, most, now = threading.Lock(), 0, 0
    full = threading.Event()

    @step("Work")
    def work() -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
            if now == 3:
                full.set()
        assert full.wait(DEADLINE)
        with lock:
            now -= 1

    with Engine(threads=3) as engine:
        for handle in engine.start_many(listing(work), [{} for _ in range(12)]):
            handle.result(timeout=DEADLINE)
    assert most == 3


def test_a_threads_answer_that_comes_after_the_end_is_dropped() -> None:
    stage_store_free = threading.Event()

    @step("Slow")
    def slow() -> State:
        assert stage_store_free.wait(DEADLINE)
        return {"late": True}

    async def story() -> None:
        store = MemoryStore(SystemClock())
        async with sharing(store) as engine:
            handle = await engine.start(listing(slow), id="p")
            await reaches(engine, "p", "running")
            await engine.abort("p")
            stage_store_free.set()
            assert (await handle.info()).status == "aborted"
            assert await ends(engine, "p") == []

    asyncio.run(story())


def test_a_process_of_many_steps_is_recorded_step_by_step() -> None:
    stage = Stage()

    @step("Next")
    async def following(n: int = 0) -> State:
        return {"n": n + 1}

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(*[following] * 20), id="p")
            assert await handle.result(timeout=DEADLINE) == {"n": 20}
            history = await handle.history()
            assert [event.position for event in history] == list(range(1, 23))
            assert len(history.of(e.ActivityClosed)) == 20
            appends = stage.stores[-1].calls.count("append")
            assert appends == 20, "one write for each step, the end of the process with the last"

    stage.run(story())
