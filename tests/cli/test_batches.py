"""`run --each`: a process per row, run here to the end, and taken up again where it stopped."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from corago import Engine
from corago.cli.options import Common
from corago.cli.output import Output
from corago.cli.progress import Lines, Tally, clocked
from corago.core.events import ActivityClosed
from corago.testing.clock import VirtualClock
from tests.cli.conftest import Call, finished, sample, spawned


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Three rows, of which the last one fails."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"i": "a", "n": 1}\n{"i": "b", "n": 2}\n{"i": "c", "n": 9}\n')
    return path


def sums(document: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in document.items() if isinstance(value, int) and value}


def test_every_row_is_a_process_and_failures_are_named(call: Call, store: str, rows: Path) -> None:
    done = call("run", sample("doubler"), "--each", rows, "--id", "i")
    assert done.status == 1
    assert "3 processes of doubler: started 3 · completed 2 · failed 1" in done.out
    assert "doubler:c  failed: failed at 'Refuse large ones': ValueError: 18" in done.out
    assert call("list", "--json").json[0]["workflow"] == "doubler"
    assert call("show", "doubler:a", "--json").json["result"] == {"i": "a", "n": 2}


def test_all_is_well_when_all_completed(call: Call, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("n\n1\n")
    done = call("run", sample("doubler"), "--each", tmp_path / "rows.csv")
    assert done.status == 0
    assert "nothing of this run is kept" in done.err


def test_repeated_it_starts_nothing_twice_and_failed_ones_stay_failed(
    call: Call, store: str, rows: Path
) -> None:
    arguments = ("run", sample("doubler"), "--each", rows, "--id", "i", "--json")
    call(*arguments)
    again = call(*arguments)
    assert again.status == 1
    assert sums(again.json) == {
        "total": 3,
        "already_there": 3,
        "already_completed": 2,
        "failed": 1,
    }


def test_what_failed_is_tried_again_on_request(call: Call, store: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(f'{{"marker": "{tmp_path}/marker"}}\n')
    arguments = ("run", sample("stubborn"), "--each", rows, "--json")
    assert call(*arguments).status == 1
    again = call(*arguments, "--retry-failed", "--actor", "ann")
    assert again.status == 0, again.err
    assert sums(again.json) == {"total": 1, "already_there": 1, "completed": 1}


def test_unfinished_ones_are_finished(call: Call, store: str, rows: Path) -> None:
    started = call("run", sample("doubler"), "--input", '{"i": "a", "n": 1}', "--id", "doubler:a")
    assert started.status == 0
    done = call("run", sample("doubler"), "--each", rows, "--id", "i", "--json")
    assert sums(done.json) == {
        "total": 3,
        "started": 2,
        "already_there": 1,
        "completed": 2,
        "failed": 1,
    }


def test_an_id_taken_by_another_input_is_a_failure_with_its_line(
    call: Call, store: str, rows: Path
) -> None:
    call("run", sample("doubler"), "--input", '{"n": 77}', "--id", "doubler:b")
    done = call("run", sample("doubler"), "--each", rows, "--id", "i", "--json")
    taken = next(each for each in done.json["failures"] if each["id"] == "doubler:b")
    assert taken["status"] == "taken"
    assert "line 2" in taken["error"]


def test_nothing_is_started_when_any_row_is_bad(call: Call, store: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("n,m\n1,2\n3\n")
    done = call("run", sample("doubler"), "--each", tmp_path / "rows.csv")
    assert done.status == 5
    assert "rows.csv:3: " in done.err
    assert done.out == ""
    assert call("list").status == 7, "not even a database"


def test_a_missing_file_is_an_invalid_input(call: Call, tmp_path: Path) -> None:
    done = call("run", sample("doubler"), "--each", tmp_path / "missing.csv")
    assert done.status == 5
    assert "missing.csv can't be read: No such file" in done.err


def test_groups_are_inputs(call: Call, store: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("g,n\na,1\nb,2\na,3\n")
    done = call("run", sample("summer"), "--each", tmp_path / "rows.csv", "--group-by", "g")
    assert done.status == 0, done.err
    assert call("show", "summer:a", "--json").json["result"]["sum"] == 4


def test_parked_processes_leave_room_for_others_and_are_waited_for(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"n": {n}}}\n' for n in range(20)))
    arguments = ("--each", tmp_path / "rows.jsonl", "--concurrency", "2", "--json")
    done = call("run", sample("rester"), *arguments)
    assert sums(done.json) == {"total": 20, "started": 20, "completed": 20}


def test_in_memory_it_does_not_wait_for_a_signal_that_nobody_can_send(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"n": 1}\n')
    done = call("run", sample("waiter"), "--each", tmp_path / "rows.jsonl", "--json")
    assert done.status == 1
    assert "which nobody can send in memory" in done.json["failures"][0]["error"]


def test_its_patience_can_be_limited(call: Call, store: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"n": 1}\n')
    arguments = ("--each", tmp_path / "rows.jsonl", "--timeout", "0.3", "--json")
    done = call("run", sample("waiter"), *arguments)
    assert done.status == 8
    assert done.json["open"] == 1
    assert done.error["code"] == "wait_timeout"


def test_rows_may_come_through_a_pipe(call: Call, rows: Path) -> None:
    with spawned("run", sample("doubler"), "--each", "-", "--json") as process:
        assert process.stdin is not None
        out, _ = process.communicate("n\n1\n2\n1\n", timeout=60)
    assert '"total": 2' in out


def test_a_damaged_process_is_a_failure_and_the_others_go_on(
    call: Call, store: str, rows: Path, tmp_path: Path
) -> None:
    call("run", sample("doubler"), "--input", '{"i": "a", "n": 1}', "--id", "doubler:a")
    with sqlite3.connect(tmp_path / "work.db") as damaging:
        damaging.execute("DELETE FROM events")
    damaging.close()
    done = call("run", sample("doubler"), "--each", rows, "--id", "i", "--json")
    assert done.status == 1
    assert {each["id"]: each["status"] for each in done.json["failures"]} == {
        "doubler:a": "damaged",
        "doubler:c": "failed",
    }


def test_processes_of_an_older_list_without_a_worker_are_not_waited_for(
    call: Call, store: str, tmp_path: Path
) -> None:
    old = "from corago import *\n@step('Old')\ndef old(): ...\n"
    text = "@workflow('Changes')\ndef changing(): return init >> {} >> done\n"
    (tmp_path / "changing_a.py").write_text(old + text.format("old"))
    (tmp_path / "changing_b.py").write_text(old + text.format("old.named('New')"))
    (tmp_path / "rows.csv").write_text("i\na\n")
    started = ("--input", '{"i": "a"}', "--id", "changing:a")
    assert call("run", tmp_path / "changing_a.py", *started).status == 0
    done = call("run", tmp_path / "changing_b.py", "--each", tmp_path / "rows.csv", "--id", "i")
    assert done.status == 1
    assert "suspended" in done.out


@pytest.mark.acceptance
def test_interrupted_it_drains_and_goes_on_when_repeated(
    call: Call, store: str, tmp_path: Path
) -> None:
    gate, rows = tmp_path / "gate", tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"gate": "{gate}", "n": {n}}}\n' for n in range(5)))
    arguments = ("run", sample("gated"), "--each", rows, "--concurrency", "2")
    with spawned(*arguments) as process:
        with Engine(store, worker=False) as engine:
            while engine.count().get("running", 0) < 2:
                assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "stopping" not in process.stderr.readline():
            assert process.poll() is None
        gate.touch()
        stopped = finished(process)
    assert stopped.status == 130
    assert "the same command again goes on" in stopped.err
    with Engine(store, worker=False) as engine:
        assert 1 <= engine.count()["completed"] < 5, "what ran was recorded, nothing further ran"
    again = call(*arguments, "--json")
    assert again.status == 0, again.err
    assert again.json["completed"] + again.json["already_completed"] == 5


@pytest.mark.acceptance
def test_killed_it_goes_on_when_repeated_and_runs_no_recorded_step_again(
    call: Call, store: str, tmp_path: Path
) -> None:
    rows, side_file = tmp_path / "rows.csv", tmp_path / "side"
    rows.write_text("n,side\n" + "".join(f"{n},{side_file}\n" for n in range(300)))
    arguments = ("run", sample("noted"), "--each", rows, "--id", "n")
    with spawned(*arguments) as process:
        while not side_file.exists() or len(side_file.read_text().splitlines()) < 60:
            assert process.poll() is None
        process.kill()
    with Engine(store, worker=False) as engine:
        recorded = {
            info.id
            for info in engine.processes(limit=300)
            if engine.history(info.id).of(ActivityClosed)
        }
    before = side_file.read_text().splitlines()
    done = call(*arguments, "--json")
    assert done.status == 0, done.err
    assert done.json["completed"] + done.json["already_completed"] == 300
    again = side_file.read_text().splitlines()[len(before) :]
    assert not recorded & {f"noted:{n}" for n in again}
    assert set(before + again) == {str(n) for n in range(300)}


def test_the_plain_progress_says_rate_failures_and_what_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally, clock = Tally(100), VirtualClock()
    lines = Lines(Output(Common()), tally, clock)
    lines.show()
    tally.completed, tally.failed = 18, 2
    clock.advance(10)
    lines.show()
    lines.show()
    said = capsys.readouterr().err
    assert said == "20 of 100 done, 2 failures, 2.0/s, 0:40 left\n"
    assert clocked(3723) == "1:02:03"
