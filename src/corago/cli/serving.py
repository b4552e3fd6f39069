"""The `worker` command: runs the workflows of users' files until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from corago.cli.exits import UsageError
from corago.cli.loading import Code, load_code
from corago.cli.options import COMMON, Common
from corago.cli.output import Output, Stderr, count
from corago.cli.stopping import stoppable
from corago.cli.values import duration
from corago.cli.watching import WATCHING, Watching
from corago.wiring import AsyncEngine

if TYPE_CHECKING:
    pass


def worker(
    *files: Annotated[str, Parameter(name="FILE")],
    queue: tuple[str, ...] = (),
    concurrency: int = 64,
    threads: int = 16,
    lease: str = "15s",
    grace: str = "30s",
    watching: Watching = WATCHING,
    common: Common = COMMON,
) -> None:
    """Run all workflows and activities of these files, until SIGINT or SIGTERM.

    Then it takes nothing new, lets running steps end, and lets go of every process; a second
    signal leaves at once. With --json one document tells what it runs, as soon as it does.

    Args:
        files: Python files (or dotted modules) of workflows or activities; FILE:NAME takes just
            that one.
        queue: a queue whose steps and activities run here too; several times for several. A file
            without workflows is for queues only.
        concurrency: how many processes it drives at a time, and how many tasks of queues.
        threads: how many sync steps run at a time.
        lease: how long it is believed alive when silent, where its death can't be seen.
        grace: how long running steps may take to end when it stops.
    """
    out = Output(common)
    url = common.needed_store("`corago worker`")
    if not files:
        raise UsageError("which workflows? Name their files: corago worker workflows.py")
    log_to_stderr()
    with out.steps_on_stderr():
        code = load_code(files)
    if not (code.workflows or queue):
        raise UsageError(
            f"only activities stand in {', '.join(files)}, and they are run out of queues: name "
            "theirs, as in --queue mail"
        )
    with watching.listeners(out) as listeners:
        engine = AsyncEngine(
            url,
            workflows=code.workflows,
            activities=code.activities.values(),
            queues=queue,
            concurrency=concurrency,
            threads=threads,
            lease=duration(lease, "--lease"),
            grace=duration(grace, "--grace").total_seconds(),
            listeners=listeners,
            codec=common.codec,
        )
        asyncio.run(_work(out, engine, url, code, queue))


def log_to_stderr() -> None:
    """What the library has to say, for whoever reads this OS process's stderr."""
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=form, stream=Stderr())


async def _work(
    out: Output, engine: AsyncEngine, url: str, code: Code, queues: tuple[str, ...]
) -> None:
    # a worker has no data but that document: without it, stdout belongs to the steps
    prints = out.steps_on_stderr() if out.is_json else contextlib.nullcontext()
    with stoppable(out, "stopping: running steps may end") as stop, prints:
        async with engine:
            out.say(
                f"worker {os.getpid()} runs {_runs(code, url)}{_serving(queues)}; Ctrl-C stops it"
            )
            if out.is_json:
                told = [
                    {"name": w.name, "version": w.version, "sha": w.sha} for w in code.workflows
                ]
                document = {"pid": os.getpid(), "url": url, "workflows": told}
                out.document(
                    document | {"activities": list(code.activities), "queues": list(queues)}
                )
            await stop.wait()
        out.say("stopped: nothing of it is held any more")


def _runs(code: Code, url: str) -> str:
    """What it has the code of; activities are named where there is nothing else."""
    names = [f"{each.name} (version {each.version})" for each in code.workflows]
    what = f"{count(len(names), 'workflow')}" if names else count(len(code.activities), "activity")
    return f"{what} from {url}: {', '.join(names or code.activities)}"


def _serving(queues: tuple[str, ...]) -> str:
    names = ", ".join(map(repr, queues))
    return f"; it serves the {'queue' if len(queues) == 1 else 'queues'} {names}" if queues else ""
