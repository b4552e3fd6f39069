"""The client of a simulated world: it does what the guarantees tell users to do.

A call that the store did not answer is made again, with the same id and key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from corago.core.history import History
from corago.errors import (
    CommandRefusedError,
    EngineClosedError,
    ProcessClosedError,
    StoreUnavailableError,
)
from corago.runtime.engine import EngineCore
from corago.runtime.handle import AsyncHandle
from corago.runtime.settings import Workflow
from corago.runtime.views import Explanation, ProcessInfo
from corago.testing.simulator.nodes import Node

T = TypeVar("T")

FIRST_SECONDS, MOST_SECONDS = 0.05, 5.0
"""How long it waits before it tries again, at first and at most."""


class Client(EngineCore):
    """An engine without a worker, whose calls are repeated until the store answers.

    A command that is refused when it is repeated had its effect, or came too late: no error.
    """

    def __init__(self, node: Node, *parts: Any) -> None:
        """`parts` is what an engine is made of."""
        super().__init__(*parts)
        self._node = node
        self._acts = 0
        self._repeats: set[asyncio.Task[None]] = set()

    # -- acting ------------------------------------------------------------------------------

    async def start(
        self, workflow: Workflow | str, input: Any = None, *, id: str | None = None, **named: Any
    ) -> AsyncHandle:
        """Start a process, as any engine does; `id` stays the same in every try."""
        named["id"] = self._new_id() if id is None else id
        return await self._act(partial(super().start, workflow, input, **named))

    async def signal(
        self, id: str, name: str, data: Any = None, *, key: str | None = None, **named: Any
    ) -> None:
        """Send a signal, as any engine does; `key` stays the same in every try."""
        await self._act(partial(super().signal, id, name, data, key=self._key(key), **named))

    async def update(
        self, id: str, changes: Mapping[str, Any], *, key: str | None = None, **named: Any
    ) -> None:
        """Change the external store, as any engine does; `key` stays the same in every try."""
        await self._act(partial(super().update, id, changes, key=self._key(key), **named))

    async def _command(self, *arguments: Any, **named: Any) -> None:
        await self._commanded(partial(super()._command, *arguments, **named))

    async def abort(self, id: str, **named: Any) -> None:
        """End a process by force, as any engine does."""
        await self._commanded(partial(super().abort, id, **named))

    async def _commanded(self, call: Callable[[], Awaitable[None]]) -> None:
        tries = 0

        async def once() -> None:
            nonlocal tries
            tries += 1
            try:
                await call()
            except (CommandRefusedError, ProcessClosedError):
                if tries == 1:
                    raise

        await self._insist(once)

    async def _act(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, and, if chance will have it, make it once more later."""
        self._acts += 1
        fault = self._node.meet("repeated", self._acts)
        answer = await self._insist(call)
        if fault is not None:
            task = asyncio.get_running_loop().create_task(self._again(call, fault.seconds))
            self._repeats.add(task)
            task.add_done_callback(self._repeats.discard)
        return answer

    async def _again(self, call: Callable[[], Awaitable[Any]], seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            await self._insist(call)
        except EngineClosedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, a repeat should do nothing
            self._node.world.find(
                f"a call that was made again, with its id and key, is refused: "
                f"{type(error).__name__}: {error}"
            )

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        seconds = FIRST_SECONDS
        while True:
            try:
                return await call()
            except StoreUnavailableError:
                await asyncio.sleep(seconds)
                seconds = min(seconds * 2, MOST_SECONDS)

    # -- asking ------------------------------------------------------------------------------

    async def open(self) -> Client:
        """Open, as any engine does."""
        await self._insist(super().open)
        return self

    async def info(self, id: str) -> ProcessInfo:
        """A process at this moment, as any engine gives it."""
        return await self._insist(partial(super().info, id))

    async def processes(self, **named: Any) -> list[ProcessInfo]:
        """A page of processes, as any engine gives it."""
        return await self._insist(partial(super().processes, **named))

    async def history(self, id: str, **named: Any) -> History:
        """Every recorded event, as any engine gives it."""
        return await self._insist(partial(super().history, id, **named))

    async def explain(self, id: str) -> Explanation:
        """Why a process stands where it stands, as any engine gives it."""
        return await self._insist(partial(super().explain, id))

    async def wait(self, id: str, timeout: float | None = None) -> Any:
        """The result of a process, as any engine gives it."""
        return await self._insist(partial(super().wait, id, timeout))
