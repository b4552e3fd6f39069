"""The `db` commands: what the database is, whether it is sound, and bringing it up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corago.cli.desk import Desk, existing
from corago.cli.exits import FindingsError
from corago.cli.options import COMMON, Common
from corago.cli.output import Output, count, stamp
from corago.errors import CodecError, StoreCorruptError, UnknownEventError
from corago.wiring import sqlite_path

PAGE = 500


def status(*, common: Common = COMMON) -> None:
    """Show what the database is and holds: version, size, processes, workers. Changes nothing."""
    from corago.stores.sqlite import inspect

    out, path = Output(common), _path(common, "corago db status")
    found = inspect.status(path)
    if out.is_json:
        out.document(found)
    elif found["exists"]:
        out.text("\n".join(_told(found)))
    if not found["exists"]:
        existing(path)


def _told(found: dict[str, Any]) -> Iterator[str]:
    yield f"database   {found['path']}"
    yield f"size       {found['size']:,} bytes"
    pending = ", ".join(found["pending"])
    ahead = f"; to come: {pending} (corago db upgrade)" if pending else ", up to date"
    yield f"version    {found['version']}{ahead}"
    if found["paused"]:
        yield "paused     yes; `corago unpause` lets it go on"
    processes = found["processes"]
    yield "processes  " + (", ".join(f"{n:,} {name}" for name, n in processes.items()) or "none")
    words = {True: "dead", False: "alive", None: "perhaps alive"}
    for worker in found["workers"]:
        how = words[worker["is_dead"]]
        yield f"worker     {worker['name']}: {how}, last seen {stamp(worker['seen'])}"


def upgrade(*, common: Common = COMMON) -> None:
    """Bring the database to this version; harmless where it is."""
    from corago.stores.sqlite import inspect

    out, path = Output(common), _path(common, "corago db upgrade")
    done = inspect.upgrade(path)
    out.done({"applied": done}, f"applied: {', '.join(done)}" if done else "it was up to date")


async def check(*, common: Common = COMMON) -> None:
    """Look for damage: in the file, in its rows, and in every history. Changes nothing.

    Exit status 9 if anything is found.
    """
    from corago.stores.sqlite import inspect

    out, path = Output(common), _path(common, "corago db check")
    existing(path)
    findings, read = inspect.check(path), 0
    closed: list[str] = []
    if not findings and not inspect.status(path)["pending"]:
        async with Desk(common.store, codec=common.codec) as engine:
            histories, read, closed = await _unreadable(engine)
            findings += histories
    if out.is_json:
        document = {"path": str(path), "processes": read, "encoded": len(closed)}
        out.document({**document, "findings": findings})
    else:
        for finding in findings:
            out.text(finding)
    if findings:
        raise FindingsError(f"{count(len(findings), 'finding')} in {path}")
    if not out.is_json:
        unread = ""
        if closed:
            them = count(len(closed), "process")
            unread = f"; {them} can't be read here, as the first, {closed[0]}"
        out.say(f"{path} is sound; {count(read, 'process')} read{unread}")


async def _unreadable(engine: Desk) -> tuple[list[str], int, list[str]]:
    """The processes whose history can't be understood, how many were read, those still encoded."""
    found: list[str] = []
    closed: list[str] = []
    read, after = 0, None
    while rows := await engine.rows(limit=PAGE, after=after):
        for row in rows:
            try:
                for run in range(1, row.run + 1):
                    await engine.history(row.process_id, run=run)
                await engine.info(row.process_id)
                read += 1
            except CodecError as error:
                closed.append(f"{row.process_id}: {error}")
            except (StoreCorruptError, UnknownEventError) as error:
                read += 1
                found.append(f"process {row.process_id}: {error}")
        after = rows[-1].process_id
    return found, read, closed


def _path(common: Common, command: str) -> Path:
    return sqlite_path(common.needed_store(f"`{command}`"))
