"""What a machine writes: every `set` of a document, and what it says about a field's values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from corago.core.expressions import EvaluationError, Expression, ExpressionError, parse
from corago.machine.lint.chart import Chart, Document
from corago.machine.model import ZEROS

_INCREMENT = re.compile(r"internal\.(\w+) \+ \d+")


def read(text: Any) -> Expression | None:
    """An expression, or None for what can't be looked into: a function."""
    if not isinstance(text, str):
        return None
    try:
        return parse(text)
    except ExpressionError:  # a fault of its own, told when the document is defined
        return None


def writers(chart: Chart) -> Iterator[tuple[str, Document]]:
    """Every edge and hook with its place."""
    for edge in chart.all_edges():
        yield edge.place, edge.told
    yield from chart.hooks()


class Updates:
    """All that a machine's edges and hooks write."""

    def __init__(self, chart: Chart) -> None:
        self.is_opaque = False
        """Whether a function writes whatever it likes."""
        self.of: dict[tuple[str, str], list[Expression | None]] = {}
        """What is written to each field; None is what a function gives."""
        for _, told in writers(chart):
            given = told.get("set", {})
            if "call" in given:
                self.is_opaque = True
                continue
            for target, text in given.items():
                store, _, name = target.partition(".")
                self.of.setdefault((store, name), []).append(read(text))
        self._internal: Mapping[str, Any] = chart.document.get("internal", {})

    def internal(self) -> dict[str, Any]:
        """The TYPEs of the internal fields, as narrow as what is written there allows."""
        return {name: {**kind, **self._narrow(name, kind)} for name, kind in self._internal.items()}

    def _narrow(self, name: str, kind: Mapping[str, Any]) -> dict[str, Any]:
        """Only the machine writes here: constants stay constants, and counters count up."""
        if self.is_opaque:
            return {}
        first = beginning(kind)
        written = self.of.get(("internal", name), [])
        known, is_counter = [first], False
        for each in written:
            if each is not None and not each.paths:
                try:
                    known.append(each.evaluate({}))
                except EvaluationError:
                    return {}
            elif each is not None and _is_increment(each, name):
                is_counter = True
            else:
                return {}
        if not is_counter:
            return {"enum": _distinct(known), "nullable": False}
        return {"minimum": min(known)} if all(isinstance(each, int) for each in known) else {}


def beginning(kind: Mapping[str, Any]) -> Any:
    """What an internal field holds at first."""
    if "default" in kind:
        return kind["default"]
    return None if kind.get("nullable") else ZEROS[kind["type"]]


def _is_increment(expression: Expression, name: str) -> bool:
    match = _INCREMENT.fullmatch(expression.text)
    return match is not None and match[1] == name


def _distinct(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not any(type(value) is type(each) and value == each for each in found):
            found.append(value)
    return found
