"""The whole log as signals to a machine, killed once with SIGKILL: every history is its case.

`examples/permit_machine.py` tells every row of the log to the process of its application, in an OS
process of its own, on a SQLite file. It is killed when half of the rows have been received, and
given again. What was received is read from the database, not asked from the engine.
"""

from __future__ import annotations

import csv
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from corago import Engine
from tests.acceptance.interrupted import CORAGO, GLANCE_SECONDS, ROOT, Ledger, Life
from tests.acceptance.receipt import REAL, log_in

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

example: Any = import_module("examples.permit_machine")

PATIENCE_SECONDS = 120.0

LEADS_TO = {
    "Confirmation of receipt": "received",
    "T06": "assessed",
    "T07": "drafting",
    "T08": "asking",
    "T09": "advised",
    "T10": "decided",
    "T11": "x_created",
    "T12": "x_checked",
    "T13": "x_adjusted",
    "T14": "x_determined",
    "T15": "printed",
    "T16": "y_reported",
    "T17": "y_checked",
    "T18": "y_adjusted",
    "T19": "y_determined",
    "T20": "printed",
}
"""By activity, the state it leads to; the four that are not here belong to the confirmation."""

ENDS = {"decided": "settled", "printed": "closed"}
"""By state, the one that follows once the confirmation is sent."""

Refused = tuple[str, dict[str, str]]
"""Why an event was refused, in all and for each edge."""


@dataclass
class Told:
    """What a process heard: the data of its signals in order, and those of them it refused."""

    heard: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[int, Refused] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [each["name"] for each in self.heard]

    @property
    def taken(self) -> list[str]:
        return [name for n, name in enumerate(self.names) if n not in self.refused]

    @property
    def stands(self) -> str:
        """The state that follows from what was taken, in plain Python."""
        states = [LEADS_TO.get(name) or LEADS_TO.get(name.split("-")[0][:3]) for name in self.taken]
        state = next((each for each in reversed(states) if each), "announced")
        is_sent = any(name.startswith("T05") for name in self.taken)
        return ENDS.get(state, state) if is_sent else state


@dataclass(frozen=True)
class Run:
    """The log by case, both lives of the command, and the file that it wrote."""

    cases: dict[str, list[dict[str, str]]]
    lives: list[Life]
    ledger: Ledger
    output: str

    @property
    def rows(self) -> int:
        return sum(map(len, self.cases.values()))

    @property
    def url(self) -> str:
        return f"sqlite:///{self.ledger.path}"

    @property
    def told(self) -> dict[str, Told]:
        return told(self.ledger)


def told(ledger: Ledger) -> dict[str, Told]:
    """By process, what it heard and what it refused."""
    query = (
        "select i.process_id, e.data from workflow_instances i join events e "
        "on e.instance_id = i.id order by i.id, e.position"
    )
    found: dict[str, Told] = {}
    for process, text in ledger.rows(query):
        event, one = json.loads(text), found.setdefault(process, Told())
        if event["type"] == "SignalReceived":
            one.heard.append(event)
        elif event["type"] == "CommandRefused":
            assert event["command"] == f"event {one.names[-1]}"
            one.refused[len(one.heard) - 1] = (event["why"], event.get("edges", {}))
    return found


def received(ledger: Ledger) -> int:
    """How many signals have been received by now; the file may not be there yet."""
    try:
        return int(ledger.rows("select count(*) from signal_keys")[0][0])
    except sqlite3.OperationalError:
        return 0


def live(folder: Path, log: Path, number: int, kill_after: int | None) -> Life:
    """Give the command; kill it once so many signals have been received."""
    ledger, began = Ledger(folder / "permits.db"), time.monotonic()
    with (folder / f"output-{number}.txt").open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "examples/permit_machine.py", str(log), f"sqlite:///{ledger.path}"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None and (kill_after is None or received(ledger) < kill_after):
                assert time.monotonic() < began + PATIENCE_SECONDS
                try:
                    process.wait(GLANCE_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.kill()
            process.wait()
    copy = ledger.copied_to(folder / f"after-{number}")
    return Life(process.pid, process.returncode, time.monotonic() - began, copy)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("permit-machine")
    log = log_in(folder)
    cases: dict[str, list[dict[str, str]]] = {}
    with log.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in sorted(rows, key=lambda row: datetime.fromisoformat(row["time:timestamp"])):
        cases.setdefault(row["case:concept:name"], []).append(row)
    lives = [live(folder, log, 0, len(rows) // 2), live(folder, log, 1, None)]
    output = (folder / "output-1.txt").read_text("utf-8")
    return Run(cases, lives, Ledger(folder / "permits.db"), output)


@pytest.fixture(scope="module")
def engine(run: Run) -> Iterator[Engine]:
    with Engine(run.url, workflows=[example.Application], worker=False) as engine:
        yield engine


def test_the_command_is_killed_half_way_and_then_ends_well(run: Run) -> None:
    assert [life.exit_status for life in run.lives] == [-signal.SIGKILL, 0], run.output
    half, whole = (received(life.ledger) for life in run.lives)
    assert run.rows // 2 <= half < whole == run.rows
    seconds = sum(life.seconds for life in run.lives)
    print(f"{run.rows} events in {seconds:.1f} s")  # noqa: T201 - for information


def test_every_history_holds_its_case_in_the_order_of_the_log(run: Run) -> None:
    heard = run.told
    assert heard.keys() == run.cases.keys()
    for case, rows in run.cases.items():
        assert heard[case].names == [row["concept:name"] for row in rows], case
        assert [each["data"] for each in heard[case].heard] == [
            {"at": row["time:timestamp"], "by": row["org:resource"]} for row in rows
        ], case


def test_every_row_is_received_once_though_the_log_was_told_twice(run: Run) -> None:
    keys = Counter(each["key"] for one in run.told.values() for each in one.heard)
    assert keys.keys() == {row["concept:instance"] for rows in run.cases.values() for row in rows}
    assert set(keys.values()) == {1}
    assert run.ledger.rows("select count(*) from inbox") == [(0,)]


def test_cases_are_told_side_by_side_as_time_went_by(run: Run) -> None:
    heard = told(run.lives[0].ledger)
    lengths = [(len(heard[case].heard), len(rows)) for case, rows in run.cases.items()]
    assert sum(found == whole for found, whole in lengths) > len(lengths) // 4
    assert sum(found == 0 for found, _ in lengths) > len(lengths) // 4
    assert any(0 < found < whole for found, whole in lengths)


def test_what_was_recorded_before_the_kill_is_there_unchanged(run: Run) -> None:
    query = "select instance_id, run, position, data from events"
    assert set(run.ledger.rows(query)) > set(run.lives[0].ledger.rows(query))


def test_positions_begin_at_1_and_have_no_gaps(run: Run) -> None:
    query = "select instance_id, min(position), max(position), count(*) from events group by 1"
    for _, first, last, count in run.ledger.rows(query):
        assert (first, last) == (1, count)


def test_every_process_stands_where_its_events_have_led_it(run: Run, engine: Engine) -> None:
    expected = {case: one.stands for case, one in run.told.items()}
    found: dict[str, Any] = {}
    last = None
    while page := engine.processes(limit=500, after=last):
        found |= {info.id: info.state for info in page}
        last = page[-1].id
    assert found == expected
    counted = Counter(expected.values()).most_common()
    assert sorted(run.output.split()) == sorted(str(each) for pair in counted for each in pair)


def test_a_process_is_completed_by_an_end_and_waits_otherwise(run: Run, engine: Engine) -> None:
    ends = Counter(one.stands == "closed" for one in run.told.values())
    expected = {"completed": ends[True], "waiting": ends[False]}
    assert {status: n for status, n in engine.count().items() if n} == {
        status: n for status, n in expected.items() if n
    }


def test_show_tells_where_each_of_a_sample_stands(run: Run) -> None:
    sample = {one.stands: case for case, one in run.told.items()}
    looked_at = {
        state: sample[state] for state in sample.keys() & {"closed", "received", "settled"}
    }
    assert looked_at
    for state, case in looked_at.items():
        shown = subprocess.run(
            [str(CORAGO), "show", case, "--url", run.url],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
        assert f"state     {state}\n" in shown
        assert "← here" in shown


def test_what_is_refused_has_a_reason_for_every_edge_of_that_event(run: Run) -> None:
    places = example.Application.program.model.places
    refused = [each for one in run.told.values() for each in one.refused.values()]
    assert refused
    for why, edges in refused:
        assert why
        assert edges.keys() <= places.keys()
        assert all("is false" in reason for reason in edges.values())


@pytest.mark.skipif(not REAL.exists(), reason="the real log is not here")
def test_of_the_real_log_one_event_does_not_fit_and_is_refused_edge_by_edge(run: Run) -> None:
    refused = {case: one for case, one in run.told.items() if one.refused}
    assert f"Of {len(run.cases):,} applications {'one' if len(refused) == 1 else '?'}" in str(
        example.__doc__
    )
    ((case, one),) = refused.items()
    ((number, (_, edges)),) = one.refused.items()
    assert one.names[number] == "T05 Print and send confirmation of receipt"
    (reason,) = edges.values()
    assert reason.endswith('is false: internal.confirmation is "checked"')
    assert one.names[number + 1 :] == one.taken[number:]
    assert one.stands == "decided", case
