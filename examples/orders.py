"""Orders twice: the same flow as a list of steps and as a state machine, with the same functions.

An order is charged, waits for the packers, and is shipped. A card that is declined ends it; so does
a silence of two days. The list says what comes after what, and everything that happens in between
is written where it happens. The machine says where an order can stand and what may lead on from
there, so a customer may cancel while it is being packed, or ask to be served later, without a line
elsewhere. `python orders.py` runs both; from a shell:

    corago graph examples/orders.py:Order --format svg > order.svg
    corago lint examples/orders.py
    corago run examples/orders.py:Order --input '{"customer": "acme", "amount": 30}' --wait
"""

import time

from corago import Engine, Retry, State, current, done, init, step, wait_for, workflow
from corago.machine import Event, Machine, after
from corago.machine import State as Place


class DeclinedError(Exception):
    """The bank said no: asking again would not help."""


def charge(customer: str, amount: int) -> dict:
    if amount > 5000:
        raise DeclinedError(f"{customer} can't pay {amount}")
    return {"receipt": current().idempotency_key}


def ship(customer: str) -> dict:
    return {"parcel": f"parcel for {customer}"}


def refund(receipt: str) -> None:
    print(f"refunded {receipt}")


# -- as a list of steps ----------------------------------------------------------------------------

patience = Retry(attempts=5, give_up=[DeclinedError])


@step("Charge the card", retry=patience)
def charge_card(customer: str, amount: int) -> State:
    return charge(customer, amount)


@step("Ship")
def ship_it(customer: str) -> State:
    return ship(customer)


@workflow("Handle an order")
def order():
    packed = wait_for("packed", timeout=48 * 3600)
    return init >> charge_card >> packed >> ship_it >> done


# -- as a machine ----------------------------------------------------------------------------------


class Order(Machine, name="order_machine"):
    """Handle an order."""

    class External:
        customer: str
        amount: int

    class Internal:
        receipt: str | None = None
        parcel: str | None = None

    class Cancel(Event):
        why: str = "no reason given"

    charging = Place(initial=True)
    packing = Place()
    shipping = Place()
    shipped = Place(terminal=True)
    given_up = Place(terminal=True)

    charging.run(charge, customer="external.customer", amount="external.amount", retry=patience)
    charging.done().set({"internal.receipt": "result.receipt"}).to(packing)
    charging.failed(DeclinedError).to(given_up)

    packing.on("packed").to(shipping)
    packing.on(Cancel).effect(refund, receipt="internal.receipt").to(given_up)
    packing.on(after("48h")).effect(refund, receipt="internal.receipt").to(given_up)

    shipping.run(ship, customer="external.customer", timeout="1h")
    shipping.done().set({"internal.parcel": "result.parcel"}).to(shipped)

    lifetime = after("30d").to(given_up)


def main() -> None:
    with Engine(workflows=[order, Order]) as engine:
        listed = engine.start(order, {"customer": "acme", "amount": 30}, id="listed")
        engine.signal("listed", "packed")
        print(listed.result(timeout=10)["parcel"])

        machine = engine.start(Order, {"customer": "brix", "amount": 70}, id="machine")
        while machine.info().state == "charging":  # an event comes to the state that there is
            time.sleep(0.01)
        print("once packed, it would be:", engine.preview("machine", signal="packed").state)
        engine.signal("machine", "packed", key="scan-1")
        print(machine.result(timeout=10)["internal"]["parcel"])

        poor = engine.start(Order, {"customer": "crux", "amount": 70_000}, id="poor")
        print(poor.result(timeout=10)["state"])


if __name__ == "__main__":
    main()
