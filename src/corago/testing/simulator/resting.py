"""Whether a simulated world rests, as its disk tells: nothing is held and nothing is due."""

from __future__ import annotations

from datetime import datetime

from corago.clock import NEVER, from_us, to_us
from corago.core.events import CLOSED_STATUSES
from corago.ports.store import Query, Store

_ALL = 100_000


async def next_instant(store: Store, now: datetime) -> datetime | None:
    """The next instant that a process waits for; NEVER if none does, None while one works."""
    now_us = to_us(now)
    instants: list[int] = []
    for row in await store.find(Query(limit=_ALL)):
        if row.status in CLOSED_STATUSES:
            continue
        is_awaited = row.epoch == 0 or row.inbox_head > row.consumed
        if is_awaited and row.due_us is not None:
            return None  # a calendar that went back may let it wait, but it is no wait of its own
        tasks = await store.tasks_of(row.process_id)
        if row.owner is not None or any(task.owner is not None for task in tasks):
            return None
        due = [row.due_us, *(at for task in tasks for at in (task.due_us, task.expires_us))]
        instants += [each for each in due if each is not None]
    first = min(instants, default=None)
    if first is None:
        return NEVER
    return from_us(first) if first > now_us else None
