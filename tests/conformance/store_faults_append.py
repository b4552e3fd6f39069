"""Faults of a store in appending: clauses 10 to 18."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from corago.core.commit import DocumentWrite
from corago.ports.store import Append, Refusal
from corago.stores.memory import MemoryStore
from tests.conformance import store_misfits as misfits
from tests.conformance import store_misfits_more as misfits_more
from tests.conformance.store_mutants import (
    FAR,
    Mutant,
    after_append,
    answered,
    appended,
    asked,
    believing,
    claimed,
    composed,
    doing,
    let_go,
    parsed,
    put,
)


def _process(store: MemoryStore, append: Append) -> Any:
    return store._at(append.fence.instance)


def _renumbered(store: MemoryStore, append: Append) -> tuple[DocumentWrite, ...]:
    """The writes as if each expected what is there."""
    return tuple(
        replace(each, expected=len(store._documents.get((each.kind, each.id), [])))
        for each in append.documents
    )


def _only_named(append: Append) -> Append:
    documents = (replace(d, kind=composed(d.kind), id=composed(d.id)) for d in append.documents)
    return replace(append, documents=tuple(documents))


FENCE: dict[str, Mutant] = {
    "anybody may write": believing("owner"),
    "any epoch may write": believing("epoch"),
    "any run may write": believing("run"),
    "any position may be written": believing("position"),
    "the owner's word is enough": believing("epoch", "position"),
    "whoever knows the position may write": believing("owner", "epoch"),
    "nobody writes what somebody holds": asked(
        "append",
        lambda s, a: replace(
            a,
            fence=replace(
                a.fence, owner=_process(s, a).owner if a.fence.owner is None else a.fence.owner
            ),
        ),
    ),
    "nobody never writes": asked(
        "append", lambda _, a: replace(a, fence=replace(a.fence, owner=a.fence.owner or 0))
    ),
    "nobody need not see messages": asked(
        "append", lambda _, a: replace(a, seen=a.seen if a.fence.owner else FAR)
    ),
    "what nobody wrote is due": misfits_more.WakesForNobody,
    "what nobody wrote is due as it says": misfits_more.PutsToSleepForNobody,
    "what is not there takes everything": answered(
        "append", lambda s, refusal, a: refusal if _process(s, a) else None
    ),
    "a fenced write is half done": after_append(
        Refusal.FENCED, lambda _, p, a: put(p, external=a.external or b"")
    ),
    "every write lets go": after_append(None, lambda s, p, _: let_go(s, p, s._now_us())),
    "every write is a new epoch": after_append(None, lambda _, p, __: put(p, epoch=p.epoch + 1)),
    "the status stays": after_append(None, lambda _, p, __: put(p, status="running")),
    "the instant stays": after_append(None, lambda _, p, __: put(p, updated_us=p.born.at_us)),
    "the external store is left": appended(external=None),
    "the external store is emptied": asked(
        "append", lambda _, a: replace(a, external=a.external or b"{}")
    ),
}

POSITIONS: dict[str, Mutant] = {
    "the last event comes first": asked("append", lambda _, a: replace(a, events=a.events[::-1])),
    "a commit is one event": asked("append", lambda _, a: replace(a, events=a.events[:1])),
    "a commit is at most a hundred events": asked(
        "append", lambda _, a: replace(a, events=a.events[:100])
    ),
    "a commit without events takes a position": asked(
        "append", lambda _, a: replace(a, events=a.events or (b"null",))
    ),
    "events are kept by value": asked(
        "append", lambda _, a: replace(a, events=tuple(map(parsed, a.events)))
    ),
    "readers get all from the beginning": answered(
        "events", lambda s, found, name, *_: found and s._processes[name].events
    ),
    "readers get everybody's events": answered(
        "events", lambda s, *_, **__: [e for p in s._instances for e in p.events]
    ),
    "readers get the last event": answered("events", lambda _, found, *__, **___: found[-1:]),
}

UNSEEN: dict[str, Mutant] = {
    "letting go is never refused": appended(seen=FAR),
    "parking is never refused": asked(
        "append", lambda _, a: replace(a, seen=FAR if a.parks else a.seen)
    ),
    "closing is never refused": asked(
        "append", lambda _, a: replace(a, seen=FAR if a.closes else a.seen)
    ),
    "an empty inbox refuses nobody": asked(
        "append",
        lambda s, a: replace(a, seen=a.seen if _process(s, a) and _process(s, a).inbox else FAR),
    ),
    "who saw one message saw all": asked(
        "append", lambda _, a: replace(a, seen=FAR if a.seen else 0)
    ),
    "unseen messages refuse every commit": misfits.RefusesWhoGoesOn,
    "unseen messages refuse what nobody holds": misfits_more.RefusesNobody,
    "what comes between check and write is overlooked": misfits.LetsGoAfterAPause,
    "a refused writer loses its lease": after_append(
        Refusal.MORE_MESSAGES, lambda s, p, _: let_go(s, p, 0)
    ),
    "a refused commit is half written": after_append(
        Refusal.MORE_MESSAGES, lambda _, p, a: p.events.extend(a.events)
    ),
    "what was seen must be consumed": asked("append", lambda _, a: replace(a, seen=a.consumed)),
}

LETTING_GO: dict[str, Mutant] = {
    "parking keeps the lease": appended(parks=False),
    "closing keeps the lease": appended(closes=False),
    "no parked process is ever due": appended(due_us=None),
    "every parked process is due": after_append(
        None, lambda s, p, a: a.parks and let_go(s, p, s._now_us())
    ),
    "a closed process may be due": after_append(
        None, lambda s, p, a: a.closes and let_go(s, p, a.due_us)
    ),
    "a canceled timer stays": after_append(
        None,
        lambda s, p, a: a.parks and p.epoch > 1 and let_go(s, p, a.due_us or s._now_us()),
    ),
    "only what lies ahead can be due": after_append(
        None,
        lambda s, p, a: a.parks and (a.due_us or 0) <= s._now_us() and let_go(s, p, None),
    ),
    "who let go may still write": after_append(
        None, lambda _, p, a: a.parks and put(p, owner=a.fence.owner)
    ),
    "the end clears the history": after_append(None, lambda _, p, a: a.closes and p.events.clear()),
}

CONSUMING: dict[str, Mutant] = {
    "nothing is ever consumed": appended(consumed=0),
    "everything is always consumed": appended(consumed=FAR),
    "what was seen is consumed": asked("append", lambda _, a: replace(a, consumed=a.seen)),
    "all inboxes are consumed": after_append(
        None,
        lambda s, _, a: [
            put(p, inbox=[each for each in p.inbox if each.seq > a.consumed]) for p in s._instances
        ],
    ),
    "consuming is not noted": after_append(None, lambda _, p, __: put(p, consumed=0)),
    "a fenced commit consumes": after_append(Refusal.FENCED, lambda _, p, __: p.inbox.clear()),
    "the end clears the inbox": after_append(None, lambda _, p, a: a.closes and p.inbox.clear()),
    "an emptied inbox has no head": after_append(
        None, lambda _, p, __: p.inbox or put(p, inbox_head=0)
    ),
}

SNAPSHOTS: dict[str, Mutant] = {
    "no snapshot is kept": appended(snapshot=None),
    "a commit without snapshot clears it": asked(
        "append", lambda _, a: replace(a, snapshot=a.snapshot or b"")
    ),
    "a snapshot stands before its events": after_append(
        None, lambda _, p, a: a.snapshot and put(p, snapshot_position=a.fence.position)
    ),
    "a snapshot moves on with every commit": after_append(
        None, lambda _, p, __: put(p, snapshot_position=p.position)
    ),
    "the first snapshot stays": asked(
        "append",
        lambda s, a: replace(a, snapshot=None if _process(s, a).snapshot else a.snapshot),
    ),
    "a snapshot has no tag": appended(snapshot_tag=""),
    "a fenced commit leaves its snapshot": after_append(
        Refusal.FENCED, lambda _, p, a: put(p, snapshot=a.snapshot)
    ),
    "a claim brings no snapshot": claimed(snapshot=None),
    "snapshots are kept by value": asked(
        "append", lambda _, a: replace(a, snapshot=a.snapshot and parsed(a.snapshot))
    ),
}

DOCUMENTS: dict[str, Mutant] = {
    "the expected version is ignored": asked(
        "append", lambda s, a: replace(a, documents=_renumbered(s, a))
    ),
    "documents are not written": appended(documents=()),
    "a commit is one document": asked("append", lambda _, a: replace(a, documents=a.documents[:1])),
    "the documents that fit are written": misfits.WritesWhatFits,
    "a conflict is a fence": answered("append", lambda _, refusal, __: refusal and Refusal.FENCED),
    "a conflict is overlooked": answered(
        "append",
        lambda _, refusal, __: None if refusal is Refusal.DOCUMENT_CONFLICT else refusal,
    ),
    "a conflict leaves its events": after_append(
        Refusal.DOCUMENT_CONFLICT, lambda _, p, a: p.events.extend(a.events)
    ),
    "a conflict costs the lease": after_append(
        Refusal.DOCUMENT_CONFLICT, lambda s, p, _: let_go(s, p, 0)
    ),
    "a fenced item writes its documents": after_append(
        Refusal.FENCED, lambda s, p, a: s._documents.update(s._written(p, a) or {})
    ),
    "only the latest version is kept": answered("document", lambda _, found, *__: found[-1:]),
    "the newest version comes first": answered("document", lambda _, found, *__: found[::-1]),
    "nobody is named": answered(
        "document", lambda _, found, *__: [replace(each, actor=None) for each in found]
    ),
    "the position is that before the commit": answered(
        "document",
        lambda _, found, *__: [replace(each, position=each.position - 1) for each in found],
    ),
    "names are compared loosely": asked("append", lambda _, a: _only_named(a)),
    "what was never written has a version": answered(
        "document", lambda _, found, *__: found or [None]
    ),
}

BATCHES: dict[str, Mutant] = {
    "one refusal refuses all": misfits.RefusesTheWholeBatch,
    "what follows a refusal is forgotten": misfits.ForgetsWhatFollowsARefusal,
}

SEIZING: dict[str, Mutant] = {
    "seizing asks for the lease": appended(seize=False),
    "seizing asks for a holder": asked(
        "append", lambda s, a: replace(a, seize=a.seize and bool(_process(s, a).owner))
    ),
    "seizing keeps the epoch": after_append(
        None, lambda _, p, a: a.seize and put(p, epoch=p.epoch - 1)
    ),
    "seizing asks for no position": believing("position"),
    "seizing overlooks messages": asked(
        "append", lambda _, a: replace(a, seen=FAR if a.seize else a.seen)
    ),
    "what nobody seized is due as it was": after_append(
        None, lambda s, p, a: a.seize and a.fence.owner is None and let_go(s, p, None)
    ),
    "what nobody seized is due at once": after_append(
        None, lambda s, p, a: a.seize and a.fence.owner is None and let_go(s, p, a.at_us)
    ),
    "everybody seizes": appended(seize=True),
    "who was seized from keeps the lease": after_append(
        None,
        lambda _, p, a: a.seize and doing(None, put(p, owner=a.fence.owner, epoch=a.fence.epoch)),
    ),
}

FAULTS: dict[str, dict[str, Mutant]] = {
    "C10": FENCE,
    "C11": POSITIONS,
    "C12": UNSEEN,
    "C13": LETTING_GO,
    "C14": CONSUMING,
    "C15": SNAPSHOTS,
    "C16": DOCUMENTS,
    "C17": BATCHES,
    "C18": SEIZING,
}
