"""`corago lint`: faults are findings, each on a line, and a sound file is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import SAMPLES, Call, sample

SOUND = """
from corago import done, init, step, workflow

@step("One")
def one(): ...

@workflow("Sound")
def {name}():
    return init >> {steps}done
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sound.py").write_text(SOUND.format(name="sound", steps="one >> "), "utf-8")
    (tmp_path / "other.py").write_text(SOUND.format(name="sound", steps=""), "utf-8")
    unsound = SOUND.format(name="unsound", steps="done >> one >> ")
    (tmp_path / "unsound.py").write_text(unsound, "utf-8")
    (tmp_path / "broken.py").write_text("def", "utf-8")
    return tmp_path


def test_sound_files_are_told_so_and_give_0(call: Call, folder: Path) -> None:
    done = call("lint", folder / "sound.py", sample("doubler"))
    assert (done.status, done.out) == (0, "")
    assert "2 workflows looked at, and no fault found" in done.err
    told = call("lint", SAMPLES, "--json").json
    assert told["findings"] == []
    assert "waiter" in told["workflows"]


def test_every_fault_is_a_line_and_the_status_is_9(call: Call, folder: Path) -> None:
    files = [folder / f"{name}.py" for name in ("unsound", "sound", "broken", "absent")]
    done = call("lint", *files)
    assert done.status == 9
    assert "'One' stands after `done` and would never run" in done.out
    assert "broken.py can't be imported: SyntaxError" in done.out
    assert "there is no file" in done.out
    assert "3 findings in" in done.err
    assert len(call("lint", *files, "--json").json["findings"]) == 3


def test_two_workflows_of_one_name_are_a_finding(call: Call, folder: Path) -> None:
    done = call("lint", folder / "sound.py", folder / "other.py")
    assert done.status == 9
    assert "two different workflows are named 'sound' version 1" in done.out


def test_without_a_file_there_is_nothing_to_look_at(call: Call) -> None:
    assert call("lint").status == 2


MACHINES = """
from corago.machine import define

EDGES = {edges}

machine = define({{
    "name": "walk",
    "initial": "here",
    "external": {{"steps": "integer", "looked_at": {{"type": "string", "default": ""}}}},
    "states": {{
        "here": {{"on": [{{"event": "go", **edge}} for edge in EDGES], "after": AFTER}},
        "there": {{"terminal": True}},
        "nowhere": {{"terminal": True}},
    }},
}})
"""
FAR_OR_NOT = (
    '[{"if": "external.steps > 9", "to": "there"}, {"unless": "external.steps > 9", '
    '"to": "nowhere"}]'
)


@pytest.fixture
def machines(tmp_path: Path) -> Path:
    sound = MACHINES.format(edges=FAR_OR_NOT)
    timed = sound.replace("AFTER", '[{"delay": "PT1H", "to": "nowhere"}]')
    (tmp_path / "timed.py").write_text(timed, "utf-8")
    (tmp_path / "waiting.py").write_text(sound.replace("AFTER", "[]"), "utf-8")
    return tmp_path


def test_notes_are_told_and_do_not_count(call: Call, machines: Path) -> None:
    done = call("lint", machines / "timed.py")
    assert done.status == 0
    assert done.out.splitlines()[0] == "walk:"
    assert "  note [unused-field] external/looked_at: " in done.out
    assert "1 workflow looked at, and no fault found (1 note)" in done.err


def test_the_findings_of_a_machine_stand_below_its_name(call: Call, machines: Path) -> None:
    done = call("lint", machines / "waiting.py", sample("doubler"))
    assert done.status == 9
    lines = done.out.splitlines()
    assert lines[0] == "walk:"
    assert lines[1].startswith("  warning [no-timeout] states/here: 'here' waits for an event")
    assert "1 finding in" in done.err
    assert "(1 note)" in done.err


def test_findings_as_json_have_code_level_and_place(call: Call, machines: Path) -> None:
    (machines / "broken.py").write_text("def", "utf-8")
    told = call("lint", machines / "broken.py", machines / "waiting.py", "--json")
    assert told.status == 9
    broken, waiting, note = told.json["findings"]
    assert (broken["workflow"], broken["code"], broken["level"]) == (None, "load", "error")
    assert waiting["workflow"] == note["workflow"] == "walk"
    assert (waiting["code"], waiting["level"]) == ("no-timeout", "warning")
    assert waiting["pointer"] == "states/here"
    assert (note["code"], note["level"]) == ("unused-field", "note")
