"""Histories in files: an event per line, as JSON; written once, replayed ever after."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import msgspec

from corago.blocking import Engine
from corago.core import codec
from corago.core.events import Event, ProcessStarted
from corago.core.history import History
from corago.errors import CoragoError


def save_history(history: History, path: Path | str) -> Path:
    """Write a history to a file, an event per line, as JSON; folders are made.

    Tracebacks are left out: they name files of this machine, and nobody replays them.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(_row(event) + b"\n" for event in history))
    return path


def _row(event: Event) -> bytes:
    fields = msgspec.json.decode(codec.encode_event(event))
    result = fields.get("result")
    is_failure = isinstance(result, dict) and result.get("type") == "ActivityFailed"
    error = (result if is_failure else fields).get("error")
    if isinstance(error, dict):
        error.pop("traceback", None)
    return msgspec.json.encode(fields)


def save_histories(
    engine: Engine,
    folder: Path | str,
    *,
    workflow: str | None = None,
    status: str | None = None,
    limit: int = 100,
) -> list[Path]:
    """Write the histories of the newest processes, each to `folder/WORKFLOW/ID.jsonl`.

    Args:
        engine: where they are; a client (`worker=False`) is enough.
        folder: where the files go.
        workflow: only processes of this workflow.
        status: only those in this status.
        limit: how many at most.
    """
    return [
        save_history(
            engine.history(info.id),
            Path(folder) / quote(info.workflow, safe="") / f"{quote(info.id, safe='')}.jsonl",
        )
        for info in engine.processes(workflow=workflow, status=status, limit=limit)
    ]


def load_history(path: Path | str) -> History:
    """Read a history that `save_history` or `corago history ID --json` has written.

    Raises OSError; ValueError for a file that holds none.
    """
    try:
        text = Path(path).read_text("utf-8").strip()
        rows = (
            map(bytes, msgspec.json.decode(text, type=list[msgspec.Raw]))
            if text.startswith("[")
            else text.splitlines()
        )
        history = History(map(codec.decode_event, rows))
    except (msgspec.DecodeError, UnicodeError, RecursionError, CoragoError) as error:
        raise ValueError(f"{path} holds no history: {error}") from error
    if not (history and isinstance(history[0], ProcessStarted)):
        raise ValueError(f"{path} holds no history: its first event is not ProcessStarted")
    return history
