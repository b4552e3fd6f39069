"""The law of preview: committing gives exactly what it said, and it writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from corago import (
    CommandRefusedError,
    InvalidInputError,
    Preview,
    ProcessNotFoundError,
    Retry,
    State,
    WorkflowNotFoundError,
    conditional,
    parallel,
    sleep,
    step,
    wait_for,
)
from corago.core import events as e
from corago.runtime.engine import EngineCore
from tests.runtime.stage import Stage, listing, reaches


@step("Break")
async def breaks() -> None:
    raise OSError("no such port")


@step("Softly", retry=Retry(attempts=3, delay=30, jitter=0))
async def softly() -> None:
    raise ConnectionError("away")


@step("Long")
async def long() -> State:
    await asyncio.sleep(1000)
    return {"long": True}


def is_big(port: int) -> bool:
    return port > 100


def plain(events: Sequence[e.Event]) -> list[dict[str, Any]]:
    """Events without what no preview can know: who, when, by which key, with which traceback."""
    found = msgspec.to_builtins(list(events))
    for event in found:
        for name in ("at", "actor", "reason", "key"):
            event.pop(name, None)
        result = event.get("result")
        for part in (event, result if isinstance(result, dict) else {}):
            if isinstance(part.get("error"), dict):
                part["error"].pop("traceback", None)
        if "due" in event:
            event["due"] = "later"
    return found  # type: ignore[no-any-return]


async def commits(engine: EngineCore, preview: Preview, before: int) -> None:
    """What was recorded since begins with exactly what the preview said."""
    recorded = (await engine.history("p"))[before:]
    said = plain(preview.decisions)
    assert plain(recorded)[: len(said)] == said
    assert said, "a preview of something that happens says so"


def test_a_signal_does_what_the_preview_said() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            body = listing(wait_for("go"), conditional(is_big)(breaks), long)
            handle = await engine.start(body, {"port": 7}, id="p")
            await reaches(engine, "p", "waiting")
            before = len(await handle.history())
            preview = await engine.preview("p", signal=("go", {"yes": 1}))
            assert (preview.status, preview.effects) == ("running", ("Long",))
            assert preview.state == {"port": 7, "go": {"yes": 1}}
            assert [each.path for each in preview.refused] == ["Break"]
            assert [each.value for each in preview.answers] == [False]
            assert len(await handle.history()) == before
            assert await handle.pending() == ()
            await engine.signal("p", "go", {"yes": 1})
            await asyncio.sleep(1)
            await commits(engine, preview, before)
            assert (await handle.info()).state == preview.state

    stage.run(story())


@pytest.mark.parametrize("given", ["go", ("go", None), ("go", [1])])
def test_a_last_signal_ends_the_process_as_the_preview_said(given: Any) -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(wait_for("go")), id="p")
            await reaches(engine, "p", "waiting")
            preview = await engine.preview("p", signal=given)
            assert preview.status == "completed"
            name, data = (given, None) if isinstance(given, str) else given
            await engine.signal("p", name, data)
            assert await handle.result(timeout=5) == preview.state
            await commits(engine, preview, 1)

    stage.run(story())


# -- every command, wherever a process may stand ---------------------------------------------------

RESULT = {"x": 1}


async def stands(stage: Stage, engine: EngineCore, status: str, *steps: Any) -> None:
    await engine.start(listing(*steps), {"port": 7}, id="p")
    await reaches(engine, "p", status)


async def suspended(stage: Stage, engine: EngineCore) -> None:
    @step("Pay", at_most_once=True)
    async def pay() -> None:
        await asyncio.sleep(1000)

    body = listing(pay, long)
    stage.workflows = (body,)
    node = stage.node("first")
    node.spawn(stage.worker(node))
    async with stage.client() as client:
        await client.start(body, {"port": 7}, id="p")
        await reaches(client, "p", "running")
        await asyncio.sleep(1)
    node.die()
    await engine._register(body)
    await reaches(engine, "p", "suspended", 60)


Setting = Callable[[Stage, EngineCore], Awaitable[None]]
BOTH = parallel("Both", breaks, breaks.named("Other"))
SETTINGS: dict[str, Setting] = {
    "failed": lambda stage, engine: stands(stage, engine, "failed", breaks, long),
    "failed twice": lambda stage, engine: stands(stage, engine, "failed", BOTH, long),
    "backing off": lambda stage, engine: stands(stage, engine, "waiting", softly, long),
    "waiting": lambda stage, engine: stands(stage, engine, "waiting", wait_for("go"), long),
    "suspended": suspended,
}
ASKED: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("failed", {"retry": True}, ("Break",)),
    ("failed", {"retry": "Break"}, ("Break",)),
    ("failed", {"skip": True}, ("Long",)),
    ("failed", {"skip": "Break"}, ("Long",)),
    ("failed", {"set_result": RESULT}, ("Long",)),
    ("failed", {"set_result": ("Break", RESULT)}, ("Long",)),
    ("failed", {"abort": True}, ()),
    ("failed twice", {"retry": True}, ("Both/Break", "Both/Other")),
    ("failed twice", {"retry": "Both/Other"}, ("Both/Other",)),
    ("failed twice", {"skip": "Both/Break"}, ()),
    ("failed twice", {"set_result": ("Both/Break", RESULT)}, ()),
    ("backing off", {"retry": True}, ("Softly",)),
    ("backing off", {"skip": "Softly"}, ("Long",)),
    ("backing off", {"cancel": True}, ()),
    ("backing off", {"abort": True}, ()),
    ("waiting", {"signal": ("go", 1)}, ("Long",)),
    ("waiting", {"update": RESULT}, ()),
    ("waiting", {"cancel": True}, ()),
    ("waiting", {"abort": True}, ()),
    ("suspended", {"retry": True}, ("Pay",)),
    ("suspended", {"skip": True}, ("Long",)),
    ("suspended", {"set_result": RESULT}, ("Long",)),
    ("suspended", {"cancel": True}, ()),
    ("suspended", {"abort": True}, ()),
]


async def act(engine: EngineCore, question: dict[str, Any]) -> None:
    """Do what was asked about."""
    ((verb, given),) = question.items()
    match verb, given:
        case ("signal", _):
            await engine.signal("p", *given)
        case ("update", _):
            await engine.update("p", given)
        case ("set_result", (path, value)):
            await engine.set_result("p", value, step=path)
        case ("set_result", value):
            await engine.set_result("p", value)
        case _:
            await getattr(engine, verb)("p", **({} if given is True else {"step": given}))


@pytest.mark.parametrize(
    ("where", "question", "effects"), ASKED, ids=[f"{where}: {q}" for where, q, _ in ASKED]
)
def test_a_command_does_what_the_preview_said(
    where: str, question: dict[str, Any], effects: tuple[str, ...]
) -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            await SETTINGS[where](stage, engine)
            before = len(await engine.history("p"))
            preview = await engine.preview("p", **question)
            assert (preview.effects, preview.refused) == (effects, ())
            assert len(await engine.history("p")) == before
            await act(engine, question)
            await asyncio.sleep(0.01)
            await commits(engine, preview, before)

    stage.run(story())


@pytest.mark.parametrize(
    ("where", "question", "why"),
    [
        ("failed", {"cancel": True}, "it is failed already"),
        ("failed twice", {"skip": True}, "name one: 'Both/Break', 'Both/Other'"),
        ("failed twice", {"set_result": RESULT}, "name one"),
        ("waiting", {"retry": True}, "nothing in it has failed"),
        ("waiting", {"set_result": ("Wait for go", RESULT)}, "'Wait for go' has not failed"),
        ("backing off", {"set_result": RESULT}, "nothing in it has failed"),
    ],
)
def test_a_command_that_would_be_refused_is_refused_for_the_same_reason(
    where: str, question: dict[str, Any], why: str
) -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            await SETTINGS[where](stage, engine)
            (refused,) = (await engine.preview("p", **question)).refused
            assert why in refused.why
            with pytest.raises(CommandRefusedError) as caught:
                await act(engine, question)
            assert caught.value.why == refused.why

    stage.run(story())


def test_a_cancel_of_what_runs_is_previewed_as_the_request_that_it_is() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(listing(long), id="p")
            await asyncio.sleep(1)
            preview = await engine.preview("p", cancel=True)
            assert (preview.status, preview.effects) == ("running", ())
            assert [type(event).__name__ for event in preview.decisions] == ["CancelRequested"]
            await engine.cancel("p")
            await asyncio.sleep(1)
            await commits(engine, preview, 1)

    stage.run(story())


def test_an_abort_is_previewed_as_it_is_whatever_waits_in_the_inbox() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.client() as client:
            await client.start(listing(wait_for("go")), id="p")
            await client.signal("p", "go")
            preview = await client.preview("p", abort=True)
            assert preview.status == "aborted"
            await client.abort("p")
            await commits(client, preview, 1)
            assert [type(event).__name__ for event in await client.history("p")] == [
                "ProcessStarted",
                "ProcessAborted",
            ]
            why = (await client.preview("p", abort=True)).refused[0].why
            with pytest.raises(CommandRefusedError) as caught:
                await client.abort("p")
            assert caught.value.why == why == "it is aborted already"

    stage.run(story())


def test_a_new_process_can_be_asked_about_too() -> None:
    body = listing(wait_for("go"), long)
    assert body.preview({"port": 1}, signal="go").effects == ("Long",)
    assert body.preview(cancel=True).status == "canceled"
    assert body.preview(abort=True).status == "aborted"
    assert body.preview(update={"x": 1}).external == {"x": 1}
    assert "nothing in it has failed" in body.preview(retry=True).refused[0].why
    assert "nothing in it has failed" in body.preview(set_result={}).refused[0].why
    assert "has not failed" in body.preview(skip="Long").refused[0].why


@pytest.mark.parametrize(
    ("end", "status"),
    [({"port": 1}, "running"), ({}, "running"), (OSError("no such port"), "failed")],
)
def test_an_outcome_does_what_the_preview_said(end: Any, status: str) -> None:
    stage = Stage()
    gate = asyncio.Event()

    @step("Ask")
    async def ask() -> State:
        await gate.wait()
        if isinstance(end, Exception):
            raise end
        return end  # type: ignore[no-any-return]

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(listing(ask, long), id="p")
            await asyncio.sleep(1)
            preview = await engine.preview("p", outcome=("Ask", end))
            assert preview.status == status
            gate.set()
            await asyncio.sleep(1)
            await commits(engine, preview, 1)

    stage.run(story())


def test_an_outcome_that_will_be_tried_again_is_previewed_so() -> None:
    stage = Stage()
    body = listing(softly)

    async def story() -> None:
        async with stage.client() as client:
            await client.start(body, id="p")
            preview = await client.preview("p", outcome=("Softly", ConnectionError("away")))
            assert preview.status == "waiting"
            async with stage.engine(workflows=[body]):
                await reaches(client, "p", "waiting")
                await commits(client, preview, 1)

    stage.run(story())


def test_a_later_instant_does_what_the_preview_said() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(wait_for("go", timeout=50)), id="p")
            await reaches(engine, "p", "waiting")
            before = len(await handle.history())
            now = await engine.preview("p")
            assert (now.status, now.decisions) == ("waiting", ())
            later = stage.clock.now() + timedelta(seconds=60)
            preview = await engine.preview("p", at=later)
            assert preview.status == "failed"
            await asyncio.sleep(60)
            await commits(engine, preview, before)

    stage.run(story())


def test_messages_that_wait_are_taken_first() -> None:
    stage = Stage()

    async def story() -> None:
        body = listing(wait_for("a"), conditional(is_big)(wait_for("b")), long)
        async with stage.engine(has_worker=False, workflows=[body]) as engine:
            await engine.start(body, {"port": 200}, id="p")
            await engine.signal("p", "a", 1)
            preview = await engine.preview("p", signal=("b", 2))
            assert preview.state == {"port": 200, "a": 1, "b": 2}
            assert len(preview.answers) == 1
            async with stage.engine(workflows=[body]):
                await engine.signal("p", "b", 2)
                await asyncio.sleep(1)
                recorded = (await engine.history("p"))[1:]
                kept = [each for each in plain(recorded) if each["type"] != "ActivityStarted"]
                assert kept == plain(preview.decisions)

    stage.run(story())


def test_a_loss_that_nobody_has_taken_note_of_yet_is_foreseen() -> None:
    @step("Pay", at_most_once=True)
    async def pay() -> None:
        await asyncio.sleep(1000)

    body = listing(pay)
    stage = Stage(body)

    async def story() -> None:
        node = stage.node("first")
        node.spawn(stage.worker(node))
        async with stage.client() as client:
            await client.start(body, id="p")
            await reaches(client, "p", "running")
            await asyncio.sleep(1)
            node.die()
            await stage.store.bury(1)
            before = len(await client.history("p"))
            preview = await client.preview("p")
            assert preview.status == "suspended"
            async with stage.engine() as engine:
                await reaches(engine, "p", "suspended", 5)
                await commits(engine, preview, before)

    stage.run(story())


def test_what_would_be_refused_is_said_and_not_done() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            handle = await engine.start(listing(breaks, wait_for("go")), id="p")
            await reaches(engine, "p", "failed")
            before = len(await handle.history())
            for asked, why in (
                ({"retry": "Nobody"}, "'Nobody' has not failed"),
                ({"outcome": ("Break", {})}, "not open"),
                ({"signal": "go"}, "takes no more messages"),
                ({"update": {"x": 1}}, "takes no more messages"),
            ):
                preview = await engine.preview("p", **asked)
                assert why in preview.refused[0].why
                assert preview.status == "failed"
            assert len(await handle.history()) == before

    stage.run(story())


def test_bad_questions_are_refused() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(listing(wait_for("go")), id="p")
            with pytest.raises(InvalidInputError):
                await engine.preview("p", signal=("go", object()))
            with pytest.raises(InvalidInputError, match="alone"):
                await engine.preview("p", abort=True, signal="go")
            with pytest.raises(InvalidInputError, match="a step's result is a dict"):
                await engine.preview("p", set_result=[1])
            with pytest.raises(InvalidInputError, match="time zone"):
                await engine.preview("p", at=datetime(2030, 1, 1))  # noqa: DTZ001 - the point
            with pytest.raises(ProcessNotFoundError):
                await engine.preview("nobody")

    stage.run(story())


def test_a_preview_that_needs_code_that_is_not_here_says_so() -> None:
    stage = Stage()
    body = listing(wait_for("go"), conditional(is_big)(breaks), long)

    async def story() -> None:
        async with stage.engine(workflows=[body]) as engine:
            await engine.start(body, {"port": 1}, id="p")
            async with stage.engine(has_worker=False, workflows=[]) as client:
                await client.preview("p")
                with pytest.raises(WorkflowNotFoundError, match="workflows"):
                    await client.preview("p", signal="go")

    stage.run(story())


def test_a_preview_of_parallel_branches_lists_all_that_would_run() -> None:
    stage = Stage()

    async def story() -> None:
        async with stage.engine() as engine:
            both = parallel("Both", long, sleep(60))
            handle = await engine.start(listing(wait_for("go"), both), id="p")
            await reaches(engine, "p", "waiting")
            before = len(await handle.history())
            preview = await engine.preview("p", signal="go")
            assert preview.effects == ("Both/Long",)
            assert list(preview.timers) == ["Both/Sleep@1"]
            await engine.signal("p", "go")
            await asyncio.sleep(1)
            await commits(engine, preview, before)

    stage.run(story())
