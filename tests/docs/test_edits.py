"""The table of edits in the how-to on live workflows: each row is tried on a living process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from corago import Engine, State, done, init, parallel, step, wait_for, workflow
from corago.testing import expect
from tests.docs.pages import DOCS

PAGE = (DOCS / "how-to/edit-live-workflows.md").read_text("utf-8")
ROWS = {
    edit: (ahead, behind)
    for edit, ahead, behind in re.findall(r"^\| (.+?) \| (.*?) ?\| (.*?) ?\|$", PAGE, re.MULTILINE)
}


def nothing() -> State:
    return {}


STEPS: dict[str, Any] = {name: step(name)(nothing) for name in "ABCN"} | {"?": wait_for("go")}
STEPS["b"] = step("B", timeout=5, at_most_once=True)(nothing)
STEPS["P"] = parallel("P", STEPS["?"], STEPS["A"])
STEPS["Q"] = parallel("P", STEPS["?"], STEPS["A"], STEPS["N"])

# By the row's beginning: the list before and after, where the process stands at `?` or in `P`;
# first with the edit ahead of it, then with the edit behind it.
EDITS: dict[str, tuple[tuple[str, str] | None, tuple[str, str] | None]] = {
    "add a step": (("A?B", "A?BN"), ("A?B", "NA?B")),
    "remove a step": (("A?BC", "A?C"), ("AB?C", "B?C")),
    "reorder steps": (("A?BC", "A?CB"), ("AB?C", "BA?C")),
    "rename a step": (("A?B", "A?N"), ("A?B", "N?B")),
    "move a step to the other side": (("A?BC", "AB?C"), ("AB?C", "A?BC")),
    "remove or rename the step that it stands at": (None, ("A?B", "AB")),
    "add a branch": (("P", "Q"), None),
    "change `retry`": (("A?B", "A?b"), ("B?C", "b?C")),
}


def flow(letters: str) -> Any:
    """A workflow of these steps."""

    def flow() -> Any:
        found: Any = init
        for letter in letters:
            found = found >> STEPS[letter]
        return found >> done

    return workflow("Some steps")(flow)


def verdict(folder: Path, before: str, after: str) -> str:
    """What becomes of a process of one list where the other one is."""
    url = f"sqlite:///{folder / 'work.db'}"
    with Engine(url, workflows=[flow(before)]) as engine:
        expect(engine.start(flow(before), id="p")).waits_for_signal("go")
    with Engine(url, workflows=[flow(after)], worker=False) as engine:
        return "waits" if engine.migrate("p", dry_run=True).differences else "taken over"


def test_every_row_of_the_table_is_tried() -> None:
    edits = [edit for edit in ROWS if edit != "change" and not edit.startswith("---")]
    assert len(edits) == len(EDITS)


@pytest.mark.parametrize("begins", EDITS)
@pytest.mark.parametrize("side", [0, 1], ids=["ahead", "behind"])
def test_a_row_of_the_table_says_what_happens(tmp_path: Path, begins: str, side: int) -> None:
    (row,) = (said for edit, said in ROWS.items() if edit.startswith(begins))
    edit = EDITS[begins][side]
    assert (verdict(tmp_path, *edit) if edit else "") in row[side]
    assert bool(edit) == bool(row[side])
