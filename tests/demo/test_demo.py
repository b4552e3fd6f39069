"""The demo as users start it: it ends well, its claims are true, and it leaves nobody behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from corago import Engine
from corago.core.events import ActivityClosed, ActivityRetried, LeaseLost

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

DEADLINE = 300.0
WORKER = re.compile(r"its own:\s+(\d+)\.")


@contextlib.contextmanager
def demo(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "corago.cli", "demo", "--fast", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(*arguments: object) -> tuple[int, str, str]:
    with demo(*arguments) as process:
        out, err = process.communicate(timeout=DEADLINE)
        return process.returncode, out, err


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def performance(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where one performance has left its things, and what it said."""
    folder = tmp_path_factory.mktemp("demo") / "place"
    status, out, err = finished("--folder", folder)
    assert status == 0, out + err
    assert err == ""
    return folder, out


def test_it_tells_the_whole_story_in_plain_words(performance: tuple[Path, str]) -> None:
    _, told = performance
    parts = ["1. Work begins", "2. The worker dies", "3. Another worker takes over", "4. The books"]
    assert [told.index(part) for part in parts] == sorted(told.index(part) for part in parts)
    assert "No recorded step ran twice." in told
    assert "corago explain" in told
    assert told.count("├─ ") >= 3 * 7, "drawn before the work, at the crash and at the end"
    assert "at least once" in told
    assert "exactly once" not in told.lower()
    assert "\x1b[" not in told


def test_all_processes_have_completed_and_the_crash_is_in_their_histories(
    performance: tuple[Path, str],
) -> None:
    folder, told = performance
    with Engine(f"sqlite:///{folder}/demo.db", worker=False) as engine:
        infos = engine.processes()
        assert {info.status for info in infos} == {"completed"}
        assert f"All {len(infos)} have completed" in told
        lost = sum(bool(engine.history(info.id).of(LeaseLost)) for info in infos)
        assert f"{lost} of them had been in the dead" in told.replace("\n  ", " ")


def test_its_sums_agree_with_the_database_and_the_side_file(
    performance: tuple[Path, str],
) -> None:
    folder, told = performance
    sums = {
        name.strip(): int(value)
        for name, value in re.findall(r"^ +(.*?) {2,}(\d+)$", told, re.MULTILINE)
    }
    found = lines_of(folder / "outside.jsonl")
    starts = [line for line in found if line["what"] == "began"]
    began = Counter(f"{line['key']}@{line['attempt']}" for line in starts)
    dead = int(next(iter(WORKER.findall(told))))
    with Engine(f"sqlite:///{folder}/demo.db", worker=False) as engine:
        ends = Counter(
            (info.id, event.path, event.attempt)
            for info in engine.processes()
            for event in engine.history(info.id).of(ActivityClosed, ActivityRetried)
        )
    assert set(ends.values()) == {1}, "nothing is recorded twice"
    assert len(began) == len(ends), "what ran is recorded, and what is recorded ran"
    repeated = [key for key, count in began.items() if count > 1]
    assert sums["in flight at the crash"] == len(repeated)
    by_the_dead = {line["key"] for line in found if line["worker"] == dead}
    assert {key.rpartition("@")[0] for key in repeated} <= by_the_dead
    assert sums["recorded before the crash"] > 0
    assert sums["recorded twice"] == 0
    assert "of these run again" in sums


def test_a_retry_is_part_of_it(performance: tuple[Path, str]) -> None:
    folder, _ = performance
    attempts = {
        line["attempt"]
        for line in lines_of(folder / "outside.jsonl")
        if line["step"] == "Reserve an address"
    }
    assert attempts == {1, 2}


def test_the_commands_that_it_names_work(performance: tuple[Path, str]) -> None:
    folder, told = performance
    environment = {**os.environ, "CORAGO_URL": f"sqlite:///{folder}/demo.db"}
    assert f"export CORAGO_URL={environment['CORAGO_URL']}" in told
    commands = re.findall(r"^ +corago (\w.*)$", told, re.MULTILINE)
    assert len(commands) >= 3
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "corago.cli", *command.split()],
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_no_worker_is_left_in_the_database(performance: tuple[Path, str]) -> None:
    folder, _ = performance
    from corago.stores.sqlite import inspect  # noqa: PLC0415 - the rest does without

    assert inspect.status(folder / "demo.db")["workers"] == []


def test_for_programs_it_ends_with_one_document_and_removes_what_it_made(tmp_path: Path) -> None:
    status, out, err = finished("--json", "--remove", "--folder", tmp_path / "place")
    assert status == 0, err
    told = json.loads(out)
    assert told["holds"] is True
    assert told["run_again_though_recorded"] == 0
    assert "No recorded step ran twice." in err
    assert not (tmp_path / "place").exists()


def test_it_removes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    status, _, err = finished("--quiet", "--remove", "--folder", tmp_path)
    assert status == 0, err
    assert [each.name for each in tmp_path.iterdir()] == ["precious"]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_leaves_no_worker_behind_however_it_is_stopped(
    tmp_path: Path, number: signal.Signals
) -> None:
    with demo("--folder", tmp_path / "place") as process:
        assert process.stdout is not None
        told = ""
        while not WORKER.search(told):
            line = process.stdout.readline()
            assert line, "the demo has ended"
            told += line
        process.send_signal(number)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    (worker,) = map(int, WORKER.findall(told))
    end = time.monotonic() + DEADLINE
    while is_alive(worker):
        assert time.monotonic() < end, "its worker lives on"
