"""The write of a turn: one commit of one process, fenced in the very statement that moves it on."""

from __future__ import annotations

import msgspec

from corago.core.commit import DocumentWrite
from corago.ports.store import Append, Change, NewProcess, Refusal
from corago.stores.sqlite import processes, tasks
from corago.stores.sqlite.pen import Operation, Pen
from corago.stores.sqlite.queries import QUERIES

_APPEND_AND_HOLD = QUERIES["append_and_hold"]
_APPEND = QUERIES["append"]
_APPEND_EVENT = QUERIES["append_event"]
_WHY_REFUSED = QUERIES["why_refused"]
_TAKE_MESSAGES = QUERIES["take_messages"]
_WRITE_DOCUMENT = QUERIES["write_document"]
_PROCESS_ID = QUERIES["process_id"]
_BEGIN_RUN = QUERIES["begin_run"]
_FOLLOW = QUERIES["follow"]
_DUE_OF = QUERIES["due_of"]


def _append(pen: Pen, item: Append) -> Refusal | None:
    if item.events and not (
        item.parks
        or item.closes
        or item.seize
        or item.snapshot is not None
        or item.external is not None
        or item.unfit is not None
        or item.lost_owner is not None
        or item.failures
        or _says_more(item)
    ):
        fence = item.fence
        position = fence.position + len(item.events)
        # fmt: off
        pen.cursor.execute(_APPEND_AND_HOLD, (
            position, item.at_us,
            fence.instance, fence.owner, fence.epoch, fence.position, fence.run,
            item.consumed, item.status,
        ))
        # fmt: on
        if pen.cursor.rowcount:
            _write_events(pen, item, position)
            return None
        # Fenced, or something else changes: the full form tells.
    if item.documents or item.births or item.unbegun:
        return _append_or_take_back(pen, item)
    return _append_in_full(pen, item)


def _says_more(item: Append) -> bool:
    """Whether an append writes anything beside its process's row, history and inbox."""
    return bool(
        item.documents
        or item.births
        or item.sends
        or item.blobs
        or item.tasks
        or item.cancels
        or item.drops
        or item.unbegun
        or item.definition is not None
        or item.renews is not None
        or item.tags is not None
    )


def _append_in_full(pen: Pen, item: Append) -> Refusal | None:
    fence = item.fence
    renews = item.renews is not None
    lets_go = item.parks or item.closes or renews
    position = fence.position + len(item.events)
    values = {
        "instance": fence.instance,
        "run": fence.run,
        "owner": fence.owner,
        "epoch": fence.epoch,
        "before": fence.position,
        "position": position,
        "status": item.status,
        "at_us": item.at_us,
        "consumed": item.consumed,
        "seen": item.seen,
        "seizes": item.seize,
        "lets_go": lets_go,
        "next_owner": None if lets_go else fence.owner,
        "due_us": item.at_us if renews else None if item.closes else item.due_us,
        "unfit": item.unfit,
        "lost_owner": item.lost_owner,
        "failures": item.failures,
        "snapshot": None if item.snapshot is None else item.snapshot.decode(),
        "snapshot_tag": item.snapshot_tag,
        "external": None if item.external is None else item.external.decode(),
    }
    cursor = pen.cursor
    if not cursor.execute(_APPEND, values).rowcount:
        return Refusal.FENCED if pen.row(_WHY_REFUSED, values) is None else Refusal.MORE_MESSAGES
    _write_events(pen, item, position)
    if item.consumed:
        cursor.execute(_TAKE_MESSAGES, (fence.instance, item.consumed))
    if item.definition is not None:
        cursor.execute(_FOLLOW, (item.definition, fence.instance))
    if item.renews is not None:
        cursor.execute(_BEGIN_RUN, (fence.instance,))
        first = (fence.instance, fence.run + 1, 1, item.renews.decode())
        cursor.execute(_APPEND_EVENT, first)
    if item.tags is not None:
        processes.retag(pen, fence.instance, item.tags)
    _tell_of_the_row(pen, item)
    return _write_more(pen, item) if item.closes or _says_more(item) else None


def _write_events(pen: Pen, item: Append, position: int) -> None:
    fence = item.fence
    events = item.events
    if len(events) == 1:
        row = (fence.instance, fence.run, position, events[0].decode())
        pen.cursor.execute(_APPEND_EVENT, row)
    elif events:
        first = fence.position + 1
        pen.cursor.executemany(
            _APPEND_EVENT,
            [
                (fence.instance, fence.run, place, event.decode())
                for place, event in enumerate(events, first)
            ],
        )


def _tell_of_the_row(pen: Pen, item: Append) -> None:
    """That a process has ended, or that nobody holds it and it is due."""
    due_us = item.due_us
    if item.renews is not None:
        due_us = item.at_us
    elif item.closes:
        _tell(pen, "closed", item.fence.instance)
        return
    elif not item.parks:
        if item.fence.owner is not None:
            return
        (due_us,) = pen.row(_DUE_OF, (item.fence.instance,))
    if due_us is not None and due_us <= pen.now_us():
        _tell(pen, "runnable", item.fence.instance)


def _tell(pen: Pen, kind: str, instance: int) -> None:
    (process_id,) = pen.row(_PROCESS_ID, (instance,))
    pen.changes.append(Change(kind, process_id))


def _append_or_take_back(pen: Pen, item: Append) -> Refusal | None:
    """A conflict shows when part of the item is written, so that it needs a way back of its own."""
    cursor = pen.cursor
    mark = pen.mark()
    cursor.execute("SAVEPOINT refusable")
    refusal = _append_in_full(pen, item)
    if refusal is not None:
        cursor.execute("ROLLBACK TO refusable")
        pen.go_back(mark)
    cursor.execute("RELEASE refusable")
    return refusal


def _write_more(pen: Pen, item: Append) -> Refusal | None:
    """What goes with a commit, in an order that lets a message reach a child, or its sender."""
    instance = item.fence.instance
    if tasks.have_begun(pen, instance, item.unbegun):
        return Refusal.FENCED
    if not all(_write_document(pen, item, each) for each in item.documents):
        return Refusal.DOCUMENT_CONFLICT
    if not all(_bear(pen, each) for each in item.births):
        return Refusal.CHILD_EXISTS
    for message in item.sends:
        processes.send(pen, message)
    processes.keep_blobs(pen, item.blobs)
    if item.closes or item.renews is not None:
        tasks.drop_all(pen, instance)
        if item.renews is not None:
            _tell(pen, "task", instance)
    elif item.tasks or item.cancels or item.drops:
        tasks.change(pen, instance, puts=item.tasks, cancels=item.cancels, drops=item.drops)
        _tell(pen, "task", instance)
    return None


def _bear(pen: Pen, new: NewProcess) -> bool:
    child = new if new.owner is None else msgspec.structs.replace(new, owner=None)
    return processes.start(pen, child).is_new


def _write_document(pen: Pen, item: Append, write: DocumentWrite) -> bool:
    fence = item.fence
    values = {
        "kind": write.kind,
        "id": write.id,
        "expected": write.expected,
        "data": write.data.decode(),
        "at_us": item.at_us,
        "actor": write.actor,
        "instance": fence.instance,
        "position": fence.position + len(item.events),
    }
    return bool(pen.cursor.execute(_WRITE_DOCUMENT, values).rowcount)


def only_parks(item: Append) -> bool:
    """Whether an append lets go and says nothing else, so that its loss would lose no fact."""
    return (
        item.parks
        and not (item.closes or item.seize or item.events or _says_more(item))
        and item.external is None
    )


APPEND = Operation(_append)
PARK = Operation(_append, must_last=False)
