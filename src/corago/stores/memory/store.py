"""The store in memory itself: every method of the port, a step each.

Every method does its work in one step of the event loop: nothing is awaited between a check and
the write that relies on it, so no lock is needed. Whatever needs a file, a thread or a second
thought about speed has no place here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from corago.core.events import CLOSED_STATUSES
from corago.ports.store import (
    Append,
    Arrived,
    Blob,
    Born,
    Claims,
    Definition,
    DocumentVersion,
    Loaded,
    NewProcess,
    Outgoing,
    Peer,
    Refusal,
    Sent,
    Task,
    TaskClaims,
)
from corago.stores.memory.keeping import Keeping
from corago.stores.memory.processes import KeptProcess


class MemoryStore(Keeping):
    """A Store whose data live as long as the object; the engines of one event loop may share it.

    It is open from the first `open` until each `open` has had its `close`, and may be opened
    again. All listeners hear of every change, since all changes are made through this object.
    """

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
            tags=new.tags,
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
        lets_go = append.parks or append.closes or append.renews is not None
        if lets_go and append.seen < process.inbox_head:
            return Refusal.MORE_MESSAGES
        if append.unbegun and self._tasks.have_begun(process, append.unbegun):
            return Refusal.FENCED
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
        if append.events or append.failures:
            process.failures = append.failures
        if append.tags is not None:
            process.tags = append.tags
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
            process.until_us = None
        if append.renews is not None:
            process.renew(append.renews)
            self._let_go(process, append.at_us)
            self._tell_if_due(process)
        elif append.closes:
            self._let_go(process, None)
            self._tell("closed", process)
        elif append.parks or owner is None:
            self._let_go(process, append.due_us if append.parks else due_us)
            self._tell_if_due(process)
        else:
            self._take(process, owner)

    def _tell_if_due(self, process: KeptProcess) -> None:
        if self._is_due(process):
            self._tell("runnable", process)

    def _change_tasks(self, process: KeptProcess, append: Append) -> None:
        if append.renews is not None:
            self._tasks.clear(process)
            self._tell("task", process)
        elif append.closes:
            self._tasks.clear(process)
        elif append.tasks or append.cancels or append.drops:
            puts, cancels, drops = append.tasks, append.cancels, append.drops
            self._tasks.change(process, puts=puts, cancels=cancels, drops=drops)
            self._tell("task", process)

    # ------------------------------------------------------------------------------ taking up work

    def _take(self, process: KeptProcess, owner: int) -> None:
        process.owner, process.due_us = owner, None

    def _let_go(self, process: KeptProcess, due_us: int | None) -> None:
        process.owner, process.due_us, process.until_us = None, due_us, None
        self._dues.add(process)

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        self._check_open()
        followers = _followers(definitions, heirs)
        taken: list[Loaded] = []
        may_take = not self._paused and worker in self._workers
        if may_take:
            self._let_lapsed_go()
        first = self._dues.first(followers)
        while may_take and len(taken) < limit and first and self._is_due(first):
            self._take(first, worker)
            first.epoch += 1
            if first.status != "failed":
                first.status = "running"
            taken.append(self._loaded(first))
            first.lost_owner = None
            if until_us is not None:
                first.until_us, self._lent[first.instance] = until_us, first
            first = self._dues.first(followers)
        instants = [until_us for until_us, _ in self._lent_until()[:1]]
        instants += [] if first is None or first.due_us is None else [first.due_us]
        return Claims(tuple(taken), min(instants, default=None), self._now_us(), self._paused)

    def _lent_until(self) -> list[tuple[int, KeptProcess]]:
        """What is lent for a time, with its end; the next end first."""
        lent = [(p.until_us, p) for p in self._lent.values() if p.until_us is not None]
        self._lent = {process.instance: process for _, process in lent}
        return sorted(lent, key=lambda each: (each[0], each[1].instance))

    def _let_lapsed_go(self) -> None:
        for until_us, process in self._lent_until():
            if until_us <= self._now_us():
                self._orphan(process, self._owner_name(process), until_us)

    def _orphan(self, process: KeptProcess, lost_owner: str | None, due_us: int) -> None:
        process.lost_owner = lost_owner
        self._let_go(process, due_us)
        self._tell("runnable", process)

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        self._check_open()
        may_take = not self._paused and worker in self._workers
        now_us = self._now_us()
        wanted = self._tasks.wanted(queues, definitions, activities)
        due = [task for at_us, task in wanted if at_us <= now_us]
        taken = due[: max(limit, 0)] if may_take else []
        for task in taken:
            task.take(worker, now_us)
        later = self._tasks.wanted(queues, definitions, activities) if taken else wanted
        next_due_us = later[0][0] if later else None
        return TaskClaims(tuple(task.told(now_us) for task in taken), next_due_us, now_us)

    async def heartbeat_task(
        self, task: Task, worker: int | None, details: bytes | None = None
    ) -> bool | None:
        self._check_open()
        kept = self._tasks.of(task, worker, self._now_us())
        if kept is None:
            return None
        kept.beat(self._now_us())
        if details is not None:
            kept.details = details
        return kept.stops

    async def detach_task(self, task: Task, worker: int) -> bool:
        self._check_open()
        kept = self._tasks.of(task, worker, self._now_us())
        if kept is None or kept.expired:
            return False
        kept.owner = None
        return True

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        self._check_open()
        kept = self._tasks.of(task, worker, self._now_us())
        if kept is None:
            return False
        self._tasks.take_out(kept)
        process = kept.process
        if process.status not in CLOSED_STATUSES:
            self._keep(blobs)
            self._deliver(process, outcome)
        return True

    async def return_tasks(
        self,
        worker: int,
        numbers: Sequence[int],
        due_us: int,
        start_by_us: Mapping[int, int] = {},
    ) -> None:
        self._check_open()
        for task in self._tasks.held(worker):
            if task.number in numbers:
                task.let_go(due_us, self._now_us())
                task.start_by_us = start_by_us.get(task.number)
                self._tell("task", task.process)

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

    async def bury(self, worker: int, beat: int | None = None) -> int:
        self._check_open()
        peer = self._workers.get(worker)
        if peer is None or (beat is not None and beat != peer.beat):
            return 0
        del self._workers[worker]
        orphans = [each for each in self._instances if each.owner == worker]
        for process in orphans:
            self._orphan(process, peer.name, self._now_us())
        for task in self._tasks.held(worker):
            task.losses += 1
            task.let_go(self._now_us(), self._now_us())
            self._tell("task", task.process)
        return len(orphans)

    async def pause(self, paused: bool | None = None) -> bool:  # noqa: FBT001 - the port's form
        self._check_open()
        if paused is not None:
            self._paused = paused
        return self._paused


def _followers(
    definitions: Sequence[int], heirs: Sequence[tuple[int, int]]
) -> dict[int, int | None]:
    """Every definition that is asked for, with its latest follower; None where it is its own."""
    return dict(sorted(heirs)) | dict.fromkeys(definitions)
