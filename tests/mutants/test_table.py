"""The table of deliberate bugs fits the sources as they are; `make mutants` runs all of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.table import MUTANTS

ROOMS = {"core": 20, "stores": 40, "backends/local": 10, "runtime": 20, "steps": 5, "machine": 5}
"""So many bugs at least for each."""

MISFIT = Mutant("a bug", "core/kernel.py", "no such line", "another", ("tests",))


def misfits(mutants: tuple[Mutant, ...]) -> Iterator[str]:
    """What is wrong with any of them."""
    for mutant in mutants:
        sound = mutant.path().read_text(encoding="utf-8")
        try:
            patched = mutant.patched(sound)
            if mutant.file.endswith(".py"):
                ast.parse(patched, mutant.file)
        except (ValueError, SyntaxError) as error:
            yield str(error)
        else:
            if patched == sound:
                yield f"{mutant.name!r} changes nothing"


def test_each_fits_its_file_once_and_leaves_sound_code() -> None:
    assert "\n".join(misfits(MUTANTS)) == ""


def test_one_that_no_longer_fits_says_so() -> None:
    (said,) = misfits((MISFIT,))
    assert said.startswith("'a bug': its old text stands in core/kernel.py 0 times")


def test_there_are_many_in_every_room_and_none_twice() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert len({(each.file, each.old, each.new, each.suites) for each in MUTANTS}) == len(MUTANTS)
    found = {room: sum(each.file.startswith(f"{room}/") for each in MUTANTS) for room in ROOMS}
    assert {room: count for room, count in found.items() if count < ROOMS[room]} == {}


def test_its_suites_are_there() -> None:
    paths = {suite.partition("::")[0] for mutant in MUTANTS for suite in mutant.suites}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
