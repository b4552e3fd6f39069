"""The life of hand-written workers: threads, stopping, other managers, virtual time."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corago import ActivityWorker, DecisionWorker, EngineClosedError, Manager, RequestError
from corago.decider import CompleteProcess, ScheduleActivity, StartTimer, Workflow
from corago.testing import VirtualClock
from tests.runtime.handwork import (
    DEADLINE,
    Double,
    Doubling,
    Listening,
    MakeManager,
    Once,
    kinds,
    manager_of,
    running,
)

__all__ = ["manager_of"]


def test_several_threads_do_several_activities_at_a_time(manager_of: MakeManager) -> None:
    together = threading.Barrier(3)

    class Meeting(ActivityWorker):
        def execute(self, task: Any) -> Any:
            together.wait(DEADLINE)
            return threading.current_thread().name

    with (
        manager_of(Once) as manager,
        running(DecisionWorker(manager), Meeting(manager, threads=3)),
    ):
        processes = [manager.start(Once, ["meet", None]) for _ in range(3)]
        names = {process.result(timeout=DEADLINE) for process in processes}
        assert len(names) == 3


def test_a_worker_stops_when_it_is_told_and_finishes_what_it_has(manager_of: MakeManager) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    class Slow(ActivityWorker):
        def execute(self, task: Any) -> Any:
            begun.set()
            assert goes_on.wait(DEADLINE)
            return "done"

    with manager_of(Once) as manager:
        worker, decisions = Slow(manager, threads=2), DecisionWorker(manager)
        process = manager.start(Once, ["file", None])
        assert decisions.step(timeout=0)
        thread = threading.Thread(target=worker.run)
        thread.start()
        assert begun.wait(DEADLINE)
        worker.stop()
        manager.start(Once, ["file", None], id="left")
        assert decisions.step(timeout=0)
        goes_on.set()
        thread.join(DEADLINE)
        assert not thread.is_alive()
        assert decisions.step(timeout=0)
        assert process.result(timeout=DEADLINE) == "done"
        worker.run()  # comes back at once
        assert manager.next_activity(timeout=0) is not None


def test_a_worker_ends_with_its_manager(manager_of: MakeManager) -> None:
    manager = manager_of(Doubling).open()
    workers = [ActivityWorker(manager, threads=2), DecisionWorker(manager)]
    threads = [threading.Thread(target=each.run) for each in workers]
    for thread in threads:
        thread.start()
    manager.start(Doubling, 4).result(timeout=DEADLINE)
    manager.close()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_two_managers_on_one_file_never_do_one_task_twice(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    done: Counter[str] = Counter()

    class Counting(ActivityWorker):
        def execute(self, task: Any) -> Any:
            done[task.idempotency_key] += 1  # of one key, one thread only
            return task.input * 2

    with Manager(url, workflows=[Doubling]) as one, Manager(url, workflows=[Doubling]) as two:
        workers = [Counting(each, threads=2) for each in (one, two)]
        decisions = [DecisionWorker(each, threads=2) for each in (one, two)]
        with running(*workers, *decisions):
            processes = [one.start(Doubling, number) for number in range(40)]
            results = [process.result(timeout=DEADLINE) for process in processes]
        assert results == [2 * number for number in range(40)]
        assert set(done.values()) == {1}
        assert len(done) == 40
        for process in processes:
            assert kinds(one, process.id) == [
                "ProcessStarted",
                "ActivityScheduled",
                "ActivityClosed",
                "ProcessCompleted",
            ]


def test_workers_let_virtual_time_pass_while_they_rest(manager_of: MakeManager) -> None:
    class Patient(Workflow):
        activities = [Double]

        def initiate(self, process: Any) -> Any:
            return StartTimer(timedelta(days=30))

        def respond_to_timer(self, process: Any, event: Any) -> Any:
            return ScheduleActivity(Double, 4, schedule_to_start=1)

        def respond_to_completed_activity(self, process: Any, event: Any) -> Any:
            return CompleteProcess(event.value)

    clock = VirtualClock()
    with (
        manager_of(Patient, clock=clock) as manager,
        running(DecisionWorker(manager), ActivityWorker(manager)),
    ):
        assert manager.start(Patient).result(timeout=DEADLINE) == 8
        assert clock.monotonic() == pytest.approx(timedelta(days=30).total_seconds(), abs=1)


def test_wrong_workers_are_refused(manager_of: MakeManager) -> None:
    with manager_of() as manager, manager_of(Listening, clock=VirtualClock()) as deciding:
        calls: tuple[tuple[Any, str], ...] = (
            (lambda: ActivityWorker("sqlite:///work.db"), "from a Manager"),  # type: ignore[arg-type]
            (lambda: ActivityWorker(manager, threads=0), "threads must be 1"),
            (lambda: ActivityWorker(manager, []), "name a queue"),
            (lambda: ActivityWorker(manager, activities=Double), "are several"),  # type: ignore[arg-type]
            (lambda: ActivityWorker(manager).step(), "knows no activity"),
            (lambda: ActivityWorker(manager).run(), "knows no activity"),
            (lambda: DecisionWorker(manager).step(), "it knows none"),
            (lambda: ActivityWorker(deciding).heartbeat(), "nothing is done in this thread"),
        )
        for call, text in calls:
            with pytest.raises(RequestError, match=text):
                call()
    for worker in (ActivityWorker(deciding), DecisionWorker(deciding)):
        for use in (worker.step, worker.run):
            with pytest.raises(EngineClosedError, match="with Manager"):
                use()
