"""Why an expression is what it is."""

from __future__ import annotations

from typing import Any

import pytest

from corago.core.expressions import ExpressionError, ast_json, from_ast_json, parse
from corago.core.expressions.rendering import rendered
from tests.unit.core.expressions.samples import VALUES


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "external.amount > 1000",
            "external.amount > 1000 is false: external.amount is 12",
        ),
        (
            "external.is_known and external.amount > 1000 and external.price > 9",
            "external.amount > 1000 is false: external.amount is 12",
        ),
        (
            "external.is_known and external.amount > 10",
            "external.is_known is true; external.amount > 10 is true: external.amount is 12",
        ),
        (
            "external.amount > 1000 or external.is_known",
            "external.is_known is true",
        ),
        (
            "external.amount > 20 or external.price > 9",
            (
                "external.amount > 20 is false: external.amount is 12; "
                "external.price > 9 is false: external.price is 2.5"
            ),
        ),
        ("not external.is_known", "not external.is_known is false: external.is_known is true"),
        ("external.name", 'external.name is "Ann"'),
        ("1 + 1", "1 + 1 is 2"),
        (
            "external.amount + visits.paying",
            "external.amount + visits.paying is 14: external.amount is 12, visits.paying is 2",
        ),
        (
            "external.scores[visits.paying] == 9",
            (
                "external.scores[visits.paying] == 9 is true: "
                "external.scores[visits.paying] is 9, visits.paying is 2"
            ),
        ),
        ("has(external.gone)", "has(external.gone) is false: external.gone is missing"),
        (
            "default(external.note, 'x')",
            "default(external.note, 'x') is \"x\": external.note is null",
        ),
        ("external.gone > 3 and True", "external.gone: external has no field gone"),
        (
            "external.amount > 5 if external.is_known else False",
            "external.is_known is true; so external.amount > 5 is true: external.amount is 12",
        ),
        ("1 if external.is_known else 2", "external.is_known is true; so it is 1"),
        (
            "any(x > 8 for x in external.scores)",
            (
                "any(x > 8 for x in external.scores) is true: "
                "it is true for item 2 of external.scores, 9"
            ),
        ),
        (
            "any(x > 9 for x in external.scores)",
            (
                "any(x > 9 for x in external.scores) is false: "
                "it is false for all 3 items of external.scores"
            ),
        ),
        (
            "all(x > 1 for x in external.scores if x < 9)",
            (
                "all(x > 1 for x in external.scores if x < 9) is false: "
                "it is false for item 0 of external.scores, 1"
            ),
        ),
    ],
)
def test_an_explanation_says_what_mattered(text: str, sentence: str) -> None:
    assert parse(text).explain(VALUES).startswith(sentence)
    if "gone >" not in text:
        assert parse(text).explain(VALUES) == sentence


def test_an_explanation_is_one_line_of_bounded_length() -> None:
    store = {"external": {f"x{index}": "a\nb" * 99 for index in range(99)}}
    text = " and ".join(f"external.x{index} != 'a'" for index in range(99))
    said = parse(text).explain(store)
    assert "\n" not in said
    assert len(said) == 500
    assert said.endswith("…")


def test_a_trace_holds_what_was_worked_out_and_nothing_else() -> None:
    trace = parse("external.amount > 1000 and external.gone").trace(VALUES)
    assert (trace.part, trace.value) == ("external.amount > 1000 and external.gone", False)
    (comparison,) = trace.parts
    assert [(each.part, each.value) for each in comparison.parts] == [
        ("external.amount", 12),
        ("1000", 1000),
    ]


def test_a_trace_holds_errors_where_they_are() -> None:
    trace = parse("1 < external.gone").trace(VALUES)
    assert "no field gone" in str(trace.error)
    assert [each.error is None for each in trace.parts] == [True, False]


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("(a) and ((b) or c)", "a and (b or c)"),
        ("not (a and b)", "not (a and b)"),
        ("(a - b) - (c - d)", "a - b - (c - d)"),
        ("-(2)", "-2"),
        ("- (- a)", "--a"),
        ("(a if b else c) if d else e", "(a if b else c) if d else e"),
        ("(a < b) < c", "(a < b) < c"),
        ("a['b']['c d']['in']", 'a.b["c d"]["in"]'),
        ("1 .b", "(1).b"),
        ("(a + b).c", "(a + b).c"),
        ("any([x for x in a if (b if c else d)])", "any(x for x in a if (b if c else d))"),
        ("'ä\\n\"\\x7f'", '"ä\\n\\"\\x7f"'),
    ],
)
def test_parts_are_written_with_as_few_parentheses_as_can_be(text: str, again: str) -> None:
    assert rendered(parse(text).root) == again
    assert parse(again).root == parse(text).root


def test_a_tree_as_json_has_kinds_and_places() -> None:
    assert ast_json(parse("a.b > 1")) == {
        "kind": "comparison",
        "start": 0,
        "end": 7,
        "operators": [">"],
        "operands": [
            {
                "kind": "field",
                "start": 0,
                "end": 3,
                "base": {"kind": "name", "start": 0, "end": 1, "name": "a"},
                "name": "b",
            },
            {"kind": "literal", "start": 6, "end": 7, "value": 1},
        ],
    }
    assert from_ast_json(ast_json(parse("a.b  > 1"))).text == "a.b > 1"


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"kind": "eval", "text": "1"},
        {"kind": "name"},
        {"kind": "not", "operand": 1},
        {"kind": "call", "function": "exec", "arguments": []},
        {"kind": "name", "name": "__import__('os')"},
        {"kind": "name", "name": "a or b"},
        {"kind": "comparison", "operators": ["<", "<"], "operands": []},
        {"kind": "arithmetic", "operator": "**", "left": 1, "right": 2},
        {"kind": "literal", "value": [1]},
    ],
)
def test_what_is_no_tree_is_refused(tree: Any) -> None:
    with pytest.raises(ExpressionError):
        from_ast_json(tree)
