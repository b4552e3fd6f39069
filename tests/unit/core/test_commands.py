from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corago.core import commands
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.process import Activity, Process
from corago.core.program import NOTHING, Agenda

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
BAD = e.Failure("OSError", "disk")
OPEN = Process(id="p", workflow="w", sha="0", position=9, at=NOW, status="running")


def process(**fields: Any) -> Process:
    given: dict[str, Any] = {"id": "p", "workflow": "w", "sha": "0", "position": 9, "at": NOW}
    return Process(**{**given, "status": "running", **fields})


def stuck(*paths: str, occurrence: int = 1) -> Agenda:
    """Incidents at these paths, at the positions 1, 2, … in their order."""
    found = [d.Incident(path, n, BAD, occurrence) for n, path in enumerate(paths, start=1)]
    return Agenda(incidents=tuple(found))


FAILED = process(status="failed", error=BAD)
POISONED = process(poison=BAD, poison_position=7)
PUT_OFF = Activity(2, 1, SOON, BAD, position=5)
BACKING_OFF = process(activities={"a": PUT_OFF})
LATE = process(status="failed", error=BAD, deadline=NOW)
WANTED = Agenda(activities=(d.ScheduleActivity("a", {}), d.ScheduleActivity("b", {})))


# -- what a command given now would act on ---------------------------------------------------------


def test_a_command_is_meant_for_the_incident_that_there_is() -> None:
    for verb in ("retry", "skip", "set_result"):
        assert commands.target(OPEN, stuck("a"), verb, None, NOW) == {"a": 1}


def test_a_step_may_be_named_among_several_incidents() -> None:
    for verb in ("retry", "skip", "set_result"):
        assert commands.target(OPEN, stuck("a", "b"), verb, "b", NOW) == {"b": 2}


def test_a_retry_without_a_name_takes_all_incidents() -> None:
    assert commands.target(OPEN, stuck("a", "b"), "retry", None, NOW) == {"a": 1, "b": 2}


@pytest.mark.parametrize("verb", ["skip", "set_result"])
def test_other_commands_must_name_one_of_several_incidents(verb: str) -> None:
    refused = commands.target(OPEN, stuck("a", "b"), verb, None, NOW)
    assert refused == "several steps have failed, so name one: 'a', 'b'"


def test_a_step_that_waits_for_its_next_attempt_can_be_tried_at_once_or_skipped() -> None:
    assert commands.target(BACKING_OFF, WANTED, "retry", None, NOW) == {"a": 5}
    assert commands.target(BACKING_OFF, WANTED, "skip", "a", NOW) == {"a": 5}
    refused = commands.target(BACKING_OFF, WANTED, "set_result", None, NOW)
    assert refused == "nothing in it has failed (it is running)"
    refused = commands.target(BACKING_OFF, WANTED, "retry", None, SOON)
    assert refused == "nothing in it has failed (it is running)"


def test_a_wait_of_another_occurrence_is_not_a_wait() -> None:
    again = Agenda(activities=(d.ScheduleActivity("a", {}, 2),))
    assert commands.backing_off(BACKING_OFF, again, NOW) == {}
    assert commands.backing_off(BACKING_OFF, WANTED, NOW) == {"a": PUT_OFF}


def test_incidents_go_before_waits() -> None:
    both = Agenda(activities=WANTED.activities, incidents=stuck("c").incidents)
    assert commands.target(BACKING_OFF, both, "retry", None, NOW) == {"c": 1}
    assert commands.target(BACKING_OFF, both, "retry", "a", NOW) == {"a": 5}


def test_a_step_that_stands_in_no_way_can_not_be_acted_on() -> None:
    refused = commands.target(BACKING_OFF, WANTED, "retry", "b", NOW)
    assert refused == "step 'b' has not failed; what can be acted on: 'a'"
    refused = commands.target(OPEN, NOTHING, "skip", "b", NOW)
    assert refused == "step 'b' has not failed; what can be acted on: nothing"


def test_a_poisoned_process_is_acted_on_as_a_whole() -> None:
    assert commands.target(POISONED, NOTHING, "retry", None, NOW) == {"": 7}
    assert commands.target(POISONED, NOTHING, "skip", None, NOW) == {"": 7}


@pytest.mark.parametrize("step", [None, ""])
def test_a_whole_process_has_no_result_to_set(step: str | None) -> None:
    assert isinstance(commands.target(POISONED, NOTHING, "set_result", step, NOW), str)


def test_a_cancel_needs_no_target() -> None:
    assert commands.target(OPEN, stuck("a"), "cancel", None, NOW) == {}


# -- what fits in no case --------------------------------------------------------------------------

TOO_LATE = (
    f"its time was up at {NOW:%Y-%m-%d %H:%M:%S} UTC, so it would time out at once; "
    "start it anew under another id"
)
UNFIT = [
    (OPEN, "hurry", "unknown command 'hurry'"),
    (process(cancel_requested=True), "cancel", "it was asked to stop already"),
    (FAILED, "cancel", "it is failed already"),
    (process(status="completed"), "cancel", "it is completed already"),
    (process(status="completed"), "retry", "it is completed already"),
    (process(status="aborted", poison=BAD), "retry", "it is aborted already"),
    (process(status="timed_out"), "skip", "it is timed_out already"),
    *((LATE, verb, TOO_LATE) for verb in ("retry", "skip", "set_result")),
]


@pytest.mark.parametrize(("who", "verb", "why"), UNFIT)
def test_what_does_not_fit_is_refused_with_the_reason_when_given(
    who: Process, verb: str, why: str
) -> None:
    assert commands.target(who, stuck("a"), verb, None, NOW) == why


@pytest.mark.parametrize(("who", "verb", "why"), UNFIT)
def test_what_does_not_fit_any_more_is_refused_when_its_turn_comes(
    who: Process, verb: str, why: str
) -> None:
    found = commands.answer(who, stuck("a"), m.Command(verb, {"a": 1}), NOW)
    assert found == [(e.CommandRefused, {"command": verb, "why": why})]


# -- what a command comes to -----------------------------------------------------------------------


def answer(who: Process, agenda: Agenda, verb: str, *paths: str, value: Any = None) -> Any:
    targets = {path: number for number, path in enumerate(paths, start=1)}
    return commands.answer(who, agenda, m.Command(verb, targets, value), NOW)


def test_a_cancel_asks_to_stop() -> None:
    assert answer(OPEN, NOTHING, "cancel") == [(e.CancelRequested, {})]


def test_a_retry_resumes_an_open_process_and_reopens_a_failed_one() -> None:
    assert answer(OPEN, stuck("a", "b"), "retry", "a", "b") == [
        (e.ProcessResumed, {"paths": ("a", "b")})
    ]
    assert answer(FAILED, stuck("a", "b"), "retry", "a") == [(e.ProcessReopened, {"paths": ("a",)})]


def test_a_skip_passes_over_this_occurrence() -> None:
    skipped = (e.StepSkipped, {"path": "a", "occurrence": 4})
    assert answer(OPEN, stuck("a", occurrence=4), "skip", "a") == [skipped]
    assert answer(FAILED, stuck("a", occurrence=4), "skip", "a") == [
        (e.ProcessReopened, {}),
        skipped,
    ]


def test_a_skip_of_a_wait_passes_over_the_occurrence_that_waits() -> None:
    wants = Agenda(activities=(d.ScheduleActivity("a", {}, 3),))
    waits = process(activities={"a": Activity(2, 1, SOON, BAD, occurrence=3, position=5)})
    assert commands.answer(waits, wants, m.Command("skip", {"a": 5}), NOW) == [
        (e.StepSkipped, {"path": "a", "occurrence": 3})
    ]


def test_a_result_that_is_set_ends_the_attempt_that_would_come_next() -> None:
    fields = {
        "path": "a",
        "occurrence": 1,
        "attempt": 3,
        "result": e.ActivityCompleted({"n": 1}),
    }
    known = {"a": Activity(3, 3, None, BAD)}
    opened = process(activities=known)
    assert answer(opened, stuck("a"), "set_result", "a", value={"n": 1}) == [
        (e.ActivityClosed, fields)
    ]
    failed = process(activities=known, status="failed")
    assert answer(failed, stuck("a"), "set_result", "a", value={"n": 1}) == [
        (e.ProcessReopened, {}),
        (e.ActivityClosed, fields),
    ]


def test_a_result_set_for_another_occurrence_ends_its_first_attempt() -> None:
    opened = process(activities={"a": Activity(3, 3, None, BAD)})
    ((_, fields),) = answer(opened, stuck("a", occurrence=2), "set_result", "a")
    assert (fields["occurrence"], fields["attempt"]) == (2, 1)


@pytest.mark.parametrize("verb", ["skip", "set_result"])
def test_skipping_what_concerns_the_whole_process_lets_it_go_on(verb: str) -> None:
    found = commands.answer(POISONED, NOTHING, m.Command(verb, {"": 7}), NOW)
    assert found == [(e.ProcessResumed, {"paths": ("",)})]


@pytest.mark.parametrize(
    ("targets", "why"),
    [
        ({}, "it names no step"),
        ({"b": 1}, "step 'b' has moved on since the command was given"),
        ({"a": 0}, "step 'a' was tried again since the command was given"),
        ({"a": 1, "b": 2}, "step 'b' has moved on since the command was given"),
    ],
)
def test_a_command_given_for_an_incident_that_has_passed_is_refused(
    targets: dict[str, int], why: str
) -> None:
    found = commands.answer(OPEN, stuck("a"), m.Command("retry", targets), NOW)
    assert found == [(e.CommandRefused, {"command": "retry", "why": why})]


def test_a_command_given_for_a_wait_is_refused_once_the_wait_is_over() -> None:
    command = m.Command("skip", {"a": 5})
    assert commands.answer(BACKING_OFF, WANTED, command, NOW)[0][0] is e.StepSkipped
    assert commands.answer(BACKING_OFF, WANTED, command, SOON)[0][0] is e.CommandRefused


def test_a_command_given_for_one_wait_is_refused_in_the_next_one() -> None:
    later = process(activities={"a": Activity(3, 1, SOON, BAD, position=8)})
    ((kind, fields),) = commands.answer(later, WANTED, m.Command("retry", {"a": 5}), NOW)
    assert kind is e.CommandRefused
    assert fields["why"] == "step 'a' was tried again since the command was given"
    assert commands.answer(later, WANTED, m.Command("retry", {"a": 8}), NOW)[0][0] is (
        e.ProcessResumed
    )


# -- what needs no inbox ---------------------------------------------------------------------------


def test_an_abort_fits_what_is_open_or_failed_whatever_its_time() -> None:
    for who in (OPEN, POISONED, FAILED, LATE):
        assert commands.unfit(who, "abort", NOW) is None
    assert commands.unfit(process(status="canceled"), "abort", NOW) == "it is canceled already"


def test_a_parent_s_abort_comes_as_a_message() -> None:
    found = commands.answer(OPEN, NOTHING, m.Command("abort"), NOW)
    assert found == [(e.ProcessAborted, {})]


def test_a_failed_process_may_be_opened_until_its_time_is_up() -> None:
    early = process(status="failed", error=BAD, deadline=SOON)
    assert commands.target(early, stuck("a"), "retry", None, NOW) == {"a": 1}
    assert commands.target(early, stuck("a"), "retry", None, SOON) == commands.unfit(
        early, "retry", SOON
    )
