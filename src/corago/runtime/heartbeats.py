"""The heartbeats of one task of a queue, on their way to its row. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from corago.core.tasks import ActivityTask
from corago.errors import EngineClosedError, StoreError
from corago.runtime.listening import fields

if TYPE_CHECKING:
    from corago.runtime.worker import Worker

_log = logging.getLogger("corago.worker")

UNHURRIED_SECONDS = 0.1
"""How soon the next heartbeat is written where no limit says how soon it must be."""

LATEST_SECONDS = 5.0
"""What was said is on the row after so long at the latest, however long the silence may be."""

SHARE = 10
"""Within a heartbeat's limit, so many are written at most."""


class Heartbeats:
    """One write at a time, no more often than they must be, and the newest word wins.

    A Pulse. `stops` is called when the row says that the task is to stop, `gone` when it is this
    worker's no longer.
    """

    # nothing has been said yet; one is made for every task, and most never say anything
    _word: Any = None
    _writing: asyncio.Task[None] | None = None
    _has_news = False
    _is_told = False
    _is_writing = False
    _is_over = False
    _next = 0.0
    _alarm: asyncio.TimerHandle | None = None

    def __init__(
        self,
        worker: Worker,
        task: ActivityTask,
        *,
        stops: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        """Take the task."""
        self._worker = worker
        self._task = task
        self._stops = stops
        self._gone = gone

    @property
    def before(self) -> Any:
        """What was said last before."""
        return self._task.details

    @property
    def token(self) -> str:
        """The task's."""
        return self._task.token

    @property
    def is_behind(self) -> bool:
        """Whether the row may not have what was said last."""
        return self._word is not None or self._is_writing

    async def left(self) -> Any:
        """What was said last, if the row has it not; somebody with the token may have gone on."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        return self._word

    @property
    def pause(self) -> float:
        """How long to wait between two writes, in seconds."""
        limits = self._task.attempt.limits
        if limits is None or limits.heartbeat is None:
            return UNHURRIED_SECONDS
        return min(limits.heartbeat / SHARE, LATEST_SECONDS)

    def beat(self, details: Any) -> None:
        """It is alive, and has come so far; from any thread."""
        if self._is_over:
            return
        if details is not None:
            self._word = details
        self._has_news = True
        if not self._is_told:
            self._is_told = True
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the worker with it
                self._worker.loop.call_soon_threadsafe(self._hear)

    def close(self) -> None:
        """Write nothing more."""
        self._is_over = True
        if self._alarm is not None:
            self._alarm.cancel()

    def _hear(self) -> None:
        """There is news: write it now, or as soon as it may be."""
        if self._is_writing or self._alarm is not None or self._is_over:
            return
        seconds = self._next - self._worker.loop.time()
        if seconds > 0:
            self._alarm = self._worker.loop.call_later(seconds, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self._alarm = None
        self._is_writing = True
        self._next = self._worker.loop.time() + self.pause
        self._writing = self._worker.spawn(self._write())

    async def _write(self) -> None:
        self._has_news = False
        word, self._word = self._word, None
        beat = self._worker.backend.heartbeat_activity_task
        try:
            answer = await beat(self._task, word, says=word is not None)
        except EngineClosedError:
            self.close()
            return
        except StoreError as error:
            process = self._task.process
            text = "a heartbeat of %r waits for the store: %s"
            _log.warning(text, self._task.attempt.path, error, extra=fields(process))
            self._word = word if self._word is None else self._word
            self._has_news, answer = True, False
        finally:
            self._is_writing = False
        if self._is_over:
            return
        if answer is None:
            self._gone()
        elif answer:
            self._stops()
        self._is_told = False
        if self._has_news:  # what was said meanwhile told nobody
            self._is_told = True
            self._hear()
