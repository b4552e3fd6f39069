"""Parts as a text again, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from keyword import iskeyword
from typing import Any

from corago.core.expressions import nodes as n
from corago.core.expressions.expression import Expression, parse
from corago.errors import ExpressionError

_WEAKEST, _OR, _AND, _NOT, _COMPARES, _ADDS, _TIMES, _MINUS, _ATOM = range(9)
"""How tightly parts hold together: an operand that holds less tightly is put into parentheses."""

_SIGNS = {"+": _ADDS, "-": _ADDS, "*": _TIMES, "/": _TIMES, "//": _TIMES, "%": _TIMES}
_CONSTANTS = {True: "True", False: "False", None: "None"}


def rendered(node: n.Node) -> str:
    """A text with the same parts, with as few parentheses as there can be."""
    return _rendered(node)[0]


def _within(node: n.Node, least: int) -> str:
    text, binding = _rendered(node)
    return text if binding >= least else f"({text})"


def _all(nodes: tuple[n.Node, ...]) -> str:
    return ", ".join(map(rendered, nodes))


def _rendered(node: n.Node) -> tuple[str, int]:
    match node:
        case n.Literal(value=value):
            return _literal(value)
        case n.Name(name=name):
            return name, _ATOM
        case n.Field(base=base, name=name):
            owner = _owner(base)
            plain = name.isidentifier() and name.isascii() and not iskeyword(name)
            return (f"{owner}.{name}" if plain else f"{owner}[{_text(name)}]"), _ATOM
        case n.Item(base=base, index=index):
            return f"{_owner(base)}[{rendered(index)}]", _ATOM
        case n.Not(operand=operand):
            return f"not {_within(operand, _NOT)}", _NOT
        case n.Negative(operand=operand):
            # a literal below would be read as one number
            atom = isinstance(operand, n.Literal)
            return f"-({rendered(operand)})" if atom else f"-{_within(operand, _MINUS)}", _MINUS
        case n.Logic(operator=operator, operands=operands):
            binding = _AND if operator == "and" else _OR
            return f" {operator} ".join(_within(each, binding + 1) for each in operands), binding
        case n.Comparison(operators=operators, operands=operands):
            first, *others = (_within(each, _COMPARES + 1) for each in operands)
            pairs = zip(operators, others, strict=True)
            return first + "".join(f" {sign} {other}" for sign, other in pairs), _COMPARES
        case n.Arithmetic(operator=sign, left=left, right=right):
            binding = _SIGNS[sign]
            return f"{_within(left, binding)} {sign} {_within(right, binding + 1)}", binding
        case n.Conditional(test=test, then=then, otherwise=otherwise):
            chosen = f"{_within(then, _OR)} if {_within(test, _OR)} else {rendered(otherwise)}"
            return chosen, _WEAKEST
        case n.ArrayOf(items=items):
            return f"[{_all(items)}]", _ATOM
        case n.ObjectOf(keys=keys, values=values):
            entries = (
                f"{_text(key)}: {rendered(value)}" for key, value in zip(keys, values, strict=True)
            )
            return "{" + ", ".join(entries) + "}", _ATOM
        case n.Call(function="any" | "all" as name, arguments=(n.Loop() as loop,)):
            return f"{name}({rendered(loop)[1:-1]})", _ATOM
        case n.Call(function=name, arguments=arguments):
            return f"{name}({_all(arguments)})", _ATOM
        case n.Loop(element=element, variable=variable, source=source, conditions=conditions):
            ifs = "".join(f" if {_within(each, _OR)}" for each in conditions)
            inner = f"{rendered(element)} for {variable} in {_within(source, _OR)}{ifs}"
            return f"[{inner}]", _ATOM


def _owner(base: n.Node) -> str:
    text = _within(base, _ATOM)
    return f"({text})" if isinstance(base, n.Literal) else text


def _literal(value: Any) -> tuple[str, int]:
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value], _ATOM
    if isinstance(value, str):
        return _text(value), _ATOM
    return repr(value), _MINUS if str(value).startswith("-") else _ATOM


def _text(value: str) -> str:
    """A text as a literal; JSON's escapes are Python's too, but for pairs of surrogates."""
    written = json.dumps(value, ensure_ascii=False)
    return written.replace("\x7f", "\\x7f")


# ------------------------------------------------------------------------------------------ JSON
_KINDS: dict[str, type[n.Part]] = {
    each.__name__.lower(): each
    for each in (
        n.Literal,
        n.Name,
        n.Field,
        n.Item,
        n.Not,
        n.Negative,
        n.Logic,
        n.Comparison,
        n.Arithmetic,
        n.Conditional,
        n.ArrayOf,
        n.ObjectOf,
        n.Call,
        n.Loop,
    )
}


def ast_json(expression: Expression) -> dict[str, Any]:
    """The tree as JSON: each part with `kind`, `start`, `end`, and what it consists of."""
    tree: dict[str, Any] = _json(expression.root)
    return tree


def _json(part: Any) -> Any:
    if isinstance(part, tuple):
        return [_json(each) for each in part]
    if not isinstance(part, n.Part):
        return part
    own = {each.name: _json(getattr(part, each.name)) for each in fields(part)}
    return {"kind": type(part).__name__.lower(), **own}


def from_ast_json(tree: Mapping[str, Any]) -> Expression:
    """The expression of such a tree; its places are made anew, so they may be left out.

    Raises ExpressionError for what is no such tree, or is not in the language.
    """
    try:
        root = _node(tree)
        text = rendered(root)
    except (TypeError, KeyError, ValueError, IndexError, RecursionError) as error:
        raise ExpressionError(
            f"this is no tree of an expression ({error}); write what `ast_json` gives"
        ) from error
    expression = parse(text)
    if expression.root != root:
        raise ExpressionError(f"this is no tree of an expression: it would be read as {text!r}")
    return expression


def _node(tree: Any) -> Any:
    if isinstance(tree, list | tuple):
        return tuple(map(_node, tree))
    if not isinstance(tree, Mapping):
        return tree
    kind = tree["kind"]
    if kind not in _KINDS:
        raise ValueError(f"there is no kind {kind!r}; there are {', '.join(_KINDS)}")
    own = [each.name for each in fields(_KINDS[kind]) if each.name not in {"start", "end"}]
    return _KINDS[kind](**{name: _node(tree[name]) for name in own})
