"""The published JSON Schema of the form in which a machine may be given."""

from __future__ import annotations

from importlib import resources
from typing import Any

import msgspec


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12), anew at each call: what it refuses, `define` refuses too.

    It knows shapes only. That names fit together, and that expressions make sense, is for `define`
    to say.
    """
    text = resources.files("corago.machine").joinpath("schema.json").read_bytes()
    schema: dict[str, Any] = msgspec.json.decode(text)
    return schema
