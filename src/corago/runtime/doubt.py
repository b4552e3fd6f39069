"""What is not known of a process that came back into its worker's hands by a detour. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from corago.core import kernel
from corago.core.program import NOTHING
from corago.core.tasks import DecisionTask
from corago.runtime.pasts import unasking


def doubted(
    task: DecisionTask, functions: Mapping[str, Any], now: datetime, worker: str
) -> DecisionTask:
    """A task taken back: what must run at most once and was begun may have run.

    Whether its holder vanished was told to the claim whose answer was lost.
    """
    known = task.snapshot.process
    try:
        calls = unasking(task.program, functions)
        commit = kernel.advance(task.program, task.snapshot, [], now, calls)
    except Exception:  # noqa: BLE001 - its turn will break by it, and be set aside
        return task
    agenda = commit.snapshot.agenda or NOTHING
    is_doubtful = any(
        wish.at_most_once and known.activity(wish.path, wish.occurrence).started
        for wish in agenda.activities
    )
    return msgspec.structs.replace(task, lost_owner=worker) if is_doubtful else task
