"""A store that is away for a while: what is to be read or written is tried again. Decides nothing.

It is tried for as long as the worker's lease lasts; then others have taken over.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from corago.core.process import Process
from corago.errors import StoreUnavailableError
from corago.runtime.lease import Lease
from corago.runtime.listening import fields

_log = logging.getLogger("corago.worker")

T = TypeVar("T")


class Patience:
    """That of one worker.

    `is_strained` while something waits to be written. `relieved` is called when nothing waits for
    the store any more, `given_up` whenever the lease ended first.
    """

    def __init__(
        self,
        lease: Lease,
        sleep: Callable[[float], Awaitable[None]],
        *,
        relieved: Callable[[], None],
        given_up: Callable[[], None],
    ) -> None:
        """Nothing waits yet."""
        self._lease = lease
        self._sleep = sleep
        self._relieved = relieved
        self._given_up = given_up
        self._waiting = 0
        self.is_strained = False

    async def write(
        self, call: Callable[[], Awaitable[T]], process: Process, error: StoreUnavailableError
    ) -> T | None:
        """The answer of a write about a process that ended in `error` at first.

        Whether that one was written is not known. None when the lease lasted no longer.
        """
        self._waiting += 1
        self.is_strained = True
        try:
            while True:
                text = "process %s waits for the store: %s"
                _log.warning(text, process.id, error, extra=fields(process))
                if not await self._again():
                    return None
                try:
                    return await call()
                except StoreUnavailableError as another:
                    error = another
        finally:
            self._waiting -= 1
            self.is_strained = self._waiting > 0
            if not self.is_strained:
                self._relieved()

    async def read(self, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """The answer of a read; `otherwise` when the lease lasted no longer."""
        while True:
            try:
                return await call()
            except StoreUnavailableError as error:
                _log.warning("the store can't be read: %s", error)
                if not await self._again():
                    return otherwise

    async def _again(self) -> bool:
        """Wait a moment; False, and at once, if there is no point in it any more."""
        if not self._lease.is_fresh:
            self._given_up()
            return False
        await self._sleep(min(1.0, self._lease.seconds / 30))
        return True
