"""What holds for every history of a machine, whatever has happened to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from corago.core import events as e
from corago.core import history
from corago.core.history import History
from corago.core.program import Snapshot
from corago.machine.program import MachineProgram


def broken_laws(program: MachineProgram, recorded: History, row: Snapshot) -> Iterator[str]:
    """Each law that a history breaks, in words; `row` is what the store keeps as the present."""
    yield from _path(program, recorded)
    yield from _timers(recorded)
    yield from _effects(recorded)
    yield from _row(program, recorded, row)


def _path(program: MachineProgram, recorded: History) -> Iterator[str]:
    at = ""
    for event in recorded.of(e.Transitioned):
        if event.source != at:
            yield f"position {event.position}: it left {event.source!r} and stood in {at!r}"
        if at and program.model.states[at].is_terminal:
            yield f"position {event.position}: it left the terminal state {at!r}"
        at = event.target


def _timers(recorded: History) -> Iterator[str]:
    due: dict[str, datetime] = {}
    fired: set[str] = set()
    for event in recorded:
        match event:
            case e.TimerStarted(timer=timer):
                due[timer] = event.due
            case e.TimerCanceled(timer=timer):
                due.pop(timer, None)
            case e.TimerFired(timer=timer):
                if timer not in due:
                    yield f"position {event.position}: timer {timer!r} fired, and was not open"
                elif event.at < due.pop(timer):
                    yield f"position {event.position}: timer {timer!r} fired too early"
                # the idle timer begins anew with whatever happens
                if timer in fired and not timer.startswith("idle@"):
                    yield f"position {event.position}: timer {timer!r} fired twice"
                fired.add(timer)


def _effects(recorded: History) -> Iterator[str]:
    seen: set[tuple[str, int]] = set()
    for event in recorded.of(e.Transitioned):
        for effect in event.effects:
            key = effect.path, effect.occurrence
            if key in seen:
                yield f"position {event.position}: effect {effect.path!r} was asked for twice"
            seen.add(key)


def _row(program: MachineProgram, recorded: History, row: Snapshot) -> Iterator[str]:
    if any(isinstance(event, e.DefinitionChanged) for event in recorded):
        return
    folded = history.fold(program, recorded)
    if (folded.process, folded.state) != (row.process, row.state):
        yield f"its history gives {folded.state}, and the store has {row.state}"
