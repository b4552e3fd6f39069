"""Bugs of other tables once more: simulated worlds must notice them without being told where."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.core import CORE
from tests.mutants.memory import MEMORY
from tests.mutants.mutant import Mutant
from tests.mutants.runtime import RUNTIME
from tests.mutants.sqlite import SQLITE

_SEEDS = ("tests/simulation/test_seeds.py",)

_CHOSEN = {
    "an activity's outcome is recorded twice",
    "what comes after the end of a process is consumed and lost",
    "a timer fires before its time",
    "it is forgotten that an attempt has started, so that its loss is harmless",
    "a process is parked over a message that came meanwhile",
    "a message does not wake a process that waits for an instant",
    "a message to a closed process is acknowledged, and nobody will read it",
    "keys are not remembered, so that a repeat counts twice",
    "the last message that was consumed comes again",
    "a turn does not hear that the worker before it vanished",
    "messages are lost when others come before they are written",
    "a retry has another idempotency key than the attempt before",
    "a message does not wake a process that waits for an instant, in SQLite",
    "one message more is struck off than was consumed",
    "the last message that was consumed comes again, in SQLite",
    "whoever takes up a process is not told that its worker vanished, in SQLite",
    "a snapshot in SQLite is said to stand where it was before its own events",
    "a run in SQLite begins with the snapshot of the run before",
    "the tasks of a worker that vanished stay in its hands",
}

SIMULATED: tuple[Mutant, ...] = tuple(
    replace(each, name=f"{each.name} (simulated)", suites=_SEEDS)
    for each in (*CORE, *MEMORY, *RUNTIME, *SQLITE)
    if each.name in _CHOSEN
)
