"""What is wrong with an expression before there is any value."""

from __future__ import annotations

import pytest

from corago.core.expressions import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    TEXT,
    Array,
    Choice,
    Record,
    Type,
    check,
    nullable,
    parse,
    part_types,
)
from tests.unit.core.expressions.samples import SCOPE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("external.amount > 1000 and not external.is_known", BOOLEAN),
        ("external.amount + 1", INTEGER),
        ("external.amount + 1.5", NUMBER),
        ("external.amount / 2", NUMBER),
        ("external.amount // 2", INTEGER),
        ("-external.price", NUMBER),
        ("external.name + 'x'", TEXT),
        ("external.scores + [1]", Array(INTEGER)),
        ("external.any + 1", NUMBER),
        ("external.any", ANYTHING),
        ("external.extra.whatever.it_is", ANYTHING),
        ("external.kind", Choice(("open", "closed"))),
        ("external.note", nullable(TEXT)),
        ("default(external.note, 'none')", TEXT),
        ("default(external.limit, 0) + 1", INTEGER),
        ("default(external.person.mail, 'none')", TEXT),
        ("external.scores[0]", INTEGER),
        ("external.lines[0].price", NUMBER),
        ("len(external.scores)", INTEGER),
        ("round(external.price)", INTEGER),
        ("round(external.price, 2)", NUMBER),
        ("sum(external.scores)", INTEGER),
        ("max(external.amount, external.price)", NUMBER),
        ("min(external.names)", TEXT),
        ("[x.price for x in external.lines]", Array(NUMBER)),
        ("any(x.is_paid and x.price > 1 for x in external.lines)", BOOLEAN),
        ("external.amount if external.is_known else None", nullable(INTEGER)),
        ("null", NULL),
        ("{'a': external.amount}", Record({"a": INTEGER})),
        ("external.kind in ['open', 'closed']", BOOLEAN),
        ("'a' in external.extra", BOOLEAN),
        ("external.amount == None", BOOLEAN),
    ],
)
def test_a_sound_expression_has_a_type_and_no_faults(text: str, found: Type) -> None:
    assert check(parse(text), SCOPE) == (found, ())


@pytest.mark.parametrize(
    "text",
    [
        "external.limit != None and external.limit > 3",
        "None != external.limit and external.limit > 3",
        "not (external.limit == None) and external.limit > 3",
        "external.limit == None or external.limit > 3",
        "not (external.limit == None or external.limit < 3)",
        "external.limit > 3 if external.limit != None else False",
        "external.limit if external.limit != None else 0 > 1",
        "has(external.limit) and external.limit > 3",
        "not has(external.limit) or external.limit > 3",
        "has(external.person.mail) and starts_with(external.person.mail, external.person.name)",
        "external.person != None and 'mail' in external.person and external.person.mail == 'x'",
        "external.person != None and external.person.name == 'Ann'",
        "external.limit == 3 and external.limit + 1 > 3",
        "external.limit == external.amount and external.limit > 3",
        "external.limit in [1, 2] and external.limit > 1",
        "(has(external.limit) and True or external.limit == 3) and external.limit > 1",
        "(has(external.limit) if True else external.limit == 1) and external.limit > 1",
        "external.is_known and (external.limit == None or external.limit > 3)",
        "any(external.limit > x for x in external.scores if external.limit != None)",
        "[external.limit + x for x in external.scores if has(external.limit)] == []",
        "external.note == 'a' and external.note + 'b' == 'ab'",
        "external.note in ['a', 'b'] and external.note == 'a'",
    ],
)
def test_what_was_asked_for_is_known_afterwards(text: str) -> None:
    assert check(parse(text), SCOPE)[1] == ()


@pytest.mark.parametrize(
    ("text", "part", "told"),
    [
        ("external.limit > 3", "external.limit", "ask external.limit != None first"),
        ("external.limit > 3", "external.limit", "or write default(external.limit, value)"),
        ("external.limit > 3 and external.limit != None", "external.limit", "may be null"),
        ("external.limit != None or external.limit > 3", "external.limit", "null here"),
        ("external.limit == None and external.limit > 3", "external.limit", "this is null here"),
        (
            "external.limit == None and external.is_known or external.limit > 3",
            "external.limit",
            "null",
        ),
        ("external.limit != 3 and external.limit > 3", "external.limit", "may be null"),
        ("external.note in [None, 'a'] and external.note > ''", "external.note", "may be null"),
        ("external.person.name == 'A'", "external.person.name", "ask external.person != None"),
        (
            "external.person != None and external.person.mail == ''",
            "external.person.mail",
            "ask has(external.person.mail) first",
        ),
        ("external.amout > 1", "external.amout", "did you mean amount?"),
        ("has(external.amout)", "external.amout", "did you mean amount?"),
        ("default(external.amout, 1) > 0", "external.amout", "did you mean amount?"),
        ("externl.amount > 1", "externl", "did you mean external?"),
        ("event.x == 1", "event", "there is no name event here"),
        ("external.name.first == ''", "external.name.first", "external.name is a text"),
        ("external.kind == 'opne'", "'opne'", "external.kind is never this; did you mean open?"),
        ("'opne' == external.kind", "'opne'", "did you mean open?"),
        ("external.kind in ['open', 'shut']", "'shut'", "external.kind is never this"),
        ("external.kind == 'open' and external.kind == 'closed'", "'closed'", "is never this"),
        ("external.kind != 'open' and external.kind == 'open'", "'open'", "is never this"),
        ("external.amount == '5'", "'5'", "this is a text, but external.amount is an integer"),
        ("external.amount == external.name", "external.amount", "but external.name is a text"),
        ("external.is_known == 1", "1", "external.is_known is a boolean"),
        ("external.amount > external.name", "external.name", "numbers are compared with numbers"),
        ("external.is_known > 0", "external.is_known", "must be a number or a text"),
        ("external.amount and True", "external.amount", "must be true or false; write != 0"),
        ("not external.name", "external.name", 'write != ""'),
        ("1 if external.scores else 2", "external.scores", "write len(…) > 0"),
        ("external.scores['a']", "external.scores['a']", "is an array, so it has no field a"),
        ("external.scores[external.name]", "external.name", "must be an integer"),
        ("external.scores[1.5]", "1.5", "must be an integer"),
        ("external.extra[1]", "1", "must be a text"),
        ("external.name[0]", "external.name[0]", "which has no items"),
        ("external.name + 1", "external.name + 1", "each with its own kind"),
        ("external.name - 'a'", "external.name", "must be a number"),
        ("external.is_known + 1", "external.is_known", "a number, a text or an array"),
        ("-external.name", "external.name", "must be a number"),
        ("1 in external.name", "1", "looked for in a text"),
        ("'a' in external.scores", "'a'", "items that are an integer"),
        ("1 in external.amount", "external.amount", "a text, an array or an object"),
        ("len(external.amount)", "external.amount", "a text, an array or an object"),
        ("sum(external.names)", "external.names", "its items are a text"),
        ("sum([1, None])", "[1, None]", "[x for x in array if x != None]"),
        ("max([1, 'a'])", "[1, 'a']", "keep to one kind"),
        ("max(1, 'a')", "1", "keep to one kind"),
        ("min(external.amount)", "external.amount", "must be an array"),
        ("abs(external.name)", "external.name", "must be a number"),
        ("lower(external.amount)", "external.amount", "must be a text"),
        ("starts_with(external.name, 1)", "1", "must be a text"),
        ("any(x for x in external.scores)", "x", "must be true or false"),
        ("all(external.scores)", "external.scores", "its items are an integer"),
        ("[x for x in external.amount]", "external.amount", "must be an array"),
        ("[x for x in external.scores if x]", "x", "must be true or false"),
        ("[external for external in [1]]", "[external for external in [1]]", "is taken"),
        ("contains(external.names, 1)", "1", "items that are a text"),
    ],
)
def test_a_fault_names_the_part_and_the_fix(text: str, part: str, told: str) -> None:
    faults = check(parse(text), SCOPE)[1]
    assert part in [each.part for each in faults]
    assert any(told in each.text for each in faults if each.part == part), faults
    for each in faults:
        assert parse(text).text[each.start : each.end] == each.part


def test_all_faults_are_found_and_none_twice() -> None:
    faults = check(parse("external.a and external.b > 'x' and external.limit > 1"), SCOPE)[1]
    assert [each.part for each in faults] == ["external.a", "external.b", "external.limit"]


@pytest.mark.parametrize(
    ("text", "expected", "told"),
    [
        ("external.amount", BOOLEAN, "this is an integer, but a boolean is wanted; write != 0"),
        ("external.limit", INTEGER, "may be null, but an integer is wanted; ask external.limit"),
        ("external.price", INTEGER, "this is a number, but an integer is wanted"),
        ("external.amount", NUMBER, None),
        ("external.any", BOOLEAN, None),
        ("external.limit", nullable(INTEGER), None),
        ("'open'", Choice(("open", "closed")), None),
        ("'opne'", Choice(("open", "closed")), 'only "open" or "closed" is wanted'),
        ("[]", Array(TEXT), None),
        ("[1]", Array(TEXT), "is wanted"),
        ("{'a': 1}", Record({"a": INTEGER}), None),
        ("{'b': 1}", Record({"a": INTEGER}), "is wanted"),
        ("{'a': 1}", Record({"a": INTEGER, "b": TEXT}, optional=frozenset("b")), None),
        ("{'a': 1, 'c': 2}", Record({"a": INTEGER}, is_open=True), None),
    ],
)
def test_the_whole_must_be_what_is_expected(text: str, expected: Type, told: str | None) -> None:
    faults = check(parse(text), SCOPE, expected)[1]
    if told is None:
        assert faults == ()
    else:
        assert told in faults[0].text


def test_deep_conditions_are_checked_in_no_time() -> None:
    """Each level doubles nothing: else forty levels would take a lifetime."""
    text = "external.is_known"
    for level in range(40):
        text = f"({text}) {'or' if level % 2 else 'and'} not (external.limit == {level})"
    assert check(parse(text), SCOPE)[1] == ()


def test_types_of_parts_are_there_for_tools() -> None:
    expression = parse("external.limit == None or external.limit > 3")
    types = part_types(expression, SCOPE)
    later = expression.root.operands[1].operands[0]  # type: ignore[union-attr] # as written above
    assert types[id(expression.root)] == BOOLEAN
    assert types[id(later)] == INTEGER
