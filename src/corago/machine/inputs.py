"""What comes into a machine from outside, checked at the edge: input, events, changes. Pure."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from corago.core.expressions import unfit
from corago.core.expressions.parsing import LARGEST
from corago.errors import InvalidInputError
from corago.machine.model import Model


def check_input(model: Model, given: Any) -> dict[str, Any]:
    """The first values of the external store; None is {}. Raises InvalidInputError."""
    values = {} if given is None else given
    if not isinstance(values, dict):
        raise InvalidInputError(
            f"machine {model.name!r} starts with values for its external store, a dict, not "
            f"{reprlib.repr(given)}"
        )
    _check(f"the input of machine {model.name!r}", values, model.external, needs_all=True)
    return values


def check_signal(model: Model, name: str, data: Any) -> Any:
    """The data of an event that some edge takes. Raises InvalidInputError."""
    if name not in model.knows:
        near = difflib.get_close_matches(name, model.known_events, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InvalidInputError(
            f"machine {model.name!r} takes no event {name!r} in any state; {hint}it takes: "
            f"{_listed(model.known_events)}"
        )
    fields = model.events.get(name)
    if not fields:
        if data is not None and (large := _too_large(data)) is not None:
            raise InvalidInputError(
                f"event {name!r} of machine {model.name!r} brings an integer that is not below "
                f"2**63 ({reprlib.repr(large)}): send it as text"
            )
        return data
    values = {} if data is None else data
    if not isinstance(values, dict):
        raise InvalidInputError(
            f"event {name!r} of machine {model.name!r} brings a dict, not {reprlib.repr(data)}"
        )
    _check(f"event {name!r} of machine {model.name!r}", values, fields, needs_all=True)
    defaults = {key: kind["default"] for key, kind in fields.items() if "default" in kind}
    return defaults | values


def check_changes(model: Model, changes: dict[str, Any]) -> dict[str, Any]:
    """Changes of the external store. Raises InvalidInputError."""
    _check(f"machine {model.name!r}", changes, model.external, needs_all=False)
    return changes


def _check(
    what: str, values: Mapping[str, Any], kinds: Mapping[str, Any], *, needs_all: bool
) -> None:
    faults = []
    for name, value in values.items():
        kind = kinds.get(name)
        if kind is None:
            near = difflib.get_close_matches(str(name), kinds, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there is: {_listed(kinds)}"
            faults.append(f"it knows no field {name!r}; {hint}")
            continue
        fault = unfit(value, kind)
        if fault is not None:
            faults.append(f"{name} {fault}")
    if needs_all:
        faults += [
            f"{name} is missing (of type {kind['type']})"
            for name, kind in kinds.items()
            if name not in values and "default" not in kind
        ]
    if faults:
        raise InvalidInputError(f"{what}: {'; '.join(faults)}")


def _too_large(data: Any) -> int | None:
    """An integer outside 64 bits anywhere in a JSON value."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
        elif isinstance(value, int) and abs(value) > LARGEST:
            return value
    return None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "nothing"
