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

from corago.ports.store import (
    Append,
    Change,
    Fence,
    Instance,
    Loaded,
    NewProcess,
    Outgoing,
    Peer,
    Query,
    Store,
)
from corago.stores.memory import MemoryStore
from corago.stores.sqlite import SqliteStore
from corago.stores.sqlite.inspect import check
from corago.testing.clock import VirtualClock
from corago.testing.store_suite.harness import definition, writes

NAMES = ("p", "q", "r")
STATUSES = ("running", "waiting", "suspended")
ENDS = ("completed", "failed", "aborted")

Draw = st.DrawFn
Act = Callable[["Pair"], Coroutine[Any, Any, None]]


class Pair:
    """Two stores on one clock: everything is done to both, and all that they say is compared."""

    def __init__(self, path: Path) -> None:
        self.clock = VirtualClock()
        self.memory: Store = MemoryStore(self.clock)
        self.sqlite: Store = SqliteStore(path, self.clock)
        self.heard: list[list[Change]] = [[], []]
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
        for name in NAMES:
            await self.row(name)
            await self.both(lambda store, name=name: store.events(name))  # type: ignore[misc]
            documents = "order", name
            await self.both(lambda store, key=documents: store.document(*key))  # type: ignore[misc]
        for query in (Query(), Query(status="failed"), Query(tag="red"), Query(owner=1)):
            await self.both(lambda store, query=query: store.find(query))  # type: ignore[misc]
            await self.both(lambda store, query=query: store.count(query))  # type: ignore[misc]
        await self.both(lambda store: store.peers())
        assert self.heard[1] == self.heard[0]


def _told(answer: Any) -> Any:
    """An answer without what only a store with files can know."""
    if isinstance(answer, list) and answer and isinstance(answer[0], Peer):
        return [(each.id, each.name, each.beat) for each in answer]
    return answer


@st.composite
def starts(draw: Draw) -> Act:
    name = draw(st.sampled_from(NAMES))
    owner = draw(st.none() | st.integers(1, 3))
    of = draw(st.integers(1, 2))
    sha = draw(st.sampled_from(("one", "two")))
    tags = draw(st.sampled_from(((), ("red",), ("red", "big", "red"))))

    async def act(pair: Pair) -> None:
        new = NewProcess(name, of, sha, b'"started"', pair.now_us, owner=owner, tags=tags)
        await pair.both(lambda store: store.start(new))

    return act


@st.composite
def sends(draw: Draw) -> Act:
    name = draw(st.sampled_from(NAMES))
    key = draw(st.sampled_from((None, None, "k", "l")))
    digest = draw(st.sampled_from(("d", "e")))
    reopens = draw(st.booleans())

    async def act(pair: Pair) -> None:
        message = Outgoing(name, b'"hello"', key, digest, reopens)
        await pair.both(lambda store: store.send(message))

    return act


@st.composite
def appends(draw: Draw) -> Act:
    name = draw(st.sampled_from(NAMES))
    events = tuple(b'"%d"' % n for n in range(draw(st.integers(0, 3))))
    how = draw(st.sampled_from(("keeps", "keeps", "keeps", "parks", "parks", "closes")))
    due_in = draw(st.sampled_from((None, -1, 0, 5)))
    seize = how != "keeps" and draw(st.integers(0, 9)) == 0
    wrong = draw(st.sampled_from((None,) * 8 + ("owner", "epoch", "position", "run")))
    consumes, sees = draw(st.booleans()), draw(st.integers(0, 9)) > 1
    snapshot = draw(st.sampled_from((None, None, b'"s"')))
    external = draw(st.sampled_from((None, None, b'{"x":1}')))
    expected = draw(st.sampled_from((None, None, 0, 1, 2)))
    status = draw(st.sampled_from(ENDS if how == "closes" else STATUSES))

    async def act(pair: Pair) -> None:
        row = await pair.row(name)
        if row is None:
            return
        belief = {
            "instance": row.instance,
            "run": row.run,
            "owner": row.owner or 0,
            "epoch": row.epoch,
            "position": row.position,
        }
        if wrong is not None:
            belief[wrong] += 1
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
        )
        await pair.both(lambda store: store.append(append))

    return act


@st.composite
def claims(draw: Draw) -> Act:
    worker, limit = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    of = draw(st.sampled_from(([1, 2], [1], [2], [])))

    async def act(pair: Pair) -> None:
        await pair.both(lambda store: store.claim(worker, of, limit))

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


ACTS = st.one_of(starts(), sends(), sends(), appends(), appends(), appends(), claims(), lives())


@pytest.mark.slow
@settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.lists(ACTS | waits(), min_size=10, max_size=40))
def test_both_stores_answer_alike_whatever_is_done(acts: list[Act]) -> None:
    async def run(path: Path) -> None:
        pair = Pair(path)
        await pair.memory.open()
        await pair.sqlite.open()
        await pair.both(lambda store: store.define(definition("greet")))
        await pair.both(lambda store: store.define(definition("part")))
        await pair.both(lambda store: store.beat("ann"))
        for act in acts:
            await act(pair)
        await pair.compare()
        await pair.sqlite.close()
        assert check(path) == []

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "work.db"))
