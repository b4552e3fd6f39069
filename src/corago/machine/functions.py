"""A machine's code by key, as the kernel and the workers call it, and what does not fit in it.

An activity stands at its name, a guard at `name?`, a function that sets values at `name=`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from corago.activity import ActivityFunction
from corago.arguments import injection
from corago.arguments.injection import Asked, Filler
from corago.arguments.signatures import is_async
from corago.core.codec import plain
from corago.errors import DefinitionError, InvalidInputError, StepResultError
from corago.machine.faults import Fault, choice, pointer
from corago.machine.places import Called
from corago.secrecy import seal

Function = ActivityFunction | Callable[[Mapping[str, Any]], Any]

ASKED = ("external", "internal", "visits", "event", "result", "error", "state", "to")
"""What a guard, or a function that sets values, may have as parameters."""

_MARKS = {"activity": "", "guard": "?", "set": "="}
_SAYS = {"activity": "activity", "guard": "guard", "set": "function"}
_NOTHING = ""  # no parameter has this name


def key_of(use: Called) -> str:
    """Where the function that a place names stands among a machine's functions."""
    return f"{use.name}{_MARKS[use.role]}"


def label_of(use: Called) -> str:
    """The function for people."""
    return f"{_SAYS[use.role]} {use.name!r}"


class Code:
    """Makes a machine's functions from those that were handed over; gathers all faults."""

    def __init__(self, given: Mapping[str, Callable[..., Any]], names: Mapping[str, Any]) -> None:
        """Take the functions by name; `names` are those that their annotations may use."""
        self._given = given
        self._names = names
        self._refused: set[str] = set()
        self.functions: dict[str, Function] = {}
        self.faults: list[Fault] = []

    def take(self, use: Called) -> None:
        """Make the function that this place names, if there is one that fits."""
        if use.name not in self._given or key_of(use) in self._refused:
            return
        try:
            asked = Asked(self._given[use.name], label_of(use), self._names)
            slots = asked.slots(label_of(use), self._names)
        except DefinitionError as error:
            self._refused.add(key_of(use))
            self._fault(use, str(error), "")
            return
        self._compare(use, {slot.name: slot.required for slot in slots}, asked)
        if key_of(use) not in self.functions:
            source = "args" if use.role == "activity" else "values"
            fill = Filler(label_of(use), slots, whole=_NOTHING, source=source).fill
            self.functions[key_of(use)] = _MAKERS[use.role](use, asked.function, fill)

    def _compare(self, use: Called, parameters: Mapping[str, bool], asked: Asked) -> None:
        """Whether the place gives what the function asks for."""
        if use.role == "activity":
            for name in use.args:
                if name not in parameters:
                    fix = choice(name, parameters, "its parameters")
                    text = f"{label_of(use)} has no parameter {name!r}"
                    self._fault(use, text, fix, "args", name)
            for name, is_needed in parameters.items():
                if is_needed and name not in use.args:
                    text = f"{label_of(use)} needs the parameter {name!r}"
                    self._fault(use, text, f"say in `args` what {name!r} is, an expression")
            return
        if is_async(asked.function):
            fix = "write a plain `def`, which answers at once"
            self._fault(use, f"{label_of(use)} is async", fix)
        for name, is_needed in parameters.items():
            if is_needed and name not in ASKED:
                text = f"{label_of(use)} asks for {name!r}, which is not there"
                self._fault(use, text, choice(name, ASKED, "it may ask for"))

    def _fault(self, use: Called, text: str, fix: str, *more: str) -> None:
        self.faults.append(Fault(use.pointer + pointer(*more), text, fix))


Fill = Callable[[Mapping[str, Any]], dict[str, Any]]


def _as_activity(use: Called, function: Callable[..., Any], fill: Fill) -> Function:
    awaited = is_async(function)
    return ActivityFunction(
        path=use.name,
        function=_awaiting(function) if awaited else function,
        is_async=awaited,
        arguments=fill,
        result=partial(_value, label_of(use)),
    )


def _as_guard(use: Called, function: Callable[..., Any], fill: Fill) -> Function:
    label = label_of(use)
    return injection.discreet(lambda values: injection.answer(label, function(**fill(values))))


def _as_set(use: Called, function: Callable[..., Any], fill: Fill) -> Function:
    label = label_of(use)
    return injection.discreet(lambda values: _value(label, function(**fill(values))))


_MAKERS: Mapping[str, Callable[[Called, Callable[..., Any], Fill], Function]] = {
    "activity": _as_activity,
    "guard": _as_guard,
    "set": _as_set,
}


def _awaiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself where Python can tell that it is async, else one that awaits for it."""
    if inspect.iscoroutinefunction(function):
        return function

    async def awaiting(**arguments: Any) -> Any:
        value = function(**arguments)
        return await value if inspect.isawaitable(value) else value

    return awaiting


def _value(label: str, value: Any) -> Any:
    """What a function returned, as strict JSON. Raises StepResultError naming `label`."""
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # nobody will await it, and Python would warn of that
        raise StepResultError(f"{label} returned an awaitable; write it as `async def`")
    try:
        return plain(value, "result", seal)
    except InvalidInputError as error:
        raise StepResultError(f"{label}: {error}") from error
