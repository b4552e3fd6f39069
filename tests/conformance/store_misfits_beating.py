"""Stores with one fault each in heartbeats and detached tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from corago.ports.store import Append, Blob, Refusal, Task
from corago.stores.memory import MemoryStore
from tests.conformance.store_misfits_limits import LIMITS, restored
from tests.conformance.store_mutants import put, tasks_of


class BeatsForNothing(MemoryStore):
    """A heartbeat changes no instant."""

    outside_only: ClassVar[bool] = False

    async def heartbeat_task(
        self, task: Task, worker: int | None, details: bytes | None = None
    ) -> bool | None:
        before = {each.number: {"beat_by_us": each.beat_by_us} for each in tasks_of(self)}
        stops = await super().heartbeat_task(task, worker, details)
        if not (self.outside_only and worker):
            restored(tasks_of(self), before)
        return stops


class BeatsForNothingFromOutside(BeatsForNothing):
    """A heartbeat from outside changes no instant."""

    outside_only = True


class BelievesBeats(MemoryStore):
    """Some of what a heartbeat must agree with is not looked at."""

    fields: ClassVar[tuple[str, ...]] = ()

    async def heartbeat_task(
        self, task: Task, worker: int | None, details: bytes | None = None
    ) -> bool | None:
        found = self._tasks.all.get(task.task)
        if found is not None and "owner" in self.fields:
            worker = found.owner
        if found is not None and "nobody" in self.fields and worker is None:
            worker = found.owner
        if found is not None and "epoch" in self.fields:
            task = replace(task, epoch=found.epoch)
        if found is not None and "instant" in self.fields and found.due_us is None:
            put(found, **dict.fromkeys(LIMITS))
        return await super().heartbeat_task(task, worker, details)


class BelievesBeatsOfAnybody(BelievesBeats):
    """Anybody may send a heartbeat."""

    fields = ("owner",)


class BelievesBeatsOfNobody(BelievesBeats):
    """Who is no worker may send a heartbeat for any."""

    fields = ("nobody",)


class BelievesBeatsOfAnyEpoch(BelievesBeats):
    """A heartbeat may be of any epoch."""

    fields = ("epoch",)


class BelievesLateBeats(BelievesBeats):
    """A heartbeat is never late."""

    fields = ("instant",)


class BeatsWhatWaits(MemoryStore):
    """What waits takes heartbeats from outside."""

    async def heartbeat_task(
        self, task: Task, worker: int | None, details: bytes | None = None
    ) -> bool | None:
        found = self._tasks.all.get(task.task)
        if found is None or worker is not None or found.due_us is None:
            return await super().heartbeat_task(task, worker, details)
        found.details = details or found.details
        return found.stops


class HearsWhoIsRefused(MemoryStore):
    """A refused heartbeat still leaves what it says."""

    async def heartbeat_task(
        self, task: Task, worker: int | None, details: bytes | None = None
    ) -> bool | None:
        stops = await super().heartbeat_task(task, worker, details)
        found = self._tasks.all.get(task.task)
        if stops is None and found is not None and details is not None:
            found.details = details
        return stops


class BeatsNothingWhilePaused(MemoryStore):
    """A pause holds heartbeats back."""

    async def heartbeat_task(
        self, task: Task, worker: int | None, details: bytes | None = None
    ) -> bool | None:
        return None if self._paused else await super().heartbeat_task(task, worker, details)


class BelievesDetaching(MemoryStore):
    """Some of what detaching must agree with is not looked at."""

    fields: ClassVar[tuple[str, ...]] = ()

    async def detach_task(self, task: Task, worker: int) -> bool:
        found = self._tasks.all.get(task.task)
        if found is not None and "owner" in self.fields:
            worker = found.owner or worker
        if found is not None and "epoch" in self.fields:
            task = replace(task, epoch=found.epoch)
        if found is not None and "instant" in self.fields and found.due_us is None:
            put(found, **dict.fromkeys(LIMITS))
        if found is not None and "expired" in self.fields:
            found.expired = ""
        return await super().detach_task(task, worker)


class DetachesForAnybody(BelievesDetaching):
    """Anybody may detach a task."""

    fields = ("owner",)


class DetachesInAnyEpoch(BelievesDetaching):
    """A task may be detached in any epoch."""

    fields = ("epoch",)


class DetachesTheLate(BelievesDetaching):
    """A task may be detached after its time."""

    fields = ("instant",)


class DetachesTheExpired(BelievesDetaching):
    """Who takes what has expired may detach it."""

    fields = ("expired",)


class DetachesTwice(MemoryStore):
    """What is detached may be detached again."""

    async def detach_task(self, task: Task, worker: int) -> bool:
        found = self._tasks.all.get(task.task)
        is_so = found is not None and found.is_detached and found.epoch == task.epoch
        return is_so or await super().detach_task(task, worker)


class DetachesWhatWaits(MemoryStore):
    """What was returned may be detached."""

    async def detach_task(self, task: Task, worker: int) -> bool:
        found = self._tasks.all.get(task.task)
        if found is None or found.due_us is None or found.epoch != task.epoch:
            return await super().detach_task(task, worker)
        found.due_us = None
        return True


class FreesDetachedWithWorkers(MemoryStore):
    """What a worker has detached goes with it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._by: dict[int, int] = {}

    async def detach_task(self, task: Task, worker: int) -> bool:
        done = await super().detach_task(task, worker)
        if done:
            self._by[task.task] = worker
        return done

    async def bury(self, worker: int, beat: int | None = None) -> int:
        for each in tasks_of(self):
            if self._by.get(each.number) == worker and each.is_detached:
                each.owner = worker
        return await super().bury(worker, beat)


class FreesDetachedByCancels(MemoryStore):
    """What is detached and to stop is for any worker."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        for each in tasks_of(self):
            if append.cancels and refusal is None and each.is_detached and each.stops:
                each.let_go(0, self._now_us())
        return refusal


class OverlooksDetached(MemoryStore):
    """What is detached is out of reach for its process's commits."""

    by: ClassVar[str] = ""

    async def append(self, append: Append) -> Refusal | None:
        aside = [each for each in tasks_of(self) if each.is_detached and getattr(append, self.by)]
        before = {each.number: {"stops": each.stops} for each in aside}
        refusal = await super().append(append)
        restored(tasks_of(self), before)
        for each in aside:
            if self.by != "cancels" and each.number not in self._tasks.all:
                self._tasks.all[each.number] = each
                self._tasks._paths.setdefault(each.process.instance, {}).setdefault(each.path, each)
        return refusal


class CancelsNothingDetached(OverlooksDetached):
    """What is detached is not marked."""

    by = "cancels"


class DropsNothingDetached(OverlooksDetached):
    """What is detached is not dropped."""

    by = "drops"


class ReplacesNothingDetached(OverlooksDetached):
    """What is detached is not replaced."""

    by = "tasks"


class EndsNothingDetached(OverlooksDetached):
    """What is detached outlives its process."""

    by = "closes"


class CompletesAnythingFromOutside(MemoryStore):
    """From outside, what is held or waits is completed, too."""

    waiting: ClassVar[bool] = False

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        found = self._tasks.all.get(task.task)
        if worker is None and found is not None and found.epoch == task.epoch:
            if self.waiting:
                found.due_us = None
            else:
                worker = found.owner
        return await super().complete_task(task, worker, outcome, blobs)


class CompletesWhatWaitsFromOutside(CompletesAnythingFromOutside):
    """From outside, what waits is completed, too."""

    waiting = True


class CompletesDetachedByWorkers(MemoryStore):
    """Who detached a task still completes it."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        found = self._tasks.all.get(task.task)
        nobody = found is not None and found.is_detached
        return await super().complete_task(task, None if nobody else worker, outcome, blobs)


class BelievesEpochsFromOutside(MemoryStore):
    """From outside, any epoch will do."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        found = self._tasks.all.get(task.task)
        if worker is None and found is not None:
            task = replace(task, epoch=found.epoch)
        return await super().complete_task(task, worker, outcome, blobs)


class RemembersWhatIsGone(MemoryStore):
    """What was read once is read for ever."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._read: dict[int, Task] = {}

    async def read_task(self, number: int) -> Task | None:
        found = await super().read_task(number)
        if found is not None:
            self._read[number] = found
        return self._read.get(number)
