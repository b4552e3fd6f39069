"""Queued attempts as rows of a store, and the tasks of workers made of them. Decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from corago.backends.local.definitions import Definitions
from corago.backends.local.packing import Packing
from corago.clock import Clock, from_us, to_us
from corago.core.commit import Queued
from corago.core.messages import Outcome
from corago.core.process import Process
from corago.core.tasks import ActivityTask
from corago.errors import StoreUnavailableError
from corago.ports.backend import PolledActivities
from corago.ports.store import Blob, NewTask, Store, Task

QUARANTINE = timedelta(seconds=60)
"""How long a task whose row can't be understood is left alone."""

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
    return NewTask(
        path=attempt.path,
        queue=attempt.queue,
        due_us=to_us(process.at + timedelta(seconds=attempt.delay)),
        data=packing.value(_Packed(attempt, known), blobs),
    )


class ActivityTasks:
    """The tasks of one store's queues."""

    def __init__(
        self, store: Store, clock: Clock, packing: Packing, definitions: Definitions
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
    ) -> PolledActivities:
        """Take due tasks."""
        of = self._definitions.numbers(shas, leaving)
        claims = await self._store.claim_tasks(worker, queues, of, limit)
        found = [await self._understood(task, worker) for task in claims.taken]
        due = None if claims.next_due_us is None else from_us(claims.next_due_us)
        return PolledActivities(tuple(task for task in found if task is not None), due)

    async def _understood(self, task: Task, worker: int) -> ActivityTask | None:
        try:
            (text,) = await self._packing.whole((task.data,))
            packed = _decoder.decode(text)
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
            await self.give_back(worker, [task.task], self._clock.now() + QUARANTINE)
            return None
        return ActivityTask(
            process=packed.process,
            sha=task.sha,
            attempt=packed.attempt,
            number=task.task,
            epoch=task.epoch,
            owner=worker,
            losses=task.losses,
            stops=not task.queue,
        )

    async def complete(self, task: ActivityTask, outcome: Outcome) -> bool:
        """Bring an outcome; False if nobody waits for it any more."""
        blobs: list[Blob] = []
        data = self._packing.message(outcome, blobs)
        attempt = task.attempt
        row = Task(
            task.number, task.epoch, task.process.id, task.sha, attempt.path, attempt.queue, b""
        )
        return await self._store.complete_task(row, task.owner, data, tuple(blobs))

    async def give_back(self, worker: int, numbers: Sequence[int], due: datetime) -> None:
        """Let go of tasks, unharmed."""
        await self._store.return_tasks(worker, numbers, to_us(due))
