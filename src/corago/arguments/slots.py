"""Parameters ready to be filled: how a JSON value becomes what an annotation asks for.

The only room that knows pydantic's adapters. Functions, States and steps are not known here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import msgspec
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from corago.arguments.signatures import Parameter, type_text
from corago.core.sealing import is_sealed, is_secret
from corago.errors import DefinitionError, SecretKeyError
from corago.secrecy import lifted, open_text

Convert = Callable[[Any], Any]

MUTABLE: frozenset[type] = frozenset((dict, list))
"""The JSON types of which every step gets a copy of its own."""

_NATIVE: frozenset[type] = frozenset((str, int, float, bool, type(None)))
ANYTHING: frozenset[type] = _NATIVE | MUTABLE
"""The JSON types that fit a parameter which may be anything."""

_NOTHING: frozenset[type] = frozenset()
_FAULTS_SHOWN = 3

_ANNOTATE = (
    "annotate it as SecretStr (of pydantic; SecretBytes for bytes), or as Annotated[…, Secret] "
    "where the code is to have it in clear"
)
"""What to do where a secret meets a type that would have it in clear."""

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


class Slot(typing.NamedTuple):
    """A parameter: values of the `exact` types fit as they are, all others go through `convert`."""

    name: str
    required: bool
    exact: frozenset[type]
    convert: Convert
    text: str


class UnfitError(Exception):
    """A value can't become what the annotation asks for; the message says why."""


def make_slot(parameter: Parameter, label: str, names: Mapping[str, Any]) -> Slot:
    """A parameter's slot; `names` are the local names that its type may use.

    Raises DefinitionError, naming `label`, for a type that can't be made from JSON, and NameError
    for one that refers to a type which is not known (yet).
    """
    annotation = parameter.annotation
    text = type_text(annotation)
    try:
        convert = _converter(annotation, names)
    except NameError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0]
        fault = f"parameter {parameter.name!r} is a {text}, which can't be made from JSON: {reason}"
        if parameter.required:
            raise DefinitionError(f"{label}: {fault}") from error
        convert = _refuser(fault)  # a default, such as a client, need not come from the State
    return Slot(parameter.name, parameter.required, _exact(annotation), convert, text)


def _exact(annotation: Any) -> frozenset[type]:
    """The JSON types whose values fit this annotation as they are."""
    if annotation is Any or annotation is object:
        return ANYTHING
    if annotation is None:
        return frozenset((type(None),))
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _NOTHING.union(*map(_exact, arguments))
    if origin in (dict, Mapping, MutableMapping):
        return frozenset((dict,)) if arguments in ((), (str, Any), (str, object)) else _NOTHING
    if origin is list:
        return frozenset((list,)) if arguments in ((), (Any,), (object,)) else _NOTHING
    return frozenset((origin,)) if origin in _NATIVE else _NOTHING


def _converter(annotation: Any, names: Mapping[str, Any]) -> Convert:
    make = _known_adapter if isinstance(annotation, type) else _adapter
    adapter, is_wrapped = make(annotation)
    if not adapter.pydantic_complete:
        adapter.rebuild(_types_namespace=dict(names))
    validate = adapter.validate_json

    def convert(value: Any) -> Any:
        text = b"[" + encode(value) + b"]" if is_wrapped else encode(value)
        if is_sealed(text):
            return _opened(text, adapter, is_wrapped=is_wrapped)
        try:
            made = validate(text, by_alias=True, by_name=True)
        except ValidationError as error:
            raise UnfitError(_faults(error, skip=int(is_wrapped))) from error
        return made[0] if is_wrapped else made

    return convert


def _opened(text: bytes, adapter: TypeAdapter[Any], *, is_wrapped: bool) -> Any:
    """What JSON with secrets in it becomes, once it is sure that they go where secrets may go."""
    try:
        held, clear = lifted(decode(text)), open_text(text)
    except SecretKeyError as error:
        raise UnfitError(f"it is a secret, and {error}") from error
    astray, kept = _astray(held, adapter)
    if astray is not None:
        where = ".".join(map(str, astray[int(is_wrapped) :]))
        raise UnfitError(f"{where or 'it'} is a secret: {_ANNOTATE}")
    try:
        made = adapter.validate_json(clear, by_alias=True, by_name=True)
    except ValidationError as error:
        # the error itself shows what it was given
        raise UnfitError(_faults(error, skip=int(is_wrapped))) from None
    if is_wrapped:
        made, kept = made[0], kept and kept[0]
    return kept if is_secret(kept) else made


def _astray(held: Any, adapter: TypeAdapter[Any]) -> tuple[tuple[int | str, ...] | None, Any]:
    """Where a secret would become something else; and what is made of it all as it is held."""
    try:
        return None, adapter.validate_python(held, by_alias=True, by_name=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        return next((fault["loc"] for fault in faults if is_secret(fault["input"])), None), None
    except Exception:  # noqa: BLE001 - a validator of the user's that expects what JSON can hold
        return None, None


def _adapter(annotation: Any) -> tuple[TypeAdapter[Any], bool]:
    """An adapter, and whether it takes the value in a list of one."""
    # bytes are base64 in our JSON; a type with a configuration of its own takes ours only from a
    # container that it stands in
    config = ConfigDict(val_json_bytes="base64")
    try:
        return TypeAdapter(annotation, config=config), False
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(tuple[annotation], config=config), True


# for plain classes only: two unions that differ in order are equal to a cache
_known_adapter = lru_cache(maxsize=512)(_adapter)


def _refuser(fault: str) -> Convert:
    def refuse(_: Any) -> Any:
        raise UnfitError(fault)

    return refuse


def _faults(error: ValidationError, skip: int) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = []
    for fault in faults[:_FAULTS_SHOWN]:
        where = ".".join(map(str, fault["loc"][skip:]))
        told.append(f"{where}: {fault['msg']}" if where else fault["msg"])
    more = len(faults) - _FAULTS_SHOWN
    return "; ".join(told) + (f" (and {more} more)" if more > 0 else "")
