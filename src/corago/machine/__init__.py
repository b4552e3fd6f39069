"""The machine door: workflows as state machines, declared as data (seed: Impresario)."""

from corago.core.retry import Retry
from corago.machine.authoring import State, after, anyof, group, hook
from corago.machine.definition import Machine, define
from corago.machine.parts import Event, activity, child, previous

__all__ = [
    "Event",
    "Machine",
    "Retry",
    "State",
    "activity",
    "after",
    "anyof",
    "child",
    "define",
    "group",
    "hook",
    "previous",
]
