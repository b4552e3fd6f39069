from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from corago.core import events as e
from corago.core import messages as m
from corago.core.calls import Answer, LiveCalls
from corago.core.preview import Preview, Question, Refused, foresee
from corago.core.retry import Retry
from corago.errors import InvalidInputError
from tests.properties.programs import Element
from tests.unit.core.test_kernel import FAILED, NOW, Run, outcome, table, work

WAIT = Element("wait", signal="go")


def ask(
    run: Run,
    waiting: Sequence[tuple[datetime, m.Message]] = (),
    later: float = 0,
    **question: Any,
) -> Preview:
    """A preview, which must leave the process as it is and be what a commit would then give."""
    before = run.snapshot
    now = run.now + timedelta(seconds=later)
    calls = LiveCalls(run.functions)
    shown = foresee(run.program, run.snapshot, waiting, Question(**question), now, calls)
    assert run.snapshot is before
    return shown


def test_a_preview_without_a_question_shows_what_comes_of_what_waits() -> None:
    run = Run(table(Element("pause", seconds=30), work()))
    shown = ask(run)
    due = NOW + timedelta(seconds=30)
    assert shown == Preview(
        status="running",
        path=("1.0", "0.0"),
        state=[0, 0],
        internal=None,
        external={},
        decisions=(e.TimerStarted(position=2, at=NOW, timer="0.0@1", due=due),),
        effects=("1.0",),
        timers={"0.0@1": due},
    )


def test_waiting_messages_and_due_timers_come_before_the_question() -> None:
    run = Run(table(Element("pause", seconds=30), WAIT, work()))
    run.take()
    mail = [(NOW + timedelta(seconds=40), m.Update({"x": 1}))]
    shown = ask(run, mail, later=60, signal=("go", {"n": 1}))
    assert [type(event) for event in shown.decisions] == [
        e.TimerFired,
        e.ExternalUpdated,
        e.SignalReceived,
    ]
    assert shown.decisions[-1].data == {"n": 1}  # type: ignore[attr-defined]
    assert (shown.path, shown.effects) == (("0.0", "2.0"), ("2.0",))
    assert (shown.external, shown.timers) == ({"x": 1}, {})


def test_an_update_and_a_signal_may_be_asked_about_together() -> None:
    run = Run(table(WAIT))
    shown = ask(run, signal="go", update={"x": 1})
    assert [type(event) for event in shown.decisions] == [
        e.SignalReceived,
        e.ProcessCompleted,
    ]
    assert shown.refused == (Refused("", "it is completed then and takes no more messages"),)


def test_a_closed_process_says_that_it_takes_nothing() -> None:
    run = Run(table(work()))
    run.take(outcome())
    shown = ask(run, signal="go")
    assert (shown.status, shown.decisions) == ("completed", ())
    assert shown.refused == (Refused("", "it is completed then and takes no more messages"),)


@pytest.mark.parametrize(
    ("value", "status", "last"),
    [
        ({"n": 1}, "completed", e.ProcessCompleted),
        (OSError("disk"), "failed", e.ProcessFailed),
        (e.ActivityTimedOut("heartbeat", 60), "failed", e.ProcessFailed),
    ],
)
def test_an_outcome_is_thought_through_to_its_end(
    value: Any, status: str, last: type[e.Event]
) -> None:
    run = Run(table(work()))
    run.take()
    shown = ask(run, outcome=("0.0", value))
    assert (shown.status, shown.path) == (status, ("0.0",))
    assert type(shown.decisions[-1]) is last
    assert shown.refused == ()


def test_an_outcome_of_a_step_that_is_not_open_is_refused() -> None:
    shown = ask(Run(table(work())), outcome=("1.0", {}))
    assert shown.refused == (Refused("", "step '1.0' is not open"),)
    assert shown.effects == ("0.0",)


def test_a_value_that_could_not_be_recorded_can_not_be_asked_about() -> None:
    with pytest.raises(InvalidInputError, match="data of signal 'go'"):
        ask(Run(table(WAIT)), signal=("go", object()))


def test_a_step_that_would_wait_for_its_next_attempt_would_not_run() -> None:
    run = Run(table(work(retry=Retry(delay=60, jitter=0))))
    run.take()
    shown = ask(run, outcome=("0.0", OSError("disk")))
    assert (shown.status, shown.effects, shown.path) == ("waiting", (), ("0.0",))
    run.take(outcome(FAILED))
    assert ask(run, later=59).status == "waiting"
    assert ask(run, later=60).effects == ("0.0",)
    assert ask(run, retry=True).effects == ("0.0",)


def test_what_waits_for_a_signal_is_waiting() -> None:
    run = Run(table(WAIT))
    run.take(m.Update({}))
    shown = ask(run)
    assert (shown.status, shown.path, shown.effects) == ("waiting", ("0.0",), ())


def test_what_is_asked_to_stop_would_not_run() -> None:
    run = Run(table(work()))
    run.take(m.Command("cancel"))
    assert (ask(run).status, ask(run).effects) == ("running", ())


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({"retry": True}, "running"),
        ({"retry": "0.0"}, "running"),
        ({"skip": "0.0"}, "completed"),
        ({"set_result": {"n": 1}}, "completed"),
        ({"set_result": ("0.0", {"n": 1})}, "completed"),
        ({"abort": True}, "aborted"),
    ],
)
def test_a_command_is_thought_through_as_if_it_were_given_now(
    question: dict[str, Any], status: str
) -> None:
    run = Run(table(work()))
    run.take(outcome(FAILED))
    assert ask(run).status == "failed"
    shown = ask(run, **question)
    assert (shown.status, shown.refused) == (status, ())


def test_a_result_that_is_set_is_the_steps_own() -> None:
    run = Run(table(work()))
    run.take(outcome(FAILED))
    closed = ask(run, set_result={"n": 1}).decisions[1]
    assert isinstance(closed, e.ActivityClosed)
    assert closed.result == e.ActivityCompleted({"n": 1})


def test_a_request_to_stop_asks_what_runs_and_ends_what_only_waits() -> None:
    run = Run(table(work(), WAIT))
    run.take()
    shown = ask(run, cancel=True)
    assert (shown.status, shown.effects) == ("running", ())
    assert [type(event) for event in shown.decisions] == [e.CancelRequested]
    assert ask(Run(table(WAIT)), cancel=True).status == "canceled"


def test_an_abort_takes_no_message_first() -> None:
    run = Run(table(WAIT))
    run.take()
    shown = ask(run, [(NOW, m.Signal("go"))], abort=True)
    assert [type(event) for event in shown.decisions] == [e.ProcessAborted]
    run.take(m.Signal("go"))
    shown = ask(run, abort=True)
    assert (shown.status, shown.decisions) == ("completed", ())
    assert shown.refused == (Refused("", "it is completed already"),)


@pytest.mark.parametrize("other", [{"retry": True}, {"signal": "go"}, {"cancel": True}])
def test_an_abort_is_asked_about_alone(other: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="alone"):
        ask(Run(table(WAIT)), abort=True, **other)


def test_a_result_that_is_no_dict_can_not_be_asked_about() -> None:
    run = Run(table(work()))
    run.take(outcome(FAILED))
    for bad in (7, ("0.0", [1]), {"x": object()}):
        with pytest.raises(InvalidInputError):
            ask(run, set_result=bad)


def test_what_a_failed_process_has_left_over_is_taken_when_it_is_opened() -> None:
    run = Run(table(work()))
    run.take(outcome(FAILED))
    mail = [(NOW, m.Signal("late"))]
    assert ask(run, mail).decisions == ()
    shown = ask(run, mail, retry=True)
    assert [type(event) for event in shown.decisions] == [e.ProcessReopened, e.SignalReceived]
    assert shown.refused == ()


def test_a_command_that_does_not_fit_is_refused_with_the_reason() -> None:
    shown = ask(Run(table(work())), retry="0.0")
    why = "step '0.0' has not failed; what can be acted on: nothing"
    assert shown.refused == (Refused("", why),)
    waiting = [(NOW, m.Command("retry", {"0.0": 7}))]
    shown = ask(Run(table(work())), waiting)
    why = "step '0.0' has moved on since the command was given"
    assert shown.refused == (Refused("retry", why),)


def test_answers_are_shown_and_a_no_is_a_refusal() -> None:
    run = Run(table(Element("ask"), Element("ask"), work()))
    run.functions = {"0.0": lambda values: values["visit"] > 1, "1.0": lambda values: values["x"]}
    shown = ask(run)
    assert [answer.name for answer in shown.answers] == ["0.0", "0.0", "1.0"]
    assert shown.answers[:2] == (Answer("0.0", value=False), Answer("0.0", value=True))
    assert shown.refused == (
        Refused("0.0", "the predicate said no"),
        Refused("1.0", "KeyError: 'x'"),
    )


def test_each_answer_is_shown_once_though_two_advances_share_the_functions() -> None:
    run = Run(table(Element("ask"), WAIT))
    run.functions = {"0.0": lambda values: True}
    assert len(ask(run, signal="go").answers) == 1
