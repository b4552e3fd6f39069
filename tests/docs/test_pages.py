"""Every block of every page is run, in order, and prints what the page says it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import (
    MARKUP,
    ROOT,
    RUN,
    SHOWN,
    WRITTEN,
    Block,
    agrees,
    blocks,
    commands,
    pages,
)
from tests.docs.reader import reading


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def marked(page: Path) -> Any:
    """The page, as slow if it starts OS processes."""
    typed = [command.line for b in blocks(page) if b.kind == "console" for command in commands(b)]
    is_slow = any(line.endswith("&") or not line.startswith("corago") for line in typed)
    return pytest.param(page, marks=[pytest.mark.slow] if is_slow else [], id=name(page))


@pytest.mark.parametrize(
    "page", [marked(page) for page in pages() if any(block.kind in RUN for block in blocks(page))]
)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        for block in blocks(page):
            reader.read(block)


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_block_is_run_or_its_language_says_that_nobody_runs_it(page: Path) -> None:
    for block in blocks(page):
        kinds = WRITTEN if block.file else RUN | SHOWN | {f"{{{each}}}" for each in MARKUP}
        assert block.kind in kinds, f"{block.place}: {block.kind or 'no language'}"


# -- the tests of the tests ------------------------------------------------------------------------


def page(folder: Path, text: str) -> list[Block]:
    path = folder / "page.md"
    path.write_text(text.replace("~~~", "```"), "utf-8")
    return [Block(ROOT / "page.md", b.line, b.kind, b.text, b.file) for b in blocks(path)]


def read(folder: Path, text: str) -> None:
    with reading(folder) as reader:
        for block in page(folder, text):
            reader.read(block)


def test_a_page_that_prints_something_else_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="and it printed:\n4"):
        read(tmp_path, "~~~python\nprint(2 + 2)\n~~~\n\n~~~output\n5\n~~~\n")


def test_a_command_that_prints_something_else_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="and it printed:"):
        read(tmp_path, "~~~console\n$ corago --version\nnever\n~~~\n")


def test_a_command_that_fails_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exit status 2"):
        read(tmp_path, "~~~console\n$ corago list\n~~~\n")


def test_a_command_that_should_fail_and_does_not_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exit status 0"):
        read(tmp_path, "~~~console\n$ corago --version  # exit status 2\n~~~\n")


def test_python_of_a_page_shares_one_namespace_and_names_the_line_that_fails(
    tmp_path: Path,
) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        read(tmp_path, "~~~python\nzero = 0\n~~~\n\nAnd then:\n\n~~~python\n1 / zero\n~~~\n")
    assert raised.traceback[-1].lineno == 7


def test_a_caption_or_a_comment_makes_a_block_a_file(tmp_path: Path) -> None:
    text = (
        "~~~{code-block} python\n:caption: a.py\n\nA = 1\n~~~\n\n"
        "<!-- file: b.py -->\n~~~python\nB = 2\n~~~\n\n"
        "~~~python\nimport a, b\n\nprint(a.A + b.B)\n~~~\n\n~~~output\n3\n~~~\n"
    )
    read(tmp_path, text)


def test_a_command_may_go_on_in_the_next_line(tmp_path: Path) -> None:
    (block,) = page(
        tmp_path, "~~~console\n$ corago list \\\n    --url x  # exit status 2\nno\n~~~\n"
    )
    (command,) = commands(block)
    assert (command.line, command.wanted, command.status) == ("corago list --url x", "no", 2)


def test_three_dots_stand_for_anything_and_nothing_else_does() -> None:
    assert agrees("a ... c\n...\nd", "a  b b c\n\nx\nd\n")
    assert not agrees("a ... c", "a b c d")
    assert not agrees("a.c", "abc")
