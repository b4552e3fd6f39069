"""`run --each`: a process per row of a file, all run here to their end, and how that went."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from corago.cli.exits import Exit, ImpatientError, StoppedError
from corago.cli.output import Output, count, shortened
from corago.cli.progress import Tally, progress
from corago.cli.rows import Item, Opened, Rows
from corago.cli.running import Order, begin, is_hopeless
from corago.cli.serving import log_to_stderr
from corago.cli.stopping import Stop, stoppable
from corago.clock import SystemClock
from corago.errors import (
    CommandRefusedError,
    ProcessAlreadyExistsError,
    ProcessEndedError,
    ProcessNotFoundError,
    WaitTimeoutError,
)
from corago.runtime.bulk import DAMAGE
from corago.runtime.views import Explanation, ProcessInfo
from corago.wiring import AsyncEngine

FIRST_LOOK = timedelta(milliseconds=50)
"""How long a lane waits before it looks whether its process is parked; then twice as long."""

LAST_LOOK = timedelta(seconds=2)

ROUND = timedelta(milliseconds=250)
"""The pause between two rounds of looks at parked processes."""

LOOKS_AT_ONCE = 25
BREATH = timedelta(milliseconds=20)
"""The pause after so many looks, so that the work itself has its share."""

ENDED_BADLY = ("failed", "canceled", "aborted", "timed_out")

FAILURES_SHOWN = 5
LINE = 120


def run_each(
    out: Output,
    order: Order,
    file: str,
    *,
    group_by: str | None,
    column: str | None,
    retry_failed: bool,
) -> int:
    """Judge the file, run it all, tell how it went; gives the exit status."""
    workflow = order.workflow
    with Opened(file) as opened:
        rows = Rows(
            opened.file,
            opened.name,
            workflow.name,
            group_by=group_by,
            column=column,
            check_input=getattr(workflow, "check_input", lambda value: value),
        )
        total = rows.check()
        if rows.repeated_count:
            out.say(f"{count(rows.repeated_count, 'row')} given twice: taken once")
        if order.common.store is None:
            out.say("in memory: nothing of this run is kept; --url sqlite:///work.db keeps it")
        log_to_stderr()
        tally = Tally(total)
        batch = Batch(order, rows, tally, retry_failed=retry_failed)
        try:
            asyncio.run(_run(out, order, batch, tally))
        finally:
            _summarise(out, order, tally)
    return Exit.OK if tally.completed + tally.already == total else Exit.INCOMPLETE


async def _run(out: Output, order: Order, batch: Batch, tally: Tally) -> None:
    clock, again = SystemClock(), "the same command again goes on where this one stopped"
    limit = float("inf") if order.timeout is None else order.timeout.total_seconds()
    end = clock.monotonic() + limit
    with (
        stoppable(out, "stopping: running steps may end") as stop,
        out.steps_on_stderr(),
        progress(out, tally) as shown,
    ):
        async with order.engine(worker=True) as engine:
            work = asyncio.ensure_future(batch.run(engine))
            while not (work.done() or stop.is_asked or clock.monotonic() > end):
                await _first(work, stop)
                shown.show()
            await batch.leave(work)
    kept = f"; {again}" if order.common.store else "; nothing of it was kept"
    if stop.is_asked and not batch.is_over:
        raise StoppedError(
            f"interrupted with {count(tally.total - tally.ended, 'process')} open{kept}"
        )
    if not batch.is_over:
        raise ImpatientError(f"not all had ended within {limit:g} s{kept}")


async def _first(work: asyncio.Future[None], stop: Stop) -> None:
    """Until the work ends, somebody asks to stop, or the progress is worth showing again."""
    asking = asyncio.ensure_future(stop.wait())
    await asyncio.wait((work, asking), timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
    asking.cancel()


def _summarise(out: Output, order: Order, tally: Tally) -> None:
    if out.is_json:
        told = {
            "workflow": order.workflow.name,
            "total": tally.total,
            "started": tally.started,
            "already_there": tally.found,
            "completed": tally.completed,
            "already_completed": tally.already,
            "failed": tally.failed,
            "suspended": tally.suspended,
            "open": tally.total - tally.ended,
            "failures": [asdict(each) for each in tally.failures],
        }
        return out.document(told)
    out.text(f"{count(tally.total, 'process')} of {order.workflow.name}: {tally.text()}")
    for each in tally.failures[:FAILURES_SHOWN]:
        out.text(f"  {each.id}  {each.status}: {shortened(each.error, LINE)}")
    more = tally.failed + tally.suspended - FAILURES_SHOWN
    if more > 0:
        where = f": corago list --workflow {order.workflow.name} --status failed"
        out.text(f"  and {more:,} more{where if order.common.store else ''}")
    return None


class Batch:
    """Runs the rows in lanes, each of which follows one process at a time.

    A process that is parked (it waits for time, a signal or a retry) leaves its lane to the next
    and is looked at now and then.
    """

    def __init__(self, order: Order, rows: Rows, tally: Tally, *, retry_failed: bool) -> None:
        """Take all; `run` begins."""
        self.is_over = False
        self._order = order
        self._items = iter(rows)
        self._tally = tally
        self._retry_failed = retry_failed
        self._parked: dict[str, None] = {}
        self._is_fresh = False
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, engine: AsyncEngine) -> None:
        """Until every process has ended or needs a person. Raises what no row can be blamed for."""
        counts = await engine.count(workflow=self._order.workflow.name)
        self._is_fresh = not any(counts.values())
        lanes = min(self._order.concurrency, self._tally.total)
        self._tasks = [asyncio.ensure_future(self._lane(engine)) for _ in range(lanes)]
        feeding = asyncio.gather(*self._tasks)
        watching = asyncio.ensure_future(self._watch(engine, feeding))
        self._tasks.append(watching)
        await asyncio.gather(feeding, watching)
        self.is_over = True

    async def leave(self, work: asyncio.Future[None]) -> None:
        """End the following, not the processes. Raises what went wrong, if something did."""
        work.cancel()
        for task in self._tasks:
            task.cancel()
        found = await asyncio.gather(work, *self._tasks, return_exceptions=True)
        for each in found:
            if isinstance(each, Exception):
                raise each

    # -- a lane ------------------------------------------------------------------------------

    async def _lane(self, engine: AsyncEngine) -> None:
        for item in self._items:
            try:
                known = None if self._is_fresh else await self._known(engine, item.id)
                if await self._is_begun(engine, item, known):
                    await self._follow(engine, item.id)
            except DAMAGE as error:
                self._tally.fail(item.id, "damaged", str(error))

    async def _known(self, engine: AsyncEngine, id: str) -> ProcessInfo | None:
        try:
            return await engine.info(id)
        except ProcessNotFoundError:
            return None

    async def _is_begun(self, engine: AsyncEngine, item: Item, known: ProcessInfo | None) -> bool:
        """Start (or find) the process of a row; gives whether there is something to follow."""
        tally = self._tally
        try:
            await begin(engine, self._order, item.id, item.input)
        except ProcessAlreadyExistsError as error:
            tally.fail(item.id, "taken", f"line {item.line}: {error}")
            return False
        if known is None:
            tally.started += 1
            return True
        tally.found += 1
        if known.status == "completed":
            tally.already += 1
            return False
        if known.status in ("failed", "suspended") and self._retry_failed:
            try:
                by = self._order.common
                await engine.retry(item.id, actor=by.who, reason=by.reason)
            except CommandRefusedError as error:
                tally.fail(item.id, known.status, str(error))
                return False
        elif known.status in ENDED_BADLY:
            tally.fail(item.id, known.status, f"before this run: {known.error or known.status}")
            return False
        tally.resumed += 1
        return True

    async def _follow(self, engine: AsyncEngine, id: str) -> None:
        patience = FIRST_LOOK
        while True:
            try:
                await engine.wait(id, timeout=patience.total_seconds())
            except ProcessEndedError as error:
                return self._tally.fail(id, error.code.removeprefix("process_"), _why(error))
            except WaitTimeoutError as error:
                found: Explanation = error.explanation
                is_moving = found.reason == "running" or (
                    found.reason == "queued" and found.missing is None
                )
                if not is_moving:
                    self._parked[id] = None
                    return None
                patience = min(2 * patience, LAST_LOOK)
            else:
                self._tally.completed += 1
                return None

    # -- the parked --------------------------------------------------------------------------

    async def _watch(self, engine: AsyncEngine, feeding: asyncio.Future[Any]) -> None:
        """Look at the parked in turn, until there are none and no lane can bring more."""
        while self._parked or not feeding.done():
            ids = list(self._parked)
            for first in range(0, len(ids), LOOKS_AT_ONCE):
                some = ids[first : first + LOOKS_AT_ONCE]
                counted = await asyncio.gather(*(self._is_counted(engine, id) for id in some))
                for id, is_counted in zip(some, counted, strict=True):
                    if is_counted:
                        del self._parked[id]
                await asyncio.sleep(BREATH.total_seconds())
            await asyncio.sleep(ROUND.total_seconds())

    async def _is_counted(self, engine: AsyncEngine, id: str) -> bool:
        """Look at a parked process, and count it if it has ended or never will by itself."""
        try:
            info = await engine.info(id)
        except DAMAGE as error:
            self._tally.fail(id, "damaged", str(error))
            return True
        if info.status == "completed":
            self._tally.completed += 1
            return True
        if info.status in ENDED_BADLY or info.status == "suspended":
            self._tally.fail(id, info.status, str(info.error or info.status))
            return True
        is_in_memory = self._order.common.store is None
        is_ours = info.sha in {each.sha for each in self._order.beside}
        if is_ours and not is_in_memory:
            return False
        found = await engine.explain(id)
        if is_in_memory and is_hopeless(found):
            self._tally.fail(id, "suspended", f"{found.sentence}, which nobody can send in memory")
            return True
        if not is_ours and found.missing is not None:
            self._tally.fail(id, "suspended", str(found))
            return True
        return False


def _why(error: ProcessEndedError) -> str:
    text = str(error)
    return text.partition(f"process {error.process_id!r} ")[2] or text
