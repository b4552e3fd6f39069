"""Changed definitions, and what stands in queues meanwhile: nothing that was begun begins again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago import CommandRefusedError, State, current, step
from corago.core import events as e
from corago.decider import CompleteProcess, Process, ScheduleActivity, Workflow, activity
from corago.runtime.engine import EngineCore
from tests.runtime.stage import Stage, kinds, reaches, until
from tests.runtime.test_changes import flow

RENAMES = {"Pay": "Charge"}


class Till:
    """A step that takes its time, whatever it is called."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.begun: list[str] = []
        self._seconds = seconds

    def flow(self, name: str, *, queue: str | None = "till", at_most_once: bool = True) -> Any:
        async def pay() -> State:
            self.begun.append(current().path)
            await asyncio.sleep(self._seconds)
            return {"paid": name}

        return flow("A", step(name, queue=queue, at_most_once=at_most_once)(pay), "C")


def newcomer(stage: Stage, new: Any) -> EngineCore:
    """A client that brings a new definition along; nobody runs it yet."""
    return stage.engine(has_worker=False, workflows=[new])


async def serve(engine: EngineCore) -> None:
    async with engine:
        await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("at_most_once", [True, False])
def test_what_a_worker_has_begun_gets_no_other_name(*, at_most_once: bool) -> None:
    till = Till()
    old = till.flow("Pay", at_most_once=at_most_once)
    new = till.flow("Charge", at_most_once=at_most_once)
    stage = Stage(old)

    async def story() -> None:
        async with stage.engine(queues=("till",)) as engine, newcomer(stage, new) as client:
            await engine.start(old, id="p")
            await until(lambda: bool(till.begun))
            foreseen = await client.migrate("p", renames=RENAMES, dry_run=True)
            assert not foreseen.is_possible
            says = "'Pay' has been begun by worker-[0-9a-f]+ under the name that it has now"
            with pytest.raises(CommandRefusedError, match=says):
                await client.migrate("p", renames=RENAMES)
            assert (await engine.wait("p", 30))["paid"] == "Pay"

    stage.run(story())
    assert till.begun == ["Pay"]


@pytest.mark.parametrize("at_most_once", [True, False])
def test_what_a_worker_vanished_with_gets_no_other_name(*, at_most_once: bool) -> None:
    till = Till(1e6)
    old = till.flow("Pay", at_most_once=at_most_once)
    new = till.flow("Charge", at_most_once=at_most_once)
    stage = Stage(old)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(serve(stage.engine(node, queues=("till",))))
        async with stage.client() as starter, newcomer(stage, new) as client:
            await starter.start(old, id="p")
            await until(lambda: bool(till.begun))
            node.die()
            with pytest.raises(CommandRefusedError, match="has been begun by worker-"):
                await client.migrate("p", renames=RENAMES)
            async with stage.engine(workflows=[old], queues=()):
                await asyncio.sleep(60)  # the vanished worker is buried, nobody serves the queue
            with pytest.raises(CommandRefusedError, match="begun by a worker that vanished"):
                await client.migrate("p", renames=RENAMES)

    stage.run(story())
    assert till.begun == ["Pay"]


def test_what_was_done_under_the_old_name_is_done_under_the_new_one() -> None:
    till = Till(1.0)
    old, new = till.flow("Pay"), till.flow("Charge")
    stage = Stage(old)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(serve(stage.engine(node, queues=("till",))))
        async with stage.client() as starter, newcomer(stage, new) as client:
            await starter.start(old, id="p")
            await until(lambda: bool(till.begun))
            await client.pause()
            await asyncio.sleep(5)  # its outcome is in the inbox, and nobody takes it up
            node.die()
            assert (await client.migrate("p", renames=RENAMES)).is_applied
            await client.unpause()
            async with stage.engine(workflows=[new], queues=("till",)):
                assert (await client.wait("p", 60))["paid"] == "Pay"
            (_, closed, _) = (await client.history("p")).of(e.ActivityClosed)
            assert closed.path == "Charge"

    stage.run(story())
    assert till.begun == ["Pay"]


def test_what_nobody_has_begun_stands_in_the_queue_under_its_new_name() -> None:
    till = Till(1.0)
    old, new = till.flow("Pay"), till.flow("Charge")
    stage = Stage(old)

    async def story() -> None:
        async with stage.engine(queues=()) as engine, newcomer(stage, new) as client:
            await engine.start(old, id="p")
            await asyncio.sleep(1)
            assert (await client.migrate("p", renames=RENAMES)).is_applied
        async with stage.engine(workflows=[new], queues=("till",)) as engine:
            assert (await engine.wait("p", 60))["paid"] == "Charge"

    stage.run(story())
    assert till.begun == ["Charge"]


@pytest.mark.parametrize("queue", [None, "other"])
@pytest.mark.parametrize("by_hand", [True, False])
def test_what_runs_at_most_once_stays_in_its_queue_though_a_new_list_knows_another_or_none(
    queue: str | None, *, by_hand: bool
) -> None:
    till = Till()
    old, new = till.flow("Pay"), till.flow("Pay", queue=queue)
    stage = Stage(old)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(serve(stage.engine(node, queues=("till",))))
        async with stage.client() as client:
            await client.start(old, id="p")
            await until(lambda: bool(till.begun))
            async with stage.engine(workflows=[new], queues=("till", "other")) as engine:
                if by_hand:
                    await engine.migrate("p")
                while "DefinitionChanged" not in await kinds(client, "p"):
                    await client.update("p", {"x": 1})
                    await asyncio.sleep(0.1)
                assert (await engine.wait("p", 60))["ran"] == ["A", "C"]

    stage.run(story())
    assert till.begun == ["Pay"]


def planned(name: str, id: str | None, seen: list[str]) -> type[Workflow]:
    """A decider with one activity in a queue, and what it hears of its end."""

    @activity(name=name, queue="far")
    async def far() -> str:
        return name

    class Planned(Workflow):
        name = "planned"
        activities = (far,)

        def initiate(self, process: Process) -> Any:
            return ScheduleActivity(far, id=id)

        def respond_to_completed_activity(self, process: Process, event: Any) -> Any:
            seen.extend([event.activity, *(each.activity for each in ends(process))])
            return CompleteProcess(event.value)

    def ends(process: Process) -> tuple[Any, ...]:
        return process.history.of(e.ActivityClosed)

    return Planned


@pytest.mark.parametrize("id", [None, "its own"])
def test_a_deciders_activity_goes_on_under_its_new_name(id: str | None) -> None:
    seen: list[str] = []
    old, new = planned("Far", id, seen), planned("Remote", id, seen)
    stage = Stage(old)

    async def story() -> None:
        async with stage.engine(queues=()) as engine, newcomer(stage, new) as client:
            await engine.start(old, id="p")
            await asyncio.sleep(1)
            assert (await client.migrate("p", renames={"Far": "Remote"})).is_applied
        async with stage.engine(workflows=[new], queues=("far",)) as engine:
            assert await engine.wait("p", 60) == "Remote"

    stage.run(story())
    assert seen == ["Remote", "Remote"]


def test_a_failed_process_that_is_migrated_still_takes_the_retry_that_waits_for_it() -> None:
    stage, fails = Stage(), [True]

    def made(*more: str) -> Any:
        async def shaky() -> State:
            if fails[0]:
                raise OSError("no")
            return {}

        return flow("A", step("Shaky")(shaky), "C", *more)

    old, new = made(), made("D")

    async def story() -> None:
        async with stage.engine(workflows=[old]) as engine:
            await engine.start(old, id="p")
            await reaches(engine, "p", "failed")
        async with newcomer(stage, new) as client:
            await client.retry("p")
            assert (await client.migrate("p")).is_applied
            fails[0] = False
            async with stage.engine(workflows=[new]) as engine:
                assert (await engine.wait("p", 60))["ran"] == ["A", "C", "D"]

    stage.run(story())
