"""Whether expressions can hold together: one question, and who answers it.

An answer is an example, None for "never", or UNKNOWN. Every example was tried on the expressions
themselves before it is given, and "never" is only said when nothing was left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, Protocol

from corago.core.expressions import EvaluationError, Expression, parse
from corago.core.expressions import nodes as n

Condition = tuple[Expression, bool]
"""An expression, and whether it shall be true or false."""

Scope = Mapping[str, Mapping[str, Any]]
"""Each root with its TYPE, as documents write it."""

ANY: Final[Mapping[str, Any]] = {"type": "any"}
"""The TYPE of what nothing is known of."""

Example = dict[str, Any]
"""Values for what the expressions read: `{"external": {"amount": 1001}}`."""


class Open(Enum):
    """The answer that is none."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Open.UNKNOWN

Answer = Example | Open | None


class Solver(Protocol):
    """Answers whether conditions can hold together."""

    def possible(self, conditions: Sequence[Condition], scope: Scope) -> Answer:
        """An example of values that fit the scope, None if there are none, or UNKNOWN."""
        ...


def holds(conditions: Sequence[Condition], example: Example) -> bool:
    """Whether the expressions themselves agree with an example."""
    try:
        return all(each.evaluate(example) is wanted for each, wanted in conditions)
    except EvaluationError:
        return False


def parts(conditions: Sequence[Condition]) -> list[Condition]:
    """The same conditions in smaller pieces: `a and b` is true if each is, `a or b` false so."""
    found: list[Condition] = []
    waiting = list(reversed(conditions))
    while waiting:
        expression, wanted = waiting.pop()
        match expression.root:
            case n.Not(operand=operand):
                waiting.append((_part(expression, operand), not wanted))
            case n.Logic(operator=operator, operands=operands) if (operator == "and") is wanted:
                waiting += [(_part(expression, each), wanted) for each in reversed(operands)]
            case _ if (expression, wanted) not in found:
                found.append((expression, wanted))
    return found


def _part(expression: Expression, node: n.Node) -> Expression:
    return parse(expression.text[node.start : node.end])


def contradicts(conditions: Sequence[Condition]) -> bool:
    """Whether one and the same text shall be true and false."""
    wanted: dict[str, bool] = {}
    return any(wanted.setdefault(each.text, is_true) is not is_true for each, is_true in conditions)


class Both:
    """Asks the quick solver first, and the thorough one for what is left open."""

    def __init__(self, quick: Solver, thorough: Solver) -> None:
        self._quick = quick
        self._thorough = thorough

    def possible(self, conditions: Sequence[Condition], scope: Scope) -> Answer:
        """The first answer that is one."""
        answer = self._quick.possible(conditions, scope)
        if answer is UNKNOWN:
            answer = self._thorough.possible(conditions, scope)
        return answer
