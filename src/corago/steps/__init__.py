"""Door 1: step lists over a State (seed: orchestrator-core)."""

from corago.core.retry import Retry
from corago.steps.definition import Workflow, workflow
from corago.steps.elements import Element, Step, StepList
from corago.steps.language import (
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
)
from corago.steps.program import StepsProgram

__all__ = [
    "Element",
    "Retry",
    "State",
    "Step",
    "StepList",
    "StepsProgram",
    "Target",
    "Workflow",
    "abort",
    "begin",
    "child",
    "conditional",
    "done",
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
