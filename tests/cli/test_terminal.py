"""What a person at a terminal sees, through a terminal of the test's own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import DEADLINE, sample

pytestmark = pytest.mark.acceptance


def shown(*arguments: object, **environment: str) -> str:
    """What the command line writes where stdout and stderr are a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "corago.cli", *map(str, arguments)],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm", **environment},
    ) as process:
        os.close(theirs)
        found = b""
        try:
            while data := os.read(ours, 65536):
                found += data
        except OSError:  # Linux says so when the other side has closed
            pass
        finally:
            os.close(ours)
        process.wait(timeout=DEADLINE)
    return found.decode()


def test_a_list_is_a_table_with_heads_ages_and_colours(failed: str) -> None:
    said = shown("list")
    assert "workflow" in said
    assert "\x1b[31mfailed" in said
    assert "\t" not in said


def test_colours_can_be_refused(failed: str) -> None:
    said = shown("list", NO_COLOR="1")
    assert "failed" in said
    assert "\x1b[31m" not in said


def test_json_is_laid_out_for_reading(failed: str) -> None:
    assert '\n  "id": "p"' in shown("show", failed, "--json").replace("\r", "")


def test_a_batch_shows_a_bar_with_its_failures(store: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"n": 1}\n{"n": 9}\n')
    said = shown("run", sample("doubler"), "--each", tmp_path / "rows.jsonl")
    assert "2/2" in said
    assert "1 failure" in said
    assert "left" in said
    assert "doubling" in said, "what steps print is not lost behind the bar"


def test_history_and_explain_are_for_people_too(started: Callable[..., str]) -> None:
    started("waiter", {"n": 1})
    assert "ProcessStarted" in shown("history", "p")
    assert "no worker is running" in shown("explain", "p")
