from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from corago.core.calls import Answer, LiveCalls, MissingFunctionError, RecordedCalls
from corago.core.events import Failure


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even a text")


def is_big(values: Mapping[str, Any]) -> bool:
    return bool(values["size"] > 3)


def mute(values: Mapping[str, Any]) -> bool:
    raise MuteError


def test_a_live_call_is_handed_the_values_and_its_answer_is_kept() -> None:
    calls = LiveCalls({"is_big": is_big})
    assert calls.ask("is_big", {"size": 4}) == Answer("is_big", value=True)
    assert calls.ask("is_big", {"size": 3}) == Answer("is_big", value=False)
    assert calls.answers == [Answer("is_big", value=True), Answer("is_big", value=False)]


def test_whatever_a_function_raises_is_its_answer() -> None:
    calls = LiveCalls({"is_big": is_big, "mute": mute})
    assert calls.ask("is_big", {}) == Answer("is_big", error=Failure("KeyError", "'size'"))
    assert calls.ask("mute", {}) == Answer("mute", error=Failure("MuteError", ""))
    assert len(calls.answers) == 2


def test_a_function_that_is_not_here_is_named() -> None:
    with pytest.raises(MissingFunctionError, match="is_big") as raised:
        LiveCalls({}).ask("is_big", {})
    assert raised.value.name == "is_big"


def test_recorded_answers_come_again_in_their_order_without_any_call() -> None:
    answers = [Answer("a", 1), Answer("b", error=Failure("E", "")), Answer("a", 2)]
    calls = RecordedCalls(answers)
    assert [calls.ask(name, {}) for name in ("a", "b", "a")] == answers == calls.answers


def test_a_question_that_was_not_recorded_next_has_no_answer() -> None:
    calls = RecordedCalls([Answer("a", 1)])
    with pytest.raises(MissingFunctionError, match="b"):
        calls.ask("b", {})
    calls.ask("a", {})
    with pytest.raises(MissingFunctionError, match="a"):
        calls.ask("a", {})
