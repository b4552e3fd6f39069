"""A decider cancels what has just come to its end by itself."""

from __future__ import annotations

import asyncio

import pytest

from corago.core import events as e
from corago.core.history import History
from corago.decider import (
    ActivityEnded,
    Answer,
    CancelActivity,
    CompleteProcess,
    Process,
    StartTimer,
    Workflow,
    activity,
)
from corago.testing.simulator import Simulation
from corago.wiring import KINDS


def test_what_has_ended_when_it_is_to_be_canceled_is_not_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    is_decided = asyncio.Event()

    @activity
    async def lags() -> None:
        await is_decided.wait()

    @activity
    async def breaks() -> None:
        raise OSError

    class Two(Workflow):
        activities = (lags, breaks)

        def initiate(self, process: Process) -> Answer:
            return [lags, breaks]

        def respond_to_interrupted_activity(self, process: Process, event: ActivityEnded) -> Answer:
            is_decided.set()  # so that it ends while this decision is on its way to the store
            return CancelActivity(lags)

        def respond_to_completed_activity(self, process: Process, event: ActivityEnded) -> Answer:
            return StartTimer(60)

        def respond_to_timer(self, process: Process, event: e.TimerFired) -> Answer:
            return CompleteProcess()

    history = lived(Two)
    (end,) = [each for each in history.of(e.ActivityClosed) if each.path == "lags"]
    assert isinstance(end.result, e.ActivityCompleted)
    assert [each.message for each in caplog.records] == []


def lived(workflow: type[Workflow]) -> History:
    """The history of a process in a world of its own, whose time is virtual."""
    world = Simulation(0, [workflow], KINDS)

    async def story() -> History:
        worker, client = world.node("worker"), world.node("client")
        worker.spawn(world.worker(worker))

        async def watched() -> History:
            async with world.engine(client, has_worker=False) as engine:
                handle = await engine.start(workflow)
                await handle.result()
                return await handle.history()

        return await client.spawn(watched())

    return world.run(story())
