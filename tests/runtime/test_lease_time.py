"""By which instant a lease counts, and a peer is judged, when the store takes its time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corago.ports.store import Peer
from corago.runtime.lease import Lease
from tests.runtime.stage import Stage

SECONDS = 15.0


class Slow:
    """A store that takes so long to answer, and knows a peer that has stopped beating."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.buried: list[tuple[int, int | None]] = []

    async def heartbeat(self, name: str, worker: int | None = None) -> int:
        await asyncio.sleep(self.seconds)
        return 1

    async def peers(self) -> list[Peer]:
        await asyncio.sleep(self.seconds)
        return [Peer(2, "silent", 7)]

    async def bury(self, worker: int, beat: int | None = None) -> int:
        self.buried.append((worker, beat))
        return 0


def lease_of(store: Any) -> Lease:
    return Lease(store, "w", SECONDS, lambda: None)


def test_a_lease_counts_from_the_question_and_not_from_the_answer() -> None:
    stage, store = Stage(), Slow()

    async def story() -> None:
        lease = lease_of(store)
        store.seconds = 4.0
        await lease.enlist()
        assert lease.fresh_until == pytest.approx(SECONDS * 2 / 3)
        await lease.renew()
        assert lease.fresh_until == pytest.approx(4.0 + SECONDS * 2 / 3)

    stage.run(story())


def test_a_peer_is_silent_from_the_question_on_and_buried_by_the_beat_that_was_seen() -> None:
    stage, store = Stage(), Slow()

    async def story() -> None:
        lease = lease_of(store)
        await lease.look_at_peers()
        await asyncio.sleep(6)
        store.seconds = 12.0
        assert not await lease.look_at_peers()
        assert store.buried == []
        store.seconds = 0.0
        assert await lease.look_at_peers()
        assert store.buried == [(2, 7)]

    stage.run(story())
