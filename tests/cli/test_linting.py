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
