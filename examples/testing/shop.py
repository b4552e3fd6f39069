"""An order, from the till to the review: what the tests beside it are about.

    cd examples/testing
    python -m pytest

A card is charged, and charged once, however often the step runs; the warehouse sends `shipped`
within five days or the money goes back; two weeks later the customer is asked how it was.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from corago import (
    Retry,
    State,
    begin,
    conditional,
    current,
    done,
    init,
    retrystep,
    sleep,
    step,
    wait_for,
    workflow,
)

HOURLY = Retry(attempts=5, delay=3600, cap=3600, jitter=0, give_up=(PermissionError,))


@dataclass
class Bank:
    """A stand-in for the real one: it is down as often as a test wants."""

    failures: int = 0
    charges: dict[str, Decimal] = field(default_factory=dict)

    def charge(self, key: str, amount: Decimal) -> str:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the bank does not answer")
        if amount > 1000:
            raise PermissionError("over the limit of this card")
        self.charges[key] = amount  # the same key again is the same charge
        return f"receipt {len(self.charges)}"

    def reset(self, failures: int = 0) -> None:
        self.failures = failures
        self.charges.clear()


bank = Bank()


@step("Add up")
def add_up(prices: list[Decimal]) -> State:
    return {"total": sum(prices, Decimal(0))}


@retrystep("Charge card", retry=HOURLY)
def charge_card(total: Decimal) -> State:
    return {"receipt": bank.charge(current().idempotency_key, total)}


def is_large(total: Decimal) -> bool:
    return total >= 100


@step("Pack a gift")
def pack_gift() -> State:
    return {"gift": "a mug"}


@step("Ask for a review")
async def ask_for_review(shipped: dict[str, str]) -> State:
    return {"asked": f"How was {shipped['parcel']}?"}


@workflow("An order, from the till to the review")
def order():
    pay = begin >> add_up >> charge_card >> conditional(is_large)(pack_gift)
    send = wait_for("shipped", timeout=timedelta(days=5))
    return init >> pay >> send >> sleep(timedelta(days=14)) >> ask_for_review >> done
