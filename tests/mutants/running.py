"""Runs the suites of a mutant against a copy of the sources that has its bug.

The working tree stays as it is: sources are copied, and whatever the tests keep goes elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from corago.clock import SystemClock
from tests.mutants.mutant import ROOT, SOURCE, Mutant
from tests.mutants.proof import VARIABLE

LIMIT_SECONDS = 120.0
"""A suite that takes longer hangs, and that is no answer."""

TEST_FAILED = 1
"""Pytest's exit status when tests were run and some failed."""

_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)
_TAIL_LINES = 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a run: `passed`, `failed` (by the test `by`), `hung` or `broken`.

    Broken is a run that ended without a failed test, as by an error of import or of a fixture.
    """

    outcome: str
    seconds: float
    by: str = ""
    said: str = ""

    @property
    def is_caught(self) -> bool:
        """Whether a test has failed, which is all that counts."""
        return self.outcome == "failed"


class Bench:
    """A copy of the sources, into which one bug after the other is put."""

    def __init__(self, folder: Path) -> None:
        """Copy everything, with what is compiled already, into an empty folder."""
        self._folder = folder
        self._source = folder / "src"
        shutil.copytree(SOURCE, self._source, ignore=shutil.ignore_patterns("*.tmp*"))

    def run(self, mutant: Mutant) -> Verdict:
        """Put the bug in, run its suites until the first failure, and take it out again."""
        try:
            with self._bugged(mutant):
                return self.judge(mutant.suites)
        except ValueError as misfit:
            return Verdict("broken", 0.0, said=str(misfit))

    def judge(self, suites: Sequence[str], limit: float = LIMIT_SECONDS) -> Verdict:
        """Run these suites against the copy as it is, until the first failure."""
        clock = SystemClock()
        began = clock.monotonic()
        options = ("-x", "-q", "-p", "no:cacheprovider", "-p", "tests.mutants.proof")
        with subprocess.Popen(
            (sys.executable, "-m", "pytest", *options, *suites),
            cwd=ROOT,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as run:
            try:
                said, _ = run.communicate(timeout=limit)
            except BaseException as error:
                os.killpg(run.pid, signal.SIGKILL)
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                return Verdict("hung", clock.monotonic() - began)
        return judged(run.returncode, said, clock.monotonic() - began)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            VARIABLE: str(self._source),
            "PYTHONPATH": str(self._source),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self._folder / "hypothesis"),
        }

    @contextmanager
    def _bugged(self, mutant: Mutant) -> Iterator[None]:
        path = mutant.path(self._source)
        sound = path.read_text(encoding="utf-8")
        bugged = mutant.patched(sound)
        try:
            self._write(path, bugged)
            yield
        finally:
            self._write(path, sound)

    def _write(self, path: Path, text: str) -> None:
        """Write a file, and forget what was compiled of it: two texts may be of one size."""
        path.write_text(text, encoding="utf-8")
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()


def judged(status: int, said: str, seconds: float) -> Verdict:
    """What pytest's exit status and its words come to."""
    if not status:
        return Verdict("passed", seconds)
    tail = "\n".join(said.splitlines()[-_TAIL_LINES:])
    failed = _FAILED.search(said)
    if status == TEST_FAILED and failed is not None:
        return Verdict("failed", seconds, failed[1], tail)
    return Verdict("broken", seconds, said=tail)
