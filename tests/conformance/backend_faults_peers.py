"""Faults of a backend in values, workers and listeners: clauses 65 to 70 and 72."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.core import events as e
from corago.ports.store import Change
from tests.conformance import store_mutants as stores
from tests.conformance.backend_mutants import (
    SECOND,
    Args,
    Faulty,
    Mutant,
    answered,
    appends,
    asked,
    doing,
    histories,
    honestly,
    instead,
    jsonlike,
    over,
    spoiled,
)
from tests.conformance.store_mutants import let_go, put


def _composed(text: bytes) -> bytes:
    return unicodedata.normalize("NFC", text.decode()).encode()


async def _by_name(faulty: Faulty, args: Args) -> Any:
    """There is one worker of a name."""
    known = [each.id for each in await faulty.honest.peers() if each.name == args["name"]]
    if args["worker"] is None and known:
        return known[0]
    return await honestly(faulty, "heartbeat", args)


async def _revived(faulty: Faulty, args: Args) -> Any:
    return await honestly(faulty, "heartbeat", args) or await faulty.honest.heartbeat(args["name"])


def _unbeaten(store: Any, worker: tuple[Any, ...]) -> object:
    for id in worker:
        if id in store._workers:
            store._workers[id] = replace(store._workers[id], beat=1)
    return worker


def _ghost(worker: int) -> dict[int, Any]:
    return {worker: replace(stores.GHOST, id=worker)}


async def _kept_by_the_dead(faulty: Faulty, args: Args) -> Any:
    held = [p for p in faulty.store._instances if p.owner == args["worker"]]
    answer = await honestly(faulty, "bury", args)
    for process in held:
        put(process, owner=args["worker"], due_us=None)
    return answer


async def _tasks_with_the_dead(faulty: Faulty, args: Args) -> Any:
    held = faulty.store._tasks.held(args["worker"])
    answer = await honestly(faulty, "bury", args)
    for task in held:
        put(task, owner=args["worker"], due_us=None)
    return answer


def _haunted(store: Any, claims: Any) -> object:
    for each in claims.taken:
        lost = store.notes.setdefault("lost", {})
        name = each.row.process_id
        lost[name] = each.lost_owner or lost.get(name)
        store._processes[name].lost_owner = lost[name]
    return claims


def _trusted(store: Any, task: Any, more: tuple[Any, ...]) -> Any:
    """Whoever had a task once may bring its outcome."""
    kept = store._tasks.all.get(task.task)
    if kept is None:
        return task
    put(kept, owner=more[0], due_us=None)
    return replace(task, epoch=kept.epoch)


def hearing(*kinds: str) -> Mutant:
    """A backend of whose changes only these kinds are told."""

    class Hearing(Faulty):
        def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
            def hear(change: Change) -> None:
                if change.kind in kinds:
                    listener(change)

            return self.honest.subscribe(hear)

    return Mutant(Hearing)


class NeverStops(Faulty):
    """Who has listened once is told for ever."""

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        self.honest.subscribe(listener)
        return lambda: None


VALUES: dict[str, dict[str, Mutant]] = {
    "B72": {
        "keys of objects are sorted": histories(
            lambda event: (
                replace(event, input=jsonlike(event.input))
                if isinstance(event, e.ProcessStarted)
                else event
            )
        ),
        "text is composed": over(
            stores.asked("start", lambda _, new: replace(new, event=_composed(new.event)))
        ),
        "data of signals are composed": over(
            stores.asked("send", lambda _, m: replace(m, data=_composed(m.data)))
        ),
        "events are composed": appends(
            lambda a: replace(a, events=tuple(map(_composed, a.events)))
        ),
        "tasks are composed": appends(
            lambda a: replace(a, tasks=tuple(replace(t, data=_composed(t.data)) for t in a.tasks))
        ),
        "paths are composed": appends(
            lambda a: replace(a, tasks=tuple(replace(t, path=spoiled(t.path)) for t in a.tasks))
        ),
        "outcomes are composed": over(
            stores.asked(
                "complete_task",
                lambda _, task, worker, data, *m: (task, worker, _composed(data), *m),
            )
        ),
        "large values are cut": over(
            stores.answered(
                "blobs", lambda _, found, *__: [replace(b, data=b'"cut"') for b in found]
            )
        ),
        "large values of outcomes are lost": over(
            stores.asked(
                "complete_task", lambda _, task, worker, data, *__: (task, worker, data, ())
            )
        ),
        "large values of messages are lost": over(stores.sent(blobs=())),
        "large values of starts are lost": over(stores.started(blobs=())),
        "large values of commits are lost": over(stores.appended(blobs=())),
        "timers say nothing": histories(
            lambda event: replace(event, data=None) if isinstance(event, e.TimerFired) else event
        ),
    },
}

WORKERS: dict[str, dict[str, Mutant]] = {
    "B65": {
        "a name is a worker": instead("heartbeat", _by_name),
        "who was struck off comes back": instead("heartbeat", _revived),
        "a heartbeat raises nothing": over(
            stores.answered("beat", lambda s, id, name, *w: doing(id, _unbeaten(s, w)))
        ),
        "a heartbeat makes another worker": asked("heartbeat", lambda _, a: a | {"worker": None}),
    },
    "B66": {
        "nobody is struck off": answered(
            "bury", lambda f, count, a: doing(count, f.store._workers.update(_ghost(a["worker"])))
        ),
        "what was held stays held": instead("bury", _kept_by_the_dead),
        "what was held is due in a while": answered(
            "bury",
            lambda f, count, _: doing(
                count,
                [let_go(f.store, p, f.now_us + SECOND) for p in f.store._instances if p.lost_owner],
            ),
        ),
        "who vanished is not told": over(stores.claimed(lost_owner=None)),
        "who vanished is told again and again": over(
            stores.answered("claim", lambda s, claims, *_: doing(claims, _haunted(s, claims)))
        ),
        "who vanished has no name": over(
            stores.answered(
                "claim",
                lambda _, claims, *__: replace(
                    claims,
                    taken=tuple(
                        replace(t, lost_owner=t.lost_owner and "somebody") for t in claims.taken
                    ),
                ),
            )
        ),
        "who vanished takes all with it": answered(
            "bury",
            lambda f, count, _: doing(
                count,
                [
                    put(let_go(f.store, p, f.now_us), lost_owner="all")
                    for p in f.store._instances
                    if p.owner
                ],
            ),
        ),
        "who moved is struck off all the same": asked("bury", lambda _, a: a | {"beat": None}),
        "nobody counts what was held": answered("bury", lambda *_: 7),
        "a loss that is told again is not": appends(lambda a: replace(a, lost_owner=None)),
        "who leaves is missed": answered(
            "bury",
            lambda f, count, _: doing(
                count, [put(p, lost_owner="ann") for p in f.store._instances if not p.owner]
            ),
        ),
    },
    "B67": {
        "tasks stay with the dead": instead("bury", _tasks_with_the_dead),
        "losses of tasks are not counted": answered(
            "bury",
            lambda f, count, _: doing(
                count, [put(t, losses=0) for t in f.store._tasks.all.values()]
            ),
        ),
        "losses of tasks are counted once": answered(
            "bury",
            lambda f, count, _: doing(
                count, [put(t, losses=min(1, t.losses)) for t in f.store._tasks.all.values()]
            ),
        ),
        "tasks of others are freed as well": answered(
            "bury",
            lambda f, count, _: doing(
                count,
                [t.let_go(0, f.now_us) for t in f.store._tasks.all.values() if t.owner],
            ),
        ),
        "what was to stop is run again": answered(
            "bury",
            lambda f, count, _: doing(
                count,
                [put(t, stops=False, queue="mail") for t in f.store._tasks.all.values() if t.stops],
            ),
        ),
        "the dead bring outcomes": over(
            stores.asked("complete_task", lambda s, task, *more: (_trusted(s, task, more), *more))
        ),
    },
    "B68": {
        "there are no workers": answered("peers", lambda *_: []),
        "the dead are workers": answered("peers", lambda _, found, __: [*found, stores.GHOST]),
        "workers have no names": answered(
            "peers", lambda _, found, __: [replace(each, name="") for each in found]
        ),
    },
    "B69": {
        "nobody hears anything": hearing(),
        "nobody hears of messages": hearing("runnable", "closed", "task"),
        "nobody hears of ends": hearing("runnable", "message", "task"),
        "nobody hears of tasks": hearing("runnable", "message", "closed"),
        "nobody hears who is due": hearing("message", "closed", "task"),
        "who has enough hears on": Mutant(NeverStops),
    },
    "B70": {
        "nothing stirs": hearing(),
    },
}

FAULTS = VALUES | WORKERS
