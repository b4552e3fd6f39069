"""The judge of operators: which kinds they take, and what they give."""

from __future__ import annotations

from collections.abc import Sequence

from corago.core.expressions import nodes as n
from corago.core.expressions.facts import Known
from corago.core.expressions.faults import did_you_mean
from corago.core.expressions.judging import Judge, kind_name
from corago.core.expressions.types import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    TEXT,
    Array,
    Choice,
    Type,
    alternatives,
    can_equal,
    is_part,
    union,
    widened,
)


class Operators(Judge):
    """Types comparisons and arithmetic."""

    def comparison(self, node: n.Comparison, known: Known) -> Type:
        """The type of a comparison, each pair of its chain checked."""
        operands = node.operands
        types = [self.typed(each, known) for each in operands]
        for index, sign in enumerate(node.operators):
            pair, both = operands[index : index + 2], types[index : index + 2]
            if sign in {"==", "!="}:
                self.equality(pair, both)
            elif sign in {"in", "not in"}:
                self.membership((pair[1], pair[0]), (both[1], both[0]))
            else:
                self.order(sign, pair, both)
        return BOOLEAN

    def equality(self, pair: Sequence[n.Node], both: Sequence[Type]) -> None:
        """Faults of comparing what is never equal."""
        one, other = both
        if NULL in both or can_equal(one, other):
            return
        if isinstance(pair[1], n.Literal):
            one, other, pair = other, one, pair[::-1]
        node, wanted = pair
        if isinstance(one, Choice) and can_equal(widened(one), widened(other)):
            self.fault(node, f"{self.part(wanted)} is never this{_meant(one, other)}")
        else:
            self.fault(node, f"this is {widened(one)}, but {self.part(wanted)} is {widened(other)}")

    def order(self, sign: str, pair: Sequence[n.Node], both: Sequence[Type]) -> None:
        """Faults of comparing what has no order."""
        wanted = f"a number or a text to be compared by {sign}"
        if not all(
            self.demand(node, of, ("number", "text"), wanted)
            for node, of in zip(pair, both, strict=True)
        ):
            return
        kinds = kinds_of(*both)
        if len(kinds) > 1:
            self.fault(
                pair[1],
                f"this is {widened(both[1])}, but {self.part(pair[0])} is {widened(both[0])}; "
                "numbers are compared with numbers, and texts with texts",
            )

    def membership(self, pair: Sequence[n.Node], both: Sequence[Type]) -> None:
        """Faults of `in`; a container, then what is looked for."""
        (whole, part), (container, of) = pair, both
        wanted = "a text, an array or an object"
        if not self.demand(whole, container, ("text", "array", "object"), wanted):
            return
        for each in alternatives(widened(container)):
            if isinstance(each, Array):
                self.among(part, of, whole, each)
            elif each != ANYTHING and not self.demand(
                part, of, ("text",), f"a text, for it is looked for in {each}"
            ):
                return

    def among(self, part: n.Node, of: Type, whole: n.Node, array: Array) -> None:
        """Faults of looking for a part among an array's items."""
        if isinstance(whole, n.ArrayOf) and of != NULL:
            for item in whole.items:
                if isinstance(item, n.Literal) and item.value is not None:
                    self.equality((item, part), (Choice((item.value,)), of))
        elif of != NULL and not can_equal(of, array.items):
            self.fault(
                part,
                f"this is {widened(of)}, but {self.part(whole)} has items that are "
                f"{widened(array.items)}",
            )

    def arithmetic(self, node: n.Arithmetic, known: Known) -> Type:
        """The type of what an operator gives."""
        sign, sides = node.operator, (node.left, node.right)
        both = [self.typed(each, known) for each in sides]
        adds = sign == "+"
        kinds = ("number", "text", "array") if adds else ("number",)
        wanted = "a number, a text or an array" if adds else "a number"
        fits = [self.demand(each, of, kinds, wanted) for each, of in zip(sides, both, strict=True)]
        if not all(fits):
            return ANYTHING
        present = kinds_of(*both)
        if len(present) > 1:
            return self.fault(
                node,
                f"{self.part(node.left)} is {widened(both[0])} and {self.part(node.right)} is "
                f"{widened(both[1])}; + joins numbers, texts or arrays, each with its own kind",
            )
        if present == {"text"}:
            return TEXT
        if present == {"array"}:
            items = [
                each.items for of in both for each in alternatives(of) if isinstance(each, Array)
            ]
            return ANYTHING if ANYTHING in both else Array(union(*items))
        if not present and adds:
            return ANYTHING
        return NUMBER if sign == "/" or ANYTHING in both else number_type(union(*both))


def kinds_of(*types: Type) -> set[str]:
    """The kinds of what is not anything."""
    plain = (each for of in types for each in alternatives(widened(of)))
    return {kind_name(each) for each in plain} - {"anything"}


def number_type(of: Type) -> Type:
    """INTEGER or NUMBER, for what is worked out from a number of this type."""
    return INTEGER if is_part(of, INTEGER) and ANYTHING not in alternatives(of) else NUMBER


def _meant(one: Choice, other: Type) -> str:
    """The likeliest of the values that can be, for one that can't."""
    known = [
        value
        for each in alternatives(other)
        if isinstance(each, Choice)
        for value in each.values
        if isinstance(value, str)
    ]
    return did_you_mean(str(one.values[0]), known)
