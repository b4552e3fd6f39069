"""The decider door as users type it; two type checkers read this file, nobody runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, assert_type

from corago import Engine, Handle, Preview
from corago.core.events import CancelRequested, ExternalUpdated, SignalReceived, TimerFired
from corago.decider import (
    Activity,
    ActivityAborted,
    ActivityCanceled,
    ActivityCompleted,
    ActivityEnded,
    ActivityFailed,
    ActivityTask,
    ActivityTimedOut,
    Answer,
    CancelActivity,
    CancelProcess,
    CancelTimer,
    Child,
    ChildEnded,
    ChildUnborn,
    CompleteProcess,
    CompleteProcessDecision,
    ContinueAsNew,
    Decision,
    FailProcess,
    Failure,
    FunctionActivity,
    History,
    Process,
    RecordMarker,
    Retry,
    Rules,
    ScheduleActivity,
    ScheduleActivityDecision,
    SignalProcess,
    StartChildProcess,
    StartTimer,
    UnfinishedActivity,
    UntriggeredTimer,
    Workflow,
    activity,
    rules,
)
from corago.decider.program import DeciderProgram


class Foo(Activity):
    version = 2
    queue = "q"
    schedule_to_start = 60
    start_to_close = timedelta(minutes=5)
    heartbeat_timeout = 2.5
    retry = Retry(attempts=3)
    at_most_once = True
    auto_complete = False
    input: int

    def execute(self) -> int | ActivityAborted | ActivityFailed:
        assert_type(self.input, int)
        assert_type(self.heartbeat({"done": 1}), bool)
        assert_type(self.attempt, int)
        assert_type(self.idempotency_key, str)
        assert_type(self.is_cancel_requested, bool)
        if self.input < 10:
            return self.input * 2
        return ActivityAborted("out of bounds") if self.last_details else ActivityFailed("no")


class Later(Activity):
    async def execute(self) -> ActivityCanceled | None:
        return ActivityCanceled({"at": 1}) if self.is_cancel_requested else None


class Seed(Activity):
    @classmethod
    def execute(cls, task: ActivityTask, worker: Any) -> Any:
        worker.heartbeat()
        return ActivityFailed(exception=Exception(task.id))


@activity
def charge(card: str, amount: int = 1) -> bool:
    return amount > 1


@activity(name="ship", version="b", category="dock", retry=3, start_to_close=timedelta(hours=1))
async def ship(parcel: str) -> str:
    return parcel


class Order(Workflow):
    name = "order"
    version = 3
    activities = [Foo, Later, charge, ship]
    timeout = timedelta(days=1)
    handles_cancel = True

    def decide(self, process: Process) -> Answer:
        assert_type(process.id, str)
        assert_type(process.tags, tuple[str, ...])
        assert_type(process.parent, str | None)
        assert_type(process.history, History)
        assert_type(process.now, datetime)
        assert_type(process.unfinished_activities(), list[UnfinishedActivity])
        assert_type(process.untriggered_timers(), list[UntriggeredTimer])
        assert_type(process.completed_activities(), list[ActivityEnded])
        assert_type(process.children(), list[Child])
        for event in process.unseen_events():
            match event:
                case SignalReceived(name="stop"):
                    return [CancelActivity(each) for each in process.unfinished_activities()]
                case ActivityEnded(activity="Foo", result=ActivityTimedOut()):
                    return FailProcess(event.error or "late")
                case ActivityEnded(result=ActivityFailed(error=error)):
                    assert_type(error, Failure)
                    return [Foo, charge, None, [StartTimer(5, {"a": 1})]]
                case ActivityEnded():
                    assert_type(event.activity, str)
                    assert_type(event.is_completed, bool)
        return CompleteProcess() if process.completed_activities() else Foo


class Bar(Workflow):
    activities = (Seed,)
    children = [Order]

    @classmethod
    def decide(cls, process: Process) -> Answer:
        if process.children():
            return CompleteProcessDecision()
        return ScheduleActivityDecision(Seed)


class Yielding(Workflow):
    def decide(self, process: Process) -> Iterator[Answer]:
        yield ScheduleActivity(Foo, 5, id="a", queue="b", retry=2, start_to_close=3)
        yield [ScheduleActivity("Foo@2", {"n": 1}), ship]
        yield StartChildProcess(Order, {"n": 1}, tags=["x"], policy="terminate")
        yield SignalProcess(process.children()[0], "hello")
        yield [CancelTimer("t"), RecordMarker("m", 1), ContinueAsNew(tags=["a"])]


class Handled(Workflow):
    def initiate(self, process: Process) -> Answer:
        return charge

    def respond_to_completed_activity(self, process: Process, event: ActivityEnded) -> Answer:
        assert_type(event.id, str)
        return CompleteProcess(event.value)

    def respond_to_interrupted_activity(self, process: Process, event: ActivityEnded) -> Answer:
        assert_type(event.error, Failure | None)
        return FailProcess(ValueError("no"))

    def respond_to_signal(self, process: Process, event: SignalReceived) -> Answer:
        return None

    def respond_to_timer(self, process: Process, event: TimerFired) -> Answer:
        return [CancelTimer(each) for each in process.untriggered_timers()]

    def respond_to_completed_child(self, process: Process, event: ChildEnded) -> Answer:
        return None

    def respond_to_interrupted_child(
        self, process: Process, event: ChildEnded | ChildUnborn
    ) -> Answer:
        assert_type(event.workflow, str)
        return None

    def respond_to_cancel_request(self, process: Process, event: CancelRequested) -> Answer:
        return CancelProcess()

    def respond_to_update(self, process: Process, event: ExternalUpdated) -> Answer:
        return None


class Ruled(Workflow):
    @rules.initiated
    def begin(self, process: Process) -> Answer:
        return charge

    @rules.completed_activity(charge, result=True)
    @rules.completed_activity("ship", input=lambda given: given != "")
    def paid(self, process: Process, event: ActivityEnded) -> Answer:
        return None

    @rules.interrupted_activity(result=ActivityTimedOut)
    def late(self, process: Process, event: ActivityEnded) -> Answer:
        return None


order = Rules()


@order.initiated()
def begin(process: Process) -> Answer:
    return charge


@order.signal("extra", data=dict)
def extra(process: Process, event: SignalReceived) -> Answer:
    return ScheduleActivity(ship, event.data)


class FromASet(Workflow):
    rules = order


def looking() -> None:
    activities: list[FunctionActivity[..., Any]] = [charge, ship]
    assert_type(activities[0].name, str)
    assert_type(charge("x"), bool)
    assert_type(begin(Process.__new__(Process)), Answer)
    assert_type(Foo(5).execute(), int | ActivityAborted | ActivityFailed)
    assert_type(Order.kind, Literal["decider"])
    assert_type(Order.sha, str)
    assert_type(Order.document, dict[str, Any])
    assert_type(Order.functions, Mapping[str, Any])
    assert_type(Order.program, DeciderProgram)
    assert_type(Order.children, Sequence[Any])
    assert_type(Order.text() + Order.svg() + Order.dot() + Order.mermaid(), str)
    assert_type(Order.preview({"n": 1}, signal="stop", at=datetime.now(UTC)), Preview)
    assert_type(Order.preview(history=[], outcome=("Foo", ActivityCompleted(3))), Preview)
    decisions: list[Decision] = [ScheduleActivity(Foo), CompleteProcess()]
    assert_type(decisions[0], Decision)


def mistakes() -> None:
    charge(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    activity(queu="x")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    StartChildProcess(Order, policy="kill")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ScheduleActivity(Order)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ScheduleActivity(Foo, 1, "id")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    StartTimer("soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    class Wrong(Workflow):
        def decide(self, process: Process) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            return 3


def running() -> None:
    with Engine("sqlite:///work.db", workflows=[Order, Bar, FromASet], activities=[Seed]) as engine:
        handle = engine.start(Order, {"amount": 12})
        assert_type(handle, Handle)
        engine.signal(handle.id, "extra", {"parcel": "x"})
