"""Hand-written workers as users type them; two type checkers read this file, nobody runs it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, assert_type

from corago import ActivityWorker, DecisionWorker, Handle, Manager, ProcessInfo, UnknownTaskError
from corago.decider import (
    Activity,
    ActivityAborted,
    Answer,
    CompleteProcess,
    Process,
    ScheduleActivity,
    Workflow,
)
from corago.manual import ActivityTask, DecisionTask


class Double(Activity):
    input: int

    def execute(self) -> int:
        return self.input * 2


class Doubling(Workflow):
    activities = [Double]

    def decide(self, process: Process) -> Answer:
        return CompleteProcess() if process.completed_activities() else Double


def by_hand() -> None:
    lease = timedelta(minutes=2)
    with Manager("sqlite:///work.db", workflows=[Doubling], decision_lease=lease) as manager:
        assert_type(manager, Manager)
        assert_type(manager.start(Doubling, 7, id="a", tags=["x"]), Handle)
        assert_type(manager.processes(status="running"), list[ProcessInfo])
        decision = manager.next_decision(timeout=10)
        assert_type(decision, DecisionTask | None)
        if decision is not None:
            assert_type(decision.process, Process)
            assert_type(decision.failures, int)
            manager.complete(decision)
            manager.complete(decision, [ScheduleActivity(Double, 5), Double])
            manager.fail(decision, ValueError("undecided"))
        task = manager.next_activity("gpu", activities=[Double, "Other@2"], timeout=0)
        assert_type(task, ActivityTask | None)
        if task is not None:
            assert_type(task.attempt, int)
            assert_type(manager.heartbeat(task, {"done": 0.5}), bool)
            try:
                manager.complete(task.id, task.input * 2)
                manager.complete(task, ActivityAborted("out of bounds"))
                manager.abort(task, "out of bounds")
                manager.cancel(task)
                manager.detach(task)
            except UnknownTaskError as error:
                print(error.token)


class Loud(ActivityWorker):
    def execute(self, task: ActivityTask) -> Any:
        assert_type(self.heartbeat(task), bool)
        return super().execute(task)


class Chief(DecisionWorker):
    def decide(self, task: DecisionTask) -> Answer:
        return Double if task.process.input else CompleteProcess()


def in_loops(manager: Manager) -> None:
    for worker in (Loud(manager, ["gpu", "cpu"], [Double], threads=4), Chief(manager, [Doubling])):
        assert_type(worker.step(timeout=1.5), bool)
        worker.run()
        worker.stop()
