"""Faults of a store in claiming, finding, burying and telling: clauses 19 to 25, 49, and others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.ports.store import Query
from corago.stores.memory import MemoryStore
from tests.conformance import store_misfits as misfits
from tests.conformance.store_mutants import (
    FAR,
    GHOST,
    Mutant,
    after_append,
    after_claim,
    answered,
    appended,
    asked,
    claimed,
    doing,
    due_as_well,
    forgetful,
    let_go,
    put,
    rows,
)


def _dues(move: Callable[[MemoryStore, Any], int]) -> Mutant:
    """A store that sees other due instants than there are when it is asked for work."""
    return asked(
        "claim",
        lambda s, *call: doing(
            call, [let_go(s, p, move(s, p)) for p in s._instances if p.due_us is not None]
        ),
    )


def _found(keep: Callable[[Query, Any], Any], **lifted: Any) -> Mutant:
    """A store that does without some conditions of a query and filters in another way."""

    async def find(self: MemoryStore, query: Query) -> list[Any]:
        wide = await MemoryStore.find(self, replace(query, limit=FAR, **lifted))
        return [row for row in wide if keep(query, row)][: query.limit]

    return type("Found", (MemoryStore,), {"find": find})


def _counted(**lifted: Any) -> Mutant:
    return asked("count", lambda _, query: replace(query, **lifted))


def _buried(spoil: Callable[[MemoryStore, Any], object]) -> Mutant:
    """A store that spoils what a buried worker left."""

    def act(store: MemoryStore, count: int, *_: object) -> int:
        for process in store._instances:
            if process.lost_owner is not None and process.owner is None:
                spoil(store, process)
        return count

    return answered("bury", act)


def _freed(spoil: Callable[[MemoryStore, Any], object]) -> Mutant:
    """A store that spoils the tasks that a buried worker left."""

    async def bury(self: MemoryStore, worker: int, beat: int | None = None) -> int:
        held = self._tasks.held(worker)
        count = await MemoryStore.bury(self, worker, beat)
        for task in held:
            if task.owner is None:
                spoil(self, task)
        return count

    return type("Freed", (MemoryStore,), {"bury": bury})


def _counted_with_tasks() -> Mutant:
    async def bury(self: MemoryStore, worker: int, beat: int | None = None) -> int:
        return len(self._tasks.held(worker)) + await MemoryStore.bury(self, worker, beat)

    return type("Counted", (MemoryStore,), {"bury": bury})


CLAIMS: dict[str, Mutant] = {
    "claims take what is not yet due": _dues(lambda s, p: min(p.due_us, s._now_us())),
    "claims come a moment late": _dues(lambda _, p: p.due_us + 1),
    "claims go by age": _dues(lambda s, p: p.born.at_us if p.due_us <= s._now_us() else p.due_us),
    "claims take the last one first": answered(
        "claim", lambda _, claims, *__: replace(claims, taken=claims.taken[::-1])
    ),
    "claims take all definitions": asked(
        "claim", lambda s, w, _, limit, *__: (w, [d.id for d in s._definitions], limit)
    ),
    "claims know no limit": asked("claim", lambda _, w, d, __, *heirs: (w, d, FAR, *heirs)),
    "claims take one more": asked(
        "claim", lambda _, w, d, limit, *heirs: (w, d, limit + 1, *heirs)
    ),
    "claims take one at most": asked(
        "claim", lambda _, w, d, limit, *heirs: (w, d, min(limit, 1), *heirs)
    ),
    "claims keep the epoch": after_claim(lambda _, p: put(p, epoch=p.epoch - 1)),
    "claims keep the status": after_claim(lambda _, p: put(p, status="waiting")),
    "a failed process runs when claimed": after_claim(lambda _, p: put(p, status="running")),
    "claims bring no messages": claimed(messages=()),
    "claims bring no events": claimed(events=()),
    "claims show the status before": answered(
        "claim",
        lambda _, claims, *__: replace(
            claims,
            taken=tuple(replace(c, row=replace(c.row, status="waiting")) for c in claims.taken),
        ),
    ),
    "claims do not tell what comes next": answered(
        "claim", lambda _, claims, *__: replace(claims, next_due_us=None)
    ),
    "claims tell what comes next of all definitions": answered(
        "claim",
        lambda s, claims, *_: replace(
            claims,
            next_due_us=min((p.due_us for p in s._instances if p.due_us is not None), default=None),
        ),
    ),
    "an idle store is always due": answered(
        "claim", lambda _, claims, *__: replace(claims, next_due_us=claims.next_due_us or 0)
    ),
    "what failed once stays failed": after_append(
        None, lambda _, p, a: a.status == "running" and p.epoch > 1 and put(p, status="failed")
    ),
}

LEASES: dict[str, Mutant] = {
    "what is claimed stays claimable": after_claim(due_as_well),
    "leases end by themselves": asked(
        "claim",
        lambda s, *call: doing(
            call,
            [
                let_go(s, p, 0)
                for p in s._instances
                if p.owner and s._now_us() - p.updated_us >= 3_600_000_000
            ],
        ),
    ),
    "claimers at once take the same": misfits.ClaimsAfterAPause,
    "a claim is of anybody": answered(
        "claim",
        lambda s, claims, *_: doing(
            claims, [put(s._processes[c.row.process_id], owner=1) for c in claims.taken]
        ),
    ),
}

LOST: dict[str, Mutant] = {
    "a lost owner is never told": claimed(lost_owner=None),
    "a lost owner is told for ever": answered(
        "claim",
        lambda s, claims, *_: doing(
            claims,
            [put(s._processes[c.row.process_id], lost_owner=c.lost_owner) for c in claims.taken],
        ),
    ),
    "somebody is always lost": claimed(lost_owner="somebody"),
    "no loss is passed on": appended(lost_owner=None),
    "losses are passed on by who parks": asked(
        "append", lambda _, a: replace(a, lost_owner=a.lost_owner if a.parks else None)
    ),
    "who passes on none forgets it": after_append(
        None, lambda _, p, a: put(p, lost_owner=a.lost_owner)
    ),
}

PAUSE: dict[str, Mutant] = {
    "a pause is ignored": misfits.ClaimsWhilePaused,
    "a pause is not told": answered("claim", lambda _, claims, *__: replace(claims, paused=False)),
    "a pause ends with a restart": forgetful(lambda s: put(s, _paused=False)),
    "a pause never ends": asked("pause", lambda _, paused=None: paused or None),
    "a pause refuses messages": answered(
        "send", lambda s, told, _: replace(told, outcome="closed") if s._paused else told
    ),
}

PAGES: dict[str, Mutant] = {
    "the oldest come first": answered("find", lambda _, found, __: found[::-1]),
    "the latest changed come first": answered(
        "find", lambda _, found, __: sorted(found, key=lambda row: -row.updated_us)
    ),
    "each page is the first": asked("find", lambda _, query: replace(query, after=None)),
    "a page begins with the last row": misfits.BeginsWithTheLastRow,
    "pages are counted off": misfits.PagesByOffset,
    "pages begin after a row that matches": misfits.LooksForTheLastRow,
    "pages have no end": asked("find", lambda _, query: replace(query, limit=FAR)),
    "every workflow is found": asked("find", lambda _, query: replace(query, workflow=None)),
    "every status is found": asked("find", lambda _, query: replace(query, status=None)),
    "every tag is found": asked("find", lambda _, query: replace(query, tag=None)),
    "half a tag is enough": _found(
        lambda query, row: query.tag is None or query.tag in " ".join(row.tags), tag=None
    ),
    "tags are compared loosely": _found(
        lambda query, row: query.tag is None or query.tag.lower() in row.tags, tag=None
    ),
    "`until` belongs to the time asked for": _found(
        lambda query, row: query.until_us is None or row.created_us <= query.until_us,
        until_us=None,
    ),
    "`since` does not belong to it": _found(
        lambda query, row: query.since_us is None or row.created_us > query.since_us
    ),
    "time is that of the last change": _found(
        lambda query, row: query.until_us is None or row.updated_us < query.until_us,
        until_us=None,
    ),
    "rows have no tags": rows(lambda row: replace(row, tags=())),
    "rows name no owner": rows(lambda row: replace(row, owner_name=None)),
    "counts are of a page": answered(
        "count", lambda _, counts, query: {k: min(n, query.limit) for k, n in counts.items()}
    ),
    "counts know no status": _counted(status=None),
    "counts know no tag": _counted(tag=None),
    "counts are of known statuses": answered(
        "count", lambda _, counts, __: {"created": 0, **counts}
    ),
}

BEATS: dict[str, Mutant] = {
    "a beat is not counted": answered(
        "beat",
        lambda s, worker, *_: doing(
            worker,
            worker and s._workers.update({worker: replace(s._workers[worker], beat=1)}),
        ),
    ),
    "one beat counts for all": answered(
        "beat",
        lambda s, worker, *_: doing(
            worker,
            s._workers.update({k: replace(p, beat=p.beat + 1) for k, p in s._workers.items()}),
        ),
    ),
    "every beat is another worker": asked("beat", lambda _, name, *__: name),
    "one name is one worker": asked(
        "beat",
        lambda s, name, worker=None: (
            name,
            worker or next((p.id for p in s._workers.values() if p.name == name), None),
        ),
    ),
    "a buried worker rises again": answered(
        "beat", lambda _, found, __, worker=None: found or worker
    ),
    "a stranger's beat registers it": asked(
        "beat", lambda s, name, worker=None: (name, worker if worker in s._workers else None)
    ),
    "ids are given again": answered(
        "bury", lambda s, count, *_: doing(count, put(s, _worker_ids=max(s._workers, default=0)))
    ),
    "everybody is called dead": answered(
        "peers", lambda _, peers: [replace(each, is_dead=True) for each in peers]
    ),
    "nobody is a peer": answered("peers", lambda *_: []),
}

BURYING: dict[str, Mutant] = {
    "the counter is ignored": asked("bury", lambda _, worker, *__: worker),
    "nobody is ever buried": asked("bury", lambda *_: 0),
    "the counter must be unknown": asked(
        "bury", lambda _, worker, beat=None: (worker, None if beat is None else FAR)
    ),
    "what was lost waits for ever": _buried(lambda s, p: let_go(s, p, None)),
    "what was lost is due later": _buried(lambda s, p: let_go(s, p, s._now_us() + 1)),
    "what was lost keeps its owner": _buried(lambda _, p: put(p, owner=1)),
    "a lost owner is not remembered": _buried(lambda _, p: put(p, lost_owner=None)),
    "a lost owner is remembered as a number": _buried(lambda _, p: put(p, lost_owner="1")),
    "all workers' processes are lost": answered(
        "bury",
        lambda s, count, *_: doing(count, [let_go(s, p, 0) for p in s._instances if p.owner]),
    ),
    "what was parked is lost as well": answered(
        "bury", lambda s, count, *_: doing(count, [let_go(s, p, 0) for p in s._instances])
    ),
    "messages are lost as well": _buried(lambda _, p: p.inbox.clear()),
    "the lost are not counted": answered("bury", lambda *_: 0),
    "only one is lost": answered("bury", lambda _, count, *__: min(count, 1)),
    "what had failed is not due": _buried(lambda s, p: p.status == "failed" and let_go(s, p, None)),
    "a lost task waits for ever": _freed(lambda _, t: put(t, due_us=None)),
    "a lost task is due as it was": _freed(lambda s, t: put(t, due_us=s._now_us() - 1)),
    "a lost task keeps its owner": _freed(lambda _, t: put(t, owner=1, due_us=None)),
    "a lost task is lost": _freed(lambda s, t: s._tasks.all.pop(t.number)),
    "a lost task counts no loss": _freed(lambda _, t: put(t, losses=0)),
    "every task counts the loss": answered(
        "bury",
        lambda s, count, *_: doing(count, [put(t, losses=1) for t in s._tasks.all.values()]),
    ),
    "losses do not add up": _freed(lambda _, t: put(t, losses=1)),
    "what is to stop goes back to its queue": _freed(lambda _, t: t.stops and put(t, queue="mail")),
    "all workers' tasks are lost": answered(
        "bury",
        lambda s, count, *_: doing(
            count, [put(t, owner=None, due_us=0) for t in s._tasks.all.values()]
        ),
    ),
    "lost tasks count as processes": _counted_with_tasks(),
    "the buried still claim": asked(
        "claim",
        lambda s, worker, *rest: doing((worker, *rest), s._workers.setdefault(worker, GHOST)),
    ),
    "the buried may still write": misfits.WritesForTheBuried,
    "the buried are still peers": answered(
        "peers", lambda s, peers: peers or [GHOST] * bool(s._worker_ids)
    ),
}

OTHER: dict[str, Mutant] = {
    "a closed store still answers": misfits.NeverCloses,
    "a closed store can still be read": misfits.ReadsWhenClosed,
    "a second farewell is an error": misfits.ClosesOnce,
    "a caller that goes away blocks the others": misfits.JamsWhenCanceled,
    "messages are not told": misfits.Mute,
    "what became runnable is not told": misfits.MuteOfTheRunnable,
    "ends are not told": misfits.MuteOfTheClosed,
    "one listener is told": misfits.TellsOne,
    "listeners are told in another thread": misfits.TellsFromAThread,
    "listeners are told before the write": misfits.TellsBeforeItWrites,
    "refusals are told": misfits.TellsRefusals,
    "no listener can stop": misfits.KeepsListeners,
    "a listener can stop only once": misfits.StopsOnce,
    "other objects never stir": misfits.TwinsNeverStir,
}

CALENDAR: dict[str, Mutant] = {
    "claims are a moment old": answered(
        "claim", lambda _, claims, *__: replace(claims, now_us=claims.now_us - 1)
    ),
    "claims of tasks are a moment early": answered(
        "claim_tasks", lambda _, claims, *__: replace(claims, now_us=claims.now_us + 1)
    ),
    "claims tell when they may come again": answered(
        "claim",
        lambda _, claims, *__: replace(claims, now_us=claims.next_due_us or claims.now_us),
    ),
    "claims that bring nothing tell no instant": answered(
        "claim",
        lambda _, claims, *__: replace(claims, now_us=claims.now_us if claims.taken else 0),
    ),
}

FAULTS: dict[str, dict[str, Mutant]] = {
    "C19": CLAIMS,
    "C20": LEASES,
    "C21": LOST,
    "C22": PAUSE,
    "C23": PAGES,
    "C24": BEATS,
    "C25": BURYING,
    "C49": CALENDAR,
    "other": OTHER,
}
