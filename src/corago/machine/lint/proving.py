"""The solver of the `lint` extra: conditions as formulas for z3. The one module that knows z3.

A formula never leaves out a case in which the expressions would hold: where an expression would
fail (null that is compared, a division by zero), z3 may choose. So "never" can be believed, and an
example is tried on the expressions before it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import z3

from corago.core.expressions import nodes as n
from corago.machine.lint.exhaustive import told
from corago.machine.lint.ranges import Path, field_path, is_top, type_at
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

EFFORT = 1_000_000
"""How much work z3 may put into one question, in its own unit and not in time: runs are equal."""

LARGEST = 2**53
"""Integers are looked for between minus and plus this, where floats are exact too."""

_TRIES = 4
"""So many examples are asked for before the question is given up."""

_NUMERIC = ("integer", "number")
_ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class UntoldError(Exception):
    """An expression that has no formula."""


@dataclass(frozen=True, slots=True)
class Term:
    """A value as a formula: its kind, and when it is null (None for never)."""

    kind: str
    formula: Any
    null: Any = None


class Proving:
    """Asks z3."""

    def __init__(self) -> None:
        self._solver = z3.Solver()
        self._solver.set("rlimit", EFFORT)

    def possible(self, conditions: Sequence[Condition], scope: Scope) -> Answer:
        """An example that was tried, None if z3 proves that there is none, or UNKNOWN."""
        if contradicts(parts(conditions)):
            return None
        formulas = _Formulas(scope)
        self._solver.push()
        try:
            for expression, wanted in conditions:
                formula = formulas.test(expression.root)
                self._solver.add(formula if wanted else z3.Not(formula))
            self._solver.add(*formulas.limits)
            return self._answer(conditions, formulas)
        except (UntoldError, z3.Z3Exception):
            return UNKNOWN
        finally:
            self._solver.pop()

    def _answer(self, conditions: Sequence[Condition], formulas: _Formulas) -> Answer:
        found = self._solver.check(*formulas.wishes)
        if found != z3.sat:
            found = self._solver.check()
        if found == z3.unsat and not formulas.is_rounded:
            return None
        for _ in range(_TRIES):
            if found != z3.sat:
                break
            model = self._solver.model()
            example = formulas.example(model)
            if example is not None and holds(conditions, example):
                return example
            self._solver.add(formulas.other_than(model))
            found = self._solver.check()
        return UNKNOWN


class _Formulas:
    """Turns expressions into formulas; `limits` hold always, `wishes` if they can."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._fields: dict[Path, Term] = {}
        self.limits: list[Any] = []
        self.wishes: list[Any] = []
        self.is_rounded = False
        """Whether Python's floats might differ from exact numbers."""

    # -- fields ------------------------------------------------------------------------------------

    def _field(self, path: Path) -> Term:
        if path not in self._fields:
            self._fields[path] = self._declared(path)
        return self._fields[path]

    def _declared(self, path: Path) -> Term:
        kind, name = type_at(self._scope, path), ".".join(path)
        null = None
        if kind.get("nullable") or None in kind.get("enum", ()):
            null = z3.Bool(f"{name} is null")
            self.wishes.append(z3.Not(null))
        values = [each for each in kind.get("enum", ()) if each is not None]
        match kind["type"]:
            case "boolean":
                formula = z3.Bool(name)
            case "integer":
                formula = z3.Int(name)
                self.limits += (formula >= -LARGEST, formula <= LARGEST)
            case "number":
                formula = z3.Real(name)
            case "string":
                formula = z3.String(name)
            case "object" if null is not None:
                return Term("object", None, null)
            case _:
                raise UntoldError
        if values:
            allowed = [formula == _constant(each).formula for each in values]
            self.limits.append(z3.Or(*allowed, *([] if null is None else [null])))
        for bound, compare in (("minimum", _ORDERS[">="]), ("maximum", _ORDERS["<="])):
            if bound in kind:
                self.limits.append(compare(formula, _constant(kind[bound]).formula))
        return Term(kind["type"], formula, null)

    def example(self, model: Any) -> Example | None:
        """Values of the fields that were read, as z3 chose them."""
        chosen: dict[Path, Any] = {}
        for path, term in self._fields.items():
            if term.null is not None and z3.is_true(model.eval(term.null, model_completion=True)):
                chosen[path] = None
            elif term.kind == "object":
                chosen[path] = {}
            else:
                chosen[path] = _value(model.eval(term.formula, model_completion=True))
                if chosen[path] is None:
                    return None
        return told(chosen)

    def other_than(self, model: Any) -> Any:
        """That some field differs from what z3 chose."""
        formulas = [
            each
            for term in self._fields.values()
            for each in (term.formula, term.null)
            if each is not None
        ]
        return z3.Or(*(each != model.eval(each, model_completion=True) for each in formulas))

    # -- tests -------------------------------------------------------------------------------------

    def test(self, node: n.Node) -> Any:
        """A formula for a part that is true or false."""
        match node:
            case n.Logic(operator=operator, operands=operands):
                join = z3.And if operator == "and" else z3.Or
                return join(*map(self.test, operands))
            case n.Not(operand=operand):
                return z3.Not(self.test(operand))
            case n.Comparison(operators=operators, operands=operands):
                pairs = zip(operators, operands, operands[1:], strict=False)
                return z3.And(*(self._compared(*each) for each in pairs))
            case _:
                term = self.term(node)
                if term.kind != "boolean":
                    raise UntoldError
                return term.formula

    def _compared(self, operator: str, left: n.Node, right: n.Node) -> Any:
        match operator:
            case "==":
                return _equal(self.term(left), self.term(right))
            case "!=":
                return z3.Not(_equal(self.term(left), self.term(right)))
            case "in":
                return self._member(left, right)
            case "not in":
                return z3.Not(self._member(left, right))
            case _:
                one, other = _alike(self.term(left), self.term(right))
                if one.kind not in {*_NUMERIC, "string"}:
                    raise UntoldError
                return _ORDERS[operator](one.formula, other.formula)

    def _member(self, left: n.Node, right: n.Node) -> Any:
        if isinstance(right, n.ArrayOf):
            value = self.term(left)
            return z3.Or(*(_equal(value, self.term(each)) for each in right.items))
        part, whole = self.term(left), self.term(right)
        if part.kind != "string" or whole.kind != "string":
            raise UntoldError
        return z3.Contains(whole.formula, part.formula)

    # -- values ------------------------------------------------------------------------------------

    def term(self, node: n.Node) -> Term:
        """A formula for a value."""
        path = field_path(node)
        if path is not None:
            return self._field(path)
        match node:
            case n.Literal(value=value):
                return _constant(value)
            case n.Logic() | n.Not() | n.Comparison():
                return Term("boolean", self.test(node))
            case n.Negative(operand=operand):
                term = self._number(operand)
                return Term(term.kind, -term.formula)
            case n.Arithmetic(operator=operator, left=left, right=right):
                return self._worked_out(operator, left, right)
            case n.Conditional(test=test, then=then, otherwise=otherwise):
                one, other = _alike(self.term(then), self.term(otherwise))
                if one.null is not None or other.null is not None:
                    raise UntoldError
                return Term(one.kind, z3.If(self.test(test), one.formula, other.formula))
            case n.Call(function=name, arguments=arguments):
                return self._called(name, arguments)
            case _:
                raise UntoldError

    def _number(self, node: n.Node) -> Term:
        term = self.term(node)
        if term.kind not in _NUMERIC:
            raise UntoldError
        self.is_rounded |= term.kind == "number"
        return term

    def _worked_out(self, operator: str, left: n.Node, right: n.Node) -> Term:
        one, other = self.term(left), self.term(right)
        if operator == "+" and one.kind == other.kind == "string":
            return Term("string", z3.Concat(one.formula, other.formula))
        one, other = _alike(self._number(left), self._number(right))
        a, b = one.formula, other.formula
        match operator:
            case "+":
                return Term(one.kind, a + b)
            case "-":
                return Term(one.kind, a - b)
            case "*":
                return Term(one.kind, a * b)
            case "/":
                self.is_rounded = True
                self.wishes.append(b != 0)
                return Term("number", _real(one).formula / _real(other).formula)
            case _ if one.kind == "integer" and _is_positive(right):
                return Term("integer", a / b if operator == "//" else a % b)
            case _:
                raise UntoldError

    def _asked(self, name: str, of: n.Node, rest: tuple[n.Node, ...]) -> Term:
        """`has` and `default` of a field that is there, if perhaps null."""
        if not is_top(field_path(of)):
            raise UntoldError
        term = self.term(of)
        null = z3.BoolVal(False) if term.null is None else term.null
        if name == "has":
            return Term("boolean", z3.Not(null))
        value, other = _alike(Term(term.kind, term.formula), self.term(rest[0]))
        if other.null is not None:
            raise UntoldError
        return Term(value.kind, z3.If(null, other.formula, value.formula))

    def _called(self, name: str, arguments: tuple[n.Node, ...]) -> Term:
        if name in {"has", "default"}:
            return self._asked(name, arguments[0], arguments[1:])
        terms = [self.term(each) for each in arguments]
        kinds, formulas = [each.kind for each in terms], [each.formula for each in terms]
        match name:
            case "len" if kinds == ["string"]:
                return Term("integer", z3.Length(formulas[0]))
            case "starts_with" if kinds == ["string", "string"]:
                return Term("boolean", z3.PrefixOf(formulas[1], formulas[0]))
            case "ends_with" if kinds == ["string", "string"]:
                return Term("boolean", z3.SuffixOf(formulas[1], formulas[0]))
            case "contains" if kinds == ["string", "string"]:
                return Term("boolean", z3.Contains(formulas[0], formulas[1]))
            case "abs" if kinds[0] in _NUMERIC:
                return Term(kinds[0], z3.If(formulas[0] < 0, -formulas[0], formulas[0]))
            case "min" | "max" if len(terms) > 1 and set(kinds) <= set(_NUMERIC):
                order = _ORDERS["<" if name == "min" else ">"]
                return reduce(lambda a, b: _chosen(order, *_alike(a, b)), terms)
            case _:
                raise UntoldError


def _chosen(order: Callable[[Any, Any], Any], one: Term, other: Term) -> Term:
    return Term(one.kind, z3.If(order(one.formula, other.formula), one.formula, other.formula))


def _constant(value: Any) -> Term:
    match value:
        case None:
            return Term("null", None, z3.BoolVal(True))
        case bool():
            return Term("boolean", z3.BoolVal(value))
        case int():
            return Term("integer", z3.IntVal(value))
        case float():
            top, bottom = value.as_integer_ratio()
            return Term("number", z3.Q(top, bottom))
        case str() if value.isprintable() and "\\" not in value:
            return Term("string", z3.StringVal(value))
        case _:
            raise UntoldError


def _value(found: Any) -> Any:
    """What z3 chose as a JSON value, or None for what has no exact one."""
    if z3.is_bool(found):
        return z3.is_true(found)
    if z3.is_int_value(found):
        return found.as_long()
    if z3.is_rational_value(found):
        return found.numerator_as_long() / found.denominator_as_long()
    if z3.is_string_value(found):
        text = found.as_string()
        return None if "\\" in text else text
    return None


def _real(term: Term) -> Term:
    return Term("number", z3.ToReal(term.formula), term.null) if term.kind == "integer" else term


def _alike(one: Term, other: Term) -> tuple[Term, Term]:
    """Two numbers of one kind, or two terms that are of one kind already."""
    if one.kind == other.kind:
        return one, other
    if {one.kind, other.kind} == set(_NUMERIC):
        return _real(one), _real(other)
    raise UntoldError


def _equal(one: Term, other: Term) -> Any:
    """JSON's equality: values of different kinds differ, and null equals null."""
    is_null = [z3.BoolVal(False) if each.null is None else each.null for each in (one, other)]
    if "null" in {one.kind, other.kind}:
        return z3.And(*is_null)
    if "object" in {one.kind, other.kind}:
        raise UntoldError
    try:
        same = _alike(one, other)
    except UntoldError:
        return z3.And(*is_null)
    equal = same[0].formula == same[1].formula
    return z3.Or(z3.And(*is_null), z3.And(*map(z3.Not, is_null), equal))


def _is_positive(node: n.Node) -> bool:
    return isinstance(node, n.Literal) and type(node.value) is int and node.value > 0
