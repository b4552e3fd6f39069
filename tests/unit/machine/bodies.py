"""Machines of bodies that are put together, and what is wrong with some."""

from __future__ import annotations

import types
from typing import Any

import pytest

from corago.errors import InvalidMachineError
from corago.machine import Machine


def compiled(body: dict[str, Any], **options: Any) -> type[Machine]:
    """A machine of a class with this body."""
    machine: type[Machine] = types.new_class(
        "Some", (Machine,), options, lambda ns: ns.update(body)
    )
    return machine


def faults_of(body: dict[str, Any], **options: Any) -> str:
    with pytest.raises(InvalidMachineError) as caught:
        compiled(body, **options)
    return str(caught.value)
