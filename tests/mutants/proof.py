"""A plugin for the runs of mutants: it is the copy that runs, or nothing does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import corago

VARIABLE = "CORAGO_MUTANT_SOURCE"
"""Names the folder from which corago must have been imported."""


def pytest_configure() -> None:
    """Raises UsageError, which is no failed test, for any other code."""
    wanted, found = Path(os.environ[VARIABLE]), Path(corago.__file__)
    if wanted.resolve() not in found.resolve().parents:
        raise pytest.UsageError(f"the tests would run {found}, and not the copy in {wanted}")
