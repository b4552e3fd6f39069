"""The tasks of a simulated world, as the watch knows them: who works at what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from corago.ports.rows import Append, Task


@dataclass(slots=True)
class Job:
    """A task; its `number` is known once somebody was given it."""

    process_id: str
    path: str
    number: int = 0
    holder: int | None = None
    epoch: int = 0
    is_detached: bool = False


class Jobs:
    """All tasks that are open."""

    def __init__(self) -> None:
        """None yet."""
        self._open: dict[tuple[str, str], Job] = {}

    def write(self, process_id: str, append: Append) -> None:
        """What a commit does to the tasks of its process."""
        if append.closes or append.renews is not None:
            for place in [each for each in self._open if each[0] == process_id]:
                del self._open[place]
            return
        for path in append.drops:
            self._open.pop((process_id, path), None)
        for new in append.tasks:
            self._open[process_id, new.path] = Job(process_id, new.path)

    def claim(self, worker: int, taken: Iterable[Task]) -> Iterator[tuple[str, str]]:
        """A worker was given tasks: what is wrong with that, with the process."""
        for task in taken:
            job = self._open.get((task.process_id, task.path))
            what = f"task {task.task} of {task.path!r}"
            if job is None or job.number not in (0, task.task):
                yield task.process_id, f"{what} was given away, and is over"
                continue
            if job.holder is not None and not task.expired:
                yield task.process_id, f"{what} was given to {worker}, and {job.holder} has it"
            if task.epoch != job.epoch + 1:
                yield task.process_id, f"{what} was given in epoch {task.epoch} after {job.epoch}"
            job.number, job.holder, job.epoch = task.task, worker, task.epoch
            job.is_detached = False

    def act(self, task: Task, worker: int | None, verb: str) -> Iterator[str]:
        """Somebody's word about a task was taken: he had it."""
        job = self._open.get((task.process_id, task.path))
        what = f"task {task.task} of {task.path!r}"
        if job is None or job.number != task.task:
            yield f"{what} was {verb} by {worker}, and is over"
            return
        is_his = job.is_detached if worker is None else job.holder == worker
        if not is_his or job.epoch != task.epoch:
            holder = f"{job.holder} has it in epoch {job.epoch}"
            yield f"{what} was {verb} by {worker} in epoch {task.epoch}, and {holder}"
        if verb == "completed":
            del self._open[task.process_id, task.path]
        elif verb == "detached":
            job.holder, job.is_detached = None, True

    def free(self, worker: int, numbers: Iterable[int] | None = None) -> None:
        """A worker has let go of these tasks, or of all."""
        wanted = None if numbers is None else set(numbers)
        for job in self._open.values():
            if job.holder == worker and (wanted is None or job.number in wanted):
                job.holder = None
