"""All faults against all checks, of stores and backends: `make mutants`. Takes its time.

The tests hold that each fault is caught by a check of its clause, and that each check can fail.
This says more: that no fault is a mistake in the mutant, which would catch itself, and that a
backend which lacks one capability, and says so, passes everything that does not need it.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corago.ports.capability import Capability
from tests.conformance import test_backend_mutants as backends
from tests.conformance import test_store_mutants as stores
from tests.conformance.backend_lacking import lacking
from tests.conformance.backend_mutants import CHECKS, Patient, fails

STUMBLES = (LookupError, ValueError, AttributeError)
"""What a check ends with that looks for what a fault has taken away."""


def catchers(names: list[str], fails: Callable[[str, Any], bool], mutant: Any) -> set[str]:
    """The checks that say no to a mutant, or stumble over it; other errors are its own."""
    found = set()
    for name in names:
        try:
            if fails(name, mutant):
                found.add(name)
        except unittest.SkipTest:
            continue
        except STUMBLES:
            found.add(name)
    return found


@pytest.mark.parametrize(("clause", "fault"), backends.TABLE)
def test_a_fault_of_a_backend_is_caught_by_what_it_breaks(clause: str, fault: str) -> None:
    mutant = backends.FAULTS[clause][fault]
    caught = catchers(list(CHECKS), fails, mutant)
    assert caught & set(backends.checks_of(clause))


@pytest.mark.parametrize(("clause", "fault"), stores.TABLE)
def test_a_fault_of_a_store_is_caught_by_what_it_breaks(clause: str, fault: str) -> None:
    mutant = stores.FAULTS[clause][fault]
    caught = catchers(list(stores.CHECKS), stores.fails, mutant)
    assert caught & set(stores.checks_of(clause))


@pytest.mark.parametrize("capability", Capability)
def test_a_backend_that_lacks_one_capability_passes_all_else(
    capability: Capability, tmp_path: Path
) -> None:
    for check in CHECKS.values():
        try:
            check(Patient(lacking(capability)), tmp_path)
        except unittest.SkipTest:
            continue
