"""Faults of a backend in what it keeps, knows and starts: clauses 1 to 10 and 74."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from corago.core import events as e
from corago.errors import CoragoError
from tests.conformance import store_mutants as stores
from tests.conformance.backend_mutants import (
    MOMENT,
    SECOND,
    Args,
    Faulty,
    Mutant,
    answered,
    appends,
    asked,
    descriptions,
    doing,
    due_as_well,
    histories,
    honestly,
    instead,
    over,
    plainly,
    remembering,
    reopened,
    spoiled,
    started,
    starts,
)
from tests.conformance.store_mutants import let_go, put


def _each(change: Callable[[Any, Any], object]) -> Mutant:
    """A backend that spoils every process when its data are opened again."""
    return reopened(lambda store: [change(store, each) for each in store._instances])


def _each_task(change: Callable[[Any], object]) -> Mutant:
    """A backend that spoils every task when its data are opened again."""
    return reopened(lambda store: [change(each) for each in store._tasks.all.values()])


def _shortened(process: Any) -> None:
    """The history is what it was at the start."""
    del process.events[1:]


async def _redefined(faulty: Faulty, args: Args) -> Any:
    """Each time another one."""
    kept = await honestly(faulty, "define", args)
    faulty.notes["ids"] = faulty.notes.get("ids", 0) + 1
    return replace(kept, id=faulty.notes["ids"] + 100)


async def _oldest(faulty: Faulty, args: Args) -> Any:
    found = await faulty.store.definitions(args["name"])
    return found[0] if found else None


async def _without_version(faulty: Faulty, args: Args) -> Any:
    return await faulty.honest.newest(args["name"])


async def _any_name(faulty: Faulty, args: Args) -> Any:
    found = await honestly(faulty, "newest", args)
    return found or (await faulty.store.definitions() or [None])[0]


async def _newest_of(faulty: Faulty, args: Args) -> Any:
    return await faulty.honest.newest(args["name"])


async def _mine(faulty: Faulty, args: Args) -> Any:
    return faulty.honest._definitions._mine.get(args["sha"])


async def _stored(faulty: Faulty, args: Args) -> Any:
    return await faulty.honest.newest(args["name"])


class NeedsTheCode(Faulty):
    """What was not defined here can't be looked at, nor aborted."""

    async def define(self, definition: Any, program: Any) -> Any:
        self.own[definition.sha] = True
        return await self.honest.define(definition, program)

    async def describe(self, process_id: str) -> Any:
        found = await self.honest.describe(process_id)
        if found.row.sha not in self.own:
            raise CoragoError("there is no code here")
        return found


class AbortsWithTheCode(NeedsTheCode):
    """What was not defined here can't be aborted."""

    async def abort(self, process_id: str, actor: str | None, reason: str | None) -> Any:
        await self.describe(process_id)
        return await self.honest.abort(process_id, actor, reason)


async def _any_follower(faulty: Faulty, args: Args) -> Any:
    """Newer versions follow older ones as well."""
    polled = await honestly(faulty, "poll_decision_tasks", args)
    if polled.tasks:
        return polled
    mine = faulty.honest._definitions._mine
    names = {mine[sha].name for sha in args["shas"]}
    alike = [sha for sha, each in mine.items() if each.name in names]
    return await honestly(faulty, "poll_decision_tasks", args | {"shas": alike})


async def _adopting(faulty: Faulty, args: Args) -> Any:
    """Whatever has happened since."""
    process = faulty.process(args["description"].row.process_id)
    row = replace(
        args["description"].row,
        owner=process.owner,
        epoch=process.epoch,
        position=process.position,
    )
    process.owner = None
    described = replace(args["description"], row=row)
    return await honestly(faulty, "adopt", args | {"description": described})


def _first(description: Any) -> Any:
    return description.snapshot.state.started


async def _no() -> bool:
    return False


async def _yes() -> bool:
    return True


def _born(**changes: Any) -> Mutant:
    """A backend whose store starts processes with these fields as they are here."""
    return over(stores.started(**changes))


def _first_event(**changes: Any) -> Mutant:
    """A backend that tells another start than there was."""
    return histories(
        lambda event: replace(event, **changes) if isinstance(event, e.ProcessStarted) else event
    )


async def _anew(faulty: Faulty, args: Args) -> Any:
    """An ended process begins again."""
    known = faulty.store._processes.get(args["start"].process_id)
    if known is not None and known.status in e.CLOSED_STATUSES:
        faulty.store._processes.pop(known.id)
    return await honestly(faulty, "start", args)


async def _hesitating(faulty: Faulty, args: Args) -> Any:
    """What was looked up is stale when it is acted upon."""
    name = args["start"].process_id
    is_known = name in faulty.store._processes
    await faulty.store.peers()
    await _step()
    if not is_known:
        faulty.store._processes.pop(name, None)
    return await honestly(faulty, "start", args)


async def _step() -> None:
    await asyncio.sleep(0)


async def _handed_over(faulty: Faulty, args: Args) -> Any:
    """Who starts what is there gets it."""
    answer = await honestly(faulty, "start", args)
    owner = args["start"].owner
    if not answer.is_new and owner is not None:
        polled = await faulty.honest.poll_decision_tasks(owner, [args["start"].definition.sha], 1)
        return replace(answer, task=polled.tasks[0] if polled.tasks else None)
    return answer


def _spelled(twist: Callable[[str], str]) -> Mutant:
    """A backend that reads ids otherwise than they are written."""
    return over(
        stores.asked("start", lambda _, new: replace(new, process_id=twist(new.process_id)))
    )


def _ageless(new: Any) -> Any:
    told = msgspec.json.decode(new.event)
    told.pop("timeout", None)
    return replace(new, event=msgspec.json.encode(told))


OPENING: dict[str, dict[str, Mutant]] = {
    "B01": {
        "nothing outlives its objects": reopened(stores.wipe),
        "each object has its own data": Mutant(apart=True),
        "messages do not outlive": _each(lambda _, p: put(p, inbox=[])),
        "due instants do not outlive": _each(lambda s, p: p.owner or let_go(s, p, None)),
        "leases do not outlive": _each(lambda s, p: p.owner and let_go(s, p, 0)),
        "ends do not outlive": _each(
            lambda s, p: p.status in e.CLOSED_STATUSES and put(let_go(s, p, 0), status="running")
        ),
        "keys do not outlive": _each(lambda _, p: put(p, keys={})),
        "tasks do not outlive": reopened(lambda s: [s._tasks.clear(p) for p in s._instances]),
        "who holds tasks does not outlive": _each_task(lambda t: put(t, owner=None, due_us=0)),
        "details do not outlive": _each_task(lambda t: put(t, details=b"")),
        "a pause does not outlive": reopened(lambda s: put(s, _paused=False)),
        "blobs do not outlive": reopened(lambda s: s._blobs.clear()),
        "the last event does not outlive": _each(lambda _, p: _shortened(p)),
        "an object reads only once": remembering("history"),
        "an object looks only once": remembering("describe"),
    },
}

DEFINING: dict[str, dict[str, Mutant]] = {
    "B02": {
        "a definition gets an id each time": instead("define", _redefined),
        "documents are kept by value": over(
            stores.asked("define", lambda _, d: replace(d, document=stores.parsed(d.document)))
        ),
        "names are kept as they please": over(
            stores.asked("define", lambda _, d: replace(d, name=spoiled(d.name)[:4]))
        ),
        "all versions are the first": over(
            stores.asked("define", lambda _, d: replace(d, version=1))
        ),
    },
    "B03": {
        "the oldest is the newest": instead("newest", _oldest),
        "the newest of a version is that of all": instead("newest", _without_version),
        "any name has a newest": instead("newest", _any_name),
        "clients find nothing": answered("latest", lambda *_: None),
        "clients find the oldest": instead("latest", _oldest),
        "what is stored goes before what is here": instead("latest", _stored),
        "children follow the oldest": over(
            stores.answered("definitions", lambda _, found, *__: found[:1])
        ),
    },
    "B76": {
        "whatever its digest, it is the newest": instead("definition", _newest_of),
        "only its own definitions are known": instead("definition", _mine),
    },
    "B04": {
        "looking needs the code": Mutant(NeedsTheCode),
        "aborting needs the code": Mutant(AbortsWithTheCode),
        "a program forgets what is open": descriptions(
            lambda d: replace(d, snapshot=replace(d.snapshot, state=d.program.initial(_first(d))))
        ),
    },
    "B05": {
        "nobody follows": plainly("follower", lambda *_: None),
        "whoever is asked follows": plainly(
            "follower", lambda f, _, a: f.honest._definitions._mine.get(a["sha"])
        ),
        "newer versions follow": instead("poll_decision_tasks", _any_follower),
        "workers of the follower get nothing": over(
            stores.asked("claim", lambda _, *call: (*call[:3], (), *call[4:]))
        ),
        "a task says what it will follow": answered(
            "poll_decision_tasks",
            lambda _, polled, a: replace(
                polled, tasks=tuple(replace(each, sha=a["shas"][-1]) for each in polled.tasks)
            ),
        ),
        "a commit that adopts leaves the row": appends(
            lambda a: replace(a, definition=None) if a.fence.owner else a
        ),
    },
    "B06": {
        "nobody is moved on": instead("adopt", lambda *_: _no()),
        "it says so and does nothing": instead("adopt", lambda *_: _yes()),
        "who is held is moved on, too": instead("adopt", _adopting),
        "who is moved on keeps its workers": appends(
            lambda a: replace(a, definition=None) if a.fence.owner is None else a
        ),
        "who is moved on is not due": appends(
            lambda a: replace(a, due_us=a.at_us + SECOND) if a.fence.owner is None else a
        ),
    },
}

STARTING: dict[str, dict[str, Mutant]] = {
    "B07": {
        "nobody started it": starts(actor=None),
        "there is no reason": starts(reason=None),
        "the input is lost": _first_event(input=None),
        "the input is kept as text": histories(
            lambda event: (
                replace(event, input=str(event.input))
                if isinstance(event, e.ProcessStarted)
                else event
            )
        ),
        "the version is lost": _first_event(version=1),
        "tags are no matter of the history": _first_event(tags=()),
        "the external store begins empty": starts(external={}),
        "it was started before": histories(lambda event: replace(event, at=event.at - MOMENT)),
        "the answer has no event": started(lambda s: replace(s, event=None)),
        "what was started is soon forgotten": reopened(
            lambda s: [s._processes.pop(n) for n, p in [*s._processes.items()] if p.position == 1]
        ),
    },
    "B08": {
        "all starts are the same": started(lambda s: replace(s, is_same=True)),
        "no start is the same": started(lambda s: replace(s, is_same=s.is_new)),
        "only the id counts": _born(input_sha="all alike"),
        "who starts it counts": over(
            stores.asked("start", lambda _, new: replace(new, input_sha=new.event.decode()))
        ),
        "versions are other workflows": over(
            stores.asked(
                "start",
                lambda _, new: replace(new, input_sha=f"{new.input_sha}{new.definition_id}"),
            )
        ),
        "an ended process begins again": instead("start", _anew),
        "it is looked up before": instead("start", _hesitating),
        "a second start says that it is new": started(lambda s: replace(s, is_new=True)),
        "who starts what is there gets it": instead("start", _handed_over),
        "ids are told apart by small letters": _spelled(str.lower),
        "ids are told apart without blanks": _spelled(str.strip),
        "a second start leaves an event": answered(
            "start",
            lambda f, s, a: doing(
                s, s.is_new or f.process(a["start"].process_id).events.append(b"x")
            ),
        ),
    },
    "B09": {
        "nobody is born leased": starts(owner=None),
        "who is born leased has no task": started(lambda s: replace(s, task=None)),
        "who is born leased is due as well": answered(
            "start",
            lambda f, s, a: doing(
                s, s.task and due_as_well(f.store, f.process(a["start"].process_id))
            ),
        ),
        "its task is somebody else's": started(
            lambda s: s if s.task is None else replace(s, task=replace(s.task, owner=99))
        ),
    },
    "B10": {
        "a new process is not due": answered(
            "start",
            lambda f, s, a: doing(
                s,
                s.is_new
                and s.task is None
                and let_go(f.store, f.process(a["start"].process_id), None),
            ),
        ),
        "a new process is due in a while": over(
            stores.asked("start", lambda _, new: replace(new, at_us=new.at_us + SECOND))
        ),
        "a new process runs": answered(
            "start",
            lambda f, s, a: doing(s, put(f.process(a["start"].process_id), status="running")),
        ),
    },
    "B74": {
        "processes take their time": starts(timeout=None),
        "nobody is woken when time is up": asked(
            "complete_decision_task",
            lambda _, a: (
                a
                if a["commit"].snapshot.process.deadline is None
                else a | {"hold": replace(a["hold"], due=None)}
            ),
        ),
        "time is up too early": asked(
            "start",
            lambda _, a: (
                a
                if a["start"].timeout is None
                else a | {"start": replace(a["start"], timeout=a["start"].timeout / 2)}
            ),
        ),
        "messages wait until time is up": answered(
            "poll_decision_tasks",
            lambda _, polled, __: replace(
                polled,
                tasks=tuple(
                    replace(t, mail=tuple(replace(m, at=m.at + timedelta(hours=1)) for m in t.mail))
                    for t in polled.tasks
                ),
            ),
        ),
        "children take their time": over(
            stores.asked(
                "append",
                lambda _, a: replace(a, births=tuple(_ageless(each) for each in a.births)),
            )
        ),
    },
}

FAULTS = OPENING | DEFINING | STARTING
