"""Stores with one fault each in tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from corago.ports.store import Append, Blob, Refusal, Task, TaskClaims
from corago.stores.memory import MemoryStore
from corago.stores.memory.processes import KeptProcess
from tests.conformance.store_misfits import one_step


class PutsBesideTheOld(MemoryStore):
    """A path may have any number of tasks."""

    async def append(self, append: Append) -> Refusal | None:
        kept = dict(self._tasks.all)
        refusal = await super().append(append)
        if refusal is None and append.tasks and not (append.drops or append.closes):
            self._tasks.all.update({number: kept[number] for number in kept})
        return refusal


class PutsIntoTheOld(MemoryStore):
    """A new task is the old one with other data, and its holder stays."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        olds = {
            each.path: each
            for each in self._tasks.all.values()
            if each.process is process and each.owner is not None
        }
        refusal = await super().append(append)
        if refusal is None:
            for kept in list(self._tasks.all.values()):
                old = olds.get(kept.path)
                if kept.process is process and old is not None and kept is not old:
                    del self._tasks.all[kept.number]
                    kept.number, kept.owner, kept.due_us = old.number, old.owner, None
                    kept.epoch = old.epoch
                    self._tasks.all[old.number] = kept
        return refusal


class KeepsTheFirst(MemoryStore):
    """A path that has a task gets no other."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        known = {each.path for each in self._tasks.all.values() if each.process is process}
        new = tuple(each for each in append.tasks if each.path not in known - {*append.drops})
        return await super().append(replace(append, tasks=new))


class SharesPaths(MemoryStore):
    """Marks and drops are meant for all processes."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        if refusal is None:
            for each in self._instances:
                self._tasks.change(each, puts=(), cancels=append.cancels, drops=append.drops)
        return refusal


class MarksAndDropsLast(MemoryStore):
    """New tasks are put before others are marked and dropped."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(replace(append, cancels=(), drops=()))
        process = self._at(append.fence.instance)
        if refusal is None and process is not None:
            self._tasks.change(process, puts=(), cancels=append.cancels, drops=append.drops)
        return refusal


class ChangesTasksWhateverComes(MemoryStore):
    """A refused commit still changes tasks."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        process = self._at(append.fence.instance)
        if refusal is not None and process is not None:
            self._change_tasks(process, append)
        return refusal


class TakesAfterAPause(MemoryStore):
    """What was due when it was looked up is taken, though others may have taken it since."""

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        due = [(each, each.due_us) for each in self._tasks.all.values() if each.due_us is not None]
        await one_step()
        for task, due_us in due:
            task.due_us = due_us
        return await super().claim_tasks(worker, queues, definitions, limit, activities)


class TakesWhilePaused(MemoryStore):
    """A pause holds for processes only."""

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        paused, self._paused = self._paused, False
        claims = await super().claim_tasks(worker, queues, definitions, limit, activities)
        self._paused = paused
        return claims


class BelievesOutcomes(MemoryStore):
    """Some of what an outcome must agree with is not looked at."""

    fields: tuple[str, ...] = ("owner", "epoch")

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        kept = self._tasks.all.get(task.task)
        if kept is not None and "owner" in self.fields:
            worker = kept.owner or worker
        if kept is not None and "epoch" in self.fields:
            task = replace(task, epoch=kept.epoch)
        return await super().complete_task(task, worker, outcome, blobs)


class BelievesOwners(BelievesOutcomes):
    """Anybody may bring an outcome."""

    fields = ("owner",)


class BelievesEpochs(BelievesOutcomes):
    """Any epoch will do."""

    fields = ("epoch",)


class DeliversWhatever(MemoryStore):
    """An outcome is delivered whether its task is there or not."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        done = await super().complete_task(task, worker, outcome, blobs)
        if not done:
            self._deliver(self._processes[task.process_id], outcome)
        return done


class DeliversToTheClosed(MemoryStore):
    """An outcome is delivered even to a closed process."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        process = self._processes[task.process_id]
        status, process.status = process.status, "running"
        done = await super().complete_task(task, worker, outcome, blobs)
        process.status = status
        return done


class CompletesAfterAPause(MemoryStore):
    """What was looked up is stale when it is acted upon."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        kept = self._tasks.all.get(task.task)
        await one_step()
        if kept is not None:
            self._tasks.all[task.task] = kept
            self._tasks._paths[kept.process.instance][kept.path] = kept
        return await super().complete_task(task, worker, outcome, blobs)


class SendsOutcomes(MemoryStore):
    """A task is left where it is when its outcome comes."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        kept = self._tasks.all.get(task.task)
        done = await super().complete_task(task, worker, outcome, blobs)
        if done and kept is not None:
            self._tasks.all[kept.number] = kept
            self._tasks._paths[kept.process.instance][kept.path] = kept
        return done


class WakesNobodyByOutcomes(MemoryStore):
    """An outcome leaves a parked process as it was."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        process = self._processes[task.process_id]
        owner, due_us = process.owner, process.due_us
        done = await super().complete_task(task, worker, outcome, blobs)
        if owner is None:
            self._let_go(process, due_us)
        return done


class MuteOfTasks(MemoryStore):
    """Nobody hears of tasks."""

    def _tell(self, kind: str, process: KeptProcess) -> None:
        if kind != "task":
            super()._tell(kind, process)


class MuteOfOutcomes(MemoryStore):
    """Nobody hears of an outcome."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        listeners, self._listeners = self._listeners, []
        done = await super().complete_task(task, worker, outcome, blobs)
        self._listeners = listeners
        return done


class MarksPaths(MemoryStore):
    """The new task of a path is to stop if the old one was."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        marked = {t.path for t in self._tasks.all.values() if t.process is process and t.stops}
        refusal = await super().append(append)
        for task in self._tasks.all.values():
            if refusal is None and task.process is process and task.path in marked:
                task.stops = True
        return refusal


class LeavesWhatIsHeld(MemoryStore):
    """The end of a process lets whoever works for it go on."""

    async def append(self, append: Append) -> Refusal | None:
        held = {n: t for n, t in self._tasks.all.items() if t.owner is not None}
        refusal = await super().append(append)
        if refusal is None and append.closes:
            self._tasks.all.update(held)
        return refusal


class ForgetsOutcomes(MemoryStore):
    """A task is taken out, and that is all."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        kept = self._tasks.of(task, worker, self._now_us())
        if kept is not None:
            self._tasks.take_out(kept)
        return kept is not None


class CompletesNothingWhilePaused(MemoryStore):
    """A pause holds outcomes back."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        if self._paused:
            return False
        return await super().complete_task(task, worker, outcome, blobs)


class KeepsTheCanceledInTheirQueues(MemoryStore):
    """What is to stop is left to the workers of its queue."""

    async def append(self, append: Append) -> Refusal | None:
        queues = {number: each.queue for number, each in self._tasks.all.items()}
        refusal = await super().append(append)
        for number, each in self._tasks.all.items():
            each.queue = queues.get(number, each.queue)
        return refusal


class LetsTheCanceledWait(MemoryStore):
    """What is to stop is due as before."""

    async def append(self, append: Append) -> Refusal | None:
        dues = {number: each.due_us for number, each in self._tasks.all.items()}
        refusal = await super().append(append)
        for number, each in self._tasks.all.items():
            each.due_us = dues.get(number, each.due_us)
        return refusal


class KeepsLosses(MemoryStore):
    """A new task inherits the losses of the one before."""

    async def append(self, append: Append) -> Refusal | None:
        losses = {(each.process.id, each.path): each.losses for each in self._tasks.all.values()}
        refusal = await super().append(append)
        for each in self._tasks.all.values():
            each.losses = losses.get((each.process.id, each.path), each.losses)
        return refusal


class LetsAnybodyReturn(MemoryStore):
    """Whoever knows a task's number may return it."""

    async def return_tasks(
        self, worker: int, numbers: Sequence[int], due_us: int, start_by_us: Mapping[int, int] = {}
    ) -> None:
        for each in list(self._tasks.all.values()):
            if each.owner is not None:
                await super().return_tasks(each.owner, numbers, due_us, start_by_us)


class MuteOfMarks(MemoryStore):
    """Only new tasks are told of."""

    def _change_tasks(self, process: KeptProcess, append: Append) -> None:
        listeners = self._listeners
        if not append.tasks:
            self._listeners = []
        super()._change_tasks(process, append)
        self._listeners = listeners


class MuteOfReturns(MemoryStore):
    """Nobody hears of what is returned."""

    async def return_tasks(
        self, worker: int, numbers: Sequence[int], due_us: int, start_by_us: Mapping[int, int] = {}
    ) -> None:
        listeners, self._listeners = self._listeners, []
        await super().return_tasks(worker, numbers, due_us, start_by_us)
        self._listeners = listeners


class ClearsWhatIsNamed(MemoryStore):
    """An end removes tasks only if its commit has any."""

    def _change_tasks(self, process: KeptProcess, append: Append) -> None:
        if not append.closes or append.tasks:
            super()._change_tasks(process, append)
