"""What a machine wants open, by where it stands: work, children, events and timers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

import msgspec

from corago.core import decisions as d
from corago.core import events as e
from corago.core.process import later
from corago.core.retry import Retry
from corago.machine.model import Model, Node, Timed
from corago.machine.state import MachineState


def work(state: MachineState) -> Iterator[d.Decision]:
    """Activities and children that should be open, and what stands still until a person acts."""
    for path, each in state.open.items():
        effect = each.effect
        if each.stuck and each.failure is not None:
            yield d.Incident(path, each.stuck, each.failure, effect.occurrence, suspended=True)
        elif each.failure is None:
            yield _activity(effect, is_canceled=False)
    if state.ran_stuck and state.failure is not None:
        yield d.Incident(state.at, state.ran_stuck, state.failure, suspended=True)
    for child in state.children.values():
        effect = child.effect
        if not child.status:
            yield d.StartChild(
                effect.path,
                effect.activity,
                effect.input,
                effect.occurrence,
                reopens=child.reopens,
                child=child.id,
            )


def leaving(state: MachineState) -> Iterator[d.Decision]:
    """Work of states that were left: it is asked to stop."""
    for effect in state.leaving.values():
        yield _activity(effect, is_canceled=True)


def waits(model: Model, state: MachineState, node: Node) -> tuple[d.Decision, ...]:
    """The events that the current state takes, and the timers that run."""
    if not (node.after or model.has_clocks):
        return node.signals
    timers = (
        d.StartTimer(name, due=later(since, timed.seconds), detail=timed.edge.label)
        for name, timed, since in clocks(model, state, node)
        if name not in state.fired and since is not None
    )
    return (*node.signals, *timers)


def clocks(
    model: Model, state: MachineState, node: Node
) -> Iterator[tuple[str, Timed, datetime | None]]:
    """Each timer that may run now, by its whole name, and the instant that it counts from."""
    for timed in node.after:
        if timed.group:
            yield f"{timed.timer}@{state.group_visits}", timed, state.group_entered
        else:
            yield f"{timed.timer}@{state.visits[node.name]}", timed, state.entered
    if model.idle is not None:
        yield f"{model.idle.timer}@1", model.idle, state.stirred
    lifetime = model.lifetime
    if lifetime is not None and lifetime.edge.to is not None:
        yield f"{lifetime.timer}@1", lifetime, state.began


def stopping(state: MachineState) -> Iterator[d.Decision]:
    """What still has to end when somebody asked the process to stop."""
    for each in state.open.values():
        if each.failure is None:
            yield _activity(each.effect, is_canceled=True)
    yield from leaving(state)
    for child in state.children.values():
        if child.id and not child.status:
            effect = child.effect
            yield d.StartChild(effect.path, effect.activity, cancel=True, child=child.id)


def _activity(effect: e.Effect, *, is_canceled: bool) -> d.ScheduleActivity:
    return d.ScheduleActivity(
        effect.path,
        effect.input or {},
        effect.occurrence,
        None if effect.retry is None else _retry(msgspec.json.encode(effect.retry)),
        effect.timeout,
        effect.at_most_once and not is_canceled,  # nobody needs to know how far it had come
        is_canceled,
        effect.activity,
        effect.queue,
    )


@lru_cache(maxsize=256)
def _retry(told: bytes) -> Retry:
    return Retry(**msgspec.json.decode(told))
