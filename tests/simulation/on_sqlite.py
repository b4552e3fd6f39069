"""Worlds on one SQLite file: each node has a store of its own over it, as OS processes have.

Their statements, transactions, groups of commits, locks and looks at the file are SQLite's own
code. Only the threads are not there: a node's writer serves what has come in a step of the loop.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from corago.clock import Clock, to_us
from corago.errors import StoreUnavailableError
from corago.ports.store import Change, Store
from corago.stores.sqlite import processes
from corago.stores.sqlite.connecting import connect_reader, explained
from corago.stores.sqlite.inspect import check
from corago.stores.sqlite.locks import Locks
from corago.stores.sqlite.opening import prepare
from corago.stores.sqlite.pen import Operation
from corago.stores.sqlite.readers import Readers, _read
from corago.stores.sqlite.stirring import Stirring
from corago.stores.sqlite.store import SqliteStore, _Opened
from corago.stores.sqlite.writer import Answer, Broken, Item, Writer
from corago.testing.simulator import Node, SimulatedStore
from corago.testing.simulator.disk import WAYS

_WAITS = (0.0, 0.0, 0.001, 0.02, 0.1)
"""For how many seconds a writer may be busy while a group gathers."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one, files in it cost no disk


@dataclass(slots=True)
class _Call:
    """A call of the port on its way; `is_written` once it has become an item of a group."""

    name: str
    arguments: tuple[Any, ...]
    is_written: bool = False


Tell = Callable[[list[tuple[_Call, Any]]], None]
"""Takes the calls of a group that is done, with their answers."""


class _Answer(Answer):
    """What becomes of a call that writes."""

    call: _Call


def _heard(answer: asyncio.Future[Any]) -> None:
    """Let nobody complain of an error that a node does not live to hear."""
    if not answer.cancelled():
        answer.exception()


class _Alive:
    """What stands for a writer's thread: it lives as long as its node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def is_alive(self) -> bool:
        return not self._node.is_dead


class _Writer(Writer):
    """Serves in steps of its node what has come since the last one.

    What is written is told to the world in that very step, item by item. It `is_awake` when
    something waits, and `stands` in a transaction that its node was about to make.
    """

    def __init__(self, node: Node, tell: Tell, before: Callable[[], object], **named: Any) -> None:
        super().__init__(loop=node.world.loop, **named)
        # what is said of the file must be the same wherever it lies
        self._path = self._turnstile._path = Path(self._path.name)
        self.calling: _Call | None = None
        self.is_dying = False
        self._is_full = False
        self.stands = False
        self._node = node
        self._tell = tell
        self._before = before
        self.is_awake = False
        self._thread: Any = _Alive(node)

    def submit(self, operation: Operation, value: Any) -> Answer:
        """Queue an operation; the next group takes it along."""
        call, self.calling = self.calling, None
        assert call is not None, "a store is called through its door"
        call.is_written = True
        future = _Answer(loop=self._loop)
        future.thread, future.call = self._thread, call
        future.add_done_callback(_heard)
        self._queue.put((operation, value, future))
        self._wake()
        return future

    def _wake(self) -> None:
        if not self.is_awake:
            self.is_awake = True
            self._loop.call_later(self._node.random.choice(_WAITS), self._turn)

    def _turn(self) -> None:
        self.is_awake = False
        self.write_group()
        if self._waiting or self._queue.qsize():
            self._wake()

    def stand(self) -> bool:
        """Let the node stand still in the transaction that it was about to make, if any."""
        if self.is_awake:
            self._turnstile.__enter__()
            self._pen.cursor.execute("BEGIN IMMEDIATE")
            self.stands = True
        return self.stands

    def _go_on(self) -> None:
        if self.stands:
            self._pen.cursor.execute("ROLLBACK")
            self._turnstile.__exit__(None, None, None)
            self.stands = False

    def _fill(self) -> None:
        """Let the file grow no more while the disk is full."""
        if self._node.is_full is not self._is_full:
            self._is_full = self._node.is_full
            pages = 1 if self._is_full else processes.NO_LIMIT  # it may keep those that it has
            self._pen.row(f"PRAGMA max_page_count = {pages}")  # read, or it would stay open

    def write_group(self) -> None:
        """Write what waits, if anything does."""
        self._go_on()
        self._before()
        if not (self._waiting or self._queue.qsize()):
            return
        self._fill()
        group = self._gather()
        if self.is_dying:
            self._die_within(group)
        else:
            self._serve(group)

    def _die_within(self, group: list[Item]) -> None:
        """Let the node die with its transaction open; its OS lets the turn go, too."""
        with suppress(StoreUnavailableError, sqlite3.Error), self._turnstile, self._stirring:
            self._pen.cursor.execute("BEGIN IMMEDIATE")
            self._do(group[: self._node.random.randint(1, len(group))])
        self._node.die()

    def _hand_over(self, callback: Callable[..., object], *values: Any) -> None:
        """The group is on the disk; those who wait hear of it at the next round."""
        group, answers, _ = values
        self._tell([(item[2].call, answer) for item, answer in zip(group, answers, strict=False)])
        self._loop.call_soon(callback, *values)

    async def close(self) -> None:
        """Write what was submitted, and let connection and locks go."""
        while self._waiting or self._queue.qsize():
            self.write_group()
        self.let_go()
        self._pen.locks.close()

    def let_go(self) -> None:
        """The connection is gone; what it had begun is rolled back."""
        self._connection.close()


class _Readers(Readers):
    """A node's reading connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.cursor = connection.cursor()

    async def close(self) -> None:
        self.connection.close()


class _Inline(SqliteStore):
    """A store that reads at once."""

    def _read(self, read: Callable[[sqlite3.Cursor], Any]) -> Any:
        async def at_once() -> Any:
            with explained(self.path):
                return _read(read, self._ready().readers.cursor)  # type: ignore[attr-defined]

        return at_once()

    def _open(self, writer: Callable[..., Any]) -> None:
        path = self.path
        connection = prepare(path, to_us(self._clock.now()), self._patience)
        locks, stirring = Locks(path), Stirring(connection)
        readers = _Readers(connect_reader(path, self._patience))
        written = writer(
            path=path,
            clock=self._clock,
            connection=connection,
            locks=locks,
            stirring=stirring,
            patience=self._patience,
            told=self._told,
        )
        self._opened = _Opened(os.getpid(), None, locks, stirring, written, readers)


class Look(_Inline):
    """A look at the file by nobody: it writes nothing, and waits for nothing."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Make the file."""
        super().__init__(path, clock, patience=0.0)
        self._open(lambda **_: None)
        self.doors: list[Door] = []

    def wrote(self, store: _NodeStore) -> None:
        """A store's group is done: let the others hear of it if it has changed the file."""
        if self.stirred():
            for door in self.doors:
                if door.store is not store and door.store.writer is not None:
                    door.has_news = True
                    door.node.stir()

    def stand(self) -> None:
        """Let the first of those who stand still do so in the transaction that he was to make."""
        writers = [each.store.writer for each in self.doors if each.node.is_paused]
        if not any(each.stands for each in writers if each):
            any(each.stand() for each in writers if each)

    def let_go(self) -> None:
        """Close everything."""
        for door in self.doors:
            door.store.vanish()
        assert self._opened is not None
        self._opened.readers.connection.close()  # type: ignore[attr-defined]
        self._opened.stirring._cursor.connection.close()


class _NodeStore(_Inline):
    """A node's own store."""

    writer: _Writer | None = None

    def __init__(self, look: Look, node: Node) -> None:
        super().__init__(look.path, look._clock, patience=0.0)
        self._look = look
        self._node = node

    async def open(self) -> None:
        if self.writer is None:
            self._open(partial(_Writer, self._node, self._written, self._look.stand))
            self.writer = self._ready().writer  # type: ignore[assignment]

    def expect(self, call: _Call) -> None:
        """This call is made next."""
        if self.writer is not None:
            self.writer.calling = call

    def expect_death(self) -> None:
        """The node dies in the next transaction."""
        if self.writer is not None:
            self.writer.is_dying = True

    def _written(self, done: Iterable[tuple[_Call, Any]]) -> None:
        """A group is done."""
        world = self._node.world
        for call, answer in done:
            if type(answer) is not Broken:
                world.reached(self._node, call.name, call.arguments, answer)
            elif not isinstance(answer.error, StoreUnavailableError):
                error = f"{type(answer.error).__name__}: {answer.error}"
                world.find(f"{self._node.name}: the file did not take {call.name}: {error}")
        self._look.wrote(self)

    async def close(self) -> None:
        await super().close()
        self.writer = None

    def vanish(self) -> None:
        """Its OS process is gone: the OS closes its files, and nothing else is done."""
        opened, self._opened = self._opened, None
        if opened is not None and self.writer is not None:
            opened.readers.connection.close()  # type: ignore[attr-defined]
            self.writer.let_go()
            opened.locks.abandon()
        self.writer = None


class Door(SimulatedStore):
    """A node's way to the file: its own store, which vanishes with it.

    Whether there is room is the file's own affair. It `has_news` that its store must be aware of.
    """

    roomy = frozenset()
    ways = (WAYS[0], "in the middle of the transaction that does it", WAYS[2])

    def __init__(self, node: Node, look: Store) -> None:
        """Take the file that others look at."""
        assert isinstance(look, Look)
        self.node = node
        self.store = _NodeStore(look, node)
        self.has_news = False
        super().__init__(node, self.store)
        node.at_death.append(self.store.vanish)
        look.doors.append(self)

    async def _reach(
        self,
        name: str,
        method: Callable[..., Awaitable[Any]],
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
    ) -> Any:
        """Do a call; what is written is told to the world by the writer."""
        call = _Call(name, (*arguments, *named.values()))
        self.store.expect(call)
        answer = await method(*arguments, **named)
        if not call.is_written:
            self.node.world.reached(self.node, name, call.arguments, answer)
        return answer

    async def _die_within(self, reach: Callable[[], Awaitable[Any]]) -> None:
        """Die in the transaction that does the call, or while it is read."""
        self.store.expect_death()
        await reach()
        await self._die()

    async def open(self) -> None:
        """Open the file; what others wrote before is no news."""
        await self.store.open()
        self.has_news = False

    async def close(self) -> None:
        """Write what waits, and close the file; whoever opens it anew has no news to hear."""
        await self.store.close()
        self.has_news = False

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Be told of this node's own commits."""
        return self.store.subscribe(listener)

    def stirred(self) -> bool:
        """Whether another node has written, as the file tells."""
        if self.node.is_deaf:
            return False
        self.node.has_heard()
        has_news, self.has_news = self.has_news, False
        stirred = self.store.stirred()
        if has_news and not stirred:
            self.node.world.find(f"{self.node.name} was not stirred by another's commit")
        return stirred


@dataclass(frozen=True, slots=True)
class Ground:
    """What a world stands on: how its simulation is made, and what is wrong with what it left."""

    given: Mapping[str, Any] = field(default_factory=dict)
    findings: Callable[[], list[str]] = list


@contextmanager
def in_memory() -> Iterator[Ground]:
    """The store in memory, common to all nodes."""
    yield Ground()


@contextmanager
def on_a_file() -> Iterator[Ground]:
    """A SQLite file, and a store over it for each node."""
    looks: list[Look] = []
    place = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None
    with TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "corago.db"

        def look(clock: Clock) -> Look:
            looks.append(Look(path, clock))
            return looks[-1]

        try:
            yield Ground({"store": look, "door": Door}, lambda: check(path))
        finally:
            for each in looks:
                each.let_go()


STORES: Mapping[str, Callable[[], AbstractContextManager[Ground]]] = {
    "memory": in_memory,
    "sqlite": on_a_file,
}
"""By name, what worlds are played on."""
