"""How far a process is, element by element."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from corago.core import messages as m
from corago.core.retry import Retry
from corago.steps import (
    Element,
    State,
    StepList,
    Workflow,
    abort,
    begin,
    conditional,
    done,
    init,
    parallel,
    sleep,
    step,
    wait_for,
    workflow,
)
from corago.steps.positions import Position, positions
from tests.unit.steps.drive import Drive

BROKEN: set[str] = set()
"""The steps that fail for now."""


@step("Reserve")
def reserve() -> State:
    return {"reserved": True}


@step("Check", retry=Retry(attempts=2, delay=10, jitter=0), timeout=90)
def check() -> State:
    if "Check" in BROKEN:
        raise RuntimeError("broken")
    return {"checked": True}


@step("Charge", at_most_once=True)
def charge() -> State:
    if "Charge" in BROKEN:
        raise RuntimeError("broken")
    return {"charged": True}


def is_large(*, large: bool = False) -> bool:
    return large


def is_late(*, late: bool = False) -> bool:
    return late


def made(steps: Element | StepList) -> Workflow:
    @workflow("For a test", version=2)
    def tried() -> StepList:
        return init >> steps >> done

    return tried


EVERYTHING = made(
    reserve
    >> conditional(is_large)(parallel("Ends", check >> reserve, parallel("Both", charge, check)))
    >> reserve
    >> sleep(timedelta(days=1, minutes=90))
    >> wait_for("go", timeout=2.5, into="answer")
    >> conditional(is_large)(conditional(is_late)(abort))
)


def seen(drive: Drive) -> dict[str, Position]:
    program = drive.workflow.program
    return positions(program, drive.snapshot, drive.events, now=drive.now)


def test_what_lies_behind_is_done_or_skipped_and_what_lies_ahead_is_pending() -> None:
    drive = Drive(EVERYTHING)
    assert seen(drive) | {"Reserve": "running"} == dict.fromkeys(seen(drive), "pending") | {
        "Start": "done",
        "Reserve": "running",
    }
    drive.run()
    found = seen(drive)
    assert {path for path, mark in found.items() if mark == "skipped"} == {
        "Ends",
        "Ends/Check",
        "Ends/Reserve",
        "Ends/Both",
        "Ends/Both/Charge",
        "Ends/Both/Check",
    }
    assert (found["Reserve#2"], found["Sleep"], found["Done"]) == ("done", "waiting", "pending")
    found = seen(drive.wait(91_800).signal("go"))
    assert found["Wait for go"] == "done"
    assert (found["Abort"], found["Done"]) == ("skipped", "done")


def test_branches_have_positions_of_their_own() -> None:
    drive = Drive(EVERYTHING, {"large": True})
    drive.perform("Reserve")
    drive.perform("Ends/Both/Charge")
    found = seen(drive)
    assert (found["Ends"], found["Ends/Check"], found["Ends/Reserve"]) == (
        "running",
        "running",
        "pending",
    )
    assert (found["Ends/Both"], found["Ends/Both/Charge"], found["Ends/Both/Check"]) == (
        "running",
        "done",
        "running",
    )


def test_a_step_between_attempts_waits_and_then_has_failed() -> None:
    BROKEN.add("Check")
    try:
        drive = Drive(made(parallel("Ends", check, reserve))).run()
        assert seen(drive) == {
            "Start": "done",
            "Ends": "waiting",
            "Ends/Check": "waiting",
            "Ends/Reserve": "done",
            "Done": "pending",
        }
        drive.wait(10)
        assert (seen(drive)["Ends"], seen(drive)["Ends/Check"]) == ("failed", "failed")
    finally:
        BROKEN.clear()
    drive.command("retry")
    assert seen(drive)["Ends/Check"] == "running"
    drive.run()
    assert set(seen(drive).values()) == {"done"}


def test_what_an_operator_skips_is_shown_as_skipped() -> None:
    BROKEN.add("Charge")
    try:
        drive = Drive(made(begin >> charge)).run()
        assert seen(drive)["Charge"] == "failed"
    finally:
        BROKEN.clear()
    assert seen(drive.command("skip")) == {"Start": "done", "Charge": "skipped", "Done": "done"}


def test_a_process_that_was_stopped_shows_where() -> None:
    drive = Drive(made(reserve >> sleep(60))).run().command("cancel")
    assert seen(drive) == {"Start": "done", "Reserve": "done", "Sleep": "failed", "Done": "pending"}
    ended = Drive(made(conditional(is_large)(abort)), {"large": True})
    assert seen(ended) == {"Start": "done", "Abort": "done", "Done": "pending"}


def test_a_process_that_kills_its_workers_shows_as_failed_where_it_stands() -> None:
    drive = Drive(made(begin >> reserve))
    for _ in range(9):
        drive.advance(m.Lost())
    assert drive.status == "suspended"
    assert seen(drive)["Reserve"] == "failed"


def test_without_a_history_all_that_lies_behind_counts_as_done() -> None:
    drive = Drive(EVERYTHING).run()
    found = positions(drive.workflow.program, drive.snapshot)
    assert (found["Ends"], found["Ends/Both/Check"], found["Sleep"]) == ("done", "done", "waiting")


def test_a_step_put_in_behind_a_process_shows_as_skipped() -> None:
    drive = Drive(made(reserve >> sleep(60))).run()
    longer = made(reserve >> charge >> sleep(60))
    found = positions(longer.program, drive.snapshot, drive.events)
    assert (found["Reserve"], found["Charge"], found["Sleep"]) == ("done", "skipped", "waiting")


# -- any list --------------------------------------------------------------------------------------

LEAVES = st.sampled_from([begin >> reserve, begin >> charge, begin >> sleep(1)]) | st.uuids().map(
    lambda name: begin >> wait_for(str(name))
)


def joined(parts: list[StepList]) -> StepList:
    whole = begin
    for part in parts:
        whole = whole >> part
    return whole


def beside(parts: list[StepList]) -> StepList:
    return begin >> parallel("Both", *parts)


def under_condition(part: StepList) -> StepList:
    return conditional(is_large)(part)


def grown(inner: st.SearchStrategy[StepList]) -> st.SearchStrategy[StepList]:
    several = st.lists(inner, min_size=1, max_size=3)
    return several.map(joined) | several.map(beside) | inner.map(under_condition)


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(st.recursive(LEAVES, grown, max_leaves=8), st.booleans())
def test_every_element_of_any_list_has_one_position(
    part: StepList,
    large: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    flow = made(part)
    drive = Drive(flow, {"large": large})
    assert set(seen(drive)) == set(flow.program.nodes)
    drive.run()
    assert set(seen(drive)) == set(flow.program.nodes)
