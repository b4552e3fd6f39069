"""What the kernel does when workers vanish, and when a failed process is opened again."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.process import Activity
from corago.core.program import NOTHING
from corago.core.queueing import LOSS_LIMIT
from corago.core.retry import Retry
from corago.steps.program import StepsProgram
from tests.properties.programs import Element
from tests.unit.core.test_kernel import BAD, FAILED, NOW, Run, names, outcome, table, work

ONCE = work(at_most_once=True)


# -- starts that must be known ---------------------------------------------------------------------


def test_an_at_most_once_start_is_recorded_before_it_happens() -> None:
    run = Run(table(ONCE, work()))
    assert run.take().facts == (e.ActivityStarted(position=2, at=NOW, path="0.0"),)
    assert run.take().facts == ()
    assert [wish.path for wish in run.agenda.activities] == ["0.0", "1.0"]


def test_the_start_of_a_later_attempt_is_recorded_when_its_wait_is_over() -> None:
    run = Run(table(work(at_most_once=True, retry=Retry(delay=60, jitter=0))))
    run.take()
    run.take(outcome(FAILED))
    assert run.take(later=59).facts == ()
    (started,) = run.take(later=1).facts
    assert started == e.ActivityStarted(position=4, at=run.now, path="0.0", attempt=2)
    known = run.snapshot.process.activity("0.0")
    assert known == Activity(2, 1, None, BAD, started=True)


def test_after_a_loss_every_start_is_recorded_until_there_is_progress() -> None:
    run = Run(table(work(), work(retry=Retry(delay=60))))
    run.take(outcome(FAILED, path="1.0"))
    commit = run.take(m.Lost("worker"))
    assert commit.events == (
        e.LeaseLost(position=3, at=NOW, owner="worker"),
        e.ActivityStarted(position=4, at=NOW, path="0.0"),
    )
    assert run.take().events == ()
    assert names(run.take(outcome(FAILED, attempt=2, path="1.0"))) == "ActivityRetried"
    assert run.snapshot.process.losses == 0


def test_what_is_asked_to_stop_is_not_started() -> None:
    run = Run(table(work()))
    run.take(m.Command("cancel"))
    assert names(run.take(m.Lost())) == "LeaseLost"


# -- losses ----------------------------------------------------------------------------------------


def test_at_most_once_work_that_had_started_waits_for_a_person() -> None:
    run = Run(table(ONCE, work()))
    run.take()
    commit = run.take(m.Lost("worker"))
    assert names(commit) == "LeaseLost ProcessSuspended ActivityStarted"
    suspended = commit.facts[0]
    assert isinstance(suspended, e.ProcessSuspended)
    assert (suspended.path, suspended.error.type) == ("0.0", "LeaseLost")
    assert run.snapshot.process.standing == "suspended"
    assert run.agenda.activities == (d.ScheduleActivity("1.0", {}),)
    assert run.agenda.incidents == (d.Incident("0.0", 4, suspended.error, suspended=True),)


@pytest.mark.parametrize("verb", ["retry", "skip", "set_result"])
def test_the_person_may_retry_skip_or_set_the_result(verb: str) -> None:
    run = Run(table(ONCE))
    run.take()
    run.take(m.Lost())
    commit = run.take(m.Command(verb, {"0.0": 4}, {"n": 1}, actor="op", reason="looked"))
    says = {
        "retry": "ProcessResumed ActivityStarted",
        "skip": "StepSkipped ProcessCompleted",
        "set_result": "ActivityClosed ProcessCompleted",
    }
    assert names(commit) == says[verb]
    assert (commit.received[0].actor, commit.received[0].reason) == ("op", "looked")
    assert {event.actor for event in commit.facts} == {None}
    assert run.snapshot.process.suspended == ()


def test_a_loss_before_the_first_decision_suspends_nothing() -> None:
    run = Run(table(ONCE))
    assert names(run.take(m.Lost())) == "LeaseLost ActivityStarted"
    assert run.snapshot.process.standing == "running"


def test_a_loss_during_a_wait_suspends_nothing_even_if_the_wait_is_over_by_now() -> None:
    run = Run(table(work(at_most_once=True, retry=Retry(delay=60, jitter=0))))
    run.take()
    run.take(outcome(FAILED))
    run.snapshot = type(run.snapshot)(run.snapshot.process, run.snapshot.state)
    assert names(run.take(m.Lost(), later=90)) == "LeaseLost ActivityStarted"
    assert run.snapshot.process.standing == "running"


def test_a_loss_of_a_process_that_ends_with_its_first_decision_is_no_fact() -> None:
    run = Run(table())
    assert names(run.take(m.Lost())) == "ProcessCompleted"


def test_a_process_that_loses_its_worker_too_often_is_poison() -> None:
    run = Run(table(work()))
    for losses in range(1, LOSS_LIMIT):
        run.take(m.Lost())
        assert run.snapshot.process.losses == losses
    assert run.snapshot.process.poison is None
    assert names(run.take(m.Lost())) == "LeaseLost ProcessSuspended"
    assert run.snapshot.process.standing == "suspended"
    assert run.agenda == NOTHING
    assert names(run.take(outcome())) == ""


def poisoned() -> Run:
    run = Run(table(work()))
    run.take(*[m.Lost()] * LOSS_LIMIT)
    return run


def test_a_poisoned_process_still_takes_signals_and_goes_on_when_resumed() -> None:
    run = poisoned()
    position = run.snapshot.process.poison_position
    assert names(run.take(m.Signal("go"))) == "SignalReceived"
    commit = run.take(m.Command("retry", {"": position}))
    assert names(commit) == "ProcessResumed"
    assert run.agenda.activities == (d.ScheduleActivity("0.0", {}),)


def test_a_poisoned_process_can_be_asked_to_stop() -> None:
    run = poisoned()
    assert names(run.take(m.Command("cancel"))) == "CancelRequested"
    assert run.agenda.activities == (d.ScheduleActivity("0.0", {}, cancel=True),)
    assert names(run.take(outcome(e.ActivityCanceled()))) == "ActivityClosed ProcessCanceled"


# -- commands --------------------------------------------------------------------------------------


def test_a_command_to_a_new_process_is_judged_after_its_first_decision() -> None:
    run = Run(table())
    commit = run.take(m.Command("cancel"))
    assert names(commit) == "ProcessCompleted CommandRefused"
    assert commit.received[0] == e.CommandRefused(
        position=3, at=NOW, command="cancel", why="it is completed already"
    )


def test_a_command_to_a_closed_process_is_answered_with_the_reason() -> None:
    run = Run(table(work()))
    run.take(outcome())
    commit = run.take(m.Command("retry", {"0.0": 2}, actor="op"))
    assert (names(commit), commit.consumed) == ("CommandRefused", 1)
    assert commit.received[0].actor == "op"
    assert run.snapshot.process.status == "completed"


def failed() -> Run:
    """A process that failed at position 2 (and said so at 3)."""
    run = Run(table(work()))
    run.take(outcome(FAILED))
    return run


def test_a_failed_process_is_opened_at_exactly_what_failed() -> None:
    run = failed()
    commit = run.take(m.Command("retry", {"0.0": 2}))
    assert names(commit) == "ProcessReopened"
    assert run.snapshot.process.status == "running"
    assert run.agenda.activities == (d.ScheduleActivity("0.0", {}),)
    assert names(run.take(outcome(attempt=2))) == "ActivityClosed ProcessCompleted"


def test_messages_left_over_at_a_failure_are_taken_when_it_is_opened_again() -> None:
    run = failed()
    left = (m.Signal("a"), m.Command("cancel"), m.Update({"x": 1}))
    commit = run.take(*left)
    assert (names(commit), commit.consumed) == ("", 0)
    retry = m.Command("retry", {"0.0": 2})
    commit = run.take(*left, retry, m.Signal("b"))
    assert names(commit) == (
        "CommandRefused ProcessReopened SignalReceived ExternalUpdated SignalReceived"
    )
    assert commit.consumed == 5


def test_leftover_messages_do_not_stand_between_an_opening_and_the_next_failure() -> None:
    run = Run(table(Element("ask")))
    run.functions = {"0.0": lambda values: values["nothing"]}
    assert names(run.take()) == "PredicateAnswered ProcessFailed"
    stray: tuple[m.Message, ...] = (outcome(), m.TimerDue("t", NOW), m.Lost())
    commit = run.take(*stray, m.Signal("a"), m.Command("retry", {"0.0": 2}), m.Signal("b"))
    assert names(commit) == "ProcessReopened SignalReceived PredicateAnswered ProcessFailed"
    assert commit.consumed == 5


# -- step lists ------------------------------------------------------------------------------------


def steps(*elements: dict[str, Any]) -> StepsProgram:
    return StepsProgram({"steps": [*elements, {"kind": "done", "name": "done"}]})


STEP = {"kind": "step", "name": "a"}


def test_a_step_whose_result_can_not_be_taken_was_done_so_what_follows_is_another_occurrence() -> (
    None
):
    run = Run(steps(STEP))
    commit = run.take(outcome(e.ActivityCompleted([1]), path="a"))
    assert names(commit) == "ActivityClosed ProcessFailed"
    error = e.Failure("StepResultError", "the result of 'a' is of type list, not a dict")
    assert run.agenda.incidents == (d.Incident("a", 2, error, 2),)
    commit = run.take(m.Command("set_result", {"a": 2}, "again no dict"))
    assert names(commit) == "ProcessReopened ActivityClosed ProcessFailed"
    run.take(m.Command("retry", {"a": 5}))
    assert run.agenda.activities == (d.ScheduleActivity("a", {}, 3),)
    assert names(run.take(m.Command("cancel"))) == "CancelRequested"
    assert run.agenda.activities == (d.ScheduleActivity("a", {}, 3, cancel=True),)
    commit = run.take(m.Outcome("a", 3, 1, e.ActivityCanceled()))
    assert names(commit) == "ActivityClosed ProcessCanceled"


def test_a_result_set_for_a_step_is_what_the_step_wrote() -> None:
    run = Run(steps(STEP))
    run.take(outcome(FAILED, path="a"))
    commit = run.take(m.Command("set_result", {"a": 2}, {"n": 1}))
    assert names(commit) == "ProcessReopened ActivityClosed ProcessCompleted"
    assert run.snapshot.process.result == {"n": 1}


def test_a_wait_that_came_too_late_gets_another_timer_when_it_is_tried_again() -> None:
    run = Run(steps({"kind": "wait_for", "name": "a", "signal": "go", "timeout": 30}))
    run.take()
    due = run.snapshot.process.timers["a@1"]
    assert names(run.take(m.TimerDue("a@1", due), later=30)) == "TimerFired ProcessFailed"
    run.take(m.Command("retry", {"a": 3}))
    assert set(run.snapshot.process.timers) == {"a@2"}
