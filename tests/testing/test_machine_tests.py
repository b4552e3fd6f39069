"""Tests that are made from machines: they pass for sound ones, and find what is broken."""

from __future__ import annotations

import itertools
import unittest
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, settings

from corago.core import events as e
from corago.machine import Event, Machine, Retry, State, child, define, previous
from corago.machine.program import MachineProgram
from corago.machine.state import MachineState
from corago.testing import machine_test
from corago.testing.machine_stage import MachineStage
from corago.testing.operating import PROCESS

_replace = msgspec.structs.replace


class DeclinedError(Exception):
    pass


def charge(amount: int) -> str:
    raise AssertionError("activities only pretend to run")


def refund(receipt: str) -> None:
    raise AssertionError("activities only pretend to run")


class Order(Machine):
    class External:
        amount: int = 0
        is_vip: bool = False

    class Internal:
        receipt: str = ""
        reminders: int = 0

    class Cancel(Event):
        is_late: bool = False

    new = State(initial=True)
    paying = State()
    packing = State()
    shipping = State()
    done = State(terminal=True)
    gone = State(terminal=True)
    trouble = State(error=True)

    new.when("external.amount > 100").to(paying)
    new.on("pay").to(paying)
    new.on(Cancel).to(gone)
    new.after("2d").to(gone)
    new.after("1d").set({"internal.reminders": "internal.reminders + 1"}).stay()
    paying.run(charge, amount="external.amount", retry=Retry(attempts=2), result=str)
    paying.done().set({"internal.receipt": "result"}).to(packing)
    paying.failed(DeclinedError).to(new)
    paying.on(Cancel).unless("event.is_late").to(gone)
    packing.on("ship").to(shipping)
    packing.on("back").effect(refund, receipt="internal.receipt").to(new)
    packing.after("1h").when("external.is_vip").to(shipping)
    shipping.children(parcel=child("parcel"), letter=child("letter"), join="any")
    shipping.done().to(done)
    trouble.on("resume").to(previous())


TestOrder = machine_test(Order)

DOOR: dict[str, Any] = {
    "name": "door",
    "initial": "closed",
    "external": {"badge_ok": {"type": "boolean", "default": False}},
    "idle": {"delay": "P1D", "to": "closed"},
    "states": {
        "closed": {"on": [{"event": "open", "to": "opened"}, {"event": "lock", "to": "locked"}]},
        "opened": {"on": [{"event": "close", "to": "closed"}], "after": [{"delay": "PT1H"}]},
        "locked": {"on": [{"event": "unlock", "if": "external.badge_ok", "to": "closed"}]},
    },
}

TestDoor = machine_test(define(DOOR))


# -- what is broken is found -----------------------------------------------------------------------


class FiresTwice(MachineProgram):
    """A timer begins anew when it has fired."""

    def evolve(self, state: MachineState, event: e.Event) -> MachineState:
        after = super().evolve(state, event)
        if isinstance(event, e.CommandRefused) or (
            isinstance(event, e.Transitioned) and event.stays and event.trigger
        ):
            return _replace(after, fired=(), entered=event.at)
        return after


class Forgets(MachineProgram):
    """What a fact makes of the state hangs on how often it was looked at."""

    counts = itertools.count()

    def evolve(self, state: MachineState, event: e.Event) -> MachineState:
        after = super().evolve(state, event)
        return _replace(after, previous=str(next(self.counts)))


class CountsNoEffects(MachineProgram):
    """Two effects have one id."""

    def evolve(self, state: MachineState, event: e.Event) -> MachineState:
        return _replace(super().evolve(state, event), effects=0)


class Drifts(MachineProgram):
    """The machine stands elsewhere than its last transition says."""

    def evolve(self, state: MachineState, event: e.Event) -> MachineState:
        after = super().evolve(state, event)
        if isinstance(event, e.Transitioned) and event.target == "opened":
            return _replace(after, at="locked")
        return after


WAITS: dict[str, Any] = {
    "name": "waits",
    "initial": "a",
    "states": {
        "a": {
            "on": [{"event": "mail", "effect": [{"activity": "mail"}]}],
            "after": [{"delay": "PT1H"}],
        }
    },
}


def mail() -> None:
    raise AssertionError("activities only pretend to run")


@pytest.mark.parametrize(
    ("document", "program", "said"),
    [
        (WAITS, FiresTwice, "fired twice"),
        (DOOR, Forgets, "and the store has"),
        (WAITS, CountsNoEffects, "was asked for twice"),
        (DOOR, Drifts, "and stood in"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_broken_engine_is_found(
    document: dict[str, Any], program: Callable[[Any], MachineProgram], said: str
) -> None:
    functions = {"mail": mail} if document is WAITS else {}
    case = machine_test(define(document, functions), program=program, examples=400)
    assert said in fails(case)


def test_a_guard_that_answers_otherwise_each_time_is_found_since_no_preview_can_tell() -> None:
    answers = itertools.cycle((True, False, False))
    document = {
        "name": "moody",
        "initial": "a",
        "states": {"a": {"on": [{"event": "go", "if": {"call": "opens"}, "to": "a"}]}},
    }
    machine = define(document, {"opens": lambda: next(answers)})
    assert "the preview of" in fails(machine_test(machine, examples=100))


def fails(case: type[unittest.TestCase]) -> str:
    """What a case says that has to fail."""
    case.settings = settings(  # type: ignore[attr-defined]
        case.settings,  # type: ignore[attr-defined]
        phases=[Phase.generate],
        database=None,
        derandomize=True,
    )
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert not result.wasSuccessful(), "the test has found nothing"
    return "\n".join(text for _, text in (*result.failures, *result.errors))


# -- the stage -------------------------------------------------------------------------------------


def staged(machine: type[Machine], verdict: str = "well") -> MachineStage:
    """A stage on which a process of the machine has been started."""
    stage = MachineStage(machine, (), MachineProgram)
    stage.verdict = verdict
    stage.perform_now(lambda engine: engine.start(stage.machine, {}, id=PROCESS))
    return stage


def signal(stage: MachineStage, name: str) -> None:
    stage.perform_now(lambda engine: engine.signal(PROCESS, name))


def test_the_worker_dies_when_its_fuse_has_burnt_down_and_another_one_goes_on() -> None:
    for fuse, is_before in itertools.product(range(1, 7), (True, False)):
        stage = staged(define(DOOR))
        stage.fuse, stage.is_before = fuse, is_before
        for name in ("open", "close", "lock"):
            signal(stage, name)
        assert sum("dies" in line for line in stage.trace) == 1
        history = stage.perform_now(lambda engine: engine.history(PROCESS))
        path = [each.target for each in history.of(e.Transitioned)]
        stage.end()
        assert path == ["closed", "opened", "closed", "locked"]


def test_activities_pretend_to_end_well_or_badly() -> None:
    ends = {}
    for verdict in ("well", "badly"):
        stage = staged(Order, verdict)
        signal(stage, "pay")
        stage.time.advance(10_000)  # the second attempt is due
        stage.perform_now(lambda engine: engine.info(PROCESS))
        info = stage.perform_now(lambda engine: engine.info(PROCESS))
        ends[verdict] = info.state
        stage.end()
    assert ends == {"well": "packing", "badly": "new"}
