"""Closed processes, and those about to be, of whose history only a part is known."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from corago.clock import from_us
from corago.core import codec
from corago.core import events as e
from corago.core import process as process_fold
from corago.core.process import Process
from corago.errors import CoragoError
from corago.ports.store import Instance


def end(row: Instance, closing: e.Event) -> Process:
    """A closed process, of whose history only the end is known."""
    return process_fold.evolve(_known(row, closing.position - 1, closing.at), closing)


def guessed(row: Instance, first: Sequence[bytes]) -> Process:
    """A process whose history can't be understood: what its row and its first event tell."""
    path = ""
    for text in first:
        with contextlib.suppress(CoragoError):
            path = getattr(codec.decode_event(text), "parent_path", "")
    return _known(row, row.position, from_us(row.updated_us), path)


def _known(row: Instance, position: int, at: datetime, parent_path: str = "") -> Process:
    return Process(
        row.process_id,
        row.workflow,
        row.sha,
        position,
        at,
        row.run,
        parent=row.parent,
        parent_path=parent_path,
        version=row.version,
        started_at=from_us(row.created_us),
    )
