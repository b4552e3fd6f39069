"""Every benchmark runs once and small, so that none of them rots; nothing is said of its speed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import deciders, floor, rounds
from benchmarks.cases import CASES, Size
from benchmarks.flows import line
from benchmarks.throughput import in_flight

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_benchmark_runs_and_gives_figures(name: str, tmp_path: Path) -> None:
    figures = CASES[name](tmp_path, Size(is_quick=True))
    assert figures
    assert all(figure.ours > 0 for figure in figures)


def test_the_floor_writes_the_very_rows_of_the_engine(tmp_path: Path) -> None:
    ours, bare = tmp_path / "ours.db", tmp_path / "floor.db"
    run = asyncio.run(in_flight(ours, line(10), 5))
    writes = floor.recorded(ours, 5)
    assert run.group > 0
    assert len(writes) == 5 * 11
    floor.replay(bare, writes, 7)
    assert floor.recorded(bare, 5) == [
        floor.Write(each.instance - 1, each.before, each.events, each.birth, each.closes)
        for each in writes
    ]  # the engine's first process only warmed it up


def test_the_floor_of_what_is_parked_in_between_writes_the_very_rows_of_the_engine(
    tmp_path: Path,
) -> None:
    ours, bare = tmp_path / "ours.db", tmp_path / "floor.db"
    asyncio.run(deciders.in_flight(ours, deciders.Queued, 5))
    writes = floor.recorded(ours, 5)
    assert len(writes) == 5 * (1 + deciders.ROUNDS + 1)
    assert sum(len(each.puts) for each in rounds.rounds(writes)) == 5 * deciders.ROUNDS
    assert sum(len(each.mail) for each in rounds.rounds(writes)) == 5 * deciders.ROUNDS
    rounds.replay(bare, writes, 3)
    assert floor.recorded(bare, 5) == [
        floor.Write(each.instance - 1, each.before, each.events, each.birth, each.closes)
        for each in writes
    ]  # the engine's first process only warmed it up


@pytest.mark.slow
def test_the_command_prints_a_table_with_the_goals(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "one", "--json", str(told)]
    said = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert "one process" in said.stdout
    assert "≤ 2 x a commit" in said.stdout
    assert "goals met" in said.stdout
    assert json.loads(told.read_text("utf-8"))["rounds"][0][0]["name"] == "one process"
