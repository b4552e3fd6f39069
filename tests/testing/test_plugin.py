"""The pytest plugin as users meet it: installed, and found without a word in any settings."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import pytest

import corago.testing
from corago import Engine
from corago.testing import VirtualClock, save_history, stored_histories
from tests.runtime.stage import listing

TESTS = """
import threading
from datetime import UTC, datetime, timedelta

import pytest
from corago import done, init, sleep, step, workflow
from corago.testing import VirtualClock, expect, replay, stored_histories

@step("Note")
def note(is_broken: bool = False):
    if is_broken:
        raise ConnectionError("gone")
    return {"noted": True}

@step("Hang")
def hang():
    threading.Event().wait(600)

@workflow("A note after a month")
def late_note():
    return init >> sleep(timedelta(days=30)) >> note >> done

@workflow("It hangs")
def hanging():
    return init >> hang >> done

def test_a_month(engine, clock):
    begun = clock.now()
    handle = engine.start(late_note)
    assert handle.result(timeout=20) == {"noted": True}
    assert clock.now() - begun == timedelta(days=30)

def test_an_empty_engine(engine):
    assert engine.count() == {}

def test_crashes(crash_at, crash_everywhere):
    expect(crash_at("Note").run(late_note)).completed_with(noted=True)
    assert len(crash_everywhere(late_note)) > 10

def test_a_hanging_step(engine):
    assert engine.start(hanging).info().status in ("created", "running")

def test_a_wrong_status(engine):
    handle = engine.start(late_note, {"is_broken": True}, id="the-note")
    expect(handle).failed_at("Note")
    assert handle.info().status == "completed"

def test_a_wrong_result(engine):
    handle = engine.start(late_note)
    expect(handle).completed_with(noted=False)

@stored_histories("kept")
def test_it_still_fits(history):
    replay(history, late_note)

class TestAnotherClock:
    @pytest.fixture
    def clock(self):
        return VirtualClock(datetime(1999, 12, 31, tzinfo=UTC))

    def test_a_month(self, engine):
        assert engine.start(late_note).info().created_at.year == 1999
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What pytest says of a user's tests, run in a folder with nothing else in it, in lines."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "test_notes.py").write_text(TESTS, "utf-8")
    with Engine(clock=VirtualClock()) as engine:
        for name in ("one", "two"):
            handle = engine.start(listing(), id=name)
            handle.result(timeout=20)
            save_history(handle.history(), folder / "kept" / "deep" / f"{name}.jsonl")
    command = [sys.executable, "-m", "pytest", "-v", "-W", "error", f"--rootdir={folder}"]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    return run.stdout.splitlines()


def ended(said: list[str], test: str) -> str:
    """How a test ended."""
    lines = [line for line in said if line.startswith(f"test_notes.py::{test} ")]
    return lines[0].split()[1]


def assert_lines(said: list[str], *patterns: str) -> None:
    """These lines are there, in this order."""
    left = iter(said)
    for pattern in patterns:
        assert any(fnmatch.fnmatchcase(line, pattern) for line in left), pattern


@pytest.mark.parametrize("test", ["test_a_month", "test_an_empty_engine", "test_crashes"])
def test_the_fixtures_are_there_without_a_word(said: list[str], test: str) -> None:
    assert ended(said, test) == "PASSED"


def test_a_fixture_can_be_replaced_by_ones_own(said: list[str]) -> None:
    assert ended(said, "TestAnotherClock::test_a_month") == "PASSED"


def test_a_step_that_hangs_does_not_hold_up_the_end_of_a_test(said: list[str]) -> None:
    assert ended(said, "test_a_hanging_step") == "PASSED"
    took = re.search(r"in (\d+)\.\d+s", said[-1])
    assert took is not None
    assert int(took[1]) < 60


def test_a_failed_test_shows_what_was_recorded(said: list[str]) -> None:
    assert ended(said, "test_a_wrong_status") == "FAILED"
    assert_lines(
        said,
        "*test_a_wrong_status*",
        "E *'failed' == 'completed'*",
        "*processes of this test*",
        "process 'the-note' (late_note) *failed*",
        "* 1  ProcessStarted *",
        "*ActivityClosed 'Note' result=failed ConnectionError: gone*",
        "*ProcessFailed 'Note' *",
    )


def test_a_failed_expectation_points_at_the_line_of_the_test(said: list[str]) -> None:
    assert ended(said, "test_a_wrong_result") == "FAILED"
    assert_lines(
        said,
        "> *expect(handle).completed_with(noted=False)",
        "E *AssertionError: it completed with noted=True instead of False",
        "E *ActivityClosed 'Note' result=completed {'noted': True}",
    )
    assert not any("assertions.py" in line for line in said)


@pytest.mark.parametrize("name", ["one", "two"])
def test_stored_histories_are_a_test_each(said: list[str], name: str) -> None:
    assert ended(said, f"test_it_still_fits[deep/{name}]") == "FAILED"
    assert_lines(
        said,
        f"*test_it_still_fits?deep/{name}?*",
        "E *ReplayError: the history does not fit 'late_note' as it is today.",
    )


def test_a_folder_without_histories_is_no_test(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no stored history; `save_histories"):
        stored_histories(tmp_path)


@pytest.mark.parametrize("room", ["corago.testing", "corago.testing.plugin"])
def test_the_plugin_loads_nothing_that_no_test_has_asked_for(room: str) -> None:
    code = (
        f"import sys, corago; before = set(sys.modules); import pytest, {room}; "
        "print(*(each for each in sys.modules if each[:6] == 'corago' and each not in before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(loaded.stdout.split()) == {"corago.testing", room}


def test_the_room_names_what_it_has() -> None:
    for name in corago.testing.__all__:
        assert getattr(corago.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'crash_nowhere'"):
        corago.testing.crash_nowhere  # noqa: B018 - it is asked for
