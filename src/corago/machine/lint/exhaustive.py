"""The solver that is always there: tries every combination of values that could matter."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from corago.machine.lint.ranges import Path, Uses, candidates, type_at
from corago.machine.lint.solver import (
    UNKNOWN,
    Answer,
    Condition,
    Example,
    Scope,
    contradicts,
    holds,
    parts,
)

COMBINATIONS = 5_000
"""So many are tried at most for one question."""

_FEWER = 25
"""Where trying can't show that nothing was left out, so many times fewer are tried."""

_TOP = 2


class TooManyError(Exception):
    """There are more combinations than may be tried."""


class Exhaustive:
    """Tries booleans, enums, and the values at and beside each constant that a field meets."""

    def __init__(self, combinations: int = COMBINATIONS) -> None:
        self._most = combinations

    def possible(self, conditions: Sequence[Condition], scope: Scope) -> Answer:
        """An example that was found, None if all that could matter was tried, or UNKNOWN."""
        asked = parts(conditions)
        if contradicts(asked) or _clash(asked, scope):
            return None
        uses = Uses(each.root for each, _ in asked)
        values: dict[Path, list[Any]] = {}
        is_whole = True
        for path in sorted(uses.of):
            values[path], is_complete = candidates(type_at(scope, path), uses.of[path])
            is_whole = is_whole and is_complete
        if not all(each.paths <= values.keys() for each, _ in asked):
            return UNKNOWN  # a whole root is read
        most = self._most if is_whole else self._most // _FEWER
        try:
            found = _Search(asked, values, most).first()
        except TooManyError:
            return UNKNOWN
        if found is not None and holds(conditions, found):
            return found
        return None if found is None and is_whole else UNKNOWN


def _clash(conditions: Sequence[Condition], scope: Scope) -> bool:
    """Whether conditions on one field alone exclude each other, whatever the others say."""
    alone: dict[Path, list[Condition]] = {}
    for expression, wanted in conditions:
        if len(expression.paths) == 1:
            alone.setdefault(next(iter(expression.paths)), []).append((expression, wanted))
    for path, asked in alone.items():
        use = Uses(each.root for each, _ in asked).of.get(path)
        if use is None:
            continue
        values, is_complete = candidates(type_at(scope, path), use)
        if is_complete and not any(holds(asked, told({path: value})) for value in values):
            return True
    return False


class _Search:
    """Goes from condition to condition, and back when one can't hold."""

    def __init__(
        self, conditions: Sequence[Condition], values: dict[Path, list[Any]], most: int
    ) -> None:
        self._values = values
        self._left = most
        self._chosen: dict[Path, Any] = {}
        self._example: Example = {}
        self._is_flat = all(len(path) == _TOP for path in values)
        self._steps: list[tuple[Condition, list[Path]]] = []
        known: set[Path] = set()
        rest = sorted(conditions, key=lambda each: len(each[0].paths))
        while rest:
            nearest = min(rest, key=lambda each: len(each[0].paths - known))
            rest.remove(nearest)
            self._steps.append((nearest, sorted(nearest[0].paths - known)))
            known |= nearest[0].paths

    def first(self) -> Example | None:
        """The first combination with which all hold."""
        return told(self._chosen) if self._finds(0) else None

    def _finds(self, number: int) -> bool:
        if number == len(self._steps):
            return True
        condition, paths = self._steps[number]
        for combination in itertools.product(*(self._values[path] for path in paths)):
            if self._left <= 0:
                raise TooManyError
            self._left -= 1
            self._choose(paths, combination)
            if holds((condition,), self._example) and self._finds(number + 1):
                return True
        return False

    def _choose(self, paths: Sequence[Path], combination: Sequence[Any]) -> None:
        for path, value in zip(paths, combination, strict=True):
            self._chosen[path] = value
            if self._is_flat:
                self._example.setdefault(path[0], {})[path[1]] = value
        if not self._is_flat:
            self._example = told(self._chosen)


def told(chosen: Mapping[Path, Any]) -> Example:
    """Values by path as nested records; what lies below a null is left out."""
    example: Example = {}
    for path in sorted(chosen):
        place: Any = example
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                break
        else:
            value = chosen[path]
            place[path[-1]] = dict(value) if isinstance(value, dict) else value
    return example
