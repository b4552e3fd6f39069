"""How a check of the store suite runs, and the bench it works at.

A check is a coroutine that becomes a plain test function: a runner that knows no plugins can call
it. Whatever says what a store must do belongs to the checks, not here.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import re
import unittest
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from corago.clock import to_us
from corago.core.commit import DocumentWrite
from corago.ports.store import (
    ALL_SEEN,
    Append,
    Arrived,
    Blob,
    Born,
    Change,
    Claims,
    Definition,
    Fence,
    Instance,
    Loaded,
    NewProcess,
    NewTask,
    Outgoing,
    Query,
    Refusal,
    Sent,
    Store,
    Task,
    TaskClaims,
)
from corago.testing.clock import VirtualClock

SECOND = 1_000_000
"""A second, as stores count time."""

_CLAUSE = re.compile(r"\[(C\d\d)\]")

T = TypeVar("T")

Body = Callable[[Any, "Bench"], Coroutine[Any, Any, None]]
Check = Callable[[Any, Path], None]


def check(body: Body) -> Check:
    """Make a test of a coroutine function: it gets a bench with an open store, and its own loop."""

    def test(self: StoreChecks, tmp_path: Path) -> None:
        asyncio.run(self.perform(body, tmp_path))

    functools.update_wrapper(test, body)
    # pytest would look behind it and ask for the body's parameters
    del test.__wrapped__  # type: ignore[attr-defined]
    return test


def clauses(check: Check) -> frozenset[str]:
    """The clauses of the contract that a check says it proves."""
    return frozenset(_CLAUSE.findall(check.__doc__ or ""))


class StoreChecks:
    """What every group of checks stands on: the two methods that a store's test supplies."""

    patience: ClassVar[float] = 60.0
    """Seconds after which a check that hangs is a check that failed."""

    def make_store(self, clock: VirtualClock, tmp_path: Path) -> Store:
        """A fresh store, not yet open, with this clock; its files may lie in `tmp_path`."""
        raise NotImplementedError("a store's test says here how its store is made")

    def reopen(self) -> Store | None:
        """Another object on the data of the last `make_store`.

        Where there can be no other, the same one if it can be opened again, else None.
        """
        return None

    @classmethod
    def checks(cls) -> dict[str, Check]:
        """All checks by name."""
        return {name: getattr(cls, name) for name in dir(cls) if name.startswith("test_")}

    async def perform(self, body: Body, tmp_path: Path) -> None:
        """Run one check against a store of its own, and leave nothing open behind it."""
        clock = VirtualClock()
        async with asyncio.timeout(self.patience), AsyncExitStack() as stack:
            bench = Bench(self, clock, stack)
            await bench.take(self.make_store(clock, tmp_path))
            await body(self, bench)


class Bench:
    """An open store, its clock, and short words for what checks do all the time.

    Process ids, workers and definitions are made up where a check does not care.
    """

    def __init__(self, suite: StoreChecks, clock: VirtualClock, stack: AsyncExitStack) -> None:
        self.clock = clock
        self.store: Store
        self._suite = suite
        self._stack = stack

    # ------------------------------------------------------------------------------ store objects

    async def take(self, store: Store) -> Store:
        """Open a store, work with it from now on, and close it in the end."""
        self.store = await self._opened(store)
        return store

    async def second(self) -> Store:
        """A second object on the same data, open beside the first; skips if there can be none."""
        return await self._opened(self._another())

    async def close(self) -> None:
        """Close every store that is open here."""
        await self._stack.aclose()

    async def restart(self) -> None:
        """Close the store and work on with what is found when its data are opened again."""
        await self.close()
        await self.take(self._another())

    async def _opened(self, store: Store) -> Store:
        await store.open()
        self._stack.push_async_callback(store.close)
        return store

    def _another(self) -> Store:
        store = self._suite.reopen()
        if store is None:
            raise unittest.SkipTest("this store cannot be opened a second time")
        return store

    def listen(self) -> Ears:
        """A listener to the store's changes."""
        ears = Ears()
        self._stack.callback(self.store.subscribe(ears.hear))
        return ears

    # --------------------------------------------------------------------------------------- time

    @property
    def now_us(self) -> int:
        """The clock's instant as stores keep it."""
        return to_us(self.clock.now())

    def later(self, seconds: float) -> int:
        """The instant so many seconds from now."""
        return self.now_us + round(seconds * SECOND)

    async def step(self) -> None:
        """Let the loop do what else is ready."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_soon(done.set_result, None)
        await done

    # ------------------------------------------------------------------------------ making things

    async def define(self, name: str = "greet", version: int = 1, note: str = "") -> int:
        """Keep a definition; `note` makes its document another one."""
        return await self.store.define(definition(name, version, note))

    async def worker(self, name: str = "worker") -> int:
        """Register a worker."""
        return await self.store.beat(name)

    async def new(self, process_id: str = "p", **changes: Any) -> NewProcess:
        """A process that could be started, due now unless `owner` is given."""
        changes.setdefault("input_sha", "input")
        changes.setdefault("event", b'{"type":"ProcessStarted"}')
        changes.setdefault("at_us", self.now_us)
        if "definition_id" not in changes:
            changes["definition_id"] = await self.define()
        return NewProcess(process_id=process_id, **changes)

    async def start(self, process_id: str = "p", **changes: Any) -> Born:
        """Start a process."""
        return await self.store.start(await self.new(process_id, **changes))

    async def held(self, process_id: str = "p", **changes: Any) -> Instance:
        """Start a process that is born leased, to a new worker if no `owner` is named; its row."""
        if "owner" not in changes:
            changes["owner"] = await self.worker()
        await self.start(process_id, **changes)
        return await self.row(process_id)

    async def parked(
        self, process_id: str = "p", due_us: int | None = None, **changes: Any
    ) -> Instance:
        """Start a process and park it; its row."""
        row = await self.held(process_id, **changes)
        return await self.written(row, parks=True, due_us=due_us, status="waiting")

    async def closed(self, process_id: str = "p", status: str = "completed") -> Instance:
        """Start a process and close it; its row."""
        return await self.written(await self.held(process_id), closes=True, status=status)

    async def claim(
        self,
        worker: int,
        limit: int = 1000,
        definitions: Sequence[int] | None = None,
        heirs: Sequence[tuple[int, int]] = (),
        **more: Any,
    ) -> Claims:
        """Claim for a worker, of all definitions unless some are named."""
        if definitions is None:
            definitions = await self._all_definitions()
        return await self.store.claim(worker, definitions, limit, heirs, **more)

    async def _all_definitions(self) -> list[int]:
        return [each.id for each in await self.store.definitions()]

    async def claimed(
        self, process_id: str = "p", worker: int | None = None, **more: Any
    ) -> Loaded:
        """Claim exactly this process, with a new worker if none is named."""
        claims = await self.claim(await self.worker() if worker is None else worker, **more)
        assert ids(claims) == [process_id]
        return claims.taken[0]

    def task(self, path: str = "a", **changes: Any) -> NewTask:
        """A task that could be put, due now."""
        changes.setdefault("queue", "mail")
        changes.setdefault("due_us", self.now_us)
        changes.setdefault("data", b"{}")
        return NewTask(path=path, **changes)

    async def claim_tasks(
        self,
        worker: int,
        limit: int = 1000,
        queues: Sequence[str] = ("mail",),
        definitions: Sequence[int] | None = None,
        **more: Any,
    ) -> TaskClaims:
        """Claim tasks for a worker, of one queue and of all definitions unless some are named."""
        if definitions is None:
            definitions = await self._all_definitions()
        return await self.store.claim_tasks(worker, queues, definitions, limit, **more)

    async def expired(self, worker: int | None = None, limit: int = 1000) -> TaskClaims:
        """Claim tasks for a worker that serves nothing, a new one if none is named."""
        worker = await self.worker() if worker is None else worker
        return await self.claim_tasks(worker, limit, queues=(), definitions=())

    async def taken(self, path: str = "a", worker: int | None = None, queue: str = "mail") -> Task:
        """Take exactly the task of this path, with a new worker if none is named."""
        worker = await self.worker() if worker is None else worker
        claims = await self.claim_tasks(worker, queues=[queue])
        assert paths(claims) == [path]
        return claims.taken[0]

    async def all_taken(self, worker: int, *expected: str) -> tuple[Task, ...]:
        """Take exactly the tasks of these paths, in this order."""
        claims = await self.claim_tasks(worker)
        assert paths(claims) == [*expected]
        return claims.taken

    async def one_taken(self, worker: int) -> Task:
        """Take the task that is due longest."""
        return only((await self.claim_tasks(worker, limit=1)).taken)

    def outgoing(self, process_id: str = "p", data: bytes = b'"hello"', **changes: Any) -> Outgoing:
        """A message that could be sent."""
        return Outgoing(process_id=process_id, data=data, **changes)

    async def send(self, process_id: str = "p", data: bytes = b'"hello"', **changes: Any) -> Sent:
        """Send a message."""
        return await self.store.send(self.outgoing(process_id, data, **changes))

    def commit(self, row: Instance, *events: bytes, **changes: Any) -> Append:
        """An append by the holder of this row, which has seen all messages and consumes none."""
        changes.setdefault("fence", fence(row))
        changes.setdefault("at_us", self.now_us)
        changes.setdefault("status", "running")
        changes.setdefault("consumed", row.consumed)
        changes.setdefault("seen", row.inbox_head)
        return Append(events=events, **changes)

    async def append(self, row: Instance, *events: bytes, **changes: Any) -> Refusal | None:
        """Write a commit, or be refused."""
        return await self.store.append(self.commit(row, *events, **changes))

    async def written(self, row: Instance, *events: bytes, **changes: Any) -> Instance:
        """Write a commit that must be accepted; the row after it."""
        assert await self.append(row, *events, **changes) is None
        return await self.row(row.process_id)

    async def assert_refused(
        self, row: Instance, *events: bytes, refusal: Refusal, **changes: Any
    ) -> None:
        """Write a commit that must be so refused, and leave its process as it was."""
        before = await self.load(row.process_id)
        assert await self.append(row, *events, **changes) is refusal
        assert await self.load(row.process_id) == before

    async def assert_refused_in_every_way(self, row: Instance, **changes: Any) -> None:
        """Write a commit with an event four times, so that each refusal there is comes once."""
        refused = functools.partial(self.assert_refused, row, b'"late"')
        await refused(refusal=Refusal.FENCED, fence=fence(row, epoch=row.epoch + 9), **changes)
        await self.send(row.process_id)
        await refused(refusal=Refusal.MORE_MESSAGES, parks=True, **changes)
        refused = functools.partial(refused, seen=ALL_SEEN)
        conflict = (writes("order", "never written", 9),)
        await refused(refusal=Refusal.DOCUMENT_CONFLICT, documents=conflict, **changes)
        births = (*changes.pop("births", ()), await self.new(row.process_id))
        await refused(refusal=Refusal.CHILD_EXISTS, births=births, **changes)

    # -------------------------------------------------------------------------------- looking back

    async def load(self, process_id: str = "p") -> Loaded:
        """A process that must exist."""
        loaded = await self.store.load(process_id)
        assert loaded is not None
        return loaded

    async def row(self, process_id: str = "p") -> Instance:
        """The row of a process that must exist."""
        return (await self.load(process_id)).row

    async def task_of(self, task: Task) -> Task:
        """A task, which must be there, as it is now."""
        found = await self.store.read_task(task.task)
        assert found is not None
        return found

    async def inbox(self, process_id: str = "p") -> list[bytes]:
        """What the messages of a process say."""
        return said((await self.load(process_id)).messages)

    async def found(self, **conditions: Any) -> list[str]:
        """The ids of the processes that a query finds."""
        return [row.process_id for row in await self.store.find(Query(**conditions))]


class Ears:
    """A listener that keeps what it was told, and can be waited with."""

    def __init__(self) -> None:
        self.heard: list[Change] = []
        self._stirred = asyncio.Event()

    def hear(self, change: Change) -> None:
        """Be told."""
        self.heard.append(change)
        self._stirred.set()

    async def wait(self, kind: str, process_id: str = "p") -> None:
        """Wait until this change was told of."""
        while Change(kind, process_id) not in self.heard:
            self._stirred.clear()
            await self._stirred.wait()


def definition(name: str = "greet", version: int = 1, note: str = "") -> Definition:
    """A definition with its true digest."""
    document = msgspec.json.encode({"name": name, "version": version, "note": note})
    return Definition(name, version, hashlib.sha256(document).hexdigest(), document)


def blob(data: bytes) -> Blob:
    """A large value with its true digest."""
    return Blob(hashlib.sha256(data).hexdigest(), data)


def fence(row: Instance, **changes: Any) -> Fence:
    """What the holder of this row believes, or something else."""
    belief = Fence(row.instance, row.run, row.owner or 0, row.epoch, row.position)
    return msgspec.structs.replace(belief, **changes)


def writes(kind: str, id: str, expected: int, data: bytes = b"{}") -> DocumentWrite:
    """A document write by nobody in particular."""
    return DocumentWrite(kind, id, expected, data)


def ids(claims: Claims) -> list[str]:
    """Which processes were claimed, in that order."""
    return [each.row.process_id for each in claims.taken]


def only(values: Sequence[T]) -> T:
    """The one value that must be there alone."""
    assert len(values) == 1
    return values[0]


def paths(claims: TaskClaims) -> list[str]:
    """Which tasks were taken, in that order."""
    return [each.path for each in claims.taken]


def limits(claims: TaskClaims) -> list[str]:
    """Which limits the claimed tasks ran into."""
    return [each.expired for each in claims.taken]


def said(messages: Sequence[Arrived]) -> list[bytes]:
    """What messages say."""
    return [each.data for each in messages]
