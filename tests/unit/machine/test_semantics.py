"""How a machine moves: events, hooks, stores, guards, groups."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.errors import InvalidInputError
from tests.unit.machine.drive import Drive, effects, machine

Json = dict[str, Any]

DOOR: Json = {
    "name": "door",
    "initial": "closed",
    "external": {"badge_ok": {"type": "boolean", "default": False}},
    "states": {
        "closed": {"on": [{"event": "open", "to": "opened"}, {"event": "lock", "to": "locked"}]},
        "opened": {"on": [{"event": "close", "to": "closed"}]},
        "locked": {"on": [{"event": "unlock", "if": "external.badge_ok", "to": "closed"}]},
    },
}
COUNTS: Json = {"log": {"type": "array", "items": "string"}, "count": "integer"}


def noted(word: str) -> Json:
    """A hook that writes a word into internal.log."""
    return {"set": {"internal.log": f"internal.log + ['{word}']"}}


def door() -> Drive:
    return Drive(DOOR)


# -- the door --------------------------------------------------------------------------------------


def test_the_door_goes_through_all_its_states() -> None:
    drive = door().event("open").event("close").event("lock")
    drive.update(badge_ok=True).event("unlock").event("open")
    assert drive.path == ["closed", "opened", "closed", "locked", "closed", "opened"]


def test_a_door_never_drifts_open_by_itself() -> None:
    drive = door().event("open").event("close")
    assert (drive.at, drive.last.trigger) == ("closed", "event close")
    drive.update(badge_ok=True).update(badge_ok=False).update(badge_ok=True).advance()
    assert drive.at == "closed"
    drive.event("lock").wait(10 * 365 * 86_400)
    assert drive.at == "locked"
    drive.event("unlock")
    assert drive.at == "closed"
    drive.wait(10 * 365 * 86_400).advance()
    assert (drive.at, drive.status) == ("closed", "running")


def test_a_locked_door_says_which_guard_refused_on_which_value() -> None:
    drive = door().event("lock").event("unlock")
    assert drive.at == "locked"
    (refusal,) = drive.of(e.CommandRefused)
    assert refusal.command == "event unlock"
    assert refusal.edges == {
        "states/locked/on/0": "external.badge_ok is false",
    }
    assert drive.event("open").refused[-1] == ("event open", "state 'locked' takes 'unlock'")


def test_the_first_transition_leads_from_nowhere_to_the_initial_state() -> None:
    (first,) = door().of(e.Transitioned)
    assert (first.source, first.target, first.edge) == ("", "closed", "initial")


# -- events ----------------------------------------------------------------------------------------


def test_an_event_that_no_edge_names_is_refused_at_the_edge_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInputError, match="did you mean 'open'.*'close', 'lock', 'open'"):
        door().event("opne")


def test_an_event_is_visible_in_the_first_microstep_only() -> None:
    drive = Drive(
        machine(
            {
                "a": {"on": [{"event": "go", "to": "b"}]},
                "b": {"on": [{"event": "go", "to": "c"}], "when": [{"to": "d"}]},
                "c": {},
                "d": {"on": [{"event": "go", "to": "c"}]},
            }
        )
    )
    assert drive.event("go").path == ["a", "b", "d"]


def test_an_event_goes_before_the_eventless_edges_of_its_state() -> None:
    document = machine(
        {
            "a": {
                "on": [{"event": "go", "to": "b"}],
                "when": [{"if": {"call": "opens"}, "to": "c"}],
            },
            "b": {},
            "c": {},
        }
    )
    answers = iter((False, True))
    drive = Drive(document, {"opens": lambda: next(answers)})
    assert drive.event("go").path == ["a", "b"]


def test_typed_data_of_an_event_is_checked_and_filled_up() -> None:
    drive = Drive(
        machine(
            {
                "a": {
                    "on": [
                        {
                            "event": "pay",
                            "if": "event.amount > 3",
                            "set": {"internal.by": "event.by"},
                            "to": "b",
                        }
                    ]
                },
                "b": {},
            },
            internal={"by": "string"},
            events={"pay": {"amount": "integer", "by": {"type": "string", "default": "nobody"}}},
        )
    )
    for data, why in (
        ({"amount": "much"}, "amount"),
        ({}, "amount is missing"),
        ({"amount": 1, "bye": 1}, "did you mean 'by'"),
    ):
        with pytest.raises(InvalidInputError, match=why):
            drive.event("pay", **data)
    # one that came around the edge, as after a change of definition, is refused and not an error
    drive.advance(m.Signal("pay", {"amount": "much"}))
    assert drive.refused[-1][0] == "event pay"
    drive.event("pay", amount=2)
    assert drive.refused[-1][1] == "event.amount > 3 is false: event.amount is 2"
    assert drive.event("pay", amount=4).internal == {"by": "nobody"}
    assert drive.at == "b"


def test_an_event_without_a_declaration_brings_any_data() -> None:
    document = machine(
        {"a": {"on": [{"event": "go", "set": {"internal.got": "event"}}]}},
        internal={"got": {"type": "any"}},
    )
    drive = Drive(document).event("go", x=[1])
    assert drive.internal == {"got": {"x": [1]}}
    assert drive.event("go").internal == {"got": None}


# -- the order of things ---------------------------------------------------------------------------


def test_hooks_run_in_the_order_of_the_seed() -> None:
    drive = Drive(
        machine(
            {
                "a": {
                    "on": [{"event": "go", **noted("edge"), "to": "b"}],
                    "enter": [noted("a in")],
                    "exit": [noted("a out"), noted("a out 2")],
                },
                "b": {"on": [{"event": "go", "to": "a"}], "enter": [noted("b in")]},
            },
            internal=COUNTS,
            on_enter=[noted("in")],
            on_exit=[noted("out")],
            on_transition=[noted("over")],
        )
    )
    assert drive.internal["log"] == ["in", "a in"]
    drive.event("go")
    assert drive.internal["log"][2:] == [
        *("out", "a out", "a out 2", "over", "edge", "in", "b in"),
    ]


def test_a_hook_sees_what_those_before_it_wrote_and_all_of_one_set_the_same_stores() -> None:
    drive = Drive(
        machine(
            {
                "a": {
                    "enter": [
                        {"set": {"internal.x": "internal.y", "internal.y": "internal.x"}},
                        {"set": {"internal.sum": "internal.x * 10 + internal.y"}},
                    ],
                    "on": [{"event": "go", "to": "a"}],
                }
            },
            internal={
                "x": {"type": "integer", "default": 1},
                "y": {"type": "integer", "default": 2},
                "sum": "integer",
            },
        )
    )
    assert drive.internal == {"x": 2, "y": 1, "sum": 21}
    assert drive.event("go").internal == {"x": 1, "y": 2, "sum": 12}


def test_an_edge_without_a_target_leaves_and_enters_nothing() -> None:
    drive = Drive(
        machine(
            {
                "a": {
                    "on": [{"event": "stay", **noted("stay")}, {"event": "again", "to": "a"}],
                    "enter": [noted("in")],
                    "exit": [noted("out")],
                    "after": [{"delay": 60, "to": "b"}],
                },
                "b": {},
            },
            internal=COUNTS,
            on_transition=[noted("over")],
        )
    )
    drive.wait(10).event("stay")
    assert drive.internal["log"] == ["in", "stay"]
    assert drive.last.stays
    assert drive.machine.visits == {"a": 1}
    assert drive.timers == {"a/after/0@1": 60}
    drive.event("again")
    assert drive.internal["log"][2:] == ["out", "over", "in"]
    assert not drive.last.stays
    assert drive.machine.visits == {"a": 2}
    assert drive.timers == {"a/after/0@2": 70}


def test_a_visit_is_counted_before_the_hooks_of_entry_run() -> None:
    drive = Drive(
        machine(
            {
                "a-1": {
                    "enter": [{"set": {"internal.count": "visits['a-1'] * 10 + visits.b"}}],
                    "on": [{"event": "go", "to": "b"}],
                },
                "b": {
                    "enter": [{"set": {"internal.count": "visits['a-1'] * 10 + visits.b"}}],
                    "when": [{"if": "visits.b < 3", "to": "a-1"}],
                    "on": [{"event": "go", "to": "a-1"}],
                },
            },
            internal=COUNTS,
        )
    )
    assert drive.internal["count"] == 10
    assert drive.event("go").internal["count"] == 21
    assert drive.event("go").event("go").internal["count"] == 33
    assert drive.machine.visits == {"a-1": 3, "b": 3}


def test_several_states_are_passed_in_one_run_each_as_a_row_of_its_own() -> None:
    drive = Drive(
        machine(
            {
                "a": {"when": [{"if": "external.n > 0", "to": "b"}]},
                "b": {"when": [{"unless": "external.n < 2", "to": "c"}]},
                "c": {"when": [{"to": "d"}]},
                "d": {"terminal": True},
            },
            external={"n": {"type": "integer", "default": 0}},
        )
    )
    assert drive.path == ["a"]
    assert drive.update(n=1).path == ["a", "b"]
    assert drive.update(n=2).path == ["a", "b", "c", "d"]
    assert [each.trigger for each in drive.of(e.Transitioned)] == ["", "", "", ""]
    assert drive.status == "completed"


# -- stores ----------------------------------------------------------------------------------------


def test_both_stores_begin_with_defaults_input_and_zeros() -> None:
    fields: Json = {
        "a": "boolean",
        "b": {"type": "string", "nullable": True},
        "c": {"type": "array", "default": [1]},
        "d": "number",
    }
    external = {"x": "integer", "y": {"type": "string", "default": "why"}}
    document = machine({"a": {"forever": True}}, internal=fields, external=external)
    drive = Drive(document, given={"x": 7})
    assert drive.internal == {"a": False, "b": None, "c": [1], "d": 0.0}
    assert drive.external == {"x": 7, "y": "why"}
    with pytest.raises(InvalidInputError, match="x is missing"):
        Drive(document)


def test_outside_code_changes_the_external_store_and_thereby_wakes_the_machine() -> None:
    drive = Drive(
        machine(
            {"a": {"when": [{"if": "external.flag", "to": "b"}]}, "b": {}},
            external={"flag": {"type": "boolean", "default": False}},
        )
    )
    assert drive.update(flag=True).path == ["a", "b"]
    for wrong in ({"flag": 1}, {"other": 1}):
        with pytest.raises(InvalidInputError):
            drive.program.check_changes(wrong)


def test_a_function_may_answer_for_a_guard_and_its_answer_is_recorded() -> None:
    seen: list[Any] = []

    def fits(external: Json, event: Json, state: str, to: str) -> bool:
        seen.append((external, event, state, to))
        return bool(event["n"] > 1)

    drive = Drive(
        machine(
            {"a": {"on": [{"event": "go", "if": {"call": "fits"}, "to": "b"}]}, "b": {}},
            external={"x": {"type": "integer", "default": 5}},
        ),
        {"fits": fits},
    )
    drive.event("go", n=1).event("go", n=2)
    answers = drive.of(e.PredicateAnswered)
    assert [(each.path, each.answer) for each in answers] == [
        ("states/a/on/0", False),
        ("states/a/on/0", True),
    ]
    assert seen[0] == ({"x": 5}, {"n": 1}, "a", "b")
    assert drive.refused == [("event go", "fits() said no")]
    assert drive.at == "b"


def test_a_function_may_write_one_field_or_several() -> None:
    drive = Drive(
        machine(
            {
                "a": {
                    "on": [
                        {"event": "one", "set": {"internal.count": {"call": "next_count"}}},
                        {"event": "more", "set": {"call": "both"}},
                    ]
                }
            },
            internal=COUNTS,
            external={"flag": {"type": "boolean", "default": False}},
        ),
        {
            "next_count": lambda internal: internal["count"] + 1,
            "both": lambda: {"internal.count": 7, "external.flag": True},
        },
    )
    assert drive.event("one").event("one").internal["count"] == 2
    assert drive.event("more").internal["count"] == 7
    assert drive.external == {"flag": True}


# -- groups ----------------------------------------------------------------------------------------

OPEN: Json = machine(
    {
        "a": {
            "on": [
                {"event": "next", "to": "b"},
                {"event": "stop", "if": "external.inner", "to": "inner"},
                {"event": "out", "to": "out"},
            ]
        },
        "b": {"on": [{"event": "back", "to": "a"}]},
        "out": {"on": [{"event": "back", "to": "a"}]},
        "inner": {},
        "outer": {},
        "late": {},
    },
    external={"inner": {"type": "boolean", "default": False}},
    groups={
        "open": {
            "members": ["a", "b"],
            "on": [{"event": "stop", "to": "outer"}],
            "after": [{"delay": 100, "to": "late"}],
        }
    },
)


def test_members_share_the_edges_of_their_group() -> None:
    for drive in (Drive(OPEN).event("stop"), Drive(OPEN).event("next").event("stop")):
        assert (drive.at, drive.last.edge) == ("outer", "groups/open/on/0")


def test_an_inner_edge_that_is_true_wins_over_the_one_of_the_group() -> None:
    assert Drive(OPEN, given={"inner": True}).event("stop").at == "inner"
    assert Drive(OPEN, given={"inner": False}).event("stop").at == "outer"


def test_the_deadline_of_a_group_counts_from_entering_the_group() -> None:
    drive = Drive(OPEN).wait(60).event("next").wait(30)
    assert drive.timers == {"groups/open/after/0@1": 100}
    assert drive.wait(9).at == "b"
    assert drive.wait(1).at == "late"
    again = Drive(OPEN).wait(60).event("out")
    assert again.timers == {}
    assert again.wait(30).event("back").timers == {"groups/open/after/0@2": 190}


def test_previous_leads_back_to_the_state_that_was_left_for_this_one() -> None:
    drive = Drive(
        machine(
            {
                "a": {"on": [{"event": "pause", "to": "held"}, {"event": "next", "to": "b"}]},
                "b": {"on": [{"event": "pause", "to": "held"}]},
                "held": {
                    "on": [
                        {"event": "go", "to": "previous()"},
                        {"event": "again", "to": "held"},
                    ]
                },
            }
        )
    )
    drive.event("pause").event("again").event("go")
    assert drive.at == "a"
    assert drive.event("next").event("pause").event("go").at == "b"


# -- ends ------------------------------------------------------------------------------------------


def test_a_state_without_a_way_out_ends_the_process_with_its_stores() -> None:
    drive = Drive(
        machine(
            {"a": {"on": [{"event": "go", "to": "b"}]}, "b": {"enter": [noted("b")]}},
            internal=COUNTS,
        )
    )
    drive.event("go")
    assert drive.status == "completed"
    assert drive.process.result == {
        "state": "b",
        "internal": {"log": ["b"], "count": 0},
        "external": {},
    }


def test_nothing_leads_out_of_a_terminal_state_though_its_effects_are_waited_for() -> None:
    drive = Drive(
        machine(
            {
                "a": {"on": [{"event": "go", "to": "b"}]},
                "b": {"terminal": True, "enter": [{"effect": [{"activity": "mail"}]}]},
            },
            idle={"delay": 5, "to": "a"},
            groups={"all": {"members": ["a"], "on": [{"event": "stop", "to": "b"}]}},
        ),
    )
    drive.event("go")
    assert (drive.status, drive.open, drive.timers) == ("running", ["b/mail#1"], {})
    drive.wait(100).event("go").event("stop")
    assert drive.refused == [
        ("event go", "state 'b' is terminal"),
        ("event stop", "state 'b' is terminal"),
    ]
    drive.done("b/mail#1")
    assert (drive.status, drive.path) == ("completed", ["a", "b"])


def test_a_request_to_stop_ends_the_process_once_its_work_has_ended() -> None:
    drive = Drive(
        machine(
            {
                "a": {
                    "run": {"activity": "work"},
                    "done": [{"to": "b"}],
                    "enter": [{"effect": [{"activity": "mail"}]}],
                },
                "b": {},
            }
        )
    )
    drive.command("cancel")
    assert (drive.status, drive.leaving) == ("running", ["a/mail#1", "a/work"])
    drive.advance(drive.outcome("a/work", e.ActivityCanceled()))
    drive.done("a/mail#1")
    assert (drive.status, drive.path) == ("canceled", ["a"])
    assert effects(drive) == ["a/mail#1"]
