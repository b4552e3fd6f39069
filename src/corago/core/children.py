"""Children of a process: which to start, which to ask to stop, and what to say at the end. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.commit import Birth, Deed, Send
from corago.core.process import Process

Step = tuple[type[e.Event], dict[str, Any], Birth | Send | None]
"""A fact, and what is done in the same transaction."""


def reconcile(process: Process, wanted: Sequence[d.StartChild]) -> Iterator[Step]:
    """Start what is named and not open, stop what is open and not named."""
    wishes = {wish.path: wish for wish in wanted}
    for path, child in process.children.items():
        wish = wishes.get(path)
        if not child.canceled and (wish is None or wish.cancel):
            yield _told(process, path, child.id, "cancel")
    for path, wish in wishes.items():
        name = _name(process, wish)
        known = process.children.get(path)
        if known is not None:
            continue
        if wish.cancel:  # it was to go on, and was not told yet
            yield e.ChildClosed, {"path": path, "child": name, "status": "canceled"}, None
            continue
        if wish.reopens:
            yield _told(process, path, name, "retry")
            continue
        fields = {
            "path": path,
            "occurrence": wish.occurrence,
            "child": name,
            "workflow": wish.workflow,
            "input": wish.input,
        }
        yield e.ChildStarted, fields, Birth(path, name, wish.workflow, wish.input)


_PARTING = {"request_cancel": "cancel", "terminate": "abort"}
"""What a child is told when its parent ends, by its policy."""


def farewell(process: Process, *, tells_parent: bool = True) -> tuple[Send, ...]:
    """What a process that has just closed says: to its children to stop, to its parent the end."""
    status = process.status if tells_parent else "continued as new"
    said = []
    for child in process.children.values():
        verb = _PARTING.get(child.policy)
        if verb is not None and not (child.canceled and verb == "cancel"):
            reason = f"its parent {process.id!r} is {status}"
            said.append(Send(child.id, m.Command(verb, reason=reason)))
    if tells_parent and process.parent is not None:
        end = m.ChildEnded(
            process.parent_path, process.id, process.status, process.result, process.error
        )
        # a failed parent keeps it for the retry that opens it again
        said.append(Send(process.parent, end, reopens=True))
    return tuple(said)


def place(process: Process, message: m.ChildEnded) -> str:
    """The path of a child that has ended: a change of definition may have renamed it."""
    known = (path for path, child in process.children.items() if child.id == message.child)
    return next(known, message.path)


def refused(process: Process, message: m.Command, why: str) -> tuple[Send, ...]:
    """What a closed process says to the parent whose command can't open it again."""
    if process.parent is None or message.targets != m.ANY:
        return ()
    error = e.Failure("CommandRefusedError", f"it can't go on, since {why}; a retry starts another")
    end = m.ChildEnded(process.parent_path, process.id, process.status, None, error, is_final=True)
    return (Send(process.parent, end, reopens=True),)


def unborn(deeds: tuple[Deed, ...], child: str) -> tuple[Deed, ...]:
    """The same deeds without the birth of a child, and without what was to be said to it."""
    return tuple(
        deed
        for deed in deeds
        if not (isinstance(deed, Birth) and deed.child == child)
        and not (isinstance(deed, Send) and deed.process_id == child)
    )


def _name(process: Process, wish: d.StartChild) -> str:
    return wish.child or child_id(process, wish.path, wish.occurrence)


def child_id(process: Process, path: str, occurrence: int = 1) -> str:
    """The id of a child: no two of a process are the same, whatever its run."""
    number = "" if occurrence == 1 else f"@{occurrence}"
    run = "" if process.run == 1 else f":{process.run}"
    return f"{process.id}{run}/{path}{number}"


def _told(process: Process, path: str, child: str, verb: str) -> Step:
    reopens = verb == "retry"
    reason = f"asked by its parent {process.id!r}, at {path!r}"
    command = m.Command(verb, m.ANY if reopens else {}, reason=reason)
    fields = {"path": path, "to": child, "command": verb}
    return e.MessageSent, fields, Send(child, command, reopens)
