"""Faults of a backend in giving activity tasks: clauses 46 and 48 to 52."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tests.conformance import store_mutants as stores
from tests.conformance.backend_mutants import (
    MOMENT,
    SECOND,
    Args,
    Faulty,
    Mutant,
    answered,
    asked,
    attempts,
    commits,
    doing,
    honestly,
    instead,
    over,
    tasks_put,
)
from tests.conformance.store_mutants import put


def _polls(**changes: Any) -> Mutant:
    """A backend that is asked for other activity tasks."""
    return asked("poll_activity_tasks", lambda _, a: a | changes)


def _polled(change: Callable[[Any, Any, Args], Any]) -> Mutant:
    """A backend that answers otherwise when it is asked for activity tasks."""
    return answered("poll_activity_tasks", change)


def queued(change: Callable[[Any], Any]) -> Mutant:
    """A backend that puts other attempts than it was asked to."""
    return commits(lambda c: replace(c, queued=tuple(map(change, c.queued))))


def all_tasks(faulty: Faulty) -> list[Any]:
    return list(faulty.store._tasks.all.values())


def _when_polled(spoil: Callable[[Faulty, Any, Args], object]) -> Mutant:
    """A backend that spoils tasks when it is asked for some."""

    def twist(faulty: Faulty, args: Args) -> Args:
        for task in all_tasks(faulty):
            spoil(faulty, task, args)
        return args

    return asked("poll_activity_tasks", twist)


async def _paused_all_the_same(faulty: Faulty, args: Args) -> Any:
    paused = faulty.store._paused
    faulty.store._paused = False
    try:
        return await honestly(faulty, "poll_activity_tasks", args)
    finally:
        faulty.store._paused = paused


async def _loosely_named(faulty: Faulty, args: Args) -> Any:
    """Queues are told apart by small letters, without blanks."""
    queues = {each.queue for each in all_tasks(faulty)}
    asked_for = {each.strip().lower() for each in args["queues"]}
    alike = [each for each in queues if each.strip().lower() in asked_for]
    return await honestly(faulty, "poll_activity_tasks", args | {"queues": alike})


async def _of_all(faulty: Faulty, args: Args) -> Any:
    """Workers get activities of definitions that they do not have."""
    mine = [*faulty.honest._definitions._mine]
    return await honestly(faulty, "poll_activity_tasks", args | {"shas": mine})


async def into_one_inbox(faulty: Faulty, args: Args) -> Any:
    """Outcomes go to whoever has an activity of that path."""
    task = args["task"]
    for kept in all_tasks(faulty):
        if kept.path == task.attempt.path:
            return await honestly(
                faulty,
                "complete_activity_task",
                args | {"task": replace(task, number=kept.number, owner=kept.owner)},
            )
    return await honestly(faulty, "complete_activity_task", args)


TAKING: dict[str, dict[str, Mutant]] = {
    "B46": {
        "attempts are not put": commits(lambda c: replace(c, queued=())),
        "attempts are due at once": queued(lambda q: replace(q, delay=0.0)),
        "attempts are due later": queued(lambda q: replace(q, delay=q.delay + 1)),
        "there is one queue": queued(lambda q: replace(q, queue="mail")),
        "an attempt knows no input": queued(lambda q: replace(q, input={"input": None})),
        "an attempt is the first": queued(lambda q: replace(q, attempt=1)),
        "an occurrence is the first": queued(lambda q: replace(q, occurrence=1)),
        "one attempt is put at most": commits(lambda c: replace(c, queued=c.queued[:1])),
        "a path is one for all processes": instead("complete_activity_task", into_one_inbox),
        "paths are composed": tasks_put(lambda t: replace(t, path=stores.composed(t.path))),
    },
    "B48": {
        "all queues are served": _when_polled(
            lambda _, t, a: a["queues"] and put(t, queue=a["queues"][0])
        ),
        "one queue is served": asked(
            "poll_activity_tasks", lambda _, a: a | {"queues": a["queues"][:1]}
        ),
        "queues are told apart by small letters": instead("poll_activity_tasks", _loosely_named),
        "no queue is served": _polls(queues=()),
        "all definitions are served": instead("poll_activity_tasks", _of_all),
        "no names are served": _polls(activities=()),
        "all names are served": _polls(activities=None),
        "any name stands for no name": asked(
            "poll_activity_tasks", lambda _, a: a | {"activities": a["activities"] or None}
        ),
        "nothing is left": _polls(leaving=()),
        "what is followed is left": over(
            stores.asked("claim_tasks", lambda _, w, q, of, *m: (w, q, of[:1], *m))
        ),
        "limits are not held": _polls(limit=1000),
        "a limit of none is one": asked(
            "poll_activity_tasks", lambda _, a: a | {"limit": max(1, a["limit"])}
        ),
        "they come in any order": _polled(
            lambda _, polled, __: replace(polled, tasks=polled.tasks[::-1])
        ),
        "a task says whom it will follow": _polled(
            lambda _, polled, a: replace(
                polled,
                tasks=tuple(replace(t, sha=(a["shas"] or [t.sha])[0]) for t in polled.tasks),
            )
        ),
    },
    "B49": {
        "what is taken is given to others": _when_polled(
            lambda _, t, a: t.owner not in (None, a["worker"]) and put(t, owner=None, due_us=0)
        ),
        "what is taken is given to its worker again": _when_polled(
            lambda _, t, a: t.owner == a["worker"] and put(t, owner=None, due_us=0)
        ),
        "what is taken is due after a day": _when_polled(
            lambda f, t, _: (
                t.owner and f.now_us - t.taken_us > 86400 * SECOND and put(t, owner=None, due_us=0)
            )
        ),
        "every task is somebody else's": attempts(lambda t: replace(t, owner=99)),
        "a pause holds no activity up": instead("poll_activity_tasks", _paused_all_the_same),
        "each object has its own": Mutant(apart=True),
    },
    "B50": {
        "an attempt has no time": attempts(
            lambda t: replace(t, attempt=replace(t.attempt, timeout=None))
        ),
        "an attempt has no process": attempts(
            lambda t: replace(t, process=replace(t.process, id="", workflow=""))
        ),
        "an attempt has no definition": attempts(lambda t: replace(t, sha="")),
        "losses come out of nowhere": attempts(lambda t: replace(t, losses=1)),
        "details come out of nowhere": attempts(lambda t: replace(t, details={})),
        "everything is to stop": attempts(lambda t: replace(t, stops=True)),
        "everything has run out": attempts(lambda t: replace(t, expired="heartbeat")),
        "its worker is not known": attempts(lambda t: replace(t, owner=0)),
    },
    "B51": {
        "nobody knows when": _polled(lambda _, polled, __: replace(polled, next_due=None)),
        "it is a second later": _polled(
            lambda _, polled, __: replace(
                polled, next_due=polled.next_due and polled.next_due + MOMENT
            )
        ),
        "it is always now": _polled(
            lambda f, polled, _: replace(polled, next_due=f.store._clock.now())
        ),
        "limits are forgotten": over(
            stores.answered(
                "claim_tasks",
                lambda s, claims, *_: replace(
                    claims,
                    next_due_us=None
                    if any(t.owner for t in s._tasks.all.values())
                    else claims.next_due_us,
                ),
            )
        ),
    },
    "B52": {
        "nothing is ever stopped": commits(lambda c: replace(c, cancels=())),
        "what is to stop goes on waiting": answered(
            "complete_decision_task",
            lambda f, answer, _: doing(
                answer,
                [
                    put(t, queue="mail", due_us=f.now_us)
                    for t in all_tasks(f)
                    if t.stops and t.due_us is not None
                ],
            ),
        ),
        "what is to stop is gone": commits(lambda c: replace(c, drops=c.drops + c.cancels)),
        "what is to stop is taken from its holder": answered(
            "complete_decision_task",
            lambda f, answer, _: doing(
                answer, [put(t, owner=None, queue="", due_us=0) for t in all_tasks(f) if t.stops]
            ),
        ),
        "all is to stop": answered(
            "complete_decision_task",
            lambda f, answer, a: doing(
                answer, a["commit"].cancels and [put(t, stops=True) for t in all_tasks(f)]
            ),
        ),
        "who stops it does not know why": attempts(lambda t: replace(t, stops=False)),
        "what is detached is to be stopped by anybody": answered(
            "complete_decision_task",
            lambda f, answer, _: doing(
                answer,
                [put(t, queue="", due_us=0) for t in all_tasks(f) if t.stops and t.is_detached],
            ),
        ),
        "the canceled is lost with its worker": answered(
            "bury",
            lambda f, count, _: doing(
                count, [put(t, queue="mail", stops=False) for t in all_tasks(f) if t.stops]
            ),
        ),
    },
}

FAULTS = TAKING
