"""Which keys of the State are secrets: those that a step takes as one, whoever has written them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from corago.arguments.discretion import secrets_of
from corago.steps.nodes import inner_lists

_OTHER_STATES = ("focus", "lens")
"""The kinds whose inner lists see another State."""

_OF_LOOPS = ("item", "index")


def secret_keys(elements: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The names of parameters that are secrets, and how they are: what a document says of them."""
    found: dict[str, str] = {}
    for element in elements:
        found |= secrets_of(element.get("parameters", ()))
        if element["kind"] in _OTHER_STATES:
            continue
        for inner in inner_lists(element):
            below = secret_keys(inner)
            if element["kind"] == "foreach":
                below = {name: kind for name, kind in below.items() if name not in _OF_LOOPS}
            found |= below
    return found
