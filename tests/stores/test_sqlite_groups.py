"""How the SQLite store writes in groups: who travels together, who is refused alone, what lasts."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from corago.errors import StoreError, StoreUnavailableError
from corago.ports.store import Outgoing
from corago.stores.sqlite import SqliteStore, processes, reading
from corago.stores.sqlite.locks import Locks, lock, unlock
from corago.stores.sqlite.stirring import Stirring
from corago.stores.sqlite.writer import GLANCE_ITEMS, GROUP_ITEMS
from corago.testing.clock import VirtualClock
from corago.testing.store_suite.harness import Bench, blob, check
from tests.conformance.test_sqlite_store import OnSqlite


class HastyClock:
    """A clock on which an hour passes between two looks."""

    def __init__(self) -> None:
        self.hours = 0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        self.hours += 1
        return self.hours * 3600.0


class Counter:
    """Counts the transactions of a store by looking for their ends in what SQLite runs."""

    def __init__(self, store: SqliteStore) -> None:
        self.statements: list[str] = []
        connection_of(store).set_trace_callback(self.statements.append)

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")


def sqlite(bench: Bench) -> SqliteStore:
    assert isinstance(bench.store, SqliteStore)
    return bench.store


def connection_of(store: SqliteStore) -> sqlite3.Connection:
    assert store._opened is not None
    return store._opened.writer._connection


def synchronous(store: SqliteStore) -> int:
    (level,) = connection_of(store).execute("PRAGMA synchronous").fetchone()
    assert isinstance(level, int)
    return level


NORMAL, FULL = 1, 2


class TestGroups(OnSqlite):
    @check
    async def test_what_waits_travels_together(self, bench: Bench) -> None:
        await bench.parked()
        counter = Counter(sqlite(bench))
        count = 4 * GROUP_ITEMS
        sent = await asyncio.gather(*(bench.send() for _ in range(count)))
        assert {each.outcome for each in sent} == {"sent"}
        assert count / GROUP_ITEMS <= counter.commits <= count / GROUP_ITEMS + 4

    @check
    async def test_a_turns_usual_write_is_two_statements(self, bench: Bench) -> None:
        row = await bench.held()
        counter = Counter(sqlite(bench))
        await bench.append(row, b'"step"')
        begin, *writes, commit = counter.statements
        assert (begin, commit) == ("BEGIN IMMEDIATE", "COMMIT")
        assert [each.split()[0] for each in writes] == ["update", "insert"]

    @check
    async def test_a_usual_write_after_a_misfit_is_two_statements(self, bench: Bench) -> None:
        row = await bench.held()
        row = await bench.written(row, unfit=row.definition_id)
        counter = Counter(sqlite(bench))
        await bench.append(row, b'"step"')
        assert [each.split()[0] for each in counter.statements[1:-1]] == ["update", "insert"]
        assert (await bench.row()).unfit is None

    @check
    async def test_a_commit_whose_child_breaks_breaks_alone(self, bench: Bench) -> None:
        """Its event was written, and its first child born, before its second was found odd."""
        rows = [await bench.held(f"p{number}") for number in range(6)]
        odd: dict[int, dict[str, Any]] = {1: {"definition_id": 4711}, 4: {"event": b"\xff"}}
        commits = []
        for number, row in enumerate(rows):
            first = await bench.new(f"first {number}")
            second = await bench.new(f"second {number}", **odd.get(number, {}))
            commits.append(bench.append(row, b'"step"', births=(first, second)))
        answers: list[Any] = await asyncio.gather(*commits, return_exceptions=True)
        assert [number for number, each in enumerate(answers) if each is not None] == [*odd]
        assert [type(answers[number]) for number in odd] == [StoreError, UnicodeDecodeError]
        names = {*await bench.found()}
        for number in range(6):
            assert (await bench.row(f"p{number}")).position == (1 if number in odd else 2)
            assert (f"first {number}" in names) is (number not in odd)

    @check
    async def test_an_item_that_breaks_breaks_alone(self, bench: Bench) -> None:
        await bench.parked()
        no_text = b"\xff"
        outgoing = [no_text if number % 10 == 3 else b"{}" for number in range(60)]
        sent: list[Any] = await asyncio.gather(
            *(bench.send(data=data) for data in outgoing), return_exceptions=True
        )
        broken = [isinstance(each, UnicodeDecodeError) for each in sent]
        assert broken == [data is no_text for data in outgoing]
        assert len(await bench.inbox()) == broken.count(False)

    @check
    async def test_what_an_item_did_before_it_broke_is_taken_back(self, bench: Bench) -> None:
        """Its key was kept before its data turned out to be no text."""
        await bench.parked()
        ears = bench.listen()
        sends = (bench.send(data=b"\xff", key="k", digest="d"), bench.send(data=b'"a"'))
        broken, sent = await asyncio.gather(*sends, return_exceptions=True)
        assert isinstance(broken, UnicodeDecodeError)
        assert not isinstance(sent, BaseException)
        assert (await bench.send(key="k", digest="other")).outcome == "sent"
        assert [each.kind for each in ears.heard].count("message") == 2

    @check
    async def test_a_row_that_the_database_refuses_is_a_clear_error(self, bench: Bench) -> None:
        new = await bench.new(definition_id=4711)
        with pytest.raises(StoreError, match="refused a row"):
            await bench.store.start(new)
        assert await bench.store.load("p") is None

    @check
    async def test_a_worker_whose_registration_broke_holds_no_lock(self, bench: Bench) -> None:
        nobody: Any = object()
        with pytest.raises(StoreError):
            await bench.store.beat(nobody)
        assert list(self.path.parent.glob("*-lock-worker-*")) == []

    @check
    async def test_facts_reach_the_disk_before_they_are_answered(self, bench: Bench) -> None:
        store = sqlite(bench)
        await bench.start("q")  # as a client does, of whom no worker has written before
        assert synchronous(store) == FULL
        row = await bench.held()
        await bench.append(row, b'"step"')
        assert synchronous(store) == FULL

    @check
    async def test_what_only_a_living_worker_cares_for_does_not_wait_for_the_disk(
        self, bench: Bench
    ) -> None:
        store = sqlite(bench)
        worker = await bench.worker()
        assert synchronous(store) == NORMAL
        row = await bench.held(owner=worker)
        assert synchronous(store) == FULL
        assert await bench.append(row, parks=True, due_us=bench.now_us) is None
        assert synchronous(store) == NORMAL
        await bench.send()
        assert synchronous(store) == FULL
        loaded = await bench.claimed(worker=worker)
        assert synchronous(store) == NORMAL
        await bench.append(loaded.row, b'"end"', closes=True, status="completed", seen=9)
        assert synchronous(store) == FULL
        await bench.store.bury(worker)
        assert synchronous(store) == NORMAL

    @check
    async def test_a_task_that_is_taken_stays_taken_and_what_is_returned_may_be_lost(
        self, bench: Bench
    ) -> None:
        store = sqlite(bench)
        row = await bench.held()
        await bench.written(row, tasks=(bench.task("a"),), parks=True)
        assert synchronous(store) == FULL
        worker = await bench.worker()
        assert synchronous(store) == NORMAL
        task = await bench.taken("a", worker)
        assert synchronous(store) == FULL
        await bench.store.return_tasks(worker, [task.task], bench.now_us)
        assert synchronous(store) == NORMAL
        task = await bench.taken("a", worker)
        await bench.worker()
        assert await bench.store.complete_task(task, worker, b"{}")
        assert synchronous(store) == FULL

    @check
    async def test_parking_with_anything_to_keep_lasts(self, bench: Bench) -> None:
        store = sqlite(bench)
        changes: list[dict[str, Any]] = [
            {"births": (await bench.new("child"),)},
            {"sends": (bench.outgoing("child"),)},
            {"blobs": (blob(b"large"),)},
            {"tasks": (bench.task("a"),)},
            {"cancels": ("a",)},
            {"drops": ("a",)},
            {"definition": await bench.define("greet", 2)},
            {"external": b"{}"},
        ]
        for number, change in enumerate(changes):
            row = await bench.held(f"p{number}")
            await bench.worker()
            assert synchronous(store) == NORMAL
            assert await bench.append(row, parks=True, **change) is None
            assert synchronous(store) == FULL
        row = await bench.held("steps")
        await bench.worker()
        assert await bench.append(row, b'"step"', parks=True) is None
        assert synchronous(store) == FULL

    @check
    async def test_in_mixed_company_everything_lasts(self, bench: Bench) -> None:
        await bench.parked()
        await asyncio.gather(bench.worker(), bench.send(), bench.worker())
        assert synchronous(sqlite(bench)) == FULL

    @check
    async def test_looking_for_work_where_there_is_none_writes_nothing(self, bench: Bench) -> None:
        worker = await bench.worker()
        await bench.parked()
        counter = Counter(sqlite(bench))
        await bench.claim(worker)
        await bench.claim_tasks(worker)
        await bench.store.define((await bench.store.definitions())[0])
        assert not {"BEGIN IMMEDIATE", "COMMIT"} & set(counter.statements)

    @check
    async def test_a_lock_of_another_program_is_waited_for_and_then_named(
        self, bench: Bench
    ) -> None:
        await bench.parked()
        store = SqliteStore(self.path, bench.clock, patience=0.01)
        await store.open()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailableError, match="locked by another program"):
                await store.send(bench.outgoing())
        assert (await store.send(bench.outgoing())).outcome == "sent"
        await store.close()

    @check
    async def test_another_corago_that_stands_still_in_the_turnstile_is_named(
        self, bench: Bench
    ) -> None:
        await bench.parked()
        store = SqliteStore(self.path, bench.clock, patience=0.01)
        await store.open()
        locks = Locks(store.path)
        for name in ("gate", "turn"):
            file = locks.open(name)
            assert file is not None
            assert lock(file)
            with pytest.raises(StoreUnavailableError, match="another corago"):
                await store.send(bench.outgoing())
            unlock(file)
            assert (await store.send(bench.outgoing())).outcome == "sent"
        locks.close()
        await store.close()

    @check
    async def test_a_file_that_became_read_only_is_named(self, bench: Bench) -> None:
        await bench.parked()
        connection_of(sqlite(bench)).execute("PRAGMA query_only = ON")
        with pytest.raises(StoreUnavailableError, match="cannot be written"):
            await bench.send()
        connection_of(sqlite(bench)).execute("PRAGMA query_only = OFF")
        assert (await bench.send()).outcome == "sent"

    @check
    async def test_own_writes_do_not_stir(self, bench: Bench) -> None:
        store = bench.store
        store.stirred()
        await bench.parked()
        await bench.send()
        assert not store.stirred()

    @check
    async def test_writes_of_others_between_own_ones_stir_once(self, bench: Bench) -> None:
        other, store = await bench.second(), bench.store
        await bench.parked()
        store.stirred()
        await bench.send()
        await other.send(bench.outgoing())
        await bench.send()
        assert store.stirred()
        assert not store.stirred()
        await other.send(bench.outgoing())
        assert store.stirred()
        assert not store.stirred()

    @check
    async def test_a_listener_that_breaks_disturbs_nobody(self, bench: Bench) -> None:
        def break_down(_: object) -> None:
            raise RuntimeError("deaf")

        logging.getLogger("corago.store").disabled = True
        bench.store.subscribe(break_down)
        ears = bench.listen()
        await bench.start()
        await ears.wait("runnable")
        logging.getLogger("corago.store").disabled = False

    @check
    async def test_closing_writes_what_was_submitted(self, bench: Bench) -> None:
        await bench.parked()
        sends = [asyncio.ensure_future(bench.send()) for _ in range(300)]
        await asyncio.sleep(0)
        await bench.store.close()
        assert {each.outcome for each in await asyncio.gather(*sends)} == {"sent"}
        await bench.restart()
        assert len(await bench.inbox()) == 300


def test_while_the_writer_waits_there_may_be_news(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "work.db", isolation_level=None)) as connection:
        stirring = Stirring(connection)
        assert not stirring.asked()
        with stirring:
            assert stirring.asked()
            stirring.look()
            assert not stirring.asked()
        assert not stirring.asked()


def test_a_loop_that_ends_before_its_store_leaves_no_thread_behind(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "work.db", VirtualClock())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(store.open())
    opened = store._opened
    assert opened is not None
    loop.close()
    opened.writer.submit(processes.PAUSE, value=True)
    for _ in opened.readers._threads:
        opened.readers.submit(reading.is_paused)
    for thread in (opened.writer._thread, *opened.readers._threads):
        thread.join(60)
        assert not thread.is_alive()
    opened.readers._let_go()
    with closing(sqlite3.connect(tmp_path / "work.db")) as connection:
        assert connection.execute("select value from settings").fetchone() == ("true",)


def test_who_waits_in_a_loop_that_is_stopped_waits_no_longer(tmp_path: Path) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "work.db", VirtualClock())
        await store.open()
        beating = asyncio.ensure_future(store.beat("worker"))
        reading_ = asyncio.ensure_future(store.peers())
        await asyncio.sleep(0)
        assert beating.cancel()
        assert reading_.cancel()
        await asyncio.wait([beating, reading_])
        assert beating.cancelled()
        assert reading_.cancelled()
        assert [each.name for each in await store.peers()] == ["worker"]
        await store.close()

    asyncio.run(run())


def test_a_group_ends_when_its_time_is_over_and_the_rest_leads_the_next(tmp_path: Path) -> None:
    async def run() -> None:
        clock = HastyClock()
        store = SqliteStore(tmp_path / "work.db", clock)
        await store.open()
        counter = Counter(store)
        count = 5 * GLANCE_ITEMS
        answers = await asyncio.gather(*(store.send(Outgoing("p", b"{}")) for _ in range(count)))
        assert [each.outcome for each in answers] == ["absent"] * count
        assert counter.commits >= count / GLANCE_ITEMS
        await store.close()

    asyncio.run(run())
