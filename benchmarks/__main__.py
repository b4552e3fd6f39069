"""`python -m benchmarks`: every measurement, repeated, as a table of ratios with their goals."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.cases import CASES, Figure, Size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(CASES), help="this one only")
    parser.add_argument("--quick", action="store_true", help="small and once: shows that all runs")
    parser.add_argument("--repeat", type=int, default=3, help="how often (default 3)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    wanted = parser.parse_args()
    names = wanted.only or list(CASES)
    rounds: list[list[Figure]] = []
    for number in range(1 if wanted.quick else wanted.repeat):
        found: list[Figure] = []
        for name in names:
            # A figure and its floor are measured in one breath, and each round has a fresh file.
            with tempfile.TemporaryDirectory(prefix="corago-bench-") as folder:
                found += CASES[name](Path(folder), Size(is_quick=wanted.quick))
        rounds.append(found)
        print(f"round {number + 1} done", flush=True)
    report(rounds)
    if wanted.json:
        figures = [[asdict(figure) for figure in each] for each in rounds]
        wanted.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def report(rounds: list[list[Figure]]) -> None:
    """Print medians, with the range of the ratio."""
    head = ("measurement", "ours", "floor", "ratio (min-max)", "unit", "goal", "met")
    print(f"{head[0]:28}{head[1]:>11}{head[2]:>11}  {head[3]:24}{head[4]:14}{head[5]:18}{head[6]}")
    for same in zip(*rounds, strict=True):
        first = same[0]
        ours, floor, ratio = (
            statistics.median(getattr(each, field) for each in same)
            for field in ("ours", "floor", "ratio")
        )
        span = f"{ratio:.3f} ({min(f.ratio for f in same):.3f}-{max(f.ratio for f in same):.3f})"
        met = sum(each.is_met for each in same) * 2 > len(same)
        met_text = "-" if first.goal == "-" else "yes" if met else "NO"
        print(
            f"{first.name:28}{ours:11,.2f}{floor:11,.2f}  {span:24}{first.unit:14}"
            f"{first.goal:18}{met_text}"
        )


if __name__ == "__main__":
    main()
