"""Faults of a backend in giving decision tasks: clauses 26 to 33, and 77."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from corago.clock import SystemClock
from corago.core import events as e
from corago.core import history
from corago.core.tasks import DecisionTask
from tests.conformance import store_mutants as stores
from tests.conformance.backend_mutants import (
    MOMENT,
    SECOND,
    Args,
    Faulty,
    Mutant,
    answered,
    asked,
    doing,
    honestly,
    instead,
    over,
    reopened,
    turns,
)
from tests.conformance.store_mutants import let_go, put


def _polls(**changes: Any) -> Mutant:
    """A backend that is asked for other decision tasks."""
    return asked("poll_decision_tasks", lambda _, a: a | changes)


def _polled(change: Callable[[Any, Any, Args], Any]) -> Mutant:
    """A backend that answers otherwise when it is asked for decision tasks."""
    return answered("poll_decision_tasks", change)


def _first(store: Any, now_us: int) -> int:
    """The instant of the first claim."""
    first: int = store.__dict__.setdefault("first", now_us)
    return first


class OfItsMachine(Faulty):
    """A backend that goes by the calendar of whatever machine it is on."""

    clock = SystemClock()


async def _newest_first(faulty: Faulty, args: Args) -> Any:
    """Who was started last is due first."""
    due = [p for p in faulty.store._instances if p.due_us is not None]
    for number, process in enumerate(sorted(due, key=lambda p: -p.instance)):
        if process.due_us <= faulty.now_us:
            let_go(faulty.store, process, number - 1000)
    return await honestly(faulty, "poll_decision_tasks", args)


async def _early(faulty: Faulty, args: Args) -> Any:
    """A process is due a second before its instant."""
    for process in faulty.store._instances:
        if process.due_us is not None and process.due_us - SECOND <= faulty.now_us:
            let_go(faulty.store, process, min(process.due_us, faulty.now_us))
    return await honestly(faulty, "poll_decision_tasks", args)


async def _late(faulty: Faulty, args: Args) -> Any:
    """A process is due a second after its instant."""
    late = [
        p
        for p in faulty.store._instances
        if p.due_us is not None and 0 <= faulty.now_us - p.due_us < SECOND
    ]
    dues = [p.due_us for p in late]
    for process in late:
        put(process, due_us=None)
    try:
        return await honestly(faulty, "poll_decision_tasks", args)
    finally:
        for process, due_us in zip(late, dues, strict=True):
            if process.owner is None:
                let_go(faulty.store, process, due_us)


async def _of_all(faulty: Faulty, args: Args) -> Any:
    """Workers get processes of which they have no code."""
    mine = [*faulty.honest._definitions._mine]
    return await honestly(faulty, "poll_decision_tasks", args | {"shas": mine})


async def _shared(faulty: Faulty, args: Args) -> Any:
    """Whoever has taken a process, others get it as well."""
    for process in faulty.store._instances:
        if process.owner is not None and process.status not in e.CLOSED_STATUSES:
            let_go(faulty.store, process, faulty.now_us)
    return await honestly(faulty, "poll_decision_tasks", args)


async def _mine_again(faulty: Faulty, args: Args) -> Any:
    """Whoever asks again gets again what it has."""
    for process in faulty.store._instances:
        if process.owner == args["worker"]:
            let_go(faulty.store, process, faulty.now_us)
    return await honestly(faulty, "poll_decision_tasks", args)


async def _woken_from_under(faulty: Faulty, args: Args) -> Any:
    """Who is sent something is due, whoever holds it."""
    for process in faulty.store._instances:
        if process.owner is not None and process.inbox:
            let_go(faulty.store, process, faulty.now_us)
    return await honestly(faulty, "poll_decision_tasks", args)


async def _paused_all_the_same(faulty: Faulty, args: Args) -> Any:
    paused = faulty.store._paused
    faulty.store._paused = False
    try:
        return replace(await honestly(faulty, "poll_decision_tasks", args), paused=paused)
    finally:
        faulty.store._paused = paused


async def _my_pause(faulty: Faulty, args: Args) -> Any:
    """Each object has its own."""
    if args["paused"] is not None:
        faulty.own["paused"] = args["paused"]
    faulty.store._paused = faulty.own.get("paused", False)
    return faulty.store._paused


async def _stiff(faulty: Faulty, args: Args) -> Any:
    """While it is paused, nothing moves at all."""
    return None if faulty.store._paused else await honestly(faulty, "send", args)


async def _no_more_next(faulty: Faulty, args: Args) -> Any:
    """The next instant is that of whoever, whatever is asked for."""
    polled = await honestly(faulty, "poll_decision_tasks", args)
    every = await _of_all(faulty, args | {"limit": 0})
    return replace(polled, next_due=every.next_due)


async def _with_the_held(faulty: Faulty, args: Args) -> Any:
    """Who is held counts among those who wait."""
    polled = await honestly(faulty, "poll_decision_tasks", args)
    is_held = any(p.owner is not None for p in faulty.store._instances)
    due = faulty.store._clock.now() + timedelta(seconds=3)
    return replace(polled, next_due=due) if is_held and not polled.tasks else polled


def _mails(change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Mutant:
    """A backend whose decision tasks bring other messages."""
    return turns(lambda task: replace(task, mail=change(task.mail)))


def _at_the_start(task: DecisionTask) -> DecisionTask:
    return replace(task, snapshot=history.begin(task.program, task.snapshot.state.started))


def _is_leased(store: Any) -> bool:
    return any(p.until_us is not None for p in store._instances)


async def _taken_up(faulty: Faulty, args: Args) -> Any:
    process = faulty.store._processes.get(args["process_id"])
    owner = args["worker"] if process is None or process.owner is None else process.owner
    answer = await honestly(faulty, "resume", args | {"worker": owner})
    if answer is None and process is not None:
        process.owner = owner
        answer = await honestly(faulty, "resume", args | {"worker": owner})
        process.owner = None
    return answer


async def _for_many(faulty: Faulty, args: Args) -> Any:
    """Who was lost once is lost again and again."""
    polled = await honestly(faulty, "poll_decision_tasks", args)
    for task in polled.tasks:
        if task.lost_owner is not None:
            let_go(faulty.store, faulty.process(task.process_id), faulty.now_us)
    return polled


POLLING: dict[str, dict[str, Mutant]] = {
    "B26": {
        "limits are not held": _polls(limit=1000),
        "a limit of none is one": asked(
            "poll_decision_tasks", lambda _, a: a | {"limit": max(1, a["limit"])}
        ),
        "one task is given at a time": asked(
            "poll_decision_tasks", lambda _, a: a | {"limit": min(1, a["limit"])}
        ),
        "the newest is first": instead("poll_decision_tasks", _newest_first),
        "they come in any order": _polled(
            lambda _, polled, __: replace(polled, tasks=polled.tasks[::-1])
        ),
        "workers get what they have no code of": instead("poll_decision_tasks", _of_all),
        "due comes early": instead("poll_decision_tasks", _early),
        "due comes late": instead("poll_decision_tasks", _late),
        "nothing is ever due": _polls(limit=0),
        "only one definition is served": asked(
            "poll_decision_tasks", lambda _, a: a | {"shas": a["shas"][:1]}
        ),
    },
    "B27": {
        "who is taken is given to others": instead("poll_decision_tasks", _shared),
        "who is taken is given to its worker again": instead("poll_decision_tasks", _mine_again),
        "who is sent something is given to others": instead(
            "poll_decision_tasks", _woken_from_under
        ),
        "every task is somebody else's": turns(lambda task: replace(task, owner=99)),
        "processes change places": _polled(
            lambda _, polled, __: replace(
                polled,
                tasks=tuple(
                    replace(task, instance=other.instance, epoch=other.epoch)
                    for task, other in zip(polled.tasks, polled.tasks[::-1], strict=True)
                ),
            )
        ),
    },
    "B28": {
        "messages do not come along": _mails(lambda mail: ()),
        "the last message comes first": _mails(lambda mail: mail[::-1]),
        "one message comes along": _mails(lambda mail: mail[:1]),
        "a task is as it was at the start": turns(_at_the_start),
        "a task does not know what is open": turns(
            lambda task: replace(
                task,
                snapshot=replace(
                    task.snapshot, state=task.program.initial(task.snapshot.state.started)
                ),
            )
        ),
        "a task is nobody's": turns(lambda task: replace(task, owner=0)),
        "failures come out of nowhere": turns(lambda task: replace(task, failures=3)),
        "losses come out of nowhere": turns(lambda task: replace(task, lost_owner="nobody")),
    },
    "B29": {
        "nobody knows when": _polled(lambda _, polled, __: replace(polled, next_due=None)),
        "it is always now": _polled(
            lambda f, polled, _: replace(polled, next_due=f.store._clock.now())
        ),
        "it is a second later": _polled(
            lambda _, polled, __: replace(
                polled, next_due=polled.next_due and polled.next_due + MOMENT
            )
        ),
        "others are waited for": instead("poll_decision_tasks", _no_more_next),
        "who is held is waited for": instead("poll_decision_tasks", _with_the_held),
        "once something was taken nothing waits": _polled(
            lambda _, polled, __: replace(polled, next_due=None) if polled.tasks else polled
        ),
    },
    "B30": {
        "a pause holds nobody up": instead("poll_decision_tasks", _paused_all_the_same),
        "a pause is not told": _polled(lambda _, polled, __: replace(polled, paused=False)),
        "it is always paused": _polled(lambda _, polled, __: replace(polled, paused=True)),
        "a pause never ends": asked("pause", lambda _, a: a | {"paused": a["paused"] or None}),
        "each object has its own pause": instead("pause", _my_pause),
        "a pause lets nothing come": instead("send", _stiff),
        "a pause ends with its objects": reopened(lambda s: put(s, _paused=False)),
    },
    "B31": {
        "leases do not end": _polls(lease=None),
        "every lease ends": asked(
            "poll_decision_tasks", lambda _, a: a | {"lease": a["lease"] or timedelta(seconds=10)}
        ),
        "leases end early": asked(
            "poll_decision_tasks", lambda _, a: a | {"lease": a["lease"] and a["lease"] / 2}
        ),
        "leases end late": asked(
            "poll_decision_tasks", lambda _, a: a | {"lease": a["lease"] and a["lease"] + MOMENT}
        ),
        "a lease outlives its task": answered(
            "complete_decision_task",
            lambda f, answer, a: doing(
                answer,
                isinstance(answer, DecisionTask)
                and put(
                    f.process(answer.process_id),
                    until_us=f.now_us + 20 * SECOND,
                    owner=answer.owner,
                ),
            ),
        ),
        "whose lease it was is not told": over(stores.claimed(lost_owner=None)),
        "the end of a lease is not told": over(
            stores.answered(
                "claim",
                lambda s, claims, *_: replace(
                    claims, next_due_us=None if _is_leased(s) else claims.next_due_us
                ),
            )
        ),
        "who is late writes all the same": over(stores.believing("owner", "epoch", "position")),
        "who is late goes on": instead("resume", _taken_up),
        "a lease ends for many": instead("poll_decision_tasks", _for_many),
    },
    "B32": {
        "nobody takes up anything": answered("resume", lambda *_: None),
        "anybody takes up anything": instead("resume", _taken_up),
        "it is taken up without messages": answered(
            "resume", lambda _, task, __: task and replace(task, mail=())
        ),
        "it is taken up as it was at the start": answered(
            "resume", lambda _, task, __: task and _at_the_start(task)
        ),
    },
    "B77": {
        "its calendar stands still": over(
            stores.answered("claim", lambda s, c, *_: replace(c, now_us=_first(s, c.now_us)))
        ),
        "its calendar is a moment behind": over(
            stores.answered("claim", lambda _, c, *__: replace(c, now_us=c.now_us - 1))
        ),
        "those who run activities hear of another": over(
            stores.answered("claim_tasks", lambda _, c, *__: replace(c, now_us=c.now_us + 1))
        ),
        "it shows the machine's own calendar": Mutant(OfItsMachine),
    },
    "B33": {
        "no messages come later": answered("mail", lambda *_: ()),
        "all messages come again": asked(
            "mail", lambda _, a: a | {"task": replace(a["task"], seen=0)}
        ),
        "one message comes later": answered("mail", lambda _, mail, __: mail[-1:]),
        "the last message comes first": answered("mail", lambda _, mail, __: mail[::-1]),
        "the last one is seen already": asked(
            "mail", lambda _, a: a | {"task": replace(a["task"], seen=a["task"].seen + 1)}
        ),
    },
}

FAULTS = POLLING
