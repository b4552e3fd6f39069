"""The reference is whole, and what pages name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import corago
import corago.decider
import corago.testing
from corago import errors
from tests.docs.pages import DOCS, ROOT, pages

API = (DOCS / "reference/api.md").read_text("utf-8")
DOCUMENTED = {
    line.rpartition(".")[2].strip()
    for line in re.findall(r"^\.\. auto\w+:: (\S+)", API, re.MULTILINE)
}
SAID = set(re.findall(r"`(\w+)", API))
"""Names that the page explains in prose, as it does the words of a list."""

TESTS = re.compile(r"`(test_\w+)`")


def test_the_page_of_the_api_holds_every_public_name() -> None:
    told_elsewhere = {*errors.__all__, "History", "events"}
    missing = set(corago.__all__) - DOCUMENTED - SAID - told_elsewhere
    assert not missing


def test_it_holds_every_name_of_the_decider_door() -> None:
    names = {each for each in corago.decider.__all__ if not each.endswith("Decision")}
    told_elsewhere = {"Failure", "History", "Retry", "rules"}
    assert not names - DOCUMENTED - SAID - told_elsewhere


def test_it_holds_every_name_of_the_testing_kit() -> None:
    assert not set(corago.testing.__all__) - DOCUMENTED


@pytest.mark.parametrize(
    "page", [each for each in pages() if TESTS.search(each.read_text())], ids=lambda page: page.stem
)
def test_a_test_that_a_page_names_exists(page: Path) -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)", code))
    assert set(TESTS.findall(page.read_text("utf-8"))) <= there


def test_every_promise_has_its_words_and_a_test_and_none_says_too_much() -> None:
    page = (DOCS / "explanation/guarantees.md").read_text("utf-8")
    rows = [line.strip("|").split("|") for line in re.findall(r"^\| \d+ \|.*$", page, re.MULTILINE)]
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= 20
    for _, name, words, proof in rows:
        assert words.strip().endswith("."), name
        assert TESTS.search(proof), name
        assert "exactly once" not in words.lower(), name


def test_every_decision_is_in_the_list_of_decisions() -> None:
    listed = (DOCS / "adr/README.md").read_text("utf-8")
    for path in (DOCS / "adr").glob("0*.md"):
        assert f"({path.name})" in listed
