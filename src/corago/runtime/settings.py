"""What an engine is made with: workflows, settings, and what it is handed of the world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from corago.activity import ActivityFunction
from corago.clock import Clock
from corago.core.program import Program
from corago.ids import NewId
from corago.runtime.executor import Executor
from corago.runtime.listening import Listener
from corago.secrecy import Vault


class Workflow(Protocol):
    """What an engine needs of a workflow, whatever its door."""

    @property
    def name(self) -> str:
        """Its name, unique with its version."""

    @property
    def version(self) -> int:
        """Its version, from 1."""

    @property
    def sha(self) -> str:
        """SHA-256 of its canonical document, hexadecimal."""

    @property
    def document(self) -> Mapping[str, Any]:
        """Itself as data."""

    @property
    def functions(self) -> Mapping[str, Any]:
        """Its code, by path."""

    @property
    def program(self) -> Program[Any]:
        """How the kernel runs it."""

    @property
    def children(self) -> Sequence[Workflow]:
        """The workflows that its processes start processes of."""

    @property
    def timeout(self) -> Any:
        """Seconds that a process of it may take, or None.

        A class may say it by a timedelta, which it is no more once the class is made.
        """


@dataclass(frozen=True, slots=True)
class Settings:
    """How an engine runs: see `AsyncEngine` for the meaning of each; `activities` are by name."""

    has_worker: bool = True
    concurrency: int = 64
    lease: timedelta = timedelta(seconds=15)
    state_limit: int = 2 * 1024 * 1024
    grace: float = 30.0
    listeners: tuple[Listener, ...] = ()
    vault: Vault = field(default_factory=Vault)
    queues: tuple[str, ...] = ()
    activities: Mapping[str, ActivityFunction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surround:
    """What the engine is handed of the world: all time, chance and threads come through here."""

    clock: Clock
    new_id: NewId
    sleep: Callable[[float], Awaitable[None]]
    executor: Callable[[asyncio.AbstractEventLoop], Executor]
