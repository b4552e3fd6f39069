"""Facts applied to a machine's state. Calls no user code, and evaluates no guard again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from corago.core import events as e
from corago.machine.model import Model, Node
from corago.machine.moving import digest
from corago.machine.state import Cause, Child, Given, MachineState, Open, Stuck

_replace = msgspec.structs.replace

REFUSED_EVENT = "event"
REFUSED_TIMER = "timer"


def evolve(model: Model, state: MachineState, event: e.Event) -> MachineState:
    """Apply one fact; those that are unknown here change nothing."""
    apply = _APPLY.get(type(event))
    return state if apply is None else apply(model, state, event)


def _stirred(state: MachineState, **changes: Any) -> MachineState:
    """A message has come: guards are asked anew, unless a person is needed first."""
    if state.halted is None:
        changes |= {"steps": 0, "trail": (), "answers": {}}
    return _replace(state, **changes)


def _signal(_: Model, state: MachineState, event: e.SignalReceived) -> MachineState:
    causes = (*state.causes, Cause(event.name, event.data))
    if state.halted is None and not (state.trail or state.answers or state.fired):
        return _replace(state, causes=causes, stirred=event.at, steps=0)
    return _stirred(state, causes=causes, stirred=event.at, fired=_awake(state.fired))


def _updated(_: Model, state: MachineState, event: e.ExternalUpdated) -> MachineState:
    external = state.external | event.changes
    return _stirred(state, external=external, stirred=event.at, fired=_awake(state.fired))


def _fired(_: Model, state: MachineState, event: e.TimerFired) -> MachineState:
    causes = (*state.causes, Cause(event.timer, is_timer=True))
    return _stirred(state, causes=causes, fired=(*state.fired, event.timer))


def _answered(_: Model, state: MachineState, event: e.PredicateAnswered) -> MachineState:
    given = Given(event.answer, event.error)
    return _replace(state, answers={**state.answers, event.path: given}, trail=())


def _refused(_: Model, state: MachineState, event: e.CommandRefused) -> MachineState:
    if event.command.partition(" ")[0] not in (REFUSED_EVENT, REFUSED_TIMER):
        return state
    return _replace(state, causes=state.causes[1:], steps=0, trail=(), answers={})


# -- transitions -----------------------------------------------------------------------------------


def _transitioned(model: Model, state: MachineState, event: e.Transitioned) -> MachineState:
    changes: dict[str, Any] = {
        "steps": 1 if event.trigger or event.error is not None else state.steps + 1,
        "stirred": event.at,
    }
    if event.trigger:
        changes["causes"] = state.causes[1:]
    if state.trail and (event.trigger or event.error is not None):
        changes["trail"] = ()
    if state.answers:
        changes["answers"] = {}
    if state.fired:
        changes["fired"] = _awake(state.fired)
    if event.internal:
        changes["internal"] = state.internal | event.internal
    if event.external:
        changes["external"] = state.external | event.external
    node = model.states[event.target]
    open_ = state.open
    if event.error is not None:
        open_ = {path: each for path, each in open_.items() if each.failure is None or each.stuck}
    if not event.stays:
        if open_:
            open_, changes["leaving"] = _left(state, open_)
        _enter(model, state, event, node, changes)
    elif event.edge.split("/")[2:3] in (["done"], ["failed"]):
        # the outcome was answered; the state goes on without work
        open_ = {path: each for path, each in open_.items() if not _is_failed_run(each)}
        changes |= {"ran": "over", "result": None, "failure": None}
    for effect in event.effects:
        if effect.kind == "child":
            name = effect.path.rpartition("/")[2].partition("#")[0]
            known = changes.get("children", state.children)
            changes["children"] = {**known, name: Child(effect)}
        else:
            open_ = {**open_, effect.path: Open(effect)}
        leaving = changes.get("leaving", state.leaving)
        if effect.kind == "run" and effect.path in leaving:
            # one path, one attempt at a time: the new one takes the old one's place
            changes["leaving"] = _without(leaving, effect.path)
        if effect.kind == "effect":
            changes["effects"] = changes.get("effects", state.effects) + 1
    if open_ is not state.open:
        changes["open"] = open_
    after = _replace(state, **changes)
    if node.moves_on:
        return _replace(after, trail=(*after.trail, digest(model, after)))
    return _replace(after, trail=()) if after.trail else after


def _left(
    state: MachineState, open_: dict[str, Open]
) -> tuple[dict[str, Open], dict[str, e.Effect]]:
    """What is still open when a state is left, and what is asked to stop."""
    staying, leaving = {}, state.leaving
    for path, each in open_.items():
        if each.effect.kind == "effect":
            staying[path] = each
        elif each.failure is None:
            leaving = {**leaving, path: each.effect}
    return staying, leaving


def _enter(
    model: Model,
    state: MachineState,
    event: e.Transitioned,
    node: Node,
    found: dict[str, Any],
) -> None:
    """Add what changes by entering a state; what is empty already is left alone."""
    source, name = state.at, node.name
    found["at"] = name
    found["entered"] = event.at
    found["visits"] = {**state.visits, name: state.visits.get(name, 0) + 1}
    # no edge leads into the error state, not even back into it
    if source not in (name, model.error):
        found["previous"] = source
    if event.error is not None:
        found["before"] = state.previous
    elif source == model.error and name == state.previous:
        found |= {"previous": state.before, "before": ""}
    if state.ran:
        found |= {"ran": "", "result": None, "failure": None, "ran_stuck": 0}
    if state.children:
        found["children"] = {}
    if event.error is not None:
        found["error"] = event.error
    elif source == model.error != node.name:
        found["error"] = None
    keeps_group = node.group == state.group
    if not keeps_group:
        found["group"] = node.group
        if node.group:
            found |= {"group_entered": event.at, "group_visits": state.group_visits + 1}
    if state.fired:
        kept: tuple[str, ...] = ("lifetime@",)
        if keeps_group and node.group:
            kept += (f"groups/{node.group}/after/",)
        found["fired"] = tuple(each for each in state.fired if each.startswith(kept))


def _is_failed_run(each: Open) -> bool:
    return each.effect.kind == "run" and each.failure is not None


def _awake(fired: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in fired if not each.startswith("idle@")) if fired else fired


# -- work ------------------------------------------------------------------------------------------


def _closed(_: Model, state: MachineState, event: e.ActivityClosed) -> MachineState:
    path = event.path
    left = state.leaving.get(path)
    if left is not None and left.occurrence == event.occurrence:
        return _replace(state, leaving=_without(state.leaving, path))
    known = state.open.get(path)
    if known is None and isinstance(event.result, e.ActivityCompleted):
        return _settled(state, event, event.result.result)
    if known is None or known.effect.occurrence != event.occurrence:
        return state
    if isinstance(event.result, e.ActivityCompleted):
        return _done(state, known, event.result.result)
    failed = _replace(known, failure=e.failure_of(event.result, path), stuck=0)
    return _stirred(state, open={**state.open, path: failed})


def _done(state: MachineState, known: Open, result: Any) -> MachineState:
    changes: dict[str, Any] = {"open": _without(state.open, known.effect.path)}
    if known.effect.kind == "run":
        changes |= {"ran": "done", "result": result, "failure": None}
    return _stirred(state, **changes)


def _skipped(_: Model, state: MachineState, event: e.StepSkipped) -> MachineState:
    known = state.open.get(event.path)
    if known is not None:
        return _done(state, known, None)
    return _settled(state, event, told(state.children))


def _settled(
    state: MachineState, event: e.StepSkipped | e.ActivityClosed, result: Any
) -> MachineState:
    """A person has answered for what stood still here."""
    path = event.path
    if state.halted is not None and state.halted.path == path:
        state = _freed(state, event)
        if path in _ENDS:
            return _replace(state, causes=state.causes[1:])
        # the edge counts as one whose guard said no, a hook as one that has nothing to do
        return _replace(state, answers={**state.answers, path: Given()})
    if path == state.at and state.ran_stuck:
        return _stirred(state, ran="done", result=result, failure=None, ran_stuck=0)
    return state


_ENDS = ("idle", "lifetime")
_OF_CAUSES = ("on", "after")


def _freed(state: MachineState, event: e.StepSkipped | e.ActivityClosed | e.ProcessResumed) -> Any:
    """The machine goes on, with what it was at: the first cause, or what led on by itself."""
    assert state.halted is not None  # noqa: S101 - for the type checker: the caller has looked
    path = state.halted.path
    was_at_cause = path in _ENDS or path.split("/")[2:3] in [[kind] for kind in _OF_CAUSES]
    return _replace(
        state,
        halted=None,
        steps=0 if was_at_cause else 1,
        trail=(),
        answers={},
        stirred=event.at,
        fired=_awake(state.fired),
    )


def _suspended(_: Model, state: MachineState, event: e.ProcessSuspended) -> MachineState:
    path = event.path
    if not path:
        return state
    known = state.open.get(path)
    if known is not None:
        stuck = Open(known.effect, event.error, event.position)
        return _replace(state, open={**state.open, path: stuck})
    if path == state.at and state.ran == "failed":
        return _replace(state, ran_stuck=event.position)
    return _replace(state, halted=Stuck(path, event.position, event.error))


def _resumed(model: Model, state: MachineState, event: e.ProcessResumed) -> MachineState:
    for path in event.paths:
        known = state.open.get(path)
        if state.halted is not None and state.halted.path == path:
            state = _freed(state, event)
            timed = {"idle": model.idle, "lifetime": model.lifetime}.get(path)
            if timed is not None and timed.edge.to is None:
                state = _replace(state, causes=state.causes[1:])  # its time is up, and stays so
        elif known is not None and known.stuck:
            state = _replace(state, open={**state.open, path: Open(known.effect)})
        elif path == state.at and state.ran_stuck:
            state = _children_again(state)
    return state


def _children_again(state: MachineState) -> MachineState:
    """Those that failed go on where they failed; the others that ended badly begin anew."""
    children = {}
    for name, child in state.children.items():
        again = child
        if child.status == "failed":
            again = _replace(child, status="", reopens=True)
        elif child.status not in ("", "completed"):
            again = Child(_replace(child.effect, occurrence=child.effect.occurrence + 1))
        children[name] = again
    return _replace(state, children=children, ran="", failure=None, ran_stuck=0)


# -- children --------------------------------------------------------------------------------------


def _child(state: MachineState, path: str) -> tuple[str, Child] | None:
    found = ((name, each) for name, each in state.children.items() if each.effect.path == path)
    return next(found, None)


def _child_changed(model: Model, state: MachineState, path: str, **changes: Any) -> MachineState:
    found = _child(state, path)
    if found is None:
        return state
    name, child = found
    children = {**state.children, name: _replace(child, **changes)}
    after = _replace(state, children=children)
    return _joined(model, after) if changes.get("status") else after


def _child_started(model: Model, state: MachineState, event: e.ChildStarted) -> MachineState:
    return _child_changed(model, state, event.path, id=event.child, status="")


def _child_told(model: Model, state: MachineState, event: e.MessageSent) -> MachineState:
    if event.command != "retry":
        return state
    return _child_changed(model, state, event.path, reopens=False)


def _child_unborn(model: Model, state: MachineState, event: e.ChildStartFailed) -> MachineState:
    return _child_changed(model, state, event.path, status="aborted", error=event.error)


def _child_closed(model: Model, state: MachineState, event: e.ChildClosed) -> MachineState:
    found = _child(state, event.path)
    if found is None or found[1].id != event.child:
        return state
    status = "aborted" if event.is_final else event.status
    return _child_changed(
        model, state, event.path, status=status, result=event.result, error=event.error
    )


def _joined(model: Model, state: MachineState) -> MachineState:
    """Whether the children have come to what their state waits for, or can't any more."""
    if state.ran:
        return state
    needed, ends = model.states[state.at].join, [each.status for each in state.children.values()]
    done = ends.count("completed")
    if done >= needed:
        return _stirred(state, ran="done", result=told(state.children))
    if done + ends.count("") >= needed:
        return state
    bad = [
        f"{name!r} is {each.status}" + (f" ({each.error})" if each.error else "")
        for name, each in state.children.items()
        if each.status not in ("", "completed")
    ]
    failure = e.Failure("ChildFailed", f"{', '.join(bad)}; {needed} had to complete")
    return _stirred(state, ran="failed", failure=failure)


def told(children: Mapping[str, Child]) -> dict[str, Any]:
    """The result of a state's children."""
    return {
        name: {"status": each.status or "running", "result": each.result}
        for name, each in children.items()
    }


def _without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {each: value for each, value in mapping.items() if each != key}


_APPLY: dict[type, Callable[[Model, MachineState, Any], MachineState]] = {
    e.SignalReceived: _signal,
    e.ExternalUpdated: _updated,
    e.TimerFired: _fired,
    e.PredicateAnswered: _answered,
    e.CommandRefused: _refused,
    e.Transitioned: _transitioned,
    e.ActivityClosed: _closed,
    e.StepSkipped: _skipped,
    e.ProcessSuspended: _suspended,
    e.ProcessResumed: _resumed,
    e.ChildStarted: _child_started,
    e.MessageSent: _child_told,
    e.ChildStartFailed: _child_unborn,
    e.ChildClosed: _child_closed,
    e.CancelRequested: lambda _, state, __: _replace(state, stopping=True, halted=None),
}
