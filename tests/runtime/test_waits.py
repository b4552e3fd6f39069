"""What is said of a task in a queue: who has it, what was heard of it, what runs out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from corago.core import decisions as d
from corago.core.events import ProcessStarted
from corago.core.process import start
from corago.core.program import Agenda, Snapshot
from corago.ports.backend import OpenActivity
from corago.runtime.waits import Wait, waits_of

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def waits(*tasks: OpenActivity, **row: Any) -> tuple[Wait, ...]:
    """The waits of a process that wants `Pay` done in a queue."""
    begun = ProcessStarted(position=1, at=NOW, process_id="p", workflow="w", sha="s")
    agenda = Agenda(activities=(d.ScheduleActivity("Pay", {}, queue="cards", activity="Pay"),))
    given: Any = SimpleNamespace(
        row=SimpleNamespace(failures=0, due_us=None, **row),
        program=SimpleNamespace(batch=True),
        snapshot=Snapshot(start(begun), None),
    )
    return waits_of(given, agenda, NOW, tasks)


def task(**fields: Any) -> OpenActivity:
    return OpenActivity("Pay", "cards", "7.1", **fields)


TAKEN = {"taken": NOW - HOUR, "heard": NOW - HOUR}
BEATEN = {"taken": NOW - HOUR, "heard": NOW}
LONG = {"said": "x" * 200}


@pytest.mark.parametrize(
    ("tasks", "kind", "said"),
    [
        ([], "queue", "activity 'Pay' waits for a worker of queue 'cards' to run it"),
        ([task(due=NOW)], "queue", "activity 'Pay' waits for a worker of queue 'cards' to run it"),
        (
            [task(due=NOW, losses=2, **TAKEN)],
            "queue",
            "to run it, and has lost its worker 2 times in a row",
        ),
        (
            [task(owner="w1", **TAKEN)],
            "work",
            "activity 'Pay' is in the hands of worker w1 since 2026-01-01 11:00:00 UTC",
        ),
        (
            [task(owner="w1", details=[1], stops=True, **BEATEN)],
            "work",
            "UTC, last heard of at 2026-01-01 12:00:00 UTC, which said [1], and is asked to stop",
        ),
        (
            [task(owner="w1", limit="heartbeat", expires=NOW + HOUR)],
            "work",
            "worker w1; its heartbeat limit runs out at 2026-01-01 13:00:00 UTC",
        ),
        (
            [task(due=NOW, limit="schedule_to_start", expires=NOW - HOUR)],
            "queue",
            "; its schedule_to_start limit ran out at 2026-01-01 11:00:00 UTC, and any worker ends",
        ),
        ([task(**TAKEN)], "token", "from outside, by the token '7.1' since 2026-01-01 11:00:00"),
        ([task(owner="w1", details=LONG)], "work", ', which said {"said":"xxx'),
    ],
)
def test_a_task_tells_who_has_it_and_what_runs_out(
    tasks: list[OpenActivity], kind: str, said: str
) -> None:
    (wait,) = waits(*tasks)
    assert wait.kind == kind
    assert said in str(wait)
    assert len(str(wait)) < 220


def test_a_decider_that_failed_is_said_to_be_asked_again() -> None:
    wait = Wait("decision", "p", "3 times in a row", NOW)
    said = "its decider, which failed 3 times in a row, is asked again; it waits until 2026-01-01"
    assert str(wait).startswith(said)
