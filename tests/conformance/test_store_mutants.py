"""Every clause of the Store port's contract is proved: for each there are faults, all caught.

A check that no fault can fail proves nothing, so each check must fail on some fault, too.
"""

from __future__ import annotations

import functools
import inspect
import re
import unittest
from pathlib import Path
from typing import ClassVar

import pytest

from corago.ports import store as port
from corago.ports.store import Store
from corago.stores.memory import MemoryStore
from corago.testing.clock import VirtualClock
from corago.testing.store_suite import StoreSuite, clauses
from tests.conformance import (
    store_faults_append,
    store_faults_beating,
    store_faults_entry,
    store_faults_limits,
    store_faults_more,
    store_faults_runs,
    store_faults_tasks,
    store_faults_work,
)
from tests.conformance.store_mutants import Mutant

FAULTS = (
    store_faults_entry.FAULTS
    | store_faults_append.FAULTS
    | store_faults_work.FAULTS
    | store_faults_more.FAULTS
    | store_faults_tasks.FAULTS
    | store_faults_limits.FAULTS
    | store_faults_beating.FAULTS
    | store_faults_runs.FAULTS
)
CHECKS = StoreSuite.checks()
TABLE = [(clause, fault) for clause, faults in FAULTS.items() for fault in faults]


class Proof(StoreSuite):
    """The suite, run outside pytest against the store in memory or a mutant of it."""

    patience: ClassVar[float] = 0.2  # what is awaited from a mute store never comes

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def make_store(self, clock: VirtualClock, tmp_path: Path) -> Store:
        self._store = self._mutant(clock)
        return self._store

    def reopen(self) -> Store | None:
        twin = getattr(self._store, "twin", None)
        return twin() if twin else self._store


class Patient(Proof):
    """The same for what must pass, however busy the machine is."""

    patience: ClassVar[float] = 60.0


def fails(name: str, mutant: Mutant) -> bool:
    """Whether a check says no; any other trouble is a mistake in the mutant."""
    proof = Patient if mutant is MemoryStore else Proof
    try:
        CHECKS[name](proof(mutant), Path("nowhere"))
    except (AssertionError, TimeoutError):
        return True
    return False


@functools.cache
def catches(name: str, clause: str, fault: str) -> bool:
    return fails(name, FAULTS[clause][fault])


def checks_of(clause: str) -> list[str]:
    return [name for name, check in CHECKS.items() if clause in (clauses(check) or {"other"})]


@pytest.mark.parametrize(("clause", "fault"), TABLE, ids=[f"{c}: {fault}" for c, fault in TABLE])
def test_a_fault_is_caught_by_a_check_of_its_clause(clause: str, fault: str) -> None:
    assert any(catches(name, clause, fault) for name in checks_of(clause))


def test_the_store_itself_fails_no_check() -> None:
    assert [name for name in CHECKS if fails(name, MemoryStore)] == []


def test_every_clause_of_the_contract_has_faults_and_checks() -> None:
    written = set(re.findall(r"\[(C\d\d)\]", inspect.getsource(port)))
    assert written == {f"C{number:02}" for number in range(1, len(written) + 1)}
    assert set(FAULTS) - {"other"} == written
    assert {clause for check in CHECKS.values() for clause in clauses(check)} == written
    assert all(FAULTS.values())


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_can_fail(name: str) -> None:
    near = clauses(CHECKS[name]) or {"other"}
    faults = sorted(TABLE, key=lambda entry: entry[0] not in near)
    assert any(catches(name, clause, fault) for clause, fault in faults)


def test_a_store_that_cannot_be_opened_again_skips_what_needs_it(tmp_path: Path) -> None:
    class Single(Proof):
        def reopen(self) -> Store | None:
            return None

    with pytest.raises(unittest.SkipTest):
        CHECKS["test_a_restart_keeps_keys"](Single(MemoryStore), tmp_path)
