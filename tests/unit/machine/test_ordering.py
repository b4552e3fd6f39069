"""The order of states for people."""

from __future__ import annotations

from typing import Any

from corago.machine.ordering import in_order
from tests.machines.corpus import document


def test_states_stand_in_the_order_in_which_edges_come_to_them() -> None:
    told: dict[str, Any] = {
        "initial": "z",
        "error": "oops",
        "states": {
            "a": {"on": [{"event": "back", "to": "z"}]},
            "loose": {},
            "oops": {},
            "z": {"on": [{"event": "go", "to": "m"}, {"event": "stay"}]},
            "m": {"when": [{"to": "a"}]},
        },
    }
    assert list(in_order(told)["states"]) == ["z", "m", "a", "oops", "loose"]


def test_nothing_else_changes() -> None:
    order = document("order")
    assert in_order(order) == order
