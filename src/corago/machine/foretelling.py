"""What a preview of a machine tells: the states on the way, and why other edges are not taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from corago.core import events as e
from corago.core.calls import RecordedCalls
from corago.core.program import Agenda, Foretold
from corago.machine import deciding, evolving
from corago.machine.model import Edge, Model, Ways
from corago.machine.moving import Mover
from corago.machine.state import MachineState


def foretold(
    model: Model, state: MachineState, events: Sequence[e.Event], agenda: Agenda
) -> Foretold:
    """The states in order, the present one first, each with the edges that did not lead on."""
    path = [state.at] if state.at else []
    refused: list[tuple[str, str]] = []
    for event in events:
        match event:
            case e.Transitioned(target=target, stays=stays):
                refused += _others(model, state, event)
                path += [] if stays else [target]
            case e.CommandRefused(command=command, why=why, edges=edges):
                refused += edges.items() if edges else [(command, why)]
        state = evolving.evolve(model, state, event)
    if state.at and state.halted is None:
        node = model.states[state.at]
        refused += _reasons(model, state, node.done if state.ran == "done" else (), None)
        refused += _reasons(model, state, node.when, None)
    refused += [(each.path, str(each.error)) for each in agenda.incidents]
    causes = () if state.halted is None else state.causes
    waiting = tuple(cause.name for cause in causes if not cause.is_timer)
    return Foretold(tuple(path), tuple(refused), waiting)


def _others(model: Model, state: MachineState, event: e.Transitioned) -> Iterator[tuple[str, str]]:
    """The edges that might have been taken instead."""
    taken = model.places.get(event.edge)
    if taken is None or not state.at:
        return iter(())
    node = model.states[state.at]
    every: list[Ways] = [node.when, node.done, node.failed, *node.on.values()]
    ways = next((each for each in every if any(taken in rank for rank in each)), ())
    return _reasons(model, state, ways, taken)


def _reasons(
    model: Model, state: MachineState, ways: Ways, taken: Edge | None
) -> Iterator[tuple[str, str]]:
    mover = Mover(model, state, RecordedCalls(()))
    if state.causes and not state.causes[0].is_timer:
        mover.values["event"] = state.causes[0].data
    if state.ran == "done":
        mover.values["result"] = state.result
    failed = deciding.awaited_failure(state)
    if failed is not None:
        mover.values["error"] = msgspec.to_builtins(failed)
    for rank in ways:
        for edge in rank:
            if edge is not taken and edge.guard is not None:
                yield edge.place, mover.reason(edge)
        if taken is not None and taken in rank:
            return
