"""What to write instead of the Python (or C, or JavaScript) that the language does not have."""

from __future__ import annotations

import ast
import re

_FUNCTION = "use a Python function ({'call': name})"

REFUSED: dict[type[ast.expr], str] = {
    ast.Lambda: f"there are no lambdas; {_FUNCTION}",
    ast.NamedExpr: "nothing can be assigned here; write == to compare",
    ast.JoinedStr: "there are no f-strings; join texts with +",
    ast.Tuple: "there are no tuples; write an array: [a, b]",
    ast.Set: "there are no sets; write an array: [a, b]",
    ast.SetComp: "there are no sets; write [x for x in array if condition]",
    ast.DictComp: "objects are not made in loops; " + _FUNCTION,
    ast.GeneratorExp: "put it into brackets, [x for x in array], or into any(…), all(…), sum(…)",
    ast.Starred: "arrays can't be spread with *; join them with +",
    ast.Slice: "there are no slices; write [x for x in array if condition]",
    ast.Await: f"nothing is awaited here; {_FUNCTION}",
    ast.Yield: f"nothing is yielded here; {_FUNCTION}",
    ast.YieldFrom: f"nothing is yielded here; {_FUNCTION}",
}
"""By the kind of Python's tree."""

REFUSED_OPERATORS: dict[type[ast.operator], str] = {
    ast.Pow: "there is no **; write x * x",
    ast.MatMult: "there is no @; write *",
    ast.BitAnd: "there is no &; write and",
    ast.BitOr: "there is no |; write or",
    ast.BitXor: "there is no ^; write a != b",
    ast.LShift: "there is no <<; write a multiplication",
    ast.RShift: "there is no >>; write a division",
}

_TEXTS = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_HABITS = (
    ("&&", "write and instead of &&"),
    ("||", "write or instead of ||"),
    ("===", "write == instead of ==="),
    ("!==", "write != instead of !=="),
    ("<>", "write != instead of <>"),
    ("?", "write a if condition else b instead of condition ? a : b"),
)
"""Signs of other languages, and what they are here."""


def syntax_hint(text: str, start: int, error: SyntaxError) -> str:
    """What is wrong where Python could not read on, and the likeliest fix."""
    bare = _TEXTS.sub(lambda found: " " * len(found[0]), text)
    for sign, hint in _HABITS:
        if sign in bare:
            return hint
    if re.search(r"!(?!=)", bare):
        return "write not instead of !"
    if re.search(r"(?<![=!<>:])=(?!=)", bare):
        return "nothing can be assigned here; write == to compare"
    if "\n" in text or "\r" in text:
        return f"{error.msg}; put an expression of several lines into (parentheses)"
    where = "at its end" if start >= len(text.rstrip()) - 1 else "here"
    return f"this can't be read {where}: {error.msg}"
