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
from corago.cli.values import instant, json_object, json_value, raised
from corago.clock import SystemClock
from corago.core.calls import Answer
from corago.core.events import Event, Transitioned
from corago.core.preview import Preview
from corago.errors import ProcessNotFoundError, WorkflowNotFoundError
from corago.runtime.views import as_json

_JSONS = ("{", "[", '"', "@")
"""How JSON begins, or the name of a file of it, where the path of a step should stand."""


async def preview(
    id: str,
    /,
    *,
    signal: str | None = None,
    data: Json = None,
    update: Json = None,
    retry: bool = False,
    skip: bool = False,
    set_result: Json = None,
    cancel: bool = False,
    abort: bool = False,
    outcome: Json = None,
    failure: Json = None,
    step: str | None = None,
    at: str | None = None,
    state: str | None = None,
    given: Annotated[str | None, Parameter(name="--input")] = None,
    code: Annotated[tuple[str, ...], Parameter(name="--code")] = (),
    common: Common = COMMON,
) -> None:
    """Show what would happen to a process, or to one that is thought of; nothing is written.

    Without a question: what would happen now, with the messages that wait.

    Args:
        id: the process's id; or FILE:WORKFLOW, to think of one that is started now.
        signal: what if this signal came?
        data: what the signal would bring, as JSON, or @file.
        update: what if the external store were changed so? A JSON object, or @file.
        retry: what if it were tried again?
        skip: what if what failed were skipped?
        set_result: what if this were its result? JSON (of a step, an object), or @file.
        cancel: what if it were asked to stop?
        abort: what if it were ended by force?
        outcome: what if this step or activity came to that? PATH=JSON, or PATH=@file.
        failure: what if it failed so? PATH=TEXT, such as Pay=ValueError: no money.
        step: the path of the step that is meant; then --outcome and --failure leave it out.
        at: when: an instant (ISO 8601, UTC), or in 90s, 2h, 3d; timers due by then have fired.
        state: of FILE:MACHINE, think of one that stands in this state.
        given: of FILE:WORKFLOW, its input as JSON, or @file.
        code: a file of workflows, where a predicate must be asked.
    """
    out = Output(common)
    result = json_value(set_result, "--set-result")
    if data is not None and signal is None:
        raise UsageError("--data belongs to --signal NAME, which is missing")
    ends = outcome is not None or failure is not None
    if step is not None and not (retry or skip or set_result or ends):
        raise UsageError("--step belongs to --retry, --skip, --set-result, --outcome or --failure")
    question: dict[str, Any] = {
        "signal": None if signal is None else (signal, json_value(data, "--data")),
        "update": None if update is None else json_object(update, "--update"),
        "retry": (step or True) if retry else False,
        "skip": (step or True) if skip else False,
        "set_result": result if result is None or step is None else (step, result),
        "cancel": cancel,
        "abort": abort,
        "outcome": _end(outcome, failure, step) if ends else None,
        "at": instant(at, "--at", SystemClock().now(), is_ahead=True),
    }
    with out.steps_on_stderr():
        if is_file(id):
            found = _imagined(id, state, json_value(given, "--input"), question)
        elif state is not None or given is not None:
            raise UsageError("--state and --input belong to FILE:WORKFLOW, not to a process")
        else:
            found = await _foreseen_of(id, question, code, common)
    if out.is_json:
        return out.document(as_json(found))
    return out.text("\n".join(_foreseen(found)))


def _end(outcome: str | None, failure: str | None, step: str | None) -> tuple[str, Any]:
    """Which step or activity is meant, and what it comes to."""
    if outcome is not None and failure is not None:
        raise UsageError("a step comes to one end: give --outcome or --failure, not both")
    name, given = ("--failure", failure or "") if outcome is None else ("--outcome", outcome)
    if step is None:
        step, equals, given = given.partition("=")
        if not (step and equals) or step.startswith(_JSONS):
            raise UsageError(f"{name} needs the path of the step whose end it is: {name} PATH=…")
    return step, raised(given) if outcome is None else json_value(given, name)


async def _foreseen_of(
    id: str, question: dict[str, Any], code: tuple[str, ...], common: Common
) -> Preview:
    async with desk(common, "corago preview", load_all(code)) as engine:
        try:
            return await engine.preview(id, **question)
        except WorkflowNotFoundError as error:
            raise WorkflowNotFoundError(
                str(error).partition(";")[0] + "; name its file: --code FILE"
            ) from error


def _imagined(target: str, state: str | None, given: Any, question: dict[str, Any]) -> Preview:
    """A preview of a definition, without a store."""
    workflow: Any = load_one(target)[0]
    if workflow.document.get("kind") != "machine":
        if state is not None:
            raise UsageError(f"--state is for machines, and {target} is none")
        found: Preview = workflow.preview(given, **question)
        return found
    asked = {name: value for name, value in question.items() if value not in (None, False)}
    known = {"signal", "update", "outcome", "at"}
    if unknown := sorted(asked.keys() - known):
        raise UsageError(f"of a machine that is thought of, one can't ask: {', '.join(unknown)}")
    if "signal" in asked:
        asked["event"] = asked.pop("signal")
    if "outcome" in asked:
        asked["outcome"] = asked["outcome"][1]
    stands: Preview = workflow.preview(state, external=given, **asked)
    return stands


def _foreseen(found: Preview) -> Iterator[str]:
    yield f"would be  {found.status}"
    for refused in found.refused:
        yield f"refused   {refused.path}: {refused.why}".replace("   : ", "   ")
    if found.path:
        yield f"path      {' → '.join(found.path)}"
    for event in found.decisions:
        yield f"records   {type(event).__name__} {_about(event)}".rstrip()
    for effect in found.effects:
        yield f"runs      {effect}"
    for timer, due in found.timers.items():
        yield f"timer     {timer} at {stamp(due)}"
    for answer in found.answers:
        yield f"asked     {_asked(answer)}"
    if found.internal is None:
        yield f"State     {compact(found.state)}"
        return
    yield f"state     {found.state}"
    yield f"internal  {compact(found.internal)}"
    yield f"external  {compact(found.external)}"


def _asked(answer: Answer) -> str:
    """An answer; a decider's by the names of what it decided."""
    if not isinstance(answer.value, list):
        return str(answer)
    said = []
    for each in answer.value:
        about = next((each[name] for name in _ABOUT if each.get(name)), "")
        said.append(f"{each.get('type', '')} {about}".strip())
    return f"{answer.name}: {', '.join(said) or 'nothing'}"


_ABOUT = ("id", "activity", "name", "workflow")
"""What of a decision says what it is about."""


def _about(event: Event) -> str:
    if isinstance(event, Transitioned):
        return f"{event.source} → {event.target}" if event.source else f"→ {event.target}"
    return next((str(x) for name in _NAMES if (x := getattr(event, name, ""))), "")


_NAMES = ("path", "timer", "name")
"""What of an event says what it is about."""


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
        format: text, mermaid, dot or svg; the last is one file that needs nothing else.
    """
    from corago.cli.pictures import FORMATS

    out = Output(common)
    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r}; there are: {', '.join(FORMATS)}")
    if is_file(target) or (common.store is None and is_module(target)):
        return _drawn(out, target, format)
    if common.store is None:
        raise UsageError(
            f"{target!r} is no FILE.py:WORKFLOW; to draw a process, say in which store: --url"
        )
    async with desk(common, "corago graph") as engine:
        try:
            sight = await engine.sight(target)
        except ProcessNotFoundError:
            if is_module(target):
                return _drawn(out, target, format)
            raise
    drawing = sight.picture.draw(format)
    if not drawing:
        raise UsageError(f"{target!r} is a process of a workflow that nobody here can draw")
    return _told(out, format, drawing, process=target, positions=sight.picture.positions)


def _drawn(out: Output, target: str, form: str) -> None:
    from corago.cli.pictures import of_document

    with out.steps_on_stderr():
        workflow, _ = load_one(target)
    document = dict(workflow.document)
    return _told(out, form, of_document(document).draw(form), document=document)


def _told(out: Output, form: str, drawing: str, **more: Any) -> None:
    if out.is_json:
        return out.document({"format": form, "drawing": drawing, **more})
    return out.text(drawing.rstrip("\n"))
