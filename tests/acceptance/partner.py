"""A program of a user's: it starts its share of the burdens, and may work at everybody's.

    partner.py STORE FOLDER ROLE SHARE SIZES ALL_SHARES SEED ROOM

ROLE: `worker` runs a worker inside and stays until all shares have ended, `client` has none and
waits for its own, `starter` has none and waits for nothing. SIZES are a JSON object of how many of
each workflow belong to every share. What is started is signalled by every partner, in an order of
chance, and some of it twice: with the same ids and keys, as users are told to repeat what they are
not sure of. ROOM is by how many pages its store may grow, or `all`; a line on stdin is another one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from corago import (
    AsyncEngine,
    ProcessFailedError,
    ProcessNotFoundError,
    StoreUnavailableError,
)
from tests.acceptance.burdens import QUEUE, Depot, Paper, bulk, freight
from tests.acceptance.grounds import STORES, Ground

WORKFLOWS: dict[str, Any] = {"freight": freight, "paper": Paper, "depot": Depot, "bulk": bulk}
MOMENT = 0.05
LEASE = timedelta(seconds=60)

Doing = Callable[[], Awaitable[Any]]


async def insisting(do: Doing) -> Any:
    """Do it again while the store can't, or while somebody else has not started it yet."""
    while True:
        try:
            return await do()
        except (StoreUnavailableError, ProcessNotFoundError):
            await asyncio.sleep(MOMENT)


def starting(engine: AsyncEngine, kind: str, share: str, number: int) -> Doing:
    given = {"number": number, "items": [1, 2, 3]} if kind == "freight" else {"number": number}
    return lambda: engine.start(WORKFLOWS[kind], given, id=f"{kind}-{share}-{number}")


def signalling(engine: AsyncEngine, share: str, number: int) -> Doing:
    return lambda: engine.signal(f"freight-{share}-{number}", "go", key="go")


async def main(ground: Ground, folder: Path, role: str, share: str, *rest: str) -> None:
    sizes, shares, chance = json.loads(rest[0]), rest[1].split(","), random.Random(rest[2])
    works = role == "worker"
    async with AsyncEngine(
        ground.url(folder),
        workflows=WORKFLOWS.values(),
        worker=works,
        queues=[QUEUE] if works else (),
        lease=LEASE,
    ) as engine:
        await give_room(engine, ground, rest[3])
        listening = asyncio.create_task(listen(engine, ground))
        own = [(kind, number) for kind, count in sizes.items() for number in range(count)]
        doings = [starting(engine, kind, share, number) for kind, number in own]
        for each in shares:
            doings += [signalling(engine, each, n) for n in range(sizes.get("freight", 0))]
        doings += chance.sample(doings, len(doings) // 4)
        chance.shuffle(doings)
        await asyncio.gather(*map(insisting, doings))
        if role != "starter":
            awaited = [(*each, one) for one in (shares if works else [share]) for each in own]
            for kind, number, one in awaited:
                try:
                    await insisting(lambda: engine.wait(f"{kind}-{one}-{number}"))  # noqa: B023 - awaited at once
                except ProcessFailedError:
                    assert kind == "freight"
        listening.cancel()


async def listen(engine: AsyncEngine, ground: Ground) -> None:
    lines = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := (await lines.readline()).decode():
        await give_room(engine, ground, line.strip())


async def give_room(engine: AsyncEngine, ground: Ground, room: str) -> None:
    if "limits" in ground.can:
        await ground.limit(engine, None if room == "all" else int(room))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    asyncio.run(main(STORES[sys.argv[1]], Path(sys.argv[2]), *sys.argv[3:]))
