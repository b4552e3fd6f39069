"""Damages of a SQLite file: every way to spoil every column of every table, as data.

The columns come from the schema itself, so that a new one can't be forgotten.
"""

# ruff: noqa: S608 - names of tables and columns come from the schema, and can be no parameters

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

LARGEST, SMALLEST, HUGE = 2**63 - 1, -(2**63), 2**62

Change = Callable[[Any, list[Any], random.Random], Any]


class Impossible(Exception):  # noqa: N818 - no error: a damage that can't happen
    """The schema does not let this happen, or nothing would change by it."""


class NotText(bytes):
    """Bytes that a column of texts is to hold."""


@dataclass(frozen=True, slots=True, order=True)
class Damage:
    """One thing that may have happened to a file; a `column` of none is the whole row."""

    table: str
    column: str
    how: str
    statement: str = ""

    def __str__(self) -> str:
        return f"{self.table}.{self.column}: {self.how}"


def _other(value: Any, others: list[Any], chance: random.Random) -> Any:
    different = sorted({each for each in others if each != value and each is not None}, key=repr)
    if not different:
        raise Impossible
    return chance.choice(different)


def _plus(number: int) -> Change:
    return lambda value, _, __: Impossible if value is None else value + number


def _fixed(value: Any) -> Change:
    return lambda _, __, ___: value


def _half(value: Any, _: list[Any], __: random.Random) -> Any:
    return Impossible if value is None else value[: len(value) // 2]


NUMBERS: dict[str, Change] = {
    "null": _fixed(None),
    "zero": _fixed(0),
    "one less": _plus(-1),
    "one more": _plus(1),
    "negative": _fixed(-7),
    "huge": _fixed(HUGE),
    "the largest": _fixed(LARGEST),
    "the smallest": _fixed(SMALLEST),
    "another row's": _other,
    "a text": _fixed("seven"),
}
"""Ways to spoil a number."""


def _inner(change: Callable[[Any, random.Random], Any]) -> Change:
    """Change something within a text of JSON."""

    def changed(text: Any, _: list[Any], chance: random.Random) -> Any:
        try:
            value = msgspec.json.decode(text or "")
        except (msgspec.DecodeError, UnicodeError):
            return Impossible
        places = list(_places(value))
        if not places:
            return Impossible
        holder, key = chance.choice(places)
        change_ = change(holder[key], chance)
        if change_ is Impossible:
            del holder[key]
        else:
            holder[key] = change_
        return msgspec.json.encode(value).decode()

    return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else pairs:
        yield value, key
        yield from _places(each)


def _nudged(value: Any, _: random.Random) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x" if isinstance(value, str) else [value]


TEXTS: dict[str, Change] = {
    "null": _fixed(None),
    "empty": _fixed(""),
    "garbage": _fixed("no ☃ json"),
    "half": _half,
    "longer": lambda value, _, __: Impossible if value is None else value + "x",
    "another row's": _other,
    "an object": _fixed("{}"),
    "a list": _fixed("[]"),
    "a list of numbers": _fixed("[7]"),
    "nothing": _fixed("null"),
    "a number": _fixed("7"),
    "deep": _fixed("[" * 3000 + "]" * 3000),
    "no text": _fixed(NotText(b"\xff\xfeab")),
    "nudged within": _inner(_nudged),
    "lacking within": _inner(lambda _, __: Impossible),
    "null within": _inner(lambda _, __: None),
    "huge within": _inner(lambda _, __: 2**80),
    "a list within": _inner(lambda _, __: [7]),
}
"""Ways to spoil a text."""

BLOBS: dict[str, Change] = {
    "null": _fixed(None),
    "empty": _fixed(b""),
    "half": _half,
    "a bit": lambda value, _, __: value[:-1] + bytes([value[-1] ^ 1]),
}
"""Ways to spoil bytes."""

WAYS = {"INTEGER": NUMBERS, "TEXT": TEXTS, "BLOB": BLOBS}

BY_HAND = (
    Damage(
        "events",
        "",
        "swapped",
        "update events set data = (select o.data from events o "
        "where o.instance_id = events.instance_id and o.position = 3 - events.position) "
        "where instance_id = 3 and position < 3",
    ),
    Damage(
        "events",
        "data",
        "time moved",
        "update events set data = json_set(data, '$.at', "
        "'1999-01-01T00:00:00Z') where position = 2 and instance_id = 3",
    ),
    Damage(
        "events",
        "data",
        "end of time",
        "update events set data = json_set(data, '$.at', "
        "'9999-12-31T23:59:59Z') where position = 2 and instance_id = 3",
    ),
    Damage(
        "events",
        "data",
        "another kind",
        "update events set data = json_set(data, '$.type', "
        "'ProcessCanceled') where position = 2 and instance_id = 3",
    ),
    Damage(
        "events",
        "data",
        "an unknown kind",
        "update events set data = json_set(data, '$.type', "
        "'Dreamt') where position = 2 and instance_id = 3",
    ),
    Damage(
        "workflow_instances",
        "",
        "snapshots swapped",
        "update workflow_instances set "
        "internal_state = (select o.internal_state from workflow_instances o where o.process_id ="
        " iif(workflow_instances.process_id = 'simple:saved', 'simple:kept', 'simple:saved')) "
        "where process_id in ('simple:saved', 'simple:kept')",
    ),
    Damage(
        "workflow_instances",
        "internal_state",
        "another state",
        "update workflow_instances set "
        "internal_state = json_set(internal_state, '$.state.at', 7) "
        "where process_id = 'simple:saved'",
    ),
    Damage(
        "workflow_instances",
        "",
        "closed and due",
        "update workflow_instances set due_us = 1 where process_id = 'simple:done'",
    ),
    Damage(
        "workflow_instances",
        "",
        "closed and poked",
        "insert into inbox (instance_id, at_us, "
        'data) select id, 1, \'{"type":"Signal","name":"go"}\' from workflow_instances '
        "where process_id = 'simple:done'",
    ),
    Damage(
        "workflow_instances",
        "status",
        "reopened by hand",
        "update workflow_instances set "
        "status = 'running', due_us = 1 where process_id = 'simple:done'",
    ),
    Damage(
        "workflow_instances",
        "status",
        "closed by hand",
        "update workflow_instances set status = 'completed' where process_id = 'simple:open'",
    ),
    Damage(
        "workflow_instances",
        "consumed",
        "beyond its inbox",
        "update workflow_instances set "
        "consumed = 9999, inbox_head = 9999 where process_id = 'simple:poked'",
    ),
    Damage(
        "workflow_instances",
        "inbox_head",
        "beyond its inbox",
        "update workflow_instances set inbox_head = 9999 where process_id = 'simple:poked'",
    ),
    Damage(
        "workflow_instances",
        "owner",
        "nobody",
        "update workflow_instances set owner = 77, due_us = null where process_id = 'simple:open'",
    ),
    Damage("workflow_definitions", "", "all deleted", "delete from workflow_definitions"),
    Damage("documents", "", "a gap", "delete from documents where version = 2"),
    Damage("settings", "", "unknown", "insert into settings values ('color', 'red')"),
    Damage("workers", "", "all deleted", "delete from workers"),
    Damage("workers", "", "nobody", "insert into workers values (77, 'nobody', 1, 1, 0)"),
    Damage(
        "tasks",
        "data",
        "stopped and damaged",
        "update tasks set data = '{}', queue = '', due_us = 0, owner = null where stops = 1",
    ),
    Damage("tasks", "data", "all damaged", "update tasks set data = '{}'"),
    Damage("inbox", "data", "all damaged", "update inbox set data = '{}'"),
    Damage("tags", "", "all deleted", "delete from tags"),
    Damage("blobs", "", "all deleted", "delete from blobs"),
    Damage("signal_keys", "", "all deleted", "delete from signal_keys"),
)
"""What no single column tells."""


def tables(connection: sqlite3.Connection) -> list[str]:
    """The tables of a file."""
    found = connection.execute(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
    )
    return sorted(name for (name,) in found)


def damages(path: Path) -> list[Damage]:
    """Everything that may happen to a file, in order."""
    found = list(BY_HAND)
    with closing(sqlite3.connect(path)) as connection:
        for table in tables(connection):
            found += [Damage(table, "", how) for how in ("row deleted", "row twice")]
            for _, column, kind, *_ in connection.execute(f"pragma table_info({table})"):
                found += [Damage(table, column, how) for how in WAYS[kind]]
    return sorted(found)


def harm(path: Path, damage: Damage, chance: random.Random) -> None:
    """Let it happen. Raises Impossible."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.text_factory = lambda text: text.decode(errors="surrogateescape")
        connection.execute("pragma ignore_check_constraints = on")
        try:
            if damage.statement:
                if not connection.execute(damage.statement).rowcount:
                    raise Impossible
                return
            _harm(connection, damage, chance)
        except (sqlite3.IntegrityError, sqlite3.InterfaceError) as error:
            raise Impossible from error


def _harm(connection: sqlite3.Connection, damage: Damage, chance: random.Random) -> None:
    table, column = damage.table, damage.column
    info = connection.execute(f"pragma table_info({table})").fetchall()
    keys = [name for _, name, *_, key in info if key] or ["rowid"]
    rows = connection.execute(f"select {', '.join(keys)} from {table}").fetchall()
    row = chance.choice(sorted(rows))
    where = " and ".join(f"{key} is ?" for key in keys)
    if damage.how == "row deleted":
        connection.execute(f"delete from {table} where {where}", row)
        return
    if damage.how == "row twice":
        columns = ["null" if [name] == keys else name for _, name, *_ in info]
        _copy(connection, table, info, columns, (where, row))
        return
    (value,) = connection.execute(f"select {column} from {table} where {where}", row).fetchone()
    others = [each for (each,) in connection.execute(f"select {column} from {table}")]
    (kind,) = [kind for _, name, kind, *_ in info if name == column]
    new = WAYS[kind][damage.how](value, others, chance)
    is_too_far = isinstance(new, int) and not SMALLEST <= new <= LARGEST
    if new is Impossible or new == value or is_too_far:
        raise Impossible
    if kind == "INTEGER" and isinstance(new, str):
        _put_text(connection, table, f"{column} = ? where {where}", (new, *row))
    else:
        place = "cast(? as text)" if isinstance(new, NotText) else "?"
        connection.execute(f"update {table} set {column} = {place} where {where}", (new, *row))


def _copy(
    connection: sqlite3.Connection, table: str, info: list[Any], values: list[str], of: Any
) -> None:
    """Another row of the same content, under a key of its own where it has a number for one."""
    where, row = of
    names = ", ".join(name for _, name, *_ in info)
    content = f"select {', '.join(values)} from {table} where {where}"
    connection.execute(f"insert into {table} ({names}) {content}", row)


def _put_text(connection: sqlite3.Connection, table: str, change: str, given: Any) -> None:
    """A text in a number's place, as a strict table has none before its schema is edited."""
    loose = "update sqlite_schema set sql = "
    loose += "replace(replace(sql, ') strict, ', ') '), ') strict', ')') where name = ?"
    strict = "update sqlite_schema set sql = ? where name = ?"
    (schema,) = connection.execute(
        "select sql from sqlite_schema where name = ?", (table,)
    ).fetchone()
    (path,) = [
        each for _, name, each in connection.execute("pragma database_list") if name == "main"
    ]
    for edit, of in ((loose, (table,)), (strict, (schema, table))):
        with closing(sqlite3.connect(path, isolation_level=None)) as editing:
            editing.execute("pragma writable_schema = on")
            editing.execute(edit, of)
        if edit == loose:
            with closing(sqlite3.connect(path, isolation_level=None)) as writing:
                writing.execute(f"update {table} set {change}", given)
