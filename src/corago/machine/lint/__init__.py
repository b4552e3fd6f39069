"""Static checks: what may be wrong with a machine, found without running it. Pure.

`lint` asks the best solver there is; `errors` is quick, needs no extra, and gives only what can't
be meant.
"""

from __future__ import annotations

from corago.machine.lint.checks import errors, lint, witnesses
from corago.machine.lint.findings import CODES, Code, Finding, Level, Step, Witness, path_json

__all__ = [
    "CODES",
    "Code",
    "Finding",
    "Level",
    "Step",
    "Witness",
    "errors",
    "lint",
    "path_json",
    "witnesses",
]
