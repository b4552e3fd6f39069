"""The laws of expressions, on random texts, random types and random values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from corago.core.expressions import (
    EvaluationError,
    Expression,
    ExpressionError,
    ast_json,
    check,
    from_ast_json,
    parse,
    schema_type,
    unfit,
)
from tests.properties.expressions import declared, fitting, may_be, texts_of, values, worlds
from tests.properties.programs import LAW

REASONS = {"missing", "null", "type", "range", "zero", "overflow", "limit"}
UNTOLD_BY_TYPES = {"range", "zero", "overflow", "limit"}

words = st.sampled_from(
    [
        *"()[]{}.,:+-*/%<>=!&|^~@;\\\"'#\n\t 019xé\x00\ud800",
        *("and ", " or ", "not ", " in ", " if ", " else ", " for x in ", "lambda ", "await "),
        *("external", ".a", "['a']", "[0]", "==", "!=", "**", "//", ":=", "<<", "True", "null"),
        *("len(", "has(", "default(", "any(", "sum(", "round(", "min(", "lower(", "f'{", "'''"),
        *("1e999", "0x", "1_0", "10" * 300, "1j", "...", "b'a'", "'\\d'", "\\N{BULLET}"),
    ]
)
hostile = st.lists(words, max_size=30).map("".join) | st.text(max_size=40)


def refused(text: str) -> bool:
    try:
        parse(text)
    except ExpressionError as error:
        faults = error.faults
    else:
        return False
    assert faults
    for fault in faults:
        assert fault.text
        assert fault.part == text.strip()[fault.start : fault.end]
        assert 0 <= fault.start <= fault.end <= len(text.strip())
    return True


def worked_out(expression: Expression, roots: Mapping[str, Any]) -> EvaluationError | None:
    """The error, if there is one: of a known kind, and about a part of the text."""
    try:
        msgspec.json.encode(expression.evaluate(roots))
    except EvaluationError as error:
        failed = error
    else:
        return None
    assert failed.reason in REASONS
    assert failed.part == expression.text[failed.start : failed.end]
    assert "\n" not in str(failed)
    return failed


@LAW
@given(hostile)
def test_of_any_text_comes_an_expression_or_its_faults(text: str) -> None:
    """`parse` raises nothing but ExpressionError, with places inside the text."""
    event("refused" if refused(text) else "read")


@LAW
@given(
    st.sampled_from(
        ["-", "not ", "(", "[", "{'a':", "x.", "x[", "1+", "1 if x else ", "len(", "lambda:", "1<"]
    ),
    st.integers(40, 9_999),
    st.sampled_from(["1", "x", ")", "]", ""]),
)
def test_no_depth_is_too_deep_to_be_refused(piece: str, times: int, end: str) -> None:
    """Nesting raises no RecursionError and no MemoryError, and does not crash."""
    text = (piece * times)[:9_990] + end
    event("refused" if refused(text) else "read")


@pytest.mark.slow
@LAW
@given(st.data())
def test_of_any_values_comes_json_or_an_evaluation_error(data: st.DataObject) -> None:
    """Whatever the values, `evaluate` gives JSON or an EvaluationError; the rest never raises."""
    world = data.draw(worlds())
    text = data.draw(texts_of(world))
    try:
        expression = parse(text)
    except ExpressionError:
        event("refused")
        return
    roots = data.draw(st.fixed_dictionaries({"external": values}, optional={"internal": values}))
    event("failed" if worked_out(expression, roots) else "worked out")
    assert "\n" not in expression.explain(roots)
    trace = expression.trace(roots)
    assert trace.part == expression.text[trace.start : trace.end]


@pytest.mark.slow
@LAW
@given(st.data())
def test_what_is_checked_does_not_fail_for_want_of_fit(data: st.DataObject) -> None:
    """Without faults, fitting values fail only for what types don't tell, and give what is said."""
    world = data.draw(worlds(is_told=True))
    text = data.draw(texts_of(world))
    try:
        expression = parse(text)
    except ExpressionError:
        event("refused")
        return
    found, faults = check(expression, world.scope)
    if faults:
        event("faulty")
        return
    failed = worked_out(expression, world.roots)
    if failed is not None:
        event(f"failed: {failed.reason}")
        assert failed.reason in UNTOLD_BY_TYPES, (text, str(failed))
        return
    event("worked out")
    value = expression.evaluate(world.roots)
    assert may_be(value, found), (text, value, found)


@pytest.mark.slow
@LAW
@given(st.data())
def test_a_tree_as_json_is_the_same_expression(data: st.DataObject) -> None:
    """`from_ast_json(ast_json(x))` has the parts of x, and gives what x gives."""
    world = data.draw(worlds())
    text = data.draw(texts_of(world))
    try:
        expression = parse(text)
    except ExpressionError:
        return
    tree = msgspec.json.decode(msgspec.json.encode(ast_json(expression)))
    again = from_ast_json(tree)
    assert again.root == expression.root
    assert again.paths == expression.paths
    failed, failed_too = worked_out(expression, world.roots), worked_out(again, world.roots)
    assert (failed is None) == (failed_too is None)
    if failed is None:
        assert again.evaluate(world.roots) == expression.evaluate(world.roots)


@LAW
@given(st.data())
def test_a_value_that_fits_a_declared_type_is_of_its_type(data: st.DataObject) -> None:
    """`unfit` and `schema_type` say the same."""
    given_type = data.draw(declared())
    assert unfit(data.draw(fitting(given_type)), given_type) is None
    value = data.draw(values)
    assert (unfit(value, given_type) is None) == may_be(value, schema_type(given_type))
