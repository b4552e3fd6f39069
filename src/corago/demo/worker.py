"""The demo's worker, an OS process of its own: `python -m corago.demo.worker URL`.

Says `ready` on stdout, and runs until SIGTERM, or until its stdin ends: then whoever started it is
gone, and it leaves too.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from corago import AsyncEngine
from corago.demo.provisioning import provision

CONCURRENCY = 8
"""Few, so that at any moment some processes stand in each part of the workflow."""

GRACE_SECONDS = 3.0


async def work(url: str) -> None:
    """Run the demo's workflow."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)

    def heard() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            told.set()

    loop.add_reader(sys.stdin.fileno(), heard)
    engine = AsyncEngine(url, workflows=[provision], concurrency=CONCURRENCY, grace=GRACE_SECONDS)
    async with engine:
        print("ready", flush=True)
        await told.wait()
        loop.remove_reader(sys.stdin.fileno())


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
