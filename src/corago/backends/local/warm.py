"""Processes that were let go of last: whoever takes one again need not fold it anew.

A history is only ever added to, so a row's run and position say which snapshot is its own.
"""

from __future__ import annotations

from collections import OrderedDict

from corago.core.tasks import DecisionTask
from corago.ports.store import Instance


class Warm:
    """Tasks as they were parked, up to so many bytes of rows; the oldest go first."""

    def __init__(self, limit: int) -> None:
        """Take the limit in bytes of what a task would be folded from."""
        self._limit = limit
        self._tasks: OrderedDict[int, DecisionTask] = OrderedDict()
        self._size = 0

    def keep(self, task: DecisionTask) -> None:
        """It was let go of as it is, and may be taken again."""
        self.forget(task.instance)
        self._tasks[task.instance] = task
        self._size += _size(task)
        while self._size > self._limit:
            self._size -= _size(self._tasks.popitem(last=False)[1])

    def forget(self, instance: int) -> None:
        """Nobody will take it again."""
        known = self._tasks.pop(instance, None)
        self._size -= 0 if known is None else _size(known)

    def clear(self) -> None:
        """Forget all: the store may be another one."""
        self._tasks.clear()
        self._size = 0

    def find(self, row: Instance) -> DecisionTask | None:
        """The task of a row that still stands where it was let go of, by the same definition."""
        known = self._tasks.get(row.instance)
        if known is None:
            return None
        process = known.snapshot.process
        is_same = (process.run, process.position, known.sha) == (row.run, row.position, row.sha)
        return known if is_same else None


def _size(task: DecisionTask) -> int:
    return task.saved + task.unsaved
