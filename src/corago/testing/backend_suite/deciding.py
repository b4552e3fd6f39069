"""What checks let deciders say, and the workflow that they are of. The module reads as `say`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import msgspec

from corago.core import events as e
from corago.core.calls import UNREAD, Answer
from corago.core.messages import Inbound, Signal
from corago.core.program import NOTHING, Program, Snapshot
from corago.core.retry import Retry
from corago.decider import answers as a
from corago.decider.program import DeciderProgram
from corago.errors import InvalidInputError
from corago.ports.rows import Definition, Query

SUITE = "suite"
"""The name of the workflow of checks that do not care."""

POLICIES: tuple[a.Policy, ...] = ("request_cancel", "terminate", "abandon")
"""What may become of a child whose parent ends."""

PICKY = "picky"
"""The name of a workflow that takes no input but None."""


class Picky(DeciderProgram):
    """A program that looks at its input."""

    def check_input(self, given: Any) -> Any:
        """Nothing at all."""
        if given is not None:
            raise InvalidInputError(f"a {PICKY} workflow takes no input, not {given!r}")
        return given


def definition(
    name: str = SUITE, version: int = 1, note: str = "", timeout: float | None = None
) -> Definition:
    """A decider's definition, with its true digest; `note` makes its document another one."""
    document = {
        "kind": "decider",
        "name": name,
        "version": version,
        "activities": [{"name": note, "parameters": []}] if note else [],
        "handles_cancel": True,
        "timeout": timeout,
    }
    text = msgspec.json.encode(document, order="sorted")
    return Definition(name, version, hashlib.sha256(text).hexdigest(), text)


def program(definition: Definition) -> Program[Any]:
    """The program of such a definition."""
    kind = Picky if definition.name == PICKY else DeciderProgram
    return kind(msgspec.json.decode(definition.document))


class Nobody:
    """Calls that must not be needed."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.past = UNREAD

    def ask(self, name: str, values: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002 - the port's signature
        """Say so."""
        raise AssertionError(f"{name!r} was asked, though nothing had come")


def activity(
    id: str,
    queue: str = "mail",
    given: Any = None,
    *,
    name: str = "Work",
    timeout: float | None = None,
    retry: Retry | None = None,
    **limits: float,
) -> Any:
    """Run an activity; `limits` in seconds, by their names."""
    return _said(
        a.ScheduleActivity(
            activity=name,
            id=id,
            input=given,
            queue=queue,
            timeout=timeout,
            limits=e.Limits(**limits) if limits else None,
            retry=None if retry is None else msgspec.to_builtins(retry),
        )
    )


def cancel_activity(id: str) -> Any:
    """Ask an activity to stop."""
    return _said(a.CancelActivity(id))


def timer(id: str, delay: float, data: Any = None) -> Any:
    """Start a timer of so many seconds."""
    return _said(a.StartTimer(delay=delay, data=data, id=id))


def cancel_timer(id: str) -> Any:
    """Let a timer not fire."""
    return _said(a.CancelTimer(id))


def child(
    id: str,
    workflow: str = SUITE,
    given: Any = None,
    *,
    policy: a.Policy = "abandon",
    tags: tuple[str, ...] = (),
    timeout: float | None = None,
) -> Any:
    """Start a child."""
    return _said(
        a.StartChildProcess(
            workflow=workflow, input=given, id=id, tags=tags, timeout=timeout, policy=policy
        )
    )


def signal(process_id: str, name: str, data: Any = None) -> Any:
    """Send a signal to another process."""
    return _said(a.SignalProcess(process_id=process_id, name=name, data=data))


def marker(name: str, details: Any = None) -> Any:
    """Write something down."""
    return _said(a.RecordMarker(name=name, details=details))


def complete(result: Any = None) -> Any:
    """End well."""
    return _said(a.CompleteProcess(result))


def fail(text: str) -> Any:
    """End badly."""
    return _said(a.FailProcess(e.Failure("Oops", text)))


def cancel() -> Any:
    """End because it was asked to."""
    return _said(a.CancelProcess())


def renew(given: Any = None, tags: tuple[str, ...] | None = None) -> Any:
    """Go on in another run."""
    return _said(a.ContinueAsNew(given, tags))


def _said(answer: a.Answered) -> Any:
    return msgspec.to_builtins(answer)


def message(name: str = "go", **fields: Any) -> Signal:
    """A signal as it is sent."""
    return Signal(name, **fields)


def heard(messages: Iterable[Inbound]) -> list[tuple[str, Any]]:
    """Signals by name and data, whoever sent them."""
    return [(each.name, each.data) for each in messages if isinstance(each, Signal)]


def wanted(snapshot: Snapshot) -> list[str]:
    """The activities that are open, by path."""
    return [each.path for each in (snapshot.agenda or NOTHING).activities]


def query(**conditions: Any) -> Query:
    """A query for processes."""
    return Query(**conditions)
