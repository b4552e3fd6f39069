"""Faults of a backend in ends and in reading: clauses 16 to 25."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from corago.core import events as e
from corago.core.history import History
from corago.errors import CommandRefusedError, ProcessNotFoundError
from tests.conformance import store_mutants as stores
from tests.conformance.backend_faults_send import ended_all_the_same, to
from tests.conformance.backend_faults_start import AbortsWithTheCode
from tests.conformance.backend_mutants import (
    Args,
    Faulty,
    Mutant,
    answered,
    appends,
    asked,
    counts,
    descriptions,
    doing,
    ends,
    histories,
    honestly,
    instead,
    over,
    queries,
    rows,
    starts,
)
from tests.conformance.store_mutants import let_go


def _seizing(**changes: Any) -> Mutant:
    """A backend whose aborts write this."""
    return appends(lambda a: replace(a, **changes) if a.seize else a)


async def _politely(faulty: Faulty, args: Args) -> Any:
    """Whoever holds a process is left alone."""
    process = faulty.process(args["process_id"])
    before = process.owner, process.epoch
    answer = await honestly(faulty, "abort", args)
    if before[0] is not None:
        process.owner, process.epoch = before
    return answer


async def _only_words(faulty: Faulty, args: Args) -> Any:
    """It is said, and not done."""
    process = faulty.process(args["process_id"])
    kept = process.events[:], process.status, process.due_us, process.owner, process.epoch
    answer = await honestly(faulty, "abort", args)
    process.events[:], process.status = kept[0], kept[1]
    process.owner, process.epoch = kept[3], kept[4]
    if kept[3] is None:
        let_go(faulty.store, process, kept[2])
    return answer


async def _again(faulty: Faulty, args: Args) -> Any:
    """Ended processes are aborted as well."""
    process = faulty.process(args["process_id"])
    if process.status in e.CLOSED_STATUSES:
        process.status = "running"
    return await honestly(faulty, "abort", args)


async def _never_again(faulty: Faulty, args: Args) -> Any:
    """Nor are failed ones."""
    if faulty.process(args["process_id"]).status == "failed":
        raise CommandRefusedError(args["process_id"], "abort", "it is failed already")
    return await honestly(faulty, "abort", args)


async def _keeps_tasks(faulty: Faulty, args: Args) -> Any:
    """Tasks outlive their process."""
    clear = faulty.store._tasks.clear
    faulty.store._tasks.clear = lambda _: None
    try:
        return await honestly(faulty, "abort", args)
    finally:
        faulty.store._tasks.clear = clear


async def _takes_mail_in(faulty: Faulty, args: Args) -> Any:
    """What has come is looked at first."""
    if (faulty.process(args["process_id"])).inbox:
        raise CommandRefusedError(args["process_id"], "abort", "messages wait")
    return await honestly(faulty, "abort", args)


async def _ended_too_early(faulty: Faulty, args: Args) -> Any:
    answer = await honestly(faulty, "ended", args)
    if answer is None:
        return (await faulty.honest.describe(args["process_id"])).snapshot.process
    return answer


async def _ended_with_its_run(faulty: Faulty, args: Args) -> Any:
    answer = await honestly(faulty, "ended", args)
    if answer is None and faulty.process(args["process_id"]).run > 1:
        return (await faulty.honest.describe(args["process_id"])).snapshot.process
    return answer


async def _taken_by_looking(faulty: Faulty, args: Args) -> Any:
    found = await honestly(faulty, "describe", args)
    process = faulty.process(args["process_id"])
    process.inbox = []
    return found


async def _nothing_there(faulty: Faulty, args: Args, name: str, answer: Any) -> Any:
    try:
        return await honestly(faulty, name, args)
    except ProcessNotFoundError:
        return answer


def _row(**changes: Any) -> Mutant:
    return descriptions(lambda d: replace(d, row=replace(d.row, **changes)))


def _starts_with(row: Any, query: Any) -> bool:
    return query.tag is None or row.tags[:1] == (query.tag,)


async def _loosely(faulty: Faulty, args: Args) -> Any:
    query = args["query"]
    if query.tag is None:
        return await honestly(faulty, "find", args)
    found = await honestly(faulty, "find", args | {"query": replace(query, tag=None)})
    return [r for r in found if query.tag.lower() in " ".join(r.tags).lower()]


async def _overlapping(faulty: Faulty, args: Args) -> Any:
    query = args["query"]
    found = await honestly(faulty, "find", args)
    if query.after is None or not found:
        return found
    (last,) = [r for r in await faulty.store.find(type(query)()) if r.process_id == query.after]
    return [last, *found][: query.limit]


async def _counted_page(faulty: Faulty, args: Args) -> Any:
    found = await faulty.honest.find(args["query"])
    counted: dict[str, int] = {}
    for row in found:
        counted[row.status] = counted.get(row.status, 0) + 1
    return counted


async def _lagging(faulty: Faulty, args: Args, name: str) -> Any:
    """What is told is what was there when it was asked before."""
    now = await honestly(faulty, name, args)
    before = faulty.notes.get(name, type(now)())
    faulty.notes[name] = now
    return before


ENDING: dict[str, dict[str, Mutant]] = {
    "B16": {
        "nobody has aborted it": asked("abort", lambda _, a: a | {"actor": None}),
        "an abort has no reason": asked("abort", lambda _, a: a | {"reason": None}),
        "an abort fences nobody": instead("abort", _politely),
        "an abort is only said": instead("abort", _only_words),
        "an abort leaves the tasks": instead("abort", _keeps_tasks),
        "an abort waits for messages": instead("abort", _takes_mail_in),
        "an abort needs the code": Mutant(AbortsWithTheCode),
        "an abort leaves it due": _seizing(closes=False, parks=True, due_us=0),
        "an abort answers with another status": answered(
            "abort", lambda _, answer, __: (replace(answer[0], status="running"), answer[1])
        ),
    },
    "B17": {
        "an abort tells nobody": _seizing(sends=()),
        "an abort tells the parent only": appends(
            lambda a: replace(a, sends=a.sends[-1:]) if a.seize and len(a.sends) > 1 else a
        ),
        "an abort tells the children only": appends(
            lambda a: replace(a, sends=a.sends[:-1]) if a.seize and len(a.sends) == 1 else a
        ),
        "an abort cancels all children": appends(
            lambda a: (
                replace(
                    a,
                    sends=tuple(
                        replace(m, data=m.data.replace(b'"abort"', b'"cancel"')) for m in a.sends
                    ),
                )
                if a.seize
                else a
            )
        ),
    },
    "B18": {
        "ended processes are aborted": instead("abort", _again),
        "failed processes are not aborted": instead("abort", _never_again),
    },
    "B20": {
        "nothing ever ends": answered("ended", lambda *_: None),
        "what waits has ended": instead("ended", _ended_too_early),
        "who is about to be reopened has ended": instead("ended", ended_all_the_same),
        "an end has no result": ends(lambda p: replace(p, result=None)),
        "an end has no error": ends(lambda p: replace(p, error=None)),
        "all ends are good": ends(lambda p: replace(p, status="completed")),
        "failed processes have not ended": ends(lambda p: None if p.status == "failed" else p),
        "a run's end is the end": instead("ended", _ended_with_its_run),
    },
}

READING: dict[str, dict[str, Mutant]] = {
    "B19": {
        "all processes run": _row(status="running"),
        "nobody holds anything": _row(owner=None),
        "holders have no names": _row(owner_name=None),
        "no messages wait": descriptions(lambda d: replace(d, mail=())),
        "looking takes messages in": instead("describe", _taken_by_looking),
        "nobody ever vanished": descriptions(lambda d: replace(d, lost_owner=None)),
        "a process is as it was at the start": descriptions(
            lambda d: replace(
                d, snapshot=replace(d.snapshot, process=replace(d.snapshot.process, timers={}))
            )
        ),
        "a suspended process waits": over(
            stores.asked(
                "append",
                lambda _, a: replace(a, status="waiting") if a.status == "suspended" else a,
            )
        ),
        "a definition has no name": _row(workflow="", sha=""),
    },
    "B21": {
        "the last event is told later": answered(
            "history", lambda _, found, __: History(found[:-1] or found)
        ),
        "markers are not told": answered(
            "history",
            lambda _, found, __: History(
                replace(each, position=n)
                for n, each in enumerate(
                    (v for v in found if not isinstance(v, e.MarkerRecorded)), start=1
                )
            ),
        ),
        "markers say nothing": histories(
            lambda event: (
                replace(event, details=None) if isinstance(event, e.MarkerRecorded) else event
            )
        ),
        "all events are of one instant": answered(
            "history", lambda _, found, __: History(replace(v, at=found[0].at) for v in found)
        ),
        "events are read from the start": asked("events", lambda _, a: a | {"after": 0}),
        "events are read from this one on": asked(
            "events", lambda _, a: a | {"after": max(0, a["after"] - 1)}
        ),
        "there is one run": asked("events", lambda _, a: a | {"run": None}),
        "former runs are forgotten": answered(
            "events",
            lambda f, found, a: found if a["run"] in (None, getattr(to(f, a), "run", None)) else [],
        ),
    },
    "B22": {
        "who is not there has no history": instead(
            "history", lambda f, a: _nothing_there(f, a, "history", History(()))
        ),
        "who is not there has not ended": instead(
            "ended", lambda f, a: _nothing_there(f, a, "ended", None)
        ),
        "who is not there gets messages": instead(
            "send", lambda f, a: _nothing_there(f, a, "send", None)
        ),
    },
    "B23": {
        "nothing is found": rows(lambda found: []),
        "any workflow is found": queries(workflow=None),
        "any status is found": queries(status=None),
        "any time is found": queries(since_us=None, until_us=None),
        "the first instant is left out": asked(
            "find",
            lambda _, a: (
                a | {"query": replace(a["query"], since_us=(a["query"].since_us or -1) + 1)}
            ),
        ),
        "the second instant is let in": asked(
            "find",
            lambda _, a: (
                a
                | {
                    "query": replace(
                        a["query"],
                        until_us=None if a["query"].until_us is None else a["query"].until_us + 1,
                    )
                }
            ),
        ),
        "the oldest comes first": rows(lambda found: found[::-1]),
        "pages have no end": queries(limit=1000),
        "all pages are the first": asked(
            "find",
            lambda f, a: (
                a
                if f.notes.setdefault("turned", 0) > 9
                else doing(
                    a | {"query": replace(a["query"], after=None)},
                    f.notes.update(turned=f.notes["turned"] + 1),
                )
            ),
        ),
        "a page begins with the last of the one before": instead("find", _overlapping),
        "what was written is found later": instead("find", lambda f, a: _lagging(f, a, "find")),
        "who changed comes first": rows(
            lambda found: sorted(found, key=lambda row: -row.inbox_head)
        ),
    },
    "B24": {
        "nothing is counted": answered("count", lambda *_: {}),
        "all are counted": counts(workflow=None, status=None, tag=None),
        "a page is counted": instead("count", _counted_page),
        "what was written is counted later": instead("count", lambda f, a: _lagging(f, a, "count")),
        "all have one status": answered(
            "count", lambda _, found, __: {"completed": sum(found.values())} if found else found
        ),
    },
    "B25": {
        "there are no tags": starts(tags=()),
        "a tag is all of them": over(
            stores.answered("find", lambda _, found, q: [r for r in found if _starts_with(r, q)])
        ),
        "tags are not looked at": queries(tag=None),
        "tags are found by small letters": instead("find", _loosely),
        "children have no tags": appends(
            lambda a: replace(a, births=tuple(replace(each, tags=()) for each in a.births))
        ),
        "children have their parents' tags": over(
            stores.asked(
                "append",
                lambda s, a: replace(
                    a,
                    births=tuple(
                        replace(each, tags=s._at(a.fence.instance).tags) for each in a.births
                    ),
                ),
            )
        ),
        "a new run keeps its tags": appends(lambda a: replace(a, tags=None)),
        "tags are sorted": asked(
            "start",
            lambda _, a: a | {"start": replace(a["start"], tags=tuple(sorted(a["start"].tags)))},
        ),
    },
}

FAULTS = ENDING | READING
