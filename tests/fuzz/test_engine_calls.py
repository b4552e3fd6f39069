"""The engine's methods, called by strangers: done, or refused with a documented error.

On memory and on SQLite, with processes of every door at rest that the calls may meet; in the end
they can all be looked at, and the engine still serves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corago import AsyncEngine, Selection, State, current, done, init, step, wait_for, workflow
from corago.decider import CompleteProcess, Process
from corago.errors import CoragoError, ProcessEndedError, StoreError
from corago.machine import define
from corago.steps import StepList
from tests.fuzz.strange import Case, anything, cases, fuzz, jsons, texts_or_halves
from tests.machines.corpus import document
from tests.runtime.deciders import decider

DEADLINE = 30.0
"""Seconds in which whatever is asked is answered."""

GIVEN: list[Callable[[], Any]] = []
"""What the next step does, last first."""


@step("Give")
def give() -> Any:
    return GIVEN.pop()() if GIVEN else {}


@step("At the desk", queue="desk")
def at_the_desk() -> State:
    return {}


@workflow("Gives")
def giver() -> StepList:
    return init >> give >> done


@workflow("Waits")
def waiter() -> StepList:
    return init >> wait_for("go") >> done


@workflow("Stands in a queue")
def queued() -> StepList:
    return init >> at_the_desk >> done


def _decide(process: Process) -> Any:
    names = [getattr(each, "name", "") for each in process.unseen_events()]
    return CompleteProcess() if "end" in names else None


DOOR = define(document("door"), code=False)
DECIDER = decider(_decide)
NONE = Selection("s", datetime(2030, 1, 1, tzinfo=UTC), {}, ())
IDS = ("w", "q", "m", "d", "f", "g")


class World:
    """An engine at work on a loop of its own."""

    def __init__(self, url: str | None) -> None:
        self._runner = asyncio.Runner()
        self.engine = AsyncEngine(url, workflows=[giver, waiter, queued, DOOR, DECIDER])
        self.token = ""

    def do(self, name: str, /, *arguments: Any, **options: Any) -> Any:
        """Call a method of the engine."""

        async def called() -> Any:
            async with asyncio.timeout(DEADLINE):
                return await getattr(self.engine, name)(*arguments, **options)

        return self._runner.run(called())

    def settle(self) -> None:
        """Start what stands about."""
        self.do("open")
        for flow, id in ((waiter, "w"), (queued, "q"), (DECIDER, "d")):
            self.do("start", flow, id=id)
        self.do("start", DOOR, {"place": "here"}, id="m")
        self.do("start", giver, id="g")
        GIVEN.append(lambda: 1 / 0)
        self.do("start", giver, id="f")
        for id in ("f", "g"):
            with suppress(ProcessEndedError):
                self.do("wait", id, timeout=10)
        self.selection = self.do("select")

    def close(self) -> None:
        self.do("close")
        self._runner.close()


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[World]:
    """One for all calls, so that what one of them breaks the next ones meet."""
    place: Path = tmp_path_factory.mktemp("fuzz")
    found = World(None if request.param == "memory" else f"sqlite:///{place / 'work.db'}")
    found.settle()
    yield found
    found.do("start", giver, id="last")
    assert found.do("wait", "last", timeout=10) == {}
    for info in found.do("processes", limit=10_000):
        found.do("explain", info.id)
        found.do("history", info.id)
        assert "poison" not in str(info)
    found.close()


instants = st.datetimes() | st.datetimes(timezones=st.just(UTC))
ids = st.sampled_from([*IDS, *IDS, "none"])
strange = texts_or_halves | anything | instants
maybe = st.none() | strange
ACTS = {"actor": maybe, "reason": maybe}
FILTERS = {
    "workflow": st.sampled_from(["Gives", "Waits"]) | maybe,
    "status": st.sampled_from(["failed", "waiting"]) | maybe,
    "tag": maybe,
    "since": instants | maybe,
    "until": instants | maybe,
}
durations = st.floats() | st.timedeltas() | st.integers() | st.just(10**400)
flags = st.booleans() | strange
PATIENCE = st.sampled_from(
    [0, -1, -float("inf"), float("nan"), 1e-9, "0", b"0", timedelta(0), True]
)
steps = st.sampled_from(["Give", "At the desk"])
tokens = st.from_regex(r"\A[0-9]{1,25}\.[0-9]{1,25}\Z") | st.sampled_from(
    [
        "1.0",
        "1.1",
        "2.0",
        "1.",
        ".1",
        "1",
        "-1.0",
        "1.0.0",
        "٣.٣",
        "²." + "9" * 5_000,
        "9" * 5_000 + ".1",
    ]
)
CALLS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "start": (
        [st.sampled_from([waiter, "Waits", DOOR, "door"]) | strange],
        {
            "input": strange,
            "id": maybe,
            "tags": st.lists(texts_or_halves, max_size=3) | strange,
            "timeout": durations | maybe,
            **ACTS,
        },
    ),
    "start_many": ([st.just("Waits"), st.lists(strange, max_size=2) | jsons], ACTS),
    "signal": ([ids | strange, strange], {"data": strange, "key": maybe, **ACTS}),
    "update": ([ids | strange, st.dictionaries(texts_or_halves, strange, max_size=2) | strange],
        {"key": maybe, **ACTS}),
    "retry": ([ids | strange], {"step": steps | maybe, **ACTS}),
    "skip": ([st.sampled_from(["f", "q"]) | strange], {"step": maybe, **ACTS}),
    "set_result": ([ids | strange, strange], {"step": steps | maybe, **ACTS}),
    "cancel": ([strange], ACTS),
    "abort": ([strange], ACTS),
    "migrate": ([ids | strange], {"version": maybe, "renames": maybe, "dry_run": flags, **ACTS}),
    "migrate_all": ([strange], {"version": maybe, "renames": maybe, **ACTS}),
    "processes": ([], {**FILTERS, "limit": st.integers(1, 20) | strange, "after": ids | maybe}),
    "count": ([], FILTERS),
    "select": ([], {**FILTERS, "limit": maybe}),
    "info": ([strange], {}),
    "explain": ([strange], {}),
    "pending": ([strange], {}),
    "get": ([strange], {}),
    "history": ([ids | strange], {"run": maybe}),
    "wait": ([ids | strange, PATIENCE], {}),
    "preview": (
        [ids | strange],
        {
            "signal": st.tuples(strange, strange) | strange,
            "update": maybe,
            "retry": flags,
            "skip": flags,
            "set_result": st.tuples(steps, strange) | maybe,
            "outcome": st.tuples(steps | strange, strange) | maybe,
            "cancel": flags,
            "at": instants | maybe,
        },
    ),
    "complete_activity": ([tokens | strange], {"result": strange}),
    "fail_activity": ([tokens | strange, strange], {}),
    "cancel_activity": ([tokens | strange], {"details": strange}),
    "heartbeat_activity": ([tokens | strange], {"details": strange}),
    "apply": (
        [
            st.sampled_from(["retry", "skip", "signal", "set_result", "pause"]) | strange,
            st.just(NONE) | strange,
        ],
        {"step": maybe, "value": maybe, "name": maybe, "data": maybe, "key": maybe,
         "window": st.integers(1, 3) | strange, **ACTS},
    ),
}  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, list[Any], dict[str, Any]]:
    """A method, with some of its arguments strange, or all."""
    name = draw(st.sampled_from(sorted(CALLS)))
    first, named = CALLS[name]
    chosen = draw(st.lists(st.sampled_from(sorted(named) or [""]), max_size=3, unique=True))
    options = {each: draw(named[each]) for each in chosen if each}
    return name, [draw(each) for each in first], options


@fuzz(150)
@given(case=cases(calls()))
def test_a_call_is_done_or_refused_with_a_documented_error(world: World, case: Case) -> None:
    name, arguments, options = case.value
    if name == "apply" and arguments[1] is NONE:
        arguments[1] = world.selection
    try:
        world.do(name, *arguments, **options)
    except CoragoError as error:
        refusal = error
    else:
        return
    assert str(refusal)
    assert not isinstance(refusal, StoreError)


@fuzz(40)
@given(case=cases(anything))
def test_a_result_is_kept_or_the_step_fails_by_it(world: World, case: Case) -> None:
    GIVEN.append(lambda: case.value)
    handle = world.do("start", giver)
    with suppress(ProcessEndedError):
        kept = world.do("wait", handle.id, timeout=10)
        assert isinstance(kept, dict)
        return
    info = world.do("info", handle.id)
    assert info.error is not None
    own = ("StepResultError", "StateTooLargeError", "StrangerError")
    assert info.error.type in own, info.error


@fuzz(40)
@given(case=cases(texts_or_halves, anything))
def test_an_error_is_recorded_whatever_it_says(world: World, case: Case) -> None:
    def fail() -> State:
        raise ValueError(case.value)

    GIVEN.append(fail)
    handle = world.do("start", giver)
    with pytest.raises(ProcessEndedError):
        world.do("wait", handle.id, timeout=10)
    assert world.do("info", handle.id).error.type == "ValueError"


@fuzz(40)
@given(case=cases(st.tuples(strange, strange, strange, st.integers(0, 2) | strange, maybe)))
def test_a_document_is_written_or_refused_where_it_is_put(world: World, case: Case) -> None:
    refused = []

    def put() -> State:
        kind, id, value, expected, actor = case.value
        try:
            current().put_document(kind, id, value, expected=expected, actor=actor)
        except CoragoError as error:
            refused.append(error)
        return {}

    GIVEN.append(put)
    handle = world.do("start", giver)
    with suppress(ProcessEndedError):
        world.do("wait", handle.id, timeout=10)
        return
    info = world.do("info", handle.id)
    assert not refused
    assert info.error is not None
    assert info.error.type == "DocumentConflictError", info.error


@fuzz(40)
@given(case=cases(anything, st.timedeltas().map(timedelta.total_seconds)))
def test_details_of_a_heartbeat_are_kept_or_refused(world: World, case: Case) -> None:
    refused = []

    def beat() -> State:
        try:
            current().heartbeat(case.value)
        except CoragoError as error:
            refused.append(error)
        return {}

    GIVEN.append(beat)
    handle = world.do("start", giver)
    assert world.do("wait", handle.id, timeout=10) == {}
