"""Every benchmark runs once and small, so that none of them rots; nothing is said of its speed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cases import CASES, Size

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_benchmark_runs_and_gives_figures(name: str, tmp_path: Path) -> None:
    figures = CASES[name](tmp_path, Size(is_quick=True))
    assert figures
    assert all(figure.ours > 0 for figure in figures)


@pytest.mark.slow
def test_the_command_prints_a_table_with_the_goals() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "one"]
    said = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert "one process" in said.stdout
    assert "≤ 2 x a commit" in said.stdout
