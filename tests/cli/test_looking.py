"""Commands that look, and those that look ahead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import SAMPLES, Call, sample


def ids(call: Call, *options: object) -> list[str]:
    done = call("list", *options)
    assert done.status == 0, done.err
    return [line.split("\t")[0] for line in done.out.splitlines()]


def test_a_list_is_divided_by_tabs_where_no_person_looks(call: Call, failed: str) -> None:
    (line,) = call("list").out.splitlines()
    cells = line.split("\t")
    assert cells[:3] == ["p", "doubler", "failed"]
    assert cells[3].endswith("Z")
    assert cells[5] == "ValueError: 18 is too large"


def test_a_list_is_filtered_and_paged(call: Call, started: Callable[..., str]) -> None:
    for id, tag in (("a", "red"), ("b", "blue"), ("c", "red")):
        started("waiter", {"n": 1}, id, tag=tag)
    started("doubler", {"n": 1}, "d")
    assert ids(call) == ["d", "c", "b", "a"]
    assert ids(call, "--workflow", "waiter", "--tag", "red") == ["c", "a"]
    assert ids(call, "--status", "created", "--limit", 2) == ["d", "c"]
    assert ids(call, "--limit", 2, "--after", "c") == ["b", "a"]
    assert ids(call, "--since", "1h") == ["d", "c", "b", "a"]
    assert ids(call, "--until", "1h") == []
    assert call("list", "--count").out == "created\t4\n"


def test_a_list_says_how_to_see_more(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 1}, "a")
    started("waiter", {"n": 1}, "b")
    assert "--after b" in call("list", "--limit", "1").err
    assert "no process fits" in call("list", "--workflow", "other").err


@pytest.mark.parametrize("options", [("--status", "odd"), ("--since", "then"), ("--limit", "0")])
def test_conditions_that_make_no_sense_are_invalid(
    call: Call, started: Callable[..., str], options: tuple[str, ...]
) -> None:
    started("waiter", {"n": 1}, "a")
    assert call("list", *options).status == 5


def test_show_tells_everything_about_one_process(call: Call, failed: str) -> None:
    said = call("show", failed).out
    for part in (
        "process   p",
        "workflow  doubler version 1",
        "status    failed",
        "✓ Double",
        "✗ Refuse large ones",
        "· Done",
        'State     {"n": 18}',
        "ValueError: 18 is too large",
    ):
        assert part in said


def test_show_draws_the_place_where_a_process_waits(
    call: Call, started: Callable[..., str]
) -> None:
    started("waiter", {"n": 1})
    assert "⏸ Wait for go" in call("show", "p").out
    assert call("show", "p", "--json").json["positions"]["Wait for go"] == "waiting"


def test_a_history_is_an_event_per_line(call: Call, failed: str) -> None:
    lines = [line.split("\t") for line in call("history", failed).out.splitlines()]
    assert [line[0] for line in lines] == [str(n) for n in range(1, len(lines) + 1)]
    assert lines[0][2] == "ProcessStarted"
    assert 'input={"n": 9}' in lines[0][5]
    assert lines[-1][2:4] == ["ProcessFailed", "Refuse large ones"]
    assert "ValueError: 18 is too large" in lines[-1][5]


def test_explain_is_a_sentence(call: Call, started: Callable[..., str]) -> None:
    started("doubler", {"n": 1})
    assert "no worker is running" in call("explain", "p").out


def test_a_preview_says_what_a_signal_would_do_and_writes_nothing(
    call: Call, started: Callable[..., str]
) -> None:
    started("waiter", {"n": 1})
    said = call("preview", "p", "--signal", "go", "--data", '"now"').out
    assert "records   SignalReceived" in said
    assert "runs      Double" in said
    assert len(call("history", "p", "--json").json) == 1


def test_a_preview_says_what_would_be_refused(call: Call, started: Callable[..., str]) -> None:
    started("waiter", {"n": 1})
    assert "refused   nothing in it has failed" in call("preview", "p", "--skip").out


def test_a_preview_that_must_ask_a_predicate_is_given_its_file(
    call: Call, started: Callable[..., str]
) -> None:
    started("chooser", {"n": 7})
    asked = ("preview", "p", "--signal", "go")
    refused = call(*asked)
    assert refused.status == 3
    assert "--code FILE" in refused.err
    done = call(*asked, "--code", SAMPLES, "--json")
    assert done.status == 0, done.err
    assert done.json["status"] == "completed"
    assert done.json["effects"] == []


@pytest.mark.parametrize(
    ("options", "would_be", "said"),
    [
        (("--retry",), "running", "runs      Refuse large ones"),
        (("--skip", "--step", "Refuse large ones"), "completed", "records   StepSkipped"),
        (("--set-result", '{"n": 1}'), "completed", 'State     {"n": 1}'),
        (("--set-result", "{}", "--step", "Refuse large ones"), "completed", "ActivityClosed"),
        (("--abort",), "aborted", "records   ProcessAborted"),
        (("--cancel",), "failed", "refused   it is failed already"),
        (("--set-result", "{}", "--step", "Double"), "failed", "'Double' has not failed"),
    ],
)
def test_a_preview_says_what_each_command_would_do(
    call: Call, failed: str, options: tuple[str, ...], would_be: str, said: str
) -> None:
    before = call("history", failed).out
    done = call("preview", failed, *options)
    assert done.status == 0, done.err
    assert done.out.startswith(f"would be  {would_be}\n")
    assert said in done.out
    assert call("history", failed).out == before


def test_a_preview_looks_ahead_in_time_and_at_what_a_step_may_come_to(
    call: Call, started: Callable[..., str]
) -> None:
    started("doubler", {"n": 1})
    done = call("preview", "p", "--outcome", '{"n": 4}', "--step", "Double", "--json")
    assert (done.json["state"], done.json["effects"]) == ({"n": 4}, ["Refuse large ones"])
    started("rester", {"n": 1}, "rests")
    assert "TimerStarted" in call("preview", "rests").out
    started("waiter", {"n": 1}, "late", **{"process-timeout": "1h"})
    assert call("preview", "late", "--at", "30m", "--json").json["status"] == "waiting"
    assert call("preview", "late", "--at", "2h", "--json").json["status"] == "timed_out"
    assert call("preview", "late", "--at", "then").status == 5


def test_a_preview_of_an_abort_is_asked_alone(call: Call, failed: str) -> None:
    done = call("preview", failed, "--abort", "--retry")
    assert done.status == 5
    assert "alone" in done.err


@pytest.mark.parametrize(
    "options",
    [("--data", "1"), ("--step", "Double"), ("--outcome", "{}"), ("--cancel", "--step", "x")],
)
def test_a_previews_options_belong_together(
    call: Call, started: Callable[..., str], options: tuple[str, ...]
) -> None:
    started("waiter", {"n": 1})
    assert call("preview", "p", *options).status == 2


def test_a_workflow_is_drawn_from_its_file_without_a_store(call: Call) -> None:
    assert call("graph", sample("forked")).out.splitlines() == [
        "forked (version 1): Goes two ways",
        "├─ Start",
        "├─ Both",
        "│  ╠═══ Double",
        "│  ╚═══ Look",
        "└─ Done",
    ]


def test_a_process_is_drawn_with_its_position_whatever_its_id(
    call: Call, started: Callable[..., str]
) -> None:
    started("waiter", {"n": 1}, "waiter:7")
    assert "⏸ Wait for go" in call("graph", "waiter:7").out
    assert call("graph", "waiter:8").status == 3


@pytest.mark.parametrize(
    ("form", "start"), [("svg", "<svg "), ("dot", 'digraph "forked"'), ("mermaid", "---\ntitle:")]
)
def test_a_drawing_has_other_formats_with_the_position_too(
    call: Call, started: Callable[..., str], form: str, start: str
) -> None:
    drawn = call("graph", sample("forked"), "--format", form).out
    assert drawn.startswith(start)
    assert "Double" in drawn
    assert drawn == drawn.rstrip("\n") + "\n"
    started("waiter", {"n": 1})
    told = call("graph", "p", "--format", form, "--json").json
    assert (told["format"], told["positions"]["Wait for go"]) == (form, "waiting")
    assert "Wait for go" in told["drawing"]
    assert "waiting" in told["drawing"] or "⏸" in told["drawing"]


def test_a_format_that_is_none_is_refused_with_those_that_are(call: Call) -> None:
    done = call("graph", sample("forked"), "--format", "png")
    assert done.status == 2
    assert "text, mermaid, dot, svg" in done.err


def test_the_databases_status_says_what_it_holds(call: Call, failed: str) -> None:
    said = call("db", "status").out
    assert "up to date" in said
    assert "processes  1 failed" in said
    assert "it was up to date" in call("db", "upgrade").err
    assert "is sound; 1 process read" in call("db", "check").err


@pytest.mark.parametrize("command", ["status", "upgrade", "check"])
def test_a_database_that_is_not_there_is_unreachable(call: Call, store: str, command: str) -> None:
    assert call("db", command).status == 7
