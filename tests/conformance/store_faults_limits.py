"""Faults of a store in limits of tasks: clauses 40 to 43."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.ports.store import NewTask
from corago.stores.memory import MemoryStore
from corago.stores.memory.tasks import KeptTask
from tests.conformance import store_misfits_limits as misfits
from tests.conformance import store_misfits_tasks
from tests.conformance.store_misfits_limits import LIMITS, Asked, hiding, naming
from tests.conformance.store_mutants import (
    GHOST,
    Mutant,
    answered,
    asked,
    doing,
    forgetful,
    put,
    putting,
    tasks_of,
)

ASKED = ("start_by_us", "close_by_us", "run_us", "beat_us")


def _moved(name: str, by: int) -> Callable[[NewTask], NewTask]:
    """A task with a limit that is moved by so many microseconds."""

    def move(task: NewTask) -> NewTask:
        limit = getattr(task, name)
        return task if limit is None else replace(task, **{name: limit + by})

    return move


def _after(method: str, spoil: Callable[[KeptTask, int], object]) -> Mutant:
    """A store that spoils every task when a method was called."""
    return answered(
        method,
        lambda s, answer, *_, **__: doing(answer, [spoil(t, s._now_us()) for t in tasks_of(s)]),
    )


def _taken(spoil: Callable[[MemoryStore, KeptTask], object]) -> Mutant:
    """A store that spoils what is taken."""
    return answered(
        "claim_tasks",
        lambda s, claims, *_, **__: doing(
            claims, [spoil(s, s._tasks.all[task.task]) for task in claims.taken]
        ),
    )


def _expired(spoil: Callable[[MemoryStore, KeptTask], object]) -> Mutant:
    """A store that spoils what has expired when it is taken."""
    return _taken(lambda s, t: t.expired and spoil(s, t))


def _told(**changes: Any) -> Mutant:
    """A store that tells workers other tasks than it has."""
    return answered(
        "claim_tasks",
        lambda _, claims, *__, **___: replace(
            claims, taken=tuple(replace(each, **changes) for each in claims.taken)
        ),
    )


def _is_waiting(task: KeptTask, *_: object) -> bool:
    return task.due_us is not None


def _is_held(task: KeptTask, *_: object) -> bool:
    return task.owner is not None


def _is_detached(task: KeptTask, *_: object) -> bool:
    return task.is_detached


def _has_expired(task: KeptTask, *_: object) -> bool:
    return bool(task.expired)


def _is_not_due(task: KeptTask, now_us: int, _: Asked) -> bool:
    return task.due_us is not None and task.due_us > now_us


def _since_put(task: NewTask) -> NewTask:
    """A task whose run is counted from when it is due."""
    if task.run_us is None:
        return task
    return replace(task, run_us=None, close_by_us=task.due_us + task.run_us)


def _lacking(name: str) -> Callable[[NewTask], NewTask]:
    """A task without a limit."""
    return lambda task: replace(task, **{name: None})


def _halved(task: NewTask, name: str) -> NewTask:
    limit = getattr(task, name)
    return task if limit is None else replace(task, **{name: limit // 2})


def _forgetting(name: str) -> Mutant:
    """A store that forgets an instant of all tasks whenever it is opened."""
    return forgetful(lambda store: [put(each, **{name: None}) for each in tasks_of(store)])


LIMITED: dict[str, Mutant] = {
    "there are no limits": putting(lambda t: replace(t, **dict.fromkeys(ASKED))),
    **{f"{name} is no limit": putting(_lacking(name)) for name in ASKED},
    **{f"{name} is a moment late": putting(_moved(name, 1)) for name in ASKED},
    **{f"{name} is a moment early": putting(_moved(name, -1)) for name in ASKED},
    "a run has half its time": putting(lambda t: _halved(t, "run_us")),
    "heartbeats have half their time": putting(lambda t: _halved(t, "beat_us")),
    "nothing expires before it is due": hiding(_is_not_due, *LIMITS),
    "nothing that waits must be done": hiding(_is_waiting, "close_by_us"),
    "nothing that is held must be done": hiding(_is_held, "close_by_us"),
    "nothing that is detached must be done": hiding(_is_detached, "close_by_us"),
    "what is detached may run for ever": hiding(_is_detached, "run_by_us"),
    "what is detached needs no heartbeats": hiding(_is_detached, "beat_by_us"),
    "what is to stop has its time": hiding(lambda t, *_: t.stops, *LIMITS),
    "a lost worker ends the time to be done": hiding(lambda t, *_: t.losses, "close_by_us"),
    "a second worker has all the time": hiding(
        lambda t, *_: t.epoch > 1, "close_by_us", "run_by_us", "beat_by_us"
    ),
    "a run is counted from when it is due": putting(_since_put),
    "a run goes on while its task waits": misfits.KeepsRuns,
    "heartbeats are due while their task waits": misfits.KeepsBeats,
    "what was lost must be taken in time": misfits.KeepsStartsOfTheBuried,
    "what was returned must be taken in time": misfits.KeepsStartsOfTheReturned,
    "a heartbeat lengthens the run": _after(
        "heartbeat_task", lambda t, now: put(t, run_by_us=t.run_us and now + t.run_us)
    ),
    "a heartbeat lengthens everything": _after(
        "heartbeat_task", lambda t, now: t.close_by_us and put(t, close_by_us=now + 10**9)
    ),
    "the last limit is named": misfits.NamesTheLast,
    "the alphabet names limits": misfits.NamesByTheAlphabet,
    "the later of equal limits is named": misfits.NamesTheRun,
    "a path keeps its limits": misfits.InheritsLimits,
    "what has expired recovers with its worker": _after(
        "bury", lambda t, _: t.expired and put(t, expired="", close_by_us=None)
    ),
    "what has expired recovers in its queue": _after(
        "return_tasks", lambda t, _: t.expired and put(t, expired="", close_by_us=None)
    ),
    "what has expired is named anew": _after(
        "bury", lambda t, now: t.expired and put(t, expired="heartbeat")
    ),
    "who is struck off takes its expiry along": misfits.OverlooksExpiryByBurying,
    "who returns what has expired was in time": misfits.OverlooksExpiryByReturning,
    **{
        f"opening forgets {name}": _forgetting(name)
        for name in ("close_by_us", "run_by_us", "beat_by_us")
    },
    "opening forgets what has expired": forgetful(
        lambda s: [put(each, expired="") for each in tasks_of(s)]
    ),
}

EXPIRED: dict[str, Mutant] = {
    "nothing expires": hiding(lambda *_: True, *LIMITS),
    "what has expired is for its queue": hiding(lambda t, _, a: t.queue not in a.queues, *LIMITS),
    "what has expired is for its definition": hiding(
        lambda t, _, a: t.process.definition.id not in a.definitions, *LIMITS
    ),
    "what has expired stays with its holder": hiding(
        lambda t, _, a: t.owner not in (None, a.worker), *LIMITS
    ),
    "what has expired is for others": hiding(lambda t, _, a: t.owner == a.worker, *LIMITS),
    "what has expired and came free is for its queue": hiding(_has_expired, "expired", *LIMITS),
    "what has expired and came back is due at once": _after(
        "return_tasks", lambda t, now: t.expired and t.due_us and put(t, due_us=now)
    ),
    "that it has expired is not said": _told(expired=""),
    "all is said to have expired": _told(expired="heartbeat"),
    "what has expired is taken again": _expired(lambda _, t: put(t, due_us=0)),
    "what has expired is nobody's": _expired(lambda _, t: put(t, owner=None)),
    "what has expired keeps its epoch": _expired(lambda _, t: put(t, epoch=t.epoch - 1)),
    "what has expired counts as a loss": _expired(lambda _, t: put(t, losses=t.losses + 1)),
    "what has expired is gone": _expired(lambda s, t: s._tasks.take_out(t)),
    "what has expired loses its details": _expired(lambda _, t: put(t, details=b"")),
    "what has expired comes without details": _told(details=b""),
    "a pause holds nothing back": store_misfits_tasks.TakesWhilePaused,
    "anybody takes what has expired": asked(
        "claim_tasks",
        lambda s, w, *call: doing((w, *call), s._workers.setdefault(w, replace(GHOST, id=w))),
    ),
    "what has expired does not count": misfits.TakesAllThatExpired,
    "what has expired comes first": answered(
        "claim_tasks",
        lambda _, claims, *__, **___: replace(
            claims, taken=tuple(sorted(claims.taken, key=lambda each: not each.expired))
        ),
    ),
    "what has expired comes by its age": answered(
        "claim_tasks",
        lambda _, claims, *__, **___: replace(
            claims, taken=tuple(sorted(claims.taken, key=lambda each: each.task))
        ),
    ),
    "the next expiry is not told": answered(
        "claim_tasks",
        lambda s, claims, w, q, *_, **__: replace(
            claims,
            next_due_us=min(
                (t.due_us for t in tasks_of(s) if t.due_us is not None and t.queue in q),
                default=None,
            ),
        ),
    ),
    "the next expiry of what is held is not told": hiding(
        lambda t, now, _: t.due_us is None and not t.ran_out(now), *LIMITS
    ),
    "the next expiry of what waits is not told": hiding(
        lambda t, now, _: t.due_us is not None and not t.ran_out(now), *LIMITS
    ),
}

LATE: dict[str, Mutant] = {
    "nobody is late until it is noticed": misfits.CompletesTheLate,
    "nobody outside is late until it is noticed": misfits.CompletesTheLateFromOutside,
    "who is in time is late": misfits.RefusesAMomentEarly,
    "what has expired is never completed": misfits.RefusesWhoTakesTheExpired,
    "a late outcome ends its task": misfits.ForgetsWhatIsLate,
    "a late outcome is delivered": store_misfits_tasks.DeliversWhatever,
    "any owner may be late": store_misfits_tasks.BelievesOutcomes,
}

NAMED: dict[str, Mutant] = {
    "activities are of no matter": naming(lambda _: ()),
    "all activities are asked for": naming(lambda _: None),
    "to ask for any is to ask for none": naming(lambda a: a or ()),
    "activities are compared loosely": naming(
        lambda a: a and [name for each in a for name in (each, each.lower(), each.title())]
    ),
    "one activity is asked for": naming(lambda a: a and a[:1]),
    "activities have no names": putting(lambda t: replace(t, activity="")),
    "what has no activity is of any": misfits.TakesTheNameless,
    "the empty name is a name": misfits.TakesTheEmptyName,
    "activities are in all queues": misfits.TakesNamesOfAnyQueue,
    "activities come instead of definitions": misfits.TakesNamesOnly,
    "when an activity is due is not told": misfits.TellsNothingOfNames,
}

FAULTS: dict[str, dict[str, Mutant]] = {
    "C40": NAMED,
    "C41": LIMITED,
    "C42": EXPIRED,
    "C43": LATE,
}
