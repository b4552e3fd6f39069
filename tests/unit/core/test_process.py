from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corago.core import events as e
from corago.core.process import FRESH, Activity, Child, Process, evolve, later, start

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DUE = NOW + timedelta(minutes=1)
BAD = e.Failure("OSError", "disk")
WORSE = e.Failure("LeaseLost", "who knows")


def born(**fields: Any) -> Process:
    return start(
        e.ProcessStarted(position=1, at=NOW, process_id="p", workflow="w", sha="0", **fields)
    )


def after(*steps: tuple[type[e.Event], dict[str, Any]], process: Process | None = None) -> Process:
    process = process or born()
    for kind, fields in steps:
        at = process.at + timedelta(seconds=1)
        process = evolve(process, kind(position=process.position + 1, at=at, **fields))
    return process


def closed(attempt: int = 1, result: e.ActivityResult | None = None, occurrence: int = 1) -> Any:
    result = result or e.ActivityFailed(BAD)
    fields = {"path": "a", "occurrence": occurrence, "attempt": attempt, "result": result}
    return e.ActivityClosed, fields


def retried(attempt: int, occurrence: int = 1) -> Any:
    fields = {"path": "a", "occurrence": occurrence, "attempt": attempt, "error": BAD, "due": DUE}
    return e.ActivityRetried, fields


def test_a_process_is_born_created_at_its_first_event() -> None:
    process = born(run=2, external={"x": 1}, timeout=60.0)
    assert process == Process(
        id="p",
        workflow="w",
        sha="0",
        position=1,
        at=NOW,
        run=2,
        deadline=NOW + timedelta(seconds=60),
        external={"x": 1},
        started_at=NOW,
    )
    assert process.status == process.standing == "created"


def test_a_timeout_beyond_all_dates_falls_due_on_the_last_one() -> None:
    assert born(timeout=1e300).deadline == datetime.max.replace(tzinfo=UTC)
    assert later(NOW, 60) == DUE


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (e.SignalReceived, {"name": "go"}),
        (e.PredicateAnswered, {"path": "a", "answer": True}),
        closed(),
        (e.LeaseLost, {}),
    ],
)
def test_any_further_fact_makes_it_running_and_moves_position_and_time(
    kind: type[e.Event], fields: dict[str, Any]
) -> None:
    process = after((kind, fields))
    assert (process.status, process.position) == ("running", 2)
    assert process.at == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(("kind", "status"), list(e.CLOSING.items()))
def test_a_closing_fact_closes_it_and_its_timers(kind: type[e.Event], status: str) -> None:
    fields = {"error": BAD, "path": "a"} if kind is e.ProcessFailed else {}
    process = after((e.TimerStarted, {"timer": "t", "due": DUE}), (kind, fields))
    assert process.status == process.standing == status
    assert process.is_closed
    assert process.timers == {}


def test_a_refused_command_leaves_a_closed_process_closed() -> None:
    refused = e.CommandRefused, {"command": "cancel", "why": "it is failed already"}
    process = after((e.ProcessFailed, {"error": BAD}), refused)
    assert (process.status, process.position) == ("failed", 3)


def test_the_end_is_kept_until_the_process_is_opened_again() -> None:
    failed = after((e.ProcessFailed, {"path": "a", "error": BAD}))
    assert (failed.error, failed.error_path, failed.result) == (BAD, "a", None)
    reopened = after((e.ProcessReopened, {"paths": ("a",)}), process=failed)
    assert (reopened.error, reopened.error_path, reopened.status) == (None, "", "running")
    assert after((e.ProcessCompleted, {"result": [1]})).result == [1]


def test_an_activity_that_simply_succeeds_leaves_no_trace() -> None:
    done = e.ActivityCompleted(1)
    assert after(closed(result=done)).activities == {}
    assert after(retried(1), closed(2, done)).activities == {}
    assert after((e.LeaseLost, {}), closed(result=done)).losses == 0


def test_a_retry_remembers_error_and_due_time_and_counts_in_its_budget() -> None:
    process = after(retried(1), retried(2))
    assert process.activity("a") == Activity(3, 1, DUE, BAD, position=3)


def test_a_failed_activity_begins_a_new_budget_with_its_next_attempt() -> None:
    process = after(retried(1), closed(2))
    assert process.activity("a") == Activity(3, 3, None, BAD)
    assert after(retried(3), process=process).activity("a") == Activity(4, 3, DUE, BAD, position=4)


def test_what_is_known_of_an_activity_is_known_of_one_occurrence() -> None:
    once = after(retried(1), (e.ActivityStarted, {"path": "a", "attempt": 2}))
    assert once.activity("a", 1) == once.activity("a") == Activity(2, 1, None, BAD, started=True)
    assert once.activity("a", 2) == FRESH
    assert once.activity("b") == FRESH
    again = after((e.ActivityStarted, {"path": "a", "occurrence": 2}), process=once)
    assert again.activity("a", 2) == Activity(started=True, occurrence=2)
    retry = after(retried(1, occurrence=2), process=once)
    assert retry.activity("a", 2) == Activity(2, 1, DUE, BAD, occurrence=2, position=4)
    end = after(closed(occurrence=2), process=once)
    assert end.activity("a", 2) == Activity(2, 2, None, BAD, occurrence=2)
    pause = after((e.ProcessSuspended, {"path": "a", "occurrence": 2, "error": BAD}), process=once)
    assert pause.activity("a", 2) == Activity(2, 2, None, BAD, occurrence=2)


def test_a_recorded_start_ends_the_wait_and_is_forgotten_with_the_attempt() -> None:
    started = after(retried(1), (e.ActivityStarted, {"path": "a", "attempt": 2}))
    assert started.activity("a") == Activity(2, 1, None, BAD, started=True)
    assert not after(retried(2), process=started).activity("a").started
    assert not after(closed(2), process=started).activity("a").started


def test_an_operator_ends_a_wait_and_gives_a_new_budget() -> None:
    process = after(retried(1), (e.ProcessResumed, {"paths": ("a",)}))
    assert process.activity("a") == Activity(2, 2, None, BAD)
    assert after(retried(1), (e.ProcessResumed, {"paths": ("b",)})).activity("a").due == DUE


def test_a_suspended_path_stands_until_somebody_acts_on_it() -> None:
    suspended = after(
        (e.ProcessSuspended, {"path": "a", "error": WORSE}),
        (e.ProcessSuspended, {"path": "b", "error": WORSE}),
    )
    assert suspended.standing == "suspended"
    assert suspended.suspended == ("a", "b")
    assert suspended.activity("a") == Activity(2, 2, None, WORSE)
    for act in (
        (e.ProcessResumed, {"paths": ("a",)}),
        (e.ProcessReopened, {"paths": ("a",)}),
        (e.StepSkipped, {"path": "a"}),
        closed(2, e.ActivityCompleted()),
        closed(2),
    ):
        assert after(act, process=suspended).suspended == ("b",)


def test_a_skipped_step_is_forgotten() -> None:
    assert after(closed(), (e.StepSkipped, {"path": "a"})).activities == {}


def test_a_poisoned_process_stands_suspended_until_it_is_resumed_as_a_whole() -> None:
    poisoned = after((e.LeaseLost, {"losses": 5}), (e.ProcessSuspended, {"error": BAD}))
    assert (poisoned.standing, poisoned.poison_position) == ("suspended", 3)
    assert poisoned.suspended == ()
    assert after((e.ProcessResumed, {"paths": ("a",)}), process=poisoned).poison == BAD
    resumed = after((e.ProcessResumed, {"paths": ("",)}), process=poisoned)
    assert (resumed.poison, resumed.losses, resumed.standing) == (None, 0, "running")


def test_a_request_to_stop_lifts_the_poison() -> None:
    poisoned = after((e.LeaseLost, {"losses": 5}), (e.ProcessSuspended, {"error": BAD}))
    process = after((e.CancelRequested, {}), process=poisoned)
    assert process.cancel_requested
    assert (process.poison, process.losses, process.standing) == (None, 0, "running")


@pytest.mark.parametrize(
    "progress",
    [closed(), closed(result=e.ActivityCompleted()), retried(1), (e.ProcessReopened, {})],
)
def test_losses_are_counted_since_the_last_progress(progress: Any) -> None:
    lost = after((e.LeaseLost, {"losses": 1}), (e.LeaseLost, {"losses": 2}))
    assert lost.losses == 2
    assert after((e.SignalReceived, {"name": "go"}), process=lost).losses == 2
    assert after((e.ProcessResumed, {"paths": ("a",)}), process=lost).losses == 2
    assert after(progress, process=lost).losses == 0


def test_timers_are_open_from_their_start_until_they_fire_or_are_canceled() -> None:
    two = after(
        (e.TimerStarted, {"timer": "t", "due": DUE}),
        (e.TimerStarted, {"timer": "u", "due": NOW}),
    )
    assert two.timers == {"t": DUE, "u": NOW}
    assert after((e.TimerFired, {"timer": "u"}), process=two).timers == {"t": DUE}
    assert after((e.TimerCanceled, {"timer": "t"}), process=two).timers == {"u": NOW}


def test_what_a_timer_will_say_is_known_while_it_is_open_and_never_before() -> None:
    none = after((e.TimerStarted, {"timer": "t", "due": DUE, "data": 1}))
    two = after((e.TimerStarted, {"timer": "u", "due": NOW, "data": 2}), process=none)
    assert none.timer_data == {"t": 1}
    assert two.timer_data == {"t": 1, "u": 2}
    assert after((e.TimerFired, {"timer": "u"}), process=two).timer_data == {"t": 1}
    moved = after((e.TimerStarted, {"timer": "t", "due": NOW}), process=two)
    assert (moved.timer_data, two.timer_data["t"]) == ({"t": None, "u": 2}, 1)


def test_an_update_merges_into_the_external_store_at_the_top_level() -> None:
    changes = {"a": {"y": 2}, "c": 3}
    process = after((e.ExternalUpdated, {"changes": changes}), process=born(external={"a": 1}))
    assert process.external == {"a": {"y": 2}, "c": 3}


def test_a_child_is_open_until_its_own_end_and_not_that_of_one_before_it() -> None:
    again = {"path": "c", "child": "p/c@2", "workflow": "w"}
    process = after((e.ChildStarted, again))
    assert process.children == {"c": Child("p/c@2")}
    late = (e.ChildClosed, {"path": "c", "child": "p/c", "status": "failed"})
    assert after(late, process=process).children == {"c": Child("p/c@2")}
    end = (e.ChildClosed, {"path": "c", "child": "p/c@2", "status": "completed"})
    assert after(end, process=process).children == {}


def test_a_child_that_was_asked_to_stop_is_known_to_have_been() -> None:
    fields = {"path": "c", "child": "p/c", "workflow": "w", "policy": "terminate"}
    told = (e.MessageSent, {"path": "c", "to": "p/c", "command": "cancel"})
    process = after((e.ChildStarted, fields), told)
    assert process.children == {"c": Child("p/c", canceled=True, policy="terminate")}
