"""The text of an expression: read with Python's grammar, and places in it found again."""

from __future__ import annotations

import ast
import re
import warnings

from corago.core.expressions.faults import Fault, shortened
from corago.core.expressions.refusals import syntax_hint
from corago.errors import ExpressionError, all_of

LONGEST = 10_000
"""Characters of an expression."""

DEEPEST = 50
"""Levels of parts within parts."""

TOO_DEEP = f"parts nest deeper than {DEEPEST}; split the expression, or use a Python function"

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_MAY_WARN = re.compile(r"\\|\d[a-z]", re.IGNORECASE)
"""Where Python's reader may warn of a bad escape, or of a number that touches a word."""


class Source:
    """A text, and where things are in it. Raises ExpressionError if it is too long or empty."""

    __slots__ = ("_lines", "text")

    def __init__(self, text: str) -> None:
        """Find its lines."""
        self.text = text
        self._lines = [0, *(end.end() for end in _LINE_ENDS.finditer(text))]
        if len(text) > LONGEST:
            why = (
                f"an expression has at most {LONGEST:,} characters, and this has {len(text):,}; "
                "use a Python function"
            )
            raise self.refusal([self.fault(0, len(text), why)])
        if not text:
            raise self.refusal([self.fault(0, 0, "there is no expression; write one, or true")])

    def fault(self, start: int, end: int, text: str) -> Fault:
        """A fault of the part from `start` to before `end`."""
        return Fault(self.text[start:end], start, end, text)

    def refusal(self, faults: list[Fault]) -> ExpressionError:
        """The error for all faults of the text."""
        faults = sorted(set(faults), key=lambda fault: (fault.start, fault.end))
        first, where = faults[0], shortened(self.text)
        if len(faults) == 1:
            message = f"{first} (at character {first.start + 1} of {where!r})"
        else:
            message = all_of(map(str, faults), f"{len(faults)} faults in {where!r}:")
        return ExpressionError(message, tuple(faults))

    def tree(self) -> ast.expr:
        """Python's tree of the text. Raises ExpressionError."""
        text = self.text
        try:
            if _MAY_WARN.search(text) is None:
                return ast.parse(text, mode="eval").body
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return ast.parse(text, mode="eval").body
        except (RecursionError, MemoryError):
            fault = self.fault(0, len(text), TOO_DEEP)
        except SyntaxError as error:
            start = self._offset_of(error)
            fault = self.fault(start, len(text), syntax_hint(text, start, error))
        except (ValueError, Warning) as error:
            fault = self.fault(0, len(text), f"this can't be read: {error}")
        raise self.refusal([fault])

    def span(self, tree: ast.expr) -> tuple[int, int]:
        """Where a piece of Python's tree stands: from, and before."""
        end = self._offset(tree.end_lineno or tree.lineno, tree.end_col_offset or tree.col_offset)
        return self._offset(tree.lineno, tree.col_offset), end

    def _offset(self, line: int, column: int) -> int:
        """The place of a line (from 1) and a column in bytes."""
        start = self._lines[min(line, len(self._lines)) - 1]
        if self.text.isascii():
            return start + column
        rest = self.text[start : start + column].encode(errors="replace")[:column]
        return start + len(rest.decode(errors="ignore"))

    def _offset_of(self, error: SyntaxError) -> int:
        """Where Python stumbled; 0 where it only says: at the end."""
        line, column = error.lineno or 1, (error.offset or 1) - 1
        start = self._lines[min(max(line, 1), len(self._lines)) - 1] + max(column, 0)
        return start if start < len(self.text) else 0
