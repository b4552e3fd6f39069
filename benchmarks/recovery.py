"""Half-done processes whose OS process is killed: how soon a new one has completed them all."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Figure, Size, only
from benchmarks.victim import STEPS

TIMEOUT = 300


def _child(role: str, path: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.victim", role, str(path), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _finished(role: str, path: Path, count: int) -> float:
    """Seconds from the start of an OS process until it has completed everything."""
    begun = time.perf_counter()
    child = _child(role, path, count)
    said = child.communicate(timeout=TIMEOUT)[0].split()
    assert said == ["done"], said
    return time.perf_counter() - begun


def _wait_for(file: Path, lines: int) -> None:
    end = time.perf_counter() + TIMEOUT
    while not file.exists() or file.read_bytes().count(b"\n") < lines:
        assert time.perf_counter() < end, "the victim is stuck"
        time.sleep(0.002)


def recovery(folder: Path, size: Size) -> list[Figure]:
    """1,000 processes, killed when half of all steps have run; against half the work afresh."""
    count = size.of(1000, 20)
    path, fresh = folder / "recover.db", folder / "fresh.db"
    log = path.with_suffix(".log")
    with _child("half", path, count) as victim:
        _wait_for(log, count * STEPS // 2)
        victim.kill()
    took = _finished("rest", path, count)
    base = _finished("afresh", fresh, count)
    ran = log.read_text("utf-8").split()
    again = len(ran) - len(set(ran))
    assert len(set(ran)) == count * STEPS
    note = f"{again} of {count * STEPS:,} steps run twice; floor: half the work afresh"
    return [only(f"recovery of {count:,}", took, base, "s", note)]
