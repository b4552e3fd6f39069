"""`python -m benchmarks`: every measurement, repeated, as a table of ratios with their goals."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.cases import CASES, Figure, Size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(CASES), help="this one only")
    parser.add_argument("--quick", action="store_true", help="small and once: shows that all runs")
    parser.add_argument("--repeat", type=int, default=5, help="how often (default 5)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    wanted = parser.parse_args()
    rounds: list[list[Figure]] = []
    for number in range(1 if wanted.quick else wanted.repeat):
        found: list[Figure] = []
        for name in wanted.only or list(CASES):
            # A figure and its floor are measured in one breath, and each round has a fresh file.
            with tempfile.TemporaryDirectory(prefix="corago-bench-") as folder:
                found += CASES[name](Path(folder), Size(is_quick=wanted.quick))
        rounds.append(found)
        print(f"round {number + 1} done", flush=True)
    report(rounds)
    if wanted.json:
        figures = [[asdict(figure) for figure in each] for each in rounds]
        found_on = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
        found_on["processors"] = str(os.cpu_count())
        told = {"machine": found_on, "rounds": figures}
        wanted.json.write_text(json.dumps(told, indent=1), encoding="utf-8")


def report(rounds: list[list[Figure]]) -> None:
    """Print medians with their ranges, and which goals are met."""
    head = ("measurement", "unit", "ours (min-max)", "floor (min-max)", "ratio (min-max)", "goal")
    print(f"{head[0]:28}{head[1]:11}{head[2]:28}{head[3]:28}{head[4]:22}{head[5]:17}met")
    met: dict[str, bool] = {}
    for same in zip(*rounds, strict=True):
        first = same[0]
        columns = [
            _span([getattr(each, field) for each in same]) for field in ("ours", "floor", "ratio")
        ]
        said = "-"
        if first.goal != "-":
            met[first.name] = sum(each.is_met for each in same) * 2 > len(same)
            said = "yes" if met[first.name] else "NO"
        print(
            f"{first.name:28}{first.unit:11}{columns[0]:28}{columns[1]:28}{columns[2]:22}"
            f"{first.goal:17}{said}"
        )
        if first.note:
            print(f"{'':28}{same[-1].note}")
    missed = [name for name, is_met in met.items() if not is_met]
    tail = f"; missed: {', '.join(missed)}" if missed else ""
    print(f"\n{len(met) - len(missed)} of {len(met)} goals met{tail}")


def _span(values: list[float]) -> str:
    """The median, and the range where there is one."""
    digits = 0 if max(values) >= 1000 else 2
    middle, low, high = (
        f"{each:,.{digits}f}" for each in (statistics.median(values), min(values), max(values))
    )
    return middle if low == high else f"{middle} ({low}-{high})"


if __name__ == "__main__":
    main()
