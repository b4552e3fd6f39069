"""The workflows that are measured: no-op steps over a State of about 120 bytes of JSON."""

from __future__ import annotations

from typing import Any

from corago import State, done, init, step, wait_for, workflow
from corago.steps import StepList, Workflow

INPUT = {"count": 0, "payload": {"customer": "x" * 60, "lines": [1, 2, 3], "paid": True}}


def _step(number: int, *, is_async: bool) -> Any:
    async def count_async(count: int, payload: dict[str, Any]) -> State:
        return {"count": count + 1, "payload": payload}

    def count_sync(count: int, payload: dict[str, Any]) -> State:
        return {"count": count + 1, "payload": payload}

    return step(f"step {number}")(count_async if is_async else count_sync)


def line(length: int, *, is_async: bool = True) -> Workflow:
    """A straight list of `length` no-op steps."""

    def body() -> StepList:
        steps = init
        for number in range(length):
            steps = steps >> _step(number, is_async=is_async)
        return steps >> done

    body.__name__ = f"line_{length}_{'async' if is_async else 'sync'}"
    return workflow("no-op steps")(body)


@workflow("waits for a signal")
def parked() -> StepList:
    return init >> wait_for("go") >> done
