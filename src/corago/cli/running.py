"""The `run` command: starts a process, or one per row of a file, and waits where it is asked to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from corago.cli.exits import IncompleteError, StoppedError, UsageError
from corago.cli.loading import load_activities, load_one
from corago.cli.options import ACTING, Acting, Json
from corago.cli.output import Output
from corago.cli.serving import log_to_stderr
from corago.cli.stopping import stoppable
from corago.cli.values import duration, json_value
from corago.clock import SystemClock
from corago.errors import ProcessEndedError, WaitTimeoutError
from corago.runtime.views import Explanation, as_json
from corago.wiring import AsyncEngine

if TYPE_CHECKING:
    from corago.runtime.settings import Workflow

GLANCE = timedelta(milliseconds=200)
"""How often it looks whether a process that it waits for stands still."""

PATIENCE = timedelta(seconds=2)
"""How long a process may stand before it is told why."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to run, how, and for whom."""

    workflow: Workflow
    beside: list[Workflow]
    common: Acting
    tags: tuple[str, ...] = ()
    timeout: timedelta | None = None
    process_timeout: timedelta | None = None
    activities: tuple[Any, ...] = ()
    queues: tuple[str, ...] = ()
    concurrency: int = 64
    threads: int = 16

    def engine(self, *, worker: bool) -> AsyncEngine:
        """An engine for it, in memory where no store is named."""
        return AsyncEngine(
            self.common.store,
            workflows=self.beside,
            activities=self.activities,
            worker=worker,
            queues=self.queues if worker else (),
            concurrency=self.concurrency,
            threads=self.threads,
            codec=self.common.codec,
        )


def run(
    target: Annotated[str, Parameter(name="FILE:WORKFLOW")],
    /,
    *,
    input: Json = None,
    id: str | None = None,
    tag: tuple[str, ...] = (),
    each: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    group_by: str | None = None,
    retry_failed: bool = False,
    wait: bool = False,
    queue: tuple[str, ...] = (),
    timeout: str | None = None,
    process_timeout: str | None = None,
    concurrency: int = 64,
    threads: int = 16,
    common: Acting = ACTING,
) -> int | None:
    """Start a process and print its id; with --wait, run it here and print its result as JSON.

    With --each FILE, run a process per row of a CSV file (or line of a .jsonl file) and wait for
    all; when repeated, it goes on where it stopped. What steps print goes to stderr.

    Args:
        target: a Python file (or dotted module) and the name of a workflow in it; the name may be
            left out where there is only one.
        input: its input as JSON, or @file.
        id: the id of the process: the same id and input again gives the same process. With
            --each, the column that holds it; the process is then WORKFLOW:ID.
        tag: a tag to find it by; several times for several.
        each: a CSV file with a header; each row, a dict of texts, is an input. `-` is stdin.
        group_by: with --each: the rows that agree in this column are one input, {"key", "rows"}.
        retry_failed: with --each: try again what failed in an earlier run.
        wait: run a worker here until the process has ended; works in memory too.
        queue: a queue whose steps and activities run here too; several times for several.
        timeout: how long to wait, such as 90s or 10m; then exit status 8. The process goes on
            living in its store.
        process_timeout: how long the process itself may take.
        concurrency: how many processes are driven at a time.
        threads: how many sync steps run at a time.
    """
    out = Output(common)
    _check(each, group_by, input, timeout, wait=wait, retry_failed=retry_failed)
    if queue and not (wait or each):
        raise UsageError("--queue says what runs here, and without --wait nothing runs here")
    if each is None and not wait:
        common.needed_store("`corago run` without `--wait`")
    with out.steps_on_stderr():
        workflow, beside = load_one(target)
        activities = load_activities(target)
    order = Order(
        workflow,
        beside,
        common,
        tags=tag,
        timeout=_optional(timeout, "--timeout"),
        process_timeout=_optional(process_timeout, "--process-timeout"),
        activities=activities,
        queues=queue,
        concurrency=concurrency,
        threads=threads,
    )
    if each is not None:
        from corago.cli.batches import run_each

        return run_each(out, order, each, group_by=group_by, column=id, retry_failed=retry_failed)
    value = json_value(input, "--input")
    if not wait:
        return asyncio.run(_start(out, order, id, value))
    log_to_stderr()
    return asyncio.run(_complete(out, order, id, value))


def _optional(text: str | None, what: str) -> timedelta | None:
    return None if text is None else duration(text, what)


def _check(
    each: str | None,
    group_by: str | None,
    given: str | None,
    timeout: str | None,
    *,
    wait: bool,
    retry_failed: bool,
) -> None:
    if each is None:
        for name, value in (("--group-by", group_by), ("--retry-failed", retry_failed)):
            if value:
                raise UsageError(f"{name} belongs to --each FILE, which is missing")
        if timeout is not None and not wait:
            raise UsageError(
                "--timeout is how long to wait, and without --wait nothing waits; the process's "
                "own limit is --process-timeout"
            )
    elif given is not None:
        raise UsageError("--input and --each exclude each other: a row of the file is the input")


async def _start(out: Output, order: Order, id: str | None, value: Any) -> None:
    async with order.engine(worker=False) as engine:
        started = await begin(engine, order, id, value)
    if out.is_json:
        return out.document({"id": started, "workflow": order.workflow.name})
    return out.text(started)


async def begin(engine: AsyncEngine, order: Order, id: str | None, value: Any) -> str:
    """Start one process of the order; gives its id. Raises what `start` raises."""
    checked = getattr(order.workflow, "check_input", None)
    handle = await engine.start(
        order.workflow,
        value if checked is None else checked(value),
        id=id,
        tags=order.tags,
        timeout=order.process_timeout,
        actor=order.common.who,
        reason=order.common.reason,
    )
    return handle.id


async def _complete(out: Output, order: Order, id: str | None, value: Any) -> None:
    with stoppable(out, "stopping: running steps may end") as stop, out.steps_on_stderr():
        async with order.engine(worker=True) as engine:
            started = await begin(engine, order, id, value)
            out.say(f"process {started} of {order.workflow.name} runs")
            failed: ProcessEndedError | IncompleteError | None = None
            result: Any = None
            try:
                result = await stop.or_(_settled(engine, order, out, started))
            except (ProcessEndedError, IncompleteError) as error:
                failed = error
            info = await engine.info(started)
    if stop.is_asked and failed is None and info.status != "completed":
        kept = f"; any worker goes on with {started}" if order.common.store else ""
        raise StoppedError(f"interrupted before the process ended{kept}")
    if out.is_json:
        out.document(as_json(info))
    elif failed is None:
        out.document(result)
    if failed is not None:
        raise failed


async def _settled(engine: AsyncEngine, order: Order, out: Output, id: str) -> Any:
    """The result of a process. Raises what ended it, or IncompleteError where it stands still."""
    clock = SystemClock()
    begun, told = clock.monotonic(), ""
    limit = float("inf") if order.timeout is None else order.timeout.total_seconds()
    while True:
        left = begun + limit - clock.monotonic()
        try:
            return await engine.wait(id, timeout=max(0.0, min(GLANCE.total_seconds(), left)))
        except WaitTimeoutError as error:
            found: Explanation = error.explanation
            if found.reason == "suspended":
                raise IncompleteError(str(found)) from None
            if order.common.store is None and is_hopeless(found):
                raise IncompleteError(
                    f"{found.sentence}, and nobody can reach a process in memory: give it a store "
                    "by --url"
                ) from None
            if left <= 0:
                raise WaitTimeoutError(id, limit, found) from None
            is_late = clock.monotonic() - begun > PATIENCE.total_seconds()
            if is_late and found.reason not in ("running", told):
                told = found.reason
                out.say(str(found))


def is_hopeless(found: Explanation) -> bool:
    """Whether only somebody outside can move it: by a signal, a token, or as another worker."""
    kinds = {wait.kind for wait in found.waits}
    return found.reason == "waiting" and kinds <= {"signal", "queue", "token"}
