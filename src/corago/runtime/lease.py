"""A worker's lease: renewed in time or given up for lost, and the judgement over its peers.

Sets one alarm and loops nowhere; the worker calls it again and again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from corago.errors import StoreError
from corago.ports.backend import Backend

_log = logging.getLogger("corago.worker")


class Lease:
    """The lease of the worker `id`, `seconds` long; `lost` is called when it is gone.

    `fresh_until` is two thirds of its length after it was renewed, by the loop's own time, which
    no calendar moves; nothing new may start from then on, or once it is lost.
    """

    def __init__(
        self,
        backend: Backend,
        name: str,
        seconds: float,
        lost: Callable[[], None],
    ) -> None:
        """Nothing is registered yet: `enlist` does that."""
        self.id = 0
        self.seconds = seconds
        self.is_lost = False
        self._backend = backend
        self._name = name
        self._lost = lost
        self.fresh_until = 0.0
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._seen_beats: dict[int, tuple[int, float]] = {}

    @property
    def is_fresh(self) -> bool:
        """Whether it was renewed not long ago."""
        return self._loop.time() < self.fresh_until

    # -- one's own ---------------------------------------------------------------------------

    async def enlist(self) -> None:
        """Register as a new worker. Raises StoreError."""
        before = self._loop.time()
        self.id = await self._backend.heartbeat(self._name)
        self.is_lost = False
        self._renewed(before)

    async def renew(self) -> bool:
        """Renew it; without one, register as another worker. Raises StoreError.

        Gives whether meanwhile nothing might start, so that whatever was held back may go on now.
        """
        before = self._loop.time()
        was_fresh = self.is_fresh
        if not self.is_lost:
            try:
                is_known = bool(await self._backend.heartbeat(self._name, self.id))
            except StoreError as error:
                _log.warning("%s could not renew its lease: %s", self._name, error)
            else:
                if is_known and not self.is_lost:
                    self._renewed(before)
                elif not is_known:
                    self._lose()
            if not self.is_fresh:
                self._lose()
        if self.is_lost:
            await self._backend.bury(self.id)
            await self.enlist()
        return not was_fresh

    async def leave(self) -> None:
        """Take leave of the store, which frees what is still held; never raises for its errors."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self.id:
            try:
                await self._backend.bury(self.id)
            except StoreError as error:
                _log.warning("could not take leave of the store: %s; the lease runs out", error)
        self.id = 0

    def _renewed(self, at: float) -> None:
        self.fresh_until = at + self.seconds * 2 / 3
        self._call_within(self.fresh_until - self._loop.time(), self._run_out)

    def _run_out(self) -> None:
        """It is fresh no longer; a beat that is under way is given a moment."""
        if not self.is_fresh:
            self._call_within(self.seconds / 10, self._give_up)

    def _give_up(self) -> None:
        if not self.is_fresh:
            self._lose()

    def _call_within(self, seconds: float, call: Callable[[], None]) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_later(max(0.0, seconds), call)

    def _lose(self) -> None:
        if not self.is_lost:
            self.is_lost, self.fresh_until = True, 0.0
            _log.error("%s lost its lease; what it ran is stopped and taken up again", self._name)
            self._lost()

    # -- the others' -------------------------------------------------------------------------

    async def look_at_peers(self) -> bool:
        """Bury workers whose death is proven, or who are silent for too long.

        Silent is a counter that stood still for a lease by our own loop's time. Gives whether
        somebody was buried. Raises StoreError.
        """
        before = self._loop.time()
        peers = await self._backend.peers()
        after = self._loop.time()
        known, self._seen_beats = self._seen_beats, {}
        is_anybody_gone = False
        for peer in peers:
            if peer.id == self.id:
                continue
            beat, since = known.get(peer.id, (-1, after))
            if beat != peer.beat:
                since = after  # what was seen may be as young as this
            self._seen_beats[peer.id] = (peer.beat, since)
            if peer.is_dead or before - since >= self.seconds:
                freed = await self._backend.bury(peer.id, peer.beat)
                is_anybody_gone = True
                _log.info("worker %s is gone; %d processes are taken up", peer.name, freed)
        return is_anybody_gone
