"""Pictures of workflows and processes, whatever their door: the table of who draws what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from corago.core import events as e
from corago.core.program import Program, Snapshot

FORMATS = ("text", "mermaid", "dot", "svg")


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to draw: a document, and where a process stands in it.

    `kind` is empty where nobody can draw it. `positions` tell how far the process is: by path, by
    state or edge, or by what it has met.
    """

    kind: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    positions: Mapping[str, Any] = field(default_factory=dict)
    standing: tuple[Any, ...] = ()

    def draw(self, form: str) -> str:
        """The picture in one of the FORMATS; empty where nobody can draw it."""
        if self.kind not in _DRAWERS:
            return ""
        drawers: Mapping[str, Callable[..., str]] = _DRAWERS[self.kind]()
        return drawers[form](self.document, *self.standing)


def of_document(document: Mapping[str, Any]) -> Picture:
    """A definition, without a process."""
    return Picture(document.get("kind", ""), document)


def of_process(
    program: Program[Any], snapshot: Snapshot, history: Sequence[e.Event], now: datetime
) -> Picture:
    """A process in its definition."""
    document = getattr(program, "document", {})
    place = _PLACES.get(document.get("kind", ""))
    return Picture() if place is None else place(program, document, snapshot, history, now)


def _in_steps(
    program: Any,
    document: Mapping[str, Any],
    snapshot: Snapshot,
    history: Sequence[e.Event],
    now: datetime,
) -> Picture:
    from corago.steps.positions import counts, positions

    where = positions(program, snapshot, history, now=now)
    return Picture("steps", document, where, (where, counts(program, snapshot)))


def _in_machine(
    program: Any,  # noqa: ARG001 - as its sister
    document: Mapping[str, Any],
    snapshot: Snapshot,
    history: Sequence[e.Event],
    now: datetime,  # noqa: ARG001 - as its sister
) -> Picture:
    from corago.machine.ordering import in_order
    from corago.machine.standing import Standing

    process, state = snapshot.process, snapshot.state.at
    taken = Counter(each.edge for each in history if isinstance(each, e.Transitioned))
    is_bad = process.standing in ("suspended", "failed")
    standing = Standing(state, taken, failed=is_bad, done=process.is_closed)
    return Picture(
        "machine", in_order(document), {"state": state, "taken": dict(taken)}, (standing,)
    )


def _in_decider(
    program: Any,  # noqa: ARG001 - as its sisters
    document: Mapping[str, Any],
    snapshot: Snapshot,  # noqa: ARG001 - as above
    history: Sequence[e.Event],
    now: datetime,
) -> Picture:
    from corago.decider.trail import trail

    found = trail(history, now)
    return Picture("decider", document, {each.id: each.mark for each in found.landmarks}, (found,))


def _steps() -> Mapping[str, Callable[..., str]]:
    from corago.steps import drawings

    return drawings.FORMATS


def _machines() -> Mapping[str, Callable[..., str]]:
    from corago.machine import drawings

    return drawings.FORMATS


def _deciders() -> Mapping[str, Callable[..., str]]:
    from corago.decider import drawings

    return drawings.FORMATS


_PLACES: Mapping[str, Callable[..., Picture]] = {
    "steps": _in_steps,
    "machine": _in_machine,
    "decider": _in_decider,
}
_DRAWERS: Mapping[str, Callable[[], Mapping[str, Callable[..., str]]]] = {
    "steps": _steps,
    "machine": _machines,
    "decider": _deciders,
}
"""By the kind of a document; each door's room is entered only by those who draw it."""
