"""The orders example: all doors come to the same, and the machine can say more on the way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from corago import Engine, Handle, ProcessCanceledError, ProcessClosedError, ProcessFailedError
from corago.core.events import ActivityScheduled
from corago.testing import VirtualClock, expect, transition_paths

orders: Any = import_module("examples.orders")

GOOD = {"customer": "acme", "amount": 30}
POOR = {"customer": "crux", "amount": 70_000}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workflows=[orders.order, orders.Order, orders.DecidedOrder]) as engine:
        yield engine


def waits_for_packers(state: Any) -> bool:
    return state == "packing" or (isinstance(state, dict) and bool(state["timers"]))


def packing(engine: Engine, workflow: Any = orders.Order) -> Handle:
    """An order that has come to the packers."""
    handle = engine.start(workflow, GOOD)
    pause, deadline = Flag(), time.monotonic() + 10
    while not waits_for_packers(handle.info().state):
        assert time.monotonic() < deadline, handle.explain()
        pause.wait(0.005)
    return handle


def test_all_doors_send_the_same_parcel(engine: Engine) -> None:
    listed = engine.start(orders.order, GOOD)
    engine.signal(listed.id, "packed")
    machine, decided = packing(engine), packing(engine, orders.DecidedOrder)
    assert engine.preview(machine.id, signal="packed").state == "shipping"
    assert engine.preview(decided.id, signal="packed").effects == ("ship",)
    engine.signal(machine.id, "packed")
    engine.signal(decided.id, "packed")
    parcel = machine.result(timeout=10)["internal"]["parcel"]
    assert parcel == listed.result(timeout=10)["parcel"] == "parcel for acme"
    assert parcel == decided.result(timeout=10)["parcel"]


def test_a_declined_card_ends_all(engine: Engine) -> None:
    with pytest.raises(ProcessFailedError, match="can't pay"):
        engine.start(orders.order, POOR).result(timeout=10)
    assert engine.start(orders.Order, POOR).result(timeout=10)["state"] == "given_up"
    with pytest.raises(ProcessCanceledError):
        engine.start(orders.DecidedOrder, POOR).result(timeout=10)


def test_a_decider_refunds_once_nobody_has_packed_for_two_days(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = VirtualClock()
    with Engine(workflows=[orders.DecidedOrder], clock=clock) as engine:
        begun = clock.now()
        expect(engine.start(orders.DecidedOrder, GOOD)).canceled()
        assert (clock.now() - begun).days == 2
    assert capsys.readouterr().out.startswith("refunded")


def test_a_decider_ships_once_though_it_is_told_twice_that_it_is_packed(engine: Engine) -> None:
    decided = packing(engine, orders.DecidedOrder)
    for _ in range(2):
        with contextlib.suppress(ProcessClosedError):
            engine.signal(decided.id, "packed")
    decided.result(timeout=10)
    shipped = [each for each in decided.history().of(ActivityScheduled) if each.path == "ship"]
    assert len(shipped) == 1


def test_a_customer_may_cancel_while_it_is_packed(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = packing(engine)
    engine.signal(handle.id, "cancel", {"why": "too late"})
    assert handle.result(timeout=10)["state"] == "given_up"
    assert "refunded" in capsys.readouterr().out


@pytest.mark.parametrize(("days", "end"), [(1, "completed"), (3, "canceled")])
def test_what_came_first_wins_though_a_decider_hears_of_both_together(
    tmp_path: Path, days: int, end: str
) -> None:
    url, clock = f"sqlite:///{tmp_path / 'orders.db'}", VirtualClock()
    with Engine(url, workflows=[orders.DecidedOrder], clock=clock) as engine:
        expect(engine.start(orders.DecidedOrder, GOOD, id="o")).waits_for_timer()
    with Engine(url, worker=False, clock=clock) as client:
        clock.advance(timedelta(days=days))
        client.signal("o", "packed")
        clock.advance(timedelta(days=4))
    with Engine(url, workflows=[orders.DecidedOrder], clock=clock) as engine:
        with contextlib.suppress(ProcessCanceledError):
            engine.get("o").result(timeout=10)
        assert engine.get("o").info().status == end


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
        "parcel for dyer",
        "given_up",
    ]
