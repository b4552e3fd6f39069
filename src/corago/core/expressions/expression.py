"""An expression: a text, its parts, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from corago.core.expressions import explaining
from corago.core.expressions.evaluating import compiled
from corago.core.expressions.nodes import Node, read_paths
from corago.core.expressions.parsing import parsed
from corago.core.expressions.sites import site
from corago.errors import EvaluationError, ExpressionError

_REMEMBERED = 4096
"""Texts whose parts are kept."""


class Expression:
    """A parsed expression; made by `parse`, equal to another of the same text, never changed.

    `text` is what was written. `root` is the tree of its parts, each with `start` and `end` in the
    text. `paths` are the fields that it may read: ("external", "amount"), ("visits", "paying").
    """

    __slots__ = ("_run", "paths", "root", "text")

    text: str
    root: Node
    paths: frozenset[tuple[str, ...]]
    _run: Callable[[Mapping[str, Any]], Any]

    def __init__(self, text: str, root: Node) -> None:
        """Compile the parts."""
        self.text = text
        self.root = root
        self.paths = frozenset(read_paths(root))
        self._run = compiled(text, root)

    def __repr__(self) -> str:
        """As it is made."""
        return f"parse({self.text!r})"

    def __eq__(self, other: object) -> bool:
        """Whether the other is an expression of the same text."""
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        """By the text."""
        return hash(self.text)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The JSON value, for the roots' values: {"external": {…}, "internal": {…}, …}.

        It may share parts with them. Raises EvaluationError, which names the sub-expression.
        """
        try:
            return self._run(values)
        except RecursionError:
            raise self._too_deep() from None

    def _too_deep(self) -> EvaluationError:
        return site(self.text, self.root).error(
            "there is no room left on the stack for this", "limit"
        )

    def explain(self, values: Mapping[str, Any]) -> str:
        """Why it is what it is, in one line: which parts mattered and what they are.

        Such as "external.amount > 1000 is false: external.amount is 12"; an error's message if it
        can't be worked out.
        """
        return explaining.explain(self.text, self.root, values)

    def trace(self, values: Mapping[str, Any]) -> explaining.Trace:
        """What each part is, for tools; parts that were not worked out are left out."""
        return explaining.trace(self.text, self.root, values)


def parse(text: str) -> Expression:
    """The expression of a text; remembered by the text.

    Raises ExpressionError (a ValueError) whose `faults` say what is wrong where, and what to write.
    """
    if not isinstance(text, str):
        raise ExpressionError(
            f"an expression is a text, such as 'external.amount > 5', not {text!r}"
        )
    return _parse(text.strip())


@lru_cache(maxsize=_REMEMBERED)
def _parse(text: str) -> Expression:
    return Expression(text, parsed(text))
