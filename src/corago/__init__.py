"""Corago: durable workflows for Python. A workflow is a pure function of its history; all else is plumbing."""

from corago.activity import Context, current
from corago.blocking import Engine, Handle
from corago.core.history import History
from corago.core.retry import Retry
from corago.errors import *  # noqa: F403 - the whole tree is public; errors.__all__ lists it
from corago.errors import __all__ as _errors
from corago.runtime.handle import AsyncHandle
from corago.runtime.views import Explanation, Preview, ProcessInfo
from corago.steps import (
    State,
    Target,
    abort,
    begin,
    conditional,
    done,
    init,
    parallel,
    retrystep,
    sleep,
    step,
    wait_for,
    workflow,
)
from corago.wiring import AsyncEngine

__version__ = "0.1.0"

__all__ = [
    "AsyncEngine",
    "AsyncHandle",
    "Context",
    "Engine",
    "Explanation",
    "Handle",
    "History",
    "Preview",
    "ProcessInfo",
    "Retry",
    "State",
    "Target",
    "abort",
    "begin",
    "conditional",
    "current",
    "done",
    "init",
    "parallel",
    "retrystep",
    "sleep",
    "step",
    "wait_for",
    "workflow",
    *_errors,
]
