"""From an expression to a text of CEL."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from corago.core.expressions import (
    ANYTHING,
    INTEGER,
    TEXT,
    Expression,
    ExpressionError,
    Fault,
    Record,
    Type,
    part_types,
)
from corago.core.expressions import nodes as n
from corago.core.expressions.types import alternatives, is_part, widened
from corago.errors import all_of

RESERVED = frozenset(
    {
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import"),
        *("in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void"),
        "while",
    }
)
"""Words that are no names in CEL."""

_CHOICE, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _ATOM = range(8)
"""How tightly parts of CEL hold together."""

_SIGNS = {"+": _SUM, "-": _SUM, "*": _PRODUCT}
_METHODS = {"starts_with": "startsWith", "ends_with": "endsWith"}
_REFUSED = {
    "//": "CEL cuts quotients towards 0, and has no floor; use / and compare",
    "lower": "CEL has no lower() without extensions",
    "upper": "CEL has no upper() without extensions",
    "round": "CEL has no round() without extensions",
    "sum": "CEL has no sum()",
    "min": "CEL has no min() of arrays, nor of more than two; write min(a, b)",
    "max": "CEL has no max() of arrays, nor of more than two; write max(a, b)",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

Written = tuple[str, int]
"""A text, and how tightly it holds together."""


def to_cel(expression: Expression, scope: Mapping[str, Type] | None = None) -> str:
    """The expression in CEL.

    CEL does not mix integers and doubles in arithmetic, nor looks for a text in a text by `in`:
    with the types of the roots, as for `check`, both are told apart and written as they must be;
    without, such a text may fail in CEL. Raises ExpressionError with every part that CEL lacks.
    """
    writer = _Writer(expression.text, {} if scope is None else part_types(expression, scope))
    text, _ = writer.write(expression.root)
    if writer.faults:
        raise ExpressionError(
            all_of(map(str, writer.faults), "this can't be said in CEL:"), tuple(writer.faults)
        )
    return text


@dataclass(slots=True)
class _Writer:
    text: str
    types: Mapping[int, Type]
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, node: n.Node, why: str) -> Written:
        part = self.text[node.start : node.end]
        self.faults.append(Fault(part, node.start, node.end, why))
        return "null", _ATOM

    def within(self, node: n.Node, least: int) -> str:
        text, binding = self.write(node)
        return text if binding >= least else f"({text})"

    def whole(self, node: n.Node) -> str:
        return self.write(node)[0]

    def write(self, node: n.Node) -> Written:
        match node:
            case n.Literal(value=value):
                text = json.dumps(value, ensure_ascii=False)
                return text, _UNARY if text.startswith("-") else _ATOM
            case n.Name(name=name):
                if _NAME.match(name) is None or name in RESERVED:
                    return self.refuse(node, "this is no name in CEL")
                return name, _ATOM
            case n.Field(base=base, name=name):
                return _field(self.within(base, _ATOM), name), _ATOM
            case n.Item(base=base, index=index):
                if isinstance(index, n.Literal) and str(index.value).startswith("-"):
                    return self.refuse(node, "CEL does not count from the end")
                return f"{self.within(base, _ATOM)}[{self.whole(index)}]", _ATOM
            case n.Not(operand=operand):
                return f"!{self.within(operand, _ATOM)}", _UNARY
            case n.Negative(operand=operand):
                return f"-{self.within(operand, _ATOM)}", _UNARY
            case n.Logic(operator=operator, operands=operands):
                sign, binding = (" && ", _AND) if operator == "and" else (" || ", _OR)
                return sign.join(self.within(each, binding + 1) for each in operands), binding
            case n.Comparison():
                return self.comparison(node)
            case n.Arithmetic():
                return self.arithmetic(node)
            case n.Conditional(test=test, then=then, otherwise=otherwise):
                yes, no = self.pair(then, otherwise, _OR)
                return f"{self.within(test, _OR)} ? {yes} : {no}", _CHOICE
            case n.ArrayOf(items=items):
                return f"[{', '.join(map(self.whole, items))}]", _ATOM
            case n.ObjectOf(keys=keys, values=values):
                entries = zip(map(_text, keys), map(self.whole, values), strict=True)
                return f"{{{', '.join(f'{key}: {value}' for key, value in entries)}}}", _ATOM
            case n.Call():
                return self.call(node)
            case n.Loop(element=element, variable=variable):
                source = self.filtered(node)
                if element == n.Name(variable):
                    return source, _ATOM
                return f"{source}.map({variable}, {self.whole(element)})", _ATOM

    def pair(self, one: n.Node, other: n.Node, least: int) -> tuple[str, str]:
        """Two parts whose kinds CEL must not compare before it has their values."""
        kinds = self.kind(one), self.kind(other)
        if None in kinds or (kinds[0] == kinds[1] and kinds[0] != "many"):
            return self.within(one, least), self.within(other, least)
        return self.within(one, least), f"dyn({self.whole(other)})"

    def kind(self, node: n.Node) -> str | None:
        """The kind of a part that CEL knows before it has any value; None where it waits for it."""
        match node:
            case n.Literal(value=value):
                return {bool: "boolean", int: "integer", float: "double", str: "text"}.get(
                    type(value), "null"
                )
            case n.Comparison() | n.Logic() | n.Not():
                return "boolean"
            case n.Arithmetic(operator=sign, left=left, right=right):
                is_double = sign == "/" or self.mixes(node)
                return "double" if is_double else self.kind(left) or self.kind(right)
            case n.Negative(operand=operand):
                return self.kind(operand)
            case n.ArrayOf() | n.ObjectOf() | n.Loop():
                return "many"
            case n.Conditional(then=then, otherwise=otherwise):
                return self.kind(then) if self.kind(then) == self.kind(otherwise) else None
            case n.Call(function="len"):
                return "integer"
            case n.Call(function="has" | "starts_with" | "ends_with" | "contains" | "any" | "all"):
                return "boolean"
            case n.Call(function="min" | "max" | "abs", arguments=(first, *_)):
                return self.kind(first)
            case _:
                return None

    def comparison(self, node: n.Comparison) -> Written:
        operands = node.operands
        parts = [
            self.compared(sign, one, other)
            for sign, one, other in zip(node.operators, operands, operands[1:], strict=False)
        ]
        if len(parts) == 1:
            return parts[0]
        return " && ".join(text for text, _ in parts), _AND

    def compared(self, sign: str, one: n.Node, other: n.Node) -> Written:
        if sign in {"in", "not in"}:
            found, binding = self.among(one, other)
            if sign == "in":
                return found, binding
            return (f"!({found})" if binding < _ATOM else f"!{found}"), _UNARY
        left, right = self.pair(one, other, _RELATION + 1)
        return f"{left} {sign} {right}", _RELATION

    def among(self, part: n.Node, whole: n.Node) -> Written:
        if self.is_text(whole):
            return f"{self.within(whole, _ATOM)}.contains({self.whole(part)})", _ATOM
        piece = self.within(part, _RELATION + 1)
        piece = piece if self.kind(part) is None else f"dyn({self.whole(part)})"
        return f"{piece} in {self.within(whole, _RELATION + 1)}", _RELATION

    def is_text(self, node: n.Node) -> bool:
        """Whether it is known to be a text."""
        if isinstance(node, n.Literal):
            return isinstance(node.value, str)
        of = self.types.get(id(node), ANYTHING)
        return of != ANYTHING and is_part(of, TEXT)

    def arithmetic(self, node: n.Arithmetic) -> Written:
        sign, sides = node.operator, (node.left, node.right)
        if sign in _REFUSED:
            return self.refuse(node, _REFUSED[sign])
        if sign == "/":
            one, other = (f"double({self.whole(each)})" for each in sides)
            return f"{one} / {other}", _PRODUCT
        if sign == "%":  # the result has the divisor's sign here, and the dividend's in CEL
            one, other = (self.within(each, _PRODUCT + 1) for each in sides)
            return f"({one} % {other} + {other}) % {other}", _PRODUCT
        binding = _SIGNS[sign]
        if self.mixes(node):
            one, other = (f"double({self.whole(each)})" for each in sides)
            return f"{one} {sign} {other}", binding
        return (
            f"{self.within(node.left, binding)} {sign} {self.within(node.right, binding + 1)}",
            binding,
        )

    def mixes(self, node: n.Arithmetic) -> bool:
        """Whether one side may be a double and the other an integer."""
        sides = (node.left, node.right)
        if any(isinstance(each, n.Literal) and isinstance(each.value, float) for each in sides):
            return True
        types = [widened(self.types.get(id(each), ANYTHING)) for each in sides]
        plain = [one for of in types for one in alternatives(of)]
        return all(str(each) in _NUMBERS for each in plain) and not all(
            each == INTEGER for each in plain
        )

    def call(self, node: n.Call) -> Written:
        name, arguments = node.function, node.arguments
        first = arguments[0]
        match name:
            case "len":
                return f"size({self.whole(first)})", _ATOM
            case "has":
                return " && ".join(self.presence(first)), _AND
            case "default":
                there = " && ".join(self.presence(first))
                return f"{there} ? {self.whole(first)} : {self.within(arguments[1], _OR)}", _CHOICE
            case "starts_with" | "ends_with":
                whole, part = self.within(first, _ATOM), self.whole(arguments[1])
                return f"{whole}.{_METHODS[name]}({part})", _ATOM
            case "contains":
                return self.containing(first, arguments[1])
            case "any" | "all":
                return self.quantified(node), _ATOM
            case "abs":
                value = self.within(first, _ATOM)
                return f"{value} < 0 ? -{value} : {value}", _CHOICE
            case "min" | "max" if len(arguments) == 2:  # noqa: PLR2004 - the form of CEL's choice
                sign = "<=" if name == "min" else ">="
                left, right = self.pair(first, arguments[1], _RELATION + 1)
                return f"{left} {sign} {right} ? {left} : {right}", _CHOICE
        return self.refuse(node, _REFUSED[name])

    def containing(self, whole: n.Node, part: n.Node) -> Written:
        of = self.types.get(id(whole), ANYTHING)
        if self.is_text(whole) or self.kind(whole) is not None:
            return self.among(part, whole)
        if of != ANYTHING and not any(
            each in (TEXT, ANYTHING) for each in alternatives(widened(of))
        ):
            return self.among(part, whole)
        text, piece = self.within(whole, _ATOM), self.whole(part)
        listed = f"{self.within(part, _RELATION + 1)} in {text}"
        found = f"dyn({text}).contains({piece})" if self.kind(part) in {None, "text"} else "false"
        return f"type({text}) == string ? {found} : {listed}", _CHOICE

    def quantified(self, node: n.Call) -> str:
        (among,), macro = node.arguments, "exists" if node.function == "any" else "all"
        if isinstance(among, n.Loop):
            return f"{self.filtered(among)}.{macro}({among.variable}, {self.whole(among.element)})"
        return f"{self.within(among, _ATOM)}.{macro}(each, each)"

    def filtered(self, node: n.Loop) -> str:
        """A loop's source, without the items that its conditions leave out."""
        variable = self.whole(n.Name(node.variable, start=node.start, end=node.end))
        found = self.within(node.source, _ATOM)
        for each in node.conditions:
            found = f"{found}.filter({variable}, {self.whole(each)})"
        if not node.conditions and node.element == n.Name(node.variable):
            found = f"{found}.filter({variable}, true)"
        return found

    def presence(self, node: n.Node) -> list[str]:
        """The conditions under which a path is there, and not null."""
        match node:
            case n.Field(base=base, name=name):
                front, owner = self.presence(base), self.within(base, _ATOM)
                path = _field(owner, name)
                asked = f"has({path})" if path.endswith(f".{name}") else f"{_text(name)} in {owner}"
                return [*front, asked, f"{path} != null"]
            case n.Item(base=base, index=n.Literal(value=int() as index)) if index >= 0:
                front, owner = self.presence(base), self.within(base, _ATOM)
                return [*front, f"size({owner}) > {index}", f"{owner}[{index}] != null"]
            case n.Item():
                of = self.types.get(id(node.base), ANYTHING)
                what = "key" if isinstance(of, Record) else "index"
                self.refuse(node, f"CEL can't ask for an {what} that is worked out; name it")
        return []


_NUMBERS = frozenset({"an integer", "a number"})


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _field(owner: str, name: str) -> str:
    plain = _NAME.match(name) is not None and name not in RESERVED
    return f"{owner}.{name}" if plain else f"{owner}[{_text(name)}]"
