"""Time that stands still until it is told to move on. Nothing here reads the machine's clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DAWN = datetime(2026, 1, 1, tzinfo=UTC)
"""Where virtual time begins if nothing else is asked for."""


class VirtualClock:
    """A `Clock` for tests: both its faces stand still, and `advance` moves them together.

    Args:
        start: the first instant, aware (default: the first moment of 2026, UTC).
    """

    def __init__(self, start: datetime | None = None) -> None:
        start = DAWN if start is None else start
        if start.tzinfo is None:
            raise ValueError(f"{start!r} has no time zone; give an aware datetime")
        self._start = start.astimezone(UTC)
        self._now = self._start

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (self._now - self._start).total_seconds()

    def advance(self, by: timedelta | float) -> None:
        """Move on by a duration, or by seconds. Raises ValueError for a way back."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError(f"time does not go back, and {by!r} is negative")
        self._now += step
