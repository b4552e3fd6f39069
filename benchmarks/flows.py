"""The workflows that are measured: no-op steps over a State of about 120 bytes of JSON."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from corago import State, current, done, init, sleep, step, wait_for, workflow
from corago.steps import StepList, Workflow

INPUT = {"count": 0, "payload": {"customer": "x" * 60, "lines": [1, 2, 3], "paid": True}}


def _step(number: int, *, is_async: bool, queue: str | None) -> Any:
    async def count_async(count: int, payload: dict[str, Any]) -> State:
        return {"count": count + 1, "payload": payload}

    def count_sync(count: int, payload: dict[str, Any]) -> State:
        return {"count": count + 1, "payload": payload}

    return step(f"step {number}", queue=queue)(count_async if is_async else count_sync)


def _list(steps: list[Any], name: str) -> Workflow:
    def body() -> StepList:
        whole = init
        for each in steps:
            whole = whole >> each
        return whole >> done

    body.__name__ = name
    return workflow("no-op steps")(body)


def line(length: int, *, is_async: bool = True, queue: str | None = None) -> Workflow:
    """A straight list of `length` no-op steps."""
    steps = [_step(number, is_async=is_async, queue=queue) for number in range(length)]
    return _list(steps, f"line_{length}_{'async' if is_async else 'sync'}_{queue or 'inline'}")


def logged(length: int, log: int, gate: asyncio.Event) -> Workflow:
    """The same behind a gate; each run of a step adds a line to an open file."""

    async def count_logged(count: int, payload: dict[str, Any]) -> State:
        await gate.wait()
        os.write(log, f"{current().idempotency_key.replace(' ', '_')}\n".encode())
        return {"count": count + 1, "payload": payload}

    one = step("step")(count_logged)
    return _list([one.named(f"step {number}") for number in range(length)], f"logged_{length}")


@workflow("waits for a signal")
def parked() -> StepList:
    return init >> wait_for("go") >> done


@workflow("sleeps for a month")
def napping() -> StepList:
    return init >> sleep(30 * 86_400) >> done
