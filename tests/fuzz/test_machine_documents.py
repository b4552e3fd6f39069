"""Machines as data, from strangers: a machine or all of the document's faults, and nothing else."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from corago.errors import InvalidMachineError
from corago.machine import Machine, define
from corago.machine.checking import faults
from corago.machine.lint import lint
from corago.machine.normal import normal, read
from corago.machine.schema import json_schema
from tests.fuzz.strange import Case, anything, cases, fuzz, is_json, jsons, mutants, wild
from tests.machines.corpus import NAMES, document
from tests.unit.machine.test_schema import EVERYTHING

SCHEMA = Draft202012Validator(json_schema())
GOOD = [EVERYTHING, *map(document, NAMES)]
SMALL = sorted(GOOD, key=lambda each: len(json.dumps(each)))[:8]
MUTANTS = st.sampled_from(GOOD).flatmap(lambda each: mutants(each, anything))
SMALL_MUTANTS = st.sampled_from(SMALL).flatmap(lambda each: mutants(each, jsons))


@fuzz(80)
@given(cases(MUTANTS, anything, wild))
def test_a_mutated_document_is_a_machine_or_all_its_faults_are_told(case: Case) -> None:
    given_ = case.value
    found = faults(given_)
    for fault in found:
        assert fault.text
        assert fault.fix
        assert len(str(fault)) < 2_000
    try:
        made = define(given_, code=False)
    except InvalidMachineError as error:
        refusal = error
    else:
        assert not found
        _is_its_own_normal_form(made)
        return
    assert refusal.faults
    assert str(refusal)


def _is_its_own_normal_form(made: type[Machine]) -> None:
    assert json.loads(made.canonical) == made.document == normal(made.document)
    assert define(made.document, code=False).sha == made.sha
    assert define(json.loads(made.canonical), code=False).sha == made.sha


@fuzz(40)
@given(cases(SMALL_MUTANTS))
def test_what_the_schema_refuses_is_refused_and_so_is_what_is_out_of_shape(case: Case) -> None:
    given_ = case.value
    if not is_json(given_) or not SCHEMA.is_valid(given_):
        assert faults(given_)
    elif json.dumps(given_, ensure_ascii=False).isascii():  # patterns know no letters beyond
        assert not read(given_)[1]


@fuzz(25)
@given(cases(SMALL_MUTANTS))
def test_lint_answers_whatever_can_be_defined(case: Case) -> None:
    given_ = case.value
    try:
        made = define(given_, code=False)
    except InvalidMachineError:
        return
    for finding in lint(made.document):
        assert str(finding)
