"""An activity's input becomes its arguments, and what it returns becomes JSON, both by type."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from corago.arguments.injection import Filler
from corago.arguments.signatures import (
    Parameter,
    annotations_of,
    namespace,
    parameters,
    shortened,
    underlying,
)
from corago.arguments.slots import ANYTHING, MUTABLE, Slot, UnfitError, encode, make_slot
from corago.core.codec import plain
from corago.core.sealing import masked_text
from corago.decider.results import KINDS, kept
from corago.errors import DefinitionError, InvalidInputError, StepArgumentError, StepResultError
from corago.secrecy import seal

_NOTHING = ""
"""No parameter has this name."""

_NONE = type(None)


class Take(Protocol):
    """How arguments are made of an input."""

    def fill(self, given: Any) -> dict[str, Any]:
        """The arguments by name. Raises StepArgumentError."""
        ...

    def document(self) -> dict[str, Any]:
        """What a definition keeps of it: names, and types as text."""
        ...


class _Nothing:
    """Nothing is asked for."""

    def fill(self, given: Any) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        return {}

    def document(self) -> dict[str, Any]:
        return {}


class _Whole(Filler):
    """One argument, made of the whole input."""

    def __init__(self, label: str, slot: Slot) -> None:
        super().__init__(label, (slot,), whole=slot.name, source="input")
        self.slot = slot

    def fill(self, given: Any) -> dict[str, Any]:
        slot = self.slot
        kind = type(given)
        takes_none = _NONE in slot.exact and slot.exact != ANYTHING
        if given is None and not (slot.required or takes_none):
            return {}
        if kind not in slot.exact:
            return {slot.name: self._converted(slot, given)}
        return {slot.name: self._copied(slot, given) if kind in MUTABLE else given}

    def document(self) -> dict[str, Any]:
        return {"input": self.slot.text}


class _ByName(Filler):
    """Several arguments, each by its name from an input that is a dict."""

    def __init__(self, label: str, slots: tuple[Slot, ...]) -> None:
        super().__init__(label, slots, whole=_NOTHING, source="input")
        self.label = label
        self.slots = slots

    def fill(self, given: Any) -> dict[str, Any]:
        values = {} if given is None else given
        if not isinstance(values, dict):
            names = ", ".join(repr(slot.name) for slot in self.slots)
            raise StepArgumentError(
                f"{self.label} takes {names} by name from an input that is a dict, and it got "
                f"{_shown(given)}"
            )
        return super().fill(values)

    def document(self) -> dict[str, Any]:
        told = [
            {"name": slot.name, "type": slot.text} | ({} if slot.required else {"optional": True})
            for slot in self.slots
        ]
        return {"parameters": told}


def take(slots: tuple[Slot, ...], label: str) -> Take:
    """How these parameters are filled: a single one takes the whole input."""
    if not slots:
        return _Nothing()
    return _Whole(label, slots[0]) if len(slots) == 1 else _ByName(label, slots)


def input_of(
    annotated: Mapping[str, Any], names: Mapping[str, Any], default: Any = inspect.Parameter.empty
) -> Callable[..., Any]:
    """A function that asks for an `input` of this annotation, for all that read functions.

    `annotated` holds the annotation, if there is one; `names` are its module's.
    """
    defaults = None if default is inspect.Parameter.empty else (default,)
    made = types.FunctionType(_asking.__code__, dict(names), "execute", defaults)
    made.__annotations__ = dict(annotated)
    return made


def _asking(input: Any) -> None: ...


# -- results ---------------------------------------------------------------------------------------


def return_of(function: Callable[..., Any], label: str, scope: Mapping[str, Any]) -> Slot | None:
    """What a function says that it returns; None if it says nothing that could be checked.

    What JSON can't be made into is left to whoever writes such types. Raises NameError for a type
    that is not known (yet).
    """
    inner = underlying(function)
    written = annotations_of(inner).get("return", Any)
    asking = input_of({"input": written}, getattr(inner, "__globals__", {}))
    names = namespace(function, scope)
    try:
        (told,) = parameters(asking, label, names)
        wanted = _bare(told.annotation)
        if wanted in (Any, None, _NONE, object):
            return None
        return make_slot(Parameter("result", wanted, required=True), label, names)
    except (DefinitionError, TypeError):
        return None


def _bare(annotation: Any) -> Any:
    """A type without the ends that may be said outright in place of a value."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return Any if annotation in KINDS else annotation
    left = [each for each in typing.get_args(annotation) if each not in KINDS]
    return typing.Union[tuple(left)] if set(left) - {_NONE} else Any  # noqa: UP007 - made at run time


def returned(label: str, slot: Slot | None, value: Any) -> Any:
    """What an activity returned: strict JSON, or an end of the core. Raises StepResultError."""
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # nobody will await it, and Python would warn of that
        raise StepResultError(f"{label} returned an awaitable; write it as `async def`")
    if isinstance(value, type) and value in KINDS:
        raise StepResultError(
            f"{label} returned the class {value.__name__}: make it one, as in {value.__name__}()"
        )

    def keep(payload: Any) -> Any:
        return _json(label, slot, payload)

    try:
        return kept(value, keep)
    except InvalidInputError as error:
        raise StepResultError(f"{label}: {error}") from error


def _json(label: str, slot: Slot | None, value: Any) -> Any:
    raw = plain(value, "result", seal)
    if slot is None or type(value) in slot.exact:
        return raw
    try:
        made = slot.convert(raw)
    except UnfitError as error:
        raise StepResultError(
            f"{label} returned {_shown(raw)}, which is no {slot.text}: {error}"
        ) from error
    except Exception as error:  # a validator of the user's
        raise StepResultError(
            f"{label} returned {_shown(raw)}, which is no {slot.text}: "
            f"{type(error).__name__}: {error}"
        ) from error
    return plain(made, "result", seal)


def _shown(value: Any) -> str:
    text = masked_text(encode(value)).decode()
    return shortened(text) if isinstance(value, str) else text[:60]


__all__ = ["Take", "input_of", "return_of", "returned", "take"]
