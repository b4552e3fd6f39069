"""A machine's process under another document: what stands between, and how it goes over. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from corago.core.expressions import unfit
from corago.core.process import renamed
from corago.core.program import Difference
from corago.machine.model import PREVIOUS, Model, Node, Timed
from corago.machine.state import MachineState, Open

_replace = msgspec.structs.replace


def differences(
    state: MachineState, before: Model, after: Model, renames: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Why a process can't simply go on: its state is gone or another one, or a store misfits."""
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
    yield from _stores(state, after)
    yield from _memory(state, after, renames)
    if state.halted is not None:
        yield from _halted(state, after, at)
    if state.at and not after.states[at].is_terminal:
        yield from _work(state, before.states[state.at], after.states[at])
        yield from _timers(before.states[state.at], after.states[at], renames)


def _stores(state: MachineState, after: Model) -> Iterator[Difference]:
    for store in ("external", "internal"):
        held = getattr(state, store)
        for name, kind in after.types[store].items():
            if name in held:
                fault = unfit(held[name], kind)
                if fault is not None:
                    yield Difference(state.at, f"{store}.{name} {fault}")
            elif store == "external" and "default" not in kind:
                yield Difference(state.at, f"{store}.{name} is new and has no default: give it one")


def _memory(state: MachineState, after: Model, renames: Mapping[str, str]) -> Iterator[Difference]:
    """The states that `previous()` would lead back to."""
    if not after.reads_previous:
        return
    for name in dict.fromkeys((state.previous, state.before)):
        if name and renames.get(name, name) not in after.states:
            yield Difference(
                state.at,
                f"{PREVIOUS} may lead back to state {name!r}, which the other definition does not "
                f"have; say which state takes its place: --map {name}=NEW",
            )


def _halted(state: MachineState, after: Model, at: str) -> Iterator[Difference]:
    """What a person must act on keeps its place, so that there is still something to act on."""
    assert state.halted is not None  # noqa: S101 - for the type checker: the caller has looked
    path = state.halted.path
    if at != state.at or path not in _places(after):
        yield Difference(
            state.at,
            f"a person is needed at {path!r} first, which is gone in the other definition or has "
            "another name there: retry or skip it, then migrate",
        )


def _places(model: Model) -> frozenset[str]:
    """Where a machine can come to a halt."""
    changes = [*model.on_enter, *model.on_exit, *model.on_transition]
    for node in model.states.values():
        changes += (*node.enter, *node.exit)
    ways = [f"states/{name}" for name in model.states]
    ends = [f"{way}/{kind}" for way in ways for kind in ("run", "children")]
    timed = ("idle", "lifetime")
    return frozenset([*model.places, *(each.place for each in changes), *ways, *ends, *timed])


def _work(state: MachineState, old: Node, new: Node) -> Iterator[Difference]:
    """Work begins on entering a state, and never because of another definition."""
    has, gets = old.run and old.run.activity, new.run and new.run.activity
    if has != gets and not (has and state.ran):
        yield Difference(
            state.at,
            f"state {state.at!r} runs {has!r} now and would run {gets!r}; wait until that has "
            "ended, or cancel it"
            if has
            else f"state {state.at!r} runs nothing now and would run {gets!r}, which begins on "
            "entering it only; lead the process to another state first",
        )
    if new.children.keys() != old.children.keys():
        children = ", ".join(map(repr, new.children)) or "no children"
        yield Difference(
            state.at,
            f"state {state.at!r} would wait for {children} there, and children begin on entering "
            "it only; lead the process to another state first",
        )


def _timers(old: Node, new: Node, renames: Mapping[str, str]) -> Iterator[Difference]:
    """Timers are known by their places, so what stands at one must be the same edge."""
    for group in dict.fromkeys(("", old.group if old.group == new.group else "")):
        olds, news = ([each for each in one.after if each.group == group] for one in (old, new))
        for number, (one, other) in enumerate(zip(olds, news, strict=False)):
            if _meaning(one, renames) != _meaning(other, {}):
                holder = f"group {group!r}" if group else f"state {old.name!r}"
                yield Difference(
                    old.name,
                    f"edge {number} under `after` of {holder} is {one.edge.label!r} now and "
                    f"{other.edge.label!r} there, and its time may be running or have passed; add "
                    "new edges behind the old ones, or lead the process to another state first",
                )
                break


def _meaning(timed: Timed, renames: Mapping[str, str]) -> tuple[Any, ...]:
    edge = timed.edge
    to = None if edge.to is None else renames.get(edge.to, edge.to)
    guard = None if edge.guard is None else (edge.guard.text, edge.guard.negated)
    return timed.seconds, to, guard


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
    timers = {timed.timer for node in after.states.values() for timed in node.after}
    timers |= {"idle", "lifetime"}
    fired = (renamed(timer, renames) for timer in state.fired)
    return _replace(
        state,
        at=at,
        previous=renames.get(state.previous, state.previous),
        before=renames.get(state.before, state.before),
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
        fired=tuple(timer for timer in fired if timer.rpartition("@")[0] in timers),
        causes=tuple(
            _replace(cause, name=renamed(cause.name, renames)) if cause.is_timer else cause
            for cause in state.causes
        ),
        answers={},
        steps=0,
        trail=(),
    )
