"""Every clause of the Backend port's contract is proved: for each there are faults, all caught.

A check that no fault can fail proves nothing, so each check must fail on some fault, too. All
faults against all checks are in `matrix.py`: `make mutants`.
"""

from __future__ import annotations

import functools
import inspect
import re
import unittest
from pathlib import Path

import pytest

from corago.errors import NotSupportedError
from corago.ports import backend as port
from corago.ports.backend import Backend
from corago.ports.capability import ALL, Capability
from corago.testing.backend_suite import clauses
from tests.conformance import (
    backend_faults_bring,
    backend_faults_commit,
    backend_faults_end,
    backend_faults_family,
    backend_faults_limits,
    backend_faults_peers,
    backend_faults_poll,
    backend_faults_send,
    backend_faults_start,
    backend_faults_take,
    backend_lacking,
)
from tests.conformance.backend_lacking import lacking
from tests.conformance.backend_mutants import CHECKS, HONEST, Mutant, Patient, Proof, fails

FAULTS: dict[str, dict[str, Mutant]] = (
    backend_faults_start.FAULTS
    | backend_faults_send.FAULTS
    | backend_faults_end.FAULTS
    | backend_faults_peers.FAULTS
    | backend_faults_poll.FAULTS
    | backend_faults_commit.FAULTS
    | backend_faults_family.FAULTS
    | backend_faults_take.FAULTS
    | backend_faults_bring.FAULTS
    | backend_faults_limits.FAULTS
    | backend_lacking.FAULTS
)
TABLE = [(clause, fault) for clause, faults in FAULTS.items() for fault in faults]
REFUSALS = [name for name, check in CHECKS.items() if "B71" in clauses(check)]


@functools.cache
def catches(name: str, clause: str, fault: str) -> bool:
    try:
        return fails(name, FAULTS[clause][fault])
    except unittest.SkipTest:
        return False


def checks_of(clause: str) -> list[str]:
    return [name for name, check in CHECKS.items() if clause in clauses(check)]


@pytest.mark.parametrize(("clause", "fault"), TABLE, ids=[f"{c}: {fault}" for c, fault in TABLE])
def test_a_fault_is_caught_by_a_check_of_its_clause(clause: str, fault: str) -> None:
    assert any(catches(name, clause, fault) for name in checks_of(clause))


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_can_fail(name: str) -> None:
    near = [(clause, fault) for clause, fault in TABLE if clause in clauses(CHECKS[name])]
    assert any(catches(name, clause, fault) for clause, fault in near)


def test_the_backend_itself_fails_no_check() -> None:
    assert [name for name in CHECKS if fails(name, HONEST)] == []


def test_every_clause_of_the_contract_has_faults_and_checks() -> None:
    written = set(re.findall(r"\[(B\d\d)\]", inspect.getsource(port)))
    assert written == {f"B{number:02}" for number in range(1, len(written) + 1)}
    assert set(FAULTS) == written
    assert {clause for check in CHECKS.values() for clause in clauses(check)} == written
    assert all(FAULTS.values())


def test_there_are_at_least_120_checks_and_each_says_what_it_proves() -> None:
    assert len(CHECKS) >= 120
    assert [name for name, check in CHECKS.items() if not clauses(check)] == []


@pytest.mark.parametrize("capability", Capability)
def test_a_backend_that_lacks_a_capability_and_says_so_is_a_good_one(
    capability: Capability, tmp_path: Path
) -> None:
    for name in REFUSALS:
        CHECKS[name](Patient(lacking(capability)), tmp_path)


def test_what_needs_a_capability_that_is_lacking_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(unittest.SkipTest, match="pause"):
        CHECKS["test_a_pause_holds_for_all_and_over_restarts"](
            Proof(lacking(Capability.PAUSE)), tmp_path
        )


def test_a_refusal_names_the_backend_the_capability_and_a_way_out() -> None:
    error = NotSupportedError("frugal", Capability.TIMER_DATA.value)
    assert (error.backend, error.capability) == ("frugal", "timer_data")
    assert "'frugal'" in str(error)
    assert "'timer_data'" in str(error)
    assert "another" in str(error) or "a backend that has it" in str(error)


def test_every_capability_has_a_probe_and_a_fault() -> None:
    named = " ".join(FAULTS["B71"])
    assert [each for each in ALL if f"lacks {each.value} " not in named] == []


def test_a_backend_that_cannot_be_opened_again_skips_what_needs_it(tmp_path: Path) -> None:
    class Single(Proof):
        def reopen(self) -> Backend | None:
            return None

    with pytest.raises(unittest.SkipTest, match="second time"):
        CHECKS["test_a_restart_keeps_what_was_started"](Single(HONEST), tmp_path)
