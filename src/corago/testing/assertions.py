"""Expectations of a process that read well; a failed one shows what was recorded.

Each waits for what it claims, lets virtual time pass where there is some, and gives up as soon as
nothing more will happen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from corago.blocking import Handle
from corago.clock import Clock, SystemClock
from corago.core import codec
from corago.core import events as e
from corago.core.history import History
from corago.runtime.handle import AsyncHandle
from corago.runtime.views import ProcessInfo
from corago.testing.clock import VirtualClock
from corago.testing.crashing import Run
from corago.testing.telling import short, told

GLANCE_SECONDS = 0.002
"""How often it looks at a process that is at work."""

RESTING = frozenset({"waiting", "suspended"})

WORK = ("step", "queue", "work", "token", "retry")
"""The kinds of waits for something that runs."""

ANYTHING: Any = object()
"""For a result that nothing is expected of."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A process as it was found: its recorded events and, where an engine was asked, its info."""

    history: History
    info: ProcessInfo | None = None

    @property
    def status(self) -> str:
        """Where it stands."""
        if self.info is not None:
            return self.info.status
        return e.CLOSING.get(type(self.history[-1]), "running")

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self.status in e.CLOSED_STATUSES

    @property
    def completed(self) -> tuple[str, ...]:
        """The paths of the steps that ended well, in order."""
        return tuple(
            event.path
            for event in self.history.of(e.ActivityClosed)
            if isinstance(event.result, e.ActivityCompleted)
        )


Claim = Callable[[Sight], str | None]
"""What is wrong with a process, in words; None if nothing is."""


def expect(process: Handle | Run | History, *, within: float = 5.0) -> Expectation:
    """What a test expects of a process: `expect(handle).completed_with(port=7)`.

    Expectations can be chained. Those of a handle wait up to `within` seconds of real time; under
    a VirtualClock they let virtual time pass, and fail at once when nothing more will happen. A
    `Run` and a History are judged as they are; an `AsyncHandle` is not looked at from here: give
    `await handle.history()` after `await handle.result()`.

    Raises:
        AssertionError: from each expectation that is not met, with the history.
    """
    if isinstance(process, AsyncHandle):
        raise TypeError(
            "expect can't wait for an AsyncHandle: give it `await handle.history()`, once it is "
            "where the test wants it"
        )
    return Expectation(process, within)


class Expectation:
    """What a test expects of one process; made by `expect`."""

    def __init__(self, process: Handle | Run | History, within: float) -> None:
        """Take the process, and how many seconds of real time it may take."""
        self._process = process
        self._within = within
        engine: Any = getattr(process, "_engine", None)
        clock: Clock | None = None if engine is None else engine._engine._surround.clock  # noqa: SLF001 - the kit looks inside
        self._clock = clock if isinstance(clock, VirtualClock) else None

    # -- how it ends -------------------------------------------------------------------------

    def completed(self) -> Self:
        """It completes."""
        __tracebackhide__ = True
        return self.completed_with()

    def completed_with(self, result: Any = ANYTHING, /, **values: Any) -> Self:
        """It completes with these values in its State, and maybe others; or with just this result.

        Each as a step returns it, or as JSON holds it.
        """
        __tracebackhide__ = True
        wanted = result

        def claim(sight: Sight) -> str | None:
            if sight.status != "completed":
                return f"it should complete, and is {_stands(sight)}"
            result = sight.history.of(e.ProcessCompleted)[-1].result
            if wanted is not ANYTHING and result not in (wanted, codec.plain(wanted)):
                return f"it completed with {result!r}, and should with {wanted!r}"
            if not isinstance(result, dict):
                result = {}
            other = [
                f"{key}={result[key]!r} instead of {value!r}" if key in result else f"no {key!r}"
                for key, value in values.items()
                if key not in result or result[key] not in (value, codec.plain(value))
            ]
            return f"it completed with {', '.join(other)}" if other else None

        return self._hold(claim)

    def failed_at(
        self,
        path: str,
        error: str | type[BaseException] | None = None,
        *,
        saying: str | None = None,
    ) -> Self:
        """It fails at the step of this path.

        `error` is the error's class, or its name; `saying` a part of its text.
        """
        __tracebackhide__ = True
        name = error.__name__ if isinstance(error, type) else error

        def claim(sight: Sight) -> str | None:
            if sight.status != "failed":
                return f"it should fail at {path!r}, and is {_stands(sight)}"
            end = sight.history.of(e.ProcessFailed)[-1]
            fits = end.path == path and name in (None, end.error.type)
            if fits and (saying is None or saying in end.error.message):
                return None
            wanted = " ".join(filter(None, (f"at {path!r}", name, saying and f"saying {saying!r}")))
            return f"it failed at {end.path!r} ({end.error}), and should {wanted}"

        return self._hold(claim)

    def canceled(self) -> Self:
        """It ends as canceled."""
        __tracebackhide__ = True
        return self._ends("canceled")

    def aborted(self) -> Self:
        """It ends as aborted."""
        __tracebackhide__ = True
        return self._ends("aborted")

    def timed_out(self) -> Self:
        """It runs longer than its timeout."""
        __tracebackhide__ = True
        return self._ends("timed_out")

    def _ends(self, status: str) -> Self:
        __tracebackhide__ = True
        return self._hold(
            lambda sight: (
                None
                if sight.status == status
                else f"it should be {status}, and is {_stands(sight)}"
            )
        )

    # -- where it stands ---------------------------------------------------------------------

    def waits_for_signal(self, name: str) -> Self:
        """It comes to where it waits for a signal of this name."""
        __tracebackhide__ = True
        return self._waits("signal", lambda wait: wait.detail == name, f"the signal {name!r}")

    def sleeps(self, path: str = "Sleep") -> Self:
        """It comes to where the element at this path sleeps."""
        __tracebackhide__ = True
        return self._waits("sleep", lambda wait: wait.path == path, f"{path!r} to end")

    def waits_for_timer(self, timer: str = "timer") -> Self:
        """It comes to where a decider's timer of this id is open."""
        __tracebackhide__ = True
        return self._waits("timer", lambda wait: wait.path == timer, f"the timer {timer!r}")

    def waits_for_activity(self, path: str) -> Self:
        """It comes to where the activity (or step) at this path is open, in whoever's hands."""
        __tracebackhide__ = True
        return self._waits(WORK, lambda wait: wait.path == path, f"{path!r}")

    def suspended_at(self, path: str) -> Self:
        """It comes to where a person is needed at this path."""
        __tracebackhide__ = True
        return self._waits("incident", lambda wait: wait.path == path, f"a person at {path!r}")

    def _waits(self, kind: str | tuple[str, ...], fits: Callable[[Any], bool], what: str) -> Self:
        __tracebackhide__ = True
        kinds = (kind,) if isinstance(kind, str) else kind

        def claim(sight: Sight) -> str | None:
            if sight.info is None:
                return "a history alone does not tell what a process waits for; give a handle"
            if any(wait.kind in kinds and fits(wait) for wait in sight.info.waits):
                return None
            return f"it should wait for {what}, and is {_stands(sight)}"

        return self._hold(claim)

    # -- what it did -------------------------------------------------------------------------

    def ran(self, *paths: str) -> Self:
        """These steps end well, in this order; others may run between them."""
        __tracebackhide__ = True

        def claim(sight: Sight) -> str | None:
            done = iter(sight.completed)
            missing = next((path for path in paths if path not in done), None)
            if missing is None:
                return None
            ran = ", ".join(sight.completed) or "none"
            return f"{missing!r} should have run{_after(paths, missing)}; the steps that ran: {ran}"

        return self._hold(claim)

    def did_not_run(self, *paths: str) -> Self:
        """None of these steps has ended well by the time the process rests or has ended."""
        __tracebackhide__ = True

        def claim(sight: Sight) -> str | None:
            ran = [path for path in paths if path in sight.completed]
            return f"{', '.join(map(repr, ran))} should not have run" if ran else None

        return self._hold(claim, is_denial=True)

    def attempts(self, path: str, count: int) -> Self:
        """The step at this path has had so many attempts, the last one included."""
        __tracebackhide__ = True

        def claim(sight: Sight) -> str | None:
            ends = [
                event
                for event in sight.history.of(e.ActivityRetried, e.ActivityClosed)
                if event.path == path
            ]
            had = f"{path!r} has had {len(ends)} attempts, and should have {count}"
            return None if len(ends) == count else had

        return self._hold(claim)

    # -- looking -----------------------------------------------------------------------------

    def _look(self) -> Sight:
        process = self._process
        if isinstance(process, Handle):
            info = process.info()
            return Sight(process.history(), info)
        if isinstance(process, Run):
            return Sight(process.history, process.info)
        return Sight(process)

    def _hold(self, claim: Claim, *, is_denial: bool = False) -> Self:
        """Wait until the claim holds, or can hold no more; a denial, until the process rests."""
        __tracebackhide__ = True
        steady, pause = SystemClock(), threading.Event()
        end = steady.monotonic() + self._within
        while True:
            is_still = self._clock is not None and self._clock.is_at_rest
            sight = self._look()
            complaint = claim(sight)
            is_settled = is_still or self._is_settled(sight)
            if is_denial and (complaint or is_settled):
                break
            if not is_denial and (complaint is None or (is_settled and not self._passes(sight))):
                break
            if steady.monotonic() > end:
                complaint = f"{complaint or 'it is still at work'} (after {self._within:g} s)"
                break
            pause.wait(GLANCE_SECONDS)
        if complaint is None:
            return self
        raise AssertionError(f"{complaint}\n{told(sight.history)}")

    def _is_settled(self, sight: Sight) -> bool:
        """Whether it will stay as it is."""
        if self._clock is None and sight.status in RESTING:
            return True
        return sight.is_closed or not isinstance(self._process, Handle)

    def _passes(self, sight: Sight) -> bool:
        """Let time pass up to the next instant; False where nothing more will happen."""
        if sight.is_closed or not isinstance(self._process, Handle):
            return False
        clock = self._clock
        return clock is None or (clock.jumps and clock.jump())


def _stands(sight: Sight) -> str:
    info = sight.info
    why = "" if info is None else "; ".join(str(wait) for wait in info.waits)
    if info is not None and info.error is not None:
        why = short({"type": info.error.type, "message": info.error.message})
    return f"{sight.status} ({why})" if why else sight.status


def _after(paths: tuple[str, ...], path: str) -> str:
    index = paths.index(path)
    return f" after {paths[index - 1]!r}" if index else ""
