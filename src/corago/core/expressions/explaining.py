"""Why an expression is what it is: in one line for people, as a tree for tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from corago.core.expressions import nodes as n
from corago.core.expressions.evaluating import Compiler, with_budget
from corago.core.expressions.faults import shortened, shown
from corago.core.expressions.sites import BUDGET, MOST_WORK
from corago.errors import EvaluationError

_LONGEST = 500
"""Characters of an explanation."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What a part was: its `value`, or the `error`'s message; and the parts that were worked out.

    `start` and `end` are its place in the text. The inside of a loop has no trace: it has no one
    value.
    """

    part: str
    start: int
    end: int
    value: Any = None
    error: str | None = None
    parts: tuple[Trace, ...] = ()


Values = Mapping[str, Any]


def trace(text: str, root: n.Node, values: Values) -> Trace:
    """What each part is. Never raises."""
    return _Tracer(Compiler(text), with_budget(values)).trace(root)


@dataclass(frozen=True, slots=True)
class _Tracer:
    """Works out one part after another, each with a budget of its own."""

    compiler: Compiler
    values: dict[str, Any]

    def value(self, node: n.Node) -> tuple[Any, EvaluationError | None]:
        """The value of a part, or the error."""
        self.values[BUDGET] = [MOST_WORK]
        try:
            return self.compiler.run(node)(self.values), None
        except EvaluationError as error:
            return None, error

    def trace(self, node: n.Node) -> Trace:
        value, error = self.value(node)
        return Trace(
            self.compiler.text[node.start : node.end],
            node.start,
            node.end,
            value,
            None if error is None else str(error),
            tuple(self.trace(each) for each in self.reached(node)),
        )

    # --------------------------------------------------------------------------------- sentences
    def part(self, node: n.Node) -> str:
        return shortened(self.compiler.text[node.start : node.end])

    def sentence(self, node: n.Node) -> str:
        """Why a part is what it is: only what mattered."""
        value, error = self.value(node)
        if error is not None:
            return str(error)
        match node:
            case n.Logic(operator=operator, operands=operands):
                decisive = operator == "or"
                if value is decisive:
                    operands = (list(self.reached(node))[-1],)
                return "; ".join(map(self.sentence, operands))
            case n.Conditional(test=test):
                chosen = list(self.reached(node))[-1]
                if isinstance(chosen, n.Literal):
                    return f"{self.sentence(test)}; so it is {shown(value)}"
                return f"{self.sentence(test)}; so {self.sentence(chosen)}"
            case n.Call(function="any" | "all", arguments=(n.Loop() as loop,)):
                return self.quantified(node, loop, is_true=value)
        said = f"{self.part(node)} is {shown(value)}"
        reasons = [] if n.path_of(node) else self.reasons(node)
        return f"{said}: {', '.join(reasons)}" if reasons else said

    def reasons(self, node: n.Node) -> list[str]:
        """What the values are that a part was worked out from, as "path is value"."""
        said = []
        for each in self.read(node):
            value, error = self.value(each)
            # only `has` and `default` can live with an error below
            found = shown(value) if error is None else "missing"
            said.append(f"{self.part(each)} is {found}")
        return list(dict.fromkeys(said))

    def read(self, node: n.Node) -> Iterator[n.Node]:
        """The paths that a part was worked out from, as long as they can be."""
        if n.is_path(node) or isinstance(node, n.Name):
            yield node
            for each in n.walk(node):
                if isinstance(each, n.Item):
                    yield from self.read(each.index)
        elif isinstance(node, n.Call) and node.function in {"has", "default"}:
            yield node.arguments[0]
        else:
            for each in self.reached(node):
                yield from self.read(each)

    def quantified(self, node: n.Call, loop: n.Loop, *, is_true: bool) -> str:
        """Which item decided, or that none did."""
        said = f"{self.part(node)} is {shown(is_true)}"
        items, _ = self.value(loop.source)
        if is_true is not (node.function == "any"):
            verdict = "true" if is_true else "false"
            return f"{said}: it is {verdict} for all {len(items)} items of {self.part(loop.source)}"
        for index, item in enumerate(items):
            self.values[loop.variable] = item
            if all(self.value(each)[0] is True for each in loop.conditions):
                answer, _ = self.value(loop.element)
                if answer is is_true:
                    verdict = "true" if is_true else "false"
                    found = f"item {index} of {self.part(loop.source)}"
                    return f"{said}: it is {verdict} for {found}, {shown(item)}"
        return said

    def reached(self, node: n.Node) -> Iterator[n.Node]:
        """The parts below that were worked out to get this one's value."""
        match node:
            case n.Logic(operator=operator, operands=operands):
                for each in operands:
                    yield each
                    if self.value(each)[0] is not (operator == "and"):
                        return
            case n.Conditional(test=test, then=then, otherwise=otherwise):
                yield test
                answer = self.value(test)[0]
                if isinstance(answer, bool):
                    yield then if answer else otherwise
            case n.Comparison(operators=signs, operands=operands):
                yield operands[0]
                for index, sign in enumerate(signs):
                    yield operands[index + 1]
                    if (
                        self.value(n.Comparison((sign,), operands[index : index + 2]))[0]
                        is not True
                    ):
                        return
            case n.Loop(source=source):
                yield source
            case n.Call(function="has"):
                return
            case n.Call(function="default", arguments=(path, fallback)):
                if self.value(n.Call("has", (path,)))[0] is True:
                    yield path
                else:
                    yield fallback
            case n.Call(arguments=(n.Loop(source=source),)):
                yield source
            case _:
                yield from n.children(node)


def explain(text: str, root: n.Node, values: Values) -> str:
    """One line; see `Expression.explain`."""
    tracer = _Tracer(Compiler(text), with_budget(values))
    said = tracer.sentence(root)
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"
