"""Activities by hand: taken from queues, kept alive, and brought back in every way."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from corago import Manager, UnknownTaskError
from corago.core import events as e
from corago.decider import ActivityAborted, ActivityEnded, CancelActivity, ScheduleActivity
from corago.errors import InvalidInputError
from tests.runtime.handwork import (
    DEADLINE,
    Double,
    Listening,
    MakeManager,
    decide,
    ends,
    kinds,
    manager_of,
    scheduled,
    taken,
)

__all__ = ["manager_of"]


def last(manager: Manager) -> Any:
    """How the last activity ended that a decision is asked for."""
    task = manager.next_decision(timeout=DEADLINE)
    assert task is not None
    ended = [each for each in task.process.unseen_events() if isinstance(each, ActivityEnded)]
    manager.complete(task, None)
    return ended[-1].result


def test_a_task_says_what_is_to_be_done_and_for_whom(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("pay@2", {"euros": 5}, id="first"))
        task = taken(manager)
        assert (task.activity, task.input, task.path) == ("pay@2", {"euros": 5}, "first")
        assert (task.process_id, task.run, task.workflow) == ("p", 1, "Listening")
        assert (task.attempt, task.queue, task.last_details) == (1, "default", None)
        assert task.idempotency_key == "p/1/first/1"
        assert task.id == task.token


@pytest.mark.parametrize(
    ("bring", "end"),
    [
        (lambda m, t: m.complete(t, {"n": 1}), e.ActivityCompleted({"n": 1})),
        (lambda m, t: m.complete(t), e.ActivityCompleted(None)),
        (lambda m, t: m.complete(t.id, [1]), e.ActivityCompleted([1])),
        (lambda m, t: m.complete(t, ActivityAborted("no")), e.ActivityAborted("no")),
        (lambda m, t: m.complete(t, e.ActivityCompleted(3)), e.ActivityCompleted(3)),
        (lambda m, t: m.abort(t, "out of bounds"), e.ActivityAborted("out of bounds")),
        (lambda m, t: m.abort(t.id), e.ActivityAborted(None)),
        (lambda m, t: m.cancel(t, {"done": 2}), e.ActivityCanceled({"done": 2})),
        (lambda m, t: m.cancel(t.id), e.ActivityCanceled(None)),
    ],
)
def test_an_activity_ends_as_it_is_brought(
    manager_of: MakeManager, bring: Any, end: e.ActivityResult
) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a"))
        bring(manager, taken(manager))
        assert last(manager) == end


@pytest.mark.parametrize("by_id", [False, True])
def test_an_activity_that_failed_says_how(manager_of: MakeManager, *, by_id: bool) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a"), ScheduleActivity("b"))
        for error in (ValueError("broken"), "no such card"):
            task = taken(manager)
            manager.fail(task.id if by_id else task, error)
            failure = last(manager).error
            assert failure.message == str(error).strip("'")
        assert [each.error.type for each in ends(manager, "p")][:1] == ["ValueError"]  # type: ignore[union-attr]


def test_a_failed_activity_is_tried_again_by_its_policy(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a", retry=2))
        task = taken(manager)
        manager.heartbeat(task, {"page": 3})
        manager.heartbeat(task)
        manager.fail(task, ValueError("broken"))
        assert manager.next_decision(timeout=0) is None
        task = taken(manager)
        assert (task.attempt, task.last_details) == (2, {"page": 3})
        manager.complete(task, "mended")
        assert last(manager) == e.ActivityCompleted("mended")
        assert "ActivityRetried" in kinds(manager, "p")


def test_a_result_that_json_cannot_hold_is_refused_and_may_be_put_right(
    manager_of: MakeManager,
) -> None:
    with manager_of(Listening, state_limit=1000) as manager:
        scheduled(manager, ScheduleActivity("a"))
        task = taken(manager)
        for result in (object(), {1: float("nan")}, "x" * 2000):
            with pytest.raises(InvalidInputError):
                manager.complete(task, result)
        manager.complete(task, "fits")
        assert last(manager) == e.ActivityCompleted("fits")


def test_a_heartbeat_tells_whether_somebody_wants_it_to_stop(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a"))
        task = taken(manager)
        assert manager.heartbeat(task, 1) is False
        assert manager.heartbeat(task.id, 2) is False
        assert not task.is_cancel_requested
        manager.signal("p", "enough")
        decide(manager, CancelActivity("a"))
        assert manager.heartbeat(task.id) is True
        assert manager.heartbeat(task) is True
        assert task.is_cancel_requested
        manager.cancel(task)
        assert last(manager) == e.ActivityCanceled(None)


def test_what_is_to_stop_before_anybody_took_it_is_never_handed_out(
    manager_of: MakeManager,
) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a"))
        manager.signal("p", "enough")
        decide(manager, CancelActivity("a"))
        assert last(manager) == e.ActivityCanceled(None)
        assert manager.next_activity(timeout=0) is None


def test_only_activities_that_are_asked_for_are_taken(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a"), ScheduleActivity(Double, 3))
        task = manager.next_activity(activities=["b", Double], timeout=0)
        assert task is not None
        assert task.activity == "Double"
        assert manager.next_activity(activities=["b", Double], timeout=0) is None
        assert manager.next_activity(["gpu", "default"], activities=["a"], timeout=0) is not None


def test_a_queue_that_nobody_fills_gives_nothing(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a"))
        assert manager.next_activity("nowhere", timeout=0) is None
        assert manager.next_activity(category="nowhere", timeout=0.05) is None
        assert manager.next_activity(category="default", timeout=0) is not None


def test_whoever_waits_gets_what_comes(manager_of: MakeManager) -> None:
    got: list[Any] = []
    with manager_of(Listening) as manager:

        def wait() -> None:
            got.append(manager.next_activity("gpu", timeout=DEADLINE))

        waiter = threading.Thread(target=wait)
        waiter.start()
        scheduled(manager, ScheduleActivity("a", queue="gpu"))
        waiter.join(DEADLINE)
        assert [task.activity for task in got] == ["a"]


def test_a_detached_activity_is_completed_by_its_token_from_anywhere(
    manager_of: MakeManager,
) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("ask"))
        task = taken(manager)
        manager.heartbeat(task, "asked by mail")
        manager.detach(task)
        assert task.is_detached
        assert manager.next_activity(timeout=0) is None
        assert manager.heartbeat(task.token, "answered") is False
        manager.complete(task.token, "yes")
        assert last(manager) == e.ActivityCompleted("yes")
        for late in (manager.complete, manager.heartbeat, manager.abort):
            with pytest.raises(UnknownTaskError):
                late(task.token)


def test_documents_of_an_activity_are_written_with_its_result(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        scheduled(manager, ScheduleActivity("a"), ScheduleActivity("b"))
        for name in ("a", "b"):
            task = manager.next_activity(activities=[name])
            assert task is not None
            task.put_document("port", "7", {"by": name}, expected=0)
            manager.complete(task, name)
        for is_refused in (True, False, True, False):  # both; the first; the second; its failure
            decision = manager.next_decision(timeout=DEADLINE)
            assert decision is not None
            if is_refused:
                with pytest.raises(UnknownTaskError) as caught:
                    manager.complete(decision, None)
                assert "document" in caught.value.__notes__[0]
            else:
                manager.complete(decision, None)
        first, second = ends(manager, "p")
        assert first == e.ActivityCompleted("a")
        assert isinstance(second, e.ActivityFailed)
        assert second.error.type == "DocumentConflictError"
