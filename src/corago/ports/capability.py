"""What a backend can do, or can't: a closed list.

Only what the suite in `corago.testing.backend_suite` proves stands here. A backend that lacks one
refuses what needs it with NotSupportedError, which names it, before anything is written; nothing is
emulated silently. What is in no list, every backend can do.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from corago.errors import NotSupportedError


class Capability(Enum):
    """What some backends can do and others can't; the value is the name that errors carry."""

    INLINE = "inline"
    """Activities without a queue, run by the worker that holds the process."""
    DOCUMENTS = "documents"
    """Business objects that are written in the transaction of a commit."""
    EXTERNAL_STORE = "external_store"
    """A store of the process that outside code changes by updates."""
    ABORT = "abort"
    """An end by force, whoever holds the process."""
    REOPENING = "reopening"
    """A failed process that a command opens again."""
    ADOPTION = "adoption"
    """A living process that goes on by another definition."""
    CONTINUE_AS_NEW = "continue_as_new"
    """A run that ends and goes on as the next, with a history of its own."""
    PROCESS_TIMEOUT = "process_timeout"
    """An end of a process when its time is up."""
    DECISION_LEASES = "decision_leases"
    """Decision tasks that are anybody's again when their time is up."""
    SIGNAL_KEYS = "signal_keys"
    """Keys by which a repeated message is known and not stored twice."""
    SIGNALS_BETWEEN = "signals_between"
    """Signals that one process sends to another with a commit."""
    TAGS = "tags"
    """Tags of a process, by which it is found."""
    LISTING = "listing"
    """Finding and counting processes, with all that was written before."""
    PAUSE = "pause"
    """A halt of everything that has not started."""
    TIMER_DATA = "timer_data"
    """Data that a timer carries to its firing."""
    CHILD_ABANDON = "child_abandon"
    """Children that go on when their parent has ended."""
    CHILD_TERMINATE = "child_terminate"
    """Children that are ended by force with their parent."""
    CHILD_REQUEST_CANCEL = "child_request_cancel"
    """Children that are asked to stop when their parent has ended."""
    DELAYED_ACTIVITIES = "delayed_activities"
    """Queued attempts that are due later, as after a back-off."""
    RETURNED_ACTIVITIES = "returned_activities"
    """Queued attempts that a worker gives back unharmed."""
    COMPLETION_TOKENS = "completion_tokens"
    """Queued attempts that wait, in nobody's hands, for a completion from outside."""
    HEARTBEAT_DETAILS = "heartbeat_details"
    """What a heartbeat said, for the next attempt to read."""
    SCHEDULE_TO_START = "schedule_to_start"
    """A limit of how long a queued attempt waits for a worker."""
    START_TO_CLOSE = "start_to_close"
    """A limit of how long a worker may take over a queued attempt."""
    SCHEDULE_TO_CLOSE = "schedule_to_close"
    """A limit of how long a queued activity takes from its first scheduling."""
    HEARTBEAT_TIMEOUT = "heartbeat_timeout"
    """A limit of how long a worker of a queued attempt may be silent."""
    LARGE_VALUES = "large_values"
    """Inputs, results and data of more than 32 KiB."""


ALL = frozenset(Capability)
"""What a backend says that can do everything."""


def require(backend: str, has: frozenset[Capability], needs: Iterable[Capability]) -> None:
    """Refuse what a backend can't do; `backend` is its name for people.

    Raises NotSupportedError, which names the first capability that is missing.
    """
    for each in needs:
        if each not in has:
            raise NotSupportedError(backend, each.value)
