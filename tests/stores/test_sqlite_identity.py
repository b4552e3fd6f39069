"""A database that is moved, replaced or deleted under a store: nothing more is acknowledged."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from corago.clock import SystemClock
from corago.errors import StoreUnavailableError
from corago.stores.sqlite import SqliteStore

BESIDE = ("", "-wal", "-shm")
DEADLINE_SECONDS = 30


def moves(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def moves_all(path: Path) -> None:
    for each in BESIDE:
        path.with_name(path.name + each).rename(path.with_name(f"moved.db{each}"))


def replaces(path: Path) -> None:
    moves(path)
    shutil.copy(path.with_name("moved.db"), path)


def deletes_the_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


async def refused(store: SqliteStore, worker: int) -> str:
    """Write until that is refused, as it must be very soon; gives what was said."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await store.beat("worker", worker)
            except StoreUnavailableError as error:
                return str(error)


@pytest.mark.parametrize("harm", [moves, moves_all, replaces, deletes_the_log])
def test_soon_nothing_is_acknowledged_that_others_would_not_find(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "work.db", SystemClock())
        await store.open()
        worker = await store.beat("worker")
        harm(store.path)
        assert "was moved, replaced or deleted" in await refused(store, worker)
        await store.close()

    asyncio.run(run())


def test_when_it_is_back_the_work_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "work.db", SystemClock())
        await store.open()
        worker = await store.beat("worker")
        moves_all(store.path)
        assert str(store.path) in await refused(store, worker)
        for each in BESIDE:
            place = store.path.with_name(f"moved.db{each}")
            place.rename(store.path.with_name(store.path.name + each))
        assert await store.beat("worker", worker) == worker
        await store.close()

    asyncio.run(run())


def test_a_log_that_is_moved_into_the_file_is_still_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        one, two = (SqliteStore(tmp_path / "work.db", SystemClock()) for _ in range(2))
        await one.open()
        await two.open()
        worker = await one.beat("worker")
        await two.beat("another")
        await two.close()
        for _ in range(3):
            assert await one.beat("worker", worker) == worker
        await one.close()

    asyncio.run(run())
