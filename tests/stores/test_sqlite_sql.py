"""The SQL of the SQLite store: well formed, used, and planned as its indexes mean it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.migrations import MIGRATIONS
from corago.stores.sqlite.queries import QUERIES, parse
from corago.testing.clock import VirtualClock

ROOM = Path(__file__).parents[2] / "src" / "corago" / "stores" / "sqlite"

GOOD = "-- name: one\n-- What it is for.\nselect 1;\n"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    async def make() -> None:
        store = SqliteStore(tmp_path / "work.db", VirtualClock())
        await store.open()
        await store.close()

    asyncio.run(make())
    with closing(sqlite3.connect(tmp_path / "work.db")) as connection:
        yield connection


def plan(connection: sqlite3.Connection, name: str) -> list[str]:
    """The steps by which SQLite would run a statement."""
    statement = QUERIES[name]
    names = re.findall(r":(\w+)", statement)
    values = dict.fromkeys(names) if names else [None] * statement.count("?")
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    return [detail for *_, detail in rows]


def test_a_file_of_statements_is_read_by_their_names() -> None:
    two = GOOD + GOOD.replace("one", "two_b").replace("select 1", "select\n    2")
    assert dict(parse(two, "a.sql")) == {"one": "select 1;", "two_b": "select\n    2;"}


@pytest.mark.parametrize(
    "text",
    [
        "select 1;\n" + GOOD,
        GOOD.replace("one", "One"),
        GOOD.replace("one", ""),
        GOOD.replace("-- What it is for.\n", ""),
        GOOD.replace("for.", "for"),
        GOOD.replace("select 1;", ""),
        GOOD.replace("select 1;", "select 1"),
        GOOD.replace("select 1;", "select 1; select 2;"),
    ],
)
def test_anything_else_in_such_a_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a\.sql"):
        list(parse(text, "a.sql"))


def test_every_statement_fits_the_tables(connection: sqlite3.Connection) -> None:
    connection.execute("alter table migrations rename to taken_out_of_the_way")
    connection.execute("alter table taken_out_of_the_way rename to migrations")
    for name in QUERIES.keys() - {"create_migrations"}:
        assert isinstance(plan(connection, name), list)


def test_every_statement_is_used() -> None:
    python = "".join(file.read_text("utf-8") for file in ROOM.rglob("*.py"))
    assert [name for name in QUERIES if f'QUERIES["{name}"]' not in python] == []


def test_migrations_are_numbered_without_gaps() -> None:
    assert [each.number for each in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_a_released_migration_is_never_edited() -> None:
    digests = {each.number: each.sha256[:12] for each in MIGRATIONS}
    assert digests == {1: "6784bba2099e", 2: "4a27650298a8", 3: "9279a07a6cbb"}


DUE = "workflow_instances_due (workflow_id=?"
TASKS_DUE = "tasks_due (queue=?"


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("due", DUE),
        ("next_due", DUE),
        ("orphan", "workflow_instances_held (owner=?"),
        ("find_held", "workflow_instances_held (owner=?"),
        ("find_with_status", "workflow_instances_status (status=?"),
        ("find_tagged", "PRIMARY KEY (tag=?"),
        ("count_by_status", "COVERING INDEX workflow_instances_status"),
        ("append_and_hold", "INTEGER PRIMARY KEY (rowid=?)"),
        ("append", "INTEGER PRIMARY KEY (rowid=?)"),
        ("addressee", "(process_id=?"),
        ("messages", "inbox_of_instance (instance_id=?"),
        ("messages_of_many", "inbox_of_instance (instance_id=?"),
        ("take_messages", "inbox_of_instance (instance_id=?"),
        ("events", "(instance_id=? AND run=? AND position>?)"),
        ("events_after_snapshots", "(instance_id=? AND run=? AND position>?)"),
        ("document", "(kind=? AND id=?)"),
        ("due_tasks", TASKS_DUE),
        ("next_due_task", TASKS_DUE),
        ("expired_tasks", "tasks_expiring (expires_us<?"),
        ("has_lapsed", "workflow_instances_until (until_us<?"),
        ("let_lapsed_go", "workflow_instances_until (until_us<?"),
        ("held_tasks", "tasks_held (owner=?"),
        ("free_tasks", "tasks_held (owner=?"),
        ("return_tasks", "INTEGER PRIMARY KEY (rowid=?)"),
        ("beat_task", "INTEGER PRIMARY KEY (rowid=?)"),
        ("detach_task", "INTEGER PRIMARY KEY (rowid=?)"),
        ("untag", "PRIMARY KEY (tag=? AND instance_id=?)"),
        ("stop_task", "(instance_id=? AND path=?)"),
        ("drop_task", "(instance_id=? AND path=?)"),
        ("drop_tasks", "(instance_id=?)"),
        ("tasks_of_process", "(instance_id=?)"),
        ("addressee_of_task", "t USING INTEGER PRIMARY KEY (rowid=?)"),
        ("blobs", "(sha=?)"),
    ],
)
def test_a_statement_finds_its_rows_by_an_index(
    connection: sqlite3.Connection, name: str, index: str
) -> None:
    steps = plan(connection, name)
    assert any(index in step for step in steps), steps


@pytest.mark.parametrize(
    "name",
    [
        *("due", "next_due", "take", "orphan", "load", "load_many", "events", "messages"),
        *("events_after_snapshot", "events_after_snapshots", "messages_of_one", "messages_of_many"),
        *("due_tasks", "next_due_task", "take_tasks", "load_tasks", "held_tasks", "blobs"),
        *("expired_tasks", "let_lapsed_go", "beat_task", "detach_task"),
    ],
)
def test_what_a_worker_asks_all_the_time_scans_no_table(
    connection: sqlite3.Connection, name: str
) -> None:
    scans = [step for step in plan(connection, name) if step.startswith("SCAN")]
    assert all("VIRTUAL TABLE" in scan for scan in scans), scans


@pytest.mark.parametrize(
    "name",
    [
        *("find", "find_tagged", "find_held", "find_with_status", "events", "messages"),
        *("events_after_snapshot", "events_after_snapshots", "messages_of_one", "messages_of_many"),
    ],
)
def test_pages_and_histories_come_in_order_without_sorting(
    connection: sqlite3.Connection, name: str
) -> None:
    assert not any("TEMP B-TREE" in step for step in plan(connection, name))


def test_the_usual_write_touches_no_index(connection: sqlite3.Connection) -> None:
    statement = QUERIES["append_and_hold"]
    values = [None] * statement.count("?")
    opened = {
        root
        for _, opcode, _, root, *_ in connection.execute(f"EXPLAIN {statement}", values)
        if opcode == "OpenWrite"
    }
    (table,) = connection.execute(
        "select rootpage from sqlite_master where name = 'workflow_instances'"
    ).fetchone()
    assert opened == {table}


def test_waiting_processes_without_an_instant_stand_in_no_index_of_claims(
    connection: sqlite3.Connection,
) -> None:
    connection.execute("insert into workflow_definitions values (1, 'greet', 1, 'sha', '{}')")
    connection.execute(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) "
        "insert into workflow_instances (workflow_id, process_id, status, position, epoch, "
        "created_us, updated_us, input_sha, external_state) "
        "select 1, 'p' || i, 'waiting', 1, 1, 0, 0, '', '{}' from n"
    )
    # An index whose partial condition holds for no row has nothing that could be counted.
    for index, column in (("due", "due_us"), ("held", "owner")):
        (count,) = connection.execute(
            f"select count(*) from workflow_instances indexed by workflow_instances_{index} "  # noqa: S608 - constants
            f"where {column} is not null"
        ).fetchone()
        assert count == 0
