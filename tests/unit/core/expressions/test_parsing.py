"""What is an expression, and what is said of a text that is none."""

from __future__ import annotations

import pytest

from corago.core.expressions import Expression, ExpressionError, parse
from corago.core.expressions import nodes as n
from corago.errors import DefinitionError


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("null", n.Literal(None)),
        ("None", n.Literal(None)),
        ("'a' 'b'", n.Literal("ab")),
        ("-5", n.Literal(-5)),
        ("- x", n.Negative(n.Name("x"))),
        ("x.y", n.Field(n.Name("x"), "y")),
        ("x['y z']", n.Field(n.Name("x"), "y z")),
        ("x[0]", n.Item(n.Name("x"), n.Literal(0))),
        ("x[y]", n.Item(n.Name("x"), n.Name("y"))),
        ("a and b and c", n.Logic("and", (n.Name("a"), n.Name("b"), n.Name("c")))),
        ("a < b <= 3", n.Comparison(("<", "<="), (n.Name("a"), n.Name("b"), n.Literal(3)))),
        ("a not in b", n.Comparison(("not in",), (n.Name("a"), n.Name("b")))),
        ("a // b", n.Arithmetic("//", n.Name("a"), n.Name("b"))),
        ("{'k': a}", n.ObjectOf(("k",), (n.Name("a"),))),
        (
            "(a\n and b)",
            n.Logic("and", (n.Name("a"), n.Name("b"))),
        ),
    ],
)
def test_a_text_is_read_as_its_parts(text: str, root: n.Node) -> None:
    assert parse(text).root == root


def test_parts_know_their_place_in_the_text() -> None:
    root = parse("  'ä€😀' == x.größe and\ty  ").root
    assert isinstance(root, n.Logic)
    comparison, name = root.operands
    text = parse("  'ä€😀' == x.größe and\ty  ").text
    assert text[comparison.start : comparison.end] == "'ä€😀' == x.größe"
    assert text[name.start : name.end] == "y"


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("external.a.b > internal.c", {("external", "a", "b"), ("internal", "c")}),
        ("external['a']['b']", {("external", "a", "b")}),
        ("external.xs[0].price", {("external", "xs")}),
        ("external.xs[visits.paying]", {("external", "xs"), ("visits", "paying")}),
        ("any(x.ok and x.n > event.n for x in event.xs)", {("event", "n"), ("event", "xs")}),
        ("has(external.a) and default(external.b, 1) > 0", {("external", "a"), ("external", "b")}),
        ("len(external)", {("external",)}),
        ("1 + 1", set()),
    ],
)
def test_paths_are_what_may_be_read(text: str, paths: set[tuple[str, ...]]) -> None:
    assert parse(text).paths == paths


def test_an_expression_is_remembered_by_its_text() -> None:
    assert parse(" a > 1 ") is parse("a > 1")
    assert parse("a > 1").text == "a > 1"
    assert {parse("a > 1"): 1}[parse("a > 1")] == 1
    assert parse("a > 1") != parse("a > 2")
    assert parse("a > 1") != "a > 1"
    assert repr(parse("a > 1")) == "parse('a > 1')"
    assert isinstance(parse("a"), Expression)


@pytest.mark.parametrize(
    ("text", "part", "told"),
    [
        ("", "", "there is no expression"),
        ("a &&b", "&b", "write and instead of &&"),
        ("a || b", "| b", "write or instead of ||"),
        ("!a", "!a", "write not instead of !"),
        ("a === 1", "= 1", "write == instead of ==="),
        ("a ? b : c", "? b : c", "write a if condition else b"),
        ("a = 1", "= 1", "write == to compare"),
        ("(a := 1)", "a := 1", "nothing can be assigned"),
        ("a +", "", "can't be read"),
        ("(a", "(a", "never closed"),
        ("a\nand b", "", "(parentheses)"),
        ("a is None", "a is None", "write == or !="),
        ("a ** 2", "a ** 2", "write x * x"),
        ("a & b", "a & b", "write and"),
        ("~a", "~a", "write not"),
        ("+a", "+a", "leave the + out"),
        ("a[1:2]", "a[1:2]", "no slices"),
        ("(1, 2)", "(1, 2)", "write an array"),
        ("{1, 2}", "{1, 2}", "write an array"),
        ("{**a}", "{**a}", "write each key"),
        ("{1: 2}", "1", "a key is a text"),
        ("{'a': 1, 'a': 2}", "{'a': 1, 'a': 2}", "'a' is there twice"),
        ("f'{a}'", "f'{a}'", "join texts with +"),
        ("lambda: 1", "lambda: 1", "use a Python function"),
        ("await a", "await a", "nothing is awaited"),
        ("b'a'", "b'a'", "write a number or a text"),
        ("1j", "1j", "write a number or a text"),
        ("...", "...", "write a number or a text"),
        ("1e999", "1e999", "too large"),
        ("9223372036854775808", "9223372036854775808", "2**63 - 1"),
        ("'\\ud800'", "'\\ud800'", "half a surrogate"),
        ("'\\d'", "'\\d'", "invalid escape sequence"),
        ("foo(a)", "foo(a)", "there is no function foo"),
        ("lenn(a)", "lenn(a)", "did you mean len?"),
        ("str(a)", "str(a)", "use a Python function"),
        ("now()", "now()", "there is no clock"),
        ("a.startswith('b')", "a.startswith('b')", "write starts_with(text, start)"),
        ("a.lower()", "a.lower()", "write lower(text)"),
        ("a.foo()", "a.foo()", "only functions: len, has"),
        ("len(a, b)", "len(a, b)", "called as len(x)"),
        ("len(x=a)", "len(x=a)", "plain values in order: len(x)"),
        ("len(*a)", "len(*a)", "plain values in order"),
        ("has(a)", "has(a)", "asks about a path"),
        ("default(1, 2)", "default(1, 2)", "asks about a path"),
        ("round(a, -1)", "round(a, -1)", "0 to 15"),
        ("round(a, b)", "round(a, b)", "0 to 15"),
        ("(x for x in a)", "(x for x in a)", "into brackets"),
        ("[x for x in a for y in b]", "[x for x in a for y in b]", "one `for` only"),
        ("[x for x, y in a]", "[x for x, y in a]", "one variable"),
        ("[[x for x in b] for x in a]", "x", "the name x is taken"),
        ("any(a for a in b) or a", "a for a in b", "the name a is taken"),
        ("{x: 1 for x in a}", "{x: 1 for x in a}", "not made in loops"),
        ("a\x00b", "a\x00b", "null bytes"),
        ("-" * 51 + "a", "-a", "deeper than 50"),
        ("a" * 10_001, "a" * 10_000, "at most 10,000 characters"),
    ],
)
def test_what_is_no_expression_is_refused_with_a_fix(text: str, part: str, told: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    (fault, *_) = caught.value.faults
    assert told in fault.text
    assert part in fault.part or fault.part == part
    assert told in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("foo(a) and b ** 2 and c is None")
    assert [each.part for each in caught.value.faults] == ["foo(a)", "b ** 2", "c is None"]
    assert str(caught.value).startswith(
        "3 faults in 'foo(a) and b ** 2 and c is None':\n  - foo(a)"
    )


def test_an_expression_error_is_a_value_error_and_an_authors_matter() -> None:
    with pytest.raises(ValueError, match="such as 'external.amount > 5', not 5"):
        parse(5)  # type: ignore[arg-type] # as a user may
    assert issubclass(ExpressionError, DefinitionError)


@pytest.mark.parametrize("depth", [50, 49])
def test_fifty_levels_are_read(depth: int) -> None:
    assert parse("-" * (depth - 1) + "a").evaluate({"a": 1}) in {1, -1}
