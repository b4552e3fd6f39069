"""Faults of a backend in writing commits: clauses 34 to 39, 44, 45 and 75."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.backends.local import tasks as local_tasks
from corago.core import queueing
from corago.core.tasks import DecisionTask
from corago.ports.backend import Start
from corago.ports.store import ALL_SEEN, Append, Refusal
from corago.testing.clock import DAWN
from tests.conformance import store_mutants as stores
from tests.conformance.backend_mutants import (
    MOMENT,
    SECOND,
    Args,
    Faulty,
    Mutant,
    answered,
    appends,
    asked,
    commits,
    doing,
    due_as_well,
    holds,
    honestly,
    instead,
    over,
)
from tests.conformance.store_mutants import let_go, put


async def _in_parts(faulty: Faulty, args: Args, *parts: str) -> Any:
    """Some of a refused commit is written all the same."""
    answer = await honestly(faulty, "complete_decision_task", args)
    if isinstance(answer, DecisionTask):
        return answer
    process = faulty.process(args["task"].process_id)
    commit = args["commit"]
    if "events" in parts:
        packing = faulty.honest._packing
        process.events.extend(packing.events(commit.events, []))
    if "births" in parts:
        for each in commit.births:
            definition = await faulty.honest.latest(each.workflow)
            if definition is not None:
                await faulty.honest.start(Start(each.child, definition, each.input))
    if "sends" in parts:
        for send in commit.sends:
            await faulty.honest.send(send.process_id, send.message)
    if "tasks" in parts and commit.queued:
        puts = [
            local_tasks.queued(faulty.honest._packing, commit.snapshot.process, each, [])
            for each in commit.queued
        ]
        faulty.store._tasks.change(process, puts=puts, cancels=(), drops=())
    if "mail" in parts:
        process.inbox = []
    return answer


def _partly(*parts: str) -> Mutant:
    """A backend that writes parts of what it refuses."""
    return instead("complete_decision_task", lambda f, a: _in_parts(f, a, *parts))


def _blind(when: Callable[[Append], bool]) -> Mutant:
    """A backend that does not look at messages when it writes such a commit."""
    return appends(lambda a: replace(a, seen=ALL_SEEN) if when(a) else a)


async def _accepting(faulty: Faulty, args: Args) -> Any:
    """A refusal is told as if it had been written."""
    answer = await honestly(faulty, "complete_decision_task", args)
    return args["task"] if isinstance(answer, Refusal) else answer


async def _hasty(faulty: Faulty, args: Args) -> Any:
    """Nobody may write while messages wait."""
    process = faulty.process(args["task"].process_id)
    if process.inbox_head > args["seen"]:
        return Refusal.MORE_MESSAGES
    return await honestly(faulty, "complete_decision_task", args)


def _written(spoil: Callable[[Faulty, Any, Args], object]) -> Mutant:
    """A backend that spoils a process when a commit of it was written."""

    def act(faulty: Faulty, answer: Any, args: Args) -> Any:
        if isinstance(answer, DecisionTask):
            spoil(faulty, faulty.process(answer.process_id), args)
        return answer

    return answered("complete_decision_task", act)


def _closes(args: Args) -> bool:
    return bool(args["commit"].snapshot.process.is_closed)


async def _keeping_tasks(faulty: Faulty, args: Args) -> Any:
    """Tasks outlive their process."""
    clear = faulty.store._tasks.clear
    faulty.store._tasks.clear = lambda _: None
    try:
        return await honestly(faulty, "complete_decision_task", args)
    finally:
        faulty.store._tasks.clear = clear


async def _said(faulty: Faulty, args: Args) -> Any:
    """The task goes on as if it had been written."""
    return replace(args["task"], snapshot=args["commit"].snapshot, mail=())


def _with_inline(commit: Any) -> Any:
    """What has no queue is put into one."""
    wishes = commit.snapshot.agenda.activities if commit.snapshot.agenda else ()
    puts = tuple(replace(queueing.queued(w), queue="mail") for w in wishes if w.queue is None)
    return replace(commit, queued=commit.queued + puts)


def _deafened(faulty: Faulty, args: Args) -> object:
    process = faulty.store._processes.get(args["process_id"])
    if process is not None and process.failures:
        let_go(faulty.store, process, faulty.now_us + 50 * SECOND)
    return process


COMMITTING: dict[str, dict[str, Mutant]] = {
    "B34": {
        "what is refused leaves events": _partly("events"),
        "what is refused leaves children": _partly("births"),
        "what is refused leaves messages": _partly("sends"),
        "what is refused leaves tasks": _partly("tasks"),
        "what is refused takes messages in": _partly("mail"),
        "no tasks are put": commits(lambda c: replace(c, queued=())),
        "one task is put at most": commits(lambda c: replace(c, queued=c.queued[:1])),
        "no children are born": commits(lambda c: replace(c, births=())),
        "no messages are sent": commits(lambda c: replace(c, sends=())),
        "all events are of one instant": asked(
            "complete_decision_task",
            lambda _, a: (
                a
                | {
                    "commit": replace(
                        a["commit"],
                        events=tuple(
                            replace(v, at=a["task"].snapshot.process.started_at)
                            for v in a["commit"].events
                        ),
                    )
                }
            ),
        ),
        "it is said and not done": instead("complete_decision_task", _said),
    },
    "B35": {
        "whoever has let go may write": over(stores.believing("owner", "epoch", "position")),
        "who has taken it since does not count": over(stores.believing("owner", "epoch")),
        "what was written since does not count": over(stores.believing("position")),
        "a refusal is told as if it were none": instead("complete_decision_task", _accepting),
        "nobody may write": answered("complete_decision_task", lambda *_: Refusal.FENCED),
        "a former run may be written to": over(
            stores.believing("run", "owner", "epoch", "position")
        ),
    },
    "B36": {
        "who lets go need not look": _blind(lambda _: True),
        "who parks need not look": _blind(lambda a: a.parks),
        "who closes need not look": _blind(lambda a: a.closes),
        "who goes on as new need not look": _blind(lambda a: a.renews is not None),
        "whoever writes must look": instead("complete_decision_task", _hasty),
        "nobody ever lets go": answered(
            "complete_decision_task",
            lambda _, answer, a: answer if a["hold"].keeps else Refusal.MORE_MESSAGES,
        ),
    },
    "B37": {
        "nobody lets go": holds(lambda h: replace(h, keeps=True)),
        "nobody goes on": _written(
            lambda f, p, a: a["hold"].keeps and p.owner is not None and let_go(f.store, p, None)
        ),
        "who lets go is never due": holds(lambda h: replace(h, due=None)),
        "who lets go is due at once": _written(
            lambda f, p, a: a["hold"].keeps or _closes(a) or let_go(f.store, p, f.now_us)
        ),
        "who lets go is due a second later": holds(
            lambda h: replace(h, due=h.due and h.due + MOMENT)
        ),
        "who lets go is due a second before": holds(
            lambda h: replace(h, due=h.due and h.due - MOMENT)
        ),
        "who waits runs": appends(
            lambda a: replace(a, status="running") if a.status == "waiting" else a
        ),
        "the task that goes on is the old one": answered(
            "complete_decision_task",
            lambda _, answer, a: (
                replace(answer, snapshot=a["task"].snapshot)
                if isinstance(answer, DecisionTask)
                else answer
            ),
        ),
        "who goes on is due as well": _written(
            lambda f, p, a: a["hold"].keeps and p.owner is not None and due_as_well(f.store, p)
        ),
        "what is to run here waits in a queue": asked(
            "complete_decision_task", lambda f, a: a | {"commit": _with_inline(a["commit"])}
        ),
        "a year is endless": holds(
            lambda h: replace(
                h,
                due=h.due and (h.due if (h.due - DAWN).days < 300 else None),
            )
        ),
    },
    "B38": {
        "what was taken in comes again": asked(
            "complete_decision_task", lambda _, a: a | {"consumed": a["task"].consumed}
        ),
        "what was seen is taken in": asked(
            "complete_decision_task", lambda _, a: a | {"consumed": a["seen"]}
        ),
        "one message is taken in at a time": asked(
            "complete_decision_task",
            lambda _, a: a | {"consumed": min([a["consumed"], *(m.seq for m in a["task"].mail)])},
        ),
    },
    "B39": {
        "the end leaves it due": _written(
            lambda f, p, a: _closes(a) and let_go(f.store, p, f.now_us)
        ),
        "the end leaves it to its holder": _written(
            lambda f, p, a: _closes(a) and put(p, owner=a["task"].owner)
        ),
        "the end leaves the tasks": instead("complete_decision_task", _keeping_tasks),
        "all ends are good": appends(
            lambda a: replace(a, status="completed") if a.closes and a.status != "aborted" else a
        ),
        "the end is not on the row": appends(
            lambda a: replace(a, status="running") if a.closes else a
        ),
        "timers outlive the end": _written(
            lambda f, p, a: (
                _closes(a)
                and a["task"].snapshot.process.timers
                and let_go(f.store, p, f.now_us + 5 * SECOND)
            )
        ),
    },
    "B44": {
        "documents are not written": commits(lambda c: replace(c, documents=())),
        "documents need no version": over(
            stores.asked(
                "append",
                lambda s, a: replace(
                    a,
                    documents=tuple(
                        replace(d, expected=len(s._documents.get((d.kind, d.id), [])))
                        for d in a.documents
                    ),
                ),
            )
        ),
        "documents are never written": answered(
            "complete_decision_task",
            lambda _, answer, a: Refusal.DOCUMENT_CONFLICT if a["commit"].documents else answer,
        ),
        "a conflict is a late commit": answered(
            "complete_decision_task",
            lambda _, answer, __: Refusal.FENCED if answer is Refusal.DOCUMENT_CONFLICT else answer,
        ),
    },
    "B45": {
        "failures are not counted": holds(lambda h: replace(h, failures=0)),
        "failures are counted once": holds(lambda h: replace(h, failures=min(1, h.failures))),
        "failures count for ever": _written(
            lambda f, p, a: (
                put(p, failures=f.notes.setdefault("failures", 0) or p.failures)
                and f.notes.update(failures=p.failures)
            )
        ),
        "a failure has no wait": holds(lambda h: replace(h, due=None) if h.failures else h),
        "a failure takes messages in": asked(
            "complete_decision_task",
            lambda _, a: a | {"consumed": a["seen"]} if a["hold"].failures else a,
        ),
        "a failed decider is asked for nothing more": answered(
            "send", lambda f, _, a: doing(None, _deafened(f, a))
        ),
    },
    "B75": {
        "whatever does not fit is tried again": holds(lambda h: replace(h, unfit=None)),
        "what did not fit never will": over(
            stores.asked(
                "append",
                lambda s, a: replace(a, unfit=a.unfit or s._at(a.fence.instance).unfit),
            )
        ),
        "what did not fit fits nobody": _written(
            lambda _, p, a: a["hold"].unfit and put(p, unfit=1 << 40)
        ),
    },
}

FAULTS = COMMITTING
