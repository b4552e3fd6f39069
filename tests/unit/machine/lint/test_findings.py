"""A finding tells what is wrong, where, what to do, and shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from corago.core.expressions import parse
from corago.machine.lint import CODES, Finding, Step, lint, witnesses
from corago.machine.lint.findings import shown
from tests.unit.machine.lint.defects import DEFECTS, Defect
from tests.unit.machine.lint.machines import DOOR, ORDER, Document, changed

PAGE = Path(__file__).parents[4] / "docs/reference/lint.md"


def at(document: Document, pointer: str) -> Any:
    place: Any = document
    for part in pointer.split("/"):
        place = place[int(part)] if isinstance(place, list) else place[part]
    return place


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda each: each.name)
def test_every_finding_can_be_shown_and_names_a_place_that_is_there(defect: Defect) -> None:
    for finding in lint(defect.document):
        line = str(finding)
        assert line.startswith(f"{finding.level} [{finding.code}] {finding.pointer}: ")
        assert "\n" not in line
        assert finding.text
        assert finding.fix
        assert finding.level in CODES[finding.code].levels
        at(defect.document, finding.pointer)
        told = json.loads(json.dumps(finding.as_json()))
        assert set(told) == {"code", "level", "pointer", "text", "fix", "example"}


@pytest.mark.parametrize(
    "defect", [each for each in DEFECTS if each.code == "overlap"], ids=lambda each: each.name
)
def test_the_example_of_an_overlap_makes_both_guards_true(defect: Defect) -> None:
    (found,) = (each for each in lint(defect.document) if each.code == "overlap")
    places = found.text.rpartition(": ")[2].split(" and ")
    assert places[1] == found.pointer
    for edge in (at(defect.document, place) for place in places):
        guard = edge.get("if", edge.get("unless", "true"))
        assert isinstance(found.example, dict)
        assert parse(guard).evaluate(found.example) is ("unless" not in edge)


def test_the_example_of_a_gap_is_what_was_forgotten() -> None:
    gap = changed(ORDER, {"states/again/when/1/if": "internal.attempts > 3"})
    (found,) = (each for each in lint(gap) if each.code == "gap")
    assert found.example == {"internal": {"attempts": 3}}
    assert "if internal.attempts is 3" in found.text


def test_values_are_shown_as_people_write_them() -> None:
    assert (
        shown({"external": {"amount": 1, "by": "x"}}) == "external.amount is 1, external.by is 'x'"
    )
    assert shown({"result": True}) == "result is True"
    assert shown({}) == "any values"


def test_each_state_that_can_be_reached_has_a_shortest_witness() -> None:
    found = witnesses(ORDER)
    assert set(found) == set(ORDER["states"])
    assert found["new"] == ()
    assert found["expired"] == (Step("new", "after PT48H", "expired", "states/new/after/0"),)
    assert [str(step) for step in found["again"]] == [
        "new --if external.paid--> sorting",
        "sorting --unless external.amount > 1000--> paying",
        "paying --failed Declined--> again",
    ]


def test_a_state_that_can_not_be_reached_has_no_witness() -> None:
    assert "attic" not in witnesses(changed(DOOR, {"states/attic": {"terminal": True}}))


def test_the_error_state_is_reached_by_an_error() -> None:
    (step,) = witnesses(ORDER)["trouble"]
    assert (step.trigger, step.place) == ("an error", "error")


def test_a_witness_has_no_error_where_it_needs_none() -> None:
    triggers = {step.trigger for step in witnesses(ORDER)["cancelled"]}
    assert "an error" not in triggers


def test_a_return_is_no_way_to_a_new_state() -> None:
    cut = changed(ORDER, {"states/packing/done/0/to": "rejected"})
    assert "shipped" not in witnesses(cut)


def test_timers_of_the_machine_lead_from_everywhere() -> None:
    timed = changed(
        DOOR,
        {
            "idle": {"delay": "P1D", "to": "asleep"},
            "states/asleep": {"terminal": True},
        },
    )
    assert [step.trigger for step in witnesses(timed)["asleep"]] == ["idle P1D"]
    assert lint(timed) == ()


def test_findings_are_told_errors_first() -> None:
    worst = changed(ORDER, {**DEFECTS[0].changes, "states/reviewing/on/1/unless": None})
    del worst["states"]["reviewing"]["on"][1]["unless"]
    levels = [each.level for each in lint(worst)]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert len(set(levels)) > 1


def test_equal_documents_give_equal_findings() -> None:
    for defect in DEFECTS:
        first: tuple[Finding, ...] = lint(defect.document)
        assert first == lint(json.loads(json.dumps(defect.document)))


def test_the_page_of_the_reference_is_made_of_all_codes() -> None:
    assert "```{generated} findings\n```" in PAGE.read_text("utf-8")
    assert all(code.means.endswith(".") and code.levels for code in CODES.values())
