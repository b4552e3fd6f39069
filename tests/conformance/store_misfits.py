"""Stores with one fault each that takes more than a line."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from corago.core.events import CLOSED_STATUSES
from corago.ports.store import (
    Append,
    Born,
    Change,
    Claims,
    Definition,
    Instance,
    NewProcess,
    Outgoing,
    Query,
    Refusal,
    Sent,
)
from corago.stores.memory import MemoryStore

FAR = 1 << 60


async def one_step() -> None:
    """Let the loop do what else it has to do."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(done.set_result, None)
    await done


class StartsWithoutLooking(MemoryStore):
    """A known id is overwritten."""

    async def start(self, new: NewProcess) -> Born:
        known = self._processes.pop(new.process_id, None)
        born = await super().start(new)
        return born if known is None else replace(born, is_new=False)


class StartsAfterAPause(MemoryStore):
    """What was looked up is stale when it is acted upon."""

    async def start(self, new: NewProcess) -> Born:
        is_known = new.process_id in self._processes
        await one_step()
        if not is_known:
            self._processes.pop(new.process_id, None)
        return await super().start(new)


class DefinesAfterAPause(MemoryStore):
    """What was looked up is stale when it is acted upon."""

    async def define(self, definition: Definition) -> int:
        is_known = definition.sha in {each.sha for each in self._definitions}
        await one_step()
        if is_known:
            return await super().define(definition)
        self._definitions.append(replace(definition, id=len(self._definitions) + 1))
        return len(self._definitions)


class WakesNobody(MemoryStore):
    """A message leaves a parked process as it was."""

    async def send(self, message: Outgoing) -> Sent:
        process = self._processes.get(message.process_id)
        before = None if process is None else (process.owner, process.due_us)
        answer = await super().send(message)
        if process is not None and before is not None and before[0] is None:
            self._let_go(process, before[1])
        return answer


class WakesOnlyWhatWaitsForEver(MemoryStore):
    """A message leaves a process with a timer as it was."""

    async def send(self, message: Outgoing) -> Sent:
        process = self._processes.get(message.process_id)
        due_us = None if process is None else process.due_us
        answer = await super().send(message)
        if process is not None and due_us is not None:
            self._let_go(process, due_us)
        return answer


class HearsInEveryStatus(MemoryStore):
    """A closed process takes messages; `reopens_only` those that reopen, as if all had failed."""

    reopens_only = False

    async def send(self, message: Outgoing) -> Sent:
        process = self._processes.get(message.process_id)
        if process is None or (self.reopens_only and not message.reopens):
            return await super().send(message)
        status, process.status = process.status, "running"
        answer = await super().send(message)
        process.status = status
        return answer


class ReopensAnything(HearsInEveryStatus):
    """Any closed process can be reopened."""

    reopens_only = True


class LooksAtStatusBeforeKeys(MemoryStore):
    """A closed process refuses even a repeated message."""

    async def send(self, message: Outgoing) -> Sent:
        process = self._processes.get(message.process_id)
        if process is not None and process.status in CLOSED_STATUSES and not message.reopens:
            return Sent("closed", process.status)
        return await super().send(message)


class ReopensOnlyWhatFailed(MemoryStore):
    """A message that may reopen is refused where there is nothing to reopen."""

    async def send(self, message: Outgoing) -> Sent:
        process = self._processes.get(message.process_id)
        if process is not None and message.reopens and process.status != "failed":
            return Sent("closed", process.status)
        return await super().send(message)


class ClosedOnceClosedForEver(MemoryStore):
    """A reopened process stays deaf."""

    async def send(self, message: Outgoing) -> Sent:
        process = self._processes.get(message.process_id)
        ever: set[str] = self.__dict__.setdefault("ever", set())
        if process is not None and process.status == "failed":
            ever.add(process.id)
        elif process is not None and process.id in ever:
            return Sent("closed", process.status)
        return await super().send(message)


class RefusesWhoGoesOn(MemoryStore):
    """Unseen messages refuse every commit, not only those that let go."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is not None and append.seen < process.inbox_head:
            return Refusal.MORE_MESSAGES
        return await super().append(append)


class LetsGoAfterAPause(MemoryStore):
    """Messages that arrive between the check and the write are overlooked, and wake nobody."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is None or append.seen < process.inbox_head:
            return await super().append(append)
        await one_step()
        return await super().append(replace(append, seen=FAR))


class WritesWhatFits(MemoryStore):
    """A document conflict refuses the item but not its other documents."""

    async def append(self, append: Append) -> Refusal | None:
        refusal = await super().append(append)
        process = self._at(append.fence.instance)
        if refusal is Refusal.DOCUMENT_CONFLICT and process is not None:
            for write in append.documents:
                written = self._written(process, replace(append, documents=(write,)))
                self._documents.update(written or {})
        return refusal


class RefusesTheWholeBatch(MemoryStore):
    """One refusal is the answer to everybody who appends in the same step of the loop."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self._batch: list[Append] = []
        self._verdict: asyncio.Future[Refusal | None] | None = None

    async def append(self, append: Append) -> Refusal | None:
        self._batch.append(append)
        if self._verdict is not None:
            return await self._verdict
        verdict = self._verdict = asyncio.get_running_loop().create_future()
        await one_step()
        batch, self._batch, self._verdict = self._batch, [], None
        refusals = [await MemoryStore.append(self, each) for each in batch]
        refusal = next((each for each in refusals if each), None)
        verdict.set_result(refusal)
        return refusal


class ForgetsWhatFollowsARefusal(MemoryStore):
    """Who comes after a refused item in the same step of the loop is told that all went well."""

    _has_refused = False

    async def append(self, append: Append) -> Refusal | None:
        if self._has_refused:
            return None
        refusal = await super().append(append)
        if refusal is not None:
            self._has_refused = True
            asyncio.get_running_loop().call_soon(self._forgive)
        return refusal

    def _forgive(self) -> None:
        self._has_refused = False


class ClaimsAfterAPause(MemoryStore):
    """What was due when it was looked up is taken, though others may have taken it since."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        due = [(each, each.due_us) for each in self._instances if each.due_us is not None]
        await one_step()
        for process, due_us in due:
            self._let_go(process, due_us)
        return await super().claim(worker, definitions, limit, heirs, until_us)


class ClaimsWhilePaused(MemoryStore):
    """A pause is kept, and ignored."""

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        paused, self._paused = self._paused, False
        claims = await super().claim(worker, definitions, limit, heirs, until_us)
        self._paused = paused
        return replace(claims, paused=paused)


class LooksForTheLastRow(MemoryStore):
    """A page begins after the last row only if that row still matches."""

    async def find(self, query: Query) -> list[Instance]:
        if query.after is not None:
            matching = await super().find(replace(query, after=None, limit=FAR))
            if query.after not in {each.process_id for each in matching}:
                return []
        return await super().find(query)


class PagesByOffset(MemoryStore):
    """A page begins where the one before it ended, counted from the newest row of today."""

    async def find(self, query: Query) -> list[Instance]:
        served: int = self.__dict__.setdefault("served", 0) if query.after else 0
        page = (await super().find(replace(query, after=None, limit=FAR)))[served:][: query.limit]
        self.__dict__["served"] = served + len(page)
        return page


class BeginsWithTheLastRow(MemoryStore):
    """A page repeats the last row of the page before."""

    async def find(self, query: Query) -> list[Instance]:
        found = await super().find(replace(query, after=None, limit=FAR))
        last = self._processes[query.after].instance if query.after else FAR
        return [each for each in found if each.instance <= last][: query.limit]


class WritesForTheBuried(MemoryStore):
    """Owner and epoch of a lost process stay good for writing until somebody claims it."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is not None and process.lost_owner is not None:
            process.owner = append.fence.owner
        return await super().append(append)


class NeverCloses(MemoryStore):
    """After the end everything goes on."""

    def _check_open(self) -> None:
        pass


class ReadsWhenClosed(MemoryStore):
    """After the end one can still look."""

    async def load(self, process_id: str) -> Any:
        process = self._processes.get(process_id)
        return None if process is None else self._loaded(process)


class ClosesOnce(MemoryStore):
    """Closing what is closed is an error."""

    async def close(self) -> None:
        assert self._opens, "closed already"
        await super().close()


class Mute(MemoryStore):
    """A store that does not tell of one kind of change."""

    kind = "message"

    def _tell(self, kind: str, process: Any) -> None:
        if kind != self.kind:
            super()._tell(kind, process)


class MuteOfTheRunnable(Mute):
    """Nobody hears that there is work."""

    kind = "runnable"


class MuteOfTheClosed(Mute):
    """Nobody hears of an end."""

    kind = "closed"


class TellsOne(MemoryStore):
    """Only the listener that came last is told."""

    def _tell(self, kind: str, process: Any) -> None:
        for listener in self._listeners[-1:]:
            listener(Change(kind, process.id))


class TellsFromAThread(MemoryStore):
    """Listeners are told where the write was done."""

    def _tell(self, kind: str, process: Any) -> None:
        writer = threading.Thread(target=super()._tell, args=(kind, process))
        writer.start()
        writer.join()


class TellsBeforeItWrites(MemoryStore):
    """Who is told of a message does not find it yet."""

    async def send(self, message: Outgoing) -> Sent:
        process = self._processes.get(message.process_id)
        if process is not None:
            self._tell("message", process)
            for _ in range(3):
                await one_step()
        return await super().send(message)


class TellsRefusals(MemoryStore):
    """Listeners are told of what was not written."""

    async def append(self, append: Append) -> Refusal | None:
        process = self._at(append.fence.instance)
        if process is not None:
            self._tell("closed", process)
        return await super().append(append)


class KeepsListeners(MemoryStore):
    """There is no way to stop being told."""

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        super().subscribe(listener)
        return lambda: None


class StopsOnce(MemoryStore):
    """To stop twice is an error."""

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        stop = super().subscribe(listener)

        def stop_once() -> None:
            assert listener in self._listeners, "stopped already"
            stop()

        return stop_once


class TwinsNeverStir(MemoryStore):
    """There may be another object on the same data, and no hint of what it writes."""

    def twin(self) -> MemoryStore:
        """Another object on the same data."""
        other = type(self)(self._clock)
        other.__dict__ = self.__dict__
        return other


class TwinsGoAlone(MemoryStore):
    """Another object knows what was there when it was opened, and nothing later."""

    def twin(self) -> MemoryStore:
        """Another object on what the data were."""
        other = type(self)(self._clock)
        data = {key: value for key, value in self.__dict__.items() if key != "_clock"}
        other.__dict__.update(copy.deepcopy(data))
        return other


class JamsWhenCanceled(MemoryStore):
    """A caller that is canceled while it writes takes the key to the store along."""

    _is_locked = False

    async def append(self, append: Append) -> Refusal | None:
        while self._is_locked:
            await one_step()
        self._is_locked = True
        await one_step()
        self._is_locked = False
        return await super().append(append)
