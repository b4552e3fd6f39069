"""Every seeded defect is found, with z3 and without, and good machines are left in peace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from corago.machine.checking import faults
from corago.machine.lint import CODES, Finding, errors, lint
from corago.machine.lint.exhaustive import Exhaustive
from corago.machine.lint.solver import UNKNOWN, Answer, Condition, Scope, Solver
from tests.unit.machine.lint.defects import DEFECTS, Defect
from tests.unit.machine.lint.machines import GONE, GOOD, LOOP, ORDER, Document, changed

CORPUS = sorted((Path(__file__).parents[3] / "machines/corpus").glob("*.json"))
LEAST = 50


class Clueless:
    """A solver that never knows."""

    def possible(self, conditions: Sequence[Condition], scope: Scope) -> Answer:
        return UNKNOWN


@pytest.fixture(params=["the best solver", "no extra"])
def solver(request: pytest.FixtureRequest) -> Solver | None:
    return None if request.param == "the best solver" else Exhaustive()


def told(found: tuple[Finding, ...]) -> set[tuple[str, str, str]]:
    return {(each.code, each.level, each.pointer) for each in found}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda each: each.name)
def test_a_defect_is_found_where_it_is(defect: Defect, solver: Solver | None) -> None:
    found = told(lint(defect.document, solver=solver))
    wanted = (defect.code, defect.level, defect.pointer)
    if solver is None or not defect.needs_proof:
        assert wanted in found
    else:
        assert wanted not in found


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda each: each.name)
def test_a_machine_with_a_defect_is_sound_otherwise(defect: Defect) -> None:
    if defect.level != "error":
        assert list(faults(defect.document)) == []


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_a_good_machine_gives_no_finding(good: Document, solver: Solver | None) -> None:
    assert lint(good, solver=solver) == ()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_real_machine_gives_no_alarm(path: Path, solver: Solver | None) -> None:
    found = lint(json.loads(path.read_text("utf-8")), solver=solver)
    assert [str(each) for each in found if each.level != "note"] == []


def test_there_are_many_defects_and_one_at_least_of_each_code() -> None:
    assert len(DEFECTS) >= LEAST
    seeded = {(each.code, each.level) for each in DEFECTS}
    assert seeded == {(name, level) for name, code in CODES.items() for level in code.levels}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda each: each.name)
def test_errors_are_what_lint_calls_so_without_any_extra(defect: Defect) -> None:
    found = told(errors(defect.document))
    wanted = (defect.code, defect.level, defect.pointer)
    assert (wanted in found) is (defect.level == "error" and not defect.needs_proof)
    assert found <= told(lint(defect.document))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda each: each.name)
def test_a_solver_that_knows_nothing_raises_no_alarm_about_values(defect: Defect) -> None:
    asks = {"gap", "never-true", "overlap", "stuck"}
    found = lint(defect.document, solver=Clueless())
    examples = [each.example for each in found if each.code in asks]
    assert not any(isinstance(example, dict) and example for example in examples)


def test_a_function_makes_no_alarm_but_a_note() -> None:
    opaque = changed(
        ORDER,
        {
            "states/again/when/0/if": {"call": "may_try"},
            "states/again/when/1/if": {"call": "may_not_try"},
            "states/paying/failed/0/set": {"call": "count"},
        },
    )
    assert {(each.code, each.level) for each in lint(opaque)} <= {("unknown", "note")}
    assert any(each.pointer.startswith("states/again") for each in lint(opaque))


def test_equal_edges_are_no_conflict() -> None:
    same = changed(ORDER, {"states/new/when/-": {"if": "external.amount > 5", "to": "sorting"}})
    assert lint(same) == ()


def test_an_inner_edge_wins_over_its_groups_edge() -> None:
    inner = changed(ORDER, {"states/reviewing/on/-": {"event": "cancel", "to": "rejected"}})
    assert lint(inner) == ()


def test_the_first_edge_wins_where_a_machine_says_so() -> None:
    first = changed(
        ORDER, {"conflict": "first", "states/reviewing/on/1": {"event": "review", "to": "rejected"}}
    )
    assert lint(first) == ()


def test_what_must_be_valid_is_taken_for_granted_where_two_edges_meet() -> None:
    edges = {
        "states/sorting/when/0/if": "external.amount > 1000",
        "states/sorting/when/1": {"if": "external.paid", "to": "paying"},
    }
    assert "overlap" in {each.code for each in lint(changed(ORDER, edges))}
    valid = {**edges, "validate": "not (external.paid and external.amount > 1000)"}
    assert "overlap" not in {each.code for each in lint(changed(ORDER, valid))}


def test_a_bound_on_visits_ends_a_circle() -> None:
    bounded = changed(
        LOOP,
        {
            "states/turning/when/0": {
                "if": "internal.ready and visits.turning < 5", "to": "resting",
            },
            "states/turning/when/1/unless": "internal.ready and visits.turning < 5",
            "internal/count": {"type": "integer"},
        },
    )  # fmt: skip
    assert {each.code for each in lint(bounded)} == {"unused-field"}


def test_a_number_that_is_halved_ends_a_circle() -> None:
    halved = changed(
        LOOP,
        {
            "states/turning/when/0": {
                "if": "internal.ready and internal.count > 0",
                "set": {"internal.count": "internal.count // 2"},
                "to": "resting",
            },
            "states/turning/when/1/unless": "internal.ready and internal.count > 0",
            "states/idle/on/0/set": {
                "internal.ready": "true", "internal.count": "external.amount",
            },
            "external/amount": {"type": "integer"},
        },
    )  # fmt: skip
    assert lint(halved) == ()


def test_a_return_leads_round_only_to_where_the_machine_has_come_from() -> None:
    far = {
        "states/turning/when": [{"to": "far-off"}],
        "states/far-off": {"when": [{"to": "resting"}]},
        "states/resting/when": [{"if": "visits.turning > 99", "to": "over"}, {"to": "previous()"}],
        "conflict": "first",
        "internal": GONE,
        "states/idle/on/0/set": GONE,
    }
    (found,) = (each for each in lint(changed(LOOP, far)) if each.code == "eventless-cycle")
    assert "far-off → resting → far-off" in found.text


def test_what_holds_in_one_member_of_a_group_is_not_taken_for_granted_in_another() -> None:
    guard = "external.paid and visits.reviewing == 0"
    grouped = changed(ORDER, {"groups/open/on/0/if": guard})
    assert lint(grouped) == ()


def test_a_return_is_not_followed_to_where_the_machine_has_not_come_from() -> None:
    two_ways = {
        "states/turning/when": [
            {"if": "internal.ready", "to": "resting"},
            {"unless": "internal.ready", "to": "far-off"},
        ],
        "states/far-off": {"when": [{"to": "resting"}]},
        "states/resting/when": [{"to": "previous()"}],
    }
    found = [each for each in lint(changed(LOOP, two_ways)) if each.code == "eventless-cycle"]
    assert found
    assert not any("far-off" in each.text and "turning" in each.text for each in found)


def test_a_counter_with_a_bound_ends_a_circle_however_far_the_bound_is() -> None:
    far = {
        "states/turning/when/0/if": "internal.ready and internal.count < 5000",
        "states/turning/when/1/unless": "internal.ready and internal.count < 5000",
    }
    assert lint(changed(LOOP, far)) == ()


def test_a_timer_that_may_not_fire_leaves_time_for_attempts() -> None:
    changes = {
        "states/paying/run/retry": {"attempts": 8, "delay": 60},
        "states/paying/after": [
            {"delay": "PT10M", "if": "external.country == 'DE'", "to": "rejected"}
        ],
    }
    assert lint(changed(ORDER, changes)) == ()


def test_the_error_state_may_wait_for_a_person() -> None:
    only_noted = {"states/trouble/on": [{"event": "seen", "set": {"internal.attempts": "0"}}]}
    assert lint(changed(ORDER, only_noted)) == ()


def test_a_field_that_is_counted_down_may_be_below_zero() -> None:
    down = {
        "states/paying/failed/0/set": {"internal.attempts": "internal.attempts - 1"},
        "states/again/when/0/if": "internal.attempts > -3",
        "states/again/when/1/if": "internal.attempts <= -3",
    }
    assert lint(changed(ORDER, down)) == ()


def test_a_function_may_write_any_field() -> None:
    opaque = {"states/idle/on/0/set": {"call": "prepare"}}
    assert "never-true" not in {each.code for each in lint(changed(LOOP, opaque))}


def test_a_function_may_read_all_of_an_event() -> None:
    given = {
        "events/cancel": {"why": {"type": "string"}},
        "groups/open/on/0/set": {"internal.charge": {"call": "note_down"}},
    }
    assert lint(changed(ORDER, given)) == ()


def test_only_what_stands_in_the_stores_alone_is_taken_for_granted_of_a_guard() -> None:
    guards = {
        "states/again/when/0/if": "internal.attempts < 3 and not external.paid",
        "states/again/when/1": {"unless": "internal.attempts < 3 and not external.paid",
                                "to": "rejected"},
    }  # fmt: skip
    outside = changed(ORDER, {**guards, "validate": "external.paid"})
    assert lint(outside) == ()
    inside = changed(ORDER, {**guards, "validate": "internal.attempts > 5"})
    assert {(each.code, each.pointer) for each in lint(inside)} == {
        ("never-true", "states/again/when/0")
    }


def test_a_timer_of_the_machine_ends_every_wait() -> None:
    timed = changed(
        ORDER,
        {
            "lifetime": {"delay": "P90D", "to": "expired"},
            "states/reviewing/after": GONE,
            "states/again/when/1/if": "internal.attempts > 3",
        },
    )
    assert lint(timed) == ()


def test_a_sooner_timer_may_stand_behind_a_later_one() -> None:
    sooner = {"states/new/after/-": {"delay": "PT1H", "if": "external.paid", "to": "rejected"}}
    assert lint(changed(ORDER, sooner)) == ()


def test_a_flag_that_is_cleared_on_the_way_ends_a_circle(solver: Solver | None) -> None:
    once = changed(
        LOOP,
        {
            "states/turning/when/0": {
                "if": "internal.ready",
                "set": {"internal.ready": "false", "internal.count": "internal.count + 1"},
                "to": "resting",
            },
            "states/turning/when/1/unless": "internal.ready",
        },
    )
    assert "eventless-cycle" not in {each.code for each in lint(once, solver=solver)}
