"""What a machine would do in a state that is only thought of: a preview without an engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from corago.core import events as e
from corago.core import process as process_fold
from corago.core.calls import Calls, RecordedCalls
from corago.core.codec import plain
from corago.core.expressions import unfit
from corago.core.history import begin
from corago.core.preview import Preview, Question, foresee
from corago.core.program import Snapshot
from corago.errors import InvalidInputError
from corago.machine.faults import choice
from corago.machine.model import Model
from corago.machine.moving import Mover, TroubleError
from corago.machine.program import MachineProgram
from corago.machine.state import MachineState
from corago.secrecy import seal

NOT_GIVEN: Any = object()
"""Stands for an outcome that nobody asked about: None is one."""

_replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """Where a process is thought to stand, and what then comes; see `Machine.preview`."""

    state: str | None = None
    previous: str | None = None
    external: Mapping[str, Any] = field(default_factory=dict)
    internal: Mapping[str, Any] = field(default_factory=dict)
    visits: Mapping[str, int] = field(default_factory=dict)
    error: BaseException | str | None = None
    event: str | tuple[str, Any] | None = None
    update: Mapping[str, Any] | None = None
    outcome: Any = NOT_GIVEN


def foreseen(
    program: MachineProgram, started: e.ProcessStarted, supposed: Supposed, calls: Calls
) -> Preview:
    """What would happen at the instant of `started`, whose input is `supposed.external`.

    Raises InvalidInputError for names and values that the machine has not.
    """
    snapshot = standing(program, started, supposed)
    question = Question(
        signal=None if supposed.event is None else _signal(program, supposed.event),
        update=None if supposed.update is None else _update(program, supposed.update),
        seal=seal,
    )
    return foresee(program, snapshot, (), question, started.at, calls)


def standing(program: MachineProgram, started: e.ProcessStarted, supposed: Supposed) -> Snapshot:
    """The process as it is thought to stand, before anything comes. Raises as `foreseen`."""
    snapshot = begin(program, started)
    state = _with_stores(program, snapshot.state, supposed)
    process = snapshot.process
    if supposed.state is not None:
        event = _entering(program.model, state, supposed, started)
        process = process_fold.evolve(process, event)
        state = program.evolve(_replace(state, at=supposed.previous or ""), event)
        state = _replace(state, visits={**state.visits, **supposed.visits})
    if supposed.outcome is not NOT_GIVEN:
        state = ended(program.model, state, supposed.outcome)
    return Snapshot(process, state)


def opening(program: MachineProgram, supposed: Supposed) -> dict[str, Any]:
    """The input with which a process is thought to have been started.

    All fields must be there, unless it stands somewhere already. Raises InvalidInputError.
    """
    external: dict[str, Any] = plain(dict(supposed.external), "external", seal)
    if supposed.state is None:
        return program.check_input(external)
    return program.check_changes(external)


def _with_stores(program: MachineProgram, state: MachineState, supposed: Supposed) -> MachineState:
    internal: dict[str, Any] = plain(dict(supposed.internal), "internal", seal)
    for name, value in internal.items():
        kind = program.model.internal.get(name)
        if kind is None:
            raise _unknown(f"internal field {name!r}", name, program.model.internal)
        fault = unfit(value, kind)
        if fault is not None:
            raise InvalidInputError(f"machine {program.name!r}: internal.{name} {fault}")
    for name in supposed.visits:
        _check_state(program.model, name)
    visits = {**state.visits, **supposed.visits}
    return _replace(state, internal={**state.internal, **internal}, visits=visits)


def _entering(
    model: Model, state: MachineState, supposed: Supposed, started: e.ProcessStarted
) -> e.Transitioned:
    """The transition into the state, without hooks: the stores are as they are told to be."""
    name = supposed.state or model.initial
    _check_state(model, name)
    if supposed.previous is not None:
        _check_state(model, supposed.previous)
    trouble = None
    if name == model.error:
        trouble = _trouble(supposed)
    elif supposed.error is not None:
        raise InvalidInputError(
            f"machine {model.name!r}: `error` is for the error state {model.error!r}, and state "
            f"{name!r} is asked about; for work that fails, say outcome=…"
        )
    bare = copy.copy(model)
    bare.initial, bare.on_enter = name, ()
    bare.states = {**model.states, name: replace(model.states[name], enter=())}
    mover = Mover(bare, _replace(state, error=trouble), RecordedCalls(()))
    try:
        fields = mover.begun()
    except TroubleError as error:
        raise InvalidInputError(
            f"machine {model.name!r} can't stand in state {name!r} with these stores: {error}"
        ) from error
    told = {**fields, "source": supposed.previous or "", "error": trouble}
    return e.Transitioned(position=2, at=started.at, **told)


def _trouble(supposed: Supposed) -> e.Trouble:
    error = "something failed" if supposed.error is None else supposed.error
    kind = type(error).__name__ if isinstance(error, BaseException) else "Exception"
    return e.Trouble("activity", kind, str(error), "", supposed.previous or "")


def ended(model: Model, state: MachineState, outcome: Any) -> MachineState:
    """The machine once its state's work has come to this: a result, or an exception.

    Raises InvalidInputError where the state runs nothing.
    """
    node = model.states.get(state.at)
    if node is None or not (node.run or node.children):
        where = repr(state.at) if state.at else "before the start"
        raise InvalidInputError(
            f"machine {model.name!r}: an outcome is of what a state runs, and there is nothing in "
            f"state {where}; say which state is meant, as in preview(state, outcome=…)"
        )
    running = {path: each for path, each in state.open.items() if each.effect.kind == "run"}
    others = {path: each for path, each in state.open.items() if path not in running}
    if not isinstance(outcome, BaseException):
        result = plain(outcome, "outcome", seal)
        return _replace(state, open=others, children={}, ran="done", result=result)
    failure = e.Failure(type(outcome).__name__, str(outcome))
    if not running:
        return _replace(state, children={}, ran="failed", failure=failure)
    failed = {path: _replace(each, failure=failure) for path, each in running.items()}
    return _replace(state, open={**others, **failed})


def _signal(program: MachineProgram, event: str | tuple[str, Any]) -> tuple[str, Any]:
    name, data = (event, None) if isinstance(event, str) else event
    data = plain(data, f"data of event {name!r}", seal)
    return name, program.check_signal(name, data)


def _update(program: MachineProgram, changes: Mapping[str, Any]) -> dict[str, Any]:
    return program.check_changes(plain(dict(changes), "changes", seal))


def _check_state(model: Model, name: str) -> None:
    if name not in model.states:
        raise _unknown(f"state {name!r}", name, model.states)


def _unknown(what: str, name: str, known: Mapping[str, Any]) -> InvalidInputError:
    return InvalidInputError(f"there is no {what}; {choice(name, known, 'there are')}")
