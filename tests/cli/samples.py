"""Workflows for the command line's tests, as a user's file would hold them."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from corago import State, conditional, done, init, parallel, sleep, step, wait_for, workflow
from corago.steps import StepList

SECRETS = os.environ  # a module holds more than workflows


@step("Double")
def double(n: int) -> State:
    print("doubling")  # noqa: T201 - users' steps do
    return {"n": 2 * n}


@step("Refuse large ones")
async def refuse(n: int) -> State:
    if n > 10:
        raise ValueError(f"{n} is too large")
    return {}


@step("Fail once")
def fail_once(marker: str) -> State:
    """Fails until its file is there."""
    file = Path(marker)
    if not file.exists():
        file.touch()
        raise RuntimeError("not yet")
    return {"seen": True}


@step("Die", at_most_once=True)
def die() -> State:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@step("Ask the gate")
def ask_gate(gate: str) -> State:
    """Notes that it runs, and goes on until the gate is open."""
    Path(f"{gate}.reached").touch()
    while not Path(gate).exists():
        threading.Event().wait(0.01)
    return {"passed": True}


@step("Add up")
def add_up(rows: list[dict[str, Any]]) -> State:
    return {"sum": sum(int(row["n"]) for row in rows)}


@step("Note")
def note(n: int, side: str) -> State:
    """Appends a line to a side file, at once."""
    file = os.open(side, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{n}\n".encode())
    finally:
        os.close(file)
    return {}


def is_small(n: int) -> bool:
    return n < 5


@workflow("Doubles a number")
def doubler() -> StepList:
    return init >> double >> refuse >> done


@workflow("Waits for a word")
def waiter() -> StepList:
    return init >> wait_for("go") >> double >> done


@workflow("Waits, then looks at a number")
def chooser() -> StepList:
    return init >> wait_for("go") >> conditional(is_small)(double) >> done


@workflow("Fails until its marker is there")
def stubborn() -> StepList:
    return init >> fail_once >> done


@workflow("Kills the OS process that runs it")
def deadly() -> StepList:
    return init >> die >> done


@workflow("Passes a gate")
def gated() -> StepList:
    return init >> ask_gate >> done


@workflow("Sums the rows of a group")
def summer() -> StepList:
    return init >> add_up >> done


@workflow("Rests a moment")
def rester() -> StepList:
    return init >> sleep(0.3) >> double >> done


@workflow("Goes two ways")
def forked() -> StepList:
    return init >> parallel("Both", double, refuse.named("Look")) >> done


@workflow("Notes a number outside")
def noted() -> StepList:
    return init >> note >> done
