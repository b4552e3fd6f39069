"""Faults of a store in tasks: clauses 31, 33, 34, 35 and 50."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from corago.ports.store import Append, NewTask, Refusal, Task
from corago.stores.memory import MemoryStore
from tests.conformance import store_misfits_tasks as misfits
from tests.conformance.store_mutants import (
    FAR,
    GHOST,
    Mutant,
    after_append,
    answered,
    appended,
    asked,
    at_closing,
    doing,
    forgetful,
    parsed,
    put,
)


def _tasks(change: Callable[[NewTask], NewTask]) -> Mutant:
    """A store that puts other tasks than it was asked to."""
    return asked("append", lambda _, a: replace(a, tasks=tuple(map(change, a.tasks))))


def _begun(is_begun: Callable[[Any], bool]) -> Mutant:
    """A store that sees less of what was begun."""
    return asked(
        "append",
        lambda s, a: replace(
            a,
            unbegun=tuple(t.path for t in _of(s, a) if t.path in a.unbegun and is_begun(t)),
        ),
    )


def _refusing(refuses: Callable[[MemoryStore, Append], bool]) -> Mutant:
    """A store that refuses more commits."""
    return asked(
        "append",
        lambda s, a: replace(a, fence=replace(a.fence, position=-1)) if refuses(s, a) else a,
    )


def _told(change: Callable[[Task], Task]) -> Mutant:
    """A store that tells workers other tasks than it has."""
    return answered(
        "claim_tasks",
        lambda _, claims, *__: replace(claims, taken=tuple(map(change, claims.taken))),
    )


def _of(store: MemoryStore, append: Append) -> list[Any]:
    """The tasks of the process that is written."""
    process = store._at(append.fence.instance)
    return [each for each in store._tasks.all.values() if each.process is process]


def _all(store: MemoryStore) -> list[Any]:
    return list(store._tasks.all.values())


def _cleared(store: MemoryStore, process: Any) -> object:
    """A process's tasks are gone, as after its end."""
    store._tasks.clear(process)
    return process


def _put_after_all(store: MemoryStore, process: Any, append: Append) -> object:
    store._tasks.change(process, puts=append.tasks, cancels=(), drops=())
    return process


def _dues(move: Callable[[MemoryStore, Any], int]) -> Mutant:
    """A store that sees other due instants than there are when it is asked for tasks."""
    return asked(
        "claim_tasks",
        lambda s, *call: doing(
            call, [put(t, due_us=move(s, t)) for t in _all(s) if t.due_us is not None]
        ),
    )


def _queue_of(store: MemoryStore) -> list[str]:
    return [each.queue for each in _all(store)]


QUEUES: dict[str, Mutant] = {
    "no task is put": appended(tasks=()),
    "one task is put at most": asked("append", lambda _, a: replace(a, tasks=a.tasks[:1])),
    "tasks are put with events only": asked(
        "append", lambda _, a: replace(a, tasks=a.tasks if a.events else ())
    ),
    "nobody puts tasks": asked(
        "append", lambda _, a: replace(a, tasks=a.tasks if a.fence.owner else ())
    ),
    "who parks puts no task": asked(
        "append", lambda _, a: replace(a, tasks=() if a.parks else a.tasks)
    ),
    "all queues are one": _tasks(lambda t: replace(t, queue="mail")),
    "a task has no data": _tasks(lambda t: replace(t, data=b"{}")),
    "tasks are kept by value": _tasks(lambda t: replace(t, data=parsed(t.data))),
    "a path has any number of tasks": misfits.PutsBesideTheOld,
    "a path keeps its first task": misfits.KeepsTheFirst,
    "who works at the old task works at the new one": misfits.PutsIntoTheOld,
    "the first of two tasks is put": asked(
        "append",
        lambda _, a: replace(a, tasks=tuple({t.path: t for t in a.tasks[::-1]}.values())),
    ),
    "marks and drops are meant for all": misfits.SharesPaths,
    "what is marked last is put anew in vain": misfits.MarksAndDropsLast,
    "a refused commit changes tasks": misfits.ChangesTasksWhateverComes,
    "nothing is marked": appended(cancels=()),
    "everything is marked": after_append(
        None, lambda s, _, a: a.cancels and [put(t, stops=True) for t in _all(s)]
    ),
    "only what is held is marked": asked(
        "append",
        lambda s, a: replace(
            a,
            cancels=tuple(p for p in a.cancels if any(t.path == p and t.owner for t in _of(s, a))),
        ),
    ),
    "marks are not told": answered("held_tasks", lambda _, held, __: dict.fromkeys(held, False)),
    "a mark drops": asked("append", lambda _, a: replace(a, drops=(*a.drops, *a.cancels))),
    "a mark goes with the worker": answered(
        "bury", lambda s, count, *_: doing(count, [put(t, stops=False) for t in _all(s)])
    ),
    "a mark stays with the path": misfits.MarksPaths,
    "a canceled task stays in its queue": misfits.KeepsTheCanceledInTheirQueues,
    "a canceled task waits on": misfits.LetsTheCanceledWait,
    "what is held and canceled leaves its queue": after_append(
        None, lambda s, p, a: [put(t, owner=None, due_us=0) for t in _of(s, a) if t.stops]
    ),
    "a loss stays with the path": misfits.KeepsLosses,
    "nothing is dropped": appended(drops=()),
    "only what waits is dropped": asked(
        "append",
        lambda s, a: replace(
            a,
            drops=tuple(p for p in a.drops if not any(t.path == p and t.owner for t in _of(s, a))),
        ),
    ),
    "one drop drops all": after_append(None, lambda s, p, a: a.drops and _cleared(s, p)),
    "an end that says nothing of tasks leaves them": misfits.ClearsWhatIsNamed,
    "the end leaves its own tasks": after_append(
        None, lambda s, p, a: a.closes and _put_after_all(s, p, a)
    ),
    "the end leaves what somebody holds": misfits.LeavesWhatIsHeld,
    "the end removes everybody's tasks": after_append(
        None, lambda s, _, a: a.closes and [_cleared(s, p) for p in s._instances]
    ),
    "parking removes tasks": after_append(None, lambda s, p, a: a.parks and _cleared(s, p)),
    "everybody holds everything": answered(
        "held_tasks", lambda s, *_: {t.number: t.stops for t in _all(s) if t.owner}
    ),
    "opening forgets tasks": forgetful(lambda s: s._tasks.all.clear()),
    "opening forgets marks": forgetful(lambda s: [put(t, stops=False) for t in _all(s)]),
    "opening frees tasks": forgetful(lambda s: [put(t, owner=None, due_us=0) for t in _all(s)]),
    "nobody hears of tasks": misfits.MuteOfTasks,
    "nobody hears of marks and drops": misfits.MuteOfMarks,
}

UNBEGUN: dict[str, Mutant] = {
    "what was begun is as good as unbegun": appended(unbegun=()),
    "only the first is asked whether it was begun": asked(
        "append", lambda _, a: replace(a, unbegun=a.unbegun[:1])
    ),
    "only what is held was begun": _begun(lambda t: t.owner is not None),
    "what is detached is unbegun": _begun(lambda t: not t.is_detached),
    "what somebody vanished with is unbegun": _begun(lambda t: not t.losses),
    "what was let go of was begun": _refusing(
        lambda s, a: any(t.path in a.unbegun and t.epoch for t in _of(s, a))
    ),
    "what is not there was begun": _refusing(
        lambda s, a: not {t.path for t in _of(s, a)}.issuperset(a.unbegun)
    ),
    "what another process has begun was begun": _refusing(
        lambda s, a: any(t.path in a.unbegun and t.owner for t in _all(s))
    ),
    "what is refused for what was begun is kept": after_append(
        Refusal.FENCED, lambda s, _, a: s._keep(a.blobs)
    ),
}

TAKING: dict[str, Mutant] = {
    "a task is due from the beginning": _tasks(lambda t: replace(t, due_us=0)),
    "tasks are taken before they are due": _dues(lambda s, t: min(t.due_us, s._now_us())),
    "tasks are taken a moment late": _dues(lambda _, t: t.due_us + 1),
    "all queues are served": asked(
        "claim_tasks", lambda s, w, _, d, limit: (w, _queue_of(s), d, limit)
    ),
    "queues are compared loosely": asked(
        "claim_tasks", lambda _, w, q, d, limit: (w, [each.lower() for each in q], d, limit)
    ),
    "one queue is served": asked("claim_tasks", lambda _, w, q, d, limit: (w, q[:1], d, limit)),
    "all definitions are served": asked(
        "claim_tasks",
        lambda s, w, q, _, limit: (w, q, [d.id for d in s._definitions], limit),
    ),
    "one definition is served": asked(
        "claim_tasks", lambda _, w, q, d, limit: (w, q, d[:1], limit)
    ),
    "there is no limit": asked("claim_tasks", lambda _, w, q, d, __: (w, q, d, FAR)),
    "one task is taken at most": asked(
        "claim_tasks", lambda _, w, q, d, limit: (w, q, d, min(limit, 1))
    ),
    "one task more is taken": asked("claim_tasks", lambda _, w, q, d, limit: (w, q, d, limit + 1)),
    "the last task comes first": answered(
        "claim_tasks", lambda _, claims, *__: replace(claims, taken=claims.taken[::-1])
    ),
    "tasks are taken by age": _dues(lambda s, t: t.number if t.due_us <= s._now_us() else t.due_us),
    "what comes next is not told": answered(
        "claim_tasks", lambda _, claims, *__: replace(claims, next_due_us=None)
    ),
    "what comes next is told of all": answered(
        "claim_tasks",
        lambda s, claims, *_: replace(
            claims,
            next_due_us=min((t.due_us for t in _all(s) if t.due_us is not None), default=None),
        ),
    ),
    "what is taken stays due": answered(
        "claim_tasks",
        lambda s, claims, *_: doing(
            claims, [put(s._tasks.all[t.task], due_us=0) for t in claims.taken]
        ),
    ),
    "leases of tasks end by themselves": asked(
        "claim_tasks",
        lambda s, *call: doing(
            call,
            [
                put(t, owner=None, due_us=0)
                for t in _all(s)
                if t.owner and s._now_us() - t.process.updated_us >= 3_600_000_000
            ],
        ),
    ),
    "workers at once take the same": misfits.TakesAfterAPause,
    "a pause is for processes": misfits.TakesWhilePaused,
    "strangers take tasks": asked(
        "claim_tasks",
        lambda s, w, *rest: doing((w, *rest), s._workers.setdefault(w, GHOST)),
    ),
    "the epoch stays": _told(lambda t: replace(t, epoch=1)),
    "the epoch is told as before": _told(lambda t: replace(t, epoch=t.epoch - 1)),
    "the digest is that of the birth": answered(
        "claim_tasks",
        lambda s, claims, *_: replace(
            claims,
            taken=tuple(
                replace(t, sha=s._definition(s._processes[t.process_id].born.definition_id).sha)
                for t in claims.taken
            ),
        ),
    ),
}

DONE: dict[str, Mutant] = {
    "outcomes are forgotten": misfits.ForgetsOutcomes,
    "a task stays when it is done": misfits.SendsOutcomes,
    "anybody brings outcomes": misfits.BelievesOwners,
    "any epoch brings outcomes": misfits.BelievesEpochs,
    "outcomes need no task": misfits.DeliversWhatever,
    "closed processes hear outcomes": misfits.DeliversToTheClosed,
    "a task of a closed process is in vain": answered(
        "complete_task",
        lambda s, done, t, *_, **__: done and s._processes[t.process_id].status != "failed",
    ),
    "every outcome is taken": answered("complete_task", lambda *_, **__: True),
    "no outcome is taken": answered("complete_task", lambda *_, **__: False),
    "who is late still brings outcomes": misfits.CompletesAfterAPause,
    "outcomes wake nobody": misfits.WakesNobodyByOutcomes,
    "nobody hears of outcomes": misfits.MuteOfOutcomes,
    "outcomes are kept by value": asked(
        "complete_task", lambda _, t, w, o, blobs=(): (t, w, parsed(o), blobs)
    ),
    "outcomes are kept until closing": at_closing(lambda _, p: p.inbox.clear(), lambda p: p.inbox),
    "a pause holds outcomes back": misfits.CompletesNothingWhilePaused,
    "an outcome takes the lease away": answered(
        "complete_task",
        lambda s, done, t, *_, **__: doing(
            done, s._let_go(s._processes[t.process_id], s._now_us())
        ),
    ),
}


def _returned(spoil: Callable[[MemoryStore, Any], object]) -> Mutant:
    """A store that spoils what was returned."""

    async def back(
        self: MemoryStore,
        worker: int,
        numbers: Sequence[int],
        due_us: int,
        start_by_us: Mapping[int, int] = {},
    ) -> None:
        held = [each for each in self._tasks.held(worker) if each.number in numbers]
        await MemoryStore.return_tasks(self, worker, numbers, due_us, start_by_us)
        for each in held:
            spoil(self, each)

    return type("Returned", (MemoryStore,), {"return_tasks": back})


RETURNED: dict[str, Mutant] = {
    "nothing is returned": asked("return_tasks", lambda _, w, __, due, *___: (w, [], due)),
    "everything is returned": asked(
        "return_tasks", lambda s, w, _, due, *__: (w, [t.number for t in s._tasks.held(w)], due)
    ),
    "what is returned unbegun may wait": asked(
        "return_tasks", lambda _, w, numbers, due, *__: (w, numbers, due)
    ),
    "anybody returns tasks": misfits.LetsAnybodyReturn,
    "what is returned is due at once": _returned(lambda s, t: put(t, due_us=s._now_us())),
    "what is returned keeps its holder": _returned(lambda _, t: put(t, owner=1, due_us=None)),
    "a return counts as a loss": _returned(lambda _, t: put(t, losses=t.losses + 1)),
    "a return forgets losses": _returned(lambda _, t: put(t, losses=0)),
    "what is returned is lost": _returned(
        lambda s, t: s._tasks._drop(s._tasks._paths[t.process.instance], t.path)
    ),
    "what is returned goes to everybody": _returned(lambda _, t: put(t, queue="")),
    "what is to stop is returned to its queue": _returned(
        lambda _, t: t.stops and put(t, queue="mail")
    ),
    "nobody hears of returns": misfits.MuteOfReturns,
}

FAULTS: dict[str, dict[str, Mutant]] = {
    "C31": QUEUES,
    "C50": UNBEGUN,
    "C33": TAKING,
    "C34": DONE,
    "C35": RETURNED,
}
