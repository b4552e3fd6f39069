"""Rows edited by hand, or by a bad disk: found by the check, and survived by the engine.

A table of damages, made from the schema itself, is tried on a file with something of everything.
Of each, two laws: `corago db check` reports it (or a table says why it can't be known or does no
harm); and a whole engine on that file goes on: what the damage does not concern ends as without
it, no loop breaks or spins, whatever is asked is answered, and `abort` ends what is damaged.

Here a share of them is tried, always the same, and every way of damage once; CORAGO_ROWS=fresh
tries another share, CORAGO_ROWS=all all of them, and CORAGO_ROWS=seed that seed's share again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from corago.cli import main
from corago.errors import StoreError, StoreVersionError
from corago.stores.sqlite.inspect import check, status
from tests.fuzz import furniture
from tests.fuzz.damages import BY_HAND, Damage, Impossible, damages, harm
from tests.fuzz.furniture import World
from tests.fuzz.ordeal import (
    Ordeal,
    Table,
    audited,
    concerned,
    content,
    endured,
    judged,
    known,
    standing,
)
from tests.fuzz.silences import may_be_deadly, may_be_silent

SHARE = 10
"""One of so many damages is tried, when not all are."""

GIVEN = os.environ.get("CORAGO_ROWS", "")
SEED = int(GIVEN) if GIVEN.isdecimal() else random.SystemRandom().randrange(10**6) if GIVEN else 6


class House:
    """The furnished file, and how its engine fares without damage."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        path = folder / "sound.db"
        furniture.furnish(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        self.path = path
        self._bytes = path.read_bytes()
        self.before: dict[str, Table] = content(path)
        self.ids = known(path)
        self.usual: Ordeal = endured(self.copy(), frozenset(), self.ids)

    def copy(self) -> Path:
        """The same file again."""
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        path = folder / "work.db"
        path.write_bytes(self._bytes)
        return path

    def damaged(self, damage: Damage) -> Path:
        """The same file, damaged. Raises Impossible."""
        path = self.copy()
        harm(path, damage, random.Random(f"{SEED} {damage}"))
        return path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


def chosen(everything: list[Damage]) -> Iterator[Damage]:
    """All of them; or a share by the seed, with every way once."""
    seen: set[str] = set()
    order = sorted(everything, key=lambda each: hashlib.md5(f"{SEED}{each}".encode()).digest())  # noqa: S324 - an order, no secret
    for number, damage in enumerate(order):
        if GIVEN == "all" or damage.how not in seen or not number % SHARE:
            seen.add(damage.how)
            yield damage


OF_ONCE = """from inbox where instance_id = (
    select id from workflow_instances where process_id = 'once'
) order by seq"""


def _worked_on(path: Path, from_second: float) -> None:
    """Let an engine work on a file for more than two quarantines."""
    world = World(path, from_second)

    async def work() -> None:
        async with world.engine():
            await asyncio.sleep(130)

    world.run(work())


def reported(path: Path) -> list[str]:
    """What the check says: of the tables, and of the histories."""
    try:
        found = check(path)
    except StoreVersionError as error:
        return [str(error)]
    try:
        return found or audited(path)
    except StoreError as error:
        return [f"the audit could not begin: {error}"]


def unheeded(house: House, damage: Damage, path: Path) -> Iterator[str]:
    """What is wrong with how a damage is borne."""
    if not reported(path) and not may_be_silent(damage):
        yield "it is not reported"
    if may_be_deadly(damage):
        return
    about = concerned(house.before, content(path), house.ids)
    yield from judged(endured(path, about, house.ids), house.usual)


TABLES = (
    *("blobs", "documents", "events", "inbox", "migrations", "settings", "signal_keys", "tags"),
    *("tasks", "workers", "workflow_definitions", "workflow_instances"),
)


PARTS = 8 if GIVEN == "all" else 1
"""In how many tests a table is tried, none of them long."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("table", TABLES)
def test_a_damaged_row_is_reported_and_nothing_else_suffers(
    house: House, table: str, part: int
) -> None:
    findings = []
    of_table = [each for each in chosen(damages(house.path)) if each.table == table]
    for damage in of_table[part::PARTS]:
        try:
            path = house.damaged(damage)
        except Impossible:
            continue
        findings += [f"{damage}: {said}" for said in unheeded(house, damage, path)]
    assert not findings, "\n".join([f"seed {SEED} (CORAGO_ROWS={SEED}):", *findings])


def test_the_table_knows_every_table_of_the_schema(house: House) -> None:
    tried = {each.table for each in damages(house.path)}
    assert tried == set(house.before) == set(TABLES)


def test_a_sound_file_is_sound_before_and_after_its_engine(house: House) -> None:
    assert reported(house.path) == []
    path = house.copy()
    ordeal = endured(path, frozenset(), house.ids)
    assert ordeal.problems == []
    assert not ordeal.left_alone
    assert reported(path) == []


@pytest.mark.parametrize("damage", BY_HAND[::6], ids=str)
def test_the_command_line_ends_with_status_9(
    house: House, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    path = house.damaged(damage)
    ended = main(["db", "check", "--url", f"sqlite:///{path}"])
    assert ended == (0 if may_be_silent(damage) else 9), capsys.readouterr()


def test_a_repaired_process_comes_back_by_itself_and_nothing_of_it_is_lost(house: House) -> None:
    """Its at-most-once step was in the hands of a worker that died: it must not run again."""
    path = house.copy()
    at = furniture.ENDS_AT + 1
    with closing(sqlite3.connect(path)) as connection, connection:
        kept = connection.execute(f"select seq, data {OF_ONCE}").fetchall()
        connection.execute("update inbox set data = '{}' where seq = ?", kept[0][:1])
    _worked_on(path, at)
    with closing(sqlite3.connect(path)) as connection, connection:
        assert len(connection.execute(f"select seq {OF_ONCE}").fetchall()) == len(kept)
        connection.execute("update inbox set data = ? where seq = ?", kept[0][::-1])
    _worked_on(path, at + 131)
    status_, events, _, _ = standing(path)["once"]
    assert status_[0] == "suspended"
    assert not any("ActivityClosed" in data for _, _, data in events)


def test_the_status_is_told_whatever_a_worker_says_of_itself(house: House) -> None:
    path = house.copy()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update workers set beat_us = 9223372036854775807")
    assert status(path)["workers"][0]["seen"].year == 9999
