"""The tasks of the store in memory: who works at what, and what waits for a worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from corago.ports.store import NewTask, Task
from corago.stores.memory.processes import KeptProcess


@dataclass(slots=True)
class KeptTask:
    """A task; it is due while nobody holds it."""

    number: int
    process: KeptProcess
    path: str
    queue: str
    data: bytes
    due_us: int | None
    owner: int | None = None
    epoch: int = 0
    stops: bool = False
    losses: int = 0

    def told(self) -> Task:
        """It, as its worker is told."""
        return Task(
            task=self.number,
            epoch=self.epoch,
            process_id=self.process.id,
            sha=self.process.definition.sha,
            path=self.path,
            queue=self.queue,
            data=self.data,
            losses=self.losses,
        )

    def let_go(self, due_us: int) -> None:
        """Nobody holds it; whoever comes may stop it, if it is to stop."""
        self.owner, self.due_us = None, due_us
        if self.stops:
            self.queue, self.due_us = "", 0


class KeptTasks:
    """All tasks, by numbers that are never given twice."""

    def __init__(self) -> None:
        """None yet."""
        self.all: dict[int, KeptTask] = {}
        self._paths: dict[int, dict[str, KeptTask]] = {}
        self._last = 0

    def change(
        self,
        process: KeptProcess,
        *,
        puts: Iterable[NewTask],
        cancels: Iterable[str],
        drops: Iterable[str],
    ) -> None:
        """Drop and mark what is there, then put what is new."""
        paths = self._paths.setdefault(process.instance, {})
        for path in drops:
            self._drop(paths, path)
        for path in paths.keys() & set(cancels):
            paths[path].stops = True
            if paths[path].owner is None:
                paths[path].let_go(0)
        for new in puts:
            self._drop(paths, new.path)
            self._last += 1
            kept = KeptTask(self._last, process, new.path, new.queue, new.data, new.due_us)
            self.all[kept.number] = paths[new.path] = kept

    def _drop(self, paths: dict[str, KeptTask], path: str) -> None:
        kept = paths.pop(path, None)
        if kept is not None:
            del self.all[kept.number]

    def clear(self, process: KeptProcess) -> None:
        """Forget all tasks of a process."""
        for kept in self._paths.pop(process.instance, {}).values():
            del self.all[kept.number]

    def waiting(self, queues: Iterable[str], definitions: Iterable[int]) -> list[KeptTask]:
        """What nobody holds in these queues, of these definitions; longest due first."""
        return sorted(
            (
                task
                for task in self.all.values()
                if task.due_us is not None
                and task.queue in queues
                and task.process.definition.id in definitions
            ),
            key=lambda task: (task.due_us, task.number),
        )

    def held(self, worker: int) -> list[KeptTask]:
        """What a worker works at."""
        return [task for task in self.all.values() if task.owner == worker]

    def take_out(self, task: Task, worker: int) -> KeptProcess | None:
        """Remove a task that is still this worker's, in this epoch; gives its process."""
        kept = self.all.get(task.task)
        if kept is None or (kept.owner, kept.epoch) != (worker, task.epoch):
            return None
        self._drop(self._paths[kept.process.instance], kept.path)
        return kept.process
