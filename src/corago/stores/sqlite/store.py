"""The Store port over one SQLite file: what stands on the event loop. Holds no SQL and no thread.

Every write goes to the writer's queue and every read to the readers'; the loop never waits for the
disk. A store belongs to the loop that opened it, and does not survive a fork.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from corago.clock import Clock, to_us
from corago.errors import EngineClosedError
from corago.ports.store import (
    Append,
    Arrived,
    Blob,
    Born,
    Change,
    Claims,
    Definition,
    DocumentVersion,
    Instance,
    Loaded,
    NewProcess,
    Outgoing,
    Peer,
    Query,
    Refusal,
    Sent,
    StandingTask,
    Task,
    TaskClaims,
)
from corago.stores.sqlite import appending, forks, processes, reading, rows, tasks, workers
from corago.stores.sqlite.connecting import PATIENCE, explained
from corago.stores.sqlite.forks import Number
from corago.stores.sqlite.locks import Locks
from corago.stores.sqlite.opening import prepare, real
from corago.stores.sqlite.pen import Operation
from corago.stores.sqlite.readers import Readers
from corago.stores.sqlite.stirring import Stirring
from corago.stores.sqlite.writer import Answer, Broken, Item, Writer

_log = logging.getLogger("corago.store")

T = TypeVar("T")


class _Opened(NamedTuple):
    """What an open store consists of, and the OS process that opened it."""

    pid: int
    file: Number | None
    locks: Locks
    stirring: Stirring
    writer: Writer
    readers: Readers


class SqliteStore:
    """A Store in one SQLite file, shared by any number of OS processes on one machine.

    Args:
        path: the file; made if it is missing, in a folder that is there.
        clock: where instants come from.
        patience: seconds to wait for others who write, before StoreUnavailableError.
        max_page_count: how many pages (of 4 KiB) the file may have; None leaves it to the disk.
    """

    def __init__(
        self,
        path: Path | str,
        clock: Clock,
        *,
        patience: float = PATIENCE,
        max_page_count: int | None = None,
    ) -> None:
        self.path = real(path)
        self._clock = clock
        self._patience = patience
        self._max_page_count = max_page_count
        self._opened: _Opened | None = None
        self._listeners: list[Callable[[Change], None]] = []

    @property
    def url(self) -> str:
        """The store's URL."""
        return f"sqlite:///{self.path}"

    # ------------------------------------------------------------------ opening, closing, hearing

    async def open(self) -> None:
        if self._opened is not None:
            self._ready()
            return
        path, patience = self.path, self._patience
        loop = asyncio.get_running_loop()
        now_us = to_us(self._clock.now())
        connection = await asyncio.to_thread(prepare, path, now_us, patience)
        locks, file = Locks(path), forks.opened(path)
        try:
            with explained(path):
                stirring = Stirring(connection)
                readers = Readers(path, patience, loop)
        except BaseException:
            connection.close()
            forks.closed(file)
            raise
        writer = Writer(
            path=path,
            clock=self._clock,
            loop=loop,
            connection=connection,
            locks=locks,
            stirring=stirring,
            patience=patience,
            told=self._told,
        )
        writer.start()
        self._opened = _Opened(os.getpid(), file, locks, stirring, writer, readers)
        if self._max_page_count is not None:
            await self.limit_pages(self._max_page_count)

    async def close(self) -> None:
        if self._opened is None:
            return
        opened, self._opened = self._ready(), None
        try:
            await opened.readers.close()
        finally:
            await opened.writer.close()
            forks.closed(opened.file)

    def _ready(self) -> _Opened:
        opened = self._opened
        if opened is None:
            raise EngineClosedError(f"the store {self.path} is not open; `open` comes first")
        if opened.pid != os.getpid():
            raise EngineClosedError(
                f"the store {self.path} was opened by OS process {opened.pid}, and this one is a "
                "fork of it; a store does not survive a fork: open stores after forking only"
            )
        return opened

    def _write(self, operation: Operation, value: Any) -> Answer:
        return self._ready().writer.submit(operation, value)

    def _read(self, read: Callable[[sqlite3.Cursor], T]) -> asyncio.Future[T]:
        return self._ready().readers.submit(read)

    def _told(self, group: list[Item], answers: list[Any], changes: tuple[Change, ...]) -> None:
        """A group was written: wake who waits for it, then tell who listens."""
        for (_, _, future), answer in zip(group, answers, strict=False):
            if future.is_given_up:
                future.let_go()
            elif type(answer) is Broken:
                future.set_exception(answer.error)
            else:
                future.set_result(answer)
        for change in changes:
            for listener in tuple(self._listeners):
                try:
                    listener(change)
                except Exception:  # noqa: BLE001 - listeners do not know each other
                    _log.exception("a listener to the store %s broke", self.path)

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        if self._opened is not None:
            self._ready()
        self._listeners.append(listener)
        return stop

    def stirred(self) -> bool:
        opened = self._ready()
        with explained(self.path):
            return opened.stirring.asked()

    async def limit_pages(self, pages: int | None) -> None:
        """Let the file have so many pages at most, as long as this store is open; None: no limit.

        A write that needs more is refused with StoreFullError.
        """
        await self._write(processes.LIMIT_PAGES, pages)

    # ---------------------------------------------------------------------------------- writing

    async def define(self, definition: Definition) -> int:
        return await self._write(processes.DEFINE, definition)  # type: ignore[no-any-return]

    async def start(self, new: NewProcess) -> Born:
        return await self._write(processes.START, new)  # type: ignore[no-any-return]

    async def send(self, message: Outgoing) -> Sent:
        return await self._write(processes.SEND, message)  # type: ignore[no-any-return]

    async def append(self, append: Append) -> Refusal | None:
        operation = appending.PARK if appending.only_parks(append) else appending.APPEND
        return await self._write(operation, append)  # type: ignore[no-any-return]

    async def claim(
        self,
        worker: int,
        definitions: Sequence[int],
        limit: int,
        heirs: Sequence[tuple[int, int]] = (),
        until_us: int | None = None,
    ) -> Claims:
        asked = workers.Asked(worker, rows.followers(definitions, heirs), limit, until_us)
        return await self._write(workers.CLAIM, asked)  # type: ignore[no-any-return]

    async def claim_tasks(
        self,
        worker: int,
        queues: Sequence[str],
        definitions: Sequence[int],
        limit: int,
        activities: Sequence[str] | None = (),
    ) -> TaskClaims:
        asked = tasks.AskedTasks(
            worker=worker,
            queues=rows.texts(queues),
            definitions=rows.numbers(definitions),
            limit=limit,
            activities=None if activities is None else rows.texts(activities),
        )
        return await self._write(tasks.CLAIM_TASKS, asked)  # type: ignore[no-any-return]

    async def complete_task(
        self, task: Task, worker: int | None, outcome: bytes, blobs: Sequence[Blob] = ()
    ) -> bool:
        done = tasks.Done(task, worker, outcome, blobs)
        return await self._write(tasks.COMPLETE_TASK, done)  # type: ignore[no-any-return]

    async def heartbeat_task(
        self, task: Task, worker: int | None, details: bytes | None = None
    ) -> bool | None:
        beat = tasks.Beaten(task, worker, details)
        operation = tasks.BEAT_TASK if details is None else tasks.REPORT_TASK
        return await self._write(operation, beat)  # type: ignore[no-any-return]

    async def detach_task(self, task: Task, worker: int) -> bool:
        detached = tasks.Detached(task, worker)
        return await self._write(tasks.DETACH_TASK, detached)  # type: ignore[no-any-return]

    async def return_tasks(
        self,
        worker: int,
        numbers: Sequence[int],
        due_us: int,
        start_by_us: Mapping[int, int] = {},
    ) -> None:
        starts = msgspec.json.encode(start_by_us).decode()
        back = tasks.Returned(worker, rows.numbers(numbers), due_us, starts)
        await self._write(tasks.RETURN_TASKS, back)

    async def beat(self, name: str, worker: int | None = None) -> int:
        beat = workers.Beat(name, worker)
        return await self._write(workers.BEAT, beat)  # type: ignore[no-any-return]

    async def bury(self, worker: int, beat: int | None = None) -> int:
        death = workers.Death(worker, beat)
        return await self._write(workers.BURY, death)  # type: ignore[no-any-return]

    async def pause(self, paused: bool | None = None) -> bool:  # noqa: FBT001 - the port's form
        if paused is None:
            return await self._read(reading.is_paused)
        return await self._write(processes.PAUSE, paused)  # type: ignore[no-any-return]

    # ---------------------------------------------------------------------------------- reading

    async def definitions(self, name: str | None = None) -> list[Definition]:
        return await self._read(partial(reading.definitions, name=name))

    async def load(self, process_id: str) -> Loaded | None:
        return await self._read(partial(reading.load, process_id=process_id))

    async def messages(self, instance: int, after: int) -> list[Arrived]:
        return await self._read(partial(reading.messages, instance=instance, after=after))

    async def events(
        self, process_id: str, after: int = 0, limit: int | None = None, run: int | None = None
    ) -> list[bytes]:
        read = partial(reading.events, process_id=process_id, after=after, limit=limit, run=run)
        return await self._read(read)

    async def find(self, query: Query) -> list[Instance]:
        return await self._read(partial(reading.find, query=query))

    async def count(self, query: Query) -> dict[str, int]:
        return await self._read(partial(reading.count, query=query))

    async def peers(self) -> list[Peer]:
        return await self._read(partial(reading.peers, locks=self._ready().locks))

    async def held_tasks(self, worker: int) -> dict[int, bool]:
        return await self._read(partial(reading.held_tasks, worker=worker))

    async def read_task(self, number: int) -> Task | None:
        now_us = to_us(self._clock.now())
        return await self._read(partial(reading.task, number=number, now_us=now_us))

    async def tasks_of(self, process_id: str) -> list[StandingTask]:
        return await self._read(partial(reading.tasks_of, process_id=process_id))

    async def blobs(self, shas: Sequence[str]) -> list[Blob]:
        return await self._read(partial(reading.blobs, shas=shas))

    async def document(self, kind: str, id: str) -> list[DocumentVersion]:
        return await self._read(partial(reading.document, kind=kind, id_=id))
