"""The histories that deciders look back on: read when one does, and kept while there is room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corago.core.calls import Answer, Calls, LiveCalls, Past, RecordedCalls
from corago.core.events import Event
from corago.core.process import Process
from corago.core.program import Program
from corago.ports.backend import Backend

ROOM = 200_000
"""So many events a worker keeps of processes that it does not hold at the moment."""


class Pasts:
    """Those of one worker.

    What its turns have in their hands comes on top of `room`, which counts events.
    """

    def __init__(self, backend: Backend, room: int = ROOM) -> None:
        """Nothing is known yet."""
        self._backend = backend
        self._room = room
        self._kept: dict[str, tuple[int, Past]] = {}
        self._count = 0
        self._looking: set[str] = set()

    def looks_back(self, sha: str) -> bool:
        """Whether a decider of this definition has looked back before."""
        return sha in self._looking

    def of(self, process: Process) -> Past:
        """The history of a process, for a turn; it has not been read unless all of it is known."""
        run, past = self._kept.get(process.id, (0, None))
        if past is None or (run, len(past.events)) != (process.run, process.position):
            return Past()
        self._forget(process.id)
        return past

    async def read(self, process: Process, past: Past) -> bool:
        """Read a history up to where the process stands: its definition looks back.

        Gives True. Raises StoreError.
        """
        self._looking.add(process.sha)
        run, before = self._kept.get(process.id, (0, None))
        known = () if before is None or run != process.run else before.events
        fresh = await self._backend.events(process.id, len(known), process.run)
        past.fill([*known, *fresh])
        return True

    def keep(self, process: Process, past: Past) -> None:
        """Keep a history for the next turn; those make room that nobody has asked for longest."""
        self._forget(process.id)
        if process.is_closed or not past.is_read or len(past.events) > self._room:
            return
        self._kept[process.id] = (process.run, past)
        self._count += len(past.events)
        while self._count > self._room:
            self._forget(next(iter(self._kept)))

    def _forget(self, process_id: str) -> None:
        _, past = self._kept.pop(process_id, (0, None))
        self._count -= 0 if past is None else len(past.events)


async def history_of(backend: Backend, process: Process) -> list[Event]:
    """The history of a process up to where it stands. Raises StoreError."""
    events = await backend.events(process.id, 0, process.run)
    return events[: process.position]


def unasking(program: Program[Any], functions: Mapping[str, Any]) -> Calls:
    """Calls for finding out what stands open: they ask no decider what follows."""
    if program.batch:
        return RecordedCalls([Answer("decide", [])], Past(()))
    return LiveCalls(functions)
