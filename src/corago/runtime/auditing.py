"""Looking through a whole backend: is what it holds what could have happened? Writes nothing.

One process is in memory at a time. Of one that moves on while it is looked at, only what is found
again counts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from corago.clock import from_us
from corago.core import commands, queueing
from corago.core import events as e
from corago.core.calls import Calls
from corago.core.history import History
from corago.core.laws import Laws
from corago.core.messages import ChildEnded, Command, Message, Outcome
from corago.core.process import Process
from corago.core.program import Program
from corago.errors import (
    CodecError,
    ProcessNotFoundError,
    StoreCorruptError,
    StoreUnavailableError,
    UnknownEventError,
)
from corago.ports.backend import Backend, Description
from corago.ports.store import Instance, Query
from corago.runtime.pasts import unasking
from corago.runtime.replaying import Point, Recorded, Replay, stand

PAGE = 500
"""How many rows are read at once."""

PATIENCE = 3
"""So often a process is looked at that moves on meanwhile; then it is believed."""

PARENTS = 256
"""Of so many parents it is remembered whom they have started; siblings stand close together."""


LEFT_ALONE = timedelta(seconds=90)
"""For longer than this nobody leaves a process alone, whatever went wrong with it."""


class Audit:
    """One look through a backend, begun by iterating: a sentence for each finding.

    `processes` and `events` count what was read so far; `encoded` says of each process that can't
    be read here why not: its codec is missing.
    """

    def __init__(self, backend: Backend) -> None:
        """Take the backend, which is open."""
        self.processes = 0
        self.events = 0
        self.encoded: list[str] = []
        self._backend = backend
        self._programs: dict[str, Program[Any]] = {}
        self._parents: OrderedDict[str, frozenset[tuple[str, str]] | None] = OrderedDict()

    async def __aiter__(self) -> AsyncIterator[str]:
        """Every finding, the newest process first. Raises StoreUnavailableError."""
        after = None
        while True:
            try:
                rows = await self._backend.find(Query(limit=PAGE, after=after))
            except StoreCorruptError as error:
                yield f"the processes can't be listed: {error}"
                return
            if not rows:
                return
            for row in rows:
                for text in await self.findings(row.process_id):
                    yield f"process {row.process_id}: {text}"
            after = rows[-1].process_id

    async def findings(self, process_id: str) -> list[str]:
        """What is wrong with one process. Raises StoreUnavailableError."""
        found: list[str] = []
        before = None
        try:
            for _ in range(PATIENCE):
                description = await self._backend.describe(process_id)
                row = description.row
                stands = (row.run, row.position, row.inbox_head, row.status)
                if before == stands:
                    break
                before, found = stands, await self._look(description)
                if not found:
                    break
            else:
                found = []  # it lives: whoever looks again finds it elsewhere
        except CodecError as error:
            self.encoded.append(f"{process_id}: {error}")
            return []
        except StoreUnavailableError:
            raise
        except (StoreCorruptError, UnknownEventError) as error:
            found = [str(error)]
        except Exception as error:  # noqa: BLE001 - one damaged process must not hide the others
            found = [f"it can't be understood: {type(error).__name__}: {error}"]
        self.processes += 1
        return found

    async def _look(self, description: Description) -> list[str]:
        row, process = description.row, description.snapshot.process
        laws, family = Laws(), _Family()
        found: list[str] = []
        events: list[e.Event] = []
        folded = description.snapshot
        for run in range(1, row.run + 1):
            events = await self._backend.events(row.process_id, 0, run)
            events = events[: row.position] if run == row.run else events
            self.events += len(events)
            if not events:
                return [*found, f"of run {run} there is no event"]
            for event in events:
                found += laws.take(event)
                family.take(event)
            if found:
                return found  # what breaks a law can't be played
            replay = await self._replay(events, row.workflow)
            for event in events[1:]:
                found += replay.play(event)
            found += replay.end() if run == row.run else _unfinished(events)
            folded = replay.snapshot
        if (folded.process, folded.state) != (process, description.snapshot.state):
            found.append("its kept snapshot is not what its history comes to")
        found += _row(description, folded.process, History(events))
        found += await self._with_tasks(description)
        found += await self._with_parent(folded.process)
        found += await self._with_children(description, folded.process, family)
        return found

    # -- definitions -------------------------------------------------------------------------

    async def _replay(self, events: list[e.Event], workflow: str) -> Replay:
        followed = (e.ProcessStarted, e.DefinitionChanged)
        shas = {each.sha for each in events if isinstance(each, followed)}
        return Replay(events, {sha: await self._program(workflow, sha) for sha in shas})

    async def _program(self, workflow: str, sha: str) -> Program[Any]:
        known = self._programs.get(sha)
        if known is None:
            definition = await self._backend.definition(workflow, sha)
            if definition is None:
                text = f"the definition of workflow {workflow!r} ({sha[:12]}) is missing"
                raise StoreCorruptError(text)
            known = self._programs[sha] = self._backend.program(definition)
        return known

    # -- queues ------------------------------------------------------------------------------

    async def _with_tasks(self, description: Description) -> list[str]:
        """What it has put into queues and waits for is there, or its outcome is."""
        process = description.snapshot.process
        standing = queueing.standing(process)
        if process.is_closed or not standing:
            return []
        wishes = _stand(description).agenda.activities
        wanted = {wish.path for wish in wishes if wish.queue is not None}
        tasks = await self._backend.open_activities(process.id)
        there = {each.path for each in tasks}
        there |= {
            each.message.path for each in description.mail if isinstance(each.message, Outcome)
        }
        lost = sorted((standing & wanted) - there)
        return [f"what it waits for, {path!r}, stands in no queue" for path in lost]

    # -- parents and children ----------------------------------------------------------------

    async def _with_parent(self, process: Process) -> list[str]:
        """It was started where it says, if it says so."""
        if process.parent is None:
            return []
        births = await self._births(process.parent)
        if births is None:
            return [f"its parent {process.parent!r} is not there"]
        if (process.id, process.parent_path) in births:
            return []
        # it may have been read before its brother was born
        self._parents.pop(process.parent)
        births = await self._births(process.parent)
        if births is not None and (process.id, process.parent_path) in births:
            return []
        return [f"its parent {process.parent!r} has not started it at {process.parent_path!r}"]

    async def _births(self, parent: str) -> frozenset[tuple[str, str]] | None:
        """Whom a process has started, and at which path; None if it is not there."""
        if parent in self._parents:
            self._parents.move_to_end(parent)
            return self._parents[parent]
        try:
            runs = (await self._backend.describe(parent)).row.run
            family = _Family()
            for run in range(1, runs + 1):
                for event in await self._backend.events(parent, 0, run):
                    family.take(event)
            births = frozenset(family.started)
        except ProcessNotFoundError:
            births = None
        self._parents[parent] = births
        if len(self._parents) > PARENTS:
            self._parents.popitem(last=False)
        return births

    async def _with_children(
        self, description: Description, process: Process, family: _Family
    ) -> list[str]:
        """Each child is there, and has ended as was told."""
        found: list[str] = []
        waited = {child.id for child in process.children.values()}
        if process.is_closed:
            waited = set()  # nobody is told any more
        said = {
            each.message.child for each in description.mail if isinstance(each.message, ChildEnded)
        }
        for id, path in family.started:
            try:
                child = await self._backend.describe(id)
            except ProcessNotFoundError:
                if id not in family.stillborn:
                    found.append(f"its child {id!r} of {path!r} is not there")
                continue
            except (StoreCorruptError, UnknownEventError, CodecError):
                continue  # it is looked at by itself
            if child.row.parent != process.id:
                if id not in family.stillborn:
                    whose = f"has the parent {child.row.parent!r}"
                    found.append(f"its child {id!r} of {path!r} {whose}")
                continue
            ends = family.ended.get(id, [])
            if ends:
                found += _misheard(path, ends, await self._ends(child))
            is_told = id in said or any(isinstance(each.message, Command) for each in child.mail)
            if id in waited and child.snapshot.process.is_closed and not is_told:
                status = child.snapshot.process.status
                found.append(f"its child {id!r} of {path!r} is {status}, and it was not told")
        return found

    async def _ends(self, child: Description) -> list[e.Event]:
        """Every end that a process has had."""
        found: list[e.Event] = []
        for run in range(1, child.row.run + 1):
            events = await self._backend.events(child.row.process_id, 0, run)
            found += (event for event in events if type(event) in e.CLOSING)
        return found


_ENDS = frozenset({*e.CLOSING, e.ContinuedAsNew})


class _Family:
    """The children of a process, as its history tells: who was started where, who has ended how."""

    def __init__(self) -> None:
        self.stillborn: set[str] = set()
        self._started: dict[str, list[str]] = {}
        self._born: tuple[datetime, set[str]] | None = None
        self.ended: dict[str, list[e.ChildClosed]] = {}

    def take(self, event: e.Event) -> None:
        match event:
            case e.ChildStarted(child=child, path=path):
                self._started.setdefault(child, []).append(path)
                if self._born is None or self._born[0] != event.at:
                    self._born = (event.at, set())
                self._born[1].add(child)
            case e.ChildStartFailed(child=child):
                self._started.get(child, [""]).pop()
            case e.ChildClosed(child=child):
                self.ended.setdefault(child, []).append(event)
            case _ if type(event) in _ENDS and self._born is not None:
                # a birth may be refused with the end of the parent, which says nothing any more
                self.stillborn |= self._born[1] if self._born[0] == event.at else set()

    @property
    def started(self) -> Iterator[tuple[str, str]]:
        """Those that could be born, each with its path."""
        return ((child, paths[0]) for child, paths in self._started.items() if paths)


def _misheard(path: str, told: Iterable[e.ChildClosed], ends: Iterable[e.Event]) -> Iterator[str]:
    """What was told of the ends of a child, and none of its ends says."""
    known = [(e.CLOSING[type(end)], _said(end)) for end in ends]
    for event in told:
        says = event.result if event.status == "completed" else event.error
        if event.is_final or event.status not in ("completed", "failed"):
            says = None
        is_own_word = event.status == "canceled" and any(status == "failed" for status, _ in known)
        heard = [
            said if says is not None else None for status, said in known if status == event.status
        ]
        if says not in heard and not is_own_word:
            yield (
                f"position {event.position}: its child {event.child!r} of {path!r} is said to be "
                f"{event.status}, which it has not said"
            )


def _said(end: e.Event) -> Any:
    match end:
        case e.ProcessCompleted(result=result):
            return result
        case e.ProcessFailed(error=error):
            return error
    return None


def _unfinished(events: list[e.Event]) -> Iterator[str]:
    """A run that another one follows ends by saying so."""
    if not isinstance(events[-1], e.ContinuedAsNew):
        yield f"a run follows {type(events[-1]).__name__}, and not ContinuedAsNew"


def _row(description: Description, process: Process, events: History) -> Iterator[str]:
    """Where a row says something else than the history."""
    row, started = description.row, events[0]
    assert isinstance(started, e.ProcessStarted)  # noqa: S101 - for the type checker
    expected = {
        "process_id": process.id,
        "run": process.run,
        "position": process.position,
        "workflow": process.workflow,
        "version": process.version,
        "sha": process.sha,
        "tags": started.tags,
        "parent": process.parent,
    }
    for name, value in expected.items():
        if getattr(row, name) != value:
            yield f"its row says {name} {getattr(row, name)!r}, and its history {value!r}"
    if row.status not in _standing(process):
        yield f"its row says {row.status}, and its history {process.standing}"
    if row.owner is None and row.unfit is None and process.poison is None:
        yield from _sleeps(row, process)
        yield from _is_deaf(description, process)


def _is_deaf(description: Description, process: Process) -> Iterator[str]:
    """Where nothing wakes a process that nobody holds to take what came for it."""
    if description.row.due_us is not None:
        return
    for mail in description.mail:
        if not process.is_closed or _frees(description, mail.message):
            kind = type(mail.message).__name__
            yield f"a {kind} waits in its inbox, and by its row nothing wakes it to take it"
            return


def _frees(description: Description, message: Message) -> bool:
    """Whether a closed process would be open again after this."""
    process = description.snapshot.process
    if process.status != "failed" or not isinstance(message, Command):
        return False
    agenda = _stand(description).agenda
    return commands.frees(commands.answer(process, agenda, message, process.at))


def _stand(description: Description) -> Point:
    """What a process wants, as far as that is told without its code."""
    program, snapshot = description.program, description.snapshot
    recorded: Calls = unasking(program, {}) if program.batch else Recorded(())
    return stand(program, snapshot, snapshot.process.at, recorded)


def _sleeps(row: Instance, process: Process) -> Iterator[str]:
    """Where nothing wakes a process at the instant that it waits for."""
    instants = [*process.timers.values()]
    if process.deadline is not None:
        instants.append(process.deadline)
    if process.is_closed or not instants:
        return
    latest = max(min(instants), from_us(row.updated_us) + LEFT_ALONE)
    if row.due_us is None:
        yield f"it waits for {min(instants)}, and by its row nothing wakes it then"
    elif from_us(row.due_us) > latest:
        yield f"it waits for {min(instants)}, and by its row it sleeps until {from_us(row.due_us)}"


def _standing(process: Process) -> tuple[str, ...]:
    """What a row may say: of a process in somebody's hands, that it is running."""
    if process.is_closed:
        return (process.status,)
    return {
        "created": ("created", "running", "waiting"),
        "running": ("running", "waiting"),
        "suspended": ("running", "suspended", "waiting"),  # it was left alone for a while, unread
    }[process.standing]


def audit(backend: Backend) -> Audit:
    """A look through everything in a backend that is open: iterate over it for what is wrong.

    Each process by itself: the laws of its events, run after run; each event was wanted by its
    definition when it was recorded; its kept snapshot and its row are what its history comes to.
    And parents and children agree.
    """
    return Audit(backend)
