"""Why deciders stand where they stand: what is open, who has it, what could not be decided."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from corago import Explanation, RequestError
from corago.activity import current
from corago.decider import (
    Activity,
    CancelActivity,
    CompleteProcess,
    ContinueAsNew,
    FailProcess,
    Retry,
    StartChildProcess,
    StartTimer,
    Workflow,
    activity,
)
from corago.runtime.engine import EngineCore
from tests.runtime.stage import Stage, reaches, until


class Idle(Workflow):
    def initiate(self, process: Any) -> Any:
        return None

    def respond_to_signal(self, process: Any, event: Any) -> Any:
        return CompleteProcess(event.data)


def deciding(first: Any, *activities: Any, **said: Any) -> Any:
    """A decider that decides this at the start, and nothing later on."""
    body = {"activities": list(activities), "initiate": lambda *_: first, **said}
    return type("Sample", (Workflow,), body)


def asked(
    workflow: Any,
    *,
    after: Callable[[EngineCore], Any] | None = None,
    seconds: float = 1.0,
    **settings: Any,
) -> Explanation:
    """What is said of a process of this workflow, once it has come to rest."""
    stage = Stage()

    async def story() -> Explanation:
        async with stage.engine(**settings) as engine:
            await engine.start(workflow, id="p")
            await asyncio.sleep(seconds)
            if after is not None:
                await after(engine)
                await asyncio.sleep(1)
            return await engine.explain("p")

    return stage.run(story())


def commands(told: Explanation) -> list[str]:
    return [way.command for way in told.ways]


# -- open work -------------------------------------------------------------------------------------


class Pay(Activity):
    queue = "cards"
    heartbeat_timeout = 60
    schedule_to_start = 300

    async def execute(self) -> None:
        self.heartbeat({"at": 1})
        await asyncio.sleep(30)


def test_an_activity_that_nobody_takes_names_its_queue_and_its_limit() -> None:
    told = asked(deciding(Pay, Pay))
    assert told.reason == "waiting"
    assert "activity 'Pay' waits for a worker of queue 'cards' to run it" in told.sentence
    assert "; its schedule_to_start limit runs out at 2019-12-20 00:05:0" in told.sentence
    assert "its code" not in told.sentence
    assert commands(told) == ["corago worker FILE --queue cards"]
    assert [wait.kind for wait in told.waits] == ["queue"]


def test_a_worker_that_serves_the_queue_without_the_code_is_told_of() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(deciding(Pay, Pay), id="p")
            await reaches(engine, "p", "waiting")
        for queue, is_served in (("cards", True), ("bank", False)):
            async with stage.engine(queues=(queue,)) as other:
                await asyncio.sleep(1)
                told = await other.explain("p")
                assert ("serves the queue of 'Pay', but has no code" in str(told)) is is_served
                assert ("hand it to Engine(activities=[...])" in str(told)) is is_served

    stage.run(story())


def test_that_no_worker_runs_at_all_is_said_where_one_is_needed() -> None:
    stage = Stage()

    async def story() -> Explanation:
        async with stage.engine() as engine:
            await engine.start(deciding(Pay, Pay), id="p")
            await reaches(engine, "p", "waiting")
        async with stage.client() as client:
            return await client.explain("p")

    assert "; no worker is running" in stage.run(story()).sentence


def test_an_activity_in_a_workers_hands_tells_since_when_and_what_was_heard() -> None:
    told = asked(deciding(Pay, Pay), queues=("cards",), seconds=5)
    assert told.reason == "waiting"
    assert "activity 'Pay' is in the hands of worker worker-" in told.sentence
    assert " since 2019-12-20 00:00:0" in told.sentence
    assert ', which said {"at":1}; its heartbeat limit runs out at 2019-12-20' in told.sentence
    assert [wait.kind for wait in told.waits] == ["work"]


def test_an_activity_that_was_heard_of_again_tells_when() -> None:
    @activity(queue="cards")
    async def long() -> None:
        for number in range(3):
            await asyncio.sleep(10)
            current().heartbeat(number)
        await asyncio.sleep(100)

    told = asked(deciding(long, long), queues=("cards",), seconds=35)
    assert ", last heard of at 2019-12-20 00:00:3" in told.sentence
    assert ", which said 2" in told.sentence


def test_an_activity_that_is_to_stop_says_so() -> None:
    @activity(queue="cards")
    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(100)
        await asyncio.sleep(100)

    class Stops(Workflow):
        activities = [stubborn]

        def decide(self, process: Any) -> Any:
            if process.is_cancel_requested:
                return [CancelActivity(each.id) for each in process.unfinished_activities()]
            return stubborn if not process.unfinished_activities() else None

        def respond_to_cancel_request(self, process: Any, event: Any) -> None:
            """It is answered in `decide`."""

    told = asked(Stops, queues=("cards",), after=lambda engine: engine.cancel("p"))
    assert "activity 'stubborn' is in the hands of" in told.sentence
    assert ", and is asked to stop" in told.sentence


def test_a_completion_from_outside_is_waited_for_by_its_token() -> None:
    tokens: list[str] = []

    class Confirm(Activity):
        queue = "bank"
        auto_complete = False

        def execute(self) -> None:
            tokens.append(self.token)

    told = asked(deciding(Confirm, Confirm), queues=("bank",))
    (token,) = tokens
    assert f"waits for its completion from outside, by the token '{token}'" in told.sentence
    assert commands(told) == [f"corago complete {token} JSON"]
    assert [wait.kind for wait in told.waits] == ["token"]


def test_an_activity_that_is_tried_again_says_when_and_why() -> None:
    @activity(retry=Retry(attempts=3, delay=60, jitter=0))
    async def fragile() -> None:
        raise OSError("no line")

    told = asked(deciding(fragile, fragile))
    assert "activity 'fragile' failed (OSError: no line) and is tried again" in told.sentence
    assert commands(told) == ["corago retry p --step fragile"]


def test_timers_are_named_with_their_instants() -> None:
    told = asked(deciding([StartTimer(60), StartTimer(90, id="late")]))
    assert "the timer 'timer' is due at 2019-12-20 00:01:0" in told.sentence
    assert "the timer 'late' is due at 2019-12-20 00:01:3" in told.sentence


def test_a_child_is_named_with_the_way_to_ask_about_it() -> None:
    told = asked(deciding(StartChildProcess(Idle), children=[Idle]))
    assert "'Idle' waits for the process 'p/Idle'" in told.sentence
    assert commands(told) == ["corago explain p/Idle"]


def test_a_decider_with_nothing_open_waits_for_a_signal() -> None:
    told = asked(Idle)
    assert told.reason == "waiting"
    assert "nothing of it is open, so it waits for a signal" in told.sentence
    assert commands(told) == ["corago signal p NAME", "corago cancel p"]


def test_one_that_was_asked_to_stop_and_did_not_can_be_ended_by_force() -> None:
    class Deaf(Idle):
        def respond_to_cancel_request(self, process: Any, event: Any) -> None:
            """It goes on."""

    told = asked(Deaf, after=lambda engine: engine.cancel("p"))
    assert "; it was asked to stop" in told.sentence
    assert commands(told) == ["corago signal p NAME", "corago abort p"]


def test_a_decider_that_works_in_a_workers_own_hands_is_running() -> None:
    @activity
    async def work() -> None:
        await asyncio.sleep(100)

    told = asked(deciding(work, work))
    assert told.reason == "running"
    assert "at 'work'," in told.sentence


# -- what could not be decided ---------------------------------------------------------------------


def raising(*_: Any) -> Any:
    raise KeyError("amount")


@pytest.mark.parametrize(("seconds", "count"), [(0.5, "once"), (2.0, "2 times in a row")])
def test_a_decide_that_raises_is_counted_and_asked_again(seconds: float, count: str) -> None:
    told = asked(deciding(None, initiate=raising), seconds=seconds)
    assert told.reason == "waiting"
    assert f"could not be decided about {count} since" in told.sentence
    assert "it is asked again at 2019-12-20 00:00:0" in told.sentence
    assert commands(told) == ["corago preview p --code FILE"]
    (wait,) = told.waits
    assert (wait.kind, wait.until is not None) == ("decision", True)
    assert f"which failed {count}, is asked again; it waits until" in str(wait)


def test_after_five_failures_a_person_is_asked_and_a_retry_asks_again() -> None:
    stage = Stage()
    stubborn = True

    def decide(self: Any, process: Any) -> Any:
        if stubborn:
            raise KeyError("amount")
        return CompleteProcess(len(process.unseen_events()))

    workflow: Any = type("Sample", (Workflow,), {"decide": decide})

    async def story() -> Explanation:
        nonlocal stubborn
        async with stage.engine() as engine:
            await engine.start(workflow, id="p")
            await engine.signal("p", "go")
            await reaches(engine, "p", "suspended", 60)
            told = await engine.explain("p")
            stubborn = False
            await engine.retry("p")
            await reaches(engine, "p", "completed")
        return told

    told = stage.run(story())
    assert told.reason == "suspended"
    assert "its decider met KeyError: 'amount'" in told.sentence
    assert "what has come from event 1 on still waits for its answer" in told.sentence
    assert commands(told) == ["corago retry p"]


def test_a_preview_of_it_says_what_it_meets() -> None:
    stage = Stage()

    async def story() -> Any:
        async with stage.engine() as engine:
            await engine.start(deciding(None, initiate=raising), id="p")
            await asyncio.sleep(0.5)
            return await engine.preview("p")

    (refused,) = stage.run(story()).refused
    assert (refused.path, refused.why) == ("decide", "KeyError: 'amount'")


def test_a_decider_that_gave_up_says_so_and_can_be_opened_again() -> None:
    told = asked(deciding(FailProcess("no money")))
    assert told.reason == "failed"
    assert "its decider gave up, and met " in told.sentence
    assert "no money" in told.sentence
    assert commands(told) == ["corago retry p", "corago skip p"]


def test_an_activity_whose_worker_vanished_waits_for_a_person() -> None:
    stage = Stage()
    began: list[str] = []

    @activity(at_most_once=True)
    async def pay() -> None:
        began.append("pay")
        await asyncio.sleep(1000)

    async def story() -> Explanation:
        node = stage.node("first")
        node.spawn(_held(stage, node, deciding(pay, pay)))
        await until(lambda: bool(began))
        node.die()
        async with stage.engine(workflows=[deciding(pay, pay)]) as engine:
            await reaches(engine, "p", "suspended", 100)
            told = await engine.explain("p")
            shown = await engine.preview("p", set_result=[7])
            await engine.set_result("p", [7])
            await reaches(engine, "p", "waiting")
            history = await engine.history("p")
            assert shown.decisions[0].result == history[-1].result  # type: ignore[attr-defined]
            assert history[-1].result.result == [7]  # type: ignore[attr-defined]
            return told

    told = stage.run(story())
    assert "activity 'pay' met LeaseLost" in told.sentence
    assert commands(told) == ["corago retry p", "corago skip p", "corago set-result p JSON"]


async def _held(stage: Stage, node: Any, workflow: Any) -> None:
    async with stage.engine(node, workflows=[workflow]) as engine:
        await engine.start(workflow, id="p")
        await asyncio.sleep(1000)


# -- runs ------------------------------------------------------------------------------------------


def test_the_history_of_every_run_can_be_read() -> None:
    stage = Stage()

    class Rounds(Workflow):
        def initiate(self, process: Any) -> Any:
            return ContinueAsNew(process.input + 1) if process.input < 3 else CompleteProcess(3)

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(Rounds, 1, id="p")
            assert await handle.result(timeout=10) == 3
            runs = [await engine.history("p", run=number) for number in (1, 2, 3)]
            assert [run[0].input for run in runs] == [1, 2, 3]  # type: ignore[attr-defined]
            assert [len(run) for run in runs] == [2, 2, 2]
            assert (await handle.history())[0].run == 3  # type: ignore[attr-defined]
            assert (await handle.history(run=2))[0].run == 2  # type: ignore[attr-defined]
            with pytest.raises(RequestError, match="no run 4: its runs are 1 to 3"):
                await engine.history("p", run=4)

    stage.run(story())
