"""Random declared types, values that fit them, and expressions over both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from corago.core.expressions import (
    ANYTHING,
    Array,
    Choice,
    Record,
    Type,
    Union,
    schema_type,
)

NAMES = ("a", "b", "c")

integers = st.integers(-5, 5) | st.sampled_from([0, 1, 2**62, -(2**62), 2**63 - 1])
numbers = integers | st.sampled_from([0.0, 0.5, -2.5, 1.0, 1e308, 5e-324])
texts = st.sampled_from(["", "a", "b", "ab", "Ä", "x" * 5])
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def declared(draw: st.DrawFn, depth: int = 2, *, is_told: bool = False) -> dict[str, Any]:
    """A TYPE of a document; `is_told`: one that leaves nothing open."""
    kinds = ["boolean", "integer", "number", "string", *([] if is_told else ["any"])]
    kind = draw(st.sampled_from([*kinds, "array", "object"] if depth else kinds))
    found: dict[str, Any] = {"type": kind}
    if kind == "string" and draw(st.booleans()):
        found["enum"] = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    if kind == "array":
        found["items"] = draw(declared(depth - 1, is_told=is_told))
    if kind == "object" and (is_told or draw(st.booleans())):
        inner = draw(
            st.dictionaries(
                st.sampled_from(NAMES), declared(depth - 1, is_told=is_told), max_size=3
            )
        )
        for each in inner.values():
            if draw(st.booleans()):
                each["default"] = None
        found["properties"] = inner
    if draw(st.integers(0, 3)) == 0:
        found["nullable"] = True
    return found


def fitting(given: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a declared type."""
    kind = given["type"]
    found: st.SearchStrategy[Any]
    if "enum" in given:
        found = st.sampled_from(given["enum"])
    elif kind == "array":
        found = st.lists(fitting(given["items"]), max_size=3)
    elif kind == "object":
        fields = given.get("properties")
        if fields is None:
            found = st.dictionaries(st.sampled_from(NAMES), scalars, max_size=3)
        else:
            found = st.fixed_dictionaries(
                {name: fitting(each) for name, each in fields.items() if "default" not in each},
                optional={
                    name: fitting(each) for name, each in fields.items() if "default" in each
                },
            )
    else:
        found = {
            "boolean": st.booleans(),
            "integer": integers,
            "number": numbers,
            "string": texts,
            "any": values,
        }[kind]
    return st.none() | found if given.get("nullable") else found


@dataclass(frozen=True)
class World:
    """What there is to read: the roots' types, and values for them."""

    scope: Mapping[str, Type]
    roots: Mapping[str, Any]
    paths: tuple[tuple[str, Mapping[str, Any]], ...]


@st.composite
def worlds(draw: st.DrawFn, *, is_told: bool = False) -> World:
    """Two roots with fields of random types, and values that fit."""
    types = declared(is_told=is_told)
    stores = {
        root: draw(st.dictionaries(st.sampled_from(NAMES), types, min_size=1, max_size=3))
        for root in ("external", "internal")
    }
    return World(
        {
            root: Record({name: schema_type(each) for name, each in fields.items()})
            for root, fields in stores.items()
        },
        {
            root: {name: draw(fitting(each)) for name, each in fields.items()}
            for root, fields in stores.items()
        },
        tuple(
            path
            for root, fields in stores.items()
            for name, each in fields.items()
            for path in _paths(f"{root}.{name}", each)
        ),
    )


def _paths(front: str, given: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield front, given
    for name, each in given.get("properties", {}).items():
        yield from _paths(f"{front}.{name}", each)
    if given["type"] == "array":
        yield from _paths(f"{front}[0]", given["items"])
    if given["type"] == "object" and "properties" not in given:
        yield f"{front}.a", {"type": "any"}


KINDS = ("boolean", "integer", "number", "string", "array", "object", "any")


@st.composite
def texts_of(draw: st.DrawFn, world: World, kind: str = "boolean") -> str:
    """The text of an expression, mostly of that kind; sometimes of another."""
    return _Author(draw, world).write(kind)


@dataclass(frozen=True)
class _Author:
    """Writes parts of parts, down to a depth, from what the world has and loops add."""

    draw: st.DrawFn
    world: World
    depth: int = 3
    variables: tuple[str, ...] = ()

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def write(self, kind: str) -> str:
        if self.pick(*range(12)) == 0:
            kind = self.pick(*KINDS)
        if self.depth <= 0 or self.pick(0, 1, 2) == 0:
            read = self.path(kind)
            return str(self.pick(self.draw(_LITERALS[kind]), read, read, read))
        return str(self.pick(*self.forms(kind), *self.forms(kind), *self.general(kind))())

    def of(self, kind: str, *more: str) -> str:
        below = replace(self, depth=self.depth - 1, variables=(*self.variables, *more))
        return below.write(kind)

    def path(self, kind: str | None = None) -> str:
        fits = [path for path, given in self.world.paths if kind is None or given["type"] == kind]
        return str(self.pick(*(fits or [self.world.paths[0][0]]), *self.variables))

    def guarded(self) -> str:
        """A path that is looked at, after it was asked whether that can be."""
        one = self.path()
        kind = {path: given["type"] for path, given in self.world.paths}.get(one, "any")
        inner = {
            "boolean": one,
            "integer": f"{one} > 0",
            "number": f"{one} < 1.5",
            "string": f"starts_with({one}, 'a')",
            "array": f"len({one}) > 1",
            "object": f"'a' in {one}",
        }.get(kind, f"{one} == 1")
        form = self.pick(
            "({0} != None and {1})",
            "({0} == None or {1})",
            "(has({0}) and {1})",
            "(not has({0}) or {1})",
            "({0} in ['a', 'b'] and {1})",
            "({0} == 'a' or {1})",
            "({1} if {0} != None else False)",
        )
        return str(form.format(one, inner))

    def general(self, kind: str) -> tuple[Callable[[], str], ...]:
        one = self.path()
        return (
            lambda: f"({self.of(kind)} if {self.of('boolean')} else {self.of(kind)})",
            lambda: f"default({self.path(kind)}, {self.of(kind)})",
            lambda: f"({self.of(kind)} if {one} == None else {self.of(kind)})",
            lambda: f"({one} if {one} != None else {self.of(kind)})",
        )

    def forms(self, kind: str) -> tuple[Callable[[], str], ...]:
        of, v = self.of, f"x{self.depth}"
        same = self.pick("integer", "number", "string", "any")
        many = self.pick("string", "array", "object")
        joint, order = self.pick("and", "or"), self.pick("<", "<=", ">", ">=")
        sign = self.pick("+", "-", "*", "/", "//", "%")
        table: dict[str, tuple[Callable[[], str], ...]] = {
            "boolean": (
                lambda: f"{of('boolean')} {joint} {of('boolean')}",
                lambda: f"({of('boolean')} {joint} {of('boolean')})",
                lambda: f"not {of('boolean')}",
                self.guarded,
                lambda: f"{self.guarded()} {joint} {of('boolean')}",
                lambda: f"{of(same)} {order} {of(same)}",
                lambda: f"0 < {of('integer')} {order} {of('number')}",
                lambda: f"{of(same)} {self.pick('==', '!=')} {of(same)}",
                lambda: f"{of('string')} in {of(many)}",
                lambda: f"has({self.path()})",
                lambda: f"any(({of('boolean', v)}) for {v} in {of('array')} if {of('boolean', v)})",
                lambda: f"all([({of('boolean', v)}) for {v} in {of('array')}])",
                lambda: f"contains({of('string')}, {of('string')})",
            ),
            "integer": (
                lambda: f"len({of('array')})",
                lambda: f"round({of('number')})",
                lambda: f"({of('integer')} {sign} {of('integer')})",
                lambda: f"-{of('integer')}",
            ),
            "number": (
                lambda: f"({of('number')} {sign} {of('number')})",
                lambda: f"abs({of('number')})",
                lambda: f"sum({of('array')})",
                lambda: f"sum([{of('number', v)} for {v} in {of('array')}])",
                lambda: f"min({of('number')}, {of('number')})",
                lambda: f"max({of('array')})",
                lambda: f"round({of('number')}, 2)",
            ),
            "string": (
                lambda: f"({of('string')} + {of('string')})",
                lambda: f"lower({of('string')})",
            ),
            "array": (
                lambda: f"[{of('any')}, {of('any')}]",
                lambda: f"[{of('any', v)} for {v} in {of('array')}]",
                lambda: f"({of('array')} + {of('array')})",
            ),
            "object": (lambda: f'{{"a": {of("any")}}}',),
            "any": (
                lambda: of(self.pick(*KINDS)),
                lambda: f"{of('array')}[{of('integer')}]",
            ),
        }
        return table[kind]


_LITERALS = {
    "boolean": st.sampled_from(["True", "false"]),
    "integer": st.sampled_from(["0", "1", "-3", "9223372036854775807"]),
    "number": st.sampled_from(["0", "1.5", "-2", "1e308"]),
    "string": st.sampled_from(["''", "'a'", "'ab'"]),
    "array": st.sampled_from(["[]", "[1, 2]", "['a', 'b']", "[None, 1]"]),
    "object": st.sampled_from(["{}", "{'a': 1}"]),
    "any": st.sampled_from(["None", "1", "'a'", "True", "[]"]),
}


def may_be(value: Any, of: Type) -> bool:
    """Whether a value is one of the type."""
    match of:
        case Union(members=members):
            return any(may_be(value, each) for each in members)
        case Choice(values=choices):
            return any(value == each and type(value) is type(each) for each in choices)
        case Array(items=items):
            return isinstance(value, list) and all(may_be(each, items) for each in value)
        case Record(fields=fields, is_open=is_open, optional=optional):
            return (
                isinstance(value, dict)
                and (is_open or value.keys() <= fields.keys())
                and fields.keys() - value.keys() <= optional
                and all(may_be(each, fields.get(name, ANYTHING)) for name, each in value.items())
            )
        case _:
            kinds = _KINDS_OF[of.name]
            return kinds is None or type(value) in kinds


_KINDS_OF: dict[str, tuple[type, ...] | None] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "text": (str,),
    "null": (type(None),),
    "anything": None,
}
