"""The local backend: turns the kernel's values into rows of a Store and back.

Decides nothing, loops nowhere.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from corago.backends.local import endings, outgoing
from corago.backends.local.decisions import DecisionTasks
from corago.backends.local.definitions import Definitions, ProgramOf
from corago.backends.local.packing import MissingCodecError, Packing
from corago.backends.local.tasks import ActivityTasks
from corago.clock import Clock, SharedClock, from_us, to_us
from corago.codecs import PayloadCodec
from corago.core import codec
from corago.core import events as e
from corago.core import history as fold
from corago.core import process as process_fold
from corago.core.children import farewell
from corago.core.history import History
from corago.core.messages import Command, Inbound, Signal, Update
from corago.core.process import Process
from corago.core.program import Program
from corago.core.tasks import DecisionTask
from corago.errors import (
    CodecError,
    CommandRefusedError,
    ProcessClosedError,
    ProcessNotFoundError,
    SignalKeyError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
)
from corago.ports.backend import Description, Start, Started
from corago.ports.capability import ALL
from corago.ports.store import (
    Append,
    Blob,
    Definition,
    Fence,
    Instance,
    Loaded,
    NewProcess,
    Outgoing,
    Peer,
    Query,
    Store,
)

LAST_POSITION = 2**62
"""No history comes so far; a row that says so is damaged."""


class LocalBackend:
    """A Backend over a Store.

    `kinds` gives, by a document's kind, the program of a definition without its code. Texts go
    through `codecs`, in their order, on the way to the store.
    """

    capabilities = ALL

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
        self.clock = clock = SharedClock(clock)
        self._definitions = Definitions(store, kinds)
        decisions = DecisionTasks(store, clock, self._packing, self._definitions)
        self._decisions = decisions
        self.poll_decision_tasks = decisions.poll
        self.complete_decision_task = decisions.complete
        self.resume = decisions.resume
        self.mail = decisions.mail
        self.adopt = decisions.adopt
        tasks = ActivityTasks(store, clock, self._packing, self._definitions)
        self.poll_activity_tasks = tasks.poll
        self.complete_activity_task = tasks.complete
        self.heartbeat_activity_task = tasks.heartbeat
        self.detach_activity_task = tasks.detach
        self.find_activity_task = tasks.find
        self.open_activities = tasks.standing
        self.held_activity_tasks = tasks.held
        self.return_activity_tasks = tasks.give_back
        self.subscribe = store.subscribe
        self.stirred = store.stirred
        self.heartbeat = store.beat
        self.bury = store.bury
        self.pause = store.pause

    async def open(self) -> None:
        """Open the store; what was known of it before may be so no longer."""
        self._definitions.forget()
        self._decisions.forget()
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

    async def definition(self, name: str, sha: str) -> Definition | None:
        """A stored definition by its digest."""
        return await self._definitions.stored(name, sha)

    def follower(self, sha: str) -> Definition | None:
        """The definition of this engine that follows an older one."""
        return self._definitions.follower(sha)

    # -- starting and sending ----------------------------------------------------------------

    async def start(self, start: Start) -> Started:
        """Write the first event."""
        definition = start.definition
        now = self.clock.now()
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
            before = await self._sound(loaded)
            has_room, now = True, self.clock.now()
            if before is None:
                before = await self._guessed(row)
                has_room = row.position < LAST_POSITION and not await self._store.events(
                    process_id, row.position, 1
                )
            else:
                now = max(now, from_us(row.updated_us))
            event = e.ProcessAborted(position=row.position + 1, at=now, actor=actor, reason=reason)
            end = process_fold.evolve(before, event)
            blobs: list[Blob] = []
            refusal = await self._store.append(
                Append(
                    fence=Fence(row.instance, row.run, 0, row.epoch, row.position),
                    at_us=to_us(now),
                    status="aborted",
                    # where the place after the row's is taken, the row alone can tell
                    events=(self._packing.event(event, blobs),) if has_room else (),
                    consumed=row.consumed,
                    seen=max(row.inbox_head, *(each.seq for each in loaded.messages), 0),
                    closes=True,
                    seize=True,
                    blobs=tuple(blobs),
                    sends=tuple(outgoing.sent(self._packing, to) for to in farewell(end)),
                )
            )
            if refusal is None:
                return end, event

    async def _sound(self, loaded: Loaded) -> Process | None:
        """A process that is to be aborted; None for a damaged one."""
        try:
            return (await self._decisions.fold(loaded, 0)).snapshot.process
        except (StoreUnavailableError, MissingCodecError):
            raise
        except StoreError:
            return None

    async def _guessed(self, row: Instance) -> Process:
        """What the row of a damaged process says, and its first event."""
        first = await self._store.events(row.process_id, 0, 1)
        with contextlib.suppress(StoreCorruptError, CodecError):
            first = list(await self._packing.whole(first))
        return endings.guessed(row, first)

    # -- looking -----------------------------------------------------------------------------

    async def _load(self, process_id: str) -> Loaded:
        loaded = await self._store.load(process_id)
        if loaded is None:
            raise ProcessNotFoundError(process_id)
        return loaded

    async def describe(self, process_id: str) -> Description:
        """Fold what is stored."""
        loaded = await self._load(process_id)
        task = await self._decisions.fold(loaded, loaded.row.owner or 0)
        return Description(loaded.row, task.program, task.snapshot, task.mail, loaded.lost_owner)

    async def ended(self, process_id: str) -> Process | None:
        loaded = await self._load(process_id)
        row = loaded.row
        if row.status not in e.CLOSED_STATUSES:
            return None
        if row.owner is not None or row.due_us is not None:
            mail = await self._decisions.understood(loaded.messages)
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

    async def events(
        self, process_id: str, after: int = 0, run: int | None = None
    ) -> list[e.Event]:
        """The events of a run above a position."""
        rows = await self._store.events(process_id, after, run=run)
        return [codec.decode_event(row) for row in await self._packing.whole(rows)]

    async def find(self, query: Query) -> list[Instance]:
        """A page of rows."""
        return await self._store.find(query)

    async def count(self, query: Query) -> dict[str, int]:
        """Processes by status."""
        return await self._store.count(query)


def _digest(message: Inbound) -> str:
    """What a key stands for: the content, whoever sends it."""
    content = msgspec.structs.replace(message, actor=None, reason=None)
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
