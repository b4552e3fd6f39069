"""Files that an older corago made: what is in them is kept, and what is new works at once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from corago.clock import to_us
from corago.ports.store import (
    Append,
    Fence,
    Instance,
    NewProcess,
    NewTask,
    Outgoing,
    Query,
)
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.inspect import check, status, upgrade
from corago.stores.sqlite.migrations import APPLICATION_ID, MIGRATIONS
from corago.stores.sqlite.queries import QUERIES
from corago.testing.clock import VirtualClock
from corago.testing.store_suite.harness import blob

SHA = "c3773e2d794bf2291a35f387fa59683d2405663142c1b813ba2e37ae7f05b633"

CONTENTS = """
insert into workflow_definitions values (1, 'greet', 1,
    'c3773e2d794bf2291a35f387fa59683d2405663142c1b813ba2e37ae7f05b633',
    '{"name":"greet"}'
);
insert into workers values (3, 'ann', 7, 0, 0);
insert into settings values ('paused', 'true');
insert into workflow_instances (
    id, workflow_id, process_id, status, position, epoch, owner, due_us, consumed, inbox_head,
    created_us, updated_us, lost_owner, parent, tags, input_sha, snapshot_tag, snapshot_position,
    internal_state, external_state
) values
    (1, 1, 'held', 'running', 2, 4, 3, null, 1, 2, 10, 20, null, null, '["red"]', 'in', 't', 1,
     '"state"', '{"x":1}'),
    (2, 1, 'due', 'waiting', 1, 1, null, 5, 0, 0, 11, 21, 'ben', 'held', null, 'in', '', 0,
     null, '{}'),
    (3, 1, 'done', 'completed', 1, 1, null, null, 0, 0, 12, 22, null, null, null, 'in', '', 0,
     null, '{}');
insert into events (instance_id, run, position, data)
values (1, 1, 1, '"one"'), (1, 1, 2, '"two"'), (2, 1, 1, '"one"'), (3, 1, 1, '"one"');
insert into inbox values (2, 1, 15, '"hello"');
insert into signal_keys values (1, 'k', 'd');
insert into tags values ('red', 1);
insert into documents values ('order', '7', 1, '{"v":1}', 16, 'ann', 'held', 2);
"""

CONTENTS_OF_THE_SECOND = """
update workflow_instances set unfit = 1 where process_id = 'due';
insert into tasks (id, instance_id, path, queue, due_us, owner, epoch, stops, losses, data) values
    (1, 1, 'held', 'mail', null, 3, 1, 1, 0, '{}'),
    (2, 1, 'waiting', 'mail', 5, null, 2, 0, 1, '{}');
insert into blobs values (
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', x'00'
);
"""

TABLES = ("workflow_definitions", "workflow_instances", "events", "inbox", "signal_keys", "tags")
MORE_TABLES = ("workers", "documents", "settings")

PENDING = ["0002_tasks_and_blobs", "0003_limits_and_leases"]
NEW_COLUMNS = {"unfit", "until_us", "failures", "failures_at"}


def made(path: Path, *contents: str) -> Path:
    """A file as an older corago made it: one migration, then what it wrote, and so on."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(QUERIES["create_migrations"])
        for migration, content in zip(MIGRATIONS, contents, strict=False):
            connection.executescript(migration.script)
            record = (migration.number, migration.name, migration.sha256, 0)
            connection.execute(QUERIES["record_migration"], record)
            connection.executescript(content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file as the first corago made it, with something of everything in it."""
    return made(tmp_path / "work.db", CONTENTS)


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the tables that there have always been, by the columns of that time."""
    with closing(sqlite3.connect(path)) as connection:
        found = {}
        for table in (*TABLES, *MORE_TABLES):
            cursor = connection.execute(f"select * from {table}")  # noqa: S608 - a constant
            names = [name for name, *_ in cursor.description]
            width = len([name for name in names if name not in NEW_COLUMNS])
            found[table] = [row[:width] for row in cursor]
        return found


def test_an_upgrade_keeps_every_row(path: Path) -> None:
    before = rows(path)
    assert all(before.values())
    assert upgrade(path) == PENDING
    assert rows(path) == before
    assert check(path) == []


def test_a_file_that_is_to_be_upgraded_says_so_and_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    assert (status(path)["version"], status(path)["pending"]) == (1, PENDING)
    (finding,) = check(path)
    assert "lacks 0002_tasks_and_blobs; run `corago db upgrade`" in finding
    assert path.read_bytes() == before


def test_the_store_upgrades_what_it_opens_and_reads_it_as_before(path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(path, VirtualClock())
        await store.open()
        assert await store.find(Query(tag="red")) == [
            Instance(
                *(1, "held", 1, 1, "greet", 1, SHA, "running", 2, 4, 3, "ann", 1, 2, None, 10, 20),
                tags=("red",),
            )
        ]
        loaded = await store.load("held")
        assert loaded is not None
        assert (loaded.snapshot, loaded.events, loaded.external) == (
            b'"state"',
            (b'"two"',),
            b'{"x":1}',
        )
        assert [each.data for each in loaded.messages] == [b'"hello"']
        due = await store.load("due")
        assert due is not None
        assert (due.row.parent, due.row.unfit, due.lost_owner) == ("held", None, "ben")
        assert await store.pause()
        assert (await store.send(Outgoing("held", b"{}", "k", "d"))).outcome == "repeated"
        assert [each.version for each in await store.document("order", "7")] == [1]
        await store.close()

    asyncio.run(run())
    assert status(path)["pending"] == []
    assert check(path) == []


def test_what_is_new_works_on_a_file_that_was_upgraded(path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(path, VirtualClock())
        await store.open()
        await store.pause(False)
        worker = await store.beat("ben")
        large = blob(b"large")
        append = Append(
            Fence(1, 1, 3, 4, 2),
            30,
            "running",
            (b'"three"',),
            births=(NewProcess("child", 1, "in", b'"one"', 0, parent="held"),),
            sends=(Outgoing("due", b"{}"),),
            tasks=(NewTask("a", "mail", 0, b"{}"),),
            blobs=(large,),
            unfit=1,
        )
        assert await store.append(append) is None
        (task,) = (await store.claim_tasks(worker, ["mail"], [1], 9)).taken
        assert await store.complete_task(task, worker, b'"done"')
        assert await store.blobs([large.sha]) == [large]
        claims = await store.claim(worker, [1], 9)
        assert [each.row.process_id for each in claims.taken] == ["child", "due"]
        (row,) = await store.find(Query(owner=3))
        assert (row.unfit, row.position) == (1, 3)
        assert await store.append(Append(Fence(1, 1, 3, 4, 3), 31, "running", (b"4",))) is None
        await store.close()

    asyncio.run(run())
    assert check(path) == []


def test_what_the_second_corago_wrote_goes_on(tmp_path: Path) -> None:
    path = made(tmp_path / "work.db", CONTENTS, CONTENTS_OF_THE_SECOND)
    clock = VirtualClock()

    async def run() -> None:
        store = SqliteStore(path, clock)
        await store.open()
        await store.pause(False)
        row = (await store.find(Query(status="waiting")))[0]
        assert (row.unfit, row.failures, row.tags) == (1, 0, ())
        worker = await store.beat("ben")
        claims = await store.claim_tasks(worker, ["mail"], [1], 9)
        assert ([each.path for each in claims.taken], claims.next_due_us) == (["waiting"], None)
        assert await store.heartbeat_task(claims.taken[0], worker, b"1") is False
        assert await store.held_tasks(3) == {1: True}
        assert await store.bury(3) == 1
        (held,) = (await store.claim_tasks(worker, [""], [1], 9)).taken
        assert (held.path, held.epoch, held.losses, held.expired) == ("held", 2, 1, "")
        now_us = to_us(clock.now())
        fence = Fence(1, 1, None, 4, 2)
        task = NewTask("a", "mail", now_us, b"{}", close_by_us=now_us)
        append = Append(fence, 30, "waiting", failures=2, tags=("blue",), tasks=(task,))
        assert await store.append(append) is None
        (row,) = await store.find(Query(tag="blue"))
        assert (row.failures, await store.find(Query(tag="red"))) == (2, [])
        (late,) = (await store.claim_tasks(worker, [], [], 9)).taken
        assert (late.path, late.expired) == ("a", "schedule_to_close")
        renewal = Append(fence, 31, "waiting", (b"3",), seen=2, renews=b'"one"')
        assert await store.append(renewal) is None
        assert await store.events("held", run=1) == [b'"one"', b'"two"', b"3"]
        assert await store.events("held") == [b'"one"']
        await store.close()

    asyncio.run(run())
    assert check(path) == []
