"""The one thread that writes, and its group commit: whatever waits travels in one transaction.

No timer and no delay: the next group is what came while the last one was on its way to the disk.
What an operation means is not known here, only that it is done, refused or broken.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from corago.clock import Clock
from corago.ports.store import Change
from corago.stores.sqlite.connecting import forgives, is_of_one_item, meaning
from corago.stores.sqlite.identity import Identity
from corago.stores.sqlite.locks import Locks
from corago.stores.sqlite.pen import Operation, Pen
from corago.stores.sqlite.stirring import Stirring
from corago.stores.sqlite.turnstile import Turnstile

GROUP_ITEMS = 200
"""So many items travel together at most: more gain little, and are lost together in a crash."""

GROUP_SECONDS = 0.005
"""After so long a group is closed, whatever waits."""

GLANCE_ITEMS = 16
"""How many items are done between two looks at the clock."""


class Answer(asyncio.Future[Any]):
    """What becomes of an operation.

    Who gives up still waits until it is certain whether it was written: it may look next.
    """

    thread: threading.Thread
    """Who gives the answer."""
    is_given_up = False

    def cancel(self, msg: Any = None) -> bool:
        """Give up as soon as the answer is there; at once if none will come, as in a fork."""
        if self.done():
            return False
        if not self.thread.is_alive():
            return super().cancel(msg)
        self.is_given_up = True
        return True

    def let_go(self) -> None:
        """The answer is there, and nobody wants it."""
        super().cancel()


Item = tuple[Operation, Any, Answer]
"""An operation, what it is about, and who waits for its answer."""


class Broken(NamedTuple):
    """The answer of an item that raised."""

    error: Exception


Told = Callable[[list[Item], list[Any], tuple[Change, ...]], None]
"""Takes, on the loop, a group, the answers to its first items, and what listeners are to hear."""


class Writer:
    """The queue in front of the writing connection, and the thread behind it."""

    def __init__(
        self,
        *,
        path: Path,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        connection: sqlite3.Connection,
        locks: Locks,
        stirring: Stirring,
        patience: float,
        told: Told,
    ) -> None:
        """Take everything that writing needs; `start` begins."""
        self._path = path
        self._clock = clock
        self._loop = loop
        self._connection = connection
        self._stirring = stirring
        self._identity = Identity(path, clock.monotonic)
        self._turnstile = Turnstile(path, locks, patience)
        self._told = told
        self._pen = Pen(connection, clock, locks)
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._waiting: list[Item] = []
        self._is_ending = False
        self._must_last = True
        self._ended = loop.create_future()
        self._thread = threading.Thread(target=self._run, name="corago-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def submit(self, operation: Operation, value: Any) -> Answer:
        """Queue an operation. On the loop; the answer is given there, too."""
        future = Answer(loop=self._loop)
        future.thread = self._thread
        self._queue.put((operation, value, future))
        return future

    async def close(self) -> None:
        """Write what was submitted, then end, and let connection and locks go."""
        self._queue.put(None)
        await asyncio.wait((self._ended,))
        self._thread.join()

    # ------------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        try:
            while self._waiting or not self._is_ending:
                group = self._gather()
                if group:
                    self._serve(group)
        finally:
            # The last connection to go moves the log into the file and removes it.
            self._connection.close()
            self._pen.locks.close()
            self._hand_over(self._ended.set_result, None)

    def _gather(self) -> list[Item]:
        """All that waits, up to the size of a group; if nothing does, wait for the first."""
        group, self._waiting = self._waiting, []
        if not group and (first := self._queue.get()) is not None:
            group.append(first)
        elif not group:
            self._is_ending = True
        for _ in range(min(self._queue.qsize(), GROUP_ITEMS - len(group))):
            item = self._queue.get()
            if item is None:
                self._is_ending = True
            else:
                group.append(item)
        return group

    def _serve(self, group: list[Item]) -> None:
        """Answer every item of a group, whatever happens."""
        changes: tuple[Change, ...] = ()
        answers: list[Any]
        try:
            answers, changes = self._write(group)
        except sqlite3.Error as error:
            answers = [Broken(meaning(error, self._path)) for _ in group]
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait, not to this thread
            answers = [Broken(error) for _ in group]
        # What was begun but not reached in time leads the next group.
        self._waiting = group[len(answers) :]
        self._hand_over(self._told, group, answers, changes)

    def _hand_over(self, callback: Callable[..., object], *values: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *values)
        except RuntimeError:
            # The loop was closed before the store, so that nobody is left who waits.
            self._is_ending = True

    def _write(self, group: list[Item]) -> tuple[list[Any], tuple[Change, ...]]:
        try:
            if group[0][0].peek is not None and (answers := self._peek(group)):
                return answers, ()
            return self._commit(group, self._do)
        except Exception as error:
            if not is_of_one_item(error):
                raise
            forgives(self._connection, error)
        # One of them is to blame: each for itself now, so that the others are written.
        return self._commit(group, self._do_apart)

    def _peek(self, group: list[Item]) -> list[Any]:
        """The answers of the first items, as far as they need no transaction."""
        answers: list[Any] = []
        with self._stirring:
            self._stirring.look()
            for operation, value, _ in group:
                answer = None if operation.peek is None else operation.peek(self._pen, value)
                if answer is None:
                    break
                answers.append(answer)
        return answers

    def _commit(
        self, group: list[Item], do: Callable[[list[Item]], list[Any]]
    ) -> tuple[list[Any], tuple[Change, ...]]:
        """Do a group, or as much of it as there is time for, in one transaction."""
        execute = self._pen.cursor.execute
        must_last = any(operation.must_last for operation, _, _ in group)
        with self._turnstile, self._stirring:
            self._identity.check()
            if must_last is not self._must_last:
                execute(f"PRAGMA synchronous = {'FULL' if must_last else 'NORMAL'}")
                self._must_last = must_last
            try:
                execute("BEGIN IMMEDIATE")
                self._stirring.look()
                answers = do(group)
                execute("COMMIT")
            except BaseException:
                self._take_back()
                raise
        return answers, self._pen.finish()

    def _take_back(self) -> None:
        try:
            # Some errors have ended the transaction already.
            if self._connection.in_transaction:
                self._pen.cursor.execute("ROLLBACK")
        finally:
            self._pen.go_back()

    def _do(self, group: list[Item]) -> list[Any]:
        pen = self._pen
        if len(group) < GLANCE_ITEMS:
            return [operation.run(pen, value) for operation, value, _ in group]
        answers: list[Any] = []
        end = self._clock.monotonic() + GROUP_SECONDS
        for operation, value, _ in group:
            answers.append(operation.run(pen, value))
            if not len(answers) % GLANCE_ITEMS and self._clock.monotonic() > end:
                break
        return answers

    def _do_apart(self, group: list[Item]) -> list[Any]:
        """Each item with a way back of its own."""
        pen, execute = self._pen, self._pen.cursor.execute
        answers: list[Any] = []
        for operation, value, _ in group:
            mark = pen.mark()
            execute("SAVEPOINT item")
            try:
                answers.append(operation.run(pen, value))
            except Exception as error:
                if not is_of_one_item(error):
                    raise
                execute("ROLLBACK TO item")
                pen.go_back(mark)
                answers.append(Broken(self._explained(error)))
            execute("RELEASE item")
        return answers

    def _explained(self, error: Exception) -> Exception:
        return meaning(error, self._path) if isinstance(error, sqlite3.Error) else error
