"""The provisioning example: tried again, side by side, accepted or undone."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

from corago import Engine, Handle, ProcessAbortedError
from corago.core.events import ActivityClosed, ActivityRetried

provisioning: Any = import_module("examples.provisioning")

CUSTOMER = UUID("6f2d1c4e-98ab-4a0f-8a6b-2c1f5d3e7a90")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workflows=[provisioning.create_port]) as engine:
        yield engine


def ordered(engine: Engine, *, is_accepted: bool) -> Handle:
    """A port, accepted or not before it is even built: the answer waits for the question."""
    handle = engine.start(provisioning.create_port, {"customer": CUSTOMER, "speed": 1_000})
    engine.signal(handle.id, "acceptance", {"by": "noc", "is_accepted": is_accepted})
    return handle


def test_an_accepted_port_is_billed(engine: Engine) -> None:
    result = ordered(engine, is_accepted=True).result(timeout=10)
    subscription = provisioning.Subscription.model_validate(result["subscription"])
    assert subscription.customer == CUSTOMER
    assert result["switch"] == f"port 7, VLAN {subscription.vlan}, 1000 Mbit/s"
    assert result["address"].startswith(f"2001:db8:0:{subscription.vlan:x}:")
    assert result["pinged"] == result["address"].removesuffix("/64")
    assert result["invoice"] == "ONE_GIG since accepted by noc"


def test_a_switch_in_a_bad_mood_is_tried_until_it_obeys(engine: Engine) -> None:
    handle = ordered(engine, is_accepted=True)
    handle.result(timeout=10)
    events = [
        (type(event), event.attempt)
        for event in handle.history()
        if isinstance(event, ActivityRetried | ActivityClosed)
        and event.path == "Configure/Configure switch"
    ]
    assert events == [(ActivityRetried, 1), (ActivityRetried, 2), (ActivityClosed, 3)]


def test_a_refused_port_is_cleaned_up_and_ends_aborted(engine: Engine) -> None:
    handle = ordered(engine, is_accepted=False)
    with pytest.raises(ProcessAbortedError):
        handle.result(timeout=10)
    state = handle.info().state
    assert state["subscription"]["vlan"] is None
    assert state["switch"] is None
    assert "invoice" not in state


def test_two_orders_are_two_subscriptions(engine: Engine) -> None:
    both = [ordered(engine, is_accepted=True).result(timeout=10) for _ in range(2)]
    assert both[0]["subscription"]["id"] != both[1]["subscription"]["id"]
