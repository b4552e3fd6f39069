"""A class with a `decide`: what it is shown, what it may answer, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.decider import (
    Activity,
    Answer,
    CancelActivity,
    CancelTimer,
    CompleteProcess,
    CompleteProcessDecision,
    Process,
    RecordMarker,
    Retry,
    ScheduleActivity,
    ScheduleActivityDecision,
    SignalProcess,
    StartChildProcess,
    StartTimer,
    Workflow,
    activity,
)
from tests.unit.decider.drive import BIRTH, Drive
from tests.unit.decider.samples import Bar, Foo, Ship, deciding, driven

# -- the samples -----------------------------------------------------------------------------------


def test_the_sample_of_the_face_runs_to_its_end() -> None:
    drive = Drive(Bar, 7).run()
    assert drive.kinds() == ["ActivityScheduled", "ActivityClosed", "ProcessCompleted"]
    assert drive.of(e.ActivityClosed)[0].result == e.ActivityCompleted(14)
    assert drive.status == "completed"


@pytest.mark.parametrize(
    ("given", "end"),
    [
        (10, e.ActivityAborted("input out of bounds")),
        (None, "Exception: no input"),
    ],
)
def test_an_activity_that_ends_otherwise_is_scheduled_again(given: Any, end: Any) -> None:
    drive = Drive(Bar, given).perform("Foo")
    result = drive.of(e.ActivityClosed)[0].result
    assert end == (str(result.error) if isinstance(result, e.ActivityFailed) else result)
    assert drive.open == ["Foo#2"]


def test_the_seed_s_classmethods_and_long_names_work() -> None:
    class FooActivity(Activity):
        @classmethod
        def execute(cls, task: Any, worker: Any) -> Any:
            worker.heartbeat()
            return task.input * 2

    class BarWorkflow(Workflow):
        @classmethod
        def decide(cls, process: Process) -> Answer:
            if any(isinstance(event, e.ActivityClosed) for event in process.history):
                return CompleteProcessDecision()
            return ScheduleActivityDecision(FooActivity)

    assert BarWorkflow.document["activities"] == []
    drive = Drive(BarWorkflow, 4).run()
    assert drive.of(e.ActivityScheduled)[0].activity == "FooActivity"
    assert drive.of(e.ActivityClosed)[0].result == e.ActivityCompleted(8)


# -- scheduling ------------------------------------------------------------------------------------


def test_an_activity_is_scheduled_on_the_process_s_input() -> None:
    drive = driven(Ship)
    (event,) = drive.of(e.ActivityScheduled)
    assert (event.path, event.activity, event.input) == ("Ship", "Ship", {"n": 1})
    assert (event.queue, event.occurrence, event.timeout) == ("dock", 1, 300.0)
    assert event.limits == e.Limits(60.0, 3600.0, 30.0)
    assert Retry(**event.retry) == Ship.retry


def test_what_is_open_is_wanted_until_it_closes() -> None:
    drive = driven(ScheduleActivity(Ship, [1]))
    wish = drive.wish("Ship")
    assert wish.input == {"input": [1]}
    assert (wish.queue, wish.function, wish.activity) == ("dock", "Ship", "Ship")
    assert (wish.timeout, wish.retry, wish.at_most_once) == (300.0, Ship.retry, False)
    limits = wish.limits
    assert limits is not None
    assert (limits.schedule_to_start, limits.heartbeat) == (60.0, 30.0)
    assert limits.close_by == BIRTH + timedelta(hours=1)
    drive.signal("x").signal("y")
    assert drive.wish("Ship") is wish
    assert drive.done("Ship").open == []


def test_a_queued_activity_is_put_into_its_queue_with_its_fact() -> None:
    drive = driven(ScheduleActivity(Ship, [1]))
    (queued,) = drive.queued
    assert (queued.path, queued.occurrence, queued.attempt) == ("Ship", 1, 1)
    assert (queued.queue, queued.function, queued.activity) == ("dock", "Ship", "Ship")
    assert (queued.input, queued.timeout) == ({"input": [1]}, 300.0)
    assert drive.kinds() == ["ActivityScheduled"]


def test_a_failed_attempt_in_a_queue_is_put_there_again_without_another_decision() -> None:
    drive = driven(Ship, then=CompleteProcess())
    drive.fails("Ship")
    assert drive.kinds() == ["ActivityScheduled", "ActivityRetried", "ActivityScheduled"]
    assert drive.of(e.ActivityScheduled)[1].activity == ""
    assert [each.attempt for each in drive.queued] == [1, 2]
    assert drive.fails("Ship").status == "completed"


def test_a_decision_may_say_otherwise_than_the_activity() -> None:
    said = ScheduleActivity(
        Ship,
        id="first",
        category="sea",
        start_to_close=1,
        schedule_to_close=2,
        heartbeat_timeout=3,
        retry=1,
        at_most_once=True,
    )
    event = driven(said).of(e.ActivityScheduled)[0]
    assert (event.path, event.queue, event.timeout) == ("first", "sea", 1.0)
    assert event.limits == e.Limits(60.0, 2.0, 3.0)
    assert (event.retry["attempts"], event.at_most_once) == (1, True)


def test_once_at_most_can_be_taken_back_by_a_decision() -> None:
    class Once(Activity):
        at_most_once = True

        def execute(self) -> None: ...

    drive = driven(Once, ScheduleActivity(Once, id="again", at_most_once=False))
    drive.signal("x")
    assert [each.at_most_once for each in drive.of(e.ActivityScheduled)] == [True, False]


def test_an_activity_may_be_named() -> None:
    both = [ScheduleActivity("Ship", id="own"), ScheduleActivity("Other@2", None)]
    drive = driven(both, activities=[Ship])
    own, other = drive.of(e.ActivityScheduled)
    assert (own.queue, own.activity) == ("dock", "Ship")
    assert (other.path, other.activity, other.queue, other.input) == ("Other", "Other@2", "", None)


def test_the_version_may_be_left_out_of_a_name_where_there_is_but_one() -> None:
    class Versioned(Activity):
        version = 3
        queue = "q"

        def execute(self) -> None: ...

    drive = driven(ScheduleActivity("Versioned"), activities=[Versioned])
    (event,) = drive.of(e.ActivityScheduled)
    assert (event.activity, event.queue, event.path) == ("Versioned@3", "q", "Versioned")


def test_ids_are_made_of_the_name_and_a_number_from_the_second_on() -> None:
    drive = driven([Ship, Ship, ScheduleActivity(Ship, id="mine"), Ship], then=Ship)
    assert drive.open == ["Ship", "Ship#2", "mine", "Ship#4"]
    drive.done("Ship")
    assert drive.open == ["Ship#2", "mine", "Ship#4", "Ship#5"]
    assert [each.occurrence for each in drive.of(e.ActivityScheduled)] == [1, 2, 3, 4, 5]


def test_a_number_that_somebody_took_by_hand_is_passed_over() -> None:
    drive = driven([ScheduleActivity(Ship, id="Ship#2"), Ship])
    assert drive.open == ["Ship#2", "Ship#3"]


def test_an_id_may_be_used_again_once_it_has_closed() -> None:
    again = ScheduleActivity(Ship, id="one")
    drive = driven(again, again).done("one")
    assert drive.open == ["one"]
    assert [each.occurrence for each in drive.of(e.ActivityScheduled)] == [1, 2]
    drive.advance(m.Outcome("one", 1, 1, e.ActivityCompleted("late")))
    assert drive.open == ["one"]


# -- canceling -------------------------------------------------------------------------------------


def test_a_canceled_activity_is_asked_to_stop_and_stays_open_until_it_has() -> None:
    drive = driven(Foo, CancelActivity("Foo"), activities=[Foo]).signal("stop")
    assert drive.kinds(2) == ["SignalReceived", "ActivityCancelRequested"]
    assert (drive.open, drive.stopping) == ([], ["Foo"])
    assert drive.end("Foo", e.ActivityCanceled()).stopping == []


def test_a_canceled_activity_in_a_queue_is_told_there() -> None:
    drive = driven(Ship, CancelActivity(Ship)).signal("stop")
    assert drive.cancels == ["Ship"]
    assert drive.kinds(2) == ["SignalReceived", "ActivityCancelRequested"]


def test_an_activity_may_be_canceled_by_what_is_seen_of_it_and_all_of_it_by_its_class() -> None:
    class Stopping(Workflow):
        activities = [Foo, Ship]

        def decide(self, process: Process) -> Answer:
            if not process.unfinished_activities():
                return [Foo, Ship, Foo]
            if process.unseen_events()[0].position == 5:
                return CancelActivity(process.unfinished_activities()[1])
            return CancelActivity(Foo)

    drive = Drive(Stopping, 1).signal("one")
    assert drive.stopping == ["Ship"]
    assert drive.signal("two").stopping == ["Foo", "Ship", "Foo#2"]


def test_canceling_what_is_not_open_is_harmless_and_so_is_doing_it_twice() -> None:
    stop = CancelActivity("Foo")
    drive = driven(Foo, [CancelActivity("none"), CancelTimer("none")], [stop, stop], then=stop)
    drive.signal("x")
    assert drive.kinds(2) == ["SignalReceived"]
    drive.signal("y").signal("z")
    assert len(drive.of(e.ActivityCancelRequested)) == 1


def test_one_whose_next_attempt_is_in_no_queue_yet_closes_at_once_and_decide_hears_of_it() -> None:
    class Both(Workflow):
        activities = [Foo, Ship]

        def decide(self, process: Process) -> Iterator[Answer]:
            for event in process.unseen_events():
                if isinstance(event, e.ProcessStarted):
                    yield [Foo, Ship]
                elif isinstance(event.result, e.ActivityFailed):  # type: ignore[attr-defined]
                    yield CancelActivity(Ship)
            if not process.unfinished_activities():
                yield CompleteProcess("over")

    drive = Drive(Both)
    failed = e.ActivityFailed(e.Failure("OSError", "no"))
    drive.advance(drive.outcome("Ship", failed), drive.outcome("Foo", failed))
    assert drive.kinds(3) == [
        "ActivityRetried",
        "ActivityClosed",
        "ActivityCancelRequested",
        "ActivityClosed",
        "ProcessCompleted",
    ]
    assert [answer.name for answer in drive.answers] == ["decide", "decide"]


# -- timers ----------------------------------------------------------------------------------------


def test_a_timer_fires_with_its_data() -> None:
    drive = driven([StartTimer(5, {"a": 1}), StartTimer(timedelta(days=30), id="late")])
    assert drive.timers == {"timer": 5.0, "late": 30 * 86400.0}
    drive.wait(6)
    assert drive.of(e.TimerFired) == [
        e.TimerFired(position=4, at=BIRTH + timedelta(seconds=5), timer="timer", data={"a": 1})
    ]
    assert drive.timers == {"late": 30 * 86400.0}


def test_a_canceled_timer_does_not_fire() -> None:
    drive = driven([StartTimer(5), StartTimer(6)], CancelTimer("timer")).signal("x")
    assert drive.timers == {"timer#2": 6.0}
    assert drive.wait(10).kinds(3) == ["SignalReceived", "TimerCanceled", "TimerFired"]


def test_a_timer_without_delay_fires_at_once() -> None:
    drive = driven(StartTimer(0), CompleteProcess()).wait(0)
    assert drive.status == "completed"


# -- children --------------------------------------------------------------------------------------


def test_a_child_is_born_with_its_fact() -> None:
    child = StartChildProcess(
        Bar, [1], tags=["x"], timeout=timedelta(minutes=1), policy="terminate"
    )
    drive = driven(child)
    (birth,) = drive.births
    assert (birth.path, birth.child, birth.workflow) == ("Bar", "p/Bar", "Bar")
    assert (birth.input, birth.tags, birth.timeout) == ([1], ("x",), 60.0)
    assert drive.of(e.ChildStarted)[0].policy == "terminate"
    assert drive.process.children["Bar"].policy == "terminate"
    assert drive.child("Bar", result=3).children == []
    assert not drive.sends


def test_children_of_one_workflow_have_numbers() -> None:
    child = StartChildProcess("Bar")
    drive = driven([child, child, StartChildProcess("Bar", id="own")], then=child)
    assert [each.child for each in drive.births] == ["p/Bar", "p/Bar#2", "p/own"]
    drive.child("Bar")
    assert drive.births[-1].child == "p/Bar#4"


def test_a_path_that_is_used_again_gives_another_child() -> None:
    child = StartChildProcess("Bar", id="own")
    drive = driven(child, then=child)
    assert drive.child("own").child("own").children == ["own"]
    assert [each.child for each in drive.births] == ["p/own", "p/own@2", "p/own@3"]
    assert [each.occurrence for each in drive.of(e.ChildStarted)] == [1, 2, 3]


def test_a_number_that_was_made_before_may_be_used_by_hand() -> None:
    child = StartChildProcess("Bar")
    drive = driven([child, child], then=StartChildProcess("Bar", id="Bar#2"))
    assert drive.child("Bar#2").children == ["Bar", "Bar#2"]
    assert drive.births[-1].child == "p/Bar#2@2"


def test_a_child_that_can_not_be_born_is_news() -> None:
    bad = e.Failure("ProcessAlreadyExistsError", "taken")
    drive = driven(then=StartChildProcess("Bar"))
    drive.workflow = deciding(StartChildProcess("Bar"), CompleteProcess("alone"))
    drive.advance(m.Signal("go"), m.ChildRefused("Bar", bad))
    assert drive.of(e.ChildStartFailed)[0].error == bad
    assert drive.process.result == "alone"


# -- signals and markers ---------------------------------------------------------------------------


def test_a_signal_to_another_process_goes_out_with_its_fact() -> None:
    drive = driven(SignalProcess("other", "hello", {"a": 1}))
    (send,) = drive.sends
    assert send.process_id == "other"
    assert send.message == m.Signal("hello", {"a": 1}, reason="sent by the process 'p'")
    assert drive.of(e.MessageSent)[0].to == "other"


def test_a_child_may_be_signaled_by_what_is_seen_of_it() -> None:
    class Calling(Workflow):
        def decide(self, process: Process) -> Answer:
            if process.children():
                return SignalProcess(process.children()[0], "hello")
            return StartChildProcess("Bar")

    drive = Drive(Calling).signal("x")
    assert drive.sends[0].process_id == "p/Bar"


def test_a_marker_is_kept() -> None:
    drive = driven(RecordMarker("seen", [1]))
    assert drive.of(e.MarkerRecorded)[0].details == [1]


# -- functions -------------------------------------------------------------------------------------


def test_a_decorated_function_may_be_answered_like_a_class() -> None:
    @activity(name="Double", queue=None)
    def double(n: int) -> int:
        return n * 2

    class Doubling(Workflow):
        def decide(self, process: Process) -> Answer:
            ended = process.completed_activities()
            return CompleteProcess(ended[0].value) if ended else double

    assert Drive(Doubling, 4).run().process.result == 8
