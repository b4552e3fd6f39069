"""What guards tell: edges that hold together, states where none holds, edges that never do."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from corago.machine.durations import seconds_of
from corago.machine.lint.chart import Chart, Edge
from corago.machine.lint.findings import Finding, shown
from corago.machine.lint.judge import Judge, condition, reads_external
from corago.machine.lint.solver import UNKNOWN

Rank = tuple[Edge, ...]

_UNTOLD = "test it with values of each kind (the `lint` extra can tell more, if it is not there)"


def ranks(chart: Chart) -> Iterator[Rank]:
    """Edges that are judged together: of one state or group, and one trigger.

    A group's are judged once, as seen from the first member that can be reached.
    """
    seen: set[str] = set()
    for state in chart.witnesses:
        if chart.is_terminal(state):
            continue
        found: dict[tuple[str | None, str, str], list[Edge]] = {}
        for edge in chart.edges(state, "on", "when", "done", "failed"):
            name = edge.told.get("event") or edge.told.get("error") or ""
            found.setdefault((edge.group, edge.kind, name), []).append(edge)
        for rank in found.values():
            if rank[0].place not in seen:
                seen.add(rank[0].place)
                yield tuple(rank)


def is_first(chart: Chart) -> bool:
    """Whether the first edge that holds is taken."""
    return chart.document.get("conflict") == "first"


# -- together --------------------------------------------------------------------------------------


def overlaps(judge: Judge) -> Iterator[Finding]:
    """Two edges of one state and trigger that can hold together."""
    if is_first(judge.chart):
        return
    for rank in ranks(judge.chart):
        for one, other in itertools.combinations(rank, 2):
            if _does(one) == _does(other):
                continue
            answer = judge.may((one, other), valid=True)
            place = f"{one.group or one.source!r}"
            if answer is UNKNOWN:
                yield _unknown(other, f"can't tell whether it and {one.place} hold together")
            elif isinstance(answer, dict):
                always = "always" if not answer else f"if {shown(answer)}"
                yield Finding(
                    "overlap",
                    "error",
                    other.place,
                    f"two edges lead out of {place} on {_cause(one)} {always}: "
                    f"{one.place} and {other.place}",
                    'make their guards exclude each other, or say "conflict": "first"',
                    answer,
                )


def _does(edge: Edge) -> tuple[object, ...]:
    return edge.to, repr(edge.told.get("set")), repr(edge.told.get("effect"))


def _cause(edge: Edge) -> str:
    match edge.kind:
        case "on":
            return f"event {edge.told['event']!r}"
        case "when":
            return "its own accord"
        case "failed":
            return f"failure {edge.told['error']!r}" if "error" in edge.told else "a failure"
        case _:
            return edge.kind


def _unknown(edge: Edge, text: str) -> Finding:
    is_call = condition(edge) is None and edge.guard is not None
    fix = "its guard is a function: test it" if is_call else _UNTOLD
    return Finding("unknown", "note", edge.place, text, fix)


# -- never -----------------------------------------------------------------------------------------


def never_true(judge: Judge) -> Iterator[Finding]:
    """Guards that no values make true; `hidden` says what never holds besides."""
    for edge in _seen(judge.chart):
        if edge.guard is not None and judge.may((edge,), valid=False) is None:
            yield Finding(
                "never-true",
                "warning",
                edge.place,
                f"no values let this edge be taken: {edge.condition}",
                "correct the guard, or remove the edge",
            )


def _seen(chart: Chart) -> Iterator[Edge]:
    """Every edge of states that can be reached, each once."""
    seen: set[str] = set()
    for state in chart.witnesses:
        if chart.is_terminal(state):
            continue
        for edge in chart.edges(state):
            if edge.place not in seen:
                seen.add(edge.place)
                yield edge
    for edge in chart.all_edges():
        if edge.place in chart.timers:
            yield edge


def hidden(judge: Judge) -> Iterator[Finding]:
    """Edges before which another is always taken: of an earlier rank place, or sooner in time."""
    chart = judge.chart
    if is_first(chart):
        for rank in ranks(chart):
            for number, edge in enumerate(rank[1:], start=1):
                before = rank[:number]
                is_dead = judge.may((edge,), valid=False) is None
                if not is_dead and judge.may((edge,), before, valid=False) is None:
                    places = ", ".join(each.place for each in before)
                    yield _hidden(edge, f"whenever it holds, an earlier edge does ({places})")
    for state in chart.witnesses:
        yield from _too_late([each for each in chart.edges(state, "after") if each.group is None])


def _too_late(edges: Sequence[Edge]) -> Iterator[Finding]:
    """Timed edges that come after one that surely leaves the state."""
    sure = [edge for edge in edges if edge.guard is None and edge.to is not None]
    if not sure:
        return
    # Of two at the same time the first one is taken.
    first = min(sure, key=lambda edge: (_seconds(edge), edges.index(edge)))
    for number, edge in enumerate(edges):
        if (_seconds(edge), number) > (_seconds(first), edges.index(first)):
            yield _hidden(edge, f"{first.place} has left the state before")


def _seconds(edge: Edge) -> float:
    return seconds_of(edge.told["delay"])


def _hidden(edge: Edge, why: str) -> Finding:
    return Finding(
        "hidden",
        "warning",
        edge.place,
        f"this edge is never taken: {why}",
        "put it first, narrow what hides it, or remove it",
    )


# -- none ------------------------------------------------------------------------------------------


def gaps(judge: Judge) -> Iterator[Finding]:
    """States that only guards lead out of, where for some values none holds."""
    chart = judge.chart
    for state in chart.witnesses:
        if chart.is_terminal(state) or chart.may_rest(state) or state == chart.error:
            continue
        if chart.timers or chart.edges(state, "on", "after"):
            continue
        whens = chart.edges(state, "when")
        if chart.has_work(state):
            if not reads_external(whens):
                # `done` edges come first: theirs is the scope, with the result.
                yield from _gap(judge, state, (*chart.edges(state, "done"), *whens))
        elif not all(judge.may((edge,), valid=False) is None for edge in whens):
            yield from _gap(judge, state, whens)


def _gap(judge: Judge, state: str, edges: Sequence[Edge]) -> Iterator[Finding]:
    answer = judge.may((), edges, valid=True) if edges else {}
    if not edges:
        yield Finding(
            "gap",
            "warning",
            f"states/{state}",
            f"no edge leads out of {state!r} when its work is done: it waits for ever",
            "add a `done` edge",
        )
    elif answer is UNKNOWN:
        yield _unknown(edges[0], f"can't tell whether some edge always leads out of {state!r}")
    elif isinstance(answer, dict):
        wait = "until the external store is changed" if reads_external(edges) else "for ever"
        yield Finding(
            "gap",
            "warning",
            f"states/{state}",
            f"no edge leads out of {state!r} if {shown(answer)}: it waits {wait}",
            "add an edge for the rest (`unless`), or an `after` edge",
            answer,
        )


def always_leads_on(judge: Judge, edges: Iterable[Edge]) -> bool:
    """Whether one of these edges holds whatever the values are."""
    found = tuple(edges)
    return bool(found) and judge.may((), found, valid=False) is None
