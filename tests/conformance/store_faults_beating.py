"""Faults of a store in heartbeats and detached tasks: clauses 44 to 46, and 48."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.ports.store import StandingTask, Task
from corago.stores.memory import MemoryStore
from corago.stores.memory.tasks import KeptTask
from tests.conformance import store_misfits_beating as misfits
from tests.conformance.store_mutants import (
    Mutant,
    answered,
    asked,
    doing,
    forgetful,
    kept,
    parsed,
    put,
    putting,
    tasks_of,
)


def _beaten(spoil: Callable[[MemoryStore, KeptTask], object]) -> Mutant:
    """A store that spoils a task that had a heartbeat."""
    return answered(
        "heartbeat_task",
        lambda s, stops, t, *_: doing(stops, stops is not None and spoil(s, s._tasks.all[t.task])),
    )


def _said(change: Callable[[bytes | None], bytes | None]) -> Mutant:
    """A store that hears other details than were said."""
    return asked("heartbeat_task", lambda _, t, w, said=None: (t, w, change(said)))


def _without_details(method: str) -> Mutant:
    """A store that forgets all details when something happens."""
    return answered(
        method,
        lambda s, answer, *_, **__: doing(answer, [put(t, details=b"") for t in tasks_of(s)]),
    )


BEATING: dict[str, Mutant] = {
    "all goes on": answered("heartbeat_task", lambda _, stops, *__: stops and False),
    "all is to stop": answered("heartbeat_task", lambda _, stops, *__: stops is not None or None),
    "a refusal is a stop": answered("heartbeat_task", lambda _, stops, *__: stops is not False),
    "a refusal is none": answered("heartbeat_task", lambda _, stops, *__: bool(stops)),
    "a heartbeat is for nothing": misfits.BeatsForNothing,
    "a heartbeat from outside is for nothing": misfits.BeatsForNothingFromOutside,
    "a heartbeat ends heartbeats": _beaten(lambda _, t: put(t, beat_by_us=None)),
    "a heartbeat ends the run": _beaten(lambda _, t: put(t, run_by_us=None)),
    "a heartbeat ends all limits": _beaten(lambda _, t: put(t, close_by_us=None)),
    "a heartbeat sets limits": _beaten(lambda s, t: put(t, run_by_us=s._now_us() + 10**9)),
    "a heartbeat is an epoch": _beaten(lambda _, t: put(t, epoch=t.epoch + 1)),
    "a heartbeat wakes": _beaten(lambda s, t: s._let_go(t.process, s._now_us())),
    "a heartbeat counts as a loss": _beaten(lambda _, t: put(t, losses=1)),
    "no details are kept": _said(lambda _: None),
    "details are kept by value": _said(lambda said: said and parsed(said)),
    "the first details are kept": asked(
        "heartbeat_task",
        lambda s, t, w, said=None: (t, w, None if (k := kept(s, t)) and k.details else said),
    ),
    "who says nothing takes back": _said(lambda said: said or b""),
    "first details are forgotten": putting(lambda t: replace(t, details=b"")),
    "a lost worker takes details along": _without_details("bury"),
    "a return takes details back": _without_details("return_tasks"),
    "all tasks have the same details": answered(
        "heartbeat_task",
        lambda s, stops, t, *_: (
            doing(stops, [put(e, details=s._tasks.all[t.task].details) for e in tasks_of(s)])
            if stops is not None
            else stops
        ),
    ),
    "opening forgets details": forgetful(lambda s: [put(t, details=b"") for t in tasks_of(s)]),
    "anybody sends heartbeats": misfits.BelievesBeatsOfAnybody,
    "nobody sends heartbeats for everybody": misfits.BelievesBeatsOfNobody,
    "heartbeats are of any epoch": misfits.BelievesBeatsOfAnyEpoch,
    "heartbeats are never late": misfits.BelievesLateBeats,
    "what waits has heartbeats": misfits.BeatsWhatWaits,
    "who is refused is heard": misfits.HearsWhoIsRefused,
    "a pause holds heartbeats back": misfits.BeatsNothingWhilePaused,
}


def _detached(spoil: Callable[[MemoryStore, KeptTask], object]) -> Mutant:
    """A store that spoils what is detached."""
    return answered(
        "detach_task",
        lambda s, done, t, *_: doing(done, done and spoil(s, s._tasks.all[t.task])),
    )


DETACHED: dict[str, Mutant] = {
    "nothing is detached": answered("detach_task", lambda *_: False),
    "all is detached": answered("detach_task", lambda *_: True),
    "what is detached is due": _detached(lambda s, t: t.let_go(s._now_us(), s._now_us())),
    "what is detached stays with its worker": answered(
        "detach_task",
        lambda s, done, t, w: doing(done, done and put(s._tasks.all[t.task], owner=w)),
    ),
    "what is detached is in another epoch": _detached(lambda _, t: put(t, epoch=t.epoch + 1)),
    "what is detached may run for ever": _detached(lambda _, t: put(t, run_by_us=None)),
    "what is detached needs no heartbeats": _detached(lambda _, t: put(t, beat_by_us=None)),
    "what is detached needs never be done": _detached(lambda _, t: put(t, close_by_us=None)),
    "what is detached runs anew": _detached(
        lambda s, t: put(t, run_by_us=t.run_us and s._now_us() + t.run_us)
    ),
    "to detach is a heartbeat": _detached(lambda s, t: t.beat(s._now_us())),
    "to detach is a loss": _detached(lambda _, t: put(t, losses=1)),
    "what is detached is lost with its worker": misfits.FreesDetachedWithWorkers,
    "what is detached is to stop by whoever comes": misfits.FreesDetachedByCancels,
    "what is to stop and detached is free": _detached(
        lambda s, t: t.stops and put(t, queue="", due_us=0)
    ),
    "what is detached is not to stop": _detached(lambda _, t: put(t, stops=False)),
    "what is detached is not marked": misfits.CancelsNothingDetached,
    "what is detached is not dropped": misfits.DropsNothingDetached,
    "what is detached is not replaced": misfits.ReplacesNothingDetached,
    "what is detached outlives its process": misfits.EndsNothingDetached,
    "nobody completes from outside": asked(
        "complete_task", lambda _, t, w, o, blobs=(): (t, w or 99, o, blobs)
    ),
    "from outside all is completed": misfits.CompletesAnythingFromOutside,
    "from outside what waits is completed": misfits.CompletesWhatWaitsFromOutside,
    "from outside any epoch will do": misfits.BelievesEpochsFromOutside,
    "who detached it still completes it": misfits.CompletesDetachedByWorkers,
    "anybody detaches": misfits.DetachesForAnybody,
    "any epoch detaches": misfits.DetachesInAnyEpoch,
    "who is late detaches": misfits.DetachesTheLate,
    "what has expired is detached": misfits.DetachesTheExpired,
    "what is detached is detached again": misfits.DetachesTwice,
    "what was returned is detached": misfits.DetachesWhatWaits,
    "opening frees what is detached": forgetful(
        lambda s: [put(t, due_us=0) for t in tasks_of(s) if t.is_detached]
    ),
}


def _read(change: Callable[[MemoryStore, Task], Task | None]) -> Mutant:
    """A store that reads tasks other than they are."""
    return answered("read_task", lambda s, task, *_: task and change(s, task))


def _field(**changes: Any) -> Mutant:
    return _read(lambda _, task: replace(task, **changes))


READ: dict[str, Mutant] = {
    "nothing is read": _read(lambda *_: None),
    "what is read is nobody's": _field(owner=None),
    "what is read is somebody's": _read(lambda _, task: replace(task, owner=task.owner or 1)),
    "what is read has no details": _field(details=b""),
    "what is read has not expired": _field(expired=""),
    "what is read has expired when it was taken": _read(
        lambda s, task: replace(task, expired=s._tasks.all[task.task].expired)
    ),
    "what is read has always expired": _read(
        lambda _, task: replace(task, expired=task.expired or "heartbeat")
    ),
    "what is read is of the first epoch": _field(epoch=1),
    "only what is held is read": _read(lambda _, task: task if task.owner else None),
    "what is gone is read": misfits.RemembersWhatIsGone,
}


def _seen(change: Callable[[MemoryStore, StandingTask], StandingTask]) -> Mutant:
    """A store that shows tasks other than they are."""
    return answered("tasks_of", lambda s, found, *_: [change(s, each) for each in found])


def _shown(**changes: Any) -> Mutant:
    return _seen(lambda _, task: replace(task, **changes))


SEEN: dict[str, Mutant] = {
    "no task is seen": answered("tasks_of", lambda *_: []),
    "all tasks are seen": answered("tasks_of", lambda s, *_: [t.standing({}) for t in tasks_of(s)]),
    "the youngest task is seen first": answered("tasks_of", lambda _, found, __: found[::-1]),
    "tasks are seen by their paths": answered(
        "tasks_of", lambda _, found, __: sorted(found, key=lambda each: each.path)
    ),
    "only what is held is seen": answered(
        "tasks_of", lambda _, found, __: [each for each in found if each.owner]
    ),
    **{
        f"{name} is not seen": _shown(**{name: None})
        for name in ("owner", "owner_name", "due_us", "taken_us", "heard_us", "expires_us")
    },
    **{f"{name} is not seen": _shown(**{name: ""}) for name in ("queue", "activity", "limit")},
    **{f"{name} is not seen": _shown(**{name: 0}) for name in ("task", "epoch", "losses")},
    "details are not seen": _shown(details=b""),
    "marks are not seen": _shown(stops=False),
    "what is heard of was taken": _seen(lambda _, task: replace(task, taken_us=task.heard_us)),
    "nothing is heard of": _seen(lambda _, task: replace(task, heard_us=task.taken_us)),
    "a limit is seen when it has run out": _seen(
        lambda s, task: replace(task, limit=s._tasks.all[task.task].ran_out(s._now_us()))
    ),
    "a limit that has run out is not seen": _seen(
        lambda s, task: replace(
            task, limit="" if s._tasks.all[task.task].ran_out(s._now_us()) else task.limit
        )
    ),
}

FAULTS: dict[str, dict[str, Mutant]] = {
    "C44": BEATING,
    "C45": DETACHED,
    "C46": READ,
    "C48": SEEN,
}
