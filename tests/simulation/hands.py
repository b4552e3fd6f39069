"""People in a simulated world: synchronous code, as users of a Manager write it, on virtual time.

Each has a thread, but never do two run at a time: the world stands still while one of them works,
and he while he waits for the world.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from corago.manual import Manager
from corago.manual.engine import DeskEngine
from corago.runtime.desk import Terms
from corago.runtime.engine import EngineCore
from corago.testing.simulator.nodes import Node

T = TypeVar("T")

HAND: contextvars.ContextVar[Hand] = contextvars.ContextVar("hand")
"""Whose thread this is."""


class Gone(BaseException):
    """The node of this thread has died."""


class Hand:
    """Synchronous code that lives on a node, and waits there as code in a thread waits."""

    def __init__(self) -> None:
        """It has not begun."""
        self._mine, self._worlds = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._worlds.acquire()
        self._asked: Coroutine[Any, Any, Any] | None = None
        self._answer: Any = None
        self._error: BaseException | None = None
        self._is_gone = False

    async def live(self, code: Callable[[], None]) -> None:
        """Run it to its end. Raises what it raises."""
        context = contextvars.copy_context()
        context.run(HAND.set, self)
        thread = threading.Thread(target=context.run, args=(self._begin, code), daemon=True)
        thread.start()
        try:
            while await self._served():
                self._mine.release()
        except BaseException:
            self._is_gone = True
            self._mine.release()
            raise
        finally:
            thread.join()
        if self._error is not None:
            raise self._error

    async def _served(self) -> bool:
        """See to what it waits for; False at its end."""
        self._worlds.acquire()
        asked, self._asked = self._asked, None
        if asked is None:
            return False
        try:
            self._answer, self._error = await asked, None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is his
            self._answer, self._error = None, error
        return True

    def _begin(self, code: Callable[[], None]) -> None:
        try:
            code()
        except Gone:
            pass
        except BaseException as error:  # noqa: BLE001 - who waits for it is told
            self._error = error
        else:
            self._error = None
        finally:
            self._worlds.release()

    # -- within ------------------------------------------------------------------------------

    def ask(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives, which the world runs meanwhile."""
        if not self._is_gone:
            self._asked = coroutine
            self._worlds.release()
            self._mine.acquire()
        if self._is_gone:
            coroutine.close()
            raise Gone
        answer, error = self._answer, self._error
        self._answer = self._error = None
        if error is not None:
            raise error
        found: T = answer
        return found

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self.ask(asyncio.sleep(seconds))


def rest(seconds: float) -> None:
    """Let time pass, in the code of whoever runs here."""
    HAND.get().rest(seconds)


class Bench(DeskEngine):
    """The asynchronous half of a Manager, on a node."""

    def __init__(self, node: Node, lease: timedelta, decision_lease: timedelta) -> None:
        """Take the node, and for how long it and its decisions are lent."""
        parts = node.world.parts(node, has_worker=False)
        EngineCore.__init__(self, *parts)
        self._terms = Terms(lease, decision_lease)
        self._desk = None
        self.met: dict[str, Any] = {}

    def now(self) -> datetime:
        """The instant by which it goes."""
        return self.desk.clock.now()


class HandManager(Manager):
    """A Manager whose callers are hands."""

    def __init__(self, bench: Bench) -> None:
        """It is open as long as the bench is."""
        self._engine = bench
        self._loop = None
        self._thread = threading.current_thread()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return HAND.get().ask(coroutine)
