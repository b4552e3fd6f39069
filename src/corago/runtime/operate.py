"""Acting on processes: signals, updates, operators' commands, pause.

Checked here, decided by the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corago.core import commands
from corago.core import messages as m
from corago.core.process import Process
from corago.core.program import Agenda
from corago.errors import CommandRefusedError, InvalidInputError, ProcessNotFoundError
from corago.ids import NewId
from corago.runtime import checks
from corago.runtime.inquiry import Inquiry
from corago.runtime.listening import Ears


class Operation(Inquiry):
    """The acting half of an engine."""

    _new_id: NewId
    _ears: Ears | None

    def _paused(self, *, is_paused: bool) -> None:
        raise NotImplementedError

    def _kept(self, value: Any, what: str) -> Any:
        raise NotImplementedError

    def _takes_any_signal(self) -> bool:
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
        id, name = checks.known_id(id), checks.good_name(name, "a signal's name")
        value = self._kept(data, f"data of signal {name!r}")
        if not self._takes_any_signal():
            program = (await self._backend.describe(id)).program
            value = program.check_signal(name, value)
        await self._send(id, m.Signal(name, value, self._key(key), *by(actor, reason)))

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
        if not isinstance(changes, Mapping):
            raise InvalidInputError(f"changes are a dict, not {type(changes).__name__}")
        value = self._kept(changes, "changes")
        description = await self._described(id)
        value = description.program.check_changes(value)
        external = {**description.snapshot.process.external}
        for waiting in description.mail:
            if isinstance(waiting.message, m.Update):
                external |= waiting.message.changes
        limit = self._settings.state_limit
        checks.size(external | value, limit, "external store with these changes")
        await self._send(id, m.Update(value, self._key(key), *by(actor, reason)))

    def _key(self, key: str | None) -> str:
        return checks.good_text(key, "key") or self._new_id()

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
        """Go on past what failed, with this result: a step's is a dict, an activity's any JSON.

        Raises CommandRefusedError, InvalidInputError.
        """
        await self._command(id, "set_result", step, self._kept(value, "result"), actor, reason)

    def _result(self, value: Any) -> Any:
        return self._kept(checks.step_result(value), "result")

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
        process, event = await self._backend.abort(checks.known_id(id), *by(actor, reason))
        if self._ears is not None:
            self._ears.recorded(process, (event,))

    async def _command(  # noqa: PLR0917 - one place for every command
        self,
        process_id: str,
        verb: str,
        step: str | None,
        value: Any,
        actor: str | None,
        reason: str | None,
        at: tuple[int, int] | None = None,
    ) -> None:
        """Send a command; `at` are run and position at which it was meant for the process."""
        self._check()
        given, step = by(actor, reason), checks.good_text(step, "a step's path")
        description = await self._described(process_id)
        process = description.snapshot.process
        check_still(process_id, verb, at, (process.run, process.position))
        agenda = self._agenda(description) or Agenda()
        targets = commands.target(process, agenda, verb, step, self._clock.now())
        if isinstance(targets, str):
            raise CommandRefusedError(process_id, verb, targets)
        if verb == "set_result" and not description.program.batch:
            checks.step_result(value)
            state = description.program.view(description.snapshot.state)
            whole = {**state, **value} if isinstance(state, dict) else value
            checks.size(whole, self._settings.state_limit, "State with this result")
        if process.is_closed and process.parent is not None:
            await self._check_parent(process, verb)
        command = m.Command(verb, targets, value, *given)
        await self._send(process_id, command, reopens=verb in commands.REOPENING)

    async def _check_parent(self, process: Process, verb: str) -> None:
        """A failed child goes on through its parent, which has heard of the failure.

        Unless that one goes its way without it.
        """
        try:
            description = await self._backend.describe(process.parent or "")
        except ProcessNotFoundError:
            return
        parent, agenda = description.snapshot.process, self._agenda(description)
        is_open = process.id in {child.id for child in parent.children.values()}
        is_missed = agenda is None or process.parent_path in commands.incidents(parent, agenda)
        is_over = parent.is_closed and parent.status != "failed"
        if not is_over and (is_open or is_missed):
            raise CommandRefusedError(
                process.id,
                verb,
                f"its parent {parent.id!r} has been told of the failure: retry that one at "
                f"{process.parent_path!r}, and it goes on here, exactly where it failed",
            )

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


def check_still(id: str, verb: str, selected: tuple[int, int] | None, now: tuple[int, int]) -> None:
    """See that a process stands where a command is meant for it. Raises CommandRefusedError."""
    if selected is None or selected == now:
        return
    of_run = "" if selected[0] == now[0] else " of run {}"
    before, after = (f"{at}{of_run.format(run)}" for run, at in (selected, now))
    why = f"it has moved on since it was selected (position {before}, now {after})"
    raise CommandRefusedError(id, verb, why)


def by(actor: str | None, reason: str | None) -> tuple[str | None, str | None]:
    """Who and why, as events keep them."""
    return checks.good_text(actor, "actor"), checks.good_text(reason, "reason")
