"""One exit status for each kind of outcome: a contract with scripts."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from corago import errors
from corago.cli.exits import STATUS_OF, Exit, status_of
from tests.cli.conftest import Call, finished, sample, spawned


def test_0_when_the_process_completed(call: Call) -> None:
    done = call("run", sample("doubler"), "--input", '{"n": 3}', "--wait")
    assert done.status == 0
    assert done.json == {"n": 6}


def test_1_when_the_process_failed_and_the_message_says_where_and_why(call: Call) -> None:
    done = call("run", sample("doubler"), "--input", '{"n": 9}', "--id", "p", "--wait")
    assert done.status == 1
    assert done.out == ""
    assert "'p' failed at 'Refuse large ones': ValueError: 18 is too large" in done.err
    assert "Traceback" not in done.err


@pytest.mark.acceptance
def test_1_at_once_when_the_process_is_suspended_with_the_explanation(
    call: Call, store: str
) -> None:
    dying = ("run", sample("deadly"), "--id", "p", "--wait")
    with spawned(*dying) as process:
        assert finished(process).status == -signal.SIGKILL
    done = call(*dying, "--timeout", "60")
    assert done.status == 1
    assert "suspended" in done.err
    assert "retry, skip or set its result" in done.err


def test_1_at_once_when_nobody_can_send_the_signal_it_waits_for(call: Call) -> None:
    done = call("run", sample("waiter"), "--wait", "--input", '{"n": 1}')
    assert done.status == 1
    assert "waits for the signal 'go'" in done.err
    assert "--url" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("list", "--nonsense"),
        ("show",),
        ("list",),
        ("run", "missing.py:workflow", "--wait"),
        ("run", sample("doubler")),
        ("run", sample("doubler"), "--group-by", "n", "--wait"),
        ("run", sample("doubler"), "--each", "x.csv", "--input", "{}"),
        ("run", sample("doubler"), "--timeout", "3s", "--url", "sqlite:///x.db"),
        ("worker", "--url", "sqlite:///x.db"),
        ("show", "p", "--url", "nonsense://x"),
        ("show", "p", "--url", "sqlite://x.db"),
        ("graph", sample("doubler"), "--format", "png"),
    ],
)
def test_2_when_the_command_line_makes_no_sense(call: Call, arguments: tuple[str, ...]) -> None:
    done = call(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("corago: ")
    assert "Traceback" not in done.err


def test_2_says_what_to_set_where_no_store_is_named(call: Call) -> None:
    done = call("show", "p")
    assert "`corago show` needs a store" in done.err
    assert "--url" in done.err
    assert "CORAGO_URL" in done.err


def test_3_when_there_is_no_such_process(call: Call, started: Callable[..., str]) -> None:
    started("doubler", {"n": 1})
    done = call("show", "nobody")
    assert done.status == 3
    assert "'nobody'" in done.err


def test_4_when_the_command_does_not_fit_the_status(
    call: Call, started: Callable[..., str]
) -> None:
    started("doubler", {"n": 1})
    done = call("retry", "p")
    assert done.status == 4
    assert "nothing in it has failed" in done.err


def test_4_when_the_id_is_taken_by_another_input(call: Call, started: Callable[..., str]) -> None:
    started("doubler", {"n": 1})
    done = call("run", sample("doubler"), "--input", '{"n": 2}', "--id", "p")
    assert done.status == 4


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ('{"n": 3', "no JSON"),
        ("@missing.json", "missing.json can't be read: No such file"),
        ("[1, 2]", "a dict with texts as keys"),
        ('{"n": NaN}', "NaN is no JSON number"),
    ],
)
def test_5_when_an_input_can_not_be_what_it_should(call: Call, option: str, said: str) -> None:
    done = call("run", sample("doubler"), "--wait", "--input", option)
    assert done.status == 5
    assert said in done.err


def test_6_is_kept_for_stores_that_ask_who_you_are() -> None:
    assert int(Exit.UNAUTHORISED) == 6
    assert Exit.UNAUTHORISED not in STATUS_OF.values()


def test_7_when_the_database_can_not_be_opened(call: Call, tmp_path: Path) -> None:
    done = call("run", sample("doubler"), "--url", f"sqlite:///{tmp_path}/no/such/folder/x.db")
    assert done.status == 7


def test_7_and_no_new_file_when_a_client_names_a_database_that_is_not_there(
    call: Call, tmp_path: Path
) -> None:
    path = tmp_path / "slip.db"
    done = call("list", "--url", f"sqlite:///{path}")
    assert done.status == 7
    assert "there is no database" in done.err
    assert not path.exists()


def test_8_when_the_patience_runs_out_with_the_explanation(call: Call, store: str) -> None:
    done = call("run", sample("waiter"), "--wait", "--timeout", "0.1", "--input", '{"n": 1}')
    assert done.status == 8
    assert "waits for the signal 'go'" in done.err


def test_9_when_a_check_found_something(
    call: Call, started: Callable[..., str], tmp_path: Path
) -> None:
    started("doubler", {"n": 1})
    assert call("db", "check").status == 0
    with sqlite3.connect(tmp_path / "work.db") as damaging:
        damaging.execute("DELETE FROM events")
    damaging.close()
    done = call("db", "check")
    assert done.status == 9
    assert "p" in done.out


@pytest.mark.usefixtures("store")
def test_9_when_what_was_recorded_could_not_have_happened(call: Call, tmp_path: Path) -> None:
    ran = call("run", sample("doubler"), "--wait", "--id", "p", "--input", '{"n": 1}')
    assert ran.status == 0, ran.err
    sound = call("db", "check", "--json").json
    assert (sound["processes"], sound["findings"]) == (1, [])
    assert sound["events"] > 1
    with sqlite3.connect(tmp_path / "work.db") as damaging:
        damaging.execute(
            "UPDATE events SET data = json_set(data, '$.attempt', 2)"
            " WHERE data ->> '$.type' = 'ActivityClosed'"
        )
        damaging.execute("UPDATE workflow_instances SET unfit = 99")
    damaging.close()
    done = call("db", "check")
    assert done.status == 9
    assert "definition 99, which is missing" in done.out
    assert "process p: position 2: an outcome of" in done.out
    assert "attempt 2, and not 1" in done.out


def test_70_for_an_error_of_its_own_and_a_traceback_only_on_request() -> None:
    assert int(status_of(RuntimeError("a defect"))) == 70


@pytest.mark.acceptance
def test_130_when_it_is_interrupted(store: str) -> None:
    arguments = ("run", sample("waiter"), "--wait", "--id", "p", "--input", '{"n": 1}')
    with spawned(*arguments) as process:
        assert process.stderr is not None
        assert "process p of waiter runs" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        done = finished(process)
    assert done.status == 130
    assert "any worker goes on with p" in done.err


def test_every_error_of_corago_has_a_status_of_its_own_table() -> None:
    public = [getattr(errors, name) for name in errors.__all__]
    statuses = {kind: status_of(kind.__new__(kind)) for kind in public}
    assert Exit.DEFECT not in statuses.values()
    assert statuses[errors.StoreCorruptError] == Exit.UNREACHABLE
    assert statuses[errors.ProcessAbortedError] == Exit.INCOMPLETE


def test_a_traceback_is_shown_when_it_is_asked_for(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORAGO_DEBUG", "1")
    assert "Traceback" in call("show", "p").err
