"""One attempt of one activity in this worker.

It runs user code and turns its end into an Outcome.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import traceback
from collections import ChainMap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from corago.activity import ActivityFunction, Context, entered
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.errors import StateTooLargeError
from corago.runtime.executor import Job

if TYPE_CHECKING:
    from corago.runtime.turn import Turn

_log = logging.getLogger("corago.activity")

GRACE_SECONDS = 5.0
"""How long a canceled async step may take to end before it is no longer waited for."""

MESSAGE_CHARACTERS = 8000
TRACEBACK_CHARACTERS = 8000


class Attempt:
    """Started once, ends once; after `drop` its end is nobody's business."""

    __slots__ = (
        "_alarm",
        "_end",
        "_function",
        "_handle",
        "_is_over",
        "_turn",
        "context",
        "number",
        "wish",
    )

    def __init__(
        self, turn: Turn, wish: d.ScheduleActivity, number: int, function: ActivityFunction
    ) -> None:
        """Prepare the `number`-th attempt of what `wish` asks for."""
        process = turn.task.snapshot.process
        self.wish = wish
        self.number = number
        self.context = Context(
            process_id=process.id,
            run=process.run,
            workflow=process.workflow,
            path=wish.path,
            occurrence=wish.occurrence,
            attempt=number,
        )
        self._turn = turn
        self._function = function
        self._handle: asyncio.Task[None] | Job | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._end: e.ActivityResult | None = None
        self._is_over = False

    def answers(self, wish: d.ScheduleActivity, number: int) -> bool:
        """Whether it is the `number`-th attempt of what this wish asks for."""
        return (self.number, self.wish.occurrence) == (number, wish.occurrence)

    def start(self) -> None:
        """Run it: async on the loop, sync in a thread."""
        if self._function.is_async:
            self._handle = self._turn.worker.loop.create_task(self._perform())
            self._arm()
        else:
            context = contextvars.copy_context()
            began = self._arm if self.wish.timeout is not None else None
            self._handle = Job(lambda: context.run(self._work), self._finish, began)
            self._turn.worker.executor.submit(self._handle)

    def cancel(self) -> None:
        """Ask it to stop; its outcome is still waited for."""
        if self.context.is_cancel_requested:
            return
        self.context.request_cancel()
        self._stop_task(e.ActivityCanceled())

    def drop(self) -> None:
        """Stop it if it can be stopped, and forget its outcome."""
        self._is_over = True
        self._disarm()
        self.context.request_cancel()
        worker = self._turn.worker
        if isinstance(self._handle, Job):
            worker.executor.abandon(self._handle)
        elif self._handle is not None and not self._handle.done():
            self._handle.cancel()
            worker.dropped.add(self._handle)
            self._handle.add_done_callback(worker.dropped.discard)

    # -- running -----------------------------------------------------------------------------

    async def _perform(self) -> None:
        try:
            with entered(self.context):
                arguments = self._function.arguments(self.wish.input)
                value = await self._function.function(**arguments)
            end = self._completed(value)
        except asyncio.CancelledError as error:
            end = self._end or failed(error)
        except BaseException as error:
            if self._turn.worker.loop.is_closed():
                raise  # nobody runs it any more
            end = failed(error)  # user code may raise anything; it becomes a fact
        self._finish(end)

    def _work(self) -> e.ActivityResult:
        try:
            with entered(self.context):
                arguments = self._function.arguments(self.wish.input)
                value = self._function.function(**arguments)
            return self._completed(value)
        except BaseException as error:  # noqa: BLE001 - user code may raise anything; it becomes a fact
            return failed(error)

    def _completed(self, value: Any) -> e.ActivityResult:
        result = self._function.result(value)
        if result:
            self._turn.worker.state_limit.check(self._turn, self.wish, result)
        return e.ActivityCompleted(result)

    def _finish(self, end: e.ActivityResult) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._disarm()
        path, occurrence = self.wish.path, self.wish.occurrence
        documents = tuple(self.context.documents)
        self._turn.ended(m.Outcome(path, occurrence, self.number, end, documents))

    # -- time --------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self.wish.timeout is not None and not self._is_over:
            self._alarm = self._turn.worker.loop.call_later(self.wish.timeout, self._time_out)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _time_out(self) -> None:
        end = e.ActivityTimedOut("start_to_close", self.wish.timeout)
        self.context.request_cancel()
        if isinstance(self._handle, Job):
            self._turn.worker.executor.abandon(self._handle)
            self._warn("its thread is abandoned")
            self._finish(end)
        else:
            self._stop_task(end)

    def _stop_task(self, end: e.ActivityResult) -> None:
        if isinstance(self._handle, asyncio.Task):
            self._end = end
            self._handle.cancel()
            self._handle.add_done_callback(self._stopped)
            self._disarm()
            self._alarm = self._turn.worker.loop.call_later(GRACE_SECONDS, self._give_up)

    def _stopped(self, _: asyncio.Task[None]) -> None:
        """One that was stopped before its first line never came to say so."""
        self._finish(self._end or e.ActivityCanceled())

    def _give_up(self) -> None:
        self._warn(f"it did not stop within {GRACE_SECONDS:g} s and is no longer waited for")
        self._finish(self._end or e.ActivityCanceled())

    def _warn(self, what: str) -> None:
        context = self.context
        _log.warning(
            "step %r of process %s was stopped: %s",
            context.path,
            context.process_id,
            what,
            extra={"process_id": context.process_id, "run": context.run, "step": context.path},
        )


def failed(error: BaseException) -> e.ActivityFailed:
    """An exception as the recorded end of an activity; never raises."""
    message = _said(lambda: str(error))[:MESSAGE_CHARACTERS]
    trace = _said(lambda: "".join(traceback.format_exception(error)))[-TRACEBACK_CHARACTERS:]
    return e.ActivityFailed(e.Failure(type(error).__name__, message, trace))


def _said(tell: Callable[[], str]) -> str:
    """A text as rows can hold it: half pairs, as in undecodable file names, become `?`.

    An error's own `__str__` is user code, and Python's traceback breaks at times.
    """
    try:
        return tell().encode("utf-8", "replace").decode("utf-8")
    except Exception as failure:  # noqa: BLE001 - see above
        return f"(its text can't be told: {type(failure).__name__})"


class StateLimit:
    """Keeps States below a size in bytes of JSON; cheap while they stay far below."""

    __slots__ = ("_sizes", "limit")

    def __init__(self, limit: int) -> None:
        """Take the limit in bytes."""
        self.limit = limit

    def check(self, turn: Turn, wish: d.ScheduleActivity, result: dict[str, Any]) -> None:
        """Raise StateTooLargeError if the State with this result in it would be too large.

        The error names the largest key.
        """
        turn.state_bound += len(msgspec.json.encode(result))
        if turn.state_bound <= self.limit:
            return
        merged = {**_plain_view(wish.input), **result}
        sizes = {key: len(msgspec.json.encode(value)) for key, value in merged.items()}
        total = sum(sizes.values())
        if total > self.limit:
            largest = max(sizes, key=lambda key: sizes[key])
            raise StateTooLargeError(
                f"after step {wish.path!r} the State would be {total:,} bytes, over the limit of "
                f"{self.limit:,}; its largest key is {largest!r} with {sizes[largest]:,} bytes: "
                "keep large values elsewhere and a reference to them here, or raise state_limit"
            )
        turn.state_bound = total


def _plain_view(view: Any) -> dict[str, Any]:
    return dict(view) if isinstance(view, ChainMap) else view
