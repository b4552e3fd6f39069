"""The observed path of a decider's process: what was met, how it stands, and what led to what."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from corago.decider.program import NOTED
from corago.decider.trail import LIMIT, MANY, Landmark, Trail
from tests.unit.decider.histories import Story, names, order

LOST = e.Failure("KeyError", "'amount'")


def met(story: Story, name: str) -> Landmark:
    return next(each for each in story.trail().landmarks if each.name == name)


def leads(found: Trail) -> list[tuple[str, str, str, bool, int]]:
    known = {each.id: each.name for each in found.landmarks}
    return [
        (known[each.source], known[each.target], each.verb, each.is_direct, each.count)
        for each in found.leads
    ]


# -- landmarks -------------------------------------------------------------------------------------


def test_landmarks_stand_in_the_order_in_which_they_were_met() -> None:
    found = order().trail()
    told = [(each.kind, each.name, each.mark) for each in found.landmarks]
    assert told == [
        ("start", "Start", "done"),
        ("activity", "Pay", "done"),
        ("activity", "Ship", "done"),
        ("activity", "Ship#2", "failed"),
        ("timer", "timer", "skipped"),
        ("signal", "extra", "done"),
        ("activity", "Late", "running"),
        ("marker", "gave up", "done"),
    ]


def test_a_landmark_says_what_counts() -> None:
    story = order()
    assert met(story, "Pay").said == ("queue cards", "2 attempts")
    assert met(story, "Ship#2").said == ("ValueError: parcel lost",)
    assert met(story, "timer").said == ("1 h 30 min", "canceled")
    assert met(story, "extra").said == ("signal", "by ann")
    assert met(story, "Late").said == ("Ship@2",)
    assert met(story, "gave up").said == ("marker", '{"why":"lost"}')


def test_what_is_open_is_where_the_process_stands() -> None:
    story = order()
    found = story.trail()
    assert [each.name for each in found.landmarks if each.is_open] == ["Late"]
    assert names(found, found.standing) == ["Late"]
    story.then().completes("Late")
    found = story.trail()
    assert names(found, found.standing) == ["Late"], "nothing is open: what was met last"
    story.note(e.ProcessCompleted, result=7)
    assert story.trail().standing == ()
    assert met(story, "completed").said == ("7",)


def test_an_activity_that_waits_for_its_next_attempt_says_until_when() -> None:
    story = Story().schedules("Pay").then()
    due = story.now.replace(hour=5, second=0)
    story.note(e.ActivityRetried, path="Pay", attempt=1, error=LOST, due=due)
    found = met(story, "Pay")
    assert (found.mark, found.is_open) == ("waiting", True)
    assert found.said == ("attempt 2", "KeyError: 'amount'", "until 2020-01-01 05:00:00 UTC")
    story.then(6 * 3600)
    assert met(story, "Pay").mark == "running"
    story.completes("Pay", attempt=2)
    assert met(story, "Pay").said == ("2 attempts",)


@pytest.mark.parametrize(
    ("status", "error", "mark", "said"),
    [
        ("completed", None, "done", ("process o/Sub",)),
        ("failed", LOST, "failed", ("process o/Sub", "KeyError: 'amount'")),
        ("aborted", None, "failed", ("process o/Sub", "aborted")),
    ],
)
def test_a_child_tells_how_it_ended(status: str, error: Any, mark: str, said: Any) -> None:
    story = Story().note(e.ChildStarted, path="Sub", child="o/Sub", workflow="sub")
    assert (met(story, "Sub").mark, met(story, "Sub").is_open) == ("waiting", True)
    story.then().note(e.ChildClosed, path="Sub", child="o/Sub", status=status, error=error)
    assert (met(story, "Sub").mark, met(story, "Sub").said) == (mark, said)


def test_a_child_that_could_not_start_has_failed() -> None:
    story = Story().note(e.ChildStarted, path="Sub", child="o/Sub", workflow="sub")
    story.note(e.ChildStartFailed, path="Sub", child="o/Sub", error=LOST)
    assert met(story, "Sub").mark == "failed"


def test_what_was_open_at_the_end_is_passed_over() -> None:
    story = Story().schedules("Pay").starts_timer("timer", 60).then().hears("stop")
    story.note(e.ProcessCompleted)
    assert [met(story, name).mark for name in ("Pay", "timer")] == ["skipped", "skipped"]
    assert not any(each.is_open for each in story.trail().landmarks)


def test_a_process_that_a_person_must_look_at_stands_there() -> None:
    story = Story().schedules("Pay").then().completes("Pay")
    story.note(e.ProcessSuspended, error=LOST, undecided=3)
    found = story.trail()
    stop = met(story, "needs a person")
    assert (stop.mark, stop.said, stop.is_open) == ("failed", ("KeyError: 'amount'",), True)
    assert names(found, found.standing) == ["needs a person"]
    story.then().note(e.ProcessResumed, paths=("",)).schedules("Late")
    found = story.trail()
    assert names(found, found.standing) == ["Late"]
    story.note(e.ProcessCompleted)
    assert ("needs a person", "completed", "goes on", True, 1) in leads(story.trail())


def test_an_activity_that_a_person_must_look_at_has_failed_and_is_open() -> None:
    story = Story().schedules("Pay").then().note(e.ProcessSuspended, path="Pay", error=LOST)
    assert (met(story, "Pay").mark, met(story, "Pay").is_open) == ("failed", True)
    story.then().note(e.ProcessResumed, paths=("Pay",))
    assert met(story, "Pay").mark == "running"
    story.then().note(e.StepSkipped, path="Pay")
    assert (met(story, "Pay").mark, met(story, "Pay").is_open) == ("skipped", False)


def test_a_failed_process_that_is_opened_again_goes_on_from_its_end() -> None:
    story = Story().schedules("Pay").then().fails("Pay")
    story.note(e.ProcessFailed, path="decision", error=LOST)
    assert met(story, "failed").said == ("KeyError: 'amount'",)
    story.then().note(e.ProcessReopened, paths=("decision",))
    story.note(e.StepSkipped, path="decision").schedules("Pay#2", "Pay")
    found = story.trail()
    assert [each.name for each in found.landmarks] == ["Start", "Pay", "failed", "Pay#2"]
    assert ("failed", "Pay#2", "goes on", True, 1) in leads(found)
    assert names(found, found.standing) == ["Pay#2"]


def test_a_later_run_says_so_and_so_does_one_that_goes_on() -> None:
    story = Story(run=3)
    assert story.trail().run == 3
    assert met(story, "Start").said == ("run 3",)
    story.note(e.ContinuedAsNew, following=4)
    assert met(story, "continued").said == ("as run 4",)
    assert story.trail().standing == ()


# -- what led to what ------------------------------------------------------------------------------


def test_what_a_commit_answered_led_to_what_it_decided() -> None:
    assert leads(order().trail()) == [
        ("Start", "Pay", "", True, 1),
        ("Pay", "Ship", "", True, 1),
        ("Pay", "Ship#2", "", True, 1),
        ("Pay", "timer", "", True, 1),
        ("Ship#2", "timer", "cancels", True, 1),
        ("extra", "Late", "", True, 1),
        ("Ship#2", "Late", "cancels", True, 1),
        ("Ship", "gave up", "", False, 1),
        ("Ship#2", "gave up", "", True, 1),
    ]


def test_what_came_before_and_was_not_answered_may_have_led_there() -> None:
    story = Story().schedules("A").schedules("B").then().completes("A").then().completes("B")
    story.note(e.ProcessCompleted)
    assert leads(story.trail())[2:] == [
        ("A", "completed", "", False, 1),
        ("B", "completed", "", True, 1),
    ]


def test_a_start_that_was_answered_by_nothing_did_not_lead_directly() -> None:
    story = Story().note(e.MarkerRecorded, name=NOTED).then().hears("go").schedules("A")
    assert [each.name for each in story.trail().landmarks] == ["Start", "go", "A"]
    assert leads(story.trail()) == [("Start", "A", "", False, 1), ("go", "A", "", True, 1)]
    story = Story().hears("go").schedules("A")
    assert leads(story.trail()) == [("Start", "A", "", True, 1), ("go", "A", "", True, 1)]


def test_an_end_by_force_comes_from_all_that_was_open() -> None:
    story = Story().schedules("A").starts_timer("timer", 60).then()
    story.note(e.ProcessAborted, actor="ann", reason="enough")
    assert [each[:2] for each in leads(story.trail())[-2:]] == [
        ("A", "aborted"),
        ("timer", "aborted"),
    ]
    assert met(story, "aborted").said == ("by ann", "enough")


def test_a_signal_to_another_process_is_told_with_its_address() -> None:
    story = Story().note(e.MessageSent, path="", to="other", command="signal", name="go")
    assert met(story, "go").said == ("signal to other",)
    story.note(e.ChildStarted, path="Sub", child="o/Sub", workflow="sub").then().hears("stop")
    story.note(e.MessageSent, path="Sub", to="o/Sub", command="cancel")
    assert leads(story.trail())[-1] == ("stop", "Sub", "cancels", True, 1)


# -- many ------------------------------------------------------------------------------------------


def test_few_of_a_name_are_told_one_by_one_and_many_as_one_with_a_count() -> None:
    story = Story()
    for number in range(MANY):
        story.schedules(f"Ship#{number}", "Ship")
    assert len(story.trail().landmarks) == 1 + MANY
    story.schedules("Ship#more", "Ship").then()
    story.completes("Ship#0").completes("Ship#1").fails("Ship#2")
    _, ship = story.trail().landmarks
    assert (ship.name, ship.count, ship.mark, ship.is_open) == ("Ship", 4, "running", True)
    assert ship.said == ("4x: 2 done, 1 failed, 1 open",)
    assert leads(story.trail()) == [("Start", "Ship", "", True, 1)]


def test_a_process_that_goes_round_is_drawn_as_a_circle_with_counts() -> None:
    story = Story()
    for number in range(9):
        story.schedules(f"Ask#{number}", "Ask").then().completes(f"Ask#{number}")
        story.schedules(f"Tell#{number}", "Tell").then().completes(f"Tell#{number}")
    story.note(e.ProcessCompleted)
    assert leads(story.trail()) == [
        ("Start", "Ask", "", True, 1),
        ("Tell", "Ask", "", True, 8),
        ("Ask", "Tell", "", True, 9),
        ("Tell", "completed", "", True, 1),
    ]


def test_a_trail_of_too_many_names_is_told_in_fewer_words() -> None:
    story = Story()
    for number in range(LIMIT):
        story.hears(f"word {number}").starts_timer(f"t{number}", 60).then()
    found = story.trail()
    assert [(each.name, each.count) for each in found.landmarks] == [
        ("Start", 1),
        ("signals", LIMIT),
        ("timers", LIMIT),
    ]
    assert found.landmarks[2].said == (f"{LIMIT}x: {LIMIT} open",)


def test_ten_thousand_events_are_told_with_few_landmarks() -> None:
    story = Story()
    for number in range(2500):
        story.schedules(f"Work#{number}", "Work")
    story.then()
    for number in range(2500):
        story.completes(f"Work#{number}").schedules(f"Check#{number}", "Check")
    for number in range(2500):
        story.then().fails(f"Check#{number}")
    story.note(e.ProcessCompleted)
    assert [each.name for each in story.trail().landmarks] == [
        "Start",
        "Work",
        "Check",
        "completed",
    ]


def test_events_that_tell_nothing_of_the_path_are_passed_over() -> None:
    story = Story().schedules("A").then().note(e.LeaseLost, owner="w")
    story.note(e.CommandRefused, command="retry", why="no").note(e.DefinitionChanged, sha="6")
    assert len(story.trail().landmarks) == 2


def test_a_history_that_begins_in_the_middle_is_told_all_the_same() -> None:
    story = Story()
    story.events.clear()
    story.completes("A").note(e.TimerFired, timer="t").schedules("B")
    assert [each.name for each in story.trail().landmarks] == ["A", "t", "B"]
