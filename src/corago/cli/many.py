"""A command for many processes: choose them, show them, ask, do it, and tell how that went."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from corago.cli.desk import Desk, desk
from corago.cli.exits import RefusedError, StoppedError, UsageError
from corago.cli.looking import HEADS, row
from corago.cli.options import Acting, Which
from corago.cli.output import Output, count
from corago.cli.values import instant
from corago.clock import SystemClock
from corago.errors import InvalidInputError, ProcessNotFoundError, StoreCorruptError
from corago.runtime.bulk import Applied, Selected, Selection

SHOWN = 10
"""So many of those found are shown before it is done."""


async def act_on_many(common: Acting, which: Which, verb: str, **given: Any) -> None:
    """Give the chosen processes a command.

    Raises UsageError where nobody can be asked and nobody has agreed, StoppedError where somebody
    did not agree, RefusedError where some were left as they are.
    """
    out, command = Output(common), f"corago {verb}"
    if not (which.dry_run or which.yes or which.targets or _is_person_there()):
        raise UsageError(
            f"`{command}` for many asks before it acts, and nobody is there to answer: --yes does "
            "it, --dry-run shows what it would do; --dry-run --save FILE keeps the list, and "
            "--targets FILE then acts on just that"
        )
    async with desk(common, command) as engine:
        selection = await _selection(engine, which)
        if which.save is not None:
            _save(selection, which.save)
        if which.dry_run:
            return await _foretell(out, engine, selection, verb)
        if selection.count and not which.yes and _is_person_there():
            _ask(selection, verb)
        applied = await engine.apply(
            verb,
            selection,
            **given,
            actor=common.who,
            reason=common.reason,
            even_if_moved=which.even_if_moved,
        )
    return _tell(out, common, applied)


def _is_person_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


async def _selection(engine: Desk, which: Which) -> Selection:
    if which.targets is not None:
        return _kept(which.targets, which.limit)
    now = SystemClock().now()
    return await engine.select(
        workflow=which.workflow,
        status=which.status,
        tag=which.tag,
        since=instant(which.since, "--since", now),
        until=instant(which.until, "--until", now),
        limit=which.limit,
    )


def _kept(file: str, limit: int | None) -> Selection:
    """The list that a file holds, or the first of it. Raises InvalidInputError."""
    try:
        selection = Selection.from_json(Path(file).read_bytes())
    except OSError as error:
        raise InvalidInputError(f"--targets: {file} can't be read: {error.strerror}") from error
    except InvalidInputError as error:
        raise InvalidInputError(f"--targets: {file}: {error}") from error
    return msgspec.structs.replace(selection, targets=selection.targets[:limit])


def _save(selection: Selection, file: str) -> None:
    try:
        Path(file).write_text(selection.to_json(), "utf-8")
    except OSError as error:
        raise UsageError(f"--save: {file} can't be written: {error.strerror}") from error


async def _foretell(out: Output, engine: Desk, selection: Selection, verb: str) -> None:
    if out.is_json:
        told = {"verb": verb, "dry_run": True, "count": selection.count}
        told |= {"statuses": selection.statuses, "targets": _plain(selection.targets)}
        return out.document(told)
    out.text(str(selection))
    now = SystemClock().now() if out.is_shown else None
    out.table(HEADS, [await _line(engine, each, now) for each in selection.targets[:SHOWN]])
    if selection.count > SHOWN:
        out.say(f"… and {selection.count - SHOWN:,} more")
    return out.say(f"nothing was done; without --dry-run, `corago {verb}` acts on them")


def _plain(targets: Iterable[Selected]) -> list[dict[str, Any]]:
    return [{"id": each.id, "status": each.status, "position": each.position} for each in targets]


async def _line(engine: Desk, target: Selected, now: Any) -> tuple[str, ...]:
    """A process as `corago list` shows it, as it is now."""
    try:
        return row(await engine.info(target.id), now)
    except (ProcessNotFoundError, StoreCorruptError) as error:
        return (target.id, "", target.status, "", "", str(error))


def _ask(selection: Selection, verb: str) -> None:
    """Raises StoppedError unless the answer is yes."""
    print(
        f"{selection}\n{verb} {count(selection.count, 'process')}? [y/N] ", end="", file=sys.stderr
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoppedError("not agreed to, so nothing was done")


def _tell(out: Output, common: Acting, applied: Applied) -> None:
    refused = [{"id": each.id, "why": each.why} for each in applied.refused]
    if out.is_json:
        told = {"verb": applied.verb, "count": len(applied.targets), "done": applied.done}
        by = {"actor": common.who, "reason": common.reason}
        out.document({**told, "refused": refused, **by})
    elif refused:
        out.table(("id", "why"), [(each.id, each.why or "") for each in applied.refused])
    if refused:
        raise RefusedError(str(applied))
    if not out.is_json:
        out.say(str(applied) if applied.targets else "no process fits")
