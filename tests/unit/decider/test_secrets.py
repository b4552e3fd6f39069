"""Secrets at the border to deciders and activities: who gets them, as what, and who does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from corago.core import codec
from corago.core import events as e
from corago.core.codec import plain
from corago.core.sealing import is_sealed, token_of
from corago.decider import (
    Activity,
    ActivityAborted,
    ActivityFailed,
    Answer,
    CompleteProcess,
    Process,
    RecordMarker,
    ScheduleActivity,
    Workflow,
    activity,
)
from corago.decider.activities import functions_of
from corago.keys import KEY_BYTES
from corago.secrecy import VARIABLE, Vault, seal, using
from tests.unit.decider.drive import Drive

VAULT = Vault([b"k" * KEY_BYTES])


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(VARIABLE, raising=False)
    with using(VAULT):
        yield


def sealed(value: Any) -> Any:
    return plain(value, "input", seal)


def tells(drive: Drive) -> str:
    """All that is kept of a process, as text."""
    rows = [codec.encode_event(each) for each in drive.events]
    return b"".join([*rows, codec.encode_snapshot(drive.snapshot)]).decode()


@activity
def pay(card: SecretStr, amount: int) -> str:
    return f"{len(card.get_secret_value())} digits, {amount}"


class Sign(Activity):
    input: SecretStr

    def execute(self) -> SecretStr:
        return SecretStr(self.input.get_secret_value()[::-1])


class Paying(Workflow):
    activities = [pay, Sign]

    def decide(self, process: Process) -> Answer:
        if process.completed_activities():
            return CompleteProcess(process.completed_activities()[0].value)
        assert isinstance(process.input["card"], SecretStr)
        return pay


def test_a_decider_hands_a_secret_on_without_its_being_kept_in_clear() -> None:
    drive = Drive(Paying, sealed({"card": SecretStr("4111222233334444"), "amount": 3})).run()
    assert drive.process.result == "16 digits, 3"
    assert "4111" not in tells(drive)
    assert token_of(drive.of(e.ActivityScheduled)[0].input["card"]) is not None


def test_what_an_activity_takes_as_a_secret_by_name_is_kept_as_one() -> None:
    class Clear(Workflow):
        def decide(self, process: Process) -> Answer:
            return ScheduleActivity(pay, {"card": "4111222233334444", "amount": 3})

    drive = Drive(Clear)
    assert "4111" not in tells(drive)
    assert drive.perform("pay").of(e.ActivityClosed)[0].result.result == "16 digits, 3"
    given = Paying.program.discreet({"card": "4111222233334444", "amount": 3, "name": "ann"})
    assert isinstance(given["card"], SecretStr)
    assert (given["amount"], given["name"]) == (3, "ann")


def test_so_is_one_that_is_taken_as_a_whole_and_one_that_is_returned() -> None:
    class Signing(Workflow):
        def decide(self, process: Process) -> Answer:
            ended = process.completed_activities()
            if not ended:
                return ScheduleActivity(Sign, "moonlight")
            assert isinstance(ended[0].value, SecretStr)
            assert ended[0].value.get_secret_value() == "thgilnoom"
            return CompleteProcess(ended[0].value)

    drive = Drive(Signing).run()
    assert drive.status == "completed", drive.last.failure
    assert "moonlight" not in tells(drive)
    assert "thgilnoom" not in tells(drive)
    assert is_sealed(codec.encode_event(drive.events[-1]))


def test_the_error_of_a_decide_tells_no_secret() -> None:
    class Telling(Workflow):
        def decide(self, process: Process) -> Answer:
            raise ValueError(f"bad card {process.input['card'].get_secret_value()}")

    drive = Drive(Telling, sealed({"card": SecretStr("4111222233334444")}))
    assert drive.error.message == "bad card **********"
    assert "4111" not in (drive.error.traceback or "4111")


@pytest.mark.parametrize(
    "end",
    [
        lambda card: ActivityAborted(f"bad {card}"),
        lambda card: ActivityFailed(f"bad {card}"),
        lambda card: ActivityFailed(ValueError(f"bad {card}")),
    ],
)
def test_an_end_that_is_said_outright_tells_none_either(end: Any) -> None:
    @activity
    def telling(card: SecretStr, amount: int) -> Any:
        return end(card.get_secret_value())

    (function,) = functions_of([telling]).values()
    given = sealed({"card": SecretStr("4111222233334444"), "amount": 1})
    found = function({"input": given})
    text = codec.canonical(found).decode()
    assert "4111" not in text
    assert "bad **********" in text


def test_a_decider_without_the_key_may_still_hand_a_secret_on() -> None:
    given = sealed({"card": SecretStr("4111222233334444"), "amount": 3})

    class Passing(Workflow):
        def decide(self, process: Process) -> Answer:
            assert isinstance(process.input["card"], dict)
            return [ScheduleActivity("pay", process.input), RecordMarker("m", process.input)]

    with using(Vault()):
        drive = Drive(Passing, given)
    assert drive.of(e.ActivityScheduled)[0].input == given
    assert drive.of(e.MarkerRecorded)[0].details == given


def test_the_state_of_a_process_is_told_without_secrets() -> None:
    told = Paying.preview({"card": "4111222233334444", "amount": 3})
    assert "4111" not in repr(told)
