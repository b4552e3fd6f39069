"""An order as a class that says everything a class may say, and the document that it amounts to."""

from __future__ import annotations

from datetime import timedelta

from corago.machine import (
    Event,
    Machine,
    Retry,
    State,
    activity,
    after,
    anyof,
    child,
    group,
    hook,
    previous,
)


class DeclinedError(Exception):
    pass


def charge(amount: int) -> dict[str, str]:
    return {"id": f"c{amount}"}


def refund(charge: str) -> None:
    return None


def rest() -> None:
    return None


def is_tired() -> bool:
    return True


class Order(Machine, version=3, conflict="first", max_transitions=7):
    """An order,
    from the basket to the door.

    More of it.
    """  # noqa: D205 - a summary of two lines is what is tried

    class External:
        amount: int
        address: str | None = None

    class Internal:
        attempts: int = 0
        charge: str | None

    class Cancel(Event):
        reason: str

    class Check(Event, name="T02 Check"):
        pass

    new = State(initial=True)
    paying = State(description="money")
    packing = State()
    fulfilling = State()
    shipped = State(terminal=True)
    failed = State(name="gone-wrong", forever=True)
    trouble = State(error=True)

    new.after("48h").to(failed)
    new.on(after(timedelta(days=3))).to(failed)
    new.when("external.address != None").described("known").to(paying)
    new.on(Check).stay()
    paying.run(
        charge,
        amount="external.amount",
        retry=Retry(attempts=5, give_up=(DeclinedError,)),
        timeout="2m",
        result={"type": "any"},
    )
    paying.done().set({"internal.charge": "result.id"}).to(packing)
    paying.failed(DeclinedError).to(failed)
    paying.failed().to(new)
    paying.enter(set={"internal.attempts": "internal.attempts + 1"})
    paying.exit(effect=[activity(refund, charge="'x'", queue="slow"), rest])
    packing.on(Cancel).when("event.reason != ''").effect(
        refund, charge="internal.charge", at_most_once=True
    ).to(failed)
    packing.on("poke").unless(is_tired).stay()
    packing.when("external.amount > 0").to(fulfilling)
    fulfilling.children(ship=child("shipping", order="external.amount"), join="any")
    fulfilling.done().to(shipped)
    trouble.on("resume").to(previous())
    early = group(new, paying, description="early")
    early.on("stop").to(failed)
    anyof(packing, fulfilling).on("stop").set({"internal.attempts": 0}).to(failed)
    on_transition = hook(set={"internal.attempts": "internal.attempts"})
    idle = after("30d").to(failed)
    lifetime = after(90 * 86400)
    validate = "internal.attempts < 100"


_STOP = {"event": "stop", "set": {"internal.attempts": "0"}, "to": "gone-wrong"}

DOCUMENT = {
    "kind": "machine",
    "name": "order",
    "version": 3,
    "description": "An order, from the basket to the door.",
    "initial": "new",
    "conflict": "first",
    "max_transitions": 7,
    "error": "trouble",
    "external": {
        "amount": {"type": "integer"},
        "address": {"type": "string", "nullable": True, "default": None},
    },
    "internal": {
        "attempts": {"type": "integer", "default": 0},
        "charge": {"type": "string", "nullable": True},
    },
    "events": {"cancel": {"reason": {"type": "string"}}, "T02 Check": {}},
    "states": {
        "new": {
            "after": [
                {"delay": "PT48H", "to": "gone-wrong"},
                {"delay": "P3D", "to": "gone-wrong"},
            ],
            "when": [
                {
                    "if": "external.address != None",
                    "description": "known",
                    "to": "paying",
                }
            ],
            "on": [{"event": "T02 Check"}],
        },
        "paying": {
            "description": "money",
            "run": {
                "activity": "charge",
                "args": {"amount": "external.amount"},
                "retry": {"attempts": 5, "give_up": ["DeclinedError"]},
                "timeout": "PT2M",
                "result": {"type": "any"},
            },
            "done": [{"set": {"internal.charge": "result.id"}, "to": "packing"}],
            "failed": [{"error": "DeclinedError", "to": "gone-wrong"}, {"to": "new"}],
            "enter": [{"set": {"internal.attempts": "internal.attempts + 1"}}],
            "exit": [
                {
                    "effect": [
                        {"activity": "refund", "args": {"charge": "'x'"}, "queue": "slow"},
                        {"activity": "rest"},
                    ]
                }
            ],
        },
        "packing": {
            "on": [
                {
                    "event": "cancel",
                    "if": "event.reason != ''",
                    "effect": [
                        {
                            "activity": "refund",
                            "args": {"charge": "internal.charge"},
                            "at_most_once": True,
                        }
                    ],
                    "to": "gone-wrong",
                },
                {"event": "poke", "unless": {"call": "is_tired"}},
                _STOP,
            ],
            "when": [{"if": "external.amount > 0", "to": "fulfilling"}],
        },
        "fulfilling": {
            "children": {"ship": {"workflow": "shipping", "input": {"order": "external.amount"}}},
            "join": "any",
            "on": [_STOP],
            "done": [{"to": "shipped"}],
        },
        "shipped": {"terminal": True},
        "gone-wrong": {"forever": True},
        "trouble": {"on": [{"event": "resume", "to": "previous()"}]},
    },
    "groups": {
        "early": {
            "members": ["new", "paying"],
            "description": "early",
            "on": [{"event": "stop", "to": "gone-wrong"}],
        }
    },
    "on_transition": [{"set": {"internal.attempts": "internal.attempts"}}],
    "idle": {"delay": "P30D", "to": "gone-wrong"},
    "lifetime": {"delay": "P90D"},
    "validate": "internal.attempts < 100",
}
