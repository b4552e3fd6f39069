"""The desk: tasks taken and brought back one by one, by whoever works without a worker of ours.

It has a worker's row and keeps it alive; it runs no user code and decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from corago.clock import MovedClock
from corago.core import messages as m
from corago.core.tasks import ActivityTask
from corago.errors import EngineClosedError, StoreError, StoreUnavailableError, UnknownTaskError
from corago.ports.backend import Backend, PolledActivities
from corago.ports.store import Change
from corago.runtime.appending import Pen
from corago.runtime.attempt import HELD_BACK_SECONDS
from corago.runtime.crew import STOPPED
from corago.runtime.errand import begin_by, unrun
from corago.runtime.lease import Lease
from corago.runtime.listening import Ears
from corago.runtime.patience import Patience
from corago.runtime.seeking import Found, Seekers
from corago.runtime.settings import Surround
from corago.runtime.sitting import Sitting
from corago.runtime.sittings import Sittings

T = TypeVar("T")

_log = logging.getLogger("corago.worker")

SWEPT = 32
"""How many tasks that are not to be run are seen to at a time."""

PAUSE_SECONDS = 0.5
"""How long it waits after a store's error."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The desk's lease, and how long a decision may take."""

    lease: timedelta
    decision: timedelta


class Desk:
    """Tasks for others, in the name of one worker's row.

    `functions` gives the code of a definition by its sha. A decision is its taker's for a lease of
    its own, an activity as long as the row lives and its limits last. `present` counts those who
    come again and again.
    """

    def __init__(
        self,
        backend: Backend,
        surround: Surround,
        terms: Terms,
        *,
        name: str,
        functions: Callable[[str], Mapping[str, Any] | None],
        ears: Ears | None,
    ) -> None:
        """Nothing is registered yet: `start` does that."""
        self.backend = backend
        self.clock = backend.clock
        self.loop = asyncio.get_running_loop()
        self.lease = Lease(backend, name, terms.lease.total_seconds(), self._lost)
        self.patience = Patience(
            self.lease, surround.sleep, relieved=self.stir, given_up=lambda: None
        )
        pen = Pen(backend, self.patience, ears)
        self.sittings = Sittings(backend, pen, terms.decision, functions)
        self.present = 0
        self._name = name
        self._sleep = surround.sleep
        self._moved = surround.clock if isinstance(surround.clock, MovedClock) else None
        self._claiming = asyncio.Lock()
        self._held: dict[int, ActivityTask] = {}
        self._begin_by: dict[int, float | None] = {}
        self._seekers = Seekers(self.clock, self._may_look, self._moved)
        self._sweepers = Seekers(self.clock, self._may_look)
        self._is_unsure = False
        self._loops: list[asyncio.Task[None]] = []
        self._leave: Callable[[], None] = lambda: None

    # -- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Register, bury proven dead peers, and begin to see to what nobody else will.

        Raises StoreError.
        """
        await self.lease.enlist()
        await self.lease.look_at_peers()
        if self._moved is not None:
            self._leave = self._moved.join(self)
        sweep = partial(self._sweepers.seek, partial(self._take_activity, (), None, SWEPT))
        self._loops = [
            self.loop.create_task(self._again(sweep)),
            self.loop.create_task(self._again(self._keep)),
        ]

    async def stop(self) -> None:
        """Let others have what was not brought back, but for what runs at most once; and leave."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.lease.seconds):
                await self._seekers.end()
        self._leave()
        try:
            await self.sittings.let_go()
            back = [n for n, task in self._held.items() if not task.attempt.at_most_once]
            await self._give_back(back)
        except StoreError as error:
            _log.warning("%s leaves with tasks in its hands: %s", self._name, error)
        await self.lease.leave()

    async def _again(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it until the desk stops; what goes wrong is logged and tried again."""
        while True:
            try:
                await work()
            except EngineClosedError:
                return
            except StoreError as error:
                _log.warning("%s: %s", self._name, error)
                await self._sleep(PAUSE_SECONDS)
            except Exception:  # noqa: BLE001 - it outlives its own bugs, and says so
                _log.exception("%s: unexpected error in its own loop", self._name)
                await self._sleep(PAUSE_SECONDS)

    async def _keep(self) -> None:
        """One round: renew, look at the others, and at what is held here without being known."""
        await self._sleep(self.lease.seconds / 3)
        if await self.lease.renew():
            self.stir()
        if await self.lease.look_at_peers():
            self.stir()
        if (self._is_unsure or self._held) and self.lease.is_fresh:
            await self._compare()

    async def _compare(self) -> None:
        """Forget what is somebody else's, let go of what was taken by an answer that was lost."""
        async with self._claiming:
            owner, self._is_unsure = self.lease.id, False
            try:
                held = await self.backend.held_activity_tasks(owner)
                for number in self._held.keys() - held.keys():
                    self._held.pop(number, None)
                    self._begin_by.pop(number, None)
                if owner == self.lease.id:
                    await self._give_back([n for n in held if n not in self._held])
            except BaseException:
                self._is_unsure = True
                raise

    async def _give_back(self, numbers: Sequence[int]) -> None:
        if numbers:
            now = self.clock.now()
            await self.backend.return_activity_tasks(self.lease.id, numbers, now)

    def _may_look(self) -> bool:
        return self.lease.is_fresh

    def _lost(self) -> None:
        """Without a lease, all of it is somebody else's."""
        self._held.clear()
        self._begin_by.clear()
        self.sittings.forget()

    # -- being told --------------------------------------------------------------------------

    def stir(self) -> None:
        """There may be something new for whoever waits."""
        self._seekers.stir()
        self._sweepers.stir()

    def notice(self, change: Change) -> None:
        """Something was committed through this engine's own store."""
        if change.kind != "closed":
            self.stir()

    def time_moved(self) -> None:
        """A clock that is moved by hand shows another instant."""
        self.stir()

    @property
    def wakes_at(self) -> datetime:
        """The instant that it waits for: one that has come while somebody works, or looks."""
        is_anybody_at_work = len(self._seekers) < self.present
        if self._held or self.sittings.are_open or is_anybody_at_work:
            return self.clock.now()
        return min(self._seekers.wakes_at, self._sweepers.wakes_at)

    # -- taking ------------------------------------------------------------------------------

    async def activity(
        self,
        queues: Sequence[str],
        activities: Callable[[], Collection[str] | None],
        seconds: float | None,
        goes_on: Callable[[], bool],
    ) -> ActivityTask | None:
        """The next task of these queues that is to be run; None after so many seconds without one.

        Before each look, `activities` is asked for the names of those that are known there (None:
        any are), and `goes_on` whether there is to be one.
        """

        async def take() -> Found[ActivityTask]:
            return await self._take_activity(queues, activities(), 1)

        return await self._seekers.seek(take, seconds, goes_on)

    async def decision(
        self, shas: Sequence[str], seconds: float | None, goes_on: Callable[[], bool]
    ) -> Sitting | None:
        """The next decision about a process of these definitions that somebody must make."""

        async def take() -> Found[Sitting]:
            return await self.sittings.take(self.lease.id, shas)

        return await self._seekers.seek(take, seconds, goes_on)

    # -- activities --------------------------------------------------------------------------

    def may_begin(self, task: ActivityTask) -> bool:
        """Whether the lease and its own limits still stand, asked last of all before it is done.

        An OS process that was stopped goes on where it was, and others may have done it all. From
        any thread.
        """
        by = self._begin_by.get(task.number)
        is_late = by is not None and by <= self.loop.time()
        return self.lease.is_fresh and self.lease.id == task.owner and not is_late

    async def leave(self, task: ActivityTask) -> None:
        """Let others have a task that was not begun."""
        self._forget(task)
        self._is_unsure = True

    async def _take_activity(
        self, queues: Sequence[str], activities: Collection[str] | None, limit: int
    ) -> Found[ActivityTask]:
        """One that is to be run; what is not to be, and came before it, is seen to."""
        while True:
            polled = await self._claimed((STOPPED, *queues), activities, limit)
            for task in polled.tasks:
                outcome = unrun(task)
                if outcome is None:
                    return task, None
                await self._settle(task, outcome)
            if not polled.tasks:
                return None, polled.next_due

    async def _claimed(
        self, queues: Sequence[str], activities: Collection[str] | None, limit: int
    ) -> PolledActivities:
        async with self._claiming:
            asked = self.loop.time()
            try:
                polled = await self.backend.poll_activity_tasks(
                    self.lease.id, queues, (), limit, activities=activities
                )
            except BaseException:
                self._is_unsure = True
                raise
            time, now = self.loop.time(), self.clock.now()
            for task in polled.tasks:
                self._held[task.number] = task
                self._begin_by[task.number] = begin_by(task, asked, time, now)
            return polled

    async def _settle(self, task: ActivityTask, outcome: m.Outcome) -> None:
        """Say of a task that is not to be run how it ended."""
        try:
            await self.backend.complete_activity_task(task, outcome)
        except StoreError:
            self._is_unsure = True
            raise
        finally:
            self._forget(task)

    def _forget(self, task: ActivityTask) -> None:
        known = self._held.get(task.number)
        if known is not None and known.epoch == task.epoch:
            del self._held[task.number]
            self._begin_by.pop(task.number, None)

    async def complete(self, task: ActivityTask, outcome: m.Outcome) -> None:
        """Bring the outcome of a task. Raises UnknownTaskError if it is wanted no longer."""
        complete = self.backend.complete_activity_task
        self._settled(task, is_taken=await self._ended(task, partial(complete, task, outcome)))

    async def beat(self, task: ActivityTask, details: Any, *, says: bool) -> bool:
        """Say that somebody is at it; gives whether it is to stop. Raises UnknownTaskError."""

        async def beat() -> tuple[bool | None]:
            return (await self.backend.heartbeat_activity_task(task, details, says=says),)

        (stops,) = await self._surely(task, beat)
        if stops is None:
            self._forget(task)
            raise UnknownTaskError(task.token)
        return stops

    async def detach(self, task: ActivityTask) -> None:
        """Leave a task to whoever completes it by its token. Raises UnknownTaskError."""
        detach = self.backend.detach_activity_task
        self._settled(task, is_taken=await self._ended(task, partial(detach, task)))

    async def _ended(self, task: ActivityTask, write: Callable[[], Awaitable[bool]]) -> bool:
        """Whether a write was taken that ends somebody's hold of a task.

        What is refused when it is repeated was taken before, and the answer lost.
        """
        tries = 0

        async def once() -> bool:
            nonlocal tries
            tries += 1
            return await write() or tries > 1

        return await self._surely(task, once)

    async def _surely(self, task: ActivityTask, write: Callable[[], Awaitable[T]]) -> T:
        """Write it, and try again until the lease is lost: until then nobody else sees to it."""
        try:
            return await write()
        except StoreUnavailableError as error:
            while (written := await self.patience.write(write, task.process, error)) is None:
                if self.lease.is_lost or self.lease.id != task.owner:
                    raise
                await self._sleep(HELD_BACK_SECONDS)
            return written

    def _settled(self, task: ActivityTask, *, is_taken: bool) -> None:
        self._forget(task)
        if not is_taken:
            raise UnknownTaskError(task.token)
