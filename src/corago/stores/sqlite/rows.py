"""Rows into the port's values. What a row means is the SQL's business, who asks is the store's."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from corago.ports.store import Arrived, Definition, DocumentVersion, Instance, Loaded
from corago.stores.sqlite.queries import QUERIES

_OF_ONE = (QUERIES["load"], QUERIES["events_after_snapshot"], QUERIES["messages_of_one"])
_OF_MANY = (QUERIES["load_many"], QUERIES["events_after_snapshots"], QUERIES["messages_of_many"])

_TAGS = 17
_COLUMNS = 21

_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode
encode_list = msgspec.json.Encoder().encode


def numbers(values: Iterable[int]) -> str:
    """Numbers as a statement takes them for `json_each`."""
    return encode_list(sorted(set(values))).decode()


def texts(values: Iterable[str]) -> str:
    """Texts, likewise."""
    return encode_list(sorted(set(values))).decode()


def followers(definitions: Sequence[int], heirs: Sequence[tuple[int, int]]) -> str:
    """Every definition that is asked for, with its latest follower; null where it is its own."""
    latest: Mapping[int, int | None] = dict(sorted(heirs)) | dict.fromkeys(definitions)
    return encode_list(latest).decode()


def tags_text(tags: tuple[str, ...]) -> str | None:
    """Tags as their column keeps them."""
    return encode_list(tags).decode() if tags else None


def instance(row: Sequence[Any]) -> Instance:
    """A row of the view `processes`."""
    values = list(row)
    values[_TAGS] = tags(values[_TAGS])
    return Instance(*values)


def tags(text: str | None) -> tuple[str, ...]:
    """Tags from their column."""
    try:
        return () if text is None else _decode_tags(text)
    except msgspec.DecodeError:
        return ()  # a label is not worth a process that nobody can claim; a check names it


def definition(row: Sequence[Any]) -> Definition:
    """A row of the definitions."""
    return Definition(*row)


def arrived(row: Sequence[Any]) -> Arrived:
    """A row of an inbox."""
    return Arrived(*row)


def version(row: Sequence[Any]) -> DocumentVersion:
    """A row of the documents."""
    return DocumentVersion(*row)


def load(cursor: sqlite3.Cursor, instances: Sequence[int]) -> dict[int, Loaded]:
    """Processes with all that a turn needs, by their numbers, in a few statements however many."""
    asked: tuple[Any, ...]
    if len(instances) == 1:
        statements, asked = _OF_ONE, tuple(instances)
    else:
        statements, asked = _OF_MANY, (numbers(instances),)
    of_rows, of_events, of_messages = statements
    rows = cursor.execute(of_rows, asked).fetchall()
    events: defaultdict[int, list[bytes]] = defaultdict(list)
    for number, place, data in cursor.execute(of_events, asked).fetchall():
        if place == len(events[number]) + 1:  # behind a gap nothing counts, so the fold falls short
            events[number].append(data)
    messages: defaultdict[int, list[Arrived]] = defaultdict(list)
    for number, *message in cursor.execute(of_messages, asked).fetchall():
        messages[number].append(Arrived(*message))
    found: dict[int, Loaded] = {}
    for row in rows:
        number = row[0]
        snapshot, tag, external, lost_owner = row[_COLUMNS:]
        found[number] = Loaded(
            row=instance(row[:_COLUMNS]),
            snapshot=snapshot,
            snapshot_tag=tag,
            events=tuple(events[number]),
            messages=tuple(messages[number]),
            external=external,
            lost_owner=lost_owner,
        )
    return found
