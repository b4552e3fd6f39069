"""What a machine takes from outside: events without declared fields too."""

from __future__ import annotations

from typing import Any

import pytest

from corago.errors import InvalidInputError
from corago.machine.normal import normal
from corago.machine.program import MachineProgram

DOCUMENT = {
    "name": "tried",
    "initial": "a",
    "external": {"n": {"type": "integer", "default": 0}},
    "events": {"typed": {"n": "integer"}},
    "states": {"a": {"on": [{"event": "any"}, {"event": "typed"}]}},
}
PROGRAM = MachineProgram(normal(DOCUMENT))
LARGEST = 2**63 - 1


@pytest.mark.parametrize("data", [None, 1, LARGEST, -LARGEST, True, 1e300, {"a": [{"b": LARGEST}]}])
def test_an_event_that_is_not_declared_brings_any_data(data: Any) -> None:
    assert PROGRAM.check_signal("any", data) == data


@pytest.mark.parametrize("data", [2**63, -(2**63) - 1, {"a": [1, {"b": 2**70}]}])
def test_but_no_integer_that_a_store_could_not_keep(data: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"event 'any' .* not below 2\*\*63 .* as text"):
        PROGRAM.check_signal("any", data)


def test_an_integer_that_is_too_large_is_told_so() -> None:
    with pytest.raises(InvalidInputError, match=r"n must be an integer below 2\*\*63, not 11805"):
        PROGRAM.check_signal("typed", {"n": 2**70})
    with pytest.raises(InvalidInputError, match=r"n must be an integer, not a boolean \(true\)"):
        PROGRAM.check_changes({"n": True})
