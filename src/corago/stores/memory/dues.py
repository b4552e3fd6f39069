"""Which process of the store in memory is due next: a heap for every definition."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from corago.stores.memory.processes import KeptProcess

Entry = tuple[int, int]
"""An instant and the number of a process, which is due then unless it has moved on since."""


class Dues:
    """What waits for an instant; entries that no longer hold are passed over."""

    def __init__(self, instances: list[KeptProcess]) -> None:
        """Take all processes, in the order of their numbers; more may come."""
        self._instances = instances
        self._heaps: dict[int, list[Entry]] = {}

    def add(self, process: KeptProcess) -> None:
        """Note when a process is due, if it is."""
        if process.due_us is None:
            return
        definition = process.definition.id
        heap = self._heaps.setdefault(definition, [])
        heapq.heappush(heap, (process.due_us, process.instance))
        if len(heap) > 2 * len(self._instances) + 100:  # mostly entries that no longer hold
            heap[:] = sorted(entry for entry in set(heap) if self._holds(definition, entry))

    def _holds(self, definition: int, entry: Entry) -> bool:
        due_us, instance = entry
        process = self._instances[instance - 1]
        return (process.due_us, process.definition.id) == (due_us, definition)

    def first(self, followers: Mapping[int, int | None]) -> KeptProcess | None:
        """The first to be due of these definitions; where one has a follower, of what may fit."""
        heads: list[Entry] = []
        for definition, follower in followers.items():
            heap = self._heaps.get(definition, [])
            while heap and not self._holds(definition, heap[0]):
                heapq.heappop(heap)
            heads += heap[:1] if follower is None else self._fitting(definition, follower)
        return self._instances[min(heads)[1] - 1] if heads else None

    def _fitting(self, definition: int, follower: int) -> Iterator[Entry]:
        for entry in self._heaps.get(definition, []):
            unfit = self._instances[entry[1] - 1].unfit
            if self._holds(definition, entry) and (unfit is None or unfit < follower):
                yield entry
