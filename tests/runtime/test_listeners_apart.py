"""Listeners stand apart: they harm nobody, and nobody pays for what is not listened to."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from corago import (
    AsyncEngine,
    Context,
    Engine,
    Listener,
    LogListener,
    RequestError,
    Subject,
    conditional,
    step,
    wait_for,
)
from corago.clock import SystemClock
from corago.core import events as e
from corago.runtime.listening import HOOKS
from tests.runtime.diary import Diary, second
from tests.runtime.stage import Stage, kinds, listing, until


class Spiteful(Listener):
    """Raises wherever it is told something."""

    def __init__(self, error: type[BaseException]) -> None:
        self.heard: set[str] = set()
        for hook in HOOKS:
            setattr(self, hook, self._raiser(hook, error))

    def _raiser(self, hook: str, error: type[BaseException]) -> Callable[..., None]:
        def rage(*_: object) -> None:
            self.heard.add(hook)
            raise error(hook)

        return rage


@pytest.mark.parametrize("error", [ValueError, SystemExit, asyncio.CancelledError])
def test_a_listener_that_raises_is_logged_and_harms_nobody(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    stage, spite, diary = Stage(lease=15), Spiteful(error), Diary()

    @step("Long")
    async def long() -> None:
        await asyncio.sleep(60)

    async def story() -> None:
        async with stage.engine(listeners=(spite, diary)) as engine:
            await engine.start(listing(long, second), id="p")
            await until(lambda: bool(diary.of("attempt_began")))
            stage.stores[0].fail("beat", "append", "claim", "bury", "messages", "find", "load")
            await asyncio.sleep(20)
            stage.stores[0].heal()
            await engine.wait("p", 200)
            assert (await kinds(engine, "p"))[-1] == "ProcessCompleted"
        await engine.open()
        await engine.close()

    stage.run(story())
    assert spite.heard == set(HOOKS)
    told = [each for each in caplog.records if each.name == "corago.listener"]
    assert len(told) == len(diary.lines)
    assert all(each.exc_info for each in told)
    by_process = [each for each in told if "turn_began" in str(each.exc_info)]
    assert {(each.process_id, each.run) for each in by_process} == {("p", 1)}  # type: ignore[attr-defined]


def test_what_is_no_listener_is_refused_when_the_engine_is_made() -> None:
    with pytest.raises(RequestError, match="an instance of a class derived from corago.Listener"):
        Engine(listeners=[Diary])  # type: ignore[list-item]


mark: ContextVar[str] = ContextVar("mark", default="none")


def test_context_variables_set_by_a_listener_reach_the_step_and_the_predicates() -> None:
    stage = Stage()
    seen: list[str] = []

    class Marking(Listener):
        def turn_began(self, process: Subject) -> None:
            mark.set(f"turn of {process.id}")

        def attempt_began(self, process: Subject, attempt: Context) -> None:
            mark.set(f"{mark.get()}, step {attempt.path}")

        def turn_ended(self, process: Subject, seconds: float) -> None:
            seen.append(f"end: {mark.get()}")

    def asks() -> bool:
        seen.append(f"predicate: {mark.get()}")
        return True

    @step("Async")
    async def one() -> None:
        seen.append(mark.get())

    @step("Sync")
    def other() -> None:
        seen.append(mark.get())

    async def story() -> None:
        async with stage.engine(listeners=(Marking(),)) as engine:
            handle = await engine.start(listing(one, conditional(asks)(other)), id="p")
            await handle.result(timeout=5)

    stage.run(story())
    assert seen == [
        "turn of p, step Async",
        "predicate: turn of p",
        "turn of p, step Sync",
        "end: turn of p",
    ]
    assert mark.get() == "none"


class Watch(SystemClock):
    """The calendar goes on; the steady clock is moved by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_the_seconds_of_a_sync_step_leave_out_its_wait_for_a_thread() -> None:
    clock, both = Watch(), threading.Event()

    class Waiting(Diary):
        def attempt_began(self, process: Subject, attempt: Context) -> None:
            super().attempt_began(process, attempt)
            if len(self.of("attempt_began")) == 2:
                both.set()

    @step("Slow")
    def slow() -> None:
        assert both.wait(10)
        clock.seconds += 3

    diary = Waiting()
    with Engine(clock=clock, threads=1, listeners=[diary]) as engine:
        ahead = engine.start(listing(slow))
        behind = engine.start(listing(second))
        ahead.result(timeout=10)
        behind.result(timeout=10)
    assert diary.seconds == [3, 0]


def test_listeners_of_a_blocking_engine_are_told_in_its_own_thread() -> None:
    names: set[str] = set()

    class Where(Listener):
        def recorded(self, process: Subject, events: tuple[e.Event, ...]) -> None:
            names.add(threading.current_thread().name)

    with Engine(listeners=[Where()]) as engine:
        engine.start(listing(second), id="p").result(timeout=10)
        engine.start(listing(wait_for("go")), id="q")
        engine.abort("q")
    assert names == {"corago"}


def test_without_listeners_there_is_nobody_to_tell() -> None:
    assert AsyncEngine()._ears is None
    assert AsyncEngine(listeners=[Listener()])._ears is not None


def test_records_about_a_process_carry_its_names(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(second), id="p")
            stage.stores[0].fail("append", times=1)
            await handle.result(timeout=10)

    with caplog.at_level(logging.WARNING):
        stage.run(story())
    (record,) = [each for each in caplog.records if "waits for the store" in each.message]
    names = (record.process_id, record.run, record.workflow)  # type: ignore[attr-defined]
    assert names[:2] == ("p", 1)
    assert names[2].startswith("listed")


def test_the_package_is_imported_without_any_vendor() -> None:
    check = (
        "import sys, corago; "
        "print([name for name in sys.modules if name.startswith(('opentel', 'prometheus'))])"
    )
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
    assert LogListener.__module__ == "corago.observing.logs"
