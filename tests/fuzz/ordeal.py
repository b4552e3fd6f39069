"""What an engine is put through on a damaged file, and what must be true of it then.

It is opened, more processes are started and all are signalled, it works for two minutes of virtual
time, is asked about everything, and aborts what the damage concerns.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corago.errors import CommandRefusedError, CoragoError, ProcessNotFoundError
from corago.runtime.auditing import Audit
from corago.runtime.engine import EngineCore
from tests.fuzz import damages, furniture
from tests.fuzz.furniture import ENDS_AT, World

PASSING = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|\"traceback\":\"(?:[^\"\\]|\\.)*\"")
"""What may be another one the next time: instants, and the lines of sources."""

FRESH = (
    ("fresh:simple", furniture.simple),
    ("fresh:family", furniture.family),
    ("fresh:rendering", furniture.rendering),
    ("fresh:door", furniture.door),
    ("fresh:filing", furniture.filing),
)

Table = frozenset[tuple[Any, ...]]


def content(path: Path) -> dict[str, Table]:
    """All rows of a file: of tables that have row numbers, with those."""
    with closing(sqlite3.connect(path)) as connection:
        names = damages.tables(connection)
        connection.text_factory = bytes
        every = "select * from {}".format
        return {name: frozenset(connection.execute(every(name))) for name in names}


def known(path: Path) -> tuple[str, ...]:
    """The ids of a file's processes, and of those that will be started on it."""
    with closing(sqlite3.connect(path)) as connection:
        there = [id for (id,) in connection.execute("select process_id from workflow_instances")]
    return (*there, *(id for id, _ in FRESH), "fresh:family/part")


@dataclass
class Ordeal:
    """One engine on one file: what went wrong, and how everything stands in the end."""

    concerned: frozenset[str]
    ids: tuple[str, ...]
    problems: list[str] = field(default_factory=list)
    left_alone: Counter[str] = field(default_factory=Counter)
    records: int = 0
    calls: int = 0
    ends: dict[str, Any] = field(default_factory=dict)

    # -- what is asked -----------------------------------------------------------------------

    async def story(self, world: World) -> None:
        """Open, start, signal, wait, ask, abort what is damaged, wait."""
        engine = await world.engine(queues=(*furniture.QUEUES, "far")).open()
        ids = [id for id in self.ids if not id.startswith("fresh")]
        await asyncio.sleep(3)
        for id, workflow in FRESH:
            given = {"number": 3} if workflow is furniture.filing else {}
            await self._tried(id, "start", engine.start(workflow, given, id=id))
        await asyncio.sleep(3)
        for id in (*ids, "fresh:simple", "fresh:family/part", "fresh:door"):
            if not id.startswith("door:poked"):
                sent = engine.signal(id, "go", key=f"now {id}")
                await self._tried(id, "signal", sent, CoragoError)
        await asyncio.sleep(64)
        await self._look(engine, ids)
        await asyncio.sleep(64)
        self._count(world)
        for id in sorted(self.concerned):
            await self._aborted(engine, id)
        await asyncio.sleep(3)
        await engine.close()

    async def _tried(
        self, id: str, what: str, call: Awaitable[Any], *allowed: type[Exception]
    ) -> Any:
        try:
            return await call
        except Exception as error:  # noqa: BLE001 - whatever comes is to be told
            is_ours = isinstance(error, CoragoError) and id in self.concerned
            if not (is_ours or isinstance(error, allowed or ())):
                self.problems.append(f"{what} of {id}: {type(error).__name__}: {error}"[:300])
        return None

    async def _look(self, engine: EngineCore, ids: Iterable[str]) -> None:
        for what, call in (
            ("processes", engine.processes()),
            ("count", engine.count()),
            ("processes by tag", engine.processes(tag="blue")),
            ("processes by status", engine.processes(status="waiting", workflow="simple")),
        ):
            await self._tried("all", what, call)
        for id in ids:
            for what in ("info", "explain", "history", "pending"):
                ask: Callable[[str], Awaitable[Any]] = getattr(engine, what)
                said = await self._tried(id, what, ask(id))
                if said is not None:
                    await self._tried(id, f"text of {what}", _text(said))

    async def _aborted(self, engine: EngineCore, id: str) -> None:
        try:
            await engine.abort(id, reason="damaged")
        except (ProcessNotFoundError, CommandRefusedError):
            return
        except Exception as error:  # noqa: BLE001 - whatever comes is to be told
            self.problems.append(f"abort of {id}: {type(error).__name__}: {error}"[:300])

    def _count(self, world: World) -> None:
        self.calls = sum(store.writer.calls + store.readers.calls for store in world.stores)


async def _text(value: Any) -> str:
    return str(value)


@contextmanager
def _hearing(ordeal: Ordeal) -> Iterator[None]:
    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said = record.getMessage()
            ordeal.records += 1
            process = getattr(record, "process_id", None)
            if "left alone" in said:
                ordeal.left_alone[f"{process} {getattr(record, 'step', '')}"] += 1
            elif "unexpected error" in said or (
                record.levelno >= logging.WARNING and process not in ordeal.concerned
            ):
                error = record.exc_info[1] if record.exc_info else ""
                ordeal.problems.append(f"log: {said} {type(error).__name__} {error}"[:300])

    log, heard = logging.getLogger("corago"), Heard()
    log.addHandler(heard)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(heard)
        log.propagate = True


def endured(path: Path, about: frozenset[str], ids: tuple[str, ...]) -> Ordeal:
    """Put an engine through it, on a file whose damage is about these of all processes."""
    ordeal, world = Ordeal(about, ids), World(path, ENDS_AT + 1)
    with _hearing(ordeal):
        world.run(ordeal.story(world))
    ordeal.ends = standing(path)
    return ordeal


def standing(path: Path) -> dict[str, Any]:
    """How every process stands: its row, its events and its tasks, without instants."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = lambda text: text.decode(errors="replace")
        for number, id, *row in connection.execute(
            "select id, process_id, status, run, position, tags, parent from workflow_instances"
        ).fetchall():
            of = (number,)
            events = connection.execute(
                "select run, position, data from events where instance_id = ? order by 1, 2", of
            )
            mail = connection.execute("select count(*) from inbox where instance_id = ?", of)
            tasks = connection.execute(
                "select path, queue, stops from tasks where instance_id = ? order by 1", of
            )
            found[id] = (
                row,
                [(run, at, PASSING.sub("", data)) for run, at, data in events],
                mail.fetchone(),
                tasks.fetchall(),
            )
    return found


def concerned(
    before: dict[str, Table], after: dict[str, Table], ids: tuple[str, ...]
) -> frozenset[str]:
    """The processes that a difference of two contents concerns, with their kin."""
    changed = {name: before[name] ^ after[name] for name in before}
    numbers = {row[0] for row in changed["workflow_instances"]}
    numbers |= {row[1] for name in ("events", "inbox", "tasks", "tags") for row in changed[name]}
    numbers |= {row[0] for row in changed["signal_keys"]}
    definitions = {row[0] for row in changed["workflow_definitions"]}
    names = {row[-2] for row in changed["documents"]}
    if names:
        names |= {b"fresh:filing", b"filing:0", b"filing:1", b"filing:2"}
    if changed["blobs"]:
        names |= {b"growing:0", b"growing:1"}
    if changed["workers"]:
        names |= {b"hanging", b"once", b"rendering", b"stopping", b"asking", b"asking:early"}
    for row in before["workflow_instances"] | after["workflow_instances"]:
        if row[0] in numbers or row[1] in definitions:
            names.add(row[2])
    texts = {name.decode(errors="replace") for name in names if isinstance(name, bytes)}
    roots = {text.partition("/")[0] for text in texts}
    return frozenset(texts | {id for id in ids if id.partition("/")[0] in roots})


def judged(ordeal: Ordeal, usual: Ordeal) -> list[str]:
    """What is wrong with one, compared with one on a file without damage."""
    found = list(ordeal.problems)
    for id, end in usual.ends.items():
        if id not in ordeal.concerned and ordeal.ends.get(id) != end:
            found.append(f"{id} ended as {_differing(ordeal.ends.get(id), end)}")
    for what, count in ordeal.left_alone.items():
        if count > 8:
            found.append(f"{what} was left alone {count} times")
    if ordeal.records > usual.records + 40:
        found.append(f"{ordeal.records} log records, {usual.records} without damage")
    if ordeal.calls > usual.calls * 1.5 + 100:
        found.append(f"{ordeal.calls} store calls, {usual.calls} without damage")
    return found


def _differing(one: Any, other: Any) -> str:
    if one is None or other is None:
        return "nothing"
    return "; ".join(f"{a!r} not {b!r}"[:400] for a, b in zip(one, other, strict=True) if a != b)


def audited(path: Path) -> list[str]:
    """What `corago db check` finds beside the tables."""
    world = World(path, ENDS_AT + 1)

    async def look() -> list[str]:
        engine = await world.engine(has_worker=False).open()
        return [finding async for finding in Audit(engine._backend)]

    return world.run(look())
