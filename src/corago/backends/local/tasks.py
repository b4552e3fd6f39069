"""Queued attempts as rows of a store, and the tasks of workers made of them. Decides nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from corago.backends.local.definitions import Definitions
from corago.backends.local.packing import Packing
from corago.clock import SharedClock, from_us, to_us
from corago.core.codec import UNREADABLE
from corago.core.commit import Queued
from corago.core.limits import WishLimits
from corago.core.messages import Outcome
from corago.core.process import Process, later
from corago.core.tasks import ActivityTask
from corago.errors import StoreCorruptError, StoreUnavailableError
from corago.ports.backend import OpenActivity, PolledActivities
from corago.ports.store import Blob, NewTask, StandingTask, Store, Task

QUARANTINE = timedelta(seconds=60)
"""How long a task whose row can't be understood is left alone."""

_TOKEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")
"""A task's number and epoch, neither larger than a store can look for."""

_log = logging.getLogger("corago.backend")


class _Packed(msgspec.Struct, frozen=True):
    """What a task's row says: the attempt, and the process as it was when this was queued."""

    attempt: Queued
    process: Process


_decoder = msgspec.json.Decoder(_Packed)


def queued(packing: Packing, process: Process, attempt: Queued, blobs: list[Blob]) -> NewTask:
    """An attempt for a queue."""
    known = Process(
        process.id,
        process.workflow,
        process.sha,
        process.position,
        process.at,
        process.run,
        process.status,
        parent=process.parent,
        version=process.version,
        started_at=process.started_at,
    )
    due = later(process.at, attempt.delay)
    limits = attempt.limits or WishLimits()
    start_in, close_by = limits.schedule_to_start, limits.close_by
    return NewTask(
        path=attempt.path,
        queue=attempt.queue,
        due_us=to_us(due),
        data=packing.value(_Packed(attempt, known), blobs),
        activity=attempt.activity,
        start_by_us=None if start_in is None else to_us(later(due, start_in)),
        close_by_us=None if close_by is None else to_us(close_by),
        run_us=_micro(attempt.timeout),
        beat_us=_micro(limits.heartbeat),
    )


def _micro(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, round(seconds * 1_000_000))


class ActivityTasks:
    """The tasks of one store's queues."""

    def __init__(
        self, store: Store, clock: SharedClock, packing: Packing, definitions: Definitions
    ) -> None:
        """Take what a backend is made of."""
        self._store = store
        self._clock = clock
        self._packing = packing
        self._definitions = definitions
        self.held = store.held_tasks

    async def poll(
        self,
        worker: int,
        queues: Sequence[str],
        shas: Sequence[str],
        limit: int,
        *,
        leaving: Collection[str] = (),
        activities: Collection[str] | None = (),
    ) -> PolledActivities:
        """Take due tasks, and those that have run into a limit."""
        of = self._definitions.numbers(shas, leaving)
        named = None if activities is None else list(activities)
        asked = self._clock.own.now()
        claims = await self._store.claim_tasks(worker, queues, of, limit, named)
        self._clock.hear(from_us(claims.now_us), asked)
        found = [await self._understood(task, worker) for task in claims.taken]
        due = None if claims.next_due_us is None else from_us(claims.next_due_us)
        return PolledActivities(tuple(task for task in found if task is not None), due)

    async def _understood(self, task: Task, worker: int) -> ActivityTask | None:
        try:
            return await self._read(task, worker)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - one task must not hold up the others
            fields = {"process_id": task.process_id, "step": task.path}
            _log.error(
                "the task %r of process %s is left alone for now: %s",
                task.path,
                task.process_id,
                error,
                extra=fields,
            )
            if task.queue:  # what is to stop would be due at once: it stays in this worker's hands
                await self.give_back(worker, [task.task], self._clock.now() + QUARANTINE)
            return None

    async def _read(self, task: Task, owner: int | None) -> ActivityTask:
        """A task as its row tells it. Raises StoreCorruptError and its kin."""
        rows = (task.data, task.details) if task.details else (task.data,)
        text, *details = await self._packing.whole(rows)
        try:
            packed = _decoder.decode(text)
            said = msgspec.json.decode(details[0]) if details else packed.attempt.details
        except UNREADABLE as error:
            raise _damaged(task, str(error)) from error
        if (packed.process.id, packed.attempt.path) != (task.process_id, task.path):
            whose = f"{packed.attempt.path!r} of process {packed.process.id!r}"
            raise _damaged(task, f"its content is that of {whose}")
        return ActivityTask(
            process=packed.process,
            sha=task.sha,
            attempt=packed.attempt,
            number=task.task,
            epoch=task.epoch,
            owner=owner,
            losses=task.losses,
            stops=not task.queue,
            expired=task.expired,
            details=said,
        )

    async def find(self, token: str) -> ActivityTask | None:
        """The task that a token names, as long as it is the same attempt."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            return None
        row = await self._store.read_task(int(found[1]))
        if row is None or row.epoch != int(found[2]):
            return None
        return await self._read(row, row.owner)

    async def standing(self, process_id: str) -> list[OpenActivity]:
        """The open tasks of a process, as people look at them."""
        found = await self._store.tasks_of(process_id)
        return [await self._seen(task) for task in found]

    async def _seen(self, task: StandingTask) -> OpenActivity:
        details = await self._packing.whole([task.details] if task.details else [])
        owner = task.owner_name or (None if task.owner is None else f"#{task.owner}")
        return OpenActivity(
            path=task.path,
            queue=task.queue,
            token=f"{task.task}.{task.epoch}",
            activity=task.activity,
            owner=owner,
            due=_instant(task.due_us),
            taken=_instant(task.taken_us),
            heard=_instant(task.heard_us),
            details=_seen_details(details),
            expires=_instant(task.expires_us),
            limit=task.limit,
            losses=task.losses,
            stops=task.stops,
        )

    async def heartbeat(self, task: ActivityTask, details: Any, *, says: bool) -> bool | None:
        """A sign of life: whether the task is to stop; None if it is somebody else's, or gone."""
        text = self._packing.text(msgspec.json.encode(details)) if says else None
        return await self._store.heartbeat_task(_row(task), task.owner, text)

    async def detach(self, task: ActivityTask) -> bool:
        """Let a task wait for its completion from outside; False if it is this one's no longer."""
        return task.owner is not None and await self._store.detach_task(_row(task), task.owner)

    async def complete(self, task: ActivityTask, outcome: Outcome) -> bool:
        """Bring an outcome; False if nobody waits for it any more."""
        blobs: list[Blob] = []
        data = self._packing.message(outcome, blobs)
        return await self._store.complete_task(_row(task), task.owner, data, tuple(blobs))

    async def give_back(
        self,
        worker: int,
        numbers: Sequence[int],
        due: datetime,
        start_by: Mapping[int, datetime] = {},
    ) -> None:
        """Let go of tasks, unharmed; some are to be taken by an instant, as if nobody had."""
        starts = {number: to_us(at) for number, at in start_by.items()}
        await self._store.return_tasks(worker, numbers, to_us(due), starts)


def _instant(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


def _seen_details(texts: Sequence[bytes]) -> Any:
    """What the last heartbeat said, for people; a damaged word is no word."""
    try:
        return msgspec.json.decode(texts[0]) if texts else None
    except UNREADABLE:
        return None


def _damaged(task: Task, how: str) -> StoreCorruptError:
    return StoreCorruptError(
        f"the task {task.path!r} of process {task.process_id!r} is damaged ({how}); run "
        "`corago db check`"
    )


def _row(task: ActivityTask) -> Task:
    attempt = task.attempt
    return Task(
        task.number, task.epoch, task.process.id, task.sha, attempt.path, attempt.queue, b""
    )
