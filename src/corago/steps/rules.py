"""What makes a whole step list sound: judged when its workflow is made, all faults at once."""

from __future__ import annotations

from collections.abc import Iterator

from corago.errors import InvalidStepListError, all_of
from corago.steps.elements import Element, Parallel, StepList, WaitFor

_ENDS = ("done", "abort")


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


def _inside(steps: StepList, parallel: str | None = None) -> Iterator[str]:
    """The faults of a list's elements; `parallel` is the element that it is a branch of."""
    for index, element in enumerate(steps):
        if element.kind == "init":
            yield from _init(index, element, parallel)
        elif element.kind == "done" and parallel is not None:
            yield f"`done` stands in a branch of {parallel!r}: a branch just ends; remove it"
        elif element.kind in _ENDS and not element.guards and index + 1 < len(steps):
            yield (
                f"{steps[index + 1].name!r} stands after `{element.kind}` and would never run: "
                f"remove it, or make the `{element.kind}` conditional"
            )
        if isinstance(element, Parallel):
            yield from _clashes(element)
            for branch in element.branches:
                yield from _inside(branch, element.name)


def _init(index: int, element: Element, parallel: str | None) -> Iterator[str]:
    if parallel is not None:
        yield f"`init` stands in a branch of {parallel!r}: it begins the whole list; remove it"
    elif index:
        yield "`init` stands in the middle: it begins the list, once; remove it there"
    elif element.guards:
        yield "`init` has a condition: it begins every process; take it out of the `conditional`"


def _clashes(parallel: Parallel) -> Iterator[str]:
    """Signals that two branches would write to one key: known before any process meets it."""
    owner: dict[str, int] = {}
    for number, branch in enumerate(parallel.branches, start=1):
        for element in branch.walk():
            if isinstance(element, WaitFor) and owner.setdefault(element.key, number) != number:
                yield (
                    f"branches {owner[element.key]} and {number} of {parallel.name!r} both wait "
                    f"for a signal into State[{element.key!r}]: give one an `into` of its own"
                )
