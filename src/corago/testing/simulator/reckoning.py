"""Whether it is true what is said of the processes that stand open when a story is over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from corago.ports.backend import Backend
from corago.runtime.inquiry import Inquiry
from corago.runtime.settings import Settings
from corago.runtime.views import Explanation
from corago.testing.simulator.sights import Sight


@dataclass(frozen=True, slots=True)
class Calendar:
    """The common clock, as backends read it."""

    now: Callable[[], datetime]

    def monotonic(self) -> float:
        """Nobody measures anything here."""
        return 0.0


class Asker(Inquiry):
    """Explains processes; it has the code of all that some worker has."""

    def __init__(self, backend: Backend, coded: Collection[str]) -> None:
        """`coded` are the definitions that some worker has the code of."""
        self._backend = backend
        self._settings = Settings(has_worker=False)
        self._coded = coded

    def _check(self) -> None:
        """It is always open."""

    def _functions(self, sha: str) -> Mapping[str, Any]:  # noqa: ARG002 - the engine's own question
        return {}

    def _has_code(self, sha: str) -> bool:
        return sha in self._coded

    def _own_worker(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Around:
    """What an explanation is held against, beside the process: the watch's own knowledge."""

    now_us: int
    is_paused: bool
    coded: Collection[str]
    sights: Mapping[str, Sight]


def untrue(sight: Sight, explanation: Explanation, around: Around) -> Iterator[str]:
    """Where an explanation does not say what is so."""
    reason, process = explanation.reason, sight.snapshot.process
    is_held = sight.holder is not None
    is_due = sight.due_us is not None and sight.due_us <= around.now_us
    is_true = {
        "running": is_held,
        "queued": is_held or is_due,
        "waiting": not (is_held or is_due),
        "suspended": process.standing == "suspended",
        "paused": around.is_paused,
        "missing_code": process.sha not in around.coded,
        "definition_changed": is_due,
    }
    if not is_true.get(reason, False):
        yield f"its explanation is not true: {explanation.sentence}"
    for wait in explanation.waits if reason == "waiting" else ():
        child = around.sights.get(wait.detail) if wait.kind == "child" else None
        if child is not None and child.is_closed and not child.mail:
            yield f"it is said to wait for {child.id}, which has ended"
