"""Faults of a backend in outcomes and heartbeats: clauses 53 to 55, 63, 64 and 73."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.core import events as e
from corago.core.messages import Outcome
from corago.ports.backend import OpenActivity
from tests.conformance import store_mutants as stores
from tests.conformance.backend_faults_take import all_tasks, into_one_inbox, queued
from tests.conformance.backend_mutants import (
    MOMENT,
    Args,
    Faulty,
    Mutant,
    answered,
    asked,
    attempts,
    doing,
    honestly,
    instead,
    over,
    reopened,
    standing,
)
from tests.conformance.store_mutants import put


def _outcomes(change: Callable[[Outcome], Outcome]) -> Mutant:
    """A backend that brings other outcomes than it was handed."""
    return asked("complete_activity_task", lambda _, a: a | {"outcome": change(a["outcome"])})


def _resulting(change: Callable[[Any], Any]) -> Mutant:
    """A backend that brings other results than it was handed."""
    return _outcomes(lambda o: replace(o, result=change(o.result)))


async def _kept(faulty: Faulty, args: Args) -> Any:
    """What was brought can be brought again."""
    tasks = faulty.store._tasks
    take_out, tasks.take_out = tasks.take_out, lambda _: None
    try:
        return await honestly(faulty, "complete_activity_task", args)
    finally:
        tasks.take_out = take_out


async def _late_is_fine(faulty: Faulty, args: Args) -> Any:
    """Whoever is late is told that all is well."""
    await honestly(faulty, "complete_activity_task", args)
    return True


async def _late_is_kept(faulty: Faulty, args: Args) -> Any:
    """What comes late is refused, and recorded all the same."""
    answer = await honestly(faulty, "complete_activity_task", args)
    process = faulty.store._processes[args["task"].process.id]
    if not answer and process.status not in e.CLOSED_STATUSES:
        await faulty.honest.send(process.id, args["outcome"])
    return answer


async def _into_the_ended(faulty: Faulty, args: Args) -> Any:
    """What comes after the end is added to the history."""
    answer = await honestly(faulty, "complete_activity_task", args)
    process = faulty.store._processes[args["task"].process.id]
    if not answer and process.status in e.CLOSED_STATUSES:
        process.updated_us += 1
    return answer


async def _drowsy(faulty: Faulty, args: Args) -> Any:
    """An outcome wakes nobody."""
    process = faulty.store._processes[args["task"].process.id]
    due_us = process.due_us
    answer = await honestly(faulty, "complete_activity_task", args)
    if process.owner is None and answer:
        stores.let_go(faulty.store, process, due_us)
    return answer


async def _shuffled(faulty: Faulty, args: Args) -> Any:
    """Outcomes go before all else."""
    answer = await honestly(faulty, "complete_activity_task", args)
    process = faulty.store._processes[args["task"].process.id]
    process.inbox = process.inbox[-1:] + process.inbox[:-1]
    return answer


def _believing(method: str) -> Mutant:
    """A backend that does not look at who has a task, nor at how often it was taken."""

    def trust(store: Any, task: Any, worker: Any, *more: Any) -> tuple[Any, ...]:
        kept = store._tasks.all.get(task.task)
        if kept is None:
            return (task, worker, *more)
        put(kept, due_us=None, run_by_us=None, beat_by_us=None)
        return (replace(task, epoch=kept.epoch), kept.owner, *more)

    return over(stores.asked(method, trust))


def _beats(**changes: Any) -> Mutant:
    """A backend that hears other heartbeats."""
    return asked("heartbeat_activity_task", lambda _, a: a | changes)


async def _heard_late(faulty: Faulty, args: Args) -> Any:
    """Whoever is late is told that all is well."""
    return await honestly(faulty, "heartbeat_activity_task", args) or False


async def _first_word(faulty: Faulty, args: Args) -> Any:
    kept = faulty.store._tasks.all.get(args["task"].number)
    says = args["says"] and not (kept is not None and kept.details)
    return await honestly(faulty, "heartbeat_activity_task", args | {"says": says})


async def _anybodys(faulty: Faulty, args: Args) -> Any:
    """Anybody gives back anything."""
    for task in all_tasks(faulty):
        if task.number in args["numbers"] and task.owner is not None:
            args = args | {"worker": task.owner}
    return await honestly(faulty, "return_activity_tasks", args)


async def _lost_by_returning(faulty: Faulty, args: Args) -> Any:
    await honestly(faulty, "return_activity_tasks", args)
    for task in all_tasks(faulty):
        if task.number in args["numbers"]:
            task.losses += 1


async def _all_returned(faulty: Faulty, args: Args) -> Any:
    held = await faulty.honest.held_activity_tasks(args["worker"])
    return await honestly(faulty, "return_activity_tasks", args | {"numbers": [*held]})


async def _still_held(faulty: Faulty, args: Args) -> Any:
    held = [t for t in all_tasks(faulty) if t.number in args["numbers"]]
    owners = [t.owner for t in held]
    await honestly(faulty, "return_activity_tasks", args)
    for task, owner in zip(held, owners, strict=True):
        put(task, owner=owner, due_us=None)


async def _of_everybody(faulty: Faulty, args: Args) -> Any:
    return {each.number: each.stops for each in all_tasks(faulty)}


async def _of_all_processes(faulty: Faulty, args: Args) -> Any:
    found = []
    for name in faulty.store._processes:
        found += await faulty.honest.open_activities(name)
    return found


async def _of_the_ended(faulty: Faulty, args: Args) -> Any:
    """What was open once is told for ever."""
    found = await honestly(faulty, "open_activities", args)
    process = faulty.store._processes.get(args["process_id"])
    if process is not None and process.status in e.CLOSED_STATUSES:
        return [OpenActivity("a", "mail", "1.1")]
    return found


BRINGING: dict[str, dict[str, Mutant]] = {
    "B53": {
        "outcomes wake nobody": instead("complete_activity_task", _drowsy),
        "outcomes are brought again": instead("complete_activity_task", _kept),
        "who is late is not told": instead("complete_activity_task", _late_is_fine),
        "what is late is recorded": instead("complete_activity_task", _late_is_kept),
        "what is late leaves a trace": instead("complete_activity_task", _into_the_ended),
        "all is late": answered("complete_activity_task", lambda *_: False),
        "outcomes go first": instead("complete_activity_task", _shuffled),
        "results are lost": _resulting(
            lambda r: replace(r, result=None) if isinstance(r, e.ActivityCompleted) else r
        ),
        "tracebacks are lost": _resulting(
            lambda r: (
                replace(r, error=replace(r.error, traceback=None))
                if isinstance(r, e.ActivityFailed)
                else r
            )
        ),
        "reasons are lost": _resulting(
            lambda r: replace(r, reason=None) if isinstance(r, e.ActivityAborted) else r
        ),
        "details of the canceled are lost": _resulting(
            lambda r: replace(r, details=None) if isinstance(r, e.ActivityCanceled) else r
        ),
        "what ran out has failed": _resulting(
            lambda r: (
                e.ActivityFailed(e.Failure("ActivityTimedOut", r.kind))
                if isinstance(r, e.ActivityTimedOut)
                else r
            )
        ),
        "anybody brings outcomes": _believing("complete_task"),
        "an outcome goes to all of its path": instead("complete_activity_task", into_one_inbox),
    },
    "B54": {
        "nobody is to stop": answered(
            "heartbeat_activity_task", lambda _, answer, __: None if answer is None else False
        ),
        "everybody is to stop": answered(
            "heartbeat_activity_task", lambda _, answer, __: None if answer is None else True
        ),
        "everybody is late": answered("heartbeat_activity_task", lambda *_: None),
        "nobody is late": instead("heartbeat_activity_task", _heard_late),
        "anybody is heard": _believing("heartbeat_task"),
        "details do not outlive": reopened(
            lambda s: [put(t, details=b"") for t in s._tasks.all.values()]
        ),
    },
    "B55": {
        "heartbeats say nothing": _beats(says=False),
        "silence is something, too": _beats(says=True),
        "the first word counts": instead("heartbeat_activity_task", _first_word),
        "details end with their holder": answered(
            "bury",
            lambda f, count, _: doing(count, [put(t, details=b"") for t in all_tasks(f)]),
        ),
        "details end with their attempt": queued(lambda q: replace(q, details=None)),
        "nobody reads details": attempts(lambda t: replace(t, details=None)),
        "outcomes have no details": _outcomes(lambda o: replace(o, details=None)),
        "time-outs have no details": _resulting(
            lambda r: replace(r, details=None) if isinstance(r, e.ActivityTimedOut) else r
        ),
    },
    "B63": {
        "nobody holds anything": answered("held_activity_tasks", lambda *_: {}),
        "everybody holds everything": instead("held_activity_tasks", _of_everybody),
        "one is held at most": answered(
            "held_activity_tasks", lambda _, held, __: dict([*held.items()][:1])
        ),
        "none is to stop": answered(
            "held_activity_tasks", lambda _, held, __: dict.fromkeys(held, False)
        ),
        "all are to stop": answered(
            "held_activity_tasks", lambda _, held, __: dict.fromkeys(held, True)
        ),
    },
    "B64": {
        "nothing is given back": instead("return_activity_tasks", _still_held),
        "all is given back": instead("return_activity_tasks", _all_returned),
        "anybody gives back": instead("return_activity_tasks", _anybodys),
        "giving back is a loss": instead("return_activity_tasks", _lost_by_returning),
        "it is due at once": asked(
            "return_activity_tasks", lambda f, a: a | {"due": f.store._clock.now()}
        ),
        "what was not begun may wait": asked(
            "return_activity_tasks", lambda _, a: a | {"start_by": {}}
        ),
        "it is due later": asked(
            "return_activity_tasks", lambda _, a: a | {"due": a["due"] + MOMENT}
        ),
        "who gave it back brings its outcome": _believing("complete_task"),
    },
    "B73": {
        "nothing is open": answered("open_activities", lambda *_: []),
        "all processes are one": instead("open_activities", _of_all_processes),
        "the newest comes first": answered("open_activities", lambda _, found, __: found[::-1]),
        "nobody holds anything": standing(lambda o: replace(o, owner=None)),
        "holders have numbers": standing(lambda o: replace(o, owner=o.owner and "#1")),
        "nobody took anything": standing(lambda o: replace(o, taken=None)),
        "everything is due": standing(lambda o: replace(o, due=o.due or o.taken)),
        "nothing was heard": standing(lambda o: replace(o, heard=None)),
        "nothing was said": standing(lambda o: replace(o, details=None)),
        "nothing runs out": standing(lambda o: replace(o, expires=None, limit="")),
        "nothing is to stop": standing(lambda o: replace(o, stops=False)),
        "tokens are others": standing(lambda o: replace(o, token=f"{o.token}0")),
        "queues have no names": standing(lambda o: replace(o, queue="")),
        "activities have no names": standing(lambda o: replace(o, activity="")),
        "the ended have work": instead("open_activities", _of_the_ended),
    },
}

FAULTS = BRINGING
