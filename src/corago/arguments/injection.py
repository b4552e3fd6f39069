"""Two-way typing: State to arguments, results to State (seed: orchestrator-core).

What a function asks for is read when its workflow is defined; filling is the hot path of every
step. No step list, event or engine is known here.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from typing import Any, TypeVar

from corago.arguments import signatures
from corago.arguments.slots import ANYTHING, MUTABLE, Slot, UnfitError, decode, encode, make_slot
from corago.core.codec import plain
from corago.core.sealing import is_sealed, masked_text, token_of
from corago.errors import (
    DefinitionError,
    InvalidInputError,
    SecretKeyError,
    StepArgumentError,
    StepResultError,
)
from corago.secrecy import copied, discretion, seal

T = TypeVar("T")

WHOLE_STATE = "state"
"""The parameter of this name gets a copy of the whole State."""

_SHOWN_CHARACTERS = 60
_SHOWN_KEYS = 8


class Asked:
    """What one function asks of the State; shared by all uses of a step.

    A type that is not known yet when the function is decorated may be defined further down: it is
    looked up again when the workflow is made.
    """

    __slots__ = ("_slots", "function")

    def __init__(self, function: Callable[..., Any], label: str, scope: Mapping[str, Any]) -> None:
        """Read the function; `scope` holds the local names where it was decorated.

        Raises DefinitionError, naming `label`, for a function that can't be filled by name.
        """
        signatures.check_callable(function, label)
        self.function = function
        self._slots: tuple[Slot, ...] | None = None
        with contextlib.suppress(NameError):
            self._slots = self._read(label, scope)

    def _read(self, label: str, scope: Mapping[str, Any]) -> tuple[Slot, ...]:
        names = signatures.namespace(self.function, scope)
        given = signatures.parameters(self.function, label, scope)
        return tuple(make_slot(each, label, names) for each in given)

    def slots(self, label: str, scope: Mapping[str, Any]) -> tuple[Slot, ...]:
        """The parameters; `scope` holds the local names where the workflow is made.

        Raises DefinitionError for a type that is unknown, or that can't be made from JSON.
        """
        if self._slots is None:
            try:
                self._slots = self._read(label, scope)
            except NameError as error:
                raise DefinitionError(
                    f"{label}: an annotation of {signatures.name_of(self.function)} can't be "
                    f"resolved: {str(error).partition(chr(10))[0]}; import or define it where the "
                    "function can see it at run time, not only under TYPE_CHECKING"
                ) from error
        return self._slots


class Filler:
    """Makes fresh keyword arguments from JSON values."""

    __slots__ = ("_label", "_slots", "_source", "_whole")

    def __init__(
        self,
        label: str,
        slots: tuple[Slot, ...],
        *,
        whole: str = WHOLE_STATE,
        source: str = "State",
    ) -> None:
        """Take the parameters; `label` names the step or predicate in errors.

        The parameter called `whole` gets all values; `source` names what holds them.
        """
        self._label = label
        self._slots = tuple(slot for slot in slots if slot.name != whole)
        self._whole = next((slot for slot in slots if slot.name == whole), None)
        self._source = source

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments. Raises StepArgumentError for a missing or unconvertible one."""
        filled: dict[str, Any] = {}
        for slot in self._slots:
            name = slot.name
            try:
                value = values[name]
            except KeyError:
                if slot.required:
                    raise self._missing(slot, values) from None
                continue
            kind = type(value)
            if kind not in slot.exact:
                filled[name] = self._converted(slot, value)
            elif kind in MUTABLE:
                text = encode(value)
                filled[name] = self._copied(slot, value) if is_sealed(text) else decode(text)
            else:
                filled[name] = value
        if self._whole is not None:
            everything = dict(values)
            fits = dict in self._whole.exact
            make = self._copied if fits else self._converted
            filled[self._whole.name] = make(self._whole, everything)
        return filled

    def _copied(self, slot: Slot, value: Any) -> Any:
        if token_of(value) is not None and slot.exact != ANYTHING:
            return self._converted(slot, value)
        try:
            return copied(value)
        except SecretKeyError as error:
            raise self._unfit(slot, value, f"there is a secret in it, and {error}") from error

    def _converted(self, slot: Slot, value: Any) -> Any:
        try:
            return slot.convert(value)
        except Exception as error:
            why = (
                str(error) if isinstance(error, UnfitError) else f"{type(error).__name__}: {error}"
            )
            raise self._unfit(slot, value, why) from error

    def _unfit(self, slot: Slot, value: Any, why: str) -> StepArgumentError:
        is_all = slot is self._whole
        source = f"the whole {self._source}" if is_all else f"{self._source}[{slot.name!r}]"
        text = masked_text(encode(value)).decode()
        shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
        is_bare = value is None or token_of(value) is not None
        kind = "" if is_bare else f"{type(value).__name__} "
        return StepArgumentError(
            f"{self._label} can't make its argument {slot.name!r} ({slot.text}) from "
            f"{source}, {kind}{shown}: {why}"
        )

    def _missing(self, slot: Slot, values: Mapping[str, Any]) -> StepArgumentError:
        name = slot.name
        nearest = sorted(values, key=lambda key: -SequenceMatcher(None, name, key).ratio())
        shown = ", ".join(map(repr, nearest[:_SHOWN_KEYS])) or "none"
        more = len(nearest) - _SHOWN_KEYS
        hint = (
            f" (that it may be None is no default; `{name}: {slot.text} = None` has one)"
            if slot.text == "None" or slot.text.endswith("| None")
            else ""
        )
        return StepArgumentError(
            f"{self._label} needs the argument {name!r}, and the {self._source} has no key "
            f"{name!r}{hint}; keys there: {shown}{f' and {more} more' if more > 0 else ''}"
        )


def result(label: str, value: Any) -> dict[str, Any]:
    """What a step returned, as strict JSON; None is {}. Raises StepResultError naming `label`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StepResultError(
            f"{label} returned {_described(value)}; a step returns a dict of what it changes in "
            'the State, as in `return {"key": value}`, or None'
        )
    for key in value:
        if not isinstance(key, str):
            kind = type(key).__name__
            raise StepResultError(
                f"{label} returned the key {key!r} of type {kind}; the State's keys are texts"
            )
    try:
        kept: dict[str, Any] = plain(value, "result", seal)
    except InvalidInputError as error:
        raise StepResultError(f"{label}: {error}") from error
    return kept


def discreet(ask: Callable[[Mapping[str, Any]], T]) -> Callable[[Mapping[str, Any]], T]:
    """The same, but its errors, which are recorded as they are, tell no secret of the State."""

    def asked(values: Mapping[str, Any]) -> T:
        try:
            return ask(values)
        except Exception as error:
            hide = discretion(values)
            if hide is None:
                raise
            raise type(type(error).__name__, (Exception,), {})(hide(str(error))) from None

    return asked


def answer(label: str, value: Any) -> bool:
    """What a predicate answered, as a truth value. Raises StepResultError for an awaitable."""
    if inspect.isawaitable(value):
        raise StepResultError(f"{label} answered with {_described(value)}; write a plain `def`")
    return bool(value)


def _described(value: Any) -> str:
    if inspect.iscoroutine(value):
        value.close()  # nobody will await it, and Python would warn of that
        return "a coroutine, which only an `async def` step is awaited for"
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
