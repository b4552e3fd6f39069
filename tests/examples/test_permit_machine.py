"""The permit machine in memory: what its docstring says, and what it refuses.

`tests/acceptance` tells it the whole log, with a kill half way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from threading import Event as Flag
from time import monotonic
from typing import Any

import pytest

from corago import Engine, Handle, InvalidInputError
from corago.core.events import CommandRefused, SignalReceived
from corago.machine.lint import lint

example: Any = import_module("examples.permit_machine")

ACTIVITIES = {
    name.split(maxsplit=1)[0]: name for name in example.Application.program.model.known_events
}
ANSWERED = "Confirmation T02 T04 T05 T06 T10"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workflows=[example.Application]) as engine:
        yield engine


def after(engine: Engine, activities: str) -> Handle:
    """An application for which this was done, once all of it has been seen."""
    handle = engine.start(example.Application, {})
    for each in activities.split():
        engine.signal(handle.id, ACTIVITIES[each])
    pause, deadline = Flag(), monotonic() + 10
    while handle.info().pending:
        assert monotonic() < deadline, handle.explain()
        pause.wait(0.005)
    return handle


def refusals(handle: Handle) -> list[CommandRefused]:
    return [event for event in handle.history() if isinstance(event, CommandRefused)]


def test_its_events_are_the_27_activities_of_the_log() -> None:
    assert len(ACTIVITIES) == len(example.Application.program.model.known_events) == 27


def test_there_is_nothing_to_be_said_against_it() -> None:
    assert lint(example.Application.document) == ()


@pytest.mark.parametrize(
    ("activities", "state"),
    [
        ("Confirmation", "received"),
        ("Confirmation T06 T10", "decided"),
        ("Confirmation T02 T04 T05", "received"),
        (ANSWERED, "settled"),
        ("Confirmation T06 T10 T02 T04 T05", "settled"),
        ("Confirmation T02 T03 T02 T04 T03 T02 T04 T05 T06 T10", "settled"),
        ("Confirmation T06 T07-2 T06 T07-2 T06 T10 T02 T04 T05", "settled"),
        ("Confirmation T06 T08 T09-3 T09-1 T07-5 T09-2", "advised"),
        (f"{ANSWERED} T16 T17 T18 T17 T19", "y_determined"),
        (f"{ANSWERED} T16 T17 T19 T20", "closed"),
        ("Confirmation T06 T10 T11 T12 T13 T12 T14 T15", "printed"),
        ("Confirmation T06 T10 T11 T12 T14 T15 T02 T04 T05", "closed"),
    ],
)
def test_what_was_done_leads_to_a_state(engine: Engine, activities: str, state: str) -> None:
    handle = after(engine, activities)
    assert handle.info().state == state
    assert not refusals(handle)
    received = [event.name for event in handle.history() if isinstance(event, SignalReceived)]
    assert received == [ACTIVITIES[each] for each in activities.split()]


@pytest.mark.parametrize(
    ("activities", "state", "why"),
    [
        ("Confirmation T05", "received", "internal.confirmation in ['determined'] is false"),
        ("Confirmation T06 T07-1 T09-1", "drafting", "visits.asking > 0 is false"),
        ("Confirmation T10", "received", "state 'received' takes 'T06 Determine necessity"),
        (f"{ANSWERED} T02", "settled", 'internal.confirmation is "sent"'),
    ],
)
def test_what_nobody_foresaw_is_refused_and_the_application_goes_on(
    engine: Engine, activities: str, state: str, why: str
) -> None:
    handle = after(engine, activities)
    (refused,) = refusals(handle)
    assert why in refused.why
    assert refused.command == f"event {ACTIVITIES[activities.rsplit(maxsplit=1)[-1]]}"
    assert handle.info().state == state
    assert handle.info().status == "waiting"


def test_an_activity_that_is_not_in_the_log_is_refused_at_the_edge(engine: Engine) -> None:
    with pytest.raises(InvalidInputError, match="T06 Determine necessity of stop advice"):
        engine.signal(after(engine, "Confirmation").id, "T06 Determine necesity of stop advice")


def test_a_settled_case_is_closed_after_thirteen_weeks_and_an_idle_one_lapses_after_a_year(
    engine: Engine,
) -> None:
    settled, received = after(engine, ANSWERED), after(engine, "Confirmation")
    begun = settled.info().created_at
    for handle, days, state in [
        (settled, 90, "settled"),
        (settled, 92, "closed"),
        (received, 364, "received"),
        (received, 366, "lapsed"),
    ]:
        foreseen = engine.preview(handle.id, at=begun + timedelta(days=days))
        assert foreseen.path[-1:] in ((), (state,))
        assert (foreseen.status == "completed") == (state in {"closed", "lapsed"})


def rows(case: str, activities: Iterable[str], minute: int) -> list[dict[str, str]]:
    return [
        {
            "case:concept:name": case,
            "concept:instance": f"{case}-{n}",
            "concept:name": ACTIVITIES[each],
            "org:resource": "Resource21",
            "time:timestamp": f"2011-10-11 {10 + n}:{minute}:40.276000+02:00",
        }
        for n, each in enumerate(activities)
    ]


def test_a_log_may_be_told_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = rows("one", ANSWERED.split(), 45) + rows("two", ["Confirmation"], 30)
    url = f"sqlite:///{tmp_path / 'permits.db'}"
    lengths = []
    for _ in range(2):
        asyncio.run(example.tell([*reversed(log)], url))
        assert capsys.readouterr().out.split() == ["1", "received", "1", "settled"]
        with Engine(url, workflows=[example.Application], worker=False) as engine:
            lengths.append([info.position for info in engine.processes()])
    assert lengths[0] == lengths[1]
