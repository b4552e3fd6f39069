"""What the SQLite store makes of the files that it is given, and how it says so."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from corago.errors import (
    EngineClosedError,
    ForeignStoreError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
    StoreVersionError,
)
from corago.ports.store import NewProcess, Query
from corago.stores.sqlite import SqliteStore, migrations
from corago.stores.sqlite.inspect import check
from corago.stores.sqlite.migrations import APPLICATION_ID
from corago.stores.sqlite.opening import prepare
from corago.testing.clock import VirtualClock
from corago.testing.store_suite.harness import definition

NOBODY = 65534


def opened(path: Path | str, then: Callable[[SqliteStore], object] | None = None) -> None:
    """Open a store, do something with it, and close it."""

    async def run() -> None:
        store = SqliteStore(path, VirtualClock(), patience=0.05)
        await store.open()
        try:
            await store.find(Query())
            if then is not None:
                then(store)
        finally:
            await store.close()

    asyncio.run(run())


def refused(kind: type[StoreError], path: Path) -> str:
    """What the store says when it refuses a path; it always names it."""
    with pytest.raises(kind) as caught:
        opened(path)
    assert type(caught.value) is kind
    assert str(path) in str(caught.value)
    return str(caught.value)


def change(path: Path, statement: str) -> None:
    """Let another program change a file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


@contextmanager
def as_somebody_without_rights() -> Iterator[None]:
    """For a superuser nothing is read-only; so be somebody else for a while."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


def test_importing_or_making_a_store_touches_no_file(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "work.db", VirtualClock())
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_bears_the_mark_and_its_migrations(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    opened(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("select number, name from migrations").fetchall() == [
            (1, "begin"),
            (2, "tasks_and_blobs"),
            (3, "limits_and_leases"),
        ]


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    path.touch()
    opened(path)
    assert check(path) == []


def test_a_database_that_nobody_has_used_yet_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    change(path, "PRAGMA user_version = 0")
    change(path, "PRAGMA journal_mode = WAL")
    opened(path)
    assert check(path) == []


def test_a_closed_store_leaves_nothing_but_the_file_and_the_turnstile(tmp_path: Path) -> None:
    opened(tmp_path / "work.db")
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["work.db", "work.db-lock-gate", "work.db-lock-turn"]


def test_a_link_leads_to_the_same_locks(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "work.db")
    opened(tmp_path / "link.db")
    assert (tmp_path / "real" / "work.db-lock-gate").exists()
    assert [each.name for each in tmp_path.iterdir() if "lock" in each.name] == []


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=ro#c%20.db"
    opened(path)
    assert path.exists()


@pytest.mark.parametrize(
    "made_by",
    ["create table orders (id integer)", "PRAGMA application_id = 4711"],
)
@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_foreign_database_is_refused_and_untouched(
    tmp_path: Path, made_by: str, mode: str
) -> None:
    path = tmp_path / "other.db"
    change(path, f"PRAGMA journal_mode = {mode}")
    change(path, made_by)
    before = path.read_bytes()
    assert "another program" in refused(ForeignStoreError, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_foreign_database_with_a_log_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("create table orders (id integer)")
        before = [path.read_bytes(), path.with_name("other.db-wal").read_bytes()]
        refused(ForeignStoreError, path)
        assert [path.read_bytes(), path.with_name("other.db-wal").read_bytes()] == before


def test_a_store_of_a_newer_corago_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    opened(path)
    change(path, "insert into migrations values (4, 'later', 'digest', 0)")
    assert "upgrade corago" in refused(StoreVersionError, path)


def test_an_edited_migration_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    opened(path)
    change(path, "update migrations set sha256 = 'edited'")
    assert "0001" in refused(StoreCorruptError, path)


@pytest.mark.parametrize("content", [b"no database, but a letter\n" * 100, b"\0" * 8192, b"x"])
def test_a_file_of_another_kind_is_refused_and_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    assert "db check" in refused(StoreCorruptError, path)
    assert path.read_bytes() == content


def test_damaged_pages_are_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    opened(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    assert "damaged" in refused(StoreCorruptError, path)


def test_damage_in_one_place_is_named_and_lets_the_rest_be_read(tmp_path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(path, VirtualClock())
        await store.open()
        await store.define(definition())
        for name in ("p", "q"):
            new = NewProcess(name, 1, "input", b'"' + b"x" * 100_000 + b'"', 0)
            await store.start(new)
        await store.close()
        pages = bytearray(path.read_bytes())
        last = len(pages) - 10 * 4096
        pages[last : last + 4096] = b"\xff" * 4096
        path.write_bytes(pages)
        await store.open()
        with pytest.raises(StoreCorruptError, match=str(path)):
            await store.events("q")
        assert len(await store.events("p")) == 1
        await store.close()

    path = tmp_path / "work.db"
    asyncio.run(run())


def test_a_damaged_label_keeps_no_process_from_its_work(tmp_path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(path, VirtualClock())
        await store.open()
        await store.define(definition())
        for name in ("p", "q"):
            await store.start(NewProcess(name, 1, "input", b"{}", 0, tags=("red",)))
        await store.close()
        change(path, "update workflow_instances set tags = '[' where process_id = 'q'")
        await store.open()
        claims = await store.claim(await store.beat("worker"), [1], 10)
        assert [each.row.tags for each in claims.taken] == [("red",), ()]
        await store.close()
        assert any("tags" in finding for finding in check(path))

    path = tmp_path / "work.db"
    asyncio.run(run())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    said = refused(StoreUnavailableError, tmp_path / "nowhere" / "work.db")
    assert f"create {tmp_path / 'nowhere'}" in said


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "is a folder" in refused(StoreUnavailableError, tmp_path)


def test_a_file_that_may_not_be_written_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "work.db"
        opened(path)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        with as_somebody_without_rights():
            said = refused(StoreUnavailableError, path)
        path.parent.chmod(0o755)
    assert "the right to" in said


def test_what_lies_beside_the_file_has_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    path.touch(mode=0o600)
    path.chmod(0o600)
    opened(path)
    assert (tmp_path / "work.db-lock-turn").stat().st_mode & 0o777 == 0o600


def test_a_store_may_be_opened_again_after_it_was_closed(tmp_path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "work.db", VirtualClock())
        for _ in range(2):
            await store.open()
            await store.open()
            assert await store.beat("worker") > 0
            assert store.url == f"sqlite:///{tmp_path / 'work.db'}"
            await store.close()
        with pytest.raises(EngineClosedError, match="is not open"):
            store.stirred()

    asyncio.run(run())


def test_many_who_open_a_new_file_at_once_all_find_it_ready(tmp_path: Path) -> None:
    async def run() -> None:
        stores = [SqliteStore(tmp_path / "work.db", VirtualClock()) for _ in range(8)]
        await asyncio.gather(*(store.open() for store in stores))
        workers = await asyncio.gather(*(store.beat("worker") for store in stores))
        assert len(set(workers)) == 8
        for store in stores:
            await store.close()

    asyncio.run(run())


def test_views_show_histories_to_any_tool(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    opened(path)
    change(path, "insert into workflow_definitions values (1, 'greet', 1, 'sha', '{}')")
    change(
        path,
        "insert into workflow_instances (workflow_id, process_id, status, position, epoch, "
        "created_us, updated_us, input_sha, external_state) "
        "values (1, 'p', 'running', 1, 0, 0, 0, '', '{}')",
    )
    event = '{"type":"ProcessStarted","at":"2026-01-01T00:00:00Z"}'
    change(path, f"insert into events values (1, 1, 1, 1, '{event}')")  # noqa: S608 - a constant
    with closing(sqlite3.connect(path)) as connection:
        shown = connection.execute("select * from history").fetchall()
        assert shown == [("p", 1, 1, "ProcessStarted", "2026-01-01T00:00:00Z", event)]
        assert connection.execute("select process_id, workflow from processes").fetchall() == [
            ("p", "greet")
        ]


class Overtaken:
    """A connection to an empty file, which another corago makes its own after the first look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(path)
        self.looks = 0

    def execute(self, statement: str) -> sqlite3.Cursor:
        cursor = self._connection.execute(statement)
        self.looks += 1
        if self.looks == 1:
            found = cursor.fetchall()
            prepare(self._path, 1, 5.0).close()
            (value,) = found[0]
            cursor = self._connection.execute("select ?", (value,))
        return cursor

    def close(self) -> None:
        self._connection.close()


def test_a_file_that_another_corago_makes_its_own_meanwhile_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    with closing(Overtaken(path)) as connection:
        found = migrations.applied(connection, path)  # type: ignore[arg-type] # it looks like one
    assert found == migrations.MIGRATIONS
    assert connection.looks > 2
