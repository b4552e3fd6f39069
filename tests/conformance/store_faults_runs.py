"""Faults of a store in failures, runs, tags and leases that end: clauses 36 to 39, and 47."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.ports.store import Append
from corago.stores.memory import MemoryStore
from tests.conformance import store_misfits_runs as misfits
from tests.conformance.store_misfits_runs import lending, orphaning, reading
from tests.conformance.store_mutants import (
    FAR,
    Mutant,
    after_append,
    after_claim,
    after_send,
    answered,
    appended,
    asked,
    believing,
    claimed,
    doing,
    every,
    let_go,
    put,
    rows,
)

FAILURES: dict[str, Mutant] = {
    "failures are not counted": appended(failures=0),
    "failures are counted of who goes on": asked(
        "append", lambda _, a: replace(a, failures=0 if a.parks else a.failures)
    ),
    "failures are counted of who parks": asked(
        "append", lambda _, a: replace(a, failures=a.failures if a.parks else 0)
    ),
    "failures are counted without events": asked(
        "append", lambda _, a: replace(a, failures=0 if a.events else a.failures)
    ),
    "failures are counted to one": asked(
        "append", lambda _, a: replace(a, failures=min(a.failures, 1))
    ),
    "failures are added up": misfits.AddsFailures,
    "failures stay through events": misfits.KeepsFailuresThroughEvents,
    "failures stay when one parks": misfits.KeepsFailuresOfWhoParks,
    "failures stay after the end": misfits.KeepsFailuresOfTheClosed,
    "failures end with the next commit": after_append(
        None, lambda _, p, a: put(p, failures=a.failures)
    ),
    "failures end with a message": after_send("sent", lambda _, p, __: put(p, failures=0)),
    "failures end with a claim": after_claim(lambda _, p: put(p, failures=0)),
    "failures end with their worker": answered(
        "bury", lambda s, count, *_: doing(count, [put(p, failures=0) for p in s._instances])
    ),
    "failures are everybody's": after_append(
        None,
        lambda s, _, a: a.failures and [put(p, failures=a.failures) for p in s._instances],
    ),
    "failures are not found": rows(lambda row: replace(row, failures=0)),
    "failures are counted whatever comes": misfits.CountsFailuresWhateverComes,
    "opening forgets failures": every("failures", 0),
}


def _renewed(spoil: Callable[[MemoryStore, Any, Append], object]) -> Mutant:
    """A store that spoils a process when it begins its next run."""
    return after_append(None, lambda s, p, a: a.renews is not None and spoil(s, p, a))


def _without(**changes: Any) -> Mutant:
    """A store that leaves something out of a commit that begins a run."""
    return asked("append", lambda _, a: a if a.renews is None else replace(a, **changes))


RUNS: dict[str, Mutant] = {
    "no run begins": appended(renews=None),
    "the next run is the first": _renewed(lambda _, p, __: put(p, run=1)),
    "a run is left out": _renewed(lambda _, p, __: put(p, run=p.run + 1)),
    "a run begins with two events": _renewed(lambda _, p, __: p.events.insert(0, b"0")),
    "a run begins without an event": _renewed(lambda _, p, __: p.events.clear()),
    "the run before loses its events": _renewed(lambda _, p, __: p.past[-1].clear()),
    "the run before does not end": _renewed(
        lambda _, p, a: a.events and p.past[-1].__delitem__(slice(-len(a.events), None))
    ),
    "all runs before are forgotten": _renewed(lambda _, p, __: p.past.__delitem__(slice(0, -1))),
    "opening forgets runs": every("past", []),
    "opening begins anew": every("run", 1),
    "who holds a run holds the next": misfits.KeepsTheHolder,
    "the next run waits": _renewed(lambda s, p, _: let_go(s, p, None)),
    "the next run is due at once": _renewed(lambda s, p, _: let_go(s, p, s._now_us())),
    "the next run is due when parked": _renewed(lambda s, p, a: let_go(s, p, a.due_us)),
    "the next run is running": _renewed(lambda _, p, __: put(p, status="running")),
    "the next run was lost": _renewed(lambda _, p, __: put(p, lost_owner=misfits.LOST)),
    "the next run is in an epoch of its own": _renewed(lambda _, p, __: put(p, epoch=0)),
    "the next run was never written": _renewed(lambda _, p, __: put(p, updated_us=0)),
    "the run of a fence is of no matter": believing("run"),
    "the run and position of a fence are of no matter": believing("run", "position"),
    "unseen messages begin a run": _without(seen=FAR),
    "a run ends its inbox": _renewed(lambda _, p, __: p.inbox.clear()),
    "a run ends its keys": _renewed(lambda _, p, __: p.keys.clear()),
    "a run has consumed nothing": _renewed(lambda _, p, __: put(p, consumed=0)),
    "a run has heard nothing": _renewed(lambda _, p, __: put(p, inbox_head=0)),
    "a snapshot outlives its run": misfits.KeepsTheSnapshot,
    "a snapshot's place outlives its run": misfits.KeepsTheSnapshotsPosition,
    "a snapshot's tag outlives its run": misfits.KeepsTheTag,
    "the external text ends with a run": _renewed(lambda _, p, __: put(p, external=b"{}")),
    "the external text outlives its run": _without(external=None),
    "tasks outlive their run": misfits.KeepsTasks,
    "tasks of the next run are put": _renewed(
        lambda s, p, a: s._tasks.change(p, puts=a.tasks, cancels=(), drops=())
    ),
    "a run ends everybody's tasks": _renewed(lambda s, _, __: put(s._tasks, all={}, _paths={})),
    "a run bears no children": _without(births=()),
    "a run sends nothing": _without(sends=()),
    "a run writes no documents": _without(documents=()),
    "a run brings no blobs": _without(blobs=()),
    "a run keeps its definition": _without(definition=None),
    "a refused commit begins a run": misfits.RenewsWhateverComes,
    "failures outlive their run": misfits.KeepsFailures,
    "a misfit outlives its run": misfits.KeepsMisfits,
    "nobody hears of what a run ends": misfits.MuteOfNewRuns,
    "nobody hears that a run is due": misfits.MuteOfDueRuns,
}

TAGS: dict[str, Mutant] = {
    "tags stay as they were born": appended(tags=None),
    "tags go with the next commit": asked("append", lambda _, a: replace(a, tags=a.tags or ())),
    "no tags are none": asked("append", lambda _, a: replace(a, tags=a.tags or None)),
    "tags join the old ones": misfits.AddsTags,
    "tags are kept once": asked(
        "append", lambda _, a: replace(a, tags=a.tags and tuple(dict.fromkeys(a.tags)))
    ),
    "tags are sorted": asked(
        "append", lambda _, a: replace(a, tags=a.tags and tuple(sorted(a.tags)))
    ),
    "tags come with events": asked(
        "append", lambda _, a: replace(a, tags=a.tags if a.events else None)
    ),
    "who parks gives no tags": asked(
        "append", lambda _, a: replace(a, tags=None if a.parks else a.tags)
    ),
    "a run keeps its tags": _without(tags=None),
    "a run ends its tags": _renewed(lambda _, p, a: put(p, tags=a.tags or ())),
    "first tags are looked for": misfits.LooksForFirstTags,
    "first tags are counted": misfits.CountsFirstTags,
    "tags are everybody's": after_append(
        None, lambda s, _, a: a.tags is not None and [put(p, tags=a.tags) for p in s._instances]
    ),
    "a refused commit gives tags": misfits.TagsWhateverComes,
    "opening forgets new tags": answered(
        "open", lambda s, _: [put(p, tags=p.born.tags) for p in s._instances]
    ),
}


def _moved(by: int) -> Callable[[MemoryStore, int | None], int | None]:
    return lambda _, until_us: None if until_us is None else until_us + by


LEASES: dict[str, Mutant] = {
    "no lease ends by itself": lending(lambda *_: None),
    "every lease ends by itself": lending(lambda s, until_us: until_us or s._now_us() + 10**7),
    "a lease ends a moment late": lending(_moved(1)),
    "a lease ends a moment early": lending(_moved(-1)),
    "a lease ends for its definition": misfits.LetsGoOfTheAsked,
    "a lease never ends for its holder": misfits.LetsGoOfOthers,
    "a lease ends for who takes": misfits.LetsGoForWhoTakes,
    "a lease ends while paused": misfits.LetsGoWhilePaused,
    "a lease ends for anybody": misfits.LetsGoForAnybody,
    "who is slow is fenced at once": misfits.FencesWhoIsSlow,
    "an end goes when one goes on": after_append(
        None, lambda _, p, a: put(p, until_us=p.until_us if a.parks else None)
    ),
    "an end goes with tasks and snapshots": after_append(
        None, lambda _, p, a: a.tasks and put(p, until_us=None)
    ),
    "an end goes with a message": after_send("sent", lambda _, p, __: put(p, until_us=None)),
    "an end stays when one parks": misfits.KeepsTheEnd,
    "an end stays for who seizes": misfits.KeepsTheEndForWhoSeizes,
    "an end stays for who seizes and parks": misfits.KeepsTheEndForWhoSeizesAndParks,
    "an end stays after the end": misfits.KeepsTheEndOfTheClosed,
    "an end stays after a burial": misfits.KeepsTheEndOfTheBuried,
    "an end stays for the next claim": misfits.KeepsTheFirstEnd,
    "the next end is not told": misfits.TellsOfProcessesOnly,
    "the first of many is lent": misfits.LendsTheFirst,
    "opening forgets ends": every("until_us", None),
    "whose it was is not remembered": orphaning(lambda _, p, __: put(p, lost_owner=None)),
    "whose it was is told twice": after_claim(
        lambda _, p: put(p, lost_owner=p.lost_owner or "ann")
    ),
    "what is over is due now": orphaning(lambda s, p, _: let_go(s, p, s._now_us())),
    "what is over waits": orphaning(lambda s, p, _: let_go(s, p, None)),
    "what is over stays with its holder": orphaning(lambda _, p, __: put(p, owner=1)),
    "what is over is in another epoch": orphaning(lambda _, p, __: put(p, epoch=p.epoch + 1)),
    "nobody hears of what is over": misfits.MuteOfEnds,
    "all was lost": claimed(lost_owner="ann"),
}

READING: dict[str, Mutant] = {
    "every run is the latest": reading(lambda *_: None),
    "the first run is the latest": reading(lambda _, run: 1 if run is None else run),
    "an unknown run is the latest": reading(
        lambda p, run: run if run is not None and 0 < run <= p.run else None
    ),
    "a run is the one before": reading(lambda _, run: run and max(run - 1, 1)),
    "runs are counted back": reading(lambda p, run: p.run + 1 + run if run and run < 0 else run),
    "a history is that of all runs": misfits.ReadsAllRuns,
    "a run is read whole": misfits.ReadsRunsWhole,
}

FAULTS: dict[str, dict[str, Mutant]] = {
    "C36": FAILURES,
    "C37": RUNS,
    "C38": TAGS,
    "C39": LEASES,
    "C47": READING,
}
