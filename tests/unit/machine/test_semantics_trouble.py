"""Machines in trouble: error states, incidents, ambiguity, limits, validation."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from tests.unit.machine.drive import Drive, effects, machine

Json = dict[str, Any]

DIVIDES = "1 // external.n > 0"
"""A guard that fails while external.n is 0, its first value."""


def risky(**more: Any) -> Json:
    return machine(
        {
            "a": {
                "on": [
                    {"event": "guard", "if": DIVIDES, "to": "b"},
                    {"event": "update", "set": {"internal.n": "1 // external.n"}, "to": "b"},
                    {"event": "args", "effect": effect("1 // external.n"), "to": "b"},
                    {"event": "deep", "to": "c"},
                    {"event": "unfit", "set": {"internal.few": "external.n + 99"}, "to": "b"},
                    {"event": "mail", "effect": effect("1")},
                    {"event": "work", "to": "works"},
                    {"event": "fine", "to": "b"},
                ]
            },
            "b": {"on": [{"event": "fine", "to": "a"}]},
            "c": {
                "enter": [{"set": {"internal.n": "1 // external.n"}}],
                "on": [{"event": "fine", "to": "a"}],
            },
            "works": {
                "run": {"activity": "work"},
                "done": [{"to": "b"}],
                "failed": [{"error": "Declined", "to": "b"}],
                "on": [{"event": "fine", "to": "a"}],
            },
            **more.pop("states", {}),
        },
        external={"n": {"type": "integer", "default": 0}},
        internal={"n": "integer", "few": {"type": "integer", "maximum": 9}, "said": "string"},
        **more,
    )


def effect(text: str) -> list[Json]:
    return [{"activity": "mail", "args": {"n": text}}]


TROUBLE: Json = {
    "trouble": {
        "enter": [{"set": {"internal.said": "error.kind + ' ' + error.where"}}],
        "on": [
            {"event": "resume", "to": "previous()"},
            {"event": "stay", "if": DIVIDES},
            {"event": "fine", "to": "b"},
        ],
    }
}


def safe() -> Json:
    return risky(states=TROUBLE, error="trouble")


# -- the error state -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "said", "type_"),
    [
        ("guard", "guard states/a/on/0", "EvaluationError"),
        ("update", "update states/a/on/1", "EvaluationError"),
        ("args", "arguments states/a/on/2", "EvaluationError"),
        ("deep", "update states/c/enter/0", "EvaluationError"),
        ("unfit", "update states/a/on/4", "UnfitValue"),
    ],
)
def test_what_fails_in_a_transition_leads_to_the_error_state_with_a_record(
    event: str, said: str, type_: str
) -> None:
    drive = Drive(safe()).event(event)
    assert (drive.at, drive.internal["said"]) == ("trouble", said)
    error = drive.last.error
    assert error is not None
    assert (error.source, error.type) == ("a", type_)
    assert (drive.last.trigger, drive.machine.error) == (f"event {event}", error)
    # nothing of the failed transition is left, and nothing of it will run
    assert (drive.internal["n"], drive.internal["few"], effects(drive)) == (0, 0, [])
    assert drive.machine.visits == {"a": 1, "trouble": 1}


def test_previous_leads_back_out_of_the_error_state_and_the_record_is_gone() -> None:
    drive = Drive(safe()).event("guard").event("resume")
    assert (drive.at, drive.machine.error, drive.status) == ("a", None, "running")
    assert drive.update(n=1).event("guard").at == "b"


def test_exhausted_work_without_a_fitting_edge_leads_to_the_error_state() -> None:
    drive = Drive(safe()).event("work").fails("works/work", "Timeout")
    assert (drive.at, drive.internal["said"]) == ("trouble", "activity works/work")
    assert drive.event("resume").open == ["works/work"]
    assert drive.fails("works/work", "Declined").at == "b"


def test_an_exhausted_effect_leads_to_the_error_state_from_wherever_the_machine_is() -> None:
    drive = Drive(safe()).event("mail").event("fine").fails("a/mail#1", "Bounced", "gone")
    assert (drive.at, drive.internal["said"]) == ("trouble", "effect a/mail#1")
    assert drive.event("resume").at == "b"
    assert drive.open == []


def test_what_fails_in_the_error_state_needs_a_person_and_the_event_waits() -> None:
    drive = Drive(safe()).event("guard").event("stay")
    assert (drive.at, drive.status) == ("trouble", "suspended")
    assert drive.failed == ["states/trouble/on/1"]
    drive.update(n=1).command("retry")
    assert (drive.at, drive.status) == ("trouble", "running")
    assert drive.last.stays
    assert drive.machine.error is not None  # it still is in trouble


def test_previous_never_leads_back_into_the_error_state() -> None:
    document = safe()
    document["states"]["b"]["on"].append({"event": "back", "to": "previous()"})
    drive = Drive(document).event("guard").event("fine").event("back")
    assert (drive.path, drive.machine.error) == (["a", "trouble", "b", "a"], None)


def test_a_machine_that_fails_at_its_very_start_begins_in_its_error_state() -> None:
    document = machine(
        {
            "a": {"enter": [{"set": {"internal.n": "1 // external.n"}}], **FINE},
            "b": FINE,
            **TROUBLE,
        },
        error="trouble",
        external={"n": {"type": "integer", "default": 0}},
        internal={"n": "integer", "said": "string"},
    )
    drive = Drive(document)
    assert (drive.path, drive.internal["said"]) == (["trouble"], "update states/a/enter/0")
    assert drive.last.source == ""
    assert drive.update(n=1).event("resume").path == ["trouble", "a"]


FINE: Json = {"on": [{"event": "fine", "to": "a"}]}


# -- without an error state ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ("guard", "states/a/on/0"),
        ("update", "states/a/on/1"),
        ("args", "states/a/on/2"),
        ("deep", "states/a/on/3"),
        ("unfit", "states/a/on/4"),
    ],
)
def test_without_an_error_state_a_person_is_asked_who_may_try_again_or_pass_over_the_edge(
    event: str, place: str
) -> None:
    drive = Drive(risky()).event(event)
    assert (drive.at, drive.status, drive.failed) == ("a", "suspended", [place])
    drive.event("fine")
    assert drive.at == "a"  # events wait for their turn
    drive.command("retry")
    assert (drive.status, drive.failed) == ("suspended", [place])
    passed = Drive(risky()).event(event).event("fine").command("skip")
    assert (passed.at, passed.status, passed.failed) == ("b", "running", [])
    assert passed.refused[0][0] == f"event {event}"
    mended = Drive(risky()).event(event).update(n=-90 if event == "unfit" else 1).command("retry")
    assert mended.at in {"b", "c"}
    assert mended.status == "running"


def test_work_that_failed_without_an_edge_can_be_tried_again_passed_over_or_left() -> None:
    drive = Drive(risky()).event("work").fails("works/work")
    assert (drive.at, drive.status, drive.failed) == ("works", "suspended", ["works/work"])
    assert drive.command("retry").open == ["works/work"]
    assert drive.done("works/work").at == "b"
    assert Drive(risky()).event("work").fails("works/work").command("skip").at == "b"
    left = Drive(risky()).event("work").fails("works/work").event("fine")
    assert (left.at, left.status, left.failed) == ("a", "running", [])
    assert left.last.resolved == ("works/work",)


def test_a_suspended_machine_can_be_asked_to_stop() -> None:
    assert Drive(risky()).event("guard").command("cancel").status == "canceled"


def test_a_function_that_raises_is_trouble_like_any_guard_and_is_asked_again_by_a_retry() -> None:
    told = {"error": ValueError("not now")}

    def opens() -> bool:
        if told:
            raise told["error"]
        return True

    document = machine(
        {"a": {"on": [{"event": "go", "if": {"call": "opens"}, "to": "b"}]}, "b": {}}
    )
    drive = Drive(document, {"opens": opens}).event("go")
    assert drive.status == "suspended"
    assert str(drive.agenda.incidents[0].error) == "ValueError: not now"
    told.clear()
    assert drive.command("retry").at == "b"


# -- more than one edge ----------------------------------------------------------------------------


def forked(first: Json, second: Json, **more: Any) -> Json:
    return machine(
        {
            "a": {"on": [{"event": "go", **first}, {"event": "go", **second}]},
            "b": {},
            "c": {},
        },
        external={"n": {"type": "integer", "default": 0}},
        internal={"n": "integer"},
        **more,
    )


MORE: Json = {"if": "external.n > 1", "to": "b"}
MOST: Json = {"if": "external.n > 5", "to": "c"}


def test_two_edges_that_hold_and_differ_are_an_error_that_names_both() -> None:
    drive = Drive(forked(MORE, MOST), given={"n": 9}).event("go")
    (incident,) = drive.agenda.incidents
    assert incident.error.type == "AmbiguousTransition"
    assert "states/a/on/0" in incident.error.message
    assert "states/a/on/1" in incident.error.message
    assert Drive(forked(MORE, MOST), given={"n": 3}).event("go").at == "b"


def test_a_person_who_passes_over_one_of_two_edges_lets_the_other_be_taken() -> None:
    drive = Drive(forked(MORE, MOST), given={"n": 9}).event("go").command("skip")
    assert (drive.at, drive.status) == ("c", "completed")


def test_two_edges_that_hold_and_do_the_same_are_one() -> None:
    twice = {"if": "external.n > 5", "to": "b"}
    assert Drive(forked(MORE, twice), given={"n": 9}).event("go").at == "b"
    other = {**twice, "set": {"internal.n": "1"}}
    assert Drive(forked(MORE, other), given={"n": 9}).event("go").status == "suspended"


def test_the_first_edge_wins_where_the_document_says_so() -> None:
    drive = Drive(forked(MORE, MOST, conflict="first"), given={"n": 9}).event("go")
    assert (drive.at, drive.last.edge) == ("b", "states/a/on/0")


def test_every_guard_is_asked_also_after_one_that_holds() -> None:
    asked: list[str] = []

    def one() -> bool:
        asked.append("one")
        return True

    def two() -> bool:
        asked.append("two")
        return False

    document = forked({"if": {"call": "one"}, "to": "b"}, {"if": {"call": "two"}, "to": "c"})
    assert Drive(document, {"one": one, "two": two}).event("go").at == "b"
    assert set(asked) == {"one", "two"}


# -- no end in sight -------------------------------------------------------------------------------


def counting(limit: int, hops: int, **more: Any) -> Json:
    return machine(
        {
            "a": {"on": [{"event": "go", "to": "b"}]},
            "b": {
                "enter": [{"set": {"internal.n": "internal.n + 1"}}],
                "when": [{"if": f"internal.n < {hops}", "to": "b"}],
                "on": [{"event": "rest", "set": {"internal.n": "0"}, "to": "a"}],
            },
        },
        internal={"n": "integer"},
        max_transitions=limit,
        **more,
    )


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_exactly_as_many_transitions_as_the_limit_says_may_follow_from_one_message(
    limit: int,
) -> None:
    fits = Drive(counting(limit, limit)).event("go")
    assert (fits.internal["n"], fits.status) == (limit, "running")
    again = fits.event("rest").event("go")  # each message has the whole limit
    assert (again.internal["n"], again.status) == (limit, "running")
    over = Drive(counting(limit, limit + 1)).event("go")
    assert (over.internal["n"], over.status) == (limit, "suspended")
    assert over.agenda.incidents[0].error.type == "TooManyTransitions"
    # what was done is kept: every transition is a row of its own
    assert over.path == ["a", *["b"] * limit]


def test_a_state_that_comes_back_with_the_same_stores_ends_the_round_at_once() -> None:
    document = machine(
        {
            "rest": {"on": [{"event": "go", "to": "a"}]},
            "a": {"when": [{"if": "external.n == 0", "to": "b"}]},
            "b": {"when": [{"if": "external.n == 0", "to": "a"}]},
        },
        external={"n": {"type": "integer", "default": 0}},
    )
    drive = Drive(document).event("go")
    assert drive.path == ["rest", "a", "b", "a"]
    assert (drive.status, drive.agenda.incidents[0].error.type) == ("suspended", "Divergence")


def test_a_round_that_changes_a_store_is_no_divergence() -> None:
    drive = Drive(counting(100, 50)).event("go")
    assert (drive.internal["n"], drive.status) == (50, "running")


def test_an_edge_that_stays_and_changes_nothing_is_a_round_too() -> None:
    document = machine(
        {"a": {"when": [{"if": "external.n > 0", "effect": effect("1")}], **FINE}},
        external={"n": {"type": "integer", "default": 0}},
    )
    drive = Drive(document).update(n=1)
    assert drive.agenda.incidents[0].error.type == "Divergence"
    assert len(drive.of(e.Transitioned)) <= 4


def test_divergence_leads_to_the_error_state_where_there_is_one() -> None:
    document = machine(
        {
            "a": {"when": [{"if": "external.n > 0", "to": "b"}]},
            "b": {"when": [{"to": "a"}]},
            "trouble": {"on": [{"event": "go", "to": "a"}]},
        },
        external={"n": {"type": "integer", "default": 0}},
        error="trouble",
    )
    drive = Drive(document).update(n=1)
    assert drive.at == "trouble"
    assert drive.machine.error is not None
    assert drive.machine.error.kind == "cycle"


# -- validation ------------------------------------------------------------------------------------


def test_stores_that_a_hook_makes_invalid_are_trouble_and_the_change_is_not_made() -> None:
    document = machine(
        {
            "a": {
                "on": [
                    {"event": "add", "set": {"internal.n": "internal.n + event.n"}},
                    {"event": "go", "set": {"internal.n": "9"}, "to": "b"},
                ],
                "exit": [{"set": {"internal.n": "internal.n - 5"}}],
            },
            "b": {},
        },
        internal={"n": "integer"},
        events={"add": {"n": "integer"}},
        validate="internal.n >= 0",
    )
    drive = Drive(document).event("add", n=3)
    assert drive.internal == {"n": 3}
    drive.event("go")  # the exit hook alone would make it -2, though the edge would mend that
    (incident,) = drive.agenda.incidents
    assert incident.error.type == "InvalidStores"
    assert "internal.n is -2" in incident.error.message
    assert (drive.at, drive.internal) == ("a", {"n": 3})


def test_a_function_may_validate() -> None:
    document = machine(
        {"a": {"on": [{"event": "go", "set": {"internal.n": "internal.n + 1"}}]}},
        internal={"n": "integer"},
        validate={"call": "small"},
    )
    drive = Drive(document, {"small": lambda internal: internal["n"] < 2}).event("go")
    assert drive.status == "running"
    assert drive.event("go").status == "suspended"
    assert "small() said no" in drive.agenda.incidents[0].error.message
