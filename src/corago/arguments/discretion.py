"""Values that are secrets because whoever takes them by name takes them as such."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import Secret, SecretBytes, SecretStr

from corago.core.sealing import is_secret, token_of


class TakenAsSecret(SecretStr):
    """A text that was given in clear for what takes it as a secret."""

    corago_told = "taken as a secret"


def secrets_of(parameters: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The names of those parameters that are secrets, and how they are, by their types' texts."""
    return {
        each["name"]: kind for each in parameters if (kind := kind_of(each["type"])) is not None
    }


def kind_of(text: str) -> str | None:
    """How a type, as a definition tells it, is a secret; None if it is none."""
    for part in text.split(" | "):
        kind = part.partition("[")[0]
        if kind in _KEPT:
            return kind
    return None


def discreet(values: Any, keys: Mapping[str, str]) -> Any:
    """The same with secrets at these keys, where they are in clear."""
    if not isinstance(values, dict) or keys.keys().isdisjoint(values):
        return values
    return {
        name: secret(each, keys[name]) if name in keys else each for name, each in values.items()
    }


def secret(value: Any, kind: str) -> Any:
    """A value as a secret of this kind, unless it is one."""
    return value if _is_kept(value) else _KEPT[kind](value)


def _is_kept(value: Any) -> bool:
    return value is None or is_secret(value) or token_of(value) is not None


def _text(value: Any) -> Any:
    return TakenAsSecret(value) if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except binascii.Error:
            return TakenAsSecret(value)
    return SecretBytes(value) if isinstance(value, bytes) else value


def _any(value: Any) -> Any:
    return TakenAsSecret(value) if isinstance(value, str) else Secret[Any](value)


_KEPT: dict[str, Callable[[Any], Any]] = {
    "SecretStr": _text,
    "SecretBytes": _bytes,
    "Secret": _any,
}
