"""What makes a whole step list sound: judged when its workflow is made, all faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corago.errors import InvalidStepListError, all_of
from corago.steps.containers import Focus, Foreach
from corago.steps.elements import Child, Element, Parallel, StepList, WaitFor

_ENDS = ("done", "abort")
_INDEXED = re.compile(r"\[\d+\]$")


def check(steps: StepList, workflow: str) -> None:
    """Raise InvalidStepListError, naming the workflow and every fault, unless the list is sound."""
    faults = [*_ends(steps), *_inside(steps)]
    if faults:
        raise InvalidStepListError(
            all_of(dict.fromkeys(faults), f"the step list of {workflow!r} is not sound:")
        )


def _ends(steps: StepList) -> Iterator[str]:
    if not steps or steps[0].kind != "init":
        first = f"it begins with {steps[0].name!r}" if steps else "it is empty"
        yield f"it must begin with `init`, and {first}: write `init >> …`"
    last = steps[-1] if steps else None
    if last is None or last.kind not in _ENDS:
        found = "nothing is there" if last is None else f"it ends with {last.name!r}"
        yield f"it must end with `done` or `abort`, and {found}: write `… >> done`"
    elif last.guards:
        yield (
            f"its last element, {last!r}, has a condition, so the list might never end: "
            "write `… >> done` after it"
        )


def _inside(steps: StepList, within: str | None = None) -> Iterator[str]:
    """The faults of a list's elements; `within` says in what it stands."""
    for index, element in enumerate(steps):
        if element.kind == "init":
            yield from _init(index, element, within)
        elif element.kind == "done" and within is not None:
            yield f"`done` stands in {within}, whose list just ends; remove it"
        elif element.kind in _ENDS and not element.guards and index + 1 < len(steps):
            yield (
                f"{steps[index + 1].name!r} stands after `{element.kind}` and would never run: "
                f"remove it, or make the `{element.kind}` conditional"
            )
        if element.lists and _INDEXED.search(element.name):
            yield (
                f"the {element.kind} {element.name!r} is named like an item of a loop: paths could "
                "not be told apart; rename it"
            )
        if isinstance(element, Parallel):
            yield from _clashes(element)
        what = f"a branch of {element.name!r}" if element.kind == "parallel" else repr(element.name)
        for inner in element.lists:
            yield from _inside(inner, what)


def _init(index: int, element: Element, within: str | None) -> Iterator[str]:
    if within is not None:
        yield f"`init` stands in {within}: it begins the whole list; remove it"
    elif index:
        yield "`init` stands in the middle: it begins the list, once; remove it there"
    elif element.guards:
        yield "`init` has a condition: it begins every process; take it out of the `conditional`"


def _clashes(parallel: Parallel) -> Iterator[str]:
    """Keys that two branches are bound to write: known before any process meets it."""
    owner: dict[str, int] = {}
    for number, branch in enumerate(parallel.branches, start=1):
        for key in _keys(branch):
            if owner.setdefault(key, number) != number:
                yield (
                    f"branches {owner[key]} and {number} of {parallel.name!r} both write "
                    f"State[{key!r}]: give one an `into` or a key of its own"
                )


def _keys(steps: StepList) -> Iterator[str]:
    """The keys that a list is bound to write, as far as its elements say so."""
    for element in steps:
        match element:
            case WaitFor(key=key) | Focus(key=key):
                yield key
            case Foreach(into=into, name=name):
                yield into or name
            case Child(into=str(into)):
                yield into
            case _ if element.kind in ("parallel", "group"):
                for inner in element.lists:
                    yield from _keys(inner)
            case _:
                continue
