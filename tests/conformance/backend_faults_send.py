"""Faults of a backend in what it is sent: clauses 11 to 15 and 47."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from corago.core import events as e
from corago.core.messages import Signal, Update
from corago.errors import CoragoError, ProcessNotFoundError, SignalKeyError
from tests.conformance import store_mutants as stores
from tests.conformance.backend_mutants import (
    SECOND,
    Args,
    Faulty,
    Mutant,
    answered,
    asked,
    descriptions,
    doing,
    honestly,
    instead,
    over,
    spoiled,
    starts,
)
from tests.conformance.store_mutants import let_go, put


def _sent(change: Callable[[Any], Any]) -> Mutant:
    """A backend that sends other messages than it was asked to."""
    return asked("send", lambda _, a: a | {"message": change(a["message"])})


def to(faulty: Faulty, args: Args) -> Any:
    return faulty.store._processes.get(args["process_id"])


async def _silently(faulty: Faulty, args: Args) -> Any:
    """No sender is told that it was too late."""
    try:
        await honestly(faulty, "send", args)
    except (CoragoError, SignalKeyError):
        return


async def _into_the_closed(faulty: Faulty, args: Args) -> Any:
    """Ended processes take messages."""
    process = to(faulty, args)
    status = None if process is None else process.status
    if status in e.CLOSED_STATUSES:
        process.status = "running"
    try:
        return await honestly(faulty, "send", args)
    finally:
        if process is not None:
            process.status = status


async def _while_looking(faulty: Faulty, args: Args) -> Any:
    """Messages come only to those whom nobody holds."""
    process = to(faulty, args)
    if process is not None and process.owner is not None:
        return None
    return await honestly(faulty, "send", args)


def _after_sending(spoil: Callable[[Faulty, Any], object]) -> Mutant:
    """A backend that spoils a process when it was sent something."""
    return answered("send", lambda f, _, a: doing(None, spoil(f, to(f, a))))


def _shared_keys(faulty: Faulty, args: Args) -> Args:
    keys = faulty.notes.setdefault("keys", {})
    message = args["message"]
    if getattr(message, "key", None) is not None:
        process = to(faulty, args)
        if process is not None:
            process.keys.update({k: v for k, v in keys.items() if k not in process.keys})
    return args


async def _one_for_all(faulty: Faulty, args: Args) -> Any:
    """A key is taken for all processes."""
    await honestly(faulty, "send", _shared_keys(faulty, args))
    process = to(faulty, args)
    if process is not None:
        faulty.notes["keys"].update(process.keys)


async def _keys_until_taken(faulty: Faulty, args: Args) -> Any:
    """Keys are known only while their message waits."""
    process = to(faulty, args)
    if process is not None and not process.inbox:
        process.keys.clear()
    return await honestly(faulty, "send", args)


async def _repeats(faulty: Faulty, args: Args) -> Any:
    """A key used again is a repetition, whatever is said."""
    try:
        await honestly(faulty, "send", args)
    except SignalKeyError:
        return


def _keyed(message: Any) -> Any:
    """A signal's name stands for it where it has no key."""
    if isinstance(message, Signal) and message.key is None:
        return replace(message, key=message.name)
    return message


def _unwoken(store: Any, message: Any, later_us: int | None = None) -> object:
    process = store._processes.get(message.process_id)
    if process is None or process.owner is not None or process.status == "created":
        return None
    return let_go(store, process, None if later_us is None else store._now_us() + later_us)


async def _twice(faulty: Faulty, args: Args) -> Any:
    await honestly(faulty, "send", args)
    await honestly(faulty, "send", args)


async def _denied(faulty: Faulty, args: Args) -> Any:
    process = to(faulty, args)
    if process is not None and process.status in e.CLOSED_STATUSES and not args["reopens"]:
        raise ProcessNotFoundError(args["process_id"])
    await honestly(faulty, "send", args)


async def ended_all_the_same(faulty: Faulty, args: Args) -> Any:
    process = to(faulty, args)
    due = process and (process.due_us, process.owner)
    if due:
        process.due_us = process.owner = None
    try:
        return await honestly(faulty, "ended", args)
    finally:
        if due:
            process.due_us, process.owner = due


SENDING: dict[str, dict[str, Mutant]] = {
    "B11": {
        "a message wakes nobody": over(
            stores.answered("send", lambda s, sent, m: doing(sent, _unwoken(s, m)))
        ),
        "a message wakes in a while": over(
            stores.answered("send", lambda s, sent, m: doing(sent, _unwoken(s, m, SECOND)))
        ),
        "the last comes first": _after_sending(lambda _, p: p and p.inbox.reverse()),
        "messages are sorted": _after_sending(
            lambda _, p: p and p.inbox.sort(key=lambda each: each.data)
        ),
        "who is held gets no messages": instead("send", _while_looking),
        "a message comes twice": instead("send", _twice),
        "a message has no sender": _sent(lambda m: replace(m, actor=None, reason=None)),
        "a signal has no data": _sent(
            lambda m: replace(m, data=None) if isinstance(m, Signal) else m
        ),
    },
    "B12": {
        "who is late is not told": instead("send", _silently),
        "ended processes take messages": instead("send", _into_the_closed),
        "an ended process is not there": instead("send", _denied),
    },
    "B13": {
        "keys are not looked at": _sent(
            lambda m: replace(m, key=None) if isinstance(m, (Signal, Update)) else m
        ),
        "a key used again is a repetition": instead("send", _repeats),
        "a key used again is an error": over(
            stores.asked("send", lambda s, m: replace(m, digest=f"{m.digest}{s._sequence}"))
        ),
        "the sender counts": over(
            stores.asked("send", lambda _, m: replace(m, digest=m.data.decode()))
        ),
        "a key is for all processes": instead("send", _one_for_all),
        "keys are known while messages wait": instead("send", _keys_until_taken),
        "keys are told apart by small letters": _sent(
            lambda m: (
                replace(m, key=m.key and spoiled(m.key)) if isinstance(m, (Signal, Update)) else m
            )
        ),
        "a name is a key": _sent(_keyed),
    },
    "B14": {
        "nothing reopens": asked("send", lambda _, a: a | {"reopens": False}),
        "everything reopens": instead(
            "send",
            lambda f, a: _into_the_closed(f, a) if a["reopens"] else honestly(f, "send", a),
        ),
        "what reopens wakes nobody": over(
            stores.answered("send", lambda s, sent, m: doing(sent, m.reopens and _unwoken(s, m)))
        ),
        "who is about to be reopened has ended": instead("ended", ended_all_the_same),
    },
    "B15": {
        "a message came when it was seen": answered(
            "poll_decision_tasks",
            lambda f, polled, _: replace(
                polled,
                tasks=tuple(
                    replace(
                        t,
                        mail=tuple(replace(m, at=f.store._clock.now()) for m in t.mail),
                    )
                    for t in polled.tasks
                ),
            ),
        ),
        "a message came a second before": _after_sending(
            lambda _, p: p and put(p, inbox=[replace(m, at_us=m.at_us - SECOND) for m in p.inbox])
        ),
    },
    "B47": {
        "updates change nothing": _sent(
            lambda m: replace(m, changes={}) if isinstance(m, Update) else m
        ),
        "updates have no sender": _sent(
            lambda m: replace(m, actor=None) if isinstance(m, Update) else m
        ),
        "updates have no key": _sent(
            lambda m: replace(m, key=None) if isinstance(m, Update) else m
        ),
        "the external store begins empty": starts(external={}),
        "nobody sees the external store": descriptions(
            lambda d: replace(
                d,
                snapshot=replace(d.snapshot, process=replace(d.snapshot.process, external={})),
            )
        ),
    },
}

FAULTS = SENDING
