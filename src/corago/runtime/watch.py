"""The limits of an attempt that no task row keeps: the one who runs it watches them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from corago.core import decisions as d
from corago.core import events as e


class Watch:
    """What may run out while an attempt without a queue is open, by the loop's time.

    A Pulse: heartbeats are noted here and go no further, since its worker hears them.
    """

    __slots__ = (
        "_beaten",
        "_began",
        "_close_by",
        "_silence",
        "_time",
        "_timeout",
        "before",
        "token",
    )

    def __init__(
        self, wish: d.ScheduleActivity, before: Any, time: Callable[[], float], now: datetime
    ) -> None:
        """Read the limits of the wish; `time` reads the loop's clock, `now` is the calendar's.

        `before` is what the attempt before said last.
        """
        limits = wish.limits
        close_by = None if limits is None else limits.close_by
        self.before = before
        self.token = ""
        self._time = time
        self._timeout = wish.timeout
        self._silence = None if limits is None else limits.heartbeat
        self._close_by = None if close_by is None else time() + (close_by - now).total_seconds()
        self._began: float | None = None
        self._beaten = 0.0

    def begin(self) -> None:
        """It runs from here on."""
        self._began = self._beaten = self._time()

    def hold_back(self) -> None:
        """It does not run yet, after all."""
        self._began = None

    def beat(self, details: object) -> None:  # noqa: ARG002 - the context keeps what was said
        """It is alive."""
        self._beaten = self._time()

    def first(self) -> tuple[float, e.ActivityTimedOut] | None:
        """When the first of its limits runs out, and how it ends then; None if none ever does."""
        found: list[tuple[float, str, float | None]] = []
        if self._close_by is not None:
            found.append((self._close_by, "schedule_to_close", None))
        if self._began is not None and self._timeout is not None:
            found.append((self._began + self._timeout, "start_to_close", self._timeout))
        if self._began is not None and self._silence is not None:
            found.append((self._beaten + self._silence, "heartbeat", self._silence))
        if not found:
            return None
        at, kind, seconds = min(found, key=lambda each: each[0])
        return at, e.ActivityTimedOut(kind, seconds)
