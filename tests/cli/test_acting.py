"""Commands that act: each does what it says, and is recorded with actor and reason."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Call, sample

BY = ("--actor", "ann", "--reason", "it was time")


def events(call: Call, id: str = "p") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("history", id, "--json").json
    return found


def run_here(call: Call, workflow: str, given: str, id: str = "p") -> Any:
    """Run a process to its end."""
    return call("run", sample(workflow), "--input", given, "--id", id, "--wait")


def test_a_signal_is_sent_with_its_data(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 4})
    done = call("signal", "p", "go", "--data", '{"word": "now"}', *BY)
    assert (done.status, done.out) == (0, "")
    assert "signal 'go' sent to p" in done.err
    assert run_here(call, "waiter", '{"n": 4}').json == {"n": 8, "go": {"word": "now"}}
    received = next(each for each in events(call) if each["type"] == "SignalReceived")
    assert (received["actor"], received["reason"]) == ("ann", "it was time")


def test_the_actor_is_the_login_name_unless_somebody_is_named(
    call: Call, started: Callable[..., str]
) -> None:
    started("waiter", {"n": 4})
    assert events(call)[0]["actor"] == getpass.getuser()


def test_a_signals_data_may_be_a_negative_number(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 4})
    assert call("signal", "p", "go", "--data", "-5").status == 0
    assert run_here(call, "waiter", '{"n": 4}').json["go"] == -5


def test_a_key_makes_a_repeated_signal_harmless_and_names_one_message(
    call: Call, started: Callable[..., str]
) -> None:
    started("waiter", {"n": 4})
    for _ in range(2):
        assert call("signal", "p", "go", "--data", "1", "--key", "k").status == 0
    assert call("signal", "p", "go", "--data", "2", "--key", "k").status == 4
    assert call("show", "p", "--json").json["pending"] == 1


@pytest.mark.parametrize("form", [("{}",), ("--changes", "{}"), ("--changes={}",)])
def test_an_update_changes_the_external_store(
    call: Call, started: Callable[..., str], form: tuple[str, ...]
) -> None:
    started("waiter", {"n": 4})
    filled = [text.replace("{}", '{"badge": true}') for text in form]
    assert call("update", "p", *filled, *BY).status == 0
    call("signal", "p", "go")
    run_here(call, "waiter", '{"n": 4}')
    assert call("show", "p", "--json").json["external"] == {"badge": True}


def test_an_update_is_an_object(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 4})
    assert call("update", "p", "[1]").status == 5


def test_retry_takes_up_what_failed(call: Call, store: str, tmp_path: Path) -> None:
    given = f'{{"marker": "{tmp_path}/marker"}}'
    assert run_here(call, "stubborn", given).status == 1
    assert call("retry", "p", *BY).status == 0
    assert run_here(call, "stubborn", given).json["seen"] is True
    assert "ann" in {each.get("actor") for each in events(call)}


def test_skip_goes_on_past_what_failed(call: Call, failed: str) -> None:
    assert call("skip", failed, "--step", "Refuse large ones", *BY).status == 0
    assert run_here(call, "doubler", '{"n": 9}').json == {"n": 18}


def test_set_result_puts_a_result_in_its_place(call: Call, failed: str) -> None:
    assert call("set-result", failed, '{"n": 1}', *BY).status == 0
    assert run_here(call, "doubler", '{"n": 9}').json == {"n": 1}


def test_a_step_that_has_not_failed_is_refused_with_those_that_have(
    call: Call, failed: str
) -> None:
    done = call("retry", failed, "--step", "Double")
    assert done.status == 4
    assert "'Refuse large ones'" in done.err


def test_cancel_and_abort_end_a_process(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 4}, "a")
    started("waiter", {"n": 4}, "b")
    assert call("cancel", "a", *BY).status == 0
    assert run_here(call, "waiter", '{"n": 4}', "a").status == 1
    assert call("abort", "b", *BY).status == 0
    statuses = {each["id"]: each["status"] for each in call("list", "--json").json}
    assert statuses == {"a": "canceled", "b": "aborted"}
    assert events(call, "b")[-1]["reason"] == "it was time"
    assert call("abort", "b").status == 4


def test_a_closed_process_takes_no_signal(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 4})
    call("abort", "p")
    assert call("signal", "p", "go").status == 4


def test_a_paused_store_starts_nothing_and_says_so(call: Call, started: Callable[..., str]) -> None:
    started("doubler", {"n": 1})
    assert call("pause", *BY).status == 0
    assert "paused" in call("explain", "p").out
    arguments = ("--input", '{"n": 1}', "--id", "p", "--wait", "--timeout", "0.3")
    assert call("run", sample("doubler"), *arguments).status == 8
    assert call("unpause").status == 0
    assert run_here(call, "doubler", '{"n": 1}').json == {"n": 2}


def test_quiet_leaves_out_messages_but_not_errors(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 4})
    assert call("signal", "p", "go", "--quiet").err == ""
    assert call("signal", "nobody", "go", "-q").err != ""
