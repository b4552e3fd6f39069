"""What steps and activities did, written down outside the store, with the rules of every start."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from corago.activity import current
from corago.core import codec
from corago.core import events as e
from corago.core.history import History
from corago.ports.store import Query, Store
from corago.testing.simulator.sights import at_once

MANY = 1000
"""No world has so many processes."""

Use = tuple[str, int, str, int]
"""What a process does at a place once: the process, its run, the path and the occurrence."""


@dataclass
class Ledger:
    """The world outside: each start of an attempt, and what was wrong with it."""

    store: Store | None = None
    starts: Counter[tuple[Use, int]] = field(default_factory=Counter)
    keys: dict[str, Use] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def rows(self) -> Store:
        """The common store, which is looked at without an engine."""
        assert self.store is not None, "the world has not begun"
        return self.store

    # -- looking -----------------------------------------------------------------------------

    def processes(self) -> list[Any]:
        """The rows of all processes, by id."""
        rows = at_once(self.rows.find(Query(limit=MANY)))
        return sorted(rows, key=lambda row: str(row.process_id))

    def history(self, process_id: str, run: int | None = None) -> History:
        """What was recorded of a process."""
        return History(map(codec.decode_event, at_once(self.rows.events(process_id, run=run))))

    def histories(self) -> Iterator[tuple[str, int, History]]:
        """Every run of every process."""
        for row in self.processes():
            for run in range(1, row.run + 1):
                yield row.process_id, run, self.history(row.process_id, run)

    def was_set_aside(self, process_id: str | None = None) -> bool:
        """Whether so many workers vanished with a process, or with any, that a person had to act.

        What comes after that is a person's doing, and nothing of it can be foretold.
        """
        return any(
            each.error.type in ("PoisonProcess", "PoisonStep")
            for id, _, history in self.histories()
            if process_id in (None, id)
            for each in history.of(e.ProcessSuspended)
        )

    def version(self, kind: str, id: str) -> int:
        """How many versions a document has."""
        return len(at_once(self.rows.document(kind, id)))

    # -- writing -----------------------------------------------------------------------------

    def begin(
        self, *, at_most_once: bool = False, is_queued: bool = False, after: Iterable[str] = ()
    ) -> None:
        """An attempt begins here; what is named by `after` must have been recorded before."""
        here = current()
        use = (here.process_id, here.run, here.path, here.occurrence)
        name = f"attempt {here.attempt} of {here.path} (use {here.occurrence}) of {use[0]}"
        self.starts[use, here.attempt] += 1
        if self.keys.setdefault(here.idempotency_key, use) != use:
            self.faults.append(f"{name} has the key of {self.keys[here.idempotency_key]}")
        history = self.history(here.process_id, here.run)
        done = set[str]()
        for event in history:
            match event:
                case e.ActivityClosed(path=path, occurrence=occurrence, attempt=attempt):
                    is_done = isinstance(event.result, e.ActivityCompleted)
                    is_same = (path, occurrence) == (here.path, here.occurrence)
                    if is_same and (is_done or attempt >= here.attempt):
                        self.faults.append(f"{name} began after its end was recorded")
                    done.update({path} if is_done else ())
                case e.StepSkipped(path=path):
                    done.add(path)
        if at_most_once:
            self._begin_once(name, history, is_queued=is_queued)
        for path in after:
            if path not in done:
                self.faults.append(f"{name} began before {path} was recorded")

    async def work(self, seconds: float) -> None:
        """Let it take its time."""
        await asyncio.sleep(seconds)

    def _begin_once(self, name: str, history: History, *, is_queued: bool) -> None:
        here = current()
        if self.starts[(here.process_id, here.run, here.path, here.occurrence), here.attempt] > 1:
            self.faults.append(f"{name} began more than once")
        kind = e.ActivityScheduled if is_queued else e.ActivityStarted
        told = [(event.path, event.occurrence, event.attempt) for event in history.of(kind)]
        if (here.path, here.occurrence, here.attempt) not in told:
            self.faults.append(f"{name} began before that was recorded")

    def write(self, kind: str, id: str) -> None:
        """Write the next version of a document with the end of this attempt."""
        here = current()
        known = self.version(kind, id)
        here.put_document(kind, id, {"by": here.idempotency_key}, expected=known)

    # -- when all is over --------------------------------------------------------------------

    def check(self, *, is_calm: bool) -> Iterator[str]:
        """What is wrong, once nothing more happens; if it `is_calm`, nothing begins twice."""
        yield from self.faults
        for (use, attempt), count in self.starts.items() if is_calm else ():
            if count > 1:
                yield f"attempt {attempt} of {use} began {count} times, and nobody died"
        ran = {use for use, _ in self.starts}
        for process_id, run, history in self.histories():
            incidents = {(event.path, event.occurrence) for event in history.of(e.StepSkipped)}
            for event in history.of(e.ActivityClosed):
                use = (process_id, run, event.path, event.occurrence)
                is_own = isinstance(event.result, e.ActivityCompleted) and event.actor is None
                if is_own and use not in ran and (event.path, event.occurrence) not in incidents:
                    yield f"{process_id}: {event.path} has ended, and never began"
