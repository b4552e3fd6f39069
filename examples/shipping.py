"""Shipping: an order as a set of rules, with any number of parcels on their way at a time.

The customer pays, and then all parcels are shipped at once. While they are on their way, the signal
`extra` adds another one. When one can't be shipped, or somebody cancels the order, the others are
called back; when the last of them has ended, the money is returned and the order is cancelled. All
this may happen in any order. `python shipping.py` tells two stories; from a shell:

    corago run examples/shipping.py:Shipping --wait \
        --input '{"customer": "acme", "amount": 90, "parcels": ["books", "lamp"]}'
"""

import asyncio
import contextlib

from corago import Engine, ProcessCanceledError, Retry, events
from corago.decider import (
    ActivityAborted,
    CancelActivity,
    CancelProcess,
    CompleteProcess,
    FailProcess,
    ScheduleActivity,
    Workflow,
    activity,
    rules,
)


@activity(retry=Retry(attempts=3))
def pay(customer: str, amount: int) -> str:
    if amount > 5000:
        return ActivityAborted(f"{customer} can't pay {amount}")  # asking again would not help
    return f"{customer} paid {amount}"


@activity
async def ship(parcel: str) -> str:
    await asyncio.sleep(0.1 if parcel == "crystal" else 0.3)
    if parcel == "crystal":
        raise ValueError("the crystal is broken")
    return f"{parcel} delivered"


@activity
def refund(customer: str, amount: int) -> str:
    return f"{customer} got {amount} back"


class Shipping(Workflow):
    """Handle an order of several parcels."""

    activities = [pay, ship, refund]

    @rules.initiated
    def begin(self, process):
        return pay  # its input is that of the process

    @rules.completed_activity(pay)
    @rules.signal("extra")
    def ship_what_is_left(self, process):
        signals = process.history.of(events.SignalReceived)
        extras = [each.data for each in signals if each.name == "extra"]
        begun = [each.input for each in (*process.unfinished_activities(), *done(process, ship))]
        for parcel in dict.fromkeys((*process.input["parcels"], *extras)):
            if done(process, pay) and not is_off(process) and parcel not in begun:
                yield self.shipment(parcel)

    def shipment(self, parcel):
        return ScheduleActivity(ship, parcel, id=f"ship {parcel}")

    @rules.interrupted_activity(pay)
    @rules.interrupted_activity(ship)
    @rules.cancel_requested
    def call_back(self, process):
        return [CancelActivity(pay), CancelActivity(ship)]  # those that are open

    @rules.completed_activity(refund)
    def end(self, process):
        return CancelProcess()

    @rules.interrupted_activity(refund)
    def ask_a_person(self, process, event):
        return FailProcess(event.error)  # after a `retry`, it is settled anew

    def decide(self, process):
        yield super().decide(process)  # what the rules say
        if not process.unfinished_activities() and not process.is_ending:
            yield self.settle(process)

    def settle(self, process):
        if not is_off(process):
            return CompleteProcess([each.value for each in done(process, ship)])
        return refund if done(process, pay) else CancelProcess()


def done(process, activity):
    return [each for each in process.completed_activities() if each.activity == activity.name]


def is_off(process):
    ends = process.history.of(events.ActivityClosed)
    return process.is_cancel_requested or not all(each.is_completed for each in ends)


def main() -> None:
    order = {"customer": "acme", "amount": 90, "parcels": ["books", "lamp"]}
    with Engine(workflows=[Shipping]) as engine:
        good = engine.start(Shipping, order, id="good")
        engine.signal("good", "extra", "gloves")
        print(good.result(timeout=10))
        bad = engine.start(Shipping, order | {"parcels": ["books", "crystal"]}, id="bad")
        with contextlib.suppress(ProcessCanceledError):
            bad.result(timeout=10)
        for event in bad.history().of(events.ActivityClosed):
            print(event.path, type(event.result).__name__)


if __name__ == "__main__":
    main()
