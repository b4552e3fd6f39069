"""The orders example: both doors come to the same, and the machine can say more on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib import import_module
from threading import Event as Flag
from typing import Any

import pytest

from corago import Engine, Handle, ProcessFailedError
from corago.testing import transition_paths

orders: Any = import_module("examples.orders")

GOOD = {"customer": "acme", "amount": 30}
POOR = {"customer": "crux", "amount": 70_000}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workflows=[orders.order, orders.Order]) as engine:
        yield engine


def packing(engine: Engine) -> Handle:
    """An order of the machine that has come to the packers."""
    handle = engine.start(orders.Order, GOOD)
    pause, deadline = Flag(), time.monotonic() + 10
    while handle.info().state != "packing":
        assert time.monotonic() < deadline, handle.explain()
        pause.wait(0.005)
    return handle


def test_both_doors_send_the_same_parcel(engine: Engine) -> None:
    listed = engine.start(orders.order, GOOD)
    engine.signal(listed.id, "packed")
    machine = packing(engine)
    assert engine.preview(machine.id, signal="packed").state == "shipping"
    engine.signal(machine.id, "packed")
    parcel = machine.result(timeout=10)["internal"]["parcel"]
    assert parcel == listed.result(timeout=10)["parcel"] == "parcel for acme"


def test_a_declined_card_ends_both(engine: Engine) -> None:
    with pytest.raises(ProcessFailedError, match="can't pay"):
        engine.start(orders.order, POOR).result(timeout=10)
    assert engine.start(orders.Order, POOR).result(timeout=10)["state"] == "given_up"


def test_a_customer_may_cancel_while_it_is_packed(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = packing(engine)
    engine.signal(handle.id, "cancel", {"why": "too late"})
    assert handle.result(timeout=10)["state"] == "given_up"
    assert "refunded" in capsys.readouterr().out


@pytest.mark.parametrize("path", transition_paths(orders.Order), ids=str)
def test_every_edge_of_the_machine_is_walked(path: Any) -> None:
    path.walk(orders.Order)


def test_the_machine_is_sound() -> None:
    assert [each for each in orders.Order.lint() if each.level != "note"] == []


def test_main_tells_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    orders.main()
    assert capsys.readouterr().out.splitlines() == [
        "parcel for acme",
        "once packed, it would be: shipping",
        "parcel for brix",
        "given_up",
    ]
