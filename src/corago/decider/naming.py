"""Ids that nobody gave: of activities, timers and children; and how often a path was used. Pure."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from corago.core import events as e
from corago.decider.state import Counts

TIMER = "timer"
"""What timers are called that have no id of their own."""

_NUMBER = "#"


def numbered(name: str, number: int) -> str:
    """The id of the `number`-th thing of a name: the first one is called so itself."""
    return name if number == 1 else f"{name}{_NUMBER}{number}"


def free(name: str, before: int, taken: Container[str]) -> str:
    """The first id of a name that is not `taken`, when there were so many `before`."""
    number = before + 1
    while (made := numbered(name, number)) in taken:
        number += 1
    return made


def child_path(counts: Counts, workflow: str) -> str:
    """The path of the next child of a workflow, if nobody names it."""
    return free(workflow, counts.children.get(workflow, 0), counts.paths)


def uses(counts: Counts, path: str) -> int:
    """How often children were started at a path; one too many, perhaps, where it looks automatic.

    Paths that were made here are not kept, since they follow from how many children there were.
    """
    name, mark, number = path.rpartition(_NUMBER)
    if not (mark and number.isdecimal()):
        name, number = path, "1"
    was_made = int(number) <= counts.children.get(name, 0)
    return counts.paths.get(path, int(was_made))


def count_child(counts: Counts, event: e.ChildStarted) -> Counts:
    """The counts with one child more."""
    number = counts.children.get(event.workflow, 0) + 1
    children = {**counts.children, event.workflow: number}
    if event.path == numbered(event.workflow, number) and event.occurrence == 1:
        return msgspec.structs.replace(counts, children=children)
    paths = {**counts.paths, event.path: event.occurrence}
    return msgspec.structs.replace(counts, children=children, paths=paths)
