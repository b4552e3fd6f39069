"""Commands that look: list, show, history, explain. They write nothing and need no code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from corago.cli.desk import Sight, desk
from corago.cli.options import COMMON, Common
from corago.cli.output import Output, age, compact, count, one_line, shortened, stamp
from corago.cli.values import instant
from corago.clock import SystemClock
from corago.core import events as e
from corago.runtime.views import ProcessInfo, as_json

_TOLD_ELSEWHERE = {"type", "position", "at", "actor", "reason", "process_id", "workflow", "sha"}
"""Fields of events that have a column of their own, or are the same in all of a process."""

_TELLING = 60

HEADS = ("id", "workflow", "status", "created", "updated", "stands")


async def list_processes(
    *,
    workflow: str | None = None,
    status: str | None = None,
    tag: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: Annotated[int, Parameter(name=["--limit", "-n"])] = 50,
    after: str | None = None,
    count_only: Annotated[bool, Parameter(name="--count")] = False,
    common: Common = COMMON,
) -> None:
    """List processes, newest first.

    On a terminal as a table, with ages; else a line each, divided by tabs: id, workflow, status,
    created, updated, and what it waits for or why it failed.

    Args:
        workflow: only processes of this workflow.
        status: only those in this status, such as running, waiting, suspended or failed.
        tag: only those that bear this tag.
        since: only those created since an instant (ISO 8601, UTC), or a duration ago such as 2h.
        until: only those created before an instant, or a duration ago.
        limit: how many at most.
        after: go on behind this id, the last of the page before.
        count_only: only count them, by status.
    """
    out, now = Output(common), SystemClock().now()
    conditions: dict[str, Any] = {
        "workflow": workflow,
        "status": status,
        "tag": tag,
        "since": instant(since, "--since", now),
        "until": instant(until, "--until", now),
    }
    async with desk(common, "corago list") as engine:
        if count_only:
            counted = await engine.count(**conditions)
            if out.is_json:
                return out.document(counted)
            return out.table(("status", "count"), [(k, str(n)) for k, n in counted.items()])
        found = await engine.processes(**conditions, limit=limit, after=after)
    if out.is_json:
        return out.document([as_json(each) for each in found])
    out.table(HEADS, [row(each, now if out.is_shown else None) for each in found])
    if len(found) == limit:
        out.say(f"({limit} shown; for more: --after {found[-1].id})")
    elif not found:
        out.say("no process fits")
    return None


def row(info: ProcessInfo, now: datetime | None) -> tuple[str, ...]:
    """A process as a line of texts, under `HEADS`; with `now`, its ages instead of its instants."""
    if info.error is not None:
        stands = str(info.error)
    else:
        stands = "; ".join(str(wait) for wait in info.waits if wait.kind != "deadline")
    return (
        info.id,
        info.workflow,
        info.status,
        *(stamp(at) if now is None else age(at, now) for at in (info.created_at, info.updated_at)),
        shortened(stands, 2 * _TELLING),
    )


async def show(id: str, /, *, common: Common = COMMON) -> None:
    """Show one process: where it stands and why, its steps, its State.

    Args:
        id: the process's id.
    """
    out = Output(common)
    async with desk(common, "corago show") as engine:
        sight = await engine.sight(id)
    if out.is_json:
        told = as_json(sight.info)
        told["explanation"] = as_json(sight.explanation)
        told["positions"] = sight.picture.positions
        return out.document(told)
    return out.text("\n".join(_shown(sight)))


def _shown(sight: Sight) -> Iterator[str]:
    info = sight.info
    facts = {
        "process": info.id,
        "workflow": f"{info.workflow} version {info.version} ({info.sha[:12]})",
        "status": info.status,
        "why": str(sight.explanation),
        "created": stamp(info.created_at),
        "updated": f"{stamp(info.updated_at)}, {count(info.position, 'event')}",
        "tags": ", ".join(info.tags),
        "parent": info.parent or "",
        "unread": count(info.pending, "message") if info.pending else "",
        "holder": sight.explanation.holder or "",
    }
    for name, fact in facts.items():
        if fact:
            yield f"{name:<9} {one_line(fact)}"
    if drawing := sight.picture.draw("text"):
        yield from ("", drawing)
    is_machine, is_decider = info.internal is not None, sight.picture.kind == "decider"
    if is_decider and info.result is not None:
        yield from ("", f"result    {_pretty(info.result)}")
    elif not is_decider:
        yield ""
        yield f"state     {info.state}" if is_machine else f"State     {_pretty(info.state)}"
    if info.internal:
        yield f"internal  {_pretty(info.internal)}"
    if info.external:
        yield f"external  {_pretty(info.external)}"
    if info.error is not None and info.error.traceback:
        yield from ("", info.error.traceback.rstrip())


def _pretty(value: Any) -> str:
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return compact(value) if len(text) <= _TELLING else text


async def history(id: str, /, *, run: int | None = None, common: Common = COMMON) -> None:
    """Show what was recorded of a process, an event per line.

    Position, instant, kind, path, actor, and what else it says; divided by tabs where stdout is
    no terminal.

    Args:
        id: the process's id.
        run: of one that continues as new, which run; without it, the latest.
    """
    out = Output(common)
    async with desk(common, "corago history") as engine:
        found = await engine.history(id, run=run)
    if out.is_json:
        return out.document(list(found))
    heads = ("#", "at", "kind", "path", "actor", "says")
    return out.table(heads, [_event(each) for each in found])


def _event(event: e.Event) -> tuple[str, ...]:
    fields = msgspec.to_builtins(event)
    path = fields.pop("path", None) or fields.pop("timer", None) or fields.pop("name", "")
    says = [event.reason] if event.reason else []
    for name, value in fields.items():
        if name not in _TOLD_ELSEWHERE and value not in (None, (), [], {}):
            says.append(f"{name}={_short(value)}")
    return (
        str(event.position),
        f"{event.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z",
        type(event).__name__,
        path,
        event.actor or "",
        shortened(" ".join(says), 2 * _TELLING),
    )


def _short(value: Any) -> str:
    """A value of an event: errors and results by what counts in them."""
    if isinstance(value, dict):
        if "message" in value and "type" in value:
            return f"{value['type']}: {value['message']}"
        if value.get("type", "").startswith("Activity"):
            inner = [_short(each) for name, each in value.items() if name != "type"]
            return " ".join([value["type"].removeprefix("Activity").lower(), *inner])
    return value if isinstance(value, str) else compact(value)


async def explain(id: str, /, *, common: Common = COMMON) -> None:
    """Say in a sentence why a process stands where it stands.

    Args:
        id: the process's id.
    """
    out = Output(common)
    async with desk(common, "corago explain") as engine:
        found = await engine.explain(id)
    if out.is_json:
        return out.document(as_json(found))
    return out.text(str(found))
