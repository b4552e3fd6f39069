"""Faults of a store in opening, defining, starting and sending: clauses 1 to 9."""

from __future__ import annotations

from msgspec.structs import replace

from corago.ports.store import Arrived, Definition, NewProcess, Sent
from corago.stores.memory import MemoryStore
from tests.conformance import store_misfits as misfits
from tests.conformance.store_mutants import (
    FAR,
    Mutant,
    after_append,
    after_send,
    after_start,
    answered,
    asked,
    at_closing,
    composed,
    doing,
    due_as_well,
    every,
    forgetful,
    let_go,
    parsed,
    put,
    sent,
    started,
    take,
    wipe,
)

_EXAMPLE = Definition("example", 1, "", b"{}", 1)


def _newest(store: MemoryStore, new: NewProcess) -> int:
    """The latest definition with the name of the one that was asked for."""
    name = store._definitions[new.definition_id - 1].name
    return max(each.id for each in store._definitions if each.name == name)


def _free_after_the_end(store: MemoryStore, new: NewProcess) -> NewProcess:
    known = store._processes.get(new.process_id)
    if known is not None and known.status == "completed":
        del store._processes[new.process_id]
    return new


def _waiting_numbers(store: MemoryStore) -> int:
    return max((each.seq for process in store._instances for each in process.inbox), default=0)


OPENING: dict[str, Mutant] = {
    "opening wipes everything": forgetful(wipe),
    "opening forgets definitions": forgetful(lambda s: s._definitions.clear()),
    "opening forgets documents": forgetful(lambda s: s._documents.clear()),
    "opening forgets workers": forgetful(lambda s: s._workers.clear()),
    "opening ends a pause": forgetful(lambda s: put(s, _paused=False)),
    "opening forgets keys": every("keys", {}),
    "opening forgets snapshots": every("snapshot", None),
    "opening forgets external stores": every("external", b"{}"),
    "opening forgets lost owners": every("lost_owner", None),
    "opening takes leases away": every("owner", None),
    "sequence numbers begin again": forgetful(lambda s: put(s, _sequence=0)),
    "the last commit is lost": at_closing(lambda _, p: p.events.pop(), lambda p: p.position > 1),
}

DEFINING: dict[str, Mutant] = {
    "a definition is always new": asked(
        "define", lambda s, d: replace(d, sha=f"{d.sha}{len(s._definitions)}")
    ),
    "name and version are all that counts": asked(
        "define",
        lambda s, d: next(
            (k for k in s._definitions if (k.name, k.version) == (d.name, d.version)), d
        ),
    ),
    "the name is all that counts": asked(
        "define", lambda s, d: next((k for k in s._definitions if k.name == d.name), d)
    ),
    "a definition is overwritten": answered(
        "define",
        lambda s, id_, d: doing(id_, s._definitions.__setitem__(id_ - 1, replace(d, id=id_))),
    ),
    "definitions come by name": answered(
        "definitions", lambda _, found, *__: sorted(found, key=lambda d: d.name)
    ),
    "definitions come newest first": answered("definitions", lambda _, found, *__: found[::-1]),
    "a name asks for all definitions": asked("definitions", lambda *_: None),
    "definitions are read without id": answered(
        "definitions", lambda _, found, *__: [replace(d, id=0) for d in found]
    ),
    "a store comes with a definition": forgetful(
        lambda s: s._definitions.extend([_EXAMPLE] * (not s._definitions))
    ),
    "many who define at once all write": misfits.DefinesAfterAPause,
}

STARTING: dict[str, Mutant] = {
    "a start is kept only until closing": at_closing(
        lambda s, p: s._processes.pop(p.id, None), lambda p: p.position == 1
    ),
    "tags are sorted": asked("start", lambda _, n: replace(n, tags=tuple(sorted(n.tags)))),
    "the parent is lost": started(parent=None),
    "the external store begins empty": started(external=b"{}"),
    "a birth has no date": started(at_us=0),
    "events are kept by value": asked("start", lambda _, n: replace(n, event=parsed(n.event))),
    "events end at 64 KiB": asked("start", lambda _, n: replace(n, event=n.event[: 1 << 16])),
    "the newest definition of a name is taken": asked(
        "start", lambda s, n: replace(n, definition_id=_newest(s, n))
    ),
    "another object never looks again": misfits.TwinsGoAlone,
    "there are never more than fifty processes": answered(
        "start", lambda _, born, __: replace(born, is_new=born.instance <= 50)
    ),
    "what is not there reads as an empty event": answered(
        "events", lambda _, found, *__, **___: found or [b""]
    ),
}

STARTING_AGAIN: dict[str, Mutant] = {
    "a known id is overwritten": misfits.StartsWithoutLooking,
    "many who start at once are all new": misfits.StartsAfterAPause,
    "everybody is told that the process is new": answered(
        "start", lambda _, born, __: replace(born, is_new=True)
    ),
    "every start is the same": answered("start", lambda _, born, __: replace(born, is_same=True)),
    "no start is the same": answered(
        "start", lambda _, born, __: replace(born, is_same=born.is_new)
    ),
    "only the input is compared": answered(
        "start",
        lambda s, born, n: replace(
            born, is_same=s._processes[n.process_id].born.input_sha == n.input_sha
        ),
    ),
    "another version is another workflow": answered(
        "start",
        lambda s, born, n: replace(
            born, is_same=s._processes[n.process_id].definition.id == n.definition_id
        ),
    ),
    "an id is free again after the end": asked("start", _free_after_the_end),
    "ids are compared loosely": asked(
        "start", lambda _, n: replace(n, process_id=composed(n.process_id))
    ),
    "a second start adds its event": answered(
        "start",
        lambda s, born, n: doing(
            born, born.is_new or s._processes[n.process_id].events.append(n.event)
        ),
    ),
}

BIRTH: dict[str, Mutant] = {
    "nobody is born leased": started(owner=None),
    "a leased process is due as well": after_start(lambda s, p, _: due_as_well(s, p)),
    "a leased process is only created": after_start(lambda _, p, __: put(p, status="created")),
    "every process begins at epoch 0": after_start(lambda _, p, __: put(p, epoch=0)),
    "every process begins at epoch 1": after_start(lambda _, p, __: put(p, epoch=1)),
    "every process begins running": after_start(lambda _, p, __: put(p, status="running")),
    "without owner a process waits for ever": after_start(
        lambda s, p, n: n.owner or let_go(s, p, None)
    ),
    "without owner a process is due now": after_start(
        lambda s, p, n: n.owner or let_go(s, p, s._now_us())
    ),
    "a worker that was struck off gets it": after_start(
        lambda s, p, n: n.owner and take(s, p, n.owner)
    ),
}

SENDING: dict[str, Mutant] = {
    "the last message comes first": after_send("sent", lambda _, p, __: p.inbox.reverse()),
    "the inbox head stays": after_send("sent", lambda _, p, __: put(p, inbox_head=p.consumed)),
    "the inbox head counts messages": after_send(
        "sent", lambda _, p, __: put(p, inbox_head=len(p.inbox))
    ),
    "a message wakes nobody": misfits.WakesNobody,
    "a message wakes nobody who has a timer": misfits.WakesOnlyWhatWaitsForEver,
    "a message takes the lease away": after_send("sent", lambda s, p, _: let_go(s, p, 0)),
    "a message puts a due process back": after_send(
        "sent", lambda s, p, _: p.owner or let_go(s, p, s._now_us())
    ),
    "each process counts for itself": asked(
        "send",
        lambda s, o: doing(
            o,
            o.process_id in s._processes
            and put(s, _sequence=s._processes[o.process_id].inbox_head),
        ),
    ),
    "numbers go on from what still waits": asked(
        "send", lambda s, o: doing(o, put(s, _sequence=_waiting_numbers(s)))
    ),
    "the number is not told": answered("send", lambda _, told, __: replace(told, seq=0)),
    "messages are kept only until closing": at_closing(
        lambda _, p: p.inbox.clear(), lambda p: p.inbox
    ),
    "wake-ups are kept only until closing": at_closing(
        lambda s, p: let_go(s, p, None), lambda p: p.inbox
    ),
    "a message arrives twice": after_send("sent", lambda _, p, __: p.inbox.append(p.inbox[-1])),
    "a reader gets all messages": asked("messages", lambda _, instance, __: (instance, 0)),
    "a reader gets everybody's messages": answered(
        "messages",
        lambda s, _, __, after: [a for p in s._instances for a in p.inbox if a.seq > after],
    ),
    "a message to nobody is acknowledged": answered(
        "send", lambda _, told, __: Sent("sent") if told.outcome == "absent" else told
    ),
    "messages are kept by value": asked("send", lambda _, o: replace(o, data=parsed(o.data))),
}

SENDING_TO_THE_CLOSED: dict[str, Mutant] = {
    "closed processes take messages": misfits.HearsInEveryStatus,
    "failed processes cannot be reopened": sent(reopens=False),
    "failed processes take every message": sent(reopens=True),
    "any closed process can be reopened": misfits.ReopensAnything,
    "a reopened process stays deaf": misfits.ClosedOnceClosedForEver,
    "only failed processes take what may reopen": misfits.ReopensOnlyWhatFailed,
    "a refused message uses up its key": after_send(
        "closed", lambda _, p, o: p.keys.update({o.key: o.digest})
    ),
    "a refused message is stored": after_send(
        "closed", lambda _, p, o: p.inbox.append(Arrived(FAR, 0, o.data))
    ),
    "a refusal names no status": answered("send", lambda _, told, __: replace(told, status="")),
}

KEYS: dict[str, Mutant] = {
    "keys are ignored": sent(key=None),
    "digests are ignored": sent(digest=""),
    "every repeat is a conflict": answered(
        "send",
        lambda _, told, __: Sent("conflict") if told.outcome == "repeated" else told,
    ),
    "keys belong to the store": asked(
        "send", lambda s, o: doing(o, [put(p, keys=s._instances[0].keys) for p in s._instances])
    ),
    "a key goes with its message": after_append(None, lambda _, p, __: p.inbox or p.keys.clear()),
    "a key goes with its process": after_append(None, lambda _, p, a: a.closes and p.keys.clear()),
    "closed processes refuse even repeats": misfits.LooksAtStatusBeforeKeys,
    "the digest stands for a missing key": asked(
        "send", lambda _, o: replace(o, key=o.digest if o.key is None else o.key)
    ),
    "an empty key is none": asked("send", lambda _, o: replace(o, key=o.key or None)),
    "keys are compared loosely": asked(
        "send", lambda _, o: replace(o, key=o.key and composed(o.key))
    ),
    "a conflicting message is stored": after_send(
        "conflict", lambda _, p, o: p.inbox.append(Arrived(FAR, 0, o.data))
    ),
    "a repeat raises the inbox head": after_send(
        "repeated", lambda _, p, __: put(p, inbox_head=p.inbox_head + 1)
    ),
}

STAMPS: dict[str, Mutant] = {
    "arrivals are not stamped": after_send(
        "sent", lambda _, p, __: p.inbox.append(replace(p.inbox.pop(), at_us=0))
    ),
    "arrivals bear the process's last instant": after_send(
        "sent", lambda _, p, __: p.inbox.append(replace(p.inbox.pop(), at_us=p.updated_us))
    ),
}

FAULTS: dict[str, dict[str, Mutant]] = {
    "C01": OPENING,
    "C02": DEFINING,
    "C03": STARTING,
    "C04": STARTING_AGAIN,
    "C05": BIRTH,
    "C06": SENDING,
    "C07": SENDING_TO_THE_CLOSED,
    "C08": KEYS,
    "C09": STAMPS,
}
