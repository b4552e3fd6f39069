"""Pictures of workflows and processes, whatever their door: the table of who draws what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from corago.core import events as e
from corago.core.program import Program, Snapshot
from corago.machine import drawings as machine_drawings
from corago.machine.program import MachineProgram
from corago.machine.standing import Standing
from corago.steps import drawings as step_drawings
from corago.steps.positions import counts, positions
from corago.steps.program import StepsProgram

FORMATS = ("text", "mermaid", "dot", "svg")

_DRAWERS: Mapping[str, Mapping[str, Callable[..., str]]] = {
    "steps": step_drawings.FORMATS,
    "machine": machine_drawings.FORMATS,
}
"""By the kind of a document, and the format."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to draw: a document, and where a process stands in it.

    `kind` is empty where nobody can draw it. `positions` tell, by path, state or edge, how far the
    process is.
    """

    kind: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    positions: Mapping[str, Any] = field(default_factory=dict)
    standing: tuple[Any, ...] = ()

    def draw(self, form: str) -> str:
        """The picture in one of the FORMATS; empty where nobody can draw it."""
        drawer = _DRAWERS.get(self.kind, {}).get(form)
        return "" if drawer is None else drawer(self.document, *self.standing)


def of_document(document: Mapping[str, Any]) -> Picture:
    """A definition, without a process."""
    return Picture(document.get("kind", ""), document)


def of_process(
    program: Program[Any], snapshot: Snapshot, history: Sequence[e.Event], now: datetime
) -> Picture:
    """A process in its definition."""
    match program:
        case StepsProgram():
            where = positions(program, snapshot, history, now=now)
            return Picture("steps", program.document, where, (where, counts(program, snapshot)))
        case MachineProgram():
            taken = Counter(each.edge for each in history if isinstance(each, e.Transitioned))
            process = snapshot.process
            standing = Standing(
                snapshot.state.at,
                taken,
                failed=process.standing in ("suspended", "failed"),
                done=process.is_closed,
            )
            told = {"state": snapshot.state.at, "taken": dict(taken)}
            return Picture("machine", program.document, told, (standing,))
        case _:
            return Picture()
