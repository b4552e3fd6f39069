"""Values from strangers: kept as they came, or refused; nothing else, whatever they do."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from corago.core import codec
from corago.errors import InvalidInputError
from tests.fuzz.strange import Case, anything, cases, fuzz, is_json, wild


@fuzz(120)
@given(cases(anything, wild))
def test_a_value_comes_back_equal_or_is_refused_by_name(case: Case) -> None:
    value = case.value
    try:
        written, kept = codec.to_json(value, "input"), codec.plain(value, "input")
    except InvalidInputError as error:
        refusal = str(error)
    else:
        _is_the_same(value, written, kept)
        return
    assert not is_json(value)
    assert "input" in refusal
    assert len(refusal) < 12_000  # names of a hundred levels


def _is_the_same(value: Any, written: bytes, kept: Any) -> None:
    assert codec.from_json(written) == kept
    assert json.loads(written) == kept
    if is_json(value):
        assert kept == value
