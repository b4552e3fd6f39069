"""A worker: takes due processes, gives each a turn.

Keeps its lease alive and buries dead peers. Loops; decides nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, TypeVar

from corago.core import unasked
from corago.core.events import Failure
from corago.core.process import Process
from corago.core.tasks import DecisionTask, Hold
from corago.errors import EngineClosedError, StoreError
from corago.ports.backend import Backend, Polled, Start, Started
from corago.ports.store import ALL_SEEN, Change, Query
from corago.runtime.appending import Pen
from corago.runtime.attempt import GRACE_SECONDS, StateLimit, failed
from corago.runtime.batch import BatchTurn
from corago.runtime.bell import BLOCKED_SECONDS, IDLE_SECONDS, Bell
from corago.runtime.crew import Crew
from corago.runtime.doubt import doubted
from corago.runtime.executor import Executor
from corago.runtime.lease import Lease
from corago.runtime.listening import Ears, fields
from corago.runtime.pasts import Pasts
from corago.runtime.patience import Patience
from corago.runtime.rest import Rest
from corago.runtime.settings import Settings, Surround
from corago.runtime.turn import Turn

_log = logging.getLogger("corago.worker")

T = TypeVar("T")

LANE_LOSSES = 2
"""From so many lost leases without progress on, a process takes its turn in the lane.

One at a time.
"""


class Worker:
    """Drives processes of the definitions that it has code for."""

    def __init__(
        self,
        backend: Backend,
        surround: Surround,
        settings: Settings,
        *,
        name: str,
        executor: Executor,
        closed: Callable[[Process], None],
        ears: Ears | None,
    ) -> None:
        """Prepare; `start` begins. `closed` is told of every process that ends here."""
        self.backend = backend
        self.name = name
        self.clock = backend.clock
        self.executor = executor
        self.closed = closed
        self.ears = ears
        self.state_limit = StateLimit(settings.state_limit)
        self.loop = asyncio.get_running_loop()
        self.lease = Lease(backend, name, settings.lease.total_seconds(), self._lost)
        self.patience = Patience(
            self.lease, surround.sleep, relieved=self._look_again, given_up=self.take_back
        )
        self.append = Pen(backend, self.patience, ears).append
        self.pasts = Pasts(backend)
        self.activities = settings.activities
        self.turns: dict[str, Turn] = {}
        self.crew = Crew(self, settings.queues, settings.concurrency)
        self.is_crowded = False
        self.dropped: set[asyncio.Task[None]] = set()
        self._functions: dict[str, Mapping[str, Any]] = {}
        self._context = contextvars.copy_context()
        self._sleep = surround.sleep
        self._concurrency = settings.concurrency
        self._reserved = 0
        self._births: Counter[str] = Counter()
        self._must_take_back = False
        self._is_draining = False
        self._is_paused = False
        self._pauses = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loops: list[asyncio.Task[Any]] = []
        self._work = Bell()
        self._room = asyncio.Event()
        self._room.set()
        self._lane = asyncio.Lock()
        self._rest = Rest(self, surround.clock)

    @property
    def id(self) -> int:
        """What the store calls this worker; 0 before it is registered and after it has left."""
        return self.lease.id

    # -- what turns ask ----------------------------------------------------------------------

    def register(self, sha: str, functions: Mapping[str, Any]) -> None:
        """This worker has the code of a definition."""
        self._functions[sha] = functions
        self._work.set()
        self.crew.look()

    def functions(self, sha: str) -> Mapping[str, Any] | None:
        """The code of a definition, by path; None if it is not here."""
        return self._functions.get(sha)

    @property
    def shas(self) -> list[str]:
        """The definitions whose code is here."""
        return list(self._functions)

    @property
    def may_start(self) -> bool:
        """Whether anything new may start here now."""
        is_halted = self._is_draining or self._is_paused or self.patience.is_strained
        return not is_halted and self.loop.time() < self.lease.fresh_until

    @property
    def is_in_trouble(self) -> bool:
        """Whether an outcome waits for the store: nothing new starts until it is written."""
        return self.patience.is_strained

    @property
    def is_idle(self) -> bool:
        """Whether nothing is about to be born here, and no task is run or looked for."""
        return self.crew.is_idle and not (self._births or self._reserved)

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

    async def bear(self, wish: Start) -> Started:
        """Start a process in this worker's hands and give it its turn.

        It is looked for if the answer is lost or the caller gives up: it may be born all the same.
        """
        self._births[wish.process_id] += 1
        try:
            started = await self.backend.start(wish)
        except BaseException:
            self.take_back()
            raise
        finally:
            self._births[wish.process_id] -= 1
            if not self._births[wish.process_id]:
                del self._births[wish.process_id]
        if started.task is not None:
            self.adopt(started.task)
        return started

    def take_back(self) -> None:
        """Look for what is leased here without a turn."""
        self._must_take_back = True
        self._work.set()

    def _look_again(self) -> None:
        """Whatever was held back may go on."""
        for turn in list(self.turns.values()):
            turn.deliver()
        self._work.set()
        self.crew.look()

    # -- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Register, bury proven dead peers, and begin to take work."""
        await self.lease.enlist()
        await self.lease.look_at_peers()
        self._is_paused = await self.backend.pause()
        self._rest.begin()
        self._loops = [
            self.loop.create_task(self._keep(self._take_work, drains=True)),
            self.loop.create_task(self._keep(self.crew.take, drains=True)),
            self.loop.create_task(self._keep(self._keep_lease)),
        ]
        if self.ears is not None:
            self.ears.worker_began(self.name, self._concurrency)

    async def stop(self, grace: float) -> None:
        """Take nothing more, let what runs end for `grace` seconds, and leave.

        What has not ended by then is interrupted.
        """
        self._is_draining = True
        self._rest.end()
        self._room.set()
        self._look_again()
        await self._ended(grace)
        for turn in list(self.turns.values()):
            turn.interrupt()
        await self.crew.interrupt()
        await self._ended(self.lease.seconds)
        for task in (*self._loops, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks, return_exceptions=True)
        if self.dropped:
            await asyncio.wait(self.dropped, timeout=GRACE_SECONDS)
        for bell in (self._work, self.crew.work):
            bell.clear()
        await self.lease.leave()
        if self.ears is not None:
            self.ears.worker_ended(self.name)

    async def _ended(self, seconds: float) -> None:
        """Wait, but no longer than this, until no turn is left and none can come."""
        end = self.loop.time() + seconds
        while left := {task for task in (*self._loops[:-1], *self._tasks) if not task.done()}:
            if self.loop.time() >= end:
                return
            await asyncio.wait(left, timeout=end - self.loop.time())

    async def _keep(self, loop: Callable[[], Awaitable[None]], *, drains: bool = False) -> None:
        """Run a loop until the worker stops (or `drains`).

        What goes wrong in one round is logged and tried again.
        """
        while not (drains and self._is_draining):
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
        if task.owner != self.id:
            return  # struck off meanwhile: whoever comes takes it up
        before = self.turns.get(task.process_id)
        if before is not None:
            if not before.is_over and before.task.epoch >= task.epoch:
                return
            before.lose()
        kind = BatchTurn if task.program.batch else Turn
        turn = self.turns[task.process_id] = kind(self, task)
        self.spawn(self._drive(turn))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something run until it ends, or the worker; it sees nothing of who started it."""
        task = self.loop.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _drive(self, turn: Turn) -> None:
        ears, process = self.ears, turn.task.snapshot.process
        began = 0.0 if ears is None else ears.turn_began(process)
        try:
            losses = turn.task.snapshot.process.losses + (turn.task.lost_owner is not None)
            if losses >= LANE_LOSSES:
                turn.is_queued = True
                async with self._lane:
                    turn.is_queued = False
                    await turn.run()
            else:
                await turn.run()
        except EngineClosedError:
            turn.lose()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever broke, the process is set aside and the worker lives
            _log.exception("the turn of process %s broke", process.id, extra=fields(process))
            turn.lose()
            await self._set_aside(turn.task, failed(error).error)
        finally:
            if ears is not None:
                ears.turn_ended(turn.task.snapshot.process, began)
            if self.turns.get(turn.task.process_id) is turn:
                del self.turns[turn.task.process_id]
            self._room.set()
            if self.is_crowded or turn.has_mail:
                self._work.set()

    async def _set_aside(self, task: DecisionTask, error: Failure) -> None:
        """Suspend a process whose turn broke by an error of ours or of its definition.

        A decider's activities go on while a person is needed; but what began here is begun no more.
        """
        batch, process = task.program.batch, task.snapshot.process
        commit = unasked.suspend(task.snapshot, error, self.clock.now(), batch=batch)
        has_begun = batch and any(known.started for known in process.activities.values())
        hold = Hold(keeps=False, lost_owner=task.lost_owner or (self.name if has_begun else None))
        try:
            await self.append(task, commit, hold, consumed=task.consumed, seen=ALL_SEEN)
        except Exception:  # noqa: BLE001 - a worker outlives its own bugs, and says so
            _log.exception("process %s could not be set aside", process.id, extra=fields(process))
            self._must_take_back = True

    def notice(self, change: Change) -> None:
        """Something was committed through this engine's own store."""
        self.crew.notice(change)
        if change.kind == "task":
            return
        turn = self.turns.get(change.process_id)
        if change.kind == "closed":
            if turn is not None and not turn.is_closing:
                turn.lose()
        elif turn is not None and not turn.is_over:
            turn.deliver()
        else:
            self._work.set()

    def stir(self) -> None:
        """Somebody else has written: there may be work or messages."""
        self._work.set()
        self.crew.stir()
        for turn in list(self.turns.values()):
            turn.deliver()

    def set_paused(self, paused: bool) -> None:  # noqa: FBT001 - one word, one meaning
        """The store was paused or let go on."""
        self._pauses += 1
        if paused != self._is_paused:
            self._is_paused = paused
            self._look_again()

    def parked(self, due: datetime | None) -> None:
        """A process was let go until then; look for it no later."""
        self._rest.until(due)
        if due is not None:
            self._work.within((due - self.clock.now()).total_seconds())

    async def room(self) -> None:
        """Wait until a process may be born into this worker's hands."""
        while not self._is_draining and self._free <= 0:
            self._room.clear()
            await self._rest.patiently(self._room)

    # -- loops -------------------------------------------------------------------------------

    async def _take_work(self) -> None:
        """One round: take what is due, then wait for a reason to look again."""
        self._work.clear()
        await self._take_back()
        seconds = IDLE_SECONDS
        if self.lease.is_fresh and not (self._is_draining or self.patience.is_strained):
            pauses, self._rest.due = self._pauses, None
            polled = await self._poll(max(0, self._free))
            if pauses == self._pauses:  # else the answer is older than what is known
                self.set_paused(polled.paused)
            now = self.clock.now()
            self._rest.until(polled.next_due)
            is_more = polled.next_due is not None and polled.next_due <= now
            self.is_crowded = is_more and len(self.turns) >= self._concurrency
            if is_more and not self.is_crowded and not polled.paused:
                if polled.tasks:
                    return
                seconds = BLOCKED_SECONDS  # struck off, or the store's clock is behind ours
            elif polled.next_due is not None and not is_more:
                seconds = min(seconds, max(0.0, (polled.next_due - now).total_seconds()))
        else:
            seconds = BLOCKED_SECONDS
        self._work.within(seconds)
        await self._rest.until_set(self._work)

    async def _poll(self, room: int) -> Polled:
        """Take up to `room` due processes; their places are kept meanwhile."""
        self._reserved += room
        try:
            polled = await self.backend.poll_decision_tasks(self.id, self.shas, room)
            for task in polled.tasks:
                self.adopt(task)
        except BaseException:
            self._must_take_back = True
            raise
        finally:
            self._reserved -= room
            self._room.set()
        return polled

    async def _take_back(self) -> None:
        """Compare what is leased here with the turns that run here.

        A process without a turn is taken up: the answer of its claim or start was lost. A turn
        without a process is ended: somebody aborted it from elsewhere.
        """
        if not (self._must_take_back and self.lease.is_fresh):
            return
        self._must_take_back = False
        turns = {id: turn for id, turn in self.turns.items() if not turn.is_over}
        held: set[str] = set()
        try:
            after: str | None = None
            while rows := await self.backend.find(Query(owner=self.id, after=after)):
                after = rows[-1].process_id
                held.update(row.process_id for row in rows)
            begun = {id for id, turn in self.turns.items() if not turn.is_over}
            for process_id in sorted(held - turns.keys() - begun - self._births.keys()):
                task = await self.backend.resume(process_id, self.id)
                if task is not None and process_id not in self._births:
                    functions = self._functions.get(task.sha, {})
                    self.adopt(doubted(task, functions, self.clock.now(), self.name))
        except BaseException:
            self._must_take_back = True
            raise
        for process_id, turn in turns.items():
            if process_id not in held and turn.is_waiting:
                turn.lose()

    async def _keep_lease(self) -> None:
        """One round: renew, and look at the others and at what is leased here."""
        await self._sleep(self.lease.seconds / 3)
        if await self.lease.renew():
            self._look_again()
        self.take_back()
        self.crew.compare()
        if await self.lease.look_at_peers():
            self._work.set()

    def _lost(self) -> None:
        """Without a lease, everything stops; it is taken up again as another worker's."""
        if self.ears is not None:
            self.ears.lease_lost(self.name)
        for turn in list(self.turns.values()):
            turn.lose()
        self.crew.lose()
