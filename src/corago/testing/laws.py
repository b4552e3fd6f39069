"""What holds for every history of a machine, whatever has happened to it."""

from __future__ import annotations

from collections.abc import Iterator

from corago.core import events as e
from corago.core import history
from corago.core.history import History
from corago.core.laws import Laws
from corago.core.program import Snapshot
from corago.machine.program import MachineProgram


def broken_laws(program: MachineProgram, recorded: History, row: Snapshot) -> Iterator[str]:
    """Each law that a history breaks, in words; `row` is what the store keeps as the present."""
    laws = Laws()
    for event in recorded:
        yield from laws.take(event)
    yield from _path(program, recorded)
    yield from _timers(recorded)
    yield from _row(program, recorded, row)


def _path(program: MachineProgram, recorded: History) -> Iterator[str]:
    for event in recorded.of(e.Transitioned):
        if event.source and program.model.states[event.source].is_terminal:
            yield f"position {event.position}: it left the terminal state {event.source!r}"


def _timers(recorded: History) -> Iterator[str]:
    fired: set[str] = set()
    for event in recorded.of(e.TimerFired):
        # the idle timer begins anew with whatever happens
        if event.timer in fired and not event.timer.startswith("idle@"):
            yield f"position {event.position}: timer {event.timer!r} fired twice"
        fired.add(event.timer)


def _row(program: MachineProgram, recorded: History, row: Snapshot) -> Iterator[str]:
    if any(isinstance(event, e.DefinitionChanged) for event in recorded):
        return
    folded = history.fold(program, recorded)
    if (folded.process, folded.state) != (row.process, row.state):
        yield f"its history gives {folded.state}, and the store has {row.state}"
