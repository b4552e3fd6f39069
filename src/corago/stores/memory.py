"""The store in memory: the executable specification of the Store port, small before it is fast.

Every method does its work in one step of the event loop: nothing is awaited between a check and
the write that relies on it, so no lock is needed. Whatever needs a file, a thread or a second
thought about speed has no place here.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from corago.clock import Clock, to_us
from corago.core.events import CLOSED_STATUSES
from corago.errors import EngineClosedError
from corago.ports.store import (
    Append,
    Arrived,
    Born,
    Change,
    Claims,
    Definition,
    DocumentVersion,
    Instance,
    Loaded,
    NewProcess,
    Outgoing,
    Peer,
    Query,
    Refusal,
    Sent,
)


@dataclass(slots=True)
class _Process:
    """A process with all that belongs to it."""

    born: NewProcess
    definition: Definition
    instance: int
    status: str
    owner: int | None
    epoch: int
    due_us: int | None
    updated_us: int
    external: bytes
    events: list[bytes]
    run: int = 1
    consumed: int = 0
    inbox_head: int = 0
    inbox: list[Arrived] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    snapshot: bytes | None = None
    snapshot_tag: str = ""
    snapshot_position: int = 0
    lost_owner: str | None = None

    @property
    def id(self) -> str:
        return self.born.process_id

    @property
    def position(self) -> int:
        return len(self.events)


class MemoryStore:
    """A Store whose data live as long as the object; the engines of one event loop may share it.

    It is open from the first `open` until each `open` has had its `close`, and may be opened
    again. All listeners hear of every change, since all changes are made through this object.
    """

    url = "memory://"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._opens = 0
        self._definitions: list[Definition] = []
        self._processes: dict[str, _Process] = {}
        self._instances: list[_Process] = []
        self._due: dict[int, list[tuple[int, int]]] = {}  # by definition: heaps of (due, instance)
        self._workers: dict[int, Peer] = {}
        self._worker_ids = 0
        self._documents: dict[tuple[str, str], list[DocumentVersion]] = {}
        self._sequence = 0
        self._paused = False
        self._listeners: list[Callable[[Change], None]] = []

    # ------------------------------------------------------------------ opening, closing, hearing

    async def open(self) -> None:
        self._opens += 1

    async def close(self) -> None:
        self._opens = max(0, self._opens - 1)

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        self._listeners.append(listener)
        return stop

    def stirred(self) -> bool:
        return False

    def _check_open(self) -> None:
        if not self._opens:
            raise EngineClosedError("this store in memory is not open; `open` comes first")

    def _tell(self, kind: str, process: _Process) -> None:
        for listener in tuple(self._listeners):
            listener(Change(kind, process.id))

    def _now_us(self) -> int:
        return to_us(self._clock.now())

    # ------------------------------------------------------------------------------- definitions

    async def define(self, definition: Definition) -> int:
        self._check_open()
        for known in self._definitions:
            if _identity(known) == _identity(definition):
                return known.id
        fresh = msgspec.structs.replace(definition, id=len(self._definitions) + 1)
        self._definitions.append(fresh)
        return fresh.id

    async def definitions(self, name: str | None = None) -> list[Definition]:
        self._check_open()
        return [each for each in self._definitions if name is None or each.name == name]

    # ------------------------------------------------------------------------ starting and sending

    async def start(self, new: NewProcess) -> Born:
        self._check_open()
        definition = self._definitions[new.definition_id - 1]
        known = self._processes.get(new.process_id)
        if known is not None:
            is_same = (definition.name, new.input_sha) == (
                known.definition.name,
                known.born.input_sha,
            )
            return Born(is_new=False, is_same=is_same, instance=known.instance)
        # A worker that was struck off must not get a process that nobody could take from it.
        owner = new.owner if new.owner in self._workers else None
        process = _Process(
            born=new,
            definition=definition,
            instance=len(self._instances) + 1,
            status="created" if owner is None else "running",
            owner=owner,
            epoch=0 if owner is None else 1,
            due_us=None,
            updated_us=new.at_us,
            external=new.external,
            events=[new.event],
        )
        self._processes[process.id] = process
        self._instances.append(process)
        if owner is None:
            self._let_go(process, new.at_us)
            self._tell("runnable", process)
        return Born(is_new=True, instance=process.instance, epoch=process.epoch)

    async def send(self, message: Outgoing) -> Sent:
        self._check_open()
        process = self._processes.get(message.process_id)
        if process is None:
            return Sent("absent")
        if message.key is not None and message.key in process.keys:
            is_same = process.keys[message.key] == message.digest
            return Sent("repeated" if is_same else "conflict", process.status)
        if process.status in CLOSED_STATUSES and not (
            process.status == "failed" and message.reopens
        ):
            return Sent("closed", process.status)
        now = self._now_us()
        self._sequence += 1
        if message.key is not None:
            process.keys[message.key] = message.digest
        process.inbox.append(Arrived(self._sequence, now, message.data))
        process.inbox_head = self._sequence
        wakes = process.owner is None and not self._is_due(process)
        if wakes:
            self._let_go(process, now)
        self._tell("message", process)
        if wakes:
            self._tell("runnable", process)
        return Sent("sent", process.status, self._sequence)

    # ----------------------------------------------------------------------------------- appending

    async def append(self, append: Append) -> Refusal | None:
        self._check_open()
        process = self._at(append.fence.instance)
        if process is None or not self._fits(process, append):
            return Refusal.FENCED
        if (append.parks or append.closes) and append.seen < process.inbox_head:
            return Refusal.MORE_MESSAGES
        documents = self._written(process, append)
        if documents is None:
            return Refusal.DOCUMENT_CONFLICT
        self._documents.update(documents)
        self._write(process, append)
        return None

    def _fits(self, process: _Process, append: Append) -> bool:
        fence = append.fence
        if (fence.run, fence.position) != (process.run, process.position):
            return False
        return append.seize or (fence.owner, fence.epoch) == (process.owner, process.epoch)

    def _written(
        self, process: _Process, append: Append
    ) -> dict[tuple[str, str], list[DocumentVersion]] | None:
        """The documents' versions as they would be, or None if one write does not fit."""
        changed: dict[tuple[str, str], list[DocumentVersion]] = {}
        for write in append.documents:
            key = (write.kind, write.id)
            versions = changed.get(key, self._documents.get(key, []))
            if write.expected != len(versions):
                return None
            version = DocumentVersion(
                kind=write.kind,
                id=write.id,
                version=write.expected + 1,
                data=write.data,
                at_us=append.at_us,
                actor=write.actor,
                process_id=process.id,
                position=process.position + len(append.events),
            )
            changed[key] = [*versions, version]
        return changed

    def _write(self, process: _Process, append: Append) -> None:
        process.events.extend(append.events)
        process.status = append.status
        process.updated_us = append.at_us
        process.consumed = max(process.consumed, append.consumed)
        process.inbox = [each for each in process.inbox if each.seq > process.consumed]
        if append.external is not None:
            process.external = append.external
        if append.snapshot is not None:
            process.snapshot = append.snapshot
            process.snapshot_tag = append.snapshot_tag
            process.snapshot_position = process.position
        if append.seize:
            process.epoch += 1
            self._take(process, append.fence.owner)
        if append.closes:
            self._let_go(process, None)
            self._tell("closed", process)
        elif append.parks:
            self._let_go(process, append.due_us)
            if self._is_due(process):
                self._tell("runnable", process)

    # ------------------------------------------------------------------------------ taking up work

    def _take(self, process: _Process, owner: int) -> None:
        process.owner, process.due_us = owner, None

    def _let_go(self, process: _Process, due_us: int | None) -> None:
        process.owner, process.due_us = None, due_us
        if due_us is None:
            return
        heap = self._due.setdefault(process.definition.id, [])
        heapq.heappush(heap, (due_us, process.instance))
        if len(heap) > 2 * len(self._instances) + 100:  # mostly entries that no longer hold
            heap[:] = sorted(filter(self._holds, set(heap)))

    def _holds(self, entry: tuple[int, int]) -> bool:
        due_us, instance = entry
        return self._instances[instance - 1].due_us == due_us

    def _first(self, definitions: Sequence[int]) -> _Process | None:
        """Of the processes of these definitions that wait for an instant, the first to be due."""
        heads = []
        for heap in filter(None, map(self._due.get, set(definitions))):
            while heap and not self._holds(heap[0]):
                heapq.heappop(heap)
            heads += heap[:1]
        return self._at(min(heads)[1]) if heads else None

    async def claim(self, worker: int, definitions: Sequence[int], limit: int) -> Claims:
        self._check_open()
        taken: list[Loaded] = []
        first = self._first(definitions)
        may_take = not self._paused and worker in self._workers
        while may_take and len(taken) < limit and first and self._is_due(first):
            self._take(first, worker)
            first.epoch += 1
            if first.status != "failed":
                first.status = "running"
            taken.append(self._loaded(first))
            first.lost_owner = None
            first = self._first(definitions)
        return Claims(tuple(taken), first.due_us if first else None, self._paused)

    def _is_due(self, process: _Process) -> bool:
        return process.due_us is not None and process.due_us <= self._now_us()

    async def beat(self, name: str, worker: int | None = None) -> int:
        self._check_open()
        if worker is None:
            self._worker_ids += 1
            self._workers[self._worker_ids] = Peer(self._worker_ids, name, 1)
            return self._worker_ids
        known = self._workers.get(worker)
        if known is None:
            return 0
        self._workers[worker] = msgspec.structs.replace(known, beat=known.beat + 1)
        return worker

    async def peers(self) -> list[Peer]:
        self._check_open()
        return list(self._workers.values())

    async def bury(self, worker: int, beat: int | None = None) -> int:
        self._check_open()
        peer = self._workers.get(worker)
        if peer is None or (beat is not None and beat != peer.beat):
            return 0
        del self._workers[worker]
        orphans = [each for each in self._instances if each.owner == worker]
        for process in orphans:
            process.lost_owner = peer.name
            self._let_go(process, self._now_us())
            self._tell("runnable", process)
        return len(orphans)

    async def pause(self, paused: bool | None = None) -> bool:  # noqa: FBT001 - the port's form
        self._check_open()
        if paused is not None:
            self._paused = paused
        return self._paused

    # ------------------------------------------------------------------------------------- reading

    async def load(self, process_id: str) -> Loaded | None:
        self._check_open()
        process = self._processes.get(process_id)
        return None if process is None else self._loaded(process)

    async def messages(self, instance: int, after: int) -> list[Arrived]:
        self._check_open()
        process = self._at(instance)
        return [] if process is None else [each for each in process.inbox if each.seq > after]

    async def events(
        self, process_id: str, after: int = 0, limit: int | None = None
    ) -> list[bytes]:
        self._check_open()
        process = self._processes.get(process_id)
        if process is None:
            return []
        return process.events[after : None if limit is None else after + limit]

    async def find(self, query: Query) -> list[Instance]:
        self._check_open()
        older = self._instances
        if query.after is not None:
            last = self._processes.get(query.after)
            older = [] if last is None else older[: last.instance - 1]
        return list(itertools.islice(self._matching(query, older), query.limit))

    async def count(self, query: Query) -> dict[str, int]:
        self._check_open()
        counts: dict[str, int] = {}
        for row in self._matching(query, self._instances):
            counts[row.status] = counts.get(row.status, 0) + 1
        return counts

    def _matching(self, query: Query, among: list[_Process]) -> Iterator[Instance]:
        for process in reversed(among):
            row = self._row(process)
            if (
                (query.workflow is None or row.workflow == query.workflow)
                and (query.status is None or row.status == query.status)
                and (query.tag is None or query.tag in row.tags)
                and (query.since_us is None or row.created_us >= query.since_us)
                and (query.until_us is None or row.created_us < query.until_us)
                and (query.owner is None or row.owner == query.owner)
            ):
                yield row

    async def document(self, kind: str, id: str) -> list[DocumentVersion]:
        self._check_open()
        return list(self._documents.get((kind, id), []))

    def _at(self, instance: int) -> _Process | None:
        return self._instances[instance - 1] if 0 < instance <= len(self._instances) else None

    def _loaded(self, process: _Process) -> Loaded:
        return Loaded(
            row=self._row(process),
            snapshot=process.snapshot,
            snapshot_tag=process.snapshot_tag,
            events=tuple(process.events[process.snapshot_position :]),
            messages=tuple(process.inbox),
            external=process.external,
            lost_owner=process.lost_owner,
        )

    def _row(self, process: _Process) -> Instance:
        peer = None if process.owner is None else self._workers.get(process.owner)
        return Instance(
            instance=process.instance,
            process_id=process.id,
            run=process.run,
            definition_id=process.definition.id,
            workflow=process.definition.name,
            version=process.definition.version,
            sha=process.definition.sha,
            status=process.status,
            position=process.position,
            epoch=process.epoch,
            owner=process.owner,
            owner_name=None if peer is None else peer.name,
            consumed=process.consumed,
            inbox_head=process.inbox_head,
            due_us=process.due_us,
            created_us=process.born.at_us,
            updated_us=process.updated_us,
            tags=process.born.tags,
            parent=process.born.parent,
        )


def _identity(definition: Definition) -> tuple[str, int, str]:
    return definition.name, definition.version, definition.sha
