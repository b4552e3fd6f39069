"""Corago: durable workflows for Python."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from corago.activity import Context, current
from corago.blocking import Engine, Handle
from corago.core import events
from corago.core.history import History
from corago.core.preview import Preview
from corago.core.retry import Retry
from corago.errors import (
    CodecError,
    CommandRefusedError,
    CoragoError,
    DefinitionError,
    DuplicateNameError,
    EngineClosedError,
    EvaluationError,
    ExpressionError,
    ForeignStoreError,
    InvalidDecisionError,
    InvalidInputError,
    InvalidMachineError,
    InvalidOptionError,
    InvalidStepListError,
    InvalidUrlError,
    ProcessAbortedError,
    ProcessAlreadyExistsError,
    ProcessCanceledError,
    ProcessClosedError,
    ProcessEndedError,
    ProcessFailedError,
    ProcessNotFoundError,
    ProcessTimedOutError,
    RequestError,
    SecretKeyError,
    SignalKeyError,
    StateTooLargeError,
    StepArgumentError,
    StepError,
    StepResultError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    StoreVersionError,
    UnknownEventError,
    UnknownTaskError,
    WaitTimeoutError,
    WorkflowNotFoundError,
)
from corago.observing.logs import LogListener
from corago.runtime.bulk import Applied, Selection
from corago.runtime.handle import AsyncHandle
from corago.runtime.listening import Listener, Subject
from corago.runtime.views import Explanation, ProcessInfo
from corago.secrecy import Secret
from corago.steps import (
    State,
    Target,
    abort,
    begin,
    child,
    conditional,
    done,
    focussteps,
    foreach,
    init,
    parallel,
    retrystep,
    sleep,
    step,
    step_group,
    steplens,
    wait_for,
    workflow,
)
from corago.wiring import AsyncEngine

if _TYPE_CHECKING:
    from corago.manual import ActivityWorker, DecisionWorker, Manager

__version__ = "0.1.0"

__all__ = [
    "ActivityWorker",
    "Applied",
    "AsyncEngine",
    "AsyncHandle",
    "CodecError",
    "CommandRefusedError",
    "Context",
    "CoragoError",
    "DecisionWorker",
    "DefinitionError",
    "DuplicateNameError",
    "Engine",
    "EngineClosedError",
    "EvaluationError",
    "Explanation",
    "ExpressionError",
    "ForeignStoreError",
    "Handle",
    "History",
    "InvalidDecisionError",
    "InvalidInputError",
    "InvalidMachineError",
    "InvalidOptionError",
    "InvalidStepListError",
    "InvalidUrlError",
    "Listener",
    "LogListener",
    "Manager",
    "Preview",
    "ProcessAbortedError",
    "ProcessAlreadyExistsError",
    "ProcessCanceledError",
    "ProcessClosedError",
    "ProcessEndedError",
    "ProcessFailedError",
    "ProcessInfo",
    "ProcessNotFoundError",
    "ProcessTimedOutError",
    "RequestError",
    "Retry",
    "Secret",
    "SecretKeyError",
    "Selection",
    "SignalKeyError",
    "State",
    "StateTooLargeError",
    "StepArgumentError",
    "StepError",
    "StepResultError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreUnavailableError",
    "StoreVersionError",
    "Subject",
    "Target",
    "UnknownEventError",
    "UnknownTaskError",
    "WaitTimeoutError",
    "WorkflowNotFoundError",
    "abort",
    "begin",
    "child",
    "conditional",
    "current",
    "done",
    "events",
    "focussteps",
    "foreach",
    "init",
    "parallel",
    "retrystep",
    "sleep",
    "step",
    "step_group",
    "steplens",
    "wait_for",
    "workflow",
]

_LATE = dict.fromkeys(("ActivityWorker", "DecisionWorker", "Manager"), "corago.manual")
"""Names for those who write their own workers, and where they live; few need the door behind."""


def __getattr__(name: str) -> _Any:
    """Load what is asked for."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_import_module(_LATE[name]), name)
