"""Machines and time: deadlines of states, idle time, lifetime."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from tests.unit.machine.drive import Drive, machine

Json = dict[str, Any]
FLAG: Json = {"flag": {"type": "boolean", "default": False}}

WAITS: Json = machine(
    {
        "a": {
            "on": [{"event": "nudge", "set": {"internal.n": "internal.n + 1"}}],
            "after": [{"delay": "PT1M", "if": "external.flag", "to": "late"}],
        },
        "late": {},
    },
    internal={"n": "integer"},
    external=FLAG,
)


def test_a_deadline_is_absolute_and_nothing_within_the_state_moves_it() -> None:
    drive = Drive(WAITS, given={"flag": True}).wait(30).event("nudge").update(flag=True)
    assert drive.timers == {"a/after/0@1": 60}
    assert drive.wait(29).at == "a"
    assert drive.wait(1).at == "late"
    assert drive.last.trigger == "timer a/after/0@1"


def test_a_deadline_that_passed_while_nobody_looked_fires_once_at_the_next_look() -> None:
    drive = Drive(WAITS, given={"flag": True})
    drive.now = drive.now.replace(year=2031)
    (due,) = drive.process.timers
    timer = m.TimerDue(due, drive.process.timers[due])
    drive.advance(timer, timer)
    assert (drive.at, len(drive.of(e.TimerFired))) == ("late", 1)


def test_a_deadline_whose_guard_says_no_is_refused_and_not_asked_again() -> None:
    drive = Drive(WAITS).wait(60)
    assert drive.refused == [("timer a/after/0@1", "external.flag is false")]
    drive.update(flag=True).event("nudge").wait(1000)
    assert (drive.at, drive.timers, len(drive.of(e.TimerFired))) == ("a", {}, 1)


def test_a_deadline_without_a_target_fires_once_and_the_machine_stays() -> None:
    document = machine(
        {"a": {"after": [{"delay": 5, "set": {"internal.n": "internal.n + 1"}}]}},
        internal={"n": "integer"},
    )
    drive = Drive(document).wait(100)
    assert (drive.internal, drive.at, drive.timers) == ({"n": 1}, "a", {})


def test_leaving_a_state_cancels_its_deadline_and_coming_back_starts_another() -> None:
    drive = Drive(
        machine(
            {
                "a": {"on": [{"event": "go", "to": "b"}], "after": [{"delay": 60, "to": "late"}]},
                "b": {"on": [{"event": "go", "to": "a"}]},
                "late": {},
            }
        )
    )
    drive.wait(50).event("go")
    assert drive.timers == {}
    assert [each.timer for each in drive.of(e.TimerCanceled)] == ["a/after/0@1"]
    drive.wait(50).event("go")
    assert drive.timers == {"a/after/0@2": 160}
    # the first timer's message, if it comes late, is nobody's any more
    before = len(drive.events)
    drive.advance(m.TimerDue("a/after/0@1", drive.now))
    assert (drive.at, len(drive.events)) == ("a", before)
    assert drive.wait(60).at == "late"


def test_of_two_deadlines_the_first_one_to_fall_due_leads_on() -> None:
    document = machine(
        {
            "a": {"after": [{"delay": "PT2H", "to": "b"}, {"delay": "PT1H", "to": "c"}]},
            "b": {},
            "c": {},
        }
    )
    assert Drive(document).wait(7200).path == ["a", "c"]


def test_a_group_named_like_a_state_has_timers_of_its_own() -> None:
    document = machine(
        {"a": {"after": [{"delay": 10}, {"delay": 30, "to": "b"}]}, "b": {}, "c": {}},
        groups={"a": {"members": ["a"], "after": [{"delay": 20, "to": "c"}]}},
    )
    drive = Drive(document)
    assert set(drive.timers.values()) == {10, 20, 30}
    assert drive.wait(30).path == ["a", "c"]


def test_a_deadline_of_a_group_that_has_fired_does_not_fire_again_while_the_group_lasts() -> None:
    document = machine(
        {
            "a": {"on": [{"event": "go", "to": "b"}]},
            "b": {"on": [{"event": "go", "to": "a"}]},
            "late": {},
        },
        external=FLAG,
        groups={
            "g": {
                "members": ["a", "b"],
                "after": [{"delay": 10, "if": "external.flag", "to": "late"}],
            }
        },
    )
    drive = Drive(document).wait(20).event("go").update(flag=True).event("go").wait(100)
    assert (drive.at, len(drive.of(e.TimerFired))) == ("a", 1)


# -- idle ------------------------------------------------------------------------------------------

IDLE: Json = machine(
    {
        "a": {
            "on": [{"event": "go", "to": "b"}, {"event": "no", "if": "external.flag", "to": "b"}]
        },
        "b": {"on": [{"event": "go", "to": "a"}]},
        "gone": {},
    },
    external=FLAG,
    idle={"delay": 100, "to": "gone"},
)


def test_the_idle_time_begins_anew_with_each_transition_and_each_message() -> None:
    drive = Drive(IDLE)
    assert drive.timers == {"idle@1": 100}
    assert drive.wait(90).event("go").timers == {"idle@1": 190}
    assert drive.wait(90).update(flag=False).timers == {"idle@1": 280}
    assert drive.wait(90).event("no").timers == {"idle@1": 370}
    assert drive.wait(99).at == "b"
    assert drive.wait(1).at == "gone"
    assert drive.last.edge == "idle"


def test_the_idle_time_of_a_machine_that_its_guard_keeps_begins_anew_with_the_next_message() -> (
    None
):
    document = {**IDLE, "idle": {"delay": 100, "if": "external.flag", "to": "gone"}}
    drive = Drive(document).wait(500)
    assert (drive.at, drive.timers, len(drive.of(e.TimerFired))) == ("a", {}, 1)
    assert drive.update(flag=True).timers == {"idle@1": 600}
    assert drive.wait(100).at == "gone"


def test_an_idle_machine_goes_to_its_error_state_where_no_edge_is_for_it() -> None:
    states = {**IDLE["states"], "trouble": {"on": [{"event": "go", "to": "previous()"}]}}
    drive = Drive({**IDLE, "states": states, "error": "trouble", "idle": "PT100S"})
    drive.wait(100)
    assert drive.at == "trouble"
    assert drive.machine.error is not None
    assert (drive.machine.error.kind, drive.machine.error.source) == ("idle", "a")
    assert drive.event("go").at == "a"


@pytest.mark.parametrize("verb", ["retry", "skip"])
def test_an_idle_machine_without_an_error_state_waits_for_a_person(verb: str) -> None:
    drive = Drive({**IDLE, "idle": 100}).wait(100)
    assert (drive.status, drive.failed) == ("suspended", ["idle"])
    drive.wait(50).command(verb)
    assert (drive.status, drive.failed, drive.at) == ("running", [], "a")
    assert drive.event("go").at == "b"
    assert drive.wait(100).status == "suspended"


def test_an_idle_time_that_ends_with_a_deadline_begins_anew_with_what_the_deadline_does() -> None:
    """Both fall due in one look; the first moves the second."""
    document = machine(
        {"a": {"after": [{"delay": 100, "to": "b"}]}, "b": {}, "gone": {}},
        idle={"delay": 100, "to": "gone"},
    )
    document["states"]["b"] = {"on": [{"event": "go", "to": "a"}]}
    drive = Drive(document).wait(100)
    assert (drive.at, drive.timers) == ("b", {"idle@1": 200})
    assert drive.wait(100).at == "gone"


# -- lifetime --------------------------------------------------------------------------------------


def test_the_lifetime_counts_from_the_start_whatever_happens() -> None:
    drive = Drive({**IDLE, "lifetime": {"delay": 150, "to": "gone"}})
    drive.wait(80).event("go").wait(69)
    assert drive.at == "b"
    assert drive.timers["lifetime@1"] == 150
    assert drive.wait(1).at == "gone"
    assert drive.last.edge == "lifetime"


def test_a_lifetime_without_a_target_is_the_timeout_of_the_process() -> None:
    drive = Drive({**IDLE, "lifetime": 50})
    assert drive.wait(49).status == "running"
    assert drive.wait(1).status == "timed_out"


def test_a_timer_that_fired_while_a_person_was_needed_counts_only_for_its_own_visit() -> None:
    """It waits behind what stands still; when its turn comes the state was left and entered."""
    document = machine(
        {
            "a": {
                "on": [{"event": "go", "if": "1 // external.n > 0", "to": "b"}],
                "after": [{"delay": 10, "to": "late"}],
            },
            "b": {"when": [{"to": "a"}]},
            "late": {},
        },
        external={"n": {"type": "integer", "default": 0}},
    )
    drive = Drive(document).event("go").wait(10)
    assert (drive.status, drive.failed) == ("suspended", ["states/a/on/0"])
    drive.update(n=1).command("retry")
    assert drive.path == ["a", "b", "a"]
    assert drive.refused == [("timer a/after/0@1", "state 'a' has no such timer")]
    assert drive.wait(10).at == "late"
