"""The file locks beside a database: the turnstile of writers, and the proof that a worker lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from corago.errors import StoreUnavailableError
from corago.stores.sqlite.inspect import status
from corago.stores.sqlite.locks import Locks, lock, unlock
from corago.stores.sqlite.turnstile import Turnstile
from corago.testing.store_suite.harness import Bench, check
from tests.conformance.test_sqlite_store import OnSqlite

pytest.importorskip("fcntl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "work.db"
    path.touch()
    return path


class TestLocks:
    def test_what_nobody_made_is_free(self, path: Path) -> None:
        assert Locks(path).is_free("worker-1") is True

    def test_what_somebody_holds_is_not_free_for_anybody(self, path: Path) -> None:
        holder, other = Locks(path), Locks(path)
        assert holder.hold("worker-1")
        assert holder.is_free("worker-1") is False
        assert other.is_free("worker-1") is False
        assert other.is_free("worker-2") is True
        holder.close()

    def test_looking_does_not_take(self, path: Path) -> None:
        holder, others = Locks(path), [Locks(path) for _ in range(3)]
        path.with_name("work.db-lock-worker-1").touch()
        assert [each.is_free("worker-1") for each in others] == [True] * 3
        assert holder.hold("worker-1")
        holder.close()

    def test_what_was_let_go_is_free_and_gone(self, path: Path) -> None:
        holder, other = Locks(path), Locks(path)
        assert holder.hold("worker-1")
        holder.close()
        assert other.is_free("worker-1") is True
        assert not path.with_name("work.db-lock-worker-1").exists()

    def test_a_leftover_of_a_deleted_database_is_no_hindrance(self, path: Path) -> None:
        of_the_past, holder = Locks(path), Locks(path)
        assert of_the_past.hold("worker-1")
        assert holder.hold("worker-1")
        of_the_past.abandon()
        assert Locks(path).is_free("worker-1") is False
        holder.close()

    def test_a_lock_whose_holder_ended_without_a_farewell_is_free(self, path: Path) -> None:
        program = (
            "import sys, os; from pathlib import Path;"
            "from corago.stores.sqlite.locks import Locks;"
            "locks = Locks(Path(sys.argv[1])); assert locks.hold('worker-1'); os._exit(0)"
        )
        subprocess.run([sys.executable, "-c", program, str(path)], check=True)
        assert path.with_name("work.db-lock-worker-1").exists()
        assert Locks(path).is_free("worker-1") is True

    def test_a_program_that_is_started_meanwhile_inherits_no_lock(self, path: Path) -> None:
        holder = Locks(path)
        assert holder.hold("worker-1")
        program = "import sys; print('here', flush=True); sys.stdin.readline()"
        command = [sys.executable, "-c", program]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, close_fds=False) as child:
            assert child.stdout is not None
            child.stdout.readline()
            holder.abandon()
            assert Locks(path).is_free("worker-1") is True
            child.communicate(b"\n")

    def test_where_no_lock_can_be_made_nothing_is_claimed(self, tmp_path: Path) -> None:
        locks = Locks(tmp_path / "nowhere" / "work.db")
        assert locks.open("gate") is None
        assert not locks.hold("worker-1")

    def test_a_lock_that_cannot_be_looked_at_proves_nothing(self, path: Path) -> None:
        loop = path.with_name("work.db-lock-worker-1")
        loop.symlink_to(loop)
        assert Locks(path).is_free("worker-1") is None


class TestTurnstile:
    def test_one_at_a_time_goes_through(self, path: Path) -> None:
        inside = 0
        most = 0

        def go() -> None:
            nonlocal inside, most
            locks = Locks(path)
            turnstile = Turnstile(path, locks, 60.0)
            for _ in range(50):
                with turnstile:
                    inside += 1
                    most = max(most, inside)
                    inside -= 1
            locks.close()

        threads = [threading.Thread(target=go) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (most, inside) == (1, 0)

    def test_who_comes_back_waits_behind_who_waits(self, path: Path) -> None:
        """Somebody stands at the gate: neither the turn nor the gate is to be had."""
        first, second = Locks(path), Locks(path)
        quick = Turnstile(path, first, 0.01)
        gate = second.open("gate")
        assert gate is not None
        assert lock(gate)
        with pytest.raises(StoreUnavailableError), quick:
            raise AssertionError("it went through")
        unlock(gate)
        with quick:
            pass
        first.close()
        second.close()

    def test_who_gave_up_stands_in_nobodys_way(self, path: Path) -> None:
        first, second = Locks(path), Locks(path)
        turn = second.open("turn")
        assert turn is not None
        assert lock(turn)
        with pytest.raises(StoreUnavailableError), Turnstile(path, first, 0.01):
            raise AssertionError("it went through")
        unlock(turn)
        with Turnstile(path, second, 0.01):
            pass
        first.close()
        second.close()

    def test_without_locks_it_lets_everybody_through(self, tmp_path: Path) -> None:
        nowhere = tmp_path / "nowhere" / "work.db"
        turnstile = Turnstile(nowhere, Locks(nowhere), 0.01)
        with turnstile, turnstile:
            pass


class TestWorkers(OnSqlite):
    @check
    async def test_living_workers_of_all_objects_are_known_to_live(self, bench: Bench) -> None:
        other = await bench.second()
        await bench.store.beat("ann")
        await other.beat("ben")
        for store in (bench.store, other):
            assert [each.is_dead for each in await store.peers()] == [False, False]
        assert [each["is_dead"] for each in status(self.path)["workers"]] == [False, False]

    @check
    async def test_a_worker_whose_store_was_closed_is_known_to_be_dead(self, bench: Bench) -> None:
        await bench.held()
        await bench.restart()
        (peer,) = await bench.store.peers()
        assert peer.is_dead is True
        assert await bench.store.bury(peer.id, peer.beat) == 1

    @check
    async def test_a_buried_worker_leaves_no_lock_file(self, bench: Bench) -> None:
        other = await bench.second()
        for store in (bench.store, other):
            worker = await bench.worker()
            assert self.lock_of(worker).exists()
            await store.bury(worker)
            assert not self.lock_of(worker).exists()

    @check
    async def test_of_a_worker_without_a_lock_nothing_is_known(self, bench: Bench) -> None:
        """Its folder took no lock file; that it is missing then must not look like death."""
        for worker in range(1, 4):
            self.lock_of(worker).mkdir()
        await bench.worker()
        other = await bench.second()
        assert [each.is_dead for each in await other.peers()] == [None]

    def lock_of(self, worker: int) -> Path:
        return self.path.with_name(f"{self.path.name}-lock-worker-{worker}")


def test_locks_close_when_the_os_process_forks(path: Path) -> None:
    """What a fork inherits it closes, without unlocking what is its parent's."""
    program = (
        "import os, sys, warnings; from pathlib import Path;"
        "from corago.stores.sqlite.locks import Locks;"
        "locks = Locks(Path(sys.argv[1])); assert locks.hold('worker-1');"
        "held = dict(locks._files); child = os.fork();\n"
        "if not child:\n"
        "    assert not locks._files\n"
        "    for file in held.values():\n"
        "        try:\n"
        "            os.fstat(file)\n"
        "        except OSError:\n"
        "            os._exit(0)\n"
        "    os._exit(1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert Locks(Path(sys.argv[1])).is_free('worker-1') is False\n"
    )
    assert hasattr(os, "fork")
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
