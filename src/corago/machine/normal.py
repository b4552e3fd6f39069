"""The normal form of a machine's document: minimal, in a fixed order, and its own normal form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corago.errors import InvalidMachineError
from corago.machine.faults import Fault
from corago.machine.grammar import MACHINE
from corago.machine.shapes import LONGEST


def normal(given: Mapping[str, Any]) -> dict[str, Any]:
    """The normal form of a given document; the document itself is left as it is.

    Shorts are unfolded, defaults dropped and durations written as ISO 8601; what the document means
    is not looked at (see `corago.machine.checking`). Raises InvalidMachineError for what is out of
    shape or no strict JSON.
    """
    document, found = read(given)
    if found:
        raise InvalidMachineError(name_of(given), found)
    return document


def read(given: Any) -> tuple[dict[str, Any], list[Fault]]:
    """The normal form of all that is in shape, with None in place of the rest, and the faults."""
    found: list[Fault] = []
    try:
        return MACHINE.read(given, "", found) or {}, found
    except Exception as error:  # noqa: BLE001 - the border to users' code: dicts of their own
        return {}, [unreadable(error)]


def unreadable(error: Exception) -> Fault:
    """The fault of a document with something in it that raises when it is read."""
    text = f"it holds an object that raises {type(error).__name__} when it is looked at"
    return Fault("", text, "write plain dicts, lists, texts and numbers")


def name_of(given: Any) -> str:
    """What to call a machine in an error, however broken its document is."""
    name = given.get("name") if isinstance(given, Mapping) else None
    return name[:LONGEST] if isinstance(name, str) else "?"
