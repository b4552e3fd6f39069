"""How stores with one fault each are made.

A mutant is the store in memory with one method that hears something else than it was asked
(`asked`), or that spoils its answer or what it left behind (`answered`). The table of faults
stands in `store_faults_*`, the faults that take more than a line in `store_misfits`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.ports.store import (
    Append,
    Born,
    Claims,
    Instance,
    NewProcess,
    NewTask,
    Outgoing,
    Peer,
    Refusal,
    Sent,
    Task,
)
from corago.stores.memory import MemoryStore
from corago.stores.memory.tasks import KeptTask

Mutant = type[MemoryStore]
Twist = Callable[..., Any]

FAR = 1 << 60
"""Later than any instant, beyond any number."""

GHOST = Peer(id=99, name="ghost", beat=1)


def asked(method: str, twist: Twist) -> Mutant:
    """A store whose `method` hears what `twist(store, *arguments)` makes of its arguments."""
    honest = getattr(MemoryStore, method)

    async def twisted(self: MemoryStore, *arguments: Any, **named: Any) -> Any:
        heard = twist(self, *arguments)
        return await honest(self, *(heard if isinstance(heard, tuple) else (heard,)), **named)

    return type(f"Asked_{method}", (MemoryStore,), {method: twisted})


def answered(method: str, twist: Twist) -> Mutant:
    """A store whose `method` answers what `twist(store, answer, *arguments)` makes of it."""
    honest = getattr(MemoryStore, method)

    async def twisted(self: MemoryStore, *arguments: Any, **named: Any) -> Any:
        return twist(self, await honest(self, *arguments, **named), *arguments, *named.values())

    return type(f"Answered_{method}", (MemoryStore,), {method: twisted})


def forgetful(forget: Callable[[MemoryStore], object]) -> Mutant:
    """A store that forgets something whenever it is opened."""
    return answered("open", lambda store, _: forget(store))


def wipe(store: MemoryStore) -> None:
    """Forget everything but that it is open."""
    opens = store._opens
    MemoryStore.__init__(store, store._clock)
    store._opens = opens


def started(**changes: Any) -> Mutant:
    """A store that starts processes with these fields as they are here, whatever was asked."""
    return asked("start", lambda _, new: replace(new, **changes))


def sent(**changes: Any) -> Mutant:
    """A store that sends messages with these fields as they are here, whatever was asked."""
    return asked("send", lambda _, message: replace(message, **changes))


def appended(**changes: Any) -> Mutant:
    """A store that appends with these fields as they are here, whatever was asked."""
    return asked("append", lambda _, append: replace(append, **changes))


def after_start(spoil: Callable[[MemoryStore, Any, NewProcess], object]) -> Mutant:
    """A store that spoils a new process when it is born."""

    def act(store: MemoryStore, born: Born, new: NewProcess) -> Born:
        if born.is_new:
            spoil(store, store._processes[new.process_id], new)
        return born

    return answered("start", act)


def after_send(outcome: str, spoil: Callable[[MemoryStore, Any, Outgoing], object]) -> Mutant:
    """A store that spoils a process when a message to it had this outcome."""

    def act(store: MemoryStore, sent: Sent, message: Outgoing) -> Sent:
        if sent.outcome == outcome:
            spoil(store, store._processes[message.process_id], message)
        return sent

    return answered("send", act)


def after_append(
    refusal: Refusal | None, spoil: Callable[[MemoryStore, Any, Append], object]
) -> Mutant:
    """A store that spoils a process when an append to it was so refused, or accepted (None)."""

    def act(store: MemoryStore, answer: Refusal | None, append: Append) -> Refusal | None:
        process = store._at(append.fence.instance)
        if process is not None and answer is refusal:
            spoil(store, process, append)
        return answer

    return answered("append", act)


def after_claim(spoil: Callable[[MemoryStore, Any], object]) -> Mutant:
    """A store that spoils each process that is claimed."""

    def act(store: MemoryStore, claims: Claims, *_: object) -> Claims:
        for each in claims.taken:
            spoil(store, store._processes[each.row.process_id])
        return claims

    return answered("claim", act)


def claimed(**changes: Any) -> Mutant:
    """A store that answers claims with these fields of what was taken as they are here."""
    return answered(
        "claim",
        lambda _, claims, *__: replace(
            claims, taken=tuple(replace(each, **changes) for each in claims.taken)
        ),
    )


def rows(change: Callable[[Instance], Instance]) -> Mutant:
    """A store that finds rows other than they are."""
    return answered("find", lambda _, found, __: [change(each) for each in found])


def believing(*fields: str) -> Mutant:
    """A store that does not check these fields of the fence."""

    def trust(store: MemoryStore, append: Append) -> Append:
        process = store._at(append.fence.instance)
        if process is None:
            return append
        truth = {field: getattr(process, field) for field in fields}
        return replace(append, fence=replace(append.fence, **truth))

    return asked("append", trust)


def every(field: str, value: Any) -> Mutant:
    """A store that, whenever it is opened, forgets a field of all processes."""
    return forgetful(lambda store: [put(each, **{field: value}) for each in store._instances])


def at_closing(spoil: Callable[[MemoryStore, Any], object], when: Callable[[Any], Any]) -> Mutant:
    """A store that spoils such processes when it is closed: they were never on the disk."""
    return answered(
        "close",
        lambda store, _: [spoil(store, each) for each in store._instances if when(each)],
    )


def doing(answer: Any, *_done: object) -> Any:
    """An answer, after things were done on the way."""
    return answer


def put(process: Any, **fields: Any) -> object:
    """Set fields of a process."""
    for field, value in fields.items():
        setattr(process, field, value)
    return process


def let_go(store: MemoryStore, process: Any, due_us: int | None) -> object:
    """Take the lease of a process away."""
    store._let_go(process, due_us)
    return process


def due_as_well(store: MemoryStore, process: Any) -> None:
    """Make a process claimable that somebody holds."""
    owner = process.owner
    store._let_go(process, 0)
    process.owner = owner


def take(store: MemoryStore, process: Any, worker: int) -> object:
    """Give the lease of a process to a worker."""
    store._take(process, worker)
    return process


def parsed(text: bytes) -> bytes:
    """JSON as a store gives it back that keeps values instead of text."""
    return json.dumps(json.loads(text)).encode()


def composed(text: str) -> str:
    """Text as a store compares it that thinks it knows better."""
    return unicodedata.normalize("NFC", text).strip().lower()


def putting(change: Callable[[NewTask], NewTask]) -> Mutant:
    """A store that puts other tasks than it was asked to."""
    return asked("append", lambda _, a: replace(a, tasks=tuple(map(change, a.tasks))))


def tasks_of(store: MemoryStore) -> list[KeptTask]:
    """All tasks."""
    return list(store._tasks.all.values())


def kept(store: MemoryStore, task: Task) -> KeptTask | None:
    """What a store has of a task."""
    return store._tasks.all.get(task.task)
