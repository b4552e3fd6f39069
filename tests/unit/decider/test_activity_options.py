"""What is said of activities that makes no sense, and what is done about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from corago.decider import (
    Activity,
    activity,
)
from corago.decider.activities import functions_of
from corago.errors import (
    DefinitionError,
    InvalidOptionError,
)
from tests.unit.decider.ready import Order

# -- what is refused -------------------------------------------------------------------------------


class Double(Activity):
    def execute(self) -> Any:
        return self.input * 2


def triple(n: int) -> int:
    return n * 3


def made(**attributes: Any) -> Any:
    return type("Made", (Activity,), {"execute": lambda self: None, **attributes})


def generating(self: Any) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: made(name="a@b"), "activity 'a@b': '@' divides a name from its version"),
        (lambda: made(name="decide"), "activity 'decide': that name stands for the decider itself"),
        (lambda: made(name=""), "an activity needs a name that is not empty"),
        (lambda: made(version=0), "activity 'Made': version must be 1, 2, …, not 0"),
        (lambda: made(version=" "), "version must be 1, 2"),
        (lambda: made(queue=5), "activity 'Made': queue needs a name, a text, not 5"),
        (lambda: made(queue="a", category="b"), "category is another word for queue, and they"),
        (lambda: made(start_to_close=0), "start_to_close must be more than 0 seconds"),
        (lambda: made(retry="often"), "retry takes a policy such as Retry(attempts=5), or how"),
        (lambda: made(at_most_once="yes"), "at_most_once must be True or False, not 'yes'"),
        (lambda: made(auto_complete=None), "auto_complete must be True or False, not None"),
        (lambda: made(auto_complete=False), "only work of a queue can: give it a queue"),
        (lambda: made(execute=generating), "execute is a generator; use `return`"),
        (
            lambda: made(execute=lambda self, a, b, c: None),
            "execute asks for a, b, c: write execute(self), with the input as self.input",
        ),
        (
            lambda: made(execute=lambda self, *, a: None),
            "execute asks for a: write execute(self)",
        ),
        (
            lambda: made(__init__=lambda self, a, b: None),
            "its __init__ can't be called with input=… alone",
        ),
        (lambda: activity("name"), "options go by keyword, as in @activity(name=…)"),  # type: ignore[call-overload]
        (lambda: activity(Order), "Order is a class: let it extend Activity instead"),
        (lambda: activity(lambda *a: None), "`*a` names nothing in the input: name each"),
        (lambda: activity(lambda **a: None), "`**a` names nothing in the input"),
        (lambda: activity(lambda self: None), "its function is a method, which has no object"),
        (lambda: activity(queue="a", category="b")(print), "names nothing in the input"),
        (lambda: activity(auto_complete=False)(triple), "give it a queue"),
        (lambda: activity(retry=True)(triple), "retry takes a policy"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(
    make: Callable[[], Any], says: str
) -> None:
    with pytest.raises((DefinitionError, InvalidOptionError)) as caught:
        make()
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([5], "Engine: activities: 5 is no activity"),
        ([print], "is no activity"),
        ([made], "made is a plain function: write @activity above it"),
        ([Double(3)], "is one attempt: name the class, without parentheses"),
        ([type("Bare", (Activity,), {})], "Bare has no execute: write `def execute(self)` in it"),
        ([Double, type("Double", (Double,), {})], "two activities are called 'Double': rename"),
    ],
)
def test_an_engine_takes_activities_each_under_a_name(given: Any, says: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        functions_of(given)
    assert says in str(caught.value)


def test_a_type_that_can_not_be_found_is_told_when_the_code_is_asked_for() -> None:
    class Lost(Activity):
        input: "NoSuchType"  # type: ignore[name-defined]  # noqa: F821, UP037 - that is the point

        def execute(self) -> None: ...

    with pytest.raises(DefinitionError, match="activity 'Lost': an annotation of execute can't"):
        functions_of([Lost])
