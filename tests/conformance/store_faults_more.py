"""Faults of a store in what goes with a commit, and in claiming for heirs: clauses 26 to 32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from corago.ports.store import Append, Blob, NewProcess, Outgoing, Refusal
from corago.stores.memory import MemoryStore
from tests.conformance import store_misfits_more as misfits
from tests.conformance.store_mutants import (
    FAR,
    Mutant,
    after_append,
    after_claim,
    after_send,
    answered,
    appended,
    asked,
    at_closing,
    doing,
    forgetful,
    let_go,
    put,
)


def _births(change: Callable[[MemoryStore, NewProcess], NewProcess | None]) -> Mutant:
    """A store that bears other children than it was asked to; None: not this one."""
    return asked(
        "append",
        lambda s, a: replace(a, births=tuple(filter(None, (change(s, n) for n in a.births)))),
    )


def _sends(change: Callable[[MemoryStore, Outgoing], Outgoing | None]) -> Mutant:
    """A store that sends other messages with a commit than it was asked to."""
    return asked(
        "append",
        lambda s, a: replace(a, sends=tuple(filter(None, (change(s, m) for m in a.sends)))),
    )


def _after_any_refusal(spoil: Callable[[MemoryStore, Append], object]) -> Mutant:
    """A store that does part of what it refused."""

    def act(store: MemoryStore, refusal: Refusal | None, append: Append) -> Refusal | None:
        if refusal is not None:
            spoil(store, append)
        return refusal

    return answered("append", act)


def _keep(store: MemoryStore, blobs: Sequence[Blob]) -> object:
    store._keep(blobs)
    return blobs


def _bear(store: MemoryStore, append: Append) -> None:
    for new in append.births:
        if new.process_id not in store._processes:
            store._bear(new, store._definition(new.definition_id), None)


def _heirs(change: Callable[[tuple[int, int]], tuple[int, int] | None]) -> Mutant:
    """A store that hears of other heirs than it was asked for."""
    return asked(
        "claim",
        lambda _, w, d, limit, heirs=(): (w, d, limit, [*filter(None, map(change, heirs))]),
    )


def _whole(blob: Blob) -> Blob | None:
    """A large value as a store keeps it that takes it for text."""
    return replace(blob, data=blob.data.decode(errors="ignore").encode())


FOLLOWING: dict[str, Mutant] = {
    "the definition stays": appended(definition=None),
    "the definition changes with events only": asked(
        "append", lambda _, a: replace(a, definition=a.definition if a.events else None)
    ),
    "every commit goes back to the first definition": after_append(
        None, lambda s, p, a: a.definition or put(p, definition=s._definitions[0])
    ),
    "claims go by the definition of the birth": misfits.ClaimsByTheFirstDefinition,
    "what is due stays due under the old definition": after_append(
        None, lambda _, p, a: a.definition and put(p, due_us=None)
    ),
    "a fenced commit changes the definition": after_append(
        Refusal.FENCED,
        lambda s, p, a: a.definition and put(p, definition=s._definition(a.definition)),
    ),
    "a known child leaves the new definition": after_append(
        Refusal.CHILD_EXISTS,
        lambda s, p, a: a.definition and put(p, definition=s._definition(a.definition)),
    ),
    "a changed definition is kept until closing": at_closing(
        lambda s, p: put(p, definition=s._definition(p.born.definition_id)), lambda _: True
    ),
}

BEARING: dict[str, Mutant] = {
    "no child is born": appended(births=()),
    "one child is born at most": asked("append", lambda _, a: replace(a, births=a.births[:1])),
    "children are born last first": asked("append", lambda _, a: replace(a, births=a.births[::-1])),
    "a known child is passed over": _births(
        lambda s, n: None if n.process_id in s._processes else n
    ),
    "only open processes are known": _births(
        lambda s, n: (
            None
            if n.process_id in s._processes and s._processes[n.process_id].status == "completed"
            else n
        )
    ),
    "a twin is passed over": asked(
        "append",
        lambda _, a: replace(a, births=tuple({n.process_id: n for n in a.births}.values())),
    ),
    "a known child is overwritten": misfits.BearsWithoutLooking,
    "a known child is a fence": answered(
        "append",
        lambda _, refusal, __: Refusal.FENCED if refusal is Refusal.CHILD_EXISTS else refusal,
    ),
    "a known child leaves the events": after_append(
        Refusal.CHILD_EXISTS, lambda _, p, a: p.events.extend(a.events)
    ),
    "a known child costs the lease": after_append(
        Refusal.CHILD_EXISTS, lambda s, p, _: let_go(s, p, 0)
    ),
    "a known child leaves its siblings": after_append(
        Refusal.CHILD_EXISTS, lambda s, _, a: _bear(s, a)
    ),
    "a known child leaves the documents": after_append(
        Refusal.CHILD_EXISTS,
        lambda s, p, a: s._documents.update(s._written(p, a) or {}),
    ),
    "a refused commit bears its children": _after_any_refusal(_bear),
    "a child belongs to its parent's worker": misfits.BearsLeased,
    "a child is due now": _births(lambda s, n: replace(n, at_us=s._now_us())),
    "a child waits for ever": misfits.BearsAsleep,
    "a child is nobody's": _births(lambda _, n: replace(n, parent=None)),
    "a child has its parent's definition": asked(
        "append",
        lambda s, a: replace(
            a,
            births=tuple(
                replace(n, definition_id=s._at(a.fence.instance).definition.id) for n in a.births
            ),
        ),
    ),
    "a child has no input": _births(lambda _, n: replace(n, input_sha="")),
    "who parks has no children": asked(
        "append", lambda _, a: replace(a, births=() if a.parks else a.births)
    ),
    "who closes has no children": asked(
        "append", lambda _, a: replace(a, births=() if a.closes else a.births)
    ),
    "children are kept until closing": at_closing(
        lambda _, p: put(p, due_us=None), lambda p: p.id == "child"
    ),
    "nobody hears of children": misfits.BearsQuietly,
}

SENDING: dict[str, Mutant] = {
    "nothing is sent": appended(sends=()),
    "one message is sent at most": asked("append", lambda _, a: replace(a, sends=a.sends[:1])),
    "the last message is sent first": asked("append", lambda _, a: replace(a, sends=a.sends[::-1])),
    "messages are sent before the row is written": misfits.SendsFirst,
    "messages are sent before the children are born": _sends(
        lambda s, m: m if m.process_id in s._processes else None
    ),
    "a message to nobody is a fence": misfits.SendsOrRefuses,
    "keys are ignored": _sends(lambda _, m: replace(m, key=None)),
    "digests are ignored": misfits.SendsWhatConflicts,
    "sent messages reopen nothing": _sends(lambda _, m: replace(m, reopens=False)),
    "sent messages reopen whatever failed": _sends(lambda _, m: replace(m, reopens=True)),
    "sent messages wake nobody": misfits.SendsQuietly,
    "sent messages bear the commit's instant": misfits.SendsWithTheCommitsInstant,
    "who writes to itself is not heard": asked(
        "append",
        lambda s, a: replace(
            a, sends=tuple(m for m in a.sends if s._processes.get(m.process_id) != _writer(s, a))
        ),
    ),
    "a message to itself takes the lease": after_append(
        None,
        lambda s, p, a: (
            p.owner and any(m.process_id == p.id for m in a.sends) and let_go(s, p, s._now_us())
        ),
    ),
    "a refused commit sends its messages": _after_any_refusal(
        lambda s, a: [s._send(m) for m in a.sends]
    ),
    "a dropped message uses up its key": asked(
        "append",
        lambda s, a: doing(
            a,
            [
                s._processes[m.process_id].keys.update({m.key: m.digest})
                for m in a.sends
                if m.key
                and m.process_id in s._processes
                and s._processes[m.process_id].status == "failed"
            ],
        ),
    ),
    "sent messages are kept until closing": at_closing(
        lambda _, p: p.inbox.clear(), lambda p: p.id == "q"
    ),
}


def _writer(store: MemoryStore, append: Append) -> Any:
    return store._at(append.fence.instance)


MISFITS: dict[str, Mutant] = {
    "no misfit is kept": appended(unfit=None),
    "no misfit is shown": misfits.ShowsNoMisfit,
    "a misfit stays for ever": asked(
        "append",
        lambda s, a: replace(a, unfit=a.unfit or (_writer(s, a) and _writer(s, a).unfit)),
    ),
    "only parking ends a misfit": misfits.EndsMisfitsByParking,
    "every commit ends a misfit": after_append(None, lambda _, p, a: a.unfit or put(p, unfit=None)),
    "parking ends a misfit": after_append(
        None, lambda _, p, a: a.parks and not a.unfit and put(p, unfit=None)
    ),
    "a misfit is said without events only": after_append(
        None, lambda _, p, a: a.events and put(p, unfit=None)
    ),
    "the latest misfit counts": asked(
        "append",
        lambda s, a: replace(
            a, unfit=a.unfit and max(a.unfit, (_writer(s, a) and _writer(s, a).unfit) or 0)
        ),
    ),
    "the first misfit counts": asked(
        "append",
        lambda s, a: replace(
            a, unfit=a.unfit and ((_writer(s, a) and _writer(s, a).unfit) or a.unfit)
        ),
    ),
    "a claim ends a misfit": after_claim(lambda _, p: put(p, unfit=None)),
    "a message ends a misfit": after_send("sent", lambda _, p, __: put(p, unfit=None)),
    "the loss of the holder ends a misfit": answered(
        "bury", lambda s, count, *_: doing(count, [put(p, unfit=None) for p in s._instances])
    ),
    "a refused commit says a misfit": _after_any_refusal(
        lambda s, a: _writer(s, a) and put(_writer(s, a), unfit=a.unfit)
    ),
    "a misfit is kept until closing": at_closing(
        lambda _, p: put(p, unfit=None), lambda p: p.unfit
    ),
}

BLOBS: dict[str, Mutant] = {
    "no blob is kept": answered("blobs", lambda *_: []),
    "starts bring no blob": asked("start", lambda _, n: replace(n, blobs=())),
    "messages bring no blob": asked("send", lambda _, m: replace(m, blobs=())),
    "commits bring no blob": appended(blobs=()),
    "commits without events bring no blob": asked(
        "append", lambda _, a: replace(a, blobs=a.blobs if a.events else ())
    ),
    "the end brings no blob": asked(
        "append", lambda _, a: replace(a, blobs=() if a.closes else a.blobs)
    ),
    "children bring no blob": _births(lambda _, n: replace(n, blobs=())),
    "sent messages bring no blob": _sends(lambda _, m: replace(m, blobs=())),
    "outcomes bring no blob": asked("complete_task", lambda _, t, w, o, *__: (t, w, o)),
    "blobs are texts": answered("blobs", lambda _, found, __: [b for b in map(_whole, found) if b]),
    "blobs are cut off": answered(
        "blobs", lambda _, found, __: [replace(b, data=b.data[: 1 << 20]) for b in found]
    ),
    "an empty blob is none": answered("blobs", lambda _, found, __: [b for b in found if b.data]),
    "who asks twice gets a blob twice": answered(
        "blobs", lambda _, found, shas: [b for sha in shas for b in found if b.sha == sha]
    ),
    "unknown blobs are empty": answered(
        "blobs",
        lambda _, found, shas: (
            found + [Blob(sha, b"") for sha in set(shas) - {b.sha for b in found}]
        ),
    ),
    "a beginning of a name is enough": answered(
        "blobs",
        lambda s, _, shas: [
            Blob(k, v) for k, v in s._blobs.items() if any(k.startswith(sha) for sha in shas)
        ],
    ),
    "who asks for none gets all": answered(
        "blobs",
        lambda s, found, shas: found if shas else [Blob(k, v) for k, v in s._blobs.items()],
    ),
    "opening forgets blobs": forgetful(lambda s: s._blobs.clear()),
    "the end forgets blobs": after_append(
        None, lambda s, _, a: put(s, _blobs={} if a.closes else s._blobs)
    ),
    "a refused commit brings its blobs": _after_any_refusal(lambda s, a: _keep(s, a.blobs)),
    "a refused commit brings its children's blobs": _after_any_refusal(
        lambda s, a: [_keep(s, n.blobs) for n in a.births]
    ),
    "a refused message brings its blobs": answered(
        "send", lambda s, told, m: doing(told, _keep(s, m.blobs))
    ),
    "a dropped message brings its blobs": asked(
        "append", lambda s, a: doing(a, [_keep(s, m.blobs) for m in a.sends])
    ),
    "a second start brings its blobs": answered(
        "start", lambda s, born, n: doing(born, _keep(s, n.blobs))
    ),
    "late work brings its blobs": answered(
        "complete_task", lambda s, done, _, __, ___, blobs=(): doing(done, _keep(s, blobs))
    ),
}


def _adopted(store: MemoryStore, name: str, heirs: dict[int, int]) -> object:
    process = store._processes[name]
    follower = heirs.get(process.definition.id, process.definition.id)
    return put(process, definition=store._definition(follower))


HEIRS: dict[str, Mutant] = {
    "heirs are ignored": _heirs(lambda _: None),
    "everybody is everybody's heir": asked(
        "claim",
        lambda s, w, d, limit, heirs=(): (
            w,
            d,
            limit,
            [*heirs, *((k.id, max(d)) for k in s._definitions if d)],
        ),
    ),
    "misfits are ignored": _heirs(lambda pair: (pair[0], FAR)),
    "only the very same misfit counts": misfits.LooksForTheSameMisfit,
    "every misfit counts": misfits.TakesNoMisfit,
    "a misfit of an older definition counts": _heirs(lambda pair: (pair[0], pair[1] - 1)),
    "a misfit of the follower does not count": _heirs(lambda pair: (pair[0], pair[1] + 1)),
    "a misfit counts for the definition itself": asked(
        "claim",
        lambda _, w, d, limit, heirs=(): (w, [x for x in d if x not in dict(heirs)], limit, heirs),
    ),
    "the first follower counts": asked(
        "claim",
        lambda _, w, d, limit, heirs=(): (w, d, limit, heirs[:1]),
    ),
    "the last follower counts": asked(
        "claim",
        lambda _, w, d, limit, heirs=(): (w, d, limit, heirs[-1:]),
    ),
    "what does not fit is told as due": answered(
        "claim",
        lambda s, claims, w, d, limit, heirs=(), *_: replace(
            claims,
            next_due_us=min(
                (
                    p.due_us
                    for p in s._instances
                    if p.due_us is not None and p.definition.id in {*d, *dict(heirs)}
                ),
                default=None,
            ),
        ),
    ),
    "what does not fit stands in the way": misfits.StopsAtTheFirstMisfit,
    "an heir makes its definition theirs": answered(
        "claim",
        lambda s, claims, _, __, ___, heirs=(), *____: doing(
            claims, [_adopted(s, each.row.process_id, dict(heirs)) for each in claims.taken]
        ),
    ),
}


FAULTS: dict[str, dict[str, Mutant]] = {
    "C26": FOLLOWING,
    "C27": BEARING,
    "C28": SENDING,
    "C29": MISFITS,
    "C30": BLOBS,
    "C32": HEIRS,
}
