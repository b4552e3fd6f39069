"""SIGINT and SIGTERM: the first asks to stop, the second leaves at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Iterator
from typing import TypeVar

from corago.cli.output import Output

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether this OS process was asked to stop."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self._asked = asyncio.Event()

    @property
    def is_asked(self) -> bool:
        """Whether somebody has asked."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask."""
        self._asked.set()

    async def wait(self) -> None:
        """Until somebody asks."""
        await self._asked.wait()

    async def or_(self, work: Awaitable[T]) -> T | None:
        """The work's result; None if the stop came first, and the work is then canceled."""
        working = asyncio.ensure_future(work)
        asking = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait((working, asking), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            for task in (working, asking):
                task.cancel()
            await asyncio.gather(working, asking, return_exceptions=True)


@contextlib.contextmanager
def stoppable(out: Output, said: str) -> Iterator[Stop]:
    """Within the block, the first signal says `said` and asks to stop; the second ends it all.

    Leaving at once is safe: to the store it is a crash, and crashes are recovered from.
    """
    loop = asyncio.get_running_loop()
    stop = Stop()

    def answer(number: signal.Signals) -> None:
        if stop.is_asked:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(128 + number)
        stop.ask()
        out.say(f"\n{said} (again to leave at once)")

    for number in SIGNALS:
        loop.add_signal_handler(number, answer, number)
    try:
        yield stop
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
