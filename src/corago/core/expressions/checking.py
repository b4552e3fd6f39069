"""Whether an expression fits the types of what it reads, before there is any value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from corago.core.expressions import nodes as n
from corago.core.expressions.expression import Expression
from corago.core.expressions.facts import Known, split
from corago.core.expressions.faults import Fault
from corago.core.expressions.judging import kind_name
from corago.core.expressions.operators import Operators, kinds_of, number_type
from corago.core.expressions.types import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    TEXT,
    Array,
    Choice,
    Record,
    Type,
    alternatives,
    is_part,
    union,
    widened,
    without_null,
)

_MOST_CHOICES = 64
"""Literals of one array whose values are kept; beyond, only their kinds are."""


def check(
    expression: Expression, scope: Mapping[str, Type], expected: Type | None = None
) -> tuple[Type, tuple[Fault, ...]]:
    """The type of the value, and every fault.

    `scope` has the types of the roots by name; `expected` is what the value must fit. Without
    faults, evaluation fails only for what types don't tell: an index out of range or an empty
    array, division by zero, overflow, too much work, and values of which anything is known.
    """
    checker = _Checker(expression.text)
    found = checker.typed(expression.root, Known(scope))
    if expected is not None and not checker.faults and not is_part(found, expected):
        checker.unwanted(expression.root, found, expected)
    faults = sorted(checker.faults, key=lambda fault: (fault.start, fault.end))
    return found, tuple(dict.fromkeys(faults))


def part_types(expression: Expression, scope: Mapping[str, Type]) -> Mapping[int, Type]:
    """The type of each part that has one of its own, by the `id` of the node in `expression.root`.

    In the middle of a path there are none.
    """
    checker = _Noting(expression.text)
    checker.typed(expression.root, Known(scope))
    return checker.types


class _Checker(Operators):
    """Types one part after another, from within, and notes the faults."""

    def condition(self, node: n.Node, known: Known) -> tuple[Known, Known]:
        """Check that a part is true or false; gives what is known then."""
        self.demand(node, self.typed(node, known), ("boolean",), "true or false")
        return split(node, known)

    def typed(self, node: n.Node, known: Known) -> Type:
        """The type of a part."""
        match node:
            case n.Literal(value=value):
                return NULL if value is None else Choice((value,))
            case n.Name() | n.Field() | n.Item():
                return self.path(node, known, may_lack=False)
            case n.Not(operand=operand):
                self.condition(operand, known)
                return BOOLEAN
            case n.Negative(operand=operand):
                of = self.typed(operand, known)
                self.demand(operand, of, ("number",), "a number")
                return number_type(of)
            case n.Logic(operator=operator, operands=operands):
                for each in operands:
                    known = self.condition(each, known)[0 if operator == "and" else 1]
                return BOOLEAN
            case n.Comparison():
                return self.comparison(node, known)
            case n.Arithmetic():
                return self.arithmetic(node, known)
            case n.Conditional(test=test, then=then, otherwise=otherwise):
                yes, no = self.condition(test, known)
                return union(self.typed(then, yes), self.typed(otherwise, no))
            case n.ArrayOf(items=items):
                return Array(_joined([self.typed(each, known) for each in items]))
            case n.ObjectOf(keys=keys, values=values):
                types = [self.typed(each, known) for each in values]
                return Record(dict(zip(keys, types, strict=True)))
            case n.Call():
                return self.call(node, known)
            case n.Loop():
                return Array(widened(self.turns(node, known)))

    def turns(self, node: n.Loop, known: Known) -> Type:
        """The type of a loop's element."""
        source = self.typed(node.source, known)
        items: list[Type] = [ANYTHING]
        if self.demand(node.source, source, ("array",), "an array"):
            items = [each.items for each in alternatives(source) if isinstance(each, Array)]
        if node.variable in known.types:
            self.fault(node, f"the name {node.variable} is taken; call the variable otherwise")
        known = known.naming(node.variable, union(*items) if items else ANYTHING)
        for each in node.conditions:
            known = self.condition(each, known)[0]
        return self.typed(node.element, known)

    # ------------------------------------------------------------------------------------- calls
    def call(self, node: n.Call, known: Known) -> Type:
        name, arguments = node.function, node.arguments
        first = arguments[0]
        if name in {"has", "default"}:
            of = self.path(first, known, may_lack=True)
            if name == "has":
                return BOOLEAN
            return _or_fallback(of, self.typed(arguments[1], known))
        if name in {"any", "all"} and isinstance(first, n.Loop):
            element = self.turns(first, known)
            self.demand(first.element, element, ("boolean",), "true or false")
            return BOOLEAN
        types = [self.typed(each, known) for each in arguments]
        match name:
            case "len":
                self.demand(first, types[0], ("text", "array", "object"), _SIZED)
                return INTEGER
            case "abs" | "round":
                self.demand(first, types[0], ("number",), "a number")
                return INTEGER if name == "round" and len(types) == 1 else number_type(types[0])
            case "sum":
                return number_type(self.items(first, types[0], ("number",), "numbers"))
            case "min" | "max":
                return self.extreme(arguments, types)
            case "any" | "all":
                self.items(first, types[0], ("boolean",), "true or false")
                return BOOLEAN
            case "contains":
                self.membership(arguments, types)
                return BOOLEAN
            case _:
                for each, of in zip(arguments, types, strict=True):
                    self.demand(each, of, ("text",), "a text")
                return TEXT if name in {"lower", "upper"} else BOOLEAN

    def items(self, node: n.Node, of: Type, kinds: tuple[str, ...], wanted: str) -> Type:
        """The type of an array's items, which must be of the kinds."""
        if not self.demand(node, of, ("array",), "an array"):
            return ANYTHING
        found = [each.items for each in alternatives(of) if isinstance(each, Array)]
        items = widened(union(*found)) if found else ANYTHING
        for each in alternatives(items):
            if each != ANYTHING and kind_name(each) not in kinds:
                why = "may be null" if each == NULL else f"are {each}"
                fix = "; leave those out: [x for x in array if x != None]" if each == NULL else ""
                return self.fault(node, f"its items {why}, but must be {wanted}{fix}")
        return items

    def extreme(self, arguments: tuple[n.Node, ...], types: list[Type]) -> Type:
        kinds = ("number", "text")
        if len(arguments) == 1:
            items = self.items(arguments[0], types[0], kinds, "numbers or texts")
        elif all(
            self.demand(each, of, kinds, "a number or a text")
            for each, of in zip(arguments, types, strict=True)
        ):
            items = widened(union(*types))
        else:
            return ANYTHING
        if len(kinds_of(items)) > 1:
            return self.fault(arguments[0], "numbers and texts can't be compared; keep to one kind")
        return items


@dataclass(frozen=True, slots=True)
class _Noting(_Checker):
    """A checker that keeps the types of the parts."""

    types: dict[int, Type] = field(default_factory=dict)

    def typed(self, node: n.Node, known: Known) -> Type:
        of = _Checker.typed(self, node, known)
        self.types[id(node)] = of
        return of


_SIZED = "a text, an array or an object"


def _or_fallback(of: Type, fallback: Type) -> Type:
    return fallback if of == NULL else union(without_null(of), fallback)


def _joined(types: list[Type]) -> Type:
    """The type of items that stand there; the values of literals are kept while they are few."""
    if len(types) > _MOST_CHOICES:
        types = [widened(each) for each in types]
    return union(*dict.fromkeys(types)) if types else ANYTHING
