"""The log of the town hall: where it is, or one like it, and what must come out of it.

The real one (1,434 applications, 8,577 rows) lies outside of the repository. A clone without it
makes a smaller one with the same columns and the same oddities. What must come out is computed here
in plain Python over whole microseconds, sharing nothing with the example that is judged by it.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

REAL = Path(__file__).resolve().parents[2] / "../shared/data/receipt.csv"

COLUMNS = (
    "case:channel",
    "case:concept:name",
    "case:deadline",
    "case:department",
    "case:enddate",
    "case:enddate_planned",
    "case:group",
    "case:responsible",
    "case:startdate",
    "concept:instance",
    "concept:name",
    "lifecycle:transition",
    "org:group",
    "org:resource",
    "time:timestamp",
)

DAY_US = 86_400_000_000
ALWAYS = frozenset(
    {
        "Read rows",
        "Measure/Measure pace",
        "Measure/Count handovers",
        "Check deadline",
        "Summarise",
    }
)
WHEN_LATE = frozenset({"Estimate penalty", "Escalate"})


@dataclass(frozen=True)
class Expected:
    """What the process of one application must come to; durations in microseconds."""

    verdict: str
    events: int
    handovers: int
    span_us: int
    longest_wait_us: int
    overdue_us: int
    penalty: int

    @property
    def steps(self) -> frozenset[str]:
        """The paths of the steps that must run."""
        return ALWAYS | WHEN_LATE if self.verdict == "late" else ALWAYS


def log_in(folder: Path) -> Path:
    """The real log, or one made in the folder."""
    return REAL if REAL.exists() else make_log(folder / "receipt.csv")


def expectations(log: Path) -> dict[str, Expected]:
    """By the id of each process, what must come of it."""
    with log.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["case:concept:name"])
    cases = itertools.groupby(rows, key=lambda row: row["case:concept:name"])
    return {f"permit:{case}": _expected(list(group)) for case, group in cases}


def _expected(rows: list[dict[str, str]]) -> Expected:
    instants = [_microseconds(row["time:timestamp"]) for row in rows]
    hands = [row["org:resource"] for row in rows]
    ended = rows[0]["case:enddate"]
    end = _microseconds(ended) if ended else max(instants)
    overdue = end - _microseconds(rows[0]["case:deadline"])
    days = max(0, math.ceil(overdue / DAY_US))
    return Expected(
        verdict="late" if overdue > 0 else "in_time" if ended else "open",
        events=len(rows),
        handovers=sum(hands[n] != hands[n - 1] for n in range(1, len(hands))),
        span_us=max(instants) - min(instants),
        longest_wait_us=max(
            (instants[n] - instants[n - 1] for n in range(1, len(instants))), default=0
        ),
        overdue_us=overdue,
        penalty=20 * _between(days, 0) + 30 * _between(days, 14) + 40 * _between(days, 28),
    )


def _between(days: int, first: int) -> int:
    """How many of the days lie in the two weeks from `first`."""
    return min(max(days - first, 0), 14)


def _microseconds(text: str) -> int:
    since = datetime.fromisoformat(text) - datetime(2010, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1)


# -- a log like the real one -----------------------------------------------------------------------

SUMMER, WINTER = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
USUAL = (
    "Confirmation of receipt",
    "T02 Check confirmation of receipt",
    "T04 Determine confirmation of receipt",
    "T05 Print and send confirmation of receipt",
    "T06 Determine necessity of stop advice",
    "T10 Determine necessity to stop indication",
)


def make_log(path: Path, count: int = 200) -> Path:
    """Write a log of `count` applications, always the same one."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for number in range(count):
            writer.writerows(_application(number))
    return path


def _application(number: int) -> Iterator[dict[str, str]]:
    """Some have one row only, some never end, some end before their last row, some are late."""
    zone = WINTER if number % 3 else SUMMER
    started = datetime(2011, 3, 1, 9, tzinfo=zone) + timedelta(
        hours=7 * number, milliseconds=number
    )
    deadline = started + timedelta(days=56)
    length = 1 if number % 12 == 5 else 3 + number * 7 % 10
    pause = timedelta(hours=5 + number % 31, milliseconds=number * 13 % 1000)
    if number % 4 == 1:
        pause += timedelta(days=75) / length
    first = started + timedelta(minutes=-3 if number % 50 == 7 else 4)
    ended = "" if number % 13 == 6 else str(first + pause * (length - number % 2))
    for place in range(length):
        yield {
            "case:channel": ("Internet", "Desk", "Post", "e-mail", "Intern")[number % 5],
            "case:concept:name": f"case-{10_000 + number}",
            "case:deadline": str(deadline),
            "case:department": ("General", "Experts", "Customer contact")[number % 3],
            "case:enddate": ended,
            "case:enddate_planned": str(deadline + timedelta(milliseconds=10)),
            "case:group": "" if number % 2 else f"Group {number % 9}",
            "case:responsible": f"Resource{number % 30:02}",
            "case:startdate": str(started),
            "concept:instance": f"task-{number * 100 + place}",
            "concept:name": USUAL[place % len(USUAL)],
            "lifecycle:transition": "complete",
            "org:group": "EMPTY" if place == 0 else f"Group {place % 4}",
            "org:resource": f"Resource{(number + place // 2) % 30:02}",
            "time:timestamp": str(first + place * pause),
        }
