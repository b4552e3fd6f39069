"""The test kit with deciders: expectations, crashes at any moment, stored histories."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from corago import Engine
from corago.core import events as e
from corago.core.history import History
from corago.core.sealing import KEY
from corago.decider import (
    ActivityEnded,
    CompleteProcess,
    ContinueAsNew,
    Process,
    Retry,
    ScheduleActivity,
    StartTimer,
    Workflow,
    activity,
)
from corago.keys import fresh_key
from corago.secrecy import using, vault_of
from corago.testing import (
    ReplayError,
    VirtualClock,
    crash_at,
    crash_everywhere,
    expect,
    load_history,
    replay,
    save_history,
)

DONE: list[str] = []


@activity(queue="cards", retry=Retry(attempts=3, delay=60))
async def charge(amount: int) -> int:
    DONE.append("charge")
    if len(DONE) == 1:
        raise ConnectionError("no line")
    return amount


@activity
async def pack(item: str) -> str:
    await asyncio.sleep(1)
    DONE.append(f"pack {item}")
    return item.upper()


class Order(Workflow):
    activities = [charge, pack]

    def initiate(self, process: Any) -> Any:
        return ScheduleActivity(charge, 7)

    def respond_to_completed_activity(self, process: Any, event: Any) -> Any:
        if event.activity == "charge":
            return [ScheduleActivity(pack, "book"), ScheduleActivity(pack, "lamp")]
        is_busy = process.unfinished_activities() or process.untriggered_timers()
        return None if is_busy else StartTimer(timedelta(days=30))

    def respond_to_timer(self, process: Any, event: Any) -> Any:
        return StartTimer(60, id="word") if event.timer == "timer" else CompleteProcess("silent")

    def respond_to_signal(self, process: Any, event: Any) -> Any:
        done = process.completed_activities()
        return CompleteProcess([event.data, *(each.value for each in done)])


class Count(Workflow):
    def initiate(self, process: Any) -> Any:
        return ContinueAsNew(process.input + 1) if process.input < 3 else CompleteProcess(3)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    DONE.clear()
    yield
    DONE.clear()


@pytest.fixture
def engine() -> Iterator[Engine]:
    clock = VirtualClock()
    with Engine(workflows=[Order, Count], queues=["cards"], clock=clock) as engine:
        yield engine


# -- expectations ----------------------------------------------------------------------------------


def test_a_decider_is_expected_to_wait_to_run_and_to_complete(engine: Engine) -> None:
    handle = engine.start(Order, id="o")
    expect(handle).waits_for_timer().ran("charge", "pack", "pack#2").attempts("charge", 2)
    expect(handle).waits_for_timer("word")
    engine.signal(handle.id, "go", 1)
    expect(handle).completed_with([1, 7, "BOOK", "LAMP"])
    expect(handle.history()).completed_with([1, 7, "BOOK", "LAMP"]).completed()
    with pytest.raises(AssertionError, match="and should with 'silent'"):
        expect(handle).completed_with("silent")
    with pytest.raises(AssertionError, match="no 'port'"):
        expect(handle).completed_with(port=7)


def test_a_decider_is_expected_to_have_an_activity_open() -> None:
    with Engine(workflows=[Order], clock=VirtualClock()) as engine:
        handle = engine.start(Order)
        expect(handle).waits_for_activity("charge")
        with pytest.raises(AssertionError, match="it should wait for the timer 'timer', and is"):
            expect(handle, within=0.2).waits_for_timer()


def test_none_is_a_result_too(engine: Engine) -> None:
    handle = engine.start(Count, 3)
    with pytest.raises(AssertionError, match="it completed with 3, and should with None"):
        expect(handle).completed_with(None)


# -- crashes ---------------------------------------------------------------------------------------


def test_a_decider_survives_a_crash_at_any_moment() -> None:
    runs = crash_everywhere(Order, prepare=DONE.clear)
    assert len(runs) > 30
    assert {run.info.result for run in runs} == {"silent"}
    for run in runs:
        expect(run).ran("charge", "pack#2")


def test_a_decider_is_sent_its_signals_when_it_has_come_to_rest() -> None:
    class Words(Workflow):
        def respond_to_signal(self, process: Any, event: Any) -> Any:
            words = [each.name for each in process.history if type(each) is e.SignalReceived]
            return CompleteProcess(words) if len(words) == 2 else None

    for run in crash_everywhere(Words, signals={"one": 1, "two": 2}):
        expect(run).completed_with(["one", "two"])


def test_a_crash_at_an_activity_runs_it_again() -> None:
    run = crash_at("pack").run(Order)
    assert DONE.count("pack book") == 2
    expect(run).completed_with("silent")


def test_runs_that_come_to_other_results_are_told() -> None:
    given: list[int] = []

    class Fickle(Workflow):
        def initiate(self, process: Any) -> Any:
            given.append(1)
            return CompleteProcess(len(given))

    said = r"with a crash before store call \d .* it ends with 2"
    with pytest.raises(AssertionError, match=said):
        crash_everywhere(Fickle)


# -- histories -------------------------------------------------------------------------------------


@pytest.fixture
def history(engine: Engine) -> History:
    """What was recorded of an order."""
    handle = engine.start(Order, id="o")
    expect(handle).waits_for_timer("word")
    engine.signal(handle.id, "go", 1)
    expect(handle).completed()
    return handle.history()


def test_a_history_fits_the_decider_that_made_it(history: History, tmp_path: Any) -> None:
    kept = save_history(history, tmp_path / "order.jsonl")
    assert len(load_history(kept)) == len(history)
    replayed = replay(kept, Order)
    assert (replayed.status, replayed.wants) == ("completed", ())
    stopped = History(history[: _place(history, e.TimerStarted)])
    assert replay(stopped, Order).wants == ("the timer 'timer'",)


def _place(history: History, kind: type[e.Event]) -> int:
    return next(each.position for each in history if isinstance(each, kind))


class OtherItems(Order):
    name = "Order"

    def respond_to_completed_activity(self, process: Any, event: Any) -> Any:
        if event.activity == "charge":
            return ScheduleActivity(pack, "book")
        return super().respond_to_completed_activity(process, event)


class Hasty(Order):
    name = "Order"

    def respond_to_completed_activity(self, process: Any, event: Any) -> Any:
        return CompleteProcess("at once")


class Broken(Order):
    name = "Order"

    def respond_to_timer(self, process: Any, event: Any) -> Any:
        raise LookupError("no word")


@pytest.mark.parametrize(
    ("workflow", "kind", "text"),
    [
        (OtherItems, "pack#2", "today's code decides nothing"),
        (Hasty, "pack", "today's code decides ProcessCompleted"),
        (Broken, "word", "today's code fails: LookupError: no word"),
    ],
)
def test_a_difference_is_told_with_its_position(
    history: History, workflow: Any, kind: str, text: str
) -> None:
    with pytest.raises(ReplayError) as caught:
        replay(history, workflow)
    differs = history[caught.value.position - 1]
    assert kind in (getattr(differs, "path", ""), getattr(differs, "timer", ""))
    assert text in str(caught.value)
    assert f"->{caught.value.position:>4}" in str(caught.value)


def test_a_decider_that_need_not_be_asked_is_not(history: History) -> None:
    replay(history, Broken, asks=False)


@activity
async def wrap(item: str) -> str:
    return item


class Later(Order):
    name = "Order"
    activities = [charge, pack, wrap]


@pytest.mark.parametrize("is_moved", [False, True], ids=["by itself", "by hand"])
@pytest.mark.parametrize("is_begun", [False, True], ids=["created", "under way"])
def test_a_history_that_went_over_to_another_class_fits(
    tmp_path: Any, *, is_moved: bool, is_begun: bool
) -> None:
    url, clock = f"sqlite:///{tmp_path / 'work.db'}", VirtualClock()
    with Engine(url, workflows=[Order], worker=False, clock=clock) as client:
        client.start(Order, id="o")
    if is_begun:
        with Engine(url, workflows=[Order], clock=clock, queues=["cards"]) as engine:
            expect(engine.get("o")).waits_for_timer("word")
    with Engine(url, workflows=[Later], clock=clock, worker=False) as client:
        if is_moved:
            client.migrate("o")
    with Engine(url, workflows=[Later], clock=clock, queues=["cards"]) as engine:
        expect(engine.get("o")).waits_for_timer("word")
        engine.signal("o", "go", 1)
        expect(engine.get("o")).completed()
        history = engine.history("o")
    assert history.of(e.DefinitionChanged)
    replay(history, Later, before=[Order])
    replay(history, Later)
    if not is_begun:
        with pytest.raises(ReplayError, match="today's code decides ProcessCompleted"):
            replay(history, Hasty, before=[Order])


@activity(name="Log in")
async def log_in(word: SecretStr) -> dict[str, Any]:
    return {"session": word}


class Session(Workflow):
    activities = (log_in,)

    def decide(self, process: Process) -> Any:
        ended = process.history.of(ActivityEnded)
        if ended:
            return CompleteProcess(ended[0].value)
        return ScheduleActivity(log_in, process.input["word"], id="one")


def test_a_history_with_secrets_fits_with_another_key_or_none_and_as_it_is_shown() -> None:
    keys = fresh_key(), fresh_key()
    with Engine(workflows=[Session], secret_key=keys[0]) as engine:
        handle = engine.start(Session, {"word": SecretStr("tell-nobody")})
        handle.result(timeout=20)
        shown = handle.history()
    assert replay(shown, Session).status == "completed"
    started, scheduled, *rest = shown
    sealed = [{"word": {KEY: vault_of(key).seal(b"ttell-nobody")}} for key in keys]
    kept = [replace(started, input=sealed[0]), replace(scheduled, input=sealed[0]["word"]), *rest]
    for order in (keys, keys[::-1]):
        with using(vault_of(order)):
            assert replay(History(kept), Session).status == "completed"
    kept[1] = replace(scheduled, input="in clear")
    with pytest.raises(ReplayError, match="position 2"):
        replay(History(kept), Session)


def test_a_history_that_a_cancel_has_ended_fits() -> None:
    with Engine(workflows=[Order], clock=VirtualClock()) as engine:
        handle = engine.start(Order)
        expect(handle).waits_for_activity("charge")
        engine.cancel(handle.id)
        expect(handle).canceled()
        assert replay(handle.history(), Order).status == "canceled"


def test_a_history_fits_in_which_a_signal_came_before_the_first_decision(engine: Engine) -> None:
    engine.pause()
    handle = engine.start(Order)
    engine.signal(handle.id, "go", 1)
    engine.unpause()
    expect(handle).completed_with([1])
    history = handle.history()
    assert [type(each) for each in history[:2]] == [e.ProcessStarted, e.SignalReceived]
    replay(history, Order)


def test_a_timer_that_came_together_with_a_cancel_fits(history: History) -> None:
    kept = history[: next(each.position for each in history if isinstance(each, e.TimerStarted))]
    at, position = kept[-1].at + timedelta(days=30), kept[-1].position
    came = [
        e.CancelRequested(position=position + 1, at=at),
        e.TimerFired(position=position + 2, at=at, timer="timer"),
        e.ProcessCanceled(position=position + 3, at=at),
    ]
    assert replay(History([*kept, *came]), Order).status == "canceled"
