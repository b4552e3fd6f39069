"""Commands that act on a process or on the whole store; each is recorded with actor and reason."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from corago.cli.desk import desk
from corago.cli.exits import UsageError
from corago.cli.many import act_on_many
from corago.cli.options import ACTING, WHICH, Acting, Json, Which
from corago.cli.output import Output
from corago.cli.values import json_object, json_value

_JSON = Parameter(allow_leading_hyphen=True)


async def signal(
    id: str | None = None,
    name: str | None = None,
    /,
    *,
    data: Json = None,
    key: str | None = None,
    which: Which = WHICH,
    common: Acting = ACTING,
) -> None:
    """Send a signal to a process, or to many; durable when it returns.

    Args:
        id: the process's id; left out where filters name many.
        name: the signal's name.
        data: what it brings, as JSON, or @file.
        key: makes a repeat harmless: the same key with the same data is taken once.
    """
    value = json_value(data, "--data")
    named = id if name is None else name
    one = which.one(None if name is None else id, "corago signal ID NAME")
    if named is None:
        raise UsageError("which signal? Give its name behind the ID, or alone beside filters")
    if one is None:
        return await act_on_many(common, which, "signal", name=named, data=value, key=key)
    async with desk(common, "corago signal") as engine:
        await engine.signal(one, named, value, key=key, actor=common.who, reason=common.reason)
    return _done(common, one, f"signal {named!r} sent to {one}", signal=named)


async def update(
    id: str,
    changes: Annotated[str, _JSON],
    *,
    key: str | None = None,
    common: Acting = ACTING,
) -> None:
    """Change the external store of a process, and wake it.

    Args:
        id: the process's id.
        changes: a JSON object, or @file, merged at the top level.
        key: makes a repeat harmless.
    """
    value = json_object(changes, "--changes")
    async with desk(common, "corago update") as engine:
        await engine.update(id, value, key=key, actor=common.who, reason=common.reason)
    _done(common, id, f"{id} updated", update=value)


async def retry(
    id: str | None = None,
    /,
    *,
    step: str | None = None,
    which: Which = WHICH,
    common: Acting = ACTING,
) -> None:
    """Try again exactly what failed, or what waits for its next attempt.

    Args:
        id: the process's id; left out where filters name many.
        step: the step's path; without it, all that failed.
    """
    one = which.one(id, "corago retry ID")
    if one is None:
        return await act_on_many(common, which, "retry", step=step)
    async with desk(common, "corago retry") as engine:
        await engine.retry(one, step=step, actor=common.who, reason=common.reason)
    return _done(common, one, f"retry of {one} is on its way", command="retry", step=step)


async def skip(
    id: str | None = None,
    /,
    *,
    step: str | None = None,
    which: Which = WHICH,
    common: Acting = ACTING,
) -> None:
    """Go on past what failed, as if it had written nothing.

    Args:
        id: the process's id; left out where filters name many.
        step: the step's path; needed where several failed.
    """
    one = which.one(id, "corago skip ID")
    if one is None:
        return await act_on_many(common, which, "skip", step=step)
    async with desk(common, "corago skip") as engine:
        await engine.skip(one, step=step, actor=common.who, reason=common.reason)
    return _done(common, one, f"skip in {one} is on its way", command="skip", step=step)


async def set_result(
    id: str,
    value: Annotated[str, _JSON],
    *,
    step: str | None = None,
    common: Acting = ACTING,
) -> None:
    """Go on past what failed, with this result.

    Args:
        id: the process's id.
        value: what the step (then an object) or activity would have returned, as JSON, or @file.
        step: its path; needed where several failed.
    """
    found = json_value(value, "--value")
    async with desk(common, "corago set-result") as engine:
        await engine.set_result(id, found, step=step, actor=common.who, reason=common.reason)
    _done(common, id, f"result in {id} is on its way", command="set_result", step=step)


async def cancel(
    id: str | None = None, /, *, which: Which = WHICH, common: Acting = ACTING
) -> None:
    """Ask a process to stop: its running steps are asked too, and waited for.

    Args:
        id: the process's id; left out where filters name many.
    """
    one = which.one(id, "corago cancel ID")
    if one is None:
        return await act_on_many(common, which, "cancel")
    async with desk(common, "corago cancel") as engine:
        await engine.cancel(one, actor=common.who, reason=common.reason)
    return _done(common, one, f"{one} is asked to stop", command="cancel")


async def abort(id: str | None = None, /, *, which: Which = WHICH, common: Acting = ACTING) -> None:
    """End a process by force, now, whoever runs it.

    Args:
        id: the process's id; left out where filters name many.
    """
    one = which.one(id, "corago abort ID")
    if one is None:
        return await act_on_many(common, which, "abort")
    async with desk(common, "corago abort") as engine:
        await engine.abort(one, actor=common.who, reason=common.reason)
    return _done(common, one, f"{one} is aborted", command="abort")


async def pause(*, common: Acting = ACTING) -> None:
    """Pause the whole store: nothing further starts, for all workers and across restarts.

    What runs is recorded, signals are accepted. The store keeps no history of its own, so actor
    and reason are only repeated here.
    """
    async with desk(common, "corago pause") as engine:
        await engine.pause()
    _paused(common, is_paused=True)


async def unpause(*, common: Acting = ACTING) -> None:
    """Let a paused store go on."""
    async with desk(common, "corago unpause") as engine:
        await engine.unpause()
    _paused(common, is_paused=False)


def _paused(common: Acting, *, is_paused: bool) -> None:
    document = {"paused": is_paused, "actor": common.who, "reason": common.reason}
    said = "paused; `corago unpause` lets it go on" if is_paused else "goes on"
    Output(common).done(document, f"the store {'is ' * is_paused}{said}")


def _done(common: Acting, process_id: str, said: str, **what: Any) -> None:
    by = {"actor": common.who, "reason": common.reason}
    told = {name: value for name, value in (what | by).items() if value is not None}
    Output(common).done({"id": process_id, **told}, said)
