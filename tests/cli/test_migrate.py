"""`corago migrate`: what it would mean, then doing it, for one process or all of a workflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from corago import Engine
from tests.cli.conftest import Call

FLOW = """
from corago import State, done, init, step, wait_for, workflow

def noting(name):
    @step(name)
    def note(ran: list = []) -> State:
        return {{"ran": [*ran, name]}}
    return note

@workflow("Some steps")
def flow():
    return init >> {steps} >> done
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """FILE:WORKFLOW of the old list, one that can be followed, and one that would repeat a step."""
    lists = {
        "old": 'noting("A") >> wait_for("go") >> noting("B")',
        "new": 'noting("A") >> noting("N") >> wait_for("go").named("Go on") >> noting("B")',
        "wrong": 'wait_for("go") >> noting("A") >> noting("B")',
    }
    found = {}
    for name, steps in lists.items():
        path = tmp_path / f"{name}.py"
        path.write_text(FLOW.format(steps=steps), "utf-8")
        found[name] = f"{path}:flow"
    return found


@pytest.fixture
def waiting(call: Call, store: str, files: dict[str, str]) -> tuple[str, ...]:
    """Two processes of the old list at their wait."""
    ids = ("p", "q")
    for id in ids:
        assert call("run", files["old"], "--id", id, "--wait", "--timeout", "0.5").status == 8
    return ids


RENAMED = ("--map", "Wait for go=Go on")


def test_a_dry_run_says_what_it_would_mean_and_writes_nothing(
    call: Call, waiting: tuple[str, ...], files: dict[str, str]
) -> None:
    done = call("migrate", "p", "--to", files["new"], *RENAMED, "--dry-run")
    assert done.status == 0
    assert "p would follow version 1" in done.out
    assert "'N' stands before where the process is" in done.out
    assert "nothing was written" in done.err
    assert "DefinitionChanged" not in call("history", "p").out


def test_all_of_a_workflow_are_moved_audited_and_go_on(
    call: Call, waiting: tuple[str, ...], files: dict[str, str], store: str
) -> None:
    by = ("--actor", "ann", "--reason", "new house")
    done = call("migrate", "--workflow", "flow", "--to", files["new"], *RENAMED, *by, "--json")
    assert done.status == 0
    assert [(each["id"], each["applied"]) for each in done.json] == [("q", True), ("p", True)]
    (change,) = [
        each for each in call("history", "p", "--json").json if each["type"] == "DefinitionChanged"
    ]
    assert (change["actor"], change["reason"]) == ("ann", "new house")
    assert change["renames"] == {"Wait for go": "Go on"}
    again = call("migrate", "--workflow", "flow")
    assert (again.status, again.out) == (0, "")
    assert "nothing to do" in again.err
    with Engine(store, worker=False) as engine:
        engine.signal("p", "go")
    result = call("run", files["new"], "--id", "p", "--wait")
    assert (result.status, '"ran":["A","B"]' in result.out.replace(" ", "")) == (0, True)


def test_what_would_repeat_a_step_is_refused_with_the_reason(
    call: Call, waiting: tuple[str, ...], files: dict[str, str]
) -> None:
    one = call("migrate", "p", "--to", files["wrong"])
    assert one.status == 4
    assert "'A' was passed already and would come again" in one.err
    many = call("migrate", "--workflow", "flow")
    assert many.status == 4
    assert many.out.count("'A' was passed already") == 2
    assert "2 processes of 2 can't follow it" in many.err
    foreseen = call("migrate", "p", "--dry-run")
    assert foreseen.status == 4
    assert "'A' was passed already" in foreseen.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Give a process's ID, or --workflow"),
        (("p", "--workflow", "flow"), "Give a process's ID, or --workflow"),
        (("p", "--map", "Wait"), "write OLD=NEW"),
        (("p", "--map", "a=b", "--map", "a=c"), "has two new names"),
    ],
)
def test_what_is_not_clear_is_told(
    call: Call, store: str, words: tuple[str, ...], says: str
) -> None:
    Engine(store, worker=False).open().close()
    done = call("migrate", *words)
    assert done.status == 2
    assert says in done.err


def test_an_unknown_process_is_not_found(call: Call, store: str) -> None:
    Engine(store, worker=False).open().close()
    assert call("migrate", "nobody").status == 3
