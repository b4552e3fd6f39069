"""Stores with one fault each in what goes with a commit, and in claiming for heirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from corago.ports.store import (
    Append,
    Claims,
    Definition,
    NewProcess,
    Refusal,
)
from corago.stores.memory import MemoryStore
from corago.stores.memory.processes import KeptProcess
from tests.conformance.store_misfits import FAR


class ClaimsByTheFirstDefinition(MemoryStore):
    """Who claims is asked for the definition that a process was born with."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        now = [(each, each.definition) for each in self._instances]
        for process, _ in now:
            process.definition = self._definition(process.born.definition_id)
            self._dues.add(process)
        claims = await super().claim(worker, definitions, limit, heirs, until_us)
        for process, definition in now:
            process.definition = definition
            self._dues.add(process)
        return claims


class BearsWithoutLooking(MemoryStore):
    """A known child is overwritten."""

    async def append(self, append: Append) -> Refusal | None:
        known = {new.process_id: self._processes.pop(new.process_id, None) for new in append.births}
        refusal = await super().append(append)
        if refusal is not None:
            self._processes.update({name: each for name, each in known.items() if each})
        return refusal


class BearsLeased(MemoryStore):
    """A child belongs to whoever holds its parent."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        for new in append.births:
            if refusal is None and append.fence.owner:
                self._take(self._processes[new.process_id], append.fence.owner)
        return refusal


class BearsAsleep(MemoryStore):
    """A child waits for its first message."""

    def _bear(self, new: NewProcess, definition: Definition, owner: int | None) -> KeptProcess:
        process = super()._bear(new, definition, owner)
        if new.parent is not None or new.process_id == "child":
            self._let_go(process, None)
        return process


class BearsQuietly(MemoryStore):
    """Nobody hears of children."""

    def _tell(self, kind: str, process: KeptProcess) -> None:
        if process.id != "child":
            super()._tell(kind, process)


class SendsFirst(MemoryStore):
    """Messages are sent before the row is written."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is None or not self._fits(process, append):
            return await super().append(append)
        for message in append.sends:
            self._send(message)
        return await super().append(replace(append, sends=(), seen=FAR))


class SendsOrRefuses(MemoryStore):
    """A message that cannot be delivered refuses the commit."""

    async def append(self, append: Append) -> Refusal | None:
        if any(each.process_id == "absent" for each in append.sends):
            return Refusal.FENCED
        return await super().append(append)


class SendsWhatConflicts(MemoryStore):
    """Of two messages with one key and two digests both are delivered."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        for each in append.sends:
            process = self._processes.get(each.process_id)
            if process and each.key and process.keys.get(each.key) != each.digest:
                self._deliver(process, each.data)
        return refusal


class SendsQuietly(MemoryStore):
    """What a commit sends wakes nobody."""

    async def append(self, append: Append) -> Refusal | None:
        names = [each.process_id for each in append.sends]
        before = {each.id: each.due_us for each in self._instances if each.id in names}
        refusal = await super().append(append)
        for name, due_us in before.items():
            process = self._processes[name]
            if refusal is None and process.owner is None:
                self._let_go(process, due_us)
        return refusal


class SendsWithTheCommitsInstant(MemoryStore):
    """What a commit sends arrives when it was decided."""

    _at_us: int | None = None

    def _now_us(self) -> int:
        return super()._now_us() if self._at_us is None else self._at_us

    async def append(self, append: Append) -> Refusal | None:
        self._at_us = append.at_us if append.sends else None
        refusal = await super().append(append)
        self._at_us = None
        return refusal


class ShowsNoMisfit(MemoryStore):
    """What a process does not fit is known to the store alone."""

    async def load(self, process_id: str) -> Any:
        loaded = await super().load(process_id)
        return loaded and replace(loaded, row=replace(loaded.row, unfit=None))


class EndsMisfitsByParking(MemoryStore):
    """A commit that goes on leaves a misfit."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is not None and append.unfit is None and not append.parks:
            append = replace(append, unfit=process.unfit)
        return await super().append(append)


class LooksForTheSameMisfit(MemoryStore):
    """What did not fit a later definition is taken to fit an earlier one."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        hidden = [
            (each, each.unfit)
            for each in self._instances
            if each.unfit is not None and each.unfit not in dict(heirs).values()
        ]
        for process, _ in hidden:
            process.unfit = None
        claims = await super().claim(worker, definitions, limit, heirs, until_us)
        for process, unfit in hidden:
            process.unfit = unfit
        return claims


class TakesNoMisfit(MemoryStore):
    """What did not fit one follower is taken to fit none."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        before = [(each, each.unfit) for each in self._instances if each.unfit is not None]
        for process, _ in before:
            process.unfit = FAR
        claims = await super().claim(worker, definitions, limit, heirs, until_us)
        for process, unfit in before:
            process.unfit = unfit
        return claims


class StopsAtTheFirstMisfit(MemoryStore):
    """What does not fit stands in the way of what is due after it."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        older = dict(heirs)
        due = [each for each in self._instances if each.due_us is not None]
        first = min(due, key=lambda each: each.due_us or 0, default=None)
        if first is not None and first.unfit is not None and first.definition.id in older:
            return await super().claim(worker, definitions, limit, until_us=until_us)
        return await super().claim(worker, definitions, limit, heirs, until_us)


class WakesForNobody(MemoryStore):
    """What is written by nobody is due at once."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        refusal = await super().append(append)
        if refusal is None and process is not None and append.fence.owner is None:
            self._let_go(process, append.at_us)
        return refusal


class PutsToSleepForNobody(MemoryStore):
    """What is written by nobody waits for ever."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        refusal = await super().append(append)
        goes_on = not (append.parks or append.closes)
        if refusal is None and process is not None and append.fence.owner is None and goes_on:
            self._let_go(process, append.due_us)
        return refusal


class RefusesNobody(MemoryStore):
    """Unseen messages refuse whatever is written by nobody."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is not None and append.fence.owner is None and append.seen < process.inbox_head:
            return Refusal.MORE_MESSAGES
        return await super().append(append)
