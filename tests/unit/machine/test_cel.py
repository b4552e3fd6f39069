"""Expressions in CEL and from it; what each gives is asked of a real implementation of CEL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from corago.core.expressions import (
    ANYTHING,
    EvaluationError,
    ExpressionError,
    Type,
    check,
    parse,
)
from corago.machine.cel import from_cel, to_cel
from tests.properties.expressions import texts_of, worlds
from tests.properties.programs import LAW
from tests.unit.core.expressions.samples import SCOPE, VALUES

Run = Callable[[str, Mapping[str, Any]], Any]


class CelError(Exception):
    """CEL could not work it out."""


@pytest.fixture(scope="module")
def cel() -> Run:
    """Works out a text of CEL."""
    package = pytest.importorskip("cel_expr_python.cel", reason="its wheels are not for all")
    kind = package.Type.DYN

    def run(text: str, values: Mapping[str, Any]) -> Any:
        environment = package.NewEnv(variables=dict.fromkeys(values, kind))
        found = environment.compile(text).eval(data=dict(values))
        if found.type() == package.Type.ERROR:
            raise CelError(found.plain_value())
        return found.plain_value()

    return run


SAMPLES = [
    ("external.amount > 1000", "external.amount > 1000"),
    (
        "external.is_known and not (external.amount > 3 or external.price < 2)",
        "external.is_known && !(external.amount > 3 || external.price < 2)",
    ),
    ("0 < external.amount <= 12", "0 < external.amount && external.amount <= 12"),
    ("external.person['in'] == 1", 'external.person["in"] == 1'),
    ("'n' in external.name", 'external.name.contains("n")'),
    ("external.amount in external.scores", "external.amount in external.scores"),
    ("external.name not in ['Bob']", '!(external.name in ["Bob"])'),
    ("external.price * 2 > 4", "double(external.price) * double(2) > dyn(4)"),
    ("external.amount * 2 + 1", "external.amount * 2 + 1"),
    ("external.amount / 5", "double(external.amount) / double(5)"),
    ("-external.amount % 5", "(-external.amount % 5 + 5) % 5"),
    ("external.scores[0] + -3", "external.scores[0] + -3"),
    ("1 if external.is_known else 'x'", 'external.is_known ? 1 : dyn("x")'),
    ("1 == 1.0", "1 == dyn(1.0)"),
    ("{'a': [1, 'b', None]}", '{"a": [1, "b", null]}'),
    ("len(external.name)", "size(external.name)"),
    ("has(external.note)", "has(external.note) && external.note != null"),
    (
        "default(external.note, 'x')",
        'has(external.note) && external.note != null ? external.note : "x"',
    ),
    ("starts_with(external.name, 'A')", 'external.name.startsWith("A")'),
    ("ends_with(external.name, 'n')", 'external.name.endsWith("n")'),
    (
        "any(x > 8 for x in external.scores if x != 5)",
        "external.scores.filter(x, x != 5).exists(x, x > 8)",
    ),
    ("all(x.is_paid for x in external.lines)", "external.lines.all(x, x.is_paid)"),
    (
        "[x * 2 for x in external.scores if x > 1]",
        "external.scores.filter(x, x > 1).map(x, x * 2)",
    ),
    ("max(external.amount, 3)", "external.amount >= 3 ? external.amount : 3"),
    ("abs(external.amount)", "external.amount < 0 ? -external.amount : external.amount"),
    ("'ä\\n\"\\x01'", '"ä\\n\\"\\u0001"'),
]


@pytest.mark.parametrize(("ours", "theirs"), SAMPLES)
def test_an_expression_is_told_in_cel_and_means_the_same(ours: str, theirs: str, cel: Run) -> None:
    expression = parse(ours)
    assert to_cel(expression, SCOPE) == theirs
    assert cel(theirs, VALUES) == expression.evaluate(VALUES)
    assert from_cel(theirs).evaluate(VALUES) == expression.evaluate(VALUES)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("a.b && !c || true", "a.b and not c or True"),
        ("a ? b : c ? d : e", "b if a else d if c else e"),
        ("(a < b) == c", "(a < b) == c"),
        ("has(a.b)", '"b" in a'),
        ("has(a.b) && a.b != null && c", "has(a.b) and c"),
        (
            "has(a.b) && a.b != null && has(a.b.c) && a.b.c != null ? a.b.c : 1",
            "default(a.b.c, 1)",
        ),
        ("size(a) > 0 && a[0] != null", "has(a[0])"),
        ("a.size() > 0x1F", "len(a) > 31"),
        ("a['b'].`c d`", 'a.b["c d"]'),
        ("a.exists_one(x, x > 1)", "len([x for x in a if x > 1]) == 1"),
        ("a.map(x, x > 1, x * 2)", "[x * 2 for x in a if x > 1]"),
        ("a.filter(x, x > 1).map(y, y)", "[y for y in [x for x in a if x > 1]]"),
        ("double(a) / double(b) + 1.5e3", "a / b + 1500.0"),
        ("a / 2.0", "a / 2.0"),
        ("double(a) + 1.0", "a + 1.0"),
        ("(a % b + b) % b", "a % b"),
        ("dyn(a) == r'\\d'", 'a == "\\\\d"'),
        ("'\\x41\\u00e4\\U0001F600\\101\\?'", '"Aä😀A?"'),
        ("- -a + -5 // the rest\n - 1", "--a + -5 - 1"),
        ("{'a': 1, 'b': [],}", '{"a": 1, "b": []}'),
    ],
)
def test_cel_is_read(theirs: str, ours: str) -> None:
    assert from_cel(theirs).text == ours


@pytest.mark.parametrize(
    ("text", "part", "told"),
    [
        ("external.amount // 2", "external.amount // 2", "CEL cuts quotients"),
        ("lower(external.name) == 'a'", "lower(external.name)", "without extensions"),
        ("external.scores[-1]", "external.scores[-1]", "count from the end"),
        ("sum(external.scores)", "sum(external.scores)", "no sum()"),
        ("max(external.scores)", "max(external.scores)", "write max(a, b)"),
        ("var.x", "var", "no name in CEL"),
        ("has(external.extra[external.name])", "external.extra[external.name]", "worked out"),
    ],
)
def test_what_cel_lacks_is_named(text: str, part: str, told: str) -> None:
    with pytest.raises(ExpressionError, match="can't be said in CEL") as caught:
        to_cel(parse(text), SCOPE)
    (fault,) = caught.value.faults
    assert fault.part == part
    assert told in fault.text


@pytest.mark.parametrize(
    ("text", "part", "told"),
    [
        ("", "", "a value is missing"),
        ("a &", "&", "can't be read as CEL"),
        ("a b", "b", "nothing more is expected"),
        ("(a", "", ") is missing"),
        ("[a b]", "b", ", is missing"),
        ("a / 2", "a / 2", "write double(a) / double(b)"),
        ("a % 2", "a % 2", "write (a % b + b) % b"),
        ("1 + a % 2", "a % 2", "write (a % b + b) % b"),
        ("double(a) > 1", "double(a)", "numbers mix freely"),
        ("double(a) + double(b)", "double(a) + double(b)", "numbers mix freely"),
        ("a.matches('b')", "a.matches('b')", "there are no patterns"),
        ("a.foo()", "a.foo()", "not carried over"),
        ("timestamp('x')", "timestamp('x')", "no instants"),
        ("Foo{a: 1}", "Foo{", "messages are not"),
        ("1u", "1u", "leave the u out"),
        ("b'a'", "b'", "no bytes"),
        ("'''a'''", "'''", "three quotes"),
        ("'\\q'", "'\\q'", "\\q is no character"),
        ("'\\ud800'", "'\\ud800'", "is no character"),
        ("has(a)", "has(a)", "not called so"),
        ("a.exists(b.c, d)", "a.exists(b.c, d)", "not called so"),
        ("{1: 2}", "1", "a key is a text"),
        ("for", "for", "reserved word"),
        ("lambda", "lambda", "reserved word"),
        ("a." + "b." * 4_000 + "c", "a", "deeper than 50"),
        ("(" * 300 + "a", "(", "deeper than 50"),
        ("!" * 300 + "a", "a", "deeper than 50"),
        ("9" * 50, "9", "too large"),
        ("a" * 10_001, "a", "at most 10,000"),
    ],
)
def test_what_is_not_carried_over_is_named(text: str, part: str, told: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        from_cel(text)
    (fault, *_) = caught.value.faults
    assert told in fault.text
    assert part in fault.part


@LAW
@given(
    st.lists(
        st.sampled_from(
            [*"()[]{}.,:?+-*/%<>=!&|'\"`\\ 1a", "&&", "has(a.b)", "in", ".map(", "x,", "double("]
        )
    ).map("".join)
    | st.text(max_size=30)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    """`from_cel` raises nothing but ExpressionError."""
    try:
        from_cel(text)
    except ExpressionError:
        event("refused")


@pytest.mark.slow
@LAW
@given(data=st.data())
def test_what_is_carried_over_and_back_gives_the_same(data: st.DataObject, cel: Run) -> None:
    """Where both languages give a value, it is one; and where ours does, CEL mixes no kinds."""
    world = data.draw(worlds(is_told=True))
    text = data.draw(texts_of(world))
    try:
        expression = parse(text)
        found, faults = check(expression, world.scope)
        theirs = to_cel(expression, world.scope)
    except ExpressionError:
        event("refused")
        return
    if faults:
        return
    try:
        value = expression.evaluate(world.roots)
    except EvaluationError:
        event("fails")
        return
    _compare(theirs, value, found, (cel, world.roots))
    try:
        back = from_cel(theirs)
    except ExpressionError:
        event("one way")
        return
    event("both ways")
    assert _same(back.evaluate(world.roots), value), (text, theirs, back.text)


def _compare(theirs: str, value: Any, found: Type, world: tuple[Run, Mapping[str, Any]]) -> None:
    cel, roots = world
    try:
        given_back = cel(theirs, roots)
    except CelError as error:
        # an index may be negative here, an integer's double may overflow there
        why = str(error)
    else:
        event("same")
        assert _same(given_back, value), (theirs, given_back, value)
        return
    event(f"fails in CEL: {why[:30]}")
    assert "overload" not in why or found == ANYTHING, (theirs, why)


def _same(one: Any, other: Any) -> bool:
    """Equal, with doubles for integers allowed, as CEL calculates."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == pytest.approx(other, rel=1e-12, abs=0)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
