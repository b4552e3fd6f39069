"""One attempt of one activity in this worker.

It runs user code and turns its end into an Outcome.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterable
from enum import Enum
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from corago.activity import ActivityFunction, Context, enter
from corago.arguments.raised import Hide, failure
from corago.core import decisions as d
from corago.core import events as e
from corago.core import messages as m
from corago.core.process import Process
from corago.errors import RequestError, StateTooLargeError
from corago.runtime.executor import Job
from corago.runtime.listening import Ears
from corago.runtime.watch import Watch
from corago.secrecy import discretion

if TYPE_CHECKING:
    from corago.runtime.worker import Worker

_log = logging.getLogger("corago.activity")

GRACE_SECONDS = 5.0
"""How long a canceled async step may take to end before it is no longer waited for."""

HELD_BACK_SECONDS = 0.05
"""How soon an attempt that may not begin looks again."""


class HeldBack(Enum):
    """What a job gives that has not begun: the lease may be somebody else's by now."""

    HELD_BACK = "held back"


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

    def deferred(self) -> None:
        """Its function has returned, and somebody outside will say how it ended."""


_OUTRIGHT = (
    e.ActivityCompleted,
    e.ActivityFailed,
    e.ActivityAborted,
    e.ActivityTimedOut,
    e.ActivityCanceled,
)
"""What is itself how an activity ended, where others return a result."""


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
        "_watch",
        "begin_by",
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
            activity=wish.activity,
        )
        self._host = host
        self._function = function
        self._handle: asyncio.Task[None] | Job | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._end: e.ActivityResult | None = None
        self._is_over = False
        self._ears = host.worker.ears
        self._began: float | None = None
        self._watch: Watch | None = None
        self.begin_by: float | None = None

    def watch(self, before: Any) -> None:
        """Watch all its limits, which no row keeps; `before` is what the attempt before said."""
        worker = self._host.worker
        self._watch = Watch(self.wish, before, worker.loop.time, worker.clock.now())
        self.context.connect(self._watch)

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
            if self.wish.timeout is not None or self._watch is not None:
                self._arm()
        else:
            self._submit(context)
            if self._watch is not None:
                self._look()

    def cancel(self) -> None:
        """Ask it to stop; its outcome is still waited for."""
        if self._is_over or self.context.is_cancel_requested:
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

    @property
    def _may_begin(self) -> bool:
        """Whether lease and limits still stand, asked last of all before user code runs.

        An OS process that was stopped goes on where it was, and others may have done it all.
        """
        worker = self._host.worker
        is_late = self.begin_by is not None and self.begin_by <= worker.loop.time()
        return worker.lease.is_fresh and not is_late

    def _submit(self, context: contextvars.Context) -> None:
        if self._is_over:
            return
        is_timed = self.wish.timeout is not None or self._watch is not None
        done = partial(self._worked, context)
        began = self._arm if is_timed else None
        self._handle = Job(partial(context.run, self._work), done, began)
        self._host.worker.executor.submit(self._handle)

    def _worked(
        self, context: contextvars.Context, end: e.ActivityResult | HeldBack | None
    ) -> None:
        """A thread is through with it, or has not begun it: then another one tries."""
        if end is not HeldBack.HELD_BACK:
            self._finish(end)
        elif not self._is_over:
            self._disarm()
            if self._watch is not None:
                self._watch.hold_back()
                self._look()
            self._host.worker.loop.call_later(HELD_BACK_SECONDS, self._submit, context)

    async def _perform(self) -> None:
        end: e.ActivityResult | None
        try:
            while not self._may_begin:  # noqa: ASYNC110 - nobody tells that a lease was renewed
                await asyncio.sleep(HELD_BACK_SECONDS)
            if self._ears is not None:
                self._began = self._ears.clock.monotonic()
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

    def _work(self) -> e.ActivityResult | HeldBack | None:
        if not self._may_begin:
            return HeldBack.HELD_BACK
        if self._ears is not None:
            self._began = self._ears.clock.monotonic()
        try:
            enter(self.context)
            arguments = self._function.arguments(self.wish.input)
            return self._completed(self._function.function(**arguments))
        except BaseException as error:  # noqa: BLE001 - user code may raise anything; it becomes a fact
            return failed(error, discretion(self.wish.input))

    def _completed(self, value: Any) -> e.ActivityResult | None:
        """The end, by what the function returned; None where it will be told from outside."""
        if value is None and self._function.defers:
            self._check_token()
            return None
        result = self._function.result(value)
        if self.wish.activity:
            return self._answered(result)
        if result:
            self._host.worker.state_limit.check(self._host, self.wish, result)
        return e.ActivityCompleted(result)

    def _answered(self, result: Any) -> e.ActivityResult:
        """The end of an activity, which may say outright how it has ended."""
        end = result if isinstance(result, _OUTRIGHT) else e.ActivityCompleted(result)
        if isinstance(end, e.ActivityCompleted):
            self._host.worker.state_limit.check_alone(self.wish, end.result)
        return end

    def _check_token(self) -> None:
        if self.wish.queue is None:
            raise RequestError(
                f"{self.wish.path!r} is completed from outside (auto_complete=False), which takes "
                "a queue, and was scheduled without one; give it a queue, or return its result"
            )

    def _finish(self, end: e.ActivityResult | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self.wish.activity:
            end = self._in_time(end)
        self._disarm()
        if self._ears is not None:
            self._tell(self._ears, end)
        if end is None:
            self._host.deferred()
            return
        wish, context = self.wish, self.context
        documents = tuple(context.documents)
        outcome = m.Outcome(wish.path, wish.occurrence, self.number, end, documents)
        if context.details is not None:
            outcome = msgspec.structs.replace(outcome, details=context.details)
        self._host.ended(outcome)

    def _tell(self, ears: Ears, end: e.ActivityResult | None) -> None:
        ears.attempt_ended(self._host.process, self.context, end, self._began)

    # -- time --------------------------------------------------------------------------------

    def _arm(self) -> None:
        """It runs: its time counts from here on."""
        if self._is_over:
            return
        if self._watch is not None:
            self._watch.begin()
            self._look()
        elif self.wish.timeout is not None:
            end = e.ActivityTimedOut("start_to_close", self.wish.timeout)
            self._alarm = self._host.worker.loop.call_later(self.wish.timeout, self.run_out, end)

    def _look(self) -> None:
        """End it if one of its limits has run out, else look again when the next one might."""
        first = None if self._watch is None or self._is_over else self._watch.first()
        if first is None:
            return
        loop, (at, end) = self._host.worker.loop, first
        self._disarm()
        if at <= loop.time():
            self.run_out(end)
        else:
            self._alarm = loop.call_at(at, self._look)

    def _in_time(self, end: e.ActivityResult | None) -> e.ActivityResult | None:
        """The end of an activity; a time-out if that came first, whatever it brings since."""
        if isinstance(self._end, e.ActivityTimedOut):
            return self._end
        is_over = self._end is None and isinstance(end, _OUTRIGHT)
        return self._overdue(end) if is_over and end is not None else end

    def _overdue(self, end: e.ActivityResult) -> e.ActivityResult:
        """The end of an activity; a time-out if one of its limits was quicker than its alarm."""
        first: tuple[float, e.ActivityTimedOut] | None = None
        if self._watch is not None:
            first = self._watch.first()
        elif self._alarm is not None:
            late = e.ActivityTimedOut("start_to_close", self.wish.timeout)
            first = self._alarm.when(), late
        if first is None or first[0] > self._host.worker.loop.time():
            return end
        return end if isinstance(end, e.ActivityTimedOut) else self._said(first[1])

    def _said(self, end: e.ActivityTimedOut) -> e.ActivityTimedOut:
        """With what was said last."""
        details = self.context.details
        return end if details is None else msgspec.structs.replace(end, details=details)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def run_out(self, end: e.ActivityTimedOut) -> None:
        """One of its limits has run out: stop it, and let it end so."""
        if self._is_over or self._end is not None:
            return
        end = self._said(end)
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


def failed(error: BaseException, hide: Hide | None = None) -> e.ActivityFailed:
    """An exception as the recorded end of an activity, without what `hide` cuts out."""
    return e.ActivityFailed(failure(error, hide))


_MANY = 1000
"""So many sizes of results are kept before those are forgotten that are in the State."""


class StateLimit:
    """Keeps States below a size in bytes of JSON; cheap while they stay far below."""

    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        """Take the limit in bytes."""
        self.limit = limit

    def check_alone(self, wish: d.ScheduleActivity, result: Any) -> None:
        """Raise StateTooLargeError for a result that is too large by itself: it is in no State."""
        size = len(_encode(result))
        if size > self.limit:
            raise StateTooLargeError(
                f"what activity {wish.path!r} returned is {size:,} bytes, over the limit of "
                f"{self.limit:,}: keep large values elsewhere and a reference to them here, or "
                "raise state_limit"
            )

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
