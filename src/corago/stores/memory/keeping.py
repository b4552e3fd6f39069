"""What the store in memory keeps, how it is read, and who hears of it. Knows no lease."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import msgspec

from corago.clock import Clock, to_us
from corago.errors import EngineClosedError
from corago.ports.store import (
    Arrived,
    Blob,
    Change,
    Definition,
    DocumentVersion,
    Instance,
    Loaded,
    Peer,
    Query,
    StandingTask,
    Task,
)
from corago.stores.memory.dues import Dues
from corago.stores.memory.processes import KeptProcess, matches
from corago.stores.memory.tasks import KeptTasks


class Keeping:
    """The store in memory, but for what processes, messages and workers do to it."""

    url = "memory://"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._opens = 0
        self._definitions: list[Definition] = []
        self._processes: dict[str, KeptProcess] = {}
        self._instances: list[KeptProcess] = []
        self._dues = Dues(self._instances)
        self._lent: dict[int, KeptProcess] = {}
        self._workers: dict[int, Peer] = {}
        self._worker_ids = 0
        self._documents: dict[tuple[str, str], list[DocumentVersion]] = {}
        self._tasks = KeptTasks()
        self._blobs: dict[str, bytes] = {}
        self._sequence = 0
        self._paused = False
        self._listeners: list[Callable[[Change], None]] = []

    # ------------------------------------------------------------------ opening, closing, hearing

    async def open(self) -> None:
        self._opens += 1

    async def close(self) -> None:
        self._opens = max(0, self._opens - 1)

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        self._listeners.append(listener)
        return stop

    def stirred(self) -> bool:
        return False

    def _check_open(self) -> None:
        if not self._opens:
            raise EngineClosedError("this store in memory is not open; `open` comes first")

    def _tell(self, kind: str, process: KeptProcess) -> None:
        for listener in tuple(self._listeners):
            listener(Change(kind, process.id))

    def _now_us(self) -> int:
        return to_us(self._clock.now())

    # ------------------------------------------------------------------------------- definitions

    async def define(self, definition: Definition) -> int:
        self._check_open()
        for known in self._definitions:
            if _identity(known) == _identity(definition):
                return known.id
        fresh = msgspec.structs.replace(definition, id=len(self._definitions) + 1)
        self._definitions.append(fresh)
        return fresh.id

    def _definition(self, id_: int) -> Definition:
        return self._definitions[id_ - 1]

    async def definitions(self, name: str | None = None) -> list[Definition]:
        self._check_open()
        return [each for each in self._definitions if name is None or each.name == name]

    # ------------------------------------------------------------------------------------- reading

    async def load(self, process_id: str) -> Loaded | None:
        self._check_open()
        process = self._processes.get(process_id)
        return None if process is None else self._loaded(process)

    async def messages(self, instance: int, after: int) -> list[Arrived]:
        self._check_open()
        process = self._at(instance)
        return [] if process is None else [each for each in process.inbox if each.seq > after]

    async def events(
        self, process_id: str, after: int = 0, limit: int | None = None, run: int | None = None
    ) -> list[bytes]:
        self._check_open()
        process = self._processes.get(process_id)
        if process is None:
            return []
        return process.events_of(run)[after : None if limit is None else after + limit]

    async def find(self, query: Query) -> list[Instance]:
        self._check_open()
        older = self._instances
        if query.after is not None:
            last = self._processes.get(query.after)
            older = [] if last is None else older[: last.instance - 1]
        return list(itertools.islice(self._matching(query, older), query.limit))

    async def count(self, query: Query) -> dict[str, int]:
        self._check_open()
        counts: dict[str, int] = {}
        for row in self._matching(query, self._instances):
            counts[row.status] = counts.get(row.status, 0) + 1
        return counts

    def _matching(self, query: Query, among: list[KeptProcess]) -> Iterator[Instance]:
        for process in reversed(among):
            row = process.row(self._owner_name(process))
            if matches(query, row):
                yield row

    async def document(self, kind: str, id: str) -> list[DocumentVersion]:
        self._check_open()
        return list(self._documents.get((kind, id), []))

    async def blobs(self, shas: Sequence[str]) -> list[Blob]:
        self._check_open()
        return [Blob(sha, self._blobs[sha]) for sha in set(shas) & self._blobs.keys()]

    async def peers(self) -> list[Peer]:
        self._check_open()
        return list(self._workers.values())

    async def held_tasks(self, worker: int) -> dict[int, bool]:
        self._check_open()
        return {task.number: task.stops for task in self._tasks.held(worker)}

    async def read_task(self, number: int) -> Task | None:
        self._check_open()
        kept = self._tasks.all.get(number)
        return None if kept is None else kept.told(self._now_us())

    async def tasks_of(self, process_id: str) -> list[StandingTask]:
        self._check_open()
        names = {id: peer.name for id, peer in self._workers.items()}
        found = (task for task in self._tasks.all.values() if task.process.id == process_id)
        return [task.standing(names) for task in found]

    def _at(self, instance: int) -> KeptProcess | None:
        return self._instances[instance - 1] if 0 < instance <= len(self._instances) else None

    def _loaded(self, process: KeptProcess) -> Loaded:
        return process.loaded(self._owner_name(process))

    def _owner_name(self, process: KeptProcess) -> str | None:
        peer = None if process.owner is None else self._workers.get(process.owner)
        return None if peer is None else peer.name


def _identity(definition: Definition) -> tuple[str, int, str]:
    return definition.name, definition.version, definition.sha
