"""What callers hand in by mistake, or on purpose, is refused where it is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from corago import (
    Engine,
    InvalidInputError,
    InvalidUrlError,
    ProcessNotFoundError,
    State,
    UnknownTaskError,
    current,
    done,
    init,
    step,
    wait_for,
    workflow,
)
from corago.steps import StepList

HALF = "\ud800"
PUT: list[dict[str, Any]] = []
REFUSED: list[str] = []


@workflow("Waits")
def waiter() -> StepList:
    return init >> wait_for("go") >> done


@step("Put")
def put() -> State:
    try:
        current().put_document(**PUT.pop())
    except InvalidInputError as error:
        REFUSED.append(str(error))
    return {}


@workflow("Puts")
def putter() -> StepList:
    return init >> put >> done


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """On SQLite, which can't bind what Python can hold."""
    place: Path = tmp_path_factory.mktemp("strangers")
    with Engine(f"sqlite:///{place / 'work.db'}", workflows=[waiter, putter]) as found:
        found.start(waiter, id="p")
        yield found


@pytest.mark.parametrize("method", ["get", "info", "explain", "history", "pending", "abort"])
def test_an_id_that_no_process_can_have_is_not_found(engine: Engine, method: str) -> None:
    with pytest.raises(ProcessNotFoundError):
        getattr(engine, method)(HALF)
    with pytest.raises(InvalidInputError, match="a process id is a text, not 5"):
        getattr(engine, method)(5)


@pytest.mark.parametrize(
    "filters",
    [
        *({"workflow": HALF}, {"tag": HALF}, {"after": HALF}, {"status": 5}, {"limit": 2**63}),
        *({"limit": "1"}, {"limit": True}, {"since": date(2030, 1, 1)}, {"until": "now"}),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(engine: Engine, filters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        engine.processes(**filters)


def test_a_run_beyond_what_stores_count_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="run must be 1 or more"):
        engine.history("p", run=2**63)


@pytest.mark.parametrize("timeout", [float("nan"), "1"])
def test_a_patience_that_is_no_number_is_refused(engine: Engine, timeout: Any) -> None:
    with pytest.raises(InvalidInputError, match="timeout is a number of seconds"):
        engine.get("p").result(timeout=timeout)


@pytest.mark.parametrize("timeout", [True, 10**400])
def test_a_limit_of_a_process_is_a_number_that_can_be_kept(engine: Engine, timeout: Any) -> None:
    with pytest.raises(InvalidInputError, match="timeout must be more than 0 seconds"):
        engine.start(waiter, timeout=timeout)


@pytest.mark.parametrize("token", [f"{'9' * 30}.1", f"{'9' * 5_000}.1", "٣.٣"])
def test_a_token_that_no_task_can_have_is_unknown(engine: Engine, token: str) -> None:
    with pytest.raises(UnknownTaskError):
        engine.complete_activity(token)


@pytest.mark.parametrize(
    "question",
    [{"signal": 5}, {"signal": HALF}, {"outcome": "x"}, {"retry": 5}, {"update": [1]}],
)
def test_a_question_of_the_wrong_shape_is_refused(engine: Engine, question: Any) -> None:
    with pytest.raises(InvalidInputError):
        engine.preview("p", **question)


def test_what_is_started_is_a_workflow(engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="a workflow or the name of one, not 5"):
        engine.start(5)  # type: ignore[arg-type]


def test_what_paths_are_renamed_to_are_texts(engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="a path is a text"):
        engine.migrate("p", renames={"a": 5})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "change",
    [{"kind": HALF}, {"id": 5}, {"expected": 2**63}, {"expected": "1"}, {"actor": HALF}],
)
def test_a_document_that_no_store_can_name_is_refused_where_it_is_put(
    engine: Engine, change: dict[str, Any]
) -> None:
    PUT.append({"kind": "port", "id": "1", "value": {}, "expected": 0, **change})
    assert engine.start(putter).result(timeout=10) == {}
    assert REFUSED.pop()


@pytest.mark.parametrize("name", ["%00", "x" * 256, HALF])
def test_a_url_of_a_file_that_there_can_not_be_is_refused(name: str) -> None:
    with pytest.raises(InvalidUrlError, match="names no file that there can be"):
        Engine(f"sqlite:///{name}")


def test_an_instant_without_a_zone_is_refused_and_one_with_it_is_not(engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="has no time zone"):
        engine.count(since=datetime(2030, 1, 1))  # noqa: DTZ001 - that is the point
    assert engine.count(since=datetime.max.replace(tzinfo=UTC)) == {}
