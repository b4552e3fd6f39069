"""The approval example: a preview says what then happens, and silence ends in a failure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from threading import Event as Flag
from typing import Any

import pytest

from corago import Engine, Handle, ProcessFailedError
from corago.core.events import ActivityClosed

approval: Any = import_module("examples.approval")

YES = {"by": "Ann", "is_granted": True}
NO = {"by": "Ann", "is_granted": False, "because": "rent one"}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workflows=[approval.purchase]) as engine:
        yield engine


def asking(engine: Engine, price: str = "9800.00") -> Handle:
    """A purchase that has come to where it waits for a person."""
    handle = engine.start(approval.purchase, {"what": "Crane", "price": Decimal(price)})
    pause, deadline = Flag(), time.monotonic() + 10
    while handle.info().status != "waiting":
        assert time.monotonic() < deadline, handle.explain()
        pause.wait(0.005)
    return handle


def test_a_small_purchase_asks_nobody(engine: Engine) -> None:
    handle = engine.start(approval.purchase, {"what": "Stapler", "price": Decimal("12.50")})
    assert handle.result(timeout=10)["text"] == "Stapler for 15.12"


@pytest.mark.parametrize(
    ("answer", "step", "text"),
    [(YES, "Order", "Crane for 11858.00"), (NO, "Tell why not", "no Crane: rent one (Ann)")],
)
def test_a_preview_tells_what_the_answer_then_does(
    engine: Engine, answer: dict[str, Any], step: str, text: str
) -> None:
    handle = asking(engine)
    length = len(list(handle.history()))
    assert engine.preview(handle.id, signal=("decision", answer)).effects == (step,)
    assert len(list(handle.history())) == length
    engine.signal(handle.id, "decision", answer, actor="ann")
    assert handle.result(timeout=10)["text"] == text
    ran = [event.path for event in handle.history() if isinstance(event, ActivityClosed)]
    assert ran == ["Check price", step]


def test_three_days_of_silence_are_a_failure(engine: Engine) -> None:
    handle = asking(engine)
    begun = handle.info().created_at
    assert engine.preview(handle.id, at=begun + timedelta(days=2)).status == "waiting"
    assert engine.preview(handle.id, at=begun + timedelta(days=4)).status == "failed"


def test_a_purchase_for_nothing_is_refused(engine: Engine) -> None:
    handle = engine.start(approval.purchase, {"what": "Air", "price": Decimal(0)})
    with pytest.raises(ProcessFailedError, match="nobody sells for 0"):
        handle.result(timeout=10)


def test_the_script_tells_its_story(capsys: pytest.CaptureFixture[str]) -> None:
    approval.main()
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "nobody is asked: Stapler for 15.12"
    assert "'decision'" in told[1]
    assert told[2:] == [
        "if Ann says True: next Order",
        "if Ann says False: next Tell why not",
        "if she says nothing: failed",
        "she says yes: Crane for 11858.00",
    ]
