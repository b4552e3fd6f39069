"""Commands that look ahead: preview and graph. They write nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from corago.cli.desk import desk
from corago.cli.exits import UsageError
from corago.cli.loading import is_file, is_module, load_all, load_one
from corago.cli.options import COMMON, Common, Json
from corago.cli.output import Output, compact, stamp
from corago.cli.values import json_object, json_value
from corago.core.preview import Preview
from corago.errors import ProcessNotFoundError, WorkflowNotFoundError
from corago.runtime.views import as_json
from corago.steps.graph import graph_text

FORMATS = ("text",)
LATER_FORMATS = ("mermaid", "dot", "svg")


async def preview(
    id: str,
    /,
    *,
    signal: str | None = None,
    data: Json = None,
    update: Json = None,
    retry: bool = False,
    skip: bool = False,
    step: str | None = None,
    code: Annotated[tuple[str, ...], Parameter(name="--code")] = (),
    common: Common = COMMON,
) -> None:
    """Show what would happen to a process; nothing is written.

    Without a question: what would happen now, with the messages that wait.

    Args:
        id: the process's id.
        signal: what if this signal came?
        data: what the signal would bring, as JSON, or @file.
        update: what if the external store were changed so? A JSON object, or @file.
        retry: what if it were tried again?
        skip: what if what failed were skipped?
        step: the path of the step to retry or skip.
        code: a file of workflows, where a predicate must be asked.
    """
    out = Output(common)
    if data is not None and signal is None:
        raise UsageError("--data belongs to --signal NAME, which is missing")
    if step is not None and not (retry or skip):
        raise UsageError("--step belongs to --retry or --skip, which is missing")
    value = json_value(data, "--data")
    changes = None if update is None else json_object(update, "--update")
    with out.steps_on_stderr():
        workflows = load_all(code)
        async with desk(common, "corago preview", workflows) as engine:
            try:
                found = await engine.preview(
                    id,
                    signal=None if signal is None else (signal, value),
                    update=changes,
                    retry=(step or True) if retry else False,
                    skip=(step or True) if skip else False,
                )
            except WorkflowNotFoundError as error:
                raise WorkflowNotFoundError(
                    str(error).partition(";")[0] + "; name its file: --code FILE"
                ) from error
    if out.is_json:
        return out.document(as_json(found))
    return out.text("\n".join(_foreseen(found)))


def _foreseen(found: Preview) -> Iterator[str]:
    yield f"would be  {found.status}"
    for refused in found.refused:
        yield f"refused   {refused.path}: {refused.why}".replace("   : ", "   ")
    if found.path:
        yield f"path      {' → '.join(found.path)}"
    for event in found.decisions:
        yield f"records   {type(event).__name__} {getattr(event, 'path', '')}".rstrip()
    for effect in found.effects:
        yield f"runs      {effect}"
    for timer, due in found.timers.items():
        yield f"timer     {timer} at {stamp(due)}"
    for answer in found.answers:
        yield f"asked     {answer}"
    yield f"State     {compact(found.state)}"


async def graph(
    target: str,
    /,
    *,
    format: Annotated[str, Parameter(name="--format")] = "text",  # noqa: A002 - the option's name
    common: Common = COMMON,
) -> None:
    """Draw a workflow, or a process with its live position.

    Args:
        target: FILE:WORKFLOW, or the id of a process.
        format: text; other formats come with a later version.
    """
    out = Output(common)
    if format not in FORMATS:
        known = ", ".join(FORMATS)
        if format in LATER_FORMATS:
            raise UsageError(f"format {format!r} comes with a later version; there is: {known}")
        raise UsageError(f"there is no format {format!r}; there is: {known}")
    if is_file(target) or (common.store is None and is_module(target)):
        return _drawn(out, target)
    if common.store is None:
        raise UsageError(
            f"{target!r} is no FILE.py:WORKFLOW; to draw a process, say in which store: --url"
        )
    async with desk(common, "corago graph") as engine:
        try:
            sight = await engine.sight(target)
        except ProcessNotFoundError:
            if is_module(target):
                return _drawn(out, target)
            raise
    return _told(out, sight.drawing, dict(sight.positions), process=target)


def _drawn(out: Output, target: str) -> None:
    with out.steps_on_stderr():
        workflow, _ = load_one(target)
    document = dict(workflow.document)
    return _told(out, graph_text(document), document=document)


def _told(out: Output, drawing: str, positions: dict[str, Any] | None = None, **more: Any) -> None:
    if out.is_json:
        told = more if positions is None else {**more, "positions": positions}
        return out.document({"format": "text", "drawing": drawing, **told})
    return out.text(drawing)
