"""Log lines of the standard library, one for each turn in a process's life."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corago import LogListener, Retry, State, Subject, current, retrystep, step
from corago.core import events as e
from tests.runtime.stage import Stage, listing, reaches

DAWN = datetime(2026, 1, 1, tzinfo=UTC)
P = Subject("p", 1, "create_port", 2, DAWN, "running")


@step("Reserve")
async def reserve() -> State:
    await asyncio.sleep(2)
    return {}


@retrystep("Activate", Retry(attempts=2, delay=60, jitter=0))
async def activate() -> None:
    if current().attempt < 3:
        raise ConnectionError("vendor is away")


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (each.levelname, each.message) for each in caplog.records if each.name == "corago.process"
    ]


def test_a_process_is_logged_from_its_start_to_its_end(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    flow = listing(reserve, activate)

    async def story() -> None:
        async with stage.engine(listeners=(LogListener(),), concurrency=5) as engine:
            await engine.start(flow, id="p")
            await reaches(engine, "p", "failed", 100)
            await engine.retry("p", actor="ann")
            await engine.wait("p", 10)

    with caplog.at_level(logging.INFO, "corago"):
        stage.run(story())
    records = [each for each in caplog.records if each.name == "corago.process"]
    worker = records[0].args[0]  # type: ignore[index]
    due = records[2].args[2]  # type: ignore[index]
    away = "ConnectionError: vendor is away"
    assert told(caplog) == [
        ("INFO", f"worker {worker} takes up to 5 processes"),
        ("INFO", f"process p started: {flow.name} version 1"),
        ("INFO", f"process p tries 'Activate' again at {due} after attempt 1: {away}"),
        ("WARNING", f"process p failed after 62.000 s at 'Activate': {away}"),
        ("INFO", "process p was opened again (by ann)"),
        ("INFO", f"process p completed after {records[5].args[2]:.3f} s"),  # type: ignore[index]
        ("INFO", f"worker {worker} has left"),
    ]
    for record in records[1:-1]:
        names = (record.process_id, record.run, record.workflow)  # type: ignore[attr-defined]
        assert names == ("p", 1, flow.name)
    retried = records[2]
    assert (retried.step, retried.attempt) == ("Activate", 1)  # type: ignore[attr-defined]
    assert not hasattr(records[1], "step")


@pytest.mark.parametrize(
    ("event", "level", "message"),
    [
        (
            e.ProcessSuspended(position=2, at=DAWN, path="a", error=e.Failure("LeaseLost", "who?")),
            "WARNING",
            "process p needs a person at 'a': LeaseLost: who?",
        ),
        (
            e.ProcessSuspended(position=2, at=DAWN, error=e.Failure("PoisonProcess", "kills")),
            "WARNING",
            "process p needs a person: PoisonProcess: kills",
        ),
        (
            e.LeaseLost(position=2, at=DAWN, owner="worker-1"),
            "WARNING",
            "process p was taken over; its worker worker-1 vanished",
        ),
        (
            e.DefinitionChanged(position=2, at=DAWN, sha="0", version=3),
            "INFO",
            "process p goes on by another definition, version 3",
        ),
        (
            e.ChildStarted(position=2, at=DAWN, path="c", child="p/c", workflow="open"),
            "INFO",
            "process p started the child p/c: open",
        ),
        (e.ProcessResumed(position=2, at=DAWN, actor="ann"), "INFO", "process p goes on (by ann)"),
        (e.CancelRequested(position=2, at=DAWN), "INFO", "process p was asked to stop"),
        (
            e.CommandRefused(position=2, at=DAWN, command="skip", why="too late: 100 %"),
            "INFO",
            "process p refused skip: too late: 100 %",
        ),
        (e.ContinuedAsNew(position=2, at=DAWN, following=3), "INFO", "process p goes on as run 3"),
    ],
)
def test_what_is_out_of_the_ordinary_is_logged(
    event: e.Event, level: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "corago"):
        LogListener().recorded(P, (event,))
    assert told(caplog) == [(level, message)]


@pytest.mark.parametrize(
    ("event", "level", "message"),
    [
        (e.ProcessAborted, "INFO", "process p aborted after 90.000 s (by ann)"),
        (e.ProcessCanceled, "INFO", "process p canceled after 90.000 s (by ann)"),
        (e.ProcessTimedOut, "WARNING", "process p timed_out after 90.000 s (by ann)"),
    ],
)
def test_each_end_is_logged_with_how_long_it_took(
    event: Any, level: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    end = event(position=9, at=DAWN + timedelta(seconds=90), actor="ann")
    with caplog.at_level(logging.INFO, "corago"):
        LogListener().process_closed(P, end)
    assert told(caplog) == [(level, message)]


def test_steps_that_go_well_have_no_line(caplog: pytest.LogCaptureFixture) -> None:
    done = e.ActivityClosed(position=2, at=DAWN, path="a", result=e.ActivityCompleted({}))
    with caplog.at_level(logging.DEBUG, "corago"):
        LogListener().recorded(P, (done,))
    assert told(caplog) == []


def test_logger_and_level_can_be_chosen(caplog: pytest.LogCaptureFixture) -> None:
    mine = logging.getLogger("mine")
    bad = e.LeaseLost(position=2, at=DAWN, owner="worker-1")
    good = e.CancelRequested(position=3, at=DAWN)
    with caplog.at_level(logging.DEBUG, "mine"):
        LogListener(mine, logging.DEBUG).recorded(P, (bad, good))
        LogListener(mine, logging.ERROR).recorded(P, (bad, good))
    assert [(each.name, each.levelname) for each in caplog.records] == [
        ("mine", "WARNING"),
        ("mine", "DEBUG"),
        ("mine", "ERROR"),
        ("mine", "ERROR"),
    ]
