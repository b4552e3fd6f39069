"""A worker: takes due processes, gives each a turn.

Keeps its lease alive and buries dead peers. Loops; decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from corago.clock import Clock
from corago.core import kernel
from corago.core.commit import Commit
from corago.core.events import Failure
from corago.core.process import Process
from corago.core.tasks import DecisionTask, Hold
from corago.errors import (
    EngineClosedError,
    ProcessNotFoundError,
    StoreError,
    StoreUnavailableError,
)
from corago.ports.backend import Backend, Polled
from corago.ports.store import ALL_SEEN, Change, Query, Refusal
from corago.runtime.attempt import StateLimit, failed
from corago.runtime.executor import Executor
from corago.runtime.turn import Turn

_log = logging.getLogger("corago.worker")

T = TypeVar("T")

BLOCKED_SECONDS = 0.1
"""How often it looks whether it may take work again."""

IDLE_SECONDS = 5.0
"""The safety net: how long it waits for work without looking again."""

LANE_LOSSES = 2
"""From so many lost leases without progress on, a process takes its turn in the lane.

One at a time.
"""


class Worker:
    """Drives processes of the definitions that it has code for."""

    def __init__(
        self,
        backend: Backend,
        *,
        name: str,
        clock: Clock,
        executor: Executor,
        sleep: Callable[[float], Awaitable[None]],
        concurrency: int,
        lease: timedelta,
        state_limit: int,
        closed: Callable[[Process], None],
    ) -> None:
        """Prepare; `start` begins. `closed` is told of every process that ends here."""
        self.backend = backend
        self.name = name
        self.clock = clock
        self.executor = executor
        self.closed = closed
        self.state_limit = StateLimit(state_limit)
        self.loop = asyncio.get_running_loop()
        self.id = 0
        self.turns: dict[str, Turn] = {}
        self.is_crowded = False
        self.must_take_back = False
        self._functions: dict[str, Mapping[str, Any]] = {}
        self._sleep = sleep
        self._concurrency = concurrency
        self._lease = lease.total_seconds()
        self._fresh_until = 0.0
        self._reserved = 0
        self._is_draining = False
        self._is_paused = False
        self._is_lost = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loops: list[asyncio.Task[Any]] = []
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._lane = asyncio.Lock()
        self._alarm: asyncio.TimerHandle | None = None
        self._seen_beats: dict[int, tuple[int, float]] = {}

    # -- what turns ask ----------------------------------------------------------------------

    def register(self, sha: str, functions: Mapping[str, Any]) -> None:
        """This worker has the code of a definition."""
        self._functions[sha] = functions
        self._work.set()

    def functions(self, sha: str) -> Mapping[str, Any]:
        """The code of a definition, by path."""
        return self._functions[sha]

    @property
    def may_start(self) -> bool:
        """Whether anything new may start here now."""
        is_halted = self._is_draining or self._is_paused or self._is_lost
        return not is_halted and self.clock.monotonic() < self._fresh_until

    @property
    def _is_fresh(self) -> bool:
        """Whether the lease was renewed within two thirds of its length.

        It is judged by this worker's own steady clock.
        """
        return self.clock.monotonic() < self._fresh_until

    def _renewed(self, at: float) -> None:
        self._fresh_until = at + self._lease * 2 / 3

    @property
    def _free(self) -> int:
        """How many more processes it may hold."""
        return self._concurrency - len(self.turns) - self._reserved

    def reserve(self) -> bool:
        """Keep a place for a process that is about to be born into this worker's hands."""
        if not (self.id and self.may_start and self._free > 0):
            return False
        self._reserved += 1
        return True

    def release(self) -> None:
        """Give a place back: the process has its turn, or was not born."""
        self._reserved -= 1
        self._room.set()

    async def append(
        self, task: DecisionTask, commit: Commit, hold: Hold, *, consumed: int, seen: int
    ) -> DecisionTask | Refusal | None:
        """Write a commit, again and again while the store can't and the lease lasts.

        Gives None when the lease lasted no longer.
        """
        was_refused = False
        while True:
            try:
                written = await self.backend.complete_decision_task(
                    task, commit, hold, consumed=consumed, seen=seen
                )
            except StoreUnavailableError as error:
                was_refused = True
                _log.warning("process %s waits for the store: %s", task.process_id, error)
                if not self._is_fresh:
                    return None
                await self._sleep(min(1.0, self._lease / 30))
                continue
            if written is Refusal.FENCED and was_refused and await self._was_written(task, commit):
                return msgspec.structs.replace(
                    task, snapshot=commit.snapshot, consumed=consumed, mail=(), lost_owner=None
                )
            return written

    async def _was_written(self, task: DecisionTask, commit: Commit) -> bool:
        """Whether a commit whose answer was lost is there after all.

        Only we write in this epoch.
        """
        try:
            found = (await self.backend.describe(task.process_id)).row
        except (StoreError, ProcessNotFoundError):
            return False
        return (found.epoch, found.position) == (task.epoch, commit.snapshot.process.position)

    async def patiently(self, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """The answer of a read, tried again while the store can't and the lease lasts."""
        while True:
            try:
                return await call()
            except StoreUnavailableError as error:
                _log.warning("the store can't be read: %s", error)
                if not self._is_fresh:
                    return otherwise
                await self._sleep(min(1.0, self._lease / 30))

    # -- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Register, bury proven dead peers, and begin to take work."""
        await self._enlist()
        await self._look_at_peers()
        self._is_paused = await self.backend.pause()
        self._loops = [
            self.loop.create_task(self._keep(each)) for each in (self._take_work, self._keep_lease)
        ]

    async def _enlist(self) -> None:
        before = self.clock.monotonic()
        self.id = await self.backend.heartbeat(self.name)
        self._renewed(before)

    async def stop(self, grace: float) -> None:
        """Take nothing more, let what runs end for `grace` seconds, and leave.

        What has not ended by then is interrupted.
        """
        self._is_draining = True
        for turn in list(self.turns.values()):
            turn.wake()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for turn in list(self.turns.values()):
            turn.interrupt()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._lease)
        for task in (*self._loops, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks, return_exceptions=True)
        try:
            await self.backend.bury(self.id)
        except StoreError as error:
            _log.warning("could not take leave of the store: %s; its lease will run out", error)
        self.id = 0

    async def _keep(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Run a loop for ever; what goes wrong in one round is logged and tried again."""
        while True:
            try:
                await loop()
            except EngineClosedError:
                return
            except StoreError as error:
                _log.warning("%s: %s", self.name, error)
                await self._sleep(0.5)
            except Exception:  # noqa: BLE001 - a worker outlives its own bugs, and says so
                _log.exception("%s: unexpected error in its own loop", self.name)
                await self._sleep(0.5)

    # -- turns -------------------------------------------------------------------------------

    def adopt(self, task: DecisionTask) -> None:
        """Give a process that is leased to this worker its turn."""
        if task.process_id in self.turns:
            return
        turn = self.turns[task.process_id] = Turn(self, task)
        running = self.loop.create_task(self._drive(turn))
        self._tasks.add(running)

    async def _drive(self, turn: Turn) -> None:
        try:
            losses = turn.task.snapshot.process.losses + (turn.task.lost_owner is not None)
            if losses >= LANE_LOSSES:
                async with self._lane:
                    await turn.run()
            else:
                await turn.run()
        except EngineClosedError:
            turn.lose()
        except Exception as error:  # noqa: BLE001 - whatever broke, the process is set aside and the worker lives
            _log.exception("the turn of process %s broke", turn.task.process_id)
            turn.lose()
            await self._set_aside(turn.task, failed(error).error)
        finally:
            if self.turns.get(turn.task.process_id) is turn:
                del self.turns[turn.task.process_id]
            self._tasks.discard(asyncio.current_task())
            self._room.set()
            if self.is_crowded:
                self._work.set()

    async def _set_aside(self, task: DecisionTask, error: Failure) -> None:
        """Suspend a process whose turn broke by an error of ours or of its definition."""
        commit = kernel.suspend(task.snapshot, error, self.clock.now())
        hold = Hold(keeps=False)
        await self.append(task, commit, hold, consumed=task.consumed, seen=ALL_SEEN)

    def notice(self, change: Change) -> None:
        """Something was committed through this engine's own store."""
        turn = self.turns.get(change.process_id)
        if change.kind == "closed":
            if turn is not None and not turn.is_closing:
                turn.lose()
        elif turn is not None:
            turn.deliver()
        else:
            self._work.set()

    def stir(self) -> None:
        """Somebody else has written: there may be work or messages."""
        self._work.set()
        for turn in list(self.turns.values()):
            turn.deliver()

    def set_paused(self, paused: bool) -> None:  # noqa: FBT001 - one word, one meaning
        """The store was paused or let go on."""
        if paused == self._is_paused:
            return
        self._is_paused = paused
        for turn in list(self.turns.values()):
            turn.wake()
        self._work.set()

    def parked(self, due: datetime | None) -> None:
        """A process was let go until then; look for it no later."""
        if due is not None:
            self._look_within((due - self.clock.now()).total_seconds())

    def _look_within(self, seconds: float) -> None:
        when = self.loop.time() + max(0.0, seconds)
        if self._alarm is None or self._alarm.cancelled() or when < self._alarm.when():
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = self.loop.call_at(when, self._work.set)

    async def room(self) -> None:
        """Wait until a process may be born into this worker's hands."""
        while not self._is_draining and self._free <= 0:
            self._room.clear()
            await self._room.wait()

    # -- loops -------------------------------------------------------------------------------

    async def _take_work(self) -> None:
        """One round: take what is due, then wait for a reason to look again."""
        self._work.clear()
        await self._take_back()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        seconds = IDLE_SECONDS
        if self._is_fresh and not (self._is_draining or self._is_lost):
            polled = await self._poll(max(0, self._free))
            self.set_paused(polled.paused)
            now = self.clock.now()
            is_more = polled.next_due is not None and polled.next_due <= now
            self.is_crowded = is_more and len(self.turns) >= self._concurrency
            if is_more and not self.is_crowded and not polled.paused:
                return
            if polled.next_due is not None and not is_more:
                seconds = min(seconds, max(0.0, (polled.next_due - now).total_seconds()))
        else:
            seconds = BLOCKED_SECONDS
        self._look_within(seconds)
        await self._work.wait()

    async def _poll(self, room: int) -> Polled:
        """Take up to `room` due processes; their places are kept meanwhile."""
        self._reserved += room
        try:
            shas = list(self._functions)
            polled = await self.backend.poll_decision_tasks(self.id, shas, room)
            for task in polled.tasks:
                self.adopt(task)
        except StoreError:
            self.must_take_back = True
            raise
        finally:
            self._reserved -= room
            self._room.set()
        return polled

    async def _take_back(self) -> None:
        """Take up what is leased here without a turn: the answer of a claim or start was lost."""
        if not self.must_take_back:
            return
        self.must_take_back = False
        after: str | None = None
        while rows := await self.backend.find(Query(owner=self.id, after=after)):
            after = rows[-1].process_id
            for row in rows:
                if row.process_id not in self.turns:
                    task = await self.backend.resume(row.process_id, self.id)
                    if task is not None:
                        self.adopt(task)

    async def _keep_lease(self) -> None:
        """One round: renew, and look at the others."""
        await self._sleep(self._lease / 3)
        await self._renew()
        await self._look_at_peers()

    async def _renew(self) -> None:
        """Renew the lease; without one, stop everything and begin again as another worker."""
        before = self.clock.monotonic()
        is_known = not self._is_lost
        if is_known:
            try:
                is_known = bool(await self.backend.heartbeat(self.name, self.id))
            except StoreError as error:
                _log.warning("%s could not renew its lease: %s", self.name, error)
            else:
                if is_known:
                    self._renewed(before)
        if is_known and self._is_fresh:
            return
        if not self._is_lost:
            _log.error("%s lost its lease; what it ran is stopped and taken up again", self.name)
        self._is_lost = True
        for turn in list(self.turns.values()):
            turn.lose()
        await self.backend.bury(self.id)
        await self._enlist()
        self._is_lost = False
        self._work.set()

    async def _look_at_peers(self) -> None:
        """Bury workers whose death is proven, or who are silent for too long.

        Silent is a counter that stood still for a lease by our own steady clock.
        """
        now = self.clock.monotonic()
        for peer in await self.backend.peers():
            if peer.id == self.id:
                continue
            beat, since = self._seen_beats.get(peer.id, (-1, now))
            if beat != peer.beat:
                self._seen_beats[peer.id] = (peer.beat, now)
                since = now
            if peer.is_dead or now - since >= self._lease:
                freed = await self.backend.bury(peer.id, peer.beat)
                self._seen_beats.pop(peer.id, None)
                _log.info("worker %s is gone; %d processes are taken up", peer.name, freed)
                self._work.set()
