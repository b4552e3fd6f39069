"""Help: quick, complete, and the same for every command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from corago import __version__
from corago.cli.app import COMMANDS, DATABASE
from tests.cli.conftest import Call

NAMES = [name for group in COMMANDS.values() for name in group]


def test_help_lists_every_command_and_the_exit_statuses(call: Call) -> None:
    done = call("--help")
    assert done.status == 0
    for name in [*NAMES, "db"]:
        assert f" {name} " in done.out
    assert "9 findings" in done.out


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_and_the_common_options(call: Call, name: str) -> None:
    done = call(name, "--help")
    assert done.status == 0
    assert "--json" in done.out
    assert "--quiet" in done.out
    assert "--no-" not in done.out


@pytest.mark.parametrize("name", DATABASE)
def test_so_have_those_for_the_database(call: Call, name: str) -> None:
    assert "--url" in call("db", name, "--help").out


@pytest.mark.parametrize("name", ["run", *COMMANDS["Act"]])
def test_commands_that_act_take_actor_and_reason(call: Call, name: str) -> None:
    said = call(name, "--help").out
    assert "--actor" in said
    assert "--reason" in said


@pytest.mark.parametrize("name", ["signal", "retry", "skip", "cancel", "abort"])
def test_commands_for_many_say_how_to_choose_and_to_look_first(call: Call, name: str) -> None:
    said = call(name, "--help").out
    for option in (
        "--workflow",
        "--status",
        "--since",
        "--targets",
        "--save",
        "--dry-run",
        "--yes",
    ):
        assert option in said


def test_the_version_is_the_packages(call: Call) -> None:
    assert call("--version").out.strip() == __version__


@pytest.mark.acceptance
def test_help_imports_no_command_and_no_database() -> None:
    asked = (
        "import sys; from corago.cli import main; main(['--help']); "
        "heavy = {'corago.stores.sqlite', 'csv', 'rich.progress', 'corago.cli.looking'}; "
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == "[]\n"


@pytest.mark.acceptance
def test_colours_are_left_out_where_they_are_not_wanted(call: Call) -> None:
    assert "\x1b[" not in call("--help").out


@pytest.mark.acceptance
def test_it_is_silent_when_nobody_reads_on() -> None:
    command = f"{sys.executable} -m corago.cli --help | head -n 0"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr
