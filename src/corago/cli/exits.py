"""What the command line refuses by itself, and the one table from errors to exit statuses."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

from corago import errors


class Exit(IntEnum):
    """The exit statuses, a contract with scripts."""

    OK = 0
    """Done."""
    INCOMPLETE = 1
    """A process that was waited for did not complete."""
    USAGE = 2
    """The command line, or a file of workflows that it names, makes no sense."""
    NOT_FOUND = 3
    """No such process, no such workflow; a token whose task is over."""
    REFUSED = 4
    """Not in this status, or the id or key is taken."""
    INVALID = 5
    """An input, signal or CSV file that can't be what it should be."""
    UNAUTHORISED = 6
    """Kept for stores that ask who you are; those of this version do not."""
    UNREACHABLE = 7
    """The database can't be opened, read or written."""
    TIMED_OUT = 8
    """The caller's own patience ran out."""
    FINDINGS = 9
    """A check found something."""
    DEFECT = 70
    """Corago itself is wrong: an error that nobody foresaw."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C, as shells count it."""
    BROKEN_PIPE = 141
    """Nobody reads the output any more, as shells count it."""


class UsageError(errors.CoragoError):
    """The command line makes no sense, or lacks something."""

    code: ClassVar[str] = "usage"


class LoadError(UsageError):
    """A file of workflows is missing, breaks when imported, or lacks the workflow."""

    code: ClassVar[str] = "load"


class IncompleteError(errors.CoragoError):
    """What was waited for stands still and needs a person, or ended without completing."""

    code: ClassVar[str] = "incomplete"


class RefusedError(errors.CoragoError):
    """Some of many processes did not take a command; they are listed on stdout."""

    code: ClassVar[str] = "command_refused"


class ImpatientError(errors.CoragoError):
    """The time that a batch was given ran out."""

    code: ClassVar[str] = "wait_timeout"


class StoppedError(errors.CoragoError):
    """A signal such as Ctrl-C, or a person who was asked, wanted this OS process to stop."""

    code: ClassVar[str] = "interrupted"


class FindingsError(errors.CoragoError):
    """A check found something."""

    code: ClassVar[str] = "findings"


STATUS_OF: dict[type[BaseException], Exit] = {
    UsageError: Exit.USAGE,
    errors.InvalidUrlError: Exit.USAGE,
    errors.DefinitionError: Exit.USAGE,
    errors.ProcessNotFoundError: Exit.NOT_FOUND,
    errors.WorkflowNotFoundError: Exit.NOT_FOUND,
    errors.UnknownTaskError: Exit.NOT_FOUND,
    errors.ProcessAlreadyExistsError: Exit.REFUSED,
    errors.ProcessClosedError: Exit.REFUSED,
    errors.CommandRefusedError: Exit.REFUSED,
    errors.SignalKeyError: Exit.REFUSED,
    RefusedError: Exit.REFUSED,
    errors.InvalidInputError: Exit.INVALID,
    errors.StateTooLargeError: Exit.INVALID,
    errors.StoreError: Exit.UNREACHABLE,
    errors.ProcessEndedError: Exit.INCOMPLETE,
    IncompleteError: Exit.INCOMPLETE,
    errors.WaitTimeoutError: Exit.TIMED_OUT,
    ImpatientError: Exit.TIMED_OUT,
    FindingsError: Exit.FINDINGS,
    errors.RequestError: Exit.USAGE,
    errors.CoragoError: Exit.INCOMPLETE,
    StoppedError: Exit.INTERRUPTED,
    KeyboardInterrupt: Exit.INTERRUPTED,
    BrokenPipeError: Exit.BROKEN_PIPE,
}
"""By class; what is not listed has the status of its nearest ancestor."""


def status_of(error: BaseException) -> Exit:
    """The exit status that an error means; `DEFECT` for what nobody foresaw."""
    for kind in type(error).__mro__:
        if kind in STATUS_OF:
            return STATUS_OF[kind]
    return Exit.DEFECT


def code_of(error: BaseException) -> str:
    """The stable name of an error, for programs."""
    if isinstance(error, errors.CoragoError):
        return error.code
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "defect"
