"""Writes that need no lease: definitions, births, messages, large values, the pause."""

from __future__ import annotations

from collections.abc import Sequence

from corago.core.events import CLOSED_STATUSES
from corago.ports.store import Blob, Born, Change, Definition, NewProcess, Outgoing, Sent
from corago.stores.sqlite import rows
from corago.stores.sqlite.pen import Operation, Pen
from corago.stores.sqlite.queries import QUERIES

_FIND_DEFINITION = QUERIES["find_definition"]
_DEFINE = QUERIES["define"]
_START = QUERIES["start"]
_COMPARE_START = QUERIES["compare_start"]
_TAG = QUERIES["tag"]
_TAGS_OF = QUERIES["tags_of"]
_SET_TAGS = QUERIES["set_tags"]
_UNTAG = QUERIES["untag"]
_APPEND_EVENT = QUERIES["append_event"]
_ADDRESSEE = QUERIES["addressee"]
_FIND_KEY = QUERIES["find_key"]
_KEEP_KEY = QUERIES["keep_key"]
_KEEP_BLOB = QUERIES["keep_blob"]
_PUT_MESSAGE = QUERIES["put_message"]
_RAISE_INBOX_HEAD = QUERIES["raise_inbox_head"]
_RAISE_INBOX_HEAD_AND_WAKE = QUERIES["raise_inbox_head_and_wake"]
_WRITE_SETTING = QUERIES["write_setting"]

Addressee = tuple[int, str, int | None, int | None]
"""What a message needs to know of a process: the number of its row, status, owner, due instant."""

NO_LIMIT = 0x3FFFFFFF
"""More pages than a disk has."""

PAUSED = "paused"
"""The setting that holds claims back while it is `true`."""


def _known(pen: Pen, definition: Definition) -> int | None:
    asked = (definition.name, definition.version, definition.sha)
    row = pen.row(_FIND_DEFINITION, asked)
    return None if row is None else int(row[0])


def _define(pen: Pen, definition: Definition) -> int:
    known = _known(pen, definition)
    if known is not None:
        return known
    document = definition.document.decode()
    values = (definition.name, definition.version, definition.sha, document)
    return int(pen.cursor.execute(_DEFINE, values).lastrowid or 0)


def _same_start(pen: Pen, new: NewProcess) -> Born | None:
    asked = {
        "process_id": new.process_id,
        "workflow_id": new.definition_id,
        "input_sha": new.input_sha,
    }
    known = pen.row(_COMPARE_START, asked)
    if known is None:
        return None
    instance, is_same = known
    return Born(is_new=False, is_same=bool(is_same), instance=instance)


def start(pen: Pen, new: NewProcess) -> Born:
    """Create a process, if its id is not known."""
    known = _same_start(pen, new)
    if known is not None:
        return known
    values = {
        "process_id": new.process_id,
        "workflow_id": new.definition_id,
        "input_sha": new.input_sha,
        "owner": new.owner,
        "at_us": new.at_us,
        "parent": new.parent,
        "tags": rows.tags_text(new.tags),
        "external_state": new.external.decode(),
    }
    instance, epoch = pen.row(_START, values)
    pen.cursor.execute(_APPEND_EVENT, (instance, 1, 1, new.event.decode()))
    for tag in new.tags:
        pen.cursor.execute(_TAG, (tag, instance))
    keep_blobs(pen, new.blobs)
    if not epoch:
        pen.changes.append(Change("runnable", new.process_id))
    return Born(is_new=True, instance=instance, epoch=epoch)


def retag(pen: Pen, instance: int, tags: tuple[str, ...]) -> None:
    """Give a process these tags instead of those that it has."""
    execute = pen.cursor.execute
    (text,) = pen.row(_TAGS_OF, (instance,))
    for tag in rows.tags(text):
        execute(_UNTAG, (tag, instance))
    execute(_SET_TAGS, (rows.tags_text(tags), instance))
    for tag in tags:
        execute(_TAG, (tag, instance))


def keep_blobs(pen: Pen, blobs: Sequence[Blob]) -> None:
    """Keep large values, each once."""
    for blob in blobs:
        pen.cursor.execute(_KEEP_BLOB, (blob.sha, blob.data))


def send(pen: Pen, message: Outgoing) -> Sent:
    """Put a message into an inbox, if it is one that takes it."""
    addressee = pen.row(_ADDRESSEE, (message.process_id,))
    if addressee is None:
        return Sent("absent")
    instance, status, _, _ = addressee
    key = message.key
    if key is not None:
        used = pen.row(_FIND_KEY, (instance, key))
        if used is not None:
            return Sent("repeated" if used[0] == message.digest else "conflict", status)
    if status in CLOSED_STATUSES and not (status == "failed" and message.reopens):
        return Sent("closed", status)
    if key is not None:
        pen.cursor.execute(_KEEP_KEY, (instance, key, message.digest))
    keep_blobs(pen, message.blobs)
    return Sent("sent", status, deliver(pen, message.process_id, addressee, message.data))


def deliver(pen: Pen, process_id: str, addressee: Addressee, data: bytes) -> int:
    """Put data into the inbox of a process, and wake it; gives the message's number."""
    instance, _, owner, due_us = addressee
    now_us = pen.now_us()
    execute = pen.cursor.execute
    seq = execute(_PUT_MESSAGE, (instance, now_us, data.decode())).lastrowid or 0
    pen.changes.append(Change("message", process_id))
    if owner is None and (due_us is None or due_us > now_us):
        execute(_RAISE_INBOX_HEAD_AND_WAKE, (seq, now_us, instance))
        pen.changes.append(Change("runnable", process_id))
    else:
        execute(_RAISE_INBOX_HEAD, (seq, instance))
    return seq


def _pause(pen: Pen, paused: bool) -> bool:  # noqa: FBT001 - the port's form
    pen.cursor.execute(_WRITE_SETTING, (PAUSED, "true" if paused else "false"))
    return paused


def _limit_pages(pen: Pen, pages: int | None) -> None:
    pen.cursor.execute(f"PRAGMA max_page_count = {NO_LIMIT if pages is None else pages}")


DEFINE = Operation(_define, peek=_known)
START = Operation(start, peek=_same_start)
SEND = Operation(send)
PAUSE = Operation(_pause)
LIMIT_PAGES = Operation(_limit_pages)
