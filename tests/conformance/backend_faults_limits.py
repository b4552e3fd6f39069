"""Faults of a backend in limits and tokens of activity tasks: clauses 56 to 62."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tests.conformance import store_mutants as stores
from tests.conformance.backend_faults_take import all_tasks
from tests.conformance.backend_mutants import (
    SECOND,
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
    tasks_put,
)
from tests.conformance.store_mutants import put


def _later(us: int | None, by: int) -> int | None:
    return None if us is None else us + by


def _limit(field: str) -> dict[str, Mutant]:
    """Faults that every limit may have."""
    return {
        "it never runs out": tasks_put(lambda t: replace(t, **{field: None})),
        "it runs out late": tasks_put(
            lambda t: replace(t, **{field: _later(getattr(t, field), SECOND)})
        ),
        "it runs out early": tasks_put(
            lambda t: replace(t, **{field: _later(getattr(t, field), -SECOND)})
        ),
        "it always runs out": tasks_put(
            lambda t: replace(t, **{field: getattr(t, field) or _endless(field, t)})
        ),
    }


def _endless(field: str, task: Any) -> int:
    """A limit where there should be none."""
    year = 365 * 86400 * SECOND
    return year if field in ("run_us", "beat_us") else int(task.due_us) + year


def _when_polled(spoil: Callable[[Faulty, Any], object]) -> Mutant:
    """A backend that spoils tasks when it is asked for some."""

    def twist(faulty: Faulty, args: Args) -> Args:
        for task in all_tasks(faulty):
            spoil(faulty, task)
        return args

    return asked("poll_activity_tasks", twist)


def _after_polling(spoil: Callable[[Faulty, Any], object]) -> Mutant:
    """A backend that spoils the tasks that it has given."""

    def twist(faulty: Faulty, polled: Any, _: Args) -> Any:
        for task in polled.tasks:
            spoil(faulty, faulty.store._tasks.all[task.number])
        return polled

    return answered("poll_activity_tasks", twist)


def _when_beaten(spoil: Callable[[Faulty, Any], object]) -> Mutant:
    """A backend that spoils a task that it has heard of."""

    def twist(faulty: Faulty, answer: Any, args: Args) -> Any:
        kept = faulty.store._tasks.all.get(args["task"].number)
        if answer is not None and kept is not None:
            spoil(faulty, kept)
        return answer

    return answered("heartbeat_activity_task", twist)


async def _only_mine(faulty: Faulty, args: Args) -> Any:
    """What has run out comes to who serves its queue."""
    polled = await honestly(faulty, "poll_activity_tasks", args)
    if args["queues"]:
        return polled
    for task in polled.tasks:
        put(faulty.store._tasks.all[task.number], owner=None, due_us=0)
    return replace(polled, tasks=())


async def _gone(faulty: Faulty, args: Args) -> Any:
    """Who dies over an expired task takes it along."""
    for task in all_tasks(faulty):
        if task.owner == args["worker"] and task.expired:
            faulty.store._tasks._drop(faulty.store._tasks._paths[task.process.instance], task.path)
    return await honestly(faulty, "bury", args)


async def _fresh(faulty: Faulty, args: Args) -> Any:
    """Who dies over an expired task leaves it fresh."""
    answer = await honestly(faulty, "bury", args)
    for task in all_tasks(faulty):
        put(task, expired="")
    return answer


def _trusting(method: str) -> Mutant:
    """A backend for which a task has not run out while nobody has taken it."""

    def trust(store: Any, task: Any, worker: Any, *more: Any) -> tuple[Any, ...]:
        kept = store._tasks.all.get(task.task)
        if kept is not None and (kept.owner, kept.epoch) == (worker, task.epoch):
            put(kept, run_by_us=None, beat_by_us=None, close_by_us=None)
        return (task, worker, *more)

    return over(stores.asked(method, trust))


def _fenceless(method: str) -> Mutant:
    """A backend that listens to whoever has had a task."""

    def trust(store: Any, task: Any, worker: Any, *more: Any) -> tuple[Any, ...]:
        kept = store._tasks.all.get(task.task)
        if kept is None:
            return (task, worker, *more)
        put(kept, due_us=None, run_by_us=None, beat_by_us=None, close_by_us=None)
        return (replace(task, epoch=kept.epoch), kept.owner, *more)

    return over(stores.asked(method, trust))


async def _pretending(faulty: Faulty, args: Args) -> Any:
    """It is said, and not done."""
    task = faulty.store._tasks.all.get(args["task"].number)
    return task is not None and task.owner == args["task"].owner


async def _returned(faulty: Faulty, args: Args) -> Any:
    """What is detached waits for the next worker."""
    answer = await honestly(faulty, "detach_activity_task", args)
    if answer:
        put(faulty.store._tasks.all[args["task"].number], due_us=faulty.now_us)
    return answer


def _detached(spoil: Callable[[Faulty, Any], object]) -> Mutant:
    """A backend that spoils what is detached."""

    def twist(faulty: Faulty, answer: Any, args: Args) -> Any:
        if answer:
            spoil(faulty, faulty.store._tasks.all[args["task"].number])
        return answer

    return answered("detach_activity_task", twist)


async def _buried_with(faulty: Faulty, args: Args) -> Any:
    """What is detached is free when who had it is struck off."""
    answer = await honestly(faulty, "bury", args)
    for task in all_tasks(faulty):
        if task.is_detached:
            task.let_go(faulty.now_us, faulty.now_us)
    return answer


async def _by_number(faulty: Faulty, args: Args) -> Any:
    """A token is a number, however often it was taken."""
    number = args["token"].partition(".")[0]
    kept = faulty.store._tasks.all.get(int(number) if number.isdecimal() else 0)
    return await faulty.honest.find_activity_task(
        args["token"] if kept is None else f"{number}.{kept.epoch}"
    )


async def _whatever(faulty: Faulty, args: Args) -> Any:
    """What makes no sense stands for whatever there is."""
    found = await honestly(faulty, "find_activity_task", args)
    tasks = all_tasks(faulty)
    if found is None and tasks:
        return await faulty.honest.find_activity_task(f"{tasks[0].number}.{tasks[0].epoch}")
    return found


async def _detached_only(faulty: Faulty, args: Args) -> Any:
    found = await honestly(faulty, "find_activity_task", args)
    return found if found is not None and found.owner is None else None


async def _my_tokens(faulty: Faulty, args: Args) -> Any:
    """Each object knows the tokens that it gave."""
    if args["token"] not in faulty.own:
        return None
    return await honestly(faulty, "find_activity_task", args)


class OwnTokens(Faulty):
    """Each object knows the tokens of the tasks that it detached."""

    async def detach_activity_task(self, task: Any) -> bool:
        self.own[task.token] = True
        return await self.honest.detach_activity_task(task)

    async def find_activity_task(self, token: str) -> Any:
        return await self.honest.find_activity_task(token) if token in self.own else None


def _found(change: Callable[[Any], Any]) -> Mutant:
    """A backend that finds other tasks than there are."""
    return answered(
        "find_activity_task", lambda _, found, __: None if found is None else change(found)
    )


async def _word_counts(faulty: Faulty, args: Args) -> Any:
    kept = faulty.store._tasks.all.get(args["task"].number)
    before = None if kept is None else kept.beat_by_us
    answer = await honestly(faulty, "heartbeat_activity_task", args)
    if answer is not None and not args["says"]:
        put(kept, beat_by_us=before)
    return answer


def _misnamed(store: Any, claims: Any) -> Any:
    taken = []
    for task in claims.taken:
        kept = store._tasks.all[task.task]
        names = [
            name
            for field, name in (
                ("beat_us", "heartbeat"),
                ("run_us", "start_to_close"),
                ("close_by_us", "schedule_to_close"),
            )
            if getattr(kept, field) is not None
        ]
        expired = names[0] if task.expired and names else task.expired
        kept.expired = expired
        taken.append(replace(task, expired=expired))
    return replace(claims, taken=tuple(taken))


def _special(store: Any, task: Any, worker: Any) -> Any:
    kept = store._tasks.all.get(task.task)
    return None if kept is not None and kept.is_detached else worker


async def _outliving(faulty: Faulty, args: Args) -> Any:
    detached = [t for t in all_tasks(faulty) if t.is_detached]
    answer = await honestly(faulty, "complete_decision_task", args)
    for task in detached:
        faulty.store._tasks.all[task.number] = task
        faulty.store._tasks._paths.setdefault(task.process.instance, {})[task.path] = task
    return answer


FAULTS: dict[str, dict[str, Mutant]] = {
    "B56": {
        **_limit("start_by_us"),
        "it runs on when it was taken": _after_polling(
            lambda f, t: put(t, run_by_us=t.run_by_us or f.now_us + 10 * SECOND)
        ),
    },
    "B57": {
        **_limit("run_us"),
        "it runs while it waits": tasks_put(
            lambda t: t if t.run_us is None else replace(t, close_by_us=t.due_us + t.run_us)
        ),
        "it runs over all attempts": asked(
            "complete_decision_task",
            lambda _, a: (
                a
                | {
                    "commit": replace(
                        a["commit"],
                        queued=tuple(
                            replace(q, timeout=q.timeout and q.timeout / q.attempt)
                            for q in a["commit"].queued
                        ),
                    )
                }
            ),
        ),
        "a heartbeat moves it": _when_beaten(
            lambda f, t: put(t, run_by_us=t.run_us and f.now_us + t.run_us)
        ),
    },
    "B58": {
        **_limit("close_by_us"),
        "each attempt has it anew": tasks_put(
            lambda t: t if t.close_by_us is None else replace(t, close_by_us=t.due_us + 10 * SECOND)
        ),
        "it ends when it is taken": _after_polling(
            lambda _, t: t.expired or put(t, close_by_us=None)
        ),
    },
    "B59": {
        **_limit("beat_us"),
        "heartbeats do not count": _when_beaten(
            lambda _, t: put(t, beat_by_us=t.beat_us and t.taken_us + t.beat_us)
        ),
        "heartbeats without a word do not count": instead("heartbeat_activity_task", _word_counts),
        "it runs while it waits": tasks_put(
            lambda t: t if t.beat_us is None else replace(t, start_by_us=t.due_us + t.beat_us)
        ),
        "one heartbeat is enough": _when_beaten(lambda _, t: put(t, beat_by_us=None)),
    },
    "B60": {
        "what has run out comes to who serves it": instead("poll_activity_tasks", _only_mine),
        "nobody knows why it ran out": attempts(lambda t: replace(t, expired="")),
        "all has run out alike": attempts(
            lambda t: replace(t, expired=t.expired and "start_to_close")
        ),
        "who had it goes on": _fenceless("complete_task"),
        "who has it may be late": _trusting("complete_task"),
        "who has it may be heard late": _trusting("heartbeat_task"),
        "who has it may detach it late": _trusting("detach_task"),
        "who dies over it takes it along": instead("bury", _gone),
        "who dies over it leaves it fresh": instead("bury", _fresh),
        "the last limit names it": over(
            stores.answered("claim_tasks", lambda s, claims, *_: _misnamed(s, claims))
        ),
        "it comes again and again": _after_polling(
            lambda f, t: t.expired and put(t, owner=None, due_us=f.now_us)
        ),
    },
    "B61": {
        "nothing is detached": answered("detach_activity_task", lambda *_: False),
        "it is said and not done": instead("detach_activity_task", _pretending),
        "what is detached waits for a worker": instead("detach_activity_task", _returned),
        "anybody detaches": _fenceless("detach_task"),
        "what is detached is detached again": answered(
            "detach_activity_task",
            lambda f, answer, a: answer or a["task"].number in f.store._tasks.all,
        ),
        "what is detached has no limits": _detached(
            lambda _, t: put(t, run_by_us=None, beat_by_us=None, close_by_us=None)
        ),
        "who detached it is somebody special": over(
            stores.asked("complete_task", lambda s, t, w, *m: (t, _special(s, t, w), *m))
        ),
        "it ends with who detached it": instead("bury", _buried_with),
        "it outlives its process": instead("complete_decision_task", _outliving),
        "what is detached can't be canceled": answered(
            "complete_decision_task",
            lambda f, answer, _: doing(
                answer, [put(t, stops=False) for t in all_tasks(f) if t.is_detached]
            ),
        ),
        "heartbeats of the detached are not heard": answered(
            "heartbeat_activity_task",
            lambda _, answer, a: answer if a["task"].owner is not None else None,
        ),
    },
    "B62": {
        "nothing is found": answered("find_activity_task", lambda *_: None),
        "each object has its own tokens": Mutant(OwnTokens),
        "a token is a number": instead("find_activity_task", _by_number),
        "what makes no sense is something": instead("find_activity_task", _whatever),
        "what is held is not found": instead("find_activity_task", _detached_only),
        "what is found is somebody's": _found(lambda t: replace(t, owner=t.owner or 1)),
        "what is found is nobody's": _found(lambda t: replace(t, owner=None)),
        "what is found has no input": _found(
            lambda t: replace(t, attempt=replace(t.attempt, input={"input": None}))
        ),
        "tokens do not outlive": reopened(
            lambda s: [put(t, epoch=t.epoch + 1) for t in s._tasks.all.values()]
        ),
        "what is found has no process": _found(
            lambda t: replace(t, process=replace(t.process, id="somebody"))
        ),
    },
}
