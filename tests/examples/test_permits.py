"""The permits example in memory: what its docstring says, and what a wrong row is told.

`tests/acceptance` runs it over the whole log, through the command line, with kills on the way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from corago import Engine, ProcessFailedError
from corago.core.events import ActivityClosed

permits: Any = import_module("examples.permits")

Row = dict[str, Any]

EVERYBODY = ["Read rows", "Measure/Measure pace", "Measure/Count handovers", "Check deadline"]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workflows=[permits.permit]) as engine:
        yield engine


def row(at: str, **changes: Any) -> Row:
    """A row of the log: of an application that ended two days before its deadline."""
    columns = {
        "case:channel": "Internet",
        "case:concept:name": "case-1",
        "case:deadline": "2011-12-06 13:41:31.788000+01:00",
        "case:enddate": "2011-12-04 13:41:31.788000+01:00",
        "case:responsible": "Resource21",
        "concept:name": "Confirmation of receipt",
        "org:resource": "Resource10",
        "time:timestamp": at,
    }
    return columns | {name.replace("__", ":"): value for name, value in changes.items()}


FIRST, SECOND = "2011-10-11 13:45:40+02:00", "2011-11-24 12:45:50+01:00"


def given(*rows: Row) -> dict[str, Any]:
    return {"key": "case-1", "rows": list(rows)}


def summary(engine: Engine, *rows: Row) -> Any:
    result = engine.start(permits.permit, given(*rows)).result(timeout=30)
    return permits.Summary.model_validate(result["summary"])


def failure(engine: Engine, *rows: Row) -> str:
    with pytest.raises(ProcessFailedError) as caught:
        engine.start(permits.permit, given(*rows)).result(timeout=30)
    return str(caught.value)


def steps_of(engine: Engine, *rows: Row) -> list[str]:
    handle = engine.start(permits.permit, given(*rows))
    handle.result(timeout=30)
    return [event.path for event in handle.history() if isinstance(event, ActivityClosed)]


def test_an_application_in_time_is_measured_and_summarised(engine: Engine) -> None:
    rows = [row(FIRST), row(SECOND, org__resource="Resource11")]
    assert summary(engine, *rows) == permits.Summary(
        case="case-1",
        verdict=permits.Verdict.IN_TIME,
        events=2,
        handovers=1,
        span=timedelta(days=44, seconds=10),
        longest_wait=timedelta(days=44, seconds=10),
        overdue=timedelta(days=-2),
    )
    assert sorted(steps_of(engine, *rows)) == sorted([*EVERYBODY, "Summarise"])


def test_a_late_application_is_escalated_with_its_penalty(engine: Engine) -> None:
    late = row(FIRST, case__enddate="2011-12-21 13:41:31.789000+01:00")
    found = summary(engine, late)
    assert found.verdict is permits.Verdict.LATE
    assert found.overdue == timedelta(days=15, milliseconds=1)
    assert found.penalty == Decimal(14 * 20 + 2 * 30)
    assert found.reference.endswith("/Escalate/1")
    extra = ["Estimate penalty", "Escalate", "Summarise"]
    assert sorted(steps_of(engine, late)) == sorted([*EVERYBODY, *extra])


def test_a_penalty_does_not_grow_for_ever(engine: Engine) -> None:
    found = summary(engine, row(FIRST, case__enddate="2013-01-01 00:00:00+01:00"))
    assert found.penalty == 14 * (20 + 30 + 40)


def test_an_open_application_is_judged_by_its_last_row(engine: Engine) -> None:
    assert summary(engine, row(FIRST, case__enddate="")).verdict is permits.Verdict.OPEN
    past = row("2011-12-07 00:00:00+01:00", case__enddate="")
    assert summary(engine, row(FIRST, case__enddate=""), past).verdict is permits.Verdict.LATE


def test_a_single_row_has_no_waits(engine: Engine) -> None:
    found = summary(engine, row(FIRST))
    assert (found.events, found.handovers) == (1, 0)
    assert found.span == found.longest_wait == timedelta(0)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (row("2011-11-24 12:45:50"), "time:timestamp: Input should have timezone info"),
        (row("yesterday"), "time:timestamp: Input should be a valid datetime"),
        (row(SECOND, case__deadline=""), "case:deadline: Input should be a valid datetime"),
        (row(SECOND, case__enddate="soon"), "case:enddate: Input should be a valid datetime"),
        (row(SECOND, concept__name=""), "concept:name: String should have at least 1 character"),
        (row(SECOND, org__resource=None), "org:resource: Input should be a valid string"),
        (row("2011-10-11 11:45:39+00:00"), "is earlier than the row before it"),
    ],
)
def test_a_wrong_row_fails_by_its_number_and_its_column(
    engine: Engine, wrong: Row, why: str
) -> None:
    told = failure(engine, row(FIRST), wrong, row("2011-12-01 00:00:00+01:00"))
    assert "'Read rows'" in told
    assert "row 2 of case-1" in told
    assert why in told


def test_a_missing_column_is_named(engine: Engine) -> None:
    short = row(FIRST)
    del short["case:deadline"]
    assert "row 1 of case-1: case:deadline: Field required" in failure(engine, short)


def test_an_application_without_rows_is_refused(engine: Engine) -> None:
    assert "at least 1 item" in failure(engine)


def test_a_wrong_row_stops_before_anything_is_measured(engine: Engine) -> None:
    handle = engine.start(permits.permit, given(row("yesterday")))
    with pytest.raises(ProcessFailedError):
        handle.result(timeout=30)
    closed = [event.path for event in handle.history() if isinstance(event, ActivityClosed)]
    assert closed == ["Read rows"]


def test_the_steps_note_their_begin_and_end_where_they_are_told_to(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes.tsv"
    monkeypatch.setenv("CORAGO_PERMITS_LOG", str(notes))
    handle = engine.start(permits.permit, given(row(FIRST)), id="permit:case-1")
    handle.result(timeout=30)
    lines = [line.split("\t") for line in notes.read_text().splitlines()]
    pid = str(os.getpid())
    for path in [*EVERYBODY, "Summarise"]:
        wanted = [["permit:case-1", path, "1", pid, what] for what in ("begin", "end")]
        assert [line for line in lines if line[1] == path] == wanted
    assert len(lines) == 10


def test_a_step_can_be_called_like_the_function_that_it_is() -> None:
    assert permits.estimate_penalty(overdue=timedelta(hours=1)) == {"penalty": Decimal(20)}
