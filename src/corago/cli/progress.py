"""How far a batch is: a bar on a terminal, else a plain line every few seconds. On stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from corago.cli.output import Output, count
from corago.clock import Clock, SystemClock

FAILURES_KEPT = 100
LINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A process that did not complete, and why."""

    id: str
    status: str
    error: str


@dataclass(slots=True)
class Tally:
    """How far a batch is, in processes.

    `started` are new, `found` were there before; of these `resumed` had not ended. `completed`
    ended well now, `already` before; `failed` ended badly, now or before; `suspended` need a
    person.
    """

    total: int
    started: int = 0
    found: int = 0
    resumed: int = 0
    completed: int = 0
    already: int = 0
    failed: int = 0
    suspended: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """Those that nothing more is expected of."""
        return self.completed + self.already + self.failed + self.suspended

    def fail(self, id: str, status: str, error: str) -> None:
        """Count one that did not complete."""
        if status == "suspended":
            self.suspended += 1
        else:
            self.failed += 1
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(Failure(id, status, error))

    def text(self) -> str:
        """The counts that are not nothing, as people say them."""
        counts = {
            "started": self.started,
            "resumed": self.resumed,
            "completed": self.completed,
            "already done": self.already,
            "failed": self.failed,
            "suspended": self.suspended,
            "open": self.total - self.ended,
        }
        always = ("started", "completed", "failed")
        return " · ".join(f"{k} {n:,}" for k, n in counts.items() if n or k in always)


class Progress(Protocol):
    """Shows a tally."""

    def show(self) -> None:
        """It may have changed."""


@contextlib.contextmanager
def progress(out: Output, tally: Tally) -> Iterator[Progress]:
    """A bar where stderr is a terminal, else lines; nothing with --quiet."""
    if out.is_quiet:
        yield _Silent()
    elif sys.stderr.isatty():
        with _bar(tally) as bar:
            yield bar
    else:
        yield Lines(out, tally, SystemClock())


class _Silent:
    def show(self) -> None:
        """Nothing."""


class Lines:
    """A plain line every few seconds, and one at the end."""

    def __init__(self, out: Output, tally: Tally, clock: Clock) -> None:
        """Take whom to tell, what, and the time."""
        self._out = out
        self._tally = tally
        self._clock = clock
        self._begun = self._last = clock.monotonic()

    def show(self) -> None:
        """Say how far it is, unless that was said just now."""
        now = self._clock.monotonic()
        if now - self._last < LINE_SECONDS:
            return
        self._last = now
        tally, seconds = self._tally, now - self._begun
        rate = tally.ended / seconds
        left = (tally.total - tally.ended) / rate if rate else None
        self._out.say(
            f"{tally.ended:,} of {tally.total:,} done, {count(tally.failed, 'failure')}, "
            f"{rate:,.1f}/s" + ("" if left is None else f", {clocked(left)} left")
        )


@contextlib.contextmanager
def _bar(tally: Tally) -> Iterator[Progress]:
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TextColumn("[red]{task.fields[failures]}[/]"),
        bars.TimeElapsedColumn(),
        bars.TextColumn("left"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as shown:
        yield _Bar(shown, tally)


class _Bar:
    def __init__(self, shown: Any, tally: Tally) -> None:
        self._shown = shown
        self._tally = tally
        self._task = shown.add_task("", total=tally.total, rate="", failures="")

    def show(self) -> None:
        """Move the bar."""
        tally = self._tally
        speed = self._shown.tasks[0].speed
        bad = tally.failed + tally.suspended
        self._shown.update(
            self._task,
            completed=tally.ended,
            rate="" if speed is None else f"{speed:,.1f}/s",
            failures=count(bad, "failure") if bad else "",
        )


def clocked(seconds: float) -> str:
    """Seconds as `1:02:03` or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
