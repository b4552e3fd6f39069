"""How an activity ends, where its author says it outright; the core's own values, as recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from corago.arguments.raised import Hide, failure, said
from corago.core import events as e
from corago.core.codec import plain
from corago.secrecy import discretion, seal

_replace = msgspec.structs.replace

Reason = BaseException | str | e.Failure
"""Why something failed: an exception, a text, or a recorded failure."""


def failure_of(reason: Reason, what: str) -> e.Failure:
    """A reason as data; `what` is the type of a bare text. Raises TypeError for anything else."""
    if isinstance(reason, e.Failure):
        return reason
    if isinstance(reason, BaseException):
        return failure(reason)
    if isinstance(reason, str):
        return e.Failure(what, said(lambda: reason))
    raise TypeError(f"{what} takes an exception or a text, not {reason!r}")


class _Failing(type):
    """The class of one class, whose instances are the core's."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, e.ActivityFailed)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, e.ActivityFailed)

    def __call__(cls, exception: Reason = "", *, error: Reason | None = None) -> e.ActivityFailed:
        told = exception if error is None else error
        return e.ActivityFailed(failure_of(told, "ActivityFailed"))


if TYPE_CHECKING:

    class ActivityFailed(e.ActivityFailed, frozen=True):
        """See below."""

        def __init__(self, exception: Reason = ..., *, error: Reason | None = None) -> None:
            """See below."""

else:

    class ActivityFailed(metaclass=_Failing):
        """The activity failed: returned, it is as if `exception` (or a text) had been raised.

        What a history holds is an instance of it, and its `error` is always a Failure: the type,
        the message and the traceback as texts. (Seed: pyworkflow.)
        """

        __match_args__ = ("error",)


OUTRIGHT = (
    e.ActivityCompleted,
    e.ActivityFailed,
    e.ActivityAborted,
    e.ActivityCanceled,
    e.ActivityTimedOut,
)
"""What an activity may return in place of a value."""

KINDS = frozenset({*OUTRIGHT, ActivityFailed})
"""The same, as they stand in annotations."""


def told(value: Any, values: Mapping[str, Any]) -> Any:
    """What was returned; where an end is said outright, without the secrets of these `values`."""
    if not isinstance(value, OUTRIGHT):
        return value
    hide = discretion(values)
    if isinstance(value, e.ActivityFailed):
        error = failure_of(value.error, "ActivityFailed")
        if hide is not None:
            trace = error.traceback
            error = e.Failure(error.type, hide(error.message), trace and hide(trace))
        return e.ActivityFailed(error)
    if isinstance(value, e.ActivityAborted) and value.reason is not None:
        reason = said(lambda: str(value.reason))
        return e.ActivityAborted(reason if hide is None else hide(reason))
    return value


def kept(value: Any, keep: Callable[[Any], Any]) -> Any:
    """What was returned, with its payload as strict JSON; `keep` makes that of a bare value.

    Raises as `keep`, and InvalidInputError.
    """
    match value:
        case e.ActivityCompleted(result=result):
            return e.ActivityCompleted(keep(result))
        case e.ActivityCanceled(details=details) | e.ActivityTimedOut(details=details):
            return _replace(value, details=plain(details, "details", seal))
        case e.ActivityFailed() | e.ActivityAborted():
            return value
        case _:
            return keep(value)


__all__ = ["KINDS", "OUTRIGHT", "ActivityFailed", "Hide", "Reason", "failure_of", "kept", "told"]
