"""Why machines stand where they stand: what waits for a person, and what nothing leads out of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from corago import Explanation
from corago.core.events import Failure
from corago.core.program import Agenda
from corago.machine import define
from corago.runtime.engine import EngineCore
from tests.runtime.stage import Stage, reaches, until
from tests.runtime.standings import long
from tests.runtime.test_explaining import around

END = {"z": {"terminal": True}}
LEAVE = {"event": "leave", "to": "z"}


def machine(state: Mapping[str, Any], functions: Mapping[str, Any], **rest: Any) -> Any:
    document = {"name": "m", "initial": "a", "states": {"a": dict(state), **END}, **rest}
    return define(document, functions)


async def commands(engine: EngineCore) -> list[str]:
    return [way.command for way in (await engine.explain("x")).ways]


def test_a_guard_that_failed_takes_no_result_and_says_how_many_events_wait() -> None:
    stage = Stage()
    form = machine(
        {"on": [{"event": "go", "if": "1 // external.n > 0", "to": "z"}, LEAVE]},
        {},
        external={"n": {"type": "integer", "default": 0}},
    )

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(form, id="x")
            await engine.signal("x", "go")
            await reaches(engine, "x", "suspended")
            told = await engine.explain("x")
            assert "an event waits until a person has acted: 'go'" in told.sentence
            assert [way.command for way in told.ways] == ["corago retry x", "corago skip x"]
            await engine.signal("x", "leave")
            await engine.update("x", {"n": 1})
            await until_waiting(engine, 2)
            assert (await engine.info("x")).state == "a"
            await engine.retry("x")
            await reaches(engine, "x", "completed")

    stage.run(story())


async def until_waiting(engine: EngineCore, count: int) -> None:
    async with asyncio.timeout(60):
        while f"{count} events wait until" not in (await engine.explain("x")).sentence:
            await asyncio.sleep(1)


def test_work_that_failed_takes_a_result() -> None:
    stage = Stage()

    async def work() -> None:
        raise OSError("no power")

    form = machine({"run": {"activity": "work"}, "done": [{"to": "z"}]}, {"work": work})

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(form, id="x")
            await reaches(engine, "x", "suspended")
            assert "corago set-result x JSON" in await commands(engine)
            assert "until a person has acted" not in (await engine.explain("x")).sentence

    stage.run(story())


def test_a_machine_that_nothing_leads_on_says_so() -> None:
    stage = Stage()
    form = machine(
        {"run": {"activity": "work"}, "done": [{"if": "external.n > 0", "to": "z"}]},
        {"work": lambda: 1},
        external={"n": {"type": "integer", "default": 0}},
    )

    async def story() -> Explanation:
        async with stage.engine() as engine:
            await engine.start(form, id="x")
            await asyncio.sleep(5)
            return await engine.explain("x")

    told = stage.run(story())
    assert told.reason == "waiting"
    assert "in state 'a' has stood still since" in told.sentence
    assert "nothing leads on from there" in told.sentence
    assert "external.n > 0 is false" in told.sentence
    assert [way.command for way in told.ways] == [
        "corago migrate x --dry-run",
        "corago update x '{\"FIELD\": VALUE}'",
        "corago abort x",
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [({}, "worker worker-00000001 waits for 'Long' to end"),
     ({"owner": None, "owner_name": None, "due_us": None}, "it waits for 'Long' to end")],
    ids=["held", "in nobody's hands"],
)  # fmt: skip
def test_a_suspended_process_that_is_to_stop_says_what_it_waits_for(
    row: dict[str, Any], said: str
) -> None:
    process = {"status": "running", "suspended": ("Gone",), "cancel_requested": True}
    found = around({"workers": ["worker-00000001"], "row": row, "process": process}, long)
    assert (found.reason, found.missing) == ("running", None)
    assert f"was asked to stop; {said}" in found.sentence
    assert [way.command for way in found.ways] == ["corago abort p"]


def test_what_is_suspended_still_says_so_while_its_poison_stands() -> None:
    poison = Failure("PoisonProcess", "so it is")
    process = {"status": "running", "poison": poison, "cancel_requested": True}
    found = around({"agenda": Agenda(), "process": process}, long)
    assert found.reason == "suspended"
    assert "PoisonProcess: so it is" in found.sentence


def test_functions_that_a_pinned_document_names_and_nobody_has_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()

    def edge(name: str) -> dict[str, Any]:
        return {"on": [{"event": "go", "if": {"call": name}, "to": "z"}], "forever": True}

    old = machine(edge("asks"), {"asks": lambda: True})
    new = machine(edge("looks"), {"looks": lambda: True}, version=2)
    both = {"asks": lambda: True, "looks": lambda: True, "more": lambda: True}
    newest = machine({**edge("asks"), "enter": {"effect": {"activity": "more"}}}, both, version=3)

    async def story() -> None:
        async with stage.engine() as engine:
            await engine.start(old, id="x")
        async with stage.engine() as engine:
            await engine.register(new)
            await engine.signal("x", "go")
            await until(lambda: "is not here" in caplog.text or "are not here" in caplog.text)
            told = await engine.explain("x")
            assert (told.reason, told.missing) == ("missing_code", "'asks'")
            assert "lacks what the definition of m version 1" in told.sentence
            assert "names: 'asks'; hand it a m, of whatever version" in told.sentence
            await engine.register(newest)
            assert (await engine.explain("x")).reason != "missing_code"

    with caplog.at_level(logging.WARNING, "corago.worker"):
        stage.run(story())
    (line,) = [each for each in caplog.records if "functions that are not here" in each.message]
    assert line.levelname == "WARNING"
    assert line.message.endswith(": asks")
