"""The demo's workflow as a drawing, with the place that a history has come to."""

from __future__ import annotations

from collections.abc import Sequence

from corago.core import history as fold
from corago.core.events import Event
from corago.runtime.settings import Workflow
from corago.steps.graph import graph_text
from corago.steps.positions import positions
from corago.steps.program import StepsProgram


def drawn(workflow: Workflow, history: Sequence[Event] = ()) -> str:
    """The workflow, and with a history where that stands: drawn from recorded facts alone."""
    if not history:
        return graph_text(workflow.document)
    program = workflow.program
    assert isinstance(program, StepsProgram)  # noqa: S101 - the demo's workflow is a step list
    return graph_text(workflow.document, positions(program, fold.fold(program, history), history))
