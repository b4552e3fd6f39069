"""The tasks of the store in memory: who works at what, and what waits for a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from corago.ports.store import NewTask, StandingTask, Task
from corago.stores.memory.processes import KeptProcess


@dataclass(slots=True)
class KeptTask:
    """A task; it is due while nobody holds it, unless it is detached."""

    number: int
    process: KeptProcess
    path: str
    queue: str
    data: bytes
    due_us: int | None
    activity: str = ""
    start_by_us: int | None = None
    close_by_us: int | None = None
    run_us: int | None = None
    beat_us: int | None = None
    details: bytes = b""
    owner: int | None = None
    epoch: int = 0
    stops: bool = False
    losses: int = 0
    run_by_us: int | None = None
    beat_by_us: int | None = None
    taken_us: int | None = None
    heard_us: int | None = None
    expired: str = ""

    @classmethod
    def put(cls, number: int, process: KeptProcess, new: NewTask) -> KeptTask:
        """A new one."""
        return cls(number, process, **{name: getattr(new, name) for name in new.__struct_fields__})

    def told(self, now_us: int) -> Task:
        """It, as a worker is told."""
        return Task(
            task=self.number,
            epoch=self.epoch,
            process_id=self.process.id,
            sha=self.process.definition.sha,
            path=self.path,
            queue=self.queue,
            data=self.data,
            losses=self.losses,
            details=self.details,
            expired=self.ran_out(now_us),
            owner=self.owner,
        )

    def standing(self, names: Mapping[int, str]) -> StandingTask:
        """It, as people look at it."""
        first = self.expiry()
        return StandingTask(
            task=self.number,
            epoch=self.epoch,
            path=self.path,
            queue=self.queue,
            activity=self.activity,
            owner=self.owner,
            owner_name=None if self.owner is None else names.get(self.owner),
            due_us=self.due_us,
            taken_us=self.taken_us,
            heard_us=self.heard_us,
            losses=self.losses,
            stops=self.stops,
            details=self.details,
            expires_us=None if first is None else first[0],
            limit=self.expired or ("" if first is None else first[1]),
        )

    @property
    def is_detached(self) -> bool:
        """Whether it waits for somebody outside."""
        return self.owner is None and self.due_us is None

    def expiry(self) -> tuple[int, str] | None:
        """When it expires as it stands, and by which limit; None: it does not."""
        if self.expired:
            return None if self.due_us is None else (self.due_us, self.expired)
        limits = (
            (self.start_by_us, "schedule_to_start"),
            (self.close_by_us, "schedule_to_close"),
            (self.run_by_us, "start_to_close"),
            (self.beat_by_us, "heartbeat"),
        )
        set_ = [(at_us, name) for at_us, name in limits if at_us is not None]
        return min(set_, key=lambda limit: limit[0], default=None)

    def ran_out(self, now_us: int) -> str:
        """Which of its limits ran out first, if one has."""
        first = self.expiry()
        return first[1] if first is not None and first[0] <= now_us else self.expired

    def take(self, worker: int, now_us: int) -> None:
        """Somebody holds it."""
        self.expired = self.ran_out(now_us)
        self.owner, self.due_us, self.epoch = worker, None, self.epoch + 1
        self.start_by_us, self.taken_us = None, now_us
        self.run_by_us = None if self.run_us is None else now_us + self.run_us
        self.beat(now_us)

    def beat(self, now_us: int) -> None:
        """It goes on."""
        self.heard_us = now_us
        self.beat_by_us = None if self.beat_us is None else now_us + self.beat_us

    def stop(self) -> None:
        """It is to stop: by who holds it, or by whoever comes."""
        self.stops = True
        if self.due_us is not None:
            self.queue, self.due_us = "", 0

    def let_go(self, due_us: int, now_us: int) -> None:
        """Nobody holds it; whoever comes may stop it, if it is to stop."""
        self.expired = self.ran_out(now_us)
        self.owner, self.due_us = None, due_us
        self.run_by_us = self.beat_by_us = None
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
            paths[path].stop()
        for new in puts:
            self._drop(paths, new.path)
            self._last += 1
            kept = KeptTask.put(self._last, process, new)
            self.all[kept.number] = paths[new.path] = kept

    def have_begun(self, process: KeptProcess, paths: Iterable[str]) -> bool:
        """Whether somebody has one of these tasks, or vanished with it."""
        kept = self._paths.get(process.instance, {})
        found = [kept[path] for path in paths if path in kept]
        return any(each.due_us is None or each.losses for each in found)

    def _drop(self, paths: dict[str, KeptTask], path: str) -> None:
        kept = paths.pop(path, None)
        if kept is not None:
            del self.all[kept.number]

    def clear(self, process: KeptProcess) -> None:
        """Forget all tasks of a process."""
        for kept in self._paths.pop(process.instance, {}).values():
            del self.all[kept.number]

    def wanted(
        self, queues: Iterable[str], definitions: Iterable[int], activities: Iterable[str] | None
    ) -> list[tuple[int, KeptTask]]:
        """What waits for a worker that asks so, and what expires, each with the instant."""
        found: list[tuple[int, KeptTask]] = []
        for task in self.all.values():
            of = task.process.definition.id in definitions
            named = task.activity and (activities is None or task.activity in activities)
            first = task.expiry()
            instants = [] if first is None else [first[0]]
            if task.due_us is not None and task.queue in queues and (of or named):
                instants.append(task.due_us)
            if instants:
                found.append((min(instants), task))
        return sorted(found, key=lambda each: (each[0], each[1].number))

    def held(self, worker: int) -> list[KeptTask]:
        """What a worker works at."""
        return [task for task in self.all.values() if task.owner == worker]

    def of(self, task: Task, worker: int | None, now_us: int) -> KeptTask | None:
        """A task that is still this worker's in this epoch, or still detached if it is None.

        None if it has expired in its hands.
        """
        kept = self.all.get(task.task)
        if kept is None or (kept.owner, kept.epoch) != (worker, task.epoch):
            return None
        is_late = kept.ran_out(now_us) != kept.expired
        return None if is_late or kept.due_us is not None else kept

    def take_out(self, kept: KeptTask) -> None:
        """Remove a task."""
        self._drop(self._paths[kept.process.instance], kept.path)
