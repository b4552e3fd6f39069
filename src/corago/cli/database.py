"""The `db` commands: what the database is, whether it is sound, and bringing it up to date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corago.cli.desk import Desk, existing
from corago.cli.exits import FindingsError
from corago.cli.options import COMMON, Common
from corago.cli.output import Output, count, stamp
from corago.errors import StoreCorruptError
from corago.wiring import sqlite_path


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

    Every event is played again by the definition that it was recorded under. Exit status 9 if
    anything is found.
    """
    from corago.stores.sqlite import inspect

    out, path = Output(common), _path(common, "corago db check")
    existing(path)
    findings = inspect.check(path)
    read, events, closed = 0, 0, list[str]()
    if not (any(each.startswith(inspect.DAMAGED) for each in findings) or _is_behind(path)):
        async with Desk(common.store, codec=common.codec) as engine:
            audit = engine.audit()
            findings += [finding async for finding in audit]
            read, events, closed = audit.processes, audit.events, audit.encoded
    if out.is_json:
        document = {
            "path": str(path),
            "processes": read,
            "events": events,
            "encoded": len(closed),
        }
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


def _is_behind(path: Path) -> bool:
    """Whether a file has no tables of this version, so that nothing more can be read."""
    from corago.stores.sqlite import inspect

    try:
        return bool(inspect.status(path)["pending"])
    except StoreCorruptError:  # the check has said so
        return True


def _path(common: Common, command: str) -> Path:
    return sqlite_path(common.needed_store(f"`{command}`"))
