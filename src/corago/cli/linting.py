"""`lint`: whether the workflows of files are sound. Imports the files; runs and writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from corago.cli.exits import FindingsError, LoadError, UsageError
from corago.cli.loading import load_code
from corago.cli.options import COMMON, Common
from corago.cli.output import Output, count

if TYPE_CHECKING:
    from corago.machine.lint import Finding
    from corago.runtime.settings import Workflow


def lint(*files: Annotated[str, Parameter(name="FILE")], common: Common = COMMON) -> None:
    """Look for faults in the workflows of these files. Exit status 9 if there are any.

    Of a machine it tells errors and warnings, which count, and notes, which don't.

    Args:
        files: Python files (or dotted modules) of workflows; FILE:WORKFLOW looks at just that one.
    """
    out = Output(common)
    if not files:
        raise UsageError("which workflows? Name their files: corago lint workflows.py")
    found: dict[str, Workflow] = {}
    activities: set[str] = set()
    told: list[dict[str, Any]] = []
    with out.steps_on_stderr():
        for file in files:
            try:
                code = load_code([file])
                found |= {each.sha: each for each in code.workflows}
                activities |= code.activities.keys()
            except LoadError as error:
                told.append(_fault("load", str(error)))
    told += [_fault("name-clash", text) for text in _clashes(found.values())]
    texts = [each["text"] for each in told]
    for workflow in found.values():
        mine: tuple[Finding, ...] = getattr(workflow, "lint", tuple)()
        told += [{"workflow": workflow.name, **each.as_json()} for each in mine]
        texts += [f"{workflow.name}:"] * bool(mine) + [f"  {each}" for each in mine]
    count_of = Counter(each["level"] == "note" for each in told)
    notes = f" ({count(count_of[True], 'note')})" * bool(count_of[True])
    if out.is_json:
        out.document({"workflows": [each.name for each in found.values()], "findings": told})
    else:
        for text in texts:
            out.text(text)
    if count_of[False]:
        raise FindingsError(f"{count(count_of[False], 'finding')} in {', '.join(files)}{notes}")
    if not out.is_json:
        beside = f" and {count(len(activities), 'activity')}" * bool(activities)
        out.say(f"{count(len(found), 'workflow')}{beside} looked at, and no fault found{notes}")


def _fault(code: str, text: str) -> dict[str, Any]:
    """What keeps workflows from being looked at, told as a finding."""
    return {"workflow": None, "code": code, "level": "error", "text": text}


def _clashes(workflows: Iterable[Workflow]) -> Iterator[str]:
    """Different workflows of one name and version: no engine takes both."""
    seen: set[tuple[str, int]] = set()
    for each in workflows:
        if (each.name, each.version) in seen:
            yield (
                f"two different workflows are named {each.name!r} version {each.version}: rename "
                "one, or give it another version"
            )
        seen.add((each.name, each.version))
