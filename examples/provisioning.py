"""Provisioning: a port for a customer, from the order to the light on the switch.

A subscription is written down, the two ends are configured side by side (one of the devices is in
a bad mood and is tried again), somebody looks at it and sends the signal `acceptance`, and billing
begins. Whoever refuses gets a clean network back, and the process ends as aborted.

    export CORAGO_URL=sqlite:///ports.db
    corago worker examples/provisioning.py &
    corago run examples/provisioning.py:create_port --id port-7 \
        --input '{"customer": "6f2d1c4e-98ab-4a0f-8a6b-2c1f5d3e7a90", "speed": 1000}'
    corago signal port-7 acceptance --data '{"by": "noc", "is_accepted": true}'
    corago show port-7
"""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Interface
from uuid import UUID, uuid5

from pydantic import BaseModel, Field

from corago import (
    Retry,
    State,
    Target,
    abort,
    begin,
    conditional,
    current,
    done,
    init,
    parallel,
    retrystep,
    step,
    wait_for,
    workflow,
)

Speed = IntEnum("Speed", {"ONE_GIG": 1_000, "TEN_GIG": 10_000, "HUNDRED_GIG": 100_000})
PATIENT = Retry(attempts=4, delay=0.05, give_up=(PermissionError,))  # real ones take longer


class Subscription(BaseModel):
    id: UUID
    customer: UUID
    speed: Speed
    vlan: int | None = Field(default=None, ge=2, le=4094)


@dataclass
class Acceptance:
    by: str
    is_accepted: bool


@step("Create subscription")
def create_subscription(customer: UUID, speed: Speed) -> State:
    # made from the key of this step: should a crash make it run again, the id is the same
    identity = uuid5(customer, current().idempotency_key)
    return {"subscription": Subscription(id=identity, customer=customer, speed=speed)}


@step("Reserve VLAN")
def reserve_vlan(subscription: Subscription) -> State:
    vlan = 2 + subscription.id.int % 4093
    return {"subscription": subscription.model_copy(update={"vlan": vlan})}


@retrystep("Configure switch", retry=PATIENT, timeout=30)
async def configure_switch(subscription: Subscription) -> State:
    if current().attempt < 3:
        raise ConnectionError(f"switch: busy, no port for VLAN {subscription.vlan} now")
    return {"switch": f"port 7, VLAN {subscription.vlan}, {subscription.speed.value} Mbit/s"}


@retrystep("Configure router", retry=PATIENT, timeout=30)
async def configure_router(subscription: Subscription) -> State:
    return {"address": IPv6Interface(f"2001:db8:0:{subscription.vlan:x}::1/64")}


@step("Check light")
def check_light(address: IPv6Interface) -> State:
    return {"pinged": str(address.ip)}


def is_refused(acceptance: Acceptance) -> bool:
    return not acceptance.is_accepted


@step("Clean up")
def clean_up(subscription: Subscription) -> State:
    return {"subscription": subscription.model_copy(update={"vlan": None}), "switch": None}


@step("Begin billing")
def begin_billing(subscription: Subscription, acceptance: Acceptance) -> State:
    return {"invoice": f"{subscription.speed.name} since accepted by {acceptance.by}"}


@workflow("Create a port for a customer", target=Target.CREATE)
def create_port():
    ends = parallel("Configure", configure_switch, begin >> configure_router >> check_light)
    build = init >> create_subscription >> reserve_vlan >> ends
    undo = conditional(is_refused)(begin >> clean_up >> abort)
    return build >> wait_for("acceptance") >> undo >> begin_billing >> done
