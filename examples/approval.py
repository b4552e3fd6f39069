"""Approval: a purchase waits for a person, and everybody can see beforehand what an answer does.

Small purchases pass. A large one waits three days for the signal `decision`. Before you answer, ask
for a preview: it runs the same code as the real thing and writes nothing. `python approval.py`
shows both answers, and silence, and then really says yes. From a shell, with one that works:

    export CORAGO_URL=sqlite:///purchases.db
    corago worker examples/approval.py &
    corago run examples/approval.py:purchase --id crane --input '{"what": "Crane", "price": 9800}'
    corago preview crane --code examples/approval.py \
        --signal decision --data '{"by": "Ann", "is_granted": false}'
    corago signal crane decision --data '{"by": "Ann", "is_granted": true}'
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from corago import Engine, State, conditional, current, done, init, step, wait_for, workflow

PATIENCE = timedelta(days=3)


@dataclass
class Decision:
    by: str
    is_granted: bool
    because: str | None = None


@step("Check price")
def check_price(price: Decimal) -> State:
    if price <= 0:
        raise ValueError(f"nobody sells for {price}")
    return {"vat": (price * Decimal("0.21")).quantize(Decimal("0.01"))}


def is_large(price: Decimal) -> bool:
    return price > 500


def is_granted(decision: Decision | None = None) -> bool:
    return decision is None or decision.is_granted  # small ones are not asked for


def is_refused(decision: Decision | None = None) -> bool:
    return not is_granted(decision)


@step("Order", at_most_once=True)  # a second order is worse than one that a person must look after
def order(what: str, price: Decimal, vat: Decimal) -> State:
    return {"order": current().idempotency_key, "text": f"{what} for {price + vat}"}


@step("Tell why not")
def tell_why_not(what: str, decision: Decision) -> State:
    return {"text": f"no {what}: {decision.because or 'no reason given'} ({decision.by})"}


@workflow("Buy something, with approval when it is large")
def purchase():
    return (
        init
        >> check_price
        >> conditional(is_large)(wait_for("decision", timeout=PATIENCE))
        >> conditional(is_granted)(order)
        >> conditional(is_refused)(tell_why_not)
        >> done
    )


def main() -> None:
    yes = {"by": "Ann", "is_granted": True}
    no = {"by": "Ann", "is_granted": False, "because": "rent one"}
    with Engine(workflows=[purchase]) as engine:
        small = engine.start(purchase, {"what": "Stapler", "price": Decimal("12.50")})
        print(f"nobody is asked: {small.result(timeout=10)['text']}")
        large = engine.start(purchase, {"what": "Crane", "price": Decimal("9800.00")})
        while large.info().status != "waiting":
            time.sleep(0.01)
        print(large.explain())
        for answer in (yes, no):
            preview = engine.preview(large.id, signal=("decision", answer))
            print(f"if Ann says {answer['is_granted']}: next {', '.join(preview.effects)}")
        silence = engine.preview(large.id, at=large.info().created_at + 2 * PATIENCE)
        print(f"if she says nothing: {silence.status}")
        engine.signal(large.id, "decision", yes, actor="ann")
        print(f"she says yes: {large.result(timeout=10)['text']}")


if __name__ == "__main__":
    main()
