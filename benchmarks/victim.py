"""An OS process that runs logged steps: `half` until killed, `rest` what is left, or `afresh`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from benchmarks.flows import INPUT, logged
from corago import AsyncEngine

STEPS = 10


async def main(role: str, path: Path, count: int) -> None:
    log = os.open(path.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    gate = asyncio.Event()
    flow = logged(STEPS // 2 if role == "afresh" else STEPS, log, gate)
    async with AsyncEngine(f"sqlite:///{path}", workflows=[flow], concurrency=count) as engine:
        if role != "rest":
            # They stand in the first step until all are there, so that all are half-done at once.
            await engine.start_many(flow, [INPUT] * count, window=count)
        gate.set()
        while (await engine.count(status="completed")).get("completed", 0) < count:
            await asyncio.sleep(0.02)
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
