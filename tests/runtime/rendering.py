"""What tests of queues have in common: a step of a queue, and engines on one store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from corago import AsyncEngine, Listener, State, current, step
from corago.clock import SystemClock
from corago.stores.memory import MemoryStore
from tests.runtime.stage import Stage, sharing

DEADLINE = 20.0

GPU = ("gpu",)

MakeEngine = Callable[..., AsyncEngine]


def engines(kind: str, path: Path) -> MakeEngine:
    """Makes engines on one store: in memory, or a connection each to a file."""
    if kind == "sqlite":
        return lambda **settings: AsyncEngine(f"sqlite:///{path}", **settings)
    store = MemoryStore(SystemClock())
    return lambda **settings: sharing(store, **settings)


def rendering(log: list[str], stage: Stage, seconds: float = 0.0, **options: Any) -> Any:
    """A step of the queue that writes down when it begins, ends and is stopped."""

    @step("Render", queue="gpu", **options)
    async def render() -> State:
        log.append(f"begins {stage.seconds:g}")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            log.append(f"stops {stage.seconds:g}")
            raise
        log.append(f"ends {stage.seconds:g}")
        return {"rendered": current().attempt}

    return render


class Noting(Listener):
    """Writes down what it hears of attempts."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, ...]] = []

    def attempt_began(self, process: Any, attempt: Any) -> None:
        self.heard.append(("began", process.id, process.workflow, attempt.path))

    def attempt_ended(self, process: Any, attempt: Any, result: Any, seconds: float) -> None:
        self.heard.append(("ended", process.id, type(result).__name__, str(attempt.attempt)))
