"""The activity half of a worker: it takes tasks of its queues, and gives each its errand.

Loops by the worker's word; decides nothing.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from corago.activity import ActivityFunction
from corago.core.tasks import ActivityTask
from corago.errors import EngineClosedError, StoreError
from corago.ports.backend import PolledActivities
from corago.ports.store import Change
from corago.runtime.bell import BLOCKED_SECONDS, IDLE_SECONDS, Bell
from corago.runtime.errand import Errand
from corago.runtime.listening import fields

if TYPE_CHECKING:
    from corago.runtime.worker import Worker

_log = logging.getLogger("corago.worker")

STOPPED = ""
"""The queue of what is to stop and in nobody's hands: every worker serves it."""

SUSPECT_LOSSES = 2
"""From so many lost workers on, a task is run while no other such task is."""

APART = timedelta(seconds=1)
"""How long such a task waits for another turn."""

FOREIGN_SECONDS = 60.0
"""How long tasks of a definition are left to others, when the code of one is not here.

All but activities whose code is here: those are taken by their names meanwhile.
"""

ELSEWHERE = timedelta(seconds=1)
"""How long a task waits for another worker that came by a name whose code is not here."""

BROKEN = timedelta(seconds=60)
"""How long a task waits when a worker could not even say how it ended."""


class Crew:
    """Runs tasks of some queues, up to so many at a time.

    `due` is when the first task falls due that nobody holds.
    """

    def __init__(self, worker: Worker, queues: Sequence[str], concurrency: int) -> None:
        """Nothing is taken yet; `take` is one round of its loop."""
        self.errands: dict[int, Errand] = {}
        self._worker = worker
        self._queues = (STOPPED, *queues)
        self._concurrency = concurrency
        self.due: datetime | None = None
        self.work = Bell()
        self._processes: Counter[str] = Counter()  # how many errands each of them has here
        self._foreign: dict[str, float] = {}
        self._again = 0.0
        self._must_compare = False
        self._is_unsure = False
        self._is_waiting = False

    @property
    def serves(self) -> bool:
        """Whether it has queues of its own."""
        return len(self._queues) > 1

    @property
    def is_idle(self) -> bool:
        """Whether it runs nothing and has no reason to look for work."""
        return self._is_waiting and not (self.errands or self.work.is_set())

    @property
    def _free(self) -> int:
        return self._concurrency - len(self.errands)

    # -- being told --------------------------------------------------------------------------

    def look(self) -> None:
        """There may be tasks, what held them back is gone, or time has moved."""
        self._again = 0.0
        self.work.set()

    def notice(self, change: Change) -> None:
        """Something was committed through this engine's own store."""
        if change.kind == "task":
            self.work.set()
        if change.kind in ("task", "closed") and change.process_id in self._processes:
            self.compare()

    def stir(self) -> None:
        """Somebody else has written: there may be tasks, or some are to stop."""
        self.compare()
        if self.serves:
            self.work.set()

    def compare(self) -> None:
        """Look whether what runs here is still wanted."""
        if self.errands:
            self._must_compare = True
            self.work.set()

    def lose(self) -> None:
        """The lease is lost: others run it all."""
        self._must_compare = self._is_unsure = False
        for errand in list(self.errands.values()):
            errand.drop()

    async def interrupt(self) -> None:
        """Stop what runs and let others have it, but for what runs at most once."""
        running = {n: errand for n, errand in self.errands.items() if errand.is_running}
        for errand in running.values():
            errand.drop()
        numbers = [n for n, errand in running.items() if not errand.task.attempt.at_most_once]
        try:
            await self._give_back(numbers)
        except StoreError as error:
            _log.warning("%s leaves with tasks in its hands: %s", self._worker.name, error)

    # -- the loop ----------------------------------------------------------------------------

    async def take(self) -> None:
        """One round: compare, take what is due, then wait for a reason to look again."""
        self.work.clear()
        await self._compared()
        loop, seconds = self._worker.loop, IDLE_SECONDS
        if self._free <= 0 and loop.time() < self._again:
            seconds = self._again - loop.time()
        elif not self._worker.may_start:
            self.due = None
        else:
            polled = await self._poll()
            now, self.due = self._worker.clock.now(), polled.next_due
            if polled.next_due is not None:
                seconds = min(seconds, (polled.next_due - now).total_seconds())
            if seconds <= 0:
                if polled.tasks:
                    return
                seconds = BLOCKED_SECONDS
            self._again = loop.time() + seconds
        self.work.within(seconds)
        self._is_waiting = True
        try:
            await self.work.wait()
        finally:
            self._is_waiting = False

    async def _poll(self) -> PolledActivities:
        """Take what is due; what can't be run here now is let go of again.

        Without room, it is only looked for what has run into a limit, and needs none.
        """
        worker, room = self._worker, self._free
        back: dict[timedelta, list[ActivityTask]] = {}
        try:
            now = worker.loop.time()
            left = {sha for sha, until in self._foreign.items() if until > now}
            polled = await self._taken(left, room)
            for task in polled.tasks:
                wait = self._begin(task, left, now)
                if wait is not None:
                    back.setdefault(wait, []).append(task)
            for wait, tasks in back.items():
                starts = {each.number: at for each in tasks if (at := each.start_by) is not None}
                await self._give_back([each.number for each in tasks], wait, starts)
        except BaseException:
            self._is_unsure = True
            raise
        return polled

    async def _taken(self, left: Collection[str], room: int) -> PolledActivities:
        """What the store gives; of definitions that are left to others, what is to stop comes."""
        worker, poll = self._worker, self._worker.backend.poll_activity_tasks
        polled = await poll(
            worker.id,
            self._queues if room > 0 else (),
            [sha for sha in worker.shas if sha not in left],
            room if room > 0 else self._concurrency,
            leaving=left,
            activities=[*worker.activities, *self._named(left)],
        )
        own = [sha for sha in worker.shas if sha in left]
        room -= len(polled.tasks)
        if not own or room <= 0:
            return polled
        stopped = await poll(worker.id, (STOPPED,), own, room)
        return PolledActivities((*polled.tasks, *stopped.tasks), polled.next_due)

    def _named(self, left: Collection[str]) -> Iterator[str]:
        """The activities of definitions that are left to others, but for what has its code here."""
        for sha in left:
            for name, function in (self._worker.functions(sha) or {}).items():
                if isinstance(function, ActivityFunction):
                    yield name

    def _begin(self, task: ActivityTask, left: Collection[str], asked: float) -> timedelta | None:
        """Give a task its errand; or say how long it should wait for somebody else."""
        worker, before = self._worker, self.errands.get(task.number)
        if task.owner != worker.id:
            return None  # struck off meanwhile: whoever comes takes it up
        if task.expired and before is not None and before.is_running:
            before.expire(task)
            return None
        if not worker.may_start:
            return timedelta(0)
        is_over = task.stops or bool(task.expired)
        is_suspect = task.losses >= SUSPECT_LOSSES and not is_over
        if is_suspect and any(each.is_suspect for each in self.errands.values()):
            return APART
        function = self._code(task)
        is_elsewhere = task.attempt.activity or worker.functions(task.sha) is None
        if function is None and is_elsewhere and not is_over:
            self._foreign[task.sha] = worker.loop.time() + FOREIGN_SECONDS
            return ELSEWHERE if task.sha in left else timedelta(0)
        errand = Errand(worker, task, function, asked)
        errand.is_suspect = is_suspect
        self.errands[task.number] = errand
        self._processes[errand.process.id] += 1
        worker.spawn(self._run(errand))
        return None

    def _code(self, task: ActivityTask) -> ActivityFunction | None:
        """The code of a task: of its definition or one that follows it, else by its own name."""
        worker, attempt = self._worker, task.attempt
        functions = worker.functions(task.sha)
        if functions is None:
            follower = worker.backend.follower(task.sha)
            functions = None if follower is None else worker.functions(follower.sha)
        found: ActivityFunction | None = (functions or {}).get(attempt.function)
        return worker.activities.get(attempt.activity) if found is None else found

    async def _run(self, errand: Errand) -> None:
        number = errand.task.number
        try:
            await errand.run()
        except EngineClosedError:
            errand.drop()
        except Exception:  # noqa: BLE001 - a worker outlives its own bugs, and says so
            text = "the task %r broke"
            path = errand.task.attempt.path
            _log.exception(text, path, extra=fields(errand.process))
            errand.drop()
            with contextlib.suppress(StoreError):
                await self._give_back([number], BROKEN)
        finally:
            if self.errands.get(number) is errand:
                del self.errands[number]
            self._leave(errand.process.id)
            if self._free == 1:
                self.work.set()

    def _leave(self, process_id: str) -> None:
        """One errand of a process less."""
        self._processes[process_id] -= 1
        if not self._processes[process_id]:
            del self._processes[process_id]

    async def _compared(self) -> None:
        """Compare what is held here with what runs here.

        What is to stop is stopped, what is gone is dropped. What does not run here was taken by a
        claim whose answer was lost, and is let go of.
        """
        worker = self._worker
        is_due = self._must_compare and self.errands
        if not (is_due or self._is_unsure) or not worker.lease.is_fresh:
            return
        self._must_compare = self._is_unsure = False
        owner, known = worker.id, dict(self.errands)
        try:
            held = await worker.backend.held_activity_tasks(owner)
            if owner != worker.id:
                return
            for number, errand in known.items():
                if number not in held:
                    errand.drop()
                elif held[number]:
                    errand.cancel()
            await self._give_back([number for number in held if number not in known])
        except BaseException:
            self._is_unsure = True
            raise

    async def _give_back(
        self,
        numbers: Sequence[int],
        wait: timedelta = timedelta(0),
        starts: Mapping[int, datetime] = {},
    ) -> None:
        """Let go of tasks, for others to take after a wait, some of them by these instants."""
        if numbers:
            worker = self._worker
            due = worker.clock.now() + wait
            await worker.backend.return_activity_tasks(worker.id, numbers, due, starts)
