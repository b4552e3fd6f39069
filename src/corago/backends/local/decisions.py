"""Processes of a store as decision tasks: rows are folded, commits become rows.

Decides nothing, loops nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from corago.backends.local import outgoing
from corago.backends.local.definitions import Definitions
from corago.backends.local.packing import Packing
from corago.backends.local.warm import Warm
from corago.clock import SharedClock, from_us, to_us
from corago.core import codec
from corago.core.commit import Commit
from corago.core.messages import ChildRefused
from corago.core.process import Process
from corago.core.tasks import DecisionTask, Hold, Mail
from corago.errors import StoreCorruptError, StoreError, StoreUnavailableError
from corago.ports.backend import Description, Polled
from corago.ports.store import (
    ALL_SEEN,
    Append,
    Arrived,
    Blob,
    Definition,
    Fence,
    Instance,
    Loaded,
    Refusal,
    Store,
)

SNAPSHOT_BYTES = 8192
"""A snapshot is written after so many bytes of events, or twice its own size if that is more."""

WARM_BYTES = 8 * 1024 * 1024
"""Of so many bytes of rows, what was made of them is kept when their processes are let go of."""

QUARANTINE = timedelta(seconds=60)
"""How long a process whose rows can't be understood is left alone."""

_log = logging.getLogger("corago.backend")


class DecisionTasks:
    """The processes of one store, in the hands of workers."""

    def __init__(
        self, store: Store, clock: SharedClock, packing: Packing, definitions: Definitions
    ) -> None:
        """Take what a backend is made of."""
        self._store = store
        self._clock = clock
        self._packing = packing
        self._definitions = definitions
        self._warm = Warm(WARM_BYTES)

    # -- taking ------------------------------------------------------------------------------

    def forget(self) -> None:
        """Believe nothing of the store: it may have been brought back from a backup."""
        self._warm.clear()

    async def poll(
        self, worker: int, shas: Sequence[str], limit: int, *, lease: timedelta | None = None
    ) -> Polled:
        """Claim, and fold what was claimed."""
        definitions = [self._definitions.id(sha) for sha in shas]
        asked = self._clock.own.now()
        until_us = None if lease is None else to_us(self._clock.now() + lease)
        claims = await self._store.claim(
            worker, definitions, limit, self._definitions.older, until_us
        )
        now = from_us(claims.now_us)
        self._clock.hear(now, asked)
        tasks = []
        for loaded in claims.taken:
            task = await self._understood(loaded, worker)
            if task is not None:
                tasks.append(msgspec.structs.replace(task, read_at=now))
        due = None if claims.next_due_us is None else from_us(claims.next_due_us)
        return Polled(tuple(tasks), due, claims.paused)

    async def resume(self, process_id: str, worker: int) -> DecisionTask | None:
        """The task of a process that this worker holds."""
        loaded = await self._store.load(process_id)
        if loaded is None or loaded.row.owner != worker:
            return None
        return await self._understood(loaded, worker)

    async def _understood(self, loaded: Loaded, worker: int) -> DecisionTask | None:
        """The task of a process that this worker holds; None where it can't be made of the rows."""
        try:
            return await self._warmed(loaded, worker) or await self.fold(loaded, worker)
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
                status=row.status if row.status == "failed" else "waiting",
                consumed=0,  # what the row says of its inbox may be wrong, and no message is lost
                seen=ALL_SEEN,
                parks=True,
                due_us=to_us(now + QUARANTINE),
                lost_owner=loaded.lost_owner,
            )
        )

    async def _warmed(self, loaded: Loaded, worker: int) -> DecisionTask | None:
        """The task of a process that still is what it was when it was let go of here."""
        row, known = loaded.row, self._warm.find(loaded.row)
        if known is None:
            return None
        _check_inbox(loaded)
        mail = await self.understood(loaded.messages)
        return msgspec.structs.replace(
            known,
            owner=worker,
            epoch=row.epoch,
            consumed=row.consumed,
            seen=mail[-1].seq if mail else row.inbox_head,
            mail=mail,
            lost_owner=loaded.lost_owner,
            failures=row.failures,
        )

    # -- folding -----------------------------------------------------------------------------

    async def fold(self, loaded: Loaded, owner: int) -> DecisionTask:
        """A process as its rows tell it. Raises StoreCorruptError and its kin."""
        try:
            return await self._folded(loaded, owner)
        except StoreError:
            raise
        except Exception as error:
            raise _damaged(loaded.row, f"{type(error).__name__}: {error}") from error

    async def _folded(self, loaded: Loaded, owner: int) -> DecisionTask:
        row = loaded.row
        program = await self._definitions.program_of(row.sha, row.workflow)
        start, saved = None, 0
        rows: Sequence[bytes] = loaded.events
        if loaded.snapshot is not None:
            if loaded.snapshot_tag == _tag(row.sha):
                (text,) = await self._packing.whole((loaded.snapshot,))
                start = codec.decode_snapshot(program, text)
            if start is None:
                # read at a later moment than the row, and it may have gone on since
                rows = await self._store.events(row.process_id, 0, row.position, row.run)
            saved = len(loaded.snapshot)
        events = map(codec.decode_event, await self._packing.whole(rows))
        snapshot = await self._definitions.fold(events, row.workflow, start)
        _compare(row, snapshot.process)
        _check_inbox(loaded)
        mail = await self.understood(loaded.messages)
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
            failures=row.failures,
        )

    async def mail(self, task: DecisionTask) -> tuple[Mail, ...]:
        """What came after the last message seen."""
        return await self.understood(await self._store.messages(task.instance, task.seen))

    async def understood(self, arrived: Sequence[Arrived]) -> tuple[Mail, ...]:
        """Inbox rows as messages."""
        texts = await self._packing.whole([each.data for each in arrived])
        return tuple(
            Mail(each.seq, from_us(each.at_us), codec.decode_message(text))
            for each, text in zip(arrived, texts, strict=True)
        )

    # -- writing -----------------------------------------------------------------------------

    async def complete(
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
        after = DecisionTask(
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
        if append.parks:
            self._warm.keep(after)
        elif append.closes or append.renews is not None:
            self._warm.forget(task.instance)
        return after

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
                parks=True,  # a failed one too: what came for it must be looked at
                due_us=to_us(process.at),
                definition=to.id,
                blobs=tuple(blobs),
                drops=commit.drops,
                unbegun=commit.drops,
            )
        )
        return refusal is None


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
        "failures": hold.failures,
    }


def _compare(row: Instance, process: Process) -> None:
    """A row and what its history tells of the same process. Raises StoreCorruptError."""
    for what, said, told in (
        ("position", row.position, process.position),
        ("run", row.run, process.run),
        ("id", row.process_id, process.id),
        ("definition", row.sha[:12], process.sha[:12]),
    ):
        if said != told:
            raise _damaged(row, f"its row says {what} {said}, its history ends at {told}")


def _check_inbox(loaded: Loaded) -> None:
    """What a row says of its inbox: else messages would be taken twice, or passed over."""
    row = loaded.row
    places = [each.seq for each in loaded.messages]
    first, last = (places[0], places[-1]) if places else (row.consumed + 1, row.consumed)
    if first <= row.consumed or last != row.inbox_head:
        raise _damaged(
            row,
            f"its row says that it has consumed messages up to {row.consumed} of "
            f"{row.inbox_head}, and there are {len(places)} in its inbox, up to {last}",
        )


def _damaged(row: Instance, how: str) -> StoreCorruptError:
    return StoreCorruptError(f"process {row.process_id!r} is damaged: {how}; run `corago db check`")


def _tag(sha: str) -> str:
    return f"{codec.CODEC}:{sha}"
