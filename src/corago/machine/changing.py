"""A machine's process under another document: what stands between, and how it goes over. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from corago.core.expressions import unfit
from corago.core.process import renamed
from corago.core.program import Difference
from corago.machine.model import Model
from corago.machine.state import MachineState, Open

_replace = msgspec.structs.replace


def differences(
    state: MachineState, before: Model, after: Model, renames: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Why a process can't simply go on: its state is gone, or a store does not fit."""
    return tuple(_differences(state, before, after, renames))


def _differences(
    state: MachineState, before: Model, after: Model, renames: Mapping[str, str]
) -> Iterator[Difference]:
    at = renames.get(state.at, state.at)
    if state.at and at not in after.states:
        yield Difference(
            state.at,
            f"it stands in state {state.at!r}, which the other definition does not have; say which "
            f"state takes its place: --map {state.at}=NEW",
        )
        return
    for store in ("external", "internal"):
        held = getattr(state, store)
        for name, kind in after.types[store].items():
            if name in held:
                fault = unfit(held[name], kind)
                if fault is not None:
                    yield Difference(state.at, f"{store}.{name} {fault}")
            elif store == "external" and "default" not in kind:
                yield Difference(state.at, f"{store}.{name} is new and has no default: give it one")
    if state.at and not after.states[at].is_terminal:
        old, new = before.states[state.at], after.states[at]
        if old.run is not None and not state.ran:
            now = None if new.run is None else new.run.activity
            if now != old.run.activity:
                yield Difference(
                    state.at,
                    f"state {state.at!r} runs {old.run.activity!r} now and would run {now!r}; wait "
                    "until that has ended, or cancel it",
                )
        if state.children and dict.fromkeys(new.children) != dict.fromkeys(old.children):
            yield Difference(state.at, f"state {state.at!r} waits for other children there")


def adopted(
    state: MachineState, before: Model, after: Model, renames: Mapping[str, str]
) -> MachineState:
    """The state in which a process goes on. Raises ValueError where no way leads over."""
    found = differences(state, before, after, renames)
    if found:
        raise ValueError("; ".join(each.text for each in found))

    def moved(mapping: Mapping[str, Any]) -> dict[str, Any]:
        return {renamed(path, renames): each for path, each in mapping.items()}

    def opened(each: Open) -> Open:
        return _replace(each, effect=_replace(each.effect, path=renamed(each.effect.path, renames)))

    at = renames.get(state.at, state.at)
    group = after.groups.get(at, "")
    return _replace(
        state,
        at=at,
        previous=renames.get(state.previous, state.previous),
        internal={**after.beginning("internal"), **state.internal},
        external={**after.beginning("external"), **state.external},
        visits=moved(state.visits),
        open={renamed(path, renames): opened(each) for path, each in state.open.items()},
        leaving={},
        children={
            name: _replace(
                each, effect=_replace(each.effect, path=renamed(each.effect.path, renames))
            )
            for name, each in state.children.items()
        },
        group=group,
        group_entered=state.group_entered if group == state.group else state.entered,
        fired=tuple(renamed(timer, renames) for timer in state.fired),
        causes=tuple(cause for cause in state.causes if not cause.is_timer),
        answers={},
        steps=0,
        trail=(),
        halted=None,
    )
