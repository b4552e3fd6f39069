"""Orders three times: the same flow, with the same functions, through each of the three doors.

An order is charged, waits for the packers, and is shipped. A declined card or a silence of two days
ends it. The list says what comes after what. The machine says where an order can stand and what may
lead on from there, so a customer may cancel while it is packed, without a line elsewhere. The
decider says what follows from each thing that happens. `python orders.py` runs all three; a shell:

    corago graph examples/orders.py:Order --format svg > order.svg
    corago run examples/orders.py:Order --input '{"customer": "acme", "amount": 30}' --wait
"""

import time

from corago import Engine, Retry, State, current, done, events, init, step, wait_for, workflow
from corago.decider import CancelProcess, CompleteProcess, ScheduleActivity, StartTimer, activity
from corago.decider import Workflow as Decider
from corago.machine import Event, Machine, after
from corago.machine import State as Place


class DeclinedError(Exception): ...  # asking again would not help


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


# -- as a decider ----------------------------------------------------------------------------------


class DecidedOrder(Decider):
    activities = [activity(retry=patience)(charge), activity(ship), activity(refund)]

    def initiate(self, process):
        return ScheduleActivity("charge")  # its input is that of the process

    def respond_to_completed_activity(self, process, event):
        if event.activity == "charge":
            return StartTimer(48 * 3600, data=event.value["receipt"])
        return CompleteProcess(event.value) if event.activity == "ship" else CancelProcess()

    def respond_to_interrupted_activity(self, process, event):
        return CancelProcess()

    def respond_to_signal(self, process, event):
        if event.name == "packed" and waits_for_packers(process):
            yield ScheduleActivity("ship", process.input["customer"])

    def respond_to_timer(self, process, event):
        if waits_for_packers(process):
            yield ScheduleActivity("refund", event.data)


def waits_for_packers(process):
    begun = [each.activity for each in process.history.of(events.ActivityScheduled)]
    return begun == ["charge"] and not process.unfinished_activities()


def main() -> None:
    with Engine(workflows=[order, Order, DecidedOrder]) as engine:
        listed = engine.start(order, {"customer": "acme", "amount": 30}, id="listed")
        engine.signal("listed", "packed")
        print(listed.result(timeout=10)["parcel"])

        machine = engine.start(Order, {"customer": "brix", "amount": 70}, id="machine")
        while machine.info().state == "charging":  # an event comes to the state that there is
            time.sleep(0.01)
        print("once packed, it would be:", engine.preview("machine", signal="packed").state)
        engine.signal("machine", "packed", key="scan-1")
        print(machine.result(timeout=10)["internal"]["parcel"])

        decided = engine.start(DecidedOrder, {"customer": "dyer", "amount": 50})
        while not decided.info().state["timers"]:
            time.sleep(0.01)
        engine.signal(decided.id, "packed")
        print(decided.result(timeout=10)["parcel"])

        poor = {"customer": "crux", "amount": 70_000}
        print(engine.start(Order, poor).result(timeout=10)["state"])


if __name__ == "__main__":
    main()
