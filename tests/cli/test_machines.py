"""The command line over machines: run, signal, show, preview, explain, graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from time import monotonic

import pytest

from corago import Engine
from corago.cli.loading import load_one
from tests.cli.conftest import Call, sample

DOOR = '''
from corago.machine import Machine, State


class Door(Machine):
    """A door with a lock."""

    class External:
        badge_ok: bool = False

    class Internal:
        locked_times: int = 0

    closed = State(initial=True, forever=True)
    opened = State(forever=True)
    locked = State(forever=True)
    gone = State(terminal=True)
    closed.on("open").to(opened)
    closed.on("lock").set({"internal.locked_times": "internal.locked_times + 1"}).to(locked)
    opened.on("close").to(closed)
    locked.on("unlock").when("external.badge_ok").to(closed)
    closed.on("remove").to(gone)
'''


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "doors_of_a_test.py"
    path.write_text(DOOR, encoding="utf-8")
    return str(path)


@pytest.fixture
def locked(call: Call, store: str, file: str) -> str:
    """The id of a door that was locked, and whose lock was tried without a badge."""
    assert call("run", f"{file}:Door", "--id", "d").status == 0
    assert call("signal", "d", "lock").status == 0
    assert call("signal", "d", "unlock", "--actor", "bob").status == 0
    with Engine(store, workflows=[load_one(f"{file}:Door")[0]]) as engine:
        wait(lambda: engine.get("d").info().position == 6)
    return "d"


def wait(condition: Callable[[], bool]) -> None:
    pause, deadline = Flag(), monotonic() + 20
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.01)


def test_show_tells_where_a_machine_stands(call: Call, locked: str) -> None:
    said = call("show", locked).out
    for part in (
        "workflow  door version 1",
        "in state 'locked'",
        "state     locked",
        '"locked_times": 1',
        '"badge_ok": false',
        "unlock [external.badge_ok]",
    ):
        assert part in said, said
    told = call("show", locked, "--json").json
    assert (told["state"], told["internal"]) == ("locked", {"locked_times": 1})
    assert told["positions"]["taken"] == {"initial": 1, "states/closed/on/1": 1}


def test_history_tells_who_was_refused_and_why(call: Call, locked: str) -> None:
    lines = call("history", locked).out.splitlines()
    assert "bob" in lines[4]
    assert "external.badge_ok is false" in lines[5]


def test_preview_says_which_guard_says_no(call: Call, locked: str) -> None:
    said = call("preview", locked, "--signal", "unlock").out
    assert "refused   states/locked/on/0: external.badge_ok is false" in said
    assert "state     locked" in said
    told = call("preview", locked, "--signal", "unlock", "--update", '{"badge_ok": true}').out
    assert "badge_ok" in told


def test_an_event_that_there_is_not_is_refused_with_the_near_one(call: Call, locked: str) -> None:
    done = call("signal", locked, "unlok")
    assert done.status == 5
    assert "did you mean 'unlock'" in done.err


@pytest.mark.parametrize(
    ("form", "part"), [("text", "▶"), ("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")]
)
def test_graph_draws_a_machine_alone_and_with_a_process_in_it(
    call: Call, locked: str, file: str, form: str, part: str
) -> None:
    alone = call("graph", f"{file}:Door", "--format", form)
    assert alone.status == 0
    live = call("graph", locked, "--format", form)
    assert live.status == 0
    assert part in live.out or form == "text"
    assert alone.out != live.out


def test_lint_finds_nothing_in_a_sound_machine(call: Call, file: str) -> None:
    assert call("lint", file).status == 0


def test_run_refuses_an_input_that_does_not_fit(call: Call, store: str, file: str) -> None:
    done = call("run", f"{file}:Door", "--input", '{"badge": true}')
    assert done.status == 5
    assert "did you mean 'badge_ok'" in done.err


def test_a_machine_is_previewed_without_a_store(call: Call, file: str) -> None:
    door = f"{file}:Door"
    said = call("preview", door, "--state", "locked", "--signal", "unlock").out
    assert "refused   states/locked/on/0: external.badge_ok is false" in said
    badge = '{"badge_ok": true}'
    said = call("preview", door, "--state", "locked", "--input", badge, "--signal", "unlock").out
    assert "state     closed" in said
    assert call("preview", door, "--json").json["state"] == "closed"
    assert call("preview", door, "--cancel").status == 2


def test_a_state_belongs_to_a_machine_and_not_to_a_process(call: Call, store: str) -> None:
    assert call("preview", "p", "--state", "locked").status == 2
    assert call("preview", sample("doubler"), "--state", "locked").status == 2
    assert "Double" in call("preview", sample("doubler"), "--input", '{"n": 1}').out
