"""One attempt of one activity in this worker.

It runs user code and turns its end into an Outcome.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from corago.activity import ActivityFunction, Context, enter
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.process import Process
from corago.errors import StateTooLargeError
from corago.runtime.executor import Job
from corago.runtime.listening import Ears
from corago.secrecy import discretion

if TYPE_CHECKING:
    from corago.runtime.worker import Worker

_log = logging.getLogger("corago.activity")

GRACE_SECONDS = 5.0
"""How long a canceled async step may take to end before it is no longer waited for."""

MESSAGE_CHARACTERS = 8000
TRACEBACK_CHARACTERS = 8000


class Host(Protocol):
    """Whoever has something attempted: a turn, or a queue's errand.

    `state_bound` is more than the State can have in bytes of JSON. `results` are the sizes of
    results by path and occurrence, of those that may not be in the State yet.
    """

    worker: Worker
    state_bound: int
    results: dict[tuple[str, int], int]

    @property
    def process(self) -> Process:
        """The process that it is for."""

    def held(self) -> Iterable[Any]:
        """All that the State holds, as far as it is known here."""

    def unrecorded(self) -> set[tuple[str, int]]:
        """The paths and occurrences of attempts whose results are not in there yet."""

    def ended(self, outcome: m.Outcome) -> None:
        """The attempt has ended."""


class Attempt:
    """Started once, ends once; after `drop` its end is nobody's business."""

    __slots__ = (
        "_alarm",
        "_began",
        "_ears",
        "_end",
        "_function",
        "_handle",
        "_host",
        "_is_over",
        "context",
        "number",
        "wish",
    )

    def __init__(
        self, host: Host, wish: d.ScheduleActivity, number: int, function: ActivityFunction
    ) -> None:
        """Prepare the `number`-th attempt of what `wish` asks for."""
        process = host.process
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
        self._host = host
        self._function = function
        self._handle: asyncio.Task[None] | Job | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._end: e.ActivityResult | None = None
        self._is_over = False
        self._ears = host.worker.ears
        self._began: float | None = None

    def answers(self, wish: d.ScheduleActivity, number: int) -> bool:
        """Whether it is the `number`-th attempt of what this wish asks for."""
        return (self.number, self.wish.occurrence) == (number, wish.occurrence)

    def start(self) -> None:
        """Run it: async on the loop, sync in a thread."""
        context = contextvars.copy_context()
        if self._ears is not None:
            context.run(self._ears.attempt_began, self._host.process, self.context)
        if self._function.is_async:
            self._handle = self._host.worker.loop.create_task(self._perform(), context=context)
            self._arm()
        else:
            began = self._arm if self.wish.timeout is not None else None
            self._handle = Job(partial(context.run, self._work), self._finish, began)
            self._host.worker.executor.submit(self._handle)

    def cancel(self) -> None:
        """Ask it to stop; its outcome is still waited for."""
        if self.context.is_cancel_requested:
            return
        self.context.request_cancel()
        self._stop_task(e.ActivityCanceled())

    def drop(self) -> None:
        """Stop it if it can be stopped, and forget its outcome."""
        if self._ears is not None and not self._is_over:
            self._tell(self._ears, None)
        self._is_over = True
        self._disarm()
        self.context.request_cancel()
        worker = self._host.worker
        if isinstance(self._handle, Job):
            worker.executor.abandon(self._handle)
        elif self._handle is not None and not self._handle.done():
            self._handle.cancel()
            worker.dropped.add(self._handle)
            self._handle.add_done_callback(worker.dropped.discard)

    # -- running -----------------------------------------------------------------------------

    async def _perform(self) -> None:
        if self._ears is not None:
            self._began = self._ears.clock.monotonic()
        try:
            enter(self.context)
            arguments = self._function.arguments(self.wish.input)
            end = self._completed(await self._function.function(**arguments))
        except asyncio.CancelledError as error:
            end = self._end or failed(error, discretion(self.wish.input))
        except BaseException as error:
            if self._host.worker.loop.is_closed():
                raise  # nobody runs it any more
            # user code may raise anything; it becomes a fact
            end = failed(error, discretion(self.wish.input))
        self._finish(end)

    def _work(self) -> e.ActivityResult:
        if self._ears is not None:
            self._began = self._ears.clock.monotonic()
        try:
            enter(self.context)
            arguments = self._function.arguments(self.wish.input)
            return self._completed(self._function.function(**arguments))
        except BaseException as error:  # noqa: BLE001 - user code may raise anything; it becomes a fact
            return failed(error, discretion(self.wish.input))

    def _completed(self, value: Any) -> e.ActivityResult:
        result = self._function.result(value)
        if result:
            self._host.worker.state_limit.check(self._host, self.wish, result)
        return e.ActivityCompleted(result)

    def _finish(self, end: e.ActivityResult) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._disarm()
        if self._ears is not None:
            self._tell(self._ears, end)
        path, occurrence = self.wish.path, self.wish.occurrence
        documents = tuple(self.context.documents)
        self._host.ended(m.Outcome(path, occurrence, self.number, end, documents))

    def _tell(self, ears: Ears, end: e.ActivityResult | None) -> None:
        ears.attempt_ended(self._host.process, self.context, end, self._began)

    # -- time --------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self.wish.timeout is not None and not self._is_over:
            self._alarm = self._host.worker.loop.call_later(self.wish.timeout, self._time_out)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _time_out(self) -> None:
        end = e.ActivityTimedOut("start_to_close", self.wish.timeout)
        self.context.request_cancel()
        if isinstance(self._handle, Job):
            self._host.worker.executor.abandon(self._handle)
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
            self._alarm = self._host.worker.loop.call_later(GRACE_SECONDS, self._give_up)

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
            extra=context.fields,
        )


def failed(error: BaseException, hide: Callable[[str], str] | None = None) -> e.ActivityFailed:
    """An exception as the recorded end of an activity, without what `hide` cuts out; never raises.

    It is cut to a length only then, lest half a secret stays.
    """
    message = _said(lambda: str(error))
    trace = _said(lambda: "".join(traceback.format_exception(error)))
    if hide is not None:
        message, trace = hide(message), hide(trace)
    short, end = message[:MESSAGE_CHARACTERS], trace[-TRACEBACK_CHARACTERS:]
    return e.ActivityFailed(e.Failure(type(error).__name__, short, end))


def _said(tell: Callable[[], str]) -> str:
    """A text as rows can hold it: half pairs, as in undecodable file names, become `?`.

    An error's own `__str__` is user code, and Python's traceback breaks at times.
    """
    try:
        return tell().encode("utf-8", "replace").decode("utf-8")
    except Exception as failure:  # noqa: BLE001 - see above
        return f"(its text can't be told: {type(failure).__name__})"


_MANY = 1000
"""So many sizes of results are kept before those are forgotten that are in the State."""


class StateLimit:
    """Keeps States below a size in bytes of JSON; cheap while they stay far below."""

    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        """Take the limit in bytes."""
        self.limit = limit

    def check(self, host: Host, wish: d.ScheduleActivity, result: Any) -> None:
        """Raise StateTooLargeError if the State with this result in it would be too large.

        What unfinished branches and loops have written counts: it will be in the State. The error
        names the largest key. A result that is no object counts as it is, and takes no key's place.
        """
        added, mine, sizes = len(_encode(result)), (wish.path, wish.occurrence), host.results
        host.state_bound = bound = host.state_bound + added
        sizes[mine] = added
        if bound <= self.limit and len(sizes) < _MANY:
            return
        open_, view = host.unrecorded(), wish.input
        changes = result if isinstance(result, dict) else {}
        beside = {key: size for key, size in host.results.copy().items() if key in open_}
        host.results = beside
        total = added + sum(map(_size, host.held()))
        total += sum(size for key, size in beside.items() if key != mine)
        total -= sum(_size(view[key]) for key in changes if key in view)
        if total > self.limit:
            beside.pop(mine, None)
            parts = {f"key is {key!r}": _size(value) for key, value in {**view, **changes}.items()}
            if changes is not result:
                parts["part is what was returned"] = added
            largest, size = max(parts.items(), key=itemgetter(1))
            raise StateTooLargeError(
                f"after step {wish.path!r} the State would be {total:,} bytes, over the limit of "
                f"{self.limit:,}; its largest {largest} with {size:,} bytes: "
                "keep large values elsewhere and a reference to them here, or raise state_limit"
            )
        host.state_bound = total


_encode = msgspec.json.Encoder().encode


def _size(value: Any) -> int:
    return len(_encode(value))
