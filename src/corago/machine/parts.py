"""The values that a machine's class is written with: events, work, children, drafts of edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, dataclass_transform

from corago.core.retry import Retry
from corago.machine.fields import as_dataclass

Function = Callable[..., Any]
"""A plain Python function, `async` too where it is an activity."""

Guard = str | Function
"""An expression, or a function that answers yes or no."""

Value = str | float | bool | None
"""An expression; a number, a boolean or None stands for itself."""

Updates = Mapping[str, Value | Function] | Function
"""By `internal.x` or `external.x`, what it becomes; or a function that returns such a dict."""

Duration = str | float | timedelta
"""Seconds, a timedelta, or a text: "48h", "90s", "3d", "1h30m", or ISO 8601 such as "PT48H"."""


@dataclass_transform(kw_only_default=True)
class Event:
    """An event with typed data: a class whose annotations are its fields.

    It is called as the class is, in lower case, or by `class Check(Event, name="T02 Check")`.
    Each is a dataclass, so that functions may ask for `event: Cancel`, and previews take
    `Cancel(reason="late")`.
    """

    __event__: ClassVar[str] = ""

    def __init_subclass__(cls, *, name: str | None = None, **options: Any) -> None:
        """Take the event's name."""
        super().__init_subclass__(**options)
        cls.__event__ = cls.__name__.lower() if name is None else name
        as_dataclass(cls)


class Previous:
    """Where a machine came from: made by `previous()`."""

    def __repr__(self) -> str:
        return "previous()"


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """Work with its arguments, each an expression; made by `activity`."""

    function: Function | str
    args: Mapping[str, Value]
    options: Mapping[str, Any]


Effects = Activity | Function | str | Sequence[Activity | Function | str]
"""Work that is begun and not waited for; with arguments by `activity(function, x="…")`."""


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A process to start, with its input, by key an expression; made by `child`."""

    workflow: Any
    input: Mapping[str, Value]


@dataclass(slots=True, eq=False)
class Draft:
    """What is written of one edge: pairs of the document's word and what stands for it.

    `label` is how it began, `ends` says that a target or `stay` closed it.
    """

    label: str
    said: list[tuple[str, Any]] = field(default_factory=list)
    ends: bool = False


def previous() -> Previous:
    """The state that was left for the current one, as in `trouble.on("resume").to(previous())`."""
    return Previous()


def activity(
    function: Function | str,
    /,
    *,
    retry: Retry | int | None = None,
    timeout: Duration | None = None,
    queue: str | None = None,
    at_most_once: bool = False,
    args: Mapping[str, Value] | None = None,
    **more: Value,
) -> Activity:
    """Work with its arguments, for a hook's `effect`; arguments and options as in `State.run`."""
    options = {
        "retry": retry,
        "timeout": timeout,
        "queue": queue,
        "at_most_once": at_most_once or None,
    }
    told = {key: value for key, value in options.items() if value is not None}
    return Activity(function, {**(args or {}), **more}, told)


def child(workflow: Any, /, **input: Value) -> Child:
    """A process to start: a workflow or its name, and by key expressions for its input."""
    return Child(workflow, input)
