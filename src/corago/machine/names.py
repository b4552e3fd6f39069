"""How the names in a machine's document are written."""

from __future__ import annotations

import keyword
import re

from corago.machine.shapes import LONGEST, Text

PREVIOUS = "previous()"
TYPES = ("boolean", "integer", "number", "string", "array", "object", "any")


def is_name(text: str) -> bool:
    """Whether it is a Python identifier and no keyword."""
    return text.isidentifier() and not keyword.iskeyword(text)


def is_state(text: str) -> bool:
    """As a name, but "-" may stand inside."""
    return is_name(text) or (
        text.isprintable()
        and not text.startswith("-")
        and text.replace("-", "_").isidentifier()
        and "-" in text
    )


_MACHINE = re.compile(r"[A-Za-z_][\w.-]*")
_TARGET = re.compile(r"(internal|external)\.(.+)", re.DOTALL)

_IDENTIFIER = "a Python name: letters, digits and _, not starting with a digit, and no keyword"


def named(what: str) -> Text:
    """A name that Python can take, for what."""
    return Text(what, is_name, _IDENTIFIER)


def _is_tidy(text: str) -> bool:
    return bool(text) and text == text.strip()


MACHINE_NAME = Text(
    "name", lambda text: bool(_MACHINE.fullmatch(text)), "letters, digits and _ . -, a letter first"
)
STATE = Text("state's name", is_state, f"{_IDENTIFIER}; '-' may stand inside")
EVENT = Text("event's name", _is_tidy, "a text of one line without blanks at its ends")
QUEUE = Text("queue's name", _is_tidy, EVENT.form)
TARGET_STATE = Text("target", form="a state's name, or 'previous()'")
STATE_OF_THESE = Text("state", form="a state's name")


def _is_target(text: str) -> bool:
    match = _TARGET.fullmatch(text)
    return match is not None and is_name(match[2])


_STORE = len("internal.")
SET_TARGET = Text(
    "target of `set`", _is_target, "'internal.FIELD' or 'external.FIELD'", _STORE + LONGEST
)
