"""Where in an expression something goes wrong at evaluation, and the bounds of its work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from corago.core.expressions import nodes as n
from corago.core.expressions.faults import did_you_mean, kind_of, shortened, shown
from corago.errors import EvaluationError

MOST_PRODUCED = 100_000
"""Characters of a text, or items of an array, that an expression may make."""

MOST_WORK = 500_000
"""Parts worked out in loops, and characters and items looked through, in one evaluation."""

DEEPEST_VALUE = 200
"""Levels of values that are compared."""

BUDGET = ""
"""The key, no identifier, under which the work that is left is held: a list of one number."""

Values = Mapping[str, Any]
"""The roots by name, and what they hold."""


@dataclass(frozen=True, slots=True)
class Site:
    """A part of a text, which makes the errors about it."""

    text: str
    start: int
    end: int

    @property
    def part(self) -> str:
        """The sub-expression as it stands in the text."""
        return self.text[self.start : self.end]

    def error(self, message: str, reason: str) -> EvaluationError:
        """An error about this part."""
        return EvaluationError(
            f"{shortened(self.part)}: {message}",
            text=self.text,
            start=self.start,
            end=self.end,
            reason=reason,
        )

    def wrong(self, value: Any, wanted: str) -> EvaluationError:
        """An error for a value of this part that is not what is wanted of it."""
        name = shortened(self.part)
        if value is None:
            return self.error(
                f"it is null, but must be {wanted}; ask {name} != None first, "
                f"or write default({name}, value)",
                "null",
            )
        return self.error(f"it is {kind_of(value)} ({shown(value)}), but must be {wanted}", "type")

    def charge(self, values: Values, amount: int) -> None:
        """Count work; raises EvaluationError when it is too much."""
        left = values.get(BUDGET)
        if left is not None:
            left[0] -= amount
            if left[0] < 0:
                raise self.error(
                    f"this takes more than {MOST_WORK:,} steps; use a Python function", "limit"
                )

    def produced(self, values: Values, amount: int) -> None:
        """Count what was made; raises EvaluationError when it is too much."""
        if amount > MOST_PRODUCED:
            raise self.error(
                f"this would be longer than {MOST_PRODUCED:,}; use a Python function", "limit"
            )
        self.charge(values, amount)


def site(text: str, node: n.Node) -> Site:
    """The site of a part."""
    return Site(text, node.start, node.end)


def absent(at: Site, base: Site, value: Any, name: str) -> EvaluationError:
    """Why the value of `base` has no field of that name."""
    path, owner = shortened(at.part), shortened(base.part)
    if value is None:
        return at.error(
            f"{owner} is null, so it has no field {name}; ask has({path}) first, "
            f"or write default({path}, value)",
            "null",
        )
    if not isinstance(value, Mapping):
        return at.error(f"{owner} is {kind_of(value)}, so it has no field {name}", "type")
    known = [str(each) for each in value]
    hint = did_you_mean(name, known)
    fix = hint or f"; ask has({path}) first, or write default({path}, value)"
    return at.error(f"{owner} has no field {name}{fix}", "missing")
