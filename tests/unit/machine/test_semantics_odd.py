"""Odd moments of machines: what waits behind an incident, what is left, what fails twice."""

from __future__ import annotations

from typing import Any

from corago.core import commands
from corago.core import events as e
from corago.core import messages as m
from tests.unit.machine.drive import Drive, machine

DIVIDES = "10 // external.n > 1"
N = {"n": {"type": "integer", "default": 0}}


def test_what_led_on_by_itself_goes_first_once_a_person_has_helped() -> None:
    states = {
        "a": {"when": [{"if": DIVIDES, "to": "b"}]},
        "b": {"on": [{"event": "e", "to": "c"}]},
        "c": {"terminal": True},
    }
    drive = Drive(machine(states, external=N)).event("e")
    assert (drive.status, drive.failed) == ("suspended", ["states/a/when/0"])
    assert drive.update(n=1).command("retry").path == ["a", "b", "c"]


def test_a_timer_whose_guard_failed_is_asked_again_by_a_retry() -> None:
    ends = {"delay": "PT1H", "if": DIVIDES, "to": "z"}
    states = {"a": {"on": [{"event": "e", "to": "b"}]}, "b": {}, "z": {"terminal": True}}
    for kind in ("lifetime", "idle"):
        drive = Drive(machine(states, external=N, **{kind: ends})).wait(3600)
        assert (drive.status, drive.failed) == ("suspended", [kind])
        assert drive.update(n=1).command("retry").at == "z"


def test_a_time_that_is_up_stays_up_and_a_retry_goes_on_without_it() -> None:
    states = {"a": {"on": [{"event": "e", "to": "b"}]}, "b": {}}
    drive = Drive(machine(states, idle={"delay": "PT1H"})).wait(3600)
    assert (drive.status, drive.failed) == ("suspended", ["idle"])
    for verb in ("retry", "skip"):
        again = Drive(machine(states, idle={"delay": "PT1H"})).wait(3600).command(verb)
        assert (again.status, again.failed) == ("running", [])
        assert again.timers == {"idle@1": 7200.0}


def test_work_that_was_left_halts_nobody_when_its_worker_vanishes() -> None:
    states = {
        "a": {
            "run": {"activity": "work", "at_most_once": True},
            "done": [{"to": "b"}],
            "on": [{"event": "e", "to": "b"}],
        },
        "b": {"on": [{"event": "e", "to": "c"}]},
        "c": {},
    }
    drive = Drive(machine(states)).event("e")
    assert drive.leaving == ["a/work"]
    drive.advance(m.Lost("somebody"))
    assert (drive.status, drive.failed) == ("running", [])
    assert drive.event("e").at == "c"


def test_after_the_error_state_the_state_before_is_what_it_was() -> None:
    states = {
        "a": {"on": [{"event": "e", "to": "b"}]},
        "b": {
            "on": [
                {"event": "bad", "if": DIVIDES, "to": "a"},
                {"event": "back", "to": "previous()"},
            ]
        },
        "oops": {"on": [{"event": "go", "to": "previous()"}]},
    }
    drive = Drive(machine(states, external=N, error="oops"))
    assert drive.event("e").event("bad").event("go").event("back").path == [
        "a",
        "b",
        "oops",
        "b",
        "a",
    ]


def test_the_error_state_answers_for_too_many_transitions() -> None:
    states = {
        "a": {"on": [{"event": "e", "to": "b"}]},
        "b": {
            "when": [{"if": "internal.n < 9", "set": {"internal.n": "internal.n + 1"}, "to": "b"}]
        },
        "oops": {
            "when": [{"if": "error.kind == 'limit'", "to": "z"}],
            "on": [{"event": "x", "to": "z"}],
        },
        "z": {"terminal": True},
    }
    drive = Drive(machine(states, internal={"n": "integer"}, error="oops", max_transitions=5))
    assert drive.event("e").path[-2:] == ["oops", "z"]


def test_a_hook_that_fails_can_be_passed_over() -> None:
    hook = [{"set": {"internal.n": "1 // external.n"}}]
    states = {"a": {"enter": hook, "on": [{"event": "e", "to": "b"}]}, "b": {}}
    drive = Drive(machine(states, external=N, internal={"n": "integer"}))
    assert (drive.at, drive.status, drive.failed) == ("", "suspended", ["states/a/enter/0"])
    assert drive.command("skip").at == "a"


def test_an_error_state_that_cant_be_entered_leaves_the_first_trouble_in_sight() -> None:
    states = {
        "a": {"on": [{"event": "bad", "if": DIVIDES, "to": "b"}, {"event": "e", "to": "b"}]},
        "b": {},
        "oops": {
            "enter": [{"set": {"internal.n": "1 // external.n"}}],
            "on": [{"event": "e", "to": "b"}],
        },
    }
    drive = Drive(machine(states, external=N, internal={"n": "integer"}, error="oops")).event("bad")
    assert drive.failed == ["states/a/on/0"]
    (incident,) = drive.agenda.incidents
    assert "could not be entered" in incident.error.message
    assert drive.command("skip").event("e").at == "b"


def test_no_result_can_be_put_in_the_place_of_a_guard() -> None:
    states = {"a": {"on": [{"event": "e", "if": DIVIDES, "to": "b"}]}, "b": {}}
    drive = Drive(machine(states, external=N)).event("e")
    told = commands.target(drive.process, drive.agenda, "set_result", None, drive.now)
    assert told == "what has failed has no result that could be set: retry or skip it"


def test_attempts_are_counted_without_gaps_when_a_person_steps_in() -> None:
    states = {"a": {"run": {"activity": "work"}, "done": [{"to": "b"}]}, "b": {}}
    drive = Drive(machine(states)).fails("a/work").command("retry").fails("a/work").command("retry")
    drive.done("a/work")
    closed: list[Any] = drive.of(e.ActivityClosed)
    assert [each.attempt for each in closed] == [1, 2, 3]


def test_a_request_to_stop_ends_the_need_for_a_person() -> None:
    states = {
        "a": {
            "run": {"activity": "work"},
            "done": [{"to": "b"}],
            "on": [{"event": "e", "if": DIVIDES, "to": "b"}],
        },
        "b": {},
    }
    drive = Drive(machine(states, external=N)).event("e")
    assert drive.status == "suspended"
    assert drive.command("cancel").status == "running"
