"""The store in memory itself: every method of the port, a step each.

Every method does its work in one step of the event loop: nothing is awaited between a check and
the write that relies on it, so no lock is needed. Whatever needs a file, a thread or a second
thought about speed has no place here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from corago.clock import Clock, to_us
from corago.core.events import CLOSED_STATUSES
from corago.errors import EngineClosedError
from corago.ports.store import (
    Append,
    Arrived,
    Blob,
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
    Task,
    TaskClaims,
)
from corago.stores.memory.dues import Dues
from corago.stores.memory.processes import KeptProcess, matches
from corago.stores.memory.tasks import KeptTasks


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
        self._processes: dict[str, KeptProcess] = {}
        self._instances: list[KeptProcess] = []
        self._dues = Dues(self._instances)
        self._workers: dict[int, Peer] = {}
        self._worker_ids = 0
        self._documents: dict[tuple[str, str], list[DocumentVersion]] = {}
        self._tasks = KeptTasks()
        self._blobs: dict[str, bytes] = {}
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

    def _tell(self, kind: str, process: KeptProcess) -> None:
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

    def _definition(self, id_: int) -> Definition:
        return self._definitions[id_ - 1]

    async def definitions(self, name: str | None = None) -> list[Definition]:
        self._check_open()
        return [each for each in self._definitions if name is None or each.name == name]

    # ------------------------------------------------------------------------ starting and sending

    async def start(self, new: NewProcess) -> Born:
        self._check_open()
        definition = self._definition(new.definition_id)
        known = self._processes.get(new.process_id)
        if known is not None:
            is_same = (definition.name, new.input_sha) == (
                known.definition.name,
                known.born.input_sha,
            )
            return Born(is_new=False, is_same=is_same, instance=known.instance)
        # A worker that was struck off must not get a process that nobody could take from it.
        process = self._bear(new, definition, new.owner if new.owner in self._workers else None)
        return Born(is_new=True, instance=process.instance, epoch=process.epoch)

    def _bear(self, new: NewProcess, definition: Definition, owner: int | None) -> KeptProcess:
        process = KeptProcess(
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
        self._keep(new.blobs)
        if owner is None:
            self._let_go(process, new.at_us)
            self._tell("runnable", process)
        return process

    async def send(self, message: Outgoing) -> Sent:
        self._check_open()
        return self._send(message)

    def _send(self, message: Outgoing) -> Sent:
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
        if message.key is not None:
            process.keys[message.key] = message.digest
        self._keep(message.blobs)
        self._deliver(process, message.data)
        return Sent("sent", process.status, self._sequence)

    def _deliver(self, process: KeptProcess, data: bytes) -> None:
        now = self._now_us()
        self._sequence += 1
        process.inbox.append(Arrived(self._sequence, now, data))
        process.inbox_head = self._sequence
        wakes = process.owner is None and not self._is_due(process)
        if wakes:
            self._let_go(process, now)
        self._tell("message", process)
        if wakes:
            self._tell("runnable", process)

    def _keep(self, blobs: Iterable[Blob]) -> None:
        for blob in blobs:
            self._blobs.setdefault(blob.sha, blob.data)

    # ----------------------------------------------------------------------------------- appending

    async def append(self, append: Append) -> Refusal | None:
        self._check_open()
        process = self._at(append.fence.instance)
        if process is None or not self._fits(process, append):
            return Refusal.FENCED
        if (append.parks or append.closes) and append.seen < process.inbox_head:
            return Refusal.MORE_MESSAGES
        documents = self._written(process, append) if append.documents else {}
        if documents is None:
            return Refusal.DOCUMENT_CONFLICT
        if append.births and not self._may_bear(append.births):
            return Refusal.CHILD_EXISTS
        births = [(new, self._definition(new.definition_id)) for new in append.births]
        if append.definition is not None:
            process.definition = self._definition(append.definition)
        self._documents.update(documents)
        self._write(process, append)
        for new, definition in births:
            self._bear(new, definition, owner=None)
        for message in append.sends:
            self._send(message)
        self._keep(append.blobs)
        self._change_tasks(process, append)
        return None

    def _may_bear(self, births: Sequence[NewProcess]) -> bool:
        """Whether no process has the id of one of these, and no two of them have the same."""
        ids = {new.process_id for new in births}
        return len(ids) == len(births) and ids.isdisjoint(self._processes)

    def _fits(self, process: KeptProcess, append: Append) -> bool:
        fence = append.fence
        if (fence.run, fence.position) != (process.run, process.position):
            return False
        return append.seize or (fence.owner, fence.epoch) == (process.owner, process.epoch)

    def _written(
        self, process: KeptProcess, append: Append
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

    def _write(self, process: KeptProcess, append: Append) -> None:
        process.events.extend(append.events)
        process.status = append.status
        process.updated_us = append.at_us
        if append.events or append.unfit is not None:
            process.unfit = append.unfit
        if append.lost_owner is not None:
            process.lost_owner = append.lost_owner
        if append.consumed > process.consumed:
            process.consumed = append.consumed
            process.inbox = [each for each in process.inbox if each.seq > process.consumed]
        if append.external is not None:
            process.external = append.external
        if append.snapshot is not None:
            process.snapshot = append.snapshot
            process.snapshot_tag = append.snapshot_tag
            process.snapshot_position = process.position
        owner, due_us = process.owner, process.due_us
        if append.seize:
            process.epoch += 1
            owner, due_us = append.fence.owner, append.at_us if owner is not None else due_us
        if append.closes:
            self._let_go(process, None)
            self._tell("closed", process)
        elif append.parks or owner is None:
            self._let_go(process, append.due_us if append.parks else due_us)
            if self._is_due(process):
                self._tell("runnable", process)
        else:
            self._take(process, owner)

    def _change_tasks(self, process: KeptProcess, append: Append) -> None:
        if append.closes:
            self._tasks.clear(process)
        elif append.tasks or append.cancels or append.drops:
            puts, cancels, drops = append.tasks, append.cancels, append.drops
            self._tasks.change(process, puts=puts, cancels=cancels, drops=drops)
            self._tell("task", process)

    # ------------------------------------------------------------------------------ taking up work

    def _take(self, process: KeptProcess, owner: int) -> None:
        process.owner, process.due_us = owner, None

    def _let_go(self, process: KeptProcess, due_us: int | None) -> None:
        process.owner, process.due_us = None, due_us
        self._dues.add(process)

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
    ) -> Claims:
        self._check_open()
        followers = _followers(definitions, heirs)
        taken: list[Loaded] = []
        first = self._dues.first(followers)
        may_take = not self._paused and worker in self._workers
        while may_take and len(taken) < limit and first and self._is_due(first):
            self._take(first, worker)
            first.epoch += 1
            if first.status != "failed":
                first.status = "running"
            taken.append(self._loaded(first))
            first.lost_owner = None
            first = self._dues.first(followers)
        return Claims(tuple(taken), first.due_us if first else None, self._paused)

    async def claim_tasks(
        self, worker: int, queues: Sequence[str], definitions: Sequence[int], limit: int
    ) -> TaskClaims:
        self._check_open()
        waiting = self._tasks.waiting(queues, definitions)
        may_take = not self._paused and worker in self._workers
        now = self._now_us()
        due = [task for task in waiting if task.due_us is not None and task.due_us <= now]
        taken = due[: max(limit, 0)] if may_take else []
        for task in taken:
            task.owner, task.due_us, task.epoch = worker, None, task.epoch + 1
        later = waiting[len(taken) :]
        next_due_us = later[0].due_us if later else None
        return TaskClaims(tuple(task.told() for task in taken), next_due_us)

    async def complete_task(
        self, task: Task, worker: int, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        self._check_open()
        process = self._tasks.take_out(task, worker)
        if process is None:
            return False
        if process.status not in CLOSED_STATUSES:
            self._keep(blobs)
            self._deliver(process, outcome)
        return True

    async def return_tasks(self, worker: int, numbers: Sequence[int], due_us: int) -> None:
        self._check_open()
        for task in self._tasks.held(worker):
            if task.number in numbers:
                task.let_go(due_us)
                self._tell("task", task.process)

    async def held_tasks(self, worker: int) -> dict[int, bool]:
        self._check_open()
        return {task.number: task.stops for task in self._tasks.held(worker)}

    def _is_due(self, process: KeptProcess) -> bool:
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
        for task in self._tasks.held(worker):
            task.losses += 1
            task.let_go(self._now_us())
            self._tell("task", task.process)
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

    def _matching(self, query: Query, among: list[KeptProcess]) -> Iterator[Instance]:
        for process in reversed(among):
            row = process.row(self._owner_name(process))
            if matches(query, row):
                yield row

    async def document(self, kind: str, id: str) -> list[DocumentVersion]:
        self._check_open()
        return list(self._documents.get((kind, id), []))

    async def blobs(self, shas: Sequence[str]) -> list[Blob]:
        self._check_open()
        return [Blob(sha, self._blobs[sha]) for sha in set(shas) & self._blobs.keys()]

    def _at(self, instance: int) -> KeptProcess | None:
        return self._instances[instance - 1] if 0 < instance <= len(self._instances) else None

    def _loaded(self, process: KeptProcess) -> Loaded:
        return process.loaded(self._owner_name(process))

    def _owner_name(self, process: KeptProcess) -> str | None:
        peer = None if process.owner is None else self._workers.get(process.owner)
        return None if peer is None else peer.name


def _identity(definition: Definition) -> tuple[str, int, str]:
    return definition.name, definition.version, definition.sha


def _followers(
    definitions: Sequence[int], heirs: Sequence[tuple[int, int]]
) -> dict[int, int | None]:
    """Every definition that is asked for, with its latest follower; None where it is its own."""
    return dict(sorted(heirs)) | dict.fromkeys(definitions)
