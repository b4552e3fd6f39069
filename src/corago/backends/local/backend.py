"""The local backend: turns the kernel's values into rows of a Store and back.

Decides nothing, loops nowhere.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from corago.backends.local import endings, outgoing
from corago.backends.local.definitions import Definitions, ProgramOf
from corago.backends.local.packing import Packing
from corago.backends.local.tasks import ActivityTasks
from corago.clock import Clock, from_us, to_us
from corago.codecs import PayloadCodec
from corago.core import codec
from corago.core import events as e
from corago.core import history as fold
from corago.core import process as process_fold
from corago.core.children import farewell
from corago.core.commit import Commit
from corago.core.history import History
from corago.core.messages import ChildRefused, Command, Inbound, Signal, Update
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
    Arrived,
    Blob,
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

SNAPSHOT_BYTES = 8192
"""A snapshot is written after so many bytes of events, or twice its own size if that is more."""

QUARANTINE = timedelta(seconds=60)
"""How long a process whose rows can't be understood is left alone."""

_log = logging.getLogger("corago.backend")


class LocalBackend:
    """A Backend over a Store.

    `kinds` gives, by a document's kind, the program of a definition without its code. Texts go
    through `codecs`, in their order, on the way to the store.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        kinds: Mapping[str, ProgramOf],
        codecs: Sequence[PayloadCodec] = (),
    ) -> None:
        """Take the store (opened by `open`), the clock, the doors by kind, and the codecs."""
        self._store = store
        self._packing = Packing(codecs, store.blobs)
        self._clock = clock
        self._definitions = Definitions(store, kinds)
        tasks = ActivityTasks(store, clock, self._packing, self._definitions)
        self.poll_activity_tasks = tasks.poll
        self.complete_activity_task = tasks.complete
        self.held_activity_tasks = tasks.held
        self.return_activity_tasks = tasks.give_back
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
        return await self._definitions.define(definition, program)

    async def latest(self, name: str) -> Definition | None:
        """The newest definition of this name."""
        return await self._definitions.latest(name)

    def program(self, definition: Definition) -> Program[Any]:
        """The program of a definition."""
        return self._definitions.program(definition)

    async def newest(self, name: str, version: int | None = None) -> Definition | None:
        """The newest stored definition of this name, and version if one is given."""
        return await self._definitions.newest(name, version)

    def follower(self, sha: str) -> Definition | None:
        """The definition of this engine that follows an older one."""
        return self._definitions.follower(sha)

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
            external=start.external,
            tags=start.tags,
            timeout=start.timeout,
        )
        blobs: list[Blob] = []
        data = self._packing.event(event, blobs)
        born = await self._store.start(
            NewProcess(
                process_id=start.process_id,
                definition_id=definition.id,
                input_sha=outgoing.input_sha(definition.name, start.input),
                event=data,
                at_us=to_us(now),
                external=self._packing.text(msgspec.json.encode(start.external)),
                tags=start.tags,
                owner=start.owner,
                blobs=tuple(blobs),
            )
        )
        if not born.is_new or start.owner is None or not born.epoch:
            return Started(born.is_new, born.is_same, event=event if born.is_new else None)
        program = self.program(definition)
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
        return Started(is_new=True, task=task, event=event)

    async def send(self, process_id: str, message: Inbound, *, reopens: bool = False) -> None:
        """Put a message in the inbox."""
        blobs: list[Blob] = []
        data = self._packing.message(message, blobs)
        key = message.key if isinstance(message, (Signal, Update)) else None
        digest = "" if key is None else _digest(message)
        sent = await self._store.send(
            Outgoing(process_id, data, key, digest, reopens, tuple(blobs))
        )
        if sent.outcome == "absent":
            raise ProcessNotFoundError(process_id)
        if sent.outcome == "closed":
            raise ProcessClosedError(process_id, sent.status)
        if sent.outcome == "conflict":
            raise SignalKeyError(process_id, str(key))

    async def abort(
        self, process_id: str, actor: str | None, reason: str | None
    ) -> tuple[Process, e.Event]:
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
            end = process_fold.evolve(await self._before(loaded), event)
            blobs: list[Blob] = []
            refusal = await self._store.append(
                Append(
                    fence=Fence(row.instance, row.run, 0, row.epoch, row.position),
                    at_us=to_us(now),
                    status="aborted",
                    events=(self._packing.event(event, blobs),),
                    consumed=row.consumed,
                    seen=max((each.seq for each in loaded.messages), default=row.inbox_head),
                    closes=True,
                    seize=True,
                    blobs=tuple(blobs),
                    sends=tuple(outgoing.sent(self._packing, to) for to in farewell(end)),
                )
            )
            if refusal is None:
                return end, event

    async def _before(self, loaded: Loaded) -> Process:
        """A process that is to be aborted; of a damaged one, what its row says."""
        try:
            return (await self._task(loaded, 0)).snapshot.process
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it can be aborted
            first = await self._packing.whole(await self._store.events(loaded.row.process_id, 0, 1))
            return endings.guessed(loaded.row, first)

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
        if row.status not in e.CLOSED_STATUSES:
            return None
        if row.owner is not None or row.due_us is not None:
            mail = await self._mail(loaded.messages)
            if any(isinstance(each.message, Command) for each in mail):
                return None  # it is about to be reopened
        for text in reversed(loaded.events or await self._store.events(process_id)):
            event = codec.decode_event(*await self._packing.whole((text,)))
            if type(event) in e.CLOSING:
                return endings.end(row, event)
        return (await self.describe(process_id)).snapshot.process

    async def history(self, process_id: str) -> History:
        """Decode every recorded event."""
        rows = await self._store.events(process_id)
        if not rows:
            raise ProcessNotFoundError(process_id)
        return History(map(codec.decode_event, await self._packing.whole(rows)))

    async def find(self, query: Query) -> list[Instance]:
        """A page of rows."""
        return await self._store.find(query)

    async def count(self, query: Query) -> dict[str, int]:
        """Processes by status."""
        return await self._store.count(query)

    # -- decision tasks ----------------------------------------------------------------------

    async def poll_decision_tasks(self, worker: int, shas: Sequence[str], limit: int) -> Polled:
        """Claim, and fold what was claimed."""
        definitions = [self._definitions.id(sha) for sha in shas]
        claims = await self._store.claim(worker, definitions, limit, self._definitions.older)
        tasks = []
        for loaded in claims.taken:
            task = await self._understood(loaded, worker)
            if task is not None:
                tasks.append(task)
        due = None if claims.next_due_us is None else from_us(claims.next_due_us)
        return Polled(tuple(tasks), due, claims.paused)

    async def _task(self, loaded: Loaded, owner: int) -> DecisionTask:
        row = loaded.row
        program = await self._definitions.program_of(row.sha, row.workflow)
        start, saved = None, 0
        rows: Sequence[bytes] = loaded.events
        if loaded.snapshot is not None:
            if loaded.snapshot_tag == _tag(row.sha):
                (text,) = await self._packing.whole((loaded.snapshot,))
                start = codec.decode_snapshot(program, text)
            if start is None:
                rows = await self._store.events(row.process_id)
            saved = len(loaded.snapshot)
        events = map(codec.decode_event, await self._packing.whole(rows))
        snapshot = await self._definitions.fold(events, row.workflow, start)
        if snapshot.process.position != row.position:
            raise StoreCorruptError(
                f"process {row.process_id!r} is damaged: its row says position {row.position}, its "
                f"history ends at {snapshot.process.position}; run `corago db check`"
            )
        mail = await self._mail(loaded.messages)
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
            extra={"process_id": row.process_id, "run": row.run, "workflow": row.workflow},
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
        return await self._mail(await self._store.messages(task.instance, task.seen))

    async def _mail(self, arrived: Sequence[Arrived]) -> tuple[Mail, ...]:
        texts = await self._packing.whole([each.data for each in arrived])
        return tuple(
            Mail(each.seq, from_us(each.at_us), codec.decode_message(text))
            for each, text in zip(arrived, texts, strict=True)
        )

    async def complete_decision_task(
        self, task: DecisionTask, commit: Commit, hold: Hold, *, consumed: int, seen: int
    ) -> DecisionTask | Refusal | ChildRefused:
        """Encode a commit and append it."""
        snapshot = commit.snapshot
        process = snapshot.process
        blobs: list[Blob] = []
        events = self._packing.events(commit.events, blobs)
        unsaved, saved = task.unsaved + sum(map(len, events)), task.saved
        before = process.position - len(events)
        fence = Fence(task.instance, process.run, task.owner, task.epoch, before)
        append = Append(fence, to_us(process.at), process.standing, events, consumed, seen)
        more: dict[str, Any] = {}
        if unsaved > SNAPSHOT_BYTES and unsaved > 2 * saved:
            kept = self._packing.snapshot(snapshot, blobs)
            more = {"snapshot": kept, "snapshot_tag": _tag(process.sha)}
            unsaved, saved = 0, len(kept)
        if process.is_closed:
            more["closes"] = True
        elif not hold.keeps:
            more |= _parking(process.standing, hold, self._clock.now())
        if process.external is not task.snapshot.process.external:
            more["external"] = self._packing.text(msgspec.json.encode(process.external))
        if commit.documents:
            more["documents"] = commit.documents
        if commit.says_more:
            out = await outgoing.parts(self._definitions, self._packing, commit, blobs)
            if isinstance(out, ChildRefused):
                return out
            more |= out
        if blobs:
            more["blobs"] = tuple(blobs)
        if more:
            append = msgspec.structs.replace(append, **more)
        refusal = await self._store.append(append)
        if refusal is Refusal.CHILD_EXISTS:
            return await outgoing.there(self._store, commit)
        if refusal is not None:
            return refusal
        program = task.program
        if commit.adopts:
            program = await self._definitions.program_of(process.sha, process.workflow)
        return DecisionTask(
            task.process_id,
            process.sha,
            program,
            snapshot,
            task.instance,
            task.owner,
            task.epoch,
            consumed,
            max(seen, task.seen),
            unsaved=unsaved,
            saved=saved,
        )

    async def adopt(self, description: Description, to: Definition, commit: Commit) -> bool:
        """Let a process that nobody holds follow another definition."""
        row, process = description.row, commit.snapshot.process
        blobs: list[Blob] = []
        refusal = await self._store.append(
            Append(
                fence=Fence(row.instance, row.run, None, row.epoch, row.position),
                at_us=to_us(process.at),
                status=row.status,
                events=self._packing.events(commit.events, blobs),
                consumed=row.consumed,
                seen=ALL_SEEN,
                parks=not process.is_closed,
                closes=process.is_closed,
                due_us=to_us(process.at),
                definition=to.id,
                blobs=tuple(blobs),
                drops=commit.drops,
            )
        )
        return refusal is None


def _digest(message: Inbound) -> str:
    """What a key stands for: the content, whoever sends it."""
    content = msgspec.structs.replace(message, actor=None, reason=None)
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _parking(standing: str, hold: Hold, at: datetime) -> dict[str, Any]:
    """What an Append says of a process that is let go, by the names of its fields."""
    is_due = hold.due is not None and hold.due <= at
    is_resting = standing in ("running", "created") and not is_due
    return {
        "status": "waiting" if is_resting else standing,
        "parks": True,
        "due_us": None if hold.due is None else to_us(hold.due),
        "unfit": hold.unfit,
        "lost_owner": hold.lost_owner,
    }


def _tag(sha: str) -> str:
    return f"{codec.CODEC}:{sha}"
