"""The static checks: a machine of 200 states is linted, with the extra and without.

The machine is a long case with reviews: states that wait for events, choices on amounts, regions
and counters, work with results, loops that a counter bounds, and timers everywhere.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Size, at_most
from corago.machine.lint import errors, lint
from corago.machine.lint.checks import best
from corago.machine.lint.exhaustive import Exhaustive
from corago.machine.lint.solver import Solver

STATES = 200
LONGEST = 1.0
"""Seconds of a processor that a lint may take."""

_REGIONS = ("north", "south", "east", "west")


def lint_speed(_: Path, size: Size) -> list[Figure]:
    """What one lint takes of a processor, beside the second that it may take."""
    document = machine(size.of(STATES, 40))
    solvers: dict[str, Solver] = {"lint, no extra": Exhaustive()}
    if importlib.util.find_spec("z3") is not None:
        solvers["lint with z3"] = best()
    found = [
        _figure(name, lambda each=each: lint(document, solver=each))
        for name, each in solvers.items()
    ]
    return [*found, _figure("errors at define", lambda: errors(document))]


def _figure(name: str, run: Any) -> Figure:
    began = time.process_time()
    findings = run()
    took = time.process_time() - began
    assert [each for each in findings if each.level != "note"] == []
    return at_most(name, took, LONGEST, most=1.0, unit="s", goal="≤ 1 s")


def machine(states: int) -> dict[str, Any]:
    """A sound machine of so many states."""
    names = [f"s{number}" for number in range(states - 2)]
    bodies: dict[str, Any] = {
        name: _BODIES[number % len(_BODIES)](number, names[number + 1 :] or ["closed"])
        for number, name in enumerate(names)
    }
    bodies["closed"] = {"terminal": True}
    bodies["trouble"] = {"on": [{"event": "resume", "to": "previous()"}]}
    return {
        "kind": "machine",
        "name": "long",
        "version": 1,
        "initial": names[0],
        "error": "trouble",
        "external": {
            "amount": {"type": "integer", "minimum": 0},
            "rate": {"type": "number"},
            "region": {"type": "string", "enum": list(_REGIONS)},
            "paid": {"type": "boolean", "default": False},
            "owner": {"type": "string", "nullable": True},
        },
        "internal": {"tries": {"type": "integer"}, "total": {"type": "integer"}},
        "events": {
            "decide": {"approved": {"type": "boolean"}, "score": {"type": "integer"}},
            "cancel": {},
        },
        "states": bodies,
        "lifetime": {"delay": "P400D", "to": "closed"},
    }


def _waits(number: int, later: list[str]) -> dict[str, Any]:
    good = f"event.approved and event.score > {number}"
    return {
        "on": [
            {"event": "decide", "if": good, "to": later[0]},
            {"event": "decide", "unless": good, "to": later[-1]},
            {"event": "cancel", "to": "closed"},
        ],
        "after": [{"delay": "P7D", "to": later[0]}],
    }


def _chooses(number: int, later: list[str]) -> dict[str, Any]:
    low, high = 10 * number, 10 * number + 500
    total = "internal.total + external.amount"
    return {
        "when": [
            {"if": f"external.amount < {low} and not external.paid", "to": later[0]},
            {
                "if": f"{low} <= external.amount <= {high} and not external.paid",
                "set": {"internal.total": total},
                "to": later[-1],
            },
            {"if": f"external.amount > {high} and not external.paid", "to": later[len(later) // 2]},
            {"if": "external.paid", "to": later[len(later) // 3]},
        ]
    }


def _divides(_: int, later: list[str]) -> dict[str, Any]:
    return {
        "when": [
            {
                "if": f"external.region == '{region}'",
                "to": later[min(position, len(later) - 1)],
            }
            for position, region in enumerate(_REGIONS)
        ]
    }


def _works(_: int, later: list[str]) -> dict[str, Any]:
    return {
        "run": {
            "activity": "work",
            "args": {"amount": "external.amount", "owner": "default(external.owner, '')"},
            "retry": {"attempts": 5},
            "timeout": "PT10M",
            "result": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
        },
        "done": [{"if": "result.ok", "to": later[0]}, {"unless": "result.ok", "to": later[-1]}],
        "failed": [
            {
                "error": "Busy",
                "set": {"internal.tries": "internal.tries + 1"},
                "to": later[min(1, len(later) - 1)],
            }
        ],
    }


def _weighs(number: int, later: list[str]) -> dict[str, Any]:
    guard = f"internal.total + external.amount * {number + 2} > 1000"
    return {
        "when": [
            {
                "if": f"internal.tries < {number + 3} and ({guard})",
                "set": {"internal.tries": "internal.tries + 1"},
                "to": later[0],
            },
            {
                "if": f"internal.tries >= {number + 3} and ({guard}) and external.rate > 0.5",
                "to": later[0],
            },
            {
                "if": f"not ({guard}) or (internal.tries >= {number + 3} and external.rate <= 0.5)",
                "to": later[-1],
            },
        ]
    }


_BODIES = (_waits, _chooses, _divides, _works, _weighs)
