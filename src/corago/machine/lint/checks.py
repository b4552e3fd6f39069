"""All checks, in the order in which their findings are told."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from corago.machine.lint.chart import Chart, Document
from corago.machine.lint.cycles import eventless_cycles
from corago.machine.lint.exhaustive import Exhaustive
from corago.machine.lint.findings import Finding, Witness
from corago.machine.lint.guards import gaps, hidden, never_true, overlaps
from corago.machine.lint.judge import Judge
from corago.machine.lint.solver import Both, Solver
from corago.machine.lint.unused import unused
from corago.machine.lint.waits import endless, retry_budgets, stuck
from corago.machine.lint.ways import dead_ends, nothing_left, traps, unreachable

FEW = 500
"""Combinations that `errors` tries for one question."""

_LEVELS = ("error", "warning", "note")


def lint(document: Document, *, solver: Solver | None = None) -> tuple[Finding, ...]:
    """Everything that may be wrong with a machine, errors first.

    Args:
        document: a sound document in normal form.
        solver: who answers questions about guards; None: the best there is, which with the `lint`
            extra proves what it can't try.
    """
    chart = Chart(document)
    judge = Judge(chart, best() if solver is None else solver)
    return tuple(sorted(_ask(chart, judge), key=lambda each: _LEVELS.index(each.level)))


def errors(document: Document) -> tuple[Finding, ...]:
    """What can't be meant: found quickly, and without any extra."""
    chart = Chart(document)
    judge = Judge(chart, Exhaustive(FEW))
    checks = (nothing_left(chart), stuck(judge), eventless_cycles(judge), overlaps(judge))
    return tuple(each for check in checks for each in check if each.level == "error")


def witnesses(document: Document) -> dict[str, Witness]:
    """Every state that can be reached, with a shortest path from the initial state."""
    return dict(Chart(document).witnesses)


def best() -> Solver:
    """The thorough solver behind the quick one, if it is installed."""
    if importlib.util.find_spec("z3") is None:
        return Exhaustive()
    from corago.machine.lint.proving import Proving  # noqa: PLC0415 - an extra, and slow to load

    return Both(Exhaustive(FEW), Proving())


def _ask(chart: Chart, judge: Judge) -> Iterator[Finding]:
    yield from unreachable(chart)
    yield from dead_ends(chart)
    yield from traps(chart)
    yield from nothing_left(chart)
    yield from stuck(judge)
    yield from eventless_cycles(judge)
    yield from overlaps(judge)
    yield from gaps(judge)
    yield from never_true(judge)
    yield from hidden(judge)
    yield from endless(judge)
    yield from retry_budgets(chart)
    yield from unused(chart, judge.updates)
