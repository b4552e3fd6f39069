"""The only reader of time. Everything else is handed a Clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NEVER = datetime.max.replace(tzinfo=UTC)
"""The instant that does not come."""

DAWN_OF_TIME = datetime.min.replace(tzinfo=UTC)
"""The first instant that there is a name for."""


class Clock(Protocol):
    """Two clocks in one: the calendar, which may jump, and a steady one for durations."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()


class SharedClock:
    """The machine's own clock, brought into line with the calendar of somebody whom many ask.

    Whoever tells his instant in an answer is heard; where the two agree, as far as the answer's way
    lets one say, nothing changes.
    """

    def __init__(self, own: Clock) -> None:
        """Go by the own clock, as long as nothing else is heard."""
        self.own = own
        self._ahead = timedelta(0)
        self.now: Callable[[], datetime] = own.now
        """The instant of the shared calendar; rather a little late than early."""

    def _brought_into_line(self) -> datetime:
        return self.own.now() + self._ahead

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return self.own.monotonic()

    def hear(self, at: datetime, asked: datetime) -> None:
        """It was `at` there, some time after it was `asked` by the own clock, and before now."""
        least, most = at - self.own.now(), at - asked
        if least <= most and not least <= self._ahead <= most:
            self._ahead, self.now = least, self._brought_into_line


class Sleeper(Protocol):
    """Whoever works and rests on an event loop, by a clock that is moved by hand."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where it lives."""
        ...

    @property
    def wakes_at(self) -> datetime:
        """The instant that it waits for: one that has come while it works, or NEVER."""
        ...

    def time_moved(self) -> None:
        """The calendar shows another instant; called on the loop."""
        ...


@runtime_checkable
class MovedClock(Clock, Protocol):
    """A clock that is moved by hand, as in tests: it knows who waits for an instant of it."""

    def join(self, sleeper: Sleeper) -> Callable[[], None]:
        """Have a say in when time may pass, and hear that it has; gives how to leave."""
        ...

    def patience(self) -> AbstractContextManager[None]:
        """Within it, somebody waits for whatever time will bring."""
        ...


def to_us(at: datetime) -> int:
    """Microseconds since 1970, as stores keep instants."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_us(at_us: int) -> datetime:
    """The instant that a store's microseconds mean; the first or the last one beyond all."""
    try:
        return EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        return NEVER if at_us > 0 else DAWN_OF_TIME
