"""Which queues a world's workers must serve, for nothing to be left lying."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from corago.runtime.settings import Workflow


def queues_of(workflows: Iterable[Workflow]) -> tuple[str, ...]:
    """The queues that steps of these workflows are put into, or of those that they start."""
    found: dict[str, None] = {}
    left, seen = list(workflows), set[str]()
    while left:
        workflow = left.pop(0)
        if workflow.sha not in seen:
            seen.add(workflow.sha)
            left += workflow.children
            found |= dict.fromkeys(_named(workflow.document))
    return tuple(found)


def _named(value: Any) -> Iterator[str]:
    """The queues that a part of a document names."""
    if isinstance(value, Mapping):
        if isinstance(value.get("queue"), str):
            yield value["queue"]
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for each in value:
        yield from _named(each)
