"""The command line over deciders and their activities, also by the tokens of these."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from time import monotonic

import pytest

from corago import Engine
from corago.cli.exits import LoadError
from corago.cli.loading import load_activities, load_code, load_one
from tests.cli.conftest import DEADLINE, Call, spawned

ORDERS = '''
from corago.decider import (
    Activity, CompleteProcess, FailProcess, ScheduleActivity, StartTimer, Workflow, activity,
)


@activity
def pack(item: str) -> str:
    print("packing")
    return item.upper()


@activity(queue="cards", retry=2)
def charge(amount: int) -> int:
    if amount > 100:
        raise ValueError(f"{amount} is too much")
    return amount


@activity(queue="bank", auto_complete=False, heartbeat_timeout=3600)
def confirm(amount: int) -> None:
    """Somebody outside knows."""


class Order(Workflow):
    """Charges, packs each item, and waits for a word."""

    activities = [pack, charge]

    def initiate(self, process):
        return ScheduleActivity(charge, process.input["amount"])

    def respond_to_completed_activity(self, process, event):
        if event.activity == "charge":
            items = process.input["items"]
            return [ScheduleActivity(pack, each) for each in items] + [StartTimer(3600)]

    def respond_to_interrupted_activity(self, process, event):
        return FailProcess(event.error)

    def respond_to_signal(self, process, event):
        return CompleteProcess({"word": event.data})


class Loan(Workflow):
    activities = [confirm]

    def initiate(self, process):
        return ScheduleActivity(confirm, 7)

    def respond_to_completed_activity(self, process, event):
        return CompleteProcess(event.value)

    def respond_to_interrupted_activity(self, process, event):
        return CompleteProcess(type(event.result).__name__)


class Deaf(Workflow):
    def decide(self, process):
        raise KeyError("amount")
'''

HANDS = """
from corago.decider import activity


@activity(queue="cards")
def charge(amount: int) -> int:
    return -amount
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "orders_of_a_test.py"
    path.write_text(ORDERS, encoding="utf-8")
    return str(path)


@pytest.fixture
def hands(tmp_path: Path) -> str:
    path = tmp_path / "hands_of_a_test.py"
    path.write_text(HANDS, encoding="utf-8")
    return str(path)


def wait(condition: Callable[[], object]) -> None:
    pause, deadline = Flag(), monotonic() + 20
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.01)


@pytest.fixture
def ordered(call: Call, store: str, file: str) -> str:
    """The id of an order that was charged and packed, and has heard no word."""
    given = json.dumps({"amount": 3, "items": ["book", "lamp"]})
    assert call("run", f"{file}:Order", "--id", "o", "--input", given).status == 0
    order = load_one(f"{file}:Order")[0]
    with Engine(store, workflows=[order], queues=["cards"]) as engine:
        wait(lambda: engine.get("o").info().position == 8)
        wait(lambda: engine.get("o").info().status == "waiting")
    return "o"


@pytest.fixture
def token(call: Call, store: str, file: str) -> str:
    """The token of a task that waits for somebody outside."""
    assert call("run", f"{file}:Loan", "--id", "loan").status == 0
    with Engine(store, workflows=[load_one(f"{file}:Loan")[0]], queues=["bank"]) as engine:
        wait(lambda: [each.kind for each in engine.info("loan").waits] == ["token"])
        return engine.info("loan").waits[0].detail


def ended(store: str, file: str) -> object:
    """What the loan comes to."""
    with Engine(store, workflows=[load_one(f"{file}:Loan")[0]]) as engine:
        return engine.get("loan").result(timeout=DEADLINE)


# -- run, and files --------------------------------------------------------------------------------


def test_a_decider_runs_in_memory_with_its_queues_and_prints_its_result(
    call: Call, file: str
) -> None:
    done = call("run", f"{file}:Order", "--wait", "--input", '{"amount": 3, "items": []}')
    assert done.status == 1
    assert "waits for a worker of queue 'cards'" in done.err
    given = '{"amount": 300, "items": []}'
    done = call("run", f"{file}:Order", "--wait", "--queue", "cards", "--input", given)
    assert done.status == 1
    assert "300 is too much" in done.err
    given = '{"amount": 3, "items": ["book"]}'
    done = call(
        "run", f"{file}:Order", "--wait", "--timeout", "1", "--queue", "cards", "--input", given
    )
    assert done.status == 8
    assert "the timer 'timer' is due at" in done.err


def test_a_decider_in_memory_that_only_a_signal_moves_is_not_waited_for(
    call: Call, tmp_path: Path
) -> None:
    path = tmp_path / "idle_of_a_test.py"
    path.write_text(
        "from corago.decider import Workflow\nclass Idle(Workflow):\n"
        "    def initiate(self, process): ...\n"
    )
    done = call("run", path, "--wait")
    assert done.status == 1
    assert "so it waits for a signal" in done.err
    assert "nobody can reach a process in memory" in done.err


def test_a_queue_is_for_what_runs_here(call: Call, store: str, file: str) -> None:
    done = call("run", f"{file}:Order", "--queue", "cards")
    assert done.status == 2
    assert "without --wait nothing runs here" in done.err


def test_files_hold_workflows_and_activities(file: str, hands: str) -> None:
    code = load_code([file])
    assert [each.name for each in code.workflows] == ["Order", "Loan", "Deaf"]
    assert list(code.activities) == ["pack", "charge", "confirm"]
    code = load_code([hands])
    assert (code.workflows, list(code.activities)) == ([], ["charge"])
    code = load_code([f"{file}:pack", f"{file}:Loan"])
    assert ([each.name for each in code.workflows], list(code.activities)) == (["Loan"], ["pack"])
    assert len(load_activities(f"{file}:Loan")) == 3


def test_activities_of_one_name_are_left_to_workflows_or_refused(
    file: str, hands: str, tmp_path: Path
) -> None:
    assert list(load_code([file, hands]).activities) == ["pack", "confirm"]
    other = tmp_path / "other_hands_of_a_test.py"
    other.write_text(HANDS)
    with pytest.raises(LoadError, match="two activities are called 'charge'"):
        load_code([hands, str(other)])
    with pytest.raises(LoadError, match="no workflow stands in"):
        load_one(hands)


def test_lint_looks_at_deciders_and_at_files_of_activities(
    call: Call, file: str, hands: str
) -> None:
    done = call("lint", file)
    assert (done.status, done.out) == (0, "")
    assert "3 workflows and 3 activities looked at" in done.err
    assert "0 workflows and 1 activity looked at" in call("lint", hands).err


def test_a_worker_of_activities_only_needs_a_queue(call: Call, store: str, hands: str) -> None:
    done = call("worker", hands)
    assert done.status == 2
    assert "only activities stand in" in done.err
    assert "--queue" in done.err


def test_a_worker_of_activities_serves_what_deciders_elsewhere_want(
    call: Call, store: str, file: str, hands: str
) -> None:
    given = '{"amount": 3, "items": []}'
    assert call("run", f"{file}:Order", "--id", "o", "--input", given).status == 0
    with (
        spawned("worker", f"{file}:Order") as decider,
        spawned("worker", hands, "--queue", "cards") as worker,
        Engine(store, worker=False) as engine,
    ):
        assert worker.stderr is not None
        assert decider.stderr is not None
        said = worker.stderr.readline()
        assert "runs 1 activity from" in said
        assert ": charge; it serves the queue 'cards'" in said
        wait(lambda: any(type(each).__name__ == "ActivityClosed" for each in engine.history("o")))
        (closed,) = engine.history("o").of(type(engine.history("o")[2]))
        assert closed.result.result == -3


def test_a_worker_tells_programs_which_activities_it_has(store: str, hands: str) -> None:
    with spawned("worker", hands, "--queue", "cards", "--json") as worker:
        assert worker.stdout is not None
        told = json.loads(worker.stdout.readline())
    assert (told["workflows"], told["activities"], told["queues"]) == ([], ["charge"], ["cards"])


# -- looking ---------------------------------------------------------------------------------------


def test_the_history_tells_what_was_decided(call: Call, ordered: str) -> None:
    rows = [line.split("\t") for line in call("history", ordered).out.splitlines()]
    assert [(row[2], row[3]) for row in rows] == [
        ("ProcessStarted", ""),
        ("ActivityScheduled", "charge"),
        ("ActivityClosed", "charge"),
        ("ActivityScheduled", "pack"),
        ("ActivityScheduled", "pack#2"),
        ("TimerStarted", "timer"),
        ("ActivityClosed", "pack"),
        ("ActivityClosed", "pack#2"),
    ]
    assert rows[1][5].startswith("queue=cards activity=charge input=3")
    assert rows[2][5] == "result=completed 3"


def test_a_process_is_shown_with_the_path_that_it_took(call: Call, ordered: str) -> None:
    out = call("show", ordered).out
    assert "Order · version 1 · Charges, packs each item, and waits for a word." in out
    assert "✓ charge (queue cards)  ← Start" in out
    assert "⏸ timer (1 h, until " in out
    assert "· next  ⇠ timer" in out
    assert "State" not in out
    told = call("show", ordered, "--json").json
    assert told["positions"]["activity pack#2"] == "done"
    assert told["state"]["timers"].keys() == {"timer"}


def test_a_process_that_has_ended_is_shown_with_its_result(
    call: Call, store: str, file: str, ordered: str
) -> None:
    assert call("signal", ordered, "word", "--data", '"go"').status == 0
    with Engine(store, workflows=[load_one(f"{file}:Order")[0]]) as engine:
        assert engine.get(ordered).result(timeout=DEADLINE) == {"word": "go"}
    out = call("show", ordered).out
    assert 'result    {"word": "go"}' in out
    assert "← word" in out
    assert "next" not in out


@pytest.mark.parametrize("form", ["text", "mermaid", "dot", "svg"])
def test_definitions_and_processes_are_drawn_in_every_format(
    call: Call, file: str, ordered: str, form: str
) -> None:
    drawn = call("graph", f"{file}:Order", "--format", form)
    assert drawn.status == 0
    assert "queue cards" in drawn.out
    assert "1 h" not in drawn.out
    assert "1 h" in call("graph", ordered, "--format", form).out


def test_explain_and_list_say_what_it_waits_for(call: Call, ordered: str) -> None:
    assert "the timer 'timer' is due at" in call("explain", ordered).out
    assert "the timer 'timer' is due at" in call("list").out
    assert call("explain", ordered, "--json").json["waits"][0]["kind"] == "timer"


# -- foreseeing ------------------------------------------------------------------------------------


def test_a_preview_of_a_living_decider_asks_it(call: Call, file: str, ordered: str) -> None:
    before = call("history", ordered).out
    done = call("preview", ordered, "--signal", "word", "--data", "1", "--code", file)
    assert "would be  completed" in done.out
    assert "records   SignalReceived word" in done.out
    assert "asked     decide: CompleteProcess" in done.out
    done = call("preview", ordered, "--signal", "word")
    assert done.status == 3
    assert "must ask 'decide', whose code is not here; name its file: --code FILE" in done.err
    done = call("preview", ordered, "--at", "2h", "--code", file)
    assert "records   TimerFired timer" in done.out
    assert call("history", ordered).out == before


def test_a_preview_takes_an_activitys_result_or_failure(call: Call, store: str, file: str) -> None:
    given = '{"amount": 3, "items": ["book"]}'
    assert call("run", f"{file}:Order", "--id", "o", "--input", given).status == 0
    with Engine(store, workflows=[load_one(f"{file}:Order")[0]]) as engine:
        wait(lambda: engine.info("o").status == "waiting")
    done = call("preview", "o", "--outcome", "charge=3", "--code", file)
    assert "records   ActivityClosed charge" in done.out
    assert "records   ActivityScheduled pack" in done.out
    assert "records   TimerStarted timer" in done.out
    done = call("preview", "o", "--failure", "charge=ValueError: broke", "--code", file, "--json")
    assert done.json["decisions"][0]["type"] == "ActivityRetried"
    assert done.json["decisions"][0]["error"]["type"] == "ValueError"
    assert done.json["decisions"][0]["error"]["message"] == "broke"
    assert (
        call("preview", "o", "--failure", "broke", "--step", "charge", "--code", file).status == 0
    )
    assert call("preview", "o", "--outcome", "3", "--step", "charge", "--code", file).status == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--outcome", '{"n": 1}'),
        ("--outcome", "=1"),
        ("--failure", "broke"),
        ("--outcome", "a=1", "--failure", "a=b"),
    ],
)
def test_an_outcome_needs_to_say_whose_it_is(
    call: Call, ordered: str, options: tuple[str, ...]
) -> None:
    assert call("preview", ordered, *options).status == 2


def test_a_definition_is_previewed_with_an_input(call: Call, file: str) -> None:
    given = '{"amount": 3, "items": []}'
    done = call("preview", f"{file}:Order", "--input", given)
    assert "records   ActivityScheduled charge" in done.out
    done = call("preview", f"{file}:Deaf")
    assert "refused   decide: KeyError: 'amount'" in done.out


def test_a_decider_that_fails_is_explained_and_retried(call: Call, store: str, file: str) -> None:
    given = '{"amount": 300, "items": []}'
    assert call("run", f"{file}:Order", "--id", "o", "--input", given).status == 0
    order = load_one(f"{file}:Order")[0]
    with Engine(store, workflows=[order], queues=["cards"]) as engine:
        wait(lambda: engine.info("o").status == "failed")
    assert "its decider gave up, and met ValueError: 300 is too much" in call("explain", "o").out
    assert "records   ProcessReopened" in call("preview", "o", "--retry", "--code", file).out
    assert call("retry", "o", "--actor", "ann").status == 0
    with Engine(store, workflows=[order]) as engine:
        wait(lambda: engine.info("o").status == "waiting")
    assert "nothing of it is open, so it waits for a signal" in call("explain", "o").out
    assert call("cancel", "o").status == 0


# -- by token --------------------------------------------------------------------------------------


def test_an_activity_is_completed_by_its_token(
    call: Call, store: str, file: str, token: str
) -> None:
    assert f"`corago complete {token} JSON` completes it" in call("explain", "loan").out
    done = call("complete", token, '{"ok": true}')
    assert (done.status, done.out) == (0, "")
    assert done.err == f"the activity of task {token} is completed\n"
    assert ended(store, file) == {"ok": True}


def test_an_activity_fails_by_its_token(call: Call, store: str, file: str, token: str) -> None:
    assert call("fail", token, "ValueError: no money", "--json").json == {
        "token": token,
        "error": "ValueError: no money",
    }
    assert ended(store, file) == "ActivityFailed"
    with Engine(store, worker=False) as engine:
        error = engine.history("loan")[2].result.error  # type: ignore[attr-defined]
    assert (error.type, error.message) == ("ValueError", "no money")


def test_an_activity_says_that_it_is_alive_and_stops_by_its_token(
    call: Call, store: str, file: str, token: str
) -> None:
    assert call("heartbeat", token, '{"at": 7}').out == "it may go on\n"
    assert 'which said {"at":7}' in call("explain", "loan").out
    assert call("heartbeat", token, "--json").json == {"token": token, "stops": False}
    assert call("stopped", token, '"half way"').status == 0
    assert ended(store, file) == "ActivityCanceled"


@pytest.mark.parametrize(
    "words", [("complete", "1"), ("fail", "late"), ("stopped",), ("heartbeat",)]
)
def test_a_token_whose_task_is_over_is_not_found(
    call: Call, token: str, words: tuple[str, ...]
) -> None:
    assert call("complete", token).status == 0
    done = call(words[0], token, *words[1:])
    assert done.status == 3
    assert "nothing was changed" in done.err
    assert call(words[0], "nonsense", *words[1:]).status == 3


def test_a_result_must_be_json(call: Call, token: str) -> None:
    assert call("complete", token, "{").status == 5
    assert call("complete", token, "7").status == 0
