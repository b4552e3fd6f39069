"""Stores with one fault each in limits, activities, heartbeats and detached tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from corago.ports.store import Append, Blob, Refusal, Task, TaskClaims
from corago.stores.memory import MemoryStore
from corago.stores.memory.tasks import KeptTask
from tests.conformance.store_mutants import Mutant, put, tasks_of

NAMES = {
    "start_by_us": "schedule_to_start",
    "close_by_us": "schedule_to_close",
    "run_by_us": "start_to_close",
    "beat_by_us": "heartbeat",
}
LIMITS = tuple(NAMES)

RanOut = list[tuple[int, str]]


class Asked:
    """What a claim of tasks asks for."""

    def __init__(self, worker: int, queues: Sequence[str], definitions: Sequence[int]) -> None:
        self.worker = worker
        self.queues = queues
        self.definitions = definitions


def restored(tasks: list[KeptTask], before: dict[int, dict[str, Any]]) -> None:
    """Put fields of tasks back, where these are there still."""
    for task in tasks:
        put(task, **before.get(task.number, {}))


def hiding(when: Callable[[KeptTask, int, Asked], object], *fields: str) -> Mutant:
    """A store that overlooks such limits of such tasks when it is asked for tasks."""

    class Hiding(MemoryStore):
        async def claim_tasks(
            self,
            worker: int,
            queues: Sequence[str],
            definitions: Sequence[int],
            limit: int,
            activities: Sequence[str] | None = (),
        ) -> TaskClaims:
            call = Asked(worker, queues, definitions)
            before = {
                task.number: {name: getattr(task, name) for name in fields}
                for task in tasks_of(self)
                if when(task, self._now_us(), call)
            }
            blanks = {name: "" if name == "expired" else None for name in fields}
            restored(tasks_of(self), dict.fromkeys(before, blanks))
            claims = await super().claim_tasks(worker, queues, definitions, limit, activities)
            for task in claims.taken:
                before.pop(task.task, None)
            restored(tasks_of(self), before)
            return claims

    return Hiding


class NamesAnother(MemoryStore):
    """Of the limits that have run out, not the first is named."""

    def choose(self, ran_out: RanOut) -> str:
        raise NotImplementedError

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        ran_out = {}
        for task in tasks_of(self):
            instants = [(getattr(task, field), name) for field, name in NAMES.items()]
            ran_out[task.number] = [
                (at_us, name)
                for at_us, name in instants
                if at_us is not None and at_us <= self._now_us() and not task.expired
            ]
        claims = await super().claim_tasks(worker, queues, definitions, limit, activities)
        taken = [
            replace(each, expired=self.choose(ran_out[each.task])) if ran_out[each.task] else each
            for each in claims.taken
        ]
        for each in taken:
            self._tasks.all[each.task].expired = each.expired
        return replace(claims, taken=tuple(taken))


class NamesTheLast(NamesAnother):
    """The limit that ran out last is named."""

    def choose(self, ran_out: RanOut) -> str:
        return max(ran_out, key=lambda each: each[0])[1]


class NamesByTheAlphabet(NamesAnother):
    """Of equal instants, the first name in the alphabet counts."""

    def choose(self, ran_out: RanOut) -> str:
        return min(ran_out)[1]


class NamesTheRun(NamesAnother):
    """Of equal instants, the later limit counts."""

    def choose(self, ran_out: RanOut) -> str:
        first = min(at_us for at_us, _ in ran_out)
        return [name for at_us, name in ran_out if at_us == first][-1]


class KeepsFields(MemoryStore):
    """Something of a task is not what it should be once it was let go of."""

    fields: ClassVar[tuple[str, ...]] = ()
    by: ClassVar[tuple[str, ...]] = ("bury", "return")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._before: dict[int, dict[str, Any]] = {}

    def _noted(self) -> dict[int, dict[str, Any]]:
        return {
            each.number: {name: getattr(each, name) for name in self.fields}
            for each in tasks_of(self)
        }

    async def bury(self, worker: int, beat: int | None = None) -> int:
        before = self._noted()
        count = await super().bury(worker, beat)
        if "bury" in self.by:
            restored(tasks_of(self), before)
        return count

    async def return_tasks(
        self, worker: int, numbers: Sequence[int], due_us: int, start_by_us: Mapping[int, int] = {}
    ) -> None:
        before = self._noted()
        await super().return_tasks(worker, numbers, due_us, start_by_us)
        if "return" in self.by:
            restored(tasks_of(self), before)


class KeepsRuns(KeepsFields):
    """The time of a run goes on while the task waits."""

    fields = ("run_by_us",)


class KeepsBeats(KeepsFields):
    """Heartbeats are expected while the task waits."""

    fields = ("beat_by_us",)


class OverlooksExpiryByBurying(KeepsFields):
    """What expired in the hands of a dead worker, unnoticed, is as good as new."""

    fields = ("expired",)
    by = ("bury",)


class OverlooksExpiryByReturning(KeepsFields):
    """What expired in the hands of who returns it, unnoticed, is as good as new."""

    fields = ("expired",)
    by = ("return",)


class KeepsStarts(MemoryStore):
    """What waits again must be taken in time again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._starts: dict[int, int | None] = {}

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        self._starts |= {each.number: each.start_by_us for each in tasks_of(self) if not each.epoch}
        return refusal

    def _restarted(self) -> None:
        for each in tasks_of(self):
            if each.due_us is not None and not each.expired:
                each.start_by_us = self._starts.get(each.number)


class KeepsStartsOfTheBuried(KeepsStarts):
    """What a dead worker held must be taken in time again."""

    async def bury(self, worker: int, beat: int | None = None) -> int:
        count = await super().bury(worker, beat)
        self._restarted()
        return count


class KeepsStartsOfTheReturned(KeepsStarts):
    """What was returned must be taken in time again."""

    async def return_tasks(
        self, worker: int, numbers: Sequence[int], due_us: int, start_by_us: Mapping[int, int] = {}
    ) -> None:
        await super().return_tasks(worker, numbers, due_us, start_by_us)
        self._restarted()


class InheritsLimits(MemoryStore):
    """The limits of a path stay with it."""

    async def append(self, append: Append) -> Refusal | None:
        before = {(each.process.id, each.path): each.close_by_us for each in tasks_of(self)}
        refusal = await super().append(append)
        for each in tasks_of(self):
            each.close_by_us = each.close_by_us or before.get((each.process.id, each.path))
        return refusal


class TakesAllThatExpired(MemoryStore):
    """What has expired is not counted."""

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        late = sum(bool(each.ran_out(self._now_us())) for each in tasks_of(self))
        limit = limit + late if limit else 0
        return await super().claim_tasks(worker, queues, definitions, limit, activities)


class CompletesTheLate(MemoryStore):
    """A task is late when somebody has noticed."""

    outside_only: ClassVar[bool] = False

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        found = self._tasks.all.get(task.task)
        if found is not None and found.due_us is None and not (self.outside_only and worker):
            put(found, **dict.fromkeys(LIMITS))
        return await super().complete_task(task, worker, outcome, blobs)


class CompletesTheLateFromOutside(CompletesTheLate):
    """What was detached may be as late as it likes, until somebody notices."""

    outside_only = True


class RefusesAMomentEarly(MemoryStore):
    """A task expires a moment before it does."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        found = self._tasks.all.get(task.task)
        if found is not None and found.ran_out(self._now_us() + 1):
            return False
        return await super().complete_task(task, worker, outcome, blobs)


class RefusesWhoTakesTheExpired(MemoryStore):
    """What has expired is never completed."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        found = self._tasks.all.get(task.task)
        if found is not None and found.expired:
            return False
        return await super().complete_task(task, worker, outcome, blobs)


class ForgetsWhatIsLate(MemoryStore):
    """A late outcome ends its task."""

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        done = await super().complete_task(task, worker, outcome, blobs)
        found = self._tasks.all.get(task.task)
        if not done and found is not None and found.ran_out(self._now_us()):
            self._tasks.take_out(found)
        return done


def naming(change: Callable[[Sequence[str] | None], Sequence[str] | None]) -> Mutant:
    """A store that hears of other activities than it was asked for."""

    class Naming(MemoryStore):
        async def claim_tasks(
            self,
            worker: int,
            queues: Sequence[str],
            definitions: Sequence[int],
            limit: int,
            activities: Sequence[str] | None = (),
        ) -> TaskClaims:
            asked = change(activities)
            return await super().claim_tasks(worker, queues, definitions, limit, asked)

    return Naming


class TakesTheNameless(MemoryStore):
    """What has no activity is of any."""

    when: ClassVar[Callable[[Sequence[str] | None], bool]] = lambda asked: asked is None

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        nameless = [each for each in tasks_of(self) if not each.activity]
        if type(self).when(activities):
            restored(nameless, {each.number: {"activity": "?"} for each in nameless})
            activities = None if activities is None else [*activities, "?"]
        claims = await super().claim_tasks(worker, queues, definitions, limit, activities)
        restored(nameless, {each.number: {"activity": ""} for each in nameless})
        return claims


class TakesTheEmptyName(TakesTheNameless):
    """The empty name is a name."""

    when = lambda asked: asked is not None and "" in asked  # noqa: E731 - a field


class TakesNamesOfAnyQueue(MemoryStore):
    """Who asks for activities serves all queues."""

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        if activities is None or activities:
            queues = [each.queue for each in tasks_of(self)]
        return await super().claim_tasks(worker, queues, definitions, limit, activities)


class TakesNamesOnly(MemoryStore):
    """Who asks for activities is asked for nothing else."""

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        if activities is None or activities:
            definitions = []
        return await super().claim_tasks(worker, queues, definitions, limit, activities)


class TellsNothingOfNames(MemoryStore):
    """When the next of the asked activities falls due is not told."""

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        claims = await super().claim_tasks(worker, queues, definitions, limit, activities)
        rest = await super().claim_tasks(worker, queues, definitions, 0)
        return replace(claims, next_due_us=rest.next_due_us)
