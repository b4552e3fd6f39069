"""The local backend: turns the kernel's values into rows of a Store and back.

Decides nothing, loops nowhere.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from corago.clock import Clock, from_us, to_us
from corago.core import codec
from corago.core import events as e
from corago.core import history as fold
from corago.core import process as process_fold
from corago.core.commit import Commit
from corago.core.history import History
from corago.core.messages import Command, Inbound
from corago.core.process import Process
from corago.core.program import Program
from corago.core.tasks import DecisionTask, Hold, Mail
from corago.errors import (
    CommandRefusedError,
    ProcessClosedError,
    ProcessNotFoundError,
    SignalKeyError,
    StoreCorruptError,
    StoreUnavailableError,
)
from corago.ports.backend import Description, Polled, Start, Started
from corago.ports.store import (
    ALL_SEEN,
    Append,
    Definition,
    Fence,
    Instance,
    Loaded,
    NewProcess,
    Outgoing,
    Peer,
    Query,
    Refusal,
    Store,
)

ProgramOf = Callable[[Mapping[str, Any]], Program[Any]]

SNAPSHOT_BYTES = 8192
"""A snapshot is written after so many bytes of events, or twice its own size if that is more."""

QUARANTINE = timedelta(seconds=60)
"""How long a process whose rows can't be understood is left alone."""

_log = logging.getLogger("corago.backend")


class LocalBackend:
    """A Backend over a Store.

    `kinds` gives, by a document's kind, the program of a definition without its code.
    """

    def __init__(self, store: Store, clock: Clock, kinds: Mapping[str, ProgramOf]) -> None:
        """Take the store (opened by `open`), the clock, and the doors by kind."""
        self._store = store
        self._clock = clock
        self._kinds = kinds
        self._programs: dict[str, Program[Any]] = {}
        self._ids: dict[str, int] = {}
        self.subscribe = store.subscribe
        self.stirred = store.stirred
        self.heartbeat = store.beat
        self.bury = store.bury
        self.pause = store.pause

    async def open(self) -> None:
        """Open the store."""
        await self._store.open()

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()

    async def peers(self) -> list[Peer]:
        """All workers of the store."""
        return await self._store.peers()

    # -- definitions -------------------------------------------------------------------------

    async def define(self, definition: Definition, program: Program[Any]) -> Definition:
        """Keep the definition and remember its program."""
        row = await self._store.define(definition)
        self._programs[definition.sha] = program
        self._ids[definition.sha] = row
        return msgspec.structs.replace(definition, id=row)

    async def latest(self, name: str) -> Definition | None:
        """The newest stored definition of this name."""
        found = await self._store.definitions(name)
        return found[-1] if found else None

    def program(self, definition: Definition) -> Program[Any]:
        program = self._programs.get(definition.sha)
        if program is None:
            document = msgspec.json.decode(definition.document)
            program = self._programs[definition.sha] = self._kinds[document["kind"]](document)
        return program

    async def _program(self, sha: str, name: str) -> Program[Any]:
        program = self._programs.get(sha)
        if program is None:
            for definition in await self._store.definitions(name):
                if definition.sha == sha:
                    program = self.program(definition)
        if program is None:
            raise StoreCorruptError(f"the definition of workflow {name!r} ({sha[:12]}) is missing")
        return program

    # -- starting and sending ----------------------------------------------------------------

    async def start(self, start: Start) -> Started:
        """Write the first event."""
        definition = start.definition
        now = self._clock.now()
        event = e.ProcessStarted(
            position=1,
            at=now,
            actor=start.actor,
            reason=start.reason,
            process_id=start.process_id,
            workflow=definition.name,
            version=definition.version,
            sha=definition.sha,
            input=start.input,
            tags=start.tags,
            timeout=start.timeout,
        )
        canonical = msgspec.json.encode([definition.name, start.input], order="sorted")
        data = codec.encode_event(event)
        born = await self._store.start(
            NewProcess(
                process_id=start.process_id,
                definition_id=definition.id,
                input_sha=hashlib.sha256(canonical).hexdigest(),
                event=data,
                at_us=to_us(now),
                tags=start.tags,
                owner=start.owner,
            )
        )
        if not born.is_new or start.owner is None or not born.epoch:
            return Started(born.is_new, born.is_same)
        program = self._programs[definition.sha]
        task = DecisionTask(
            process_id=start.process_id,
            sha=definition.sha,
            program=program,
            snapshot=fold.begin(program, event),
            instance=born.instance,
            owner=start.owner,
            epoch=born.epoch,
            unsaved=len(data),
        )
        return Started(is_new=True, task=task)

    async def send(self, process_id: str, message: Inbound, *, reopens: bool = False) -> None:
        """Put a message in the inbox."""
        data = codec.encode_message(message)
        key = None if isinstance(message, Command) else message.key
        digest = "" if key is None else _digest(message)
        sent = await self._store.send(Outgoing(process_id, data, key, digest, reopens))
        if sent.outcome == "absent":
            raise ProcessNotFoundError(process_id)
        if sent.outcome == "closed":
            raise ProcessClosedError(process_id, sent.status)
        if sent.outcome == "conflict":
            raise SignalKeyError(process_id, str(key))

    async def abort(self, process_id: str, actor: str | None, reason: str | None) -> None:
        """Take the lease and write the end in one transaction.

        It is tried again while the holder is quicker.
        """
        while True:
            loaded = await self._load(process_id)
            row = loaded.row
            if row.status in e.CLOSED_STATUSES and row.status != "failed":
                raise CommandRefusedError(process_id, "abort", f"it is {row.status} already")
            now = max(self._clock.now(), from_us(row.updated_us))
            event = e.ProcessAborted(position=row.position + 1, at=now, actor=actor, reason=reason)
            refusal = await self._store.append(
                Append(
                    fence=Fence(row.instance, row.run, 0, row.epoch, row.position),
                    at_us=to_us(now),
                    status="aborted",
                    events=(codec.encode_event(event),),
                    consumed=row.consumed,
                    seen=max((each.seq for each in loaded.messages), default=row.inbox_head),
                    closes=True,
                    seize=True,
                )
            )
            if refusal is None:
                return

    # -- looking -----------------------------------------------------------------------------

    async def _load(self, process_id: str) -> Loaded:
        loaded = await self._store.load(process_id)
        if loaded is None:
            raise ProcessNotFoundError(process_id)
        return loaded

    async def describe(self, process_id: str) -> Description:
        """Fold what is stored."""
        loaded = await self._load(process_id)
        task = await self._task(loaded, loaded.row.owner or 0)
        return Description(loaded.row, task.program, task.snapshot, task.mail, loaded.lost_owner)

    async def ended(self, process_id: str) -> Process | None:
        loaded = await self._load(process_id)
        row = loaded.row
        is_reopening = (row.owner is not None or row.due_us is not None) and any(
            isinstance(codec.decode_message(each.data), Command) for each in loaded.messages
        )
        if row.status not in e.CLOSED_STATUSES or is_reopening:
            return None
        rows = loaded.events or await self._store.events(process_id)
        events = map(codec.decode_event, reversed(rows))
        last = next((event for event in events if type(event) in e.CLOSING), None)
        if last is None:
            return (await self.describe(process_id)).snapshot.process
        before = Process(row.process_id, row.workflow, row.sha, last.position - 1, last.at, row.run)
        return process_fold.evolve(before, last)

    async def history(self, process_id: str) -> History:
        """Decode every recorded event."""
        rows = await self._store.events(process_id)
        if not rows:
            raise ProcessNotFoundError(process_id)
        return History(map(codec.decode_event, rows))

    async def find(self, query: Query) -> list[Instance]:
        """A page of rows."""
        return await self._store.find(query)

    async def count(self, query: Query) -> dict[str, int]:
        """Processes by status."""
        return await self._store.count(query)

    # -- decision tasks ----------------------------------------------------------------------

    async def poll_decision_tasks(self, worker: int, shas: Sequence[str], limit: int) -> Polled:
        """Claim, and fold what was claimed."""
        definitions = [self._ids[sha] for sha in shas]
        claims = await self._store.claim(worker, definitions, limit)
        tasks = []
        for loaded in claims.taken:
            task = await self._understood(loaded, worker)
            if task is not None:
                tasks.append(task)
        due = None if claims.next_due_us is None else from_us(claims.next_due_us)
        return Polled(tuple(tasks), due, claims.paused)

    async def _task(self, loaded: Loaded, owner: int) -> DecisionTask:
        row = loaded.row
        program = await self._program(row.sha, row.workflow)
        start, saved = None, 0
        rows: Sequence[bytes] = loaded.events
        if loaded.snapshot is not None:
            if loaded.snapshot_tag == _tag(row.sha):
                start = codec.decode_snapshot(program, loaded.snapshot)
            if start is None:
                rows = await self._store.events(row.process_id)
            saved = len(loaded.snapshot)
        snapshot = fold.fold(program, map(codec.decode_event, rows), start)
        if snapshot.process.position != row.position:
            raise StoreCorruptError(
                f"process {row.process_id!r} is damaged: its row says position {row.position}, its "
                f"history ends at {snapshot.process.position}; run `corago db check`"
            )
        mail = tuple(
            Mail(each.seq, from_us(each.at_us), codec.decode_message(each.data))
            for each in loaded.messages
        )
        return DecisionTask(
            process_id=row.process_id,
            sha=row.sha,
            program=program,
            snapshot=snapshot,
            instance=row.instance,
            owner=owner,
            epoch=row.epoch,
            consumed=row.consumed,
            seen=mail[-1].seq if mail else row.inbox_head,
            mail=mail,
            lost_owner=loaded.lost_owner,
            unsaved=sum(map(len, rows)),
            saved=saved,
        )

    async def _understood(self, loaded: Loaded, worker: int) -> DecisionTask | None:
        """The task of a process that this worker holds; None where it can't be made of the rows."""
        try:
            return await self._task(loaded, worker)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - one process must not hold up the others
            await self._quarantine(loaded, worker, error)
            return None

    async def _quarantine(self, loaded: Loaded, worker: int, error: Exception) -> None:
        row = loaded.row
        _log.error(
            "process %s is left alone for now: %s",
            row.process_id,
            error,
            extra={"process_id": row.process_id},
        )
        now = self._clock.now()
        await self._store.append(
            Append(
                fence=Fence(row.instance, row.run, worker, row.epoch, row.position),
                at_us=to_us(now),
                status=row.status,
                consumed=row.consumed,
                seen=ALL_SEEN,
                parks=True,
                due_us=to_us(now + QUARANTINE),
            )
        )

    async def resume(self, process_id: str, worker: int) -> DecisionTask | None:
        loaded = await self._store.load(process_id)
        if loaded is None or loaded.row.owner != worker:
            return None
        return await self._understood(loaded, worker)

    async def mail(self, task: DecisionTask) -> tuple[Mail, ...]:
        """What came after the last message seen."""
        return tuple(
            Mail(each.seq, from_us(each.at_us), codec.decode_message(each.data))
            for each in await self._store.messages(task.instance, task.seen)
        )

    async def complete_decision_task(
        self, task: DecisionTask, commit: Commit, hold: Hold, *, consumed: int, seen: int
    ) -> DecisionTask | Refusal:
        """Encode a commit and append it."""
        snapshot = commit.snapshot
        process = snapshot.process
        events = tuple(map(codec.encode_event, commit.events))
        unsaved = task.unsaved + sum(map(len, events))
        saved, kept = task.saved, None
        if unsaved > SNAPSHOT_BYTES and unsaved > 2 * saved:
            kept = codec.encode_snapshot(snapshot)
            unsaved, saved = 0, len(kept)
        closes = process.is_closed
        parks = not (hold.keeps or closes)
        refusal = await self._store.append(
            Append(
                fence=Fence(
                    task.instance,
                    process.run,
                    task.owner,
                    task.epoch,
                    process.position - len(events),
                ),
                at_us=to_us(process.at),
                status=_status(process.standing, hold, self._clock.now())
                if parks
                else process.standing,
                events=events,
                consumed=consumed,
                seen=seen,
                parks=parks,
                closes=closes,
                due_us=to_us(hold.due) if parks and hold.due is not None else None,
                snapshot=kept,
                snapshot_tag=_tag(task.sha) if kept is not None else "",
                external=_external(commit),
                documents=commit.documents,
            )
        )
        if refusal is not None:
            return refusal
        return DecisionTask(
            task.process_id,
            task.sha,
            task.program,
            snapshot,
            task.instance,
            task.owner,
            task.epoch,
            consumed,
            max(seen, task.seen),
            unsaved=unsaved,
            saved=saved,
        )


def _digest(message: Inbound) -> str:
    """What a key stands for: the content, whoever sends it."""
    content = msgspec.structs.replace(message, actor=None, reason=None)
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _status(standing: str, hold: Hold, at: datetime) -> str:
    is_due = hold.due is not None and hold.due <= at
    return "waiting" if standing in ("running", "created") and not is_due else standing


def _tag(sha: str) -> str:
    return f"{codec.CODEC}:{sha}"


def _external(commit: Commit) -> bytes | None:
    for event in commit.events:
        if type(event) is e.ExternalUpdated:
            return msgspec.json.encode(commit.snapshot.process.external)
    return None
