"""The house rules as tests, each a sentence.

Every rule is also shown an offence of its own (`OFFENCES`, below), because a rule that cannot fail
guards nothing.
"""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

import pytest

import corago
from tests.tidy import rules
from tests.tidy.rules import (
    LATE_IMPORTS,
    LINES_WISHED,
    SIMULATOR,
    Rule,
    Source,
    make_targets,
    python,
    sources,
    undescribed_face,
)

EVERYWHERE = ("src/", "tests/", "benchmarks/", "examples/", "scripts/", "docs/")


def assert_kept(rule: Rule, where: Iterable[Source]) -> None:
    offences = [f"{source.path}: {offence}" for source in where for offence in rule(source)]
    assert not offences, "\n" + "\n".join(offences)


def test_a_file_ends_at_500_lines() -> None:
    for source in python("src/"):
        if (count := len(source.text.splitlines())) > LINES_WISHED:
            print(f"{source.path}: {count} lines, {LINES_WISHED} wished for")  # noqa: T201
    assert_kept(rules.too_long, python(*EVERYWHERE))


def test_a_function_ends_at_70_lines() -> None:
    assert_kept(rules.too_long_function, python(*EVERYWHERE))


def test_nothing_is_left_for_later() -> None:
    assert_kept(rules.postponed, [each for each in sources() if not each.path.endswith(".md")])


def test_no_test_sleeps() -> None:
    assert_kept(rules.sleeping, python("tests/"))


def test_tests_use_fakes_and_no_mocks() -> None:
    assert_kept(rules.mocking, python(*EVERYWHERE))


def test_sql_lives_in_sql_files() -> None:
    assert_kept(rules.sql_in_python, python("src/"))


def test_every_module_says_what_lives_in_it() -> None:
    assert_kept(rules.undescribed_module, python("src/"))


def test_everything_on_the_public_face_is_described() -> None:
    missing = list(undescribed_face(corago))
    assert not missing, "\n" + "\n".join(missing)


def test_imports_stand_at_the_top_but_for_a_reason() -> None:
    assert_kept(rules.late_import, python("src/"))
    assert all(LATE_IMPORTS.values())


def test_no_except_is_bare() -> None:
    assert_kept(rules.bare_except, python(*EVERYWHERE))


def test_every_waiver_in_the_code_names_what_it_waives() -> None:
    assert_kept(rules.blanket_waiver, python(*EVERYWHERE))


def test_every_waiver_in_the_settings_carries_its_reason() -> None:
    assert_kept(rules.unreasoned, [each for each in sources() if each.path == "pyproject.toml"])


def test_only_the_clock_reads_time_and_only_ids_take_chances() -> None:
    assert_kept(rules.time_or_chance, python("src/"))


def test_no_room_looks_at_the_house_from_outside() -> None:
    rooms = [each for each in python("src/corago/") if each.path != "src/corago/__init__.py"]
    assert_kept(rules.faces_inward, rooms)


def test_the_public_face_does_not_ship_the_tests() -> None:
    face = [each for each in sources() if each.path == "src/corago/__init__.py"]
    assert_kept(rules.ships_tests, face)


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert_kept(rules.machine_path, sources())


def test_no_file_names_a_package_registry() -> None:
    assert_kept(rules.registry, sources())


def test_what_is_shipped_stands_without_the_drawing_board() -> None:
    shipped = (each for each in sources() if not each.path.startswith(("tests/", "benchmarks/")))
    assert_kept(rules.scaffold, shipped)


def test_no_lock_file_is_kept() -> None:
    assert_kept(rules.lock_file, sources())


def test_there_is_no_room_for_odds_and_ends() -> None:
    assert_kept(rules.drawer, [each for each in sources() if each.path.startswith("src/")])


def test_pages_name_real_commands_real_files_and_real_python() -> None:
    assert_kept(rules.broken_page, [each for each in sources() if each.path.endswith(".md")])


def test_the_two_first_commands_exist() -> None:
    assert {"demo", "test"} <= make_targets()
    for readme in (each for each in sources() if each.path == "README.md"):
        assert "make demo" in readme.text
        assert "make test" in readme.text


# Letters that would be an offence in this very file are written as escapes.
OFFENCES: list[tuple[Rule, str, str]] = [
    (rules.too_long, "src/a.py", "x\n" * 501),
    (rules.too_long_function, "src/a.py", "def f():\n    '''Doc.'''\n" + "    x = 1\n" * 70),
    (rules.postponed, "src/a.py", "# T\x4fDO: all of it\n"),
    (rules.sleeping, "tests/a.py", "from time import sleep as nap\nnap(1)\n"),
    (rules.sleeping, "tests/a.py", "import time\ntime.sleep(1)\n"),
    (rules.mocking, "tests/a.py", "from unittest import mock\n"),
    (rules.mocking, "tests/a.py", "import unittest.mock\n"),
    (
        rules.mocking,
        "tests/a.py",
        "def test(monkeypatch):\n    monkeypatch.setattr('os.fork', None)\n",
    ),
    (rules.mocking, "tests/a.py", "def test(mocker): ...\n"),
    (rules.sql_in_python, "src/a.py", "run('SELECT 1\\n FROM tasks')\n"),
    (rules.sql_in_python, "src/a.py", "run(f'select {columns} from tasks')\n"),
    (rules.sql_in_python, "src/a.py", "Q = 'INSERT ' 'OR IGNORE INTO tasks'\n"),
    (rules.undescribed_module, "src/a.py", "x = 1\n"),
    (rules.late_import, "src/corago/core/a.py", "def f():\n    import json\n"),
    (rules.late_import, "src/corago/core/a.py", "def f():\n    import json  # noqa: PLC0415\n"),
    (rules.bare_except, "src/a.py", "try:\n    f()\nexcept:\n    pass\n"),
    (rules.blanket_waiver, "src/a.py", "x = f()  # type: ignore\n"),
    (rules.blanket_waiver, "src/a.py", "x = f()  # noqa\n"),
    (rules.time_or_chance, "src/a.py", "from datetime import datetime as dt\ndt.now()\n"),
    (rules.time_or_chance, "src/a.py", "import time as t\ndef f(clock=t.monotonic): ...\n"),
    (rules.time_or_chance, "src/a.py", "import asyncio\nasyncio.get_running_loop().time()\n"),
    (rules.time_or_chance, "src/a.py", "from random import choice\nchoice([1])\n"),
    (rules.time_or_chance, f"{SIMULATOR}a.py", "import random\nrandom.random()\n"),
    (rules.faces_inward, "src/corago/core/a.py", "from corago import Engine\n"),
    (rules.faces_inward, "src/corago/core/a.py", "import corago\n"),
    (rules.ships_tests, "src/corago/__init__.py", "from corago.testing import crash_at\n"),
    (rules.ships_tests, "src/corago/__init__.py", "import corago.testing\n"),
    (rules.machine_path, "README.md", "sqlite:////t\x6dp/work.db\n"),
    (rules.registry, "Makefile", "pip install --extra-inde\x78-url=somewhere\n"),
    (rules.scaffold, "README.md", "see ../share\x64/design\n"),
    (rules.lock_file, "uv.lock", ""),
    (rules.drawer, "src/corago/utils.py", ""),
    (rules.drawer, "src/corago/core/helpers/text.py", ""),
    (rules.broken_page, "README.md", "Run `make dinner`.\n"),
    (rules.broken_page, "README.md", "```console\n$ make dinner\n```\n"),
    (rules.broken_page, "README.md", "```python\nx = = 1\n```\n"),
    (rules.broken_page, "README.md", "[here](docs/nowhere.md)\n"),
    (rules.unreasoned, "pyproject.toml", '[tool.ruff.lint]\nignore = [\n    "EM",\n]\n[tool.x]\n'),
]


@pytest.mark.parametrize(("rule", "path", "text"), OFFENCES)
def test_each_rule_notices_what_it_forbids(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


def test_the_rule_for_the_public_face_notices_an_undescribed_name() -> None:
    face = ModuleType("face")
    face.Thing = dataclass(type("Thing", (), {}))  # type: ignore[attr-defined]
    face.__all__ = ["Thing"]  # type: ignore[attr-defined]
    assert list(undescribed_face(face))


def test_every_rule_has_been_shown_an_offence() -> None:
    shown = {rule for rule, _, _ in OFFENCES}
    existing = {
        thing
        for thing in vars(rules).values()
        if inspect.isfunction(thing) and list(inspect.signature(thing).parameters) == ["source"]
    }
    assert existing == shown
