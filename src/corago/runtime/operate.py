"""Acting on processes: signals, updates, operators' commands, pause.

Checked here, decided by the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corago.core import codec, commands
from corago.core import messages as m
from corago.core.program import Agenda
from corago.errors import CommandRefusedError, InvalidInputError
from corago.ids import NewId
from corago.runtime.inquiry import Inquiry


class Operation(Inquiry):
    """The acting half of an engine."""

    _new_id: NewId

    def _paused(self, *, is_paused: bool) -> None:
        raise NotImplementedError

    async def signal(
        self,
        id: str,
        name: str,
        data: Any = None,
        *,
        key: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Send a signal; durable when it returns. A `key` makes a repeat harmless.

        Raises ProcessNotFoundError, ProcessClosedError, SignalKeyError, InvalidInputError.
        """
        self._check()
        if not isinstance(name, str) or not name:
            raise InvalidInputError(f"a signal's name is a text that is not empty, not {name!r}")
        value = codec.plain(data, f"data of signal {name!r}")
        message = m.Signal(name, value, key or self._new_id(), actor, reason)
        await self._send(id, message)

    async def update(
        self,
        id: str,
        changes: Mapping[str, Any],
        *,
        key: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Change the external store (merged at the top level) and wake the process.

        Raises ProcessNotFoundError, ProcessClosedError, SignalKeyError, InvalidInputError.
        """
        self._check()
        value = codec.plain(dict(changes), "changes")
        await self._send(id, m.Update(value, key or self._new_id(), actor, reason))

    async def _send(self, process_id: str, message: m.Inbound, *, reopens: bool = False) -> None:
        await self._backend.send(process_id, message, reopens=reopens)

    async def retry(
        self,
        id: str,
        *,
        step: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Try again exactly what failed (or hangs in back-off).

        Raises CommandRefusedError with the reason why not.
        """
        await self._command(id, "retry", step, None, actor, reason)

    async def skip(
        self,
        id: str,
        *,
        step: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Go on past what failed, as if it had written nothing. Raises CommandRefusedError."""
        await self._command(id, "skip", step, None, actor, reason)

    async def set_result(
        self,
        id: str,
        value: Any,
        *,
        step: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Go on past what failed, with this result.

        Raises CommandRefusedError, InvalidInputError.
        """
        if not isinstance(value, dict):
            raise InvalidInputError(f"a step's result is a dict, not {type(value).__name__}")
        await self._command(id, "set_result", step, codec.plain(value, "result"), actor, reason)

    async def cancel(
        self,
        id: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Ask the process to stop: running steps are asked too and waited for.

        Raises CommandRefusedError.
        """
        await self._command(id, "cancel", None, None, actor, reason)

    async def abort(
        self,
        id: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """End the process by force, now, whoever runs it; needs no code.

        Raises CommandRefusedError.
        """
        self._check()
        await self._backend.abort(id, actor, reason)

    async def _command(  # noqa: PLR0917 - one place for every command
        self,
        process_id: str,
        verb: str,
        step: str | None,
        value: Any,
        actor: str | None,
        reason: str | None,
    ) -> None:
        self._check()
        description = await self._backend.describe(process_id)
        process = description.snapshot.process
        agenda = self._agenda(description) or Agenda()
        targets = commands.target(process, agenda, verb, step, self._clock.now())
        if isinstance(targets, str):
            raise CommandRefusedError(process_id, verb, targets)
        await self._send(process_id, m.Command(verb, targets, value, actor, reason), reopens=True)

    async def pause(self) -> None:
        """Start nothing further in the whole store, for all workers and across restarts.

        What runs is recorded.
        """
        self._check()
        await self._backend.pause(True)
        self._paused(is_paused=True)

    async def unpause(self) -> None:
        """Let the store go on."""
        self._check()
        await self._backend.pause(False)
        self._paused(is_paused=False)
