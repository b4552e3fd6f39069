"""The SQLite store on a disk that is full, and on one that fails: nothing lost, nothing half."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from corago.errors import StoreError, StoreFullError
from corago.ports.store import Instance, Refusal
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.connecting import meaning
from corago.stores.sqlite.inspect import check as check_file
from corago.testing.clock import VirtualClock
from corago.testing.store_suite.harness import Bench, check, writes
from tests.conformance.test_sqlite_store import OnSqlite

ROOT = Path(__file__).parents[2]
LARGE = b'"' + b"x" * 20_000 + b'"'
A_FEW_PAGES = 60


async def fill(bench: Bench) -> list[Instance]:
    """Start two processes, and leave little room for more."""
    rows = [await bench.held("p"), await bench.held("q")]
    store = bench.store
    assert isinstance(store, SqliteStore)
    await store.limit_pages(A_FEW_PAGES)
    return rows


async def until_full(write: Callable[[], Awaitable[object]]) -> int:
    """Write again and again; how often it was answered before the disk was full."""
    answered = 0
    while True:
        try:
            await write()
        except StoreFullError:
            return answered
        answered += 1


async def make_room(bench: Bench) -> None:
    assert isinstance(bench.store, SqliteStore)
    await bench.store.limit_pages(None)


class TestFullDisk(OnSqlite):
    @check
    async def test_a_full_disk_refuses_and_keeps_what_was_answered(self, bench: Bench) -> None:
        await fill(bench)
        answered = await until_full(lambda: bench.send(data=LARGE))
        assert answered > 0
        assert await bench.inbox() == [LARGE] * answered
        assert (await bench.row()).inbox_head == answered

    @check
    async def test_nothing_is_half_written(self, bench: Bench) -> None:
        """Of a commit with many parts, of which the first would have found room."""
        row, _ = await fill(bench)
        before = await bench.load()
        many = [LARGE] * 40
        documents = (writes("order", "7", 0),)
        with pytest.raises(StoreFullError):
            await bench.append(row, *many, external=b'"new"', documents=documents)
        assert await bench.load() == before
        assert await bench.store.document("order", "7") == []

    @check
    async def test_all_of_a_group_are_told_and_none_is_written(self, bench: Bench) -> None:
        row, other = await fill(bench)
        commits: list[Any] = [bench.append(row, *[LARGE] * 40), bench.append(other, b'"small"')]
        answers = await asyncio.gather(*commits, return_exceptions=True)
        assert [type(each) for each in answers] == [StoreFullError, StoreFullError]
        assert [(await bench.row(each)).position for each in ("p", "q")] == [1, 1]

    @check
    async def test_the_work_goes_on_when_there_is_room_again(self, bench: Bench) -> None:
        row, _ = await fill(bench)
        with pytest.raises(StoreFullError):
            await bench.append(row, *[LARGE] * 40)
        await make_room(bench)
        assert await bench.append(row, *[LARGE] * 40) is None
        assert (await bench.row()).position == 41

    @check
    async def test_what_needs_no_room_still_works_on_a_full_disk(self, bench: Bench) -> None:
        row, other = await fill(bench)
        with pytest.raises(StoreFullError):
            await bench.append(row, *[LARGE] * 40)
        assert await bench.append(other, parks=True) is None
        assert await bench.append(other) is Refusal.FENCED

    @check
    async def test_a_worker_that_found_no_room_to_register_holds_no_lock(
        self, bench: Bench
    ) -> None:
        await fill(bench)
        registered = await until_full(lambda: bench.worker("w" * 20_000))
        locks = list(self.path.parent.glob("*-lock-worker-*"))
        assert len(locks) == len(await bench.store.peers()) == registered + 2

    def test_a_store_may_be_given_a_limit_from_the_start(self, tmp_path: Path) -> None:
        async def run() -> None:
            store = SqliteStore(tmp_path / "work.db", VirtualClock(), max_page_count=1)
            await store.open()
            assert await until_full(lambda: store.beat("w" * 5000)) < 10
            await store.close()

        asyncio.run(run())


def test_a_disk_without_room_for_what_is_shared_is_called_full(tmp_path: Path) -> None:
    """SQLite calls that an error of the disk; it is met where the file is to be opened."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    assert isinstance(meaning(error, tmp_path / "work.db"), StoreFullError)


FAILING = """
import asyncio, resource, sys
from corago.clock import SystemClock
from corago.errors import StoreError
from corago.stores.sqlite import SqliteStore

async def main():
    store = SqliteStore(sys.argv[1], SystemClock())
    await store.open()
    await store.beat("before")
    size = 1 << 18
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    answered = 1
    try:
        while True:
            await store.beat("w" * 30_000)
            answered += 1
    except StoreError as error:
        print(type(error).__name__, "|", error, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await store.beat("after")
    assert len(await store.peers()) == answered + 1
    await store.close()

asyncio.run(main())
"""


def test_an_error_of_the_disk_is_named_and_survived(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    command = [sys.executable, "-c", FAILING, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kind, _, said = done.stdout.partition(" | ")
    assert kind in {each.__name__ for each in StoreError.__subclasses__()} | {"StoreFullError"}
    assert str(path) in said
    assert check_file(path) == []
