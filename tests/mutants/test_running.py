"""A bug is caught by a failed test and by nothing else; some of the table, drawn afresh."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.mutants.mutant import Mutant
from tests.mutants.running import Bench, judged
from tests.mutants.table import MUTANTS

SUITE = "tests/unit/core/test_durations.py"
DRAWN = 2


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench") / "copy")


@pytest.mark.parametrize(
    ("status", "said", "outcome", "by"),
    [
        (0, "3 passed", "passed", ""),
        (1, "FAILED tests/a.py::test_b[c] - assert 0\n1 failed", "failed", "tests/a.py::test_b[c]"),
        (1, "ERROR tests/a.py::test_b - a fixture broke\n1 error", "broken", ""),
        (2, "ERROR tests/a.py - no import", "broken", ""),
        (4, "ERROR: not found: tests/a.py::test_b", "broken", ""),
    ],
)
def test_only_a_failed_test_catches(status: int, said: str, outcome: str, by: str) -> None:
    verdict = judged(status, said, 1.0)
    assert (verdict.outcome, verdict.by) == (outcome, by)
    assert verdict.is_caught is (status == 1 and outcome == "failed")


def test_a_bug_that_does_not_fit_is_not_caught(bench: Bench) -> None:
    misfit = Mutant("a bug", "core/kernel.py", "no such line", "another", (SUITE,))
    assert bench.run(misfit).outcome == "broken"


def test_some_that_are_drawn_afresh_are_caught(bench: Bench) -> None:
    seed = os.urandom(4).hex()
    quick = [each for each in MUTANTS if each.suites[0].startswith("tests/unit/")]
    for mutant in random.Random(seed).sample(quick, DRAWN):
        verdict = bench.run(mutant)
        assert verdict.is_caught, f"seed {seed}: {mutant.name}: {verdict}"


def test_code_that_is_no_copy_is_not_judged(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path / "copy")
    other._source = tmp_path / "elsewhere"
    verdict = other.judge((SUITE,))
    assert verdict.outcome == "broken"
    assert "and not the copy in" in verdict.said
