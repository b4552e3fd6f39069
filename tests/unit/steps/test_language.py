"""The words of a step list: what they make of good lists, and what they say to bad ones."""

from __future__ import annotations

import inspect
import json
import warnings
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corago.core.calls import LiveCalls
from corago.core.retry import Retry
from corago.errors import DefinitionError, InvalidOptionError, InvalidStepListError
from corago.steps import (
    Element,
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
    retrystep,
    sleep,
    step,
    wait_for,
    workflow,
)
from tests.unit.steps.samples import is_large, made, notify, plain_function, reserve

UUIDstr = str
"""The seed's name for the text of a UUID."""

# -- the seed --------------------------------------------------------------------------------------


def test_the_samples_of_the_seed_run_as_they_stand() -> None:
    def initial_input_form_generator() -> None: ...

    def build_subscription(product: str, user_input: str) -> list[str]:
        return [product, user_input]

    @step("Create subscription")
    def create_subscription(
        product: UUIDstr,
        user_input: str,
    ) -> State:
        subscription = build_subscription(product, user_input)
        return {"subscription": subscription}

    @workflow(
        "Create product subscription",
        initial_input_form=initial_input_form_generator,
        target=Target.CREATE,
    )
    def create_product_subscription():  # type: ignore[no-untyped-def] # noqa: ANN202 - the seed's
        return init >> create_subscription >> done

    flow: Workflow = create_product_subscription
    assert flow.name == "create_product_subscription"
    assert flow.description == "Create product subscription"
    assert flow.target is Target.CREATE
    assert flow.initial_input_form is initial_input_form_generator
    function = flow.functions["Create subscription"]
    assert function({"product": "p", "user_input": "u"}) == {"subscription": ["p", "u"]}


def test_a_target_is_its_name() -> None:
    assert [str(each) for each in Target] == [each.name for each in Target]
    assert json.dumps(Target.CREATE) == '"CREATE"'


# -- joining ---------------------------------------------------------------------------------------

ELEMENTS = [
    reserve,
    notify,
    sleep(1),
    wait_for("go"),
    init,
    done,
    parallel("Both", reserve, notify),
]


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(st.sampled_from(ELEMENTS), min_size=3, max_size=6), st.data())
def test_joining_is_associative_and_begin_changes_nothing(
    elements: list[Element], data: st.DataObject
) -> None:
    parts: list[Element | StepList] = list(elements)
    while len(parts) > 1:
        index = data.draw(st.integers(0, len(parts) - 2))
        parts[index : index + 2] = [parts[index] >> parts[index + 1]]
    flat = StepList(elements)
    assert parts[0] == flat
    assert hash(parts[0]) == hash(flat)
    assert begin >> flat == flat == flat >> begin


def test_a_list_is_a_sequence_whose_slices_are_lists() -> None:
    steps = init >> reserve >> notify >> done
    assert [each.name for each in steps] == ["Start", "Reserve port", "Notify", "Done"]
    assert steps[1] is reserve
    assert steps[1:3] == begin >> reserve >> notify
    assert len(steps) == 4


def test_a_list_prints_as_it_is_written() -> None:
    both = parallel("Both", reserve, notify >> sleep(2))
    steps = init >> both >> conditional(is_large)(wait_for("go") >> abort) >> done
    assert repr(steps) == (
        "init >> parallel('Both', step('Reserve port'), step('Notify') >> sleep(2)) >> "
        "conditional(is_large)(wait_for('go')) >> conditional(is_large)(abort) >> done"
    )
    assert repr(begin) == "begin"
    assert repr(made(init, done)) == "<workflow 'tried' version 1: init >> done>"


def test_a_step_can_be_called_like_its_function() -> None:
    assert reserve(7) == {"reserved": 7, "customer": None}
    assert list(inspect.signature(reserve).parameters) == ["port", "customer"]
    assert reserve.__name__ == "reserve"


def test_a_use_can_be_renamed_and_the_step_keeps_its_name() -> None:
    other = reserve.named("Reserve another")
    assert (reserve.name, other.name) == ("Reserve port", "Reserve another")
    assert set(made(init, reserve, other, done).functions) == {"Reserve port", "Reserve another"}
    assert sleep(1).named("Cool down").name == "Cool down"
    with pytest.raises(InvalidStepListError, match="keeps its name 'Done'"):
        done.named("Over")


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (plain_function, r'the function plain_function, which is no step: put @step\("…"\) above'),
        (lambda: None, r"the function <lambda>, which is no step"),
        ({}, "a dict, which is no step: was a step called"),
        (None, "lack its `return`"),
        ([reserve, notify], "a list, which is no step list: join its steps with `>>`"),
        (conditional(is_large), r"unfinished: write `conditional\(predicate\)\(step\)`"),
        (step("Half"), "unfinished"),
        ("Reserve port", "'Reserve port', which is no step"),
        (int, "<class 'int'>, which is no step"),
        (Retry(), r"Retry\(\), which is no step|Retry\(.*which is no step"),
    ],
)
def test_a_thing_that_is_no_step_is_named_with_what_was_meant(thing: Any, told: str) -> None:
    for join in (
        lambda: init >> reserve >> thing,
        lambda: begin >> thing,
        lambda: conditional(is_large)(thing),
        lambda: parallel("Both", reserve, thing),
        lambda: thing >> reserve,
        lambda: thing >> (reserve >> notify),
    ):
        with pytest.raises(InvalidStepListError, match=told):
            join()


def test_the_message_says_where_the_thing_stands() -> None:
    with pytest.raises(InvalidStepListError, match=r"^after 'Reserve port' stands the function"):
        init >> reserve >> plain_function  # type: ignore[operator]
    with pytest.raises(InvalidStepListError, match=r"^as branch 2 of parallel 'Both' stands"):
        parallel("Both", reserve, plain_function)  # type: ignore[arg-type]


def test_a_called_async_step_is_refused_without_a_warning_from_python() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidStepListError, match="a coroutine, which is no step"):
            init >> notify()  # type: ignore[operator]


# -- names and paths -------------------------------------------------------------------------------


def test_a_path_is_the_names_joined_and_a_second_use_is_numbered() -> None:
    both = parallel("Both", reserve >> notify, reserve >> parallel("Both", reserve))
    flow = made(init, reserve, both, reserve, done)
    assert list(flow.program.nodes) != []
    assert sorted(flow.functions) == [
        "Both/Both/Reserve port",
        "Both/Notify",
        "Both/Reserve port",
        "Both/Reserve port#2",
        "Reserve port",
        "Reserve port#2",
    ]


def test_predicates_are_found_beside_their_step() -> None:
    flow = made(init, conditional(is_large)(conditional(is_large)(reserve)), done)
    assert set(flow.functions) == {"Reserve port", "Reserve port?0", "Reserve port?1"}
    calls = LiveCalls(flow.functions)
    assert calls.ask("Reserve port?1", {"size": 4}).value is True
    assert calls.ask("Reserve port?1", {}).value is False


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "tab\t", "half \ud800", "\u2028"])
def test_a_name_is_one_plain_line(name: str) -> None:
    for make in (step, retrystep, wait_for, reserve.named, lambda text: parallel(text, reserve)):
        with pytest.raises(InvalidOptionError, match="name"):
            make(name)


@pytest.mark.parametrize("name", ["Create subscription (v2/3)", "50 %", "a@b", "#1", "Größe → ok?"])
def test_any_other_text_may_be_a_name(name: str) -> None:
    assert name in made(init, step(name)(plain_function), done).functions


def test_names_that_would_make_two_elements_one_are_refused() -> None:
    slash = parallel("a", reserve.named("b"))
    for steps in (
        [reserve.named("a/b"), slash],
        [slash, reserve.named("a/b")],
        [reserve.named("a"), reserve.named("a"), reserve.named("a#2")],
        [conditional(is_large)(reserve.named("a")), reserve.named("a?0")],
    ):
        with pytest.raises(InvalidOptionError, match="can't be told from another"):
            made(init, *steps, done)


def test_a_decorator_without_its_parentheses_is_told_so() -> None:
    with pytest.raises(InvalidOptionError, match=r'write @step\("…"\) above plain_function'):
        step(plain_function)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match=r'write @workflow\("…"\) above plain_function'):
        workflow(plain_function)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="a text, not 5"):
        step(5)  # type: ignore[arg-type]


# -- options ---------------------------------------------------------------------------------------

NO_DURATIONS: list[Any] = [-1, float("nan"), float("inf"), True, "5", 10**400, timedelta(-1), [1]]


@pytest.mark.parametrize("duration", [*NO_DURATIONS, 0, timedelta(0)])
def test_a_timeout_is_more_than_nothing_and_finite(duration: Any) -> None:
    for make in (
        lambda: step("A", timeout=duration),
        lambda: retrystep("A", timeout=duration),
        lambda: wait_for("go", timeout=duration),
        lambda: workflow("A", timeout=duration),
    ):
        with pytest.raises(InvalidOptionError, match="timeout must be more than 0 seconds"):
            make()


@pytest.mark.parametrize("duration", NO_DURATIONS)
def test_a_sleep_is_not_negative_and_finite(duration: Any) -> None:
    with pytest.raises(InvalidOptionError, match="sleep must be 0 or more seconds"):
        sleep(duration)
    assert sleep(0).seconds == sleep(timedelta(0)).seconds == 0


def test_durations_are_seconds_or_timedeltas() -> None:
    assert sleep(timedelta(minutes=1)).seconds == sleep(60).seconds == 60
    assert step("A", timeout=timedelta(milliseconds=5))(plain_function).timeout == 0.005


def test_options_of_the_wrong_type_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match=r"such as Retry\(attempts=5\), not 3"):
        step("A", retry=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="at_most_once must be True or False"):
        step("A", at_most_once=1)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="use `step`"):
        retrystep("A", retry=None)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="into"):
        wait_for("go", into="")


def test_a_queue_is_part_of_the_document() -> None:
    for make in (step, retrystep):
        told = made(init >> make("A", queue="gpu")(plain_function) >> done).document
        assert told["steps"][1]["queue"] == "gpu"
    with pytest.raises(InvalidOptionError, match="queue"):
        step("A", queue=" ")


def test_retrystep_has_the_default_policy() -> None:
    assert retrystep("A")(plain_function).retry == Retry()
    assert retrystep("A", Retry(attempts=9))(plain_function).retry == Retry(attempts=9)
    assert reserve.retry is None


# -- functions -------------------------------------------------------------------------------------


class Clerk:
    def __init__(self) -> None:
        self.served = 0

    def serve(self, port: int) -> State:
        self.served += port
        return {"served": self.served}

    def __call__(self, port: int) -> State:
        return self.serve(port)


def variadic(*things: int) -> None: ...
def keywords(**things: int) -> None: ...
def positional(port: int, /) -> None: ...
def generator() -> Any:
    yield {}


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (variadic, r"`\*things` names no key of the State"),
        (keywords, r"`\*\*things` names no key of the State"),
        (positional, "parameter 'port' is positional-only"),
        (generator, "generator is a generator; use `return`"),
        (Clerk, "needs a function, not <class"),
        (Clerk.serve, "serve is a method without its object"),
        (5, "needs a function, not 5"),
        (reserve, "a step already; step.named"),
        (dict.fromkeys, "positional-only|does not tell its parameters"),
    ],
)
def test_a_function_that_cannot_be_filled_is_refused(function: Any, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        step("A")(function)


def test_methods_and_objects_are_functions_too() -> None:
    clerk = Clerk()
    flow = made(init, step("A")(clerk.serve), step("B")(clerk), done)
    assert flow.functions["A"]({"port": "3"}) == {"served": 3}
    assert flow.functions["B"]({"port": 4}) == {"served": 7}


async def is_late() -> bool:
    return True


@pytest.mark.parametrize(
    ("predicate", "told"),
    [
        (5, "conditional needs a function of the State's keys, not 5"),
        (True, "not True"),
        (is_late, "predicate 'is_late' is async"),
        (reserve, "first the predicate, then the steps"),
        (variadic, r"predicate 'variadic': `\*things`"),
    ],
)
def test_a_bad_predicate_is_refused(predicate: Any, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        conditional(predicate)
