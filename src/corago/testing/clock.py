"""Time that stands still until it is told to move on. Nothing here reads the machine's clocks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from corago.clock import NEVER, Sleeper

DAWN = datetime(2026, 1, 1, tzinfo=UTC)
"""Where virtual time begins if nothing else is asked for."""

PACE_SECONDS = 0.001
"""How often it looks, while somebody waits, whether everybody rests."""

STILL_GLANCES = 60
"""So many looks in a row must find all at rest where several engines share the clock and a store.

They hear of each other's writes within 25 ms; this is more than twice as long.
"""


class VirtualClock:
    """A `Clock` for tests: both its faces stand still, and move together when they are moved.

    `Engine(clock=VirtualClock())` jumps: while somebody waits in `result()` and the engine is
    idle, the clock goes to the next instant for which a process waits (a sleep, a timer, a retry,
    a timeout, a limit of what stands in a queue), so that thirty days pass in a moment. While
    nobody waits, time stands still: what a test sends between two waits comes before any timeout.

    While a step or activity runs, the clock stands still too: the timeouts of what runs in the
    worker go by real time. The limits of what came from a queue are kept by this clock, so
    `advance` makes a running one late. Leases and the `timeout` of `result()` go by real time.

    Args:
        start: the first instant, aware (default: the first moment of 2026, UTC).
        jumps: False leaves it to `advance` and `jump` to move it; may be changed at any time.
    """

    def __init__(self, start: datetime | None = None, *, jumps: bool = True) -> None:
        start = DAWN if start is None else start
        if start.tzinfo is None:
            raise ValueError(f"{start!r} has no time zone; give an aware datetime")
        self.jumps = jumps
        self._start = start.astimezone(UTC)
        self._now = self._start
        self._lock = threading.Lock()
        self._sleepers: list[Sleeper] = []
        self._waiting: list[asyncio.AbstractEventLoop] = []

    def __repr__(self) -> str:
        """Show the instant."""
        return f"<VirtualClock at {self._now:%Y-%m-%d %H:%M:%S.%f} UTC>"

    # -- reading -----------------------------------------------------------------------------

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (self._now - self._start).total_seconds()

    @property
    def next_instant(self) -> datetime | None:
        """The first instant that a process waits for; None while an engine is at work, or idle."""
        due = self._due()
        return due if self._now < due < NEVER else None

    @property
    def is_at_rest(self) -> bool:
        """Whether every engine of this clock waits: for an instant, a message or a person."""
        return self._due() > self._now

    # -- moving ------------------------------------------------------------------------------

    def advance(self, by: timedelta | float) -> None:
        """Move on by a duration, or by seconds; engines look at once what has become due.

        What fell due on the way is found late, as after a machine's sleep; `jump` goes from
        instant to instant. Raises ValueError for a way back.
        """
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            raise ValueError(f"time does not go back, and {by!r} is negative")
        with self._lock:
            self._now += step
        self._tell()

    def jump(self) -> bool:
        """Go to the next instant that a process waits for, if every engine is at rest.

        Gives whether there was one.
        """
        with self._lock:
            due = self._due()
            if not self._now < due < NEVER:
                return False
            self._now = due
        self._tell()
        return True

    def _due(self) -> datetime:
        return min((each.wakes_at for each in tuple(self._sleepers)), default=NEVER)

    def _tell(self) -> None:
        for sleeper in tuple(self._sleepers):
            with contextlib.suppress(RuntimeError):  # its loop has ended
                sleeper.loop.call_soon_threadsafe(sleeper.time_moved)

    # -- engines -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        """Within it, somebody waits for whatever time will bring: the clock may jump."""
        loop = asyncio.get_running_loop()
        self._waiting.append(loop)
        try:
            yield
        finally:
            self._waiting.remove(loop)

    def join(self, sleeper: Sleeper) -> Callable[[], None]:
        """Let an engine's worker have a say in when time passes; gives how it leaves."""
        self._sleepers.append(sleeper)
        pacing = sleeper.loop.create_task(self._pace(sleeper))

        def leave() -> None:
            pacing.cancel()
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

        return leave

    async def _pace(self, sleeper: Sleeper) -> None:
        """Jump whenever all rest and somebody waits."""
        glances = 0
        while True:
            await asyncio.sleep(PACE_SECONDS)
            is_still = self.jumps and self._waiting and self.next_instant is not None
            glances = glances + 1 if is_still else 0
            is_alone = {sleeper.loop}.issuperset(self._waiting) and len(self._sleepers) == 1
            if glances and (is_alone or glances >= STILL_GLANCES):
                self.jump()
                glances = 0
