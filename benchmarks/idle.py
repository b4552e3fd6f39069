"""An OS process with a worker that has nothing to do; it prints its CPU time and its memory."""

from __future__ import annotations

import asyncio
import re
import resource
import sys
import time
from pathlib import Path

from benchmarks.flows import line, napping, parked
from corago import AsyncEngine


def resident() -> float:
    """MiB in memory now; where the system does not tell, the most there ever were."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmRSS:\s+(\d+) kB", status.read_text("ascii"))):
        return int(found[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


async def main(path: str, seconds: float) -> None:
    flows = [parked, napping, line(10)]
    async with AsyncEngine(f"sqlite:///{path}", workflows=flows):
        await asyncio.sleep(1)
        before = time.process_time()
        await asyncio.sleep(seconds)
        print((time.process_time() - before) / seconds * 60, resident(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
