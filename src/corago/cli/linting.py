"""`lint`: whether the workflows of files are sound. Imports the files; runs and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from corago.cli.exits import FindingsError, LoadError, UsageError
from corago.cli.loading import load_all
from corago.cli.options import COMMON, Common
from corago.cli.output import Output, count

if TYPE_CHECKING:
    from corago.runtime.settings import Workflow


def lint(*files: Annotated[str, Parameter(name="FILE")], common: Common = COMMON) -> None:
    """Look for faults in the workflows of these files. Exit status 9 if there are any.

    Args:
        files: Python files (or dotted modules) of workflows; FILE:WORKFLOW looks at just that one.
    """
    out = Output(common)
    if not files:
        raise UsageError("which workflows? Name their files: corago lint workflows.py")
    found: dict[str, Workflow] = {}
    findings: list[str] = []
    with out.steps_on_stderr():
        for file in files:
            try:
                found |= {each.sha: each for each in load_all([file])}
            except LoadError as error:
                findings.append(str(error))
    findings += _clashes(found.values())
    for workflow in found.values():
        findings += [f"{workflow.name}: {said}" for said in getattr(workflow, "lint", list)()]
    if out.is_json:
        out.document({"workflows": [each.name for each in found.values()], "findings": findings})
    else:
        for finding in findings:
            out.text(finding)
    if findings:
        raise FindingsError(f"{count(len(findings), 'finding')} in {', '.join(files)}")
    if not out.is_json:
        out.say(f"{count(len(found), 'workflow')} looked at, and no fault found")


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
