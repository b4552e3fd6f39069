"""Commands for many: filters instead of an ID, a look before, a list that is kept, a question."""

from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from corago import Engine, ProcessFailedError, Selection
from tests.cli.conftest import DEADLINE, Call, Called, sample
from tests.cli.samples import doubler

BY = ("--actor", "ann", "--reason", "the supplier is back")
FAILED = ("--workflow", "doubler", "--status", "failed", "--since", "2h")
Started = Callable[..., str]


def fail(url: str, *ids: str) -> None:
    """Processes that have failed, in this order."""
    with Engine(url, workflows=[doubler]) as engine:
        for id in ids:
            with pytest.raises(ProcessFailedError):
                engine.start(doubler, {"n": 9}, id=id).result(timeout=DEADLINE)


def finish(call: Call, id: str, workflow: str = "doubler", given: str = '{"n": 9}') -> Called:
    """Let a worker run a process until it ends."""
    return call("run", sample(workflow), "--input", given, "--id", id, "--wait")


def pending(call: Call) -> dict[str, int]:
    return {each["id"]: each["pending"] for each in call("list", "--json").json}


@pytest.fixture
def three(call: Call, store: str) -> tuple[str, ...]:
    """Three processes that have failed, and one of another kind that waits."""
    fail(store, "a", "b", "c")
    assert call("run", sample("waiter"), "--input", '{"n": 1}', "--id", "w").status == 0
    return ("a", "b", "c")


# -- doing it --------------------------------------------------------------------------------------


def test_all_that_fit_are_skipped_with_actor_and_reason(call: Call, three: Any) -> None:
    done = call("skip", *FAILED, "--yes", *BY)
    assert (done.status, done.out, done.err) == (0, "", "skip: 3 done, 0 refused\n")
    assert pending(call) == {"w": 0, "c": 1, "b": 1, "a": 1}
    assert finish(call, "b").json == {"n": 18}
    opened = [each for each in call("history", "b", "--json").json if each.get("actor") == "ann"]
    assert [each["type"] for each in opened] == ["ProcessReopened", "StepSkipped"]
    assert {each["reason"] for each in opened} == {"the supplier is back"}


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("retry", ("--status", "failed")),
        ("retry", ("--status", "failed", "--step", "Refuse large ones")),
        ("skip", ("--workflow", "doubler", "--step", "Refuse large ones")),
        ("abort", ("--status", "failed")),
        ("abort", ("--until", "0s", "--workflow", "doubler")),
        ("cancel", ("--tag", "blue", "--limit", "3")),
        ("signal", ("go", "--data", "[1]", "--tag", "blue")),
    ],
)
def test_each_command_for_many(
    call: Call, three: Any, started: Started, command: str, options: tuple[str, ...]
) -> None:
    for id in ("x", "y", "z"):
        started("waiter", {"n": 1}, id, tag="blue")
    done = call(command, *options, "--yes", "--json", *BY)
    assert done.status == 0, done.err
    expected = ["c", "b", "a"] if "blue" not in options else ["z", "y", "x"]
    assert done.json == {
        "verb": command,
        "count": 3,
        "done": expected,
        "refused": [],
        "actor": "ann",
        "reason": "the supplier is back",
    }


def test_those_that_do_not_fit_are_listed_and_the_others_are_done(call: Call, three: Any) -> None:
    done = call("retry", "--since", "1h", "--yes")
    assert done.status == 4
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["w"]
    assert "nothing in it has failed" in done.out
    assert done.err == "corago: retry: 3 done, 1 refused\n"
    assert pending(call) == {"w": 0, "c": 1, "b": 1, "a": 1}


def test_as_json_the_refused_are_data_and_the_error_is_too(call: Call, three: Any) -> None:
    done = call("skip", "--since", "1h", "--yes", "--json")
    assert done.status == 4
    assert (done.json["count"], len(done.json["done"])) == (4, 3)
    assert [each["id"] for each in done.json["refused"]] == ["w"]
    assert done.error == {"code": "command_refused", "message": "skip: 3 done, 1 refused"}


def test_where_none_fits_nothing_is_done_and_nothing_is_wrong(call: Call, three: Any) -> None:
    done = call("retry", "--workflow", "other", "--yes")
    assert (done.status, done.out, done.err) == (0, "", "no process fits\n")


# -- a look before ---------------------------------------------------------------------------------


def test_a_dry_run_shows_how_many_and_the_first_and_does_nothing(call: Call, three: Any) -> None:
    done = call("retry", *FAILED, "--dry-run")
    assert done.status == 0
    first, *lines = done.out.splitlines()
    assert first.startswith("3 processes (3 failed), selected at ")
    assert "workflow=doubler status=failed since=" in first
    assert [line.split("\t")[0] for line in lines] == ["c", "b", "a"]
    assert all("ValueError: 18 is too large" in line for line in lines)
    assert "nothing was done" in done.err
    assert set(pending(call).values()) == {0}


def test_a_dry_run_of_very_many_shows_the_first_ten(call: Call, started: Started) -> None:
    for number in range(12):
        started("waiter", {"n": 1}, f"p{number:02}")
    done = call("cancel", "--workflow", "waiter", "--dry-run")
    assert len(done.out.splitlines()) == 1 + 10
    assert "… and 2 more" in done.err
    assert len(call("cancel", "--workflow", "waiter", "--dry-run", "--json").json["targets"]) == 12


def test_a_dry_run_as_json_has_them_all(call: Call, three: Any) -> None:
    told = call("retry", *FAILED, "--dry-run", "--json").json
    assert (told["verb"], told["dry_run"], told["count"]) == ("retry", True, 3)
    assert told["statuses"] == {"failed": 3}
    position = call("show", "c", "--json").json["position"]
    assert told["targets"][0] == {"id": "c", "status": "failed", "position": position}


# -- the list that is kept -------------------------------------------------------------------------


def test_a_kept_list_is_acted_on_as_it_was(
    call: Call, three: Any, store: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.json"
    assert call("retry", *FAILED, "--dry-run", "--save", file).status == 0
    assert Selection.from_json(file.read_text("utf-8")).count == 3
    before = call("show", "b", "--json").json["position"]
    call("retry", "b")
    assert finish(call, "b").status == 1
    fail(store, "d")
    done = call("skip", "--targets", file)
    assert done.status == 4
    now = call("show", "b", "--json").json["position"]
    said = f"it has moved on since it was selected (position {before}, now {now})"
    assert done.out == f"b\t{said}\n"
    assert pending(call) == {"d": 0, "w": 0, "c": 1, "b": 0, "a": 1}
    assert call("skip", "--targets", file, "--even-if-moved", "--limit", "2").status == 0
    assert pending(call)["b"] == 1


def test_a_list_is_kept_when_it_is_acted_on_too(call: Call, three: Any, tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    assert call("retry", *FAILED, "--yes", "--save", file).status == 0
    assert json.loads(file.read_text("utf-8"))["conditions"]["status"] == "failed"
    assert call("retry", "--targets", file, "--dry-run").out.startswith("3 processes (3 failed)")


def test_a_process_of_a_kept_list_that_is_not_there_is_shown_and_refused(
    call: Call, three: Any, tmp_path: Path
) -> None:
    file = tmp_path / "list.json"
    call("abort", *FAILED, "--dry-run", "--save", file)
    file.write_text(file.read_text("utf-8").replace('"b"', '"nobody"'), "utf-8")
    assert "nobody\t\tfailed" in call("abort", "--targets", file, "--dry-run").out
    done = call("abort", "--targets", file)
    assert done.status == 4
    assert done.out.startswith("nobody\tno process has the id 'nobody'")


@pytest.mark.parametrize("content", [None, "no list", "{}"])
def test_a_file_that_is_no_list_is_named(
    call: Call, three: Any, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "list.json"
    if content is not None:
        file.write_text(content, "utf-8")
    done = call("retry", "--targets", file)
    assert done.status == 5
    assert str(file) in done.err


def test_a_list_that_can_not_be_kept_is_not_acted_on(
    call: Call, three: Any, tmp_path: Path
) -> None:
    done = call("retry", *FAILED, "--yes", "--save", tmp_path / "no" / "folder")
    assert done.status == 2
    assert "--save" in done.err
    assert set(pending(call).values()) == {0}


# -- what is not clear -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retry",), "Give its ID (`corago retry ID`), or filters"),
        (("retry", "--yes"), "or filters"),
        (("retry", "--dry-run"), "or filters"),
        (("retry", "a", "--status", "failed"), "'a' names one process and --status is for many"),
        (("cancel", "a", "--dry-run"), "give an ID or filters, not both"),
        (("abort", "--targets", "x.json", "--tag", "t"), "--targets names the processes"),
        (("signal",), "for which process?"),
        (("signal", "go"), "`corago signal ID NAME`"),
        (("signal", "--tag", "t", "--yes"), "which signal?"),
        (("signal", "a", "go", "--tag", "t"), "not both"),
        (("retry", *FAILED), "--yes does it"),
        (("retry", *FAILED, "--save", "x.json"), "--dry-run --save FILE"),
    ],
)
def test_2_where_it_is_not_clear_which_are_meant_or_nobody_can_be_asked(
    call: Call, three: Any, arguments: tuple[str, ...], said: str
) -> None:
    done = call(*arguments)
    assert done.status == 2
    assert said in done.err
    assert set(pending(call).values()) == {0}


@pytest.mark.parametrize("options", [("--status", "odd"), ("--since", "then"), ("--limit", "0")])
def test_5_for_filters_that_make_no_sense(call: Call, three: Any, options: tuple[str, ...]) -> None:
    assert call("retry", "--tag", "t", *options, "--yes").status == 5


# -- the question ----------------------------------------------------------------------------------


def answered(answer: str, *arguments: object) -> tuple[int, str]:
    """A command line at a terminal where somebody types this answer; its status and its words."""
    ours, theirs = pty.openpty()
    with Popen(
        [sys.executable, "-m", "corago.cli", *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        found = b""
        try:
            while data := os.read(ours, 65536):
                found += data
        except OSError:  # Linux says so when the other side has closed
            pass
        finally:
            os.close(ours)
        return process.wait(timeout=DEADLINE), found.decode()


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("answer", "status", "count"),
    [("y\n", 0, 3), ("yes\n", 0, 3), ("n\n", 130, 0), ("\n", 130, 0), ("\x04", 130, 0)],
)
def test_at_a_terminal_it_asks_with_the_count(
    call: Call, three: Any, answer: str, status: int, count: int
) -> None:
    found, said = answered(answer, "retry", *FAILED)
    assert found == status, said
    assert "3 processes (3 failed)" in said
    assert "retry 3 processes? [y/N]" in said
    assert ("nothing was done" in said) == (status != 0)
    assert sum(pending(call).values()) == count


@pytest.mark.acceptance
def test_at_a_terminal_a_kept_list_is_asked_about_too(
    call: Call, three: Any, tmp_path: Path
) -> None:
    file = tmp_path / "list.json"
    call("abort", *FAILED, "--dry-run", "--save", file)
    assert answered("n\n", "abort", "--targets", file)[0] == 130
    found, said = answered("", "abort", "--targets", file, "--yes")
    assert found == 0
    assert "[y/N]" not in said
