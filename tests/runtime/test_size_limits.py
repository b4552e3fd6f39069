"""The limit of a State's size, wherever its values come from."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import pytest
from pydantic import SecretStr

from corago import (
    Engine,
    InvalidInputError,
    ProcessFailedError,
    State,
    StateTooLargeError,
    foreach,
    parallel,
    step,
    wait_for,
)
from corago.core.decisions import ScheduleActivity
from corago.keys import fresh_key
from corago.runtime.attempt import StateLimit
from tests.runtime.stage import listing

DEADLINE = 10.0
TOO_LARGE = "StateTooLargeError"


def failure(engine: Engine, id: str) -> Any:
    with pytest.raises(ProcessFailedError) as caught:
        engine.get(id).result(timeout=DEADLINE)
    return caught.value.error


@step("Left")
def left(size: int) -> State:
    return {"left": "x" * size}


@step("Right")
def right(size: int) -> State:
    return {"right": "y" * size}


@step("Fails")
def fails() -> None:
    raise ValueError("no")


@pytest.mark.parametrize(("size", "is_fine"), [(400, True), (600, False)])
def test_what_branches_write_counts_together(size: int, is_fine: bool) -> None:  # noqa: FBT001 - a case
    with Engine(state_limit=1000, concurrency=1, threads=1) as engine:
        engine.start(listing(parallel("Both", left, right)), {"size": size}, id="p")
        if is_fine:
            assert engine.get("p").result(timeout=DEADLINE)["right"] == "y" * size
        else:
            assert failure(engine, "p").type == TOO_LARGE


@pytest.mark.parametrize(("count", "is_fine"), [(4, True), (12, False)])
def test_what_a_loop_writes_counts_together(count: int, is_fine: bool) -> None:  # noqa: FBT001 - a case
    @step("Grow")
    def grow(item: int) -> State:
        return {"made": "x" * 150}

    with Engine(state_limit=1000, threads=1) as engine:
        body = listing(foreach("Each", "items", grow, limit=1))
        engine.start(body, {"items": list(range(count))}, id="p")
        if is_fine:
            assert len(engine.get("p").result(timeout=DEADLINE)["Each"]) == count
        else:
            assert failure(engine, "p").type == TOO_LARGE


class Holder:
    """Attempts things for a State that is known here."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state_bound = sys.maxsize
        self.results: dict[tuple[str, int], int] = {}
        self._state = state

    def held(self) -> Iterable[Any]:
        return (self._state,)

    def unrecorded(self) -> set[tuple[str, int]]:
        return {("A", 1)}


@pytest.mark.parametrize("make", [str, lambda text: [text], lambda text: {"other": text}])
def test_a_result_of_any_kind_counts_with_its_size(make: Any) -> None:
    state = {"x": "s" * 400}
    holder, wish, limit = Holder(state), ScheduleActivity("A", state), StateLimit(1000)
    limit.check(holder, wish, make("x" * 500))  # type: ignore[arg-type] # all that it looks at
    with pytest.raises(StateTooLargeError, match=r"its largest \w+ is .* with 6\d\d bytes"):
        limit.check(holder, wish, make("x" * 600))  # type: ignore[arg-type] # as above


def test_a_text_takes_the_place_of_no_key() -> None:
    state = {"x": "s" * 400}
    holder, wish = Holder(state), ScheduleActivity("A", state)
    with pytest.raises(StateTooLargeError, match="its largest part is what was returned with 602"):
        StateLimit(1000).check(holder, wish, "x" * 600)  # type: ignore[arg-type] # as above


def test_a_step_may_replace_what_is_large() -> None:
    @step("Replace")
    def replace(left: str) -> State:
        return {"left": left.swapcase()}

    with Engine(state_limit=1000) as engine:
        handle = engine.start(listing(left, replace, replace.named("Again")), {"size": 800})
        assert handle.result(timeout=DEADLINE) == {"size": 800, "left": "x" * 800}


def test_the_signals_data_alone_and_with_the_state() -> None:
    with Engine(state_limit=1000) as engine:
        engine.start(listing(wait_for("go"), left.named("After")), {"size": 500}, id="p")
        with pytest.raises(InvalidInputError, match="the data of signal 'go' is 1,102 bytes, over"):
            engine.signal("p", "go", "x" * 1100)
        engine.signal("p", "go", "x" * 600)
        error = failure(engine, "p")
        assert error.type == TOO_LARGE
        assert "its largest key is 'go' with 602 bytes" in error.message
        engine.set_result("p", {"go": "less", "left": ""})
        assert engine.get("p").result(timeout=DEADLINE) == {"size": 500, "go": "less", "left": ""}


def test_a_result_that_a_person_sets_counts_with_the_state() -> None:
    with Engine(state_limit=1000) as engine:
        engine.start(listing(left, fails), {"size": 700}, id="p")
        failure(engine, "p")
        with pytest.raises(InvalidInputError, match="the result is 1,211 bytes, over the limit"):
            engine.set_result("p", {"more": "y" * 1200})
        with pytest.raises(InvalidInputError, match=r"State with this result .* key is 'left'"):
            engine.set_result("p", {"more": "y" * 600})
        engine.set_result("p", {"left": "y" * 900})
        assert engine.get("p").result(timeout=DEADLINE) == {"size": 700, "left": "y" * 900}


def test_changes_count_with_the_external_store_and_with_those_that_wait() -> None:
    with Engine(state_limit=1000, worker=False, workflows=[body := listing(fails)]) as engine:
        engine.start(body, id="p")
        with pytest.raises(InvalidInputError, match="the changes is 1,108 bytes, over the limit"):
            engine.update("p", {"a": "x" * 1100})
        engine.update("p", {"a": "x" * 600})
        with pytest.raises(InvalidInputError, match=r"external store with these changes is 1,"):
            engine.update("p", {"b": "x" * 600})
        engine.update("p", {"a": "y" * 900})


def test_a_secret_counts_as_it_is_kept() -> None:
    with Engine(state_limit=1000, secret_key=fresh_key()) as engine:
        body = listing(wait_for("go"))
        engine.start(body, {"word": SecretStr("x" * 600)}, id="p")
        with pytest.raises(InvalidInputError, match="the input is .* its largest key is 'word'"):
            engine.start(body, {"word": SecretStr("x" * 900)})
