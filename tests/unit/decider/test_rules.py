"""Handlers and rules: news by news, in order, and what one decides the next one sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.decider import (
    Activity,
    ActivityEnded,
    ActivityFailed,
    ActivityTimedOut,
    Answer,
    CancelActivity,
    CancelProcess,
    ChildEnded,
    ChildUnborn,
    CompleteProcess,
    FailProcess,
    Process,
    RecordMarker,
    Rules,
    ScheduleActivity,
    StartChildProcess,
    StartTimer,
    Workflow,
    activity,
    rules,
)
from corago.errors import DefinitionError
from tests.unit.decider.drive import Drive

BAD = e.Failure("ProcessAlreadyExistsError", "taken")


class Payment(Activity):
    def execute(self) -> None: ...


@activity
def shipment(item: str) -> str:
    return item


class Shop(Workflow):
    """Every handler there is."""

    activities = [Payment]

    def initiate(self, process: Process) -> Answer:
        return [Payment, StartTimer(5, "late"), StartChildProcess("w")]

    def respond_to_completed_activity(self, process: Process, event: ActivityEnded) -> Answer:
        return RecordMarker("completed", [event.activity, event.id, event.input, event.value])

    def respond_to_interrupted_activity(self, process: Process, event: ActivityEnded) -> Answer:
        assert event.error is not None
        return RecordMarker("interrupted", [event.activity, event.error.type, event.value])

    def respond_to_signal(self, process: Process, event: e.SignalReceived) -> Answer:
        return Payment if event.name == "pay" else RecordMarker("signal", event.data)

    def respond_to_timer(self, process: Process, event: e.TimerFired) -> Answer:
        return RecordMarker("timer", [event.timer, event.data])

    def respond_to_completed_child(self, process: Process, event: ChildEnded) -> Answer:
        return RecordMarker("child", [event.workflow, event.id, event.child, event.result])

    def respond_to_interrupted_child(
        self, process: Process, event: ChildEnded | ChildUnborn
    ) -> Answer:
        return RecordMarker("lost", [event.workflow, event.id, event.status])

    def respond_to_cancel_request(self, process: Process, event: e.CancelRequested) -> Answer:
        return CancelProcess()

    def respond_to_update(self, process: Process, event: e.ExternalUpdated) -> Answer:
        return FailProcess("bad") if event.changes.get("bad") else RecordMarker("update")

    def respond_to_resumption(
        self, process: Process, event: e.ProcessReopened | e.ProcessResumed
    ) -> Answer:
        return RecordMarker(type(event).__name__)


def noted(drive: Drive) -> list[tuple[str, Any]]:
    return [(each.name, each.details) for each in drive.of(e.MarkerRecorded)]


def test_each_kind_of_news_has_its_handler() -> None:
    drive = Drive(Shop, {"n": 1})
    assert (drive.open, drive.children, drive.timers) == (["Payment"], ["w"], {"timer": 5.0})
    drive.done("Payment", "paid").signal("pay").fails("Payment#2").signal("x", 3).wait(5)
    drive.child("w", result=4).update(a=1)
    assert noted(drive) == [
        ("completed", ["Payment", "Payment", {"n": 1}, "paid"]),
        ("interrupted", ["Payment", "ValueError", None]),
        ("signal", 3),
        ("timer", ["timer", "late"]),
        ("child", ["w", "w", "p/w", 4]),
        ("update", None),
    ]
    drive.update(bad=True).command("retry")
    assert noted(drive)[-1] == ("ProcessReopened", None)
    assert drive.command("cancel").status == "canceled"
    assert drive.reads == 0


@pytest.mark.parametrize(
    "result",
    [
        e.ActivityFailed(BAD),
        e.ActivityAborted("enough"),
        e.ActivityTimedOut("heartbeat", 3.0),
        e.ActivityCanceled(),
    ],
)
def test_whatever_is_not_completed_is_interrupted(result: e.ActivityResult) -> None:
    drive = Drive(Shop).end("Payment", result)
    assert [name for name, _ in noted(drive)] == ["interrupted"]


@pytest.mark.parametrize("status", ["failed", "canceled", "aborted", "timed_out"])
def test_so_is_a_child_that_did_not_complete(status: str) -> None:
    assert noted(Drive(Shop).child("w", status)) == [("lost", ["w", "w", status])]


def test_a_child_that_could_not_be_started_is_interrupted_too() -> None:
    drive = Drive(Shop)
    drive.advance(m.ChildRefused("w", BAD))
    assert noted(drive) == [("lost", ["w", "w", "not started"])]


def test_an_activity_that_a_person_skipped_has_completed_with_nothing() -> None:
    class Once(Activity):
        at_most_once = True

        def execute(self) -> None: ...

    class Careful(Workflow):
        activities = [Once]

        def initiate(self, process: Process) -> Answer:
            return ScheduleActivity(Once, 7)

        def respond_to_completed_activity(self, process: Process, event: ActivityEnded) -> Answer:
            return CompleteProcess([event.activity, event.input, event.value, event.skipped])

    drive = Drive(Careful)
    drive.advance(m.Lost("w1"))
    assert (drive.status, drive.failed, drive.open) == ("suspended", ["Once"], [])
    assert drive.command("skip").process.result == ["Once", 7, None, True]


def test_a_person_may_set_the_result_of_what_is_in_doubt() -> None:
    class Once(Activity):
        at_most_once = True

        def execute(self) -> None: ...

    class Careful(Workflow):
        activities = [Once]

        def initiate(self, process: Process) -> Answer:
            return Once

        def respond_to_completed_activity(self, process: Process, event: ActivityEnded) -> Answer:
            return CompleteProcess(event.value)

    drive = Drive(Careful)
    drive.advance(m.Lost("w1"))
    assert drive.command("set_result", value={"a": 1}).process.result == {"a": 1}
    again = Drive(Careful)
    again.advance(m.Lost("w1"))
    assert again.command("retry").open == ["Once"]


def test_a_handler_may_be_a_classmethod_and_decide_may_build_upon_them() -> None:
    class Own(Workflow):
        @classmethod
        def initiate(cls, process: Process) -> Answer:
            return Payment

        def respond_to_signal(self, process: Process, event: e.SignalReceived) -> Answer:
            return RecordMarker(event.name)

        def decide(self, process: Process) -> Answer:
            return [super().decide(process), RecordMarker("after")]

    drive = Drive(Own).signal("x")
    assert [name for name, _ in noted(drive)] == ["after", "x", "after"]


# -- together --------------------------------------------------------------------------------------


class Joining(Workflow):
    """Ends with the last one."""

    def initiate(self, process: Process) -> Answer:
        return [ScheduleActivity(Payment, id=each) for each in "ab"]

    def respond_to_completed_activity(self, process: Process, event: ActivityEnded) -> Answer:
        if event.value == "more":
            return ScheduleActivity(Payment, id="c")
        if not process.unfinished_activities():
            return CompleteProcess(event.id)
        return None


def test_of_two_that_end_together_the_first_to_end_the_process_has_the_last_word() -> None:
    drive = Drive(Joining)
    both = [drive.outcome(each, e.ActivityCompleted()) for each in "ab"]
    drive.advance(*both)
    assert drive.kinds(3) == ["ActivityClosed", "ActivityClosed", "ProcessCompleted"]
    assert drive.process.result == "a"


def test_what_was_decided_about_the_first_counts_as_open_for_the_second() -> None:
    drive = Drive(Joining)
    drive.advance(
        drive.outcome("a", e.ActivityCompleted("more")), drive.outcome("b", e.ActivityCompleted())
    )
    assert (drive.status, drive.open) == ("running", ["c"])


# -- rules -----------------------------------------------------------------------------------------

ORDER = Rules()


@ORDER.initiated()
def begin(process: Process) -> Answer:
    return Payment


@ORDER.completed_activity(Payment)
def paid(process: Process, event: ActivityEnded) -> Answer:
    return [ScheduleActivity(shipment, each, id=each) for each in process.input["items"]]


@ORDER.completed_activity("shipment")
def shipped(process: Process) -> Answer:
    return None if process.unfinished_activities() else CompleteProcess("all")


@ORDER.signal("extra")
def extra(process: Process, event: e.SignalReceived) -> Answer:
    return ScheduleActivity(shipment, event.data, id=event.data)


@ORDER.interrupted_activity("shipment", result=ActivityFailed)
def broken(process: Process, event: ActivityEnded) -> Answer:
    return [CancelActivity(each) for each in process.unfinished_activities()]


@ORDER.interrupted_activity("shipment")
def stopped(process: Process, event: ActivityEnded) -> Answer:
    return None if process.unfinished_activities() else CancelProcess()


@ORDER.cancel_requested()
def stop(process: Process) -> Answer:
    return CancelActivity(shipment)


class OrderWorkflow(Workflow):
    activities = [Payment, shipment]
    rules = ORDER


def test_an_order_is_shipped_with_an_extra_that_came_late() -> None:
    drive = Drive(OrderWorkflow, {"items": ["lamp", "book"]}).done("Payment")
    assert drive.open == ["lamp", "book"]
    drive.done("lamp").signal("extra", "pen")
    assert drive.open == ["book", "pen"]
    assert drive.done("book").status == "running"
    assert drive.done("pen").process.result == "all"


def test_one_shipment_fails_and_the_others_are_canceled() -> None:
    drive = Drive(OrderWorkflow, {"items": ["lamp", "book", "pen"]}).done("Payment").fails("lamp")
    assert drive.stopping == ["book", "pen"]
    drive.end("book", e.ActivityCanceled()).end("pen", e.ActivityCanceled())
    assert drive.status == "canceled"


def test_a_rule_for_a_request_to_stop_makes_the_workflow_handle_it() -> None:
    assert OrderWorkflow.handles_cancel
    assert OrderWorkflow.document["handles_cancel"] is True
    drive = Drive(OrderWorkflow, {"items": ["lamp"]}).done("Payment").command("cancel")
    assert drive.stopping == ["lamp"]


def test_all_rules_that_match_answer_in_the_order_in_which_they_were_declared() -> None:
    class Several(Workflow):
        @rules.signal()
        def first(self, process: Process, event: e.SignalReceived) -> Answer:
            return RecordMarker("first", event.name)

        @rules.signal("x")
        def second(self, process: Process, event: e.SignalReceived) -> Answer:
            return RecordMarker("second")

        def respond_to_signal(self, process: Process, event: e.SignalReceived) -> Answer:
            return RecordMarker("handler")

        @rules.signal("x")
        @rules.initiated()
        def third(self, process: Process) -> Answer:
            return RecordMarker("third")

    drive = Drive(Several).signal("x").signal("y")
    assert [name for name, _ in noted(drive)] == [
        "third",
        *("handler", "first", "second", "third"),
        *("handler", "first"),
    ]


def test_a_set_in_a_class_takes_its_methods_and_a_subclass_may_say_them_anew() -> None:
    class Base(Workflow):
        rules = Rules()

        @rules.initiated
        def begin(self, process: Process) -> Answer:
            return RecordMarker("base")

        @rules.signal("x")
        def heard(self, process: Process) -> Answer:
            return RecordMarker("heard")

    class Other(Base):
        def begin(self, process: Process) -> Answer:
            return RecordMarker("other")

    assert noted(Drive(Base).signal("x")) == [("base", None), ("heard", None)]
    assert noted(Drive(Other).signal("x")) == [("other", None), ("heard", None)]


@pytest.mark.parametrize(
    ("matcher", "matches"),
    [
        (rules.completed_activity(), True),
        (rules.completed_activity("Payment"), True),
        (rules.completed_activity("Other"), False),
        (rules.completed_activity(Payment), True),
        (rules.completed_activity(lambda name: name.startswith("Pay")), True),
        (rules.completed_activity(lambda name: name == "pay"), False),
        (rules.completed_activity(id="p1"), True),
        (rules.completed_activity(id="Payment"), False),
        (rules.completed_activity("Payment", input={"n": 1}), True),
        (rules.completed_activity("Payment", input=lambda given: given["n"] > 1), False),
        (rules.completed_activity(result=7), True),
        (rules.completed_activity(result=int), True),
        (rules.completed_activity(result=str), False),
        (rules.completed_activity(result=lambda value: value > 7), False),
        (rules.interrupted_activity(), False),
    ],
)
def test_a_rule_matches_by_value_by_class_or_by_function(matcher: Any, matches: bool) -> None:  # noqa: FBT001 - a case
    class Matching(Workflow):
        def initiate(self, process: Process) -> Answer:
            return ScheduleActivity(Payment, {"n": 1}, id="p1")

        @matcher  # type: ignore[untyped-decorator]  # a case
        def met(self, process: Process) -> Answer:
            return CompleteProcess()

    assert (Drive(Matching).done("p1", 7).status == "completed") is matches


@pytest.mark.parametrize(
    ("matcher", "count"),
    [
        (rules.timer(), 2),
        (rules.timer("a"), 1),
        (rules.timer(data={"n": 2}), 1),
        (rules.timer(lambda name: name in "ab", data=lambda data: data["n"] > 0), 2),
        (rules.completed_child(), 1),
        (rules.completed_child("w", result=int), 1),
        (rules.completed_child(id="other"), 0),
        (rules.interrupted_child(), 1),
        (rules.interrupted_child(status="failed"), 1),
        (rules.interrupted_child("w", status="aborted"), 0),
        (rules.signal(data=1), 1),
        (rules.updated, 1),
        (rules.updated(), 1),
        (rules.interrupted_activity(result=ActivityTimedOut), 1),
        (rules.interrupted_activity(result=ActivityFailed), 0),
    ],
)
def test_so_do_those_of_other_kinds(matcher: Any, count: int) -> None:
    class Matching(Workflow):
        def initiate(self, process: Process) -> Answer:
            timers = [StartTimer(1, {"n": 1}, "a"), StartTimer(2, {"n": 2}, "b")]
            return [*timers, StartChildProcess("w"), StartChildProcess("w"), Payment]

        @matcher  # type: ignore[untyped-decorator]  # a case
        def met(self, process: Process, event: Any) -> Answer:
            return RecordMarker("met")

    drive = Drive(Matching).wait(3).child("w", result=1).child("w#2", "failed")
    drive.signal("s", 1).update(a=1).end("Payment", e.ActivityTimedOut())
    assert len(noted(drive)) == count


def test_a_child_s_workflow_stands_for_its_name() -> None:
    class Parent(Workflow):
        children = [Shop]

        def initiate(self, process: Process) -> Answer:
            return StartChildProcess(Shop)

        @rules.completed_child(Shop)
        def done(self, process: Process, event: ChildEnded) -> Answer:
            return CompleteProcess(event.result)

        @rules.resumed
        def on(self, process: Process) -> Answer:
            return None

    assert Drive(Parent).child("Shop", result=5).process.result == 5


def test_a_rule_may_yield() -> None:
    class Yielding(Workflow):
        @rules.initiated
        def begin(self, process: Process) -> Iterator[Answer]:
            yield RecordMarker("one")
            yield RecordMarker("two")

    assert [name for name, _ in noted(Drive(Yielding))] == ["one", "two"]


# -- what is refused -------------------------------------------------------------------------------


def test_a_rule_without_parentheses_is_told_how_to_be_written() -> None:
    with pytest.raises(DefinitionError, match="write @rules.signal\\(\\) above it, with paren"):

        @rules.signal
        def heard(process: Process, event: e.SignalReceived) -> Answer: ...


def test_an_async_rule_is_refused() -> None:
    with pytest.raises(DefinitionError, match="heard is async, and a decider answers at once"):

        @rules.signal()
        async def heard(process: Process) -> Answer: ...


def test_a_rule_that_can_not_be_called_is_refused() -> None:
    own = Rules()

    @own.signal()
    def heard(a: Any, b: Any, c: Any) -> Answer: ...

    with pytest.raises(DefinitionError, match="Tried: the rule heard takes 3 arguments: write"):
        type("Tried", (Workflow,), {"rules": own})


def test_a_rule_stands_above_a_function() -> None:
    with pytest.raises(DefinitionError, match="stands above a `def`, right above it"):
        rules.signal()(staticmethod(begin))


def test_a_name_is_matched_by_what_can_be_a_name() -> None:
    with pytest.raises(DefinitionError, match="@rules.timer: a name, or a function of the name"):
        rules.timer(5)


def test_the_module_is_no_set_of_rules() -> None:
    with pytest.raises(DefinitionError, match="made with rules = Rules\\(\\)"):
        type("Tried", (Workflow,), {"rules": rules})
