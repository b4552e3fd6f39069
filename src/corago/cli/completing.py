"""Commands about one activity that is completed from outside, by its task's token."""

from __future__ import annotations

from typing import Any

from corago.cli.desk import desk
from corago.cli.options import COMMON, Common, Json
from corago.cli.output import Output
from corago.cli.values import json_value, raised


async def complete(token: str, result: Json = None, /, *, common: Common = COMMON) -> None:
    """Say that an activity is done, for one that is completed from outside.

    Args:
        token: its task's token, which the activity was given (and `corago explain` tells).
        result: what it comes to, as JSON, or @file.
    """
    value = json_value(result, "its result")
    async with desk(common, "corago complete") as engine:
        await engine.complete_activity(token, value)
    _done(common, token, "is completed", result=value)


async def fail(token: str, error: str, /, *, common: Common = COMMON) -> None:
    """Say that an activity has failed: it is tried again, or closed, as its policy says.

    Args:
        token: its task's token.
        error: what went wrong, such as "ValueError: no money", or just the text.
    """
    async with desk(common, "corago fail") as engine:
        await engine.fail_activity(token, raised(error))
    _done(common, token, "has failed", error=error)


async def stopped(token: str, details: Json = None, /, *, common: Common = COMMON) -> None:
    """Say that an activity has stopped, as it was asked to.

    Args:
        token: its task's token.
        details: how far it came, as JSON, or @file.
    """
    value = json_value(details, "its details")
    async with desk(common, "corago stopped") as engine:
        await engine.cancel_activity(token, value)
    _done(common, token, "has stopped", details=value)


async def heartbeat(token: str, details: Json = None, /, *, common: Common = COMMON) -> None:
    """Say that an activity is alive, and learn whether it is asked to stop.

    Args:
        token: its task's token.
        details: how far it has come, as JSON, or @file; the next attempt can read it.
    """
    value = json_value(details, "its details")
    async with desk(common, "corago heartbeat") as engine:
        stops = await engine.heartbeat_activity(token, value)
    out = Output(common)
    if out.is_json:
        return out.document({"token": token, "stops": stops})
    return out.text("it is asked to stop" if stops else "it may go on")


def _done(common: Common, token: str, said: str, **what: Any) -> None:
    told = {name: value for name, value in what.items() if value is not None}
    Output(common).done({"token": token, **told}, f"the activity of task {token} {said}")
