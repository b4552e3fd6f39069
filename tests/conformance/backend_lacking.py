"""A local backend that lacks a capability, and says so: the model of how one refuses.

What a request needs is read off it, before anything is done. And backends that only seem to refuse.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from corago.core import events as e
from corago.core.commit import Commit
from corago.core.messages import Inbound, Outcome, Signal, Update
from corago.core.program import NOTHING
from corago.errors import NotSupportedError, RequestError
from corago.ports.backend import Backend, Start
from corago.ports.capability import ALL, Capability, require
from tests.conformance.backend_mutants import Args, Faulty, Mutant

Can = Capability
Needs = Iterator[Capability]

LARGE = 32 * 1024
"""So many bytes of JSON are a large value."""


def _size(value: Any) -> Needs:
    if len(msgspec.json.encode(value)) > LARGE:
        yield Can.LARGE_VALUES


def of_start(start: Start) -> Needs:
    """What a start needs."""
    if start.tags:
        yield Can.TAGS
    if start.external:
        yield Can.EXTERNAL_STORE
    if start.timeout is not None:
        yield Can.PROCESS_TIMEOUT
    yield from _size(start.input)


def of_message(message: Inbound) -> Needs:
    """What a message needs."""
    if isinstance(message, Update):
        yield Can.EXTERNAL_STORE
    if isinstance(message, (Signal, Update)) and message.key is not None:
        yield Can.SIGNAL_KEYS
    yield from _size(message)


def of_outcome(outcome: Outcome) -> Needs:
    """What an outcome needs."""
    if outcome.documents:
        yield Can.DOCUMENTS
    yield from _size(outcome)


def of_commit(commit: Commit) -> Needs:
    """What a commit needs."""
    if any(wish.queue is None for wish in (commit.snapshot.agenda or NOTHING).activities):
        yield Can.INLINE
    if commit.documents:
        yield Can.DOCUMENTS
    if commit.adopts:
        yield Can.ADOPTION
    if commit.renews is not None:
        yield Can.CONTINUE_AS_NEW
    if commit.renews is not None and commit.renews.tags:
        yield Can.TAGS
    for birth in commit.births:
        if birth.tags:
            yield Can.TAGS
        if birth.timeout is not None:
            yield Can.PROCESS_TIMEOUT
    if any(isinstance(send.message, Signal) for send in commit.sends):
        yield Can.SIGNALS_BETWEEN
    for event in commit.events:
        yield from of_event(event)


_POLICIES = {
    "abandon": Can.CHILD_ABANDON,
    "terminate": Can.CHILD_TERMINATE,
    "request_cancel": Can.CHILD_REQUEST_CANCEL,
}


def of_event(event: e.Event) -> Needs:
    """What it needs that this becomes a fact."""
    match event:
        case e.TimerStarted(data=data) if data is not None:
            yield Can.TIMER_DATA
        case e.ChildStarted(policy=policy):
            yield _POLICIES[policy]
        case e.ActivityScheduled(retry=retry, timeout=timeout, limits=limits, queue=queue) if queue:
            if retry is not None and retry.get("delay", 1.0):
                yield Can.DELAYED_ACTIVITIES
            if timeout is not None:
                yield Can.START_TO_CLOSE
            if limits is not None:
                yield from of_limits(limits)
        case _:
            pass
    yield from _size(event)


def of_limits(limits: e.Limits) -> Needs:
    """What limits need."""
    if limits.schedule_to_start is not None:
        yield Can.SCHEDULE_TO_START
    if limits.schedule_to_close is not None:
        yield Can.SCHEDULE_TO_CLOSE
    if limits.heartbeat is not None:
        yield Can.HEARTBEAT_TIMEOUT


def _only(capability: Capability) -> Callable[[Args], Needs]:
    def needs(_: Args) -> Needs:
        yield capability

    return needs


def _of_send(args: Args) -> Needs:
    if args["reopens"]:
        yield Can.REOPENING
    yield from of_message(args["message"])


def _if(capability: Capability, holds: Callable[[Args], bool]) -> Callable[[Args], Needs]:
    def needs(args: Args) -> Needs:
        if holds(args):
            yield capability

    return needs


NEEDS: dict[str, Callable[[Args], Needs]] = {
    "start": lambda a: of_start(a["start"]),
    "send": _of_send,
    "abort": _only(Can.ABORT),
    "adopt": _only(Can.ADOPTION),
    "find": _only(Can.LISTING),
    "count": _only(Can.LISTING),
    "pause": _if(Can.PAUSE, lambda a: a["paused"] is not None),
    "poll_decision_tasks": _if(Can.DECISION_LEASES, lambda a: a["lease"] is not None),
    "complete_decision_task": lambda a: of_commit(a["commit"]),
    "complete_activity_task": lambda a: of_outcome(a["outcome"]),
    "heartbeat_activity_task": _if(Can.HEARTBEAT_DETAILS, lambda a: bool(a["says"])),
    "detach_activity_task": _only(Can.COMPLETION_TOKENS),
    "find_activity_task": _only(Can.COMPLETION_TOKENS),
    "return_activity_tasks": _only(Can.RETURNED_ACTIVITIES),
}
"""What a call needs, by the method's name."""

Check = Callable[[frozenset[Capability], Iterator[Capability]], None]


def _honestly(has: frozenset[Capability], needs: Iterator[Capability]) -> None:
    require("frugal", has, needs)


def lacking(*capabilities: Capability, check: Check = _honestly, late: bool = False) -> Mutant:
    """A backend that lacks these; `late` refuses when all is done."""
    return Mutant(type("Lacking", (Faulty,), _methods(capabilities, check, late=late)))


def _methods(lacks: tuple[Capability, ...], check: Check, *, late: bool) -> dict[str, Any]:
    has = ALL - set(lacks)
    return {"capabilities": has} | {
        name: _refusing(name, has, needs, check, late=late) for name, needs in NEEDS.items()
    }


def _refusing(
    name: str,
    has: frozenset[Capability],
    needs: Callable[[Args], Needs],
    check: Check,
    *,
    late: bool,
) -> Any:
    signature = inspect.signature(getattr(Backend, name))

    async def method(self: Faulty, *given: Any, **named: Any) -> Any:
        bound = signature.bind(self, *given, **named)
        bound.apply_defaults()
        args = dict(bound.arguments)
        if not late:
            check(has, needs(args))
        answer = await getattr(self.honest, name)(*given, **named)
        if late:
            check(has, needs(args))
        return answer

    return method


def _not_at_all(has: frozenset[Capability], needs: Iterator[Capability]) -> None:
    """Whatever it lacks, it does."""


def _vaguely(has: frozenset[Capability], needs: Iterator[Capability]) -> None:
    """It refuses, and does not say why."""
    if not has.issuperset(needs):
        raise NotSupportedError("vague", "something")


def _wrongly(has: frozenset[Capability], needs: Iterator[Capability]) -> None:
    """It can't do something else, it says."""
    for each in needs:
        if each not in has:
            raise NotSupportedError("wrong", next(c for c in Can if c is not each).value)


def _otherwise(has: frozenset[Capability], needs: Iterator[Capability]) -> None:
    """It fails in another way."""
    if not has.issuperset(needs):
        raise RequestError("not here")


def _everything(has: frozenset[Capability], needs: Iterator[Capability]) -> None:
    """It refuses what it has."""
    for each in needs:
        raise NotSupportedError("meek", each.value)


MISTAKES: dict[str, tuple[Check, bool]] = {
    "does it all the same": (_not_at_all, False),
    "does it and then refuses": (_honestly, True),
    "does not say why": (_vaguely, False),
    "says something else": (_wrongly, False),
    "fails in another way": (_otherwise, False),
}
"""How a backend may fail to refuse."""

READS = frozenset({Can.LISTING})
"""What changes nothing can't be told from what was refused before."""

FAULTS: dict[str, dict[str, Mutant]] = {
    "B71": {
        f"what lacks {capability.value} {name}": lacking(capability, check=check, late=late)
        for capability in Can
        for name, (check, late) in MISTAKES.items()
        if not (late and capability in READS)
    }
    | {
        "it refuses what it has": lacking(check=_everything),
        "it says nothing of what it has": Mutant(type("Mute", (Faulty,), {"capabilities": ()})),
    },
}
