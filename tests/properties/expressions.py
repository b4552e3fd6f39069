"""Random declared types, values that fit them, and expressions over both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
        inner = draw(st.dictionaries(st.sampled_from(NAMES), declared(depth - 1, is_told=is_told), max_size=3))
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
                optional={name: fitting(each) for name, each in fields.items() if "default" in each},
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
def texts_of(
    draw: st.DrawFn, world: World, kind: str = "boolean", depth: int = 3, extra: tuple[str, ...] = ()
) -> str:
    """The text of an expression, mostly of that kind; sometimes of another."""
    if draw(st.integers(0, 11)) == 0:
        kind = draw(st.sampled_from(KINDS))

    def of(other: str, *more: str) -> str:
        return draw(texts_of(world, other, depth - 1, (*extra, *more)))

    def path(other: str | None = None) -> str:
        fits = [each for each, given in world.paths if other is None or given["type"] == other]
        return draw(st.sampled_from([*(fits or [world.paths[0][0]]), *extra]))

    if depth <= 0 or draw(st.integers(0, 2)) == 0:
        literal = draw(_LITERALS[kind])
        return draw(st.sampled_from([literal, path(kind), path(kind), path(kind)]))
    same = draw(st.sampled_from(["integer", "number", "string", "any"]))
    joint = draw(st.sampled_from(["and", "or"]))
    v = f"x{depth}"
    one = path()
    typed = {name: given["type"] for name, given in world.paths}.get(one, "any")
    guarded = draw(
        st.sampled_from(
            [
                f"{one} != None and {{}}",
                f"{one} == None or {{}}",
                f"has({one}) and {{}}",
                f"not has({one}) or {{}}",
                f"{one} in ['a', 'b'] and {{}}",
                f"{one} == 'a' or {{}}",
            ]
        )
    )
    inner = {
        "boolean": f"{one}",
        "integer": f"{one} > 0",
        "number": f"{one} < 1.5",
        "string": f"starts_with({one}, 'a')",
        "array": f"len({one}) > 1",
        "object": f"'a' in {one}",
    }.get(typed, f"{one} == 1")
    forms = {
        "boolean": (
            lambda: f"{of('boolean')} {joint} {of('boolean')}",
            lambda: f"({of('boolean')} {joint} {of('boolean')})",
            lambda: f"not {of('boolean')}",
            lambda: f"({guarded.format(inner)})",
            lambda: f"({guarded.format(inner)}) {joint} {of('boolean')}",
            lambda: f"{of(same)} {draw(_ORDERS)} {of(same)}",
            lambda: f"0 < {of('integer')} {draw(_ORDERS)} {of('number')}",
            lambda: f"{of(same)} {draw(st.sampled_from(['==', '!=']))} {of(same)}",
            lambda: f"{of('string')} in {of(draw(st.sampled_from(['string', 'array', 'object'])))}",
            lambda: f"has({path()})",
            lambda: f"any(({of('boolean', v)}) for {v} in {of('array')} if {of('boolean', v)})",
            lambda: f"all([({of('boolean', v)}) for {v} in {of('array')}])",
            lambda: f"contains({of('string')}, {of('string')})",
        ),
        "integer": (
            lambda: f"len({of('array')})",
            lambda: f"round({of('number')})",
            lambda: f"({of('integer')} {draw(_SIGNS)} {of('integer')})",
            lambda: f"-{of('integer')}",
        ),
        "number": (
            lambda: f"({of('number')} {draw(_SIGNS)} {of('number')})",
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
        "any": (lambda: of(draw(st.sampled_from(KINDS))), lambda: f"{of('array')}[{of('integer')}]"),
    }
    general = (
        lambda: f"({of(kind)} if {of('boolean')} else {of(kind)})",
        lambda: f"default({path(kind)}, {of(kind)})",
        lambda: f"({of(kind)} if {one} == None else {of(kind)})",
        lambda: f"({one} if {one} != None else {of(kind)})",
    )
    return draw(st.sampled_from((*forms[kind], *forms[kind], *general)))()


_ORDERS = st.sampled_from(["<", "<=", ">", ">="])
_SIGNS = st.sampled_from(["+", "-", "*", "/", "//", "%"])
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
