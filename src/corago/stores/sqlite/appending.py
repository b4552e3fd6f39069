"""The write of a turn: one commit of one process, fenced in the very statement that moves it on."""

from __future__ import annotations

from corago.core.commit import DocumentWrite
from corago.ports.store import Append, Change, Refusal
from corago.stores.sqlite.pen import Operation, Pen
from corago.stores.sqlite.queries import QUERIES

_APPEND_AND_HOLD = QUERIES["append_and_hold"]
_APPEND = QUERIES["append"]
_APPEND_EVENT = QUERIES["append_event"]
_WHY_REFUSED = QUERIES["why_refused"]
_TAKE_MESSAGES = QUERIES["take_messages"]
_WRITE_DOCUMENT = QUERIES["write_document"]
_PROCESS_ID = QUERIES["process_id"]


def _append(pen: Pen, item: Append) -> Refusal | None:
    if not (
        item.parks
        or item.closes
        or item.seize
        or item.documents
        or item.snapshot is not None
        or item.external is not None
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
    if item.documents:
        return _append_with_documents(pen, item)
    return _append_in_full(pen, item)


def _append_in_full(pen: Pen, item: Append) -> Refusal | None:
    fence = item.fence
    lets_go = item.parks or item.closes
    position = fence.position + len(item.events)
    due_us = item.due_us if item.parks and not item.closes else None
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
        "next_owner": None if lets_go else fence.owner,
        "due_us": due_us,
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
    if item.closes:
        _tell(pen, "closed", fence.instance)
    elif due_us is not None and due_us <= pen.now_us():
        _tell(pen, "runnable", fence.instance)
    return None


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


def _tell(pen: Pen, kind: str, instance: int) -> None:
    (process_id,) = pen.row(_PROCESS_ID, (instance,))
    pen.changes.append(Change(kind, process_id))


def _append_with_documents(pen: Pen, item: Append) -> Refusal | None:
    """A conflict shows when part of the item is written, so that it needs a way back of its own."""
    cursor = pen.cursor
    mark = pen.mark()
    cursor.execute("SAVEPOINT documents")
    refusal = _append_in_full(pen, item)
    if refusal is None and not all(_write_document(pen, item, each) for each in item.documents):
        refusal = Refusal.DOCUMENT_CONFLICT
        cursor.execute("ROLLBACK TO documents")
        pen.go_back(mark)
    cursor.execute("RELEASE documents")
    return refusal


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
        and not (item.closes or item.seize or item.events or item.documents)
        and item.external is None
    )


APPEND = Operation(_append)
PARK = Operation(_append, must_last=False)
