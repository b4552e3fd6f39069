"""Machines at work: activities of a state, effects, children."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from tests.unit.machine.drive import Drive, effects, machine

Json = dict[str, Any]

CHARGE: Json = {
    "activity": "charge",
    "args": {"amount": "external.amount"},
    "retry": 2,
    "timeout": "PT2M",
    "result": {"type": "object", "properties": {"id": "string"}},
}
ORDER: Json = machine(
    {
        "paying": {
            "run": CHARGE,
            "done": [{"set": {"internal.charge": "result.id"}, "to": "packing"}],
            "failed": [
                {"error": "Declined", "set": {"internal.why": "error.message"}, "to": "refused"},
                {"if": "error.type != 'Oops'", "to": "broken"},
            ],
            "on": [
                {"event": "cancel", "to": "refused"},
                {"event": "again", "to": "paying"},
                {"event": "hold", "to": "held"},
            ],
        },
        "packing": {},
        "held": {"on": [{"event": "again", "to": "paying"}, {"event": "wait"}]},
        "refused": {},
        "broken": {},
    },
    external={"amount": {"type": "integer", "default": 5}},
    internal={"charge": {"type": "string", "nullable": True}, "why": "string"},
)


# -- run -------------------------------------------------------------------------------------------


def test_a_state_begins_its_work_on_entering_with_arguments_as_they_are_then() -> None:
    drive = Drive(ORDER).update(amount=7)
    (wish,) = drive.agenda.activities
    assert (wish.path, wish.function, dict(wish.input)) == (
        "paying/charge",
        "charge",
        {"amount": 5},
    )
    assert (wish.timeout, wish.retry.attempts if wish.retry else 0) == (120, 2)
    assert drive.last.effects[0].input == {"amount": 5}


def test_the_result_of_the_work_leads_on() -> None:
    drive = Drive(ORDER).done("paying/charge", {"id": "c1"})
    assert (drive.at, drive.internal["charge"], drive.status) == ("packing", "c1", "completed")


def test_failed_work_is_tried_again_and_then_leads_where_its_error_says() -> None:
    drive = Drive(ORDER).fails("paying/charge", "Declined", "no money")
    assert len(drive.of(e.ActivityRetried)) == 1
    assert (drive.at, drive.internal["why"]) == ("refused", "no money")


def test_an_error_without_an_edge_of_its_own_takes_the_edge_for_any() -> None:
    assert Drive(ORDER).fails("paying/charge", "Timeout").at == "broken"


def test_work_that_was_left_is_cancelled_and_its_late_result_recorded_and_ignored() -> None:
    drive = Drive(ORDER)
    late = drive.outcome("paying/charge", e.ActivityCompleted({"id": "late"}))
    drive.event("hold")
    assert (drive.open, drive.leaving) == ([], ["paying/charge"])
    drive.advance(late)
    assert isinstance(drive.events[-1], e.ActivityClosed)
    assert (drive.at, drive.internal["charge"], drive.leaving) == ("held", None, [])
    before = len(drive.events)
    drive.advance(late)
    assert len(drive.events) == before


def test_a_state_that_is_entered_again_begins_its_work_anew() -> None:
    drive = Drive(ORDER)
    first = drive.outcome("paying/charge", e.ActivityCompleted({"id": "old"}))
    drive.event("again")
    assert (drive.open, drive.leaving) == (["paying/charge"], [])
    assert drive.agenda.activities[0].occurrence == 2
    drive.advance(first)
    assert drive.at == "paying"
    assert drive.done("paying/charge", {"id": "new"}).internal["charge"] == "new"


def test_coming_back_while_the_old_work_still_ends_begins_the_new_one_at_once() -> None:
    drive = Drive(ORDER)
    first = drive.outcome("paying/charge", e.ActivityCanceled())
    drive.event("hold").event("again")
    assert (drive.open, drive.leaving) == (["paying/charge"], [])
    drive.advance(first)
    assert drive.done("paying/charge", {"id": "new"}).at == "packing"
    assert drive.status == "completed"


def test_the_work_goes_on_while_the_machine_stays() -> None:
    document = machine(
        {
            "a": {
                "run": {"activity": "work"},
                "on": [{"event": "note"}],
                "done": [{"to": "b"}],
            },
            "b": {},
        }
    )
    drive = Drive(document).event("note")
    assert (drive.open, drive.leaving, len(drive.last.effects)) == (["a/work"], [], 0)
    assert drive.done("a/work").at == "b"


def test_a_preview_tells_why_an_outcome_does_not_lead_on() -> None:
    document = machine(
        {
            "a": {
                "run": {"activity": "work", "result": "integer"},
                "done": [{"if": "result > 3", "to": "b"}],
                "failed": [{"if": "error.message == 'x'", "to": "b"}, {"error": "Late", "to": "b"}],
            },
            "b": {},
        }
    )
    drive = Drive(document)
    good = drive.foresee(outcome=("a/work", 1)).refused
    assert [(each.path, each.why) for each in good] == [
        ("states/a/done/0", "result > 3 is false: result is 1")
    ]
    bad = drive.foresee(outcome=("a/work", type("Late", (Exception,), {})("y")))
    assert (bad.state, bad.refused[0].path) == ("b", "states/a/failed/0")
    assert bad.refused[0].why == "error.message == 'x' is false: error.message is \"y\""


def test_an_outcome_that_no_edge_takes_yet_is_kept_until_a_guard_holds() -> None:
    document = machine(
        {
            "a": {
                "run": {"activity": "work"},
                "done": [{"if": "external.go and result == 1", "to": "b"}],
            },
            "b": {},
        },
        external={"go": {"type": "boolean", "default": False}},
    )
    drive = Drive(document).done("a/work", 1)
    assert drive.at == "a"
    assert drive.update(go=True).at == "b"


@pytest.mark.parametrize("ends", ["done", "failed"])
def test_an_outcome_is_answered_once_by_an_edge_without_a_target(ends: str) -> None:
    document = machine(
        {
            "a": {
                "run": {"activity": "work"},
                ends: [{"set": {"internal.n": "internal.n + 1"}}],
                "on": [{"event": "note"}, {"event": "again", "to": "a"}],
            },
        },
        internal={"n": "integer"},
    )
    drive = Drive(document)
    drive.done("a/work") if ends == "done" else drive.fails("a/work")
    assert (drive.internal, drive.open, drive.status) == ({"n": 1}, [], "running")
    assert drive.event("note").internal == {"n": 1}
    assert drive.event("again").open == ["a/work"]


def test_work_that_runs_at_most_once_is_recorded_before_it_starts_and_never_started_twice() -> None:
    document = machine(
        {"a": {"run": {"activity": "work", "at_most_once": True}, "done": [{"to": "b"}]}, "b": {}}
    )
    drive = Drive(document)
    assert [each.path for each in drive.of(e.ActivityStarted)] == ["a/work"]
    drive.advance(m.Lost("worker"))
    assert (drive.status, drive.failed, drive.open) == ("suspended", ["a/work"], [])
    assert drive.command("set_result", value={"id": 1}).at == "b"
    assert drive.status == "completed"


def test_work_may_be_put_into_a_queue() -> None:
    document = machine(
        {
            "a": {
                "run": {"activity": "work", "queue": "gpu"},
                "done": [{"to": "b"}],
                "on": [{"event": "again", "to": "a"}, {"event": "leave", "to": "c"}],
            },
            "b": {},
            "c": {"on": [{"event": "again", "to": "a"}]},
        }
    )
    drive = Drive(document).event("again")
    puts = [(each.queue, each.occurrence) for each in drive.of(e.ActivityScheduled)]
    assert puts == [("gpu", 1), ("gpu", 2)]
    drive.event("leave")
    assert [each.occurrence for each in drive.of(e.ActivityCancelRequested)] == [2]
    assert drive.event("again").done("a/work").status == "completed"


# -- effects ---------------------------------------------------------------------------------------

MAILS: Json = machine(
    {
        "a": {
            "enter": [{"effect": {"activity": "mail", "args": {"to": "'in'"}}}],
            "exit": [{"effect": [{"activity": "mail", "args": {"to": "'out'"}}]}],
            "on": [
                {"event": "note", "effect": [{"activity": "mail"}, {"activity": "mail"}]},
                {"event": "go", "effect": {"activity": "log"}, "to": "b"},
            ],
        },
        "b": {"on": [{"event": "back", "to": "a"}]},
    },
)


def test_every_effect_has_a_path_of_its_own_and_nobody_waits_for_it() -> None:
    drive = Drive(MAILS).event("note").event("go").event("back")
    paths = ["a/mail#1", "a/mail#2", "a/mail#3", "a/mail#4", "a/log#5", "a/mail#6"]
    assert effects(drive) == paths
    assert drive.open == paths
    for path in paths:
        drive.done(path)
    assert (drive.open, drive.at) == ([], "a")


def test_effects_are_asked_for_in_the_order_of_the_hooks_with_values_as_they_are_there() -> None:
    hook: Json = {
        "set": {"internal.n": "internal.n + 1"},
        "effect": [{"activity": "mail", "args": {"n": "internal.n"}}],
    }
    document = machine(
        {
            "a": {"exit": [hook], "on": [{"event": "go", **hook, "to": "b"}]},
            "b": {"enter": [hook], "on": [{"event": "go", "to": "a"}]},
        },
        internal={"n": "integer"},
    )
    drive = Drive(document).event("go")
    asked = [(each.path, each.input) for each in drive.last.effects]
    assert asked == [("a/mail#1", {"n": 1}), ("a/mail#2", {"n": 2}), ("b/mail#3", {"n": 3})]


def test_an_effect_that_was_asked_for_goes_on_when_its_state_is_left() -> None:
    drive = Drive(MAILS).event("go")
    assert drive.open == ["a/mail#1", "a/mail#2", "a/log#3"]


def test_an_effect_that_failed_for_good_needs_a_person_where_there_is_no_error_state() -> None:
    drive = Drive(MAILS).fails("a/mail#1")
    assert (drive.status, drive.failed, drive.at) == ("suspended", ["a/mail#1"], "a")
    drive.event("go")
    assert (drive.at, drive.status) == ("b", "suspended")
    drive.command("retry")
    assert "a/mail#1" in drive.open
    assert drive.fails("a/mail#1").command("skip").status == "running"


# -- children --------------------------------------------------------------------------------------


def with_children(join: Any = None, **more: Any) -> Json:
    body: Json = {
        "children": {
            "x": {"workflow": "w", "input": {"n": "external.n"}},
            "y": {"workflow": "w"},
            "z": {"workflow": "w"},
        },
        "done": [{"set": {"internal.got": "result"}, "to": "b"}],
        "on": [{"event": "leave", "to": "c"}, {"event": "again", "to": "a"}],
        **more,
    }
    if join is not None:
        body["join"] = join
    return machine(
        {"a": body, "b": {}, "c": {"on": [{"event": "back", "to": "a"}]}, "d": {}},
        internal={"got": "any"},
        external={"n": {"type": "integer", "default": 1}},
    )


def test_a_state_may_wait_for_all_its_children() -> None:
    drive = Drive(with_children())
    assert [(each.path, each.input) for each in drive.births] == [
        *(("a/x", {"n": 1}), ("a/y", {}), ("a/z", {})),
    ]
    drive.child("a/x", result=1).child("a/y", result=2)
    assert drive.at == "a"
    drive.child("a/z", result=3)
    assert drive.internal["got"] == {
        name: {"status": "completed", "result": n} for name, n in zip("xyz", (1, 2, 3), strict=True)
    }
    assert drive.status == "completed"


@pytest.mark.parametrize(("join", "needed"), [("any", 1), (2, 2), (3, 3)])
def test_a_state_may_wait_for_some_of_its_children_and_stops_the_others(
    join: Any, needed: int
) -> None:
    drive = Drive(with_children(join))
    for name in "xyz"[: needed - 1]:
        drive.child(f"a/{name}")
    assert drive.at == "a"
    drive.child(f"a/{'xyz'[needed - 1]}")
    assert drive.at == "b"
    assert sum(isinstance(each.message, m.Command) for each in drive.sends) == 3 - needed


def test_a_join_fails_as_soon_as_too_few_children_are_left() -> None:
    document = with_children(2, failed=[{"set": {"internal.got": "error.message"}, "to": "d"}])
    drive = Drive(document).child("a/x", "failed", error=e.Failure("ValueError", "no"))
    assert drive.at == "a"
    drive.child("a/y", "canceled")
    assert drive.at == "d"
    assert drive.internal["got"] == (
        "'x' is failed (ValueError: no), 'y' is canceled; 2 had to complete"
    )


def test_failed_children_without_an_edge_need_a_person_who_may_let_them_go_on() -> None:
    drive = Drive(with_children()).child("a/x").child("a/y", "failed").child("a/z", "canceled")
    assert (drive.status, drive.failed) == ("suspended", ["a"])
    drive.command("retry")
    assert drive.status == "running"
    assert [(each.to, each.command) for each in drive.of(e.MessageSent)] == [("p/a/y", "retry")]
    assert drive.births[-1].child == "p/a/z@2"
    drive.child("a/y").child("a/z")
    assert drive.at == "b"


@pytest.mark.parametrize(("verb", "value"), [("skip", None), ("set_result", {"x": 1})])
def test_a_person_may_answer_for_children_that_failed(verb: str, value: Any) -> None:
    drive = Drive(with_children()).child("a/x", "failed").command(verb, value=value)
    assert drive.at == "b"
    expected = {"x": "failed", "y": "running", "z": "running"}
    got = drive.internal["got"]
    assert got == value or {name: each["status"] for name, each in got.items()} == expected


def test_children_are_told_to_stop_when_their_state_is_left_and_new_ones_begin_anew() -> None:
    drive = Drive(with_children()).event("again")
    told = [(each.to, each.command) for each in drive.of(e.MessageSent)]
    assert told == [(f"p/a/{name}", "cancel") for name in "xyz"]
    assert drive.children == ["a/x#2", "a/y#2", "a/z#2"]
    # the end of an old one is nobody's business any more
    drive.child("a/x", result="late").child("a/x#2", result="new")
    assert (drive.at, drive.machine.children["x"].result) == ("a", "new")
    drive.event("leave").event("back")
    assert drive.children == ["a/x#3", "a/y#3", "a/z#3"]
    ids = [birth.child for birth in drive.births]
    assert len(ids) == len(set(ids)) == 9


def test_a_child_that_can_not_be_born_counts_as_one_that_did_not_complete() -> None:
    drive = Drive(with_children("any"))
    drive.advance(m.ChildRefused("a/x", e.Failure("ProcessAlreadyExistsError", "taken")))
    assert drive.at == "a"
    assert drive.child("a/y").at == "b"


def test_a_request_to_stop_reaches_the_children() -> None:
    drive = Drive(with_children()).command("cancel")
    assert drive.status == "running"
    for name in "xyz":
        drive.child(f"a/{name}", "canceled")
    assert drive.status == "canceled"
