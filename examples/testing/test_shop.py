"""The whole kit at work. Nothing is installed or set up for it: pytest finds the fixtures."""

from datetime import timedelta
from pathlib import Path

import pytest
from shop import bank, order

from corago.testing import crash_at, crash_everywhere, expect, replay, stored_histories

CART = {"prices": ["79.90", "24.00"]}
SHIPPED = {"shipped": {"parcel": "P1"}}


@pytest.fixture(autouse=True)
def open_bank():
    bank.reset()


def test_an_order_is_paid_shipped_and_reviewed(engine, clock):
    handle = engine.start(order, CART)
    expect(handle).waits_for_signal("shipped").ran("Add up", "Charge card", "Pack a gift")
    engine.signal(handle.id, "shipped", SHIPPED["shipped"])
    begun = clock.now()
    assert handle.result(timeout=5)["asked"] == "How was P1?"
    assert clock.now() - begun == timedelta(days=14)


def test_a_small_order_gets_no_gift(engine):
    handle = engine.start(order, {"prices": ["5"]})
    expect(handle).waits_for_signal("shipped").did_not_run("Pack a gift")


def test_the_bank_is_asked_every_hour_until_it_answers(engine, clock):
    bank.reset(failures=3)
    begun = clock.now()
    handle = engine.start(order, CART)
    expect(handle).waits_for_signal("shipped").attempts("Charge card", 4)
    assert clock.now() - begun == timedelta(hours=3)


def test_a_card_over_its_limit_is_not_tried_again(engine):
    handle = engine.start(order, {"prices": ["1000.01"]})
    expect(handle).failed_at("Charge card", PermissionError).attempts("Charge card", 1)


def test_an_order_that_is_not_shipped_in_five_days_fails(engine, clock):
    begun = clock.now()
    handle = engine.start(order, CART)
    expect(handle).failed_at("Wait for shipped", TimeoutError, saying="did not arrive")
    assert clock.now() - begun == timedelta(days=5)


def test_the_shop_may_ship_on_the_last_day(engine, clock):
    handle = engine.start(order, CART)
    expect(handle).waits_for_signal("shipped")
    clock.advance(timedelta(days=4, hours=23))
    engine.signal(handle.id, "shipped", SHIPPED["shipped"])
    expect(handle).completed_with(receipt="receipt 1", gift="a mug")


def test_a_crash_after_the_charge_does_not_charge_twice():
    run = crash_at("Charge card").run(order, CART, signals=SHIPPED)
    expect(run).completed_with(receipt="receipt 1").ran("Charge card", "Ask for a review")
    assert len(bank.charges) == 1


def test_an_order_survives_a_crash_at_every_store_call():
    crash_everywhere(order, CART, signals=SHIPPED, prepare=bank.reset)


@stored_histories(Path(__file__).parent / "histories")
def test_the_orders_of_last_year_still_fit(history):
    replay(history, order)
