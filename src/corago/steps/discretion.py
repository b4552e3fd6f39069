"""Which keys of the State are secrets: those that a step takes as one, whoever has written them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import Secret, SecretBytes, SecretStr

from corago.core.sealing import is_secret, token_of
from corago.steps.nodes import inner_lists

_OTHER_STATES = ("focus", "lens")
"""The kinds whose inner lists see another State."""

_OF_LOOPS = ("item", "index")


class TakenAsSecret(SecretStr):
    """A text that was given in clear for what a step takes as a secret."""

    corago_told = "what a step takes as a secret"


def secret_keys(elements: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The names of parameters that are secrets, and how they are: what a document says of them."""
    found: dict[str, str] = {}
    for element in elements:
        for parameter in element.get("parameters", ()):
            for part in parameter["type"].split(" | "):
                kind = part.partition("[")[0]
                if kind in _KEPT:
                    found[parameter["name"]] = kind
        if element["kind"] in _OTHER_STATES:
            continue
        for inner in inner_lists(element):
            below = secret_keys(inner)
            if element["kind"] == "foreach":
                below = {name: kind for name, kind in below.items() if name not in _OF_LOOPS}
            found |= below
    return found


def discreet(values: Any, keys: Mapping[str, str]) -> Any:
    """The same with secrets at these keys, where they are in clear."""
    if not isinstance(values, dict) or keys.keys().isdisjoint(values):
        return values
    return {
        name: _KEPT[keys[name]](each) if name in keys and not _is_kept(each) else each
        for name, each in values.items()
    }


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
