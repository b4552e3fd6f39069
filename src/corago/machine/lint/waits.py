"""Waiting: without end, for nothing, or shorter than the work that is waited for."""

from __future__ import annotations

from collections.abc import Iterator

from corago.core.retry import Retry
from corago.machine.durations import seconds_of
from corago.machine.lint.chart import Chart
from corago.machine.lint.findings import Finding
from corago.machine.lint.guards import always_leads_on
from corago.machine.lint.judge import Judge, reads_external


def _waiting(chart: Chart) -> Iterator[str]:
    """States that can be reached, aren't ends, and aren't meant to be rested in."""
    for state in chart.witnesses:
        if not chart.is_terminal(state) and not chart.may_rest(state) and state != chart.error:
            yield state


def endless(judge: Judge) -> Iterator[Finding]:
    """States that wait for an event or for work, and no timer covers them."""
    chart = judge.chart
    if chart.timers:
        return
    for state in _waiting(chart):
        if not chart.edges(state, "on") and not chart.has_work(state):
            continue
        if any("to" in edge.told or "set" in edge.told for edge in chart.edges(state, "after")):
            continue
        # Work is there to end; an event may simply never come.
        works = chart.has_work(state) and bool(chart.edges(state, "done", "when"))
        if works and "timeout" in chart.states[state].get("run", {}):
            continue
        if always_leads_on(judge, chart.edges(state, "when")):
            continue
        what = "work that has no timeout" if works else "an event"
        yield Finding(
            "no-timeout",
            "note" if works else "warning",
            f"states/{state}",
            f"{state!r} waits for {what}, and no timer ends that",
            'add an `after` edge, `idle` or `lifetime`, or say "forever": true',
            chart.witnesses[state] or None,
        )


def stuck(judge: Judge) -> Iterator[Finding]:
    """States that nothing can ever lead out of, though they aren't terminal."""
    chart = judge.chart
    if chart.timers:
        return
    for state in _waiting(chart):
        if chart.has_work(state) and not chart.edges(state, "on", "when", "after", "done"):
            yield Finding(
                "stuck",
                "error",
                f"states/{state}",
                f"{state!r} is never left once its work has ended well: it has no `done` edge",
                'add a `done` edge, or say "forever": true',
                chart.witnesses[state] or None,
            )
        if chart.edges(state, "on", "after") or chart.has_work(state):
            continue
        edges = chart.edges(state, "when")
        if all(judge.may((edge,), valid=False) is None for edge in edges):
            is_open = reads_external(edges)
            why = "none of its guards is ever true" if edges else "it has no event, timer or work"
            yield Finding(
                "stuck",
                "error",
                f"states/{state}",
                f"{state!r} is never left: {why}" + (", whatever outside code sets" * is_open),
                'add an edge that leads out, or say "terminal": true',
                chart.witnesses[state] or None,
            )


def retry_budgets(chart: Chart) -> Iterator[Finding]:
    """Work whose waits between attempts are longer than its state lasts."""
    for state in chart.witnesses:
        run = chart.states[state].get("run")
        timers = [edge for edge in chart.edges(state, "after") if edge.to and edge.guard is None]
        if run is None or "retry" not in run or not timers or chart.is_terminal(state):
            continue
        first = min(timers, key=lambda edge: seconds_of(edge.told["delay"]))
        policy = Retry(**{**run["retry"], "jitter": 0, "give_up": ()})
        lasts = seconds_of(first.told["delay"])
        waits = 0.0
        for attempt in range(1, policy.attempts):
            waits += policy.wait(attempt, "").total_seconds()
            if waits >= lasts:
                yield Finding(
                    "retry-budget",
                    "warning",
                    f"states/{state}/run",
                    f"attempt {attempt + 1} of {policy.attempts} would begin after {waits:g} s, "
                    f"and {first.place} leaves {state!r} after {lasts:g} s",
                    "retry less often or sooner, or give the state more time",
                )
                break
