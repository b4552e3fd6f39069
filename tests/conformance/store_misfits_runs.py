"""Stores with one fault each in runs, tags and leases that end by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from corago.ports.store import Append, Claims, Instance, Query, Refusal
from corago.stores.memory import MemoryStore
from corago.stores.memory.processes import KeptProcess
from tests.conformance.store_mutants import GHOST, Mutant, put


class KeepsOfTheRunBefore(MemoryStore):
    """Something of the old run is there in the new one."""

    fields: ClassVar[tuple[str, ...]] = ()

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        before = {} if process is None else {name: getattr(process, name) for name in self.fields}
        if process is not None and append.snapshot is not None and "snapshot" in before:
            before |= {"snapshot": append.snapshot, "snapshot_tag": append.snapshot_tag}
        refusal = await super().append(append)
        if refusal is None and append.renews is not None:
            put(process, **before)
        return refusal


class KeepsTheSnapshot(KeepsOfTheRunBefore):
    """The snapshot of the old run stays."""

    fields = ("snapshot", "snapshot_tag")


class KeepsTheSnapshotsPosition(KeepsOfTheRunBefore):
    """The place of the old run's snapshot stays."""

    fields = ("snapshot_position",)


class KeepsTheTag(KeepsOfTheRunBefore):
    """The tag of the old run's snapshot stays."""

    fields = ("snapshot_tag",)


class KeepsTheHolder(KeepsOfTheRunBefore):
    """Who held the old run holds the new one."""

    fields = ("owner",)


class KeepsFailures(KeepsOfTheRunBefore):
    """Failures of the old run count in the new one."""

    fields = ("failures",)


class KeepsMisfits(KeepsOfTheRunBefore):
    """What the old run did not fit, the new one does not."""

    fields = ("unfit",)


class KeepsTasks(MemoryStore):
    """The tasks of the old run stay."""

    def _change_tasks(self, process: KeptProcess, append: Append) -> None:
        super()._change_tasks(process, replace(append, renews=None))


class MuteOfNewRuns(MemoryStore):
    """Of some change by a new run nobody hears."""

    kind: ClassVar[str] = "task"

    async def append(self, append: Append) -> Refusal | None:
        listeners = self._listeners
        if append.renews is not None:
            self._listeners = [
                lambda change, hear=hear: change.kind == self.kind or hear(change)  # type: ignore[misc]
                for hear in listeners
            ]
        refusal = await super().append(append)
        self._listeners = listeners
        return refusal


class MuteOfDueRuns(MuteOfNewRuns):
    """That a new run is due, nobody hears."""

    kind = "runnable"


class RenewsWhateverComes(MemoryStore):
    """A refused commit begins a new run."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        process = self._at(append.fence.instance)
        if refusal is not None and process is not None and append.renews is not None:
            process.renew(append.renews)
        return refusal


class CountsFailuresWhateverComes(MemoryStore):
    """A refused commit counts failures."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        process = self._at(append.fence.instance)
        if refusal is not None and process is not None and append.failures:
            process.failures = append.failures
        return refusal


class TagsWhateverComes(MemoryStore):
    """A refused commit gives tags."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        process = self._at(append.fence.instance)
        if refusal is not None and process is not None and append.tags is not None:
            process.tags = append.tags
        return refusal


class AddsFailures(MemoryStore):
    """Failures are added up."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is not None and append.failures:
            append = replace(append, failures=append.failures + process.failures)
        return await super().append(append)


class KeepsFailuresThroughEvents(MemoryStore):
    """Failures stay until others are said."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is not None and not append.failures and self.when(append):
            append = replace(append, failures=process.failures)
        return await super().append(append)

    def when(self, append: Append) -> bool:
        return append.renews is None


class KeepsFailuresOfWhoParks(KeepsFailuresThroughEvents):
    """Failures stay when a process is parked."""

    def when(self, append: Append) -> bool:
        return append.parks


class KeepsFailuresOfTheClosed(KeepsFailuresThroughEvents):
    """Failures stay when a process ends."""

    def when(self, append: Append) -> bool:
        return append.closes


class AddsTags(MemoryStore):
    """New tags join the old ones."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is not None and append.tags is not None:
            append = replace(append, tags=(*process.tags, *append.tags))
        return await super().append(append)


class LooksForFirstTags(MemoryStore):
    """Processes are found by the tags that they were born with."""

    async def find(self, query: Query) -> list[Instance]:
        now = [(each, each.tags) for each in self._instances]
        for each, _ in now:
            each.tags = each.born.tags
        found = await super().find(query)
        for each, tags in now:
            each.tags = tags
        return [replace(row, tags=dict(self._tags())[row.instance]) for row in found]

    def _tags(self) -> list[tuple[int, tuple[str, ...]]]:
        return [(each.instance, each.tags) for each in self._instances]


class CountsFirstTags(MemoryStore):
    """Processes are counted by the tags that they were born with."""

    async def count(self, query: Query) -> dict[str, int]:
        now = [(each, each.tags) for each in self._instances]
        for each, _ in now:
            each.tags = each.born.tags
        counts = await super().count(query)
        for each, tags in now:
            each.tags = tags
        return counts


def reading(change: Callable[[KeptProcess, int | None], int | None]) -> Mutant:
    """A store that reads another run than it was asked for."""

    class Reading(MemoryStore):
        async def events(
            self, process_id: str, after: int = 0, limit: int | None = None, run: int | None = None
        ) -> list[bytes]:
            process = self._processes.get(process_id)
            heard = run if process is None else change(process, run)
            return await super().events(process_id, after, limit, heard)

    return Reading


class ReadsAllRuns(MemoryStore):
    """A history is that of all runs."""

    async def events(
        self, process_id: str, after: int = 0, limit: int | None = None, run: int | None = None
    ) -> list[bytes]:
        process = self._processes.get(process_id)
        if process is None or run is not None:
            return await super().events(process_id, after, limit, run)
        events = [event for each in (*process.past, process.events) for event in each]
        return events[after:][:limit]


class ReadsRunsWhole(MemoryStore):
    """Who asks for a run gets all of it."""

    async def events(
        self, process_id: str, after: int = 0, limit: int | None = None, run: int | None = None
    ) -> list[bytes]:
        if run is None:
            return await super().events(process_id, after, limit)
        return await super().events(process_id, run=run)


def lending(change: Callable[[MemoryStore, int | None], int | None]) -> Mutant:
    """A store that lends until another instant than it was asked to."""

    class Lending(MemoryStore):
        async def claim(
            self,
            worker: int,
            definitions: Sequence[int],
            limit: int,
            heirs: Sequence[tuple[int, int]] = (),
            until_us: int | None = None,
        ) -> Claims:
            until_us = change(self, until_us)
            return await super().claim(worker, definitions, limit, heirs, until_us)

    return Lending


class LetsGoOf(MemoryStore):
    """Some claims let nothing go of what is over."""

    def may(self, process: KeptProcess, call: tuple[int, Sequence[int], int]) -> bool:
        raise NotImplementedError

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        aside = [
            (each, each.until_us)
            for each in self._instances
            if each.until_us is not None and not self.may(each, (worker, definitions, limit))
        ]
        for each, _ in aside:
            each.until_us = None
        claims = await super().claim(worker, definitions, limit, heirs, until_us)
        for each, until in aside:
            each.until_us = until
        return claims


class LetsGoOfTheAsked(LetsGoOf):
    """Only of the asked definitions are leases over."""

    def may(self, process: KeptProcess, call: tuple[int, Sequence[int], int]) -> bool:
        return process.definition.id in call[1]


class LetsGoOfOthers(LetsGoOf):
    """One's own lease is never over."""

    def may(self, process: KeptProcess, call: tuple[int, Sequence[int], int]) -> bool:
        return process.owner != call[0]


class LetsGoForWhoTakes(LetsGoOf):
    """Who only looks lets nothing go."""

    def may(self, process: KeptProcess, call: tuple[int, Sequence[int], int]) -> bool:
        return call[2] > 0


class LetsGoWhilePaused(MemoryStore):
    """A lease is over whatever else holds."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        if self.when(worker):
            self._let_lapsed_go()
        return await super().claim(worker, definitions, limit, heirs, until_us)

    def when(self, worker: int) -> bool:
        return self._paused


class LetsGoForAnybody(LetsGoWhilePaused):
    """Whoever asks ends what is over."""

    def when(self, worker: int) -> bool:
        return worker not in self._workers


class FencesWhoIsSlow(MemoryStore):
    """Who holds a lease too long is fenced before anybody wants it."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        until_us = None if process is None else process.until_us
        if until_us is not None and until_us <= self._now_us():
            return Refusal.FENCED
        return await super().append(append)


class KeepsTheEnd(MemoryStore):
    """An end of a lease stays with the process."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._untils: dict[int, int] = {}

    def when(self, append: Append) -> bool:
        return append.parks and not append.seize

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        until_us = None if process is None else process.until_us
        refusal = await super().append(append)
        if process is not None and refusal is None and self.when(append):
            process.until_us = until_us
        return refusal


class KeepsTheEndForWhoSeizes(KeepsTheEnd):
    """Who seizes inherits the end of the lease."""

    def when(self, append: Append) -> bool:
        return append.seize and not append.parks


class KeepsTheEndForWhoSeizesAndParks(KeepsTheEnd):
    """Who seizes and parks inherits the end of the lease."""

    def when(self, append: Append) -> bool:
        return append.seize and append.parks


class KeepsTheEndOfTheClosed(KeepsTheEnd):
    """What is closed is lent on."""

    def when(self, append: Append) -> bool:
        return append.closes


class KeepsTheEndOfTheBuried(MemoryStore):
    """Burying leaves the end of a lease."""

    async def bury(self, worker: int, beat: int | None = None) -> int:
        before = [(each, each.until_us) for each in self._instances]
        count = await super().bury(worker, beat)
        for each, until_us in before:
            each.until_us = until_us
        return count


class KeepsTheFirstEnd(MemoryStore):
    """Who claims without an end inherits the one before."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._last: int | None = None

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        self._last = until_us or self._last
        return await super().claim(worker, definitions, limit, heirs, self._last)


class TellsOfProcessesOnly(MemoryStore):
    """When the next lease ends is not told."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        claims = await super().claim(worker, definitions, limit, heirs, until_us)
        due = [
            each.due_us
            for each in self._instances
            if each.due_us is not None and each.definition.id in definitions
        ]
        return replace(claims, next_due_us=min(due, default=None))


class LendsTheFirst(MemoryStore):
    """Of what is taken together, the first is lent for a time."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        claims = await super().claim(worker, definitions, limit, heirs, until_us)
        for loaded in claims.taken[1:]:
            self._processes[loaded.row.process_id].until_us = None
        return claims


def orphaning(spoil: Callable[[MemoryStore, KeptProcess, int], object]) -> Mutant:
    """A store that spoils what is let go of when its lease is over."""

    class Orphaning(MemoryStore):
        def _let_lapsed_go(self) -> None:
            over = [
                (each, each.until_us)
                for each in self._instances
                if each.until_us is not None and each.until_us <= self._now_us()
            ]
            super()._let_lapsed_go()
            for each, until_us in over:
                spoil(self, each, until_us or 0)

    return Orphaning


class MuteOfEnds(MemoryStore):
    """Nobody hears of a lease that is over."""

    def _let_lapsed_go(self) -> None:
        listeners, self._listeners = self._listeners, []
        super()._let_lapsed_go()
        self._listeners = listeners


LOST = GHOST.name
