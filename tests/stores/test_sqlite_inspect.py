"""What an operator learns of a SQLite file: its status, and whatever is wrong with it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corago.errors import ForeignStoreError, StoreUnavailableError
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.inspect import check, status, upgrade
from corago.testing.clock import VirtualClock
from corago.testing.store_suite.harness import Bench, blob, writes
from corago.testing.store_suite.harness import check as on_bench
from tests.conformance.test_sqlite_store import OnSqlite

ALL = ["0001_begin", "0002_tasks_and_blobs", "0003_limits_and_leases"]


class Furnish(OnSqlite):
    """Makes a file with something of everything in it."""

    @on_bench
    async def furnish(self, bench: Bench) -> None:
        worker = await bench.worker("ann")
        row = await bench.held("held", owner=worker, tags=("red",))
        document = writes("order", "7", 0)
        row = await bench.written(row, b"2", b"3", snapshot=b'"s"', documents=(document,))
        await bench.written(row, b"4", documents=(writes("order", "7", 1),))
        await bench.send("held", key="k", digest="d")
        await bench.closed("closed")
        await bench.parked("parked", due_us=bench.later(5))
        await bench.start("created")
        row = await bench.held("messages")
        sent = [await bench.send("messages") for _ in range(3)]
        await bench.written(row, b"2", consumed=sent[0].seq)
        row = await bench.held("tasks", blobs=(blob(b"large"),))
        due, held = bench.task("due", due_us=bench.later(5)), bench.task("held")
        row = await bench.written(row, b"2", tasks=(due, held))
        await bench.taken("held", worker)
        await bench.written(row, unfit=row.definition_id)
        of = await bench.define("runs")
        await bench.written(await bench.held("runs", definition_id=of), b"2", renews=b"1")
        row = (await bench.claimed("runs", definitions=[of], until_us=bench.later(5))).row
        await bench.written(row, b"2", b"3", renews=b"1", tags=("blue",))
        await bench.store.pause(True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Furnish().furnish(tmp_path)
    return tmp_path / "work.db"


def harm(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def test_a_sound_file_has_no_findings(path: Path) -> None:
    assert check(path) == []


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("delete from events where position = 2 and instance_id = 1", "process held stands at"),
        ("delete from events where run = 2 and position = 1", "of its run 2 has 2 events, from 2"),
        ("delete from events where run = 2 and position = 2", "of its run 2 has 2 events, from 1"),
        ("update events set run = 9 where run = 2", "is at run 3, and of its run 9 has 3 events"),
        ("update events set run = 0 where run = 2", "is at run 3, and of its run 0 has 3 events"),
        ("delete from events where run = 2", "is at run 3, but has events of 1 runs before"),
        ("delete from events where run = 3", "process runs stands at position 1, but has 0"),
        ("update events set data = '{' where run = 2 and position = 3", "the row runs 2:3 is no"),
        ("update workflow_instances set position = 9 where id = 1", "process held stands at"),
        ("update events set position = 5 where position = 4", "process held stands at"),
        ("update events set data = '{' where id = 1", "events: the row held 1 is no JSON"),
        ("update inbox set data = 'x'", "inbox: the row"),
        ("update documents set data = ''", "documents: the row order 7 1 is no JSON"),
        ("update workflow_instances set internal_state = '{'  where id = 1", "internal_state"),
        ("update workflow_instances set external_state = '' where id = 1", "external_state"),
        ("update workflow_instances set tags = '[' where id = 1", "tags: the row held"),
        ("update workflow_definitions set definition = '{'", "workflow_definitions: the row"),
        ("update workflow_definitions set definition = '{}'", "does not have the digest"),
        ("update workflow_instances set snapshot_position = 7 where id = 1", "has a snapshot of"),
        ("update workflow_instances set internal_state = null where id = 1", "has a snapshot of"),
        ("insert into inbox values (99, 77, 0, '{}')", "1 rows of inbox belong to process row 77"),
        ("insert into events values (99, 77, 1, 1, '{}')", "1 rows of events belong to"),
        ("insert into signal_keys values (77, 'k', 'd')", "1 rows of signal_keys belong to"),
        ("insert into tags values ('red', 77)", "1 rows of tags belong to"),
        ("update workflow_instances set inbox_head = 1", "process messages has consumed"),
        ("update workflow_instances set consumed = 99", "process held has consumed"),
        ("delete from documents where version = 1", "document order 7 has 1 versions"),
        (
            "update workflow_instances set due_us = 1 where process_id = 'closed'",
            "process closed is completed, and yet due",
        ),
        (
            "update workflow_instances set owner = 1 where process_id = 'closed'",
            "process closed is completed, and yet held",
        ),
        ("delete from workers", "process held is held by worker 1, who is not registered"),
        ("update workflow_instances set due_us = 1 where id = 1", "by worker 1, and yet due"),
        ("delete from workflow_definitions", "names a definition that is missing"),
        ("update workflow_instances set unfit = 99", "is said not to fit definition 99"),
        ("update tasks set data = '['", "tasks: the row 1 is no JSON"),
        ("update tasks set details = '['", "tasks.details: the row 1 is no JSON"),
        (
            "update workflow_instances set until_us = 1 where process_id = 'parked'",
            "process parked has a lease that is to end, and yet is held by nobody",
        ),
        ("update tasks set instance_id = 77 where id = 1", "1 rows of tasks belong to"),
        (
            "update tasks set instance_id = 2 where id = 1",
            "process closed is completed, and yet has a task 'due'",
        ),
        ("update tasks set due_us = null", "task 'due' of process tasks is neither held nor due"),
        (
            "update tasks set due_us = 1",
            "task 'held' of process tasks is held by worker 1, and yet",
        ),
        ("delete from workers", "task 'held' of process tasks is held by worker 1, who is not"),
        ("update blobs set data = x'00'", "has another digest"),
        ("update tags set tag = 'pink'", "process held is found by the tag 'pink', which it does"),
        ("delete from tags", "process held has the tag 'red', and is not found by it"),
        ("update settings set value = 'perhaps'", "the setting 'paused' is 'perhaps'"),
        ("update workflow_instances set epoch = -1 where id = 1", "held cannot have epoch -1"),
        (
            "update workflow_instances set due_us = 9223372036854775807 where due_us is not null",
            "process parked cannot have due_us 9223372036854775807",
        ),
        ("update workflow_instances set parent = 'nobody'", "has the parent nobody, which is"),
        ("update workflow_instances set status = 'asleep'", "is 'asleep', which is no status"),
        (
            "update workflow_instances set tags = cast(x'ff' as text) where id = 1",
            "held is found by",
        ),
        ("delete from inbox", "process messages has consumed messages up to"),
        ("update documents set process_id = 'nobody'", "process nobody, which has none such"),
        ("update migrations set sha256 = ''", "made with another form of migration 0001"),
    ],
)
def test_every_kind_of_harm_is_found(path: Path, statement: str, finding: str) -> None:
    harm(path, statement)
    assert any(finding in each for each in check(path)), check(path)


def test_tasks_that_wait_while_nobody_is_there_to_take_them_are_sound(path: Path) -> None:
    harm(path, "update tasks set owner = null")  # detached, and due
    harm(path, "update workflow_instances set owner = null, due_us = 0 where owner is not null")
    harm(path, "delete from workers")
    assert check(path) == []


def test_a_damaged_file_is_found_damaged(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096)
    assert any("the file is damaged" in each for each in check(path))


def test_a_file_of_another_kind_is_found_damaged(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("no database, but a letter\n" * 100)
    assert any("the file is damaged" in each for each in check(path))


def test_the_check_says_when_there_is_nothing_to_check(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    with pytest.raises(StoreUnavailableError):
        check(path)
    path.touch()
    assert check(path) == [f"{path} is empty"]
    harm(path, "create table orders (id integer)")
    with pytest.raises(ForeignStoreError):
        check(path)


def test_the_status_tells_what_is_there(path: Path) -> None:
    found = status(path)
    workers = found.pop("workers")
    assert found.pop("size") >= path.stat().st_size
    assert found == {
        "path": str(path),
        "exists": True,
        "version": 3,
        "pending": [],
        "paused": True,
        "processes": {"completed": 1, "created": 1, "running": 4, "waiting": 1},
    }
    assert workers[0] == {
        "id": 1,
        "name": "ann",
        "beat": 1,
        "seen": datetime(2026, 1, 1, tzinfo=UTC),
        "is_dead": True,
    }


def test_the_status_of_what_is_missing_makes_nothing(tmp_path: Path) -> None:
    found = status(tmp_path / "work.db")
    assert (found["exists"], found["version"], found["pending"]) == (False, 0, ALL)
    assert list(tmp_path.iterdir()) == []


def test_looking_does_not_change_the_file(path: Path) -> None:
    files = set(path.parent.iterdir())
    before = path.read_bytes()
    status(path)
    check(path)
    assert path.read_bytes() == before
    assert set(path.parent.iterdir()) == files


def test_a_file_can_be_looked_at_while_it_is_in_use(tmp_path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "work.db", VirtualClock())
        await store.open()
        await store.beat("ann")
        found = status(store.path)
        assert [each["is_dead"] for each in found["workers"]] == [False]
        assert check(store.path) == []
        await store.close()

    asyncio.run(run())


def test_an_upgrade_applies_what_is_pending_once(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    path.touch()
    assert status(path)["pending"] == ALL
    assert upgrade(path) == ALL
    assert upgrade(path) == []
    assert status(path)["version"] == len(ALL)


def test_an_upgrade_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="there is no database"):
        upgrade(tmp_path / "work.db")
    assert list(tmp_path.iterdir()) == []
