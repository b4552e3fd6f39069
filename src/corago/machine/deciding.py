"""The next fact that follows from a machine's state by itself: a transition, a refusal. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from corago.core import decisions as d
from corago.core import events as e
from corago.core.calls import Calls
from corago.errors import InvalidInputError
from corago.machine import evolving, inputs, wanting
from corago.machine.model import Edge, Model, Node, Timed, Ways
from corago.machine.moving import Mover, TroubleError, UnansweredError, arguments
from corago.machine.state import Cause, MachineState


def following(
    model: Model, state: MachineState, node: Node | None, calls: Calls
) -> d.Fact | d.Answered | None:
    """The next fact; None if nothing follows before a message comes."""
    if node is None:
        return _begun(model, state, calls)
    if node.is_terminal:
        return _out_of_reach(state, node) or _set_aside(state)
    cause = state.causes[0] if state.causes else None
    if cause is None and not (node.moves_on or state.ran or state.open):
        return None
    trigger = ""
    mover = Mover(model, state, calls)
    try:
        if (cause is None or state.steps) and (node.moves_on or state.ran or state.open):
            edge = _onward(model, state, node, mover)
            if edge is not None:
                return d.Fact(e.Transitioned, mover.taken(edge, ""))
        if cause is not None:
            trigger = _said(cause)
            return _answer(model, state, mover, cause, trigger)
        _look_at_failures(state)
    except UnansweredError as error:
        return _answered(error.edge, mover, calls)
    except TroubleError as trouble:
        return _fallen(model, state, trouble, trigger, calls)
    return None


def _begun(model: Model, state: MachineState, calls: Calls) -> d.Fact:
    try:
        return d.Fact(e.Transitioned, Mover(model, state, calls).begun())
    except TroubleError as trouble:
        return _fallen(model, state, trouble, "", calls)


# -- what leads on by itself -----------------------------------------------------------------------


def _onward(model: Model, state: MachineState, node: Node, mover: Mover) -> Edge | None:
    if len(state.trail) > 1 and state.trail[-1] in state.trail[:-1]:
        raise TroubleError(
            "cycle",
            f"states/{node.name}",
            "Divergence",
            f"the machine came to state {node.name!r} twice with the same stores without any "
            "message in between, so it would go round for ever",
        )
    edge = None
    if state.ran == "done" and any(node.done):
        mover.values["result"] = state.result
        edge = mover.chosen(node.done)
    failed = awaited_failure(state)
    if failed is not None and any(node.failed):
        mover.values["error"] = msgspec.to_builtins(failed)
        edge = _failed_edge(node, mover, failed.type)
    edge = edge or mover.chosen(node.when)
    if edge is not None and state.steps >= model.limit:
        raise TroubleError(
            "limit",
            edge.place,
            "TooManyTransitions",
            f"{state.steps} transitions followed from one message; if that is meant, raise "
            "max_transitions",
        )
    return edge


def _failed_edge(node: Node, mover: Mover, kind: str) -> Edge | None:
    fitting = tuple(
        tuple(edge for edge in edges if edge.error in ("", kind)) for edges in node.failed
    )
    # a named error is a closer fit than any
    named = tuple(tuple(edge for edge in edges if edge.error) for edges in fitting)
    return mover.chosen(named) or mover.chosen(fitting)


def awaited_failure(state: MachineState) -> e.Trouble | None:
    """What the awaited work of this state has come to, if no edge and no person has answered it."""
    at = state.at
    for each in state.open.values():
        if each.failure is not None and not each.stuck and each.effect.kind == "run":
            error = each.failure
            return e.Trouble("activity", error.type, error.message, f"states/{at}/run", at)
    bad = state.failure if state.ran == "failed" and not state.ran_stuck else None
    if bad is None:
        return None
    return e.Trouble("children", bad.type, bad.message, f"states/{at}/children", at)


def _look_at_failures(state: MachineState) -> None:
    """Raises TroubleError for work that came to nothing, where no edge is for it."""
    for path, each in state.open.items():
        if each.failure is not None and not each.stuck:
            kind = "activity" if each.effect.kind == "run" else "effect"
            raise TroubleError(kind, path, each.failure.type, each.failure.message)
    failed = awaited_failure(state)
    if failed is not None:
        raise TroubleError("children", state.at, failed.type, failed.message)


# -- answers to events and timers ------------------------------------------------------------------


def _answer(model: Model, state: MachineState, mover: Mover, cause: Cause, trigger: str) -> d.Fact:
    node = mover.node
    timed: Timed | None = None
    ways: Ways = ()
    if cause.is_timer:
        timed = _timed(model, state, node, cause.name)
        if timed is not None and not _is_end(timed):
            ways = ((timed.edge,),)
    else:
        try:
            mover.values["event"] = inputs.check_signal(model, cause.name, cause.data)
        except InvalidInputError as error:
            return d.Fact(e.CommandRefused, {"command": trigger, "why": str(error)})
        ways = node.on.get(cause.name, ())
    edge = mover.chosen(ways)
    if edge is not None:
        return d.Fact(e.Transitioned, mover.taken(edge, trigger))
    if timed is not None and _is_end(timed):
        raise TroubleError(timed.timer, timed.timer, "TimedOut", f"the {timed.timer} time was up")
    edges = {each.place: mover.reason(each) for rank in ways for each in rank}
    why = _why(state, node, cause, edges)
    return d.Fact(e.CommandRefused, {"command": trigger, "why": why, "edges": edges})


def _timed(model: Model, state: MachineState, node: Node, timer: str) -> Timed | None:
    """The timer of this name, if it is one of this visit."""
    found = (timed for name, timed, _ in wanting.clocks(model, state, node) if name == timer)
    return next(found, None)


def _is_end(timed: Timed) -> bool:
    """Whether it leads nowhere, so that its time being up is an error."""
    return timed.edge.to is None and timed.timer in ("idle", "lifetime")


def _answered(edge: Edge, mover: Mover, calls: Calls) -> d.Answered:
    guard = edge.guard
    assert guard is not None  # noqa: S101 - for the type checker: it has just been asked for
    values = arguments(mover.values, mover.node.name, edge.to)
    answer = calls.ask(f"{guard.call}?", values)
    said = None if answer.error is not None else bool(answer.value)
    return d.Answered(edge.place, 0, said, answer.error)


def _said(cause: Cause) -> str:
    kind = evolving.REFUSED_TIMER if cause.is_timer else evolving.REFUSED_EVENT
    return f"{kind} {cause.name}"


def _why(state: MachineState, node: Node, cause: Cause, edges: Mapping[str, str]) -> str:
    if edges:
        return "; ".join(edges.values())
    if cause.is_timer:
        return f"state {state.at!r} has no such timer"
    taken = ", ".join(map(repr, node.on)) or "no event"
    return f"state {state.at!r} takes {taken}"


def _out_of_reach(state: MachineState, node: Node) -> d.Fact | None:
    """A terminal state takes nothing any more."""
    if not state.causes:
        return None
    why = f"state {node.name!r} is terminal"
    return d.Fact(e.CommandRefused, {"command": _said(state.causes[0]), "why": why})


# -- trouble ---------------------------------------------------------------------------------------


def _fallen(
    model: Model, state: MachineState, trouble: TroubleError, trigger: str, calls: Calls
) -> d.Fact:
    """Go to the error state; where there is none, or it is here already, wait for a person."""
    if model.error and state.at != model.error:
        try:
            fields = Mover(model, state, calls).fallen(trouble, trigger)
            return d.Fact(e.Transitioned, fields)
        except TroubleError as worse:
            text = f"{trouble}; and the error state could not be entered: {worse}"
            both = TroubleError(trouble.kind, trouble.where, trouble.type, text)
            both.edge = trouble.edge
            return _halting(state, both)
    return _halting(state, trouble)


def _set_aside(state: MachineState) -> d.Fact | None:
    try:
        _look_at_failures(state)
    except TroubleError as trouble:
        return _halting(state, trouble)
    return None


def _halting(state: MachineState, trouble: TroubleError) -> d.Fact:
    """A person is needed: for an activity that failed, or for the machine itself."""
    known = state.open.get(trouble.where)
    return d.Fact(
        e.ProcessSuspended,
        {
            "path": trouble.edge or trouble.where,
            "occurrence": 1 if known is None else known.effect.occurrence,
            "error": e.Failure(trouble.type, str(trouble)),
        },
    )
