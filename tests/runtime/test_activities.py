"""Activities: who finds their code, how they end, and what limits them without a queue."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from corago import AsyncEngine, DefinitionError, Engine, RequestError, current
from corago.core import events as e
from corago.decider import (
    Activity,
    ActivityAborted,
    ActivityCanceled,
    ActivityCompleted,
    ActivityFailed,
    CancelActivity,
    CompleteProcess,
    Process,
    ScheduleActivity,
    activity,
)
from tests.runtime.deciders import decider, running
from tests.runtime.rendering import DEADLINE, GPU, MakeEngine, engines
from tests.runtime.stage import Stage, ends, reaches


@pytest.fixture(params=["memory", "sqlite"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Makes engines on one store."""
    return engines(request.param, tmp_path / "work.db")


@activity
def double(n: int) -> int:
    return 2 * n


@activity(queue="gpu")
async def render(n: int) -> int:
    return n + 1


# -- whose code it is -----------------------------------------------------------------------------


def test_an_activity_of_the_definition_runs_where_its_process_is_driven(
    engine_of: MakeEngine,
) -> None:
    body = running(double)

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            handle = await engine.start(body, 4, id="p")
            found = await handle.result(timeout=DEADLINE)
            assert found == {"end": "ActivityCompleted", "result": 8}
            assert await ends(engine, "p") == [("double", "ActivityCompleted")]

    asyncio.run(story())


def test_one_that_the_definition_does_not_bring_is_found_among_the_engines(
    engine_of: MakeEngine,
) -> None:
    body = running("double")

    async def story() -> None:
        async with engine_of(workflows=[body], activities=[double]) as engine:
            handle = await engine.start(body, 4, id="p")
            assert (await handle.result(timeout=DEADLINE))["result"] == 8

    asyncio.run(story())


def test_one_that_nobody_knows_fails_and_says_so(engine_of: MakeEngine) -> None:
    body = running("double")

    async def story() -> None:
        async with engine_of(workflows=[body]) as engine:
            found = await (await engine.start(body, 4, id="p")).result(timeout=DEADLINE)
            assert found["error"].startswith("MissingFunctionError: this worker has no code")

    asyncio.run(story())


def test_an_engine_without_workflows_runs_activities_of_its_queues_by_name(
    engine_of: MakeEngine,
) -> None:
    body = running("render", queue="gpu")
    where: list[str] = []

    @activity(name="render")
    async def elsewhere(n: int) -> int:
        where.append(current().workflow)
        return n * 10

    async def story() -> None:
        async with engine_of(workflows=[body]) as driver:
            handle = await driver.start(body, 4, id="p")
            await reaches(driver, "p", "waiting")
            async with engine_of(activities=[double], queues=GPU):
                with pytest.raises(TimeoutError, match="waits for a worker of queue 'gpu'"):
                    await handle.result(timeout=0.2)
            async with engine_of(activities=[elsewhere], queues=["cpu"]):
                with pytest.raises(TimeoutError, match="waits for a worker of queue 'gpu'"):
                    await handle.result(timeout=0.2)
            async with engine_of(activities=[elsewhere], queues=GPU):
                assert (await handle.result(timeout=DEADLINE))["result"] == 40

    asyncio.run(story())
    assert where == [body.name]


def test_a_worker_of_the_definition_leaves_what_it_has_no_code_for_to_others(
    engine_of: MakeEngine,
) -> None:
    there: list[str] = []

    def decide(process: Process) -> Any:
        if len(process.completed_activities()) == 2:
            return CompleteProcess(
                [getattr(each.result, "result", None) for each in process.completed_activities()]
            )
        if not process.unfinished_activities() and not process.completed_activities():
            return [ScheduleActivity("elsewhere", 1, queue="gpu"), ScheduleActivity(render, 2)]
        return None

    @activity
    def elsewhere(n: int) -> int:
        there.append(current().workflow)
        return n * 10

    body = decider(decide, render)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as driver:
            handle = await driver.start(body, None, id="p")
            async with asyncio.timeout(DEADLINE):
                while ("render", "ActivityCompleted") not in await ends(driver, "p"):
                    await asyncio.sleep(0.005)
            with pytest.raises(TimeoutError, match="waits for a worker of queue 'gpu'"):
                await handle.result(timeout=0.3)
            (waiting,) = await driver._backend.open_activities("p")
            assert waiting.token.endswith(".1")  # it was taken once, and not again and again
            async with engine_of(activities=[elsewhere], queues=GPU):
                assert sorted(await handle.result(timeout=DEADLINE)) == [3, 10]

    asyncio.run(story())
    assert there == [body.name]


def test_what_its_worker_has_no_code_for_can_be_canceled_at_once(engine_of: MakeEngine) -> None:
    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.SignalReceived):
                return CancelActivity("elsewhere")
            if isinstance(event, e.ActivityClosed):
                return CompleteProcess(type(event.result).__name__)
        return ScheduleActivity("elsewhere", queue="gpu")

    body = decider(decide)

    async def story() -> None:
        async with engine_of(workflows=[body], queues=GPU) as driver:
            handle = await driver.start(body, None, id="p")
            with pytest.raises(TimeoutError, match="waits for a worker of queue 'gpu'"):
                await handle.result(timeout=0.2)
            await driver.signal("p", "stop")
            assert await handle.result(timeout=DEADLINE) == "ActivityCanceled"

    asyncio.run(story())


def test_a_worker_without_its_code_does_not_count_as_its_start() -> None:
    stage = Stage()
    body = running("elsewhere", queue="gpu", schedule_to_start=3)

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            found = await (await engine.start(body, id="p")).result(timeout=60)
            assert found == {"end": "ActivityTimedOut", "kind": "schedule_to_start", "seconds": 3.0}
            assert stage.seconds == pytest.approx(3, abs=0.1)

    stage.run(story())


def test_one_version_does_not_stand_for_another(engine_of: MakeEngine) -> None:
    body = running("render@2", queue="gpu")

    @activity(name="render", version=2)
    async def second(n: int) -> int:
        return -n

    async def story() -> None:
        async with engine_of(workflows=[body]) as driver:
            handle = await driver.start(body, 4, id="p")
            async with engine_of(activities=[render], queues=GPU):
                with pytest.raises(TimeoutError):
                    await handle.result(timeout=0.2)
            async with engine_of(activities=[render, second], queues=GPU):
                assert (await handle.result(timeout=DEADLINE))["result"] == -4

    asyncio.run(story())


def test_a_worker_that_restarts_finds_activities_by_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'work.db'}"
    body = running("render", queue="gpu")
    with Engine(url, workflows=[body]) as engine:
        engine.start(body, 4, id="p")
    with Engine(url, workflows=[body], activities=[render], queues=GPU) as engine:
        assert engine.get("p").result(timeout=DEADLINE)["result"] == 5


def test_what_is_no_activity_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is no activity"):
        AsyncEngine(activities=[object()])
    with pytest.raises(RequestError, match=r"write activities=\[Activity\]"):
        AsyncEngine(activities=Activity)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="two activities are called 'double'"):
        AsyncEngine(activities=[double, activity(name="double")(lambda n: n)])


# -- how it ends ----------------------------------------------------------------------------------


def raising(n: int) -> int:
    raise ValueError(f"not {n}")


ENDS: list[tuple[Any, dict[str, Any]]] = [
    (lambda n: None, {"end": "ActivityCompleted"}),
    (lambda n: ActivityCompleted([n]), {"end": "ActivityCompleted", "result": [4]}),
    (lambda n: ActivityAborted("no"), {"end": "ActivityAborted", "reason": "no"}),
    (lambda n: ActivityFailed(OSError("no")), {"end": "ActivityFailed", "error": "OSError: no"}),
    (lambda n: ActivityCanceled({"at": n}), {"end": "ActivityCanceled", "details": {"at": 4}}),
    (raising, {"end": "ActivityFailed", "error": "ValueError: not 4"}),
]


@pytest.mark.parametrize("queue", [None, "gpu"])
@pytest.mark.parametrize(("function", "end"), ENDS)
def test_it_ends_as_it_says(function: Any, end: dict[str, Any], queue: str | None) -> None:
    stage = Stage()
    body = running(activity(name="work", queue=queue)(function))

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU) as engine:
            handle = await engine.start(body, 4, id="p")
            assert await handle.result(timeout=10) == end

    stage.run(story())


def test_a_class_runs_as_a_function_does(engine_of: MakeEngine) -> None:
    class Foo(Activity):
        def execute(self) -> Any:
            self.heartbeat({"seen": self.input})
            return self.input * 2

    class Bar(Activity):
        queue = "gpu"

        @classmethod
        async def execute(cls, task: Any, worker: Any) -> Any:
            worker.heartbeat()
            return task.input * 3

    async def story() -> None:
        for kind, expected in ((Foo, 8), (Bar, 12)):
            body = running(kind)
            async with engine_of(workflows=[body], queues=GPU) as engine:
                handle = await engine.start(body, 4)
                assert (await handle.result(timeout=DEADLINE))["result"] == expected

    asyncio.run(story())


@pytest.mark.parametrize("queue", [None, "gpu"])
def test_a_result_may_be_as_large_as_a_state_however_much_else_is_open(queue: str | None) -> None:
    @activity(queue=queue)
    async def echo(text: str) -> str:
        return text * 2 if len(text) > 600 else text

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.ProcessStarted):
                return [ScheduleActivity(echo, "x" * n) for n in (*[600] * 20, 601)]
        if process.unfinished_activities():
            return None
        closed = [v.result for v in process.history if isinstance(v, e.ActivityClosed)]
        return CompleteProcess([type(each).__name__ for each in closed])

    body, stage = decider(decide, echo), Stage()

    async def story() -> None:
        async with stage.engine(workflows=[body], queues=GPU, state_limit=1000) as engine:
            handle = await engine.start(body, id="p")
            ends_ = await handle.result(timeout=60)
            assert ends_.count("ActivityCompleted") == 20
            failed = [
                v for v in (await handle.history()).of(e.ActivityClosed) if v.path == "echo#21"
            ]
            assert failed[0].result.error.type == "StateTooLargeError"
            assert "'echo#21' returned is 1,204 bytes" in failed[0].result.error.message

    stage.run(story())


def test_a_thousand_run_at_a_time_and_are_joined() -> None:
    stage = Stage()

    @activity
    async def waiting(n: int) -> int:
        await asyncio.sleep(n % 7)
        return n

    def decide(process: Process) -> Any:
        for event in process.unseen_events():
            if isinstance(event, e.ProcessStarted):
                return [ScheduleActivity(waiting, number) for number in range(1000)]
        return (
            None
            if process.unfinished_activities()
            else CompleteProcess(sum(each.value for each in process.completed_activities()))
        )

    body = decider(decide, waiting)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            handle = await engine.start(body, id="p")
            assert await handle.result(timeout=600) == sum(range(1000))

    stage.run(story())
