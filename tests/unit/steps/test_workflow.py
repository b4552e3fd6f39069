"""Workflows: which lists are sound, what their document says, and the context of what runs."""

from __future__ import annotations

import hashlib
import json
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corago.activity import ActivityFunction, Context, current, enter
from corago.core.retry import Retry
from corago.errors import (
    DefinitionError,
    InvalidInputError,
    InvalidOptionError,
    InvalidStepListError,
    RequestError,
)
from corago.steps import (
    State,
    StepList,
    Target,
    Workflow,
    abort,
    begin,
    conditional,
    done,
    init,
    parallel,
    sleep,
    step,
    wait_for,
    workflow,
)
from tests.unit.steps.samples import (
    coroutine_function,
    is_large,
    made,
    notify,
    plain_function,
    reserve,
)

# -- whole lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([], r"must begin with `init`, and it is empty"),
        ([reserve, done], "must begin with `init`, and it begins with 'Reserve port'"),
        ([init, reserve], "must end with `done` or `abort`, and it ends with 'Reserve port'"),
        ([init], "must end with `done` or `abort`, and it ends with 'Start'"),
        ([init, conditional(is_large)(done)], "has a condition, so the list might never end"),
        ([init, done, reserve, done], "'Reserve port' stands after `done` and would never run"),
        ([init, abort, done], "'Done' stands after `abort` and would never run"),
        ([init, init, done], "`init` stands in the middle"),
        ([conditional(is_large)(init), done], "`init` has a condition"),
        ([init, parallel("Both", reserve >> done), done], "`done` stands in a branch of 'Both'"),
        ([init, parallel("Both", init >> reserve), done], "`init` stands in a branch of 'Both'"),
        ([init, parallel("Both", abort >> reserve), done], "stands after `abort`"),
        (
            [init, parallel("Out", parallel("In", conditional(is_large)(done))), done],
            "`done` stands in a branch of 'In'",
        ),
    ],
)
def test_an_unsound_list_is_refused_when_the_workflow_is_made(steps: list[Any], told: str) -> None:
    with pytest.raises(InvalidStepListError, match=told) as caught:
        made(*steps)
    assert "the step list of 'tried' is not sound" in str(caught.value)


def test_all_faults_of_a_list_are_told_at_once() -> None:
    with pytest.raises(InvalidStepListError) as caught:
        made(reserve, done, notify)
    assert str(caught.value).count("\n  - ") == 3


@pytest.mark.parametrize(
    "steps",
    [
        [init, done],
        [init, abort],
        [init, conditional(is_large)(done), reserve, done],
        [init, conditional(is_large)(abort), reserve, abort],
        [init, parallel("One", reserve), done],
        [init, parallel("Both", reserve >> abort, notify), done],
        [init, conditional(is_large)(begin), done],
    ],
)
def test_a_sound_list_is_taken(steps: list[Any]) -> None:
    assert made(*steps).steps == StepList(element for each in steps for element in begin >> each)


def test_branches_must_be_there_and_not_empty() -> None:
    with pytest.raises(InvalidStepListError, match=r"parallel\('Both'\) has no branches"):
        parallel("Both")
    with pytest.raises(InvalidStepListError, match="branch 2 of parallel 'Both' is empty"):
        parallel("Both", reserve, begin)


# -- workflows -------------------------------------------------------------------------------------


def test_a_workflow_function_must_return_its_list() -> None:
    def forgetful() -> None:
        init >> done

    with pytest.raises(InvalidStepListError, match="returned by 'forgetful' stands None"):
        workflow("W")(forgetful)  # type: ignore[arg-type]
    with pytest.raises(InvalidStepListError, match="a coroutine"):
        workflow("W")(coroutine_function)  # type: ignore[arg-type]


def test_a_workflow_function_is_a_def_without_parameters() -> None:
    with pytest.raises(DefinitionError, match="has the parameter 'port'"):
        workflow("W")(needy)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="above a `def`"):
        workflow("W")(lambda: init >> done)
    with pytest.raises(DefinitionError, match="above a `def`"):
        workflow("W")(reserve)  # type: ignore[arg-type]


def needy(port: int) -> StepList:
    return init >> done


@pytest.mark.parametrize("version", [0, -1, 1.5, True, "1"])
def test_a_version_is_a_whole_number_from_one(version: Any) -> None:
    with pytest.raises(InvalidOptionError, match="version must be 1, 2, …"):
        workflow("W", version=version)


def test_a_target_is_one_of_six() -> None:
    assert made(init, done, target="CREATE").target is Target.CREATE
    with pytest.raises(InvalidOptionError, match="must be one of CREATE, MODIFY"):
        workflow("W", target="DESTROY")  # type: ignore[arg-type]


def test_calling_a_workflow_says_how_to_start_it() -> None:
    with pytest.raises(DefinitionError, match=r"engine\.start\(tried, \{…\}\)"):
        made(init, done)()


def test_the_input_of_a_workflow_is_a_state() -> None:
    flow = made(init, done)
    assert flow.check_input(None) == {}
    assert flow.check_input({"a": 1}) == {"a": 1}
    for given_ in (5, [1], "a", {1: 2}):
        with pytest.raises(InvalidInputError, match="'tried' starts with a State"):
            flow.check_input(given_)


# -- documents -------------------------------------------------------------------------------------


def whole() -> Workflow:
    policy = Retry(attempts=2, delay=5, give_up=(ValueError, "KeyError"))
    charge = step("Charge", retry=policy, timeout=30, at_most_once=True)(plain_function)
    both = parallel("Both", reserve >> charge, notify)
    waiting = wait_for("go", timeout=timedelta(hours=1), into="answer")
    last = conditional(is_large)(abort)
    return made(init, reserve, both, sleep(60), waiting, last, done, version=3, timeout=900)


def test_the_document_is_plain_data() -> None:
    document = whole().document
    assert document == json.loads(json.dumps(document))
    steps = document.pop("steps")
    assert document == {
        "kind": "steps",
        "name": "tried",
        "version": 3,
        "description": "For a test",
        "target": "SYSTEM",
        "timeout": 900.0,
    }
    parameters = [
        {"name": "port", "type": "int"},
        {"name": "customer", "type": "UUID | None", "optional": True},
    ]
    policy = {
        "attempts": 2,
        "delay": 5.0,
        "factor": 2.0,
        "cap": 300.0,
        "jitter": 0.1,
        "give_up": ["ValueError", "KeyError"],
    }
    first = {"kind": "step", "name": "Reserve port", "parameters": parameters}
    charge = {"kind": "step", "name": "Charge", "parameters": [], "retry": policy}
    second = charge | {"timeout": 30.0, "at_most_once": True}
    last = {"kind": "step", "name": "Notify", "parameters": []}
    wait = {"kind": "wait_for", "name": "Wait for go", "signal": "go", "timeout": 3600.0}
    assert steps == [
        {"kind": "init", "name": "Start"},
        first,
        {"kind": "parallel", "name": "Both", "branches": [[first, second], [last]]},
        {"kind": "sleep", "name": "Sleep", "seconds": 60.0},
        wait | {"into": "answer"},
        {"kind": "abort", "name": "Abort", "guards": ["is_large"]},
        {"kind": "done", "name": "Done"},
    ]


def test_the_sha_is_that_of_the_canonical_json_and_says_whether_two_definitions_are_one() -> None:
    flow = whole()
    text = json.dumps(flow.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert flow.canonical == text.encode()
    assert flow.sha == hashlib.sha256(text.encode()).hexdigest() == whole().sha
    assert made(init, sleep(60), done).sha == made(init, sleep(60.0), done).sha
    different = {
        made(init, done).sha,
        made(init, done, version=2).sha,
        made(init, sleep(60), done).sha,
        made(init, sleep(61), done).sha,
        made(init, reserve, done).sha,
        made(init, reserve.named("Other"), done).sha,
        made(init, conditional(is_large)(reserve), done).sha,
    }
    assert len(different) == 7


def test_a_definition_holds_names_of_types_and_neither_code_nor_places() -> None:
    text = whole().canonical.decode()
    assert "0x" not in text
    assert __name__ not in text
    assert Path(__file__).stem not in text


# -- what runs -------------------------------------------------------------------------------------


def test_a_step_finds_its_context_and_nobody_else_does() -> None:
    @step("Look")
    def look() -> State:
        return {"key": current().idempotency_key, "attempt": current().attempt}

    function = made(init, look, done).functions["Look"]
    assert isinstance(function, ActivityFunction)
    context = Context(process_id="p", run=2, path="Look", workflow="tried", attempt=3)
    inside = copy_context()
    inside.run(enter, context)
    assert inside.run(function, {}) == {"key": "p/2/Look/1", "attempt": 3}
    with pytest.raises(RequestError, match="no step is running here"):
        current()


def test_idempotency_keys_are_never_equal_by_chance() -> None:
    one = Context(process_id="p", run=1, path="1/x", workflow="w")
    other = Context(process_id="p/1", run=1, path="x", workflow="w")
    third = Context(process_id="p%2F1", run=1, path="x", workflow="w")
    assert len({each.idempotency_key for each in (one, other, third)}) == 3


def test_a_heartbeat_keeps_its_details_and_a_request_to_cancel_is_seen() -> None:
    context = Context(process_id="p", run=1, path="A", workflow="w")
    context.heartbeat({"percent": 50})
    assert context.details == {"percent": 50}
    assert not context.is_cancel_requested
    context.request_cancel()
    assert context.is_cancel_requested


def test_records_of_the_logger_carry_the_step(caplog: pytest.LogCaptureFixture) -> None:
    context = Context(process_id="p", run=2, path="A", workflow="w")
    context.logger.warning("well: %s", 5, extra={"customer": "c"})
    (record,) = caplog.records
    assert record.getMessage() == "well: 5"
    told = record.__dict__
    assert (told["process_id"], told["run"], told["step"]) == ("p", 2, "A")
    assert told["customer"] == "c"
