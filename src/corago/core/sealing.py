"""Secrets inside users' values: where they are, what stands for them, what is shown instead.

A sealed secret is `{"$secret":"…"}`, a value like any other to the core. What seals and opens is
handed in: no key and no cipher is known here.
"""

from __future__ import annotations

import re
import types
import typing
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any

import msgspec

from corago.errors import InvalidInputError, SecretKeyError

KEY = "$secret"
HEAD = "cgs1"
"""What every token begins with, so that nobody's own `$secret` is taken for one."""

MASK = "**********"
"""What is shown in place of a secret; pydantic shows the same."""

CONTEXT = "corago.sealer"
"""Where pydantic's serialization context holds the one who seals marked fields."""

TEXT, BYTES, OTHER = b"t", b"b", b"j"
"""What a content begins with: the rest is UTF-8, the bytes themselves, or JSON."""

Seal = Callable[[bytes], str]
"""Makes a token of a content. Raises SecretKeyError."""

Open = Callable[[str], bytes]
"""Makes the content of a token. Raises SecretKeyError."""

_SEALED = b'{"$secret":"cgs1'
_PATTERN = re.compile(rb'\{"\$secret":"(cgs1[0-9A-Za-z_=-]+)"\}')
_SHOWN = f'"{MASK}"'.encode()
_LISTS = (list, tuple, set, frozenset, deque)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class SecretMetError(Exception):
    """A value holds a secret, which must be sealed first. For `core.codec`; nobody else sees it."""


# -- what is sealed --------------------------------------------------------------------------------


def is_sealed(text: bytes) -> bool:
    """Whether JSON as we write it holds a sealed secret."""
    return text.find(_SEALED) >= 0  # `in` would try it as a number first


def token_of(value: Any) -> str | None:
    """The token of a sealed secret; None for any other value."""
    if type(value) is dict and len(value) == 1 and type(token := value.get(KEY)) is str:
        return token if token.startswith(HEAD) else None
    return None


def tokens(text: bytes) -> list[str]:
    """The tokens in JSON as we write it."""
    return [token.decode() for token in dict.fromkeys(_PATTERN.findall(text))]


def masked_text(text: bytes) -> bytes:
    """JSON with a mask for every sealed secret."""
    return _PATTERN.sub(_SHOWN, text) if _SEALED in text else text


def masked(value: Any) -> Any:
    """A JSON value with a mask for every sealed secret; itself where there is none."""
    text = _encode(value)
    return _decode(_PATTERN.sub(_SHOWN, text)) if _SEALED in text else value


def opened_text(text: bytes, open_: Open) -> bytes:
    """JSON with every secret in clear, for whoever is to have it now. Raises as `open_`."""
    return _PATTERN.sub(lambda found: json_of(open_(found[1].decode())), text)


def json_of(content: bytes) -> bytes:
    """A secret's content as JSON."""
    kind, rest = content[:1], content[1:]
    if kind == TEXT:
        return _encode(rest.decode())
    return _encode(rest) if kind == BYTES else rest


# -- what is to be sealed --------------------------------------------------------------------------


def is_secret(value: Any) -> bool:
    """Whether it is a SecretStr or another of pydantic's secrets."""
    return hasattr(value, "get_secret_value") and not isinstance(value, type)


def is_marked(annotation: Any) -> bool:
    """Whether a type is `Annotated[…, Secret]`, or a union with one."""
    if typing.get_origin(annotation) is typing.Annotated:
        metadata = annotation.__metadata__
        return any(hasattr(each, "__corago_secret__") for each in metadata) or is_marked(
            annotation.__origin__
        )
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(map(is_marked, typing.get_args(annotation)))
    return False


def _marked_fields(kind: type) -> Mapping[str, Any]:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations are users' code
        written: dict[str, Any] = {}
        for each in reversed(kind.__mro__):
            written |= vars(each).get("__annotations__", {})
        return {name: _ALL for name, text in written.items() if "Secret" in str(text)}
    return {name: hint for name, hint in hints.items() if _mentions(hint)}


marked_fields: Callable[[type], Mapping[str, Any]] = lru_cache(maxsize=512)(_marked_fields)
"""The fields of a dataclass or struct whose types have a mark somewhere in them, with these.

A type that can't be resolved here is judged by its text.
"""


def _mentions(annotation: Any) -> bool:
    return is_marked(annotation) or any(map(_mentions, typing.get_args(annotation)))


class _Mark:
    __corago_secret__ = True


_ALL = typing.Annotated[Any, _Mark]


def dumped(model: Any, mode: str, sealer: Any) -> Any:
    """A pydantic model as plain values; its marked fields are left to `sealer.marked`."""
    try:
        return model.model_dump(mode=mode, round_trip=True, context={CONTEXT: sealer})
    except TypeError:  # it has a `model_dump` of its own, which knows no context
        return model.model_dump(mode=mode, round_trip=True)


class Probe:
    """Stands where the sealer will stand, and notes whether one is needed."""

    __slots__ = ("met",)

    def __init__(self) -> None:
        """Nothing was met yet."""
        self.met = False

    def marked(self, value: Any) -> Any:
        """A marked field was met."""
        if value is None:
            return None
        self.met = True
        return MASK


class Sealer:
    """Makes of a value one in which every secret is sealed."""

    __slots__ = ("_error", "_seal", "_to_json", "_where")

    def __init__(self, seal: Seal | None, to_json: Callable[[Any, str], bytes]) -> None:
        """Take what seals (None: nothing does), and what makes strict JSON of other values."""
        self._seal = seal
        self._to_json = to_json
        self._where = ""
        self._error: Exception | None = None

    def sealed(self, value: Any, where: str) -> Any:
        """The same with containers, models and dataclasses as plain values, and secrets sealed.

        Raises InvalidInputError, naming the spot, for a secret that can't be sealed.
        """
        if isinstance(value, type):
            return value
        if is_secret(value):
            told = getattr(value, "corago_told", f"a {type(value).__name__}")
            return self._token(value.get_secret_value(), where, told)
        if isinstance(value, Mapping):
            return {name: self.sealed(each, f"{where}[{name!r}]") for name, each in value.items()}
        if isinstance(value, _LISTS):
            return [self.sealed(each, f"{where}[{n}]") for n, each in enumerate(value)]
        if hasattr(value, "model_dump"):
            return self._model(value, where)
        if is_dataclass(value):
            names = {field.name: field.name for field in fields_of(value)}
            return self._object(value, names, where)
        if isinstance(value, msgspec.Struct) and not value.__struct_config__.array_like:
            names = dict(zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True))
            tag = value.__struct_config__
            head = {tag.tag_field: tag.tag} if tag.tag_field else {}
            return head | self._object(value, names, where)
        return value

    def marked(self, value: Any) -> Any:
        """What stands for a marked field; pydantic would wrap an error, so it is kept for later."""
        try:
            return None if value is None else self._token(value, self._where, "marked as secret")
        except (InvalidInputError, SecretKeyError) as error:
            self._error = error
            return MASK

    def _token(self, value: Any, where: str, kind: str) -> dict[str, str]:
        if self._seal is None:
            raise InvalidInputError(f"{where} is {kind}, and there is nothing to seal it with here")
        if isinstance(value, str):
            try:
                content = TEXT + value.encode()
            except UnicodeError as error:
                fault = f"{where} holds half a surrogate pair, which is no text"
                raise InvalidInputError(fault) from error
        elif isinstance(value, (bytes, bytearray)):
            content = BYTES + bytes(value)
        else:
            content = OTHER + self._to_json(value, where)
        try:
            return {KEY: self._seal(content)}
        except SecretKeyError as error:
            raise InvalidInputError(f"{where} is {kind}, and {error}") from error

    def _object(self, value: Any, names: Mapping[str, str], where: str) -> dict[str, Any]:
        marks = marked_fields(type(value))
        return {
            told: self._by_type(getattr(value, name), marks[name], f"{where}.{name}")
            if name in marks
            else self.sealed(getattr(value, name), f"{where}.{name}")
            for name, told in names.items()
            if hasattr(value, name)
        }

    def _by_type(self, value: Any, annotation: Any, where: str) -> Any:
        """A value whose type has a mark in it: itself sealed, or what it holds."""
        if value is None:
            return None
        if is_marked(annotation) and not is_secret(value):
            return self._token(value, where, "marked as secret")
        inner = [each for each in typing.get_args(annotation) if _mentions(each)]
        if inner and isinstance(value, Mapping):
            return {k: self._by_type(v, inner[-1], f"{where}[{k!r}]") for k, v in value.items()}
        if inner and isinstance(value, _LISTS):
            return [self._by_type(v, inner[-1], f"{where}[{n}]") for n, v in enumerate(value)]
        return self.sealed(value, where)

    def _model(self, value: Any, where: str) -> Any:
        before, self._where = self._where, where
        told, held = dumped(value, "json", self), dumped(value, "python", self)
        self._where = before
        if self._error is not None:
            raise self._error
        return self._merged(told, held, where)

    def _merged(self, told: Any, held: Any, where: str) -> Any:
        """The JSON form of a model, with secrets sealed that pydantic has masked there."""
        if is_secret(held):
            if told not in (MASK, "", str(held)):
                return told  # its author has it told in clear
            return self._token(held.get_secret_value(), where, f"a {type(held).__name__}")
        if isinstance(told, dict) and isinstance(held, Mapping) and len(told) == len(held):
            pairs = zip(told.items(), held.values(), strict=True)
            return {
                name: self._merged(each, inner, f"{where}.{name}") for (name, each), inner in pairs
            }
        if isinstance(told, list) and isinstance(held, _LISTS) and len(told) == len(held):
            pairs_of = zip(told, held, strict=True)
            return [self._merged(a, b, f"{where}[{n}]") for n, (a, b) in enumerate(pairs_of)]
        if _holds_secret(held) and MASK.encode() in _encode(told):
            raise InvalidInputError(
                f"{where} holds a secret that its own serializer hides, so it would be lost: let "
                "the serializer keep the form, or hand the secret over beside it"
            )
        return told


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_secret, value.values()))
    return any(map(_holds_secret, value)) if isinstance(value, _LISTS) else is_secret(value)
