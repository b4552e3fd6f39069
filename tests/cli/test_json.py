"""With --json every command writes one JSON document on stdout, and errors as JSON on stderr."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Call, sample

LOOKING = {
    ("list",): list,
    ("list", "--count"): dict,
    ("show", "p"): dict,
    ("history", "p"): list,
    ("explain", "p"): dict,
    ("graph", "p"): dict,
    ("preview", "p", "--retry"): dict,
    ("db", "status"): dict,
    ("db", "upgrade"): dict,
    ("db", "check"): dict,
}


@pytest.mark.parametrize("arguments", LOOKING, ids=" ".join)
def test_commands_that_look(call: Call, failed: str, arguments: tuple[str, ...]) -> None:
    done = call(*arguments, "--json")
    assert done.status == 0, done.err
    assert isinstance(done.json, LOOKING[arguments])
    assert done.err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry", "p"),
        ("skip", "p"),
        ("set-result", "p", "{}"),
        ("abort", "p"),
    ],
    ids=" ".join,
)
def test_commands_that_act_on_what_failed(
    call: Call, failed: str, arguments: tuple[str, ...]
) -> None:
    done = call(*arguments, "--json", "--actor", "ann", "--reason", "because")
    assert done.status == 0, done.err
    assert done.json | {"id": "p", "actor": "ann", "reason": "because"} == done.json


@pytest.mark.parametrize(
    "arguments",
    [
        ("signal", "p", "go", "--data", '{"a": 1}'),
        ("update", "p", '{"a": 1}'),
        ("cancel", "p"),
    ],
    ids=" ".join,
)
def test_commands_that_act_on_what_is_open(
    call: Call, started: Callable[..., str], arguments: tuple[str, ...]
) -> None:
    started("waiter", {"n": 1})
    done = call(*arguments, "--json")
    assert done.status == 0, done.err
    assert done.json["id"] == "p"


def test_pause_and_unpause(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 1})
    assert call("pause", "--json").json["paused"] is True
    assert call("db", "status", "--json").json["paused"] is True
    assert call("unpause", "--json").json["paused"] is False


def test_run_without_waiting_gives_the_id(call: Call, store: str) -> None:
    done = call("run", sample("doubler"), "--input", '{"n": 1}', "--json")
    assert done.json["workflow"] == "doubler"
    assert call("show", done.json["id"]).status == 0


def test_run_with_waiting_gives_the_process_whether_it_completed_or_not(call: Call) -> None:
    good = call("run", sample("doubler"), "--input", '{"n": 1}', "--wait", "--json")
    assert (good.json["status"], good.json["result"]) == ("completed", {"n": 2})
    bad = call("run", sample("doubler"), "--input", '{"n": 9}', "--wait", "--json")
    assert bad.status == 1
    assert bad.json["status"] == "failed"
    assert bad.json["error"]["type"] == "ValueError"
    assert bad.error["code"] == "process_failed"


def test_a_batch_gives_its_sums(call: Call, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"n": 1}\n{"n": 9}\n')
    done = call("run", sample("doubler"), "--each", tmp_path / "rows.jsonl", "--json")
    assert done.status == 1
    assert done.json["total"] == 2
    assert done.json["completed"] == done.json["failed"] == 1
    assert [each["status"] for each in done.json["failures"]] == ["failed"]


def test_a_drawing_of_a_file(call: Call) -> None:
    done = call("graph", sample("forked"), "--json")
    assert done.json["document"]["name"] == "forked"
    assert "Both" in done.json["drawing"]


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("show", "nobody"), 3, "process_not_found"),
        (("nonsense",), 2, "usage"),
        (("list", "--status", "odd"), 5, "invalid_input"),
        (("graph", "missing.py"), 2, "load"),
    ],
)
def test_errors_are_one_json_document_on_stderr(
    call: Call, started: Callable[..., str], arguments: tuple[str, ...], status: int, code: str
) -> None:
    started("doubler", {"n": 1})
    done = call(*arguments, "--json")
    assert (done.status, done.out) == (status, "")
    assert json.loads(done.err)["code"] == code
    assert json.loads(done.err)["message"]


def test_the_option_may_stand_before_the_command(call: Call, started: Callable[..., str]) -> None:
    started("doubler", {"n": 1})
    assert call("--json", "list").json == call("list", "--json").json


def test_what_steps_print_does_not_get_into_the_data(call: Call) -> None:
    done = call("run", sample("doubler"), "--input", '{"n": 1}', "--wait")
    assert done.json == {"n": 2}
    assert "doubling" in done.err
