"""Checks of listening: who waits is told, after the write and on the loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from corago.ports.store import ALL_SEEN, Change, Refusal
from corago.testing.store_suite.harness import Bench, StoreChecks, check, fence, writes


class HearingChecks(StoreChecks):
    """`subscribe` and `stirred`."""

    @check
    async def test_a_listener_hears_of_a_message(self, bench: Bench) -> None:
        """Also when somebody holds the process: it is the holder who listens."""
        await bench.held()
        ears = bench.listen()
        await bench.send()
        await ears.wait("message")

    @check
    async def test_a_listener_hears_what_became_runnable(self, bench: Bench) -> None:
        """Born due, woken by a message, parked for now, or lost by its owner."""
        worker = await bench.worker()
        await bench.parked("woken")
        row = await bench.held("parked")
        await bench.held("lost", owner=worker)
        ears = bench.listen()
        await bench.start("born")
        await ears.wait("runnable", "born")
        await bench.send("woken")
        await ears.wait("runnable", "woken")
        await bench.written(row, parks=True, due_us=bench.now_us)
        await ears.wait("runnable", "parked")
        await bench.store.bury(worker)
        await ears.wait("runnable", "lost")

    @check
    async def test_a_listener_hears_of_an_end(self, bench: Bench) -> None:
        """By its holder, or by somebody who seized it."""
        p, q = await bench.held("p"), await bench.held("q")
        ears = bench.listen()
        await bench.written(p, closes=True, status="completed")
        await ears.wait("closed", "p")
        await bench.written(q, closes=True, status="aborted", seize=True)
        await ears.wait("closed", "q")

    @check
    async def test_every_listener_is_told(self, bench: Bench) -> None:
        """Several engines may share one object."""
        ears = [bench.listen() for _ in range(3)]
        await bench.start()
        for each in ears:
            await each.wait("runnable")

    @check
    async def test_a_listener_is_told_on_the_loop(self, bench: Bench) -> None:
        """It may touch what belongs to the loop, without a lock."""
        threads: list[int] = []
        bench.store.subscribe(lambda _: threads.append(threading.get_ident()))
        ears = bench.listen()
        await bench.start()
        await ears.wait("runnable")
        assert set(threads) == {threading.get_ident()}

    @check
    async def test_a_listener_that_stopped_hears_nothing(self, bench: Bench) -> None:
        """And stopping twice is harmless."""
        heard: list[Change] = []
        stop = bench.store.subscribe(heard.append)
        ears = bench.listen()
        await bench.start("p")
        await ears.wait("runnable", "p")
        stop()
        stop()
        await bench.start("q")
        await ears.wait("runnable", "q")
        assert {each.process_id for each in heard} == {"p"}

    @check
    async def test_what_was_refused_is_not_told(self, bench: Bench) -> None:
        """Neither an end that is fenced or in conflict, nor a repeated key, nor a second start."""
        row = await bench.held("p")
        early = bench.listen()
        await bench.send(key="k", digest="d")
        await early.wait("message")
        ears = bench.listen()
        stale = fence(row, epoch=9)
        refusal = await bench.append(row, closes=True, status="failed", fence=stale)
        assert refusal is Refusal.FENCED
        late: dict[str, Any] = {"closes": True, "status": "failed", "seen": ALL_SEEN}
        refusal = await bench.append(row, documents=(writes("order", "1", 7),), **late)
        assert refusal is Refusal.DOCUMENT_CONFLICT
        assert (await bench.send(key="k", digest="d")).outcome == "repeated"
        assert not (await bench.start("p")).is_new
        await bench.start("last")
        await ears.wait("runnable", "last")
        assert {each.process_id for each in ears.heard} == {"last"}

    @check
    async def test_what_is_told_is_already_written(self, bench: Bench) -> None:
        """[C06] Who is told and reads, finds it."""
        await bench.held()
        ears = bench.listen()
        sending = asyncio.ensure_future(bench.send(data=b'"a"'))
        await ears.wait("message")
        assert await bench.inbox() == [b'"a"']
        assert (await sending).outcome == "sent"

    @check
    async def test_writes_through_another_object_stir(self, bench: Bench) -> None:
        """A hint to look: it may come too often, never too seldom."""
        other = await bench.second()
        store = bench.store
        await bench.parked()
        if other is store:
            return  # one object only, so there is nobody else
        store.stirred()
        await other.send(bench.outgoing())
        assert store.stirred()
