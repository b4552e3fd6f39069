"""An OS process that works until it is killed; it tells when half of its work is recorded."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.flows import INPUT, line
from corago import AsyncEngine


async def main(path: Path, count: int) -> None:
    flow = line(10)
    async with AsyncEngine(f"sqlite:///{path}", workflows=[flow], concurrency=count) as engine:
        handles = await engine.start_many(flow, [INPUT] * count, window=count)
        half = handles[count // 2]
        while (await half.info()).position < 6:
            await asyncio.sleep(0.001)
        print("half", flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
