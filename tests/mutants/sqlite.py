"""Bugs of the store in SQLite: its statements, its transactions, its locks."""

from __future__ import annotations

from corago.testing.store_suite.appending import AppendChecks
from corago.testing.store_suite.beating import DetachChecks, HeartbeatChecks
from corago.testing.store_suite.blobs import BlobChecks
from corago.testing.store_suite.children import ChildChecks
from corago.testing.store_suite.claiming import ClaimChecks
from corago.testing.store_suite.documents import DocumentChecks
from corago.testing.store_suite.expiring import ExpiryChecks
from corago.testing.store_suite.harness import StoreChecks
from corago.testing.store_suite.hearing import HearingChecks
from corago.testing.store_suite.inbox import InboxChecks
from corago.testing.store_suite.leases import LeaseChecks
from corago.testing.store_suite.limits import LimitChecks
from corago.testing.store_suite.parking import ParkingChecks
from corago.testing.store_suite.runs import RunChecks
from corago.testing.store_suite.seizing import SeizingChecks
from corago.testing.store_suite.tasks import TaskChecks
from corago.testing.store_suite.workers import WorkerChecks
from tests.mutants.mutant import Mutant


def _checks(*rooms: type[StoreChecks]) -> tuple[str, ...]:
    """The checks of some clauses of the contract, on SQLite: all of them would take a minute."""
    suite = "tests/conformance/test_sqlite_store.py::TestSqliteStore"
    return tuple(f"{suite}::{name}" for room in rooms for name in room.checks())


_PROCESS = "stores/sqlite/queries/process.sql"
_INBOX = "stores/sqlite/queries/inbox.sql"
_WORKER = "stores/sqlite/queries/worker.sql"
_TASK = "stores/sqlite/queries/task.sql"
_HISTORY = "stores/sqlite/queries/history.sql"
_DOCUMENT = "stores/sqlite/queries/document.sql"
_APPENDING = "stores/sqlite/appending.py"
_WRITER = "stores/sqlite/writer.py"
_GROUPS = ("tests/stores/test_sqlite_groups.py",)
_DISK = ("tests/stores/test_sqlite_disk.py",)

SQLITE = (
    # -- the fence ---------------------------------------------------------------------------------
    Mutant(
        "the usual write of a turn does not look whose the process is",
        _PROCESS,
        "    and owner = ?\n    and epoch = ?\n    and position = ?",
        "    and ? > 0\n    and epoch = ?\n    and position = ?",
        _checks(AppendChecks, WorkerChecks),
    ),
    Mutant(
        "the usual write of a turn takes a writer of an older epoch",
        _PROCESS,
        "    and owner = ?\n    and epoch = ?\n    and position = ?",
        "    and owner = ?\n    and epoch >= ?\n    and position = ?",
        _checks(AppendChecks),
    ),
    Mutant(
        "the full write takes a writer of another epoch",
        _PROCESS,
        "(owner is :owner and epoch = :epoch))\n    and (not :lets_go",
        "owner is :owner)\n    and (not :lets_go",
        _checks(AppendChecks, ParkingChecks),
    ),
    Mutant(
        "the full write takes a writer who is not the owner",
        _PROCESS,
        "(owner is :owner and epoch = :epoch))\n    and (not :lets_go",
        "epoch = :epoch)\n    and (not :lets_go",
        _checks(AppendChecks, ParkingChecks),
    ),
    Mutant(
        "the full write is taken by who seizes it, wherever the process stands",
        _PROCESS,
        "    and position = :before\n    and (:seizes or (owner is :owner and epoch = :epoch))\n"
        "    and (not",
        "    and (:seizes or (position = :before and owner is :owner and epoch = :epoch))\n"
        "    and (not",
        _checks(SeizingChecks),
    ),
    Mutant(
        "an abort in SQLite takes a process without raising its epoch",
        _PROCESS,
        "epoch + :seizes",
        "epoch + 0 * :seizes",
        _checks(SeizingChecks),
    ),
    Mutant(
        "a claim in SQLite does not raise the epoch",
        _WORKER,
        "epoch, 0) + 1,",
        "epoch, 0),",
        _checks(ClaimChecks),
    ),
    # -- messages ----------------------------------------------------------------------------------
    Mutant(
        "a process is parked or closed over a message that its commit has not seen",
        _PROCESS,
        "    and (not :lets_go or inbox_head <= :seen);",
        ";",
        _checks(ParkingChecks),
    ),
    Mutant(
        "a message does not wake a process that waits for an instant, in SQLite",
        "stores/sqlite/processes.py",
        "if owner is None and (due_us is None or due_us > now_us):",
        "if owner is None and due_us is None:",
        _checks(InboxChecks),
    ),
    Mutant(
        "messages of a process come by their instants and not by their numbers",
        _INBOX,
        "where instance_id = ? and seq > ?\norder by seq;",
        "where instance_id = ? and seq > ?\norder by at_us;",
        ("tests/stores/test_clock_runs_back.py",),
    ),
    Mutant(
        "messages of a process that is claimed come by their instants",
        _INBOX,
        "-- name: messages_of_one\n-- All messages of a process, in order.\n"
        "select instance_id, seq, at_us, cast(data as blob)\nfrom inbox\n"
        "where instance_id = ?\norder by seq;",
        "-- name: messages_of_one\n-- All messages of a process, in order.\n"
        "select instance_id, seq, at_us, cast(data as blob)\nfrom inbox\n"
        "where instance_id = ?\norder by at_us;",
        ("tests/stores/test_clock_runs_back.py",),
    ),
    Mutant(
        "one message more is struck off than was consumed",
        _INBOX,
        "delete from inbox where instance_id = ? and seq <= ?;",
        "delete from inbox where instance_id = ? and seq <= ? + 1;",
        _checks(AppendChecks, InboxChecks),
    ),
    Mutant(
        "the last message that was consumed comes again, in SQLite",
        _INBOX,
        "delete from inbox where instance_id = ? and seq <= ?;",
        "delete from inbox where instance_id = ? and seq < ?;",
        _checks(AppendChecks, InboxChecks),
    ),
    Mutant(
        "a key that was used is used again for something else",
        "stores/sqlite/processes.py",
        'return Sent("repeated" if used[0] == message.digest else "conflict", status)',
        'return Sent("repeated", status)',
        _checks(InboxChecks),
    ),
    # -- claims and workers ------------------------------------------------------------------------
    Mutant(
        "what falls due at this very instant is not claimed",
        _WORKER,
        "and j.due_us <= :now_us",
        "and j.due_us < :now_us",
        _checks(ClaimChecks),
    ),
    Mutant(
        "the newest due is claimed first, so that the oldest may wait for ever",
        _WORKER,
        "    order by j.due_us, j.id\n    limit :limit\n)\norder by i.due_us, i.id",
        "    order by j.due_us desc, j.id\n    limit :limit\n)\norder by i.due_us, i.id",
        _checks(ClaimChecks),
    ),
    Mutant(
        "whoever takes up a process is not told that its worker vanished, in SQLite",
        "stores/sqlite/workers.py",
        "        loaded[instance]\n        if lost_owner is None\n        else ",
        "        loaded[instance]\n        if lost_owner != 0\n        else ",
        _checks(LeaseChecks, WorkerChecks),
    ),
    Mutant(
        "a worker is buried although it has beaten since",
        "stores/sqlite/workers.py",
        "(death.beat is not None and death.beat != known[1])",
        "(death.beat is not None and death.beat > known[1])",
        _checks(WorkerChecks),
    ),
    Mutant(
        "a worker that may claim is not asked to be registered",
        "stores/sqlite/workers.py",
        "if not paused and is_registered(pen, asked.worker):",
        "if not paused:",
        _checks(ClaimChecks, WorkerChecks),
    ),
    Mutant(
        "workers of this very OS process are judged to be dead",
        "stores/sqlite/locks.py",
        "        if name in self._files:\n            return False\n",
        "        if name in self._files:\n            return True\n",
        ("tests/stores/test_sqlite_locks.py",),
    ),
    Mutant(
        "a lock that cannot be looked at passes for a proof of death",
        "stores/sqlite/locks.py",
        "        except OSError:\n            return None\n        try:\n            # A shared",
        "        except OSError:\n            return True\n        try:\n            # A shared",
        ("tests/stores/test_sqlite_locks.py",),
    ),
    # -- transactions ------------------------------------------------------------------------------
    Mutant(
        "commits are acknowledged before they have reached the disk",
        "stores/sqlite/connecting.py",
        'connection.execute("PRAGMA synchronous = FULL")',
        'connection.execute("PRAGMA synchronous = OFF")',
        _GROUPS,
    ),
    Mutant(
        "a fact that travels with a heartbeat does not wait for the disk",
        _WRITER,
        "must_last = any(operation.must_last",
        "must_last = all(operation.must_last",
        _GROUPS,
    ),
    Mutant(
        "a group that broke is committed as far as it came",
        _WRITER,
        'self._pen.cursor.execute("ROLLBACK")',
        'self._pen.cursor.execute("COMMIT")',
        (*_GROUPS, *_DISK),
    ),
    Mutant(
        "an item that breaks fails all that travel with it",
        _WRITER,
        "        except Exception as error:\n            if not is_of_one_item(error):\n",
        "        except Exception as error:\n            if error:\n",
        _GROUPS,
    ),
    Mutant(
        "what an item did before it broke stays",
        _WRITER,
        '                execute("ROLLBACK TO item")\n',
        "",
        _GROUPS,
    ),
    Mutant(
        "part of a refused append stays: its events, without its documents and children",
        _APPENDING,
        '        cursor.execute("ROLLBACK TO refusable")\n',
        "",
        _checks(DocumentChecks, ChildChecks),
    ),
    Mutant(
        "listeners hear of an append that was refused",
        _APPENDING,
        "        pen.go_back(mark)\n",
        "",
        _checks(HearingChecks),
    ),
    Mutant(
        "parking a process with its end is not held until it has reached the disk",
        _APPENDING,
        "and not (item.closes or item.seize or item.events or _says_more(item))",
        "and not (item.closes or item.seize or _says_more(item))",
        _GROUPS,
    ),
    Mutant(
        "the outcome of a task is acknowledged before it has reached the disk",
        "stores/sqlite/tasks.py",
        "COMPLETE_TASK = Operation(_complete)",
        "COMPLETE_TASK = Operation(_complete, must_last=False)",
        _GROUPS,
    ),
    Mutant(
        "large values are written by another transaction, if at all",
        _APPENDING,
        "    processes.keep_blobs(pen, item.blobs)\n",
        "",
        _checks(BlobChecks),
    ),
    Mutant(
        "a full disk is told as a success to those who travelled with it",
        _WRITER,
        "answers = [Broken(meaning(error, self._path)) for _ in group]",
        "answers = [None for _ in group]",
        _DISK,
    ),
    # -- what goes with a commit -------------------------------------------------------------------
    Mutant(
        "a document in SQLite is overwritten by whoever has read an older version",
        _DOCUMENT,
        "    and :expected = (",
        "    and :expected <= (",
        _checks(DocumentChecks),
    ),
    Mutant(
        "a snapshot in SQLite is said to stand where it was before its own events",
        _PROCESS,
        "iif(:snapshot is null, snapshot_position, :position)",
        "iif(:snapshot is null, snapshot_position, :before)",
        _checks(AppendChecks),
    ),
    Mutant(
        "a run in SQLite begins with the snapshot of the run before",
        _PROCESS,
        "    snapshot_tag = '',\n    snapshot_position = 0,\n    internal_state = null",
        "    snapshot_tag = snapshot_tag",
        _checks(RunChecks),
    ),
    Mutant(
        "the last event of a snapshot is applied again",
        _HISTORY,
        "and e.position > i.snapshot_position\nwhere i.id = ?",
        "and e.position >= i.snapshot_position\nwhere i.id = ?",
        _checks(AppendChecks),
    ),
    # -- tasks -------------------------------------------------------------------------------------
    Mutant(
        "the outcome of a task in SQLite is taken though its time is up",
        _TASK,
        "    and (t.expires_us is null or t.expires_us > ?);",
        "    and (t.expires_us is null or t.expires_us > 0 * ?);",
        _checks(TaskChecks, ExpiryChecks),
    ),
    Mutant(
        "a heartbeat in SQLite without a word wipes out what was said before",
        _TASK,
        "details = coalesce(:details, details)",
        "details = coalesce(:details, '')",
        _checks(HeartbeatChecks),
    ),
    Mutant(
        "a task in SQLite that waits for somebody outside is handed to the next worker",
        _TASK,
        "set owner = null\nwhere id = ?",
        "set owner = null, due_us = 0\nwhere id = ?",
        _checks(DetachChecks),
    ),
    Mutant(
        "the tasks of a worker that vanished stay in its hands",
        "stores/sqlite/workers.py",
        "freed = pen.cursor.execute(_FREE_TASKS, values).fetchall()",
        "freed = pen.cursor.execute(_FREE_TASKS, {**values, 'worker': -1}).fetchall()",
        _checks(TaskChecks, WorkerChecks),
    ),
    Mutant(
        "the time of a task counts from when it was queued and not from when it was taken",
        _TASK,
        "min(:now_us + run_us,",
        "min(coalesce(due_us, :now_us) + run_us,",
        _checks(LimitChecks, ExpiryChecks),
    ),
    Mutant(
        "a file is opened by hand beside those who have it open, and their locks are gone",
        "stores/sqlite/opening.py",
        "    if size < SMALLEST_PAGE:",
        '    path.open("rb").close()\n    if size < SMALLEST_PAGE:',
        ("tests/stores/test_sqlite_os_processes.py",),
    ),
    Mutant(
        "a fork opens what its parent has open",
        "stores/sqlite/forks.py",
        "if number(path) in _inherited:",
        "if False:",
        ("tests/runtime/test_fork.py",),
    ),
)
