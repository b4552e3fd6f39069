"""What expressions give, and what is said where they can't."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from corago.core.expressions import EvaluationError, parse
from tests.unit.core.expressions.samples import VALUES


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("external.amount > 1000", False),
        ("external.amount > 10 and not external.is_known", False),
        ("external.amount > 10 and external.is_known and visits.paying == 2", True),
        ("external.amount > 100 or external.is_known", True),
        ("external.amount > 100 or external.amount < 0 or external.price == 2.5", True),
        ("0 < external.amount <= 12 < 13", True),
        ("0 < external.amount <= 11", False),
        ("external.note == null", True),
        ("external.note != None and external.note.foo > 3", False),
        ("True or external.missing", True),
        ("1 == 1.0", True),
        ("True == 1", False),
        ("[1, True] == [1.0, 1]", False),
        ("{'a': [1]} == {'a': [1.0]}", True),
        ("{'a': 1} == {'b': 1}", False),
        ("'1' == 1", False),
        ("[1] == [1, 2]", False),
        ("'b' > 'a'", True),
        ("1 in [1.0]", True),
        ("1 in [True]", False),
        ("'nn' in external.name", True),
        ("'key' in external.extra", True),
        ("'nope' not in external.extra", True),
        ("3 + 4 * 2", 11),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("7 / 2", 3.5),
        ("-external.amount", -12),
        ("'a' + 'b'", "ab"),
        ("[1] + external.scores", [1, 1, 5, 9]),
        ("external.person['name']", "Ann"),
        ("external.person['in']", 1),
        ("external.scores[0]", 1),
        ("external.scores[-1]", 9),
        ("external.scores[visits.paying]", 9),
        ("external.person[external.names[0] + ''] if False else 1", 1),
        ("external.extra['k' + 'ey']", 1),
        ("'few' if external.amount < 20 else 'many'", "few"),
        ("{'a': [external.amount, None]}", {"a": [12, None]}),
        ("len(external.scores) + len('ab') + len(external.extra)", 6),
        ("has(external.amount)", True),
        ("has(external.note)", False),
        ("has(external.gone.deeper)", False),
        ("has(external.amount.deeper)", False),
        ("has(external.scores[1])", True),
        ("has(external.scores[7])", False),
        ("has(external.person[external.name])", False),
        ("has(event.field)", False),
        ("default(external.note, 'none')", "none"),
        ("default(external.name, 'none')", "Ann"),
        ("default(external.gone.deeper, 3) + 1", 4),
        ("min(external.scores) + max(external.scores)", 10),
        ("min(3, external.price, 4)", 2.5),
        ("max('a', 'b')", "b"),
        ("abs(-3)", 3),
        ("round(2.5)", 2),
        ("round(2.345, 1)", 2.3),
        ("sum(external.scores)", 15),
        ("sum(x.price for x in external.lines if x.is_paid)", 3),
        ("sum([])", 0),
        ("lower('ÄB') + upper('äb')", "äbÄB"),
        ("starts_with(external.name, 'A') and ends_with(external.name, 'n')", True),
        ("contains(external.name, 'n') and contains(external.scores, 5)", True),
        ("any(x > 8 for x in external.scores)", True),
        ("any([x > 9 for x in external.scores])", False),
        ("all(x > 0 for x in external.scores if x != 5)", True),
        ("all([])", True),
        ("any(all(y < x for y in [0]) for x in external.scores)", True),
        ("[x * 2 for x in external.scores if x > 1 if x < 9]", [10]),
        ("[[x, y] for x in [1]] if False else [x.price for x in external.lines]", [3, 7]),
    ],
)
def test_an_expression_gives_its_value(text: str, value: Any) -> None:
    found = parse(text).evaluate(VALUES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "part", "reason", "told"),
    [
        ("external.amout > 1", "external.amout", "missing", "no field amout; did you mean amount?"),
        ("visits.paid", "visits.paid", "missing", "did you mean paying?"),
        ("external.extra.gone", "external.extra.gone", "missing", "there is key"),
        ("nowhere.x", "nowhere", "missing", "not known here"),
        ("nowhere > 1", "nowhere", "missing", "not known here"),
        ("external.note.x", "external.note.x", "null", "ask has(external.note.x) first"),
        ("external.note > 'a'", "external.note", "null", "ask external.note != None first"),
        ("external.name > 1", "1", "type", "must be a text, as external.name is"),
        ("external.amount > 'a'", "'a'", "type", "must be a number, as external.amount is"),
        ("external.is_known > 1", "external.is_known", "type", "a number or a text"),
        ("external.amount and True", "external.amount", "type", "must be true or false"),
        ("not external.name", "external.name", "type", 'it is a text ("Ann")'),
        ("1 if external.amount else 2", "external.amount", "type", "must be true or false"),
        ("external.name.x", "external.name.x", "type", "external.name is a text"),
        ("external.scores.x", "external.scores.x", "type", "external.scores is an array"),
        ("external.scores[7]", "external.scores[7]", "range", "has 3, counted from 0"),
        ("external.scores[True]", "True", "type", "must be an integer"),
        ("external.scores[1.0]", "1.0", "type", "must be an integer"),
        ("external.extra[1]", "1", "type", "must be a text"),
        ("external.extra['a' + 'b']", "external.extra['a' + 'b']", "missing", "no field ab"),
        ("external.name[0]", "external.name", "type", "must be an array or an object"),
        ("1 in external.name", "1", "type", "looked for in a text"),
        ("1 in external.extra", "1", "type", "among an object's keys"),
        ("1 in external.note", "external.note", "null", "must be a text, an array or an object"),
        ("1 + 'a'", "'a'", "type", "must be a number"),
        ("'a' + 1", "1", "type", "must be a text"),
        ("[1] + 1", "1", "type", "must be an array"),
        ("'a' * 3", "'a'", "type", "must be a number"),
        ("True + 1", "True", "type", "a number, a text or an array"),
        ("-external.name", "external.name", "type", "must be a number"),
        ("1 / 0", "1 / 0", "zero", "the divisor is 0"),
        ("1 // 0.0", "1 // 0.0", "zero", "the divisor is 0"),
        ("1 % 0", "1 % 0", "zero", "the divisor is 0"),
        ("9223372036854775807 + 1", "9223372036854775807 + 1", "overflow", "too large"),
        ("1e308 * 10", "1e308 * 10", "overflow", "too large"),
        ("round(1e300)", "round(1e300)", "overflow", "too large"),
        ("sum([9223372036854775807, 1])", "sum([9223372036854775807, 1])", "overflow", "too large"),
        ("len(external.amount)", "external.amount", "type", "a text, an array or an object"),
        ("min([])", "[]", "range", "it is empty"),
        ("max([1, 'a'])", "[1, 'a']", "type", "item 1 is a text"),
        ("max(1, 'a')", "'a'", "type", "must be a number"),
        ("sum([1, None])", "[1, None]", "null", "item 1 is null"),
        ("sum(1)", "1", "type", "must be an array"),
        ("abs('a')", "'a'", "type", "must be a number"),
        ("lower(1)", "1", "type", "must be a text"),
        ("starts_with('a', None)", "None", "null", "must be a text"),
        ("any(x for x in [1])", "x", "type", "true or false"),
        ("all([True, 1])", "[True, 1]", "type", "item 1 is an integer"),
        ("[x for x in external.amount]", "external.amount", "type", "must be an array"),
        ("[x for x in [1] if x]", "x", "type", "true or false"),
    ],
)
def test_an_error_names_the_part_and_says_why(text: str, part: str, reason: str, told: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        parse(text).evaluate(VALUES)
    error = caught.value
    assert (error.part, error.reason) == (part, reason)
    assert error.text == text
    assert text[error.start : error.end] == part
    assert told in str(error)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("external.big + external.big", "longer than 100,000"),
        ("upper(external.big)", "longer than 100,000"),
        ("[x for x in external.many]", "longer than 100,000"),
        ("len([1 for x in external.long if any(False for y in external.long)])", "500,000 steps"),
        ("any(contains(external.big, 'b') for x in external.long)", "500,000 steps"),
        ("any(external.long != [] + external.long for x in external.long)", "500,000 steps"),
        ("[external.big for x in external.long]", "500,000 steps"),
        ("external.deep == external.deeper", "nest deeper than 200"),
    ],
)
def test_work_is_bounded(text: str, told: str) -> None:
    deep: Any = 1
    deeper: Any = 1
    for _ in range(300):
        deep, deeper = [deep], [deeper]
    store = {
        "big": "a" * 100_001,
        "many": [0] * 100_001,
        "long": [0] * 2_000,
        "deep": deep,
        "deeper": deeper,
    }
    with pytest.raises(EvaluationError, match=told) as caught:
        parse(text).evaluate({"external": store})
    assert caught.value.reason == "limit"


def test_values_are_never_changed() -> None:
    store: dict[str, Any] = {"xs": [1, 2]}
    values = MappingProxyType({"external": MappingProxyType(store)})
    assert parse("[x for x in external.xs + [3]]").evaluate(values) == [1, 2, 3]
    assert store == {"xs": [1, 2]}
    assert set(values) == {"external"}


def test_nothing_of_python_is_reached() -> None:
    for text in ("external.__class__", "external.xs.__len__", "external['__dict__']"):
        with pytest.raises(EvaluationError, match="no field"):
            parse(text).evaluate({"external": {"xs": []}})
