"""What the graph alone tells: what can't be reached, what can't end, where nothing was left."""

from __future__ import annotations

from collections.abc import Iterator

from corago.machine.lint.chart import FAILING, PREVIOUS, Chart, components
from corago.machine.lint.findings import Finding

_FEW = 5


def unreachable(chart: Chart) -> Iterator[Finding]:
    """States that no path leads to."""
    for state in chart.states:
        if state not in chart.witnesses:
            yield Finding(
                "unreachable",
                "warning",
                f"states/{state}",
                f"no path leads from {chart.initial!r} to {state!r}",
                "add an edge to it, or remove it",
            )


def dead_ends(chart: Chart) -> Iterator[Finding]:
    """States that are terminal only because nothing leads out."""
    for state, body in chart.states.items():
        if chart.is_bare(state) and not body.get("terminal"):
            path = chart.witnesses.get(state)
            yield Finding(
                "dead-end",
                "warning",
                f"states/{state}",
                f"nothing leads out of {state!r}",
                'if it is an end, say "terminal": true; else add an edge',
                path or None,
            )


def traps(chart: Chart) -> Iterator[Finding]:
    """Sets of states that no terminal state can be reached from."""
    reached = chart.witnesses
    ways = {
        state: {arc.target for arc in chart.arcs[state] if arc.edge.kind != FAILING}
        for state in reached
    }
    is_end = {
        state
        for state in reached
        if chart.is_terminal(state)
        or chart.may_rest(state)
        or (state == chart.error and not chart.edges(state))
    }
    saved = _leading_to(is_end, ways)
    lost = [state for state in chart.states if state in reached and state not in saved]
    for found in components(lost, ways):
        is_trap = all(other in found for state in found for other in ways[state])
        if not is_trap or found == [chart.error]:
            continue
        inside = sorted(found, key=list(chart.states).index)
        names = ", ".join(map(repr, inside[:_FEW])) + (", …" if len(inside) > _FEW else "")
        yield Finding(
            "trap",
            "warning",
            f"states/{inside[0]}",
            f"no terminal state can be reached from {names}",
            'add a way out, or say "forever": true on a state where the machine may rest',
            reached[inside[0]] or None,
        )


def nothing_left(chart: Chart) -> Iterator[Finding]:
    """`previous()` where there is nothing to return to, ever or on the first visit."""
    for state in chart.witnesses:
        for edge in chart.edges(state):
            if edge.to != PREVIOUS:
                continue
            if not chart.predecessors[state]:
                yield Finding(
                    "nothing-left",
                    "error",
                    edge.place,
                    f"no state is ever left for {state!r}, so previous() leads nowhere",
                    "name the target",
                )
            elif state == chart.initial:
                yield Finding(
                    "nothing-left",
                    "warning",
                    edge.place,
                    f"{state!r} is the initial state: on the first visit no state has been left",
                    f'name the target, or guard the edge by "visits.{state} > 1"',
                )


def _leading_to(goals: set[str], ways: dict[str, set[str]]) -> set[str]:
    sources: dict[str, set[str]] = {}
    for state, targets in ways.items():
        for target in targets:
            sources.setdefault(target, set()).add(state)
    found, waiting = set(goals), list(goals)
    while waiting:
        for source in sources.get(waiting.pop(), ()):
            if source not in found:
                found.add(source)
                waiting.append(source)
    return found
