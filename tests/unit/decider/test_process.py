"""What `decide` is shown: copies of what was given, of what has come, and of what is open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import NotReadError
from corago.core.history import History
from corago.decider import (
    Activity,
    ActivityEnded,
    Answer,
    CompleteProcess,
    ContinueAsNew,
    Process,
    RecordMarker,
    ScheduleActivity,
    StartChildProcess,
    StartTimer,
    Workflow,
)
from tests.unit.decider.drive import BIRTH, Drive


class Foo(Activity):
    version = 2
    queue = "q"

    def execute(self) -> None: ...


def looking(look: Callable[[Process], Any], *opening: Any, **attributes: Any) -> type[Workflow]:
    """A workflow that begins so, and completes a signal `look` with what it sees then."""

    def decide(self: Workflow, process: Process) -> Answer:
        news = process.unseen_events()
        if isinstance(news[0], e.ProcessStarted):
            return list(opening)
        if any(isinstance(each, e.SignalReceived) and each.name == "look" for each in news):
            return CompleteProcess(look(process))
        return None

    made = type("Looking", (Workflow,), {"decide": decide, "activities": [Foo], **attributes})
    assert issubclass(made, Workflow)
    return made


def seen(look: Callable[[Process], Any], *opening: Any, **started: Any) -> Any:
    drive = Drive(looking(look, *opening), **started).signal("look")
    assert drive.status == "completed", drive.last.failure
    return drive.process.result


def test_a_process_knows_what_it_is() -> None:
    def look(process: Process) -> Any:
        assert process.now == BIRTH
        assert process.started_at == BIRTH
        return [
            process.id,
            process.run,
            process.workflow,
            process.version,
            process.input,
            process.tags,
            process.parent,
            process.external,
            process.is_cancel_requested,
            repr(process),
        ]

    told = seen(look, given={"n": 1}, tags=("a",), parent=("mother", "x"))
    shown = "<process 'p' of 'Looking' at 2030-01-01 00:00:00 UTC>"
    assert told == ["p", 1, "Looking", 1, {"n": 1}, ["a"], "mother", {}, False, shown]


def test_the_external_store_is_as_it_was_left() -> None:
    drive = Drive(looking(lambda process: process.external)).update(a=1).update(b=[2])
    assert drive.signal("look").process.result == {"a": 1, "b": [2]}


def test_what_is_open_shows_what_it_is() -> None:
    def look(process: Process) -> Any:
        (activity,) = process.unfinished_activities()
        (timer,) = process.untriggered_timers()
        (child,) = process.children()
        assert activity.scheduled_at == BIRTH
        assert timer.due == BIRTH + timedelta(seconds=5)
        return [
            [activity.id, activity.activity, activity.name, activity.version, activity.input],
            [activity.queue, activity.is_cancel_requested, activity.is_stuck, repr(activity)],
            [timer.id, timer.data, repr(timer)],
            [activity.path, child.path],
            [child.id, child.process_id, child.workflow, child.policy, repr(child)],
        ]

    opening = [
        ScheduleActivity(Foo, [1], id="own"),
        StartTimer(5, {"a": 1}),
        StartChildProcess("w", policy="abandon"),
    ]
    assert seen(look, *opening) == [
        ["own", "Foo", "Foo", "2", [1]],
        ["q", False, False, "<unfinished Foo 'own'>"],
        ["timer", {"a": 1}, "<timer 'timer' due 2030-01-01 00:00:05 UTC>"],
        ["own", "w"],
        ["w", "p/w", "w", "abandon", "<child 'w': process 'p/w'>"],
    ]


def test_all_values_are_copies() -> None:
    opening = [ScheduleActivity(Foo, {"x": []}), StartTimer(5, {"x": []})]

    def look(process: Process) -> Any:
        process.input["n"].append(1)
        process.external["x"] = 1
        process.unfinished_activities()[0].input["x"].append(1)
        process.untriggered_timers()[0].data["x"].append(1)
        for event in (*process.unseen_events(), *process.history):
            for name in ("data", "input", "changes", "details"):
                value = getattr(event, name, None)
                if isinstance(value, dict):
                    value["spoilt"] = True
        return None

    drive = Drive(looking(look, *opening), {"n": []}).update(a={}).signal("other", {"d": 1})
    before = list(drive.events)
    drive.advance(m.Signal("look", {"d": 1}))
    assert drive.status == "completed"
    assert drive.events[: len(before)] == before
    assert "spoilt" not in repr(drive.events)
    assert drive.state.started.input == {"n": []}


def test_an_input_that_was_changed_is_changed_for_this_decision_only() -> None:
    def decide(self: Workflow, process: Process) -> Answer:
        process.input.append(len(process.unseen_events()))
        return RecordMarker("seen", process.input)

    drive = Drive(type("Tried", (Workflow,), {"decide": decide}), []).signal("x")
    assert [each.details for each in drive.of(e.MarkerRecorded)] == [[1], [1]]


# -- news ------------------------------------------------------------------------------------------


def test_the_start_is_news_at_the_very_start_only() -> None:
    news: list[list[str]] = []

    def decide(self: Workflow, process: Process) -> Answer:
        news.append([type(each).__name__ for each in process.unseen_events()])
        return None

    drive = Drive(type("Tried", (Workflow,), {"decide": decide}), asks=False)
    drive.advance(m.Signal("x"), m.Signal("y"))
    drive.signal("z")
    assert news == [["ProcessStarted"], ["SignalReceived"] * 2, ["SignalReceived"]]


def test_what_comes_before_the_first_decision_is_news_with_the_start() -> None:
    def decide(self: Workflow, process: Process) -> Answer:
        return CompleteProcess([type(each).__name__ for each in process.unseen_events()])

    drive = Drive(type("Tried", (Workflow,), {"decide": decide}), first=[m.Signal("x")])
    assert drive.process.result == ["ProcessStarted", "SignalReceived"]


def test_an_end_tells_what_it_was_the_end_of() -> None:
    def look(process: Process) -> Any:
        ended = [each for each in process.unseen_events() if isinstance(each, ActivityEnded)]
        return [[v.id, v.path, v.activity, v.version, v.input, v.value] for v in ended]

    drive = Drive(looking(look, ScheduleActivity(Foo, [1], id="a"), ScheduleActivity(Foo, id="b")))
    ends = [drive.outcome(each, e.ActivityCompleted({"r": each})) for each in "ab"]
    drive.advance(*ends, m.Signal("look"))
    assert drive.process.result == [
        ["a", "a", "Foo", "2", [1], {"r": "a"}],
        ["b", "b", "Foo", "2", None, {"r": "b"}],
    ]
    assert drive.reads == 0


def test_it_still_does_when_an_earlier_end_was_answered_with_nothing_at_the_same_instant() -> None:
    drive = Drive(looking(lambda process: process.unseen_events()[0].activity, Foo, Foo))  # type: ignore[attr-defined]
    drive.done("Foo")
    drive.advance(drive.outcome("Foo#2", e.ActivityCompleted()), m.Signal("look"))
    assert drive.process.result == "Foo"


def test_what_is_recorded_stays_as_the_core_has_it() -> None:
    drive = Drive(looking(lambda _: None, Foo)).done("Foo")
    assert type(drive.events[-1]) is e.ActivityClosed


# -- looking back ----------------------------------------------------------------------------------


def test_the_history_is_all_of_the_run_with_this_very_news() -> None:
    def look(process: Process) -> Any:
        assert isinstance(process.history, History)
        assert process.history is process.history
        return [type(each).__name__ for each in process.history]

    drive = Drive(looking(look, Foo, StartTimer(5))).done("Foo").signal("other").signal("look")
    assert drive.process.result == [
        "ProcessStarted",
        "ActivityScheduled",
        "TimerStarted",
        "ActivityEnded",
        "SignalReceived",
        "SignalReceived",
    ]
    assert drive.reads == 1


def test_a_history_tells_names_and_inputs_of_what_has_ended() -> None:
    def look(process: Process) -> Any:
        return [
            [each.activity, each.input, each.value] for each in process.history.of(e.ActivityClosed)
        ]

    opening = [ScheduleActivity(Foo, 1, id="a"), ScheduleActivity("Bar", 2, id="b")]
    drive = Drive(looking(look, *opening)).done("b", "y").done("a", "x").signal("look")
    assert drive.process.result == [["Bar", 2, "y"], ["Foo", 1, "x"]]


def test_only_those_that_ended_well_have_completed() -> None:
    def look(process: Process) -> Any:
        children = [[each.id, each.result] for each in process.completed_children()]
        return [[each.id for each in process.completed_activities()], children]

    opening = [Foo, Foo, Foo, StartChildProcess("w"), StartChildProcess("w")]
    drive = Drive(looking(look, *opening)).done("Foo#3").fails("Foo").child("w", result=1)
    drive.child("w#2", "failed").done("Foo#2").signal("look")
    assert drive.process.result == [["Foo#3", "Foo#2"], [["w", 1]]]


def test_another_run_looks_back_to_its_own_beginning_only() -> None:
    def decide(self: Workflow, process: Process) -> Answer:
        if process.run == 1:
            return ContinueAsNew([process.run])
        return CompleteProcess([process.run, process.input, len(process.history)])

    drive = Drive(type("Tried", (Workflow,), {"decide": decide}))
    assert drive.process.result == [2, [1], 1]


def test_the_very_first_decision_looks_back_without_reading() -> None:
    def decide(self: Workflow, process: Process) -> Answer:
        return CompleteProcess([len(process.history), len(process.completed_activities())])

    drive = Drive(type("Tried", (Workflow,), {"decide": decide}))
    assert (drive.process.result, drive.reads) == ([1, 0], 0)


@pytest.mark.parametrize(
    "look",
    [
        lambda process: process.input,
        lambda process: len(process.unseen_events()),
        lambda process: len(process.unfinished_activities()),
        lambda process: len(process.untriggered_timers()),
        lambda process: len(process.children()),
        lambda process: [process.id, process.tags, process.parent, process.external, process.run],
    ],
)
def test_nothing_but_looking_back_reads_the_history(look: Callable[[Process], Any]) -> None:
    drive = Drive(looking(look, Foo)).done("Foo").signal("look")
    assert (drive.status, drive.reads) == ("completed", 0)


def test_a_decide_can_not_swallow_that_the_history_is_not_here() -> None:
    def careless(process: Process) -> Any:
        try:
            return len(process.history)
        except Exception:  # noqa: BLE001 - as careless users write
            return "lost"

    assert not issubclass(NotReadError, Exception)
    assert seen(careless) == 3
