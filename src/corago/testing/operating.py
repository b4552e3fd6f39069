"""Whoever stands outside of a process and keeps it going: with signals, and with retries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from corago.core.events import CLOSED_STATUSES
from corago.runtime.engine import EngineCore
from corago.runtime.views import ProcessInfo

PROCESS = "process"
"""The id of the process: the same in every run, so that keys and whatever is made of them are."""

MANY = 1000
"""Of so many processes, children included, it is looked at each."""

Signals: TypeAlias = Mapping[str, Any] | Sequence[tuple[str, Any]]
"""What is sent to processes: data by name, or names with data in their order."""


@dataclass(slots=True)
class Operator:
    """Who answers processes: sends the signals that they wait for, and retries so many times.

    Signals with an order are each sent once, whenever the process rests; so are those for a
    decider (`is_unasked`), which names no signal that it waits for.
    """

    signals: Signals
    retries: int = 0
    is_unasked: bool = False
    sent: int = 0
    process: str = PROCESS
    awaited: set[str] = field(default_factory=set)

    def misheard(self) -> str:
        """What is wrong with the names of the signals, or nothing.

        Some were waited for that are not there, and some are there that nobody waited for. Those
        with an order are sent whatever is waited for.
        """
        if not self.awaited or not isinstance(self.signals, Mapping):
            return ""
        missing, spare = self.awaited - self.signals.keys(), self.signals.keys() - self.awaited
        if not missing or not spare:
            return ""
        return (
            f"nothing waited for the signal {_names(spare)}, which is in `signals`; what was "
            f"waited for, and is not there, is {_names(missing)}"
        )

    async def family(self, engine: EngineCore) -> list[ProcessInfo]:
        """The process and its children, as they stand."""
        return await engine.processes(limit=MANY)

    async def act(self, engine: EngineCore) -> bool:
        """Do one thing that the process, or a child of it, needs. Gives whether there was one."""
        infos = await self.family(engine)
        if await self._retry(engine, [info for info in infos if info.status == "suspended"]):
            return True
        if self.is_unasked or not isinstance(self.signals, Mapping):
            acts = await self._tell(engine, infos)
        else:
            acts = await self._answer(engine, infos, self.signals)
        # a failed child is opened again by its parent
        failed = [info for info in infos if info.status == "failed" and info.id == self.process]
        return acts or await self._retry(engine, failed)

    async def _retry(self, engine: EngineCore, infos: Iterable[ProcessInfo]) -> bool:
        """Try the first of these again."""
        for info in infos if self.retries else ():
            self.retries -= 1
            await engine.retry(info.id, actor="operator")
            return True
        return False

    async def _answer(
        self, engine: EngineCore, infos: Iterable[ProcessInfo], signals: Mapping[str, Any]
    ) -> bool:
        """Send the first signal that somebody waits for."""
        for info in infos:
            for wait in () if info.status in CLOSED_STATUSES else info.waits:
                self.awaited |= {wait.detail} if wait.kind == "signal" else set()
                if wait.kind == "signal" and wait.detail in signals:
                    key = f"{wait.path} for position {info.position}"
                    await engine.signal(info.id, wait.detail, signals[wait.detail], key=key)
                    return True
        return False

    async def _tell(self, engine: EngineCore, infos: Iterable[ProcessInfo]) -> bool:
        """Send the process its next signal, if there is one and it lives."""
        given = self.signals.items() if isinstance(self.signals, Mapping) else self.signals
        left = list(given)[self.sent :]
        lives = any(
            each.id == self.process and each.status not in CLOSED_STATUSES for each in infos
        )
        if not (left and lives):
            return False
        name, data = left[0]
        await engine.signal(self.process, name, data, key=f"{name} from the operator, {self.sent}")
        self.sent += 1
        return True


def _names(names: Iterable[str]) -> str:
    return " and ".join(map(repr, sorted(names)))
