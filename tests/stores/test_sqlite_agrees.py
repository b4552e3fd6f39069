"""Whatever is done to them, the store in SQLite and the store in memory answer alike."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from corago.ports.store import (
    Append,
    Blob,
    Change,
    Fence,
    Instance,
    Loaded,
    NewProcess,
    NewTask,
    Outgoing,
    Peer,
    Query,
    Store,
    Task,
)
from corago.stores.memory import MemoryStore
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.inspect import ENDED_FOR_GOOD, check
from corago.testing.clock import VirtualClock
from corago.testing.store_suite.harness import blob, definition, writes

NAMES = ("p", "q", "r")
CHILDREN = (*NAMES, "c1", "c2", "c3", "c4")
PATHS = ("a", "b")
QUEUES = ("mail", "print", "")
STATUSES = ("running", "waiting", "suspended")
ENDS = ("completed", "failed", "aborted")

BLOBS = (blob(b"one"), blob(b"\xff"), blob(b""))

Draw = st.DrawFn
Act = Callable[["Pair"], Coroutine[Any, Any, None]]


class Pair:
    """Two stores on one clock: everything is done to both, and all that they say is compared."""

    def __init__(self, path: Path) -> None:
        self.clock = VirtualClock()
        self.memory: Store = MemoryStore(self.clock)
        self.sqlite: Store = SqliteStore(path, self.clock)
        self.heard: list[list[Change]] = [[], []]
        self.tasks: list[Task] = []
        self.memory.subscribe(self.heard[0].append)
        self.sqlite.subscribe(self.heard[1].append)

    @property
    def now_us(self) -> int:
        return int(self.clock.now().timestamp() * 1_000_000)

    async def both(self, call: Callable[[Store], Coroutine[Any, Any, Any]]) -> Any:
        expected, found = await call(self.memory), await call(self.sqlite)
        assert _told(found) == _told(expected)
        return expected

    async def row(self, name: str) -> Instance | None:
        loaded: Loaded | None = await self.both(lambda store: store.load(name))
        return None if loaded is None else loaded.row

    async def compare(self) -> None:
        """Everything that can be read."""
        for name in CHILDREN:
            await self.row(name)
            for run in (None, 1, 2):
                asked = name, 0, None, run
                await self.both(lambda store, asked=asked: store.events(*asked))  # type: ignore[misc]
            await self.both(lambda store, name=name: store.tasks_of(name))  # type: ignore[misc]
            documents = "order", name
            await self.both(lambda store, key=documents: store.document(*key))  # type: ignore[misc]
        tagged = (Query(tag="red"), Query(tag="big"))
        for query in (Query(), Query(status="failed"), Query(owner=1), *tagged):
            await self.both(lambda store, query=query: store.find(query))  # type: ignore[misc]
            await self.both(lambda store, query=query: store.count(query))  # type: ignore[misc]
        for worker in (1, 2, 3):
            await self.both(lambda store, worker=worker: store.held_tasks(worker))  # type: ignore[misc]
        for number in {each.task for each in self.tasks}:
            await self.both(lambda store, number=number: store.read_task(number))  # type: ignore[misc]
        await self.both(lambda store: store.blobs([each.sha for each in BLOBS]))
        await self.both(lambda store: store.peers())
        assert self.heard[1] == self.heard[0]


def _told(answer: Any) -> Any:
    """An answer without what only a store with files can know."""
    if isinstance(answer, list) and answer and isinstance(answer[0], Peer):
        return [(each.id, each.name, each.beat) for each in answer]
    if isinstance(answer, list) and answer and isinstance(answer[0], Blob):
        return sorted(answer, key=lambda each: each.sha)
    return answer


def blobs() -> st.SearchStrategy[tuple[Blob, ...]]:
    return st.sampled_from(((), (), (), (BLOBS[0],), BLOBS[1:]))


@st.composite
def outgoing(draw: Draw, names: tuple[str, ...] = NAMES) -> Outgoing:
    name = draw(st.sampled_from(names))
    key = draw(st.sampled_from((None, None, "k", "l")))
    digest = draw(st.sampled_from(("d", "e")))
    return Outgoing(name, b'"hello"', key, digest, draw(st.booleans()), draw(blobs()))


@st.composite
def starts(draw: Draw) -> Act:
    name = draw(st.sampled_from(NAMES))
    owner = draw(st.none() | st.integers(1, 3))
    of = draw(st.integers(1, 2))
    sha = draw(st.sampled_from(("one", "two")))
    tags = draw(st.sampled_from(((), ("red",), ("red", "big", "red"))))
    large = draw(blobs())

    async def act(pair: Pair) -> None:
        at_us = pair.now_us
        new = NewProcess(name, of, sha, b'"started"', at_us, owner=owner, tags=tags, blobs=large)
        await pair.both(lambda store: store.start(new))

    return act


@st.composite
def sends(draw: Draw) -> Act:
    message = draw(outgoing())

    async def act(pair: Pair) -> None:
        await pair.both(lambda store: store.send(message))

    return act


@st.composite
def limits(draw: Draw) -> Callable[[int], dict[str, Any]]:
    """Limits of a task; often none."""
    activity = draw(st.sampled_from(("", "Pay", "Ship")))
    details = draw(st.sampled_from((b"", b"0")))
    start, close, run, beat = (draw(st.sampled_from((None, None, 1, 2, 3))) for _ in range(4))

    def at(now_us: int) -> dict[str, Any]:
        return {
            "activity": activity,
            "details": details,
            "start_by_us": None if start is None else now_us + start * 10**6,
            "close_by_us": None if close is None else now_us + close * 2 * 10**6,
            "run_us": None if run is None else run * 10**6,
            "beat_us": None if beat is None else beat * 10**6,
        }

    return at


@st.composite
def more(draw: Draw) -> Callable[[int], dict[str, Any]]:
    """What may go with a commit; usually nothing."""
    if draw(st.sampled_from((True, True, False))):
        return lambda _: {}
    births = draw(st.lists(st.sampled_from(CHILDREN[2:]), max_size=2))
    tasks = draw(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(QUEUES)), max_size=2))
    due_in = draw(st.sampled_from((0, 0, 3)))
    limited = draw(limits())
    said = {
        "sends": tuple(draw(st.lists(outgoing(CHILDREN), max_size=2))),
        "blobs": draw(blobs()),
        "cancels": tuple(draw(st.lists(st.sampled_from(PATHS), max_size=1))),
        "drops": tuple(draw(st.lists(st.sampled_from(PATHS), max_size=1))),
        "definition": draw(st.sampled_from((None, None, 1, 2))),
        "unfit": draw(st.sampled_from((None, None, 1, 2))),
        "lost_owner": draw(st.sampled_from((None, None, "zoe"))),
        "failures": draw(st.sampled_from((0, 0, 1, 2))),
        "tags": draw(st.sampled_from((None, None, (), ("big",), ("red", "big")))),
        "renews": draw(st.sampled_from((None, None, b'"next"'))),
    }

    def at(now_us: int) -> dict[str, Any]:
        due_us = now_us + due_in * 1_000_000
        return {
            **said,
            "births": tuple(NewProcess(each, 1, "sha", b'"born"', due_us) for each in births),
            "tasks": tuple(
                NewTask(path, queue, due_us, b"{}", **limited(now_us)) for path, queue in tasks
            ),
        }

    return at


@st.composite
def queues_up(draw: Draw) -> Act:
    """A task that is put by whoever may, and taken."""
    name, path = draw(st.sampled_from(NAMES)), draw(st.sampled_from(PATHS))
    queue, worker = draw(st.sampled_from(QUEUES)), draw(st.integers(1, 3))
    cancels = draw(st.sampled_from(((), PATHS)))
    limited = draw(limits())

    async def act(pair: Pair) -> None:
        row = await pair.row(name)
        assert row is not None
        if row.status in ENDED_FOR_GOOD:
            return  # nobody puts tasks for what has ended
        fence = Fence(row.instance, row.run, row.owner, row.epoch, row.position)
        task = NewTask(path, queue, pair.now_us, b"{}", **limited(pair.now_us))
        append = Append(fence, pair.now_us, row.status, tasks=(task,))
        await pair.both(lambda store: store.append(append))
        claims = await pair.both(lambda store: store.claim_tasks(worker, QUEUES, [1, 2], 2))
        pair.tasks += claims.taken
        marking = Append(fence, pair.now_us, row.status, cancels=cancels)
        await pair.both(lambda store: store.append(marking))

    return act


@st.composite
def appends(draw: Draw) -> Act:
    name = draw(st.sampled_from(NAMES))
    events = tuple(b'"%d"' % n for n in range(draw(st.integers(0, 3))))
    how = draw(st.sampled_from(("keeps", "keeps", "keeps", "parks", "parks", "closes")))
    due_in = draw(st.sampled_from((None, -1, 0, 5)))
    seize = draw(st.integers(0, 9)) == 0
    wrong = draw(st.sampled_from((None,) * 16 + ("owner", "epoch", "position", "run")))
    consumes, sees = draw(st.booleans()), draw(st.integers(0, 9)) > 1
    snapshot = draw(st.sampled_from((None, None, b'"s"')))
    external = draw(st.sampled_from((None, None, b'{"x":1}')))
    expected = draw(st.sampled_from((None,) * 8 + (0, 0, 1, 2)))
    status = draw(st.sampled_from(ENDS if how == "closes" else STATUSES))
    rest = draw(more())

    async def act(pair: Pair) -> None:
        row = await pair.row(name)
        if row is None:
            return
        belief: dict[str, Any] = {
            "instance": row.instance,
            "run": row.run,
            "owner": None if seize and how == "keeps" else row.owner,
            "epoch": row.epoch,
            "position": row.position,
        }
        if wrong is not None and not (seize and wrong == "owner"):  # it would take it as true
            belief[wrong] = (belief[wrong] or 0) + 1
        append = Append(
            Fence(**belief),
            pair.now_us,
            status,
            events,
            consumed=row.inbox_head if consumes else row.consumed,
            seen=row.inbox_head if sees else max(0, row.inbox_head - 1),
            parks=how == "parks",
            closes=how == "closes",
            due_us=None if due_in is None else pair.now_us + due_in * 1_000_000,
            snapshot=snapshot,
            snapshot_tag="" if snapshot is None else "tag",
            external=external,
            documents=() if expected is None else (writes("order", name, expected),),
            seize=seize,
            **rest(pair.now_us),
        )
        if append.closes:
            append = replace(append, renews=None)  # an end is no beginning
        await pair.both(lambda store: store.append(append))

    return act


@st.composite
def claims(draw: Draw) -> Act:
    worker, limit = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    of = draw(st.sampled_from(([1, 2], [1], [2], [])))
    heirs = draw(st.sampled_from(([], [], [(1, 2)], [(2, 3), (2, 1), (1, 1)])))
    seconds = draw(st.sampled_from((None, None, 0, 2, 4)))

    async def act(pair: Pair) -> None:
        until_us = None if seconds is None else pair.now_us + seconds * 10**6
        await pair.both(lambda store: store.claim(worker, of, limit, heirs, until_us))

    return act


@st.composite
def takes(draw: Draw) -> Act:
    worker, limit = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    of = draw(st.sampled_from(([1, 2], [1], [2], [])))
    queues = draw(st.sampled_from((QUEUES, QUEUES[:1], ())))
    named = draw(st.sampled_from(((), (), ("Pay",), None)))

    async def act(pair: Pair) -> None:
        asked = worker, queues, of, limit, named
        claims = await pair.both(lambda store: store.claim_tasks(*asked))
        pair.tasks += claims.taken

    return act


@st.composite
def completes(draw: Draw) -> Act:
    worker, which, large = draw(workers()), draw(st.integers(1, 4)), draw(blobs())

    async def act(pair: Pair) -> None:
        if pair.tasks:
            done = pair.tasks[-which:][0], worker, b'"done"', large
            await pair.both(lambda store: store.complete_task(*done))

    return act


def workers() -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(1, 3)


@st.composite
def goes_on(draw: Draw) -> Act:
    """A heartbeat, or a task that is detached."""
    worker, which = draw(workers()), draw(st.integers(1, 4))
    details = draw(st.sampled_from((None, b"1", b"2")))
    detaches = draw(st.booleans())

    async def act(pair: Pair) -> None:
        if not pair.tasks:
            return
        task = pair.tasks[-which:][0]
        holder = task.owner or 1
        if detaches:
            await pair.both(lambda store: store.detach_task(task, holder))
        beat = task, worker, details
        await pair.both(lambda store: store.heartbeat_task(*beat))
        await pair.both(lambda store: store.read_task(task.task))

    return act


@st.composite
def returns(draw: Draw) -> Act:
    worker, which, seconds = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 4)),
        draw(st.integers(0, 5)),
    )

    async def act(pair: Pair) -> None:
        back = worker, [each.task for each in pair.tasks[-which:]], pair.now_us + seconds * 10**6
        await pair.both(lambda store: store.return_tasks(*back))

    return act


@st.composite
def lives(draw: Draw) -> Act:
    worker = draw(st.none() | st.integers(1, 3))
    beat = draw(st.none() | st.integers(1, 2))
    does = draw(st.sampled_from(("beats", "beats", "buries")))

    async def act(pair: Pair) -> None:
        if does == "buries":
            await pair.both(lambda store: store.bury(worker or 1, beat))
        else:
            await pair.both(lambda store: store.beat("ann", worker))

    return act


@st.composite
def waits(draw: Draw) -> Act:
    seconds, pause = draw(st.integers(0, 6)), draw(st.sampled_from((None, None, False, True)))

    async def act(pair: Pair) -> None:
        pair.clock.advance(seconds)
        await pair.both(lambda store: store.pause(pause))

    return act


ACTS = st.one_of(
    *(starts(), sends(), sends(), appends(), appends(), appends(), claims(), lives()),
    *(queues_up(), takes(), completes(), completes(), returns(), goes_on()),
)


@pytest.mark.slow
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.lists(ACTS | waits(), min_size=10, max_size=40))
def test_both_stores_answer_alike_whatever_is_done(acts: list[Act]) -> None:
    async def run(path: Path) -> None:
        pair = Pair(path)
        await pair.memory.open()
        await pair.sqlite.open()
        await pair.both(lambda store: store.define(definition("greet")))
        await pair.both(lambda store: store.define(definition("part")))
        for name, of in zip(NAMES, (1, 2, 1), strict=True):
            await pair.both(lambda store: store.beat("ann"))
            new = NewProcess(name, of, "one", b'"started"', pair.now_us, owner=1)
            await pair.both(lambda store, new=new: store.start(new))  # type: ignore[misc]
        for act in acts:
            await act(pair)
        await pair.compare()
        await pair.sqlite.close()
        assert check(path, contents=False) == []

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "work.db"))
