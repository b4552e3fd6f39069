"""Answers that make no sense: nothing follows from them, and the error says what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from corago.core import events as e
from corago.core import kernel
from corago.core.calls import Answer as Said
from corago.core.calls import RecordedCalls
from corago.core.messages import Signal
from corago.decider import (
    Activity,
    ActivityEnded,
    Answer,
    CancelActivity,
    CancelTimer,
    CompleteProcess,
    ContinueAsNew,
    Decision,
    FailProcess,
    Process,
    RecordMarker,
    ScheduleActivity,
    SignalProcess,
    StartChildProcess,
    StartTimer,
    Workflow,
    activity,
)
from corago.errors import InvalidDecisionError
from tests.unit.decider.drive import Drive


class Foo(Activity):
    def execute(self) -> None: ...


class Bare(Activity):
    """Without an execute."""


class Bar(Workflow):
    def decide(self, process: Process) -> Answer:
        return CompleteProcess()


async def later() -> Answer:
    return CompleteProcess()


def plain() -> None: ...


def answering(answer: Callable[[Process], Any], *, asks: bool = True, **attributes: Any) -> Drive:
    """A process whose signals are answered so."""

    def decide(self: Workflow, process: Process) -> Any:
        is_first = isinstance(process.unseen_events()[0], e.ProcessStarted)
        return None if is_first else answer(process)

    made = type("Tried", (Workflow,), {"decide": decide, **attributes})
    assert issubclass(made, Workflow)
    return Drive(made, {"n": 1}, asks=asks)


def test_a_decide_that_raises_leaves_everything_as_it_was() -> None:
    def answer(process: Process) -> Answer:
        raise ValueError("the disk is full")

    drive = answering(answer)
    before = (drive.snapshot, list(drive.events))
    drive.signal("x")
    assert (drive.snapshot, drive.events) == before
    assert (drive.error.type, drive.error.message) == ("ValueError", "the disk is full")


def test_the_traceback_begins_with_the_user_s_own_lines() -> None:
    def answer(process: Process) -> Answer:
        raise ValueError("no")

    drive = answering(answer).signal("x")
    trace = (drive.error.traceback or "").splitlines()
    assert trace[0].startswith("Traceback")
    assert trace[1].endswith("in decide")
    assert "/decider/asking.py" not in "".join(trace)


def test_once_it_is_given_up_a_person_is_needed_and_then_it_is_asked_about_everything() -> None:
    ready: list[Process] = []

    def answer(process: Process) -> Answer:
        if not ready:
            ready.append(process)
            raise ValueError("not yet")
        names = [type(each).__name__ for each in process.unseen_events()]
        return CompleteProcess(names)

    drive = answering(answer, asks=False).signal("x")
    drive.give_up()
    assert drive.status == "suspended"
    drive.command("retry")
    assert drive.process.result == ["SignalReceived", "ProcessResumed"]


def test_what_had_closed_before_it_was_given_up_is_still_known_by_name() -> None:
    def fan() -> Answer:
        return [ScheduleActivity(Foo, [each], id=each) for each in "ab"]

    answers: list[Answer] = [fan(), None]

    class Late(Workflow):
        activities = [Foo]

        def decide(self, process: Process) -> Answer:
            if answers:
                answer = answers.pop(0)
                if answer is None:
                    raise ValueError("not yet")
                return answer
            ended = [each for each in process.unseen_events() if isinstance(each, ActivityEnded)]
            return CompleteProcess([[each.activity, each.input] for each in ended])

    drive = Drive(Late, asks=False).done("a")
    drive.give_up()
    drive.now = drive.now.replace(hour=1)
    drive.done("b").command("retry")
    assert drive.process.result == [["Foo", ["a"]], ["Foo", ["b"]]]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (True, "answered True: return a decision such as"),
        ("Foo", "answered 'Foo': return a decision"),
        ({"a": 1}, "answered {'a': 1}: return a decision"),
        ([None, 5], "answered 5: return a decision"),
        (CompleteProcess, "answered CompleteProcess: that is the class: make a decision of it"),
        (Bare, "answered Bare: that has no execute"),
        (Foo(3), "that is one attempt of it: name the class, Foo"),
        (Bar, "answered Bar: to start a process of a workflow, return StartChildProcess(Bar)"),
        (plain, "to schedule a function, write @activity above plain"),
    ],
)
def test_what_is_no_decision_is_refused_with_a_way_out(answer: Any, says: str) -> None:
    drive = answering(lambda _: answer).signal("x")
    assert drive.error.type == "InvalidDecisionError"
    assert drive.error.message.startswith("the decider 'Tried' answered ")
    assert says in drive.error.message


def test_a_coroutine_is_no_answer() -> None:
    drive = answering(lambda _: later()).signal("x")
    assert "a decider answers at once: write plain functions" in drive.error.message


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            [ScheduleActivity(Foo, id="a"), ScheduleActivity(Foo, id="a")],
            "decided ScheduleActivity(Foo, id='a'): an activity with the id 'a' is open already: g",
        ),
        (
            [StartTimer(1, id="t"), StartTimer(2, id="t")],
            "decided StartTimer(2, id='t'): a timer with the id 't' is open already",
        ),
        (
            [StartChildProcess("Bar", id="c"), StartChildProcess(Bar, id="c")],
            "decided StartChildProcess(Bar, id='c'): a child with the id 'c' is open already",
        ),
        (
            [CompleteProcess(1), Foo],
            "decided ScheduleActivity(Foo): it comes after CompleteProcess, which ends the run",
        ),
        ([FailProcess("a"), FailProcess("b")], "it comes after FailProcess, which ends the run"),
        ([ContinueAsNew(), CompleteProcess()], "it comes after ContinueAsNew"),
        (ScheduleActivity(Foo, id="decision"), "the id 'decision' stands for the decider itself"),
        (ScheduleActivity("decide"), "the name 'decide' stands for the decider itself: take anoth"),
        (CompleteProcess(math.nan), "result is nan, which JSON can't hold"),
        (CompleteProcess([later]), "result[0] is of type function"),
        (ScheduleActivity(Foo, {"x": math.inf}), "input of activity 'Foo'['x'] is inf"),
        (ScheduleActivity("Foo", plain), "input of activity 'Foo' is of type function"),
        (StartTimer(1, data=plain), "data of a timer is of type function"),
        (RecordMarker("m", plain), "marker 'm' is of type function"),
        (SignalProcess("p", "s", plain), "data of signal 's' is of type function"),
        (StartChildProcess("w", plain), "input of a process of 'w' is of type function"),
        (ContinueAsNew(plain), "input of the next run is of type function"),
    ],
)
def test_a_decision_that_makes_no_sense_as_things_stand_is_shown(answer: Any, says: str) -> None:
    drive = answering(lambda _: answer).signal("x")
    assert drive.error.type == "InvalidDecisionError"
    assert says in drive.error.message
    assert drive.error.message.startswith("the decider 'Tried' decided ")


def test_an_activity_that_is_open_since_an_earlier_decision_counts_too() -> None:
    drive = answering(lambda _: ScheduleActivity(Foo, id="a"), activities=[Foo])
    drive.signal("x").signal("y")
    assert "an activity with the id 'a' is open already" in drive.error.message


def test_another_activity_of_a_name_that_the_workflow_has_is_refused() -> None:
    other = type("Foo", (Activity,), {"execute": lambda self: None})
    drive = answering(lambda _: other, activities=[Foo]).signal("x")
    told = drive.error.message
    assert "another activity is called 'Foo' among the workflow's `activities`" in told


# -- where they are written ------------------------------------------------------------------------


@activity
def double(n: int) -> int:
    return n * 2


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ScheduleActivity(5), "takes an Activity class with an execute, an @activity"),  # type: ignore[arg-type]
        (lambda: ScheduleActivity(Bare), "not Bare"),
        (lambda: ScheduleActivity(""), "ScheduleActivity: activity needs a name that is not empty"),
        (lambda: ScheduleActivity(Foo, id=""), "ScheduleActivity: id needs a name"),
        (lambda: ScheduleActivity(Foo, queue="a", category="b"), "category is another word for"),
        (
            lambda: ScheduleActivity(Foo, start_to_close=-1),
            "ScheduleActivity: start_to_close must be more than 0 seconds",
        ),
        (lambda: ScheduleActivity(Foo, retry="x"), "retry takes a policy such as Retry"),  # type: ignore[arg-type]
        (lambda: ScheduleActivity(Foo, retry=0), "ScheduleActivity: retry must be 1, 2, …, not 0"),
        (lambda: ScheduleActivity(Foo, at_most_once=1), "at_most_once must be True or False"),  # type: ignore[arg-type]
        (lambda: CancelActivity(5), "CancelActivity: activity needs a name, a text, not 5"),
        (lambda: StartTimer("soon"), "StartTimer: delay must be 0 or more seconds"),  # type: ignore[arg-type]
        (lambda: StartTimer(-1), "not -1"),
        (lambda: StartTimer(1, id="a\n"), "holds a line break"),
        (lambda: CancelTimer(None), "CancelTimer: timer needs a name, a text, not None"),
        (lambda: StartChildProcess(5), "takes a workflow or the name of one, not 5"),
        (lambda: StartChildProcess(Bar, policy="kill"), "policy is one of request_cancel, termi"),  # type: ignore[arg-type]
        (lambda: StartChildProcess(Bar, tags="ab"), "tags are several texts: write tags=['ab']"),
        (lambda: StartChildProcess(Bar, timeout=0), "timeout must be more than 0 seconds"),
        (lambda: StartChildProcess(Bar, id=" "), "StartChildProcess: id needs a name"),
        (lambda: SignalProcess(5, "x"), "SignalProcess: process needs a name, a text, not 5"),
        (lambda: SignalProcess("p", ""), "SignalProcess: name needs a name that is not empty"),
        (lambda: RecordMarker(5), "RecordMarker: name needs a name, a text, not 5"),  # type: ignore[arg-type]
        (lambda: FailProcess(5), "FailProcess takes an exception, a text or a Failure, not 5"),  # type: ignore[arg-type]
        (lambda: ContinueAsNew(tags="ab"), "ContinueAsNew: tags are several texts"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_where_it_is_written(
    make: Callable[[], Decision], says: str
) -> None:
    with pytest.raises(InvalidDecisionError) as caught:
        make()
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("decision", "shown"),
    [
        (ScheduleActivity(Foo), "ScheduleActivity(Foo)"),
        (ScheduleActivity(double, [1], id="d"), "ScheduleActivity(double, input=[1], id='d')"),
        (StartTimer(1.5, "x"), "StartTimer(1.5, data='x')"),
        (CompleteProcess(), "CompleteProcess()"),
        (FailProcess("no"), "FailProcess('no')"),
        (ContinueAsNew(), "ContinueAsNew()"),
        (StartChildProcess(Bar, policy="abandon"), "StartChildProcess(Bar, policy='abandon')"),
    ],
)
def test_a_decision_shows_itself_as_it_is_written(decision: Decision, shown: str) -> None:
    assert repr(decision) == shown


# -- answers that were made by hand ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "'Tried' answered None, no list of answers"),
        ([{"type": "Jump"}], "no list of answers: Invalid value 'Jump'"),
        ([{"type": "StartTimer", "delay": 1, "dely": 2}], "unknown field `dely`"),
        (
            [{"type": "CompleteProcess"}, {"type": "CancelProcess"}],
            "decision 2 of 'Tried' makes no sense: it comes after CompleteProcess",
        ),
    ],
)
def test_an_answer_in_another_form_is_refused_by_the_program_itself(value: Any, says: str) -> None:
    drive = answering(lambda _: None)
    calls = RecordedCalls([Said("decide", value)])
    program = drive.workflow.program
    commit = kernel.advance(program, drive.snapshot, [Signal("x")], drive.now, calls)
    assert commit.failure is not None
    assert commit.failure.type == "InvalidDecisionError"
    assert says in commit.failure.message
