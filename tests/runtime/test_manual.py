"""Tasks by hand: a Manager gives them out, and takes back what they have come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from corago import Listener, Manager, RequestError, UnknownTaskError
from corago.core import events as e
from corago.decider import (
    Activity,
    CompleteProcess,
    ContinueAsNew,
    RecordMarker,
    ScheduleActivity,
    StartChildProcess,
    StartTimer,
    Workflow,
)
from corago.errors import (
    EngineClosedError,
    InvalidDecisionError,
    InvalidOptionError,
)
from corago.machine import define
from tests.runtime.handwork import (
    DEADLINE,
    Double,
    Doubling,
    Listening,
    MakeManager,
    decide,
    ends,
    kinds,
    manager_of,
    on_a_flaky_store,
    scheduled,
    taken,
)

__all__ = ["manager_of"]


# -- the seed --------------------------------------------------------------------------------------


def test_the_worker_of_the_seeds_second_scenario_runs_as_it_is_written(
    manager_of: MakeManager,
) -> None:
    class FooActivity(Activity):
        @classmethod
        def execute(cls, task: Any, worker: Any) -> Any:
            worker.heartbeat(task)
            return task.input * 2

    class ActivityWorker:
        def heartbeat(self, task: Any) -> None:
            backend.heartbeat(task.id)

        def run(self) -> None:
            task = backend.next_activity()
            assert task is not None
            result = FooActivity.execute(task, self)
            backend.complete(task.id, result)

    class Bar(Workflow):
        def decide(self, process: Any) -> Any:
            return CompleteProcess() if process.completed_activities() else FooActivity

    with manager_of(Bar) as backend:
        process = backend.start(Bar, 7)
        decide(backend)
        ActivityWorker().run()
        decide(backend)
        assert process.result(timeout=DEADLINE) is None
        assert ends(backend, process.id) == [e.ActivityCompleted(14)]


# -- decisions -------------------------------------------------------------------------------------


def test_a_decision_shows_the_process_as_a_decider_sees_it(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        manager.start(Listening, {"n": 7}, id="p", tags=["blue"])
        task = manager.next_decision()
        assert task is not None
        assert (task.process_id, task.workflow, task.failures) == ("p", "Listening", 0)
        process = task.process
        assert (process.id, process.input, process.tags) == ("p", {"n": 7}, ("blue",))
        assert [type(each) for each in process.unseen_events()] == [e.ProcessStarted]
        manager.complete(task, ScheduleActivity("anything", queue="gpu"))
        manager.signal("p", "go", {"now": True})
        task = manager.next_decision(timeout=DEADLINE)
        assert task is not None
        assert [each.id for each in task.process.unfinished_activities()] == ["anything"]
        (signal,) = task.process.unseen_events()
        assert isinstance(signal, e.SignalReceived)
        assert (signal.name, signal.data) == ("go", {"now": True})
        assert [type(each).__name__ for each in task.process.history] == [
            "ProcessStarted",
            "ActivityScheduled",
            "SignalReceived",
        ]


def test_a_decision_is_anything_that_a_workflow_may_return(manager_of: MakeManager) -> None:
    with manager_of(Doubling, Listening) as manager:
        for number, decisions in enumerate(
            (
                (),
                (None,),
                (CompleteProcess("well"),),
                ([RecordMarker("seen"), StartTimer(60)],),
                (Double,),
            )
        ):
            manager.start(Doubling, 7, id=f"p{number}")
            decide(manager, *decisions)
        assert [kinds(manager, f"p{number}")[1:] for number in range(5)] == [
            ["ActivityScheduled"],
            ["MarkerRecorded"],
            ["ProcessCompleted"],
            ["MarkerRecorded", "TimerStarted"],
            ["ActivityScheduled"],
        ]


def test_what_the_workflow_decides_may_be_brought_or_left_out(manager_of: MakeManager) -> None:
    with manager_of(Doubling) as manager:
        manager.start(Doubling, 7, id="p")
        task = manager.next_decision()
        assert task is not None
        manager.complete(task, task.decide())
        assert kinds(manager, "p") == ["ProcessStarted", "ActivityScheduled"]


def test_an_activity_without_a_queue_stands_in_the_default_one(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        manager.start(Listening, 7, id="p")
        decide(manager, [ScheduleActivity("a"), ScheduleActivity("b", queue="gpu")])
        assert [event.queue for event in manager.history("p").of(e.ActivityScheduled)] == [
            "default",
            "gpu",
        ]
        assert taken(manager).activity == "a"
        assert taken(manager, "gpu").activity == "b"


def test_a_decision_that_makes_no_sense_is_refused_and_may_be_put_right(
    manager_of: MakeManager,
) -> None:
    with manager_of(Listening) as manager:
        manager.start(Listening, id="p")
        task = manager.next_decision()
        assert task is not None
        for nonsense in (
            "complete",
            CompleteProcess,
            [CompleteProcess(), StartTimer(1)],
            [ScheduleActivity("a", id="x"), ScheduleActivity("b", id="x")],
        ):
            with pytest.raises(InvalidDecisionError):
                manager.complete(task, nonsense)
        assert kinds(manager, "p") == ["ProcessStarted"]
        manager.complete(task, CompleteProcess(1))
        assert manager.get("p").result(timeout=DEADLINE) == 1


def test_a_workflow_that_cannot_decide_raises_its_own_error(manager_of: MakeManager) -> None:
    class Broken(Workflow):
        def decide(self, process: Any) -> Any:
            raise KeyError("where is it")

    with manager_of(Broken) as manager:
        manager.start(Broken, id="p")
        task = manager.next_decision()
        assert task is not None
        with pytest.raises(KeyError, match="where is it"):
            manager.complete(task)
        assert kinds(manager, "p") == ["ProcessStarted"]
        manager.complete(task, CompleteProcess())
        assert manager.info("p").status == "completed"


def test_what_comes_while_somebody_decides_is_asked_about_next(manager_of: MakeManager) -> None:
    Listening.seen.clear()
    with manager_of(Listening) as manager:
        manager.start(Listening, id="p")
        task = manager.next_decision()
        assert task is not None
        manager.signal("p", "late")
        manager.complete(task, StartTimer(3600))
        assert kinds(manager, "p") == ["ProcessStarted", "TimerStarted"]
        decide(manager)
        assert Listening.seen == [["SignalReceived"]]
        assert manager.pending("p") == ()


def test_no_process_ends_before_what_has_come_was_seen(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        manager.start(Listening, id="p")
        task = manager.next_decision()
        assert task is not None
        manager.signal("p", "late")
        with pytest.raises(UnknownTaskError) as caught:
            manager.complete(task, CompleteProcess("too early"))
        assert "something has come" in caught.value.__notes__[0]
        assert kinds(manager, "p") == ["ProcessStarted"]
        task = manager.next_decision(timeout=DEADLINE)
        assert task is not None
        assert [type(each).__name__ for each in task.process.unseen_events()] == [
            "ProcessStarted",
            "SignalReceived",
        ]
        manager.complete(task, CompleteProcess("in time"))
        assert manager.get("p").result(timeout=DEADLINE) == "in time"


def test_a_request_to_stop_that_nobody_answers_needs_no_decision(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        manager.start(Listening, id="p")
        decide(manager)
        manager.cancel_process("p", actor="ann")
        assert manager.next_decision(timeout=0) is None
        assert kinds(manager, "p")[-2:] == ["CancelRequested", "ProcessCanceled"]


def test_a_child_that_cannot_be_started_is_an_invalid_decision(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        manager.start(Listening, id="p")
        task = manager.next_decision()
        assert task is not None
        with pytest.raises(InvalidDecisionError, match="no workflow is named 'nobody'"):
            manager.complete(task, StartChildProcess("nobody"))
        assert kinds(manager, "p") == ["ProcessStarted"]
        assert [type(each) for each in task.process.unseen_events()] == [e.ProcessStarted]
        manager.complete(task, StartChildProcess("Listening", id="child"))
        assert kinds(manager, "p") == ["ProcessStarted", "ChildStarted"]


def test_a_workflow_hears_of_a_child_that_cannot_be_started(manager_of: MakeManager) -> None:
    class Parent(Workflow):
        def initiate(self, process: Any) -> Any:
            return StartChildProcess("nobody")

        def respond_to_interrupted_child(self, process: Any, event: Any) -> Any:
            return CompleteProcess(event.error.type)

    with manager_of(Parent) as manager:
        manager.start(Parent, id="p")
        decide(manager)
        assert kinds(manager, "p") == [
            "ProcessStarted",
            "ChildStarted",
            "ChildStartFailed",
            "ProcessCompleted",
        ]
        assert manager.info("p").result == "WorkflowNotFoundError"


def test_a_process_that_continues_as_new_is_decided_about_again(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        manager.start(Listening, 1, id="p")
        decide(manager, ContinueAsNew(2))
        task = manager.next_decision(timeout=DEADLINE)
        assert task is not None
        assert (task.process.run, task.process.input) == (2, 2)
        manager.complete(task, CompleteProcess("over"))
        assert manager.get("p").result(timeout=DEADLINE) == "over"


def test_the_history_is_read_only_by_a_decider_who_looks_at_it() -> None:
    manager, store = on_a_flaky_store()
    with manager:
        manager.start(Listening, id="p")
        decide(manager, RecordMarker("first"))
        manager.signal("p", "go")
        task = manager.next_decision(timeout=DEADLINE)
        assert task is not None
        assert len(task.process.unseen_events()) == 1
        assert "events" not in store.calls
        assert len(task.process.history) == 3
        assert store.calls.count("events") == 1
        assert len(task.process.history) == 3
        manager.complete(task, None)
        assert store.calls.count("events") == 1


def test_a_process_of_an_older_definition_goes_on_by_the_newer_one(tmp_path: Path) -> None:
    class Before(Workflow):
        name = "shop"

        def decide(self, process: Any) -> Any:
            return StartTimer(60)

    class After(Workflow):
        name = "shop"
        activities = [Double]

        def decide(self, process: Any) -> Any:
            return CompleteProcess("by the newer one")

    url = f"sqlite:///{tmp_path / 'work.db'}"
    with Manager(url, workflows=[Before]) as manager:
        manager.start(Before, id="p")
        decide(manager)
    with Manager(url, workflows=[After]) as manager:
        manager.signal("p", "go")
        decide(manager)
        assert kinds(manager, "p") == [
            "ProcessStarted",
            "TimerStarted",
            "DefinitionChanged",
            "SignalReceived",
            "ProcessCompleted",
        ]
        assert manager.info("p").result == "by the newer one"


def test_listeners_hear_of_what_is_recorded(manager_of: MakeManager) -> None:
    heard: list[str] = []

    class Ear(Listener):
        def recorded(self, process: Any, events: Any) -> None:
            heard.extend(type(event).__name__ for event in events)

    with manager_of(Listening, listeners=[Ear()]) as manager:
        manager.start(Listening, id="p")
        decide(manager, CompleteProcess())
    assert heard == ["ProcessStarted", "ProcessCompleted"]


# -- what goes wrong -------------------------------------------------------------------------------


def test_what_is_brought_twice_is_late_the_second_time(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        manager.start(Listening, 7, id="p")
        decision = manager.next_decision()
        assert decision is not None
        manager.complete(decision, ScheduleActivity("a"))
        with pytest.raises(UnknownTaskError, match=r"'p\.1'"):
            manager.complete(decision, CompleteProcess())
        with pytest.raises(UnknownTaskError):
            manager.fail(decision, "too late")
        task = taken(manager)
        manager.complete(task, 1)
        before = kinds(manager, "p")
        for late in (
            lambda: manager.complete(task, 2),
            lambda: manager.complete(task.id, 2),
            lambda: manager.fail(task, "late"),
            lambda: manager.abort(task),
            lambda: manager.cancel(task),
            lambda: manager.heartbeat(task),
            lambda: manager.detach(task),
        ):
            with pytest.raises(UnknownTaskError):
                late()
        assert kinds(manager, "p") == before


def test_a_task_of_a_process_that_was_ended_is_late(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a"))
        task = taken(manager)
        manager.signal("p", "go")
        decision = manager.next_decision()
        assert decision is not None
        manager.abort_process("p", reason="enough")
        with pytest.raises(UnknownTaskError):
            manager.complete(decision, CompleteProcess())
        with pytest.raises(UnknownTaskError):
            manager.complete(task, 1)
        assert manager.info("p").status == "aborted"


def test_wrong_calls_say_what_is_wrong(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        calls: tuple[tuple[Any, type[Exception], str], ...] = (
            (lambda: manager.next_activity("a", category="b"), RequestError, "another word"),
            (lambda: manager.next_activity(""), InvalidOptionError, "not empty"),
            (lambda: manager.next_activity([]), RequestError, "name a queue"),
            (lambda: manager.next_activity([7]), InvalidOptionError, "a queue"),  # type: ignore[list-item]
            (lambda: manager.next_activity(timeout=-1), InvalidOptionError, "timeout"),
            (lambda: manager.next_activity(activities="pay"), RequestError, "are several"),
            (lambda: manager.next_decision(timeout=float("nan")), InvalidOptionError, "timeout"),
            (lambda: manager.complete(7), RequestError, "is no task"),  # type: ignore[call-overload]
            (lambda: manager.complete("7.1", 1), UnknownTaskError, "no task '7.1'"),
            (lambda: manager.heartbeat("nonsense"), UnknownTaskError, "no task 'nonsense'"),
        )
        for call, kind, text in calls:
            with pytest.raises(kind, match=text):
                call()
    with pytest.raises(EngineClosedError):
        manager.next_activity()


def test_a_manager_hands_out_the_decisions_of_deciders_only(manager_of: MakeManager) -> None:
    door = define({"name": "door", "initial": "open", "states": {"open": {}}})
    with manager_of(door) as manager:
        manager.start("door", id="d")
        for workflows, text in ((None, "it knows none"), ([door], "'door' is none")):
            with pytest.raises(RequestError, match=text):
                manager.next_decision(workflows, timeout=0)
        manager.start(Listening, id="p")
        task = manager.next_decision([Listening], timeout=0)
        assert task is not None
        assert task.process_id == "p"
