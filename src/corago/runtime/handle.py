"""A process in an application's hands: its id and the engine to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from corago.core import messages as m
from corago.core.history import History
from corago.core.process import Process
from corago.errors import (
    ProcessAbortedError,
    ProcessCanceledError,
    ProcessEndedError,
    ProcessFailedError,
    ProcessTimedOutError,
)
from corago.runtime.views import Explanation, ProcessInfo

if TYPE_CHECKING:
    from corago.runtime.engine import EngineCore


class AsyncHandle:
    """One process, by its id."""

    __slots__ = ("_engine", "id")

    def __init__(self, engine: EngineCore, id: str) -> None:
        """Name the process."""
        self._engine = engine
        self.id = id

    def __repr__(self) -> str:
        """Show the id."""
        return f"{type(self).__name__}({self.id!r})"

    async def result(self, as_: Any = None, timeout: float | None = None) -> Any:
        """The result once the process has completed, converted to `as_` if given.

        `timeout` is in seconds.

        Raises ProcessFailedError, ProcessCanceledError, ProcessAbortedError, ProcessTimedOutError,
        or WaitTimeoutError (a TimeoutError) that carries the explanation.
        """
        value = await self._engine.wait(self.id, timeout)
        return value if as_ is None else TypeAdapter(as_).validate_python(value)

    async def info(self) -> ProcessInfo:
        """The process at this moment."""
        return await self._engine.info(self.id)

    async def history(self, *, run: int | None = None) -> History:
        """Every recorded event of a run (the latest, unless said), positions from 1."""
        return await self._engine.history(self.id, run=run)

    async def pending(self) -> tuple[m.Inbound, ...]:
        """The messages not consumed yet."""
        return await self._engine.pending(self.id)

    async def explain(self) -> Explanation:
        """Why it stands where it stands."""
        return await self._engine.explain(self.id)


_ENDED: dict[str, type[ProcessEndedError]] = {
    "failed": ProcessFailedError,
    "canceled": ProcessCanceledError,
    "aborted": ProcessAbortedError,
    "timed_out": ProcessTimedOutError,
}


def outcome(process: Process) -> Any:
    """The result of a closed process. Raises a ProcessEndedError if it did not complete."""
    if process.status == "completed":
        return process.result
    where = f" at {process.error_path!r}" if process.error_path else ""
    why = f"{where}: {process.error}" if process.error is not None else ""
    raise _ENDED[process.status](
        process.id, f"process {process.id!r} {_SAID[process.status]}{why}", process.error
    )


_SAID = {
    "failed": "failed",
    "canceled": "was canceled",
    "aborted": "was aborted",
    "timed_out": "ran longer than its timeout",
}
