"""What a decider answered, as data: a list of these, in JSON. Closed, no behaviour.

Users write `decisions`; a hand-made answer may be written in this form too.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from corago.core import events as e

Policy = Literal["request_cancel", "terminate", "abandon"]
"""What becomes of a child when its parent ends before it."""


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class ScheduleActivity(_Answer, frozen=True, kw_only=True, tag=True):
    """Run an activity; its names, policies and raw input. Without an id, one is made."""

    activity: str
    id: str = ""
    input: Any = None
    queue: str = ""
    timeout: float | None = None
    limits: e.Limits | None = None
    retry: dict[str, Any] | None = None
    at_most_once: bool = False


class CancelActivity(_Answer, frozen=True, tag=True):
    """Ask an activity to stop; harmless if it is not open."""

    id: str


class StartTimer(_Answer, frozen=True, kw_only=True, tag=True):
    """Let a timer fire after `delay` seconds, and say `data` then. Without an id, one is made."""

    delay: float
    data: Any = None
    id: str = ""


class CancelTimer(_Answer, frozen=True, tag=True):
    """Let a timer not fire; harmless if it is not open."""

    id: str


class StartChildProcess(_Answer, frozen=True, kw_only=True, tag=True):
    """Start a process of a workflow at the path `id`; without one, one is made."""

    workflow: str
    input: Any = None
    id: str = ""
    tags: tuple[str, ...] = ()
    timeout: float | None = None
    policy: Policy = "request_cancel"


class SignalProcess(_Answer, frozen=True, kw_only=True, tag=True):
    """Send a signal to any process."""

    process_id: str
    name: str
    data: Any = None


class RecordMarker(_Answer, frozen=True, kw_only=True, tag=True):
    """Write something down."""

    name: str
    details: Any = None


class CompleteProcess(_Answer, frozen=True, tag=True):
    """End well."""

    result: Any = None


class FailProcess(_Answer, frozen=True, tag=True):
    """End badly; `retry` opens it again."""

    error: e.Failure


class CancelProcess(_Answer, frozen=True, tag=True):
    """End because it was asked to, or by its own will."""


class ContinueAsNew(_Answer, frozen=True, tag=True):
    """Go on in another run, with this input; tags stay unless others are given."""

    input: Any = None
    tags: tuple[str, ...] | None = None


Answered = (
    ScheduleActivity
    | CancelActivity
    | StartTimer
    | CancelTimer
    | StartChildProcess
    | SignalProcess
    | RecordMarker
    | CompleteProcess
    | FailProcess
    | CancelProcess
    | ContinueAsNew
)

CLOSING: frozenset[type] = frozenset({CompleteProcess, FailProcess, CancelProcess, ContinueAsNew})
"""The answers after which there can be no other."""
