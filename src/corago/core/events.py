"""The facts of a process: a closed union of frozen events, past tense. No behaviour, no I/O.

An event's tag is its class name, with `.N` behind it from the second version on, so that an old
row can never be mistaken for a new one (`core.codec` turns old ones into new ones).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

import msgspec


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error turned into data, so that it survives a restart.

    `type` is the error's class name, `message` its text, `traceback` the text of the traceback
    where there was one.
    """

    type: str
    message: str
    traceback: str | None = None

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


class ActivityCompleted(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """The activity returned `result` (JSON)."""

    result: Any = None


class ActivityFailed(msgspec.Struct, frozen=True, tag=True):
    """The activity raised `error`, and no attempt is left."""

    error: Failure


class ActivityAborted(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The activity gave up for good, with a reason (seed: pyworkflow)."""

    reason: str | None = None


class ActivityTimedOut(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The activity ran into a limit of `seconds`; `kind` names the timeout as in SWF.

    `details` are what its last heartbeat said.
    """

    kind: str = "start_to_close"
    seconds: float | None = None
    details: Any = None


class ActivityCanceled(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The activity ended because it was asked to."""

    details: Any = None


ActivityResult = (
    ActivityCompleted | ActivityFailed | ActivityAborted | ActivityTimedOut | ActivityCanceled
)


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long an activity may wait and be silent, in seconds, as in SWF; None is for ever.

    `schedule_to_start`: until a worker takes it; `schedule_to_close`: until it ends, all attempts
    and waits between them included; `heartbeat`: between two signs of life.
    """

    schedule_to_start: float | None = None
    schedule_to_close: float | None = None
    heartbeat: float | None = None


# What is made at every step is a tree without circles, so the collector need not look at it:
# `gc=False` here and on the other values of the hot path halves the time that it takes.
class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every event has: its position (from 1), its instant (UTC), who caused it and why."""

    position: int
    at: datetime
    actor: str | None = None
    reason: str | None = None


class ProcessStarted(Event, frozen=True, kw_only=True, tag=True):
    """The first event: which definition (`sha`) runs on which input. Written by the starter.

    `timeout` is in seconds from `at`. A child was started at `parent_path` of its `parent`.
    """

    process_id: str
    run: int = 1
    workflow: str
    version: int = 1
    sha: str
    input: Any = None
    external: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    parent: str | None = None
    parent_path: str = ""
    timeout: float | None = None


class DefinitionChanged(Event, frozen=True, kw_only=True, tag=True):
    """From here on the process follows another definition of its workflow.

    `renames` gives the new path of what stands under another one there.
    """

    sha: str
    version: int = 1
    renames: dict[str, str] = {}


class ProcessReopened(Event, frozen=True, kw_only=True, tag=True):
    """A failed process was opened again; the incidents at `paths` are cleared."""

    paths: tuple[str, ...] = ()


class SignalReceived(Event, frozen=True, kw_only=True, tag=True):
    """A signal came from outside."""

    name: str
    data: Any = None
    key: str | None = None


class ExternalUpdated(Event, frozen=True, kw_only=True, tag=True):
    """Outside code changed the external store; `changes` are merged at the top level."""

    changes: dict[str, Any]
    key: str | None = None


class TimerStarted(Event, frozen=True, kw_only=True, tag=True):
    """A timer will fire at `due`, and say `data` then."""

    timer: str
    due: datetime
    data: Any = None


class TimerFired(Event, frozen=True, kw_only=True, tag=True):
    """The timer's time has come."""

    timer: str
    data: Any = None


class TimerCanceled(Event, frozen=True, kw_only=True, tag=True):
    """The timer is wanted no longer."""

    timer: str


class ActivityScheduled(Event, frozen=True, kw_only=True, tag=True):
    """An attempt was put into a queue, for any worker of it; or a decider wants an activity.

    The latter tells all of it: its code by name as `activity`, its raw `input`, its policies
    (`timeout` in seconds per attempt, `retry` as the arguments of a `Retry`); without a queue, it
    runs where the decision was made.
    """

    path: str
    occurrence: int = 1
    attempt: int = 1
    queue: str = ""
    activity: str = ""
    input: Any = None
    timeout: float | None = None
    limits: Limits | None = None
    retry: dict[str, Any] | None = None
    at_most_once: bool = False


class ActivityCancelRequested(Event, frozen=True, kw_only=True, tag=True):
    """An attempt in a queue was asked to stop."""

    path: str
    occurrence: int = 1


class ActivityStarted(Event, frozen=True, kw_only=True, tag=True):
    """An attempt is about to run.

    Recorded only where the start itself must be known: at most once, or after a loss.
    """

    path: str
    occurrence: int = 1
    attempt: int = 1


class ActivityRetried(Event, frozen=True, kw_only=True, tag=True):
    """An attempt ended badly; the next one starts at `due`.

    `details` are what its last heartbeat said.
    """

    path: str
    occurrence: int = 1
    attempt: int = 1
    error: Failure
    due: datetime
    details: Any = None


class ActivityClosed(Event, frozen=True, kw_only=True, tag=True):
    """The last end of an activity or step (seed: pyworkflow's shape)."""

    path: str
    occurrence: int = 1
    attempt: int = 1
    result: ActivityResult


class ChildStarted(Event, frozen=True, kw_only=True, tag=True):
    """A process was started at `path`, whose end this one waits for.

    `policy` is what becomes of it when this one ends before: it gets a `request_cancel`, a
    `terminate`, or this one will `abandon` it (as in SWF).
    """

    path: str
    occurrence: int = 1
    child: str
    workflow: str
    input: Any = None
    policy: str = "request_cancel"


class ChildStartFailed(Event, frozen=True, kw_only=True, tag=True):
    """The process at `path` could not be started."""

    path: str
    child: str
    error: Failure


class ChildClosed(Event, frozen=True, kw_only=True, tag=True):
    """A child ended: its status, with its result or what went wrong.

    `is_final` tells that it failed and can't be opened again.
    """

    path: str
    child: str
    status: str
    result: Any = None
    error: Failure | None = None
    is_final: bool = False


class MessageSent(Event, frozen=True, kw_only=True, tag=True):
    """A command went to the child at `path`, in the same transaction.

    Or, without a path, a signal went to any process: its `name` and `data`.
    """

    path: str
    to: str
    command: str
    name: str = ""
    data: Any = None


class MarkerRecorded(Event, frozen=True, kw_only=True, tag=True):
    """A decider's note to itself, or to people."""

    name: str
    details: Any = None


class StepSkipped(Event, frozen=True, kw_only=True, tag=True):
    """An operator passed over what stood in the way."""

    path: str
    occurrence: int = 1


class PredicateAnswered(Event, frozen=True, kw_only=True, tag=True):
    """A predicate's answer, or the error that it raised.

    `question` counts the predicates of one step from 0.
    """

    path: str
    question: int = 0
    answer: bool | None = None
    error: Failure | None = None


class ItemsChosen(Event, frozen=True, kw_only=True, tag=True):
    """How many items a loop has, or why it has none to go through."""

    path: str
    count: int = 0
    error: Failure | None = None


class CommandRefused(Event, frozen=True, kw_only=True, tag=True):
    """An operator's command no longer fitted when its turn came, or a machine took no event.

    `edges` says of each edge of the machine's state why it did not lead on.
    """

    command: str
    why: str
    edges: dict[str, str] = {}


class Trouble(msgspec.Struct, frozen=True, rename={"source": "from"}):
    """Why a machine went to its error state: what failed, at which place, in which state."""

    kind: str
    type: str
    message: str
    where: str
    source: str


class Effect(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a transition set going, with its input as it was then.

    `kind` is effect (nobody waits for it), run (its state does), or child: then `activity` names
    the workflow. `retry` holds the arguments of a `Retry`; `timeout` is in seconds per attempt.
    """

    path: str
    activity: str
    kind: str = "effect"
    input: Any = None
    occurrence: int = 1
    retry: dict[str, Any] | None = None
    timeout: float | None = None
    queue: str | None = None
    at_most_once: bool = False


class Transitioned(Event, frozen=True, kw_only=True, tag=True):
    """A machine went from `source` (empty: its start) to `target` along `edge`.

    `edge` is a place in the definition's document. `trigger` says what the transition answered, and
    is empty where its guard alone let it happen. `internal` and `external` are changes of the
    stores, merged at the top level. One that `stays` neither left nor entered the state. The
    incidents at the paths that are `resolved` are no longer anybody's business.
    """

    source: str
    target: str
    edge: str
    trigger: str = ""
    internal: dict[str, Any] = {}
    external: dict[str, Any] = {}
    effects: tuple[Effect, ...] = ()
    error: Trouble | None = None
    stays: bool = False
    resolved: tuple[str, ...] = ()


class LeaseLost(Event, frozen=True, kw_only=True, tag=True):
    """The worker `owner` vanished without letting go; `losses` counts since the last progress."""

    owner: str | None = None
    losses: int = 1


class ProcessSuspended(Event, frozen=True, kw_only=True, tag=True):
    """A person is needed: at `path`, or (empty path) for the whole process.

    From position `undecided` on, a decider has still to answer what came.
    """

    path: str = ""
    occurrence: int = 1
    error: Failure
    undecided: int = 0


class ProcessResumed(Event, frozen=True, kw_only=True, tag=True):
    """A person let it go on; the incidents and waits at `paths` are cleared."""

    paths: tuple[str, ...] = ()


class CancelRequested(Event, frozen=True, kw_only=True, tag=True):
    """Somebody asked the process to stop."""


class ContinuedAsNew(Event, frozen=True, kw_only=True, tag=True):
    """The run ended here, and the process goes on in the run `following`, with an empty history."""

    following: int
    input: Any = None
    tags: tuple[str, ...] = ()


class ProcessCompleted(Event, frozen=True, kw_only=True, tag=True):
    """The process reached its end, with `result`."""

    result: Any = None


class ProcessFailed(Event, frozen=True, kw_only=True, tag=True):
    """The process stopped at `path` because of `error`; an operator may retry."""

    path: str = ""
    error: Failure


class ProcessCanceled(Event, frozen=True, kw_only=True, tag=True):
    """The process stopped because it was asked to."""


class ProcessAborted(Event, frozen=True, kw_only=True, tag=True):
    """The process was ended by force, or by its own `abort`."""


class ProcessTimedOut(Event, frozen=True, kw_only=True, tag=True):
    """The process ran longer than its timeout."""


AnyEvent = (
    ProcessStarted
    | DefinitionChanged
    | ProcessReopened
    | SignalReceived
    | ExternalUpdated
    | TimerStarted
    | TimerFired
    | TimerCanceled
    | ActivityScheduled
    | ActivityCancelRequested
    | ActivityStarted
    | ActivityRetried
    | ActivityClosed
    | ChildStarted
    | ChildStartFailed
    | ChildClosed
    | MessageSent
    | MarkerRecorded
    | StepSkipped
    | PredicateAnswered
    | ItemsChosen
    | Transitioned
    | CommandRefused
    | LeaseLost
    | ProcessSuspended
    | ProcessResumed
    | CancelRequested
    | ContinuedAsNew
    | ProcessCompleted
    | ProcessFailed
    | ProcessCanceled
    | ProcessAborted
    | ProcessTimedOut
)

CLOSING: dict[type, str] = {
    ProcessCompleted: "completed",
    ProcessFailed: "failed",
    ProcessCanceled: "canceled",
    ProcessAborted: "aborted",
    ProcessTimedOut: "timed_out",
}
"""The events after which a process is closed, and the status that each leaves."""

CLOSED_STATUSES = frozenset(CLOSING.values())
STATUSES = ("created", "running", "waiting", "suspended", *CLOSING.values())


def failure_of(result: ActivityResult, path: str) -> Failure | None:
    """What went wrong, as a failure; None for a completed activity."""
    match result:
        case ActivityCompleted():
            return None
        case ActivityFailed(error=error):
            return error
        case ActivityAborted(reason=reason):
            return Failure("ActivityAborted", reason or f"{path!r} gave up")
        case ActivityTimedOut(kind=kind, seconds=seconds):
            took = "" if seconds is None else f" of {seconds:g} s"
            return Failure("ActivityTimedOut", f"{path!r} ran into its {kind} timeout{took}")
        case ActivityCanceled():
            return Failure("ActivityCanceled", f"{path!r} was canceled")
        case _:
            assert_never(result)
