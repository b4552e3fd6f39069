"""Faults of a backend in children, in messages between processes, in new runs: clauses 40 to 43."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from corago.core.messages import ChildRefused, Command
from corago.core.tasks import DecisionTask
from corago.ports.store import Append, NewProcess, Refusal
from tests.conformance import store_mutants as stores
from tests.conformance.backend_mutants import (
    SECOND,
    Args,
    Faulty,
    Mutant,
    answered,
    appends,
    commits,
    honestly,
    instead,
    over,
    sends,
)
from tests.conformance.store_mutants import let_go, put


def _births(change: Callable[[NewProcess], NewProcess]) -> Mutant:
    """A backend whose children are others."""
    return appends(lambda a: replace(a, births=tuple(map(change, a.births))))


def _told(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Mutant:
    """A backend whose children have another first event."""
    return _births(
        lambda new: replace(new, event=msgspec.json.encode(change(msgspec.json.decode(new.event))))
    )


def _refused(change: Callable[[ChildRefused], Any]) -> Mutant:
    """A backend that says otherwise why a child can't be born."""
    return answered(
        "complete_decision_task",
        lambda _, answer, __: change(answer) if isinstance(answer, ChildRefused) else answer,
    )


async def _without_the_refused(faulty: Faulty, args: Args) -> Any:
    """What can't be born is left out."""
    answer = await honestly(faulty, "complete_decision_task", args)
    while isinstance(answer, ChildRefused):
        commit = args["commit"]
        left = tuple(each for each in commit.births if each.path != answer.path)
        args = args | {"commit": replace(commit, births=left)}
        answer = await honestly(faulty, "complete_decision_task", args)
    return answer


def _adopting_strangers(store: Any, append: Append) -> Append:
    """Who is there already is somebody's child now."""
    for new in append.births:
        known = store._processes.pop(new.process_id, None)
        if known is not None:
            let_go(store, known, None)
    return append


async def _unchecked(faulty: Faulty, args: Args) -> Any:
    """Children are born whatever their input."""
    programs = faulty.honest._definitions._programs
    checks = {sha: getattr(each, "check_input", None) for sha, each in programs.items()}
    for each in programs.values():
        vars(each)["check_input"] = lambda given: given
    try:
        return await honestly(faulty, "complete_decision_task", args)
    finally:
        for sha in checks:
            vars(programs[sha]).pop("check_input", None)


def _resultless(data: bytes) -> bytes:
    said = msgspec.json.decode(data)
    said.pop("result", None)
    said.pop("error", None)
    return msgspec.json.encode(said)


def _dataless(data: bytes) -> bytes:
    said = msgspec.json.decode(data)
    said.pop("data", None)
    return msgspec.json.encode(said)


def _inputless(event: bytes) -> bytes:
    said = msgspec.json.decode(event)
    said["input"] = "old"
    return msgspec.json.encode(said)


def _reopening(store: Any, append: Append) -> Append:
    for message in append.sends:
        process = store._processes.get(message.process_id)
        if process is not None and process.status == "completed":
            put(process, status="running")
    return append


def _asleep(store: Any, answer: Any, append: Append) -> Any:
    for message in append.sends:
        process = store._processes.get(message.process_id)
        if process is not None and process.owner is None and process.position > 1:
            let_go(store, process, None)
    return answer


async def _strict(faulty: Faulty, args: Args) -> Any:
    """Who sends something must know to whom."""
    for send in args["commit"].sends:
        process = faulty.store._processes.get(send.process_id)
        if process is None or process.status == "completed":
            return Refusal.FENCED
    return await honestly(faulty, "complete_decision_task", args)


async def _asking_all(faulty: Faulty, args: Args) -> Any:
    """No child goes on without its parent."""
    answer = await honestly(faulty, "complete_decision_task", args)
    process = args["commit"].snapshot.process
    if isinstance(answer, DecisionTask) and process.is_closed:
        for child in process.children.values():
            if child.policy == "abandon":
                await faulty.honest.send(child.id, Command("cancel"))
    return answer


async def _one_run(faulty: Faulty, args: Args) -> Any:
    commit = args["commit"]
    if commit.renews is not None:
        args = args | {"commit": replace(commit, renews=replace(commit.renews, run=1))}
    answer = await honestly(faulty, "complete_decision_task", args)
    process = faulty.process(args["task"].process_id)
    if commit.renews is not None and isinstance(answer, DecisionTask):
        put(process, run=1, past=[])
    return answer


def _history_goes_on(store: Any, answer: Any, append: Append) -> Any:
    process = store._at(append.fence.instance)
    if answer is None and append.renews is not None:
        process.events[:0] = process.past[-1]
    return answer


async def _tasks_go_along(faulty: Faulty, args: Args) -> Any:
    if args["commit"].renews is None:
        return await honestly(faulty, "complete_decision_task", args)
    clear = faulty.store._tasks.clear
    faulty.store._tasks.clear = lambda _: None
    try:
        return await honestly(faulty, "complete_decision_task", args)
    finally:
        faulty.store._tasks.clear = clear


FAULTS: dict[str, dict[str, Mutant]] = {
    "B40": {
        "one child is born at most": commits(lambda c: replace(c, births=c.births[:1])),
        "children have no parents": _births(lambda new: replace(new, parent=None)),
        "children know no parents": _told(lambda v: v | {"parent": None}),
        "children know no place": _told(lambda v: v | {"parent_path": ""}),
        "children get nothing": _told(lambda v: v | {"input": None}),
        "children follow the oldest": over(
            stores.asked(
                "append",
                lambda s, a: replace(
                    a,
                    births=tuple(
                        replace(
                            each,
                            definition_id=min(
                                d.id
                                for d in s._definitions
                                if d.name == s._definitions[each.definition_id - 1].name
                            ),
                        )
                        for each in a.births
                    ),
                ),
            )
        ),
        "children are not due": _births(lambda new: replace(new, at_us=new.at_us + SECOND)),
        "children have no tags": _births(lambda new: replace(new, tags=())),
        "children have endless time": _told(lambda v: v | {"timeout": None}),
        "children hear nothing at birth": appends(
            lambda a: replace(
                a,
                sends=tuple(
                    m for m in a.sends if m.process_id not in {b.process_id for b in a.births}
                ),
            )
        ),
    },
    "B41": {
        "what can't be born is left out": instead("complete_decision_task", _without_the_refused),
        "nobody says which": _refused(lambda r: replace(r, path="")),
        "nobody says why": _refused(
            lambda r: replace(r, error=replace(r.error, type="Error", message="no"))
        ),
        "a child that can't be born is a late commit": _refused(lambda _: Refusal.FENCED),
        "who is there is born anew": over(stores.asked("append", _adopting_strangers)),
        "children are born whatever their input": instead("complete_decision_task", _unchecked),
    },
    "B42": {
        "nothing is sent": appends(lambda a: replace(a, sends=())),
        "one message is sent at most": appends(lambda a: replace(a, sends=a.sends[:1])),
        "all is sent twice": appends(lambda a: replace(a, sends=a.sends * 2)),
        "the last is sent first": appends(lambda a: replace(a, sends=a.sends[::-1])),
        "parents hear nothing": appends(
            lambda a: replace(a, sends=tuple(m for m in a.sends if b"ChildEnded" not in m.data))
        ),
        "children hear nothing": appends(
            lambda a: replace(a, sends=tuple(m for m in a.sends if b'"Command"' not in m.data))
        ),
        "all children are asked": sends(
            lambda m: replace(m, data=m.data.replace(b'"abort"', b'"cancel"'))
        ),
        "all children are ended": sends(
            lambda m: replace(m, data=m.data.replace(b'"cancel"', b'"abort"'))
        ),
        "abandoned children are asked": instead("complete_decision_task", _asking_all),
        "children end well": sends(
            lambda m: replace(m, data=m.data.replace(b'"failed"', b'"completed"'))
        ),
        "children end without a result": sends(lambda m: replace(m, data=_resultless(m.data))),
        "ended processes hear more": over(stores.asked("append", _reopening)),
        "messages have no data": sends(lambda m: replace(m, data=_dataless(m.data))),
        "messages wake nobody": over(stores.answered("append", _asleep)),
        "who is sent to must be there": instead("complete_decision_task", _strict),
    },
    "B43": {
        "runs are not counted": instead("complete_decision_task", _one_run),
        "a new run goes on with the old history": over(stores.answered("append", _history_goes_on)),
        "former runs are forgotten": over(
            stores.after_append(None, lambda _, p, a: a.renews and p.past.__setitem__(-1, []))
        ),
        "a new run is not due": over(
            stores.after_append(None, lambda s, p, a: a.renews and let_go(s, p, None))
        ),
        "a new run is due in a while": over(
            stores.after_append(
                None, lambda s, p, a: a.renews and let_go(s, p, s._now_us() + SECOND)
            )
        ),
        "a new run is its holder's": over(
            stores.after_append(
                None, lambda s, p, a: a.renews and put(p, owner=a.fence.owner, due_us=None)
            )
        ),
        "a new run has the old input": appends(
            lambda a: replace(a, renews=a.renews and _inputless(a.renews))
        ),
        "a new run keeps its tags": appends(lambda a: replace(a, tags=None)),
        "a new run keeps the tasks": instead("complete_decision_task", _tasks_go_along),
        "a new run keeps the timers": over(
            stores.after_append(
                None,
                lambda s, p, a: (
                    a.renews and put(p, lost_owner="timers") and let_go(s, p, s._now_us())
                ),
            )
        ),
        "a new run gets no messages": answered(
            "send",
            lambda f, _, a: (
                put(f.process(a["process_id"]), inbox=[])
                if f.process(a["process_id"]).run > 1
                else None
            ),
        ),
        "messages end with their run": over(
            stores.after_append(None, lambda _, p, a: a.renews and put(p, inbox=[]))
        ),
        "a new run is an end": over(
            stores.after_append(None, lambda _, p, a: a.renews and put(p, status="completed"))
        ),
        "who held the old run goes on": over(stores.believing("run", "owner", "epoch", "position")),
    },
}
