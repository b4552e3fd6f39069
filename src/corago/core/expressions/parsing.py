"""From a text to parts: read with Python's grammar, and then only what the language knows is kept.

Nothing here is ever run. Whatever the text, the answer is parts or an ExpressionError.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, TypedDict

from corago.core.expressions import nodes as n
from corago.core.expressions.faults import Fault, did_you_mean
from corago.core.expressions.functions import FUNCTIONS, INSTEAD, OVER_ARRAYS
from corago.core.expressions.refusals import REFUSED, REFUSED_OPERATORS
from corago.core.expressions.source import DEEPEST, TOO_DEEP, Source

LARGEST = 2**63 - 1
"""The largest integer that every JSON reader and every store can be trusted with."""

MOST_DIGITS = 15
"""Decimal digits that `round` may be asked for."""

_WORDS = {"true": True, "false": False, "null": None}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}


def parsed(text: str) -> n.Node:
    """The parts of a text. Raises ExpressionError with every fault that was found."""
    source = Source(text)
    reader = _Reader(source)
    root = reader.node(source.tree(), 1)
    if not reader.faults:
        reader.check_variables(root)
    if reader.faults:
        raise source.refusal(reader.faults)
    return root


class Span(TypedDict):
    """A part's place."""

    start: int
    end: int


@dataclass(slots=True)
class _Reader:
    """Turns Python's tree into parts, and notes each thing that the language does not have."""

    source: Source
    faults: list[Fault] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)

    def span(self, tree: ast.expr) -> Span:
        start, end = self.source.span(tree)
        return {"start": start, "end": end}

    def check_variables(self, root: n.Node) -> None:
        """Note loops whose variable is a name that is also read outside of them."""
        roots = {path[0] for path in n.read_paths(root)}
        for part in n.walk(root):
            if isinstance(part, n.Loop) and part.variable in roots:
                taken = f"the name {part.variable} is taken; call the variable otherwise"
                self.faults.append(self.source.fault(part.start, part.end, taken))

    def refuse(self, tree: ast.expr, text: str) -> n.Node:
        start, end = self.source.span(tree)
        self.faults.append(self.source.fault(start, end, text))
        return n.Literal(None, start=start, end=end)

    def node(self, tree: ast.expr, depth: int) -> n.Node:
        """The part that a piece of Python's tree stands for."""
        if depth > DEEPEST:
            return self.refuse(tree, TOO_DEEP)
        span = self.span(tree)
        below = depth + 1
        match tree:
            case ast.Constant():
                return self.literal(tree, span)
            case ast.Name(id=name):
                return n.Literal(_WORDS[name], **span) if name in _WORDS else n.Name(name, **span)
            case ast.Attribute(value=base, attr=name):
                return n.Field(self.node(base, below), name, **span)
            case ast.Subscript():
                return self.subscript(tree, span, below)
            case ast.UnaryOp():
                return self.unary(tree, span, below)
            case ast.BoolOp(op=operator, values=parts):
                word = "and" if isinstance(operator, ast.And) else "or"
                return n.Logic(word, self.all(parts, below), **span)
            case ast.Compare(left=left, ops=operators, comparators=others):
                if all(type(each) in _COMPARISONS for each in operators):
                    signs = tuple(_COMPARISONS[type(each)] for each in operators)
                    return n.Comparison(signs, self.all([left, *others], below), **span)
                return self.refuse(tree, "there is no `is`; write == or !=, also for None")
            case ast.BinOp(left=left, op=operator, right=right):
                sign = _ARITHMETIC.get(type(operator))
                if sign is None:
                    return self.refuse(tree, REFUSED_OPERATORS[type(operator)])
                return n.Arithmetic(sign, self.node(left, below), self.node(right, below), **span)
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                asked, yes, no = self.all([test, then, otherwise], below)
                return n.Conditional(asked, yes, no, **span)
            case ast.List(elts=items):
                return n.ArrayOf(self.all(items, below), **span)
            case ast.Dict():
                return self.object(tree, span, below)
            case ast.Call():
                return self.call(tree, span, below)
            case ast.ListComp():
                return self.loop(tree, span, below)
            case _:
                return self.refuse(tree, REFUSED.get(type(tree), "this is not in the language"))

    def all(self, trees: list[ast.expr], depth: int) -> tuple[n.Node, ...]:
        return tuple(self.node(each, depth) for each in trees)

    def literal(self, tree: ast.Constant, span: Span) -> n.Node:
        value: Any = tree.value
        match value:
            case bool() | None:
                pass
            case int() if abs(value) > LARGEST:
                return self.refuse(tree, "an integer lies between -(2**63 - 1) and 2**63 - 1")
            case float() if abs(value) == float("inf"):
                return self.refuse(tree, "this number is too large to be held")
            case int() | float():
                pass
            case str() if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                return self.refuse(tree, "half a surrogate pair is no character; leave it out")
            case str():
                pass
            case _:
                return self.refuse(
                    tree, "this kind of literal is not in the language; write a number or a text"
                )
        return n.Literal(value, **span)

    def subscript(self, tree: ast.Subscript, span: Span, depth: int) -> n.Node:
        if isinstance(tree.slice, ast.Slice):
            return self.refuse(
                tree,
                "there are no slices; pick items with [x for x in array if condition], "
                "or compare texts with starts_with and ends_with",
            )
        base, index = self.node(tree.value, depth), self.node(tree.slice, depth)
        if isinstance(index, n.Literal) and isinstance(index.value, str):
            return n.Field(base, index.value, **span)
        return n.Item(base, index, **span)

    def unary(self, tree: ast.UnaryOp, span: Span, depth: int) -> n.Node:
        match tree.op:
            case ast.Not():
                return n.Not(self.node(tree.operand, depth), **span)
            case ast.USub():
                operand = self.node(tree.operand, depth)
                if (
                    isinstance(operand, n.Literal)
                    and isinstance(operand.value, int | float)
                    and not isinstance(operand.value, bool)
                ):
                    return n.Literal(-operand.value, **span)
                return n.Negative(operand, **span)
            case ast.UAdd():
                return self.refuse(tree, "leave the + out")
            case _:
                return self.refuse(tree, "there is no ~; write not")

    def object(self, tree: ast.Dict, span: Span, depth: int) -> n.Node:
        keys: list[str] = []
        for key in tree.keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.literal(key, self.span(key))  # a key is a text like any other
                keys.append(key.value)
            elif key is None:
                return self.refuse(tree, "objects can't be spread with **; write each key")
            else:
                self.refuse(key, 'a key is a text that stands there, such as {"name": value}')
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            return self.refuse(tree, f"the key {twice!r} is there twice; leave one out")
        return n.ObjectOf(tuple(keys), self.all(tree.values, depth), **span)

    def call(self, tree: ast.Call, span: Span, depth: int) -> n.Node:
        if isinstance(tree.func, ast.Attribute):
            return self.refuse(tree, _method_hint(tree.func.attr))
        if not isinstance(tree.func, ast.Name):
            return self.refuse(tree, f"only these can be called: {', '.join(FUNCTIONS)}")
        name = tree.func.id
        signature = FUNCTIONS.get(name)
        if signature is None:
            hint = INSTEAD.get(name)
            fix = f"; {hint}" if hint else did_you_mean(name, FUNCTIONS)
            return self.refuse(tree, f"there is no function {name}{fix}")
        if tree.keywords or any(isinstance(each, ast.Starred) for each in tree.args):
            return self.refuse(tree, f"arguments are plain values in order: {signature.usage}")
        if not signature.least <= len(tree.args) <= signature.most:
            return self.refuse(tree, f"{name} is called as {signature.usage}")
        arguments = tuple(
            self.loop(each, self.span(each), depth + 1)
            if isinstance(each, ast.GeneratorExp) and name in OVER_ARRAYS and len(tree.args) == 1
            else self.node(each, depth)
            for each in tree.args
        )
        if name in {"has", "default"} and not n.is_path(arguments[0]):
            return self.refuse(
                tree, f"{name} asks about a path, such as {name}(external.field…): a root is there"
            )
        if name == "round" and len(arguments) > 1 and not _is_digits(arguments[1]):
            return self.refuse(tree, f"the digits of round stand there: 0 to {MOST_DIGITS}")
        return n.Call(name, arguments, **span)

    def loop(self, tree: ast.ListComp | ast.GeneratorExp, span: Span, depth: int) -> n.Node:
        generator = tree.generators[0]
        target = generator.target
        if len(tree.generators) > 1:
            return self.refuse(tree, "one `for` only; put the other into any(…), all(…) or sum(…)")
        if generator.is_async or not isinstance(target, ast.Name):
            return self.refuse(tree, "a loop has one variable: [x for x in array if condition]")
        variable = target.id
        if variable in self.variables or variable in _WORDS:
            return self.refuse(target, f"the name {variable} is taken; call the variable otherwise")
        source = self.node(generator.iter, depth)
        self.variables.append(variable)
        conditions = self.all(generator.ifs, depth)
        element = self.node(tree.elt, depth)
        self.variables.pop()
        return n.Loop(element, variable, source, conditions, **span)


def _method_hint(name: str) -> str:
    if name in FUNCTIONS:
        return f"there are no methods; write {FUNCTIONS[name].usage}"
    if name in INSTEAD:
        return f"there are no methods; {INSTEAD[name]}"
    return f"there are no methods, only functions: {', '.join(FUNCTIONS)}"


def _is_digits(node: n.Node) -> bool:
    return (
        isinstance(node, n.Literal) and type(node.value) is int and 0 <= node.value <= MOST_DIGITS
    )
