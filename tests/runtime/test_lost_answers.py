"""A commit whose answer was lost: whether it is there is told by the row, and by all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from corago.core.commit import Commit
from corago.core.process import Process
from corago.core.program import Snapshot
from corago.core.tasks import KEEP, DecisionTask
from corago.errors import StoreUnavailableError
from corago.ports.backend import Description
from corago.ports.store import Instance, Refusal
from corago.runtime.appending import Pen

AFTER = Snapshot(Process("p", "w", "0", 3, datetime(2030, 1, 1, tzinfo=UTC)), None)
TASK = DecisionTask("p", "0", None, AFTER, instance=1, owner=1, epoch=1)  # type: ignore[arg-type]
NOTHING: dict[str, Any] = {
    each.name: 0 for each in msgspec.structs.fields(Instance) if each.required
}
ROW = Instance(**NOTHING | {"run": 1, "position": 3, "epoch": 1, "owner": 1})


class Forgetful:
    """A backend whose first answer is lost, and which says of the commit made again: fenced."""

    def __init__(self, row: Instance) -> None:
        self.row = row
        self.calls = 0

    async def complete_decision_task(self, *_: Any, **__: Any) -> Refusal:
        self.calls += 1
        if self.calls == 1:
            raise StoreUnavailableError("the answer is lost")
        return Refusal.FENCED

    async def describe(self, _: str) -> Description:
        return Description(self.row, None, AFTER, ())  # type: ignore[arg-type]


class Patient:
    """Tries again at once."""

    async def write(self, call: Callable[[], Awaitable[Any]], *_: Any) -> Any:
        return await call()


def answer(row: Instance) -> Any:
    backend: Any = Forgetful(row)
    patience: Any = Patient()
    pen = Pen(backend, patience, None)
    return asyncio.run(pen.append(TASK, Commit(AFTER), KEEP, consumed=0, seen=0))


def test_a_commit_that_is_there_after_all_is_taken_for_written() -> None:
    assert answer(ROW).snapshot == AFTER


@pytest.mark.parametrize("change", [{"epoch": 2}, {"position": 4}, {"run": 2}, {"owner": 2}])
def test_what_somebody_else_has_written_is_not_taken_for_it(change: dict[str, int]) -> None:
    assert answer(msgspec.structs.replace(ROW, **change)) is Refusal.FENCED
