"""The whole error tree: every error says what is wrong, where, and what to do.

Each family answers "who must act?".

CoragoError
├── DefinitionError                 the author must act, when the workflow is defined
│   ├── InvalidStepListError        no `init` or `done`, or a thing that is no step in `>>`
│   ├── InvalidOptionError          a policy or duration that makes no sense
│   ├── InvalidMachineError         a machine's document with faults: carries all of them
│   ├── ExpressionError             (also a ValueError) a text that is no expression: carries faults
│   └── DuplicateNameError          two different workflows of one name and version
├── RequestError                    the caller must act
│   ├── InvalidUrlError
│   ├── InvalidInputError           input, signal data or a value that JSON can't hold
│   ├── InvalidDecisionError        a decider answered what makes no sense as things stand
│   ├── WorkflowNotFoundError
│   ├── ProcessNotFoundError
│   ├── ProcessAlreadyExistsError
│   ├── ProcessClosedError
│   ├── CommandRefusedError         not in this status, or no longer: carries the reason
│   ├── SignalKeyError              the same key with other data
│   ├── SecretKeyError              no key for secrets, or not the one that they were sealed with
│   ├── UnknownTaskError            a task that is over, or somebody else's: what came is late
│   ├── NotSupportedError           this backend can't do it: carries the capability
│   └── EngineClosedError           the engine was closed, or this OS process is a fork of its owner
├── StepError                       a step's author must act; recorded as the step's failure
│   ├── StepArgumentError           missing or unconvertible argument
│   ├── StepResultError             not a dict, or not JSON
│   └── StateTooLargeError
├── EvaluationError                 an expression met values that it can't be worked out on
├── StoreError                      the operator must act
│   ├── StoreUnavailableError       cannot be opened, read-only, locked, I/O error: try again
│   ├── StoreFullError              the disk (or the page limit) is full
│   ├── StoreCorruptError           damaged file or row
│   ├── ForeignStoreError           a database that is not corago's
│   ├── StoreVersionError           made by a newer corago
│   ├── CodecError                  encoded by a codec, or with a key, that is not here
│   └── UnknownEventError           a history written by a newer corago
├── ProcessEndedError               the process ended without completing
│   ├── ProcessFailedError
│   ├── ProcessCanceledError
│   ├── ProcessAbortedError
│   └── ProcessTimedOutError
└── WaitTimeoutError                (also a TimeoutError) the caller waited long enough
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

__all__ = [
    "CodecError",
    "CommandRefusedError",
    "CoragoError",
    "DefinitionError",
    "DuplicateNameError",
    "EngineClosedError",
    "EvaluationError",
    "ExpressionError",
    "ForeignStoreError",
    "InvalidDecisionError",
    "InvalidInputError",
    "InvalidMachineError",
    "InvalidOptionError",
    "InvalidStepListError",
    "InvalidUrlError",
    "NotSupportedError",
    "ProcessAbortedError",
    "ProcessAlreadyExistsError",
    "ProcessCanceledError",
    "ProcessClosedError",
    "ProcessEndedError",
    "ProcessFailedError",
    "ProcessNotFoundError",
    "ProcessTimedOutError",
    "RequestError",
    "SecretKeyError",
    "SignalKeyError",
    "StateTooLargeError",
    "StepArgumentError",
    "StepError",
    "StepResultError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreUnavailableError",
    "StoreVersionError",
    "UnknownEventError",
    "UnknownTaskError",
    "WaitTimeoutError",
    "WorkflowNotFoundError",
]

if TYPE_CHECKING:
    from collections.abc import Iterable


class CoragoError(Exception):
    """Root of every error of corago; `code` is stable and meant for programs."""

    code: ClassVar[str] = "corago"


class DefinitionError(CoragoError):
    """A workflow's definition is wrong; raised when it is defined or registered."""

    code = "definition"


class InvalidStepListError(DefinitionError):
    """A step list lacks `init` or `done`, or holds something that is no step."""

    code = "invalid_step_list"


class InvalidOptionError(DefinitionError):
    """An option of a step, a retry policy or a workflow has a value that makes no sense."""

    code = "invalid_option"


class InvalidMachineError(DefinitionError):
    """A machine's document has faults; `faults` holds all of them, in the document's order.

    Each fault has a `pointer` (RFC 6901, into the document as it was given), a `text` that says
    what is wrong, and a `fix`. The message shows the first 20, one per line.
    """

    code = "invalid_machine"
    _SHOWN = 20

    def __init__(self, name: str, faults: Iterable[Any]) -> None:
        """Name the machine and list its faults."""
        self.faults: tuple[Any, ...] = tuple(faults)
        count = len(self.faults)
        lines = [str(each) for each in self.faults[: self._SHOWN]]
        if count > self._SHOWN:
            lines.append(f"and {count - self._SHOWN} more (`faults` of this error has them all)")
        how_many = "a fault" if count == 1 else f"{count} faults"
        super().__init__(all_of(lines, f"the machine {name!r} has {how_many}:"))


class DuplicateNameError(DefinitionError):
    """Two different workflows carry the same name and version."""

    code = "duplicate_name"


class ExpressionError(DefinitionError, ValueError):
    """A text is no expression of the language; `faults` holds each thing that is wrong in it."""

    code = "expression"

    def __init__(self, message: str, faults: tuple[Any, ...] = ()) -> None:
        """Say what is wrong, and carry the `Fault`s, each with its place and a fix."""
        super().__init__(message)
        self.faults = faults


class RequestError(CoragoError):
    """The caller asked for something that can't be done."""

    code = "request"


class InvalidUrlError(RequestError):
    """A store's URL can't be understood; the message lists the good forms."""

    code = "invalid_url"


class InvalidInputError(RequestError):
    """A value from outside can't be kept as JSON, or does not fit."""

    code = "invalid_input"


class InvalidDecisionError(RequestError):
    """A decider answered what is no decision, or none that makes sense now; nothing was written.

    Recorded as the reason why a process waits for a person, when `decide` was asked in vain.
    """

    code = "invalid_decision"


class WorkflowNotFoundError(RequestError):
    """No workflow of that name is registered or stored."""

    code = "workflow_not_found"


class ProcessNotFoundError(RequestError):
    """No process has that id."""

    code = "process_not_found"

    def __init__(self, process_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(
            f"no process has the id {process_id!r}; `corago list` shows those there are"
        )
        self.process_id = process_id


class ProcessAlreadyExistsError(RequestError):
    """The id is taken by a process of another workflow or with another input."""

    code = "process_already_exists"

    def __init__(self, process_id: str, difference: str) -> None:
        """Name the id and what differs."""
        super().__init__(
            f"a process {process_id!r} exists already with another {difference}; "
            "use another id, or start it with the same workflow and input to get that process"
        )
        self.process_id = process_id


class ProcessClosedError(RequestError):
    """The process has ended, so it takes no more messages."""

    code = "process_closed"

    def __init__(self, process_id: str, status: str) -> None:
        """Name the process and the status in which it ended."""
        hint = "; `retry` reopens it" if status == "failed" else ""
        super().__init__(f"process {process_id!r} is {status} and takes no more messages{hint}")
        self.process_id = process_id
        self.status = status


class CommandRefusedError(RequestError):
    """An operator's command does not fit the process's present status; `why` says why not now."""

    code = "command_refused"

    def __init__(self, process_id: str, command: str, why: str) -> None:
        """Name process, command and reason."""
        super().__init__(f"{command} of process {process_id!r} refused: {why}")
        self.process_id = process_id
        self.command = command
        self.why = why


class SignalKeyError(RequestError):
    """A signal's key was used before for other data."""

    code = "signal_key"

    def __init__(self, process_id: str, key: str) -> None:
        """Name process and key."""
        super().__init__(
            f"key {key!r} was already used for another message to process {process_id!r}; "
            "a key names one message: use a new one"
        )
        self.process_id = process_id
        self.key = key


class SecretKeyError(RequestError):
    """There is no key to seal or open a secret with, or it is not the right one."""

    code = "secret_key"


class UnknownTaskError(RequestError):
    """The task is over, or somebody else's: what was brought is late, and has changed nothing.

    `token` is the task's, as it was given.
    """

    code = "unknown_task"

    def __init__(self, token: str) -> None:
        """Name the token."""
        super().__init__(
            f"no task {token!r} waits for this: it has ended, has run into a limit, was taken over "
            "by another worker, or its process wants it no longer; nothing was changed"
        )
        self.token = token


class NotSupportedError(RequestError):
    """The backend can't do this, and does not pretend to; `capability` names what it lacks."""

    code = "not_supported"

    def __init__(self, backend: str, capability: str) -> None:
        """Name the backend and the capability."""
        super().__init__(
            f"the backend {backend!r} can't do this: it lacks the capability {capability!r}; do "
            "without it, or run the workflow on a backend that has it"
        )
        self.backend = backend
        self.capability = capability


class EngineClosedError(RequestError):
    """The engine is closed, or was opened before a fork and can't be used in the child."""

    code = "engine_closed"


class StepError(CoragoError):
    """A step can't be called or its result can't be kept; recorded as the step's failure."""

    code = "step"


class StepArgumentError(StepError):
    """A step's argument is missing from the State or can't be converted."""

    code = "step_argument"


class StepResultError(StepError):
    """A step's result is not a dict, or can't be kept as JSON."""

    code = "step_result"


class StateTooLargeError(StepError):
    """A State (or input) is over the engine's size limit; names the largest key."""

    code = "state_too_large"


class EvaluationError(CoragoError):
    """An expression met values that it can't be worked out on, such as a field that is missing.

    `text` is the expression; `part` the sub-expression, from `start` to before `end` in it.
    `reason` is one of missing, null, type, range, zero, overflow, limit.
    """

    code = "evaluation"

    def __init__(
        self, message: str, *, text: str = "", start: int = 0, end: int = 0, reason: str = "type"
    ) -> None:
        """Say what is wrong with which sub-expression."""
        super().__init__(message)
        self.text = text
        self.start = start
        self.end = end
        self.part = text[start:end]
        self.reason = reason


class StoreError(CoragoError):
    """The database can't be used; the operator must act."""

    code = "store"


class StoreUnavailableError(StoreError):
    """The database can't be opened, read or written right now."""

    code = "store_unavailable"


class StoreFullError(StoreUnavailableError):
    """The disk, or the database's page limit, is full."""

    code = "store_full"


class StoreCorruptError(StoreError):
    """The database file or one of its rows is damaged."""

    code = "store_corrupt"


class ForeignStoreError(StoreError):
    """The database belongs to another program."""

    code = "store_foreign"


class StoreVersionError(StoreError):
    """The database was written by a newer corago."""

    code = "store_version"


class CodecError(StoreError):
    """A row was encoded by a codec, or with a key, that this engine does not have."""

    code = "codec"


class UnknownEventError(StoreError):
    """A history holds an event that this corago does not know."""

    code = "unknown_event"


class ProcessEndedError(CoragoError):
    """A process that was waited for ended without completing."""

    code = "process_ended"

    def __init__(self, process_id: str, sentence: str, error: Any = None) -> None:
        """Name the process, say how it ended, and keep the recorded `Failure` as `error`."""
        super().__init__(sentence)
        self.process_id = process_id
        self.error = error


class ProcessFailedError(ProcessEndedError):
    """The process failed; `error` is the recorded failure."""

    code = "process_failed"


class ProcessCanceledError(ProcessEndedError):
    """The process was canceled."""

    code = "process_canceled"


class ProcessAbortedError(ProcessEndedError):
    """The process was aborted."""

    code = "process_aborted"


class ProcessTimedOutError(ProcessEndedError):
    """The process ran longer than its timeout."""

    code = "process_timed_out"


class WaitTimeoutError(CoragoError, TimeoutError):
    """The caller's own timeout ran out; `explanation` says what the process waits for."""

    code = "wait_timeout"

    def __init__(self, process_id: str, seconds: float, explanation: Any) -> None:
        """Name the process, the seconds waited, and carry the explanation."""
        super().__init__(f"process {process_id!r} did not end within {seconds:g} s: {explanation}")
        self.process_id = process_id
        self.explanation = explanation


def all_of(errors: Iterable[str], headline: str) -> str:
    """One message for several faults, a line each."""
    lines = list(errors)
    return headline if not lines else headline + "".join(f"\n  - {line}" for line in lines)
