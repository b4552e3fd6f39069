"""Step lists as processes in the world: time, signals, failures, and what operators do."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.core.retry import Retry
from corago.errors import InvalidStepListError
from corago.steps import Step, parallel, sleep, step, wait_for
from tests.unit.steps.drive import Drive, fails, listed, writes

# -- time ------------------------------------------------------------------------------------------


def test_a_sleep_holds_the_list_until_its_time() -> None:
    drive = Drive(listed(sleep(60), writes("A", a=1))).run()
    assert (drive.status, drive.open) == ("running", [])
    drive.wait(59)
    assert drive.ran == []
    drive.wait(1)
    assert (drive.status, drive.ran) == ("completed", ["A"])


def test_each_sleep_has_a_timer_of_its_own() -> None:
    drive = Drive(listed(sleep(1), sleep(1), sleep(0))).wait(10)
    assert drive.status == "completed"
    assert [each.timer for each in drive.of(e.TimerStarted)] == [
        "Sleep@1",
        "Sleep#2@1",
        "Sleep#3@1",
    ]


def test_branches_sleep_side_by_side() -> None:
    both = parallel("Both", sleep(10) >> writes("A", a=1), sleep(5) >> writes("B", b=1))
    drive = Drive(listed(both)).wait(7)
    assert drive.ran == ["Both/B"]
    assert drive.wait(3).ran == ["Both/B", "Both/A"]


def test_a_process_that_outlives_its_timeout_is_timed_out() -> None:
    drive = Drive(listed(sleep(100), timeout=50)).wait(49)
    assert drive.status == "running"
    assert drive.wait(1).status == "timed_out"


def test_names_with_signs_of_paths_are_just_names() -> None:
    odd = [writes(name, **{str(n): n}) for n, name in enumerate(("a/b", "v2@3", "50 #2", "why?0"))]
    drive = Drive(listed(*odd, sleep(1).named("rest@home"), wait_for("a/b"))).run()
    assert drive.ran == ["a/b", "v2@3", "50 #2", "why?0"]
    assert drive.wait(1).signal("a/b", 5).status == "completed"


# -- signals ---------------------------------------------------------------------------------------


def test_a_wait_takes_the_signal_that_comes_later() -> None:
    drive = Drive(listed(wait_for("approved"), writes("A", a=1))).run()
    assert drive.awaited == ["Wait for approved"]
    drive.signal("other", 1).signal("approved", {"by": "ann"}).run()
    assert drive.process.result == {"approved": {"by": "ann"}, "a": 1}


def test_a_signal_that_came_too_early_is_kept_for_the_wait() -> None:
    drive = Drive(listed(writes("A"), wait_for("go", into="data"))).signal("go", 7).run()
    assert drive.process.result == {"data": 7}


def test_each_wait_takes_one_signal_the_oldest_first() -> None:
    waits = [wait_for("go", into="first"), writes("A"), wait_for("go", into="second")]
    drive = Drive(listed(*waits)).signal("go", 1).signal("go", 2).signal("go", 3).run()
    assert drive.process.result == {"first": 1, "second": 2}


def test_branches_wait_side_by_side() -> None:
    both = parallel("Both", wait_for("a") >> writes("A"), wait_for("b") >> writes("B"))
    drive = Drive(listed(both))
    assert drive.awaited == ["Both/Wait for a", "Both/Wait for b"]
    drive.signal("b", 2).run()
    assert drive.ran == ["Both/B"]
    assert drive.signal("a", 1).run().process.result == {"a": 1, "b": 2}


def test_signals_that_wait_already_carry_a_list_through_many_waits() -> None:
    both = parallel("Both", wait_for("a"), wait_for("b") >> wait_for("c"))
    drive = Drive(listed(writes("First"), both, wait_for("a", into="again")))
    for name in ("c", "b", "a", "a"):
        drive.signal(name, name.upper())
    assert drive.run().process.result == {"a": "A", "b": "B", "c": "C", "again": "A"}


def test_a_wait_times_out_like_a_failing_step_and_a_retry_waits_again() -> None:
    drive = Drive(listed(wait_for("go", timeout=10))).wait(10)
    assert (drive.status, drive.failed) == ("failed", ["Wait for go"])
    assert drive.process.error == e.Failure(
        "TimeoutError", "signal 'go' did not arrive within 10 s"
    )
    drive.command("retry")
    assert (drive.status, drive.awaited) == ("running", ["Wait for go"])
    timers = [each.timer for each in drive.of(e.TimerStarted)]
    assert timers == ["Wait for go@1", "Wait for go@2"]
    assert drive.wait(9).signal("go", 1).process.result == {"go": 1}


def test_a_signal_in_time_cancels_the_timeout() -> None:
    drive = Drive(listed(wait_for("go", timeout=10), sleep(60))).signal("go").wait(30)
    assert drive.status == "running"
    assert [each.timer for each in drive.of(e.TimerCanceled)] == ["Wait for go@1"]


def test_a_late_signal_is_found_by_the_retry() -> None:
    both = parallel("Both", wait_for("go", timeout=10), sleep(60))
    drive = Drive(listed(both)).wait(20).signal("go", 5)
    assert drive.failed == ["Both/Wait for go"]
    drive.wait(60)
    assert drive.status == "failed"
    assert drive.command("retry").process.result == {"go": 5}


def test_a_wait_can_be_skipped_or_answered_by_an_operator() -> None:
    timed_out = listed(wait_for("go", timeout=10))
    assert Drive(timed_out).wait(10).command("skip").process.result == {}
    answered = Drive(timed_out).wait(10).command("set_result", value={"go": "by hand"})
    assert answered.process.result == {"go": "by hand"}


def test_a_signal_may_not_overwrite_what_another_branch_wrote() -> None:
    both = parallel("Both", writes("A", k=1), wait_for("go", into="k"))
    drive = Drive(listed(both)).run().signal("go", 2)
    assert (drive.status, drive.failed) == ("failed", ["Both/Wait for go"])
    assert drive.process.error is not None
    assert drive.process.error.type == "BranchConflictError"
    assert drive.command("retry").failed == ["Both/Wait for go"]
    assert drive.command("skip").process.result == {"k": 1}


# -- failure and commands --------------------------------------------------------------------------


def test_a_failed_step_fails_the_process_and_retry_goes_on_exactly_there() -> None:
    until = {"fails": 1}
    drive = Drive(listed(writes("A", a=1), fails("B", until), writes("C", c=1))).run()
    assert (drive.status, drive.process.error_path) == ("failed", "B")
    assert drive.process.error == e.Failure("RuntimeError", "not yet")
    drive.command("retry").run()
    assert drive.ran == ["A", "B", "B", "C"]
    assert drive.process.result == {"a": 1, "B": "well", "c": 1}
    assert [each.attempt for each in drive.of(e.ActivityClosed) if each.path == "B"] == [1, 2]


def test_skip_passes_over_the_failed_step() -> None:
    drive = Drive(listed(fails("A", {"fails": 9}), writes("B", b=1))).run().command("skip").run()
    assert drive.process.result == {"b": 1}
    assert [each.path for each in drive.of(e.StepSkipped)] == ["A"]


def test_set_result_stands_for_the_failed_step() -> None:
    failing = listed(fails("A", {"fails": 9}), writes("B", b=1))
    drive = Drive(failing).run().command("set_result", value={"a": "by hand"}).run()
    assert drive.process.result == {"a": "by hand", "b": 1}


def test_a_result_by_hand_that_is_no_dict_is_refused_in_place() -> None:
    drive = Drive(listed(fails("A", {"fails": 9}))).run().command("set_result", value=5)
    assert (drive.status, drive.failed) == ("failed", ["A"])
    assert drive.process.error is not None
    assert drive.process.error.type == "StepResultError"
    assert drive.command("set_result", value={"a": 1}).process.result == {"a": 1}


def test_a_policy_retries_by_itself_until_its_attempts_are_spent() -> None:
    policy = Retry(attempts=3, delay=10, factor=2, jitter=0)
    twice = Drive(listed(fails("A", {"fails": 2}, retry=policy))).run()
    assert twice.status == "running"
    twice.wait(9)
    assert twice.ran == ["A"]
    assert twice.wait(21).process.result == {"A": "well"}
    assert [each.attempt for each in twice.of(e.ActivityRetried)] == [1, 2]

    always = Drive(listed(fails("A", {"fails": 9}, retry=policy))).run().wait(100)
    assert (always.status, always.ran) == ("failed", ["A"] * 3)


def test_errors_to_give_up_on_are_not_retried() -> None:
    policy = Retry(give_up=(RuntimeError,))
    assert Drive(listed(fails("A", {"fails": 1}, retry=policy))).run().status == "failed"


def test_a_missing_argument_fails_the_step_with_a_message_that_helps() -> None:
    @step("Greet")
    def greet(name: str) -> None: ...

    drive = Drive(listed(greet), {"nam": "x", "port": 1}).run()
    assert drive.process.error is not None
    assert drive.process.error.message == (
        "step 'Greet' needs the argument 'name', and the State has no key 'name'; "
        "keys there: 'nam', 'port'"
    )


def test_work_that_may_run_once_is_suspended_when_its_worker_vanishes() -> None:
    drive = Drive(listed(parallel("Both", writes("A", a=1), at_most_once("B"))))
    assert [each.path for each in drive.of(e.ActivityStarted)] == ["Both/B"]
    drive.advance(m.Lost("worker-1"))
    assert (drive.status, drive.failed) == ("suspended", ["Both/B"])
    drive.run()
    assert (drive.status, drive.ran) == ("suspended", ["Both/A"])
    assert drive.command("retry").run().process.result == {"a": 1, "b": 1}


def at_most_once(name: str) -> Step[[], dict[str, Any]]:
    @step(name, at_most_once=True)
    def once() -> dict[str, Any]:
        return {"b": 1}

    return once


# -- cancel ----------------------------------------------------------------------------------------


def test_cancel_ends_a_process_that_only_waits() -> None:
    for waiting in (wait_for("go", timeout=5), sleep(60)):
        drive = Drive(listed(waiting, writes("A"))).command("cancel")
        assert (drive.status, drive.process.timers) == ("canceled", {})


def test_cancel_asks_running_steps_to_stop_and_waits_for_their_end() -> None:
    both = parallel("Both", writes("A", a=1), writes("B", b=1), sleep(60))
    drive = Drive(listed(both)).command("cancel")
    assert drive.status == "running"
    assert [(wish.path, wish.cancel) for wish in drive.agenda.activities] == [
        ("Both/A", True),
        ("Both/B", True),
    ]
    drive.end("Both/A", e.ActivityCanceled())
    assert drive.open == ["Both/B"]
    drive.end("Both/B", e.ActivityCompleted({"b": 1}))
    assert drive.status == "canceled"


def test_after_cancel_nothing_further_starts() -> None:
    drive = Drive(listed(writes("A", a=1), writes("B", b=1))).command("cancel")
    drive.end("A", e.ActivityCompleted({"a": 1}))
    assert (drive.status, drive.ran) == ("canceled", [])


def test_a_step_that_fails_while_it_is_canceled_is_not_retried() -> None:
    drive = Drive(listed(fails("A", {"fails": 9}, retry=Retry()))).command("cancel").run()
    assert drive.status == "canceled"
    assert drive.of(e.ActivityRetried) == []


# -- outcomes that come out of turn ----------------------------------------------------------------


@pytest.mark.parametrize(
    "stray",
    [
        m.Outcome("A", 1, 1, e.ActivityCompleted({"a": 2})),
        m.Outcome("B", 1, 7, e.ActivityCompleted({"a": 2})),
        m.Outcome("nowhere", 1, 1, e.ActivityCompleted({"a": 2})),
    ],
)
def test_an_outcome_of_what_is_not_open_changes_nothing(stray: m.Outcome) -> None:
    drive = Drive(listed(writes("A", a=1), writes("B", b=1)))
    drive.perform("A")
    before = list(drive.events)
    drive.advance(stray)
    assert drive.events == before
    assert drive.open == ["B"]


def test_messages_one_by_one_or_all_at_once_come_to_the_same() -> None:
    both = parallel("Both", wait_for("a") >> writes("A", x=1), wait_for("b"))
    messages = [m.Signal("b", 2), m.Signal("a", 1), m.Signal("late")]
    one_by_one, at_once = Drive(listed(both)), Drive(listed(both))
    for message in messages:
        one_by_one.advance(message)
    at_once.advance(*messages)
    assert one_by_one.events == at_once.events
    assert one_by_one.snapshot == at_once.snapshot


def test_branches_that_wait_into_one_key_are_refused_when_the_workflow_is_made() -> None:
    both = parallel("Both", wait_for("go"), writes("A") >> wait_for("x", into="go"))
    with pytest.raises(InvalidStepListError, match=r"branches 1 and 2 of 'Both'.*State\['go'\]"):
        listed(both)
