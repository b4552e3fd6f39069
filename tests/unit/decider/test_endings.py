"""How a decider's process ends, goes on, or has nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.decider import (
    Activity,
    Answer,
    CancelActivity,
    CancelProcess,
    CompleteProcess,
    ContinueAsNew,
    FailProcess,
    Process,
    RecordMarker,
    StartChildProcess,
    StartTimer,
    Workflow,
)
from tests.unit.decider.drive import Drive
from tests.unit.decider.samples import Foo, driven

# -- the end ---------------------------------------------------------------------------------------


def test_a_process_completes_with_a_result() -> None:
    drive = driven(CompleteProcess({"a": 1}))
    assert (drive.status, drive.process.result) == ("completed", {"a": 1})


def test_what_is_decided_before_the_end_in_the_same_answer_is_recorded() -> None:
    drive = driven([RecordMarker("last"), CompleteProcess()])
    assert drive.kinds() == ["MarkerRecorded", "ProcessCompleted"]


def test_a_process_cancels_itself() -> None:
    assert driven(CancelProcess()).status == "canceled"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("no money", e.Failure("ProcessFailed", "no money")),
        (ValueError("no"), e.Failure("ValueError", "no", "ValueError: no\n")),
        (e.Failure("Own", "why"), e.Failure("Own", "why")),
    ],
)
def test_a_process_fails_with_a_reason(error: Any, told: e.Failure) -> None:
    drive = driven(FailProcess(error))
    assert (drive.status, drive.process.error) == ("failed", told)


def test_a_failed_process_is_opened_by_retry_and_decide_hears_of_it() -> None:
    drive = driven(
        [Foo, StartTimer(5, "x")], FailProcess("no"), CompleteProcess(), activities=[Foo]
    )
    drive.signal("fail")
    assert (drive.status, drive.failed, drive.open) == ("failed", ["decision"], [])
    drive.command("retry")
    assert drive.status == "completed"
    (asked,) = [each.unseen_events() for each in drive.workflow.seen[-1:]]  # type: ignore[attr-defined]
    assert [type(each) for each in asked] == [e.ProcessReopened]


def test_what_was_open_when_it_failed_goes_on_when_it_is_opened_again() -> None:
    drive = driven([Foo, StartTimer(5, "x")], FailProcess("no"), activities=[Foo])
    drive.signal("fail").command("retry")
    assert (drive.status, drive.open, drive.timers) == ("running", ["Foo"], {"timer": 5.0})
    drive.wait(5)
    assert drive.of(e.TimerFired)[0].data == "x"


def test_what_runs_at_most_once_needs_a_person_when_it_is_opened_again() -> None:
    class Once(Activity):
        queue = "q"
        at_most_once = True

        def execute(self) -> None: ...

    drive = driven(Once, FailProcess("no"), activities=[Once]).signal("fail")
    assert drive.failed == ["decision"]
    drive.command("retry")
    assert (drive.status, drive.failed, drive.open) == ("suspended", ["Once"], [])
    assert "whether it took effect must be found out" in str(drive.agenda.incidents[0].error)
    assert len(drive.queued) == 1
    drive.command("retry", "Once")
    assert (drive.status, drive.open) == ("running", ["Once"])
    assert [each.attempt for each in drive.queued] == [1, 2]


def test_a_run_continues_as_another_one_with_an_empty_history() -> None:
    drive = driven([Foo, StartTimer(9)], ContinueAsNew({"n": 2}), activities=[Foo])
    drive.signal("again")
    assert [type(each) for each in drive.past_runs[0][-1:]] == [e.ContinuedAsNew]
    assert drive.process.run == 2
    assert drive.state.started.input == {"n": 2}
    assert drive.state.started.tags == ("a", "b")
    assert (drive.open, drive.timers) == ([], {})
    assert drive.kinds() == ["MarkerRecorded"]


def test_another_run_has_the_same_input_and_other_tags_if_it_is_said_so() -> None:
    drive = driven(ContinueAsNew(tags=["c"]))
    assert (drive.state.started.input, drive.state.started.tags) == ({"n": 1}, ("c",))


def test_the_children_of_another_run_have_other_ids() -> None:
    drive = driven(ContinueAsNew(), StartChildProcess("Bar"))
    assert drive.births[0].child == "p:2/Bar"


# -- nothing ---------------------------------------------------------------------------------------


def test_a_start_that_led_to_nothing_is_marked_so_that_it_is_not_asked_about_again() -> None:
    drive = driven()
    assert [each.name for each in drive.of(e.MarkerRecorded)] == ["decided"]
    drive.advance()
    assert len(drive.workflow.seen) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("nothing", [None, [], (), [None, []], iter(())])
def test_nothing_may_be_decided_in_many_ways(nothing: Any) -> None:
    drive = driven(nothing, nothing).signal("x")
    assert drive.kinds() == ["MarkerRecorded", "SignalReceived"]


def test_decisions_may_be_yielded() -> None:
    class Yielding(Workflow):
        def decide(self, process: Process) -> Iterator[Answer]:
            yield Foo
            if process.unfinished_activities():
                yield [RecordMarker("seen"), None]

    assert Drive(Yielding, 1).kinds() == ["ActivityScheduled", "MarkerRecorded"]


# -- cancel ----------------------------------------------------------------------------------------


def test_a_request_to_stop_ends_a_process_that_has_no_word_in_it() -> None:
    drive = driven([Foo, StartTimer(5)], activities=[Foo]).command("cancel")
    assert (drive.status, drive.open, drive.timers) == ("canceled", [], {})
    assert len(drive.workflow.seen) == 1  # type: ignore[attr-defined]


def test_so_does_one_that_comes_together_with_other_news() -> None:
    drive = driven(Foo, RecordMarker("never"), activities=[Foo])
    drive.advance(m.Signal("x"), m.Command("cancel"))
    assert drive.kinds(2) == ["SignalReceived", "CancelRequested", "ProcessCanceled"]


def test_a_decider_that_handles_it_hears_of_it() -> None:
    drive = driven(Foo, CancelActivity(Foo), CancelProcess(), activities=[Foo], handles_cancel=True)
    drive.command("cancel")
    assert (drive.status, drive.stopping) == ("running", ["Foo"])
    seen = drive.workflow.seen[-1]  # type: ignore[attr-defined]
    assert seen.is_cancel_requested
    assert [type(each) for each in seen.unseen_events()] == [e.CancelRequested]
    assert drive.end("Foo", e.ActivityCanceled()).status == "canceled"
