"""Which values of a field could matter to some expressions: what they compare it with, and near."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from corago.core.expressions import nodes as n
from corago.machine.lint.solver import ANY, Scope
from corago.machine.model import ZEROS

Path = tuple[str, ...]

_EQUALITY = frozenset({"==", "!=", "in", "not in"})
_TOP = 2
_SMALL = 50
"""So many integers are tried one by one."""


@dataclass(slots=True)
class Use:
    """What expressions do with one path."""

    constants: list[Any] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    is_exact: bool = True
    """Whether it is only compared with constants, so that values between them are all alike."""

    def add(self, value: Any, operator: str) -> None:
        """Note a comparison with a constant."""
        if not any(type(value) is type(each) and value == each for each in self.constants):
            self.constants.append(value)
        if isinstance(value, str) and operator not in _EQUALITY:
            self.is_exact = False


class Uses:
    """What some expressions do with the paths they read."""

    def __init__(self, roots: Iterable[n.Node]) -> None:
        self.of: dict[Path, Use] = {}
        for root in roots:
            self._test(root)

    def _use(self, path: Path) -> Use:
        return self.of.setdefault(path, Use())

    def _test(self, node: n.Node) -> None:
        """A part that is asked for true or false."""
        match node:
            case n.Not(operand=operand):
                self._test(operand)
            case n.Logic(operands=operands):
                for each in operands:
                    self._test(each)
            case n.Conditional(test=test, then=then, otherwise=otherwise):
                for each in (test, then, otherwise):
                    self._test(each)
            case n.Comparison(operators=operators, operands=operands):
                for operator, left, right in zip(operators, operands, operands[1:], strict=False):
                    self._compared(operator, left, right)
            case n.Call(function="has", arguments=(of,)) if is_top(field_path(of)):
                self._use(field_path(of) or ())
            case _ if (path := field_path(node)) is not None:
                use = self._use(path)
                use.add(value=True, operator="==")
                use.add(value=False, operator="==")
            case _:
                self._loose(node)

    def _compared(self, operator: str, left: n.Node, right: n.Node) -> None:
        for side, other in ((left, right), (right, left)):
            path, values = field_path(side), constants(other)
            if path is not None and values is not None:
                is_member = side is right and operator in {"in", "not in"}
                use = self._use(path)
                if isinstance(other, n.ArrayOf) and (is_member or operator in {"==", "!="}):
                    values = ([*values],)
                for value in values:
                    use.add(value, operator)
                if is_member:
                    use.is_exact = False
                return
            match side:
                case n.Call(function="len", arguments=(of,)) if values is not None:
                    inner = field_path(of)
                    if inner is not None:
                        use = self._use(inner)
                        use.is_exact = False
                        use.lengths += (each for each in values if type(each) is int)
                        return
        if constants(left) is None or constants(right) is None:
            self._loose(left, right)

    def _loose(self, *parts: n.Node) -> None:
        """Parts in which paths and constants meet in some other way."""
        inside = [each for part in parts for each in n.walk(part)]
        values = [each.value for each in inside if isinstance(each, n.Literal)]
        for path in {path for part in parts for path in n.read_paths(part)}:
            use = self._use(path)
            use.is_exact = False
            for value in values:
                use.add(value, "==")


def field_path(node: n.Node) -> Path | None:
    """A root and fields below it, or None for anything else."""
    found = n.path_of(node)
    if found is None or len(found) == 1 or any(isinstance(part, int) for part in found):
        return None
    return tuple(map(str, found))


def is_top(path: Path | None) -> bool:
    """Whether it is a field right below a root: those are there, if perhaps null."""
    return path is not None and len(path) == _TOP


def constants(node: n.Node) -> tuple[Any, ...] | None:
    """The value of a literal, or the values of an array of literals; else None."""
    match node:
        case n.Literal(value=value):
            return (value,)
        case n.ArrayOf(items=items) if all(isinstance(each, n.Literal) for each in items):
            return tuple(each.value for each in items if isinstance(each, n.Literal))
        case _:
            return None


def type_at(scope: Scope, path: Path) -> Mapping[str, Any]:
    """The TYPE of a path; `any` where the document doesn't say."""
    kind: Mapping[str, Any] = scope.get(path[0], ANY)
    for part in path[1:]:
        fields = kind.get("properties")
        kind = ANY if fields is None else fields.get(part, ANY)
    return kind


def candidates(kind: Mapping[str, Any], use: Use) -> tuple[list[Any], bool]:
    """Values to try, likely ones first, and whether no other value could make a difference."""
    values, is_whole = _values(kind, use)
    if kind.get("nullable") and None not in values:
        values.append(None)
    return values, is_whole or use.is_exact


def _values(kind: Mapping[str, Any], use: Use) -> tuple[list[Any], bool]:
    if "enum" in kind:
        return list(kind["enum"]), True
    match kind["type"]:
        case "boolean":
            return [True, False], True
        case "integer":
            return _integers(kind, use)
        case "number":
            return _within(kind, sorted(_numbers(use))), False
        case "string":
            return list(_texts(use)), False
        case "array":
            return list(_arrays(kind, use)), False
        case "object":
            return [zero(kind)], False
        case _:
            use.is_exact = False
            found: list[Any] = [
                each for each in use.constants if isinstance(each, (bool, type(None)))
            ]
            if any(type(each) in (int, float) for each in use.constants):
                found += sorted(_numbers(use))
            return [*found, *_texts(use)], False


def _integers(kind: Mapping[str, Any], use: Use) -> tuple[list[Any], bool]:
    low, high = kind.get("minimum"), kind.get("maximum")
    if low is not None and high is not None and high - low < _SMALL:
        return list(range(math.ceil(low), math.floor(high) + 1)), True
    around = {0}
    bounds = [each for each in (low, high) if each is not None]
    for each in (*_plain(use.constants), *bounds):
        around |= {math.floor(each) - 1, math.floor(each), math.ceil(each), math.ceil(each) + 1}
    return _within(kind, sorted(around, key=lambda each: (abs(each), each))), False


def _numbers(use: Use) -> Iterator[float]:
    found = sorted({0.0, *map(float, _plain(use.constants))})
    yield found[0] - 1
    for low, high in itertools.pairwise(found):
        yield low
        yield (low + high) / 2
    yield found[-1]
    yield found[-1] + 1


def _plain(values: Iterable[Any]) -> Iterator[int | float]:
    return (each for each in values if type(each) in (int, float))


def _within(kind: Mapping[str, Any], values: Iterable[Any]) -> list[Any]:
    low, high = kind.get("minimum", -math.inf), kind.get("maximum", math.inf)
    kept = [each for each in values if low <= each <= high]
    kept += [each for each in (low, high) if not math.isinf(each) and each not in kept]
    return kept


def _texts(use: Use) -> Iterator[str]:
    known = [each for each in use.constants if isinstance(each, str)]
    yield from known
    other = "other"
    while other in known:
        other += "…"
    yield from (each for each in (other, "") if each not in known)
    if not use.is_exact:
        yield from (f"{each}a" for each in known)
    for length in use.lengths:
        yield from ("x" * size for size in (length - 1, length, length + 1) if 0 < size < _SMALL)


def _arrays(kind: Mapping[str, Any], use: Use) -> Iterator[list[Any]]:
    yield []
    for each in use.constants:
        yield each if isinstance(each, list) else [each]
    item = zero(kind.get("items", ANY))
    for length in (1, *use.lengths):
        yield from ([item] * size for size in (length - 1, length, length + 1) if 0 < size < _SMALL)


def zero(kind: Mapping[str, Any]) -> Any:
    """The plainest value of a TYPE."""
    if "default" in kind:
        return kind["default"]
    if "enum" in kind:
        return kind["enum"][0]
    if "properties" in kind:
        return {name: zero(each) for name, each in kind["properties"].items()}
    found = ZEROS[kind["type"]]
    if kind["type"] in {"integer", "number"}:
        return max(kind.get("minimum", found), min(kind.get("maximum", found), found))
    return found
