"""What holds for every example: it is small, it is tested, and its commands name real things."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from corago.decider import Workflow as Decider
from corago.machine import Machine
from corago.steps import Workflow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LINES_MAX = 150


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_on_a_few_screens(example: Path) -> None:
    assert len(example.read_text("utf-8").splitlines()) <= LINES_MAX


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_tests_of_its_own(example: Path) -> None:
    assert (Path(__file__).parent / f"test_{example.name}").exists()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_commands_of_a_docstring_name_workflows_that_exist(example: Path) -> None:
    module = import_module(f"examples.{example.stem}")
    named = re.findall(r"corago run (\S+):(\w+)", module.__doc__ or "")
    assert named
    for path, name in named:
        assert path == f"examples/{example.name}"
        found = getattr(module, name)
        assert isinstance(found, Workflow | Machine) or issubclass(found, Decider)
