"""Both solvers answer the same questions: what can be, what never is, and what stays open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.core.expressions import EvaluationError, parse
from corago.machine.lint.exhaustive import Exhaustive
from corago.machine.lint.proving import Proving
from corago.machine.lint.solver import UNKNOWN, Answer, Both, Scope, Solver, holds


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


SCOPE: Scope = {
    "external": record(
        amount={"type": "integer"},
        rate={"type": "number"},
        size={"type": "integer", "minimum": 1, "maximum": 9},
        name={"type": "string"},
        other={"type": "string"},
        colour={"type": "string", "enum": ["red", "green"]},
        note={"type": "string", "nullable": True},
        limit={"type": "integer", "nullable": True},
        paid={"type": "boolean"},
        maybe={"type": "boolean", "nullable": True},
        tags={"type": "array", "items": {"type": "string"}},
        data={"type": "any"},
        address={**record(city={"type": "string"}), "nullable": True},
    )
}

POSSIBLE = [
    ("amount > 1000",),
    ("amount > 1000", "name == 'x'"),
    ("amount > 1000", "not (amount > 1001)"),
    ("1 < rate < 2",),
    ("rate > 1", "rate < 1.5"),
    ("name != 'a'", "name != 'b'", "name != 'other'"),
    ("name in ['a', 'b']", "name != 'a'"),
    ("paid", "colour != 'red'"),
    ("note == None",),
    ("note != None and note == 'x'",),
    ("limit == None or limit > 3", "not (limit != None and limit < 9)"),
    ("limit != None and limit > 3",),
    ("maybe != None and not maybe",),
    ("size != 1", "size != 2", "size < 4"),
    ("amount > 5 if paid else amount < 2", "amount == 7"),
    ("has(note)",),
    ("address != None and address.city == 'Rome'",),
    ("paid == (amount > 3)", "amount > 3"),
]

IMPOSSIBLE = [
    ("amount > 3", "amount < 3"),
    ("amount > 3", "amount < 4"),
    ("name == 'a'", "name == 'b'"),
    ("name == 'a'", "name not in ['a', 'b']"),
    ("colour != 'red'", "colour != 'green'"),
    ("size > 9",),
    ("size < 1 or size == 10",),
    ("paid", "not paid"),
    ("note == None", "note != None"),
    ("note == None", "note == 'x'"),
    ("name == 3",),
    ("has(note)", "note == None"),
    ("3 < amount < 4",),
    ("amount > 3 and amount < 9", "not (amount > 3)"),
]

PROVED = [
    ("amount + amount == 7",),
    ("amount * 2 > 10", "amount < 5"),
    ("amount % 2 == 0", "amount % 2 == 1"),
    ("amount > size", "size > amount"),
    ("starts_with(name, 'ab')", "starts_with(name, 'b')"),
    ("len(name) < 2", "name == 'abc'"),
    ("name == other", "name == 'a'", "other == 'b'"),
    ("abs(amount) < 0",),
    ("max(amount, size) < size",),
    ("default(limit, 5) > 7", "limit == None"),
    ("name < 'a'", "name > 'b'"),
    ("amount // 10 == 4", "amount < 40"),
    ("-amount > 3", "amount > 0"),
]
"""Never, and z3 can tell."""

CONSTRUCTED = [
    ("amount * 3 == 123456",),
    ("amount + size > 1000", "amount < 995"),
    ("starts_with(name, 'ab') and ends_with(name, 'yz')",),
    ("rate * 2 == 5",),
    ("amount == size * 1000 + 7",),
    ("name + other == 'abcd'", "len(name) == 1"),
    ("min(amount, size) > 3",),
    ("contains(name, 'q') and len(name) == 3",),
    ("'q' in name and name != 'q'",),
    ("amount / 4 > 7.5", "amount < 32"),
    ("default(limit, 5) > 7",),
]
"""Possible, and z3 finds how."""

OPEN = [
    ("lower(name) == 'a'", "upper(name) == 'B'"),
    ("len(tags) > 70",),
    ("any(x == 'b' for x in tags)", "not contains(tags, 'b')"),
    ("data.x.y > 3", "data.x.y < 3"),
    ("rate + 0.1 == 0.3", "rate > 0.2"),
]
"""Nobody can tell, and nobody guesses."""


def asked(solver: Solver, texts: Sequence[str]) -> Answer:
    return solver.possible(conditions(texts), SCOPE)


def conditions(texts: Sequence[str]) -> list[Any]:
    names = SCOPE["external"]["properties"]
    found = []
    for text in texts:
        wanted, bare = not text.startswith("not "), text.removeprefix("not ")
        words = [f"external.{word}" if word in names else word for word in _words(bare)]
        found.append((parse("".join(words)), wanted))
    return found


def _words(text: str) -> list[str]:
    parts, word, in_text = [], "", False
    for sign in text:
        in_text ^= sign == "'"
        if sign.isalpha() and not in_text and not word.endswith((".", "'")):
            word += sign
            continue
        parts += [word, sign]
        word = ""
    return [*parts, word]


EXHAUSTIVE, PROVING = Exhaustive(), Proving()
BOTH = Both(EXHAUSTIVE, PROVING)

each_solver = pytest.mark.parametrize(
    "solver", [EXHAUSTIVE, PROVING, BOTH], ids=["exhaustive", "proving", "both"]
)


@each_solver
@pytest.mark.parametrize("texts", POSSIBLE, ids=" & ".join)
def test_what_can_be_has_an_example_that_holds(texts: Sequence[str], solver: Solver) -> None:
    example = asked(solver, texts)
    assert isinstance(example, dict)
    assert holds(conditions(texts), example)


@each_solver
@pytest.mark.parametrize("texts", IMPOSSIBLE, ids=" & ".join)
def test_what_can_not_be_has_none(texts: Sequence[str], solver: Solver) -> None:
    assert asked(solver, texts) is None


@pytest.mark.parametrize("texts", PROVED, ids=" & ".join)
def test_z3_proves_what_trying_leaves_open(texts: Sequence[str]) -> None:
    assert asked(EXHAUSTIVE, texts) is UNKNOWN
    assert asked(PROVING, texts) is None
    assert asked(BOTH, texts) is None


def test_what_fails_on_null_does_not_hold_there() -> None:
    texts = ["limit == None", "limit > 3"]
    assert asked(EXHAUSTIVE, texts) is None
    assert asked(PROVING, texts) is UNKNOWN
    assert asked(BOTH, texts) is None


@pytest.mark.parametrize("texts", CONSTRUCTED, ids=" & ".join)
def test_z3_constructs_what_trying_may_not_find(texts: Sequence[str]) -> None:
    for solver in (PROVING, BOTH):
        example = asked(solver, texts)
        assert isinstance(example, dict)
        assert holds(conditions(texts), example)
    assert asked(EXHAUSTIVE, texts) is not None


@each_solver
@pytest.mark.parametrize("texts", OPEN, ids=" & ".join)
def test_what_nobody_can_tell_stays_open(texts: Sequence[str], solver: Solver) -> None:
    assert asked(solver, texts) is UNKNOWN


def test_too_many_combinations_are_left_open() -> None:
    texts = [
        "amount > 1 or paid",
        "amount < 1 or size > 3",
        "not paid or size == 3",
        "amount != 5 or not paid",
        "paid or amount < 0",
    ]
    assert asked(Exhaustive(), texts) is None
    assert asked(Exhaustive(combinations=3), texts) is UNKNOWN


def test_a_solver_is_as_good_after_a_question_as_before() -> None:
    assert asked(PROVING, ["amount > 3", "amount < 4"]) is None
    assert asked(PROVING, ["lower(name) == 'a'"]) is UNKNOWN
    assert isinstance(asked(PROVING, ["amount > 3"]), dict)


ATOMS = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["amount", "rate", "size"]),
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from(["0", "1", "5", "2.5", "9", "amount", "rate"]),
    ),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["name", "colour", "note"]),
        st.sampled_from(["==", "!="]),
        st.sampled_from(["'a'", "'red'", "'green'", "None", "other"]),
    ),
    st.sampled_from(["paid", "maybe == None", "limit == None or limit > 4", "has(limit)"]),
)
GUARDS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(st.lists(GUARDS, min_size=1, max_size=3))
def test_solvers_never_contradict_each_other(texts: list[str]) -> None:
    """For all guards: where both know, both say the same, and each example holds."""
    tried, proved = asked(EXHAUSTIVE, texts), asked(PROVING, texts)
    for answer in (tried, proved):
        assert not isinstance(answer, dict) or holds(conditions(texts), answer)
    if UNKNOWN not in (tried, proved):
        assert (tried is None) == (proved is None)


VALUES = st.fixed_dictionaries(
    {
        "amount": st.integers(-2, 11),
        "rate": st.sampled_from([-1.0, 0.0, 0.5, 1.5, 2.25, 2.5, 5.0, 7.0]),
        "size": st.integers(1, 9),
        "name": st.sampled_from(["", "a", "red", "zebra"]),
        "other": st.sampled_from(["", "a", "red", "zebra"]),
        "colour": st.sampled_from(["red", "green"]),
        "note": st.sampled_from([None, "a", "red", "x"]),
        "limit": st.none() | st.integers(0, 6),
        "paid": st.booleans(),
        "maybe": st.none() | st.booleans(),
    }
)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(st.lists(GUARDS, min_size=1, max_size=3), VALUES)
def test_no_solver_denies_what_is_there(texts: list[str], values: dict[str, Any]) -> None:
    """For all guards and values: what holds for some values is never called impossible."""
    names = conditions(texts)
    try:
        wanted = [(each, each.evaluate({"external": values})) for each, _ in names]
    except EvaluationError:
        return
    for solver in (EXHAUSTIVE, PROVING):
        assert solver.possible(wanted, SCOPE) is not None
