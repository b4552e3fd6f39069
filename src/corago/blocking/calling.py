"""Blocking calls of coroutines: an engine's loop in a thread of its own, and the way there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Self, TypeVar

from corago.errors import EngineClosedError, RequestError
from corago.wiring import AsyncEngine

T = TypeVar("T")


async def _clear() -> None:
    """Let nothing be left on a loop that ends: neither deaf steps nor callers who still wait."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=1)
    await asyncio.get_running_loop().shutdown_asyncgens()


class Caller:
    """Runs the coroutines of an engine, for callers of whatever thread."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Nothing is opened yet."""
        self._engine = engine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> Self:
        """Start the engine's own thread and open it; what is open stays. Raises StoreError."""
        if self._loop is not None:
            self._run(self._engine.open())
            return self
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="corago", daemon=True)
        self._thread.start()
        try:
            self._run(self._engine.open())
        except BaseException:
            self._end()
            raise
        return self

    def close(self) -> None:
        """Let running steps end, let go of every process, and close the store."""
        if self._loop is not None and self._engine.is_mine():
            try:
                self._run(self._engine.close())
            finally:
                self._end()

    def _end(self) -> None:
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(_clear(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def __enter__(self) -> Self:
        """Open."""
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        loop = self._loop
        if loop is None or not self._engine.is_mine():
            coroutine.close()
            kind = type(self).__name__
            raise EngineClosedError(
                f"this {kind} is not open here (it was closed, or opened before a fork); "
                f"use it inside `with {kind}(...) as {kind.lower()}:`"
            )
        if self._thread is threading.current_thread():
            coroutine.close()
            raise RequestError(
                "this would wait for itself: in async steps use AsyncEngine, or a sync step"
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except CancelledError:
            raise EngineClosedError("this engine was closed meanwhile") from None
        except BaseException:
            future.cancel()
            raise
