"""Workers that take one task after the other: as they are, and as people extend them."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise
from typing import Annotated, Any

import pytest

from corago import (
    ActivityWorker,
    DecisionWorker,
    Manager,
    Secret,
    current,
)
from corago.core import events as e
from corago.decider import (
    Activity,
    ActivityCanceled,
    CancelActivity,
    CompleteProcess,
    ScheduleActivity,
    Workflow,
    activity,
)
from corago.testing import VirtualClock
from tests.runtime.handwork import (
    DEADLINE,
    Double,
    Listening,
    MakeManager,
    Once,
    ends,
    kinds,
    manager_of,
    running,
)

__all__ = ["manager_of"]


# -- as they are -----------------------------------------------------------------------------------


def test_the_seeds_activity_ends_in_each_of_its_ways(manager_of: MakeManager) -> None:
    class Trying(Workflow):
        activities = [Double]

        def decide(self, process: Any) -> Any:
            return CompleteProcess() if len(process.history) > 1 else Double

    with manager_of(Trying) as manager, running(DecisionWorker(manager), ActivityWorker(manager)):
        results: dict[Any, Any] = {}
        for given in (7, 10, None):
            process = manager.start(Trying, given)
            process.result(timeout=DEADLINE)
            (results[given],) = ends(manager, process.id)
        assert results[7] == e.ActivityCompleted(14)
        assert results[10] == e.ActivityAborted("input out of bounds")
        assert isinstance(results[None], e.ActivityFailed)
        assert results[None].error.type == "TypeError"


def test_activities_are_run_in_whatever_form_they_are_written(manager_of: MakeManager) -> None:
    @activity
    def add(a: int, b: int = 10) -> int:
        return a + b

    @activity
    async def later(n: int) -> dict[str, int]:
        await asyncio.sleep(0)
        return {"n": n, "attempt": current().attempt}

    class Shout(Activity):
        version = 2
        input: str

        def execute(self) -> str:
            return self.input.upper()

    made = [add, later, Shout]
    with (
        manager_of(Once, activities=made) as manager,
        running(DecisionWorker(manager), ActivityWorker(manager)),
    ):
        for given, result in (
            (["add", {"a": 1}], 11),
            (["later", 3], {"n": 3, "attempt": 1}),
            (["Shout@2", "hello"], "HELLO"),
            (["add", {"a": "one"}], None),
        ):
            told = manager.start(Once, given).result(timeout=DEADLINE)
            assert told == result if result is not None else "StepArgumentError" in told


def test_an_activity_that_a_decision_names_by_itself_is_known_from_then_on(
    manager_of: MakeManager,
) -> None:
    class Undeclared(Workflow):
        def decide(self, process: Any) -> Any:
            done = process.completed_activities()
            return CompleteProcess(done[0].value) if done else Double

    class Chief(DecisionWorker):
        def decide(self, task: Any) -> Any:
            return Undeclared().decide(task.process)

    for workflow, kind in ((Undeclared, DecisionWorker), (Listening, Chief)):
        with (
            manager_of(workflow) as manager,
            running(ActivityWorker(manager), kind(manager)),
        ):
            assert manager.start(workflow, 4).result(timeout=DEADLINE) == 8


def test_a_worker_takes_only_what_it_knows(manager_of: MakeManager) -> None:
    with manager_of(Listening) as manager:
        worker = ActivityWorker(manager, activities=[Double])
        manager.start(Listening, 7, id="p")
        task = manager.next_decision()
        assert task is not None
        manager.complete(task, [ScheduleActivity("other"), ScheduleActivity("Double")])
        assert worker.step(timeout=0) is True
        assert worker.step(timeout=0) is False


def test_each_queue_has_its_workers(manager_of: MakeManager) -> None:
    @activity(queue="gpu")
    def render() -> str:
        return "rendered"

    with manager_of(Once, activities=[render]) as manager:
        decisions = DecisionWorker(manager, [Once])
        process = manager.start(Once, ["render", None])
        assert decisions.step(timeout=0) is True
        assert ActivityWorker(manager).step(timeout=0) is True  # by name alone, no queue is known
        assert decisions.step(timeout=0) is True
        assert process.result(timeout=DEADLINE) == "rendered"

    class Rendering(Once):
        activities = [render]

    with manager_of(Rendering) as manager:
        process = manager.start(Rendering, ["render", None])
        decisions = DecisionWorker(manager)
        assert decisions.step(timeout=0) is True
        assert ActivityWorker(manager).step(timeout=0) is False
        assert ActivityWorker(manager, ["cpu", "gpu"]).step(timeout=0) is True
        assert decisions.step(timeout=0) is True
        assert process.result(timeout=DEADLINE) == "rendered"


def test_what_completes_from_outside_is_left_by_its_worker(
    manager_of: MakeManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "corago.manual")
    tokens: list[str] = []

    class Ask(Activity):
        auto_complete = False
        queue = "mail"

        def execute(self) -> None:
            tokens.append(self.token)

    with manager_of(Once, activities=[Ask]) as manager:
        decisions = DecisionWorker(manager)
        process = manager.start(Once, ["Ask", None])
        assert decisions.step(timeout=0)
        assert ActivityWorker(manager, ["default", "mail"]).step(timeout=0)
        assert not decisions.step(timeout=0)
        assert caplog.messages == []  # nothing was brought too late
        manager.complete(tokens[0], "yes")
        assert decisions.step(timeout=DEADLINE)
        assert process.result(timeout=DEADLINE) == "yes"


def test_a_heartbeat_is_heard_and_tells_that_it_is_to_stop(manager_of: MakeManager) -> None:
    begun, stopped = threading.Event(), threading.Event()

    class Long(Activity):
        def execute(self) -> Any:
            begun.set()
            while not self.heartbeat({"page": self.attempt}):
                stopped.wait(0.01)
            return ActivityCanceled(details="tidied up")

    class Stopping(Workflow):
        activities = [Long]

        def initiate(self, process: Any) -> Any:
            return Long

        def respond_to_signal(self, process: Any, event: Any) -> Any:
            return CancelActivity(Long)

        def respond_to_interrupted_activity(self, process: Any, event: Any) -> Any:
            return CompleteProcess(event.result.details)

    with (
        manager_of(Stopping) as manager,
        running(DecisionWorker(manager), ActivityWorker(manager)),
    ):
        process = manager.start(Stopping)
        assert begun.wait(DEADLINE)
        manager.signal(process.id, "stop")
        assert process.result(timeout=DEADLINE) == "tidied up"


def test_secrets_are_opened_for_the_activity_and_nobody_else(manager_of: MakeManager) -> None:
    @activity
    def log_in(user: str, pin: Annotated[str, Secret]) -> str:
        if len(pin) != 4:
            raise ValueError(f"{pin} is too long")
        return f"{len(pin)} digits"

    class LogIn(Once):
        activities = [log_in]

        def initiate(self, process: Any) -> Any:
            return ScheduleActivity(log_in, process.input)

    with (
        manager_of(LogIn, secret_key=b"k" * 32) as manager,
        running(DecisionWorker(manager), ActivityWorker(manager)),
    ):
        process = manager.start(LogIn, {"user": "ann", "pin": "4711"})
        assert process.result(timeout=DEADLINE) == "4 digits"
        assert "4711" not in str(list(process.history()))
        process = manager.start(LogIn, {"user": "ann", "pin": "98765"})
        told = process.result(timeout=DEADLINE)
        assert "is too long" in told
        assert "98765" not in told


# -- extended --------------------------------------------------------------------------------------


def test_a_worker_may_say_itself_what_it_does(manager_of: MakeManager) -> None:
    class Clerk(ActivityWorker):
        def __init__(self, manager: Manager, ledger: list[Any]) -> None:
            super().__init__(manager, "office")
            self.ledger = ledger

        def execute(self, task: Any) -> Any:
            self.heartbeat("at it")
            self.heartbeat(task)
            self.ledger.append((task.activity, task.input))
            if task.input == "none":
                raise LookupError("not in the books")
            return Double.execute(task, self) if task.activity == "double" else "filed"

    class Chief(DecisionWorker):
        def decide(self, task: Any) -> Any:
            done = task.process.completed_activities()
            if len(done) == 2:
                return CompleteProcess([each.value for each in done])
            if task.process.unfinished_activities():
                return None
            return [
                ScheduleActivity("file", "letter", queue="office"),
                ScheduleActivity("double", 4, queue="office"),
            ]

    ledger: list[Any] = []
    with manager_of(Listening) as manager:
        with running(Chief(manager), Clerk(manager, ledger)):
            process = manager.start(Listening)
            assert sorted(map(str, process.result(timeout=DEADLINE))) == ["8", "filed"]
        assert sorted(ledger) == [("double", 4), ("file", "letter")]


def test_what_a_worker_raises_fails_the_activity(manager_of: MakeManager) -> None:
    class Clerk(ActivityWorker):
        def execute(self, task: Any) -> Any:
            if task.input == "exit":
                sys_exit()
            if task.input == "odd":
                return object()
            raise KeyError("nothing")

    with manager_of(Once) as manager, running(DecisionWorker(manager), Clerk(manager)):
        for given, told in (("odd", "InvalidInputError"), ("", "KeyError"), ("exit", "SystemExit")):
            result = manager.start(Once, ["file", given]).result(timeout=DEADLINE)
            assert result.startswith(told)


def sys_exit() -> None:
    raise SystemExit(3)


def test_a_decision_that_fails_is_asked_for_again_and_at_last_set_aside(
    manager_of: MakeManager,
) -> None:
    clock = VirtualClock()
    asked: list[float] = []

    class Broken(DecisionWorker):
        mended = False

        def decide(self, task: Any) -> Any:
            asked.append(clock.monotonic())
            if not self.mended:
                raise ValueError(f"failed {task.failures} times before")
            return CompleteProcess("mended")

    with manager_of(Listening, clock=clock) as manager:
        worker = Broken(manager)
        manager.start(Listening, id="p")
        for _ in range(5):
            assert worker.step(timeout=DEADLINE)
        assert [then - first for first, then in pairwise(asked)] == [1, 2, 4, 8]
        assert kinds(manager, "p") == ["ProcessStarted", "ProcessSuspended"]
        assert "failed 4 times before" in str(manager.history("p")[-1].error)  # type: ignore[attr-defined]
        assert not worker.step(timeout=0)
        worker.mended = True
        manager._run(manager._engine.retry("p"))
        assert worker.step(timeout=DEADLINE)
        assert manager.info("p").result == "mended"


def test_a_decision_that_makes_no_sense_counts_as_failed(manager_of: MakeManager) -> None:
    class Odd(DecisionWorker):
        def decide(self, task: Any) -> Any:
            return "done" if not task.failures else CompleteProcess(task.failures)

    with manager_of(Listening, clock=VirtualClock()) as manager:
        worker = Odd(manager)
        process = manager.start(Listening)
        assert worker.step(timeout=0)
        assert worker.step(timeout=DEADLINE)
        assert process.result(timeout=DEADLINE) == 1


def test_a_late_task_harms_no_worker(manager_of: MakeManager) -> None:
    class Slow(ActivityWorker):
        def execute(self, task: Any) -> Any:
            manager.abort_process(task.process_id)
            return "too late"

    class Slower(DecisionWorker):
        def decide(self, task: Any) -> Any:
            manager.abort_process(task.process_id)
            return CompleteProcess()

    with manager_of(Once) as manager:
        manager.start(Once, ["file", None], id="p")
        assert DecisionWorker(manager).step(timeout=0)
        assert Slow(manager).step(timeout=0)
        manager.start(Once, ["file", None], id="q")
        assert Slower(manager).step(timeout=0)
        assert [manager.info(id).status for id in "pq"] == ["aborted", "aborted"]
