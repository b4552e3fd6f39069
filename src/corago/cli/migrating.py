"""`corago migrate`: move living processes to another definition; first what that would mean."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from corago.cli.desk import Desk, desk
from corago.cli.exits import RefusedError, UsageError
from corago.cli.loading import load_one
from corago.cli.options import ACTING, Acting
from corago.cli.output import Output, count
from corago.runtime.migrating import Migration

_MAP = Parameter(name="--map", help="OLD=NEW: a step's path, and what the new list calls it.")


async def migrate(
    id: str | None = None,
    /,
    *,
    workflow: str | None = None,
    to: str | None = None,
    version: int | None = None,
    map: Annotated[tuple[str, ...], _MAP] = (),  # noqa: A002 - the option's name
    dry_run: bool = False,
    common: Acting = ACTING,
) -> None:
    """Let a process, or all of a workflow, follow a changed definition.

    What a process can follow without skipping or repeating a step, it follows by itself once a
    worker has the new code. This is for the others: steps may have other names (--map), and new
    steps before the place where it stands are passed over. Nothing is ever done twice.

    Args:
        id: the process's id; left out with --workflow.
        workflow: all processes of this workflow that live or have failed.
        to: FILE:WORKFLOW with the new definition; without it, the newest in the store.
        version: the version to follow; without it, the newest.
        dry_run: say what it would mean for each, and write nothing.
    """
    if (id is None) == (workflow is None):
        raise UsageError("migrate which? Give a process's ID, or --workflow NAME for all of it")
    chosen: dict[str, Any] = {
        "version": version,
        "renames": _renames(map),
        "actor": common.who,
        "reason": common.reason,
    }
    async with desk(common, "corago migrate") as engine:
        if to is not None:
            target, _ = load_one(to)
            await engine.register(target)
            chosen["version"] = target.version if version is None else version
        if workflow is not None:
            return await _all(Output(common), engine, workflow, dry_run=dry_run, chosen=chosen)
        found = await engine.migrate(id or "", dry_run=dry_run, **chosen)
    _tell(Output(common), [found], dry_run=dry_run)
    if not found.is_possible:
        raise RefusedError(str(found))
    return None


async def _all(
    out: Output, engine: Desk, workflow: str, *, dry_run: bool, chosen: dict[str, Any]
) -> None:
    found = await engine.migrate_all(workflow, dry_run=dry_run, **chosen)
    refused = [each for each in found if not each.is_possible]
    _tell(out, found, dry_run=dry_run)
    if refused:
        raise RefusedError(f"{count(len(refused), 'process')} of {len(found)} can't follow it")


def _tell(out: Output, found: list[Migration], *, dry_run: bool) -> None:
    if out.is_json:
        out.document([_plain(each) for each in found])
        return
    for each in found:
        out.text(str(each))
    if not found:
        out.say("nothing to do: every process follows that definition already")
    elif dry_run:
        out.say("nothing was written; without --dry-run, those that can follow do")


def _plain(found: Migration) -> dict[str, Any]:
    return {
        "id": found.id,
        "version": found.version,
        "sha": found.sha,
        "possible": found.is_possible,
        "applied": found.is_applied,
        "why": found.why,
        "differences": [{"path": each.path, "text": each.text} for each in found.differences],
    }


def _renames(pairs: tuple[str, ...]) -> dict[str, str]:
    renames: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise UsageError(f"--map {pair!r}: write OLD=NEW, two paths of steps")
        if renames.setdefault(old, new) != new:
            raise UsageError(f"--map: {old!r} has two new names, {renames[old]!r} and {new!r}")
    return renames
