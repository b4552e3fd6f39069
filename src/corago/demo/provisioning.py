"""The demo's workflow: an honest little provisioning of network ports.

Each step notes in a side file, which stands for the world outside, when it began and when it had
its effect. Run it with a worker of your own too: `corago worker` takes this file.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

from corago import (
    Retry,
    State,
    current,
    done,
    init,
    parallel,
    retrystep,
    step,
    wait_for,
    workflow,
)

SIDE_FILE = "CORAGO_DEMO_SIDE_FILE"
"""Names the environment's variable with the path of the side file; without it nothing is noted."""

PACE = "CORAGO_DEMO_PACE"
"""Names the variable with the factor by which every step's duration is multiplied."""


def note(what: str) -> None:
    """Append a line to the side file: this step `began`, or `ended` with its effect."""
    path = os.environ.get(SIDE_FILE)
    if path is None:
        return
    here = current()
    line = {
        "what": what,
        "process": here.process_id,
        "step": here.path,
        "attempt": here.attempt,
        "key": here.idempotency_key,
        "worker": os.getpid(),
    }
    # one write of one short line: lines of several threads and OS processes do not mix
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
    finally:
        os.close(file)


def seconds(count: float) -> float:
    """A duration in the demo's pace."""
    return count * float(os.environ.get(PACE, "1"))


@step("Check the order")
def check_order(number: int, customer: str) -> State:
    """A sync step."""
    note("began")
    time.sleep(seconds(0.3))
    note("ended")
    return {"port": f"ge-0/0/{number}", "label": f"{customer} #{number}"}


@retrystep("Reserve an address", retry=Retry(attempts=3, delay=0.4, jitter=0.0))
def reserve_address(number: int) -> State:
    """Fails at its first attempt for every third order, as real services do; then succeeds."""
    note("began")
    time.sleep(seconds(0.3))
    if number % 3 == 0 and current().attempt == 1:
        raise ConnectionError("the address plan does not answer")
    note("ended")
    return {"address": f"192.0.2.{number}"}


@step("Configure the switch")
async def configure_switch(port: str, address: str) -> State:
    """An async step, in one branch."""
    note("began")
    await asyncio.sleep(seconds(0.8))
    note("ended")
    return {"configuration": f"set interfaces {port} unit 0 family inet address {address}/32"}


@step("Open the firewall")
def open_firewall(address: str) -> State:
    """A sync step, in the other branch."""
    note("began")
    time.sleep(seconds(0.5))
    note("ended")
    return {"rule": f"permit {address}"}


@step("Activate")
def activate(port: str, approval: dict[str, Any]) -> State:
    """After a person said yes."""
    note("began")
    time.sleep(seconds(0.4))
    note("ended")
    return {"activated": f"{port}, approved by {approval['by']}"}


@step("Tell the customer")
async def tell_customer(label: str, activated: str) -> State:
    """The last one."""
    note("began")
    await asyncio.sleep(seconds(0.2))
    note("ended")
    return {"letter": f"Dear {label}: {activated}. Enjoy!"}


@workflow("Provision a network port")
def provision():  # type: ignore[no-untyped-def] # noqa: ANN201 - as users write it
    """Check, reserve, prepare on two sides, wait for a yes, activate, tell."""
    return (
        init
        >> check_order
        >> reserve_address
        >> parallel("Prepare", configure_switch, open_firewall)
        >> wait_for("approve", into="approval")
        >> activate
        >> tell_customer
        >> done
    )
