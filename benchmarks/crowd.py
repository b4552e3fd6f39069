"""100,000 parked processes in the file: what they cost the others, and a worker that idles."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.figures import Figure, Size, only
from benchmarks.flows import line, napping, parked
from benchmarks.throughput import STEPS, in_flight
from corago import AsyncEngine

MODELS = ("wait-0000000", "nap--0000000")
"""Two processes that are really parked, one on a signal, one on a timer; the rest copies them."""


async def _park(path: Path) -> None:
    async with AsyncEngine(f"sqlite:///{path}", workflows=[parked, napping]) as engine:
        await engine.start(parked, {}, id=MODELS[0])
        await engine.start(napping, {}, id=MODELS[1])
        while (await engine.count(status="waiting")).get("waiting", 0) < len(MODELS):
            await asyncio.sleep(0.005)


def copied(path: Path, models: Sequence[str], count: int) -> None:
    """The rows of each model again, as an engine would write them under other ids.

    Models of one file differ in the first five letters of their names, which end in seven digits.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        execute = connection.execute
        rows = [row[1] for row in execute("select * from pragma_table_info('workflow_instances')")]
        names = ", ".join(name for name in rows if name != "id")
        values = names.replace("process_id", "substr(process_id, 1, 5) || printf('%07d', n)", 1)
        copies = "with recursive up (n) as (select 1 union all select n + 1 from up where n < ?) "
        copies += f"insert into workflow_instances ({names}) "
        copies += f"select {values} from workflow_instances, up where process_id = ?"  # noqa: S608 - its own column names
        execute("BEGIN IMMEDIATE")
        for model in models:
            execute(copies, (count // len(models), model))
            execute(
                "insert into events (instance_id, run, position, data) "
                "select c.id, e.run, e.position, replace(e.data, o.process_id, c.process_id) "
                "from workflow_instances o join events e on e.instance_id = o.id "
                "join workflow_instances c on substr(c.process_id, 1, 5) = substr(?1, 1, 5) "
                "and c.id <> o.id where o.process_id = ?1 order by c.id, e.position",
                (model,),
            )
        execute("COMMIT")


async def _check(path: Path) -> None:
    """A copy is to the engine what its model is, but for its name, and does what it would do."""
    async with AsyncEngine(f"sqlite:///{path}", workflows=[parked, napping]) as engine:
        for model in MODELS:
            copy = f"{model[:-1]}1"
            told = [json.dumps(str(await engine.info(each))) for each in (model, copy)]
            assert told[0].replace(model, copy) == told[1]
            facts = [[*await engine.history(each)] for each in (model, copy)]
            assert facts[0][1:] == facts[1][1:]
        handle = await engine.get(f"{MODELS[0][:-1]}1")
        await engine.signal(handle.id, "go", 7)
        assert await handle.result() == {"go": 7}


def _idle(*paths: Path, seconds: int) -> list[tuple[float, float]]:
    """CPU seconds per minute and MiB of an idle worker on each of the files, all at a time."""
    command = [sys.executable, "-m", "benchmarks.idle"]
    workers = [
        subprocess.Popen([*command, path, str(seconds)], stdout=subprocess.PIPE, text=True)
        for path in paths
    ]
    said = [each.communicate(timeout=seconds + 60)[0].split() for each in workers]
    return [(float(cpu), float(memory)) for cpu, memory in said]


def parked_processes(folder: Path, size: Size) -> list[Figure]:
    """Throughput beside parked processes and without, and two idle workers at the same time."""
    count, processes, seconds = size.of(100_000, 100), size.of(500, 20), size.of(12, 1)
    full, empty = folder / "full.db", folder / "empty.db"
    asyncio.run(_park(full))
    copied(full, MODELS, count)
    asyncio.run(_check(full))
    flow, name = line(STEPS), f"{count:,} parked"
    asyncio.run(_park(empty))
    (cpu, memory), (less_cpu, less_memory) = _idle(full, empty, seconds=seconds)
    free = asyncio.run(in_flight(empty, flow, processes))
    busy = asyncio.run(in_flight(full, flow, processes))
    more = memory - less_memory
    return [
        only(f"{name}: throughput", busy.speed, free.speed, "steps/s", "floor: without them"),
        only(f"{name}: idle worker", cpu, less_cpu, "CPU s/min", "floor: without them"),
        Figure(
            f"{name}: memory", memory, less_memory, more, "MiB", "< 20 more", more < 20,
            "ratio: the difference",
        ),
    ]  # fmt: skip
